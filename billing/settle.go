package billing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// settlement is the request that a settled collection is posted by. What a rule had
// collected is shown as that. Source: contract, "Automatic top-up".
func settlement(c store.Collection) ledger.Request {
	in := wallet.Payment{Amount: c.Amount, Participant: c.Participant}
	if c.Automatic && c.Purpose == store.ForDeposit {
		in.Metadata = wallet.Details(docspace.AutomaticTopUp)
	}
	return ledger.Request{Portal: c.PortalID, Key: settlementKey(c), Input: c.Input, Do: wallet.Deposit(in, c.Provider)}
}

func settlementKey(c store.Collection) string {
	return fmt.Sprintf("%scollection:%d", ownKeys, c.Number)
}

// close writes down what the provider said; money that it collected is posted in
// the same transaction, and does what it was for. Whoever comes first wins, the
// others find it done.
func (s *Service) close(ctx context.Context, c store.Collection, answer payment.Outcome) (Receipt, error) {
	ctx = context.WithoutCancel(ctx)
	c = ended(c, answer, s.now())
	if c.State == store.CollectionSettled && answer.Amount != (money.Amount{}) && answer.Amount != c.Amount {
		return Receipt{}, fmt.Errorf("provider %s collected %s where %s was asked, collection %s", c.Provider, answer.Amount, c.Amount, CollectionID(c))
	}
	var (
		settled   Outcome
		wasClosed bool
		number    int64 // for a customer who is new
		err       error
	)
	if c.State == store.CollectionSettled {
		if number, err = s.numberIfNew(ctx, c.PortalID, nil); err != nil {
			return Receipt{}, err
		}
	}
	err = s.change(ctx, c.PortalID, func(tx *store.Tx, t *trail) (err error) {
		if c.State == store.CollectionSettled {
			if err := s.ensureCustomer(tx, t, c.PortalID, c.Participant, number); err != nil {
				return err
			}
			if settled, err = s.settle(tx, t, c); err != nil {
				return err
			}
		}
		return s.end(tx, t, c, answer, settled.Receipt, &wasClosed)
	})
	if err != nil {
		return Receipt{}, fromStore("close collection", fromLedger(err))
	}
	switch {
	case c.State == store.CollectionSettled: // whatever others made of it, the money is there
		return settled.Receipt, settled.Err
	case wasClosed:
		if c, err = s.collection(ctx, c); err != nil {
			return Receipt{}, err
		}
		return s.closedReceipt(ctx, c)
	case c.State == store.CollectionDeclined:
		return Receipt{}, &DeclinedError{Reason: c.Reason}
	}
	return Receipt{}, ErrUnsettled
}

// ended returns a collection as the provider's answer leaves it.
func ended(c store.Collection, answer payment.Outcome, now time.Time) store.Collection {
	c.AskedAt, c.Reference, c.Reason = now, cmp.Or(answer.Reference, c.Reference), answer.Reason
	switch answer.State {
	case payment.Settled:
		c.State, c.ClosedAt = store.CollectionSettled, now
	case payment.Declined, payment.Unconfirmed:
		c.State, c.ClosedAt = store.CollectionDeclined, now
	default:
		c.State, c.Reason = store.CollectionUnknown, ""
	}
	return c
}

// settle posts the money that a collection brought.
func (s *Service) settle(tx *store.Tx, t *trail, c store.Collection) (Outcome, error) {
	if err := tx.LockBook(c.PortalID, ledger.Main); err != nil {
		return Outcome{}, err
	}
	if c.Purpose == store.ForPlan {
		// A plan may be paid in any currency; the wallet's own is the first one.
		if err := tx.EnsurePocket(ledger.Main, s.catalog.DefaultCurrency()); err != nil {
			return Outcome{}, err
		}
	}
	results, err := t.carryOut(tx, s.now(), []ledger.Request{settlement(c)})
	if err != nil {
		return Outcome{}, err
	}
	return outcome(c.PortalID, results[0]), results[0].Err
}

// end closes the collection, and does what it was for. The receipt is of the money
// that a settled one brought.
func (s *Service) end(tx *store.Tx, t *trail, c store.Collection, answer payment.Outcome, receipt Receipt, wasClosed *bool) error {
	before, err := tx.CollectionByKey(c.PortalID, c.Key)
	if err != nil {
		return err
	}
	if c.State == store.CollectionSettled && c.Purpose == store.ForPlan && before.State != store.CollectionSettled {
		if c.Reason, err = s.applyPlan(tx, t, c); err != nil {
			return err
		}
	}
	err = tx.CloseCollection(c)
	if *wasClosed = errors.Is(err, store.ErrNotFound); *wasClosed {
		return nil // somebody else did
	}
	if err != nil {
		return err
	}
	if answer.Method != nil {
		if err := s.saveMethod(tx, t, c.PortalID, c.Provider, *answer.Method, answer.At); err != nil {
			return err
		}
	}
	if c.State == store.CollectionDeclined && c.Reason == abandoned {
		if err := causeLookBack(tx, c); err != nil {
			return err
		}
	}
	if c.Closed() {
		t.note(CollectionEnded, CollectionID(c), nil, notedEnd(c))
		if err := s.hastenRenewals(tx); err != nil {
			return err
		}
	}
	return s.tellEnd(tx, t, c, before, receipt)
}

// tellEnd has others know how a collection ended, and goes on with what waited for
// that.
func (s *Service) tellEnd(tx *store.Tx, t *trail, c, before store.Collection, receipt Receipt) error {
	if c.Purpose == store.ForDeposit && c.State == store.CollectionSettled {
		t.tell(event.DepositSettled{
			Collection: CollectionID(c), Transfer: receipt.Transfer, Amount: event.Sum(c.Amount), Available: event.Sum(receipt.Available), Automatic: c.Automatic,
		})
	}
	if c.Purpose == store.ForDeposit && c.Automatic {
		if err := s.topUpEnded(tx, t, c, before, receipt.Transfer); err != nil {
			return err
		}
	} else if err := s.methodPaid(tx, t, c, before); err != nil {
		return err
	}
	if !c.Closed() {
		return nil
	}
	return tx.HastenJobs(s.now(), jobTopUp, "")
}

// notedCollection is how the trail tells of a collection.
type notedCollection struct {
	State     string `json:"state"`
	Amount    string `json:"amount"`
	Purpose   string `json:"purpose"`
	Plan      int    `json:"plan,omitempty"`
	Quantity  int64  `json:"quantity,omitempty"`
	Method    string `json:"method,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// notedEnd tells how a collection ended.
func notedEnd(c store.Collection) notedCollection {
	return notedCollection{
		State: string(c.State), Amount: c.Amount.String(), Purpose: string(c.Purpose), Reason: c.Reason, Reference: c.Reference,
	}
}

// closedReceipt returns what a collection came to that ended before.
func (s *Service) closedReceipt(ctx context.Context, c store.Collection) (Receipt, error) {
	switch {
	case c.State == store.CollectionDeclined && c.Reason == abandoned:
		return s.abandonedReceipt(ctx, c)
	case c.State == store.CollectionDeclined:
		return Receipt{}, &DeclinedError{Reason: c.Reason}
	}
	results, err := s.post(ctx, store.Post{Requests: []ledger.Request{settlement(c)}, Now: s.now()})
	if err != nil {
		return Receipt{}, fromStore("read the outcome", err)
	}
	o := outcome(c.PortalID, results[0])
	return o.Receipt, o.Err
}

// abandoned is why a collection is declined that the provider never heard of.
const abandoned = "abandoned"

// abandonedReceipt looks again for a collection that was given up. A process that
// was held up in the middle of asking, for longer than anybody waits, may have
// collected after that: the money is the customer's all the same.
func (s *Service) abandonedReceipt(ctx context.Context, c store.Collection) (Receipt, error) {
	answer, err := s.find(ctx, c)
	switch {
	case errors.Is(err, payment.ErrNotFound) || err == nil && (answer.State == payment.Declined || answer.State == payment.Unconfirmed):
		return Receipt{}, &DeclinedError{Reason: abandoned}
	case err != nil:
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnsettled, err)
	case answer.State == payment.Settled:
		return s.close(ctx, c, answer)
	}
	return Receipt{}, ErrUnsettled
}
