package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	const one = `
currencies: [USD, EUR]
plans:
  - { id: -1, name: x, features: free }
  - { id: -2, name: y, features: "manager:1 sso", visible: true, price: { USD: 20, EUR: 10 } }
ai: { chat: [ { id: m, provider: p, prompt: 0, completion: 3 } ] }
`
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		old, new string // what of one is written otherwise
		want     []Change
	}{
		"nothing":                 {"", "", nil},
		"other words":             {"price: { USD: 20, EUR: 10 }", "price: [ { EUR: 10.0, USD: 2e1 } ]", nil},
		"a date that says little": {"price: { USD: 20, EUR: 10 }", "price: [ { from: 2027-01-01, USD: 20, EUR: 10 } ]", nil},
		"a price":                 {"USD: 20", "USD: 22", []Change{{Plan: -2, Name: "y", Field: "price.USD", Old: "20.00", New: "22.00", Percent: "+10.0"}}},
		"a lower price":           {"USD: 20", "USD: 19.99", []Change{{Plan: -2, Name: "y", Field: "price.USD", Old: "20.00", New: "19.99", Percent: "-0.1"}}},
		"a price of nought":       {"prompt: 0", "prompt: 1", []Change{{Name: "ai", Field: "chat.m.prompt", Old: "0.00", New: "1.00"}}},
		"down to nought":          {"completion: 3", "completion: 0", []Change{{Name: "ai", Field: "chat.m.completion", Old: "3.00", New: "0.00", Percent: "-100.0"}}},
		"a price to come": {"price: { USD: 20, EUR: 10 }", "price: [ { USD: 20, EUR: 10 }, { from: 2027-01-01, USD: 30, EUR: 10 } ]",
			[]Change{{Plan: -2, Name: "y", Field: "price.USD", From: at, Old: "20.00", New: "30.00", Percent: "+50.0"}}},
		"a price for a time": {"price: { USD: 20, EUR: 10 }", "price: [ { USD: 30, EUR: 10 }, { from: 2027-01-01, USD: 20, EUR: 10 } ]",
			[]Change{{Plan: -2, Name: "y", Field: "price.USD", Until: at, Old: "20.00", New: "30.00", Percent: "+50.0"}}},
		"features": {"manager:1 sso", "manager:3 ldap", []Change{
			{Plan: -2, Name: "y", Field: "features.ldap", New: "yes"},
			{Plan: -2, Name: "y", Field: "features.manager", Old: "1", New: "3"},
			{Plan: -2, Name: "y", Field: "features.sso", Old: "yes"},
		}},
		"a plan of another name": {"id: -2", "id: -3", []Change{{Plan: -2, Name: "y", Old: "y"}, {Plan: -3, Name: "y", New: "y"}}},
		"every member": {"name: y", "name: z, title: t, description: d, unit: u, product: '7', service: s, period: year, wallet: true, additional: true, minimum: 2", []Change{
			{Plan: -2, Name: "z", Field: "name", Old: "y", New: "z"},
			{Plan: -2, Name: "z", Field: "title", New: "t"},
			{Plan: -2, Name: "z", Field: "description", New: "d"},
			{Plan: -2, Name: "z", Field: "unit", New: "u"},
			{Plan: -2, Name: "z", Field: "product", New: "7"},
			{Plan: -2, Name: "z", Field: "service", New: "s"},
			{Plan: -2, Name: "z", Field: "period", New: "year"},
			{Plan: -2, Name: "z", Field: "wallet", Old: "false", New: "true"},
			{Plan: -2, Name: "z", Field: "additional", Old: "false", New: "true"},
			{Plan: -2, Name: "z", Field: "minimum", Old: "1", New: "2"},
		}},
		"not on offer": {"visible: true, ", "", []Change{{Plan: -2, Name: "y", Field: "visible", Old: "true", New: "false"}}},
		"a policy": {"plans:", "policy: { grace_days: 5, trial_days: 1, max_quantity: 7 }\nplans:", []Change{
			{Name: "policy", Field: "grace_days", Old: "10", New: "5"},
			{Name: "policy", Field: "trial_days", Old: "30", New: "1"},
			{Name: "policy", Field: "max_quantity", Old: "999", New: "7"},
		}},
		"renewals": {"plans:", "policy: { runway_days: 0, renewal: { notice_days: 0, ahead_hours: 48, attempts_hours: [0], service_grace_days: 0, unpaid: free, trial_end: free, overuse: raise } }\nplans:", []Change{
			{Name: "policy", Field: "runway_days", Old: "7", New: "0"},
			{Name: "policy", Field: "renewal.notice_days", Old: "7", New: "0"},
			{Name: "policy", Field: "renewal.ahead_hours", Old: "24", New: "48"},
			{Name: "policy", Field: "renewal.attempts_hours", Old: "[0, 24, 72, 120]", New: "[0]"},
			{Name: "policy", Field: "renewal.service_grace_days", Old: "3", New: "0"},
			{Name: "policy", Field: "renewal.unpaid", Old: "close", New: "free"},
			{Name: "policy", Field: "renewal.trial_end", Old: "close", New: "free"},
			{Name: "policy", Field: "renewal.overuse", Old: "notify", New: "raise"},
		}},
		"a model of another name": {"id: m", "id: n", []Change{
			{Name: "ai", Field: "chat.m.alias", Old: "m"},
			{Name: "ai", Field: "chat.m.provider", Old: "p"},
			{Name: "ai", Field: "chat.m.prompt", Old: "0.00"},
			{Name: "ai", Field: "chat.m.completion", Old: "3.00"},
			{Name: "ai", Field: "chat.n.alias", New: "n"},
			{Name: "ai", Field: "chat.n.provider", New: "p"},
			{Name: "ai", Field: "chat.n.prompt", New: "0.00"},
			{Name: "ai", Field: "chat.n.completion", New: "3.00"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(one, tt.old, tt.new, 1)
			if (changed == one) != (name == "nothing") {
				t.Fatalf("there is no %q", tt.old)
			}
			if diff := cmp.Diff(tt.want, Diff(mustParse(t, one), mustParse(t, changed))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDiffOfCurrencies(t *testing.T) {
	const head = "\nplans:\n  - { id: -1, name: x, features: free, price: "
	got := Diff(mustParse(t, "currencies: [USD, EUR]"+head+"{ USD: 1, EUR: 2 } }"), mustParse(t, "currencies: [JPY, USD]"+head+"{ USD: 1, JPY: 3 } }"))
	want := []Change{
		{Name: "currencies", Old: "USD, EUR", New: "JPY, USD"},
		{Plan: -1, Name: "x", Field: "price.EUR", Old: "2.00"},
		{Plan: -1, Name: "x", Field: "price.JPY", New: "3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
