package billing

import (
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
)

// Quota is a plan or a service, or all that a portal has bought together.
type Quota struct {
	// Plan is the plan, or the first one bought.
	Plan     *catalog.Plan
	Price    money.Amount
	Region   money.Region // whose currency the price is in
	Features catalog.Features
	// Used is what is used of features, by name; nil for what is only on offer.
	// A feature whose use was never reported is not in it.
	Used map[string]int64
	// DueAt is when the next add-on ends or renews or, without one that does,
	// the plan; the zero Time means never.
	DueAt time.Time
}

// Standing is what holds for all quotas of a portal.
type Standing struct {
	// Current is the plan that the portal has.
	Current *catalog.Plan
	// Services are the ids of the wallet services that are switched on.
	Services []int
	// Since is when the portal was made.
	Since time.Time
}

// Quota returns what the portal has bought and what is used of it. It fails with
// ErrAccessDenied for guests.
func (s *Service) Quota(c *Caller, locale catalog.Locale) (*Quota, *Standing, error) {
	if c.Role == Guest {
		return nil, nil, ErrAccessDenied
	}
	v := c.View
	q := &Quota{Region: s.region(v, locale), Used: v.usage}
	for _, b := range v.bought {
		if b.plan.Wallet && b.plan.Additional && !b.DueAt.IsZero() && (q.DueAt.IsZero() || b.DueAt.Before(q.DueAt)) {
			q.DueAt = b.DueAt
		}
	}
	if q.DueAt.IsZero() && !s.stockQuirks {
		q.DueAt = v.bought[0].DueAt
	}
	total, err := s.allowance(v.bought, q.Region.Currency)
	if err != nil {
		return nil, nil, err
	}
	q.Plan, q.Price, q.Features = total.Primary, total.Price, total.Features
	return q, s.standing(v), nil
}

// Quotas returns the plans on offer or, with wallet, the services that are paid
// from it, one unit of each. A portal with a non-profit plan is offered only that.
// It fails with ErrAccessDenied unless the caller is an administrator.
func (s *Service) Quotas(c *Caller, wallet bool, locale catalog.Locale) ([]Quota, *Standing, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, nil, err
	}
	current := c.View.bought[0].plan
	plans := s.catalog.Offered(wallet)
	if !wallet && current.Features.Has("non-profit") {
		plans = []*catalog.Plan{current}
	}
	region, now := s.region(c.View, locale), s.now()
	offers := make([]Quota, 0, len(plans))
	for _, plan := range plans {
		offers = append(offers, Quota{
			Plan: plan, Price: plan.PriceAt(region.Currency, now), Region: region, Features: plan.Features,
		})
	}
	return offers, s.standing(c.View), nil
}

// Currencies returns the regions whose currencies prices are shown in: the
// default one and, where it is another, the reader's. It fails with
// ErrAccessDenied unless the caller is an administrator.
func (s *Service) Currencies(c *Caller, locale catalog.Locale) ([]money.Region, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	list := []money.Region{s.catalog.DefaultRegion()}
	if region := s.region(c.View, locale); region != list[0] {
		list = append(list, region)
	}
	return list, nil
}

// Catalog returns what is for sale.
func (s *Service) Catalog() *catalog.Catalog { return s.catalog }

func (s *Service) region(v *View, locale catalog.Locale) money.Region {
	locale.Portal = v.Portal.Country
	return s.catalog.Region(locale)
}

func (s *Service) standing(v *View) *Standing {
	return &Standing{Current: v.bought[0].plan, Services: v.services, Since: v.Portal.CreatedAt}
}
