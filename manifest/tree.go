package manifest

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"github.com/bursarhq/bursar/yamltree"
)

// MaxSize is how many bytes a manifest may have: 16 MB.
const MaxSize = 16 << 20

// limits are far above what a manifest needs.
var limits = yamltree.Limits{Size: MaxSize, Lines: 400_000, Line: 4_000, Open: 20, Indent: 100}

// maxErrors is how many errors are told.
const maxErrors = 20

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

// pairs reads a mapping whose names are all different texts.
func (r *reader) pairs(n ast.Node, what string) []yamltree.Pair {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		r.fail(yamltree.Line(n), "%s: it must be names with values, and is %s", what, kindOf(n))
		return nil
	}
	all, faults := yamltree.Pairs(mapping)
	for _, wrong := range faults {
		r.fail(wrong.Line, "%s: %w", what, wrong.Err)
	}
	return all
}

// kindOf says what a node is, for people: a plain value as it stands there.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return yamltree.Kind(n) + ": groups have what portals share"
	}
	if text, ok := yamltree.Scalar(n); ok {
		return yamltree.Quoted(text)
	}
	return yamltree.Kind(n)
}
