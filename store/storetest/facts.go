package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// seals closes ranges of transfers.
func seals(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	seal := func(book ledger.Book, want int) {
		t.Helper()
		n, err := s.SealBook(t.Context(), "p", book, epoch)
		if err != nil || n != want {
			t.Errorf("%d are sealed, want %d: %v", n, want, err)
		}
	}
	seal(ledger.Main, 0)
	_, err := s.SealBook(t.Context(), "none", ledger.Main, epoch)
	mustBe(t, "no such book", err, store.ErrNotFound)
	for i := range 3 {
		var requests []ledger.Request
		for j := range 1000 {
			requests = append(requests, ask(fmt.Sprint("k", i, "-", j), credit(usd(1))))
		}
		must(t, s, requests[:700]...)
		if i == 0 {
			seal(ledger.Main, 700)
			seal(ledger.Main, 0)
		}
	}
	must(t, s, ask("ai", buyAI(usd(5))))
	unsealed := func() (all []store.Unsealed) {
		read(t, s, func(tx *store.Tx) (err error) {
			for after := (store.Unsealed{}); ; {
				some, err := tx.UnsealedAfter(after, 1)
				if err != nil || len(some) == 0 {
					return err
				}
				all, after = append(all, some...), some[0]
			}
		})
		return all
	}
	diff(t, "to be sealed", unsealed(), []store.Unsealed{{PortalID: "p", Book: ledger.AI}, {PortalID: "p", Book: ledger.Main}})
	seal(ledger.Main, 1000)
	seal(ledger.Main, 401)
	seal(ledger.AI, 1)
	diff(t, "to be sealed", unsealed(), []store.Unsealed(nil))
	must(t, s, ask("later", credit(usd(1))))
	diff(t, "verified", verify(t, s), store.Verified{Portals: 2, Transfers: 2103, Keys: 2102, Seals: 4})
	for name, since := range map[string]time.Time{"in the end": epoch.Add(time.Hour), "in the beginning": epoch, "before": epoch.Add(-time.Hour)} {
		if _, _, err := s.Verify(t.Context(), store.Verification{Since: since}); err != nil {
			t.Errorf("since %s: %v", name, err)
		}
	}
}

func operatorKeys(t *testing.T, s *store.Store) {
	where := store.Where{Operators: true}
	known, err := s.Locate(t.Context(), where, store.Known{})
	if err != nil {
		t.Fatal(err)
	}
	key := store.OperatorKey{ID: "1", Name: "one", Hash: [32]byte{1}, Postfix: "abcd", CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
	other := store.OperatorKey{ID: "2", Name: "two", Hash: [32]byte{2}, CreatedAt: epoch.Add(1000)}
	revoked := key
	revoked.RevokedAt = epoch.Add(time.Minute)
	list := func() (keys []store.OperatorKey) {
		read(t, s, func(tx *store.Tx) (err error) { keys, err = tx.OperatorKeys(); return err })
		return keys
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
		keys []store.OperatorKey
	}{
		{"insert", func() error { return s.InsertOperatorKey(t.Context(), key, nothing) }, nil, []store.OperatorKey{key}},
		{"the same", func() error { return s.InsertOperatorKey(t.Context(), key, nothing) }, store.ErrExists, []store.OperatorKey{key}},
		{"the same hash", func() error {
			return s.InsertOperatorKey(t.Context(), store.OperatorKey{ID: "3", Hash: key.Hash, CreatedAt: epoch}, nothing)
		}, store.ErrExists, []store.OperatorKey{key}},
		{"another", func() error { return s.InsertOperatorKey(t.Context(), other, nothing) }, nil, []store.OperatorKey{key, other}},
		{"revoke none", func() error { return s.RevokeOperatorKey(t.Context(), "9", epoch, noKey) }, store.ErrNotFound, []store.OperatorKey{key, other}},
		{"revoke", func() error { return s.RevokeOperatorKey(t.Context(), "1", revoked.RevokedAt, noKey) }, nil, []store.OperatorKey{revoked, other}},
		{"revoke again", func() error { return s.RevokeOperatorKey(t.Context(), "1", epoch.Add(time.Hour), noKey) }, nil, []store.OperatorKey{revoked, other}},
	} {
		err := step.do()
		if !errors.Is(err, step.want) {
			t.Errorf("%s: got %v, want %v", step.name, err, step.want)
		}
		diff(t, "keys after "+step.name, list(), step.keys)
		after, err := s.Locate(t.Context(), where, known)
		if err != nil || (after.Version == known.Version) != (step.want != nil) || after.PortalID != "" {
			t.Errorf("%s: %+v after %+v, %v", step.name, after.Address, known.Address, err)
		}
		known = after
	}
}

func collections(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	one := store.Collection{
		PortalID: "p", Number: 1, Key: "k", Input: [32]byte{7}, State: store.CollectionOpen, Provider: "sandbox", Amount: usd(500),
		Participant: "Ann", OpenedAt: epoch, AskedAt: epoch, Purpose: store.ForPlan, PlanID: -4,
		Quantity: 3, Automatic: true, Renews: epoch.Add(48 * time.Hour),
	}
	insert := func(portalID, key string) error {
		return s.Change(t.Context(), portalID, func(tx *store.Tx) error {
			c := one
			c.PortalID, c.Key = portalID, key
			n, err := tx.InsertCollection(c)
			if err == nil && n < 1 {
				t.Errorf("number %d", n)
			}
			return err
		})
	}
	closing := func(c store.Collection) error {
		return s.Change(t.Context(), c.PortalID, func(tx *store.Tx) error { return tx.CloseCollection(c) })
	}
	open := func(before time.Time) (portals []string) {
		read(t, s, func(tx *store.Tx) error {
			all, err := tx.OpenCollections(before, "", 10)
			for _, c := range all {
				portals = append(portals, c.PortalID)
			}
			return err
		})
		return portals
	}
	mustBe(t, "the first", insert("p", "k"), nil)
	mustBe(t, "while one is open", insert("p", "l"), store.ErrExists)
	mustBe(t, "another portal's", insert("q", "k"), nil)
	read(t, s, func(tx *store.Tx) error {
		byKey, err := tx.CollectionByKey("p", "k")
		diff(t, "by key", byKey, one)
		if err != nil {
			return err
		}
		found, err := tx.OpenCollection("p")
		diff(t, "the open one", found, one)
		return err
	})
	diff(t, "open", open(epoch.Add(1000)), []string{"p", "q"})
	diff(t, "open before", open(epoch), []string(nil))

	unknown := one
	unknown.State, unknown.AskedAt = store.CollectionUnknown, epoch.Add(time.Minute)
	mustBe(t, "to say that it is unknown", closing(unknown), nil)
	diff(t, "asked long ago", open(epoch.Add(time.Minute)), []string{"q"})
	mustBe(t, "while one is unknown", insert("p", "l"), store.ErrExists)
	declined := unknown
	declined.State, declined.Reason, declined.ClosedAt = store.CollectionDeclined, "card_declined", epoch.Add(time.Hour)
	mustBe(t, "to decline", closing(declined), nil)
	mustBe(t, "to decline again", closing(declined), store.ErrNotFound)
	mustBe(t, "the key again", insert("p", "k"), store.ErrExists)
	mustBe(t, "another key", insert("p", "l"), nil)
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.CollectionByKey("p", "k")
		diff(t, "declined", got, declined)
		if second, err := tx.OpenCollection("p"); err != nil || second.Number != 2 {
			t.Errorf("%+v, %v", second, err)
		}
		_, none := tx.CollectionByKey("p", "none")
		mustBe(t, "by no key", none, store.ErrNotFound)
		return err
	})
	diff(t, "verified", verify(t, s), store.Verified{Portals: 2, Collections: 3})
}

// keyUses stamps a key, forwards and backwards.
func keyUses(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	change(t, s, "p", func(tx *store.Tx) error {
		return tx.InsertKey(store.Key{ID: "k", UserID: "owner", Name: "k", Hash: [32]byte{1}, CreatedAt: epoch})
	})
	before := booksOf(t, s, "p")
	for _, minutes := range []time.Duration{5, 3, 7, 0} {
		if err := s.StampKey(t.Context(), store.KeyUse{PortalID: "p", KeyID: "k", At: epoch.Add(minutes * time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, use := range []store.KeyUse{{PortalID: "p", KeyID: "none", At: epoch}, {PortalID: "none", KeyID: "k", At: epoch}} {
		if err := s.StampKey(t.Context(), use); err != nil {
			t.Errorf("%+v: %v", use, err)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		keys, err := tx.Keys("p")
		if len(keys) != 1 || !keys[0].LastUsedAt.Equal(epoch.Add(7*time.Minute)) {
			t.Errorf("%+v", keys)
		}
		return err
	})
	diff(t, "all else", booksOf(t, s, "p"), before)
}
