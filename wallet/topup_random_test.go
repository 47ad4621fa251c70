package wallet_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

func digits(c money.Currency) int64 {
	unit := int64(money.Scale)
	for range c.Digits() {
		unit /= 10
	}
	return unit
}

// drawRule draws a rule that passes its Check, caps set or not.
func drawRule(t *rapid.T) wallet.Rule {
	c := rapid.SampledFrom([]money.Currency{"USD", "JPY", "KWD"}).Draw(t, "currency")
	units := func(name string, from, to int64) money.Amount {
		return money.FromUnits(rapid.Int64Range(from, to).Draw(t, name), c)
	}
	r := wallet.Rule{Enabled: true, Floor: units("floor", 5*money.Scale, 1000*money.Scale)}
	r.Target = units("target", r.Floor.Units()+1, 5000*money.Scale)
	for _, cap := range []*money.Amount{&r.Caps.Charge, &r.Caps.Day, &r.Caps.Month} {
		if rapid.Bool().Draw(t, "capped") {
			*cap = units("cap", digits(c), 10_000*money.Scale)
		}
	}
	r.Caps.Count = rapid.IntRange(0, 4).Draw(t, "count")
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// collected adds up what counts at a moment.
func collected(all []wallet.Charged, at time.Time, long time.Duration) (units int64, count int) {
	for _, c := range all {
		if !c.At.After(at) && at.Sub(c.At) < long {
			units, count = units+c.Amount.Units(), count+1
		}
	}
	return units, count
}

// A wallet lives through whatever may happen to it. What was collected is added up by
// another way than the rule's, at the moment of each collection, which is when most
// counts.
func TestNeverMoreThanAnyCap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t)
		c, limits := r.Target.Currency(), r.Limits()
		s := wallet.Standing{Now: noon, Method: true, Fingerprint: "f0", Token: "t0"}
		s.Available = money.FromUnits(rapid.Int64Range(-1000*money.Scale, 6000*money.Scale).Draw(t, "available"), c)
		open := money.Amount{}
		add := func(a money.Amount) {
			var err error
			if s.Available, err = s.Available.Add(a); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"spend": func(t *rapid.T) {
				add(money.FromUnits(rapid.Int64Range(-2000*money.Scale, -1).Draw(t, "spent"), c))
			},
			"wait": func(t *rapid.T) {
				s.Now = s.Now.Add(time.Duration(rapid.Int64Range(0, int64(40*time.Hour)).Draw(t, "for")))
			},
			"owe": func(t *rapid.T) {
				s.Owed = money.FromUnits(rapid.Int64Range(0, 6000*money.Scale).Draw(t, "owed"), c)
			},
			"new card": func(*rapid.T) { s.Fingerprint += "+" },
			"end": func(t *rapid.T) {
				if !s.Busy {
					t.Skip("nothing is open")
				}
				s.Busy = false
				if rapid.Bool().Draw(t, "settled") {
					add(open)
					s.Breaker = s.Breaker.Settled()
				} else { // it counts nevertheless: that is the worse for the caps
					s.Breaker = s.Breaker.Declined(s.Now, "card_declined", s.Fingerprint, s.Token)
				}
			},
			"decide": func(t *rapid.T) {
				d := wallet.Decide(r, s)
				below := s.Available.Units() < r.Floor.Units()
				short := s.Owed.Units() > s.Available.Units()
				switch d.Do {
				case wallet.Wait:
					checkWait(t, r, s, d)
					fallthrough
				case wallet.Nothing:
					if d.Amount != (money.Amount{}) || d.LimitedBy != "" || d.Do == wallet.Nothing && !d.Until.IsZero() {
						t.Fatalf("%+v", d)
					}
					return
				}
				if d.Do != wallet.Collect || !below && !short || s.Busy {
					t.Fatalf("%+v of %+v", d, s)
				}
				checkAmount(t, r, s, d)
				open, s.Busy = d.Amount, true
				s.Charged = append(s.Charged, wallet.Charged{At: s.Now, Amount: d.Amount})
				day, count := collected(s.Charged, s.Now, 24*time.Hour)
				month, _ := collected(s.Charged, s.Now, 720*time.Hour)
				if d.Amount.Units() > limits.Charge.Units() || day > limits.Day.Units() || month > limits.Month.Units() || count > limits.Count {
					t.Fatalf("%s is over a cap of %+v: %d and %d, %d times", d.Amount, limits, day, month, count)
				}
			},
		})
	})
}

// checkAmount holds an amount against the target and its currency.
func checkAmount(t *rapid.T, r wallet.Rule, s wallet.Standing, d wallet.Decision) {
	unit := digits(r.Target.Currency())
	if d.Amount.Sign() <= 0 || d.Amount.Units()%unit != 0 || d.Amount.Currency() != r.Target.Currency() {
		t.Fatalf("%s can't be collected", d.Amount)
	}
	over := s.Available.Units() + d.Amount.Units() - r.Target.Units()
	if over >= unit {
		t.Fatalf("%s more than the target", money.FromUnits(over, r.Target.Currency()))
	}
	if (over < 0) != (d.LimitedBy != "") {
		t.Fatalf("%s of the target, limited by %q", money.FromUnits(over, r.Target.Currency()), d.LimitedBy)
	}
}

// checkWait says that it is waited for as long as need be, and no longer.
func checkWait(t *rapid.T, r wallet.Rule, s wallet.Standing, d wallet.Decision) {
	if !d.Until.After(s.Now) {
		t.Fatalf("until %s, and it is %s", d.Until, s.Now)
	}
	for _, tt := range []struct {
		at   time.Time
		want bool
	}{{d.Until, true}, {d.Until.Add(-1), false}} {
		then := s
		then.Now = tt.at
		got := wallet.Decide(r, then)
		// After a decline's time is over, a cap may still make it wait.
		free := got.Do == wallet.Collect || d.Reason == wallet.BackingOff && got.Reason != wallet.BackingOff
		if free != tt.want {
			t.Fatalf("%+v, but at %s %+v", d, tt.at, got)
		}
	}
}

// Whatever comes in, nothing comes out that can't be collected.
func TestDecideAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]money.Currency{"USD", "USD", "USD", "JPY", "QQQ", ""})
		units := rapid.OneOf(rapid.Int64Range(-math.MaxInt64, math.MaxInt64), rapid.Int64Range(-1000, 1000), rapid.Int64Range(-money.Scale*100, money.Scale*100))
		draw := func(name string) money.Amount {
			return money.FromUnits(units.Draw(t, name), currency.Draw(t, name))
		}
		r := wallet.Rule{Enabled: true, Floor: draw("floor"), Target: draw("target")}
		if rapid.Bool().Draw(t, "capped") {
			r.Caps = wallet.Caps{Charge: draw("charge"), Day: draw("day"), Month: draw("month"), Count: rapid.IntRange(-1, 3).Draw(t, "count")}
		}
		s := wallet.Standing{Now: noon, Available: draw("available"), Owed: draw("owed"), Method: true}
		for range rapid.IntRange(0, 5).Draw(t, "charged") {
			before := time.Duration(rapid.Int64Range(-int64(time.Hour), int64(800*time.Hour)).Draw(t, "before"))
			s.Charged = append(s.Charged, wallet.Charged{At: noon.Add(-before), Amount: draw("amount")})
		}
		d := wallet.Decide(r, s)
		if d.Do != wallet.Collect {
			return
		}
		if r.Check() != nil || s.Available.Currency() != r.Target.Currency() {
			t.Fatalf("%+v of %+v", d, r)
		}
		if unit := digits(r.Target.Currency()); d.Amount.Sign() <= 0 || d.Amount.Units()%unit != 0 || d.Amount.Units() > r.Limits().Charge.Units() {
			t.Fatalf("%+v of %+v", d, r)
		}
	})
}
