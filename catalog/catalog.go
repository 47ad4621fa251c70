package catalog

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Period is how long one payment for a plan lasts.
type Period string

const (
	NoPeriod Period = ""      // for ever, or by use
	Month    Period = "month" // a calendar month
	Year     Period = "year"  // a calendar year
)

// Plan is something that a portal can have: a plan, or a service that is paid
// from the wallet.
type Plan struct {
	// ID is DocSpace's number for it, below zero.
	ID int
	// Name is its name in the catalogue: "startup". Several plans may share
	// one, old versions among them.
	Name string
	// Title is what people read: "Business"; "" for plans that have none.
	Title string
	// Description is a sentence for whoever chooses among plans; "" for none.
	Description string
	// ProductID is its name with the billing service; "" for what is not sold.
	ProductID string
	// Service is the name of what is paid from the wallet; "" for all else.
	Service string
	// Group is the name of the service on offer that one that is not belongs to;
	// "" for none.
	Group string
	// Unit is what people count it in: "GB", "Admins"; "" for what is not counted.
	Unit   string
	Period Period
	// Visible says that it is on offer. What is not can still be had.
	Visible bool
	// Wallet says that it is paid from the wallet.
	Wallet bool
	// Additional says that it is had beside a plan, and is none itself.
	Additional bool
	// Minimum is how many the first purchase must be for, at least 1.
	Minimum  int64
	Features Features

	prices []Price // by From, ascending; at least one
}

// Catalog is a checked list of plans with prices in the same currencies.
type Catalog struct {
	plans      []*Plan // by id, descending
	free       *Plan   // the first free one
	currencies []money.Currency
	changes    []time.Time // when prices change, ascending
	policy     Policy
	ai         AI
}

// Plan returns the plan of that id; false if there is none.
func (c *Catalog) Plan(id int) (*Plan, bool) {
	i, ok := slices.BinarySearchFunc(c.plans, id, func(p *Plan, id int) int { return cmp.Compare(id, p.ID) })
	if !ok {
		return nil, false
	}
	return c.plans[i], true
}

// PlanNamed returns the plan that goes by a name in any case: its title or its
// name, of several the one on offer, of several on offer the one with the highest
// id. False if there is none.
func (c *Catalog) PlanNamed(name string) (*Plan, bool) {
	var best *Plan
	for _, p := range c.plans {
		if !strings.EqualFold(p.Name, name) && !strings.EqualFold(p.Title, name) {
			continue
		}
		if best == nil || p.Visible && !best.Visible {
			best = p
		}
	}
	return best, best != nil
}

// DefaultPlan returns the plan of a portal that bought none: the first free one.
func (c *Catalog) DefaultPlan() *Plan { return c.free }

// Offered returns the plans on offer that are paid by card or, with wallet, the
// services that are paid from it, by id descending. A plan proper that is paid
// from the wallet is neither: DocSpace 3.7.2, whose lists these are, knows none.
func (c *Catalog) Offered(wallet bool) []*Plan {
	var out []*Plan
	for _, p := range c.plans {
		if p.Visible && p.Wallet == wallet && (!wallet || p.Additional) {
			out = append(out, p)
		}
	}
	return out
}

// All returns every plan by id descending.
func (c *Catalog) All() []*Plan { return slices.Clone(c.plans) }

// Currencies returns the currencies that everything is priced in, the default
// first.
func (c *Catalog) Currencies() []money.Currency { return slices.Clone(c.currencies) }

// DefaultCurrency returns the currency of last resort.
func (c *Catalog) DefaultCurrency() money.Currency { return c.currencies[0] }

//go:embed stock.yaml
var stockYAML []byte

var stock = sync.OnceValues(func() (*Catalog, error) { return Parse(stockYAML) })

// Stock returns the built-in catalogue: the plans and services of DocSpace.
func Stock() *Catalog {
	c, err := stock()
	if err != nil {
		panic(fmt.Sprintf("the built-in catalogue: %v", err)) // a test reads it
	}
	return c
}
