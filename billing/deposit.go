package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
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

// Deposit collects an amount by the customer's payment method, and puts it into
// the wallet. It is there, durably, when Deposit returns.
//
// The collection is written down before the provider is asked, under an id that
// never collects twice; what it came to is a second transaction, in which whoever
// knows first wins. The same deposit under the same key is one collection, and
// every caller gets its outcome; deposits have their keys to themselves. One
// wallet has one open collection. A deposit without a key joins the one that is
// open, if that was the same and without a key too: who asks twice in a hurry, or
// again after an answer was lost, pays once.
//
// It fails with ErrNoProvider, ErrNoMethod, ErrBusyWallet, ErrMismatch,
// ErrDeclined (a DeclinedError), and with ErrUnsettled when the outcome is not
// known yet: the same again, later, tells.
func (s *Service) Deposit(ctx context.Context, portalID, key string, in Deposit) (Receipt, error) {
	if key == "" {
		key = keyless + uuid.NewString()
	} else if err := checkKey(key); err != nil {
		return Receipt{}, err
	}
	if err := s.checkDeposit(in); err != nil {
		return Receipt{}, err
	}
	if !portalIDForm.MatchString(portalID) {
		return Receipt{}, fmt.Errorf("portal %q: %w", portalID, ErrNotFound)
	}
	c, isNew, err := s.openCollection(ctx, portalID, key, in)
	if err != nil {
		return Receipt{}, err
	}
	var receipt Receipt
	if isNew {
		receipt, err = s.ask(ctx, c)
	} else {
		receipt, err = s.await(ctx, c)
	}
	receipt.Replay = !isNew
	return receipt, err
}

// keyless is how the key of a collection begins whose caller gave none.
const keyless = ownKeys + "deposit:"

// RehearseDeposit checks all that Deposit does before it asks the provider, and
// says what would be if that collected.
func (s *Service) RehearseDeposit(ctx context.Context, portalID, key string, in Deposit) (Receipt, error) {
	if err := checkOptionalKey(key); err != nil {
		return Receipt{}, err
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
	results, err := s.post(ctx, store.Post{Requests: []ledger.Request{r}, Now: s.now(), Rehearse: true})
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

// DepositFor is a deposit that a user of the portal asks for, of whole major
// units; the key may be "". It reports whether the money is in the wallet: false
// means that the provider declined. It fails as Deposit does, and with
// ErrAccessDenied unless the caller is who pays. Source: contract, "POST
// /payment/deposit", for the order of checks too.
func (s *Service) DepositFor(ctx context.Context, c *Caller, key string, amount int64, currency string) (settled, replay bool, err error) {
	code := money.Currency(currency)
	if amount < 1 || amount > maxDeposit {
		return false, false, invalid("amount", "must be between 1 and %d", int64(maxDeposit))
	}
	if err := checkOptionalKey(key); err != nil {
		return false, false, err
	}
	switch {
	case s.provider == nil:
		return false, false, ErrNoProvider
	case !slices.Contains(s.catalog.Currencies(), code):
		return false, false, invalid("currency", "%q is none of %v", currency, s.catalog.Currencies())
	case c.View.customer == nil:
		return false, false, missing("Customer could not be found")
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
