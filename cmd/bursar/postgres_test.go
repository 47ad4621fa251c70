package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/testenv"
)

// cluster is the PostgreSQL that the scripts share, started when it is first asked
// for. It is not pgtest's own, whose Main ends the process under testscript's.
var cluster struct {
	sync.Mutex
	*pgtest.Cluster
	err   error
	count int
}

func sharedCluster() (*pgtest.Cluster, error) {
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.Cluster == nil && cluster.err == nil {
		cluster.Cluster, cluster.err = pgtest.Start(context.Background(), pgtest.Config{})
	}
	return cluster.Cluster, cluster.err
}

// withServer ends the cluster after the tests.
type withServer struct{ *testing.M }

func (w withServer) Run() int {
	code := w.M.Run()
	_ = os.RemoveAll(stripeDir)
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.Cluster != nil {
		if err := cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// condition answers [postgres]: whether there is a PostgreSQL to be had. In CI
// there must be.
func condition(name string) (bool, error) {
	switch name {
	case "stripe-mock":
		return hasStripeMock()
	case "postgres":
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	_, err := sharedCluster()
	if errors.Is(err, pgtest.ErrMissing) && !testenv.Required() {
		return false, nil
	}
	return err == nil, err
}

// cmdDatabase makes an empty PostgreSQL database, with its address in $NAME:
//
//	database NAME
func cmdDatabase(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: database NAME")
	}
	server, err := sharedCluster()
	ts.Check(err)
	cluster.Lock()
	cluster.count++
	name := fmt.Sprintf("script_%d", cluster.count)
	cluster.Unlock()
	url, err := server.CreateDatabase(context.Background(), name)
	ts.Check(err)
	ts.Setenv(args[0], url)
}

// postgresPath returns a PATH on which PostgreSQL's programs are, if there are any.
func postgresPath(path string) string {
	if _, err := exec.LookPath("pg_dump"); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return path
	}
	return path + string(filepath.ListSeparator) + found[len(found)-1]
}
