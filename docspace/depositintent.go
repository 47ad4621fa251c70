package docspace

import (
	"context"
	"errors"
	"time"

	"github.com/bursarhq/bursar/money"
)

var (
	// ErrOtherDeposit: the key stands for a deposit of another amount.
	ErrOtherDeposit = errors.New("the key stands for another deposit")
	// ErrDepositOpen: a deposit of the same amount is under way on this portal under
	// another key, and nobody knows yet what came of it. One could not be told from
	// the other, so the second waits.
	ErrDepositOpen = errors.New("another deposit of this amount is not decided")
	// ErrDepositUnknown: it was sent, and nobody knows yet whether it happened.
	ErrDepositUnknown = errors.New("it is not known whether it happened")
	// ErrNoDeposit: there is no deposit under that key, or none that could be resolved.
	ErrNoDeposit = errors.New("there is no such deposit")
)

// DepositState says how far a deposit has come.
type DepositState string

const (
	DepositPlanned DepositState = "planned"  // written down, and not sent
	DepositSent    DepositState = "sent"     // sent, or about to be, and nothing else is noted
	DepositUnknown DepositState = "unknown"  // sent, and the answer is lost
	DepositDone    DepositState = "done"     // the money is in, or on its way into, the wallet
	DepositRefused DepositState = "refused"  // the portal says that it charged nothing
	DepositNotDone DepositState = "not_done" // it is proven that nothing was charged
)

// open reports whether it may have happened, or may yet, and nobody knows.
func (s DepositState) open() bool { return s == DepositSent || s == DepositUnknown }

// DepositEvidence says how it is known what came of a deposit.
type DepositEvidence string

const (
	ByReply     DepositEvidence = "reply"     // the portal said so at once
	ByKey       DepositEvidence = "key"       // it said so when asked again under the same key
	ByOperation DepositEvidence = "operation" // it stands among the operations
	ByAbsence   DepositEvidence = "absence"   // it does not, twice, and the balance adds up without it
	ByPerson    DepositEvidence = "person"    // somebody said so
	ByUnsent    DepositEvidence = "unsent"    // no connection was made to send it over
)

// DepositDoubt says why it is not known what came of a deposit; "" where it is.
type DepositDoubt string

const (
	// DoubtEarly: it is not among the operations, which may yet come.
	DoubtEarly DepositDoubt = "too_early"
	// DoubtOnce: the wallet was looked at once and shows that nothing happened; it takes
	// two looks.
	DoubtOnce DepositDoubt = "seen_once"
	// DoubtOne: an operation like it is there, and may be somebody else's.
	DoubtOne DepositDoubt = "one_like_it"
	// DoubtSeveral: more operations like it are there than there should be.
	DoubtSeveral DepositDoubt = "several_like_it"
	// DoubtPending: an operation like it is there, and not completed.
	DoubtPending DepositDoubt = "pending"
	// DoubtBalance: the balance is not what the operations make it, or was not known.
	DoubtBalance DepositDoubt = "balance"
	// DoubtMethod: payments by this method settle late, so that absence says nothing.
	DoubtMethod DepositDoubt = "settles_late"
	// DoubtEarlier: an earlier deposit of this amount is not among the operations yet.
	DoubtEarlier DepositDoubt = "earlier_deposit"
	// DoubtSilent: the portal does not answer, or does not tell its operations.
	DoubtSilent DepositDoubt = "silent"
)

// doubts are the texts for people.
var doubts = map[DepositDoubt]string{
	DoubtEarly:   "it is not among the operations, and may yet come",
	DoubtOnce:    "it is not among the operations, and has to be missing a second time",
	DoubtOne:     "one operation like it is there, which may be somebody else's",
	DoubtSeveral: "more operations like it are there than were asked for",
	DoubtPending: "an operation like it is there, and is not completed",
	DoubtBalance: "it is not among the operations, but the balance is not what they make it",
	DoubtMethod:  "it is not among the operations, but payments by this method settle late",
	DoubtEarlier: "an earlier deposit of this amount is not among the operations either",
	DoubtSilent:  "the portal does not say",
}

// String says it for people.
func (d DepositDoubt) String() string { return doubts[d] }

// NeedsPerson reports whether looking again will hardly help: somebody has to look
// at the bank, and say.
func (d DepositDoubt) NeedsPerson() bool {
	return d == DoubtOne || d == DoubtSeveral || d == DoubtMethod
}

// DepositIntent is a deposit that is to happen once, and all that is known of it.
type DepositIntent struct {
	// Portal is the portal by its host, with the port and path where its address has
	// some; Key is the caller's name for the deposit, unique among those of the portal.
	Portal string       `json:"portal"`
	Key    string       `json:"key"`
	Amount money.Amount `json:"amount"`
	State  DepositState `json:"state"`
	// Evidence says how it is known what came of it; "" where it is not.
	Evidence DepositEvidence `json:"evidence,omitempty"`
	Doubt    DepositDoubt    `json:"doubt,omitempty"`
	// Message is what the portal said last, "" for nothing.
	Message string `json:"message,omitempty"`
	// Attempt counts from 1. There is another one only where the last is proven not to
	// have charged anything.
	Attempt int `json:"attempt"`
	// Created and Changed are by the clock of this machine.
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// Before is the wallet before it was sent.
	Before WalletPicture `json:"before"`
	// Since is when the answer was found to be lost, and Clear when the wallet first
	// showed after the time allowed that nothing had happened; zero for not yet.
	Since Clocks `json:"since,omitzero"`
	Clear Clocks `json:"clear,omitzero"`
	// Found are new operations like it, a few at most.
	Found []Operation `json:"found,omitempty"`
	// Operation is the one that is this deposit, by its identity; "" while that is not
	// known. No other deposit of the store may claim it.
	Operation string `json:"operation,omitempty"`
}

// Clocks are what two clocks showed at a moment.
type Clocks struct {
	Portal time.Time `json:"portal"` // of the Date header; this machine's where there is none
	Here   time.Time `json:"here"`
}

// IsZero reports whether no moment is meant.
func (c Clocks) IsZero() bool { return c.Here.IsZero() }

// since returns how much later it is than at a moment, by the clock that shows less.
func (c Clocks) since(then Clocks) time.Duration {
	return min(c.Portal.Sub(then.Portal), c.Here.Sub(then.Here))
}

// WalletPicture is what a wallet showed.
type WalletPicture struct {
	At Clocks `json:"at,omitzero"`
	// Balance is in the deposit's currency; nil when it is not known, or moved while it
	// was read.
	Balance *money.Amount `json:"balance,omitempty"`
	// From is the moment from which on operations were read, and Seen counts them by
	// their identity.
	From time.Time      `json:"from,omitzero"`
	Seen map[string]int `json:"seen,omitempty"`
	// Latest is the date of the latest of them.
	Latest time.Time `json:"latest,omitzero"`
	// Keyed says that the portal keeps idempotency keys.
	Keyed bool `json:"keyed,omitempty"`
	// Late says that payments by the customer's method settle late.
	Late bool `json:"late,omitempty"`
	// Owed counts earlier deposits of the same amount whose operations are still to
	// come, and Unsure says that some of these may never.
	Owed   []string `json:"owed,omitempty"`
	Unsure bool     `json:"unsure,omitempty"`
}

// IntentStore keeps deposits. What Save has returned from must survive a crash of
// the machine. A portal in it is what DepositIntent.Portal says.
type IntentStore interface {
	// Lock returns when nobody else holds the portal, on whatever process of those that
	// share the store, or with the context's error. A lock ends with its process.
	Lock(ctx context.Context, portal string) (unlock func(), err error)
	// Load returns the deposit under a key; nil when there is none. One that can't be
	// read is an error, and never nil.
	Load(ctx context.Context, portal, key string) (*DepositIntent, error)
	// Save writes a deposit in place of what was there, wholly or not at all.
	Save(ctx context.Context, intent *DepositIntent) error
	// List returns the deposits of a portal, or of all for "", in order of their making.
	List(ctx context.Context, portal string) ([]DepositIntent, error)
}
