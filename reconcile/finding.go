package reconcile

import (
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// Code says what kind of thing was found. What one stands for never changes.
type Code string

const (
	// Gap: the wallet does not have what its operations come to.
	Gap Code = "gap"
	// Drift: since an earlier run the wallet moved by something else than what the
	// operations since then come to.
	Drift Code = "drift"
	// ListedTwice: an operation is more than once in the list, and the balance counts
	// it once.
	ListedTwice Code = "listed-twice"
	// ChargedTwice: the same was paid twice within moments, and the balance counts
	// both.
	ChargedTwice Code = "charged-twice"
	// Late: an operation appeared with a date that an earlier run had gone past.
	Late Code = "late"
	// Vanished: an operation that an earlier run saw is gone, or is another now.
	Vanished Code = "vanished"
	// MissedRenewal: a period was due, and nothing was paid for it.
	MissedRenewal Code = "missed-renewal"
	// TopUpTwice: the wallet was refilled by itself although the deposit before it had
	// done that, and nothing had made it low since.
	TopUpTwice Code = "top-up-twice"
	// TopUpOver: the wallet was refilled by itself with more than its rule asks for.
	TopUpOver Code = "top-up-over"
	// Negative: there was less than nothing in the wallet.
	Negative Code = "negative"
	// UnknownCurrency: an operation is in no currency, or in none that there is.
	UnknownCurrency Code = "unknown-currency"
	// OverRefund: more was given back of a service than was ever paid for it.
	OverRefund Code = "over-refund"
	// Malformed: an operation goes both ways, or neither, or has no date.
	Malformed Code = "malformed"
)

// Codes returns all codes.
func Codes() []Code {
	return []Code{Gap, Drift, ListedTwice, ChargedTwice, Late, Vanished, MissedRenewal, TopUpTwice, TopUpOver, Negative,
		UnknownCurrency, OverRefund, Malformed}
}

// Severity says how sure a finding is.
type Severity string

const (
	// Wrong: the books do not agree.
	Wrong Severity = "wrong"
	// Suspicious: it looks wrong, and may have a good reason.
	Suspicious Severity = "suspicious"
)

// Finding is one thing that was found.
type Finding struct {
	Code     Code
	Severity Severity
	// Text says it to people. Names in it are the portal's.
	Text string
	// Amount is how much it is about; the zero Amount where it is about none.
	Amount money.Amount
	// At is when it happened, or should have; the zero Time when nobody knows.
	At time.Time
	// Operations are those concerned, the oldest first, at most as many as a Book
	// keeps; More is how many there are beside them.
	Operations []docspace.Operation
	More       int
}

// Verdict is what comes of it all.
type Verdict string

const (
	// Agrees: every wallet has what its operations come to, and nothing else is wrong.
	Agrees Verdict = "agrees"
	// Disagrees: something is wrong.
	Disagrees Verdict = "disagrees"
	// Unproven: nothing wrong was found, but not all could be looked at.
	Unproven Verdict = "unproven"
)

// Result is what a wallet's operations come to, and what is wrong with that.
type Result struct {
	// From is from when on operations were read; the zero Time means all of them.
	From time.Time
	// Operations is how many were read, First and Last when the first and the last of
	// them happened.
	Operations  int
	First, Last time.Time
	// Pockets are in the order of the balance, then by currency.
	Pockets  []Pocket
	Findings []Finding
	// Unproven says what could not be looked at, so that agreement is not proven.
	Unproven []string
	// Notes say what was not looked at for want of something that nobody promised,
	// such as what an earlier run remembers.
	Notes []string
}

// Pocket is what a wallet has in one currency.
type Pocket struct {
	Currency money.Currency
	// Opening is what was there before the operations: nought where all were read;
	// Known says that it is known.
	Opening money.Amount
	Known   bool
	// In and Out are what came and went; Rebuilt is Opening and In less Out.
	In, Out, Rebuilt money.Amount
	// Reported is what the portal says that there is; Told says that it does.
	Reported money.Amount
	Told     bool
}

// Verdict returns what comes of it all.
func (r *Result) Verdict() Verdict {
	switch {
	case slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Wrong }):
		return Disagrees
	case len(r.Unproven) > 0:
		return Unproven
	}
	return Agrees
}

// Suspicions is how many findings are no proof.
func (r *Result) Suspicions() (n int) {
	for i := range r.Findings {
		if r.Findings[i].Severity == Suspicious {
			n++
		}
	}
	return n
}
