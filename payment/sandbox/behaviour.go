package sandbox

import (
	"fmt"
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
	// Confirm says that who pays on a page is asked to confirm it first, as they are
	// by every method that payment.AuthenticationRequired declines.
	Confirm bool
	// Twice says that what happened on a page is told twice.
	Twice bool
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

// Method is a test card, as a customer of the sandbox can save one: named in
// payment.Charge.Method, and offered on pages.
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
		{"card_confirm", "settles once it is confirmed on the page, and unasked later", Behaviour{Confirm: true}},
		{"card_declined", "is declined by the bank", Behaviour{Decline: payment.CardDeclined}},
		{"card_expired", "is declined: the card has expired", Behaviour{Decline: payment.ExpiredCard}},
		{"card_insufficient_funds", "is declined: the card is not covered", Behaviour{Decline: payment.InsufficientFunds}},
		{"card_authentication_required", "must be confirmed every time: declined where nobody is there", Behaviour{Decline: payment.AuthenticationRequired}},
		{"card_late", "is pending for a minute, then settles", Behaviour{Late: late}},
		{"card_late_declined", "is pending for a minute, then is declined", Behaviour{Late: late, Decline: payment.CardDeclined}},
		{"card_twice", "settles at once, and is told twice", Behaviour{Twice: true}},
		{"card_timeout_before", "times out, and nothing is collected", Behaviour{Fault: TimeOutBefore}},
		{"card_timeout_after", "times out, and yet is collected", Behaviour{Fault: TimeOutAfter}},
		{"card_error_before", "fails with a 503, and nothing is collected", Behaviour{Fault: FailBefore}},
		{"card_error_after", "fails with a 503, and yet is collected", Behaviour{Fault: FailAfter}},
		{"card_unreachable", "never gets to the sandbox", Behaviour{Fault: Unreachable}},
	}
}

// methodNamed returns a method and its place in the list; none is the zero Method.
func methodNamed(name string) (Method, int) {
	for i, m := range Methods() {
		if m.Name == name {
			return m, i
		}
	}
	return Method{}, -1
}

// Label is what the card has on it: "Sandbox •••• 4242".
func (m Method) Label() string {
	_, place := methodNamed(m.Name)
	if place == 0 {
		place = 4242
	}
	return fmt.Sprintf("Sandbox •••• %04d", place)
}

// accountOf is the sandbox's own id of a customer.
func accountOf(customer string) string { return "sandbox_" + customer }

// saved returns what is known of a method that a customer saved; nil for "".
func saved(customer, name string) *payment.Method {
	m, place := methodNamed(name)
	if place < 0 {
		return nil
	}
	s := &payment.Method{
		Account: accountOf(customer), Token: name, Kind: "card", Label: m.Label(), Fingerprint: "sandbox_" + name,
		ExpiresYear: 2099, ExpiresMonth: 12, Delayed: m.Behaviour.Late > 0,
	}
	if m.Behaviour.Decline == payment.ExpiredCard {
		s.ExpiresYear = 2020
	}
	return s
}
