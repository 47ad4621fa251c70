package payment

import (
	"context"
	"errors"
	"time"

	"github.com/bursarhq/bursar/money"
)

var (
	// ErrRefused says that a request can't be used as it is: this call collected
	// nothing, and the same again will not either. What an earlier call with the
	// same id collected stays collected.
	ErrRefused = errors.New("payment refused")
	// ErrUnreachable says that the provider was never asked: this call collected
	// nothing, and the same request may be made again later. It says nothing of
	// earlier calls with the same id.
	ErrUnreachable = errors.New("payment provider unreachable")
	// ErrUnknown says that the provider may or may not have done what it was
	// asked: a time-out, a lost reply, a 5xx. What came of a charge must be
	// learnt from Find, never by a charge with another id.
	ErrUnknown = errors.New("payment outcome unknown")
	// ErrNotFound says that the provider knows no such charge of the customer.
	ErrNotFound = errors.New("no such payment")
)

// Provider collects money by the payment method that a customer has saved. It is
// safe for concurrent use.
//
// A call ends soon after its context does. A context that ends before anything
// was sent is ErrUnreachable, later it is ErrUnknown; either wraps the context's
// error too.
type Provider interface {
	// Name is the provider's short name in accounts and records: "sandbox". It
	// never changes.
	Name() string

	// Charge collects an amount. The charge's id is ours, and the provider's
	// idempotency key: one id never collects twice, however often, from wherever
	// and after however long it is charged again. Charging it again answers with
	// what the first charge came to, or is ErrRefused if amount, currency or
	// customer are others than the first time.
	//
	// The outcome is there only when the error is nil. A decline is an outcome,
	// not an error. The error wraps one of ErrRefused, ErrUnreachable and
	// ErrUnknown; one that wraps none of them is to be taken as ErrUnknown.
	Charge(ctx context.Context, c Charge) (Outcome, error)

	// Find returns what came of the charge with our id, as it stands now. It is
	// how Pending and ErrUnknown are resolved, and changes nothing.
	//
	// ErrNotFound: nothing was collected from the customer under this id, nor will
	// be by any Charge that has ended. One that is still under way, here or in
	// another process, may yet be. With any other error nothing was learnt;
	// ErrRefused is never among them.
	Find(ctx context.Context, customer, id string) (Outcome, error)
}

// State is how far a charge has come. "" is no state.
type State string

const (
	// Settled: the money was collected. It stays so; a refund is another matter.
	Settled State = "settled"
	// Declined: nothing was collected, and nothing will be under this id.
	Declined State = "declined"
	// Pending: not decided yet. It may take days, and ends in one of the others.
	Pending State = "pending"
)

// Reasons of a decline that every provider has a case of. A provider may give
// others, in the same form.
const (
	CardDeclined           = "card_declined"
	ExpiredCard            = "expired_card"
	InsufficientFunds      = "insufficient_funds"
	AuthenticationRequired = "authentication_required"
)

// Outcome is what came of a charge.
type Outcome struct {
	State State
	// Amount is what the charge was for: of Settled, what was collected.
	Amount money.Amount
	// Reference is the provider's own id of the charge, for people who look it up
	// there; "" if it gave none.
	Reference string
	// Reason is why it was declined, for programs: "card_declined". "" unless
	// State is Declined.
	Reason string
	// At is since when State holds, by the provider's clock, in UTC.
	At time.Time
}
