package billing

import (
	"context"
	"slices"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// TopUpRule says when, and up to what, the wallet is refilled; a rule that was
// never set is not enabled and has nought in no currency. It fails with
// ErrAccessDenied unless the caller is an administrator.
func (s *Service) TopUpRule(c *Caller) (store.TopUpRule, error) {
	if err := c.mustAdminister(); err != nil {
		return store.TopUpRule{}, err
	}
	if c.View.topUp == nil {
		return store.TopUpRule{ModifiedAt: c.View.Portal.CreatedAt}, nil
	}
	return *c.View.topUp, nil
}

// The bounds of a rule, in major units of its currency. Source: contract,
// "POST /payment/topupsettings".
const (
	minTopUpFloor, maxTopUpFloor   = 5, 1000
	minTopUpTarget, maxTopUpTarget = 6, 5000
)

// SetTopUpRule sets when, and up to what, the portal's wallet is refilled: when
// less than floor is available, up to target. Both are checked as a pair. It
// fails with ErrNotFound when there is no such portal.
func (s *Service) SetTopUpRule(ctx context.Context, portalID string, enabled bool, floor, target money.Amount) error {
	if !slices.Contains(s.catalog.Currencies(), floor.Currency()) {
		return invalid("currency", "%q is none of %v", floor.Currency(), s.catalog.Currencies())
	}
	if err := checkBounds("min balance", floor, minTopUpFloor, maxTopUpFloor); err != nil {
		return err
	}
	if err := checkBounds("up to balance", target, minTopUpTarget, maxTopUpTarget); err != nil {
		return err
	}
	order, err := target.Compare(floor)
	if err != nil {
		return invalid("up to balance", "is in another currency than min balance")
	}
	if order <= 0 {
		return invalid("up to balance", "%s is not more than min balance %s", target, floor)
	}
	rule := store.TopUpRule{Enabled: enabled, MinBalance: floor, UpTo: target, ModifiedAt: s.now()}
	return fromStore("set top-up rule", s.store.Change(ctx, portalID, func(tx *store.Tx) error {
		return tx.PutTopUpRule(rule)
	}))
}

// ClearTopUpRule takes the portal's rule away: nothing is refilled, and no rule
// is shown. It fails with ErrNotFound when there is no such portal.
func (s *Service) ClearTopUpRule(ctx context.Context, portalID string) error {
	return fromStore("clear top-up rule", s.store.Change(ctx, portalID, func(tx *store.Tx) error {
		return tx.DeleteTopUpRule()
	}))
}

func checkBounds(field string, a money.Amount, lowest, highest int64) error {
	if a.Units() < lowest*money.Scale || a.Units() > highest*money.Scale {
		return invalid(field, "%s is not between %d and %d", a, lowest, highest)
	}
	return nil
}
