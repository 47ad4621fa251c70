package cli

import (
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
)

func TestRatesAreReadExactly(t *testing.T) {
	want := "0.10000000000000000000000001"
	for name, text := range map[string]string{
		"r.yaml": "- date: 2026-07-01\n  from: USD\n  to: EUR\n  rate: " + want + "\n- {date: \"2026-07-02\", from: gbp, to: EUR, rate: \"1.10\"}\n",
		"r.csv":  "date,from,to,rate\n2026-07-01,USD,EUR," + want + "\n2026-07-02, gbp ,EUR,1.10\n",
		"r.CSV":  "\ufeffDate,From,To,Rate\r\n2026-07-02,GBP,EUR,\"1.10\"\r\n2026-07-01,USD,EUR," + want + "\r\n",
	} {
		table := ratesOf(t, name, text)
		r, ok := table.on(time.Date(2026, 7, 1, 23, 0, 0, 0, time.UTC), "USD", "EUR")
		if !ok || r.text != want || r.digits.String() != "10000000000000000000000001" || r.places != 26 {
			t.Errorf("%s: %t %q %s %d", name, ok, r.text, &r.digits, r.places)
		}
		if r, ok := table.on(time.Date(2026, 7, 3, 0, 0, 0, 0, time.UTC), "GBP", "EUR"); !ok || r.text != "1.10" {
			t.Errorf("%s: %q is not as it stands in the file", name, r.text)
		}
		if table.target() != "EUR" {
			t.Errorf("%s: to %q", name, table.target())
		}
	}
}

// The newest of the day or before counts, and none of later.
func TestRatesArePinned(t *testing.T) {
	table := ratesOf(t, "r.csv", "date,from,to,rate\n2026-07-03,USD,EUR,3\n2026-07-01,USD,EUR,1\n2026-07-02,USD,EUR,2\n2026-07-01,EUR,USD,9\n")
	for day, want := range map[int]string{1: "1", 2: "2", 3: "3", 30: "3"} {
		if r, ok := table.on(time.Date(2026, 7, day, 0, 0, 0, 0, time.UTC), "USD", "EUR"); !ok || r.text != want {
			t.Errorf("on the %dth: %q", day, r.text)
		}
	}
	if r, ok := table.on(time.Date(2026, 6, 30, 23, 59, 59, 0, time.UTC), "USD", "EUR"); ok {
		t.Errorf("a rate of later counts: %s", r.text)
	}
}

func TestRatesThatAreNone(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"r.csv", "", "there are no rates"},
		{"r.csv", "date,from,to,rate\n", "there are no rates"},
		{"r.csv", "day,from,to,rate\n2026-07-01,USD,EUR,1\n", `"day,from,to,rate"`},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,EUR\n", "wrong number of fields"},
		{"r.csv", "date,from,to,rate\n01.07.2026,USD,EUR,1\n", `rate 1: date: "01.07.2026"`},
		{"r.csv", "date,from,to,rate\n2026-07-01,USQ,EUR,1\n", "from: "},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,E,1\n", "to: "},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,USD,1\n", "to itself"},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,EUR,0.00\n", "it is nought"},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,EUR,-1\n", `rate: "-1"`},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,EUR,1e3\n", `rate: "1e3"`},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,EUR,1.\n", `rate: "1."`},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,EUR," + strings.Repeat("9", 31) + "\n", "is no decimal number"},
		{"r.csv", "date,from,to,rate\n2026-07-01,USD,EUR,1\n2026-07-01,usd,eur,2\n", "two rates from USD to EUR on 2026-07-01"},
		{"r.yaml", "- {date: 2026-07-01, from: USD, to: EUR}\n", `rate: ""`},
		{"r.yaml", "- {date: 2026-07-01, from: USD, to: EUR, rate: 1, why: x}\n", "why"},
		{"r.yaml", "rates: 7\n", "r.yaml"},
		{"r.yaml", "", "there are no rates"},
	} {
		file := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadRates(file)
		if ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "--rates") {
			t.Errorf("%q: error %v, want one with %q", test.text, err, test.want)
		}
	}
	if _, err := loadRates(filepath.Join(t.TempDir(), "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// A converted total is what exact fractions come to, rounded once at the end.
func TestConvertedTotalsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SampledFrom([]money.Currency{"EUR", "JPY", "KWD"}).Draw(t, "in")
		totals := &fleetTotals{day: noonOfMany, in: in, rates: &rateTable{}, sums: map[money.Currency]*currencySum{}}
		exact := new(big.Rat)
		for _, c := range []money.Currency{"USD", "GBP", "CHF", in} {
			units := rapid.Int64().Draw(t, string(c))
			sum := &currencySum{portals: 1}
			sum.units.SetInt64(units)
			totals.sums[c] = sum
			worth := big.NewRat(units, money.Scale)
			if c != in {
				text := fmt.Sprintf("%d.%06d", rapid.IntRange(0, 200).Draw(t, "whole"), rapid.IntRange(1, 999_999).Draw(t, "fraction"))
				text = text[:len(text)-rapid.IntRange(0, 3).Draw(t, "cut")]
				r, err := rateRow{"2026-09-01", string(c), string(in), rateText(text)}.read()
				if err != nil {
					return // it was cut to nought
				}
				totals.rates.rates = append(totals.rates.rates, r)
				rate, _ := new(big.Rat).SetString(text)
				worth.Mul(worth, rate)
			}
			exact.Add(exact, worth)
		}
		want := exact.FloatString(in.Digits()) // rounds a half away from nought
		if new(big.Rat).SetInt64(0).Cmp(exact) > 0 && strings.Trim(want, "-0.") == "" {
			want = strings.TrimPrefix(want, "-")
		}
		if got := totals.converted().text(); got != want {
			t.Fatalf("%s, want %s of %s", got, want, exact.FloatString(12))
		}
	})
}

// Without a rate there is no total in one currency, rather than a wrong one.
func TestMissingRatesAreSaid(t *testing.T) {
	totals := &fleetTotals{day: noonOfMany, in: "EUR", rates: ratesOf(t, "r.csv", "date,from,to,rate\n2027-01-01,USD,EUR,0.9\n2026-01-01,EUR,GBP,0.9\n"),
		sums: map[money.Currency]*currencySum{"USD": {}, "GBP": {}, "EUR": {}}}
	totals.sums["EUR"].units.SetInt64(money.Scale)
	if c := totals.converted(); c == nil || c.text() != "1.00" || len(c.used) != 0 {
		t.Errorf("nothing in other currencies: %v", c)
	}
	totals.sums["USD"].units.SetInt64(1) // its only rate is of later
	totals.sums["GBP"].units.SetInt64(1) // it has one the other way round
	if c := totals.converted(); c != nil || fmt.Sprint(totals.missing()) != "[GBP USD]" {
		t.Errorf("%v, missing %v", c, totals.missing())
	}
	if d := totals.document(noonOfMany); d.Converted != nil || len(d.MissingRates) != 2 {
		t.Errorf("%+v", d)
	}
}
