package operatorapi

import (
	"net/http"

	"github.com/bursarhq/bursar/billing"
)

// kind is a kind of order.
type kind struct {
	name string // in a batch
	// takes are the members that it may have, needs those that it must.
	takes, needs members
	// on is what it is done to: mPortal or mHold, which a path names and in a
	// batch a member; 0 when the order itself says it.
	on   members
	what func(*form) (billing.What, error)
}

const paid = mService | mQuantity | mAmount | mCurrency | mParticipant | mMetadata

// The kinds of orders.
var (
	charge = &kind{
		name: "charge", on: mPortal, takes: paid, needs: mService | mAmount | mCurrency,
		what: func(f *form) (billing.What, error) { return f.charge() },
	}
	hold = &kind{
		name: "hold", on: mPortal, takes: paid | mSeconds, needs: mService | mAmount | mCurrency,
		what: func(f *form) (billing.What, error) {
			c, err := f.charge()
			if err != nil {
				return nil, err
			}
			period, err := f.period()
			return billing.Reservation{Charge: c, For: period}, err
		},
	}
	complete = &kind{
		name: "complete", on: mHold, takes: mAmount | mCurrency | mQuantity | mParticipant | mMetadata,
		what: func(f *form) (billing.What, error) {
			part, err := f.part()
			return billing.Completion{
				Hold: f.hold, Amount: part, Quantity: f.quantity, Participant: f.participant, Metadata: f.metadata,
			}, err
		},
	}
	extend = &kind{
		name: "extend", on: mHold, takes: mSeconds,
		what: func(f *form) (billing.What, error) {
			period, err := f.period()
			return billing.Extension{Hold: f.hold, For: period}, err
		},
	}
	void = &kind{
		name: "void", on: mHold,
		what: func(f *form) (billing.What, error) { return billing.Release{Hold: f.hold}, nil },
	}
	credit = &kind{
		name: "credit", on: mPortal, takes: mAmount | mCurrency | mReason | mKind | mParticipant, needs: mAmount | mCurrency | mReason,
		what: func(f *form) (billing.What, error) {
			sum, err := f.sum()
			c := billing.Credit{Amount: sum, Reason: f.reason, Kind: billing.CreditKind(f.kind), Participant: f.participant}
			if f.has&mKind == 0 {
				c.Kind = billing.Goodwill // said or not, it is the same input
			} else if c.Kind == "" {
				err = &billing.FieldError{Field: "kind", Text: "is empty"}
			}
			return c, err
		},
	}
	correction = &kind{
		name: "correction", on: mPortal, takes: mTransfer | mAmount | mCurrency | mReason | mParticipant, needs: mTransfer | mReason,
		what: func(f *form) (billing.What, error) {
			part, err := f.part()
			return billing.Correction{Transfer: f.transfer, Amount: part, Reason: f.reason, Participant: f.participant}, err
		},
	}
)

// kinds are those that a batch may have.
var kinds = [...]*kind{charge, hold, complete, extend, void, credit, correction}

func (f *form) charge() (billing.Charge, error) {
	if f.has&mQuantity == 0 {
		f.quantity = 1
	}
	sum, err := f.sum()
	return billing.Charge{
		Service: f.service, Quantity: f.quantity, Amount: sum, Participant: f.participant, Metadata: f.metadata,
	}, err
}

// order returns the order that a form is.
func (f *form) order(k *kind) (billing.Order, error) {
	if missing := k.needs &^ f.has; missing != 0 {
		return billing.Order{}, &billing.FieldError{Field: missing.name(), Text: "is missing"}
	}
	what, err := k.what(f)
	return billing.Order{PortalID: f.portal, Key: f.key, What: what}, err
}

// carry returns the answer of a route that carries out one order.
func carry(k *kind) func(*door, http.ResponseWriter, *http.Request, ids) error {
	return func(d *door, w http.ResponseWriter, r *http.Request, id ids) error {
		f := form{}
		if err := f.ask(w, r, k.takes); err != nil {
			return err
		}
		if k.on == mHold {
			f.hold = id[0]
		} else {
			f.portal = id[0]
		}
		order, err := f.order(k)
		if err != nil {
			return err
		}
		receipt, err := d.service.CarryOne(r.Context(), order)
		if err != nil {
			return err
		}
		writeReceipt(w, &receipt)
		return nil
	}
}

// deposit answers POST /v1/portals/{portal}/deposits.
func (d *door) deposit(w http.ResponseWriter, r *http.Request, id ids) error {
	const takes, needs = mAmount | mCurrency | mParticipant, mAmount | mCurrency
	f := form{}
	if err := f.ask(w, r, takes); err != nil {
		return err
	}
	if missing := needs &^ f.has; missing != 0 {
		return &billing.FieldError{Field: missing.name(), Text: "is missing"}
	}
	sum, err := f.sum()
	if err != nil {
		return err
	}
	receipt, err := d.service.Deposit(r.Context(), id[0], f.key, billing.Deposit{Amount: sum, Participant: f.participant})
	if err != nil {
		return err
	}
	writeReceipt(w, &receipt)
	return nil
}

// ask reads a request for a change: its key, and the members that it may have.
// No body is an object without members.
func (f *form) ask(w http.ResponseWriter, r *http.Request, allowed members) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	f.key = key
	j, err := body(w, r)
	if err != nil {
		return err
	}
	if len(j.in) == 0 {
		return nil
	}
	if err := f.read(j, allowed); err != nil {
		return err
	}
	return j.end()
}

// idempotencyKey returns the key of a request, which must have one.
func idempotencyKey(r *http.Request) (string, error) {
	keys := r.Header["Idempotency-Key"]
	switch {
	case len(keys) == 0 || len(keys) == 1 && keys[0] == "":
		return "", errNoIdempotencyKey
	case len(keys) > 1:
		return "", &billing.FieldError{Field: "Idempotency-Key", Text: "is given twice"}
	}
	return keys[0], nil
}

func writeReceipt(w http.ResponseWriter, receipt *billing.Receipt) {
	if receipt.Replay {
		w.Header()["Idempotent-Replay"] = isReplay
	}
	writeJSON(w, http.StatusCreated, typeJSON, appendReceipt(make([]byte, 0, 256), receipt))
}
