package billing

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
	"github.com/bursarhq/bursar/wallet"
)

// How long is waited where something is under way: for a top-up, before it is said
// that the wallet is short; and for another collection.
const (
	topUpWait = 5 * time.Minute
	busyWait  = 10 * time.Minute
)

// renew does what there is to do about the end of a period, one step at a time: each
// is one transaction, which leaves the job with the moment of the next one. A
// provider is asked after that, and whoever knows its answer first writes it down, as
// of any collection; the job is looked at again then.
func (s *Service) renew(ctx context.Context, r *run) error {
	planID, err := strconv.Atoi(r.job.Subject)
	if err != nil {
		return hopeless{fmt.Errorf("subject of a renewal: %w", err)}
	}
	var do inquiry
	err = r.change(ctx, func(tx *store.Tx, t *trail) error {
		do = inquiry{}
		have, err := s.boughtIn(tx, r.job.PortalID)
		if err != nil {
			return err
		}
		w, err := s.renewing(tx, t, have, planID)
		if err != nil {
			return err
		}
		if w == nil {
			return r.end(tx, time.Time{}, "")
		}
		do, err = w.step(r)
		return err
	})
	if errors.Is(err, store.ErrNotFound) { // there is no such portal
		return nil
	}
	if err != nil || do.collection.Number == 0 {
		return err
	}
	if do.again {
		_, err = s.resolve(ctx, do.collection, false)
	} else {
		_, err = s.ask(ctx, do.collection)
	}
	if err != nil && !errors.Is(err, ErrUnsettled) && !errors.Is(err, ErrDeclined) {
		s.log.ErrorContext(ctx, "a renewal does not know what came of its collection", "collection", CollectionID(do.collection), "error", err)
	}
	return nil // whatever it was: the job was left to be looked at again
}

// inquiry is a collection that the provider is to be asked about after a step: to
// collect it or, again, what came of it. The zero inquiry is none.
type inquiry struct {
	collection store.Collection
	again      bool
}

// step does what is next, and leaves the job.
func (w *renewing) step(r *run) (inquiry, error) {
	switch what, again := w.facts.Step(w.now, w.s.catalog.Policy()); what {
	case subscription.Announce:
		return inquiry{}, w.announce(r)
	case subscription.Cancel:
		return inquiry{}, w.end(r, "cancelled", w.row.DueAt)
	case subscription.EndTrial:
		return inquiry{}, w.endTrial(r)
	case subscription.Pay:
		if w.row.PaidFrom == "card" {
			return w.payByCard(r)
		}
		return inquiry{}, w.payFromWallet(r, "")
	default:
		return inquiry{}, w.leave(r, again)
	}
}

// leave has the job gone on with at a moment, with what is known by now.
func (w *renewing) leave(r *run, again time.Time) error { return r.end(w.tx, again, w.kept.String()) }

// announce tells that it is due, for how much.
func (w *renewing) announce(r *run) error {
	quantity, amount := w.next.Quantity, w.next.Rate
	if w.facts.Trial {
		quantity, amount = 0, money.FromUnits(0, amount.Currency())
	}
	e := event.SubscriptionDue{
		Subscribed: w.told(w.row.Quantity), NextQuantity: quantity, Amount: event.Sum(amount), DueAt: event.At(w.row.DueAt), Needed: w.needed,
	}
	if w.row.PaidFrom == "wallet" {
		short, err := w.shortfall()
		if err != nil {
			return err
		}
		e.Shortfall = event.Sum(short)
	}
	w.t.tell(e)
	w.kept.Announced, w.kept.Quantity, w.kept.Needed = w.now.UTC(), quantity, w.needed
	return w.leave(r, w.now)
}

// payFromWallet pays for the next period, if the wallet covers it. Collection is what
// had been collected for it, if anything was.
func (w *renewing) payFromWallet(r *run, collection string) error {
	paid, err := w.pay(collection, func(renewed store.Subscription) error {
		fresh, err := readRenewal("", renewed.DueAt)
		if err != nil {
			return err
		}
		return r.end(w.tx, w.s.firstLook(renewed), fresh.String())
	}, w.row.PlanID)
	if paid || err != nil {
		return err
	}
	try, due := w.facts.TryAt(w.now, w.s.catalog.Policy())
	if !due {
		return w.unpaid(r)
	}
	toppedUp := !w.kept.ToppedUp.Before(try) && !w.kept.ToppedUp.After(w.now)
	if w.row.PaidFrom == "wallet" && !toppedUp {
		rule, err := w.tx.TopUpRule(w.have.portal.ID)
		if err != nil {
			return err
		}
		if rule != nil && rule.Enabled {
			w.kept.ToppedUp = w.now.UTC()
			if err := w.s.causeTopUp(w.tx, topUpMemory{Low: true}); err != nil {
				return err
			}
			return w.leave(r, w.now.Add(topUpWait))
		}
	}
	if waited := w.kept.ToppedUp.Add(topUpWait); toppedUp && w.now.Before(waited) {
		return w.leave(r, waited)
	}
	if w.row.PaidFrom == "wallet" {
		w.kept.Attempt++
	}
	return w.failed(r, "insufficient_funds")
}

// pay pays for the next period from the wallet and writes it down, all in this
// transaction; false: the wallet is short of something, and nothing is changed. Left
// is called with what the portal has then, to leave the job that is its own.
func (w *renewing) pay(collection string, left func(store.Subscription) error, own int) (paid bool, err error) {
	transfer := ""
	if w.next.Rate.Sign() > 0 {
		o, err := w.charge()
		if errors.Is(o.Err, ErrInsufficient) {
			return false, err
		}
		if err = errors.Join(err, o.Err); err != nil {
			return false, err
		}
		transfer = o.Receipt.Transfer
	}
	renewed := row(w.plan, w.next, w.row.PaidFrom, nil)
	if left != nil { // before the rows, so that nothing is done if the job is another's
		if err := left(renewed); err != nil {
			return false, err
		}
	}
	if err := w.put(&renewed, own); err != nil {
		return false, err
	}
	w.tellRenewed(transfer, collection)
	return true, nil
}

// charge takes what the next period costs out of the wallet.
func (w *renewing) charge() (Outcome, error) {
	portalID := w.have.portal.ID
	if err := w.tx.LockBook(portalID, ledger.Main); err != nil {
		return Outcome{}, err
	}
	service := w.plan.Service
	if service == "" { // what the card pays for
		service = w.plan.Name
	}
	results, err := w.t.carryOut(w.tx, w.now, []ledger.Request{{
		Portal: portalID, Key: renewalKey(w.row.PlanID, w.row.DueAt), Input: renewalInput(w.row.PlanID, w.row.DueAt),
		Do: wallet.Subscribe(wallet.Payment{
			Amount: w.next.Rate, Service: service, Quantity: w.next.Quantity,
			Metadata: wallet.Details("Until " + w.next.Term.End.In(w.next.Term.Zone).Format(time.DateOnly)),
		}, !w.plan.Additional),
	}})
	if err != nil {
		return Outcome{}, err
	}
	return outcome(portalID, results[0]), nil
}

// tellRenewed tells that the next period is paid, and that it has another quantity.
func (w *renewing) tellRenewed(transfer, collection string) {
	attempt := w.kept.Attempt
	if w.row.PaidFrom == "wallet" {
		attempt++
	}
	w.t.tell(event.SubscriptionRenewed{
		Subscribed: w.told(w.next.Quantity), Amount: event.Sum(w.next.Rate), PeriodStart: event.At(w.next.Term.Start), PeriodEnd: event.At(w.next.Term.End),
		Transfer: transfer, Collection: collection, PastDueSince: event.At(w.row.PastDueAt), Attempt: max(attempt, 1),
	})
	if w.next.Quantity == w.row.Quantity {
		return
	}
	reason := "scheduled"
	if w.next.Quantity != w.asked {
		reason = "overuse"
	}
	w.t.tell(event.SubscriptionChanged{
		Subscribed: w.told(w.next.Quantity), QuantityBefore: w.row.Quantity, PeriodStart: event.At(w.next.Term.Start),
		PeriodEnd: event.At(w.next.Term.End), Reason: reason,
	})
}

// failed writes down that it was tried to pay for the next period, and was in vain.
// From the due moment on it is past due, and that is told.
func (w *renewing) failed(r *run, reason string) error {
	w.kept.TriedAt, w.kept.Reason, w.kept.Asked = w.now.UTC(), reason, false
	w.facts.TriedAt = w.kept.TriedAt
	if w.now.Before(w.row.DueAt) {
		return w.unpaid(r)
	}
	if w.kept.FailedAt.IsZero() {
		w.kept.FailedAt = w.now.UTC()
		w.facts.FailedAt = w.kept.FailedAt
	}
	policy := w.s.catalog.Policy()
	if ends, _ := w.facts.Unpaid(w.now, policy); ends || w.facts.Closed {
		return w.unpaid(r)
	}
	if w.row.PastDueAt.IsZero() {
		late := w.row
		late.PastDueAt = w.row.DueAt
		if err := w.put(&late, w.row.PlanID); err != nil {
			return err
		}
	}
	e := event.SubscriptionPastDue{
		Subscribed: w.told(w.row.Quantity), NextQuantity: w.next.Quantity, Amount: event.Sum(w.next.Rate), DueAt: event.At(w.row.DueAt),
		PastDueSince: event.At(w.row.DueAt), GraceEnds: event.At(w.facts.GraceEnds(policy)), Attempt: w.kept.Attempt,
		NextAttemptAt: event.At(w.facts.NextTry(w.now, policy)), Reason: reason,
	}
	if w.row.PaidFrom == "wallet" {
		short, err := w.shortfall()
		if err != nil {
			return err
		}
		e.Shortfall = event.Sum(short)
	}
	w.t.tell(e)
	return w.unpaid(r)
}

// unpaid leaves what is not paid: until it is tried again, or, when the days of grace
// are over, without it.
func (w *renewing) unpaid(r *run) error {
	policy := w.s.catalog.Policy()
	ends, again := w.facts.Unpaid(w.now, policy)
	if !ends {
		return w.leave(r, again)
	}
	if w.plan.Additional || policy.Unpaid == catalog.EndFree {
		return w.end(r, "unpaid", w.now)
	}
	w.kept.Closed = true
	w.tellEnded("unpaid", w.now)
	return w.leave(r, w.now.Add(subscription.Idle))
}

// end takes away what is not renewed.
func (w *renewing) end(r *run, reason string, at time.Time) error {
	if err := w.leave(r, time.Time{}); err != nil {
		return err
	}
	if err := w.put(nil, w.row.PlanID); err != nil {
		return err
	}
	w.tellEnded(reason, at)
	return nil
}

// endTrial ends a trial: the portal is closed by its states, or has the free plan.
func (w *renewing) endTrial(r *run) error {
	const reason = "trial_ended"
	if w.s.catalog.Policy().TrialEnd == catalog.EndFree {
		return w.end(r, reason, w.row.DueAt)
	}
	if !w.kept.Closed {
		w.kept.Closed = true
		w.tellEnded(reason, w.row.DueAt)
	}
	return w.leave(r, time.Time{})
}

func (w *renewing) tellEnded(reason string, at time.Time) {
	e := event.SubscriptionCancelled{
		Subscribed: w.told(0), QuantityBefore: w.row.Quantity, Reason: reason, EndedAt: event.At(at), Attempt: w.kept.Attempt,
	}
	if !w.facts.FailedAt.IsZero() {
		e.PastDueSince = event.At(w.row.DueAt)
	}
	w.t.tell(e)
}
