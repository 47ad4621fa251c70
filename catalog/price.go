package catalog

import (
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Price is what one unit of a plan costs from some moment on.
type Price struct {
	// From is when it begins, in UTC; the zero Time means that it always held.
	From time.Time
	// Amounts are the same price in each of the catalogue's currencies, in their
	// order. None of them is negative.
	Amounts []money.Amount
}

// in returns the price in a currency; the zero Amount when it has none.
func (p Price) in(c money.Currency) money.Amount {
	for _, amount := range p.Amounts {
		if amount.Currency() == c {
			return amount
		}
	}
	return money.Amount{}
}

// PriceAt returns what one unit costs in the currency, which must be one of the
// catalogue's, at a moment; the zero Amount for another currency. Before the first
// price begins it is the first one that holds.
//
// What is charged is what holds at that moment. A later price leaves it alone.
func (p *Plan) PriceAt(c money.Currency, at time.Time) money.Amount {
	now := p.prices[0]
	for _, later := range p.prices[1:] {
		if later.From.After(at) {
			break
		}
		now = later
	}
	return now.in(c)
}

// Prices returns every price of the plan, past and to come, the earliest first.
// There is at least one.
func (p *Plan) Prices() []Price {
	all := slices.Clone(p.prices)
	for i := range all {
		all[i].Amounts = slices.Clone(all[i].Amounts)
	}
	return all
}

// NextPriceChange returns the first moment after the given one at which a price of
// any plan changes; the zero Time when none is to come.
func (c *Catalog) NextPriceChange(after time.Time) time.Time {
	for _, at := range c.changes {
		if at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// priceChanges returns the moments at which a price gives way to another, in order.
func priceChanges(plans []*Plan) []time.Time {
	var all []time.Time
	for _, p := range plans {
		for _, later := range p.prices[1:] {
			all = append(all, later.From)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}
