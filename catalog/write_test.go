package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
)

// everything says two catalogues are the same where nothing in them differs.
func everything() cmp.Option {
	return cmp.AllowUnexported(Catalog{}, Plan{}, Features{}, money.Amount{})
}

func sameAfterWriting(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *Catalog) {
	t.Helper()
	back, err := Parse(c.YAML())
	if err != nil {
		t.Fatalf("what was written is refused: %v\n%s", err, c.YAML())
	}
	if diff := cmp.Diff(c, back, everything()); diff != "" {
		t.Fatalf("what was written is another (-before +after):\n%s", diff)
	}
	if string(back.YAML()) != string(c.YAML()) {
		t.Fatalf("written twice it differs:\n%s", back.YAML())
	}
	if changes := Diff(c, back); len(changes) != 0 {
		t.Fatalf("changes without any: %v", changes)
	}
}

func TestStockIsTheSameAfterWriting(t *testing.T) { sameAfterWriting(t, Stock()) }

// Any catalogue that can be read is the same after it was written.
func TestAnyCatalogueIsTheSameAfterWriting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := Parse([]byte(drawCatalogue(t)))
		if err != nil {
			t.Fatalf("%v", err)
		}
		sameAfterWriting(t, c)
	})
}

// drawRenewal returns whatever a catalogue may say of renewals, or a part of it.
func drawRenewal(t *rapid.T) string {
	attempts := []string{"0"}
	for at := range rapid.IntRange(0, 9).Draw(t, "attempts") {
		attempts = append(attempts, fmt.Sprint(at*900+rapid.IntRange(1, 600).Draw(t, "attempt")))
	}
	ending := rapid.SampledFrom([]string{"close", "free"})
	members := rapid.Permutation([]string{
		fmt.Sprintf("notice_days: %d", rapid.IntRange(0, 90).Draw(t, "notice")),
		fmt.Sprintf("ahead_hours: %d", rapid.IntRange(0, 720).Draw(t, "ahead")),
		"attempts_hours: [" + strings.Join(attempts, ", ") + "]",
		fmt.Sprintf("service_grace_days: %d", rapid.IntRange(0, 365).Draw(t, "service grace")),
		"unpaid: " + ending.Draw(t, "unpaid"),
		"trial_end: " + ending.Draw(t, "trial end"),
		"overuse: " + rapid.SampledFrom([]string{"notify", "raise", "ignore"}).Draw(t, "overuse"),
	}).Draw(t, "members")
	return "{ " + strings.Join(members[:rapid.IntRange(0, len(members)).Draw(t, "how many members")], ", ") + " }"
}

// drawCatalogue returns a file with whatever a catalogue may have.
func drawCatalogue(t *rapid.T) string {
	var b strings.Builder
	currencies := rapid.Permutation([]string{"USD", "EUR", "JPY", "KWD"}).Draw(t, "currencies")[:rapid.IntRange(1, 4).Draw(t, "how many")]
	fmt.Fprintf(&b, "currencies: [%s]\npolicy: { grace_days: %d, max_quantity: %d, runway_days: %d, renewal: %s }\nplans:\n",
		strings.Join(currencies, ", "), rapid.IntRange(0, 365).Draw(t, "grace"), rapid.IntRange(10, 1_000_000).Draw(t, "most"),
		rapid.IntRange(0, 365).Draw(t, "runway"), drawRenewal(t))
	text := func(name string) string {
		return inQuotes(rapid.StringOfN(rapid.SampledFrom([]rune(`aZ9 :#-,{}[]&*!|>'"%@\éß日😀=~`)), 0, 20, 100).Draw(t, name))
	}
	decimal := func() string {
		return money.FromUnits(rapid.Int64Range(0, 1<<62).Draw(t, "units"), "USD").Decimal()
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "plans") {
		wallet := rapid.Bool().Draw(t, "wallet")
		fmt.Fprintf(&b, "  - { id: %d, name: n%d, title: %s, description: %s, unit: %s, wallet: %t, visible: %t, additional: %t, minimum: %d, period: %q, features: %q",
			-i-1, i, text("title"), text("description"), text("unit"), wallet, rapid.Bool().Draw(t, "visible"), rapid.Bool().Draw(t, "additional"),
			rapid.IntRange(1, 10).Draw(t, "minimum"), rapid.SampledFrom([]string{"", "month", "year"}).Draw(t, "period"),
			rapid.SampledFrom([]string{"free", "free sso manager:3 total_size:5", "free free_backup:2:fixed file_size:1048577"}).Draw(t, "features"))
		if wallet && rapid.Bool().Draw(t, "has a service") {
			fmt.Fprintf(&b, ", service: s%d, product: '%d'", i, i)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var prices []string
		for j := range rapid.IntRange(0, 3).Draw(t, "prices") {
			var members []string
			if j > 0 || rapid.Bool().Draw(t, "first has a date") {
				at = at.Add(time.Duration(rapid.Int64Range(1, 5).Draw(t, "later")) * rapid.SampledFrom([]time.Duration{24 * time.Hour, time.Second, time.Nanosecond}).Draw(t, "unit of time"))
				members = append(members, "from: "+at.Format(time.RFC3339Nano))
			}
			for _, c := range currencies {
				members = append(members, c+": "+decimal())
			}
			prices = append(prices, "{ "+strings.Join(members, ", ")+" }")
		}
		if len(prices) > 0 {
			fmt.Fprintf(&b, ", price: [%s]", strings.Join(prices, ", "))
		}
		b.WriteString(" }\n")
	}
	b.WriteString("ai:\n  chat:\n")
	for i := range rapid.IntRange(1, 3).Draw(t, "models") {
		fmt.Fprintf(&b, "    - { id: m%d, alias: %s, provider: x%d, image: %s, prompt: %s, completion: %s }\n", i, text("alias"), i, text("image"), decimal(), decimal())
	}
	return b.String()
}
