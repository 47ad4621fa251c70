package foreign_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/foreign"
)

func TestLine(t *testing.T) {
	t.Parallel()
	const most = 64
	for in, want := range map[string]string{
		"": "", "Business": "Business", " two\n\tlines\u2028more ": "two lines more", "\u202eback\u200b\u061c": "back", "\xff": "\uFFFD", "\x1b[31m\u009b": "[31m",
		"日本語\u00a0é": "日本語 é", "花子 👩\u200d💻": "花子 👩\u200d💻", strings.Repeat("é", most): strings.Repeat("é", most), strings.Repeat("é", most+1): strings.Repeat("é", most-1) + "…",
	} {
		if got := foreign.Line(in, most); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := foreign.Line(rapid.String().Draw(t, "text"), most)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > most || strings.TrimSpace(got) != got {
			t.Fatalf("%q", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d' {
				t.Fatalf("%q", got)
			}
		}
	})
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "a\tb\r\nc\u2028d\u2029e": "a b  c d e", "\x1b[31mred\u009b\x7f": "[31mred",
		"\u202eback\u2066\u200e\u200f\u061c": "back", " 1\u00a0USD ": " 1\u00a0USD ", "👩\u200d💻": "👩\u200d💻",
	} {
		if got := foreign.Plain(in); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		got := foreign.Plain(in)
		if strings.ContainsFunc(got, foreign.Obeyed) || strings.ContainsAny(got, "\u2028\u2029") {
			t.Fatalf("%q", got)
		}
		if foreign.Plain(got) != got {
			t.Fatalf("%q is not left as it is", got)
		}
	})
}
