package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/bursarhq/bursar/money"
)

// file is a catalogue as it is written.
type file struct {
	Currencies []string   `yaml:"currencies"`
	Plans      []filePlan `yaml:"plans"`
}

type filePlan struct {
	ID       int                `yaml:"id"`
	Name     string             `yaml:"name"`
	Title    string             `yaml:"title"`
	Product  string             `yaml:"product"`
	Service  string             `yaml:"service"`
	Period   Period             `yaml:"period"`
	Visible  bool               `yaml:"visible"`
	Wallet   bool               `yaml:"wallet"`
	Features string             `yaml:"features"`
	Price    map[string]decimal `yaml:"price"`
}

// decimal keeps a number as it is written, so that no digit is lost.
type decimal string

// UnmarshalYAML takes the scalar's own text.
func (d *decimal) UnmarshalYAML(text []byte) error {
	*d = decimal(strings.Trim(strings.TrimSpace(string(text)), `"'`))
	return nil
}

// Parse reads a catalogue from YAML and checks it. It fails with ErrCatalog; the
// text names the line of a syntax error, or else the plan and the field.
func Parse(data []byte) (*Catalog, error) {
	var in file
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s", ErrCatalog, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	c := &Catalog{}
	if len(in.Currencies) == 0 {
		return nil, fmt.Errorf("%w: currencies is empty", ErrCatalog)
	}
	for _, code := range in.Currencies {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return nil, fmt.Errorf("%w: currencies: %w", ErrCatalog, err)
		}
		if slices.Contains(c.currencies, currency) {
			return nil, fmt.Errorf("%w: currencies: %s stands there twice", ErrCatalog, currency)
		}
		c.currencies = append(c.currencies, currency)
	}
	for _, p := range in.Plans {
		plan, err := p.check(c.currencies)
		if err != nil {
			return nil, fmt.Errorf("%w: plan %d: %w", ErrCatalog, p.ID, err)
		}
		c.plans = append(c.plans, plan)
	}
	slices.SortFunc(c.plans, func(a, b *Plan) int { return b.ID - a.ID })
	for i, p := range c.plans {
		if i > 0 && p.ID == c.plans[i-1].ID {
			return nil, fmt.Errorf("%w: plan %d stands there twice", ErrCatalog, p.ID)
		}
		if c.free == nil && p.Features.Has("free") {
			c.free = p
		}
	}
	if c.free == nil {
		return nil, fmt.Errorf("%w: no plan is free, for portals that bought none", ErrCatalog)
	}
	return c, nil
}

func (p filePlan) check(currencies []money.Currency) (*Plan, error) {
	if p.ID >= 0 {
		return nil, fmt.Errorf("id must be below zero")
	}
	if p.Name == "" {
		return nil, fmt.Errorf("name is empty")
	}
	if p.Period != NoPeriod && p.Period != Month && p.Period != Year {
		return nil, fmt.Errorf("period %q is neither month nor year", p.Period)
	}
	if p.Service != "" && !p.Wallet {
		return nil, fmt.Errorf("service is only for what is paid from the wallet")
	}
	features, err := ParseFeatures(p.Features)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	prices := map[money.Currency]money.Amount{}
	for code, text := range p.Price {
		if !slices.Contains(currencies, money.Currency(code)) {
			return nil, fmt.Errorf("price: %s is not one of currencies", code)
		}
		amount, err := money.Parse(string(text), money.Currency(code))
		if err != nil {
			return nil, fmt.Errorf("price: %s: %w", code, err)
		}
		if amount.Sign() < 0 {
			return nil, fmt.Errorf("price: %s is negative", amount)
		}
		prices[amount.Currency()] = amount
	}
	for _, currency := range currencies {
		if len(p.Price) == 0 {
			prices[currency] = money.FromUnits(0, currency)
		}
		if _, ok := prices[currency]; !ok {
			return nil, fmt.Errorf("price: none in %s", currency)
		}
	}
	return &Plan{
		ID: p.ID, Name: p.Name, Title: p.Title, ProductID: p.Product, Service: p.Service,
		Period: p.Period, Visible: p.Visible, Wallet: p.Wallet, Features: features, prices: prices,
	}, nil
}
