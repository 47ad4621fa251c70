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

// TopUp is a top-up rule as it is set; the zero TopUp stands for none.
type TopUp struct {
	Enabled bool
	// Floor is the available amount below which the wallet is refilled, Target
	// the one that it is refilled to. Both are in one currency.
	Floor, Target money.Amount
}

// SetTopUpRule sets when, and up to what, the portal's wallet is refilled. Both
// amounts are checked as a pair. It fails with ErrNotFound when there is no such
// portal.
func (s *Service) SetTopUpRule(ctx context.Context, portalID string, enabled bool, floor, target money.Amount) error {
	rule := TopUp{Enabled: enabled, Floor: floor, Target: target}
	if rule == (TopUp{}) {
		return invalid("currency", "is missing")
	}
	return s.setTopUp(ctx, portalID, rule)
}

// ClearTopUpRule takes the portal's rule away: nothing is refilled, and no rule
// is shown. It fails with ErrNotFound when there is no such portal.
func (s *Service) ClearTopUpRule(ctx context.Context, portalID string) error {
	return s.setTopUp(ctx, portalID, TopUp{})
}

func (s *Service) setTopUp(ctx context.Context, portalID string, rule TopUp) error {
	if err := s.checkTopUp(rule); err != nil {
		return err
	}
	return fromStore("set top-up rule", s.store.Change(ctx, portalID, func(tx *store.Tx) error {
		return s.putTopUp(tx, rule)
	}))
}

func (s *Service) putTopUp(tx *store.Tx, rule TopUp) error {
	if rule == (TopUp{}) {
		return tx.DeleteTopUpRule()
	}
	return tx.PutTopUpRule(store.TopUpRule{
		Enabled: rule.Enabled, MinBalance: rule.Floor, UpTo: rule.Target, ModifiedAt: s.now(),
	})
}

func (s *Service) checkTopUp(rule TopUp) error {
	if rule == (TopUp{}) {
		return nil
	}
	if !slices.Contains(s.catalog.Currencies(), rule.Floor.Currency()) {
		return invalid("currency", "%q is none of %v", rule.Floor.Currency(), s.catalog.Currencies())
	}
	if err := checkBounds("min balance", rule.Floor, minTopUpFloor, maxTopUpFloor); err != nil {
		return err
	}
	if err := checkBounds("up to balance", rule.Target, minTopUpTarget, maxTopUpTarget); err != nil {
		return err
	}
	order, err := rule.Target.Compare(rule.Floor)
	if err != nil {
		return invalid("up to balance", "is in another currency than min balance")
	}
	if order <= 0 {
		return invalid("up to balance", "%s is not more than min balance %s", rule.Target, rule.Floor)
	}
	return nil
}

func checkBounds(field string, a money.Amount, lowest, highest int64) error {
	if a.Units() < lowest*money.Scale || a.Units() > highest*money.Scale {
		return invalid(field, "%s is not between %d and %d", a, lowest, highest)
	}
	return nil
}
