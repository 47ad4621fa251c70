package storetest

import (
	"errors"
	"testing"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

var errOwn = errors.New("the caller's own")

// also does something in the same transaction, and fails in it.
func also(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	must(t, s, ask("credit", credit(usd(100))))
	open := store.Collection{PortalID: "p", Key: "c", Provider: "sandbox", Amount: usd(5), OpenedAt: epoch, AskedAt: epoch}
	change(t, s, "p", func(tx *store.Tx) (err error) {
		open.Number, err = tx.InsertCollection(open)
		return err
	})
	settled := open
	settled.State, settled.ClosedAt, settled.Reference = store.CollectionSettled, epoch, "ref"
	requests := []ledger.Request{ask("bursar:collection:1", credit(usd(5))), ask("too much", charge(usd(1000))), ask("credit", credit(usd(100)))}

	before := booksOf(t, s, "p")
	for name, fail := range map[string]func() error{
		"fails": func() error { return errOwn },
	} {
		_, err := s.Post(t.Context(), store.Post{Requests: requests, Now: epoch, Also: func(tx *store.Tx, results []ledger.Result) error {
			if err := tx.CloseCollection(settled); err != nil {
				return err
			}
			return fail()
		}})
		mustBe(t, name, err, errOwn)
	}
	func() {
		defer func() { _ = recover() }()
		_, err := s.Post(t.Context(), store.Post{Requests: requests, Now: epoch, Also: func(tx *store.Tx, results []ledger.Result) error {
			panic("at the disco")
		}})
		t.Errorf("a panic is kept back: %v", err)
	}()
	diff(t, "the books", booksOf(t, s, "p"), before)

	var seen []ledger.Result
	results, err := s.Post(t.Context(), store.Post{Requests: requests, Now: epoch, Also: func(tx *store.Tx, results []ledger.Result) error {
		seen = append(seen, results...)
		pockets, err := tx.Pockets("p", ledger.Main)
		if err != nil || pockets[0].Balance != usd(105) {
			t.Errorf("within it holds %v, %v", pockets, err)
		}
		return tx.CloseCollection(settled)
	}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "what Also saw", seen, results)
	if results[0].Err != nil || !results[2].Replay {
		t.Errorf("%+v", results)
	}
	mustBe(t, "too much", results[1].Err, ledger.ErrInsufficient)
	read(t, s, func(tx *store.Tx) error {
		c, err := tx.CollectionByKey("p", "c")
		if c.State != store.CollectionSettled {
			t.Errorf("%+v", c)
		}
		return err
	})
	if _, err := s.Post(t.Context(), store.Post{Requests: requests[:1], Now: epoch, Also: func(tx *store.Tx, results []ledger.Result) error {
		return tx.CloseCollection(settled)
	}}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("closed twice: %v", err)
	}
	diff(t, "verified", verify(t, s), store.Verified{Portals: 2, Transfers: 2, Keys: 2, Collections: 1})
}

// rehearsal does everything and leaves nothing.
func rehearsal(t *testing.T, s *store.Store) {
	withSomething(t, s)
	before := booksOf(t, s, "p")
	known, err := s.Locate(t.Context(), store.Where{PortalID: "p"}, store.Known{})
	if err != nil {
		t.Fatal(err)
	}
	requests := []ledger.Request{
		ask("r1", charge(usd(1))), ask("r2", charge(usd(1000))), ask("r3", buyAI(usd(2))), ask("r4", reserve(usd(3))),
		ask("r5", ledger.Complete{Hold: 2}), ask("1", credit(usd(100))),
	}
	rehearse := func() []ledger.Result {
		results, err := s.Post(t.Context(), store.Post{Requests: requests, Now: epoch, Rehearse: true})
		if err != nil {
			t.Fatal(err)
		}
		return results
	}
	first := rehearse()
	diff(t, "rehearsed again", rehearse(), first)
	diff(t, "the books", booksOf(t, s, "p"), before)
	if after, err := s.Locate(t.Context(), store.Where{PortalID: "p"}, known); err != nil || after.Address != known.Address {
		t.Errorf("%+v, %v", after, err)
	}
	called := false
	_, err = s.Post(t.Context(), store.Post{Requests: requests, Now: epoch, Rehearse: true, Also: func(tx *store.Tx, results []ledger.Result) error {
		called = true
		_, err := tx.InsertCollection(store.Collection{PortalID: "p", Key: "c", Amount: usd(1), OpenedAt: epoch, AskedAt: epoch})
		_ = err // it is no transaction of one portal
		return nil
	}})
	if !called {
		t.Errorf("Also is not rehearsed: %v", err)
	}
	diff(t, "the books", booksOf(t, s, "p"), before)
	diff(t, "in earnest", post(t, s, requests...), first)
	verify(t, s)
}

// changeAndCarryOut moves money as a part of a change.
func changeAndCarryOut(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	must(t, s, ask("credit", credit(usd(100))))
	before := booksOf(t, s, "p")
	requests := []ledger.Request{ask("k", charge(usd(60))), ask("l", charge(usd(60)))}
	mustBe(t, "a change that fails", s.Change(t.Context(), "p", func(tx *store.Tx) error {
		results, err := tx.CarryOut(epoch, requests)
		if err != nil || results[0].Err != nil {
			t.Errorf("%+v, %v", results, err)
		}
		return errOwn
	}), errOwn)
	diff(t, "the books", booksOf(t, s, "p"), before)

	change(t, s, "p", func(tx *store.Tx) error {
		if err := tx.LockBook("p", ledger.Main); err != nil {
			return err
		}
		if err := tx.EnsurePocket(ledger.Main, "EUR"); err != nil {
			return err
		}
		if err := tx.EnsurePocket(ledger.Main, "EUR"); err != nil {
			return err
		}
		results, err := tx.CarryOut(epoch, requests)
		if err != nil {
			return err
		}
		mustBe(t, "the second", results[1].Err, ledger.ErrInsufficient)
		// Twice in one transaction: the second sees what the first did.
		again, err := tx.CarryOut(epoch, append(requests, ask("m", credit(eur(5))), ask("n", reserve(eur(5)))))
		if err != nil {
			return err
		}
		diff(t, "the first again", again[0], ledger.Result{Answer: results[0].Answer, Replay: true})
		more, err := tx.CarryOut(epoch, []ledger.Request{ask("o", ledger.Complete{Hold: again[3].Answer.Hold}), askOf("q", "o", credit(usd(1)))})
		if err == nil && (more[0].Err != nil || more[1].Err != nil) {
			t.Errorf("%+v", more)
		}
		return err
	})
	mustBe(t, "no such book", s.Change(t.Context(), "p", func(tx *store.Tx) error { return tx.LockBook("p", "side") }), store.ErrNotFound)
	mustHold(t, s, epoch, usd(40), usd(0))
	mustHold(t, s, epoch, eur(0), eur(0))
	if after := booksOf(t, s, "p"); after.Portal.Version != before.Portal.Version+1 {
		t.Errorf("version %d after %d", after.Portal.Version, before.Portal.Version)
	}
	diff(t, "verified", verify(t, s), store.Verified{Portals: 2, Transfers: 5, Holds: 1, Keys: 6})
}
