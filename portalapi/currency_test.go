package portalapi_test

import (
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/portalapi"
)

// prices are the ends of a price in each currency that there are prices in.
var prices = map[string]string{
	dollars: `"currencySymbol":"$","isoCurrencySymbol":"USD"}`,
	euros:   `"currencySymbol":"€","isoCurrencySymbol":"EUR"}`,
	pounds:  `"currencySymbol":"£","isoCurrencySymbol":"GBP"}`,
	yens:    `"currencySymbol":"￥","isoCurrencySymbol":"JPY"}`,
	dinars:  `"currencySymbol":"د.ك.` + "\u200f" + `","isoCurrencySymbol":"KWD"}`,
}

// Source: contract, "Region -> currency"; who asks for a country gets it.
func TestCountryChoosesTheCurrency(t *testing.T) {
	const visitorHeader = "CF-IPCountry"
	german := strings.Replace(strings.Replace(euros, "ES", "DE", 1), "euro", "Euro", 1)
	prices[german] = prices[euros]
	h := newHouse(t, setup{empty: true, config: portalapi.Config{CountryHeader: visitorHeader}})
	for name, test := range map[string]struct {
		portal, asked, visitor string
		want                   string
	}{
		"nobody says":                    {"", "", "", dollars},
		"the portal's":                   {"JP", "", "", yens},
		"a portal in Germany":            {"DE", "", "", german},
		"a portal with no price":         {"CH", "", "", dollars},
		"asked for":                      {"", "ES", "", euros},
		"asked for in lower case":        {"", "es", "", euros},
		"asked for Japan":                {"", "JP", "", yens},
		"asked for Kuwait":               {"", "KW", "", dinars},
		"asked for the default":          {"JP", "US", "", dollars},
		"asked for one with no price":    {"JP", "CH", "", dollars},
		"asked for none":                 {"JP", "ZZ", "", dollars},
		"a visitor's":                    {"", "", "JP", yens},
		"a visitor's in lower case":      {"", "", "jp", yens},
		"a visitor's before the portal":  {"KW", "", "JP", yens},
		"a visitor from Europe":          {"", "", "DE", euros},
		"a visitor from Britain":         {"", "", "GB", euros},
		"a visitor with no price":        {"JP", "", "BR", dollars},
		"asked for before the visitor's": {"", "GB", "DE", pounds},
		"a visitor by Tor":               {"JP", "", "T1", yens},
		"a visitor from nowhere":         {"JP", "", "XX", yens},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			id := strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(name))
			key := h.addPortal(billing.NewPortal{ID: id, Hosts: []string{id + ".example.com"}, Country: test.portal})
			ask := func(path string) string {
				q := request{path: path, key: key, host: id + ".example.com", header: map[string]string{}}
				if test.asked != "" {
					q.path = strings.Replace(q.path+"&country="+test.asked, "currencies&", "currencies?", 1)
				}
				if test.visitor != "" {
					q.header[visitorHeader] = test.visitor
				}
				return h.do(q).payload(t)
			}
			want := "[" + dollars + "," + test.want + "]"
			if test.want == dollars {
				want = "[" + dollars + "]"
			}
			same(t, want, ask("currencies"))
			for _, path := range []string{"quota?refresh=false", "quotas?wallet=false", "quotas?wallet=true"} {
				got := ask(path)
				if all := strings.Count(got, `"price":`); all == 0 || strings.Count(got, prices[test.want]) != all {
					t.Errorf("%s: not all prices have %s: %.300s", path, prices[test.want], got)
				}
			}
		})
	}
}

// A country that is no code of two letters is asked for all the same, and is
// nowhere. By openapi.yaml there is no such code.
func TestCountryThatIsNoneHasTheDefaultCurrency(t *testing.T) {
	h := newHouse(t, setup{empty: true})
	key := h.addPortal(billing.NewPortal{ID: "example", Hosts: []string{portalHost}, Country: "JP"})
	for _, country := range []string{"ESP", "E1", "%C3%9F", "12", "E", "Spain"} {
		got := h.do(request{path: "currencies?country=" + country, key: key, loose: true})
		same(t, "["+dollars+"]", got.payload(t))
	}
}

// Without a header that names it, no visitor's country is believed.
func TestVisitorsCountryNeedsAHeaderOfTheOperators(t *testing.T) {
	h := newHouse(t, setup{})
	got := h.do(request{path: "currencies", key: h.company.OwnerKey, header: map[string]string{"CF-IPCountry": "JP"}})
	same(t, "["+dollars+"]", got.payload(t))
}
