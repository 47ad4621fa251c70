package money

import (
	"cmp"
	"errors"
	"slices"
	"testing"
)

func TestDigits(t *testing.T) {
	for code, want := range map[Currency]int{"USD": 2, "JPY": 0, "KWD": 3, "CLF": 4, "IQD": 3, "QQQ": 2, "": 0} {
		if got := code.Digits(); got != want {
			t.Errorf("%q has %d digits, want %d", code, got, want)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	if c, err := ParseCurrency("eur"); err != nil || c != "EUR" {
		t.Errorf("eur: %q, %v", c, err)
	}
	for _, code := range []string{"", "E", "EURO", "QQQ", "$", "US ", "EÜR"} {
		if c, err := ParseCurrency(code); !errors.Is(err, ErrCurrency) {
			t.Errorf("%q was read as %q, %v", code, c, err)
		}
	}
}

func TestWellFormed(t *testing.T) {
	for code, want := range map[Currency]bool{"USD": true, "QQQ": true, "usd": false, "$": false, "": false, "US$": false} {
		if got := code.WellFormed(); got != want {
			t.Errorf("%q: %t", code, got)
		}
	}
}

func TestRegionOf(t *testing.T) {
	tests := []Region{
		{Country: "US", Currency: "USD", Symbol: "$", NativeName: "US Dollar"},
		{Country: "ES", Currency: "EUR", Symbol: "€", NativeName: "euro", Europe: true},
		{Country: "GB", Currency: "GBP", Symbol: "£", NativeName: "British Pound", Europe: true},
		{Country: "JP", Currency: "JPY", Symbol: "￥", NativeName: "日本円"},
	}
	for _, want := range tests {
		if got, ok := RegionOf(want.Country); !ok || got != want {
			t.Errorf("got %+v, %t; want %+v", got, ok, want)
		}
	}
	if r, ok := RegionOf("es"); !ok || r.Country != "ES" {
		t.Errorf("lower case: %+v, %t", r, ok)
	}
	for _, country := range []string{"", "U", "XX", "USA"} {
		if r, ok := RegionOf(country); ok {
			t.Errorf("%q is %+v", country, r)
		}
	}
}

// The tables are searched by halving, so they must be sorted, and a region must
// not name a currency that the other table lacks.
func TestTables(t *testing.T) {
	if !slices.IsSortedFunc(currencies[:], func(a, b currencyRow) int { return cmp.Compare(a.code, b.code) }) {
		t.Error("currencies are not sorted")
	}
	if !slices.IsSortedFunc(regions[:], func(a, b Region) int { return cmp.Compare(a.Country, b.Country) }) {
		t.Error("regions are not sorted")
	}
	for _, r := range regions {
		if !r.Currency.Known() || r.Symbol == "" || r.NativeName == "" {
			t.Errorf("incomplete: %+v", r)
		}
	}
	if len(regions) < 240 || len(currencies) < 150 {
		t.Errorf("only %d regions and %d currencies", len(regions), len(currencies))
	}
}
