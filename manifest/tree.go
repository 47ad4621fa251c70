package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is how many bytes a manifest may have: 16 MB.
const MaxSize = 16 << 20

// What the parser of YAML would take long over, and no manifest needs.
const (
	maxLines   = 400_000
	maxLine    = 4_000 // bytes
	maxNesting = 20    // open brackets
	maxIndent  = 100   // spaces before a line
	maxErrors  = 20    // that are told
)

// reader takes a manifest out of the tree that YAML is parsed to, and keeps what is
// wrong with it.
type reader struct {
	file string
	errs []error
	more int // errors that are not kept
}

func (r *reader) fail(line int, format string, args ...any) {
	if len(r.errs) == maxErrors {
		r.more++
		return
	}
	r.errs = append(r.errs, &Error{r.file, line, fmt.Errorf(format, args...)})
}

// err returns all that is wrong, joined.
func (r *reader) err() error {
	if r.more > 0 {
		return errors.Join(append(r.errs, &Error{r.file, 0, fmt.Errorf("and %d more", r.more)})...)
	}
	return errors.Join(r.errs...)
}

// bounded checks what is asked of any text, before it is parsed.
func (r *reader) bounded(data []byte) bool {
	if len(data) > MaxSize {
		r.fail(0, "it is larger than %d bytes", MaxSize)
		return false
	}
	nesting, n := 0, 0
	for line := range bytes.Lines(data) {
		n++
		nesting += bytes.Count(line, []byte("[")) + bytes.Count(line, []byte("{"))
		nesting -= bytes.Count(line, []byte("]")) + bytes.Count(line, []byte("}"))
		switch {
		case n > maxLines:
			r.fail(0, "it has more than %d lines", maxLines)
		case len(line) > maxLine:
			r.fail(n, "it is longer than %d bytes", maxLine)
		case !utf8.Valid(line):
			r.fail(n, "not UTF-8")
		case nesting > maxNesting:
			r.fail(n, "more than %d brackets are open", maxNesting)
		case len(line)-len(bytes.TrimLeft(line, " -?\t")) > maxIndent:
			r.fail(n, "it is indented by more than %d characters", maxIndent)
		}
		if len(r.errs) > 0 {
			return false
		}
	}
	return true
}

// document parses a text that must be one document, and returns what is in it; nil
// for nothing, and for what is no YAML.
func (r *reader) document(data []byte) ast.Node {
	if !r.bounded(data) {
		return nil
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey()) // pairs finds those
	if err != nil {
		line, text := 0, err.Error()
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			text = syntax.GetMessage()
			if token := syntax.GetToken(); token != nil && token.Position != nil {
				line = token.Position.Line
			}
		}
		r.fail(line, "not YAML: %s", text)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType:
		case doc.Body.Type() == ast.DirectiveType:
			r.fail(lineOf(doc.Body), "directives can't be used here")
		case body != nil:
			r.fail(lineOf(doc.Body), "there is a second document")
		default:
			body = doc.Body
		}
	}
	return body
}

// pair is a name and what stands behind it.
type pair struct {
	name  string
	line  int
	value ast.Node
}

// pairs reads a mapping whose names are all different texts.
func (r *reader) pairs(n ast.Node, what string) (all []pair) {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		r.fail(lineOf(n), "%s: it must be names with values, and is %s", what, kindOf(n))
		return nil
	}
	seen := map[string]int{}
	for _, value := range mapping.Values {
		key, ok := value.Key.(*ast.StringNode)
		if !ok {
			r.fail(lineOf(value.Key), "%s: a name must be plain text, with quotes around what could be taken for something else", what)
			continue
		}
		line := lineOf(key)
		if first, twice := seen[key.Value]; twice {
			r.fail(line, "%s: %s stands there twice, first on line %d", what, quoted(key.Value), first)
			continue
		}
		seen[key.Value] = line
		all = append(all, pair{key.Value, line, value.Value})
	}
	return all
}

// lineOf returns the line that a node begins on; 0 if it is not known.
func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// scalar returns a plain value as it is written, without quotes; false for what is
// no plain value.
func scalar(n ast.Node) (string, bool) {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// kindOf says what a node is, for people.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "empty"
	case *ast.MappingNode:
		return "names with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, an alias or a tag, which can't be used here: groups have what portals share"
	}
	if text, ok := scalar(n); ok {
		return quoted(text)
	}
	return "something else"
}

// quoted returns a text in quotes, no longer than people want to read.
func quoted(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
