package wallet_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// amount reads "14.00 USD"; "" is the zero Amount.
func amount(t rapid.TB, text string) money.Amount {
	t.Helper()
	if text == "" {
		return money.Amount{}
	}
	number, code, _ := strings.Cut(text, " ")
	a, err := money.Parse(number, money.Currency(code))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var noon = time.Date(2026, time.March, 29, 12, 0, 0, 0, time.UTC)

// ago returns an automatic collection so long ago.
func ago(t testing.TB, d time.Duration, text string) wallet.Charged {
	return wallet.Charged{At: noon.Add(-d), Amount: amount(t, text)}
}

// rule is one of 20 and 100 dollars.
func rule(t rapid.TB) wallet.Rule {
	return wallet.Rule{Enabled: true, Floor: amount(t, "20 USD"), Target: amount(t, "100 USD")}
}

// low stands at 12.345 dollars, and may be collected for.
func low(t testing.TB) wallet.Standing {
	return wallet.Standing{Now: noon, Available: amount(t, "12.345 USD"), Method: true, Fingerprint: "f1", Token: "t1"}
}

func TestDecide(t *testing.T) {
	type change = func(*wallet.Rule, *wallet.Standing)
	const hour = time.Hour
	collect := func(text string, why, limitedBy wallet.Reason) wallet.Decision {
		return wallet.Decision{Do: wallet.Collect, Amount: amount(t, text), Reason: why, LimitedBy: limitedBy}
	}
	nothing := func(why wallet.Reason) wallet.Decision { return wallet.Decision{Do: wallet.Nothing, Reason: why} }
	wait := func(d time.Duration, why wallet.Reason) wallet.Decision {
		return wallet.Decision{Do: wallet.Wait, Until: noon.Add(d), Reason: why}
	}
	available := func(text string) change {
		return func(_ *wallet.Rule, s *wallet.Standing) { s.Available = amount(t, text) }
	}
	owed := func(there, owed string) change {
		return func(_ *wallet.Rule, s *wallet.Standing) {
			s.Available, s.Owed = amount(t, there), amount(t, owed)
		}
	}
	capped := func(c wallet.Caps, charged ...wallet.Charged) change {
		return func(r *wallet.Rule, s *wallet.Standing) { r.Caps, s.Charged = c, charged }
	}
	currency := func(there, floor, target string) change {
		return func(r *wallet.Rule, s *wallet.Standing) {
			s.Available, r.Floor, r.Target = amount(t, there), amount(t, floor), amount(t, target)
		}
	}
	breaker := func(b wallet.Breaker) change {
		return func(_ *wallet.Rule, s *wallet.Standing) { s.Breaker = b }
	}
	for _, tt := range []struct {
		name   string
		change change
		want   wallet.Decision
	}{
		{"below the floor", available("12.345 USD"), collect("87.66 USD", wallet.BelowFloor, "")},
		{"a cent below the floor", available("19.99 USD"), collect("80.01 USD", wallet.BelowFloor, "")},
		{"the least below the floor", available("19.99999999 USD"), collect("80.01 USD", wallet.BelowFloor, "")},
		{"at the floor", available("20 USD"), nothing(wallet.Enough)},
		{"above the target", available("500 USD"), nothing(wallet.Enough)},
		{"empty", available("0 USD"), collect("100 USD", wallet.BelowFloor, "")},
		{"below nought: the cap of one collection", available("-35 USD"), collect("100 USD", wallet.BelowFloor, wallet.CapCharge)},
		{"as far below nought as there is", available("-92233720368.54775807 USD"), collect("100 USD", wallet.BelowFloor, wallet.CapCharge)},
		{"yen", currency("1999.5 JPY", "2000 JPY", "10000 JPY"), collect("8001 JPY", wallet.BelowFloor, "")},
		{"fils", currency("5.9999 KWD", "6 KWD", "7 KWD"), collect("1.001 KWD", wallet.BelowFloor, "")},

		{"owed less than there is", owed("50 USD", "50 USD"), nothing(wallet.Enough)},
		{"owed more than there is", owed("50 USD", "50.01 USD"), collect("50 USD", wallet.Due, "")},
		{"owed all of the target", owed("50 USD", "100 USD"), collect("50 USD", wallet.Due, "")},
		{"owed more than the target", owed("50 USD", "100.01 USD"), nothing(wallet.TargetTooLow)},
		{"owed more than a target that is reached", owed("100 USD", "100.01 USD"), nothing(wallet.TargetTooLow)},
		{"owed more than the target, and below the floor", owed("10 USD", "200 USD"), collect("90 USD", wallet.BelowFloor, "")},
		{"owed in another currency", owed("10 USD", "200 EUR"), nothing(wallet.Invalid)},
		{"nothing owed in another currency", owed("10 USD", "0 EUR"), collect("90 USD", wallet.BelowFloor, "")},

		{"off", func(r *wallet.Rule, _ *wallet.Standing) { r.Enabled = false }, nothing(wallet.Disabled)},
		{"off and wrong", func(r *wallet.Rule, _ *wallet.Standing) { *r = wallet.Rule{} }, nothing(wallet.Disabled)},
		{"a wallet in another currency", available("0 EUR"), nothing(wallet.Invalid)},
		{"a wallet in none", available(""), nothing(wallet.Invalid)},
		{"a target at the floor", currency("12 USD", "20 USD", "20 USD"), nothing(wallet.Invalid)},
		{"no method", func(_ *wallet.Rule, s *wallet.Standing) { s.Method = false }, nothing(wallet.NoMethod)},
		{"busy", func(_ *wallet.Rule, s *wallet.Standing) { s.Busy = true }, nothing(wallet.Busy)},
		{"busy, and enough", func(_ *wallet.Rule, s *wallet.Standing) { s.Busy, s.Available = true, amount(t, "20 USD") }, nothing(wallet.Enough)},
		{"declined", breaker(wallet.Breaker{Declines: 1, RetryAt: noon.Add(1), Fingerprint: "f1"}), wait(1, wallet.BackingOff)},
		{"declined, and time to try again", breaker(wallet.Breaker{Declines: 1, RetryAt: noon, Fingerprint: "f1"}), collect("87.66 USD", wallet.BelowFloor, "")},
		{"suspended", breaker(wallet.Breaker{Declines: 4, SuspendedAt: noon.Add(-hour), Fingerprint: "f1"}), nothing(wallet.Suspended)},
		{"suspended, and enough", func(r *wallet.Rule, s *wallet.Standing) {
			s.Breaker, s.Available = wallet.Breaker{Declines: 4, SuspendedAt: noon}, amount(t, "20 USD")
		}, nothing(wallet.Enough)},
		{"another card was suspended", breaker(wallet.Breaker{Declines: 4, SuspendedAt: noon.Add(-hour), Fingerprint: "f0"}), collect("87.66 USD", wallet.BelowFloor, "")},
		{"another card was suspended, and nobody knows prints", breaker(wallet.Breaker{Declines: 4, SuspendedAt: noon.Add(-hour), Method: "t0"}), collect("87.66 USD", wallet.BelowFloor, "")},

		{"a cap of one collection", capped(wallet.Caps{Charge: amount(t, "50 USD")}), collect("50 USD", wallet.BelowFloor, wallet.CapCharge)},
		{"a cap with less than a cent", capped(wallet.Caps{Charge: amount(t, "50.009 USD")}), collect("50 USD", wallet.BelowFloor, wallet.CapCharge)},
		{"a cap that just doesn't bite", capped(wallet.Caps{Charge: amount(t, "87.66 USD")}), collect("87.66 USD", wallet.BelowFloor, "")},
		{"a cap of a day that leaves enough", capped(wallet.Caps{Day: amount(t, "180 USD")}, ago(t, hour, "100 USD")), collect("80 USD", wallet.BelowFloor, wallet.CapDay)},
		{"a cap of a day that leaves crumbs", capped(wallet.Caps{Day: amount(t, "179.99 USD")}, ago(t, hour, "100 USD")), wait(23*hour, wallet.CapDay)},
		{"a cap of a day that never allows more", capped(wallet.Caps{Day: amount(t, "30 USD")}), collect("30 USD", wallet.BelowFloor, wallet.CapDay)},
		{"a cap of a day that is used up", capped(wallet.Caps{Day: amount(t, "30 USD")}, ago(t, 20*hour, "30 USD")), wait(4*hour, wallet.CapDay)},
		{"a day that is over", capped(wallet.Caps{Day: amount(t, "30 USD")}, ago(t, 24*hour, "30 USD")), collect("30 USD", wallet.BelowFloor, wallet.CapDay)},
		{"until the second of three is a day old", capped(wallet.Caps{Day: amount(t, "150 USD")},
			ago(t, 2*hour, "30 USD"), ago(t, 20*hour, "60 USD"), ago(t, 23*hour, "40 USD")), wait(4*hour, wallet.CapDay)},
		{"the default of a day", capped(wallet.Caps{}, ago(t, 3*hour, "100 USD"), ago(t, 2*hour, "100 USD"), ago(t, hour, "100 USD")), wait(21*hour, wallet.CapDay)},
		{"a cap of a month", capped(wallet.Caps{Month: amount(t, "100 USD")}, ago(t, 40*hour, "30 USD")), wait(680*hour, wallet.CapMonth)},
		{"both, and the later counts", capped(wallet.Caps{Day: amount(t, "100 USD"), Month: amount(t, "100 USD")}, ago(t, hour, "100 USD")), wait(719*hour, wallet.CapMonth)},
		{"the default of a month", capped(wallet.Caps{}, ago(t, 48*hour, "1920 USD")), collect("80 USD", wallet.BelowFloor, wallet.CapMonth)},
		{"so many in a day", capped(wallet.Caps{Count: 2}, ago(t, 23*hour, "1 USD"), ago(t, hour, "1 USD")), wait(hour, wallet.CapCount)},
		{"more in a day than there may be", capped(wallet.Caps{Count: 1}, ago(t, 23*hour, "1 USD"), ago(t, hour, "1 USD")), wait(23*hour, wallet.CapCount)},
		{"the default of how many", capped(wallet.Caps{}, ago(t, 6*hour, "1 USD"), ago(t, 5*hour, "1 USD"), ago(t, 4*hour, "1 USD"), ago(t, 3*hour, "1 USD"), ago(t, 2*hour, "1 USD")), wait(18*hour, wallet.CapCount)},
		{"other currencies count, but not their money", capped(wallet.Caps{Count: 2}, ago(t, hour, "5000 EUR")), collect("87.66 USD", wallet.BelowFloor, "")},
		{"… and are too many", capped(wallet.Caps{Count: 1}, ago(t, hour, "5000 EUR")), wait(23*hour, wallet.CapCount)},
		{"a clock that went back", capped(wallet.Caps{Day: amount(t, "80 USD")}, ago(t, -hour, "80 USD")), wait(25*hour, wallet.CapDay)},
	} {
		r, s := rule(t), low(t)
		tt.change(&r, &s)
		if diff := cmp.Diff(tt.want, wallet.Decide(r, s), amounts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

var amounts = cmp.Comparer(func(a, b money.Amount) bool { return a == b })

func TestRuleCheck(t *testing.T) {
	for _, tt := range []struct {
		change func(*wallet.Rule)
		want   string // "" is well
	}{
		{func(*wallet.Rule) {}, ""},
		{func(r *wallet.Rule) { r.Floor = amount(t, "-5 USD") }, ""},
		{func(r *wallet.Rule) {
			r.Caps = wallet.Caps{Charge: amount(t, "0.01 USD"), Day: amount(t, "0 EUR"), Count: 1}
		}, ""},
		{func(r *wallet.Rule) { r.Target = money.Amount{} }, "target: "},
		{func(r *wallet.Rule) { r.Floor, r.Target = amount(t, "5 QQQ"), amount(t, "6 QQQ") }, "target: "},
		{func(r *wallet.Rule) { r.Floor, r.Target = amount(t, "-5 USD"), amount(t, "0 USD") }, "target: "},
		{func(r *wallet.Rule) { r.Target = r.Floor }, "target: "},
		{func(r *wallet.Rule) { r.Floor = amount(t, "20 EUR") }, "floor: "},
		{func(r *wallet.Rule) { r.Caps.Charge = amount(t, "-1 USD") }, "caps.charge: "},
		{func(r *wallet.Rule) { r.Caps.Day = amount(t, "1 EUR") }, "caps.day: "},
		{func(r *wallet.Rule) { r.Caps.Month = amount(t, "0.009 USD") }, "caps.month: "},
		{func(r *wallet.Rule) { r.Caps.Count = -1 }, "caps.count: "},
	} {
		r := rule(t)
		tt.change(&r)
		err := r.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", r, err, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	r := rule(t)
	want := wallet.Caps{Charge: amount(t, "100 USD"), Day: amount(t, "300 USD"), Month: amount(t, "2000 USD"), Count: 5}
	if got := r.Limits(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	r.Caps = wallet.Caps{Charge: amount(t, "1 USD"), Day: amount(t, "2 USD"), Month: amount(t, "3 USD"), Count: 4}
	if got := r.Limits(); got != r.Caps {
		t.Errorf("%+v, want %+v", got, r.Caps)
	}
	r = wallet.Rule{Target: money.FromUnits(math.MaxInt64, "USD")}
	if got := r.Limits(); got.Month != r.Target {
		t.Errorf("the month of as much as there is is %s", got.Month)
	}
}
