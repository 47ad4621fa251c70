package docspace

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// Decimal is a number exactly as it stands on the wire. Portals send some that are
// no amounts of money: the price of a single token has more decimal places than
// any currency, and used space is in gigabytes. The zero Decimal is no number.
type Decimal struct {
	text string
}

// decimalForm is what a JSON number may look like, with an exponent of two digits
// and a length within reason.
var decimalForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$`)

// ParseDecimal reads a JSON number of up to forty digits before and forty after
// the point, or fails with money.ErrSyntax.
func ParseDecimal(text string) (Decimal, error) {
	if !decimalForm.MatchString(text) {
		return Decimal{}, fmt.Errorf("%w: %q", money.ErrSyntax, excerpt(text))
	}
	return Decimal{text}, nil
}

// DecimalOf returns the number of an amount, without its currency.
func DecimalOf(a money.Amount) Decimal { return Decimal{string(a.AppendShortest(nil))} }

// String returns the number as it stands on the wire; "" when there is none.
func (d Decimal) String() string { return d.text }

// IsZero reports whether it is the zero Decimal: no number. Nought is a number.
func (d Decimal) IsZero() bool { return d.text == "" }

// Times returns what n of them come to in a currency, exactly: a price of
// 0.00000007 a token is 0.07 for a million. It fails with money.ErrPrecision or
// money.ErrRange where an Amount can't hold that, and with money.ErrSyntax if
// there is no number.
func (d Decimal) Times(n int64, currency money.Currency) (money.Amount, error) {
	one, ok := new(big.Rat).SetString(d.text)
	if !ok {
		return money.Amount{}, money.ErrSyntax
	}
	units := one.Mul(one, new(big.Rat).SetInt64(n))
	units.Mul(units, new(big.Rat).SetInt64(money.Scale))
	switch {
	case !units.IsInt():
		return money.Amount{}, fmt.Errorf("%w: %s × %d", money.ErrPrecision, d.text, n)
	case !units.Num().IsInt64() || !new(big.Int).Neg(units.Num()).IsInt64(): // the least int64 is no amount
		return money.Amount{}, fmt.Errorf("%w: %s × %d", money.ErrRange, d.text, n)
	}
	return money.FromUnits(units.Num().Int64(), currency), nil
}

// MarshalJSON writes the number; that there is none is an error, and never null.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if d.text == "" {
		return nil, fmt.Errorf("%w: no number", money.ErrSyntax)
	}
	return []byte(d.text), nil
}

// UnmarshalJSON reads a number, or a string that holds one; null is none.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	var number json.Number
	if err := json.Unmarshal(data, &number); err != nil {
		return err
	}
	*d = Decimal{}
	if number == "" {
		return nil
	}
	var err error
	*d, err = ParseDecimal(string(number))
	return err
}

// ID is what a portal names a thing by: most by numbers, some by texts. "" is
// nothing, which portals write as 0. The ID of a number is its digits.
type ID string

var numericID = regexp.MustCompile(`^-?[1-9][0-9]{0,17}$`)

// MarshalJSON writes a number where the ID is one.
func (id ID) MarshalJSON() ([]byte, error) {
	switch {
	case id == "":
		return []byte("0"), nil
	case numericID.MatchString(string(id)):
		return []byte(id), nil
	}
	return marshal(string(id))
}

// UnmarshalJSON reads a whole number or a string; null and 0 are "".
func (id *ID) UnmarshalJSON(data []byte) error {
	*id = ""
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*id = ID(text)
		return nil
	}
	var number int64
	if err := json.Unmarshal(data, &number); err != nil {
		return err
	}
	if number != 0 {
		*id = ID(strconv.FormatInt(number, 10))
	}
	return nil
}
