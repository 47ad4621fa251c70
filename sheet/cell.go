package sheet

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Cell is what stands in one place of a table. The zero Cell is empty.
type Cell struct {
	kind   kind
	text   string // of a text or a number
	number int64
	moment time.Time
}

type kind uint8

const (
	empty kind = iota
	text
	number
	integer
	moment
)

// Text is a text, and nothing but a text. Control characters are dropped, other
// than tabs and line ends; what is longer than MaxText ends in an ellipsis.
func Text(s string) Cell {
	if s == "" {
		return Cell{}
	}
	return Cell{kind: text, text: s}
}

// Number is a number by its decimal digits, such as "-148.50". All of them are in
// the file, however many there are, though programs that open it count with about
// fifteen. Table.Write fails on anything else.
func Number(decimal string) Cell { return Cell{kind: number, text: decimal} }

// Integer is a whole number.
func Integer(n int64) Cell { return Cell{kind: integer, number: n} }

// Moment is a date with its time to the second, as the clocks of the moment's own
// zone show it. The zero Time is an empty cell.
func Moment(t time.Time) Cell {
	if t.IsZero() {
		return Cell{}
	}
	return Cell{kind: moment, moment: t}
}

// MaxText is how long the text of a cell may be, in units of UTF-16, by which the
// format counts.
const MaxText = 32_767

// styles are the places of formats in the list of xl/styles.xml.
const (
	styleText   = 1
	styleNumber = 2
	styleWhole  = 3
	styleMoment = 4
	styleHeader = 5
)

// append appends the cell, at a place such as "B7", as XML.
func (c Cell) append(b []byte, column string, row int) ([]byte, error) {
	switch c.kind {
	case text:
		return appendText(b, column, row, styleText, c.text), nil
	case number:
		if !isDecimal(c.text) {
			return b, fmt.Errorf("%s%d: %q is no decimal number", column, row, c.text)
		}
		return append(append(open(b, column, row, styleNumber), c.text...), "</v></c>"...), nil
	case integer:
		return append(strconv.AppendInt(open(b, column, row, styleWhole), c.number, 10), "</v></c>"...), nil
	case moment:
		if year := c.moment.Year(); year <= 1900 || year > 9999 { // the format knows no other days
			return appendText(b, column, row, styleText, c.moment.Format(time.DateTime)), nil
		}
		return append(appendMoment(open(b, column, row, styleMoment), c.moment), "</v></c>"...), nil
	}
	return b, nil
}

func open(b []byte, column string, row, style int) []byte {
	b = append(append(b, `<c r="`...), column...)
	b = append(strconv.AppendInt(b, int64(row), 10), `" s="`...)
	return append(strconv.AppendInt(b, int64(style), 10), `"><v>`...)
}

// isDecimal reports whether a text is digits, with a sign before them or a point
// among them at most.
func isDecimal(s string) bool {
	whole, fraction, pointed := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	digits := func(s string) bool {
		return s != "" && strings.Trim(s, "0123456789") == ""
	}
	return len(s) <= 64 && digits(whole) && (!pointed || digits(fraction))
}

// appendMoment appends the days since the eve of 1900, as the format counts them,
// with the time as a fraction to twelve digits, which is exact to the second.
func appendMoment(b []byte, t time.Time) []byte {
	const day = 24 * 60 * 60
	wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC).Unix()
	const eve = 25_569 // days until 1970, a 29 February 1900 among them that never was
	days, seconds := wall/day, wall%day
	if seconds < 0 {
		days, seconds = days-1, seconds+day
	}
	b = strconv.AppendInt(b, days+eve, 10)
	if seconds == 0 {
		return b
	}
	const scale = 1_000_000_000_000
	fraction := strconv.FormatInt((seconds*scale+day/2)/day, 10)
	b = append(append(b, '.'), strings.Repeat("0", 12-len(fraction))...)
	return append(b, fraction...)
}

// appendText appends a text that is in the cell itself, and not in a list of
// texts beside the table, which would have to be kept until the end.
func appendText(b []byte, column string, row, style int, s string) []byte {
	b = append(append(b, `<c r="`...), column...)
	b = append(strconv.AppendInt(b, int64(row), 10), `" s="`...)
	b = append(strconv.AppendInt(b, int64(style), 10), `" t="inlineStr"><is><t xml:space="preserve">`...)
	return append(appendEscaped(b, clip(s)), `</t></is></c>`...)
}

// clip shortens a text to MaxText.
func clip(s string) string {
	if len(s) <= MaxText { // a byte is a unit at most
		return s
	}
	units, at := 0, 0 // at: where a text with an ellipsis after it is short enough
	for i, r := range s {
		if units < MaxText {
			at = i
		}
		if units++; r > 0xffff {
			units++
		}
		if units > MaxText {
			return s[:at] + "…"
		}
	}
	return s
}

// appendEscaped appends a text as XML has it. What the format would read as the
// code of a character, as in _x0041_, is written so that it reads as it stands.
func appendEscaped(b []byte, s string) []byte {
	for i, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\r':
			if !strings.HasPrefix(s[i+1:], "\n") {
				b = append(b, '\n')
			}
		case r == '\t' || r == '\n':
			b = append(b, byte(r))
		case unicode.IsControl(r), r == 0xfffe, r == 0xffff: // XML has no place for most of them
		case r == '_' && isCode(s[i:]):
			b = append(b, "_x005F_"...)
		default:
			b = append(b, string(r)...) // what is no UTF-8 becomes U+FFFD
		}
	}
	return b
}

// isCode reports whether a text begins like _x0041_.
func isCode(s string) bool {
	return len(s) >= 7 && s[1] == 'x' && s[6] == '_' && strings.Trim(s[2:6], "0123456789abcdefABCDEF") == ""
}
