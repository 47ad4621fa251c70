package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// state is how a portal is: as much of it as what is wanted is about.
type state struct {
	url string
	// rule is nil where the portal has, or tells of, none.
	rule *docspace.TopUpSettings
	// caps are nil where nobody asked for them.
	caps    *Caps
	enabled *docspace.ServicesSettings
	tariff  *docspace.Tariff
	quota   *docspace.Quota

	// What prices are worked out from, where they were asked for.
	customer *docspace.CustomerInfo
	offers   []docspace.WalletService
	quotas   []docspace.Quota
	balance  *docspace.Balance
}

// site is a portal that is read and changed, and what is wanted of it.
type site struct {
	*fleet.Portal
	wanted   Wanted
	operator *operator // nil where there is none
}

// read reads how a portal is; prices says that what changes cost is wanted, too.
func (s *site) read(ctx context.Context, prices bool) (*state, error) {
	st := &state{url: s.Client.URL()}
	w := s.wanted
	steps := []struct {
		needed bool
		read   func() error
	}{
		{w.Rule != nil, func() (err error) { st.rule, err = s.TopUpSettings(ctx); return err }},
		{w.Rule != nil && w.Rule.Caps != nil, func() (err error) { st.caps, err = s.operator.caps(ctx); return err }},
		{len(w.Services) > 0, func() (err error) { st.enabled, err = s.ServicesSettings(ctx); return err }},
		{len(w.Quantities) > 0 || w.Plan != nil, func() (err error) { st.tariff, err = s.Tariff(ctx); return err }},
		{w.Plan != nil, func() (err error) { st.quota, err = s.Quota(ctx); return err }},
		{prices, func() (err error) { st.customer, err = s.CustomerInfo(ctx); return err }},
		{prices && len(w.Services)+len(w.Quantities) > 0, func() (err error) { st.offers, err = s.WalletServices(ctx); return err }},
		{prices && len(w.Quantities) > 0, func() (err error) { st.balance, err = s.Balance(ctx); return err }},
		{prices && w.Plan != nil, func() (err error) { st.quotas, err = s.Quotas(ctx); return err }},
	}
	for _, step := range steps {
		if !step.needed {
			continue
		}
		if err := step.read(); err != nil {
			return nil, err
		}
	}
	if (len(w.Quantities) > 0 || w.Plan != nil) && (st.tariff == nil || st.tariff.Details == nil) {
		return nil, errors.New("the portal does not say what it has bought: the key's user must be its owner or an administrator")
	}
	return st, nil
}

// part is what a portal has of something.
type part struct {
	ID       int        `json:"id"`
	Quantity int64      `json:"quantity"`
	Next     *int64     `json:"next,omitempty"`
	Due      *time.Time `json:"due,omitempty"`
	Overdue  bool       `json:"overdue,omitempty"`
}

// part returns what a portal has by an id; an empty one for nothing.
func (s *state) part(id int) part {
	i := slices.IndexFunc(s.tariff.Details.Quotas, func(q docspace.TariffQuota) bool { return q.ID == id })
	if i < 0 {
		return part{ID: id}
	}
	q := s.tariff.Details.Quotas[i]
	p := part{ID: id, Quantity: q.Quantity, Next: q.NextQuantity, Overdue: q.State != nil && *q.State == docspace.QuotaOverdue}
	if due := q.DueDate.Time; !due.IsZero() {
		due = due.UTC()
		p.Due = &due
	} else if s.tariff.Dates != nil && !s.tariff.Dates.Due.IsZero() {
		due = s.tariff.Dates.Due.UTC()
		p.Due = &due
	}
	return p
}

// plan returns the plan that a portal has.
func (s *state) plan() part {
	if s.quota == nil {
		return part{}
	}
	return s.part(s.quota.ID)
}

// offer returns what a portal offers by the number of a service; nil for nothing.
func (s *state) offer(id docspace.Service) *docspace.WalletService {
	i := slices.IndexFunc(s.offers, func(o docspace.WalletService) bool { return docspace.Service(o.ID) == id })
	if i < 0 {
		return nil
	}
	return &s.offers[i]
}

// fingerprint stands for all that is known of what is wanted: two of a portal are the
// same as long as nobody changed any of it.
func (s *state) fingerprint(w Wanted) string {
	var seen struct {
		URL      string
		Rule     *Rule
		Services []Switch
		Parts    []part
	}
	seen.URL = s.url
	if w.Rule != nil {
		seen.Rule = s.hasRule()
	}
	for _, wanted := range w.Services {
		seen.Services = append(seen.Services, Switch{wanted.Service, s.isOn(wanted.Service)})
	}
	for _, q := range w.Quantities {
		seen.Parts = append(seen.Parts, s.part(int(findProduct(q.Product).id)))
	}
	if w.Plan != nil {
		seen.Parts = append(seen.Parts, s.plan())
	}
	return digest(seen)
}

// digest returns a short name for a value.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // no value here can't be written
		panic(fmt.Sprintf("manifest: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// hasRule returns the rule that a portal has, with its caps where they are known.
func (s *state) hasRule() *Rule {
	if s.rule == nil || s.rule.UpToBalance.Sign() <= 0 {
		return &Rule{None: true}
	}
	return &Rule{Enabled: s.rule.Enabled, Min: s.rule.MinBalance, UpTo: s.rule.UpToBalance, Caps: s.caps}
}

func (s *state) isOn(service string) bool {
	return s.enabled != nil && s.enabled.Enabled(findProduct(service).id)
}

// priceOf returns what so many of a service cost a period; false where the portal
// does not say, or not in which currency.
func (s *state) priceOf(id docspace.Service, n int64) (money.Amount, bool) {
	offer := s.offer(id)
	if offer == nil || offer.Price == nil || offer.Price.Amount.Currency() == "" {
		return money.Amount{}, false
	}
	price, err := offer.Price.Amount.Mul(n)
	return price, err == nil
}
