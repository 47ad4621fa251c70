package mcp

import (
	"time"

	"github.com/bursarhq/bursar/foreign"
	"github.com/bursarhq/bursar/money"
)

// maxText is how much of a text is passed on, in characters.
const maxText = 300

// text returns what somebody else wrote as data: on one line, no longer than it has to
// be, without what no reader sees.
func text(s string) string { return foreign.Line(s, maxText) }

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
