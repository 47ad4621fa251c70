package event

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Money is an exact sum with its currency: {"amount":"10.00","currency":"USD"}. The
// zero Money is none, and is left out.
type Money struct {
	// Amount is a decimal number as text, with at least as many decimal places as the
	// currency has, and at most eight; negative with a minus sign.
	Amount string `json:"amount"`
	// Currency is its code. Source: ISO 4217.
	Currency string `json:"currency"`
}

// Sum returns an amount as it is told; none for the zero Amount.
func Sum(a money.Amount) Money {
	if a.IsZero() {
		return Money{}
	}
	return Money{Amount: a.Decimal(), Currency: string(a.Currency())}
}

// Parse returns the amount that is told; the zero Amount for none. It fails with an
// error of the package money when it is not one.
func (m Money) Parse() (money.Amount, error) {
	if m == (Money{}) {
		return money.Amount{}, nil
	}
	c, err := money.ParseCurrency(m.Currency)
	if err != nil {
		return money.Amount{}, fmt.Errorf("currency: %w", err)
	}
	return money.Parse(m.Amount, c)
}

// Time is a moment as it is told: in UTC, to the microsecond, as text.
// Source: RFC 3339. The zero Time is none, and is left out.
type Time struct{ time.Time }

// At returns a moment as it is told.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC().Truncate(time.Microsecond)}
}

// MarshalJSON writes the moment, in UTC whatever it was made of.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000000Z"`), nil
}

// UnmarshalJSON reads a moment in any zone.
func (t *Time) UnmarshalJSON(text []byte) error {
	var read time.Time
	if err := read.UnmarshalJSON(text); err != nil {
		return err
	}
	*t = At(read)
	return nil
}
