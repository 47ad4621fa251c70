package billing_test

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// list returns all portals in a list.
func list(h *hall) []billing.PortalSummary {
	h.t.Helper()
	var all []billing.PortalSummary
	err := h.Portals(h.t.Context(), func(p billing.PortalSummary) error {
		all = append(all, p)
		return nil
	})
	if err != nil {
		h.t.Fatalf("Portals: %v", err)
	}
	return all
}

func TestCreatePortalTidiesWhatItIsGiven(t *testing.T) {
	h := newHall(t)
	id, err := h.CreatePortal(t.Context(), billing.NewPortal{
		ID: "acme", Name: "  Acme & Söhne ", Hosts: []string{"Acme.Example.", "192.0.2.1", "2001:DB8::1"}, Country: "de",
		Owner: billing.NewUser{Email: "Olivia.Owner@Example.COM", Role: billing.Guest},
	})
	if err != nil || id != "acme" {
		t.Fatalf("%q, %v", id, err)
	}
	all := list(h)
	if len(all) != 1 || all[0].Owner == nil || all[0].Owner.ID == "" {
		t.Fatalf("portals: %+v", all)
	}
	diff(t, "the portal", all[0], billing.PortalSummary{
		Portal: store.Portal{ID: "acme", Name: "Acme & Söhne", Country: "DE", CreatedAt: h.clock.Now(), Version: 1, Tariff: 2},
		Hosts:  []string{"192.0.2.1", "2001:db8::1", "acme.example"},
		Owner: &store.User{
			ID: all[0].Owner.ID, Email: "olivia.owner@example.com", Name: "olivia.owner", Role: "owner", CreatedAt: h.clock.Now(),
		},
	})
	for _, host := range all[0].Hosts {
		if v := h.view(host); v.Portal.ID != "acme" {
			t.Errorf("%s is answered by %s", host, v.Portal.ID)
		}
	}
}

func TestCreatePortalFillsInWhatIsLeftOut(t *testing.T) {
	h := newHall(t)
	owner := billing.NewUser{Email: "o@example.com"}
	seen := map[string]bool{}
	for i := range 3 {
		id, err := h.CreatePortal(t.Context(), billing.NewPortal{Hosts: []string{fmt.Sprintf("h%d.example", i), "z" + fmt.Sprint(i)}, Owner: owner})
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`).MatchString(id) || seen[id] {
			t.Errorf("the id that was drawn is %q", id)
		}
		seen[id] = true
	}
	for _, p := range list(h) {
		if p.Name != p.Hosts[0] || p.Country != "" {
			t.Errorf("%+v", p)
		}
	}
}

func TestPortalMayHaveNoOwner(t *testing.T) {
	h := newHall(t)
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{ID: "bare", Hosts: []string{"bare.example"}}))
	if p, err := h.Portal(t.Context(), "bare"); err != nil || p.Owner != nil {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, _, err := h.CreateKey(t.Context(), "bare", billing.NewKey{Name: "of nobody"}); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("a key of the owner that is not there: %v", err)
	}
	h.must(h.AddUser(t.Context(), "bare", billing.NewUser{Email: "o@bare.example", Role: billing.Owner}))
	if c := h.owner("bare"); c.Role != billing.Owner {
		t.Errorf("the one that came later is %+v", c)
	}
}

func TestCreatePortalTakesWhatIsJustLongEnough(t *testing.T) {
	h := newHall(t)
	label := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("a", 61) // 253
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{
		ID: strings.Repeat("a", 64), Name: strings.Repeat("n", 255), Hosts: []string{label, "a"},
		Owner: billing.NewUser{Email: "o@example.com", Name: strings.Repeat("o", 255)},
	}))
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{ID: "0", Name: "n", Owner: billing.NewUser{Email: "o@x"}}))
	if v := h.view(label); len(v.Portal.ID) != 64 {
		t.Errorf("%+v", v.Portal)
	}
}

func TestUnknownPortalIsNotFound(t *testing.T) {
	var tests []refusal
	for name, do := range changes("nowhere") {
		tests = append(tests, refusal{name: name, do: do, want: billing.ErrNotFound})
	}
	check(t, newCompany(t), tests)
}

// TestWhatIsAcceptedCanBeRead buys as much as can be bought.
func TestWhatIsAcceptedCanBeRead(t *testing.T) {
	// 40,000,000 of a plan are out of range in yen only.
	for _, quantity := range []int64{1, 1_000_000, 40_000_000, math.MaxInt64 / money.Scale, math.MaxInt64} {
		for plan, bought := range map[string][]billing.Purchase{
			"free": {{Plan: -3, Quantity: quantity}}, "paid": {{Plan: -9, Quantity: quantity}},
			"add-on": {{Plan: -9, Quantity: 1}, {Plan: -11, Quantity: quantity}},
		} {
			t.Run(fmt.Sprint(quantity, " ", plan), func(t *testing.T) {
				h := newCompany(t)
				if err := h.SetPurchases(t.Context(), company, bought); err != nil {
					var field *billing.FieldError
					if !errors.As(err, &field) || field.Field != "quantity" {
						t.Fatalf("refused with %v", err)
					}
					return
				}
				for _, country := range []string{"US", "ES", "GB", "JP", "KW"} {
					if _, _, err := h.Quota(h.as(billing.Admin), catalog.Locale{Asked: country}); err != nil {
						t.Errorf("it is accepted, but then the quota can't be read in %s: %v", country, err)
					}
				}
			})
		}
	}
}

func TestPurchasesReplaceWhatWas(t *testing.T) {
	h := newCompany(t)
	due := h.clock.Now().Add(5 * day)
	for _, tt := range []struct {
		bought  []billing.Purchase
		plan    int
		manager int64
	}{
		{[]billing.Purchase{{Plan: -10, Quantity: 2, DueAt: due}}, -10, 2},
		{[]billing.Purchase{{Plan: -9, Quantity: 7, DueAt: due}, {Plan: -12, Quantity: 1}, {Plan: -11, Quantity: 3}}, -9, 7},
		{nil, -3, 3},
	} {
		h.must(h.SetPurchases(t.Context(), company, tt.bought))
		q, _, err := h.Quota(h.as(billing.Owner), here)
		if err != nil {
			t.Fatal(err)
		}
		if q.Plan.ID != tt.plan || q.Features.Limit("manager") != tt.manager {
			t.Errorf("bought %v: plan %d, %d managers", tt.bought, q.Plan.ID, q.Features.Limit("manager"))
		}
	}
}

func TestUsageOfOtherFeaturesStays(t *testing.T) {
	h := newCompany(t)
	used := func() map[string]int64 {
		q, _, err := h.Quota(h.as(billing.Owner), here)
		if err != nil {
			t.Fatal(err)
		}
		return q.Used
	}
	want := used()
	h.must(h.SetUsage(t.Context(), company, map[string]int64{"manager": 0, "room": math.MaxInt64}))
	want["manager"], want["room"] = 0, math.MaxInt64
	diff(t, "usage", used(), want)
	h.must(h.SetUsage(t.Context(), company, nil))
	diff(t, "usage", used(), want)
	for _, feature := range billing.CountedFeatures() {
		h.must(h.SetUsage(t.Context(), company, map[string]int64{feature: 42}))
		if got := used()[feature]; got != 42 {
			t.Errorf("%s: %d", feature, got)
		}
	}
}

func TestServicesReplaceWhatWas(t *testing.T) {
	h := newCompany(t)
	for _, ids := range [][]int{{-13, -11}, {-11, -12, -13}, nil, {-12}} {
		h.must(h.SetServices(t.Context(), company, ids))
		_, standing, err := h.Quota(h.as(billing.Owner), here)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		slices.Sort(standing.Services)
		diff(t, "services", standing.Services, ids)
	}
}

func TestPortalIsShownAsItStandsInTheList(t *testing.T) {
	h := newCompany(t)
	h.addPortal("other")
	for _, want := range list(h) {
		got, err := h.Portal(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, want.ID, got, want)
	}
	for _, id := range []string{"", "nowhere", host} { // by its id only
		if _, err := h.Portal(t.Context(), id); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound", id, err)
		}
	}
}

func TestPortalsAreListedWholeAndInOrder(t *testing.T) {
	h := newHall(t)
	made := 0
	for _, n := range []int{0, 1, 199, 200, 201, 400, 401} { // a page has 200
		for ; made < n; made++ {
			// Not in the order of the ids.
			h.addPortal(fmt.Sprintf("p%03d", made*7%500))
		}
		all := list(h)
		if len(all) != n {
			t.Errorf("%d of %d are listed", len(all), n)
		}
		if !slices.IsSortedFunc(all, func(a, b billing.PortalSummary) int { return strings.Compare(a.ID, b.ID) }) {
			t.Errorf("%d are not in order", n)
		}
		for i, p := range all {
			if i > 0 && all[i-1].ID == p.ID {
				t.Errorf("%s is listed twice", p.ID)
			}
			if len(p.Hosts) != 1 || p.Hosts[0] != p.ID+".example" || p.Owner == nil || p.Owner.Email != "owner@"+p.ID+".example" {
				t.Errorf("%+v", p)
			}
		}
	}

	enough := errors.New("enough")
	for _, stop := range []int{1, 200, 201} {
		seen := 0
		err := h.Portals(t.Context(), func(billing.PortalSummary) error {
			if seen++; seen == stop {
				return enough
			}
			return nil
		})
		if err != enough || seen != stop {
			t.Errorf("stopped at %d after %d: %v", stop, seen, err)
		}
	}
}

func TestListOfPortalsMayBeChangedWhileItIsRead(t *testing.T) {
	h := newHall(t)
	h.addPortal("a")
	h.addPortal("b")
	err := h.Portals(t.Context(), func(p billing.PortalSummary) error {
		return h.SetUsage(t.Context(), p.ID, map[string]int64{"room": 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list(h) {
		if p.Version != 2 {
			t.Errorf("%s: version %d", p.ID, p.Version)
		}
	}
}

func TestFindPortal(t *testing.T) {
	h := newHall(t)
	find := func(name, want string) {
		t.Helper()
		if got, err := h.FindPortal(t.Context(), name); err != nil || got != want {
			t.Errorf("%q is %q (%v), want %q", name, got, err, want)
		}
	}
	var field *billing.FieldError
	if _, err := h.FindPortal(t.Context(), ""); !errors.As(err, &field) || field.Field != "portal" {
		t.Errorf("the only one of none: %v", err)
	}
	h.addPortal("alpha")
	find("", "alpha")
	// Its host is the id of another one.
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{
		ID: "beta", Hosts: []string{"alpha", "beta.example", "third.example"}, Owner: billing.NewUser{Email: "o@example.com"},
	}))
	find("alpha", "alpha")
	find("beta", "beta")
	find("alpha.example", "alpha")
	find("third.example", "beta")
	find("BETA.Example", "beta")
	if _, err := h.FindPortal(t.Context(), ""); !errors.As(err, &field) || field.Field != "portal" {
		t.Errorf("the only one of two: %v", err)
	}
	for _, name := range []string{"gamma", "gamma.example", "example", "%", "alpha.example:80"} {
		if got, err := h.FindPortal(t.Context(), name); !errors.Is(err, billing.ErrNotFound) || got != "" {
			t.Errorf("%q is %q (%v)", name, got, err)
		}
	}
}

func TestUsersAreAddedOnce(t *testing.T) {
	h := newHall(t)
	h.addPortal("p")
	h.addPortal("q")
	ids := map[string]bool{}
	for _, portal := range []string{"p", "q"} { // the same people may be in both
		for _, role := range billing.Roles()[1:] {
			id, err := h.AddUser(t.Context(), portal, billing.NewUser{Email: strings.ToUpper(string(role)) + "@Example.com", Role: role})
			if err != nil || id == "" || ids[id] {
				t.Errorf("%s: %q, %v", role, id, err)
			}
			ids[id] = true
			var user store.User
			h.must(h.store.Read(t.Context(), func(tx *store.Tx) (err error) {
				user, err = tx.UserByEmail(portal, string(role)+"@example.com")
				return err
			}))
			diff(t, "the user", user, store.User{
				ID: id, Email: string(role) + "@example.com", Name: string(role), Role: string(role), CreatedAt: h.clock.Now(),
			})
		}
	}
}

func TestNewWantsAStore(t *testing.T) {
	if s, err := billing.New(billing.Config{}); err == nil || s != nil {
		t.Error("a service without a store is made")
	}
	if s, err := billing.New(billing.Config{Store: newHall(t).store, MaxViews: -1}); err == nil || s != nil {
		t.Error("a service that keeps less than nothing is made")
	}
}

func TestTimeIsTimeNowWhenNotGiven(t *testing.T) {
	h := newHall(t)
	s, err := billing.New(billing.Config{Store: h.store})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Truncate(time.Microsecond)
	h.must(s.CreatePortal(t.Context(), billing.NewPortal{Name: "p", Owner: billing.NewUser{Email: "o@example.com"}}))
	if made := list(h)[0].CreatedAt; made.Before(before) || made.After(time.Now()) {
		t.Errorf("made at %s", made)
	}
}
