package billing

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
	"github.com/bursarhq/bursar/wallet"
)

// PurchaseQuote is what a purchase from the wallet comes to.
type PurchaseQuote struct {
	Plan *catalog.Plan
	// Quantity is how many are bought.
	Quantity int64
	// Amount is what they cost until the end of the running period, or for a whole
	// one where none is running.
	Amount money.Amount
	// Until is the end of that period.
	Until time.Time
}

// walletPurchase is a purchase that the wallet pays, as it would be carried out on
// what the portal has.
type walletPurchase struct {
	plan   *catalog.Plan
	n      int64
	before *bought // nil: none is running
	after  subscription.Holding
	cost   money.Amount
}

// QuotePurchase returns what more of a wallet service would cost right now: what
// Purchase then charges, as long as it is the same day of the running period, the
// same price list, and nothing was bought in between. It fails with
// ErrAccessDenied unless the caller is who pays, with ErrNotFound, ErrNotPaid, and
// with an ArgumentError. Source: contract, "PUT /payment/calculatewallet".
func (s *Service) QuotePurchase(ctx context.Context, c *Caller, product string, n int64) (*PurchaseQuote, error) {
	plan, err := s.walletProduct(c, product, n)
	if err != nil {
		return nil, err
	}
	if err := s.checkPocket(c); err != nil {
		return nil, err
	}
	p, err := s.price(c.View.bought, c.View.Portal.TimeZone, plan, n)
	if err != nil {
		return nil, err
	}
	return &PurchaseQuote{Plan: plan, Quantity: n, Amount: p.cost, Until: p.after.Term.End}, nil
}

// Purchase buys more of a wallet service until the end of its running period, or
// begins one, and charges the wallet in the same transaction. The same purchase
// under the same key is made once; one without a key that the same user made within
// the last ten seconds is the same one. What was made before is answered as it was
// then, whatever could be refused by now.
//
// It fails as QuotePurchase does, and with ErrLimit, ErrInsufficient and ErrMismatch.
// Source: contract, "PUT /payment/updatewallet".
func (s *Service) Purchase(ctx context.Context, c *Caller, key, product string, n int64) (Receipt, error) {
	if err := checkOptionalKey(key); err != nil {
		return Receipt{}, err
	}
	plan, err := s.scheduledProduct(c, product)
	if err != nil {
		return Receipt{}, err
	}
	order := spending{
		portalID: c.View.Portal.ID, key: key, by: c.User.ID,
		input: ledger.InputOf("purchase", plan.ID, n, c.User.ID),
		decide: func(tx *store.Tx) (*settledSpending, error) {
			return s.decidePurchase(tx, c.View.Portal.ID, plan, n, c.User.ID)
		},
	}
	if done, err := s.wasSpent(ctx, order); err != nil {
		return Receipt{}, err
	} else if done {
		return s.spend(ctx, order)
	}
	if _, err := s.walletProduct(c, product, n); err != nil {
		return Receipt{}, err
	}
	if err := s.checkFirst(c.View.bought, c.View.usage, plan, n); err != nil {
		return Receipt{}, err
	}
	if err := s.checkPocket(c); err != nil {
		return Receipt{}, err
	}
	return s.spend(ctx, order)
}

// checkPocket refuses a caller whose wallet has nothing to pay services from.
func (s *Service) checkPocket(c *Caller) error {
	pockets := c.View.wallet[ledger.Main]
	if len(pockets) == 0 {
		return missing("Balance could not be found")
	}
	if !slices.ContainsFunc(pockets, func(p ledger.Pocket) bool { return p.Currency() == s.catalog.DefaultCurrency() }) {
		return missing("Subaccount could not be found")
	}
	return nil
}

// walletProduct returns what goes by the name of a product, if the caller may buy
// so many of it with what is in the wallet.
func (s *Service) walletProduct(c *Caller, product string, n int64) (*catalog.Plan, error) {
	plan, err := s.scheduledProduct(c, product)
	if err != nil {
		return nil, err
	}
	if err := s.mayAdd(c.View.facts, plan); err != nil {
		return nil, err
	}
	if n < 1 || n > maxQuantity {
		return nil, argument("quantity", "Invalid quantity")
	}
	return plan, nil
}

// scheduledProduct returns what goes by the name of a product that is paid by the
// period from the wallet, if the caller may change it.
func (s *Service) scheduledProduct(c *Caller, product string) (*catalog.Plan, error) {
	if c.View.customer == nil {
		return nil, missing("Customer could not be found")
	}
	if !c.Pays() {
		return nil, ErrAccessDenied
	}
	plan, ok := s.catalog.ByProductName(product)
	if !ok || !plan.Wallet || plan.ProductID == "" || plan.Period == catalog.NoPeriod {
		return nil, argument("quantity", "Invalid product")
	}
	return plan, nil
}

// mayAdd returns ErrNotPaid for what is had beside a plan that is not paid.
func (s *Service) mayAdd(v *facts, plan *catalog.Plan) error {
	if state, _ := s.stateOf(v); plan.Additional && (state == subscription.Delay || state == subscription.NotPaid) {
		return ErrNotPaid
	}
	return nil
}

// checkFirst refuses a first purchase of too few: of storage, 100; of a plan, as
// many as there are admins. A plan is refused, too, while another one runs that the
// card pays: what is left of that would be lost.
func (s *Service) checkFirst(all []bought, used map[string]int64, plan *catalog.Plan, n int64) error {
	if s.findRunning(all, plan) != nil {
		return nil
	}
	least := plan.Minimum
	if !plan.Additional {
		if primary := &all[0]; primary.plan != plan && s.runs(primary) && s.costs(primary.plan) {
			return argument("quantity", "Invalid product")
		}
		least = max(least, used["manager"])
	}
	if n < least {
		return argument("quantity", "Invalid quantity")
	}
	return nil
}

// price works out a purchase from the wallet on what a portal has. Zone is the
// portal's, for a period that begins. Of a service that should have been paid by now,
// and counts until its days of grace are over, there is no more: that is ErrNotPaid.
func (s *Service) price(all []bought, zone string, plan *catalog.Plan, n int64) (*walletPurchase, error) {
	p := &walletPurchase{plan: plan, n: n, before: s.findRunning(all, plan)}
	now := s.now()
	currency := s.catalog.DefaultCurrency()
	if p.before != nil {
		currency = s.currencyOf(p.before)
	}
	unit := plan.PriceAt(currency, now)
	if p.before == nil && plan.Additional && findBought(all, plan) != nil {
		return nil, ErrNotPaid // what there is of it is paid first
	}
	if p.before == nil {
		term, err := s.begin(now, plan, zone)
		if err != nil {
			return nil, err
		}
		if p.after, err = subscription.Buy(n, unit, term); err != nil {
			return nil, fromSubscription(err)
		}
		p.cost = p.after.Rate
		return p, nil
	}
	held, err := s.holding(p.before, now)
	if err != nil {
		return nil, err
	}
	if unit, err = wholeTerm(unit, held.Term); err == nil {
		p.after, p.cost, err = held.Add(n, unit, now)
	}
	return p, fromSubscription(err)
}

// decidePurchase works a purchase out on what the portal has in a transaction.
func (s *Service) decidePurchase(tx *store.Tx, portalID string, plan *catalog.Plan, n int64, by string) (*settledSpending, error) {
	have, err := s.boughtIn(tx, portalID)
	if err != nil {
		return nil, err
	}
	if err := s.checkFirst(have.all, have.used, plan, n); err != nil {
		return nil, err
	}
	if err := s.mayAdd(&facts{bought: have.all}, plan); err != nil {
		return nil, err
	}
	p, err := s.price(have.all, have.portal.TimeZone, plan, n)
	if err != nil {
		return nil, err
	}
	if !plan.Additional {
		if p.after.Quantity > s.catalog.Policy().MaxQuantity {
			return nil, argument("quantity", "Invalid quantity")
		}
		if err := s.checkLimits(have.all, have.used, plan, p.after.Quantity); err != nil {
			return nil, err
		}
	}
	var next *int64
	if p.before != nil && p.before.Next != nil && *p.before.Next > 0 {
		// What the next period is to have was asked for before there were more.
		next = p.before.Next
	}
	after := row(plan, p.after, "wallet", next)
	return &settledSpending{
		do: wallet.Subscribe(wallet.Payment{
			Amount: p.cost, Service: plan.Service, Quantity: n, Participant: by,
			Metadata: wallet.Details("Until " + p.after.Term.End.In(p.after.Term.Zone).Format(time.DateOnly)),
		}, !plan.Additional),
		free: p.cost.Sign() == 0, currency: p.cost.Currency(),
		also: func(tx *store.Tx, t *trail) error { return s.putBought(tx, t, have, after, plan.Additional) },
	}, nil
}

// fromSubscription gives an error of proration its name in this package.
func fromSubscription(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, subscription.ErrQuantity), errors.Is(err, money.ErrRange):
		return argument("quantity", "Invalid quantity")
	case errors.Is(err, subscription.ErrOver):
		return ErrNotPaid
	case errors.Is(err, money.ErrCurrencyMismatch): // a price list without the currency that it was bought in
		return argument("quantity", "Invalid product")
	}
	return err
}

// Schedule sets how many of a wallet service its next period is to have: nil for
// as many as now, 0 for none. It reports whether the portal has the service at all.
// It fails with ErrAccessDenied unless the caller is who pays, with ErrNotFound,
// ErrNotPaid, and with an ArgumentError. Source: contract, "PUT
// /payment/updatewallet".
func (s *Service) Schedule(ctx context.Context, c *Caller, product string, next *int64) (bool, error) {
	plan, err := s.scheduledProduct(c, product)
	if err != nil {
		return false, err
	}
	if err := s.mayAdd(c.View.facts, plan); err != nil {
		return false, err
	}
	if next != nil && !s.canRenew(plan, *next) {
		return false, argument("quantity", "Invalid quantity")
	}
	found := false
	err = s.change(ctx, c.View.Portal.ID, func(tx *store.Tx, t *trail) error {
		have, err := s.boughtIn(tx, c.View.Portal.ID)
		if err != nil {
			return err
		}
		b := s.findRunning(have.all, plan)
		if b == nil && plan.Additional { // one that should have been paid: for so many it may be
			b = findBought(have.all, plan)
		}
		if found = b != nil; !found {
			return nil
		}
		after := b.Subscription
		if after.Next = next; next != nil && *next == after.Quantity {
			after.Next = nil
		}
		return s.putBought(tx, t, have, after, plan.Additional)
	})
	return found, fromStore("schedule", err)
}

// canRenew reports whether a period can be for so many: none, or as many as a first
// purchase, no more than a portal may have, at a price that can be said in numbers
// whenever that is.
func (s *Service) canRenew(plan *catalog.Plan, n int64) bool {
	most := int64(maxQuantity)
	if !plan.Additional {
		most = s.catalog.Policy().MaxQuantity
	}
	if n < 0 || n > 0 && n < plan.Minimum || n > most {
		return false
	}
	for _, price := range plan.Prices() {
		for _, unit := range price.Amounts {
			if _, err := unit.Mul(n); err != nil {
				return false
			}
		}
	}
	return true
}
