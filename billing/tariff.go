package billing

import (
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
)

// bought is one thing that a portal has bought, with its plan.
type bought struct {
	store.Subscription
	plan *catalog.Plan
	// overdue says that it is an add-on that should have been paid by now. One that
	// nothing can renew any more does not count then.
	overdue bool
}

func (b *bought) line() catalog.Line { return catalog.Line{Plan: b.plan, Quantity: b.Quantity} }

// loadBought reads what the portal has bought, the plan first: the default one
// where it has none. Add-ons count until the second that they are due; those that are
// renewed count until their renewal takes them away, so that nobody loses one because
// that is late.
func (s *Service) loadBought(tx *store.Tx, v *facts) error {
	rows, err := tx.Subscriptions(v.Portal.ID)
	if err != nil {
		return err
	}
	now := s.now()
	for _, row := range rows {
		plan, ok := s.catalog.Plan(row.PlanID)
		if !ok {
			return fmt.Errorf("the portal has plan %d, which the catalogue lacks", row.PlanID)
		}
		b := bought{Subscription: row, plan: plan}
		if plan.Wallet && plan.Additional && !row.DueAt.IsZero() {
			over, renewed := !now.Before(row.DueAt), row.PaidFrom != "" && (row.Next == nil || *row.Next > 0)
			b.overdue = over && (!renewed || !row.PastDueAt.IsZero())
			if over && !renewed {
				v.overdue = append(v.overdue, b)
				continue
			}
			if !over {
				v.expires(row.DueAt)
			}
		}
		v.bought = append(v.bought, b)
	}
	if len(v.bought) == 0 || v.bought[0].plan.Additional {
		free := bought{Subscription: store.Subscription{PlanID: s.catalog.DefaultPlan().ID, Quantity: 1}, plan: s.catalog.DefaultPlan()}
		v.bought = slices.Insert(v.bought, 0, free)
	}
	for _, day := range s.borders(v.bought[0].DueAt) {
		if day.After(now) {
			v.expires(day)
		}
	}
	if change := s.catalog.NextPriceChange(now); !change.IsZero() {
		v.expires(change)
	}
	return nil
}

// expires says that time alone makes the facts wrong at a moment.
func (v *facts) expires(at time.Time) {
	if v.until.IsZero() || at.Before(v.until) {
		v.until = at
	}
}

// borders returns when the state of a plan that is paid until a moment changes.
func (s *Service) borders(due time.Time) []time.Time {
	if due.IsZero() {
		return nil
	}
	day := due.UTC().Truncate(24 * time.Hour)
	return []time.Time{day.AddDate(0, 0, 1), day.AddDate(0, 0, s.catalog.Policy().GraceDays+1)}
}

// Tariff is what a portal has bought, and how it stands.
type Tariff struct {
	// ID counts the changes of it: a later one has a higher number.
	ID    int64
	State subscription.State
	// DueAt is when the plan ends or renews; the zero Time means never. DelayedTo is
	// until when it may be late; the zero Time unless it is.
	DueAt, DelayedTo time.Time
	// Email is the payer's; "" when there is no customer.
	Email string
	// Parts are the plan first, then the add-ons, and those whose time is over.
	Parts []TariffPart
}

// TariffPart is one thing that a portal has bought.
type TariffPart struct {
	Plan     *catalog.Plan
	Quantity int64
	// DueAt is its own; the zero Time means never.
	DueAt time.Time
	// Next is how many the next period has: nil for as many as now, 0 for none.
	Next    *int64
	Overdue bool
}

// Tariff returns what the portal has bought and how it stands. Everybody may know
// the state; how much more is shown is the door's to say.
func (s *Service) Tariff(c *Caller) *Tariff {
	v := c.View
	t := &Tariff{ID: v.Portal.Tariff, DueAt: v.bought[0].DueAt}
	t.State, t.DelayedTo = s.stateOf(v.facts)
	if v.customer != nil {
		t.Email = v.customer.Email
	}
	for _, b := range slices.Concat(v.bought, v.overdue) {
		t.Parts = append(t.Parts, TariffPart{Plan: b.plan, Quantity: b.Quantity, DueAt: b.DueAt, Next: b.Next, Overdue: b.overdue})
	}
	return t
}

// stateOf returns how the portal stands, and until when it may be late.
func (s *Service) stateOf(v *facts) (subscription.State, time.Time) {
	plan := v.bought[0]
	return subscription.StateAt(s.now(), plan.DueAt, plan.plan.Features.Has("trial"), s.catalog.Policy().GraceDays)
}

// mustBePaid returns ErrNotPaid when the portal's plan is not paid any more: most
// of a portal is closed then. Source: contract, "Addressing".
func (s *Service) mustBePaid(c *Caller) error {
	if state, _ := s.stateOf(c.View.facts); state == subscription.NotPaid {
		return ErrNotPaid
	}
	return nil
}

// Upcoming is a payment to come.
type Upcoming struct {
	Plan     *catalog.Plan
	Quantity int64
	DueAt    time.Time
	// Amount is by the price that holds on that day.
	Amount money.Amount
}

// Upcoming returns what will be paid at the end of the running periods, the soonest
// first. It fails with ErrAccessDenied unless the caller is an administrator.
// Source: contract, "portal/tariff/upcoming".
func (s *Service) Upcoming(c *Caller) ([]Upcoming, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	var all []Upcoming
	for _, b := range c.View.bought {
		quantity := b.Quantity
		if b.Next != nil {
			quantity = *b.Next
		}
		if b.DueAt.IsZero() || quantity == 0 {
			continue
		}
		amount, err := b.plan.PriceAt(s.currencyOf(&b), b.DueAt).Mul(quantity)
		if err != nil {
			return nil, err
		}
		if amount.Sign() > 0 {
			all = append(all, Upcoming{Plan: b.plan, Quantity: quantity, DueAt: b.DueAt, Amount: amount})
		}
	}
	slices.SortStableFunc(all, func(a, b Upcoming) int { return a.DueAt.Compare(b.DueAt) })
	return all, nil
}

// currencyOf returns the currency that something is paid in: the one that it was
// bought in.
func (s *Service) currencyOf(b *bought) money.Currency {
	if currency := b.Rate.Currency(); currency != "" && slices.Contains(s.catalog.Currencies(), currency) {
		return currency
	}
	return s.catalog.DefaultCurrency()
}

// RightPlan returns the cheapest plan on offer that is not paid by the year and
// allows the users and the storage that the portal has, one unit of it; nil when
// there is none. It fails with ErrAccessDenied unless the caller is an
// administrator, and with ErrNotPaid.
//
// Stock compares bytes with gigabytes, so that size never counts there. Source:
// contract, "GET /api/2.0/portal/quota/right".
func (s *Service) RightPlan(c *Caller, unpaidToo bool) (*Quota, error) {
	if err := s.settingsOfPaid(c, unpaidToo); err != nil {
		return nil, err
	}
	currency := s.catalog.DefaultCurrency()
	var right *Quota
	for _, plan := range s.catalog.Offered(false) {
		if plan.Features.Has("year") || !fits(plan.Features, c.View.usage, "users") || !fits(plan.Features, c.View.usage, "total_size") {
			continue
		}
		price := plan.PriceAt(currency, s.now())
		if right == nil || price.Units() < right.Price.Units() {
			right = &Quota{Plan: plan, Price: price, Region: s.catalog.DefaultRegion(), Features: plan.Features}
		}
	}
	return right, nil
}

func fits(f catalog.Features, used map[string]int64, feature string) bool {
	limit := f.Limit(feature)
	return limit == catalog.Unlimited || used[feature] <= limit
}

// UsedSpace returns how many bytes the portal uses, 0 when it never said. It fails
// with ErrAccessDenied unless the caller is an administrator, and with ErrNotPaid.
func (s *Service) UsedSpace(c *Caller, unpaidToo bool) (int64, error) {
	if err := s.settingsOfPaid(c, unpaidToo); err != nil {
		return 0, err
	}
	return c.View.usage["total_size"], nil
}

// settingsOfPaid returns nil for an administrator of a portal that is paid, or of any
// portal if the caller says so.
func (s *Service) settingsOfPaid(c *Caller, unpaidToo bool) error {
	if !unpaidToo {
		if err := s.mustBePaid(c); err != nil {
			return err
		}
	}
	return c.mustAdminister()
}

// ActiveService is something that a portal pays for from its wallet.
type ActiveService struct {
	Plan *catalog.Plan
	// Subscription says that it is paid by the period, not by use.
	Subscription bool
	// Limit is what is allowed of it and Used what is used; nil where nothing is
	// counted.
	Limit, Used *int64
}

// ActiveServices returns the add-ons that the portal has, and the services that are
// switched on. It fails with ErrAccessDenied unless the caller is an administrator.
func (s *Service) ActiveServices(c *Caller) ([]ActiveService, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	v := c.View
	var all []ActiveService
	for _, b := range v.bought {
		if !b.plan.Additional {
			continue
		}
		active := ActiveService{Plan: b.plan, Subscription: true}
		if b.plan.Kind() == catalog.Storage {
			total, err := s.allowance(v.bought, s.catalog.DefaultCurrency())
			if err != nil {
				return nil, err
			}
			if limit := total.Features.Limit("total_size"); limit != catalog.Unlimited {
				active.Limit = &limit
			}
			if used, known := v.usage["total_size"]; known {
				active.Used = &used
			}
		}
		all = append(all, active)
	}
	for _, id := range v.services {
		if plan, ok := s.catalog.Plan(id); ok && !slices.ContainsFunc(all, func(a ActiveService) bool { return a.Plan == plan }) {
			all = append(all, ActiveService{Plan: plan})
		}
	}
	return all, nil
}

// allowance adds up what is bought.
func (s *Service) allowance(all []bought, currency money.Currency) (catalog.Allowance, error) {
	lines := make([]catalog.Line, len(all))
	for i := range all {
		lines[i] = all[i].line()
	}
	return catalog.Sum(lines, currency, s.now())
}
