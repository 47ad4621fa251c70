package subscription_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/subscription"
)

// amount reads "14.00 USD".
func amount(t testing.TB, text string) money.Amount {
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
