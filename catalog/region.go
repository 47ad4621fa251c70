package catalog

import (
	"slices"

	"github.com/bursarhq/bursar/money"
)

// euroCountry stands for all of Europe, as it does in DocSpace.
const euroCountry = "ES"

// Locale is what is known of where a reader is; every field is an ISO 3166-1
// alpha-2 code or "".
type Locale struct {
	// Asked is the country that the request names.
	Asked string
	// Visitor is the country that the request comes from; one that is unknown
	// counts as none.
	Visitor string
	// Portal is the country of the portal.
	Portal string
}

// DefaultRegion returns the region that stands first in every list: the home of
// the default currency.
func (c *Catalog) DefaultRegion() money.Region { return homeOf(c.DefaultCurrency()) }

// Home returns the region that stands for a currency; see DefaultRegion.
func (c *Catalog) Home(currency money.Currency) money.Region { return homeOf(currency) }

// homeOf returns the country that stands for a currency: the one its ISO 4217
// code is named after, and Spain for the euro.
func homeOf(currency money.Currency) money.Region {
	country := string(currency[:2])
	if currency == "EUR" {
		country = euroCountry
	}
	if region, ok := money.RegionOf(country); ok && region.Currency == currency {
		return region
	}
	return money.Region{Country: country, Currency: currency, Symbol: string(currency), NativeName: string(currency)}
}

// Region returns the region whose currency a reader sees prices in: the country
// asked for; else the visitor's, where a European is shown the euro; else the
// portal's. It is the default region when the country is unknown or nothing is
// priced in its currency.
//
// Stock lets the visitor's continent override the country asked for; here, who
// asks gets. Source: contract, "Display region".
func (c *Catalog) Region(l Locale) money.Region {
	country := l.Asked
	if visitor, ok := money.RegionOf(l.Visitor); country == "" && ok {
		country = visitor.Country
		if visitor.Europe {
			country = euroCountry
		}
	}
	if country == "" {
		country = l.Portal
	}
	if region, ok := money.RegionOf(country); ok && slices.Contains(c.currencies, region.Currency) {
		return region
	}
	return c.DefaultRegion()
}
