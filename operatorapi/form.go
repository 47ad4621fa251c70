package operatorapi

import (
	"math/bits"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

// members is a set of the members that a request may have.
type members uint32

const (
	mService members = 1 << iota
	mQuantity
	mAmount
	mCurrency
	mParticipant
	mMetadata
	mSeconds
	mReason
	mKind
	mTransfer
	mKey // from here on, in a batch only
	mPortal
	mType
	mHold
	mAll members = 1<<iota - 1
)

// memberNames are in the order of the constants.
var memberNames = [...]string{
	"service", "quantity", "amount", "currency", "participant", "metadata", "seconds", "reason", "kind", "transfer",
	"key", "portal", "type", "hold",
}

// name returns the name of the first member of a set that has one.
func (m members) name() string { return memberNames[bits.TrailingZeros32(uint32(m))] }

func memberOf(name []byte) members {
	for i := range memberNames {
		if string(name) == memberNames[i] {
			return 1 << i
		}
	}
	return 0
}

// form is what a request says.
type form struct {
	has                          members
	service, amount, currency    string
	participant, reason, kind    string
	transfer                     string
	key, portal, orderType, hold string
	quantity, seconds            int64
	metadata                     map[string]string
}

// read reads an object with some of the members that are allowed.
func (f *form) read(j *reader, allowed members) error {
	if err := j.open("body", '{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		name, more, err := j.member(first)
		if !more || err != nil {
			return err
		}
		m := memberOf(name)
		if m&allowed == 0 {
			return unknown(name)
		}
		if f.has&m != 0 {
			return &billing.FieldError{Field: m.name(), Text: "is given twice"}
		}
		f.has |= m
		if err := f.take(j, m); err != nil {
			return err
		}
	}
}

func unknown(name []byte) error {
	return &billing.FieldError{Field: clip(string(name), 100), Text: "is not known here"}
}

// take reads the value of a member.
func (f *form) take(j *reader, m members) (err error) {
	switch m {
	case mAmount:
		f.amount, err = j.decimal(m.name())
	case mQuantity:
		f.quantity, err = j.count(m.name())
	case mSeconds:
		f.seconds, err = j.count(m.name())
	case mMetadata:
		f.metadata, err = j.texts(m.name())
	default:
		*f.text(m), err = j.text(m.name())
	}
	return err
}

// text returns where a member is kept that is a text.
func (f *form) text(m members) *string {
	switch m {
	case mService:
		return &f.service
	case mCurrency:
		return &f.currency
	case mParticipant:
		return &f.participant
	case mReason:
		return &f.reason
	case mKind:
		return &f.kind
	case mTransfer:
		return &f.transfer
	case mKey:
		return &f.key
	case mPortal:
		return &f.portal
	case mType:
		return &f.orderType
	}
	return &f.hold
}

// decimal reads an amount: a string, or a number in its own digits.
func (j *reader) decimal(field string) (string, error) {
	if j.peek() == '"' {
		return j.text(field)
	}
	b, err := j.number(field, "a decimal number, as a string or a number,")
	return string(b), err
}

// count reads a whole number of at least 1. Nought is refused where it is
// written: what stands for "not given" must not be given.
func (j *reader) count(field string) (int64, error) {
	b, err := j.number(field, "a whole number")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 1 {
		return 0, &billing.FieldError{Field: field, Text: clip(string(b), 40) + " is not a whole number of at least 1"}
	}
	return n, nil
}

// texts reads an object of strings; numbers and booleans are kept as their text.
func (j *reader) texts(field string) (map[string]string, error) {
	if err := j.open(field, '{'); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for first := true; ; first = false {
		name, more, err := j.member(first)
		if !more || err != nil {
			return all, err
		}
		key := string(name)
		if _, twice := all[key]; twice {
			return nil, &billing.FieldError{Field: field + "." + clip(key, 70), Text: "is given twice"}
		}
		switch c := j.peek(); {
		case c == 't' || c == 'f':
			all[key], err = j.word()
		case c == '-' || isDigit(c):
			var digits []byte
			digits, err = j.number(field, "")
			all[key] = string(digits)
		case c == '"':
			all[key], err = j.text(field)
		default:
			err = j.wrong(field+"."+clip(key, 70), "a string, a number or a boolean")
		}
		if err != nil {
			return nil, err
		}
	}
}

// sum returns the amount that must be given, with its currency.
func (f *form) sum() (money.Amount, error) {
	a, err := money.Parse(f.amount, money.Currency(f.currency))
	if err != nil {
		return a, &billing.FieldError{Field: "amount", Text: "can't be used: " + err.Error()}
	}
	return a, nil
}

// part returns the amount that may be given; without a currency, it is in that
// of the whole.
func (f *form) part() (money.Amount, error) {
	if f.has&mAmount == 0 {
		if f.has&mCurrency != 0 {
			return money.Amount{}, &billing.FieldError{Field: "currency", Text: "is given without an amount"}
		}
		return money.Amount{}, nil
	}
	if f.has&mCurrency != 0 && f.currency == "" {
		return money.Amount{}, &billing.FieldError{Field: "currency", Text: "is empty"}
	}
	a, err := f.sum()
	if err == nil && a.Units() == 0 {
		// An Amount of nought without currency would stand for all there is.
		err = &billing.FieldError{Field: "amount", Text: f.amount + " is not more than nought"}
	}
	return a, err
}

// period returns how long is asked for; 0 leaves it to the hall.
func (f *form) period() (time.Duration, error) {
	const most = 31 * 24 * 60 * 60 // beyond it nothing is allowed, nor far beyond it can be counted
	if f.seconds > most {
		return 0, &billing.FieldError{Field: "seconds", Text: "is more than 31 days"}
	}
	return time.Duration(f.seconds) * time.Second, nil
}
