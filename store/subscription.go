package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Subscription is one thing that a portal has bought, the plan or an add-on.
type Subscription struct {
	PlanID   int
	Quantity int64
	// DueAt is when it ends or renews; the zero Time means never.
	DueAt time.Time
	// Next is how many of it the next period has: nil for as many as now, 0 for
	// none.
	Next *int64
	// PaidFrom is "card" or "wallet"; "" for what was agreed elsewhere, of which
	// all that follows is not known.
	PaidFrom string
	// Rate is what all of it costs for the whole of the period.
	Rate money.Amount
	// StartedAt is when the period began, AnchorAt what periods are counted from,
	// and TimeZone the zone that its days are in, by its IANA name; "" is UTC.
	StartedAt, AnchorAt time.Time
	TimeZone            string
	// PastDueAt is since when the next period should have been paid; the zero Time
	// while it need not be, or is.
	PastDueAt time.Time
}

// PutSubscriptions replaces what the portal has bought, the plan first, and counts
// that as a change of it.
func (tx *Tx) PutSubscriptions(all []Subscription) error {
	if _, err := tx.exec(`
		UPDATE portal
		   SET tariff = tariff + 1
		 WHERE portal_id = $1`, tx.portal); err != nil {
		return err
	}
	if _, err := tx.exec(`
		DELETE FROM subscription
		 WHERE portal_id = $1`, tx.portal); err != nil {
		return err
	}
	for position, s := range all {
		if _, err := tx.exec(`
			INSERT INTO subscription (portal_id, plan_id, position, quantity, due_at, next_quantity, paid_from, currency, rate, started_at, anchor_at, time_zone, past_due_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			tx.portal, s.PlanID, position, s.Quantity, micros(s.DueAt), optionalNumber(s.Next), s.PaidFrom,
			string(s.Rate.Currency()), s.Rate.Units(), micros(s.StartedAt), micros(s.AnchorAt), s.TimeZone,
			micros(s.PastDueAt)); err != nil {
			return err
		}
	}
	return nil
}

// Subscriptions returns what a portal has bought, the plan first.
func (tx *Tx) Subscriptions(portalID string) ([]Subscription, error) {
	var all []Subscription
	err := tx.rows(`
		SELECT plan_id, quantity, due_at, next_quantity, paid_from, currency, rate, started_at, anchor_at, time_zone, past_due_at
		  FROM subscription
		 WHERE portal_id = $1
		 ORDER BY position`, []any{portalID}, func(scan func(...any) error) error {
		var (
			s                                   Subscription
			due, next, started, anchor, pastDue sql.NullInt64
			currency                            money.Currency
			rate                                int64
		)
		err := scan(&s.PlanID, &s.Quantity, &due, &next, &s.PaidFrom, &currency, &rate, &started, &anchor, &s.TimeZone, &pastDue)
		s.DueAt, s.StartedAt, s.AnchorAt, s.PastDueAt = fromMicros(due), fromMicros(started), fromMicros(anchor), fromMicros(pastDue)
		s.Rate = money.FromUnits(rate, currency)
		if next.Valid {
			s.Next = &next.Int64
		}
		all = append(all, s)
		return err
	})
	return all, err
}

// optionalNumber is how a number is kept that may not be there.
func optionalNumber(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// PlansInUse returns the ids of the plans and add-ons that any portal has,
// descending. It reads all that was ever bought and is still had.
func (tx *Tx) PlansInUse() ([]int, error) {
	var all []int
	err := tx.rows(`
		SELECT DISTINCT plan_id
		  FROM subscription
		 ORDER BY plan_id DESC`, nil, func(scan func(...any) error) error {
		var id int
		err := scan(&id)
		all = append(all, id)
		return err
	})
	return all, err
}

// PortalsWithPlan returns the ids of the portals that have a plan, in their order,
// up to a limit.
func (tx *Tx) PortalsWithPlan(planID, limit int) ([]string, error) {
	var all []string
	err := tx.rows(`
		SELECT portal_id
		  FROM subscription
		 WHERE plan_id = $1
		 ORDER BY portal_id
		 LIMIT $2`, []any{planID, limit}, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		all = append(all, id)
		return err
	})
	return all, err
}

// TopUpRule says when, and up to what, a wallet is refilled.
type TopUpRule struct {
	Enabled bool
	// MinBalance and UpTo are in one currency.
	MinBalance, UpTo money.Amount
	// MaxCharge, MaxDay and MaxMonth are the most that it may charge at once, in 24
	// hours and in 30 days, in the same currency; the zero Amount: as UpTo says.
	MaxCharge, MaxDay, MaxMonth money.Amount
	// MaxCount is the most charges in 24 hours; 0: as is usual.
	MaxCount   int64
	ModifiedAt time.Time
}

// PutTopUpRule sets the portal's rule.
func (tx *Tx) PutTopUpRule(r TopUpRule) error {
	_, err := tx.exec(`
		INSERT INTO top_up_rule (portal_id, enabled, currency, min_balance, up_to, modified_at, max_charge, max_day, max_month, max_count)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (portal_id) DO UPDATE
		   SET enabled = excluded.enabled,
		       currency = excluded.currency,
		       min_balance = excluded.min_balance,
		       up_to = excluded.up_to,
		       modified_at = excluded.modified_at,
		       max_charge = excluded.max_charge,
		       max_day = excluded.max_day,
		       max_month = excluded.max_month,
		       max_count = excluded.max_count`,
		tx.portal, flag(r.Enabled), string(r.MinBalance.Currency()), r.MinBalance.Units(), r.UpTo.Units(), micros(r.ModifiedAt),
		number(r.MaxCharge.Units()), number(r.MaxDay.Units()), number(r.MaxMonth.Units()), number(r.MaxCount))
	return err
}

// DeleteTopUpRule takes the portal's rule away, if it has one.
func (tx *Tx) DeleteTopUpRule() error {
	_, err := tx.exec(`
		DELETE FROM top_up_rule
		 WHERE portal_id = $1`, tx.portal)
	return err
}

// TopUpRule returns a portal's rule; nil when none was ever set.
func (tx *Tx) TopUpRule(portalID string) (*TopUpRule, error) {
	var (
		enabled          int
		currency         money.Currency
		minBalance, upTo int64
		modified         sql.NullInt64
		caps             [4]sql.NullInt64
	)
	err := tx.row(`
		SELECT enabled, currency, min_balance, up_to, modified_at, max_charge, max_day, max_month, max_count
		  FROM top_up_rule
		 WHERE portal_id = $1`, []any{portalID}, &enabled, &currency, &minBalance, &upTo, &modified, &caps[0], &caps[1], &caps[2], &caps[3])
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	capped := func(units sql.NullInt64) (a money.Amount) {
		if units.Valid {
			a = money.FromUnits(units.Int64, currency)
		}
		return a
	}
	return &TopUpRule{
		MaxCharge: capped(caps[0]), MaxDay: capped(caps[1]), MaxMonth: capped(caps[2]), MaxCount: caps[3].Int64,
		Enabled:    enabled == 1,
		MinBalance: money.FromUnits(minBalance, currency),
		UpTo:       money.FromUnits(upTo, currency),
		ModifiedAt: fromMicros(modified),
	}, nil
}
