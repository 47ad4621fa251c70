package ledger

import (
	"errors"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Pocket is the part of a book's wallet that is in one currency.
type Pocket struct {
	Portal string
	Book   Book
	// Position orders the pockets of a book; the wallet's own currency is 0.
	Position int64
	// Balance is what the transfers add up to, Held what open holds reserve.
	Balance, Held money.Amount
	// CreditLimit is how far below nought the available amount may go.
	CreditLimit money.Amount
	// Credited is the latest deposit, at CreditedAt; the zero Amount when there
	// was none.
	Credited   money.Amount
	CreditedAt time.Time
	// Floor is what somebody wants to know of when less than that is available.
	// Nought is one, too; the zero Amount, which has no currency: nobody does.
	Floor money.Amount
}

// Currency returns what the pocket is in.
func (p *Pocket) Currency() money.Currency { return p.Balance.Currency() }

// Available returns the balance less what is held, or money.ErrRange.
func (p *Pocket) Available() (money.Amount, error) { return p.Balance.Sub(p.Held) }

// Below reports whether less is available than the floor, if there is one.
func (p *Pocket) Below() bool {
	if p.Floor.IsZero() {
		return false
	}
	available, err := p.Available()
	if err != nil {
		return false
	}
	order, err := available.Compare(p.Floor)
	return err == nil && order < 0
}

// mayTake returns an InsufficientError unless the amount can be taken, or held.
func (p *Pocket) mayTake(amount money.Amount) error {
	available, err := p.Available()
	if err != nil {
		return err
	}
	// available - amount can't leave an int64 unless there is too little.
	after, err := available.Sub(amount)
	if errors.Is(err, money.ErrRange) {
		return &InsufficientError{Available: available, Needed: amount}
	}
	if err != nil {
		return err
	}
	if order, err := after.Compare(p.CreditLimit.Neg()); err != nil || order >= 0 {
		return err
	}
	return &InsufficientError{Available: available, Needed: amount}
}

// BookState is how far a book has got.
type BookState struct {
	Portal string
	Book   Book
	// Last is the number of its last transfer, LastHold that of its last hold;
	// both count from 1. Only the main book has holds.
	Last, LastHold int64
	// LastAt is the latest moment that anything in it bears.
	LastAt time.Time
}

// HoldState is where a hold is in its life.
type HoldState string

const (
	HoldOpen      HoldState = "open"
	HoldCompleted HoldState = "completed"
	HoldVoided    HoldState = "voided"
	HoldExpired   HoldState = "expired"
)

// Hold is money of the main book that is reserved.
type Hold struct {
	Portal string
	Number int64 // from 1 on in its portal, without a gap
	State  HoldState
	// Amount is what is reserved; Posted what was transferred when it was
	// completed.
	Amount, Posted money.Amount
	// Transfer is the number of the transfer that completed it; 0: none.
	Transfer    int64
	Key         string // of the request that opened it
	Service     string
	Quantity    int64
	Participant string
	Metadata    Metadata
	OpenedAt    time.Time
	// ExpiresAt is the first moment at which it reserves nothing any more.
	ExpiresAt time.Time
	// ClosedAt is the zero Time while it is open.
	ClosedAt time.Time
}

// ID returns what the hold is called outside.
func (h *Hold) ID() HoldID { return HoldID{h.Portal, h.Number} }
