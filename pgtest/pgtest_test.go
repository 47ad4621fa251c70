package pgtest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestDatabasesAreEachOnesOwn(t *testing.T) {
	one, two := Database(t), Database(t)
	if one == two || one == "" {
		t.Errorf("%q and %q", one, two)
	}
	if _, err := Shared(t).CreateDatabase(t.Context(), "test_1"); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a database that is there is made again: %v", err)
	}
}

// TestClusterComesBack stops a cluster in both ways and starts it again.
func TestClusterComesBack(t *testing.T) {
	c := New(t, Config{Sync: true, Settings: map[string]string{"work_mem": "1MB"}})
	if _, err := c.CreateDatabase(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	before := c.TCPURL("kept")
	for _, mode := range []string{"fast", "immediate"} {
		if err := c.Stop(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		if err := c.run(t.Context(), "SELECT 1"); err == nil {
			t.Errorf("%s: it still answers", mode)
		}
		if err := errors.Join(c.Stop(t.Context(), mode), c.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateDatabase(t.Context(), "kept"); err == nil {
			t.Errorf("%s: the database is gone", mode)
		}
	}
	if after := c.TCPURL("kept"); after != before {
		t.Errorf("%s became %s", before, after)
	}
	if err := c.Start(t.Context()); err == nil {
		t.Error("it is started twice")
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	// Not t.TempDir, which the server's account may not enter.
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, config := range []Config{{}, {Dir: dir}} {
		c := New(t, config)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(c.data()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: the data is left: %v", config, err)
		}
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	Shared(t) // or skip
	c, err := Start(context.Background(), Config{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil {
		c.Close()
		t.Fatal("it is started")
	}
	if !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("no reason in: %v", err)
	}
}
