package catalog

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
)

// dated is a catalogue whose second plan gets dearer twice.
const dated = `
currencies: [USD, EUR]
plans:
  - { id: -1, name: x, features: free }
  - id: -2
    name: y
    price:
      - { USD: 20, EUR: 18.50 }
      - { from: 2027-01-01, USD: 22, EUR: 18.50 }
      - { from: "2027-06-01T12:00:00+02:00", USD: 25, EUR: 19 }
  - { id: -3, name: z, price: [ { from: 2027-03-01, USD: 1, EUR: 1 } ] }
  - { id: -4, name: w, price: [ { USD: 2, EUR: 2 }, { from: 2027-01-01, USD: 3, EUR: 2 } ] }
`

func mustParse(t testing.TB, text string) *Catalog {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestPriceAt(t *testing.T) {
	c := mustParse(t, dated)
	for _, tt := range []struct {
		plan     int
		currency money.Currency
		at, want string
	}{
		{-2, "USD", "2000-01-01T00:00:00Z", "20.00 USD"},
		{-2, "USD", "2026-12-31T23:59:59.999999999Z", "20.00 USD"},
		{-2, "USD", "2027-01-01T00:00:00Z", "22.00 USD"},
		{-2, "USD", "2027-01-01T00:30:00+01:00", "20.00 USD"}, // not yet, in UTC
		{-2, "EUR", "2027-01-01T00:00:00Z", "18.50 EUR"},
		{-2, "USD", "2027-06-01T09:59:59Z", "22.00 USD"},
		{-2, "USD", "2027-06-01T10:00:00Z", "25.00 USD"},
		{-2, "EUR", "2099-06-01T10:00:00Z", "19.00 EUR"},
		{-2, "JPY", "2027-01-01T00:00:00Z", "0"}, // in no currency at all
		{-3, "USD", "2020-01-01T00:00:00Z", "1.00 USD"},
		{-3, "USD", "2030-01-01T00:00:00Z", "1.00 USD"},
		{-1, "USD", "2030-01-01T00:00:00Z", "0.00 USD"},
	} {
		p, _ := c.Plan(tt.plan)
		if got := p.PriceAt(tt.currency, moment(t, tt.at)).String(); got != tt.want {
			t.Errorf("plan %d at %s: %s, want %s", tt.plan, tt.at, got, tt.want)
		}
	}
	if p, _ := c.Plan(-2); p.PriceAt("USD", time.Time{}).Decimal() != "20.00" {
		t.Error("no time is not before all")
	}
}

func TestNextPriceChange(t *testing.T) {
	c := mustParse(t, dated)
	for after, want := range map[string]string{
		"2000-01-01T00:00:00Z": "2027-01-01T00:00:00Z",
		"2027-01-01T00:00:00Z": "2027-06-01T10:00:00Z", // what begins now is no change to come
		"2027-03-01T00:00:00Z": "2027-06-01T10:00:00Z",
	} {
		if got := c.NextPriceChange(moment(t, after)); !got.Equal(moment(t, want)) {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
	if got := c.NextPriceChange(moment(t, "2027-06-01T10:00:00Z")); !got.IsZero() {
		t.Errorf("after the last one: %s", got)
	}
	if got := Stock().NextPriceChange(time.Time{}); !got.IsZero() {
		t.Errorf("stock's prices change: %s", got)
	}
}

// A sum is of the prices of its moment, and what is kept of an older one stays.
func TestSumIsOfItsMoment(t *testing.T) {
	c := mustParse(t, dated)
	p, _ := c.Plan(-2)
	before, err := Sum([]Line{{p, 3}}, "USD", moment(t, "2026-12-31T00:00:00Z"))
	if err != nil || before.Price.Decimal() != "60.00" {
		t.Errorf("before: %s, %v", before.Price, err)
	}
	after, err := Sum([]Line{{p, 3}}, "USD", moment(t, "2027-01-01T00:00:00Z"))
	if err != nil || after.Price.Decimal() != "66.00" {
		t.Errorf("after: %s, %v", after.Price, err)
	}
}

// Whoever gets the prices may do with them what they like.
func TestPricesAreACopy(t *testing.T) {
	p, _ := mustParse(t, dated).Plan(-2)
	all := p.Prices()
	if len(all) != 3 || !all[0].From.IsZero() || all[1].From.Format(time.DateOnly) != "2027-01-01" || all[2].From.Location() != time.UTC {
		t.Fatalf("got %v", all)
	}
	all[0].Amounts[0] = money.FromUnits(1, "USD")
	if p.PriceAt("USD", now).Decimal() != "20.00" {
		t.Error("the plan's own price changed")
	}
}

// Between two changes nothing changes: an answer that was made at any moment holds
// until the next change after it.
func TestNothingChangesBetweenChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawCatalogue(t)
		c, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		day := func(name string) time.Time {
			return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 20*24).Draw(t, name)) * time.Hour)
		}
		made, read := day("made"), day("read")
		if until := c.NextPriceChange(made); read.Before(made) || !until.IsZero() && !read.Before(until) {
			return
		}
		for _, p := range c.All() {
			for _, currency := range c.Currencies() {
				if before, after := p.PriceAt(currency, made), p.PriceAt(currency, read); before != after {
					t.Fatalf("plan %d: %s at %s, %s at %s", p.ID, before, made, after, read)
				}
			}
		}
	})
}

func TestPolicy(t *testing.T) {
	const hour = time.Hour
	standard := Policy{GraceDays: 10, TrialDays: 30, MaxQuantity: 999, RunwayDays: 7, Renewal: Renewal{
		NoticeDays: 7, Ahead: 24 * hour, Attempts: []time.Duration{0, 24 * hour, 72 * hour, 120 * hour}, ServiceGraceDays: 3,
		Unpaid: EndClose, TrialEnd: EndClose, Overuse: OveruseNotify,
	}}
	partly := standard
	partly.Ahead, partly.Unpaid = 0, EndFree
	for name, tt := range map[string]struct {
		text string
		want Policy
	}{
		"nothing": {"", standard},
		"all": {`policy: { grace_days: 0, trial_days: 1, max_quantity: 5, runway_days: 0, renewal: { notice_days: 90, ahead_hours: 720,
  attempts_hours: [0, 1, 8760], service_grace_days: 0, unpaid: free, trial_end: free, overuse: ignore } }`,
			Policy{0, 1, 5, 0, Renewal{90, 720 * hour, []time.Duration{0, hour, 8760 * hour}, 0, EndFree, EndFree, OveruseIgnore}}},
		"a part": {"policy: { renewal: { unpaid: free, ahead_hours: 0 } }", partly},
	} {
		if diff := cmp.Diff(tt.want, mustParse(t, least+tt.text).Policy()); diff != "" {
			t.Errorf("%s is said: -want +got:\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(standard, Stock().Policy()); diff != "" {
		t.Errorf("stock: -want +got:\n%s", diff)
	}
	Stock().Policy().Attempts[0] = hour
	if got := Stock().Policy().Attempts[0]; got != 0 {
		t.Errorf("a caller changed the catalogue: %s", got)
	}
}

func TestAI(t *testing.T) {
	list := Stock().AI()
	if list.Currency != "USD" || len(list.Chat) != 3 || len(list.Embedding) != 2 || len(list.WebSearch) != 1 {
		t.Fatalf("stock: %+v", list)
	}
	if m := list.Chat[0]; fmt.Sprint(m.ID, m.Alias, m.Provider, m.Prompt, m.Completion) != "chat-smallChat SExample AI0.15 USD 0.60 USD" {
		t.Errorf("got %+v", m)
	}
	if s := list.WebSearch[0]; s.Price.String() != "0.005 USD" {
		t.Errorf("a search for %s", s.Price)
	}
	if none := mustParse(t, least).AI(); none.Currency != "USD" || none.Chat != nil {
		t.Errorf("where nothing is said: %+v", none)
	}
	own := mustParse(t, least+"ai: { currency: EUR, chat: [ { id: a/b.1, provider: p, link: 'https://example.com', prompt: 1e-8, completion: 0 } ] }").AI()
	if m := own.Chat[0]; m.Alias != "a/b.1" || m.Link != "https://example.com" || m.Prompt != money.FromUnits(1, "EUR") {
		t.Errorf("got %+v", m)
	}
	list.Chat[0].ID = "another"
	if Stock().AI().Chat[0].ID != "chat-small" {
		t.Error("the catalogue's own list changed")
	}
}
