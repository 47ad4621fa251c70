package subscription

import (
	"cmp"
	"math/big"
	"slices"
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
// for the whole of it: what Deal gives to the day that has begun and to those
// after it. That is all of the rate up to the end of the first day, and before
// the start; nought from the end on.
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

// rest returns what the days from day on are worth, of so many.
func rest(rate money.Amount, days, day int64) money.Amount {
	if rate.Sign() < 0 {
		return rest(rate.Neg(), days, day).Neg()
	}
	unit := minor(rate.Currency())
	whole, fraction := rate.Units()/unit, rate.Units()%unit
	each, odd := whole/days, whole%days
	units := (each*(days-day) + max(odd-day, 0)) * unit
	if day <= odd {
		units += fraction // it is part of what the day after the odd ones gets
	}
	return money.FromUnits(units, rate.Currency())
}

// Deal splits a total in proportion to weights, exactly: the parts add up to it,
// each is nought or has the total's sign, and they are whole in the currency's
// minor unit, except for one if the total is not.
//
// Each gets its share rounded down to minor units. Those that are left go one by
// one to whose shares were cut most, of equals to the earlier; what is left then,
// less than one, to whoever would be next. Who has no weight, or a negative one,
// gets nothing; when nobody has any, all have the same.
func Deal(total money.Amount, weights []int64) []money.Amount {
	if len(weights) == 0 {
		return nil
	}
	if total.Sign() < 0 {
		parts := Deal(total.Neg(), weights)
		for i, part := range parts {
			parts[i] = part.Neg()
		}
		return parts
	}
	shares, sum := weigh(weights)
	unit := minor(total.Currency())
	left, fraction := total.Units()/unit, total.Units()%unit
	all, divisor := big.NewInt(total.Units()), new(big.Int).Mul(sum, big.NewInt(unit))
	for i := range shares {
		s := &shares[i]
		// At most the total, because the weight is at most the sum.
		product := new(big.Int).Mul(all, s.weight)
		quotient, remainder := product.QuoRem(product, divisor, new(big.Int))
		s.units, s.cut = quotient.Int64(), remainder
		left -= s.units
	}
	slices.SortStableFunc(shares, func(a, b share) int {
		return cmp.Or(b.cut.Cmp(a.cut), cmp.Compare(a.index, b.index))
	})
	parts := make([]money.Amount, len(weights))
	for i := range parts {
		parts[i] = money.FromUnits(0, total.Currency())
	}
	for i, s := range shares {
		units := s.units * unit
		switch n := int64(i); {
		case n < left:
			units += unit
		case n == left:
			units += fraction
		}
		parts[s.index] = money.FromUnits(units, total.Currency())
	}
	return parts
}

// share is what one of those who have weight gets.
type share struct {
	index  int // among all
	weight *big.Int
	units  int64    // minor units, rounded down
	cut    *big.Int // what that cut off, the same fraction for all
}

// weigh returns those who have weight, and the sum of it.
func weigh(weights []int64) (shares []share, sum *big.Int) {
	sum = new(big.Int)
	for i, w := range weights {
		if w > 0 {
			s := share{index: i, weight: big.NewInt(w)}
			sum.Add(sum, s.weight)
			shares = append(shares, s)
		}
	}
	if len(shares) > 0 {
		return shares, sum
	}
	for i := range weights {
		shares = append(shares, share{index: i, weight: big.NewInt(1)})
	}
	return shares, sum.SetInt64(int64(len(weights)))
}
