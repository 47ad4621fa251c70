package mcp

import (
	"strings"
	"time"
	"unicode"

	"github.com/bursarhq/bursar/money"
)

// maxText is how much of a text is passed on, in characters.
const maxText = 300

// text returns what somebody else wrote as data: on one line, no longer than it has to
// be, without what no reader sees.
func text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	n := 0
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			r = ' '
		case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
			continue
		}
		if n++; n > maxText {
			return b.String() + "…"
		}
		b.WriteRune(r)
	}
	return b.String()
}

// sum is an amount, exactly.
type sum struct {
	Amount   string         `json:"amount" jsonschema:"exact decimal"`
	Currency money.Currency `json:"currency"`
}

func sumOf(a money.Amount) sum { return sum{a.Decimal(), money.Currency(text(string(a.Currency())))} }

// moment writes a time in UTC; "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
