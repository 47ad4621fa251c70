package yamltree

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Pair is a name of a mapping and what stands behind it.
type Pair struct {
	Name  string
	Line  int // of the name
	Value ast.Node
}

// Pairs returns the pairs of a mapping whose names must be texts and all different, and
// what is wrong with the others, in the order of the text.
func Pairs(mapping *ast.MappingNode) (all []Pair, faults []*Fault) {
	first := map[string]int{}
	for _, value := range mapping.Values {
		line := Line(value.Key)
		key, ok := value.Key.(*ast.StringNode)
		if !ok {
			faults = append(faults, fault(line, "a name must be plain text, with quotes around what could be taken for something else"))
			continue
		}
		if before, twice := first[key.Value]; twice {
			faults = append(faults, fault(line, "%s stands there twice, first on line %d", Quoted(key.Value), before))
			continue
		}
		first[key.Value] = line
		all = append(all, Pair{key.Value, line, value.Value})
	}
	return all, faults
}

// Line returns the line that a node begins on, from 1; 0 if it is not known, or there is
// no node.
func Line(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // its own token is the first colon
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// Scalar returns a value as it is written, without quotes; false for what is more than a
// value on one line, or none.
func Scalar(n ast.Node) (text string, ok bool) {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// Kind says what a node is, for people: "a list".
func Kind(n ast.Node) string {
	text, _ := Scalar(n)
	switch n.(type) {
	case nil, *ast.NullNode:
		return "empty"
	case *ast.MappingNode:
		return "names with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode:
		return "the text " + Quoted(text)
	case *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + Quoted(text)
	case *ast.BoolNode:
		return text
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, an alias or a tag, which can't be used here"
	}
	return "something else"
}

// Quoted returns a text in quotes, no longer than people want to read.
func Quoted(s string) string {
	const most = 40 // bytes
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
