package billing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
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
	t.note(CollectionOpened, CollectionID(*c), nil, notedCollection{
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
		switch _, err := s.resolve(ctx, other, !other.Automatic); {
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
		ID: CollectionID(c), Customer: c.PortalID, Account: customer.Account, Method: cmp.Or(customer.Method, customer.MethodType),
		Amount: c.Amount, Description: s.descriptionOf(c), Automatic: c.Automatic,
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
	return payment.Query{Customer: c.PortalID, ID: CollectionID(c), Account: customer.Account, Reference: c.Reference}, err
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

// CollectionID is what a collection is called outside, by its provider too:
// "c5.docspace.io123".
func CollectionID(c store.Collection) string { return fmt.Sprintf("c%d.%s", c.Number, c.PortalID) }

// resolve asks the provider what came of a collection that nobody waits for any
// more. One that it never heard of is asked for again under the same id, or given
// up: never one that nobody asked for at the time, because what takes its place might
// be a second one for the same cause.
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
// does not meet somebody who gives up. What was collected for a renewal that is not to
// be paid by it any more is given up in any case.
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
		if !giveUp && !c.Renews.IsZero() {
			w, err := s.renewalOf(tx, t, c)
			if err != nil {
				return err
			}
			giveUp = w == nil
		}
		if giveUp {
			c.State, c.Reason, c.ClosedAt = store.CollectionDeclined, abandoned, now
			t.note(CollectionEnded, CollectionID(c), nil, notedEnd(c))
			if err := causeLookBack(tx, c); err != nil {
				return err
			}
			if err := s.hastenRenewals(tx); err != nil {
				return err
			}
		}
		return tx.CloseCollection(c)
	})
	if errors.Is(err, ErrUnsettled) && c.Closed() {
		err = nil
	}
	return c, fromStore("take a collection over", err)
}
