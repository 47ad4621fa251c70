package catalog

import (
	"errors"

	"github.com/bursarhq/bursar/yamltree"
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
func (e *Error) Error() string { return yamltree.Fault(*e).Error() }

// Unwrap returns ErrCatalog and the reason.
func (e *Error) Unwrap() []error { return []error{ErrCatalog, e.Err} }
