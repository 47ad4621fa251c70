package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// ErrCatalog says that a catalogue can't be used; an *Error says where and why.
var ErrCatalog = errors.New("invalid catalogue")

// Error is the first thing that is wrong with a catalogue. It is an ErrCatalog.
type Error struct {
	// File is the name of the file, "" where there is none.
	File string
	// Line is where it stands, from 1; 0 where no line is to blame.
	Line int
	// Err is what is wrong: the plan and the field, then the reason.
	Err error
}

// Error returns "catalog.yaml:34: plan -9: price: none in EUR".
func (e *Error) Error() string {
	var where []string
	if e.File != "" {
		where = append(where, e.File)
	}
	switch {
	case e.Line > 0 && e.File != "":
		where = append(where, fmt.Sprint(e.Line))
	case e.Line > 0:
		where = append(where, fmt.Sprint("line ", e.Line))
	}
	if len(where) == 0 {
		return e.Err.Error()
	}
	return strings.Join(where, ":") + ": " + e.Err.Error()
}

// Unwrap returns ErrCatalog and the reason.
func (e *Error) Unwrap() []error { return []error{ErrCatalog, e.Err} }
