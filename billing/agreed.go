package billing

import (
	"context"
	"slices"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/store"
)

// Purchase is a plan or an add-on that a portal has.
type Purchase struct {
	// Plan is the id of the plan.
	Plan     int
	Quantity int64
	// DueAt is when it ends or renews; the zero Time means never.
	DueAt time.Time
	// PaidFrom says who renews it: "card" or "wallet" that Bursar does, at the prices
	// of the catalogue in its default currency; "" that it is agreed elsewhere.
	PaidFrom string
}

// checkPurchases returns what is given as it is kept. What Bursar renews is in the
// period that ends when it is due, by the days of a zone, and is taken for paid.
func (s *Service) checkPurchases(in []Purchase, zone string) ([]store.Subscription, error) {
	var (
		all   []store.Subscription
		lines []catalog.Line
	)
	for i, p := range in {
		plan, ok := s.catalog.Plan(p.Plan)
		if !ok {
			return nil, invalid("plan", "%d is not in the catalogue", p.Plan)
		}
		if (i == 0) == plan.Additional {
			return nil, invalid("plan", "%s is out of place: first the plan, then what is had beside it", plan.Name)
		}
		if p.Quantity < 1 {
			return nil, invalid("quantity", "%d is less than 1", p.Quantity)
		}
		for _, other := range in[:i] {
			if other.Plan == p.Plan {
				return nil, invalid("plan", "%s is given twice", plan.Name)
			}
		}
		lines = append(lines, catalog.Line{Plan: plan, Quantity: p.Quantity})
	}
	if err := s.checkSums(lines); err != nil {
		return nil, err
	}
	for i, p := range in {
		row, err := s.agreed(p, lines[i].Plan, zone)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

// checkSums refuses quantities that can't be priced, today or at any price to come.
func (s *Service) checkSums(lines []catalog.Line) error {
	for at := s.now(); ; {
		for _, currency := range s.catalog.Currencies() {
			if _, err := catalog.Sum(lines, currency, at); err != nil {
				return invalid("quantity", "is too much: %v", err)
			}
		}
		if at = s.catalog.NextPriceChange(at); at.IsZero() {
			return nil
		}
	}
}

// agreed returns something that a portal has as it is kept.
func (s *Service) agreed(p Purchase, plan *catalog.Plan, zone string) (store.Subscription, error) {
	kept := store.Subscription{PlanID: p.Plan, Quantity: p.Quantity, DueAt: p.DueAt}
	const field = "paid from"
	switch {
	case p.PaidFrom == "":
		return kept, nil
	case p.PaidFrom != "card" && p.PaidFrom != "wallet":
		return kept, invalid(field, "%q is neither card nor wallet", p.PaidFrom)
	case plan.Wallet != (p.PaidFrom == "wallet"):
		return kept, invalid(field, "%s is not paid from the %s", plan.Name, p.PaidFrom)
	case plan.Period == catalog.NoPeriod || plan.Features.Has("trial") || !s.costs(plan):
		return kept, invalid(field, "%s is not paid by the period", plan.Name)
	case p.DueAt.IsZero():
		return kept, invalid(field, "is given for what is never due")
	}
	now := s.now()
	kept.TimeZone = zone
	held, err := s.holding(&bought{Subscription: kept, plan: plan}, now)
	if err != nil {
		return kept, err
	}
	unit, err := wholeTerm(plan.PriceAt(s.catalog.DefaultCurrency(), now), held.Term)
	if err == nil {
		held.Rate, err = unit.Mul(p.Quantity)
	}
	if err != nil {
		return kept, invalid("quantity", "is too much: %v", err)
	}
	return row(plan, held, p.PaidFrom, nil), nil
}

// SetPurchases replaces what a portal has, the plan first, as facts that were
// agreed elsewhere: nothing is charged. What it has already, as it is given, stays
// as it is. It fails with ErrNotFound when there is no such portal.
func (s *Service) SetPurchases(ctx context.Context, portalID string, bought []Purchase) error {
	if _, err := s.checkPurchases(bought, ""); err != nil {
		return err
	}
	return fromStore("set purchases", s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		portal, err := tx.Portal(portalID)
		if err != nil {
			return err
		}
		rows, err := s.checkPurchases(bought, portal.TimeZone)
		if err != nil {
			return err
		}
		before, err := tx.Subscriptions(portalID)
		if err != nil {
			return err
		}
		for i := range rows {
			if j := slices.IndexFunc(before, func(b store.Subscription) bool { return agreesWith(b, rows[i]) }); j >= 0 {
				rows[i] = before[j]
			}
		}
		t.note(SubscriptionChanged, "", notedAll(before), notedAll(rows))
		for _, row := range rows {
			was := store.Subscription{}
			if i := slices.IndexFunc(before, func(b store.Subscription) bool { return b.PlanID == row.PlanID }); i >= 0 {
				was = before[i]
			}
			s.tellChanged(t, was, row, "set")
		}
		return s.putRows(tx, portalID, before, rows, 0)
	}))
}

// agreesWith reports whether something that is there is what is given.
func agreesWith(before, given store.Subscription) bool {
	return before.PlanID == given.PlanID && before.Quantity == given.Quantity && before.DueAt.Equal(given.DueAt) && before.PaidFrom == given.PaidFrom
}

// Purchases returns what a portal has bought, the plan first; none when it bought
// nothing. It fails with ErrNotFound when there is no such portal.
func (s *Service) Purchases(ctx context.Context, portalID string) (bought []Purchase, err error) {
	err = s.readPortal(ctx, portalID, "read purchases", func(tx *store.Tx) error {
		rows, err := tx.Subscriptions(portalID)
		for _, row := range rows {
			bought = append(bought, Purchase{Plan: row.PlanID, Quantity: row.Quantity, DueAt: row.DueAt, PaidFrom: row.PaidFrom})
		}
		return err
	})
	return bought, err
}
