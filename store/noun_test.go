package store

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

func TestPortalsComeBackAsTheyWereMade(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		beta := Portal{ID: "beta", Name: "Ünï \"quoted\" 'n; DROP TABLE portal; --", Country: "ES", CreatedAt: epoch}
		alpha := Portal{ID: "alpha", Name: "A", CreatedAt: epoch.Add(time.Hour)}
		if err := s.CreatePortal(t.Context(), beta, []string{"b2.example", "b1.example"}, nothing); err != nil {
			t.Fatal(err)
		}
		if err := s.CreatePortal(t.Context(), alpha, nil, nothing); err != nil {
			t.Fatal(err)
		}
		beta.Version, alpha.Version = 1, 1

		diff(t, "beta", read(t, s, func(tx *Tx) (Portal, error) { return tx.Portal("beta") }), beta)
		diff(t, "alpha", read(t, s, func(tx *Tx) (Portal, error) { return tx.Portal("alpha") }), alpha)
		diff(t, "hosts", read(t, s, func(tx *Tx) ([]string, error) { return tx.Hosts("beta") }), []string{"b1.example", "b2.example"})
		diff(t, "no hosts", read(t, s, func(tx *Tx) ([]string, error) { return tx.Hosts("alpha") }), []string(nil))
		for _, host := range []string{"b1.example", "b2.example"} {
			diff(t, host, read(t, s, func(tx *Tx) (Address, error) { return tx.Address(host) }), Address{PortalID: "beta", Version: 1})
		}
		diff(t, "by id", read(t, s, func(tx *Tx) (Address, error) { return tx.AddressByID("alpha") }), Address{PortalID: "alpha", Version: 1})

		for _, page := range []struct {
			after string
			limit int
			want  []Portal
		}{
			{"", 10, []Portal{alpha, beta}},
			{"", 1, []Portal{alpha}},
			{"alpha", 1, []Portal{beta}},
			{"alp", 1, []Portal{alpha}},
			{"beta", 1, nil},
		} {
			got := read(t, s, func(tx *Tx) ([]Portal, error) { return tx.PortalsAfter(page.after, page.limit) })
			diff(t, "after "+page.after, got, page.want)
		}
	})
}

func TestOnlyAddressIsThePortalThatIsAlone(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		only := func(tx *Tx) (Address, error) { return tx.OnlyAddress() }
		if err := readError(t, s, only); !errors.Is(err, ErrNotFound) {
			t.Errorf("of none: %v", err)
		}
		addPortal(t, s, "alone")
		diff(t, "of one", read(t, s, only), Address{PortalID: "alone", Version: 1})
		change(t, s, "alone", nothing)
		diff(t, "of one, changed", read(t, s, only), Address{PortalID: "alone", Version: 2})
		addPortal(t, s, "second")
		if err := readError(t, s, only); !errors.Is(err, ErrNotFound) {
			t.Errorf("of two: %v", err)
		}
	})
}

func TestUsersComeBackAsTheyWereMade(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		addPortal(t, s, "q")
		user := User{ID: "u", Email: "u@example.com", Name: "Zoë\x01\n'", Role: "guest", CreatedAt: epoch}
		elsewhere := User{ID: "u", Email: "u@example.com", Name: "Namesake", Role: "admin", CreatedAt: epoch}
		change(t, s, "p", func(tx *Tx) error { return tx.InsertUser(user) })
		change(t, s, "q", func(tx *Tx) error { return tx.InsertUser(elsewhere) })
		for portal, want := range map[string]User{"p": user, "q": elsewhere} {
			diff(t, portal+" by e-mail", read(t, s, func(tx *Tx) (User, error) { return tx.UserByEmail(portal, user.Email) }), want)
			diff(t, portal+" by id", read(t, s, func(tx *Tx) (User, error) { return tx.UserByID(portal, "u") }), want)
			owner := read(t, s, func(tx *Tx) (User, error) { return tx.Owner(portal) })
			if owner.ID != "owner" || owner.Email != "owner@"+portal+".example" {
				t.Errorf("owner of %s: %+v", portal, owner)
			}
		}
		for _, role := range []string{"admin", "room_admin", "user", "guest"} {
			more := User{ID: role, Email: role + "@p.example", Role: role, CreatedAt: epoch}
			change(t, s, "p", func(tx *Tx) error { return tx.InsertUser(more) })
			diff(t, role, read(t, s, func(tx *Tx) (User, error) { return tx.UserByID("p", role) }), more)
		}
	})
}

func TestKeysComeBackAsTheyWereMade(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		addPortal(t, s, "q")
		young := Key{
			ID: "a", UserID: "owner", Name: "young", Hash: [32]byte{1, 0, 255}, Postfix: "abcd",
			Scopes: []string{"*:read", "rooms:write"}, CreatedAt: epoch.Add(time.Second), ExpiresAt: epoch.Add(time.Hour),
		}
		old := Key{ID: "b", UserID: "owner", Name: "old", Hash: [32]byte{2}, Postfix: "abcd", CreatedAt: epoch}
		change(t, s, "p", func(tx *Tx) error { return errors.Join(tx.InsertKey(young), tx.InsertKey(old)) })
		keys := func(tx *Tx) ([]Key, error) { return tx.Keys("p") }
		diff(t, "keys, oldest first", read(t, s, keys), []Key{old, young})
		diff(t, "keys of the other portal", read(t, s, func(tx *Tx) ([]Key, error) { return tx.Keys("q") }), []Key(nil))

		err := s.Read(t.Context(), func(tx *Tx) error {
			key, user, err := tx.KeyByHash("p", young.Hash)
			diff(t, "by hash", key, young)
			if user.ID != "owner" || user.Role != "owner" {
				t.Errorf("its user: %+v", user)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		// The same key may be there again in another portal.
		change(t, s, "q", func(tx *Tx) error { return tx.InsertKey(young) })

		// A key that has ended keeps its time.
		change(t, s, "p", func(tx *Tx) error { return tx.RevokeKey("b", epoch.Add(time.Minute)) })
		change(t, s, "p", func(tx *Tx) error { return tx.RevokeKey("b", epoch.Add(time.Hour)) })
		old.RevokedAt = epoch.Add(time.Minute)
		diff(t, "after its end", read(t, s, keys), []Key{old, young})
	})
}

func TestStampKeyMovesForwardOnlyAndKeepsTheVersion(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		change(t, s, "p", func(tx *Tx) error {
			return tx.InsertKey(Key{ID: "k", UserID: "owner", Name: "k", Postfix: "abcd", CreatedAt: epoch})
		})
		before := versionOf(t, s, "p")
		for _, step := range []struct{ stamp, want time.Duration }{{time.Minute, time.Minute}, {0, time.Minute}, {time.Hour, time.Hour}} {
			if err := s.StampKey(t.Context(), KeyUse{PortalID: "p", KeyID: "k", At: epoch.Add(step.stamp)}); err != nil {
				t.Fatal(err)
			}
			keys := read(t, s, func(tx *Tx) ([]Key, error) { return tx.Keys("p") })
			if want := epoch.Add(step.want); !keys[0].LastUsedAt.Equal(want) {
				t.Errorf("stamped %s: %s, want %s", step.stamp, keys[0].LastUsedAt, want)
			}
		}
		if after := versionOf(t, s, "p"); after != before {
			t.Errorf("version %d became %d", before, after)
		}
		if err := s.StampKey(t.Context(), KeyUse{PortalID: "p", KeyID: "gone", At: epoch}); err != nil {
			t.Errorf("a key that is gone: %v", err)
		}
	})
}

func TestCustomerKeepsItsNumberAndFirstDay(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		customer := func(tx *Tx) (Customer, error) { return tx.Customer("p") }
		want := Customer{AccountNumber: 7, Email: "a@example.com", MethodStatus: "none", CreatedAt: epoch}
		change(t, s, "p", func(tx *Tx) error { return tx.PutCustomer(want) })
		diff(t, "new", read(t, s, customer), want)

		want.Email, want.PayerID, want.MethodStatus, want.MethodType = "b@example.com", "owner", "set", "card"
		changed := want
		changed.AccountNumber, changed.CreatedAt = 8, epoch.Add(time.Hour)
		change(t, s, "p", func(tx *Tx) error { return tx.PutCustomer(changed) })
		diff(t, "changed", read(t, s, customer), want)

		want.PayerID, want.MethodStatus, want.MethodType = "", "expired", ""
		change(t, s, "p", func(tx *Tx) error { return tx.PutCustomer(want) })
		diff(t, "without payer", read(t, s, customer), want)
	})
}

func TestPocketsKeepTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		pockets := func(tx *Tx) ([]ledger.Pocket, error) { return tx.Pockets("p", ledger.Main) }
		diff(t, "none", read(t, s, pockets), []ledger.Pocket(nil))
		ensure := func(currencies ...money.Currency) {
			t.Helper()
			change(t, s, "p", func(tx *Tx) (err error) {
				for _, currency := range currencies {
					err = errors.Join(err, tx.EnsurePocket(ledger.Main, currency))
				}
				return err
			})
		}
		ensure("USD", "EUR", "AED", "USD")
		ensure("EUR", "USD")
		var want []ledger.Pocket
		for i, currency := range []money.Currency{"USD", "EUR", "AED"} {
			nought := money.FromUnits(0, currency)
			want = append(want, ledger.Pocket{Portal: "p", Book: ledger.Main, Position: int64(i), Balance: nought, Held: nought, CreditLimit: nought})
		}
		diff(t, "as they came", read(t, s, pockets), want)
	})
}

func TestWhatIsPutReplacesWhatWas(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		addPortal(t, s, "q")
		for _, bought := range [][]Subscription{
			{{PlanID: -9, Quantity: 10, DueAt: epoch}, {PlanID: -11, Quantity: math.MaxInt64}, {PlanID: -12, Quantity: 1, DueAt: epoch}},
			{{PlanID: -12, Quantity: 3}, {PlanID: -9, Quantity: 1}}, // in this order
			nil,
		} {
			change(t, s, "p", func(tx *Tx) error { return tx.PutSubscriptions(bought) })
			diff(t, "subscriptions", read(t, s, func(tx *Tx) ([]Subscription, error) { return tx.Subscriptions("p") }), bought)
		}
		for put, want := range map[*[]int][]int{{-13, -11, -12}: {-11, -12, -13}, {-12}: {-12}, {}: nil} {
			change(t, s, "p", func(tx *Tx) error { return tx.PutServices(*put) })
			diff(t, "services", read(t, s, func(tx *Tx) ([]int, error) { return tx.Services("p") }), want)
		}
		change(t, s, "p", func(tx *Tx) error { return errors.Join(tx.PutUsage("manager", 3), tx.PutUsage("room", 0)) })
		change(t, s, "p", func(tx *Tx) error { return tx.PutUsage("manager", math.MaxInt64) })
		usage := func(portal string) map[string]int64 {
			return read(t, s, func(tx *Tx) (map[string]int64, error) { return tx.Usage(portal) })
		}
		diff(t, "usage", usage("p"), map[string]int64{"manager": math.MaxInt64, "room": 0})
		diff(t, "usage of the other portal", usage("q"), map[string]int64{})
	})
}

func TestTopUpRuleIsNilUntilSetAndAfterItIsTakenAway(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		rule := func(tx *Tx) (*TopUpRule, error) { return tx.TopUpRule("p") }
		diff(t, "never set", read(t, s, rule), (*TopUpRule)(nil))
		for _, want := range []TopUpRule{
			{Enabled: true, MinBalance: usd(20_00), UpTo: usd(100_00), ModifiedAt: epoch},
			{MinBalance: eur(1), UpTo: money.FromUnits(math.MaxInt64, "EUR"), ModifiedAt: epoch.Add(time.Hour)},
		} {
			change(t, s, "p", func(tx *Tx) error { return tx.PutTopUpRule(want) })
			diff(t, "set", read(t, s, rule), &want)
		}
		for range 2 { // taking away what is not there is no error
			change(t, s, "p", func(tx *Tx) error { return tx.DeleteTopUpRule() })
			diff(t, "taken away", read(t, s, rule), (*TopUpRule)(nil))
		}
	})
}

func TestAccountNumbersAreNeverGivenTwice(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		last := int64(0)
		for range 5 {
			n, err := s.NewAccountNumber(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n <= last {
				t.Errorf("%d after %d", n, last)
			}
			last = n
		}
	})
}

func nothing(*Tx) error { return nil }
