package catalog

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/yamltree"
)

// reader takes a catalogue out of the tree that YAML is parsed to. It keeps the
// first error, after which what it returns means nothing.
type reader struct{ err *Error }

// fail notes what is wrong with a node.
func (r *reader) fail(n ast.Node, format string, args ...any) {
	r.failAt(yamltree.Line(n), format, args...)
}

func (r *reader) failAt(line int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Line: line, Err: fmt.Errorf(format, args...)}
	}
}

// object is a mapping whose names are known.
type object struct {
	r     *reader
	what  string // how errors name it; "" for the whole file
	line  int
	nodes map[string]ast.Node
}

// object reads a mapping that may have the given members and no others.
func (r *reader) object(n ast.Node, what string, known ...string) object {
	o := object{r: r, what: what, line: yamltree.Line(n), nodes: map[string]ast.Node{}}
	for _, pair := range r.pairs(n, what) {
		is := false
		for _, name := range known {
			is = is || name == pair.Name
		}
		if !is {
			r.failAt(pair.Line, "%s is not known; there are %s", under(what, yamltree.Quoted(pair.Name)), strings.Join(known, ", "))
		}
		o.nodes[pair.Name] = pair.Value
	}
	return o
}

// pairs reads a mapping whose names are all different.
func (r *reader) pairs(n ast.Node, what string) []yamltree.Pair {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		r.fail(n, "%s must be names with values, and is %s", whole(what), yamltree.Kind(n))
		return nil
	}
	all, faults := yamltree.Pairs(mapping)
	for _, wrong := range faults {
		r.failAt(wrong.Line, "%s", under(what, wrong.Err.Error()))
	}
	return all
}

// list reads a sequence.
func (r *reader) list(n ast.Node, what string) []ast.Node {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(n, "%s must be a list, and is %s", what, yamltree.Kind(n))
		return nil
	}
	return sequence.Values
}

func (o object) has(field string) bool { return o.nodes[field] != nil }

// whole reads a whole number within bounds; 0 where it is missing.
func (o object) whole(field string, from, to int64) int64 { return o.wholeOr(0, field, from, to) }

// wholeOr reads a whole number within bounds; what else holds where it is missing.
func (o object) wholeOr(missing int64, field string, from, to int64) int64 {
	if !o.has(field) {
		return missing
	}
	return o.r.wholeNumber(o.nodes[field], under(o.what, field), from, to)
}

// wholeNumber reads a whole number within bounds.
func (r *reader) wholeNumber(n ast.Node, what string, from, to int64) int64 {
	value, err := int64(0), errors.New("no number")
	text, _ := yamltree.Scalar(n)
	switch n.(type) {
	case *ast.IntegerNode, *ast.StringNode: // the second where it has too many digits
		value, err = strconv.ParseInt(text, 10, 64)
	}
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange), n.Type() == ast.StringType && err == nil:
		r.fail(n, "%s must be a whole number, and is %s", what, yamltree.Kind(n))
	case err != nil || value < from || value > to:
		r.fail(n, "%s: %s is not between %d and %d", what, text, from, to)
	}
	return value
}

// oneOf reads one of some words; what else holds where it is missing.
func (o object) oneOf(missing, field string, words ...string) string {
	if !o.has(field) {
		return missing
	}
	word := o.text(field)
	if !slices.Contains(words, word) {
		o.r.fail(o.nodes[field], "%s: %s is not one of %s", under(o.what, field), yamltree.Quoted(word), strings.Join(words, ", "))
	}
	return word
}

// flag reads true or false; false where it is missing.
func (o object) flag(field string) bool {
	n := o.nodes[field]
	if n == nil {
		return false
	}
	value, ok := n.(*ast.BoolNode)
	if !ok {
		o.r.fail(n, "%s must be true or false, and is %s", under(o.what, field), yamltree.Kind(n))
		return false
	}
	return value.Value
}

// maxText is how many bytes a text may have.
const maxText = 1000

// text reads a text of one line; "" where it is missing.
func (o object) text(field string) string {
	n := o.nodes[field]
	var value string
	switch t := n.(type) {
	case nil:
		return ""
	case *ast.StringNode:
		value = t.Value
	case *ast.LiteralNode:
		value = strings.TrimRight(t.Value.Value, "\n")
	default:
		o.r.fail(n, "%s must be text, and is %s; put quotes around what else it could be taken for", under(o.what, field), yamltree.Kind(n))
		return ""
	}
	if len(value) > maxText {
		o.r.fail(n, "%s is longer than %d bytes", under(o.what, field), maxText)
	}
	for _, c := range value {
		if !unicode.IsPrint(c) {
			o.r.fail(n, "%s has a character in it that can't be printed: %U", under(o.what, field), c)
		}
	}
	return value
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$`)

// name reads a text that programs know something by; "" where it is missing.
func (o object) name(field string) string {
	value := o.text(field)
	if o.has(field) && !nameForm.MatchString(value) {
		o.r.fail(o.nodes[field], "%s: %s is not up to 64 letters, digits and . _ - /", under(o.what, field), yamltree.Quoted(value))
	}
	return value
}

// price reads an amount that is not negative.
func (r *reader) price(n ast.Node, what string, c money.Currency) money.Amount {
	text, plain := yamltree.Scalar(n)
	if _, flag := n.(*ast.BoolNode); flag || !plain {
		r.fail(n, "%s must be a number, and is %s", what, yamltree.Kind(n))
		return money.Amount{}
	}
	amount, err := money.Parse(text, c)
	if err != nil {
		r.fail(n, "%s: %w", what, err)
	}
	if amount.Sign() < 0 {
		r.fail(n, "%s: %s is negative", what, text)
	}
	return amount
}

// currency reads a code of ISO 4217.
func (r *reader) currency(n ast.Node, what string) money.Currency {
	text, ok := n.(*ast.StringNode)
	if !ok {
		r.fail(n, "%s must be a code such as USD, and is %s", what, yamltree.Kind(n))
		return ""
	}
	c, err := money.ParseCurrency(text.Value)
	if err != nil {
		r.fail(n, "%s: %w", what, err)
	}
	return c
}

// moment reads a day, which stands for its first moment in UTC, or a moment.
func (r *reader) moment(n ast.Node, what string) time.Time {
	text, ok := n.(*ast.StringNode)
	if !ok {
		r.fail(n, "%s must be a day, and is %s", what, yamltree.Kind(n))
		return time.Time{}
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, text.Value); err == nil && at.Year() >= 2000 {
			return at.UTC()
		}
	}
	r.fail(n, "%s: %s is neither a day like 2027-01-31 nor a moment like 2027-01-31T12:00:00Z, from 2000 on", what, yamltree.Quoted(text.Value))
	return time.Time{}
}

// under returns how errors name a member of something.
func under(what, field string) string {
	if what == "" {
		return field
	}
	return what + ": " + field
}

// whole returns how errors name a thing itself.
func whole(what string) string {
	if what == "" {
		return "a catalogue"
	}
	return what
}
