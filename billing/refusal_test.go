package billing_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

// refusal is a call that must fail and change nothing.
type refusal struct {
	name string
	do   func(ctx context.Context, h *hall) error
	// field is the one that the FieldError must name.
	field string
	want  error // where it is no FieldError
}

func check(t *testing.T, h *hall, tests []refusal) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, view := h.dump(), h.view(host)
			err := tt.do(t.Context(), h)
			if err == nil {
				t.Fatal("is accepted")
			}
			var field *billing.FieldError
			switch {
			case tt.field == "":
				if !errors.Is(err, tt.want) || errors.Is(err, billing.ErrInvalid) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			case !errors.As(err, &field) || !errors.Is(err, billing.ErrInvalid):
				t.Errorf("got %v, want a FieldError about %s", err, tt.field)
			case field.Field != tt.field:
				t.Errorf("got %q about %q, want it about %q", err, field.Field, tt.field)
			case field.Text == "" || !strings.Contains(err.Error(), field.Field+" "+field.Text):
				t.Errorf("the text %q does not say what is wrong with the field", err)
			}
			diff(t, "the database", h.dump(), before)
			if h.view(host) != view {
				t.Error("the view is another one")
			}
		})
	}
}

func TestCreatePortalRefuses(t *testing.T) {
	creating := func(change func(*billing.NewPortal)) func(context.Context, *hall) error {
		return func(ctx context.Context, h *hall) error {
			in := billing.NewPortal{
				ID: "new", Name: "New", Hosts: []string{"new.example"}, Country: "US",
				Owner:  billing.NewUser{Email: "owner@new.example", Name: "Owner"},
				Bought: []billing.Purchase{{Plan: -9, Quantity: 1}, {Plan: -11, Quantity: 1}},
			}
			change(&in)
			_, err := h.CreatePortal(ctx, in)
			return err
		}
	}
	tests := []refusal{
		{name: "id taken", do: creating(func(p *billing.NewPortal) { p.ID = company }), want: billing.ErrExists},
		{name: "host taken", do: creating(func(p *billing.NewPortal) { p.Hosts = append(p.Hosts, host) }), want: billing.ErrExists},
		{name: "host taken, in capitals", do: creating(func(p *billing.NewPortal) { p.Hosts = []string{"PORTAL.Example."} }), want: billing.ErrExists},
	}
	add := func(field, name string, change func(*billing.NewPortal)) {
		tests = append(tests, refusal{name: field + ": " + name, do: creating(change), field: field})
	}
	for _, id := range []string{"New", "-new", ".new", "_new", "a b", "a/b", "ä", "new\n", "new\x00", strings.Repeat("a", 65)} {
		add("id", id, func(p *billing.NewPortal) { p.ID = id })
	}
	for _, name := range []string{
		"", ".", "a:80", "[::1]:80", "http://a", "a/b", "a b", "a?b", "-a", "a-", "a_b", "ä.example", "a\n", "a..", "*.example",
		strings.Repeat("a", 64), strings.Repeat("a.", 126) + "aa", "a..b", ".a", "a-.b", "a.-b",
	} {
		add("host", name, func(p *billing.NewPortal) { p.Hosts = []string{"good.example", name} })
	}
	add("host", "twice", func(p *billing.NewPortal) { p.Hosts = []string{"a.example", "a.example"} })
	add("host", "twice, differently", func(p *billing.NewPortal) { p.Hosts = []string{"a.example", "A.EXAMPLE."} })
	for _, country := range []string{"U", "USA", "XX", "12", "ÄÖ", "U "} {
		add("country", country, func(p *billing.NewPortal) { p.Country = country })
	}
	add("name", "spaces", func(p *billing.NewPortal) { p.Name = " \t\n" })
	add("name", "long", func(p *billing.NewPortal) { p.Name = strings.Repeat("a", 256) })
	add("name", "none, and no host", func(p *billing.NewPortal) { p.Name, p.Hosts = "", nil })
	add("email", "of nobody", func(p *billing.NewPortal) { p.Owner.Email = "" })
	add("name", "of the owner", func(p *billing.NewPortal) { p.Owner.Name = strings.Repeat("a", 256) })
	for name, bought := range wrongPurchases {
		add(name.field, name.name, func(p *billing.NewPortal) { p.Bought = bought })
	}
	check(t, newCompany(t), tests)
}

// wrongPurchases are what no portal may have.
var wrongPurchases = map[struct{ field, name string }][]billing.Purchase{
	{"plan", "unknown"}:                   {{Plan: -99, Quantity: 1}},
	{"plan", "nought"}:                    {{Plan: 0, Quantity: 1}},
	{"plan", "unknown add-on"}:            {{Plan: -9, Quantity: 1}, {Plan: -99, Quantity: 1}},
	{"plan", "an add-on without a plan"}:  {{Plan: -11, Quantity: 1}},
	{"plan", "an add-on before the plan"}: {{Plan: -11, Quantity: 1}, {Plan: -9, Quantity: 1}},
	{"plan", "two plans"}:                 {{Plan: -9, Quantity: 1}, {Plan: -10, Quantity: 1}},
	{"plan", "an add-on twice"}:           {{Plan: -9, Quantity: 1}, {Plan: -11, Quantity: 1}, {Plan: -11, Quantity: 2}},
	{"quantity", "of none"}:               {{Plan: -9, Quantity: 0}},
	{"quantity", "below zero"}:            {{Plan: -9, Quantity: math.MinInt64}},
	{"quantity", "of no add-on"}:          {{Plan: -9, Quantity: 1}, {Plan: -11, Quantity: 0}},
}

func TestChangesOfAPortalAreRefused(t *testing.T) {
	var tests []refusal
	add := func(field, name string, do func(ctx context.Context, h *hall) error) {
		tests = append(tests, refusal{name: name, do: do, field: field})
	}
	for name, bought := range wrongPurchases {
		add(name.field, "purchases: "+name.field+" "+name.name, func(ctx context.Context, h *hall) error {
			return h.SetPurchases(ctx, company, bought)
		})
	}
	for name, used := range map[string]map[string]int64{
		"feature": {"file_size": 1}, "manager": {"manager": -1}, "room": {"room": math.MinInt64},
	} {
		add(name, "usage: "+name, func(ctx context.Context, h *hall) error { return h.SetUsage(ctx, company, used) })
	}
	for name, ids := range map[string][]int{"a plan": {-9}, "unknown": {-12, -99}, "nought": {0}, "twice": {-12, -11, -12}} {
		add("service", "services: "+name, func(ctx context.Context, h *hall) error { return h.SetServices(ctx, company, ids) })
	}
	for _, email := range []string{
		"", "nobody", "@example.com", "a@", "a b@example.com", "A <a@example.com>", "<a@example.com>", "a@example.com, b@example.com",
		" a@example.com", "a@example.com\n", strings.Repeat("a", 250) + "@x.com",
	} {
		add("email", "user: "+email, func(ctx context.Context, h *hall) error {
			_, err := h.AddUser(ctx, company, billing.NewUser{Email: email, Role: billing.Member})
			return err
		})
		if email != "" {
			add("email", "customer: "+email, func(ctx context.Context, h *hall) error {
				return h.SetCustomer(ctx, company, billing.CustomerChange{Email: email})
			})
		}
	}
	for _, role := range []billing.Role{"", "boss", "Owner"} {
		add("role", "user: "+string(role), func(ctx context.Context, h *hall) error {
			_, err := h.AddUser(ctx, company, billing.NewUser{Email: "new@example.com", Role: role})
			return err
		})
	}
	add("name", "user: long name", func(ctx context.Context, h *hall) error {
		_, err := h.AddUser(ctx, company, billing.NewUser{Email: "new@example.com", Role: billing.Guest, Name: strings.Repeat("a", 256)})
		return err
	})
	for name, want := range map[string]billing.CustomerChange{
		"method status: maybe":                              {MethodStatus: "maybe"},
		"method status: Set":                                {MethodStatus: "Set"},
		"balance: no currency":                              {Balances: []money.Amount{{}}},
		"balance: unknown":                                  {Balances: []money.Amount{amount("1 USD"), amount("1 ZZZ")}},
		"balance: twice":                                    {Balances: []money.Amount{amount("1 USD"), amount("1 EUR"), amount("2 USD")}},
		"last credit: in a pocket that is not there":        {LastCredit: amount("1 GBP")},
		"last credit: beside balances":                      {Balances: []money.Amount{amount("1 USD")}, LastCredit: amount("1 GBP")},
		"min balance: of the rule, beside balances":         {Balances: []money.Amount{amount("1 USD")}, TopUp: topUp("4 USD", "100 USD")},
		"up to balance: of the rule":                        {TopUp: topUp("20 USD", "20 USD")},
		"up to balance: of the rule, in another currency":   {TopUp: topUp("20 USD", "100 EUR")},
		"currency: of the rule":                             {Email: "new@example.com", TopUp: topUp("20 CHF", "100 CHF")},
		"currency: of a rule that is enabled and no more":   {TopUp: &billing.TopUp{Enabled: true}},
		"currency: of a rule that has but a target":         {TopUp: &billing.TopUp{Target: amount("100 USD")}},
		"last credit: in a pocket that is not there, twice": {LastCredit: amount("1 ZZZ"), TopUp: topUp("20 USD", "100 USD")},
	} {
		field, _, _ := strings.Cut(name, ":")
		add(field, "customer: "+name, func(ctx context.Context, h *hall) error { return h.SetCustomer(ctx, company, want) })
	}
	tests = append(tests,
		refusal{name: "user: e-mail taken", want: billing.ErrExists, do: func(ctx context.Context, h *hall) error {
			_, err := h.AddUser(ctx, company, billing.NewUser{Email: "GUEST@example.com", Role: billing.Member})
			return err
		}},
		refusal{name: "user: second owner", want: billing.ErrExists, do: func(ctx context.Context, h *hall) error {
			_, err := h.AddUser(ctx, company, billing.NewUser{Email: "new@example.com", Role: billing.Owner})
			return err
		}},
	)
	check(t, newCompany(t), tests)
}

func topUp(floor, target string) *billing.TopUp {
	return &billing.TopUp{Enabled: true, Floor: amount(floor), Target: amount(target)}
}

func TestNewCustomerNeedsAnAddress(t *testing.T) {
	h := newCompany(t)
	h.addPortal("bare")
	check(t, h, []refusal{{name: "without", field: "email", do: func(ctx context.Context, h *hall) error {
		return h.SetCustomer(ctx, "bare", billing.CustomerChange{MethodStatus: "set", Balances: []money.Amount{amount("1 USD")}})
	}}})
}

func TestTopUpRuleIsRefused(t *testing.T) {
	var tests []refusal
	for _, tt := range []struct{ field, floor, target string }{
		{"min balance", "4.99999999 USD", "100 USD"},
		{"min balance", "0 USD", "100 USD"},
		{"min balance", "-20 USD", "100 USD"},
		{"min balance", "1000.00000001 USD", "5000 USD"},
		{"up to balance", "5 USD", "5.99999999 USD"},
		{"up to balance", "5 USD", "5000.00000001 USD"},
		{"up to balance", "5 USD", "-6 USD"},
		{"up to balance", "20 USD", "20 USD"},
		{"up to balance", "20 USD", "19.99 USD"},
		{"up to balance", "20 USD", "100 EUR"},
		{"up to balance", "20 USD", "100 "},
		{"currency", "20 CHF", "100 CHF"},
		{"currency", "20 CHF", "100 USD"},
		{"currency", "20 ", "100 "},
		{"currency", "20 usd", "100 usd"},
	} {
		for _, enabled := range []bool{true, false} {
			tests = append(tests, refusal{name: tt.floor + " to " + tt.target, field: tt.field, do: func(ctx context.Context, h *hall) error {
				return h.SetTopUpRule(ctx, company, enabled, amount(tt.floor), amount(tt.target))
			}})
		}
	}
	check(t, newCompany(t), tests)
}

func TestKeysAreRefused(t *testing.T) {
	var tests []refusal
	add := func(field, name string, in billing.NewKey) {
		tests = append(tests, refusal{name: field + ": " + name, field: field, do: func(ctx context.Context, h *hall) error {
			secret, key, err := h.CreateKey(ctx, company, in)
			if secret != "" || key.ID != "" {
				return nil
			}
			return err
		}})
	}
	add("name", "none", billing.NewKey{})
	add("name", "31 bytes", billing.NewKey{Name: strings.Repeat("a", 31)})
	for _, scope := range []string{"", "**", "*:READ", "rooms", "rooms:execute", "billing:read"} {
		add("scope", scope, billing.NewKey{Name: "k", Scopes: []string{"*:read", scope}})
	}
	add("days", "-1", billing.NewKey{Name: "k", Days: -1})
	add("days", "366", billing.NewKey{Name: "k", Days: 366})
	for _, secret := range []string{"abc", "sk-", "SK-abc", "sk-a b", "sk-ä", "sk-a\n", "Bearer sk-a", "sk-" + strings.Repeat("a", 201)} {
		add("key", secret, billing.NewKey{Name: "k", Secret: secret})
	}
	h := newCompany(t)
	h.must(h.CreateKey(t.Context(), company, billing.NewKey{Name: "k", Secret: "sk-taken"}))
	tests = append(tests,
		refusal{name: "taken", want: billing.ErrExists, do: func(ctx context.Context, h *hall) error {
			_, _, err := h.CreateKey(ctx, company, billing.NewKey{Name: "k", Secret: "sk-taken"})
			return err
		}},
		refusal{name: "of nobody", want: billing.ErrNotFound, do: func(ctx context.Context, h *hall) error {
			_, _, err := h.CreateKey(ctx, company, billing.NewKey{Name: "k", UserEmail: "nobody@example.com"})
			return err
		}},
	)
	// "only" is how a key of another portal ends.
	for _, name := range []string{"", "none", "only", "sk-", "sk-take", "sk-taken ", "%"} {
		tests = append(tests, refusal{name: "revoke " + name, want: billing.ErrNotFound, do: func(ctx context.Context, h *hall) error {
			_, err := h.RevokeKey(ctx, company, name)
			return err
		}})
	}
	h.addPortal("other")
	h.must(h.CreateKey(t.Context(), "other", billing.NewKey{Name: "k", Secret: "sk-of-the-other-only"}))
	check(t, h, tests)
}
