package billing

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
)

// renewing is something whose period ends, in the transaction that looks at it.
type renewing struct {
	s    *Service
	tx   *store.Tx
	t    *trail
	now  time.Time
	have *having
	row  store.Subscription
	plan *catalog.Plan
	// kept is what its job keeps, facts what is to be decided on.
	kept  renewal
	facts subscription.Renewal
	// asked is how many the next period has, unless more are needed for what is in use;
	// needed is how many are, 0 where that does not matter.
	asked, needed int64
	// next is the next period, of which what is agreed elsewhere has only the price.
	next subscription.Holding
}

// renewing returns a plan that a portal has as something whose period ends; nil if
// it has it no more, or the period has no end. Nothing can be told with a nil trail.
func (s *Service) renewing(tx *store.Tx, t *trail, have *having, planID int) (*renewing, error) {
	i := slices.IndexFunc(have.rows, func(r store.Subscription) bool { return r.PlanID == planID })
	if i < 0 || !s.ends(have.rows[i]) {
		return nil, nil
	}
	w := &renewing{s: s, tx: tx, t: t, now: s.now(), have: have, row: have.rows[i]}
	w.plan, _ = s.catalog.Plan(planID) // it ends, so that it is there
	job, err := tx.Job(store.JobKey{PortalID: have.portal.ID, Kind: jobRenew, Subject: strconv.Itoa(planID)})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if w.kept, err = readRenewal(job.Input, w.row.DueAt); err != nil {
		return nil, hopeless{err}
	}
	w.asked = w.row.Quantity
	if w.row.Next != nil {
		w.asked = *w.row.Next
	}
	trial := w.plan.Features.Has("trial")
	w.facts = subscription.Renewal{
		Due: w.row.DueAt, Service: w.plan.Additional, Trial: trial && w.row.PaidFrom == "", Elsewhere: w.row.PaidFrom == "", Cancelled: w.asked == 0,
		AtDue: w.asked < w.row.Quantity, Announced: !w.kept.Announced.IsZero(), TriedAt: w.kept.TriedAt, FailedAt: w.kept.FailedAt, Closed: w.kept.Closed,
	}
	if w.facts.FailedAt.IsZero() {
		w.facts.FailedAt = w.row.PastDueAt
	}
	if w.facts.Cancelled {
		return w, nil
	}
	quantity, err := w.quantity()
	if err != nil {
		return nil, err
	}
	w.next, err = w.period(quantity)
	return w, err
}

// quantity returns how many the next period has: as many as were asked for, or, if
// the policy says so, as many as are in use, of those that could be announced.
func (w *renewing) quantity() (int64, error) {
	policy := w.s.catalog.Policy()
	if policy.Overuse == catalog.OveruseIgnore || w.facts.Trial {
		return w.asked, nil
	}
	needed, err := w.inUse()
	if err != nil || needed <= w.asked {
		return w.asked, err
	}
	w.needed = needed
	if policy.Overuse == catalog.OveruseNotify || w.facts.Elsewhere || !w.s.canRenew(w.plan, needed) {
		w.facts.Untold = w.kept.Needed == 0
		return w.asked, nil
	}
	if announced := max(w.kept.Quantity, w.asked); needed > announced {
		if w.facts.Untold = w.now.Before(w.row.DueAt); !w.facts.Untold {
			needed = announced
		}
	}
	notice := time.Duration(policy.NoticeDays) * 24 * time.Hour
	late := w.kept.Announced.After(w.row.DueAt.Add(-notice + notice/4))
	w.facts.AtDue = w.facts.AtDue || w.facts.Untold || policy.NoticeDays == 0 || late
	return needed, nil
}

// inUse returns the smallest quantity that covers what is in use, with all else that
// the portal has: of storage the space, of a plan the admins.
func (w *renewing) inUse() (int64, error) {
	feature := "manager"
	if w.plan.Additional {
		if feature = "total_size"; w.plan.Kind() != catalog.Storage {
			return w.asked, nil
		}
	}
	if !w.plan.Features.Mentions(feature) {
		return w.asked, nil
	}
	var lines []catalog.Line
	for i := range w.have.all {
		b := &w.have.all[i]
		line := b.line()
		if b.plan == w.plan {
			line.Quantity = w.asked
		}
		lines = append(lines, line)
	}
	total, err := catalog.Sum(lines, w.s.catalog.DefaultCurrency(), w.now)
	if err != nil {
		return 0, err
	}
	return subscription.Raised(w.asked, w.have.used[feature], total.Features.Limit(feature), w.plan.Features.Limit(feature)), nil
}

// period returns the next period with so many, by the prices of the day on which it
// begins. What is closed begins anew when it is paid.
func (w *renewing) period(quantity int64) (subscription.Holding, error) {
	b := &bought{Subscription: w.row, plan: w.plan}
	currency := w.s.currencyOf(b)
	unit := w.plan.PriceAt(currency, w.row.DueAt)
	if w.facts.Elsewhere {
		rate, err := unit.Mul(quantity)
		return subscription.Holding{Quantity: quantity, Rate: rate}, err
	}
	if w.facts.Closed {
		term, err := w.s.begin(w.now, w.plan, w.have.portal.TimeZone)
		if err != nil {
			return subscription.Holding{}, err
		}
		return subscription.Buy(quantity, w.plan.PriceAt(currency, w.now), term)
	}
	held, err := w.s.holding(b, w.now)
	if err != nil {
		return held, err
	}
	zone, err := loadZone(w.have.portal.TimeZone)
	if err != nil {
		return held, err
	}
	return subscription.Buy(quantity, unit, held.Term.In(zone).Next())
}

// shortfall returns what the wallet lacks for the next period, as it stands; the
// zero Amount when it lacks nothing.
func (w *renewing) shortfall() (money.Amount, error) {
	short, err := w.s.shortOf(w.tx, w.have.portal.ID, w.next.Rate, money.FromUnits(0, w.next.Rate.Currency()))
	if err != nil || short.Sign() <= 0 {
		return money.Amount{}, err
	}
	return short, nil
}

// put writes what the portal has now of it: nil for nothing.
func (w *renewing) put(after *store.Subscription, own int) error {
	rows := slices.Clone(w.have.rows)
	i := slices.IndexFunc(rows, func(r store.Subscription) bool { return r.PlanID == w.row.PlanID })
	var noteAfter any
	if after == nil {
		rows = slices.Delete(rows, i, i+1)
	} else {
		rows[i], noteAfter = *after, noted(*after)
	}
	w.t.note(SubscriptionChanged, strconv.Itoa(w.row.PlanID), noted(w.row), noteAfter)
	return w.s.putRows(w.tx, w.have.portal.ID, w.have.rows, rows, own)
}

// told is what all events of it say, with so many of it.
func (w *renewing) told(quantity int64) event.Subscribed {
	out := event.Subscribed{Plan: int64(w.plan.ID), Name: w.plan.Name, Quantity: quantity, PaidFrom: w.row.PaidFrom}
	if w.plan.Additional {
		out.Service = w.plan.Service
	}
	return out
}
