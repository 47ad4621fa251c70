package cli

import (
	"strings"

	"github.com/bursarhq/bursar/money"
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
