package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/check"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

func TestParseFloors(t *testing.T) {
	t.Parallel()
	f, err := check.ParseFloors([]string{"20", "eur=5.50", "JPY = 3000"})
	if err != nil || f.Each == nil || f.Each.Decimal() != "20" || f.Of["EUR"] != amount(t, "5.5", "EUR") || f.Of["JPY"] != amount(t, "3000", "JPY") || len(f.Of) != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	for text, want := range map[string]string{
		"": "neither an amount", "x": "neither an amount", "USD": "neither an amount", "USD=": "neither", "DOLLAR=20": "no currency", "=20": "no currency",
		"-1": "less than nothing", "USD=-1": "less than nothing", "USD=1=2": "neither", "20 USD": "neither", "1e99": "neither",
	} {
		if f, err := check.ParseFloors([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v", text, f, err)
		}
	}
	for _, twice := range [][]string{{"20", "30"}, {"USD=1", "usd=2"}} {
		if _, err := check.ParseFloors(twice); err == nil || !strings.Contains(err.Error(), "another limit") {
			t.Errorf("%q: %v", twice, err)
		}
	}
}

func TestPolicyThatCannotBeKeptTo(t *testing.T) {
	t.Parallel()
	floors := func(texts ...string) check.Floors {
		f, err := check.ParseFloors(texts)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for want, p := range map[string]check.Policy{
		"MinRunway: -1ns":                    {MinRunway: -1},
		"WarnRunway: -1ns":                   {WarnRunway: -1},
		"DueWithin":                          {DueWithin: -1},
		"MaxAge":                             {MaxAge: -1},
		"MinRunway: nothing is foretold":     {MinRunway: 366 * day},
		"WarnRunway: nothing is foretold":    {WarnRunway: 366 * day},
		"WarnRunway: 24h0m0s is not longer":  {MinRunway: day, WarnRunway: day},
		"WarnBalance: it is not more":        {MinBalance: floors("20"), WarnBalance: floors("20")},
		"WarnBalance: 20.00 USD is not more": {MinBalance: floors("20"), WarnBalance: floors("USD=20", "50")},
		"WarnBalance: 30.00 EUR is not more": {MinBalance: floors("EUR=40"), WarnBalance: floors("30")},
	} {
		if err := p.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, p := range []check.Policy{{}, {WarnRunway: 365 * day}, {MinBalance: floors("EUR=40"), WarnBalance: floors("USD=30")}, strict(t)} {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyCurrenciesWithALimitAreLookedAt(t *testing.T) {
	t.Parallel()
	f := well(t)
	f.Report.Balance.SubAccounts = append(f.Report.Balance.SubAccounts, docspace.SubAccount{Amount: amount(t, "1", "EUR")})
	low, err := check.ParseFloors([]string{"USD=200", "GBP=10"})
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(check.Policy{MinBalance: low}.Problems(f, noon)); len(got) != 1 || !strings.Contains(got[0], "balance-low USD") {
		t.Errorf("%q", got)
	}
	f.Report.Balance.SubAccounts = f.Report.Balance.SubAccounts[1:]
	f.Report.TopUp.Enabled = false
	if got := lines(check.Policy{MinBalance: low}.Problems(f, noon)); len(got) != 1 || !strings.HasPrefix(got[0], "unknown balance-unknown") {
		t.Errorf("%q", got)
	}
}

func TestRefreshWhereCachesWouldBeTooOld(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]bool{0: false, time.Second: true, 599 * time.Second: true, 10 * time.Minute: false, time.Hour: false} {
		if got := (check.Policy{MaxAge: age}).Refresh(); got != want {
			t.Errorf("%s: %t", age, got)
		}
	}
}

// Less in a wallet is never better, and neither is a stricter limit.
func TestLessIsNeverBetter(t *testing.T) {
	t.Parallel()
	units := rapid.Int64Range(0, 1000*money.Scale)
	rapid.Check(t, func(r *rapid.T) {
		has, less, limit := units.Draw(r, "has"), units.Draw(r, "less"), units.Draw(r, "limit")
		if less > has {
			less, has = has, less
		}
		worst := func(units, limit int64) check.Severity {
			f := well(t)
			f.Report.Balance.SubAccounts[0].Amount = money.FromUnits(units, "USD")
			each := money.FromUnits(limit, "")
			p := check.Policy{MinBalance: check.Floors{Each: &each}, DueWithin: 10 * day}
			return check.Worst(p.Problems(f, noon))
		}
		if a, b := worst(has, limit), worst(less, limit); b < a {
			r.Fatalf("%d of %d is %s, and %d %s", has, limit, a, less, b)
		}
		if stricter := limit + 1; worst(has, stricter) < worst(has, limit) {
			r.Fatalf("a limit of %d is milder than %d", stricter, limit)
		}
	})
}

func TestEveryCodeHasARule(t *testing.T) {
	t.Parallel()
	rules := strict(t).Rules()
	for _, code := range []check.Code{
		check.ReadPortal, check.ReadPart, check.AgeOver, check.BalanceLow, check.BalanceUnknown, check.RunwayShort, check.RunwayUnknown,
		check.DueUncovered, check.DueUnknown, check.DueTrial, check.PlanUnpaid, check.PlanOverdue, check.PlanService, check.PlanOver,
		check.TopUpOff, check.TopUpMethod, check.TopUpInert, check.PayerOrphaned,
	} {
		if !slices.Contains(rules, code.Rule()) {
			t.Errorf("%s belongs to %q", code, code.Rule())
		}
	}
	if got := (check.Policy{}).Rules(); !slices.Equal(got, []check.Rule{check.RuleRead, check.RulePlan, check.RuleTopUp, check.RulePayer}) {
		t.Errorf("the zero policy looks at %v", got)
	}
}
