package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// amountForm is how amounts are written. Where it can be quoted, a space may
// stand in place of the sign.
const amountForm = "USD=148.50"

// parseAmount reads an amount that a flag gives: "USD=148.50" or "USD 148.50".
func parseAmount(flag, text string) (money.Amount, error) {
	code, number, ok := cutCurrency(text)
	if !ok {
		return money.Amount{}, usage("%s: %q is not like %s", flag, text, amountForm)
	}
	amount, err := amountOf(code, number)
	if err != nil {
		return money.Amount{}, usage("%s: %q: %w", flag, text, err)
	}
	return amount, nil
}

// parsePart reads an amount that is a part of another one, whose currency it has
// when it names none: "USD=2.50" or "2.50". "" is the zero Amount.
func parsePart(flag, text string) (money.Amount, error) {
	if text == "" {
		return money.Amount{}, nil
	}
	if _, _, ok := cutCurrency(text); ok {
		return parseAmount(flag, text)
	}
	amount, err := money.Parse(text, "")
	if err != nil {
		return money.Amount{}, usage("%s: %q is neither like %s nor like 148.50", flag, text, amountForm)
	}
	return amount, nil
}

// parseTopUp reads "USD=20..100" or "USD 20..100".
func parseTopUp(text string) (floor, target money.Amount, err error) {
	code, bounds, hasCode := cutCurrency(text)
	low, high, hasBounds := strings.Cut(bounds, "..")
	floor, errLow := amountOf(code, low)
	target, errHigh := amountOf(code, high)
	if !hasCode || !hasBounds || errLow != nil || errHigh != nil {
		return floor, target, usage("--top-up: %q is not like USD=20..100", text)
	}
	return floor, target, nil
}

// topUpCaps are how much a top-up rule may collect, as flags.
type topUpCaps struct {
	charge, day, month string
	count              int
}

func (c *topUpCaps) flags(f *pflag.FlagSet) {
	f.StringVar(&c.charge, "max-charge", "", "with --top-up: collect no more than this at once, as 50; 0 is the default, up to which it refills")
	f.StringVar(&c.day, "max-day", "", "with --top-up: collect no more than this in 24 hours; 0 is the default, three times that")
	f.StringVar(&c.month, "max-month", "", "with --top-up: collect no more than this in 30 days; 0 is the default, twenty times that")
	f.IntVar(&c.count, "max-count", 0, "with --top-up: collect no more often in 24 hours; 0 is the default, five times")
}

// given reports whether any of them was.
func (c *topUpCaps) given(f *pflag.FlagSet) bool {
	return f.Changed("max-charge") || f.Changed("max-day") || f.Changed("max-month") || f.Changed("max-count")
}

// parse returns the caps in a currency; nil when none was given, which leaves them as
// they are.
func (c *topUpCaps) parse(f *pflag.FlagSet, currency money.Currency) (*wallet.Caps, error) {
	if !c.given(f) {
		return nil, nil
	}
	caps := &wallet.Caps{Count: c.count}
	for _, row := range []struct {
		flag, text string
		to         *money.Amount
	}{{"--max-charge", c.charge, &caps.Charge}, {"--max-day", c.day, &caps.Day}, {"--max-month", c.month, &caps.Month}} {
		if row.text == "" {
			continue
		}
		amount, err := money.Parse(row.text, currency)
		if err != nil {
			return nil, usage("%s: %w", row.flag, err)
		}
		*row.to = amount
	}
	return caps, nil
}

// cutCurrency cuts a text after the code of a currency.
func cutCurrency(text string) (code, rest string, ok bool) {
	i := strings.IndexAny(text, "= ")
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+1:], true
}

func amountOf(code, number string) (money.Amount, error) {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return money.Amount{}, err
	}
	return money.Parse(number, currency)
}
