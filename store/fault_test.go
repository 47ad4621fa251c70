//go:build linux

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/testenv"
)

// clerks post credits, and remember what was acknowledged.
type clerks struct {
	mu    sync.Mutex
	acked map[string]ledger.Answer
	lost  []string // keys of which nothing is known
	errs  []error
}

// work posts from several goroutines until each has seen an error. Once there is
// something acknowledged, it calls begin.
func (c *clerks) work(t *testing.T, s *Store, round string, begin func()) {
	t.Helper()
	const hands, first = 6, 20
	begun := false
	var all []<-chan error
	for i := range hands {
		all = append(all, running(func() error {
			for n := 0; ; n++ {
				key := fmt.Sprint(round, "-", i, "-", n)
				results, err := s.Post(background, Post{Requests: []ledger.Request{credit(key, 1)}, Now: epoch})
				c.mu.Lock()
				if err == nil && results[0].Err != nil {
					err = fmt.Errorf("refused: %w", results[0].Err)
				}
				if err != nil {
					c.errs, c.lost = append(c.errs, err), append(c.lost, key)
					c.mu.Unlock()
					return nil
				}
				c.acked[key] = results[0].Answer
				if !begun && len(c.acked) >= first {
					begun = true
					begin()
				}
				c.mu.Unlock()
			}
		}))
	}
	for _, one := range all {
		_ = within(t, "one who posts", one)
	}
}

// mustBeThere checks that all that was acknowledged is there, and all else at most
// once; what is not known is asked for again.
func (c *clerks) mustBeThere(t *testing.T, s *Store) {
	t.Helper()
	for _, key := range c.lost {
		r := post(t, s, credit(key, 1))[0]
		if r.Err != nil {
			t.Errorf("%s again: %v", key, r.Err)
		}
		c.acked[key] = r.Answer
	}
	c.lost = nil
	for key, want := range c.acked {
		if r := post(t, s, credit(key, 1))[0]; !r.Replay || r.Answer != want {
			t.Errorf("%s was acknowledged with %+v, and now comes to %+v", key, want, r)
		}
	}
	if got := mustVerify(t, s); got.Transfers != int64(len(c.acked)) || got.Keys != int64(len(c.acked)) {
		t.Errorf("%d were acknowledged, and there are %+v", len(c.acked), got)
	}
}

// faulty starts a PostgreSQL whose disk fails as trigger says.
func faulty(t *testing.T) (c *pgtest.Cluster, trigger func(string)) {
	t.Helper()
	gcc := testenv.Program(t, "gcc, which makes a library of testdata/fault.c", "gcc")
	// Not t.TempDir, which the server's account may not enter.
	dir, err := os.MkdirTemp("", "fault")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	library, file := filepath.Join(dir, "fault.so"), filepath.Join(dir, "trigger")
	if out, err := exec.CommandContext(t.Context(), gcc, "-shared", "-fPIC", "-O1", "-o", library, filepath.Join("testdata", "fault.c"), "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v: %s", err, out)
	}
	t.Setenv("FAULT_TRIGGER", file)
	c = pgtest.New(t, pgtest.Config{Sync: true, Preload: library})
	return c, func(what string) {
		if what == "" {
			err = os.Remove(file)
		} else if err = os.WriteFile(file+".new", []byte(what), 0o644); err == nil {
			err = os.Rename(file+".new", file)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// TestServerWhoseDiskFails lets the disk under PostgreSQL be full or broken while
// many post.
func TestServerWhoseDiskFails(t *testing.T) {
	cluster, trigger := faulty(t)
	address, err := cluster.CreateDatabase(t.Context(), "faults")
	if err != nil {
		t.Fatal(err)
	}
	s := openWith(t, Config{URL: address})
	addPortal(t, s, "p")
	clerks := &clerks{acked: map[string]ledger.Answer{}}
	for _, tt := range []struct {
		fault string
		want  error // or ErrBusy; nil: any but a refusal
		goes  bool  // the server goes on by itself afterwards
	}{
		{"write ENOSPC base/", ErrFull, true},
		{"write EIO base/", nil, true},
		{"write ENOSPC pg_wal", ErrFull, false}, // it ends itself rather than to lie
		{"fsync EIO pg_wal", ErrBusy, false},
	} {
		if testing.Short() && tt.want != ErrFull {
			continue // each starts a server anew
		}
		t.Run(tt.fault, func(t *testing.T) {
			clerks.errs = nil
			begin := func() { trigger(tt.fault) }
			clerks.work(t, s, tt.fault, begin)
			for _, err := range clerks.errs {
				if tt.want != nil && !errors.Is(err, tt.want) && !errors.Is(err, ErrBusy) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			}
			t.Logf("%d acknowledged; %v", len(clerks.acked), clerks.errs[0])
			trigger("")
			if !tt.goes {
				if err := cluster.Restart(t.Context(), "immediate"); err != nil {
					t.Fatal(err)
				}
			}
			awaitWork(t, s)
			clerks.mustBeThere(t, s)
			// And once more after a crash: nothing was there by the grace of memory.
			if err := cluster.Restart(t.Context(), "immediate"); err != nil {
				t.Fatal(err)
			}
			awaitWork(t, s)
			clerks.mustBeThere(t, s)
			mustWork(t, s, "p")
		})
	}
}

// awaitWork waits until a store can be written to again.
func awaitWork(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := s.Post(ctx, Post{Requests: []ledger.Request{charge("never", 1<<60)}, Now: epoch})
		if err == nil {
			return
		}
		if !errors.Is(err, ErrBusy) || ctx.Err() != nil {
			t.Fatalf("it does not come back: %v", err)
		}
	}
}

// TestPostsOutliveTheServer crashes PostgreSQL under those who post on two stores:
// all they are told is that it is busy, and the same again under the same key tells.
func TestPostsOutliveTheServer(t *testing.T) {
	crashes := 4
	if testing.Short() {
		crashes = 1
	}
	cluster := pgtest.New(t, pgtest.Config{Sync: true})
	stores := []*Store{openWith(t, Config{URL: cluster.URL("postgres")}), openWith(t, Config{URL: cluster.TCPURL("postgres")})}
	addPortal(t, stores[0], "p")
	clerks := &clerks{acked: map[string]ledger.Answer{}}
	for n := range crashes {
		clerks.errs = nil
		crashed := make(chan error, 1)
		begin := func() { go func() { crashed <- cluster.Stop(background, "immediate") }() }
		var both sync.WaitGroup
		for i, s := range stores {
			both.Go(func() {
				clerks.work(t, s, fmt.Sprint(n, "-", i), func() {
					if i == 0 {
						begin()
					}
				})
			})
		}
		both.Wait()
		if err := within(t, "the crash", crashed); err != nil {
			t.Fatal(err)
		}
		for _, err := range clerks.errs {
			mustBeBusy(t, "a post into a crash", err)
		}
		if err := cluster.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitWork(t, stores[1-n%2])
		clerks.mustBeThere(t, stores[1-n%2])
		awaitWork(t, stores[n%2])
	}
	mustWork(t, stores[0], "p")
	mustWork(t, stores[1], "p")
	t.Logf("%d acknowledged", len(clerks.acked))
}

// faultMode is set in the environment of a child whose disk is small.
const faultMode = "BURSAR_FAULT_CHILD"

// child runs one of this program's tests in a process of its own.
func child(t *testing.T, test, mode string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), faultMode+"="+mode)
	return cmd
}
