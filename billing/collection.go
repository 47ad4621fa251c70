package billing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// How long a provider is waited for; after how long nobody waits any more, so
// that what it knows is all there is; and how often others are looked after.
const (
	providerTimeout = 30 * time.Second
	abandonAfter    = 2 * providerTimeout
	waitForOthers   = 20 * time.Second
	lookAgain       = 50 * time.Millisecond
)

// openCollection writes a collection down, or finds the one that was asked for
// before.
func (s *Service) openCollection(ctx context.Context, portalID, key string, in Deposit) (c store.Collection, isNew bool, err error) {
	now := s.now()
	asked := store.Collection{
		PortalID: portalID, Key: key, State: store.CollectionOpen, Provider: s.provider.Name(),
		Input:  ledger.InputOf("deposit", in.Amount.Currency(), in.Amount.Units(), in.Participant),
		Amount: in.Amount, Participant: in.Participant, OpenedAt: now, AskedAt: now, Purpose: store.ForDeposit,
	}
	// Most who come again change nothing, and need not wait for who does.
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		c, err = sameCollection(tx, asked)
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		return c, false, fromStore("look for the collection", err)
	}
	err = s.whenFree(ctx, func() (other store.Collection, err error) {
		err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
			if c, err = sameCollection(tx, asked); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			customer, err := payingCustomer(tx, portalID)
			if err != nil {
				return err
			}
			if other, err = wayIsFree(tx, portalID); err != nil {
				return err
			}
			c, isNew = asked, true
			return insertCollection(tx, t, &c, customer)
		})
		return other, err
	})
	return c, isNew, fromStore("open collection", err)
}

// insertCollection writes down what is going to be collected by the customer's payment
// method, and gives it its number.
func insertCollection(tx *store.Tx, t *trail, c *store.Collection, customer store.Customer) (err error) {
	if c.Number, err = tx.InsertCollection(*c); err != nil {
		return err
	}
	t.note(CollectionOpened, collectionID(*c), nil, notedCollection{
		State: string(c.State), Amount: c.Amount.String(), Purpose: string(c.Purpose), Plan: c.PlanID, Quantity: c.Quantity, Method: customer.MethodLabel,
	})
	return nil
}

// wayIsFree returns ErrBusyWallet, and what is in the way, when a collection of the
// portal is open.
func wayIsFree(tx *store.Tx, portalID string) (other store.Collection, err error) {
	switch other, err = tx.OpenCollection(portalID); {
	case err == nil:
		return other, ErrBusyWallet
	case errors.Is(err, store.ErrNotFound):
		return other, nil
	}
	return other, err
}

// whenFree does something that may meet another collection, and returns what is in
// the way then. One that was left behind is brought to its end first: what the
// provider knows of it is all there will ever be.
func (s *Service) whenFree(ctx context.Context, do func() (other store.Collection, err error)) error {
	for attempt := 0; ; attempt++ {
		other, err := do()
		if !errors.Is(err, ErrBusyWallet) || attempt > 0 || s.now().Sub(other.AskedAt) < abandonAfter {
			return err
		}
		switch _, err := s.resolve(ctx, other, true); {
		case errors.Is(err, ErrUnsettled): // not decided yet
			return ErrBusyWallet
		case err != nil && !errors.Is(err, ErrDeclined):
			return err
		}
	}
}

// sameCollection returns the collection that the same caller asked for before:
// under the same key or, without one, the one that is still open. It fails with
// ErrMismatch, and with store.ErrNotFound when there is none.
func sameCollection(tx *store.Tx, asked store.Collection) (store.Collection, error) {
	if strings.HasPrefix(asked.Key, keyless) {
		c, err := tx.OpenCollection(asked.PortalID)
		if err == nil && (c.Input != asked.Input || !strings.HasPrefix(c.Key, keyless)) {
			err = store.ErrNotFound
		}
		return c, err
	}
	c, err := tx.CollectionByKey(asked.PortalID, asked.Key)
	if err == nil && c.Input != asked.Input {
		err = ErrMismatch
	}
	return c, err
}

// await returns what a collection came to that somebody else asked for, or brings
// it to its end when they were lost. As long as the provider may still be
// answering them, there is nothing to ask.
func (s *Service) await(ctx context.Context, c store.Collection) (Receipt, error) {
	for started := time.Now(); time.Since(started) < waitForOthers; {
		switch {
		case c.Closed():
			return s.closedReceipt(ctx, c)
		case c.State == store.CollectionUnknown || s.now().Sub(c.AskedAt) >= abandonAfter:
			return s.resolve(ctx, c, false)
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return Receipt{}, fmt.Errorf("%w: %w", ErrUnsettled, ctx.Err())
		}
		var err error
		if c, err = s.collection(ctx, c); err != nil {
			return Receipt{}, err
		}
	}
	return Receipt{}, ErrUnsettled
}

// collection returns a collection as it is by now.
func (s *Service) collection(ctx context.Context, c store.Collection) (current store.Collection, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		current, err = tx.CollectionByKey(c.PortalID, c.Key)
		return err
	})
	return current, fromStore("look for the outcome", err)
}

// ask has the provider collect, for the only one who may: its answer is waited
// for even when the caller is gone.
func (s *Service) ask(ctx context.Context, c store.Collection) (Receipt, error) {
	ctx = context.WithoutCancel(ctx)
	customer, err := s.methodOf(ctx, c.PortalID)
	if err != nil {
		return Receipt{}, err
	}
	if s.now().Sub(c.AskedAt) >= abandonAfter-providerTimeout {
		return Receipt{}, ErrUnsettled // so late that others may have given it up
	}
	asking, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	answer, err := s.provider.Charge(asking, payment.Charge{
		ID: collectionID(c), Customer: c.PortalID, Account: customer.Account, Method: cmp.Or(customer.Method, customer.MethodType),
		Amount: c.Amount, Description: s.descriptionOf(c),
	})
	switch {
	case errors.Is(err, payment.ErrRefused):
		return s.close(ctx, c, payment.Outcome{State: payment.Declined, Reason: "refused"})
	case err != nil:
		return s.close(ctx, c, payment.Outcome{State: payment.Pending})
	}
	return s.close(ctx, c, answer)
}

func (s *Service) methodOf(ctx context.Context, portalID string) (customer store.Customer, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		customer, err = tx.Customer(portalID)
		return err
	})
	return customer, fromStore("read customer", err)
}

// descriptionOf is what the customer reads on a statement.
func (s *Service) descriptionOf(c store.Collection) string {
	if plan, ok := s.catalog.Plan(c.PlanID); ok && c.Purpose == store.ForPlan {
		return cmp.Or(plan.Title, plan.Name)
	}
	return "Balance top-up"
}

// queryOf is how the provider is asked about a collection.
func (s *Service) queryOf(ctx context.Context, c store.Collection) (payment.Query, error) {
	customer, err := s.methodOf(ctx, c.PortalID)
	if errors.Is(err, ErrNotFound) { // there is none before the first page is paid
		err = nil
	}
	return payment.Query{Customer: c.PortalID, ID: collectionID(c), Account: customer.Account, Reference: c.Reference}, err
}

// find asks the provider what came of a collection.
func (s *Service) find(ctx context.Context, c store.Collection) (payment.Outcome, error) {
	query, err := s.queryOf(ctx, c)
	if err != nil {
		return payment.Outcome{}, err
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
	defer cancel()
	return s.provider.Find(asking, query)
}

// collectionID is the provider's name for a collection: "c5.docspace.io123".
func collectionID(c store.Collection) string { return fmt.Sprintf("c%d.%s", c.Number, c.PortalID) }

// resolve asks the provider what came of a collection that nobody waits for any
// more. One that it never heard of is asked for again under the same id, or given
// up.
func (s *Service) resolve(ctx context.Context, c store.Collection, giveUp bool) (Receipt, error) {
	answer, err := s.find(ctx, c)
	switch {
	case err == nil:
		return s.close(ctx, c, answer)
	case !errors.Is(err, payment.ErrNotFound):
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnsettled, err)
	case s.now().Sub(c.AskedAt) < abandonAfter:
		return Receipt{}, ErrUnsettled // it may be on its way
	}
	c, err = s.takeOver(ctx, c, giveUp)
	switch {
	case err != nil:
		return Receipt{}, err
	case c.Closed():
		return s.closedReceipt(ctx, c)
	}
	return s.ask(ctx, c)
}

// takeOver gives up a collection that was left behind, or makes the caller the
// only one who may ask for it again: of several who come at once, one. Who asks
// does not meet somebody who gives up.
func (s *Service) takeOver(ctx context.Context, c store.Collection, giveUp bool) (store.Collection, error) {
	now := s.now()
	err := s.change(context.WithoutCancel(ctx), c.PortalID, func(tx *store.Tx, t *trail) error {
		current, err := tx.CollectionByKey(c.PortalID, c.Key)
		if err != nil {
			return err
		}
		if !current.AskedAt.Equal(c.AskedAt) || current.Closed() {
			c = current
			return ErrUnsettled // somebody else is at it, or was
		}
		c.AskedAt, c.State = now, store.CollectionUnknown
		if giveUp {
			c.State, c.Reason, c.ClosedAt = store.CollectionDeclined, abandoned, now
			t.note(CollectionEnded, collectionID(c), nil, notedEnd(c))
		}
		return tx.CloseCollection(c)
	})
	if errors.Is(err, ErrUnsettled) && c.Closed() {
		err = nil
	}
	return c, fromStore("take a collection over", err)
}

// settlement is the request that a settled collection is posted by.
func settlement(c store.Collection) ledger.Request {
	return ledger.Request{
		Portal: c.PortalID, Key: settlementKey(c), Input: c.Input,
		Do: wallet.Deposit(wallet.Payment{Amount: c.Amount, Participant: c.Participant}, c.Provider),
	}
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
		return Receipt{}, fmt.Errorf("provider %s collected %s where %s was asked, collection %s", c.Provider, answer.Amount, c.Amount, collectionID(c))
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
		return s.end(tx, t, c, answer, &wasClosed)
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

// end closes the collection, and does what it was for.
func (s *Service) end(tx *store.Tx, t *trail, c store.Collection, answer payment.Outcome, wasClosed *bool) error {
	if c.State == store.CollectionSettled && c.Purpose == store.ForPlan {
		before, err := tx.CollectionByKey(c.PortalID, c.Key)
		if err != nil {
			return err
		}
		if before.State != store.CollectionSettled {
			if c.Reason, err = s.applyPlan(tx, t, c); err != nil {
				return err
			}
		}
	}
	err := tx.CloseCollection(c)
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
	if c.Closed() {
		t.note(CollectionEnded, collectionID(c), nil, notedEnd(c))
	}
	return nil
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
