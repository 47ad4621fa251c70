package manifest

import (
	"errors"

	"github.com/bursarhq/bursar/yamltree"
)

var (
	// ErrManifest says that a manifest can't be used; each *Error in it says where and
	// why.
	ErrManifest = errors.New("invalid manifest")
	// ErrPlan says that a file of a plan can't be used.
	ErrPlan = errors.New("invalid plan")
	// ErrChanged says that a portal, or what it costs, is not any more as it was when
	// the changes were agreed to.
	ErrChanged = errors.New("the portal is not as it was")
	// ErrOperator says that an operator's API does not answer as one.
	ErrOperator = errors.New("operator API")
)

// Error is one thing that is wrong with a manifest. It is an ErrManifest.
type Error struct {
	// File is the name of the file, "" where there is none.
	File string
	// Line is where it stands, from 1; 0 where no line is to blame.
	Line int
	// Err is what is wrong: the portal and the member, then the reason.
	Err error
}

// Error returns "bursar.yaml:12: portals.acme.plan: …".
func (e *Error) Error() string { return yamltree.Fault(*e).Error() }

// Unwrap returns ErrManifest and the reason.
func (e *Error) Unwrap() []error { return []error{ErrManifest, e.Err} }
