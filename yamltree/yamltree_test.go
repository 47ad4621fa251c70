package yamltree_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/yamltree"
)

var limits = yamltree.Limits{Size: 200, Lines: 10, Line: 50, Open: 3, Indent: 8}

func TestParseRefuses(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"large":           {strings.Repeat("# 3456789\n", 20) + "#", "it is larger than 200 bytes"},
		"lines":           {strings.Repeat("\n", 11), "it has more than 10 lines"},
		"a line":          {"a:\n# " + strings.Repeat("x", 49), "line 2: it is longer than 50 bytes"},
		"not UTF-8":       {"a: b\n\xff: c", "line 2: not UTF-8"},
		"brackets":        {"a: [\n[\n{\n[]\n}]]", "line 4: more than 3 brackets are open"},
		"closed again":    {"# ]]]]]\na: [[[[]]]]", "line 2: more than 3 brackets are open"},
		"closed before":   {"]]]]\n[[[[", "line 2: more than 3 brackets are open"},
		"closed in words": {"[ # ]\n[ # ]\n[ # ]\n[\n", "line 4: more than 3 brackets are open"},
		"braces":          {"a: {a: {a: {a: {", "line 1: more than 3 brackets are open"},
		"spaces":          {"a:\n         b", "line 2: it is indented by more than 8 characters"},
		"dashes":          {"- - - - - a", "line 1: it is indented by more than 8 characters"},
		"questions":       {"? ? ? ? ? a", "line 1: it is indented by more than 8 characters"},
		"two documents":   {"a: b\n---\nc: d\n", "line 3: there is a second document"},
		"three documents": {"a\n---\nb\n---\nc", "line 3: there is a second document"},
		"a directive":     {"# first\n%YAML 1.2\n---\na: b\n", "line 2: directives can't be used here"},
		"a bracket":       {"a: b\nc: [d\n", "line 2: not YAML: sequence end token ']' not found"},
		"a tab":           {"a:\n\t- b\n", "line 2: not YAML: "},
	} {
		t.Run(name, func(t *testing.T) {
			n, wrong := limits.Parse([]byte(row.text))
			if n != nil || wrong == nil {
				t.Fatalf("%v, %v", n, wrong)
			}
			if got := wrong.Error(); !strings.HasPrefix(got, row.want) || strings.Contains(got, "\n") {
				t.Errorf("it says %q, not %q", got, row.want)
			}
		})
	}
}

// What is as large as may be is read.
func TestParseReads(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"nothing":          {"", "empty"},
		"a comment":        {"# nothing\n", "empty"},
		"null":             {"~\n", "empty"},
		"documents' marks": {"---\na: b\n...\n", "names with values"},
		"an empty second":  {"a: b\n---\n", "names with values"},
		"large":            {strings.Repeat("# "+strings.Repeat("x", 47)+"\n", 4), "empty"},
		"a line":           {"# " + strings.Repeat("x", 48) + "\n", "empty"},
		"lines":            {strings.Repeat("\n", 9) + "a", `the text "a"`},
		"brackets":         {"[[[]]]\n", "a list"},
		"brackets' words":  {"a: '[[[['\nb: \"{{{{\"\nc: d[[[[ # {{{{\n", "names with values"},
		"closed brackets":  {"- []\n- []\n- []\n- []\n", "a list"},
		"spaces":           {"a:\n        b\n", "names with values"},
		"Windows' lines":   {"a: b\r\nc: d\r\n", "names with values"},
		"a name twice":     {"a: b\na: c\n", "names with values"},
	} {
		if n, wrong := limits.Parse([]byte(row.text)); wrong != nil || yamltree.Kind(n) != row.want {
			t.Errorf("%s: %v, %v", name, yamltree.Kind(n), wrong)
		}
	}
}

// A file that never ends is no trouble, and neither is none.
func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	for size, want := range map[int]int{0: 0, 200: 200, 100_000: 201} {
		if err := os.WriteFile(path, []byte(strings.Repeat("#", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		if data, err := limits.Read(path); err != nil || len(data) != want {
			t.Errorf("of %d bytes it reads %d, %v", size, len(data), err)
		}
	}
	if _, err := limits.Read(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	if _, err := limits.Read(t.TempDir()); err == nil {
		t.Error("of a folder: nothing")
	}
}

func TestFaultSaysWhere(t *testing.T) {
	err := errors.New("not UTF-8")
	for want, f := range map[string]yamltree.Fault{
		"not UTF-8":            {Err: err},
		"line 3: not UTF-8":    {Line: 3, Err: err},
		"a.yaml: not UTF-8":    {File: "a.yaml", Err: err},
		"a.yaml:3: not UTF-8":  {File: "a.yaml", Line: 3, Err: err},
		"a b%s:12: not UTF-8":  {File: "a b%s", Line: 12, Err: err},
		"line 3: a: not UTF-8": {Line: 3, Err: fmt.Errorf("a: %w", err)},
	} {
		if f.Error() != want || !errors.Is(f, err) {
			t.Errorf("it says %q, not %q", f, want)
		}
	}
}

// parse returns the one node of a text.
func parse(t *testing.T, text string) ast.Node {
	t.Helper()
	n, wrong := limits.Parse([]byte(text))
	if wrong != nil {
		t.Fatal(wrong)
	}
	return n
}

// All that is wrong with the names is told, and the others are there.
func TestPairs(t *testing.T) {
	mapping, ok := parse(t, "a: 1\n\"b c\":\n  - 2\na: 3\n7: 4\n<<: {d: 5}\n&x e: 6\ntrue: 7\na: 8\n").(*ast.MappingNode)
	if !ok {
		t.Fatal("it is no mapping")
	}
	all, faults := yamltree.Pairs(mapping)
	var got []string
	for _, p := range all {
		got = append(got, fmt.Sprintf("%s on line %d is %s", p.Name, p.Line, yamltree.Kind(p.Value)))
	}
	for _, wrong := range faults {
		got = append(got, wrong.Error())
	}
	const odd = "a name must be plain text, with quotes around what could be taken for something else"
	want := []string{
		`a on line 1 is the number "1"`, "b c on line 2 is a list",
		`line 4: "a" stands there twice, first on line 1`, "line 5: " + odd, "line 6: " + odd, "line 7: " + odd, "line 8: " + odd,
		`line 9: "a" stands there twice, first on line 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestKindsAndScalars(t *testing.T) {
	for text, want := range map[string]struct {
		kind, scalar string
		plain        bool
	}{
		"":            {kind: "empty"},
		"{}":          {kind: "names with values"},
		"- a":         {kind: "a list"},
		"gold":        {`the text "gold"`, "gold", true},
		"'20'":        {`the text "20"`, "20", true},
		`"a\ab"`:      {`the text "a\ab"`, "a\ab", true},
		"20.50":       {`the number "20.50"`, "20.50", true},
		"-0x10":       {`the number "-0x10"`, "-0x10", true},
		".inf":        {`the number ".inf"`, ".inf", true},
		".nan":        {`the number ".nan"`, ".nan", true},
		"true":        {"true", "true", true},
		"|\n  a\n":    {kind: "a text"},
		"&a b":        {kind: "an anchor, an alias or a tag, which can't be used here"},
		"*a":          {kind: "an anchor, an alias or a tag, which can't be used here"},
		"!!binary aa": {kind: "an anchor, an alias or a tag, which can't be used here"},
	} {
		n := parse(t, text)
		if scalar, plain := yamltree.Scalar(n); yamltree.Kind(n) != want.kind || scalar != want.scalar || plain != want.plain {
			t.Errorf("%q is %s: %q, %v", text, yamltree.Kind(n), scalar, plain)
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "\na:\n  b": 2, "# first\n\n- a": 3, "\n\n{\na: b}": 3, "a": 1,
	} {
		if got := yamltree.Line(parse(t, text)); got != want {
			t.Errorf("%q begins on line %d, not %d", text, got, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"": `""`, "a\x1b[2Jb": `"a\x1b[2Jb"`, strings.Repeat("a", 40): `"` + strings.Repeat("a", 40) + `"`,
		strings.Repeat("a", 39) + "éé": `"` + strings.Repeat("a", 39) + `…"`,
	} {
		if got := yamltree.Quoted(text); got != want {
			t.Errorf("%q is %s, not %s", text, got, want)
		}
	}
}

// Whatever the text is, it is read or refused, and what is read can be told of.
func TestAnyTextIsReadOrRefused(t *testing.T) {
	pieces := []string{
		"a: ", "b", "\n", "  ", "- ", "[", "]", "{", "}", "*a", "&a ", "!!str ", "? ", "| ", "> ", "'", `"`, "#", "<<: ",
		"1e3", "~", "...\n", "---\n", "%YAML 1.2\n", "\t", "\r", "é", "\xff", ",", "\x00", ":",
	}
	wide := yamltree.Limits{Size: 1000, Lines: 100, Line: 1000, Open: 10, Indent: 20}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "pieces"), "")
		n, wrong := wide.Parse([]byte(text))
		if n != nil && wrong != nil {
			t.Fatalf("%v and %v", n, wrong)
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		if line := yamltree.Line(n); line < 0 || line > lines || n != nil && yamltree.Kind(n) == "" {
			t.Fatalf("%s on line %d of %d", yamltree.Kind(n), line, lines)
		}
		if mapping, ok := n.(*ast.MappingNode); ok {
			all, faults := yamltree.Pairs(mapping)
			if len(all)+len(faults) != len(mapping.Values) {
				t.Fatalf("of %d pairs %d are right and %d wrong", len(mapping.Values), len(all), len(faults))
			}
		}
	})
}
