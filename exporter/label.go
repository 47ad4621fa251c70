package exporter

import (
	"strings"
	"unicode"
)

// maxLabel is how many characters of what a portal sends a label has at most.
const maxLabel = 64

// label makes a label's value of what a portal sent: one short line of what can be
// seen, "" for nothing.
func label(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxLabel {
		return strings.TrimSpace(string(runes[:maxLabel-1])) + "…"
	}
	return text
}
