package store

import (
	"errors"
	"fmt"
	"math"
	"strings"
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
		beta.Version, alpha.Version, beta.Tariff, alpha.Tariff = 1, 1, 1, 1

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

// Names are asked for by any number of ids, more than one question is about.
func TestUserNamesAreFoundAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		addPortal(t, s, "q")
		change(t, s, "q", func(tx *Tx) error {
			return tx.InsertUser(User{ID: "stranger", Email: "s@q.example", Name: "Stranger", Role: "user", CreatedAt: epoch})
		})
		all := map[string]string{}
		var ids []string
		change(t, s, "p", func(tx *Tx) error {
			for i := range 2*namesAtOnce + 1 {
				id := fmt.Sprint("u", i)
				u := User{ID: id, Email: id + "@p.example", Name: strings.Repeat("ü", i), Role: "user", CreatedAt: epoch}
				if err := tx.InsertUser(u); err != nil {
					return err
				}
				ids, all[id] = append(ids, id), u.Name
			}
			return nil
		})
		for _, n := range []int{0, 1, namesAtOnce - 1, namesAtOnce, namesAtOnce + 1, len(ids)} {
			want := map[string]string{}
			for _, id := range ids[:n] {
				want[id] = all[id]
			}
			asked := append([]string{"none", "stranger"}, ids[:n]...)
			diff(t, fmt.Sprint(n, " names"), read(t, s, func(tx *Tx) (map[string]string, error) { return tx.UserNames("p", asked) }), want)
			diff(t, fmt.Sprint(n, " names alone"), read(t, s, func(tx *Tx) (map[string]string, error) { return tx.UserNames("p", ids[:n]) }), want)
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
			{{PlanID: -11, Quantity: 100, DueAt: epoch.Add(time.Hour), Next: new(int64), PaidFrom: "wallet", Rate: money.FromUnits(1400, "USD"),
				StartedAt: epoch, AnchorAt: epoch.Add(-time.Hour), TimeZone: "Europe/Berlin", PastDueAt: epoch.Add(2 * time.Hour)}},
			nil,
		} {
			change(t, s, "p", func(tx *Tx) error { return tx.PutSubscriptions(bought) })
			diff(t, "subscriptions", read(t, s, func(tx *Tx) ([]Subscription, error) { return tx.Subscriptions("p") }), bought)
		}
		for put, want := range map[*[]int][]int{{-13, -11, -12}: {-11, -12, -13}, {-12}: {-12}, {}: nil} {
			change(t, s, "p", func(tx *Tx) error { return tx.PutServices(*put, epoch) })
			diff(t, "when", read(t, s, func(tx *Tx) (Portal, error) { return tx.Portal("p") }).ServicesAt, epoch)
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

func TestModelsAreRestrictedForOnePortal(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		addPortal(t, s, "q")
		restricted := func(portal string) []string {
			return read(t, s, func(tx *Tx) ([]string, error) { return tx.RestrictedModels(portal) })
		}
		for _, want := range [][]string{{"a", "b-1"}, {"c"}, nil} {
			change(t, s, "p", func(tx *Tx) error { return tx.PutRestrictedModels(want) })
			diff(t, "models", restricted("p"), want)
			diff(t, "models of the other portal", restricted("q"), []string(nil))
		}
	})
}

func TestTrailIsNumberedAndReadBackwards(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		addPortal(t, s, "q")
		line := func(number int64) Audit {
			return Audit{PortalID: "p", Number: number, At: epoch.Add(time.Duration(number) * time.Second), Action: "key.create", Object: "k",
				Actor: "user", ActorID: "u", ActorName: "Ann", RequestID: "r", Before: "", After: `{"a":1}`}
		}
		for number := range int64(5) {
			change(t, s, "p", func(tx *Tx) error { return tx.AppendAudit(line(number + 1)) })
			change(t, s, "q", func(tx *Tx) error { return tx.AppendAudit(line(9)) })
		}
		before := func(number int64, limit int) []Audit {
			return read(t, s, func(tx *Tx) ([]Audit, error) { return tx.AuditBefore("p", number, limit) })
		}
		diff(t, "the latest", before(0, 2), []Audit{line(5), line(4)})
		diff(t, "those before", before(4, 2), []Audit{line(3), line(2)})
		diff(t, "the rest", before(2, 2), []Audit{line(1)})
	})
}

func TestPageKeepsNobodyWaiting(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		c := Collection{PortalID: "p", Key: "page", Provider: "sandbox", Amount: money.FromUnits(5, "USD"), OpenedAt: epoch, AskedAt: epoch, State: CollectionOpen,
			Purpose: ForPlan, PlanID: -9, Quantity: 3, Tariff: 7, Page: "https://pay.example.com/1", PageUntil: epoch.Add(time.Hour), Input: [32]byte{1}}
		insert := func(c Collection) int64 {
			change(t, s, "p", func(tx *Tx) (err error) {
				c.Number, err = tx.InsertCollection(c)
				return err
			})
			return c.Number
		}
		c.Number = insert(c)
		deposit := Collection{PortalID: "p", Key: "deposit", Provider: "sandbox", Amount: money.FromUnits(5, "USD"), OpenedAt: epoch, AskedAt: epoch, State: CollectionOpen, Purpose: ForDeposit}
		deposit.Number = insert(deposit)
		diff(t, "the open one", read(t, s, func(tx *Tx) (Collection, error) { return tx.OpenCollection("p") }), deposit)
		diff(t, "of all", read(t, s, func(tx *Tx) ([]Collection, error) { return tx.OpenCollections(epoch.Add(time.Hour), "", 9) }), []Collection{deposit})
		diff(t, "the page", read(t, s, func(tx *Tx) (Collection, error) { return tx.OpenPage("p", [32]byte{1}) }), c)
		c.Page, c.Reference, c.PageUntil = "https://pay.example.com/2", "ref", epoch.Add(2*time.Hour)
		change(t, s, "p", func(tx *Tx) error { return tx.PutPage(c) })
		diff(t, "by number", read(t, s, func(tx *Tx) (Collection, error) { return tx.CollectionByNumber("p", c.Number) }), c)
		c.State, c.ClosedAt = CollectionSettled, epoch
		change(t, s, "p", func(tx *Tx) error { return tx.CloseCollection(c) })
		if err := s.Change(t.Context(), "p", func(tx *Tx) error { return tx.PutPage(c) }); !errors.Is(err, ErrNotFound) {
			t.Errorf("a page for what is closed: %v", err)
		}
	})
}

func TestTopUpRuleIsNilUntilSetAndAfterItIsTakenAway(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		rule := func(tx *Tx) (*TopUpRule, error) { return tx.TopUpRule("p") }
		diff(t, "never set", read(t, s, rule), (*TopUpRule)(nil))
		for _, want := range []TopUpRule{
			{Enabled: true, MinBalance: usd(20_00), UpTo: usd(100_00), ModifiedAt: epoch},
			{MinBalance: eur(5_00), UpTo: eur(6_00), MaxCharge: eur(1_00), MaxDay: eur(2_00), MaxMonth: eur(3_00), MaxCount: 4, ModifiedAt: epoch},
			{MinBalance: eur(5_00), UpTo: eur(6_00), MaxMonth: eur(3_00), ModifiedAt: epoch},
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

func TestPlansInUseAreOfAllPortals(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		inUse := func(tx *Tx) ([]int, error) { return tx.PlansInUse() }
		with := func(plan, limit int) func(*Tx) ([]string, error) {
			return func(tx *Tx) ([]string, error) { return tx.PortalsWithPlan(plan, limit) }
		}
		diff(t, "of none", read(t, s, inUse), []int(nil))
		for _, id := range []string{"c", "a", "b"} {
			addPortal(t, s, id)
		}
		diff(t, "of portals that bought nothing", read(t, s, inUse), []int(nil))
		bought := func(portal string, plans ...int) {
			t.Helper()
			change(t, s, portal, func(tx *Tx) error {
				var all []Subscription
				for _, plan := range plans {
					all = append(all, Subscription{PlanID: plan, Quantity: 1})
				}
				return tx.PutSubscriptions(all)
			})
		}
		bought("c", -9, -11)
		bought("a", -20, -11)
		bought("b", -9)
		diff(t, "of three", read(t, s, inUse), []int{-9, -11, -20})
		diff(t, "-11", read(t, s, with(-11, 10)), []string{"a", "c"})
		diff(t, "-9, one", read(t, s, with(-9, 1)), []string{"b"})
		diff(t, "-12", read(t, s, with(-12, 1)), []string(nil))
		bought("a")
		diff(t, "of two", read(t, s, inUse), []int{-9, -11})
	})
}
