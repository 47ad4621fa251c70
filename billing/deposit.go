package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// Deposit is money that a payment provider collects for the wallet.
type Deposit struct {
	// Amount is in whole minor units of a currency that the catalogue has prices
	// in.
	Amount money.Amount
	// Participant is the user who asked for it; "" for nobody.
	Participant string
}

// DeclinedError is a deposit that the provider declined. It wraps ErrDeclined.
type DeclinedError struct {
	// Reason is the provider's, for machines: "card_declined".
	Reason string
}

// Error says why.
func (e *DeclinedError) Error() string { return ErrDeclined.Error() + ": " + e.Reason }

// Unwrap returns ErrDeclined.
func (e *DeclinedError) Unwrap() error { return ErrDeclined }

// How long a provider is waited for; after how long nobody waits any more, so
// that what it knows is all there is; and how often others are looked after.
const (
	providerTimeout = 30 * time.Second
	abandonAfter    = 2 * providerTimeout
	waitForOthers   = 20 * time.Second
	lookAgain       = 50 * time.Millisecond
)

// Deposit collects an amount by the customer's payment method, and puts it into
// the wallet. It is there, durably, when Deposit returns.
//
// The collection is written down before the provider is asked, under an id that
// never collects twice; what it came to is a second transaction, in which whoever
// knows first wins. The same deposit under the same key is one collection, and
// every caller gets its outcome; deposits have their keys to themselves. One
// wallet has one open collection.
//
// It fails with ErrNoProvider, ErrNoMethod, ErrBusyWallet, ErrMismatch,
// ErrDeclined (a DeclinedError), and with ErrUnsettled when the outcome is not
// known yet: the same again, later, tells.
func (s *Service) Deposit(ctx context.Context, portalID, key string, in Deposit) (Receipt, error) {
	if key == "" {
		key = uuid.NewString()
	} else if err := checkKey(key); err != nil {
		return Receipt{}, err
	}
	if err := s.checkDeposit(in); err != nil {
		return Receipt{}, err
	}
	c, isNew, err := s.openCollection(ctx, portalID, key, in)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := s.collect(ctx, c, isNew)
	receipt.Replay = !isNew
	return receipt, err
}

// RehearseDeposit checks all that Deposit does before it asks the provider, and
// says what would be if that collected.
func (s *Service) RehearseDeposit(ctx context.Context, portalID, key string, in Deposit) (Receipt, error) {
	if key != "" {
		if err := checkKey(key); err != nil {
			return Receipt{}, err
		}
	}
	if err := s.checkDeposit(in); err != nil {
		return Receipt{}, err
	}
	if err := s.store.Read(ctx, func(tx *store.Tx) error {
		_, err := payingCustomer(tx, portalID)
		return err
	}); err != nil {
		return Receipt{}, fromStore("rehearse deposit", err)
	}
	c := store.Collection{PortalID: portalID, Amount: in.Amount, Participant: in.Participant, Provider: s.provider.Name()}
	r := settlement(c)
	r.Key = ownKeys + "rehearsal:" + uuid.NewString()
	results, err := s.store.Post(ctx, store.Post{Requests: []ledger.Request{r}, Now: s.now(), Rehearse: true})
	if err != nil {
		return Receipt{}, fromStore("rehearse deposit", err)
	}
	o := outcome(portalID, results[0])
	return o.Receipt, o.Err
}

func (s *Service) checkDeposit(in Deposit) error {
	if s.provider == nil {
		return ErrNoProvider
	}
	if err := checkAmount("amount", in.Amount); err != nil {
		return err
	}
	if !slices.Contains(s.catalog.Currencies(), in.Amount.Currency()) {
		return invalid("currency", "%q is none of %v", in.Amount.Currency(), s.catalog.Currencies())
	}
	if whole, err := payment.Collectable(in.Amount); err != nil || whole != in.Amount {
		return invalid("amount", "%s is not in whole minor units", in.Amount)
	}
	return checkText("participant", in.Participant, 255)
}

// payingCustomer returns the portal's customer if it has a payment method.
func payingCustomer(tx *store.Tx, portalID string) (store.Customer, error) {
	customer, err := tx.Customer(portalID)
	if errors.Is(err, store.ErrNotFound) {
		return customer, fmt.Errorf("customer of portal %q: %w", portalID, ErrNotFound)
	}
	if err == nil && customer.MethodStatus != "set" {
		err = ErrNoMethod
	}
	return customer, err
}

// openCollection writes a collection down, or finds the one that was asked for
// under the key.
func (s *Service) openCollection(ctx context.Context, portalID, key string, in Deposit) (c store.Collection, isNew bool, err error) {
	now := s.now()
	asked := store.Collection{
		PortalID: portalID, Key: key, State: store.CollectionOpen, Provider: s.provider.Name(),
		Input:  ledger.InputOf("deposit", in.Amount.Currency(), in.Amount.Units(), in.Participant),
		Amount: in.Amount, Participant: in.Participant, OpenedAt: now, AskedAt: now,
	}
	for attempt := 0; ; attempt++ {
		var other store.Collection
		err = s.store.Change(ctx, portalID, func(tx *store.Tx) error {
			c, err = tx.CollectionByKey(portalID, key)
			if err == nil {
				if c.Input != asked.Input {
					return ErrMismatch
				}
				return nil
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if _, err := payingCustomer(tx, portalID); err != nil {
				return err
			}
			if other, err = tx.OpenCollection(portalID); err == nil {
				return ErrBusyWallet
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			c, isNew = asked, true
			c.Number, err = tx.InsertCollection(asked)
			return err
		})
		if !errors.Is(err, ErrBusyWallet) || attempt > 0 || s.now().Sub(other.AskedAt) < abandonAfter {
			return c, isNew, fromStore("open collection", err)
		}
		// The one in the way was left behind: what the provider knows of it is
		// all there will ever be.
		if _, err := s.resolve(ctx, other, true); err != nil && !errors.Is(err, ErrDeclined) {
			return c, false, err
		}
	}
}

// collect brings a collection to its end, or waits for whoever does.
func (s *Service) collect(ctx context.Context, c store.Collection, isNew bool) (Receipt, error) {
	if c.Closed() {
		return s.closedReceipt(ctx, c)
	}
	if isNew {
		return s.ask(ctx, c)
	}
	// Somebody is at it, or was. As long as the provider may still be answering
	// them, there is nothing to ask.
	for started := time.Now(); time.Since(started) < waitForOthers; {
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return Receipt{}, fmt.Errorf("%w: %w", ErrUnsettled, ctx.Err())
		}
		if err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			c, err = tx.CollectionByKey(c.PortalID, c.Key)
			return err
		}); err != nil {
			return Receipt{}, fromStore("look for the outcome", err)
		}
		if c.Closed() {
			return s.closedReceipt(ctx, c)
		}
		if c.State == store.CollectionUnknown || s.now().Sub(c.AskedAt) >= abandonAfter {
			return s.resolve(ctx, c, false)
		}
	}
	return Receipt{}, ErrUnsettled
}

// ask has the provider collect. Its answer is waited for even when the caller is
// gone.
func (s *Service) ask(ctx context.Context, c store.Collection) (Receipt, error) {
	customer, err := s.methodOf(ctx, c.PortalID)
	if err != nil {
		return Receipt{}, err
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
	defer cancel()
	answer, err := s.provider.Charge(asking, payment.Charge{
		ID: collectionID(c), Customer: c.PortalID, Method: customer.MethodType, Amount: c.Amount, Description: "Balance top-up",
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

// collectionID is the provider's name for a collection: "c5.docspace.io123".
func collectionID(c store.Collection) string { return fmt.Sprintf("c%d.%s", c.Number, c.PortalID) }

// resolve asks the provider what came of a collection that nobody waits for any
// more. One that it never heard of is asked for again under the same id, or given
// up.
func (s *Service) resolve(ctx context.Context, c store.Collection, giveUp bool) (Receipt, error) {
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
	defer cancel()
	answer, err := s.provider.Find(asking, c.PortalID, collectionID(c))
	switch {
	case err == nil:
		return s.close(ctx, c, answer)
	case !errors.Is(err, payment.ErrNotFound):
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnsettled, err)
	case s.now().Sub(c.AskedAt) < abandonAfter:
		return Receipt{}, ErrUnsettled // it may be on its way
	case giveUp:
		return s.close(ctx, c, payment.Outcome{State: payment.Declined, Reason: "abandoned"})
	}
	return s.ask(ctx, c)
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
// the same transaction. Whoever comes first wins, the others find it done.
func (s *Service) close(ctx context.Context, c store.Collection, answer payment.Outcome) (Receipt, error) {
	ctx = context.WithoutCancel(ctx)
	now := s.now()
	c.AskedAt, c.Reference, c.Reason = now, answer.Reference, answer.Reason
	switch answer.State {
	case payment.Settled:
		c.State, c.ClosedAt = store.CollectionSettled, now
	case payment.Declined:
		c.State, c.ClosedAt = store.CollectionDeclined, now
	default:
		c.State, c.Reason = store.CollectionUnknown, ""
	}
	post := store.Post{Now: now, Also: func(tx *store.Tx, results []ledger.Result) error {
		if len(results) > 0 && results[0].Err != nil {
			return results[0].Err
		}
		if err := tx.CloseCollection(c); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil // somebody else did
	}}
	if c.State == store.CollectionSettled {
		if answer.Amount != (money.Amount{}) && answer.Amount != c.Amount {
			return Receipt{}, fmt.Errorf("provider %s collected %s where %s was asked, collection %s", c.Provider, answer.Amount, c.Amount, collectionID(c))
		}
		post.Requests = []ledger.Request{settlement(c)}
	}
	results, err := s.store.Post(ctx, post)
	if err != nil {
		return Receipt{}, fromStore("close collection", fromLedger(err))
	}
	switch c.State {
	case store.CollectionSettled:
		o := outcome(c.PortalID, results[0])
		return o.Receipt, o.Err
	case store.CollectionDeclined:
		return Receipt{}, &DeclinedError{Reason: c.Reason}
	}
	return Receipt{}, ErrUnsettled
}

// closedReceipt returns what a collection came to that ended before.
func (s *Service) closedReceipt(ctx context.Context, c store.Collection) (Receipt, error) {
	if c.State == store.CollectionDeclined {
		return Receipt{}, &DeclinedError{Reason: c.Reason}
	}
	results, err := s.store.Post(ctx, store.Post{Requests: []ledger.Request{settlement(c)}, Now: s.now()})
	if err != nil {
		return Receipt{}, fromStore("read the outcome", err)
	}
	o := outcome(c.PortalID, results[0])
	return o.Receipt, o.Err
}

// Reconcile asks the provider about collections whose outcome is not known, all
// of those that nobody waits for any more. It returns how many it brought to an
// end.
func (s *Service) Reconcile(ctx context.Context) (ended int, err error) {
	if s.provider == nil {
		return 0, nil
	}
	after := ""
	for {
		var some []store.Collection
		err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			some, err = tx.OpenCollections(s.now().Add(-abandonAfter), after, 100)
			return err
		})
		if err != nil || len(some) == 0 {
			return ended, fromStore("look for open collections", err)
		}
		for _, c := range some {
			after = c.PortalID
			switch _, err := s.resolve(ctx, c, true); {
			case err == nil, errors.Is(err, ErrDeclined):
				ended++
			case ctx.Err() != nil:
				return ended, ctx.Err()
			}
		}
	}
}

// DepositFor is a deposit that a user of the portal asks for, of whole major
// units. It reports whether the money is in the wallet: false means that the
// provider declined. It fails as Deposit does, and with ErrAccessDenied unless
// the caller is who pays. Source: contract, "POST /payment/deposit".
func (s *Service) DepositFor(ctx context.Context, c *Caller, key string, amount int64, currency string) (settled, replay bool, err error) {
	code := money.Currency(currency)
	if !slices.Contains(s.catalog.Currencies(), code) {
		return false, false, invalid("currency", "%q is none of %v", currency, s.catalog.Currencies())
	}
	if amount < 1 || amount > maxDeposit {
		return false, false, invalid("amount", "%d is not between 1 and %d", amount, int64(maxDeposit))
	}
	switch {
	case c.View.customer == nil:
		return false, false, fmt.Errorf("customer: %w", ErrNotFound)
	case c.View.customer.MethodStatus != "set":
		return false, false, ErrNoMethod
	case !c.Pays():
		return false, false, ErrAccessDenied
	}
	sum, err := money.FromMajor(amount, code)
	if err != nil {
		return false, false, invalid("amount", "%v", err)
	}
	receipt, err := s.Deposit(ctx, c.View.Portal.ID, key, Deposit{Amount: sum, Participant: c.User.ID})
	if errors.Is(err, ErrDeclined) {
		return false, receipt.Replay, nil
	}
	return err == nil, receipt.Replay, err
}

const maxDeposit = 999_999
