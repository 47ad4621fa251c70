package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// endless is a query that runs until it is interrupted.
const endless = `
	WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
	SELECT count(*) FROM n`

// calls is everything that takes a context.
var calls = map[string]func(ctx context.Context, s *Store) error{
	"Read": func(ctx context.Context, s *Store) error {
		return s.Read(ctx, func(tx *Tx) error { _, err := tx.Portal("p"); return err })
	},
	"Change": func(ctx context.Context, s *Store) error {
		return s.Change(ctx, "p", func(tx *Tx) error { return tx.PutUsage("room", 99) })
	},
	"CreatePortal": func(ctx context.Context, s *Store) error {
		return s.CreatePortal(ctx, Portal{ID: "new", CreatedAt: epoch}, []string{"new.example"}, nothing)
	},
	"NewAccountNumber": func(ctx context.Context, s *Store) error { _, err := s.NewAccountNumber(ctx); return err },
	"Locate": func(ctx context.Context, s *Store) error {
		_, err := s.Locate(ctx, Where{Host: "p.example"}, Known{})
		return err
	},
	"StampKey": func(ctx context.Context, s *Store) error {
		return s.StampKey(ctx, KeyUse{PortalID: "p", KeyID: "key-of-p", At: epoch})
	},
}

// mustBeBusy checks that a call was given up as its context ended.
func mustBeBusy(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrBusy) {
		t.Errorf("%s: got %v, want ErrBusy", what, err)
	}
}

func TestCallWithAnEndedContextDoesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		before := dump(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, call := range calls {
			for range 10 { // more often than there are sessions
				mustBeBusy(t, name, call(ctx, s))
			}
		}
		diff(t, "the database", dump(t, s), before)
		mustWork(t, s, "p")
	})
}

func TestCallIsGivenUpWhileItWaitsForASession(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		before := dump(t, s)
		for name, call := range calls {
			if name == "Locate" && s.locator != nil {
				continue // has a connection of its own
			}
			pool := s.writer
			if name == "Read" || name == "Locate" {
				pool = s.readers
			}
			var held []*session
			for range cap(pool) {
				held = append(held, <-pool)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := running(func() error { return call(ctx, s) })
			runtime.Gosched()
			cancel()
			mustBeBusy(t, name, within(t, name, done))
			for _, session := range held {
				pool <- session
			}
		}
		diff(t, "the database", dump(t, s), before)
		mustWork(t, s, "p")
	})
}

func TestStatementIsInterruptedWhenTheContextEnds(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		before := dump(t, s)
		wait := func(tx *Tx) error { var n int; return tx.row(endless, nil, &n) }
		tests := map[string]func(ctx context.Context) error{
			"Read": func(ctx context.Context) error { return s.Read(ctx, wait) },
			"Change": func(ctx context.Context) error {
				return s.Change(ctx, "p", func(tx *Tx) error { return errors.Join(tx.PutUsage("room", 99), wait(tx)) })
			},
			"Change, in a statement that writes": func(ctx context.Context) error {
				return s.Change(ctx, "p", func(tx *Tx) error {
					_, err := tx.exec(`INSERT INTO usage (portal_id, feature, used) `+
						`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT $1, 'n' || i, i FROM n`, "p")
					return err
				})
			},
		}
		for name, call := range tests {
			// However long it takes to begin, the statement only ends with the context.
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			mustBeBusy(t, name, within(t, name, running(func() error { return call(ctx) })))
			cancel()
		}
		diff(t, "the database", dump(t, s), before)
		mustWork(t, s, "p")
	})
}

func TestContextThatEndsBetweenRowsIsBusy(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		for name, each := range map[string]func(scan func(...any) error) error{
			// The context's end closes the rows in its own time.
			"in a scan": func(scan func(...any) error) error {
				var n int
				for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
					if err := scan(&n); err != nil {
						return err
					}
				}
				return errors.New("the rows outlive their context")
			},
			"after a scan": func(scan func(...any) error) error { var n int; _ = scan(&n); return nil },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			done := running(func() error {
				return s.Read(ctx, func(tx *Tx) error {
					return tx.rows(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n`, nil,
						func(scan func(...any) error) error {
							cancel()
							return each(scan)
						})
				})
			})
			mustBeBusy(t, name, within(t, name, done))
		}
		mustWork(t, s, "p")
	})
}

// TestContextThatEndsBeforeTheCommit allows either answer, as long as it is true.
func TestContextThatEndsBeforeTheCommit(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		before := versionOf(t, s, "p")
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Change(ctx, "p", func(tx *Tx) error {
			err := tx.PutUsage("room", 99)
			cancel()
			return err
		})
		usage := read(t, s, func(tx *Tx) (map[string]int64, error) { return tx.Usage("p") })
		after := versionOf(t, s, "p")
		switch {
		case err == nil && (usage["room"] != 99 || after != before+1):
			t.Errorf("acknowledged, but usage is %v and version %d after %d", usage, after, before)
		case err != nil && (usage["room"] != 1 || after != before):
			t.Errorf("refused with %v, but usage is %v and version %d after %d", err, usage, after, before)
		case err != nil:
			mustBeBusy(t, "Change", err)
		}
		mustWork(t, s, "p")
	})
}

// TestCallIsGivenUpWhileAnotherProgramWrites ends a context while the database
// is locked by others, who then let go: the call that was given up must not keep
// the lock that it waited for.
func TestCallIsGivenUpWhileAnotherProgramWrites(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir)
	furnish(t, s)
	before := dump(t, s)
	other, err := rawDB(t, dir).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for name, call := range calls {
		if name == "Read" || name == "Locate" { // wait for nobody
			continue
		}
		if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
			t.Fatalf("before %s: another program can't write: %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := running(func() error { return call(ctx, s) })
		// Until the call has its session, and with it waits for the lock.
		for deadline := time.Now().Add(patience); len(s.writer) > 0 && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		timer := time.AfterFunc(20*time.Millisecond, cancel)
		<-ctx.Done()
		timer.Stop()
		if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		mustBeBusy(t, name, within(t, name, done))
	}
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Errorf("another program can't write: %v", err)
	} else if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	diff(t, "the database", dump(t, s), before)
	mustWork(t, s, "p")
}

// TestContextsThatEndAtAnyMoment ends contexts at random moments of a call, and
// then uses every session.
func TestContextsThatEndAtAnyMoment(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		random := rand.New(rand.NewPCG(seed, 1))
		acknowledged := int64(0)
		before := versionOf(t, s, "p")
		for i := range 3000 {
			ctx, cancel := context.WithCancel(t.Context())
			spin := random.IntN(3000)
			ended := running(func() error {
				for n := 0; n < spin; n++ {
					runtime.KeepAlive(n)
				}
				cancel()
				return nil
			})
			name := []string{"Change", "Read", "Locate", "Read"}[i%4]
			err := calls[name](ctx, s)
			if err == nil && name == "Change" {
				acknowledged++
			}
			if err != nil && !errors.Is(err, ErrBusy) {
				t.Fatalf("call %d, %s: got %v, want ErrBusy", i, name, err)
			}
			<-ended
		}
		if after := versionOf(t, s, "p"); after != before+acknowledged {
			t.Errorf("%d changes were acknowledged, the version went from %d to %d", acknowledged, before, after)
		}
		mustWork(t, s, "p")
	})
}
