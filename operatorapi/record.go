package operatorapi

import (
	"net/http"
	"strconv"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// names are those of the members that an object has.
type names map[string]bool

// must refuses an object without one of these members.
func (n names) must(within string, all ...string) error {
	for _, name := range all {
		if !n[name] {
			return &billing.FieldError{Field: within + name, Text: "is missing"}
		}
	}
	return nil
}

// record reads an object that stands within a member, "" being the body itself. It
// calls value to read that of each member, with the name that errors have for it;
// what is given twice is refused, and what value does not know.
func (j *reader) record(within string, value func(name, field string) (known bool, err error)) (names, error) {
	where, prefix := "body", ""
	if within != "" {
		where, prefix = within, within+"."
	}
	given := names{}
	err := j.object(where, func(name string) error {
		field := prefix + clip(name, 100)
		if given[name] {
			return &billing.FieldError{Field: field, Text: "is given twice"}
		}
		given[name] = true
		known, err := value(name, field)
		if !known && err == nil {
			err = &billing.FieldError{Field: field, Text: "is not known here"}
		}
		return err
	})
	return given, err
}

// readRecord reads a body that is one object, which must have some members, as record
// does.
func readRecord(w http.ResponseWriter, r *http.Request, value func(j *reader, name, field string) (known bool, err error), needs ...string) error {
	j, err := body(w, r)
	if err != nil {
		return err
	}
	given, err := j.record("", func(name, field string) (bool, error) { return value(j, name, field) })
	if err != nil {
		return err
	}
	if err := given.must("", needs...); err != nil {
		return err
	}
	return j.end()
}

// object reads an object, calling value to read that of each member.
func (j *reader) object(field string, value func(name string) error) error {
	if err := j.open(field, '{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		name, more, err := j.member(first)
		if !more || err != nil {
			return err
		}
		if err := value(string(name)); err != nil {
			return err
		}
	}
}

// given reads a string that is not empty: what stands for "not given" must not
// be given.
func (j *reader) given(field string) (string, error) {
	text, err := j.text(field)
	if err == nil && text == "" {
		err = &billing.FieldError{Field: field, Text: "is empty"}
	}
	return text, err
}

// maxElements bounds the lists that one request may have.
const maxElements = 100

// elements reads an array, calling element to read each.
func (j *reader) elements(field string, element func() error) error {
	if err := j.open(field, '['); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := j.next(n == 0, ']')
		if !more || err != nil {
			return err
		}
		if n == maxElements {
			return &billing.FieldError{Field: field, Text: "has more than " + strconv.Itoa(maxElements) + " elements"}
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// list reads an array of strings.
func (j *reader) list(field string) (all []string, err error) {
	err = j.elements(field, func() error {
		text, err := j.given(field)
		all = append(all, text)
		return err
	})
	return all, err
}

// boolean reads true or false.
func (j *reader) boolean(field string) (bool, error) {
	if c := j.peek(); c != 't' && c != 'f' {
		return false, j.wrong(field, "a boolean")
	}
	word, err := j.word()
	return word == "true", err
}

// whole reads a whole number that every client can write exactly, not below the
// lowest.
func (j *reader) whole(field string, lowest int64) (int64, error) {
	const highest = 1<<53 - 1
	b, err := j.number(field, "a whole number")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < lowest || n > highest {
		return 0, &billing.FieldError{
			Field: field,
			Text:  clip(string(b), 40) + " is not a whole number between " + strconv.FormatInt(lowest, 10) + " and " + strconv.FormatInt(highest, 10),
		}
	}
	return n, nil
}

// planID reads the number of a plan.
func (j *reader) planID(field string) (int, error) {
	const lowest = -1 << 31
	n, err := j.whole(field, lowest)
	return int(n), err
}

// empty makes sure that a request has no body, or an object without members.
func empty(w http.ResponseWriter, r *http.Request) error {
	j, err := body(w, r)
	if err != nil || len(j.in) == 0 {
		return err
	}
	if _, err := j.record("", func(string, string) (bool, error) { return false, nil }); err != nil {
		return err
	}
	return j.end()
}

// sum returns an amount that is given by its number and its currency.
func sum(field, number, currency string) (money.Amount, error) {
	a, err := money.Parse(number, money.Currency(currency))
	if err != nil {
		return a, &billing.FieldError{Field: field, Text: "can't be used: " + err.Error()}
	}
	return a, nil
}

// bookOf returns a book by its name; "" is the main one.
func bookOf(name string) ledger.Book {
	if name == "" {
		return ledger.Main
	}
	return ledger.Book(name)
}
