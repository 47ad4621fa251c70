package billing

import (
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
)

// costs reports whether a plan costs something.
func (s *Service) costs(plan *catalog.Plan) bool {
	return plan.PriceAt(s.catalog.DefaultCurrency(), s.now()).Sign() > 0
}

// runs reports whether the period of something has not ended.
func (s *Service) runs(b *bought) bool { return b.DueAt.IsZero() || s.now().Before(b.DueAt) }

// findRunning returns what the portal has of a plan, unless its period has ended;
// nil for nothing.
func (s *Service) findRunning(all []bought, plan *catalog.Plan) *bought {
	if b := findBought(all, plan); b != nil && s.runs(b) {
		return b
	}
	return nil
}

func findBought(all []bought, plan *catalog.Plan) *bought {
	if i := slices.IndexFunc(all, func(b bought) bool { return b.plan == plan }); i >= 0 {
		return &all[i]
	}
	return nil
}

// wholeTerm returns what one costs for the whole of a term: the price of a period
// for each period in it. There is more than one where an end was agreed elsewhere
// that is further away than a period.
func wholeTerm(unit money.Amount, t subscription.Term) (money.Amount, error) {
	periods := int64(0)
	for part := (subscription.Term{Anchor: t.Anchor, End: t.Start, Zone: t.Zone, Period: t.Period}); part.End.Before(t.End); periods++ {
		part = part.Next()
	}
	return unit.Mul(periods)
}

// begin returns the period that begins at a moment.
func (s *Service) begin(at time.Time, plan *catalog.Plan, zoneName string) (subscription.Term, error) {
	zone, err := loadZone(zoneName)
	if err != nil {
		return subscription.Term{}, err
	}
	return subscription.Begin(at, plan.Period, zone)
}

// holding returns what is bought in the terms of proration, at a moment. What was agreed
// elsewhere is paid, at no rate that is known, until it is due.
func (s *Service) holding(b *bought, at time.Time) (subscription.Holding, error) {
	zone, err := loadZone(b.TimeZone)
	if err != nil {
		return subscription.Holding{}, err
	}
	held := subscription.Holding{Quantity: b.Quantity, Rate: b.Rate, Term: subscription.Term{
		Anchor: b.AnchorAt, Start: b.StartedAt, End: b.DueAt, Zone: zone, Period: b.plan.Period,
	}}
	if held.Rate.Currency() == "" {
		held.Rate = money.FromUnits(0, s.catalog.DefaultCurrency())
	}
	switch {
	case !b.StartedAt.IsZero():
	case b.DueAt.IsZero(): // without end: from now on there is one
		held.Term, err = subscription.Begin(at, b.plan.Period, zone)
	default:
		held.Term.Anchor = b.DueAt
		held.Term.Start = startBefore(at, held.Term)
	}
	return held, err
}

// startBefore returns the last moment, not after now, that whole periods before the
// end of a term begin at.
func startBefore(now time.Time, t subscription.Term) time.Time {
	months := 1
	if t.Period == catalog.Year {
		months = 12
	}
	for n := 1; ; n++ {
		t.End = t.Anchor.AddDate(0, -(n+1)*months, 0)
		if start := t.Next().End; !start.After(now) || t.Period == catalog.NoPeriod {
			return start
		}
	}
}

// row returns a holding as it is kept.
func row(plan *catalog.Plan, h subscription.Holding, paidFrom string, next *int64) store.Subscription {
	return store.Subscription{
		PlanID: plan.ID, Quantity: h.Quantity, DueAt: h.Term.End, Next: next, PaidFrom: paidFrom, Rate: h.Rate,
		StartedAt: h.Term.Start, AnchorAt: h.Term.Anchor, TimeZone: zoneName(h.Term.Zone),
	}
}

func zoneName(zone *time.Location) string {
	if zone == nil || zone == time.UTC {
		return ""
	}
	return zone.String()
}

// having is what a portal has at a moment of a transaction.
type having struct {
	portal store.Portal
	rows   []store.Subscription // as they are kept
	all    []bought             // as they count
	used   map[string]int64
}

// boughtIn reads what a portal has.
func (s *Service) boughtIn(tx *store.Tx, portalID string) (*having, error) {
	v := &facts{}
	var err error
	if v.Portal, err = tx.Portal(portalID); err != nil {
		return nil, err
	}
	if err := s.loadBought(tx, v); err != nil {
		return nil, err
	}
	h := &having{portal: v.Portal, all: v.bought}
	if h.rows, err = tx.Subscriptions(portalID); err != nil {
		return nil, err
	}
	h.used, err = tx.Usage(portalID)
	return h, err
}

// putBought writes what a portal has now: one row in the place of the one of the
// same plan, or of the plan proper.
func (s *Service) putBought(tx *store.Tx, t *trail, have *having, after store.Subscription, additional bool) error {
	rows := slices.Clone(have.rows)
	i := slices.IndexFunc(rows, func(r store.Subscription) bool { return r.PlanID == after.PlanID })
	if i < 0 && !additional {
		i = slices.IndexFunc(rows, func(r store.Subscription) bool {
			plan, ok := s.catalog.Plan(r.PlanID)
			return ok && !plan.Additional
		})
	}
	var before any
	var was store.Subscription
	switch {
	case i >= 0:
		was, before = rows[i], noted(rows[i])
		rows[i] = after
	case additional:
		rows = append(rows, after)
	default:
		rows = slices.Insert(rows, 0, after)
	}
	t.note(SubscriptionChanged, fmt.Sprint(after.PlanID), before, noted(after))
	s.tellChanged(t, was, after, "bought")
	return s.putRows(tx, have.portal.ID, have.rows, rows, 0)
}

// tellChanged has others know of what a portal has now, if it is another plan than it
// was, or there is or will be more or less of it.
func (s *Service) tellChanged(t *trail, was, after store.Subscription, why string) {
	same := was.Next == after.Next || was.Next != nil && after.Next != nil && *was.Next == *after.Next
	if was.PlanID == after.PlanID && was.Quantity == after.Quantity && same {
		return
	}
	what := event.SubscriptionChanged{
		Subscribed:     event.Subscribed{Plan: int64(after.PlanID), Quantity: after.Quantity, PaidFrom: after.PaidFrom},
		QuantityBefore: was.Quantity, NextQuantity: after.Next, PeriodStart: event.At(after.StartedAt), PeriodEnd: event.At(after.DueAt), Reason: why,
	}
	if was.PlanID != after.PlanID {
		what.QuantityBefore = 0
	}
	if plan, ok := s.catalog.Plan(after.PlanID); ok {
		if what.Name = plan.Name; plan.Additional {
			what.Service = plan.Service
		}
	}
	t.tell(what)
}

// notedSubscription is how the trail tells of a subscription.
type notedSubscription struct {
	Plan     int       `json:"plan"`
	Quantity int64     `json:"quantity"`
	Next     *int64    `json:"next,omitempty"`
	Rate     string    `json:"rate,omitempty"`
	Due      time.Time `json:"due,omitzero"`
}

// notedAll tells of all that a portal has.
func notedAll(rows []store.Subscription) []notedSubscription {
	all := make([]notedSubscription, len(rows))
	for i := range rows {
		all[i] = noted(rows[i])
	}
	return all
}

func noted(s store.Subscription) notedSubscription {
	n := notedSubscription{Plan: s.PlanID, Quantity: s.Quantity, Next: s.Next, Due: asKept(s.DueAt)}
	if s.Rate.Currency() != "" {
		n.Rate = s.Rate.String()
	}
	return n
}
