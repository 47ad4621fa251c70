package payment

import "time"

// EventKind is what an event is about. "" is nothing.
type EventKind string

const (
	// Charged: the charge or PayPage with our id ChargeID stands as Outcome says.
	Charged EventKind = "charged"
	// MethodSaved: the customer saved Method, on a SetupPage (ChargeID is its id) or
	// elsewhere at the provider's ("" then), and wants it used from now on.
	MethodSaved EventKind = "method_saved"
	// MethodChanged: what is known of Method, which was saved before, is different
	// now. It need not be the one in use.
	MethodChanged EventKind = "method_changed"
	// MethodGone: Method can't be charged any more. Only its Account and Token are
	// told.
	MethodGone EventKind = "method_gone"
	// Refunded: of the charge with our id ChargeID, Outcome.Amount has been given
	// back so far, in all, whoever did it.
	Refunded EventKind = "refunded"
	// Ignored: nothing that anybody here need know of.
	Ignored EventKind = "ignored"
)

// Event is something that happened at the provider's. The same one may come more
// than once, late, and after those that happened later: it must do nothing the
// second time, and an Outcome that is not final does not undo one that is.
type Event struct {
	// ID is the provider's, the same whenever it is sent again.
	ID   string
	Kind EventKind
	// Customer is the id of the portal; "" if the provider knows only its own id of
	// the customer, which is then Method.Account.
	Customer string
	// ChargeID is our id of the charge or page; "" if it is about none of ours.
	ChargeID string
	// Outcome is of Charged, MethodSaved and Refunded.
	Outcome Outcome
	// Method is the one that it is about, or that was saved by paying; else nil.
	Method *Method
	// At is when it happened, by the provider's clock, in UTC.
	At time.Time
}
