package portalapi

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bursarhq/bursar/money"
)

// bounds say from where to where a number may be.
type bounds struct{ least, most int64 }

// anyWhole leaves it to others what a number may be.
var anyWhole = bounds{math.MinInt64, math.MaxInt64}

func (b bounds) String() string {
	return "must be between " + strconv.FormatInt(b.least, 10) + " and " + strconv.FormatInt(b.most, 10)
}

const notWhole = "must be a whole number"

// whole reads a number without a fraction. One that is missing or null is 0, as
// in .NET, and within bounds or not like any other.
func (f *form) whole(name string, within bounds) int64 {
	n, ok := int64(0), true
	if value := f.value(name); value != nil {
		n, ok = wholeNumber(value)
	}
	return f.bounded(name, n, ok, within)
}

// wholeOrNull reads one that may be missing or null, and then is nil.
func (f *form) wholeOrNull(name string, within bounds) *int64 {
	value := f.value(name)
	if value == nil {
		return nil
	}
	n, ok := wholeNumber(value)
	n = f.bounded(name, n, ok, within)
	return &n
}

func (f *form) bounded(name string, n int64, ok bool, within bounds) int64 {
	if !ok {
		f.mind(name, notWhole)
		return 0
	}
	if n < within.least || n > within.most {
		f.mind(name, within.String())
		return 0
	}
	return n
}

// wholeNumber returns what a value counts; ok is false unless it is a number
// written with digits alone, or a string of such, of an int64.
func wholeNumber(value any) (n int64, ok bool) {
	digits, ok := digitsOf(value)
	if bare := strings.TrimPrefix(digits, "-"); !ok || bare == "" || bare[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

// digitsOf returns how a number is written.
func digitsOf(value any) (string, bool) {
	switch number := value.(type) {
	case json.Number:
		return number.String(), true
	case string:
		return number, true
	}
	return "", false
}

// decimal reads an amount of money between two others, all in no currency yet, as
// exact text for money.Parse; "" when it is wrong. One that is missing or null is
// "0", and between the two or not like any other.
func (f *form) decimal(name string, least, most money.Amount) string {
	text, ok := "0", true
	if value := f.value(name); value != nil {
		text, ok = digitsOf(value)
		ok = ok && !strings.HasPrefix(text, "+") // no number of JSON's
	}
	amount, err := money.Parse(text, "")
	switch {
	case !ok || errors.Is(err, money.ErrSyntax):
		f.mind(name, "must be a number")
	case errors.Is(err, money.ErrPrecision):
		f.mind(name, "must have at most 8 decimal places")
	case err != nil || amount.Units() < least.Units() || amount.Units() > most.Units():
		f.mind(name, "must be between "+string(least.AppendShortest(nil))+" and "+string(most.AppendShortest(nil)))
	default:
		return text
	}
	return ""
}

// quantity reads how much of each product is asked for, a map of names, kept as
// they were sent, to whole numbers of 32 bits or null; nil when the map is missing
// or null.
func (f *form) quantity() map[string]*int64 {
	const (
		name       = "quantity"
		mostNames  = 16
		mostLetter = 255
	)
	value := f.value(name)
	if value == nil {
		return nil
	}
	sent, ok := value.(*object)
	switch {
	case !ok:
		f.mind(name, "must be an object of names and whole numbers")
		return nil
	case len(sent.names) > mostNames:
		f.mind(name, "must have at most "+strconv.Itoa(mostNames)+" members")
		return nil
	}
	all := make(map[string]*int64, len(sent.names))
	for _, product := range sent.names {
		if !isPlain(product) || utf8.RuneCountInString(product) > mostLetter {
			f.mind(name, "has a member that is no name: "+quote(product))
			continue
		}
		count := sent.values[fold(product)]
		if count == nil {
			all[product] = nil
			continue
		}
		n, ok := wholeNumber(count)
		if !ok || n < math.MinInt32 || n > math.MaxInt32 {
			f.mind(name, "must have a whole number of 32 bits, or null, for "+quote(product))
			continue
		}
		all[product] = &n
	}
	return all
}
