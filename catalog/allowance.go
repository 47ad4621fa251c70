package catalog

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Line is a plan and how many of it.
type Line struct {
	Plan     *Plan
	Quantity int64
}

// Allowance is what several lines come to.
type Allowance struct {
	// Primary is the plan of the first line; nil when there are no lines.
	Primary *Plan
	// Price is for the plan, and for all beside it that is not paid from the wallet.
	Price    money.Amount
	Features Features
}

// Sum adds lines up, the primary plan first, with prices in the given currency
// (one of the catalogue's) that hold at a moment. It fails only with money.ErrRange.
// Source: contract, "Quantity and sum".
func Sum(lines []Line, currency money.Currency, at time.Time) (Allowance, error) {
	total := Allowance{Price: money.FromUnits(0, currency)}
	for i, line := range lines {
		if i == 0 {
			total.Primary = line.Plan
		}
		total.Features = total.Features.plus(line.Plan.Features.times(line.Quantity))
		if line.Plan.Wallet && line.Plan.Additional {
			continue
		}
		price, err := line.Plan.PriceAt(currency, at).Mul(line.Quantity)
		if err == nil {
			total.Price, err = total.Price.Add(price)
		}
		if err != nil {
			return Allowance{}, fmt.Errorf("price of %d × plan %d: %w", line.Quantity, line.Plan.ID, err)
		}
	}
	return total, nil
}
