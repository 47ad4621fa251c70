package payment

import (
	"fmt"

	"github.com/bursarhq/bursar/money"
)

// Collectable returns the least amount in whole minor units of its currency that
// is no less than a: 10.001 USD becomes 10.01, 0.5 JPY becomes 1. The rest is the
// customer's, and stays in the ledger.
//
// It fails with ErrRefused when a is not above nought or its currency is not in
// ISO 4217 (money.ErrCurrency too), or when there is no such amount
// (money.ErrRange too).
func Collectable(a money.Amount) (money.Amount, error) {
	unit, err := minorUnit(a)
	if err != nil {
		return money.Amount{}, err
	}
	over := a.Units() % unit
	if over == 0 {
		return a, nil
	}
	rounded, err := a.Add(money.FromUnits(unit-over, a.Currency()))
	if err != nil {
		return money.Amount{}, fmt.Errorf("%w: round %s up: %w", ErrRefused, a, err)
	}
	return rounded, nil
}

// MinorUnits returns how many minor units of its currency an amount is: 1001 of
// 10.01 USD, 5 of 5 JPY. It rounds nothing: an amount that is not whole in minor
// units is ErrRefused, as is whatever Collectable refuses.
func MinorUnits(a money.Amount) (int64, error) {
	unit, err := minorUnit(a)
	if err != nil {
		return 0, err
	}
	if a.Units()%unit != 0 {
		return 0, fmt.Errorf("%w: %s can't be paid in whole minor units", ErrRefused, a)
	}
	return a.Units() / unit, nil
}

// minorUnit returns the minor unit of a's currency in units of money, if a can be
// collected at all.
func minorUnit(a money.Amount) (int64, error) {
	// The digits of a currency that is not listed would be a guess.
	if !a.Currency().Known() {
		return 0, fmt.Errorf("%w: %w: %q", ErrRefused, money.ErrCurrency, a.Currency())
	}
	if a.Sign() <= 0 {
		return 0, fmt.Errorf("%w: %s is not above nought", ErrRefused, a)
	}
	unit := int64(money.Scale)
	for range a.Currency().Digits() {
		unit /= 10
	}
	return unit, nil
}
