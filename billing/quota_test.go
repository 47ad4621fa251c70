package billing_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
)

// quota returns a portal's quota as its owner sees it.
func quota(h *hall, c *billing.Caller, locale catalog.Locale) (*billing.Quota, *billing.Standing) {
	h.t.Helper()
	q, standing, err := h.Quota(c, locale)
	if err != nil {
		h.t.Fatalf("Quota: %v", err)
	}
	return q, standing
}

func TestSampleQuota(t *testing.T) {
	h := newCompany(t)
	for _, role := range []billing.Role{billing.Owner, billing.Member} {
		q, standing := quota(h, h.as(role), here)
		diff(t, "standing", standing, &billing.Standing{Current: plan(t, -9), Services: []int{-12}, Since: h.clock.Now()})
		// The contract's example A.
		for feature, want := range map[string]int64{
			"manager": 10, "total_size": 2791728742400, "file_size": 1 << 30, "free_backup": 2, "users": catalog.Unlimited,
		} {
			if got := q.Features.Limit(feature); got != want {
				t.Errorf("%s is %d, want %d", feature, got, want)
			}
		}
		if q.Plan.ID != -9 || q.Price != amount("200 USD") || q.Region.Country != "US" {
			t.Errorf("plan %d for %s in %s", q.Plan.ID, q.Price, q.Region.Country)
		}
		if want := h.clock.Now().Add(23 * day); !q.DueAt.Equal(want) {
			t.Errorf("due %s, want %s", q.DueAt, want)
		}
		diff(t, "used", q.Used, map[string]int64{
			"manager": 4, "total_size": 684 * gigabyte, "users": 14, "room": 37, "free_backup": 1, "aiagent": 2,
		})
	}
}

func TestPortalThatBoughtNothingHasTheFreePlan(t *testing.T) {
	h := newHall(t)
	h.addPortal("p")
	q, standing := quota(h, h.owner("p"), here)
	if q.Plan.ID != -3 || standing.Current.ID != -3 || q.Price != amount("0 USD") || !q.DueAt.IsZero() || q.Features.Limit("manager") != 3 {
		t.Errorf("%+v", q)
	}
	diff(t, "used", q.Used, map[string]int64{})
	diff(t, "services", standing.Services, []int(nil))
}

func TestPricesAreInTheReadersCurrency(t *testing.T) {
	tests := []struct {
		portal  string // its country
		locale  catalog.Locale
		country string
		price   string // of ten Business plans
		list    []money.Currency
	}{
		{"", here, "US", "200 USD", []money.Currency{"USD"}},
		{"US", here, "US", "200 USD", []money.Currency{"USD"}},
		{"GB", here, "GB", "160 GBP", []money.Currency{"USD", "GBP"}},
		{"CH", here, "US", "200 USD", []money.Currency{"USD"}}, // nothing is priced in francs
		{"GB", catalog.Locale{Asked: "jp"}, "JP", "30000 JPY", []money.Currency{"USD", "JPY"}},
		{"GB", catalog.Locale{Visitor: "KW"}, "KW", "61.5 KWD", []money.Currency{"USD", "KWD"}},
		{"GB", catalog.Locale{Visitor: "FR"}, "ES", "185 EUR", []money.Currency{"USD", "EUR"}},
		{"GB", catalog.Locale{Asked: "US", Visitor: "FR"}, "US", "200 USD", []money.Currency{"USD"}},
		// The portal's country is the portal's business.
		{"GB", catalog.Locale{Portal: "JP"}, "GB", "160 GBP", []money.Currency{"USD", "GBP"}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %+v", tt.portal, tt.locale), func(t *testing.T) {
			h := newHall(t)
			h.must(h.CreatePortal(t.Context(), billing.NewPortal{
				ID: "p", Hosts: []string{"p.example"}, Country: tt.portal, Owner: billing.NewUser{Email: "o@example.com"},
				Bought: []billing.Purchase{{Plan: -9, Quantity: 10}},
			}))
			c := h.owner("p")
			q, _ := quota(h, c, tt.locale)
			if q.Price != amount(tt.price) || q.Region.Country != tt.country {
				t.Errorf("%s in %s, want %s in %s", q.Price, q.Region.Country, tt.price, tt.country)
			}
			offers, _, err := h.Quotas(c, false, tt.locale)
			if err != nil {
				t.Fatal(err)
			}
			for _, offer := range offers {
				if offer.Price != offer.Plan.PriceAt(q.Region.Currency, h.clock.Now()) || offer.Region != q.Region || offer.Price.IsZero() {
					t.Errorf("plan %d is offered for %s in %s", offer.Plan.ID, offer.Price, offer.Region.Country)
				}
			}
			regions, err := h.Currencies(c, tt.locale)
			if err != nil {
				t.Fatal(err)
			}
			var list []money.Currency
			for _, region := range regions {
				list = append(list, region.Currency)
			}
			diff(t, "currencies", list, tt.list)
			if regions[len(regions)-1] != q.Region {
				t.Errorf("the last region is %+v, want %+v", regions[len(regions)-1], q.Region)
			}
		})
	}
}

func TestQuotaIsDueWhenItsFirstAddOnIsOrElseThePlan(t *testing.T) {
	h := newHall(t)
	stock := hallOn(t, h.dir, h.clock, billing.Config{StockQuirks: true})
	in := func(days int) time.Time { return h.clock.Now().Add(time.Duration(days) * day) }
	never := time.Time{}
	for i, tt := range []struct {
		plan, storage, backup time.Time
		want, quirk           time.Time
	}{
		{never, never, never, never, never},
		{in(9), never, never, in(9), never},
		{in(9), in(20), never, in(20), in(20)},
		{in(9), in(20), in(10), in(10), in(10)},
		{never, never, in(10), in(10), in(10)},
		{in(-9), never, never, in(-9), never},
		{in(-9), in(-1), in(10), in(10), in(10)}, // what is over is no longer due
		{in(9), in(-1), in(0), in(9), never},
	} {
		id := fmt.Sprint("p", i)
		h.addPortal(id, billing.Purchase{Plan: -9, Quantity: 1, DueAt: tt.plan},
			billing.Purchase{Plan: -11, Quantity: 1, DueAt: tt.storage}, billing.Purchase{Plan: -12, Quantity: 1, DueAt: tt.backup})
		if q, _ := quota(h, h.owner(id), here); !q.DueAt.Equal(tt.want) {
			t.Errorf("%+v: due %s", tt, q.DueAt)
		}
		if q, _ := quota(stock, stock.owner(id), here); !q.DueAt.Equal(tt.quirk) {
			t.Errorf("%+v: with the quirk, due %s", tt, q.DueAt)
		}
	}
}

func TestAddOnsThatAreOverCountNoMore(t *testing.T) {
	h := newHall(t)
	now := h.clock.Now()
	h.addPortal("p", billing.Purchase{Plan: -9, Quantity: 1, DueAt: now.Add(-day)}, // the plan does
		billing.Purchase{Plan: -11, Quantity: 5, DueAt: now}, billing.Purchase{Plan: -12, Quantity: 1, DueAt: now.Add(time.Microsecond)})
	q, _ := quota(h, h.owner("p"), here)
	if got := q.Features.Limit("total_size"); q.Plan.ID != -9 || got != plan(t, -9).Features.Limit("total_size") || !q.Features.Has("backup") {
		t.Errorf("plan %d with %d bytes, backup %v", q.Plan.ID, got, q.Features.Has("backup"))
	}
}

func TestQuotasAreWhatIsOnOffer(t *testing.T) {
	h := newCompany(t)
	h.addPortal("charity", billing.Purchase{Plan: -7, Quantity: 1})
	for _, tt := range []struct {
		c       *billing.Caller
		wallet  bool
		want    []int
		current int
	}{
		{h.as(billing.Owner), false, []int{-9, -10}, -9},
		{h.as(billing.Admin), true, []int{-11, -12, -13}, -9},
		{h.owner("charity"), false, []int{-7}, -7},
		{h.owner("charity"), true, []int{-11, -12, -13}, -7},
	} {
		offers, standing, err := h.Quotas(tt.c, tt.wallet, here)
		if err != nil {
			t.Fatal(err)
		}
		if got := planIDs(offers); !slices.Equal(got, tt.want) || standing.Current.ID != tt.current {
			t.Errorf("%v are offered, the current one is %d, want %v and %d", got, standing.Current.ID, tt.want, tt.current)
		}
		for _, offer := range offers {
			if offer.Used != nil || !offer.DueAt.IsZero() || offer.Features.String() != offer.Plan.Features.String() {
				t.Errorf("plan %d is not offered as it is: %+v", offer.Plan.ID, offer)
			}
		}
	}
}

func TestCatalogueOfOnesOwn(t *testing.T) {
	own, err := catalog.Parse([]byte(`
currencies: [CHF, USD]
plans:
  - { id: -1, name: gratis, features: "free, manager:1" }
  - { id: -2, name: gold, visible: true, features: "manager:5", price: { CHF: 10.05, USD: 11 } }
`))
	if err != nil {
		t.Fatal(err)
	}
	h := newCompany(t) // whose plan this catalogue lacks
	other := hallOn(t, h.dir, h.clock, billing.Config{Catalog: own})
	other.addPortal("p")
	c := other.owner("p")
	if q, _ := quota(other, c, here); q.Plan.ID != -1 || q.Price != amount("0 CHF") {
		t.Errorf("plan %d for %s", q.Plan.ID, q.Price)
	}
	h.must(other.SetPurchases(t.Context(), "p", []billing.Purchase{{Plan: -2, Quantity: 3}}))
	if q, _ := quota(other, other.owner("p"), catalog.Locale{Asked: "CH"}); q.Price != amount("30.15 CHF") || q.Features.Limit("manager") != 15 {
		t.Errorf("%s, %d managers", q.Price, q.Features.Limit("manager"))
	}
	h.must(other.SetTopUpRule(t.Context(), "p", true, amount("20 CHF"), amount("30 CHF")))
	if err := other.SetTopUpRule(t.Context(), "p", true, amount("20 EUR"), amount("30 EUR")); !errors.Is(err, billing.ErrInvalid) {
		t.Errorf("a rule in a currency that nothing is priced in: %v", err)
	}
	// A plan that the catalogue lacks is our fault, not a portal that is not there.
	_, err = other.View(t.Context(), host)
	if err == nil || errors.Is(err, billing.ErrNoPortal) || errors.Is(err, billing.ErrNotFound) || errors.Is(err, billing.ErrTryAgain) {
		t.Errorf("a plan that the catalogue lacks: %v", err)
	}
}

// Views are kept as they are until a price changes, and no longer.
func TestPriceChangesOnTheDay(t *testing.T) {
	change := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	dated, err := catalog.Parse([]byte(`
currencies: [USD]
plans:
  - { id: -1, name: gratis, features: free }
  - { id: -2, name: gold, visible: true, features: "manager:5", price: [ { USD: 10 }, { from: 2030-01-01, USD: 11 }, { from: 2030-01-02, USD: 12 } ] }
`))
	if err != nil {
		t.Fatal(err)
	}
	clock := newClock()
	h := hallOn(t, t.TempDir(), clock, billing.Config{Catalog: dated})
	h.addPortal("p", billing.Purchase{Plan: -2, Quantity: 3})
	for _, step := range []struct {
		at          time.Time
		price, unit string
	}{
		{change.Add(-time.Hour), "30 USD", "10 USD"},
		{change.Add(-time.Microsecond), "30 USD", "10 USD"},
		{change, "33 USD", "11 USD"},
		{change.Add(time.Hour), "33 USD", "11 USD"},
		{change.Add(24 * time.Hour), "36 USD", "12 USD"},
		{change.Add(999 * time.Hour), "36 USD", "12 USD"},
	} {
		clock.Move(step.at.Sub(clock.Now()))
		v, err := h.View(t.Context(), "p.example")
		if err != nil {
			t.Fatal(err)
		}
		price, err := billing.Derived(v, "price", func() (money.Amount, error) {
			q, _ := quota(h, h.owner("p"), here)
			return q.Price, nil
		})
		if err != nil || price != amount(step.price) {
			t.Errorf("at %s an answer that is kept says %s, want %s (%v)", step.at, price, step.price, err)
		}
		offers, _, err := h.Quotas(h.owner("p"), false, here)
		if err != nil || len(offers) != 1 || offers[0].Price != amount(step.unit) {
			t.Errorf("at %s one is offered for %v, want %s (%v)", step.at, offers, step.unit, err)
		}
	}
}

// A purchase must stay within what can be counted at prices to come, too.
func TestPurchaseIsCheckedAtPricesToCome(t *testing.T) {
	dated, err := catalog.Parse([]byte(`
currencies: [USD]
plans:
  - { id: -1, name: gratis, features: free }
  - { id: -2, name: gold, price: [ { USD: 1 }, { from: 2099-01-01, USD: 1000 } ] }
`))
	if err != nil {
		t.Fatal(err)
	}
	h := hallOn(t, t.TempDir(), newClock(), billing.Config{Catalog: dated})
	h.addPortal("p")
	if err := h.SetPurchases(t.Context(), "p", []billing.Purchase{{Plan: -2, Quantity: 1_000_000_000}}); !errors.Is(err, billing.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	h.must(h.SetPurchases(t.Context(), "p", []billing.Purchase{{Plan: -2, Quantity: 90_000_000}}))
}

// A plan that is paid from the wallet is a plan, and no add-on.
func TestPlanFromTheWalletIsAPlan(t *testing.T) {
	h := newHall(t)
	h.addPortal("p", billing.Purchase{Plan: -14, Quantity: 4}, billing.Purchase{Plan: -11, Quantity: 100})
	if q, _ := quota(h, h.owner("p"), here); q.Plan.ID != -14 || q.Features.Limit("manager") != 4 {
		t.Errorf("plan %d for %d managers", q.Plan.ID, q.Features.Limit("manager"))
	}
	for _, bought := range [][]billing.Purchase{
		{{Plan: -9, Quantity: 1}, {Plan: -14, Quantity: 1}},
		{{Plan: -11, Quantity: 1}},
	} {
		if err := h.SetPurchases(t.Context(), "p", bought); !errors.Is(err, billing.ErrInvalid) {
			t.Errorf("%v: %v", bought, err)
		}
	}
}
