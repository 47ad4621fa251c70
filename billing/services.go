package billing

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// EnabledServices are the wallet services that are switched on.
type EnabledServices struct {
	// Plans are their ids in the catalogue, the highest first; none when there are
	// none.
	Plans []int
	// ModifiedAt is when they were switched last, or when the portal was made.
	ModifiedAt time.Time
}

// EnabledServices returns the wallet services that are switched on. It fails with
// ErrAccessDenied unless the caller is an administrator.
func (s *Service) EnabledServices(c *Caller) (EnabledServices, error) {
	if err := c.mustAdminister(); err != nil {
		return EnabledServices{}, err
	}
	out := EnabledServices{Plans: c.View.services, ModifiedAt: c.View.Portal.ServicesAt}
	if out.ModifiedAt.IsZero() {
		out.ModifiedAt = c.View.Portal.CreatedAt
	}
	return out, nil
}

// SwitchService switches a wallet service on or off, by any of its names, and
// returns what is on then. Search in AI features needs AI features, and goes with
// them. It fails with ErrAccessDenied unless the caller is who pays, with
// ErrNotFound, and with an ArgumentError. Source: contract, "POST
// /payment/servicestate".
func (s *Service) SwitchService(ctx context.Context, c *Caller, name string, on bool) (EnabledServices, error) {
	if err := c.mustAdminister(); err != nil {
		return EnabledServices{}, err
	}
	if c.View.customer == nil {
		return EnabledServices{}, missing("Customer could not be found")
	}
	if !c.Pays() {
		return EnabledServices{}, ErrAccessDenied
	}
	plan, ok := s.catalog.ByService(name)
	if !ok || !plan.Additional {
		return EnabledServices{}, missing("Service could not be found")
	}
	out := EnabledServices{ModifiedAt: s.now()}
	err := s.change(ctx, c.View.Portal.ID, func(tx *store.Tx, t *trail) (err error) {
		out.Plans, err = s.switchService(tx, t, c.View.Portal.ID, plan, on)
		return err
	})
	return out, fromStore("switch service", err)
}

// switchService switches a service in a transaction, and returns what is on then.
func (s *Service) switchService(tx *store.Tx, t *trail, portalID string, plan *catalog.Plan, on bool) ([]int, error) {
	before, err := tx.Services(portalID)
	if err != nil {
		return nil, err
	}
	isOn := func(kind catalog.ServiceKind) func(int) bool {
		return func(id int) bool {
			p, ok := s.catalog.Plan(id)
			return ok && p.Kind() == kind
		}
	}
	after := slices.DeleteFunc(slices.Clone(before), func(id int) bool { return id == plan.ID })
	switch {
	case on && plan.Kind() == catalog.AISearch && !slices.ContainsFunc(before, isOn(catalog.AITools)):
		return nil, ErrAccessDenied // DocSpace's own answer
	case on:
		after = append(after, plan.ID)
	case plan.Kind() == catalog.AITools:
		after = slices.DeleteFunc(after, isOn(catalog.AISearch))
	}
	slices.SortFunc(after, func(a, b int) int { return b - a })
	if slices.Equal(before, after) {
		return after, nil
	}
	t.note(ServicesChanged, plan.Name, before, after)
	return after, tx.PutServices(after, s.now())
}

// WalletService is something that is paid from the wallet, on offer.
type WalletService struct {
	Quota
	// Inner are those that belong to it.
	Inner []Quota
}

// WalletServices returns what is paid from the wallet beside a plan: what is on
// offer, each with the services that belong to it. It fails with ErrAccessDenied
// unless the caller is an administrator. Source: contract, "GET
// /payment/walletservices".
func (s *Service) WalletServices(c *Caller, locale catalog.Locale) ([]WalletService, *Standing, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, nil, err
	}
	var all []WalletService
	for _, plan := range s.catalog.Offered(true) {
		service := WalletService{Quota: s.offer(c.View, plan, locale)}
		for _, inner := range s.catalog.All() {
			if inner.Wallet && !inner.Visible && inner.Group != "" && inner.Group == plan.Name {
				service.Inner = append(service.Inner, s.offer(c.View, inner, locale))
			}
		}
		all = append(all, service)
	}
	return all, s.standing(c.View), nil
}

// WalletService returns what is paid from the wallet and goes by a name, whether it
// is on offer or not. It fails with ErrNotFound, and with ErrAccessDenied unless
// the caller is an administrator.
func (s *Service) WalletService(c *Caller, name string, locale catalog.Locale) (*WalletService, *Standing, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, nil, err
	}
	plan, ok := s.catalog.ByService(name)
	if !ok {
		return nil, nil, missing("Service could not be found")
	}
	return &WalletService{Quota: s.offer(c.View, plan, locale)}, s.standing(c.View), nil
}

// offer returns one unit of a plan as it is on offer.
func (s *Service) offer(v *View, plan *catalog.Plan, locale catalog.Locale) Quota {
	region := s.region(v, locale)
	return Quota{Plan: plan, Price: plan.PriceAt(region.Currency, s.now()), Region: region, Features: plan.Features}
}

// Prices returns the plans on offer by their product names, with what one unit costs
// in the currency that who asks pays by card in. It fails with ErrAccessDenied unless
// the caller is an administrator. Source: contract, "GET /payment/prices".
func (s *Service) Prices(c *Caller, locale catalog.Locale) (map[string]money.Amount, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	prices := map[string]money.Amount{}
	for _, plan := range s.catalog.Offered(false) {
		prices[plan.Name] = plan.PriceAt(s.requestCurrency(locale), s.now())
	}
	return prices, nil
}

// ServicePrices returns what is paid from the wallet and goes by a name, and every
// price that it has, had and will have; nil for a service that there is not. It
// fails with ErrAccessDenied unless the caller is an administrator. Source: contract,
// "accounting/prices".
func (s *Service) ServicePrices(c *Caller, name string) (*catalog.Plan, []catalog.Price, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, nil, err
	}
	plan, ok := s.catalog.ByService(name)
	if !ok {
		return nil, nil, nil
	}
	return plan, plan.Prices(), nil
}

// WalletCurrencies returns the currencies that a wallet may hold, its own first. It
// fails with ErrAccessDenied unless the caller is an administrator.
func (s *Service) WalletCurrencies(c *Caller) ([]money.Currency, error) {
	return s.catalog.Currencies(), c.mustAdminister()
}

// CreditAI moves an amount from the wallet to the AI credit beside it, and switches
// AI features on. The same under the same key is done once; one without a key that
// the same user asked for within the last ten seconds is the same one.
//
// It fails with ErrAccessDenied unless the caller is who pays, with ErrNotFound,
// ErrInsufficient, ErrMismatch, and with an ArgumentError. Source: contract, "POST
// /payment/creditaibalance".
func (s *Service) CreditAI(ctx context.Context, c *Caller, key string, amount money.Amount) (Receipt, error) {
	if err := checkOptionalKey(key); err != nil {
		return Receipt{}, err
	}
	if amount.Units() < money.Scale/100 || amount.Units() > maxDeposit*money.Scale {
		return Receipt{}, invalid("amount", "must be between 0.01 and %d", int64(maxDeposit))
	}
	if c.View.customer == nil {
		return Receipt{}, missing("Customer could not be found")
	}
	if !c.Pays() {
		return Receipt{}, ErrAccessDenied
	}
	portalID := c.View.Portal.ID
	order := spending{
		portalID: portalID, key: key, by: c.User.ID,
		input: ledger.InputOf("ai", amount.Currency(), amount.Units(), c.User.ID),
	}
	if done, err := s.wasSpent(ctx, order); err != nil {
		return Receipt{}, err
	} else if done {
		return s.spend(ctx, order)
	}
	plan, err := s.mayCredit(c, amount)
	if err != nil {
		return Receipt{}, err
	}
	order.decide = func(tx *store.Tx) (*settledSpending, error) {
		return &settledSpending{
			do: wallet.AICredit(wallet.Payment{Amount: amount, Participant: c.User.ID}),
			also: func(tx *store.Tx, t *trail) error {
				t.note(CreditBought, plan.Service, nil, amount.String())
				_, err := s.switchService(tx, t, portalID, plan, true)
				return err
			},
		}, nil
	}
	return s.spend(ctx, order)
}

// mayCredit returns the plan of AI features if their credit can be bought with what
// is in the wallet.
func (s *Service) mayCredit(c *Caller, amount money.Amount) (*catalog.Plan, error) {
	pockets := c.View.wallet[ledger.Main]
	i := slices.IndexFunc(pockets, func(p ledger.Pocket) bool { return p.Currency() == amount.Currency() })
	switch {
	case len(pockets) == 0:
		return nil, missing("Balance could not be found")
	case !slices.Contains(s.catalog.Currencies(), amount.Currency()):
		return nil, argument("currency", "Unsupported currency")
	case i < 0:
		return nil, missing("Subaccount could not be found")
	}
	if available, err := pockets[i].Available(); err != nil {
		return nil, err
	} else if available, err = available.Add(pockets[i].CreditLimit); err != nil || available.Units() < amount.Units() {
		return nil, argument("amount", "Insufficient balance")
	}
	for _, plan := range s.catalog.All() {
		if plan.Kind() == catalog.AITools && plan.Visible {
			return plan, nil
		}
	}
	return nil, missing("AiTools quota not found")
}

// BuyAICredit is CreditAI for so many units of the service that AI features are, at
// today's price. It fails with ErrNotFound for other services, too. Source: contract,
// "buywalletservice".
func (s *Service) BuyAICredit(ctx context.Context, c *Caller, key, service string, n int64) (Receipt, error) {
	if err := s.MayBuy(c); err != nil {
		return Receipt{}, err
	}
	plan, ok := s.catalog.ByService(service)
	if !ok || plan.Kind() != catalog.AITools {
		return Receipt{}, missing("Service could not be found")
	}
	amount, err := plan.PriceAt(s.catalog.DefaultCurrency(), s.now()).Mul(n)
	if err != nil {
		return Receipt{}, invalid("quantity", "is too much: %v", err)
	}
	return s.CreditAI(ctx, c, key, amount)
}

// AIPrices returns the price list of AI features. It fails with ErrAccessDenied
// unless the caller is an administrator.
func (s *Service) AIPrices(c *Caller) (catalog.AI, error) {
	return s.catalog.AI(), c.mustAdminister()
}

// RestrictedModels returns the AI models that the portal's people may not use. It
// fails with ErrAccessDenied unless the caller is an administrator.
func (s *Service) RestrictedModels(c *Caller) ([]string, error) {
	return c.View.restricted, c.mustAdminister()
}

// maxRestricted bounds the AI models that are restricted, and a name of one.
const (
	maxRestricted = 1000
	maxModel      = 255
)

// RestrictModels replaces the AI models that the portal's people may not use, and
// returns them. It fails with ErrAccessDenied unless the caller is who pays, and with
// ErrNotFound when there is no customer. Source: contract, "AI price and restriction
// routes".
func (s *Service) RestrictModels(ctx context.Context, c *Caller, models []string) ([]string, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	if c.View.customer == nil {
		return nil, missing("Customer could not be found")
	}
	if !c.Pays() {
		return nil, ErrAccessDenied
	}
	if len(models) > maxRestricted {
		return nil, invalid("models", "has more than %d elements", maxRestricted)
	}
	after := slices.Clone(models)
	slices.Sort(after)
	after = slices.Compact(after)
	for _, model := range after {
		if strings.TrimSpace(model) == "" {
			return nil, invalid("models", "has an empty name")
		}
		if err := checkText("models", model, maxModel); err != nil {
			return nil, err
		}
	}
	err := s.change(ctx, c.View.Portal.ID, func(tx *store.Tx, t *trail) error {
		before, err := tx.RestrictedModels(c.View.Portal.ID)
		if err != nil || slices.Equal(before, after) {
			return err
		}
		t.note(ModelsRestricted, "", before, after)
		return tx.PutRestrictedModels(after)
	})
	return after, fromStore("restrict models", err)
}
