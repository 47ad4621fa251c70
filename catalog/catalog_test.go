package catalog

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/bursarhq/bursar/money"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestStock(t *testing.T) {
	c := Stock()
	var ids []int
	for _, p := range c.Offered(false) {
		ids = append(ids, p.ID)
	}
	if len(ids) != 2 || ids[0] != -9 || ids[1] != -10 {
		t.Errorf("plans on offer: %v", ids)
	}
	ids = nil
	for _, p := range c.Offered(true) {
		ids = append(ids, p.ID)
	}
	if !slices.Equal(ids, []int{-11, -12, -13}) {
		t.Errorf("services on offer: %v", ids)
	}
	for _, currency := range []money.Currency{"USD", "EUR", "GBP", "JPY", "KWD"} {
		if p, _ := c.Plan(-9); p.PriceAt(currency, now).Sign() <= 0 {
			t.Errorf("no price in %s", currency)
		}
	}
	if c.DefaultPlan().ID != -3 {
		t.Errorf("default plan %d", c.DefaultPlan().ID)
	}
	if c.DefaultCurrency() != "USD" {
		t.Errorf("default currency %s", c.DefaultCurrency())
	}
	if _, ok := c.Plan(-99); ok {
		t.Error("there is a plan -99")
	}
}

func TestPlanNamed(t *testing.T) {
	for name, want := range map[string]int{
		"startup": -3, "Startup": -3, "business": -9, "admin": -9, "adminyear": -10, "storage": -11, "non-profit": -7,
	} {
		if p, ok := Stock().PlanNamed(name); !ok || p.ID != want {
			t.Errorf("%q is %v, want %d", name, p, want)
		}
	}
	if p, ok := Stock().PlanNamed(""); ok && p.Title != "" {
		t.Errorf("no name is %v", p)
	}
	if _, ok := Stock().PlanNamed("gold"); ok {
		t.Error("there is a plan gold")
	}
}

// The contract's own example: ten admins of Business and 100 GB of storage.
func TestSumOfTheContract(t *testing.T) {
	c := Stock()
	business, _ := c.Plan(-9)
	storage, _ := c.Plan(-11)
	total, err := Sum([]Line{{business, 10}, {storage, 100}}, "USD", now)
	if err != nil {
		t.Fatal(err)
	}
	if got := total.Price.String(); got != "200.00 USD" {
		t.Errorf("price %s", got)
	}
	for name, want := range map[string]int64{
		"manager": 10, "total_size": 2791728742400, "file_size": 1 << 30, "free_backup": 2,
		"room": Unlimited, "users": Unlimited,
	} {
		if got := total.Features.Limit(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if total.Primary.ID != -9 || !total.Features.Has("sso") || total.Features.Has("year") {
		t.Errorf("got %+v", total)
	}
}

func TestSumRules(t *testing.T) {
	plan := func(features string, wallet bool) *Plan {
		f, err := ParseFeatures(features)
		if err != nil {
			t.Fatal(err)
		}
		return &Plan{ID: -1, Name: "x", Features: f, Wallet: wallet, Additional: wallet,
			prices: []Price{{Amounts: []money.Amount{money.FromUnits(money.Scale, "USD")}}}}
	}
	huge := plan("room:9223372036854775807", false)
	tests := []struct {
		name    string
		lines   []Line
		feature string
		want    int64
		price   string
	}{
		{"unlimited and limited is limited", []Line{{plan("", false), 1}, {plan("room:5", false), 1}}, "room", 5, "2.00"},
		{"counts grow with the quantity", []Line{{plan("manager:3", false), 4}}, "manager", 12, "4.00"},
		{"fixed counts do not", []Line{{plan("free_backup:2:fixed", false), 4}}, "free_backup", 2, "4.00"},
		{"file sizes: the larger", []Line{{plan("file_size:1", false), 9}, {plan("file_size:2", false), 1}}, "file_size", 2 << 20, "10.00"},
		{"a product beyond range is unlimited", []Line{{huge, 2}}, "room", Unlimited, "2.00"},
		{"a sum beyond range is unlimited", []Line{{huge, 1}, {huge, 1}}, "room", Unlimited, "2.00"},
		{"the wallet's price is not the plan's", []Line{{plan("", false), 1}, {plan("", true), 50}}, "room", Unlimited, "1.00"},
		{"nothing bought", nil, "room", Unlimited, "0.00"},
	}
	for _, tt := range tests {
		total, err := Sum(tt.lines, "USD", now)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := total.Features.Limit(tt.feature); got != tt.want {
			t.Errorf("%s: %s is %d, want %d", tt.name, tt.feature, got, tt.want)
		}
		if got := total.Price.Decimal(); got != tt.price {
			t.Errorf("%s: price %s, want %s", tt.name, got, tt.price)
		}
	}
	if _, err := Sum([]Line{{plan("", false), math.MaxInt64}}, "USD", now); !errors.Is(err, money.ErrRange) {
		t.Errorf("a price beyond range: %v", err)
	}
}

func TestParseFeatures(t *testing.T) {
	f, err := ParseFeatures("LDAP, manager:3;total_size:100 file_size:1048576")
	if err != nil {
		t.Fatal(err)
	}
	if !f.Has("ldap") || f.Limit("manager") != 3 || f.Limit("total_size") != 100<<20 || f.Limit("file_size") != 1<<20 {
		t.Errorf("got %s", f)
	}
	for _, text := range []string{"gold", "manager", "manager:x", "manager:-1", "manager:1:2", "ldap:1", "free_backup:2", "free_backup:2:loose", "ldap,ldap", ":"} {
		if f, err := ParseFeatures(text); !errors.Is(err, ErrFeature) {
			t.Errorf("%q was read as %s, %v", text, f, err)
		}
	}
}

// What String writes, ParseFeatures reads, for whatever quantities add up.
func TestFeaturesRoundTrip(t *testing.T) {
	plans := Stock().All()
	rapid.Check(t, func(t *rapid.T) {
		var lines []Line
		for range rapid.IntRange(0, 4).Draw(t, "lines") {
			lines = append(lines, Line{rapid.SampledFrom(plans).Draw(t, "plan"), rapid.Int64Range(1, 1000).Draw(t, "quantity")})
		}
		total, err := Sum(lines, "USD", now)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseFeatures(total.Features.String())
		if err != nil || back.String() != total.Features.String() {
			t.Fatalf("%s came back as %s, %v", total.Features, back, err)
		}
	})
}

func TestRegion(t *testing.T) {
	tests := []struct {
		locale Locale
		want   string
	}{
		{Locale{}, "US"},
		{Locale{Asked: "ES"}, "ES"},
		{Locale{Asked: "de"}, "DE"},
		{Locale{Asked: "GB", Visitor: "FR"}, "GB"},
		{Locale{Visitor: "FR"}, "ES"},
		{Locale{Visitor: "GB"}, "ES"}, // in Europe, as stock has it
		{Locale{Visitor: "JP"}, "JP"},
		{Locale{Portal: "JP"}, "JP"},
		{Locale{Portal: "KW", Visitor: "US"}, "US"},
		{Locale{Asked: "CH"}, "US"}, // nothing is priced in francs
		{Locale{Asked: "XX", Portal: "JP"}, "US"},
	}
	for _, tt := range tests {
		if got := Stock().Region(tt.locale); got.Country != tt.want {
			t.Errorf("%+v is %s, want %s", tt.locale, got.Country, tt.want)
		}
	}
}

func TestDefaultRegionFollowsTheDefaultCurrency(t *testing.T) {
	for currency, want := range map[string]string{"USD": "US", "EUR": "ES", "GBP": "GB", "JPY": "JP", "XAF": "XA"} {
		c, err := Parse([]byte("currencies: [" + currency + "]\nplans: [{id: -1, name: x, features: free}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.DefaultRegion(); got.Country != want || string(got.Currency) != currency {
			t.Errorf("%s: %+v", currency, got)
		}
	}
}
