package subscription

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Why a holding can't be changed; besides them money.ErrRange,
// money.ErrCurrencyMismatch and ErrPeriod. Nothing is changed then.
var (
	// ErrQuantity: fewer than one, or more than can be counted.
	ErrQuantity = errors.New("quantity out of range")
	// ErrPrice: a price that is negative or in no currency.
	ErrPrice = errors.New("not a price")
	// ErrOver: the term has ended, so that there is nothing left to change.
	ErrOver = errors.New("the period is over")
)

// Holding is how much of something is held for a term. The zero Holding is
// nothing; Buy makes the first one.
type Holding struct {
	// Quantity is at least 1.
	Quantity int64
	// Rate is what all of it costs for the whole of Term, as it was bought. That
	// may be another price than today's, or several.
	Rate money.Amount
	Term Term
}

// Buy returns a holding of so many at a unit price for a whole term. It costs its
// Rate.
//
// It fails with ErrQuantity, ErrPrice, ErrPeriod or money.ErrRange.
func Buy(quantity int64, unit money.Amount, term Term) (Holding, error) {
	if err := term.check(); err != nil {
		return Holding{}, err
	}
	rate, err := price(quantity, unit)
	if err != nil {
		return Holding{}, err
	}
	return Holding{Quantity: quantity, Rate: rate, Term: term}, nil
}

// Add returns the holding with n more until the end of the running term, at a unit
// price for a whole one, and what that costs: nought or more.
//
// It fails with ErrQuantity, ErrPrice, ErrPeriod, ErrOver, money.ErrRange, or, if
// the price is in another currency, money.ErrCurrencyMismatch.
func (h Holding) Add(n int64, unit money.Amount, now time.Time) (after Holding, cost money.Amount, err error) {
	if err := h.check(now); err != nil {
		return Holding{}, money.Amount{}, err
	}
	more, err := price(n, unit)
	if err != nil {
		return Holding{}, money.Amount{}, err
	}
	if n > math.MaxInt64-h.Quantity {
		return Holding{}, money.Amount{}, fmt.Errorf("%w: %d and %d more", ErrQuantity, h.Quantity, n)
	}
	rate, err := h.Rate.Add(more)
	if err != nil {
		return Holding{}, money.Amount{}, fmt.Errorf("price of %d more: %w", n, err)
	}
	return h.to(h.Quantity+n, rate, now)
}

// Set returns the holding with another quantity until the end of the running term,
// and what that costs. More are added as Add does. If it is less, the cost is
// nought or negative, what is given back: the rate shrinks in proportion, whatever
// the unit price is today. The same quantity costs nought.
//
// It fails as Add does; the unit price must be one even where it is not needed.
func (h Holding) Set(quantity int64, unit money.Amount, now time.Time) (after Holding, cost money.Amount, err error) {
	if err := h.check(now); err != nil {
		return Holding{}, money.Amount{}, err
	}
	if quantity > h.Quantity {
		return h.Add(quantity-h.Quantity, unit, now)
	}
	if err := h.checkPrice(quantity, unit); err != nil {
		return Holding{}, money.Amount{}, err
	}
	step := minor(h.Rate.Currency())
	if h.Rate.Units()%step != 0 {
		step = 1
	}
	// The quotient is at most the rate, because the quantity is at most what it
	// was.
	high, low := bits.Mul64(uint64(h.Rate.Units()), uint64(quantity))
	quotient, _ := bits.Div64(high, low, uint64(h.Quantity))
	units := int64(quotient)
	return h.to(quantity, money.FromUnits(units-units%step, h.Rate.Currency()), now)
}

// Renew returns the holding for the next term with a quantity, all of it at that
// day's unit price. It costs its Rate. In another currency it must be bought anew.
//
// It fails with ErrQuantity, ErrPrice, ErrPeriod, money.ErrRange or
// money.ErrCurrencyMismatch.
func (h Holding) Renew(quantity int64, unit money.Amount) (Holding, error) {
	if err := h.checkPrice(quantity, unit); err != nil {
		return Holding{}, err
	}
	return Buy(quantity, unit, h.Term.Next())
}

// Unused returns what the rest of the term is worth: Rest of the rate.
func (h Holding) Unused(now time.Time) money.Amount { return Rest(h.Rate, h.Term, now) }

// to returns the holding with another quantity and rate, and what that costs.
func (h Holding) to(quantity int64, rate money.Amount, now time.Time) (Holding, money.Amount, error) {
	after := Holding{Quantity: quantity, Rate: rate, Term: h.Term}
	cost, err := after.Unused(now).Sub(h.Unused(now))
	if err != nil {
		return Holding{}, money.Amount{}, err
	}
	return after, cost, nil
}

// check says whether there is a holding to change.
func (h Holding) check(now time.Time) error {
	if err := h.Term.check(); err != nil {
		return err
	}
	if !now.Before(h.Term.End) {
		return fmt.Errorf("%w: it ended %s", ErrOver, h.Term.End.Format(time.RFC3339))
	}
	if h.Quantity < 1 {
		return fmt.Errorf("%w: %d are held", ErrQuantity, h.Quantity)
	}
	if h.Rate.Sign() < 0 || h.Rate.Currency() == "" {
		return fmt.Errorf("%w: a rate of %s", ErrPrice, h.Rate)
	}
	return nil
}

// checkPrice says whether so many can have that price, in the holding's currency.
func (h Holding) checkPrice(quantity int64, unit money.Amount) error {
	if err := checkPrice(quantity, unit); err != nil {
		return err
	}
	_, err := h.Rate.Compare(unit)
	return err
}

func checkPrice(quantity int64, unit money.Amount) error {
	if quantity < 1 {
		return fmt.Errorf("%w: %d is less than 1", ErrQuantity, quantity)
	}
	if unit.Sign() < 0 || unit.Currency() == "" {
		return fmt.Errorf("%w: %s for one", ErrPrice, unit)
	}
	return nil
}

// price returns what so many cost.
func price(quantity int64, unit money.Amount) (money.Amount, error) {
	if err := checkPrice(quantity, unit); err != nil {
		return money.Amount{}, err
	}
	total, err := unit.Mul(quantity)
	if err != nil {
		return money.Amount{}, fmt.Errorf("price of %d: %w", quantity, err)
	}
	return total, nil
}
