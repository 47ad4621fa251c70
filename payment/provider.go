package payment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

var (
	// ErrRefused says that a request can't be used as it is: this call collected
	// nothing, and the same again will not either. What an earlier call with the
	// same id collected stays collected.
	ErrRefused = errors.New("payment refused")
	// ErrUnsupported says that the provider never does such a thing. It wraps
	// ErrRefused.
	ErrUnsupported = fmt.Errorf("%w: the provider does nothing of the kind", ErrRefused)
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
	// ErrSignature says that a message is not from the provider, or so old that
	// somebody may have kept it to send it again.
	ErrSignature = errors.New("the message is not signed by the payment provider")
)

// Provider collects money from customers. It is safe for concurrent use.
//
// A call ends soon after its context does. A context that ends before anything
// was sent is ErrUnreachable, later it is ErrUnknown; either wraps the context's
// error too. No error and no text of one has a secret in it.
//
// Ids are ours. One id stands for one charge or one page, among both and for
// ever; refunds have ids of their own.
//
// It is one method more than an interface of this house should have: each is a
// thing that a provider must be asked for, and no caller needs only some of them.
type Provider interface {
	// Name is the provider's short name in accounts and records: "sandbox". It
	// never changes.
	Name() string

	// Charge collects an amount by a method that is saved. The charge's id is the
	// provider's idempotency key: one id never collects twice, however often, from
	// wherever and after however long it is charged again. Charging it again
	// answers with what the first charge came to, or is ErrRefused if amount,
	// currency or customer are others than the first time.
	//
	// The outcome is there only when the error is nil. A decline is an outcome,
	// not an error. The error wraps one of ErrRefused, ErrUnreachable and
	// ErrUnknown; one that wraps none of them is to be taken as ErrUnknown.
	Charge(ctx context.Context, c Charge) (Outcome, error)

	// Find returns what came of the charge or the page with our id, as it stands
	// now. It is how Pending and ErrUnknown are resolved, and changes nothing.
	//
	// ErrNotFound: nothing was collected from the customer under this id, nor will
	// be by any Charge that has ended, or on any page whose link has reached
	// anybody. A call that is still under way, here or in another process, may yet
	// collect. With any other error nothing was learnt; ErrRefused is never among
	// them.
	Find(ctx context.Context, q Query) (Outcome, error)

	// Open makes a page at the provider's for a customer to go to. It collects
	// nothing itself. Opening an id again returns the same page as long as it can
	// be used, and is ErrRefused if it is asked for with other contents. The errors
	// are those of Charge; after ErrUnknown the same may be opened again at once,
	// for nobody has the link.
	Open(ctx context.Context, p Page) (Link, error)

	// Refund gives a settled charge back, or a part of it. The refund's id never
	// gives back twice, as a charge's never collects twice; the same again answers
	// with how it stands now. No more is ever given back than was collected:
	// ErrRefused. The errors are those of Charge.
	Refund(ctx context.Context, r Refund) (Outcome, error)

	// Event verifies and reads a message that came in from the provider. ErrSignature:
	// it is not from there, and nobody need answer. ErrRefused: it is, and can't be
	// read, now or ever. ErrUnreachable and ErrUnknown: what it is about could not
	// be learnt, so that the provider should send it again.
	Event(ctx context.Context, header http.Header, body []byte) (Event, error)
}
