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
}

// PutSubscriptions replaces what the portal has bought, the plan first.
func (tx *Tx) PutSubscriptions(all []Subscription) error {
	if _, err := tx.exec(`
		DELETE FROM subscription
		 WHERE portal_id = $1`, tx.portal); err != nil {
		return err
	}
	for position, s := range all {
		if _, err := tx.exec(`
			INSERT INTO subscription (portal_id, plan_id, position, quantity, due_at)
			VALUES ($1, $2, $3, $4, $5)`,
			tx.portal, s.PlanID, position, s.Quantity, micros(s.DueAt)); err != nil {
			return err
		}
	}
	return nil
}

// Subscriptions returns what a portal has bought, the plan first.
func (tx *Tx) Subscriptions(portalID string) ([]Subscription, error) {
	var all []Subscription
	err := tx.rows(`
		SELECT plan_id, quantity, due_at
		  FROM subscription
		 WHERE portal_id = $1
		 ORDER BY position`, []any{portalID}, func(scan func(...any) error) error {
		var (
			s   Subscription
			due sql.NullInt64
		)
		err := scan(&s.PlanID, &s.Quantity, &due)
		s.DueAt = fromMicros(due)
		all = append(all, s)
		return err
	})
	return all, err
}

// TopUpRule says when, and up to what, a wallet is refilled.
type TopUpRule struct {
	Enabled bool
	// MinBalance and UpTo are in one currency.
	MinBalance, UpTo money.Amount
	ModifiedAt       time.Time
}

// PutTopUpRule sets the portal's rule.
func (tx *Tx) PutTopUpRule(r TopUpRule) error {
	enabled := 0
	if r.Enabled {
		enabled = 1
	}
	_, err := tx.exec(`
		INSERT INTO top_up_rule (portal_id, enabled, currency, min_balance, up_to, modified_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (portal_id) DO UPDATE
		   SET enabled = excluded.enabled,
		       currency = excluded.currency,
		       min_balance = excluded.min_balance,
		       up_to = excluded.up_to,
		       modified_at = excluded.modified_at`,
		tx.portal, enabled, string(r.MinBalance.Currency()), r.MinBalance.Units(), r.UpTo.Units(), micros(r.ModifiedAt))
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
	)
	err := tx.row(`
		SELECT enabled, currency, min_balance, up_to, modified_at
		  FROM top_up_rule
		 WHERE portal_id = $1`, []any{portalID}, &enabled, &currency, &minBalance, &upTo, &modified)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &TopUpRule{
		Enabled:    enabled == 1,
		MinBalance: money.FromUnits(minBalance, currency),
		UpTo:       money.FromUnits(upTo, currency),
		ModifiedAt: fromMicros(modified),
	}, nil
}
