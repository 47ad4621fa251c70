// Package foreign makes texts fit to be shown that somebody else wrote: a portal, or
// who typed something into it. Nothing in them is obeyed, and none runs on.
package foreign

import (
	"strings"
	"unicode"
)

// Obeyed reports whether a terminal or a browser does something else with a character
// than showing it: controls, and marks that turn the direction of a line.
func Obeyed(r rune) bool {
	if r < 0x7f { // most of what there is
		return r < ' '
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// Plain returns a text without what is obeyed. What breaks a line becomes a space; all
// other characters stay, however many there are.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case Obeyed(r):
			return -1
		}
		return r
	}, s)
}

// joins reports whether a character is not seen, but how those beside it are written is:
// in Persian and in the scripts of India, and in pictures made of several.
func joins(r rune) bool { return r == '\u200c' || r == '\u200d' }

// Line returns a text as a short line of what can be seen, with a single space between
// words: most characters of it, the last of which is "…" if there were more.
func Line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) && !joins(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > most {
		return strings.TrimSpace(string(runes[:most-1])) + "…"
	}
	return s
}
