package subscription_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/subscription"
)

// amount reads "14.00 USD".
func amount(t rapid.TB, text string) money.Amount {
	t.Helper()
	a, err := money.Parse(text[:len(text)-4], money.Currency(text[len(text)-3:]))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func utc(year int, month time.Month, day, hour int) time.Time {
	return time.Date(year, month, day, hour, 0, 0, 0, time.UTC)
}

func TestRest(t *testing.T) {
	tests := []struct {
		name    string
		rate    string
		month   time.Month // of 2026, from its first day
		want    map[int]string
		ofYears bool
	}{
		{name: "even", rate: "14.00 USD", month: time.February, want: map[int]string{0: "14.00 USD", 1: "13.50 USD", 27: "0.50 USD"}},
		{name: "odd cents", rate: "20.00 USD", month: time.March, want: map[int]string{0: "20.00 USD", 1: "19.35 USD", 2: "18.71 USD", 10: "13.55 USD", 16: "9.68 USD", 20: "7.10 USD", 30: "0.65 USD"}},
		{name: "the example of the contract", rate: "200 USD", month: time.April, want: map[int]string{22: "53.33 USD", 23: "46.67 USD", 24: "40.00 USD"}},
		{name: "half a cent", rate: "0.05 USD", month: time.April, want: map[int]string{14: "0.03 USD", 15: "0.03 USD", 16: "0.02 USD", 27: "0.01 USD", 28: "0 USD"}},
		{name: "half a cent of a credit", rate: "-0.05 USD", month: time.April, want: map[int]string{15: "-0.03 USD", 28: "0 USD"}},
		{name: "yen", rate: "3000 JPY", month: time.March, want: map[int]string{0: "3000 JPY", 1: "2903 JPY", 24: "677 JPY", 30: "97 JPY"}},
		{name: "fils", rate: "6.150 KWD", month: time.April, want: map[int]string{0: "6.150 KWD", 1: "5.945 KWD", 29: "0.205 KWD"}},
		{name: "odd fils", rate: "4.600 KWD", month: time.April, want: map[int]string{0: "4.600 KWD", 1: "4.447 KWD", 10: "3.067 KWD", 11: "2.913 KWD", 29: "0.153 KWD"}},
		{name: "less than a cent", rate: "0.3535 USD", month: time.April, want: map[int]string{0: "0.3535 USD", 1: "0.34 USD", 5: "0.29 USD", 6: "0.28 USD", 15: "0.18 USD", 29: "0.01 USD"}},
		{name: "less than a cent, and days that are even", rate: "0.3035 USD", month: time.April, want: map[int]string{0: "0.3035 USD", 1: "0.29 USD", 29: "0.01 USD"}},
		{name: "less than a yen", rate: "0.5 JPY", month: time.April, want: map[int]string{0: "0.5 JPY", 1: "0 JPY"}},
		{name: "fewer cents than days", rate: "0.14 USD", month: time.March, want: map[int]string{1: "0.14 USD", 2: "0.13 USD", 13: "0.08 USD", 14: "0.08 USD", 29: "0.01 USD", 30: "0 USD"}},
		{name: "a year", rate: "220.00 USD", ofYears: true, month: time.January, want: map[int]string{1: "219.40 USD", 100: "159.73 USD", 364: "0.60 USD"}},
		{name: "nothing", rate: "0 USD", month: time.March, want: map[int]string{0: "0 USD", 30: "0 USD"}},
		{name: "a credit", rate: "-20.00 USD", month: time.March, want: map[int]string{0: "-20.00 USD", 10: "-13.55 USD"}},
		{name: "as much as there is", rate: "92233720368.54775807 USD", month: time.April, want: map[int]string{0: "92233720368.54775807 USD", 1: "89159263022.92 USD", 29: "3074457345.62 USD"}},
	}
	for _, tt := range tests {
		start, period := utc(2026, tt.month, 1, 10), catalog.Month
		if tt.ofYears {
			period = catalog.Year
		}
		term := begin(t, start, period, time.UTC)
		for day, want := range tt.want {
			for _, now := range []time.Time{start.AddDate(0, 0, day), start.AddDate(0, 0, day+1).Add(-1)} {
				if got := subscription.Rest(amount(t, tt.rate), term, now); got != amount(t, want) {
					t.Errorf("%s: day %d of %s is %s, want %s", tt.name, day, tt.rate, got, want)
				}
			}
		}
	}
}

func TestRestOutsideOfTheTerm(t *testing.T) {
	rate := amount(t, "20.00 USD")
	term := begin(t, utc(2026, time.March, 1, 10), catalog.Month, nil)
	backwards := term
	backwards.Start, backwards.End = term.End, term.Start
	for _, tt := range []struct {
		name string
		term subscription.Term
		now  time.Time
		want string
	}{
		{"long before", term, utc(2020, time.March, 1, 10), "20.00 USD"},
		{"before", term, term.Start.Add(-1), "20.00 USD"},
		{"at the end", term, term.End, "0 USD"},
		{"long after", term, utc(2030, time.March, 1, 10), "0 USD"},
		{"no term", subscription.Term{}, utc(2026, time.March, 1, 10), "0 USD"},
		{"backwards, before", backwards, term.Start.Add(-1), "20.00 USD"},
		{"backwards, between", backwards, term.Start.Add(1), "0 USD"},
	} {
		if got := subscription.Rest(rate, tt.term, tt.now); got != amount(t, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A term may have any length: the rate times the days can be more than 64 bits
// hold.
func TestRestOfALongTerm(t *testing.T) {
	term := begin(t, utc(2000, time.January, 1, 0), catalog.Year, nil)
	term.End = utc(2200, time.January, 1, 0) // after 73,049 days
	rate := money.FromUnits(math.MaxInt64, "CLF")
	for day, want := range map[int]string{0: "92233720368.54775807 CLF", 1: "92232457740.4437 CLF", 36524: "46117491498.3258 CLF", 73048: "1262628.1040 CLF"} {
		if got := subscription.Rest(rate, term, term.DayStart(day)); got != amount(t, want) {
			t.Errorf("day %d: %s, want %s", day, got, want)
		}
	}
}

var currencies = []money.Currency{"USD", "JPY", "KWD", "CLF", "QQQ"}

func drawAmount(t *rapid.T, c money.Currency) money.Amount {
	units := rapid.OneOf(
		rapid.Int64Range(0, 1000*money.Scale),
		rapid.Map(rapid.Int64Range(0, 1_000_000), func(n int64) int64 { return n * (money.Scale / 10_000) }),
		rapid.Int64Range(0, math.MaxInt64),
		rapid.Int64Range(math.MaxInt64-3, math.MaxInt64),
	).Draw(t, "units")
	return money.FromUnits(units, c)
}

// minorOf returns a currency's minor unit in units of money.
func minorOf(c money.Currency) int64 {
	unit := int64(money.Scale)
	for range c.Digits() {
		unit /= 10
	}
	return unit
}

// deal deals a rate out to days, counted back from the last: each gets as many
// minor units as all of them have for certain, and one more as soon as those that
// are left of the division have come to half of one that has not been given yet.
// What is less than a minor unit goes to the first day.
func deal(rate money.Amount, days int) []int64 {
	unit := minorOf(rate.Currency())
	each, odd := rate.Units()/unit/int64(days), rate.Units()/unit%int64(days)
	parts := make([]int64, days)
	var due int64 // in 1/(2 × days) of a minor unit
	for day := days - 1; day >= 0; day-- {
		parts[day] = each * unit
		if due += 2 * odd; due >= int64(days) {
			parts[day] += unit
			due -= 2 * int64(days)
		}
	}
	parts[0] += rate.Units() % unit
	return parts
}

// drawDay draws one of a term's days that has begun at some moment, and returns
// its number and its start. A day of no length, which the zone skipped, has not.
func drawDay(t *rapid.T, term subscription.Term) (int, time.Time) {
	at := term.DayStart(rapid.IntRange(0, term.Days()-1).Draw(t, "day"))
	return term.Day(at), at
}

// proportion is the exact part of an amount that so many of the days have.
func proportion(units int64, left, days int) *big.Rat {
	return new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(units), big.NewInt(int64(left))), big.NewInt(int64(days)))
}

// The rest is the exact proportion of the whole minor units, rounded half up; on
// the first day it is the rate. Of a negative rate it is the negative.
func TestRestIsTheRoundedProportion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(currencies).Draw(t, "currency")
		rate, term := drawAmount(t, c), drawTerm(t)
		day, now := drawDay(t, term)
		want := rate.Units()
		if unit := minorOf(c); day > 0 {
			exact := proportion(rate.Units()/unit, term.Days()-day, term.Days())
			exact.Add(exact, big.NewRat(1, 2))
			whole := new(big.Int).Quo(exact.Num(), exact.Denom())
			want = whole.Int64() * unit
		}
		if got := subscription.Rest(rate, term, now); got != money.FromUnits(want, c) {
			t.Fatalf("day %d of %d: the rest of %s is %s, want %s", day, term.Days(), rate, got, money.FromUnits(want, c))
		}
		if got := subscription.Rest(rate.Neg(), term, now); got != money.FromUnits(-want, c) {
			t.Fatalf("day %d of %d: the rest of %s is %s, want %s", day, term.Days(), rate.Neg(), got, money.FromUnits(-want, c))
		}
	})
}

// What the days get is a largest-remainder apportionment of the whole minor units:
// each gets its exact share rounded down or up, as many rounded up as the division
// leaves units. They are spread evenly: any days in a row get their exact share,
// too, rounded down or up. And the rest is what the days that are left get, so
// that it never grows.
func TestDaysAreDealtEvenly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(currencies).Draw(t, "currency")
		rate, term := drawAmount(t, c), drawTerm(t)
		days, unit := term.Days(), minorOf(c)
		parts := deal(rate, days)
		var tail int64
		for day := days - 1; day >= 0; day-- {
			if parts[day] < 0 {
				t.Fatalf("day %d of %d gets %d of %s", day, days, parts[day], rate)
			}
			tail += parts[day]
			now := term.DayStart(day)
			if !now.Before(term.DayStart(day + 1)) {
				continue // a day of no length, which the zone skipped
			}
			if got := subscription.Rest(rate, term, now); got != money.FromUnits(tail, c) {
				t.Fatalf("day %d of %d: the rest of %s is %s, the days are given %d", day, days, rate, got, tail)
			}
		}
		if tail != rate.Units() {
			t.Fatalf("%d days get %d of %s", days, tail, rate)
		}

		parts[0] -= rate.Units() % unit
		whole, larger := rate.Units()/unit, int64(0)
		for day, part := range parts {
			if extra := part - whole/int64(days)*unit; extra != 0 && extra != unit {
				t.Fatalf("day %d of %d gets %d of %s", day, days, part, rate)
			} else if extra == unit {
				larger++
			}
		}
		if larger != whole%int64(days) {
			t.Fatalf("%d of %d days get a unit more of %s", larger, days, rate)
		}
		from := rapid.IntRange(0, days-1).Draw(t, "from")
		var run int64
		for day := from; day < days; day++ {
			run += parts[day]
			off := proportion(whole, day+1-from, days)
			if off.Sub(off, big.NewRat(run/unit, 1)); off.Abs(off).Cmp(big.NewRat(1, 1)) >= 0 {
				t.Fatalf("days %d to %d of %d get %d of %s", from, day, days, run, rate)
			}
		}
	})
}

// A higher rate never has a lower rest. How much higher it is differs from a
// calculation by proportion by less than a minor unit, or less than two where the
// rates are not whole in minor units; not at all on the first day.
func TestMoreIsNeverCheaper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(currencies).Draw(t, "currency")
		rate, term, unit := drawAmount(t, c), drawTerm(t), minorOf(c)
		if rapid.Bool().Draw(t, "whole") {
			rate = money.FromUnits(rate.Units()/unit*unit, c)
		}
		left := math.MaxInt64 - rate.Units()
		by := rapid.OneOf(
			rapid.Int64Range(0, left),
			rapid.Int64Range(0, min(left, money.Scale)),
			rapid.Map(rapid.Int64Range(0, min(left/unit, 100_000)), func(n int64) int64 { return n * unit }),
		).Draw(t, "more by")
		more := money.FromUnits(rate.Units()+by, c)
		day, now := drawDay(t, term)
		cost, err := subscription.Rest(more, term, now).Sub(subscription.Rest(rate, term, now))
		if err != nil || cost.Sign() < 0 {
			t.Fatalf("day %d of %d: from %s to %s costs %s, %v", day, term.Days(), rate, more, cost, err)
		}
		most := 2 * unit
		switch {
		case day == 0:
			most = 1
		case rate.Units()%unit == 0 && by%unit == 0:
			most = unit
		}
		off := proportion(by, term.Days()-day, term.Days())
		if off.Sub(off, big.NewRat(cost.Units(), 1)); off.Abs(off).Cmp(big.NewRat(most, 1)) >= 0 {
			t.Fatalf("day %d of %d: from %s to %s costs %s, off by %s", day, term.Days(), rate, more, cost, off.FloatString(2))
		}
	})
}
