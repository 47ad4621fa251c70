package billing

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// receiveRefund takes out of the wallet what was given back at the provider's, by
// whomever, and is not taken out yet. A refund tells of how much it is in all, so
// that one which comes twice, late or before another one changes nothing.
//
// What paid for a plan comes from there: the plan is worth that much less. What the
// wallet does not have any more was the customer's already, and is now given a
// second time: the account of refunds bears it, so that the books say what the
// provider's do.
func (s *Service) receiveRefund(ctx context.Context, e payment.Event) error {
	c, err := s.collectionOf(ctx, e.ChargeID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.State != store.CollectionSettled { // the refund was told before the charge
		answer, err := s.find(ctx, c)
		if err == nil && answer.State == payment.Settled {
			_, err = s.close(ctx, c, answer)
		} else if err == nil {
			err = fmt.Errorf("it is %s", answer.State)
		}
		if err != nil {
			return fmt.Errorf("%w: a refund of collection %s: %w", ErrTryAgain, e.ChargeID, err)
		}
	}
	err = s.change(ctx, c.PortalID, func(tx *store.Tx, t *trail) error {
		r, err := s.takeBack(tx, t, c, e.Outcome.Amount, event.ChargeRefunded{})
		if err != nil || r == nil {
			return err
		}
		t.note(CollectionEnded, CollectionID(c), nil, notedCollection{
			State: "refunded", Amount: r.amount.String(), Purpose: string(c.Purpose), Reference: e.Outcome.Reference,
		})
		return nil
	})
	return fromStore("take back a refund", err)
}

// takeBack takes what was given back of a collection in all out of the wallet, as far
// as that has not been done, and tells of it; nil when there was nothing to do.
func (s *Service) takeBack(tx *store.Tx, t *trail, c store.Collection, total money.Amount, of event.ChargeRefunded) (*refund, error) {
	if err := tx.LockBook(c.PortalID, ledger.Main); err != nil {
		return nil, err
	}
	r, err := s.refundOf(tx, c, total)
	if err != nil || r == nil {
		return nil, err
	}
	results, err := t.carryOut(tx, s.now(), r.requests)
	if err != nil {
		return nil, err
	}
	for _, result := range results {
		if result.Err != nil {
			return nil, fromLedger(result.Err)
		}
	}
	last := results[len(results)-1].Answer
	r.transfer = last.Main
	of.Collection, of.Amount, of.Total = CollectionID(c), event.Sum(r.amount), event.Sum(total)
	if r.transfer != 0 {
		of.Transfer = ledger.TransferID{Portal: c.PortalID, Book: ledger.Main, Number: r.transfer}.String()
	}
	t.tell(of)
	if r.fromPlan.Sign() > 0 {
		err = s.cutPlan(tx, t, c, r.fromPlan)
	}
	return r, err
}

// refund is what is to be done about money that was given back.
type refund struct {
	// amount is what is to be taken out of the wallet, of which fromPlan was paid for
	// a plan.
	amount, fromPlan money.Amount
	// short is what the wallet lacks of it; nought or less when it has enough.
	short    money.Amount
	requests []ledger.Request // the last of which takes the amount out
	transfer int64            // that did, when they are carried out
}

// refundOf works out what is to be done when so much of a collection has been given
// back in all; nil for nothing.
func (s *Service) refundOf(tx *store.Tx, c store.Collection, total money.Amount) (*refund, error) {
	if order, err := total.Compare(c.Amount); err != nil {
		return nil, err
	} else if order > 0 {
		total = c.Amount // no more was ever collected
	}
	done, err := tx.Done(c.PortalID, settlementKey(c))
	if err != nil || done == nil {
		return nil, err
	}
	r := &refund{}
	r.amount, err = notTakenBack(tx, c.PortalID, done, total)
	if err != nil || r.amount.Sign() <= 0 {
		return nil, err
	}
	request := func(kind string, do ledger.Action) {
		key := fmt.Sprintf("%s%s:%d:%d", ownKeys, kind, c.Number, total.Units())
		r.requests = append(r.requests, ledger.Request{Portal: c.PortalID, Key: key, Do: do})
	}
	r.fromPlan = money.FromUnits(0, c.Amount.Currency())
	paid, err := tx.Done(c.PortalID, planKey(c))
	if err != nil {
		return nil, err
	}
	if paid != nil {
		left, err := notTakenBack(tx, c.PortalID, paid, paid.Answer.Amount)
		if err != nil {
			return nil, err
		}
		r.fromPlan = money.FromUnits(max(min(left.Units(), r.amount.Units()), 0), left.Currency())
		if r.fromPlan.Sign() > 0 {
			request("unpaid", ledger.Correct{Book: ledger.Main, Transfer: paid.Answer.Main, Amount: r.fromPlan, Metadata: refundDetails})
		}
	}
	if r.short, err = s.shortOf(tx, c.PortalID, r.amount, r.fromPlan); err != nil {
		return nil, err
	}
	if r.short.Sign() > 0 {
		request("written-off", wallet.Refund(wallet.Payment{Amount: r.short, Metadata: wallet.Details("Refunded beyond the balance")}))
	}
	request("refunded", ledger.Correct{Book: ledger.Main, Transfer: done.Answer.Main, Amount: r.amount, Metadata: refundDetails})
	return r, nil
}

// notTakenBack returns how much of a total has not been taken back yet of what was
// done.
func notTakenBack(tx *store.Tx, portalID string, done *ledger.Done, total money.Amount) (money.Amount, error) {
	back, err := tx.CorrectedOf(portalID, ledger.Main, done.Answer.Main)
	if err != nil {
		return money.Amount{}, err
	}
	return total.Sub(back)
}

// shortOf returns how much the wallet lacks of an amount, with what is put into it
// before; nought or less when it has enough.
func (s *Service) shortOf(tx *store.Tx, portalID string, amount, before money.Amount) (money.Amount, error) {
	has, err := s.mayTake(tx, portalID, amount.Currency())
	if err != nil {
		return money.Amount{}, err
	}
	if has, err = has.Add(before); err != nil {
		return money.Amount{}, err
	}
	return amount.Sub(has)
}

// mayTake returns how much can be taken out of the wallet in a currency, whose book
// is locked.
func (s *Service) mayTake(tx *store.Tx, portalID string, currency money.Currency) (money.Amount, error) {
	pockets, _, err := tx.PocketsAt(portalID, ledger.Main, s.now())
	if err != nil {
		return money.Amount{}, err
	}
	for _, p := range pockets {
		if p.Currency() != currency {
			continue
		}
		available, err := p.Available()
		if err != nil {
			return money.Amount{}, err
		}
		return available.Add(p.CreditLimit)
	}
	return money.FromUnits(0, currency), nil
}

// cutPlan makes the rest of a plan's period worth less by what was given back of
// what was paid for it, so that nobody gets the same money twice.
func (s *Service) cutPlan(tx *store.Tx, t *trail, c store.Collection, back money.Amount) error {
	have, err := s.boughtIn(tx, c.PortalID)
	if err != nil {
		return err
	}
	b, now := &have.all[0], s.now()
	if b.PlanID != c.PlanID || b.PaidFrom != "card" || b.Rate.Currency() != back.Currency() {
		return nil
	}
	held, err := s.holding(b, now)
	if err != nil {
		return err
	}
	unused := held.Unused(now)
	if unused.Sign() <= 0 {
		return nil
	}
	left := big.NewInt(max(unused.Units()-back.Units(), 0))
	units := left.Mul(left, big.NewInt(b.Rate.Units()))
	units.Quo(units, big.NewInt(unused.Units()))
	after := b.Subscription
	after.Rate = money.FromUnits(units.Int64(), b.Rate.Currency())
	return s.putBought(tx, t, have, after, false)
}

// refundDetails is what the customer reads of money that was given back by card.
var refundDetails = wallet.Details("Refund to the payment method")
