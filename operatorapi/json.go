package operatorapi

import (
	"fmt"
	"unicode/utf8"

	"github.com/bursarhq/bursar/billing"
)

// reader reads JSON token by token, strictly. It fails with errMalformed where
// the text is no JSON, and with a billing.FieldError where it is JSON of another
// kind than what is wanted. The package encoding/json would take members twice,
// in any case, and half a surrogate.
type reader struct {
	in []byte
	at int
}

// maxDepth bounds how deep what is passed over may be nested.
const maxDepth = 32

func newReader(in []byte) (*reader, error) {
	j := &reader{in: in}
	if !utf8.Valid(in) {
		return nil, fmt.Errorf("%w: it is not in UTF-8", errMalformed)
	}
	return j, nil
}

func (j *reader) malformed(what string) error {
	return fmt.Errorf("%w: at byte %d, %s", errMalformed, j.at+1, what)
}

// wrong is a value of another kind than what is wanted.
func (j *reader) wrong(field, want string) error {
	is, ok := "", true
	switch c := j.peek(); {
	case c == '{':
		is = "an object"
	case c == '[':
		is = "an array"
	case c == '"':
		is = "a string"
	case c == 't' || c == 'f':
		is = "a boolean"
	case c == 'n':
		is = "null"
	case c == '-' || isDigit(c):
		is = "a number"
	default:
		ok = false
	}
	if !ok {
		return j.malformed("there is no value")
	}
	return &billing.FieldError{Field: field, Text: "is " + is + " where " + want + " is wanted"}
}

// peek returns the next byte that is not white space; 0 at the end.
func (j *reader) peek() byte {
	for ; j.at < len(j.in); j.at++ {
		switch c := j.in[j.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// end makes sure that nothing follows.
func (j *reader) end() error {
	if j.peek(); j.at < len(j.in) {
		return j.malformed("there is more than one value")
	}
	return nil
}

// open goes into an object or an array.
func (j *reader) open(field string, bracket byte) error {
	if j.peek() != bracket {
		return j.wrong(field, map[byte]string{'{': "an object", '[': "an array"}[bracket])
	}
	j.at++
	return nil
}

// next goes to the next element, or out of the object or array.
func (j *reader) next(first bool, closing byte) (more bool, err error) {
	c := j.peek()
	if c == closing {
		j.at++
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, j.malformed("a comma or the end of the object or array is missing")
	}
	j.at++
	return true, nil
}

// member goes to the value of an object's next member.
func (j *reader) member(first bool) (name []byte, more bool, err error) {
	if more, err = j.next(first, '}'); !more || err != nil {
		return nil, false, err
	}
	if j.peek() != '"' {
		return nil, false, j.malformed("the name of a member is missing")
	}
	if name, err = j.string(); err != nil {
		return nil, false, err
	}
	if j.peek() != ':' {
		return nil, false, j.malformed("a colon is missing")
	}
	j.at++
	return name, true, nil
}

// text reads a string.
func (j *reader) text(field string) (string, error) {
	if j.peek() != '"' {
		return "", j.wrong(field, "a string")
	}
	b, err := j.string()
	return string(b), err
}

// string reads a string that is there.
func (j *reader) string() ([]byte, error) {
	j.at++
	start := j.at
	for ; j.at < len(j.in); j.at++ {
		switch c := j.in[j.at]; {
		case c == '"':
			j.at++
			return j.in[start : j.at-1], nil
		case c == '\\':
			return j.escaped(append([]byte{}, j.in[start:j.at]...))
		case c < ' ':
			return nil, j.malformed("a string has a control character")
		}
	}
	return nil, j.malformed("a string does not end")
}

// escaped reads the rest of a string, from its first escape on.
func (j *reader) escaped(b []byte) ([]byte, error) {
	for j.at < len(j.in) {
		c := j.in[j.at]
		switch {
		case c == '"':
			j.at++
			return b, nil
		case c < ' ':
			return nil, j.malformed("a string has a control character")
		case c != '\\':
			b = append(b, c)
			j.at++
			continue
		}
		r, err := j.escape()
		if err != nil {
			return nil, err
		}
		b = utf8.AppendRune(b, r)
	}
	return nil, j.malformed("a string does not end")
}

// escape reads one escape, which may be a pair of surrogates.
func (j *reader) escape() (rune, error) {
	var kind byte
	if j.at+1 < len(j.in) {
		kind = j.in[j.at+1]
	}
	if kind == 'u' {
		r, ok := j.hex(j.at)
		if !ok {
			return 0, j.malformed("an escape is unfinished")
		}
		length := 6
		if 0xd800 <= r && r < 0xe000 {
			low, ok := j.hex(j.at + 6)
			if r >= 0xdc00 || !ok || low < 0xdc00 || low >= 0xe000 {
				return 0, j.malformed("an escape is half a character")
			}
			r, length = 0x10000+(r-0xd800)<<10+(low-0xdc00), 12
		}
		j.at += length
		return r, nil
	}
	for i, c := range []byte(`"\/bfnrt`) {
		if c == kind {
			j.at += 2
			return rune("\"\\/\b\f\n\r\t"[i]), nil
		}
	}
	return 0, j.malformed("there is no such escape")
}

// hex reads the four digits of an escape that begins at i.
func (j *reader) hex(i int) (r rune, ok bool) {
	if i+6 > len(j.in) || j.in[i] != '\\' || j.in[i+1] != 'u' {
		return 0, false
	}
	for _, c := range j.in[i+2 : i+6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads a number's own text.
func (j *reader) number(field, want string) ([]byte, error) {
	if c := j.peek(); c != '-' && !isDigit(c) {
		return nil, j.wrong(field, want)
	}
	start := j.at
	if j.in[j.at] == '-' {
		j.at++
	}
	whole := j.digits()
	ok := len(whole) == 1 || len(whole) > 1 && whole[0] != '0'
	if j.at < len(j.in) && j.in[j.at] == '.' {
		j.at++
		ok = len(j.digits()) > 0 && ok
	}
	if j.at < len(j.in) && j.in[j.at]|0x20 == 'e' {
		j.at++
		if j.at < len(j.in) && (j.in[j.at] == '+' || j.in[j.at] == '-') {
			j.at++
		}
		ok = len(j.digits()) > 0 && ok
	}
	if !ok {
		return nil, j.malformed("a number is not written as JSON has it")
	}
	return j.in[start:j.at], nil
}

func (j *reader) digits() []byte {
	start := j.at
	for j.at < len(j.in) && isDigit(j.in[j.at]) {
		j.at++
	}
	return j.in[start:j.at]
}

// word reads true, false or null.
func (j *reader) word() (string, error) {
	j.peek()
	for _, word := range []string{"true", "false", "null"} {
		if len(j.in)-j.at >= len(word) && string(j.in[j.at:j.at+len(word)]) == word {
			j.at += len(word)
			return word, nil
		}
	}
	return "", j.malformed("there is no value")
}

// skip passes over a value.
func (j *reader) skip(depth int) error {
	if depth > maxDepth {
		return j.malformed("it is nested too deep")
	}
	var err error
	switch c := j.peek(); {
	case c == '{':
		j.at++
		for first, more := true, true; ; first = false {
			if _, more, err = j.member(first); !more || err != nil {
				return err
			}
			if err = j.skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '[':
		j.at++
		for first, more := true, true; ; first = false {
			if more, err = j.next(first, ']'); !more || err != nil {
				return err
			}
			if err = j.skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '"':
		_, err = j.string()
	case c == '-' || isDigit(c):
		_, err = j.number("", "")
	default:
		_, err = j.word()
	}
	return err
}
