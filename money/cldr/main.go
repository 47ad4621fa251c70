// Command cldr writes money/table.go: the currencies of ISO 4217 and, from
// Unicode CLDR, which country uses which, how it is written there and called.
//
// It reads the npm packages cldr-core, cldr-numbers-full and currency-codes
// (which carries the ISO list as published) and is run by fetch.sh.
package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"go/format"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	modules := flag.String("modules", "", "folder with the npm packages")
	out := flag.String("out", "", "Go file to write")
	flag.Parse()
	if err := run(*modules, *out); err != nil {
		log.Fatal("cldr: ", err)
	}
}

func run(modules, out string) error {
	digits, err := readISO(filepath.Join(modules, "currency-codes", "iso-4217-list-one.xml"))
	if err != nil {
		return err
	}
	c := cldr{modules: modules}
	regions, err := c.regions()
	if err != nil {
		return err
	}
	// CLDR follows ISO 4217's amendments faster than the list is published.
	for _, r := range regions {
		if _, ok := digits[r.currency]; !ok {
			digits[r.currency] = 2
		}
	}
	src, err := format.Source(render(digits, regions))
	if err != nil {
		return err
	}
	return os.WriteFile(out, src, 0o644)
}

// readISO returns the minor digits of every currency of the ISO list; codes
// with none stated (gold, testing, no currency) are left out.
func readISO(path string) (map[string]int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list struct {
		Entries []struct {
			Code   string `xml:"Ccy"`
			Digits string `xml:"CcyMnrUnts"`
		} `xml:"CcyTbl>CcyNtry"`
	}
	if err := xml.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	digits := map[string]int{}
	for _, e := range list.Entries {
		if n, err := strconv.Atoi(e.Digits); err == nil {
			digits[e.Code] = n
		}
	}
	return digits, nil
}

type region struct {
	country, currency, symbol, name string
	europe                          bool
}

// cldr reads the JSON form of Unicode CLDR.
type cldr struct{ modules string }

func (c cldr) supplemental(file string, into any) error {
	return readJSON(filepath.Join(c.modules, "cldr-core", "supplemental", file), into)
}

func (c cldr) regions() ([]region, error) {
	var money struct {
		Supplemental struct {
			CurrencyData struct {
				Region map[string][]map[string]struct {
					To     string `json:"_to"`
					Tender string `json:"_tender"`
				} `json:"region"`
			} `json:"currencyData"`
		} `json:"supplemental"`
	}
	if err := c.supplemental("currencyData.json", &money); err != nil {
		return nil, err
	}
	var likely struct {
		Supplemental struct {
			Subtags map[string]string `json:"likelySubtags"`
		} `json:"supplemental"`
	}
	if err := c.supplemental("likelySubtags.json", &likely); err != nil {
		return nil, err
	}
	europe, err := c.europe()
	if err != nil {
		return nil, err
	}

	var all []region
	for country, history := range money.Supplemental.CurrencyData.Region {
		r := region{country: country, europe: europe[country]}
		// The countries that use several list the preferred one first.
		for _, era := range history {
			for code, e := range era {
				if r.currency == "" && e.To == "" && e.Tender != "false" {
					r.currency = code
				}
			}
		}
		if r.currency == "" || len(country) != 2 {
			continue
		}
		if r.symbol, r.name, err = c.native(likely.Supplemental.Subtags["und-"+country], country, r.currency); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b region) int { return strings.Compare(a.country, b.country) })
	return all, nil
}

// europe returns the countries of UN M49's region 150.
func (c cldr) europe() (map[string]bool, error) {
	var tree struct {
		Supplemental struct {
			Containment map[string]struct {
				Contains []string `json:"_contains"`
			} `json:"territoryContainment"`
		} `json:"supplemental"`
	}
	if err := c.supplemental("territoryContainment.json", &tree); err != nil {
		return nil, err
	}
	countries := map[string]bool{}
	var walk func(code string)
	walk = func(code string) {
		countries[code] = true
		for _, child := range tree.Supplemental.Containment[code].Contains {
			walk(child)
		}
	}
	walk("150")
	return countries, nil
}

// native returns the sign and name of a currency in the locale most likely
// spoken in the country, falling back to the language and then to English.
func (c cldr) native(likely, country, currency string) (symbol, name string, err error) {
	locales := []string{"en"}
	if parts := strings.Split(likely, "-"); len(parts) == 3 {
		lang, script := parts[0], parts[1]
		locales = []string{lang + "-" + country, lang + "-" + script + "-" + country, lang + "-" + script, lang, "en"}
	}
	for _, locale := range locales {
		var file struct {
			Main map[string]struct {
				Numbers struct {
					Currencies map[string]struct {
						Name   string `json:"displayName"`
						Symbol string `json:"symbol"`
						Narrow string `json:"symbol-alt-narrow"`
					} `json:"currencies"`
				} `json:"numbers"`
			} `json:"main"`
		}
		err := readJSON(filepath.Join(c.modules, "cldr-numbers-full", "main", locale, "currencies.json"), &file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return "", "", err
		}
		entry := file.Main[locale].Numbers.Currencies[currency]
		if entry.Name == "" || entry.Name == currency {
			continue
		}
		if entry.Symbol == "" || entry.Symbol == currency {
			entry.Symbol = entry.Narrow
		}
		if entry.Symbol == "" {
			entry.Symbol = currency
		}
		return entry.Symbol, entry.Name, nil
	}
	return currency, currency, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func render(digits map[string]int, regions []region) []byte {
	var b bytes.Buffer
	b.WriteString(`// Code generated by money/cldr; DO NOT EDIT.
//
// Names, signs and territories are Unicode CLDR data,
// Copyright © 1991-2025 Unicode, Inc., used under the Unicode License v3
// (LICENSE-UNICODE). Codes and digits are ISO 4217's.

package money

// currencies are sorted by code.
var currencies = [...]currencyRow{
`)
	for _, code := range slices.Sorted(maps.Keys(digits)) {
		fmt.Fprintf(&b, "{%q, %d},\n", code, digits[code])
	}
	b.WriteString("}\n\n// regions are sorted by country.\nvar regions = [...]Region{\n")
	for _, r := range regions {
		fmt.Fprintf(&b, "{%q, %q, %q, %q, %t},\n", r.country, r.currency, r.symbol, r.name, r.europe)
	}
	b.WriteString("}\n")
	return b.Bytes()
}
