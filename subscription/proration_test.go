package subscription_test

import (
	"math"
	"math/big"
	"slices"
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
		{name: "odd cents", rate: "20.00 USD", month: time.March, want: map[int]string{0: "20.00 USD", 1: "19.35 USD", 10: "13.50 USD", 16: "9.60 USD", 20: "7.04 USD", 30: "0.64 USD"}},
		{name: "yen", rate: "3000 JPY", month: time.March, want: map[int]string{0: "3000 JPY", 1: "2903 JPY", 24: "672 JPY", 30: "96 JPY"}},
		{name: "fils", rate: "6.150 KWD", month: time.April, want: map[int]string{0: "6.150 KWD", 1: "5.945 KWD", 29: "0.205 KWD"}},
		{name: "odd fils", rate: "4.600 KWD", month: time.April, want: map[int]string{1: "4.446 KWD", 10: "3.060 KWD", 11: "2.907 KWD", 29: "0.153 KWD"}},
		{name: "less than a cent", rate: "0.3535 USD", month: time.April, want: map[int]string{0: "0.3535 USD", 5: "0.2535 USD", 6: "0.24 USD", 29: "0.01 USD"}},
		{name: "less than a cent, and days that are even", rate: "0.3035 USD", month: time.April, want: map[int]string{0: "0.3035 USD", 1: "0.29 USD", 29: "0.01 USD"}},
		{name: "less than a yen", rate: "0.5 JPY", month: time.April, want: map[int]string{0: "0.5 JPY", 1: "0 JPY"}},
		{name: "fewer cents than days", rate: "0.14 USD", month: time.March, want: map[int]string{1: "0.13 USD", 13: "0.01 USD", 14: "0 USD", 30: "0 USD"}},
		{name: "a year", rate: "220.00 USD", ofYears: true, month: time.January, want: map[int]string{1: "219.39 USD", 100: "159.00 USD", 364: "0.60 USD"}},
		{name: "nothing", rate: "0 USD", month: time.March, want: map[int]string{0: "0 USD", 30: "0 USD"}},
		{name: "a credit", rate: "-20.00 USD", month: time.March, want: map[int]string{10: "-13.50 USD"}},
		{name: "as much as there is", rate: "92233720368.54775807 USD", month: time.April, want: map[int]string{0: "92233720368.54775807 USD", 29: "3074457345.61 USD"}},
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

func TestDeal(t *testing.T) {
	tests := []struct {
		name    string
		total   string
		weights []int64
		want    []string
	}{
		{"ties", "1.00 USD", []int64{1, 1, 1}, []string{"0.34 USD", "0.33 USD", "0.33 USD"}},
		{"largest remainder", "1.00 USD", []int64{1, 2, 3}, []string{"0.17 USD", "0.33 USD", "0.50 USD"}},
		{"yen", "100 JPY", []int64{1, 1, 1}, []string{"34 JPY", "33 JPY", "33 JPY"}},
		{"fils", "0.100 KWD", []int64{1, 1, 1}, []string{"0.034 KWD", "0.033 KWD", "0.033 KWD"}},
		{"less than a cent", "1.005 USD", []int64{1, 1, 1}, []string{"0.34 USD", "0.335 USD", "0.33 USD"}},
		{"less than a cent, even", "0.905 USD", []int64{0, 1, 1, 1}, []string{"0 USD", "0.305 USD", "0.30 USD", "0.30 USD"}},
		{"the share of all decides", "0.015 USD", []int64{1, 2, 3}, []string{"0 USD", "0.005 USD", "0.01 USD"}},
		{"nothing for no weight", "0.01 USD", []int64{0, -5, 1}, []string{"0 USD", "0 USD", "0.01 USD"}},
		{"no weight at all", "0.03 USD", []int64{0, -1}, []string{"0.02 USD", "0.01 USD"}},
		{"a credit", "-1.00 USD", []int64{1, 1, 1}, []string{"-0.34 USD", "-0.33 USD", "-0.33 USD"}},
		{"the largest numbers", "92233720368.54775807 USD", []int64{math.MaxInt64, math.MaxInt64, math.MaxInt64},
			[]string{"30744573456.18775807 USD", "30744573456.18 USD", "30744573456.18 USD"}},
		{"one", "0.12345678 USD", []int64{7}, []string{"0.12345678 USD"}},
		{"nobody", "1.00 USD", nil, nil},
	}
	for _, tt := range tests {
		var want []money.Amount
		for _, text := range tt.want {
			want = append(want, amount(t, text))
		}
		if got := subscription.Deal(amount(t, tt.total), tt.weights); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", tt.name, got, want)
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

// The parts add up, and each is the exact share, less or more by at most one minor
// unit.
func TestDealIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(currencies).Draw(t, "currency")
		total := drawAmount(t, c)
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 10), rapid.Int64Range(-3, math.MaxInt64)), 1, 40).Draw(t, "weights")
		unit, err := money.FromMajor(1, c)
		if err != nil {
			t.Fatal(err)
		}
		minor := unit.Units()
		for range c.Digits() {
			minor /= 10
		}
		sum, weight := new(big.Int), new(big.Int)
		for _, w := range weights {
			weight.Add(weight, big.NewInt(max(w, 0)))
		}
		broken := 0
		for i, part := range subscription.Deal(total, weights) {
			sum.Add(sum, big.NewInt(part.Units()))
			if part.Units()%minor != 0 {
				broken++
			}
			if part.Currency() != c || part.Sign() < 0 {
				t.Fatalf("a part of %s is %s", total, part)
			}
			if weight.Sign() == 0 {
				continue
			}
			if weights[i] <= 0 && part.Sign() != 0 {
				t.Fatalf("who has the weight %d gets %s", weights[i], part)
			}
			share := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(total.Units()), big.NewInt(max(weights[i], 0))), weight)
			if off := share.Sub(share, big.NewRat(part.Units(), 1)); off.Abs(off).Cmp(big.NewRat(minor, 1)) > 0 {
				t.Fatalf("%s of %s is off by %s", part, total, off.FloatString(2))
			}
		}
		if sum.Cmp(big.NewInt(total.Units())) != 0 {
			t.Fatalf("the parts of %s come to %s", total, sum)
		}
		if broken > 1 || total.Units()%minor == 0 && broken > 0 {
			t.Fatalf("%d parts of %s are not whole", broken, total)
		}
	})
}

// The rest is what Deal gives to the days that are left. It never grows as time
// passes, never falls as the rate grows, and is at most D minor units below a
// calculation by proportion, and never above it.
func TestRestIsTheTailOfDeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(currencies).Draw(t, "currency")
		rate, term := drawAmount(t, c), drawTerm(t)
		left := math.MaxInt64 - rate.Units()
		by := rapid.OneOf(rapid.Int64Range(0, left), rapid.Int64Range(0, min(left, money.Scale))).Draw(t, "more by")
		more := money.FromUnits(rate.Units()+by, c)
		days := term.Days()
		weights := make([]int64, days)
		for i := range weights {
			weights[i] = 1
		}
		minor := int64(money.Scale)
		for range c.Digits() {
			minor /= 10
		}
		parts := subscription.Deal(rate, weights)
		var tail int64
		for day := days - 1; day >= 0; day-- {
			tail += parts[day].Units()
			now := term.DayStart(day)
			if !now.Before(term.DayStart(day + 1)) {
				continue // a day of no length, which the zone skipped
			}
			got := subscription.Rest(rate, term, now)
			if got != money.FromUnits(tail, c) {
				t.Fatalf("day %d of %d: the rest of %s is %s, Deal says %d", day, days, rate, got, tail)
			}
			if higher := subscription.Rest(more, term, now); higher.Units() < got.Units() {
				t.Fatalf("day %d of %d: %s has the rest %s, %s has %s", day, days, rate, got, more, higher)
			}
			off := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(rate.Units()), big.NewInt(int64(days-day))), big.NewInt(int64(days)))
			off.Sub(off, big.NewRat(got.Units(), 1))
			if off.Sign() < 0 || off.Cmp(big.NewRat(minor*int64(days), 1)) >= 0 {
				t.Fatalf("day %d of %d: the rest of %s is %s, off by %s", day, days, rate, got, off.FloatString(2))
			}
		}
		if got := subscription.Rest(rate, term, term.Start); got != rate {
			t.Fatalf("at the start %s is %s", rate, got)
		}
	})
}
