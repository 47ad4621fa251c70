package billing

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/ledger"
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

// PortalTopUpRule says when, and up to what, a portal's wallet is refilled, for its
// operator; nil when no rule was ever set. It fails with ErrNotFound when there is no
// such portal.
func (s *Service) PortalTopUpRule(ctx context.Context, portalID string) (rule *store.TopUpRule, err error) {
	err = s.readPortal(ctx, portalID, "read top-up rule", func(tx *store.Tx) (err error) {
		rule, err = tx.TopUpRule(portalID)
		return err
	})
	return rule, err
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

// TopUpChange is a top-up rule as a portal's payer sets it, in whole major units.
type TopUpChange struct {
	Enabled                 bool
	MinBalance, UpToBalance int64
	// Currency is one of the catalogue's; "" is its default.
	Currency money.Currency
}

// ChangeTopUpRule sets when, and up to what, the caller's wallet is refilled, and
// returns the rule; nil takes it away. Both amounts are checked as a pair. It fails
// with ErrAccessDenied unless the caller is who pays, with ErrNotFound, and with a
// FieldError. Source: contract, "POST /payment/topupsettings".
func (s *Service) ChangeTopUpRule(ctx context.Context, c *Caller, change *TopUpChange) (store.TopUpRule, error) {
	switch {
	case c.View.customer == nil:
		return store.TopUpRule{}, missing("Customer could not be found")
	case len(c.View.wallet[ledger.Main]) == 0:
		return store.TopUpRule{}, missing("Balance could not be found")
	case !c.Pays():
		return store.TopUpRule{}, ErrAccessDenied
	}
	now := s.now()
	if change == nil {
		return store.TopUpRule{ModifiedAt: now}, s.setTopUp(ctx, c.View.Portal.ID, TopUp{})
	}
	if change.Currency == "" {
		change.Currency = s.catalog.DefaultCurrency()
	}
	floor, err := money.FromMajor(change.MinBalance, change.Currency)
	if err != nil {
		return store.TopUpRule{}, invalid("min balance", "%v", err)
	}
	target, err := money.FromMajor(change.UpToBalance, change.Currency)
	if err != nil {
		return store.TopUpRule{}, invalid("up to balance", "%v", err)
	}
	rule := TopUp{Enabled: change.Enabled, Floor: floor, Target: target}
	if err := s.setTopUp(ctx, c.View.Portal.ID, rule); err != nil {
		var wrong *FieldError
		if errors.As(err, &wrong) { // as the portal names it
			err = &FieldError{Field: "settings." + camelCase(wrong.Field), Text: wrong.Text}
		}
		return store.TopUpRule{}, err
	}
	return store.TopUpRule{Enabled: rule.Enabled, MinBalance: floor, UpTo: target, ModifiedAt: now}, nil
}

// camelCase turns "min balance" into "minBalance".
func camelCase(words string) string {
	first, rest, more := strings.Cut(words, " ")
	for more {
		var word string
		word, rest, more = strings.Cut(rest, " ")
		first += strings.ToUpper(word[:1]) + word[1:]
	}
	return first
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
	return fromStore("set top-up rule", s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		return s.putTopUp(tx, t, portalID, rule)
	}))
}

func (s *Service) putTopUp(tx *store.Tx, t *trail, portalID string, rule TopUp) error {
	before, err := tx.TopUpRule(portalID)
	if err != nil {
		return err
	}
	t.note(TopUpRuleChanged, "", notedTopUp(before), rule.noted())
	if rule == (TopUp{}) {
		return tx.DeleteTopUpRule()
	}
	return tx.PutTopUpRule(store.TopUpRule{
		Enabled: rule.Enabled, MinBalance: rule.Floor, UpTo: rule.Target, ModifiedAt: s.now(),
	})
}

// topUpNote is how the trail tells of a top-up rule.
type topUpNote struct {
	Enabled    bool   `json:"enabled"`
	MinBalance string `json:"minBalance"`
	UpTo       string `json:"upTo"`
}

func (r TopUp) noted() any {
	if r == (TopUp{}) {
		return nil
	}
	return topUpNote{r.Enabled, r.Floor.String(), r.Target.String()}
}

func notedTopUp(r *store.TopUpRule) any {
	if r == nil {
		return nil
	}
	return topUpNote{r.Enabled, r.MinBalance.String(), r.UpTo.String()}
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
