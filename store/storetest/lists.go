package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// users are changed, listed in the order in which they came, and go.
func users(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	changing := func(portalID string, fn func(tx *store.Tx) error) error { return s.Change(t.Context(), portalID, fn) }
	want := []store.User{{ID: "owner", Email: "owner@p.example", Role: "owner", CreatedAt: epoch}}
	change(t, s, "p", func(tx *store.Tx) error {
		for i, id := range []string{"c", "b", "a"} { // b and a came in the same moment
			u := store.User{ID: id, Email: id + "@p.example", Name: id, Role: "user", CreatedAt: epoch.Add(time.Duration(min(i, 1)+1) * time.Hour)}
			if err := tx.InsertUser(u); err != nil {
				return err
			}
			want = append(want, u)
		}
		want[2], want[3] = want[3], want[2]
		return tx.InsertKey(store.Key{ID: "k", UserID: "b", Hash: [32]byte{1}, CreatedAt: epoch})
	})
	listed := func(limit int) (all []store.User) {
		read(t, s, func(tx *store.Tx) error {
			for after := (store.Place{}); ; {
				some, err := tx.UsersAfter("p", after, limit)
				if err != nil || len(some) == 0 {
					return err
				}
				all = append(all, some...)
				after = store.Place{At: some[len(some)-1].CreatedAt, ID: some[len(some)-1].ID}
			}
		})
		return all
	}
	for limit := 1; limit < 6; limit++ {
		diff(t, fmt.Sprint("users by ", limit), listed(limit), want)
	}
	read(t, s, func(tx *store.Tx) error {
		for id, has := range map[string]bool{"b": true, "a": false, "none": false} {
			if got, err := tx.HasKeys("p", id); err != nil || got != has {
				t.Errorf("%s has keys: %t, %v", id, got, err)
			}
		}
		return nil
	})

	want[1].Email, want[1].Name, want[1].Role = "see@p.example", "See", "guest"
	change(t, s, "p", func(tx *store.Tx) error { return tx.UpdateUser(want[1]) })
	diff(t, "changed", listed(10), want)
	for name, do := range map[string]func(tx *store.Tx) error{
		"an address that is taken": func(tx *store.Tx) error {
			return tx.UpdateUser(store.User{ID: "a", Email: "b@p.example", Role: "user"})
		},
		"another owner": func(tx *store.Tx) error {
			return tx.UpdateUser(store.User{ID: "a", Email: "a@p.example", Role: "owner"})
		},
	} {
		mustBe(t, name, changing("p", do), store.ErrExists)
	}
	mustBe(t, "who is not there", changing("p", func(tx *store.Tx) error {
		return tx.UpdateUser(store.User{ID: "d", Email: "d@p.example", Role: "user"})
	}), store.ErrNotFound)
	mustBe(t, "who is another portal's", changing("q", func(tx *store.Tx) error { return tx.DeleteUser("a") }), store.ErrNotFound)
	mustBe(t, "whom a key acts for", changing("p", func(tx *store.Tx) error { return tx.DeleteUser("b") }), store.ErrInUse)
	change(t, s, "p", func(tx *store.Tx) error {
		return tx.PutCustomer(store.Customer{AccountNumber: 1, Email: "a@p.example", PayerID: "a", MethodStatus: "none", CreatedAt: epoch})
	})
	mustBe(t, "who pays", changing("p", func(tx *store.Tx) error { return tx.DeleteUser("a") }), store.ErrInUse)
	diff(t, "after all that", listed(10), want)
	change(t, s, "p", func(tx *store.Tx) error { return tx.DeleteUser("c") })
	diff(t, "without one", listed(10), append(want[:1:1], want[2:]...))
}

// keyPages lists keys in the order in which they came.
func keyPages(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	var want []string
	for i := range 7 {
		id := fmt.Sprint(i)
		want = append(want, id)
		change(t, s, "p", func(tx *store.Tx) error {
			return tx.InsertKey(store.Key{ID: id, UserID: "owner", Hash: [32]byte{byte(i)}, CreatedAt: epoch.Add(time.Duration(i/3) * time.Second)})
		})
	}
	for limit := 1; limit < 9; limit++ {
		var got []string
		read(t, s, func(tx *store.Tx) error {
			for after := (store.Place{}); ; {
				some, err := tx.KeysAfter("p", after, limit)
				if err != nil || len(some) == 0 {
					return err
				}
				for _, k := range some {
					got = append(got, k.ID)
					after = store.Place{At: k.CreatedAt, ID: k.ID}
				}
			}
		})
		diff(t, fmt.Sprint("keys by ", limit), got, want)
	}
}

// hosts come and go, and a portal is another one.
func hosts(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	where := store.Where{Host: "new.example"}
	missed, err := s.Locate(t.Context(), where, store.Known{})
	mustBe(t, "before it is there", err, store.ErrNotFound)
	change(t, s, "p", func(tx *store.Tx) error { return tx.InsertHost("new.example") })
	found, err := s.Locate(t.Context(), where, missed)
	if err != nil || found.PortalID != "p" {
		t.Errorf("%+v, %v", found, err)
	}
	adding := func(tx *store.Tx) error { return tx.InsertHost("new.example") }
	removing := func(tx *store.Tx) error { return tx.DeleteHost("new.example") }
	mustBe(t, "taken", s.Change(t.Context(), "q", adding), store.ErrExists)
	mustBe(t, "another portal's", s.Change(t.Context(), "q", removing), store.ErrNotFound)
	change(t, s, "p", removing)
	mustBe(t, "gone", s.Change(t.Context(), "p", removing), store.ErrNotFound)
	missed, err = s.Locate(t.Context(), where, found)
	mustBe(t, "when it is gone", err, store.ErrNotFound)
	change(t, s, "q", adding)
	if found, err = s.Locate(t.Context(), where, missed); err != nil || found.PortalID != "q" {
		t.Errorf("%+v, %v", found, err)
	}

	change(t, s, "p", func(tx *store.Tx) error {
		return tx.UpdatePortal(store.Portal{Name: "Pe", Country: "DE", TimeZone: "Europe/Berlin"})
	})
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.Portal("p")
		got.Version = 0
		diff(t, "the portal", got, store.Portal{ID: "p", Name: "Pe", Country: "DE", TimeZone: "Europe/Berlin", CreatedAt: epoch, Tariff: 1})
		return err
	})
}

// holdPages lists holds, the latest first, by what they are at a moment.
func holdPages(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	must(t, s, ask("credit", credit(usd(100))), askOf("q", "credit", credit(usd(100))))
	for i := range 6 {
		r := reserve(usd(1)).(ledger.Reserve)
		r.For = time.Duration(i+1) * time.Hour
		must(t, s, ask(fmt.Sprint("hold ", i), r))
	}
	must(t, s, askOf("q", "hold", reserve(usd(1))), ask("complete", ledger.Complete{Hold: 4}), ask("void", ledger.Void{Hold: 5}))
	at := epoch.Add(2 * time.Hour) // 1 and 2 are over
	for _, tt := range []struct {
		state ledger.HoldState
		want  []int64
	}{
		{"", []int64{6, 5, 4, 3, 2, 1}}, {ledger.HoldOpen, []int64{6, 3}}, {ledger.HoldExpired, []int64{2, 1}},
		{ledger.HoldCompleted, []int64{4}}, {ledger.HoldVoided, []int64{5}},
	} {
		for limit := 1; limit < 7; limit++ {
			var got []int64
			read(t, s, func(tx *store.Tx) error {
				for before := int64(1000); ; {
					some, err := tx.HoldsBefore("p", tt.state, at, before, limit)
					if err != nil || len(some) == 0 {
						return err
					}
					for _, h := range some {
						got, before = append(got, h.Number), h.Number
					}
				}
			})
			diff(t, fmt.Sprintf("%q by %d", tt.state, limit), got, tt.want)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		one, err := tx.Hold(ledger.HoldID{Portal: "p", Number: 4})
		if err != nil || one.State != ledger.HoldCompleted || one.Transfer != 2 || one.Key != "hold 3" {
			t.Errorf("%+v, %v", one, err)
		}
		_, err = tx.Hold(ledger.HoldID{Portal: "p", Number: 7})
		mustBe(t, "one that is not there", err, store.ErrNotFound)
		return nil
	})
}

// collectionPages lists collections, the latest first.
func collectionPages(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	var want []store.Collection
	for i := range 4 {
		c := store.Collection{
			PortalID: "p", Key: fmt.Sprint(i), State: store.CollectionOpen, Provider: "sandbox", Amount: usd(500), OpenedAt: epoch, AskedAt: epoch,
			Purpose: store.ForDeposit,
		}
		change(t, s, "p", func(tx *store.Tx) (err error) {
			c.Number, err = tx.InsertCollection(c)
			return err
		})
		if i < 3 {
			if c.State, c.ClosedAt = store.CollectionSettled, epoch; i == 1 {
				c.State, c.Reason = store.CollectionDeclined, "card_declined"
			}
			change(t, s, "p", func(tx *store.Tx) error { return tx.CloseCollection(c) })
		}
		want = append([]store.Collection{c}, want...)
	}
	for state, want := range map[store.CollectionState][]store.Collection{
		"": want, store.CollectionOpen: want[:1], store.CollectionUnknown: nil, store.CollectionSettled: {want[1], want[3]}, store.CollectionDeclined: want[2:3],
	} {
		for limit := 1; limit < 6; limit++ {
			var got []store.Collection
			read(t, s, func(tx *store.Tx) error {
				for before := int64(1000); ; {
					some, err := tx.CollectionsBefore("p", state, before, limit)
					if err != nil || len(some) == 0 {
						return err
					}
					got, before = append(got, some...), some[len(some)-1].Number
				}
			})
			diff(t, fmt.Sprintf("%q by %d", state, limit), got, want)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.CollectionByNumber("p", 2)
		diff(t, "by number", got, want[2])
		_, none := tx.CollectionByNumber("q", 2)
		mustBe(t, "by no number", none, store.ErrNotFound)
		return err
	})
}

// creditLimits count at once, whatever the poster remembers.
func creditLimits(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	must(t, s, ask("credit", credit(usd(100))), ask("first", charge(usd(100)))) // the book is remembered from here on
	setting := func(limit money.Amount) {
		t.Helper()
		change(t, s, "p", func(tx *store.Tx) error {
			if err := tx.LockBook("p", ledger.Main); err != nil {
				return err
			}
			if err := tx.EnsurePocket(ledger.Main, limit.Currency()); err != nil {
				return err
			}
			return tx.PutCreditLimit(ledger.Main, limit, epoch)
		})
	}
	for i, step := range []struct {
		limit money.Amount
		do    ledger.Action
		want  error
	}{
		{usd(0), charge(usd(1)), ledger.ErrInsufficient},
		{usd(50), charge(usd(51)), ledger.ErrInsufficient},
		{usd(50), charge(usd(50)), nil},
		{usd(60), charge(usd(10)), nil},
		{usd(59), charge(usd(1)), ledger.ErrInsufficient}, // below what is owed: nothing more
		{usd(59), credit(usd(2)), nil},
		{usd(59), charge(usd(1)), nil},
		{eur(5), reserve(eur(5)), nil}, // a pocket that was not there
		{eur(5), reserve(eur(1)), ledger.ErrInsufficient},
		{eur(0), charge(usd(1)), ledger.ErrInsufficient},
	} {
		setting(step.limit)
		mustBe(t, fmt.Sprint("step ", i), post(t, s, ask(fmt.Sprint("step ", i), step.do))[0].Err, step.want)
	}
	b := booksOf(t, s, "p")
	diff(t, "the pockets", b.Pockets, []ledger.Pocket{
		{Portal: "p", Book: ledger.Main, Position: 0, Balance: usd(-59), Held: usd(0), CreditLimit: usd(59)},
		{Portal: "p", Book: ledger.Main, Position: 1, Balance: eur(0), Held: eur(5), CreditLimit: eur(0)},
	})
	if err := s.Change(t.Context(), "p", func(tx *store.Tx) error { return tx.PutCreditLimit(ledger.AI, usd(1), epoch) }); err == nil {
		t.Error("a pocket that is not there has a limit")
	}
}

// emptyPocket is added beside the poster, which remembers a book without it.
func emptyPocket(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	must(t, s, ask("credit", credit(usd(100))), ask("first", charge(usd(1))))
	change(t, s, "p", func(tx *store.Tx) error { return tx.EnsurePocket(ledger.Main, "EUR") })
	must(t, s, ask("euros", credit(eur(5))))
	diff(t, "the pockets", booksOf(t, s, "p").Pockets, []ledger.Pocket{
		{Portal: "p", Book: ledger.Main, Position: 0, Balance: usd(99), Held: usd(0), CreditLimit: usd(0)},
		{Portal: "p", Book: ledger.Main, Position: 1, Balance: eur(5), Held: eur(0), CreditLimit: eur(0)},
	})
}
