package billing

import (
	"context"
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// Refund is money that is given back of a collection.
type Refund struct {
	store.Refund
	// Replay says that the refund was asked for before.
	Replay bool
}

// RefundID is what a refund is called outside, by its provider too:
// "r1.c5.docspace.io123".
func RefundID(r store.Refund) string {
	return fmt.Sprintf("r%d.%s", r.Number, CollectionID(store.Collection{PortalID: r.PortalID, Number: r.Collection}))
}

// RefundCollection gives a settled collection back at the provider's, wholly or partly,
// and takes the money out of the wallet when the provider has. The zero amount is all
// that is left of it; one without currency is in the collection's. The reason is for
// people.
//
// The refund is written down before the provider is asked, under an id that never gives
// back twice. The same under the same key is one refund, and refunds have their keys to
// themselves; one collection has one open refund. What is paid for a plan is taken from
// there, which is worth that much less then. A wallet that lacks the money is refused
// here; what it spends while the provider is asked is written off, because the customer
// has it back.
//
// It fails with ErrInvalid (a FieldError), ErrNotFound, ErrNoProvider, ErrBusyWallet,
// ErrMismatch, ErrInsufficient, ErrOverCorrection for more than is left, with
// ErrDeclined (a DeclinedError), and with ErrUnsettled when the provider has not
// decided, or did not answer: the same again, later, tells.
func (s *Service) RefundCollection(ctx context.Context, id, key string, amount money.Amount, reason string) (Refund, error) {
	if err := checkKey(key); err != nil {
		return Refund{}, err
	}
	if err := checkPart("amount", amount); err != nil {
		return Refund{}, err
	}
	if reason == "" {
		return Refund{}, invalid("reason", "is missing")
	}
	if err := checkText("reason", reason, maxMetadataText); err != nil {
		return Refund{}, err
	}
	if s.provider == nil {
		return Refund{}, ErrNoProvider
	}
	c, err := s.Collection(ctx, id)
	if err != nil {
		return Refund{}, err
	}
	r := store.Refund{
		PortalID: c.PortalID, Collection: c.Number, Key: key, State: store.RefundOpen, Amount: amount, Why: reason,
		Input: ledger.InputOf("refund", id, amount.Currency(), amount.Units(), reason),
	}
	isNew, err := s.openRefund(ctx, c, &r)
	if err == nil && r.State == store.RefundOpen {
		err = s.askRefund(ctx, c, &r)
	}
	if err == nil && r.State == store.RefundDeclined {
		err = &DeclinedError{Reason: r.Reason}
	}
	return Refund{Refund: r, Replay: !isNew}, err
}

// openRefund writes a refund down, or finds the one that was asked for before.
func (s *Service) openRefund(ctx context.Context, c store.Collection, r *store.Refund) (isNew bool, err error) {
	asked := *r
	err = s.change(ctx, c.PortalID, func(tx *store.Tx, t *trail) error {
		*r, isNew = asked, false
		before, err := tx.RefundByKey(c.PortalID, r.Key)
		switch {
		case err == nil && before.Input != r.Input:
			return ErrMismatch
		case err == nil:
			*r = before
			return nil
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if c, err = tx.CollectionByNumber(c.PortalID, c.Number); err != nil {
			return err
		}
		switch {
		case c.State != store.CollectionSettled:
			return invalid("collection", "%s is %s, and not settled", CollectionID(c), c.State)
		case c.Provider != s.provider.Name():
			return fmt.Errorf("%w: %s was collected by %s", ErrNoProvider, CollectionID(c), c.Provider)
		}
		if _, err := tx.OpenRefund(c.PortalID, c.Number); !errors.Is(err, store.ErrNotFound) {
			if err == nil {
				err = ErrBusyWallet
			}
			return err
		}
		if err := tx.LockBook(c.PortalID, ledger.Main); err != nil {
			return err
		}
		if err := s.mayGiveBack(tx, c, r); err != nil {
			return err
		}
		now := s.now()
		r.OpenedAt, r.AskedAt, isNew = now, now, true
		if r.Number, err = tx.InsertRefund(*r); err != nil {
			return err
		}
		t.note(RefundOpened, RefundID(*r), nil, notedRefund(*r))
		return nil
	})
	return isNew, fromStore("open refund", err)
}

// mayGiveBack sets what a refund of a settled collection comes to, whose book is
// locked, and refuses one that is too much for it or for the wallet.
func (s *Service) mayGiveBack(tx *store.Tx, c store.Collection, r *store.Refund) error {
	done, err := tx.Done(c.PortalID, settlementKey(c))
	if err != nil {
		return err
	}
	if done == nil {
		return fmt.Errorf("collection %s is settled, and in no book", CollectionID(c))
	}
	left, err := notTakenBack(tx, c.PortalID, done, c.Amount)
	if err != nil {
		return err
	}
	switch {
	case r.Amount == money.Amount{}:
		r.Amount = left
	case r.Amount.Currency() == "":
		r.Amount = money.FromUnits(r.Amount.Units(), c.Amount.Currency())
	case r.Amount.Currency() != c.Amount.Currency():
		return invalid("currency", "%s was collected in %s", CollectionID(c), c.Amount.Currency())
	}
	if r.Amount.Units() > left.Units() || left.Sign() <= 0 {
		return fmt.Errorf("%w: %s of %s", ErrOverCorrection, r.Amount, left)
	}
	if whole, err := payment.Collectable(r.Amount); err != nil || whole != r.Amount {
		return invalid("amount", "%s is not in whole minor units", r.Amount)
	}
	if r.Total, err = c.Amount.Sub(left); err == nil {
		r.Total, err = r.Total.Add(r.Amount)
	}
	if err != nil {
		return err
	}
	back, err := s.refundOf(tx, c, r.Total)
	if err != nil || back == nil || back.short.Sign() <= 0 {
		return err
	}
	has, err := r.Amount.Sub(back.short)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrInsufficient, &ledger.InsufficientError{Available: has, Needed: r.Amount})
}

// askRefund has the provider give an open refund back, and writes down what it says.
// Asking again under the same id gives nothing back again, and tells.
func (s *Service) askRefund(ctx context.Context, c store.Collection, r *store.Refund) error {
	query, err := s.queryOf(ctx, c)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // the answer is waited for, whoever is gone
	asking, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	answer, err := s.provider.Refund(asking, payment.Refund{
		ID: RefundID(*r), Customer: query.Customer, Account: query.Account, ChargeID: query.ID, Reference: query.Reference, Amount: r.Amount,
	})
	switch {
	case errors.Is(err, payment.ErrRefused):
		answer = payment.Outcome{State: payment.Declined, Reason: "refused"}
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnsettled, err)
	case answer.State == payment.Settled && answer.Amount != r.Amount:
		return fmt.Errorf("provider %s gave %s back where %s was asked, refund %s", c.Provider, answer.Amount, r.Amount, RefundID(*r))
	}
	if err := s.endRefund(ctx, c, r, answer); err != nil {
		return fromStore("end refund", err)
	}
	if r.State == store.RefundOpen {
		return ErrUnsettled
	}
	return nil
}

// endRefund writes down what the provider said of a refund, and takes the money out of
// the wallet in the same transaction, as far as the provider's own message has not done
// that. Whoever comes first wins, the others find it done.
func (s *Service) endRefund(ctx context.Context, c store.Collection, r *store.Refund, answer payment.Outcome) error {
	return s.change(ctx, c.PortalID, func(tx *store.Tx, t *trail) error {
		current, err := tx.RefundByKey(c.PortalID, r.Key)
		if err != nil {
			return err
		}
		before := notedRefund(current)
		*r = current
		if r.State != store.RefundOpen {
			return nil
		}
		r.AskedAt, r.Reference = s.now(), answer.Reference
		switch answer.State {
		case payment.Settled:
			taken, err := s.takeBack(tx, t, c, r.Total, event.ChargeRefunded{Refund: RefundID(*r), Reason: r.Why})
			if err != nil {
				return err
			}
			if taken != nil {
				r.Transfer = taken.transfer
			}
			r.State, r.ClosedAt = store.RefundSettled, r.AskedAt
		case payment.Declined, payment.Unconfirmed:
			r.State, r.Reason, r.ClosedAt = store.RefundDeclined, answer.Reason, r.AskedAt
		}
		if r.State != store.RefundOpen {
			t.note(RefundEnded, RefundID(*r), before, notedRefund(*r))
		}
		return tx.UpdateRefund(*r)
	})
}

// refundNote is how the trail tells of a refund.
type refundNote struct {
	State     string `json:"state"`
	Amount    string `json:"amount"`
	Why       string `json:"why"`
	Reference string `json:"reference,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

func notedRefund(r store.Refund) refundNote {
	return refundNote{State: string(r.State), Amount: r.Amount.String(), Why: r.Why, Reference: r.Reference, Reason: r.Reason}
}

// reconcileRefunds asks the provider again about refunds whose outcome is not known, and
// returns how many came to an end.
func (s *Service) reconcileRefunds(ctx context.Context) (ended int, err error) {
	var after store.Refund
	for {
		var some []store.Refund
		err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			some, err = tx.OpenRefunds(s.now().Add(-abandonAfter), after, 100)
			return err
		})
		if err != nil || len(some) == 0 {
			return ended, fromStore("look for open refunds", err)
		}
		for _, after = range some {
			r := after
			c, err := s.Collection(ctx, CollectionID(store.Collection{PortalID: r.PortalID, Number: r.Collection}))
			if err != nil {
				return ended, err
			}
			if c.Provider != s.provider.Name() {
				continue
			}
			if err := s.askRefund(ctx, c, &r); err == nil {
				ended++
			} else if ctx.Err() != nil {
				return ended, ctx.Err()
			}
		}
	}
}
