package ledger

import (
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/money"
)

// Why a request is refused. A refused request has changed nothing.
var (
	// ErrNoPortal: there are no books of such a portal.
	ErrNoPortal = errors.New("no such portal")
	// ErrInsufficient: the pocket has less available; an InsufficientError.
	ErrInsufficient = errors.New("insufficient funds")
	// ErrMismatch: the key was used before, with other input.
	ErrMismatch = errors.New("the idempotency key was used before with other input")
	// ErrNoHold: the portal has no such hold.
	ErrNoHold = errors.New("no such hold")
	// ErrHoldClosed: the hold was completed, voided, or has expired; a
	// HoldClosedError.
	ErrHoldClosed = errors.New("the hold is not open")
	// ErrOverHold: more than what the hold reserves.
	ErrOverHold = errors.New("more than the hold reserves")
	// ErrNoTransfer: the portal has no such transfer.
	ErrNoTransfer = errors.New("no such transfer")
	// ErrCorrection: the transfer is itself a correction, which is not corrected.
	ErrCorrection = errors.New("the transfer is itself a correction")
	// ErrPaired: the transfer is one half of a move between the books.
	ErrPaired = errors.New("the transfer is one half of a move between the books")
	// ErrOverCorrection: more than what is left of the transfer.
	ErrOverCorrection = errors.New("more than what is left of the transfer to correct")
	// ErrRequest: a request that cannot be carried out as it is written, which
	// its maker should have seen.
	ErrRequest = errors.New("impossible request")
	// ErrPanic: the request ran into a fault of this package.
	ErrPanic = errors.New("the ledger panicked")
)

// InsufficientError says what was missing. It wraps ErrInsufficient.
type InsufficientError struct {
	// Available is what the pocket had, Needed what was to be taken or held.
	Available, Needed money.Amount
}

// Error says how much there is, and how much was needed.
func (e *InsufficientError) Error() string {
	return fmt.Sprintf("%v: %s is needed, %s is available", ErrInsufficient, e.Needed, e.Available)
}

// Unwrap returns ErrInsufficient.
func (e *InsufficientError) Unwrap() error { return ErrInsufficient }

// HoldClosedError says how a hold ended. It wraps ErrHoldClosed.
type HoldClosedError struct {
	Hold  HoldID
	State HoldState
}

// Error says which hold, and how it ended.
func (e *HoldClosedError) Error() string {
	if e.State == HoldExpired {
		return fmt.Sprintf("hold %s has expired", e.Hold)
	}
	return fmt.Sprintf("hold %s was %s", e.Hold, e.State)
}

// Unwrap returns ErrHoldClosed.
func (e *HoldClosedError) Unwrap() error { return ErrHoldClosed }
