package billing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
	"github.com/bursarhq/bursar/wallet"
)

// SubscriptionBalance is what is left of the plan that the card pays for.
type SubscriptionBalance struct {
	// TotalCost is what all of it costs for the whole of the running period, in
	// Currency.
	TotalCost money.Amount
	Currency  money.Currency
	// The period, and up to when it counts as used: the day that has begun does
	// not, because it is given back whole.
	PeriodStart, PeriodEnd, PeriodUsedUntil time.Time
	// DaysElapsed is how many of its days have passed whole, by the wall clock of
	// the period.
	DaysElapsed int
	// Remaining is what the rest is worth.
	Remaining money.Amount
	// RemainingInWalletCurrency is the same in WalletCurrency; the zero Amount when
	// that is not Currency, because nothing is converted here.
	RemainingInWalletCurrency money.Amount
	WalletCurrency            money.Currency
}

// notMoved is DocSpace's text about a plan of which nothing can be moved.
const notMoved = "Failed to move the subscription balance to the wallet"

// unpaidError is a refusal in DocSpace's own words of what would need a plan that
// the card pays for. It wraps ErrNotPaid.
type unpaidError struct{ text string }

func (e *unpaidError) Error() string { return e.text }
func (e *unpaidError) Unwrap() error { return ErrNotPaid }

// SubscriptionBalance returns what is left of the plan that the card pays for. It
// fails with ErrNotFound when there is no customer, with ErrAccessDenied unless the
// caller is who pays, with ErrNotPaid when the plan is not paid or not by card, and
// with an ArgumentError for a plan that is paid from the wallet or is not sold.
// Source: contract, "GET /payment/subscription/balance".
func (s *Service) SubscriptionBalance(ctx context.Context, c *Caller) (*SubscriptionBalance, error) {
	switch {
	case c.View.customer == nil:
		return nil, missing("Customer could not be found")
	case !c.Pays():
		return nil, ErrAccessDenied
	}
	now := s.now()
	held, err := s.cardPlan(c.View.facts, now)
	if err != nil {
		return nil, err
	}
	b := &SubscriptionBalance{
		TotalCost: held.Rate, Currency: held.Rate.Currency(),
		PeriodStart: held.Term.Start, PeriodEnd: held.Term.End, PeriodUsedUntil: held.Term.End, DaysElapsed: held.Term.Days(),
		Remaining: held.Unused(now), WalletCurrency: s.catalog.DefaultCurrency(),
	}
	if now.Before(held.Term.End) {
		b.DaysElapsed = held.Term.Day(now)
		b.PeriodUsedUntil = held.Term.DayStart(b.DaysElapsed)
	}
	if b.Currency == b.WalletCurrency {
		b.RemainingInWalletCurrency = b.Remaining
	}
	return b, nil
}

// cardPlan returns the plan that a portal's card pays for, at a moment.
func (s *Service) cardPlan(v *facts, at time.Time) (subscription.Holding, error) {
	primary := &v.bought[0]
	if state, _ := s.stateOf(v); state != subscription.Paid {
		return subscription.Holding{}, ErrNotPaid
	}
	if primary.plan.Wallet || primary.plan.ProductID == "" {
		return subscription.Holding{}, argument("quantity", "Invalid product")
	}
	if primary.PaidFrom != "card" {
		return subscription.Holding{}, &unpaidError{notMoved}
	}
	return s.holding(primary, at)
}

// move is the change from a plan that the card pays for to one that the wallet does.
type move struct {
	portalID string
	key, by  string
	plan     *catalog.Plan
	quantity int64
}

func (m move) input() [32]byte { return ledger.InputOf("move", m.plan.ID, m.quantity, m.by) }

// unusedKey is the key of what is given back, beside the one of what is paid.
func (m move) unusedKey() string {
	sum := sha256.Sum256([]byte(m.key))
	return ownKeys + "unused:" + hex.EncodeToString(sum[:])
}

// MoveToWallet ends the plan that the card pays for, and begins n of the one that
// the wallet pays for: what is left of the first is given back into the wallet, and
// a whole period of the second is paid from it, in one transaction. What the wallet
// lacks is collected by card first, rounded up to the minor unit. It reports whether
// that was done: false means that the provider declined, and nothing was changed.
//
// The same under the same key is done once, and never collects twice: after any
// answer that was lost, the same again goes on from where it was. One without a key
// joins the collection that is under way. Money that was collected is in the wallet,
// whatever becomes of the rest; if that is not enough any more by then, because it
// was spent or a day went by, that is ErrInsufficient, and the way on is another
// key.
//
// Nothing is converted: a plan that is paid in another currency than the wallet's
// is refused with an ArgumentError. It fails with ErrNoProvider, ErrNotFound,
// ErrAccessDenied, ErrNoMethod, ErrNotPaid, ErrLimit, ErrMismatch, as Deposit does,
// and with an ArgumentError. Source: contract, "POST
// /payment/subscription/movetowallet".
func (s *Service) MoveToWallet(ctx context.Context, c *Caller, key, product string, n int64) (done, replay bool, err error) {
	if err := checkOptionalKey(key); err != nil {
		return false, false, err
	}
	if s.provider == nil {
		return false, false, ErrNoProvider
	}
	if err := s.MayBuy(c); err != nil {
		return false, false, err
	}
	plan, ok := s.catalog.ByProductName(product)
	if !ok || plan.Kind() != catalog.WalletPlan || plan.Period == catalog.NoPeriod {
		return false, false, argument("quantity", "Invalid product")
	}
	m := move{portalID: c.View.Portal.ID, key: key, by: c.User.ID, plan: plan, quantity: n}
	if m.key == "" {
		m.key = keyless + uuid.NewString()
	}
	if before, err := s.movedBefore(ctx, m); before || err != nil {
		return before, before, err
	}
	switch {
	case n < 1 || n > s.catalog.Policy().MaxQuantity || n < max(plan.Minimum, c.View.usage["manager"]):
		return false, false, argument("quantity", "Invalid quantity")
	case c.View.customer.MethodStatus != "set":
		return false, false, ErrNoMethod
	}
	replay, err = s.moveToWallet(ctx, m)
	if errors.Is(err, ErrDeclined) {
		return false, replay, nil
	}
	return err == nil, replay, err
}

// movedBefore reports whether the move was made.
func (s *Service) movedBefore(ctx context.Context, m move) (done bool, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		before, err := s.spentUnder(tx, spending{portalID: m.portalID, input: m.input()}, m.key)
		done = before != nil
		return err
	})
	return done, fromStore("look for the same before", err)
}

// moveToWallet makes the move, if need be after a collection. It reports whether
// that had been begun before.
func (s *Service) moveToWallet(ctx context.Context, m move) (replay bool, err error) {
	for collected := false; ; collected = true {
		var c *store.Collection // that is needed first
		isNew := false
		err := s.whenFree(ctx, func() (other store.Collection, err error) {
			err = s.change(ctx, m.portalID, func(tx *store.Tx, t *trail) (err error) {
				c, isNew, other, err = s.stepOfMove(tx, t, m, collected)
				return err
			})
			return other, err
		})
		if err != nil || c == nil {
			return replay, fromStore("move the plan to the wallet", err)
		}
		if isNew {
			_, err = s.ask(ctx, *c)
		} else {
			replay = true
			_, err = s.await(ctx, *c)
		}
		if err != nil {
			return replay, err
		}
		m.key = c.Key // of the one that was joined
	}
}

// stepOfMove makes the move with what is in the wallet or, if that is too little,
// writes a collection down or finds the one that was; other is what is in the way.
// What was collected before is in the wallet, and is not collected again.
func (s *Service) stepOfMove(tx *store.Tx, t *trail, m move, collected bool) (c *store.Collection, isNew bool, other store.Collection, err error) {
	if before, err := s.spentUnder(tx, spending{portalID: m.portalID, input: m.input()}, m.key); before != nil || err != nil {
		return nil, false, other, err // another call made it meanwhile
	}
	now := s.now()
	asked := store.Collection{
		PortalID: m.portalID, Key: m.key, State: store.CollectionOpen, Provider: s.provider.Name(), Input: m.input(),
		Participant: m.by, OpenedAt: now, AskedAt: now, Purpose: store.ForDeposit,
	}
	before, err := sameCollection(tx, asked)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, false, other, err
	case before.State != store.CollectionSettled:
		return &before, false, other, nil
	default:
		collected = true
	}
	if other, err = wayIsFree(tx, m.portalID); err != nil {
		return nil, false, other, err
	}
	short, err := s.move(tx, t, m, now)
	if err != nil || short.Sign() <= 0 {
		return nil, false, other, err
	}
	if collected {
		return nil, false, other, fmt.Errorf("%w: the wallet lacks %s", ErrInsufficient, short)
	}
	customer, err := payingCustomer(tx, m.portalID)
	if err != nil {
		return nil, false, other, err
	}
	if asked.Amount, err = payment.Collectable(short); err != nil {
		return nil, false, other, argument("quantity", "Invalid quantity")
	}
	return &asked, true, other, insertCollection(tx, t, &asked, customer)
}

// move makes the move in a transaction, unless the wallet is short of something,
// which it returns then.
func (s *Service) move(tx *store.Tx, t *trail, m move, now time.Time) (short money.Amount, err error) {
	have, err := s.boughtIn(tx, m.portalID)
	if err != nil {
		return short, err
	}
	held, err := s.cardPlan(&facts{bought: have.all}, now)
	if err != nil {
		return short, err
	}
	currency := s.catalog.DefaultCurrency()
	if held.Rate.Currency() != currency {
		return short, argument("quantity", fmt.Sprintf("The plan is paid in %s and the wallet in %s: nothing is converted", held.Rate.Currency(), currency))
	}
	if err := s.checkLimits(have.all, have.used, m.plan, m.quantity); err != nil {
		return short, err
	}
	after, err := s.newPlan(have.portal, m.plan, m.quantity, currency, now)
	if err != nil {
		return short, err
	}
	if err := tx.LockBook(m.portalID, ledger.Main); err != nil {
		return short, err
	}
	if err := tx.EnsurePocket(ledger.Main, currency); err != nil {
		return short, err
	}
	unused := held.Unused(now)
	if short, err = s.shortOf(tx, m.portalID, after.Rate, unused); err != nil || short.Sign() > 0 {
		return short, err
	}
	var requests []ledger.Request
	if unused.Sign() > 0 {
		requests = append(requests, ledger.Request{Portal: m.portalID, Key: m.unusedKey(), Input: m.input(), Do: wallet.Unused(wallet.Payment{
			Amount: unused, Service: have.all[0].plan.Name, Quantity: held.Quantity, Participant: m.by,
			Metadata: wallet.Details(fmt.Sprintf("Unused part of %d %s", held.Quantity, have.all[0].plan.Unit)),
		})})
	}
	requests = append(requests, ledger.Request{Portal: m.portalID, Key: m.key, Input: m.input(), Do: wallet.Subscribe(wallet.Payment{
		Amount: after.Rate, Service: m.plan.Service, Quantity: m.quantity, Participant: m.by,
		Metadata: wallet.Details("Until " + after.Term.End.In(after.Term.Zone).Format(time.DateOnly)),
	}, true)})
	results, err := t.carryOut(tx, now, requests)
	if err != nil {
		return short, err
	}
	for _, result := range results {
		if result.Err != nil {
			return short, fromLedger(result.Err)
		}
	}
	return short, s.putBought(tx, t, have, row(m.plan, after, "wallet", nil), false)
}
