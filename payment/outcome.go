package payment

import (
	"time"

	"github.com/bursarhq/bursar/money"
)

// State is how far a charge has come. "" is no state.
type State string

const (
	// Settled: the money was collected. It stays so; a refund is another matter.
	Settled State = "settled"
	// Declined: nothing was collected, and nothing will be under this id.
	Declined State = "declined"
	// Unconfirmed: nothing was collected, and nothing will be under this id, because
	// the bank wants the customer to confirm in person. A page for them to pay on is
	// the way on. Source: PSD2, strong customer authentication.
	Unconfirmed State = "unconfirmed"
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
	// Abandoned: the customer left a page without paying, or let its time run out.
	Abandoned = "page_abandoned"
)

// Outcome is what came of a charge, a page or a refund.
type Outcome struct {
	State State
	// Amount is what the charge was for: of Settled, what was collected, or given
	// back by a refund. It is the zero Amount for a SetupPage.
	Amount money.Amount
	// Reference is the provider's own id of the charge, for people who look it up
	// there; "" if it gave none.
	Reference string
	// Reason is why nothing was collected, for programs: "card_declined". It is ""
	// unless State is Declined or Unconfirmed.
	Reason string
	// Method is a method that was saved with it; nil: nothing new is known of any.
	Method *Method
	// At is since when State holds, by the provider's clock, in UTC.
	At time.Time
}

// Query says which charge or page is looked for.
type Query struct {
	// Customer is the id of the portal that pays, ID ours of the charge or page.
	// Both are required.
	Customer, ID string
	// Account is the provider's own id of the customer, as in Charge.
	Account string
	// Reference is the provider's own id of the charge or page if it is known: a
	// short cut, and the only way to a page that was opened without an account.
	Reference string
}
