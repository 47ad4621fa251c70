package store

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/pgtest"
)

func TestLocateFindsPortals(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		if known, err := s.Locate(t.Context(), Where{}, Known{}); !errors.Is(err, ErrNotFound) || known.PortalID != "" {
			t.Errorf("the only one of none: %+v, %v", known, err)
		}
		addPortal(t, s, "p")
		p := Address{PortalID: "p", Version: 1}
		for _, where := range []Where{{}, {Host: "p.example"}, {PortalID: "p"}, {Host: "p.example", PortalID: "q"}} {
			diff(t, "one portal", locate(t, s, where, Known{}).Address, p)
		}
		addPortal(t, s, "q")
		change(t, s, "q", nothing)
		diff(t, "by host", locate(t, s, Where{Host: "q.example"}, Known{}).Address, Address{PortalID: "q", Version: 2})
		diff(t, "by id", locate(t, s, Where{PortalID: "p"}, Known{}).Address, p)
		for _, where := range []Where{{}, {Host: "p"}, {PortalID: "p.example"}, {Host: "P.EXAMPLE"}, {Host: "a\x00"}, {PortalID: "\xff"}} {
			if known, err := s.Locate(t.Context(), where, Known{}); !errors.Is(err, ErrNotFound) || known.PortalID != "" {
				t.Errorf("%+v: %+v, %v", where, known, err)
			}
		}
	})
}

// TestLocateSeesEveryCommit keeps what is known, found or not, as a cache does,
// while another store writes.
func TestLocateSeesEveryCommit(t *testing.T) {
	onShared(t, func(t *testing.T, here, there *Store) {
		host, late := Where{Host: "p.example"}, Where{Host: "late.example"}
		addPortal(t, here, "p")
		known := locate(t, here, host, Known{})
		missed, err := here.Locate(t.Context(), late, Known{})
		for version := int64(2); version < 20; version++ {
			if !errors.Is(err, ErrNotFound) {
				t.Fatalf("a portal that is not there: %v", err)
			}
			change(t, []*Store{here, there}[version%2], "p", nothing)
			if known = locate(t, here, host, known); known.Version != version {
				t.Fatalf("version %d is known after %d was acknowledged", known.Version, version)
			}
			if again := locate(t, here, host, known); again.Address != known.Address {
				t.Fatalf("nothing happened, and %+v became %+v", known, again)
			}
			missed, err = here.Locate(t.Context(), late, missed)
		}
		addPortal(t, there, "late")
		if found := locate(t, here, late, missed); found.PortalID != "late" {
			t.Errorf("found %+v", found)
		}
	})
}

// onShared runs a test with two stores on one database.
func onShared(t *testing.T, test func(t *testing.T, here, there *Store)) {
	t.Helper()
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		test(t, openIn(t, dir), openIn(t, dir))
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.Database(t)
		test(t, openWith(t, Config{URL: url}), openWith(t, Config{URL: url}))
	})
}

// TestLocateIsNeverOlderThanTheCall asks from everywhere for different things,
// while two portals change.
func TestLocateIsNeverOlderThanTheCall(t *testing.T) {
	onShared(t, func(t *testing.T, here, there *Store) {
		addPortal(t, here, "p")
		addPortal(t, here, "q")
		var acknowledged [2]atomic.Int64
		var stop atomic.Bool
		var all []<-chan error
		for i, id := range []string{"p", "q"} {
			acknowledged[i].Store(1)
			for _, where := range []Where{{Host: id + ".example"}, {PortalID: id}, {Host: id + ".example"}} {
				all = append(all, running(func() error {
					var known Known
					for !stop.Load() {
						wrote := acknowledged[i].Load()
						var err error
						if known, err = here.Locate(background, where, known); err != nil {
							return err
						}
						if known.PortalID != id || known.Version < wrote {
							t.Errorf("%+v is %+v after version %d was acknowledged", where, known, wrote)
						}
						runtime.Gosched()
					}
					return nil
				}))
			}
			all = append(all, running(func() error {
				for range 50 {
					if err := there.Change(background, id, nothing); err != nil {
						return err
					}
					acknowledged[i].Add(1)
				}
				return nil
			}))
		}
		for _, i := range []int{3, 7} {
			if err := within(t, "a writer", all[i]); err != nil {
				t.Error(err)
			}
		}
		stop.Store(true)
		for _, i := range []int{0, 1, 2, 4, 5, 6} {
			if err := within(t, "an asker", all[i]); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWhoStopsWaitingForAnAnswerGoesAlone(t *testing.T) {
	s := openWith(t, Config{URL: pgtest.Database(t)})
	addPortal(t, s, "p")
	// Another holds the tables, so that every question has to wait.
	other, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN; LOCK TABLE host IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	where := Where{Host: "p.example"}
	first := running(func() error { _, err := s.Locate(background, where, Known{}); return err })
	impatient := running(func() error { _, err := s.Locate(ctx, where, Known{}); return err })
	mustBeBusy(t, "whose context ended", within(t, "the impatient one", impatient))
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := within(t, "the patient one", first); err != nil {
		t.Error(err)
	}
	mustWork(t, s, "p")
}

// TestASnapshotIsOfOneConnection: a server may say the same of other transactions
// after a crash.
func TestASnapshotIsOfOneConnection(t *testing.T) {
	s := openWith(t, Config{URL: pgtest.Database(t)})
	addPortal(t, s, "p")
	where := Where{Host: "p.example"}
	known := locate(t, s, where, Known{})
	if again := locate(t, s, where, known); again.Address != known.Address {
		t.Errorf("%+v became %+v", known, again)
	}
	forged := known // what can't be told from the truth but by asking
	forged.Version = 77
	if again := locate(t, s, where, forged); again.snapshot == forged.snapshot && again.Version != 77 {
		t.Errorf("%+v was asked for in the same snapshot, and is %+v", forged, again)
	}
	if _, err := s.db.ExecContext(t.Context(), "SELECT pg_terminate_backend($1, 5000)", s.locator.conn.PgConn().PID()); err != nil {
		t.Fatal(err)
	}
	if again := locate(t, s, where, forged); again.Version != 1 || again.snapshot == forged.snapshot {
		t.Errorf("on another connection %+v is still %+v", forged, again)
	}
}

// The hot path of a folder is one system call; allocations would add up.
func TestLocateOfWhatIsKnownAllocatesNothing(t *testing.T) {
	s := openIn(t, t.TempDir())
	addPortal(t, s, "p")
	if s.index == nil && runtime.GOOS != "linux" {
		t.Skip("no index is read here")
	}
	where := Where{Host: "p.example"}
	known := locate(t, s, where, Known{})
	if n := testing.AllocsPerRun(100, func() { known, _ = s.Locate(background, where, known) }); n > 1 { // the race detector makes one
		t.Errorf("%v allocations", n)
	}
}
