package billing

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
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

// TopUpLimits returns how much a rule may collect, its defaults filled in.
func TopUpLimits(rule *store.TopUpRule) wallet.Caps { return ruleOf(rule).Limits() }

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
	// Caps are how much it may collect; nil leaves them as they are, except that those
	// in another currency are no more. Nought leaves one to its default.
	Caps *wallet.Caps
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
	return s.SetTopUp(ctx, portalID, TopUp{Enabled: enabled, Floor: floor, Target: target})
}

// SetTopUp is SetTopUpRule of a rule that says how much it may collect, too.
func (s *Service) SetTopUp(ctx context.Context, portalID string, rule TopUp) error {
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
	after := s.topUpRule(rule, before)
	t.note(TopUpRuleChanged, "", notedTopUp(before), notedTopUp(after))
	if after == nil {
		err = tx.DeleteTopUpRule()
	} else {
		err = tx.PutTopUpRule(*after)
	}
	if err != nil {
		return err
	}
	return s.watch(tx, portalID, before, after)
}

// topUpRule is a rule as it is kept in the place of another one; nil for none.
func (s *Service) topUpRule(rule TopUp, before *store.TopUpRule) *store.TopUpRule {
	if rule == (TopUp{}) {
		return nil
	}
	r := store.TopUpRule{Enabled: rule.Enabled, MinBalance: rule.Floor, UpTo: rule.Target, ModifiedAt: s.now()}
	switch {
	case rule.Caps != nil:
		r.MaxCharge, r.MaxDay, r.MaxMonth = given(rule.Caps.Charge), given(rule.Caps.Day), given(rule.Caps.Month)
		r.MaxCount = int64(rule.Caps.Count)
	case before != nil:
		r.MaxCount = before.MaxCount
		if before.MinBalance.Currency() == r.MinBalance.Currency() {
			r.MaxCharge, r.MaxDay, r.MaxMonth = before.MaxCharge, before.MaxDay, before.MaxMonth
		}
	}
	return &r
}

// given returns a cap, or the zero Amount for nought in whatever currency.
func given(limit money.Amount) money.Amount {
	if limit.Sign() == 0 {
		return money.Amount{}
	}
	return limit
}

// watch has it noticed when less is available than a rule's floor, whether it is
// enabled or not: others may want to know. Where that is so already, and the rule is
// another one than before, the rule is asked at once.
func (s *Service) watch(tx *store.Tx, portalID string, before, after *store.TopUpRule) error {
	if !sameRule(before, after) { // it may last for another time now
		if err := tx.HastenJobs(s.now(), jobRunway, ""); err != nil {
			return err
		}
	}
	if err := tx.LockBook(portalID, ledger.Main); err != nil {
		return err
	}
	var floor money.Amount
	if after != nil {
		floor = after.MinBalance
		if err := tx.EnsurePocket(ledger.Main, floor.Currency()); err != nil {
			return err
		}
	}
	pockets, err := tx.Pockets(portalID, ledger.Main)
	if err != nil {
		return err
	}
	for _, p := range pockets {
		was := p.Floor
		if p.Floor = (money.Amount{}); p.Currency() == floor.Currency() {
			p.Floor = floor
		}
		if p.Floor != was {
			if err := tx.PutFloor(ledger.Main, p.Currency(), p.Floor, s.now()); err != nil {
				return err
			}
		}
		if p.Below() && !sameRule(before, after) {
			if err := s.causeTopUp(tx, topUpMemory{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameRule reports whether two rules are one, whenever they were set.
func sameRule(a, b *store.TopUpRule) bool {
	if a == nil || b == nil {
		return a == b
	}
	one, other := *a, *b
	one.ModifiedAt, other.ModifiedAt = time.Time{}, time.Time{}
	return one == other
}

// topUpNote is how the trail tells of a top-up rule.
type topUpNote struct {
	Enabled    bool   `json:"enabled"`
	MinBalance string `json:"minBalance"`
	UpTo       string `json:"upTo"`
	MaxCharge  string `json:"maxCharge,omitempty"`
	MaxDay     string `json:"maxDay,omitempty"`
	MaxMonth   string `json:"maxMonth,omitempty"`
	MaxCount   int64  `json:"maxCount,omitempty"`
}

func notedTopUp(r *store.TopUpRule) any {
	if r == nil {
		return nil
	}
	note := topUpNote{Enabled: r.Enabled, MinBalance: r.MinBalance.String(), UpTo: r.UpTo.String(), MaxCount: r.MaxCount}
	for _, row := range []struct {
		text  *string
		limit money.Amount
	}{{&note.MaxCharge, r.MaxCharge}, {&note.MaxDay, r.MaxDay}, {&note.MaxMonth, r.MaxMonth}} {
		if !row.limit.IsZero() {
			*row.text = row.limit.String()
		}
	}
	return note
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
	if rule.Caps == nil {
		return nil
	}
	for _, row := range []struct {
		field string
		limit money.Amount
	}{{"caps.charge", rule.Caps.Charge}, {"caps.day", rule.Caps.Day}, {"caps.month", rule.Caps.Month}} {
		if err := checkCap(row.field, row.limit, rule.Floor.Currency()); err != nil {
			return err
		}
	}
	if rule.Caps.Count < 0 || rule.Caps.Count > maxTopUpCount {
		return invalid("caps.count", "%d is not between 0 and %d", rule.Caps.Count, maxTopUpCount)
	}
	return nil
}

// maxTopUpCount is the highest cap of charges in 24 hours: one in a minute.
const maxTopUpCount = 24 * 60

// checkCap refuses a cap that nothing could ever be collected by, or that is in another
// currency than its rule. Nought is its default's, in whatever currency.
func checkCap(field string, limit money.Amount, currency money.Currency) error {
	switch {
	case limit.Sign() == 0:
		return nil
	case limit.Currency() != currency:
		return invalid(field, "%s is in another currency than min balance", limit)
	case limit.Sign() < 0:
		return invalid(field, "%s is less than nought", limit)
	case limit.Units() < minTopUpCap*money.Scale:
		return invalid(field, "%s is less than %d", limit, minTopUpCap)
	}
	return nil
}

// minTopUpCap is the lowest cap, in major units: less is no amount to charge a card
// with.
const minTopUpCap = 1

func checkBounds(field string, a money.Amount, lowest, highest int64) error {
	if a.Units() < lowest*money.Scale || a.Units() > highest*money.Scale {
		return invalid(field, "%s is not between %d and %d", a, lowest, highest)
	}
	return nil
}
