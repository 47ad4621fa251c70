package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/bursarhq/bursar/testenv"
)

// shared is the one cluster of a test's program. It is a global for the same
// reason as testing's own flags: TestMain and the tests have nothing else in
// common.
var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
	count   int
}

// Main runs the tests and then ends the cluster that they shared. It is for
// TestMain, and does not return.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		if err := shared.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// Shared returns the cluster that the tests of a program have in common, which is
// started when it is first asked for; TestMain has to call Main. Where PostgreSQL
// is missing the test is skipped, or fails if the environment has CI set.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		// Not with the test's context: the cluster outlives the test.
		shared.cluster, shared.err = Start(context.Background(), Config{})
	}
	mustStart(t, shared.err)
	return shared.cluster
}

// New starts a cluster for one test, which may do with it as it likes. It is
// ended with the test, and treated like Shared where PostgreSQL is missing.
func New(t testing.TB, config Config) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), config)
	mustStart(t, err)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func mustStart(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		testenv.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Database returns the URL of an empty database for one test, on the shared
// cluster. It is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	c := Shared(t)
	shared.Lock()
	shared.count++
	name := fmt.Sprintf("test_%d", shared.count)
	shared.Unlock()
	url, err := c.CreateDatabase(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.DropDatabase(context.Background(), name); err != nil && !strings.Contains(err.Error(), "connect") {
			t.Error(err)
		}
	})
	return url
}
