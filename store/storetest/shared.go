package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// Database can be opened more than once, one after the other or at the same time.
type Database struct {
	// Open returns another store on it; whoever asked closes it.
	Open func(ctx context.Context) (*store.Store, error)
	// SQL goes past all stores, as another program would.
	SQL *sql.DB
}

// RunShared tests what takes more than one store, or another program. Each test is
// given an empty database.
func RunShared(t *testing.T, make func(t *testing.T) Database) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(t *testing.T, db Database)
	}{
		{"closing while posting", closing},
		{"two stores see each other", twoStores},
		{"random callers of two stores", func(t *testing.T, db Database) { randomCallers(t, db.open(t), db.open(t)) }},
		{"a key on two stores", keyRace},
		{"idle workers see others", idleWorkersSeeOthers},
		{"jobs are shared", jobsAreShared},
		{"events in line", eventsInLine},
		{"tampering", tampering},
		{"strays", strays},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, make(t)) })
	}
}

// open returns a store that is closed with the test.
func (db Database) open(t *testing.T) *store.Store {
	t.Helper()
	s, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// closing closes a store under load: what it acknowledged is there when it is opened
// again, and nothing twice.
func closing(t *testing.T, db Database) {
	s, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addPortals(t, s, "p")
	m := newModel()
	var all []<-chan error
	started := make(chan struct{}, 1000)
	for c := range 8 {
		all = append(all, running(func() error {
			for i := 0; ; i++ {
				r := ask(fmt.Sprint(c, "-", i), credit(usd(1)))
				results, err := s.Post(background, store.Post{Requests: []ledger.Request{r}, Now: epoch})
				if err != nil {
					return err
				}
				if err := m.take(r, results[0]); err != nil || results[0].Err != nil {
					return errors.Join(errors.New("in the middle"), err, results[0].Err)
				}
				if i == 3 {
					started <- struct{}{}
				}
			}
		}))
	}
	for range all {
		within(t, "the start", started)
	}
	if err := within(t, "Close", running(s.Close)); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, one := range all {
		mustBe(t, "after Close", within(t, "a caller", one), store.ErrBusy)
	}
	s = db.open(t)
	for key, want := range m.first {
		diff(t, key, post(t, s, m.asked[key])[0], ledger.Result{Answer: want, Replay: true})
	}
	// Whoever was told that it is closing is in no transfer.
	diff(t, "verified", verify(t, s), store.Verified{Portals: 1, Transfers: int64(len(m.first)), Keys: int64(len(m.first))})
}

// twoStores acknowledges on one store, and looks on the other.
func twoStores(t *testing.T, db Database) {
	a, b := db.open(t), db.open(t)
	addPortals(t, a, "p")
	known := map[*store.Store]store.Known{}
	total := int64(0)
	for i := range 50 {
		writer, reader := a, b
		if i%2 == 1 {
			writer, reader = b, a
		}
		before, err := reader.Locate(t.Context(), store.Where{PortalID: "p"}, known[reader])
		if err != nil {
			t.Fatal(err)
		}
		total += int64(i) + 1
		r := ask(fmt.Sprint("k", i), credit(usd(int64(i)+1)))
		answer := must(t, writer, r)[0]
		after, err := reader.Locate(t.Context(), store.Where{PortalID: "p"}, before)
		if err != nil || after.Money <= before.Money {
			t.Errorf("%+v after %+v, %v", after.Address, before.Address, err)
		}
		known[reader] = after
		mustHold(t, reader, epoch, usd(total), usd(0))
		diff(t, "the same on the other", post(t, reader, r)[0], ledger.Result{Answer: answer, Replay: true})
	}
	verify(t, a)
}

// keyRace sends the same key to two stores in the same moment, with the same input
// or another: there is one effect, and equal answers.
func keyRace(t *testing.T, db Database) {
	stores := []*store.Store{db.open(t), db.open(t)}
	addPortals(t, stores[0], "p")
	must(t, stores[0], ask("credit", credit(usd(1_000_000))), ask("ai", buyAI(usd(1000))))
	ai := ledger.Post{{Book: ledger.AI, Debit: ledger.Wallet, Credit: ledger.Revenue, Amount: usd(1), Type: ledger.AIServicePayment}}
	pairs := []struct {
		name   string
		do     [2]ledger.Action
		differ bool
	}{
		{"one charge", [2]ledger.Action{charge(usd(1)), charge(usd(1))}, false},
		{"one hold", [2]ledger.Action{reserve(usd(1)), reserve(usd(1))}, false},
		{"two charges", [2]ledger.Action{charge(usd(1)), charge(usd(2))}, true},
		{"a charge and a hold", [2]ledger.Action{charge(usd(1)), reserve(usd(1))}, true},
		{"both books", [2]ledger.Action{charge(usd(1)), ai}, true},
	}
	for round := range 40 {
		for _, pair := range pairs {
			key := fmt.Sprint(pair.name, " ", round)
			begin := make(chan struct{})
			var results [2]ledger.Result
			var done [2]<-chan error
			for i, s := range stores {
				done[i] = running(func() error {
					<-begin
					some, err := s.Post(background, store.Post{Requests: []ledger.Request{ask(key, pair.do[i])}, Now: epoch})
					if err == nil {
						results[i] = some[0]
					}
					return err
				})
			}
			close(begin)
			for i := range stores {
				if err := within(t, key, done[i]); err != nil {
					t.Errorf("%s: store %d: %v", key, i, err)
				}
			}
			first, second := results[0], results[1]
			if first.Replay || first.Err != nil {
				first, second = second, first
			}
			switch {
			case first.Err != nil || first.Replay:
				t.Errorf("%s: nobody is the first: %+v, %+v", key, first, second)
			case pair.differ:
				mustBe(t, key, second.Err, ledger.ErrMismatch)
			default:
				diff(t, key, second, ledger.Result{Answer: first.Answer, Replay: true})
			}
		}
	}
	if got := verify(t, stores[0]); got.Keys != int64(2+40*len(pairs)) {
		t.Errorf("%+v", got)
	}
}

// idleWorkersSeeOthers looks for work where there is none, and sees what others change
// all the same: what wrote nothing says nothing of the commit that comes next.
func idleWorkersSeeOthers(t *testing.T, db Database) {
	a, b := db.open(t), db.open(t)
	addPortals(t, a, "p")
	known, err := a.Locate(t.Context(), store.Where{PortalID: "p"}, store.Known{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if jobs := claim(t, a, epoch, 10); len(jobs) != 0 {
			t.Errorf("%d jobs of none", len(jobs))
		}
		if err := a.ChangeJobs(t.Context(), "p", func(tx *store.Tx) error {
			_, err := tx.CancelJob(epoch, "none", "")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if n := placeAll(t, a); n != 0 {
			t.Errorf("%d events of none are placed", n)
		}
		change(t, b, "p", func(*store.Tx) error { return nil })
		after, err := a.Locate(t.Context(), store.Where{PortalID: "p"}, known)
		if err != nil || after.Version != known.Version+1 {
			t.Fatalf("after %d changes of another: version %d, and before it %d, %v", i+1, after.Version, known.Version, err)
		}
		known = after
	}
}
