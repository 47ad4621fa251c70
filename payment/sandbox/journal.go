package sandbox

import (
	"context"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// Record is a charge in the sandbox's books, or what came of a page. It is written
// once and never changes.
type Record struct {
	Customer, ID string
	// Amount is the zero Amount of a page that collects nothing.
	Amount money.Amount
	// State is how the charge ends: Settled, Declined or Unconfirmed, never Pending.
	State payment.State
	// Reason is why nothing is collected; "" for Settled.
	Reason string
	// Reference is the sandbox's own id of the charge.
	Reference string
	// Saved and Gone are the names of methods that the customer saved or removed with
	// it; "" for none.
	Saved, Gone string
	// At is when it was asked for, in UTC and whole microseconds.
	At time.Time
	// Due is when State comes true, in the same form; until then the charge is
	// Pending. The zero Due means at once.
	Due time.Time
}

// PageRecord is a page in the sandbox's books. It is written once and never changes;
// what came of it is the Record of the same id.
type PageRecord struct {
	// Page is as it was asked for, without account and e-mail address.
	payment.Page
	// Token opens the page.
	Token string
	// OpenedAt and ExpiresAt are in UTC and whole microseconds.
	OpenedAt, ExpiresAt time.Time
}

// RefundRecord is what the sandbox gave back of a charge. It is written once and
// never changes.
type RefundRecord struct {
	Customer, ID, ChargeID string
	Amount                 money.Amount
	Reference              string
	// At is in UTC and whole microseconds.
	At time.Time
}

// Journal keeps what the sandbox was asked to collect, as a real provider's own
// books would. It is safe for concurrent use, also by several processes if they
// share it.
//
// What keeps something keeps the first of an id alone: it returns the one that is
// kept, and whether it was there before. With an error it may have been kept or not,
// but it is decided: what is not there when the method returns does not come later.
type Journal interface {
	// Record keeps r unless there is a record of the same id already, whoever's it
	// is.
	Record(ctx context.Context, r Record) (first Record, existed bool, err error)
	// Lookup returns the record of an id, or payment.ErrNotFound if there is none
	// or it is another customer's.
	Lookup(ctx context.Context, customer, id string) (Record, error)
	// LastSaved returns a customer's last record that saved or removed a method, or
	// payment.ErrNotFound.
	LastSaved(ctx context.Context, customer string) (Record, error)
	// OpenPage keeps p unless the customer has a page of the same id already.
	OpenPage(ctx context.Context, p PageRecord) (first PageRecord, existed bool, err error)
	// LookupPage returns a customer's page, or payment.ErrNotFound.
	LookupPage(ctx context.Context, customer, id string) (PageRecord, error)
	// Refund keeps r unless the customer has a refund of the same id already. It
	// fails with payment.ErrNotFound if the charge is not there in that currency, or
	// less is left of it.
	Refund(ctx context.Context, r RefundRecord) (first RefundRecord, existed bool, err error)
	// Refunded returns how much of a charge was given back, or payment.ErrNotFound if
	// there is no such charge.
	Refunded(ctx context.Context, customer, chargeID string) (money.Amount, error)
}
