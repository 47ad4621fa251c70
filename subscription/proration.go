package subscription

import (
	"math/bits"
	"time"

	"github.com/bursarhq/bursar/money"
)

// minor returns the currency's minor unit in 1e-8 of its major unit.
func minor(c money.Currency) int64 {
	unit := int64(money.Scale)
	for range c.Digits() {
		unit /= 10
	}
	return unit
}

// Rest returns what the rest of a term is worth at a moment, of a rate that is
// for the whole of it: what the day that has begun and those after it are worth.
// That is all of the rate up to the end of the first day, and before the start;
// nought from the end on. Between them it is the rate's whole minor units in
// proportion to the days, rounded to the minor unit, a half of one up; what the
// rate has below a minor unit is part of the first day.
//
// The rest never grows from one day to the next, nor has a higher rate a lower
// one. Any days in a row are worth their exact part of the whole minor units,
// rounded down or up. Of a negative rate the rest is the negative.
func Rest(rate money.Amount, t Term, now time.Time) money.Amount {
	if !now.Before(t.End) {
		return money.FromUnits(0, rate.Currency())
	}
	days := int64(t.Days())
	if days == 0 {
		return rate // a term that ends before it starts, and has not ended
	}
	return rest(rate, days, int64(t.Day(now)))
}

// rest returns what the days from day on are worth, of so many: day is at least 0
// and less than days.
func rest(rate money.Amount, days, day int64) money.Amount {
	if rate.Sign() < 0 {
		return rest(rate.Neg(), days, day).Neg()
	}
	if day == 0 {
		return rate
	}
	unit := minor(rate.Currency())
	// Fewer days are left than there are, so that the quotient is at most the whole
	// minor units of the rate, and less if there is anything to round: neither
	// does the division overflow, nor does what is rounded up exceed the rate.
	high, low := bits.Mul64(uint64(rate.Units()/unit), uint64(days-day))
	whole, cut := bits.Div64(high, low, uint64(days))
	if cut >= uint64(days)-cut {
		whole++
	}
	return money.FromUnits(int64(whole)*unit, rate.Currency())
}
