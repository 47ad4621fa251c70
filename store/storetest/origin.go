package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// origins are kept with the key of what was asked first, by the poster and beside it,
// and are in nothing that is compared.
func origins(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	by := func(origin string, r ledger.Request) ledger.Request {
		r.Origin = origin
		return r
	}
	longest := strings.Repeat("ä", ledger.MaxOrigin/2)
	first := must(t, s, by("operator a 1", ask("credit", credit(usd(100)))), by(longest, ask("hold", reserve(usd(1)))), ask("none", charge(usd(1))))
	if _, err := s.Post(t.Context(), store.Post{
		Now: epoch, Requests: []ledger.Request{by("user ann 2", ask("alone", charge(usd(1))))}, Also: func(*store.Tx, []ledger.Result) error { return nil },
	}); err != nil {
		t.Fatal(err)
	}
	must(t, s, by("operator b 3", askOf("q", "credit", credit(usd(5)))))

	again := postAt(t, s, epoch.Add(time.Hour), by("operator c 4", ask("credit", credit(usd(100)))))[0]
	diff(t, "from elsewhere", again, ledger.Result{Answer: first[0], Replay: true})
	if got := post(t, s, by(longest+"a", ask("too long", credit(usd(1)))))[0]; got.Err == nil {
		t.Error("too long an origin is taken")
	}

	keys := []string{"credit", "hold", "none", "alone", "nobody"}
	for i := range 120 { // more than are looked up at once
		keys = append(keys, fmt.Sprint("other ", i))
	}
	for portal, want := range map[string]map[string]string{
		"p": {"credit": "operator a 1", "hold": longest, "alone": "user ann 2"},
		"q": {"credit": "operator b 3"},
	} {
		if err := s.Read(t.Context(), func(tx *store.Tx) error {
			got, err := tx.Origins(portal, keys)
			diff(t, "origins of "+portal, got, want)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, s)
}

// refunds are written once, ended once, and one of a collection is open at a time.
func refunds(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	var r store.Refund
	changed := func(fn func(tx *store.Tx) error) error { return s.Change(t.Context(), "p", fn) }
	insert := func(tx *store.Tx) (err error) {
		r.Number, err = tx.InsertRefund(r)
		return err
	}
	mustDo := func(fn func(tx *store.Tx) error) {
		t.Helper()
		if err := changed(fn); err != nil {
			t.Fatal(err)
		}
	}
	mustDo(func(tx *store.Tx) error {
		number, err := tx.InsertCollection(store.Collection{PortalID: "p", Key: "c", Provider: "sandbox", Amount: usd(10), OpenedAt: epoch, AskedAt: epoch})
		r = store.Refund{PortalID: "p", Collection: number, Key: "k", Input: [32]byte{1}, State: store.RefundOpen, Amount: usd(4), Total: usd(4), Why: "late", OpenedAt: epoch, AskedAt: epoch}
		return err
	})
	mustDo(insert)
	read := func(fn func(tx *store.Tx) error) {
		t.Helper()
		if err := s.Read(t.Context(), fn); err != nil {
			t.Error(err)
		}
	}
	read(func(tx *store.Tx) error {
		got, err := tx.RefundByKey("p", "k")
		diff(t, "by key", got, r)
		return err
	})
	read(func(tx *store.Tx) error {
		got, err := tx.OpenRefund("p", r.Collection)
		diff(t, "open", got, r)
		return err
	})
	read(func(tx *store.Tx) error {
		got, err := tx.OpenRefunds(epoch.Add(1000), store.Refund{}, 10)
		diff(t, "all open", got, []store.Refund{r})
		return err
	})
	for name, after := range map[string]store.Refund{"this one": r, "asked just now": {}} {
		read(func(tx *store.Tx) error {
			got, err := tx.OpenRefunds(epoch, after, 10)
			diff(t, name, len(got), 0)
			return err
		})
	}
	other := r
	r.Key = "other"
	mustBe(t, "two at once", changed(insert), store.ErrExists)
	r = other
	r.State, r.Reference, r.Transfer, r.AskedAt, r.ClosedAt = store.RefundSettled, "re_1", 3, epoch.Add(time.Second), epoch.Add(time.Minute)
	update := func(tx *store.Tx) error { return tx.UpdateRefund(r) }
	mustDo(update)
	mustBe(t, "ended twice", changed(update), store.ErrNotFound)
	read(func(tx *store.Tx) error {
		got, err := tx.RefundByKey("p", "k")
		diff(t, "ended", got, r)
		return err
	})
	mustBe(t, "the key twice", changed(insert), store.ErrExists)
	r.Key, r.Total = "second", usd(8)
	mustDo(insert)
	diff(t, "the second's number", r.Number, int64(2))
	if err := s.Read(t.Context(), func(tx *store.Tx) error {
		_, err := tx.RefundByKey("q", "second")
		return err
	}); err != store.ErrNotFound {
		t.Errorf("of another portal: %v", err)
	}
}
