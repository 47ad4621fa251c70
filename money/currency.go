package money

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Currency is an ISO 4217 alphabetic code: "USD".
//
// "" stands for a currency that nobody stated. A Currency read from elsewhere
// may be a code that this table does not know; it is carried as it is.
type Currency string

// ErrCurrency says that a text is not the code of a known currency.
var ErrCurrency = errors.New("not an ISO 4217 currency code")

// currencyRow is one currency of the generated table.
type currencyRow struct {
	code   Currency
	digits int8
}

// ParseCurrency returns the currency with this code in any case, or ErrCurrency.
func ParseCurrency(code string) (Currency, error) {
	c := Currency(strings.ToUpper(code))
	if !c.Known() {
		return "", fmt.Errorf("%w: %q", ErrCurrency, abbreviate(code))
	}
	return c, nil
}

// Known reports whether ISO 4217 lists c.
func (c Currency) Known() bool {
	_, ok := c.row()
	return ok
}

// WellFormed reports whether c looks like a code: three capital letters.
func (c Currency) WellFormed() bool {
	if len(c) != 3 {
		return false
	}
	for i := range len(c) {
		if c[i] < 'A' || c[i] > 'Z' {
			return false
		}
	}
	return true
}

// Digits returns the decimal places of the minor unit by ISO 4217: 2 for USD, 0
// for JPY, 3 for KWD; 2 for a code the list does not know, 0 for "".
func (c Currency) Digits() int {
	if c == "" {
		return 0
	}
	if row, ok := c.row(); ok {
		return int(row.digits)
	}
	return 2
}

func (c Currency) row() (currencyRow, bool) {
	i, ok := slices.BinarySearchFunc(currencies[:], c, func(row currencyRow, c Currency) int {
		return strings.Compare(string(row.code), string(c))
	})
	if !ok {
		return currencyRow{}, false
	}
	return currencies[i], true
}

// Region is a country and the money its people use.
type Region struct {
	// Country is the ISO 3166-1 alpha-2 code: "ES".
	Country string
	// Currency is what is legal tender there today: "EUR".
	Currency Currency
	// Symbol is how the country's people write the currency: "€". It is the
	// code where they have no shorter sign.
	Symbol string
	// NativeName is what the country's people call the currency, in their own
	// language: "euro" in Spain, "日本円" in Japan.
	NativeName string
	// Europe says whether the country lies in Europe by UN M49.
	Europe bool
}

// RegionOf returns the region of an ISO 3166-1 alpha-2 country code in any
// case; false for a code that is no country or has no currency.
// Source: Unicode CLDR.
func RegionOf(country string) (Region, bool) {
	country = strings.ToUpper(country)
	i, ok := slices.BinarySearchFunc(regions[:], country, func(r Region, country string) int {
		return strings.Compare(r.Country, country)
	})
	if !ok {
		return Region{}, false
	}
	return regions[i], true
}
