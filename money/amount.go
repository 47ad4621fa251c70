package money

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Scale is the number of units in one major unit of any currency: 1e8.
const Scale = 100_000_000

const scaleDigits = 8

var (
	// ErrSyntax says that a text is not a decimal number.
	ErrSyntax = errors.New("not a decimal number")
	// ErrPrecision says that an amount has more than eight decimal places.
	ErrPrecision = errors.New("more than eight decimal places")
	// ErrRange says that an amount is beyond ±92,233,720,368.54775807.
	ErrRange = errors.New("amount out of range")
	// ErrCurrencyMismatch says that two amounts are in different currencies.
	ErrCurrencyMismatch = errors.New("amounts in different currencies")
)

// Amount is an exact sum of money in one currency.
//
// The zero Amount is nothing in no currency; it is what a missing amount looks
// like and equals no amount in a real currency. Amounts are comparable with ==.
type Amount struct {
	units    int64
	currency Currency
}

// FromUnits returns the amount of the given units (1e-8 of the major unit) in c.
// The least int64 is no amount: it has no negative.
func FromUnits(units int64, c Currency) Amount {
	return Amount{units: units, currency: c}
}

// FromMajor returns n whole major units of c, or ErrRange.
func FromMajor(n int64, c Currency) (Amount, error) {
	return FromUnits(Scale, c).Mul(n)
}

// Parse reads a decimal number as an amount in c. It accepts what a JSON number
// may look like, exponent included, plus a leading plus sign, and nothing else:
// no spaces, no thousands separators. Zeros at the end never cost precision.
//
// It fails with ErrSyntax, ErrPrecision or ErrRange.
func Parse(text string, c Currency) (Amount, error) {
	units, err := parseUnits(text)
	if err != nil {
		return Amount{}, fmt.Errorf("%w: %q", err, abbreviate(text))
	}
	return Amount{units: units, currency: c}, nil
}

func parseUnits(text string) (int64, error) {
	digits, negative := text, false
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	mantissa, exponent, err := splitExponent(digits)
	if err != nil {
		return 0, err
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if whole == "" || (point && fraction == "") {
		return 0, ErrSyntax
	}
	if !allDigits(whole) || !allDigits(fraction) {
		return 0, ErrSyntax
	}

	// The number is all × 10^-places; drop zeros that say nothing, at both ends.
	all := strings.TrimLeft(whole+fraction, "0")
	places := len(fraction) - exponent
	trimmed := strings.TrimRight(all, "0")
	places -= len(all) - len(trimmed)
	if trimmed == "" {
		return 0, nil
	}
	if places > scaleDigits {
		return 0, ErrPrecision
	}
	if len(trimmed)+scaleDigits-places > 19 {
		return 0, ErrRange
	}
	var units uint64
	for _, d := range trimmed + strings.Repeat("0", scaleDigits-places) {
		units = units*10 + uint64(d-'0')
	}
	// The range is symmetric, so that Neg can't fail.
	if units > math.MaxInt64 {
		return 0, ErrRange
	}
	if negative {
		return -int64(units), nil
	}
	return int64(units), nil
}

// splitExponent cuts "1.5e3" into "1.5" and 3. Exponents beyond ±99 are ErrRange.
func splitExponent(s string) (mantissa string, exponent int, err error) {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s, 0, nil
	}
	mantissa, s = s[:i], s[i+1:]
	negative := strings.HasPrefix(s, "-")
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if s == "" || !allDigits(s) {
		return "", 0, ErrSyntax
	}
	if s = strings.TrimLeft(s, "0"); len(s) > 2 {
		return "", 0, ErrRange
	}
	for _, d := range s {
		exponent = exponent*10 + int(d-'0')
	}
	if negative {
		exponent = -exponent
	}
	return mantissa, exponent, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func abbreviate(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Units returns the amount in 1e-8 of the major unit.
func (a Amount) Units() int64 { return a.units }

// Currency returns the amount's currency; "" for the zero Amount.
func (a Amount) Currency() Currency { return a.currency }

// IsZero reports whether a is the zero Amount: nothing in no currency. Nought
// dollars is not zero in this sense; ask Sign for that.
func (a Amount) IsZero() bool { return a == Amount{} }

// Sign returns -1, 0 or 1.
func (a Amount) Sign() int { return cmp.Compare(a.units, 0) }

// Add returns a + b, or ErrCurrencyMismatch, or ErrRange.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.currency != b.currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, a.currency, b.currency)
	}
	sum := a.units + b.units
	if (sum > a.units) != (b.units > 0) || sum == math.MinInt64 {
		return Amount{}, fmt.Errorf("%w: %s + %s", ErrRange, a, b)
	}
	return Amount{units: sum, currency: a.currency}, nil
}

// Sub returns a - b, or ErrCurrencyMismatch, or ErrRange.
func (a Amount) Sub(b Amount) (Amount, error) { return a.Add(b.Neg()) }

// Neg returns -a.
func (a Amount) Neg() Amount { return Amount{units: -a.units, currency: a.currency} }

// Mul returns a × n, or ErrRange.
func (a Amount) Mul(n int64) (Amount, error) {
	product := a.units * n
	if n != 0 && (product/n != a.units || product == math.MinInt64) {
		return Amount{}, fmt.Errorf("%w: %s × %d", ErrRange, a, n)
	}
	return Amount{units: product, currency: a.currency}, nil
}

// Compare returns -1, 0 or 1 as a is less than, equal to or more than b, or
// ErrCurrencyMismatch.
func (a Amount) Compare(b Amount) (int, error) {
	if a.currency != b.currency {
		return 0, fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, a.currency, b.currency)
	}
	return cmp.Compare(a.units, b.units), nil
}

// Decimal returns the number without its currency, exactly, with at least as
// many decimal places as the currency has minor digits: 148.50 of USD, 1200 of
// JPY, 0.12345678 of either.
func (a Amount) Decimal() string {
	return string(a.AppendDecimal(nil))
}

// AppendDecimal appends what Decimal returns to b.
func (a Amount) AppendDecimal(b []byte) []byte {
	return a.appendDecimal(b, a.currency.Digits())
}

// Grouped returns the number as people read it, with commas between thousands:
// "1,234,567.50".
func (a Amount) Grouped() string { return Group(a.Decimal()) }

// Group puts commas between the thousands of a decimal number, such as a sum that no
// Amount can hold.
func Group(decimal string) string {
	whole, fraction, point := strings.Cut(decimal, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return sign + whole
}

// AppendShortest appends the number with no decimal place that it could do
// without (148.5, 20), the form that a reader of whole numbers expects.
func (a Amount) AppendShortest(b []byte) []byte {
	return a.appendDecimal(b, 0)
}

func (a Amount) appendDecimal(b []byte, minPlaces int) []byte {
	units := uint64(a.units)
	if a.units < 0 {
		b = append(b, '-')
		units = -units
	}
	b = strconv.AppendUint(b, units/Scale, 10)
	b = append(b, '.')
	for fraction, place := units%Scale, uint64(Scale/10); place > 0; place /= 10 {
		b = append(b, '0'+byte(fraction/place%10))
	}
	places := scaleDigits
	for places > minPlaces && b[len(b)-1] == '0' {
		b = b[:len(b)-1]
		places--
	}
	if places == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// String returns the number and the currency: "148.50 USD".
func (a Amount) String() string {
	b := a.AppendDecimal(nil)
	if a.currency != "" {
		b = append(append(b, ' '), a.currency...)
	}
	return string(b)
}

// amountJSON is how an amount looks in Bursar's own documents. DocSpace's wire
// writes amounts as bare numbers instead; package docspace sees to that.
type amountJSON struct {
	Amount   string   `json:"amount"`
	Currency Currency `json:"currency"`
}

// MarshalJSON writes {"amount":"148.50","currency":"USD"}: the number as a
// string, so that no reader can lose a digit, and its currency beside it.
func (a Amount) MarshalJSON() ([]byte, error) {
	return json.Marshal(amountJSON{Amount: a.Decimal(), Currency: a.currency})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Amount) UnmarshalJSON(data []byte) error {
	var in amountJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	parsed, err := Parse(in.Amount, in.Currency)
	if err != nil {
		return fmt.Errorf("amount: %w", err)
	}
	*a = parsed
	return nil
}
