package export

import "errors"

var (
	// ErrUnfinished says that there is an export that was begun and not finished.
	ErrUnfinished = errors.New("an export was begun and not finished")
	// ErrOther says that what was begun, or is remembered, is of another export: of
	// other operations.
	ErrOther = errors.New("another export")
	// ErrState says that what is remembered of exports before can't be read.
	ErrState = errors.New("what is remembered of the exports before is damaged")
	// ErrList says that a portal's list of operations contradicts itself.
	ErrList = errors.New("the portal's list of operations contradicts itself")
	// ErrInvalid says that a Job can't be done as it stands.
	ErrInvalid = errors.New("invalid export")
)
