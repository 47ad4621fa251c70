package stripe

import (
	"fmt"
	"slices"
	"strings"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// Currencies whose amounts Stripe counts otherwise than in hundredths, or takes only
// some of. Source: docs.stripe.com/currencies, "Zero-decimal", "Three-decimal" and
// "Special cases".
var (
	whole      = []money.Currency{"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
	thousandth = []money.Currency{"BHD", "JOD", "KWD", "OMR", "TND"} // in tens of them
	// Hundredths there are none of, and yet Stripe counts them.
	wholeInHundredths = []money.Currency{"ISK", "UGX"}
)

// unitsOf returns the unit that Stripe counts a currency in, and the step that it
// collects it in, both in units of money. It is ErrRefused for a currency whose unit
// would be a guess.
func unitsOf(c money.Currency) (unit, step int64, err error) {
	const scale = int64(money.Scale)
	switch {
	case slices.Contains(whole, c):
		return scale, scale, nil
	case slices.Contains(thousandth, c):
		return scale / 1000, scale / 100, nil
	case slices.Contains(wholeInHundredths, c):
		return scale / 100, scale, nil
	case c.Known() && c.Digits() == 2:
		return scale / 100, scale / 100, nil
	}
	return 0, 0, fmt.Errorf("%w: Stripe does not collect %q", payment.ErrRefused, c)
}

// toStripe returns an amount as Stripe counts it. What can't be collected exactly is
// ErrRefused.
func toStripe(a money.Amount) (int64, error) {
	if _, err := payment.MinorUnits(a); err != nil {
		return 0, err
	}
	unit, step, err := unitsOf(a.Currency())
	if err != nil {
		return 0, err
	}
	if a.Units()%step != 0 {
		return 0, fmt.Errorf("%w: Stripe collects %s only in steps of %s", payment.ErrRefused, a.Currency(), money.FromUnits(step, a.Currency()))
	}
	return a.Units() / unit, nil
}

// fromStripe returns what Stripe counted.
func fromStripe(count int64, currency sdk.Currency) (money.Amount, error) {
	c := money.Currency(strings.ToUpper(string(currency)))
	unit, _, err := unitsOf(c)
	if err != nil {
		return money.Amount{}, err
	}
	units := count * unit
	if units/unit != count {
		return money.Amount{}, fmt.Errorf("%w: Stripe counts %d of %s", money.ErrRange, count, c)
	}
	return money.FromUnits(units, c), nil
}
