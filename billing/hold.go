package billing

import (
	"context"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// Reservation opens a hold: what it may cost is set aside until it is known what
// it does.
type Reservation struct {
	Charge
	// For is how long, at most 31 days; 0 means a day. After that the hold
	// expires, and reserves nothing.
	For time.Duration
}

func (r Reservation) request() (string, [32]byte, ledger.Action, error) {
	metadata, err := r.check()
	if err != nil {
		return "", [32]byte{}, nil, err
	}
	period, err := checkPeriod(r.For)
	if err != nil {
		return "", [32]byte{}, nil, err
	}
	return "", r.input("hold", metadata, period), ledger.Reserve{
		Amount: r.Amount, Service: r.Service, Quantity: r.Quantity, Participant: r.Participant, Metadata: metadata, For: period,
	}, nil
}

func checkPeriod(d time.Duration) (time.Duration, error) {
	if d == 0 {
		return defaultHold, nil
	}
	if d < time.Second || d > maxHold || d%time.Microsecond != 0 {
		return 0, invalid("seconds", "%s is not between 1 second and %d days", d, maxHold/(24*time.Hour))
	}
	return d, nil
}

// Extension makes an open hold last longer.
type Extension struct {
	// Hold is the id of the hold: "h7.docspace.io123".
	Hold string
	// For is by how much, at most 31 days; 0 means a day.
	For time.Duration
}

func (e Extension) request() (string, [32]byte, ledger.Action, error) {
	id, err := checkHold(e.Hold)
	if err != nil {
		return "", [32]byte{}, nil, err
	}
	period, err := checkPeriod(e.For)
	if err != nil {
		return "", [32]byte{}, nil, err
	}
	return id.Portal, ledger.InputOf("extend", e.Hold, period), ledger.Extend{Hold: id.Number, For: period}, nil
}

// Hold returns a hold by its id: "h7.docspace.io123". It fails with ErrNotFound.
func (s *Service) Hold(ctx context.Context, word string) (hold ledger.Hold, err error) {
	id, err := checkHold(word)
	if err != nil {
		return ledger.Hold{}, err
	}
	now := s.now()
	err = s.store.Read(ctx, func(tx *store.Tx) (err error) {
		hold, err = tx.Hold(id)
		return err
	})
	overAt(&hold, now)
	return hold, fromStore("read hold", err)
}

// overAt has an open hold whose time is over be the expired one that it is, and an
// expired one be closed since then, whenever anybody comes to write that down.
func overAt(h *ledger.Hold, now time.Time) {
	if h.State == ledger.HoldOpen && !now.Before(h.ExpiresAt) {
		h.State = ledger.HoldExpired
	}
	if h.State == ledger.HoldExpired {
		h.ClosedAt = h.ExpiresAt
	}
}

func checkHold(word string) (ledger.HoldID, error) {
	id, err := ledger.ParseHoldID(word)
	if err != nil {
		return id, invalid("hold", "%q is no id of a hold", word)
	}
	return id, nil
}

// Completion turns a hold into a charge, and lets go of what it does not need.
type Completion struct {
	// Hold is the id of the hold: "h7.docspace.io123".
	Hold string
	// Amount is what it cost, at most what is reserved, which the zero Amount
	// stands for. One without currency is in the hold's own.
	Amount money.Amount
	// Quantity, Participant and Metadata take the place of the hold's, unless
	// they are nought.
	Quantity    int64
	Participant string
	Metadata    map[string]string
}

func (c Completion) request() (string, [32]byte, ledger.Action, error) {
	none := [32]byte{}
	id, err := checkHold(c.Hold)
	if err != nil {
		return "", none, nil, err
	}
	if err := checkPart("amount", c.Amount); err != nil {
		return "", none, nil, err
	}
	if c.Quantity < 0 || c.Quantity > maxQuantity {
		return "", none, nil, invalid("quantity", "%d is not between 1 and %d", c.Quantity, int64(maxQuantity))
	}
	if err := checkText("participant", c.Participant, 255); err != nil {
		return "", none, nil, err
	}
	metadata, err := checkMetadata(c.Metadata)
	if err != nil {
		return "", none, nil, err
	}
	input := ledger.InputOf("complete", c.Hold, c.Amount.Currency(), c.Amount.Units(), c.Quantity, c.Participant, metadata)
	return id.Portal, input, ledger.Complete{
		Hold: id.Number, Amount: c.Amount, Quantity: c.Quantity, Participant: c.Participant, Metadata: metadata,
	}, nil
}

// Release voids a hold: nothing is charged.
type Release struct {
	// Hold is the id of the hold: "h7.docspace.io123".
	Hold string
}

func (r Release) request() (string, [32]byte, ledger.Action, error) {
	id, err := checkHold(r.Hold)
	if err != nil {
		return "", [32]byte{}, nil, err
	}
	return id.Portal, ledger.InputOf("void", r.Hold), ledger.Void{Hold: id.Number}, nil
}
