package sandbox

import (
	"time"

	"github.com/bursarhq/bursar/payment"
)

// Behaviour says how one call of Charge goes. The zero Behaviour settles at once
// and says so.
//
// How the charge ends is decided by the first call that takes effect; for later
// ones with the same id, only Fault counts.
type Behaviour struct {
	// Decline is why the charge is declined: payment.CardDeclined. "" settles it;
	// payment.AuthenticationRequired leaves it Unconfirmed.
	Decline string
	// Late is how long the charge is Pending before it settles or is declined; 0
	// means not at all.
	Late time.Duration
	// Fault is what goes wrong on the way; "" means nothing.
	Fault Fault
}

// Fault is what goes wrong between the caller and the sandbox. It is told at
// once: a time-out does not wait.
type Fault string

const (
	// Unreachable: the request never gets there. ErrUnreachable.
	Unreachable Fault = "unreachable"
	// TimeOutBefore: no reply, and nothing was collected. ErrUnknown.
	TimeOutBefore Fault = "timeout_before"
	// TimeOutAfter: no reply, and the charge took effect. ErrUnknown.
	TimeOutAfter Fault = "timeout_after"
	// FailBefore: a 5xx, and nothing was collected. ErrUnknown.
	FailBefore Fault = "error_before"
	// FailAfter: a 5xx, and the charge took effect. ErrUnknown.
	FailAfter Fault = "error_after"
)

func (f Fault) before() bool { return f == TimeOutBefore || f == FailBefore }

func (f Fault) after() bool { return f == TimeOutAfter || f == FailAfter }

// text is what the caller reads: it must not tell before from after, as a real
// one could not.
func (f Fault) text() string {
	if f == FailBefore || f == FailAfter {
		return "the sandbox answered 503"
	}
	return "the sandbox did not answer in time"
}

// Method is a kind of payment method that a customer of the sandbox can save,
// named in payment.Charge.Method.
type Method struct {
	// Name is the token: "card_declined".
	Name string
	// Says is what comes of a charge, for people to read.
	Says string
	// Behaviour of every charge by this method.
	Behaviour Behaviour
}

// late is how long the methods that settle late take: long enough to be seen.
const late = time.Minute

// Methods returns the methods there are. The first one, "card", is also what a
// charge without a method goes by; a method that is not listed is refused.
func Methods() []Method {
	return []Method{
		{"card", "settles at once", Behaviour{}},
		{"card_declined", "is declined by the bank", Behaviour{Decline: payment.CardDeclined}},
		{"card_expired", "is declined: the card has expired", Behaviour{Decline: payment.ExpiredCard}},
		{"card_insufficient_funds", "is declined: the card is not covered", Behaviour{Decline: payment.InsufficientFunds}},
		{"card_authentication_required", "is declined: the customer must confirm it", Behaviour{Decline: payment.AuthenticationRequired}},
		{"card_late", "is pending for a minute, then settles", Behaviour{Late: late}},
		{"card_late_declined", "is pending for a minute, then is declined", Behaviour{Late: late, Decline: payment.CardDeclined}},
		{"card_timeout_before", "times out, and nothing is collected", Behaviour{Fault: TimeOutBefore}},
		{"card_timeout_after", "times out, and yet is collected", Behaviour{Fault: TimeOutAfter}},
		{"card_error_before", "fails with a 503, and nothing is collected", Behaviour{Fault: FailBefore}},
		{"card_error_after", "fails with a 503, and yet is collected", Behaviour{Fault: FailAfter}},
		{"card_unreachable", "never gets to the sandbox", Behaviour{Fault: Unreachable}},
	}
}
