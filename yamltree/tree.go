// Package yamltree reads YAML that people write by hand: strictly, into a tree whose
// nodes know their lines, so that whatever is wrong can be said with its line. What a
// parser would take long over is refused before it is parsed.
package yamltree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits are what a text may have at most.
type Limits struct {
	Size   int // bytes
	Lines  int
	Line   int // bytes, without the line's end
	Open   int // brackets at once
	Indent int // spaces, dashes and question marks before a line
}

// Fault is one thing that is wrong with a text.
type Fault struct {
	// File is the name of the file; "" where there is none, or only the caller knows.
	File string
	// Line is where it stands, from 1; 0 where no line is to blame.
	Line int
	// Err is what is wrong.
	Err error
}

// Error returns "plans.yaml:34: not UTF-8", or with no file "line 34: not UTF-8".
func (f Fault) Error() string {
	switch {
	case f.File != "" && f.Line > 0:
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Err)
	case f.File != "":
		return fmt.Sprintf("%s: %s", f.File, f.Err)
	case f.Line > 0:
		return fmt.Sprintf("line %d: %s", f.Line, f.Err)
	}
	return f.Err.Error()
}

// Unwrap returns what is wrong.
func (f Fault) Unwrap() error { return f.Err }

func fault(line int, format string, args ...any) *Fault {
	return &Fault{Line: line, Err: fmt.Errorf(format, args...)}
}

// Read returns what is in a file; of one that is too large no more than Parse needs to
// refuse it. It fails with what the system says.
func (l Limits) Read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, int64(l.Size)+1))
}

// Parse returns what is in a text, which must be one document without directives; nil
// for nothing. Names that stand there twice are left to Pairs. The fault is the first
// one, nil where there is none.
func (l Limits) Parse(data []byte) (ast.Node, *Fault) {
	if wrong := l.check(data); wrong != nil {
		return nil, wrong
	}
	tokens := lexer.Tokenize(string(data))
	if wrong := l.nesting(tokens); wrong != nil {
		return nil, wrong
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, misspelt(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType:
		case doc.Body.Type() == ast.DirectiveType:
			return nil, fault(Line(doc.Body), "directives can't be used here")
		case body != nil:
			return nil, fault(Line(doc.Body), "there is a second document")
		default:
			body = doc.Body
		}
	}
	return body, nil
}

// check holds the lines of a text against the limits.
func (l Limits) check(data []byte) *Fault {
	if len(data) > l.Size {
		return fault(0, "it is larger than %d bytes", l.Size)
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case n > l.Lines:
			return fault(0, "it has more than %d lines", l.Lines)
		case len(line) > l.Line:
			return fault(n, "it is longer than %d bytes", l.Line)
		case !utf8.Valid(line):
			return fault(n, "not UTF-8")
		case len(line)-len(bytes.TrimLeft(line, " -?\t")) > l.Indent:
			return fault(n, "it is indented by more than %d characters", l.Indent)
		}
	}
	return nil
}

// nesting holds the brackets of a text against the limits; those in comments and quotes
// are none. The parser takes the square of their depth.
func (l Limits) nesting(tokens token.Tokens) *Fault {
	open := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open = max(open-1, 0)
		}
		if open > l.Open {
			return fault(t.Position.Line, "more than %d brackets are open", l.Open)
		}
	}
	return nil
}

// misspelt makes a fault of what the parser says, without the excerpt that it shows.
func misspelt(err error) *Fault {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return fault(0, "not YAML: %w", err)
	}
	line := 0
	if token := syntax.GetToken(); token != nil && token.Position != nil {
		line = token.Position.Line
	}
	return fault(line, "not YAML: %s", syntax.GetMessage())
}
