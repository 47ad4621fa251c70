package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
	"github.com/bursarhq/bursar/wallet"
)

// PlanOrder is a plan that is to be bought at the provider's page.
type PlanOrder struct {
	// Product is the plan's name: "admin".
	Product  string
	Quantity int64
	// Locale says in which currency; Language in which language the page is, as a
	// BCP 47 tag, "" leaving it to the provider.
	Locale   catalog.Locale
	Language string
	// SuccessURL and CancelURL are where the customer comes back to.
	SuccessURL, CancelURL string
}

// PlanPage returns the address of the page at which a plan is paid for the first
// time; "" when the portal has one that is paid. What is paid there counts when the
// provider tells, not when the customer comes back.
//
// It fails with ErrAccessDenied unless the caller is an administrator, with
// ErrNoProvider, ErrLimit, and with an ArgumentError. Source: contract, "PUT
// /payment/url".
func (s *Service) PlanPage(ctx context.Context, c *Caller, order PlanOrder) (string, error) {
	switch {
	case s.provider == nil:
		return "", ErrNoProvider
	case !c.Role.Administers():
		return "", ErrAccessDenied
	case order.Quantity < 1 || order.Quantity > s.catalog.Policy().MaxQuantity:
		return "", argument("quantity", "Invalid quantity")
	}
	if s.hasPaidPlan(c.View.facts) {
		return "", nil
	}
	plan, ok := s.catalog.ByProductName(order.Product)
	if !ok || plan.Wallet || plan.Period != catalog.Month {
		return "", argument("quantity", defaultArgument)
	}
	if err := s.checkLimits(c.View.bought, c.View.usage, plan, order.Quantity); err != nil {
		return "", err
	}
	currency := s.requestCurrency(order.Locale)
	held, err := s.newPlan(c.View.Portal, plan, order.Quantity, currency, s.now())
	if err != nil {
		return "", err
	}
	email := c.User.Email
	if c.View.customer != nil {
		email = c.View.customer.Email
	}
	return s.planPage(ctx, store.Collection{
		PortalID: c.View.Portal.ID, Provider: s.provider.Name(), Participant: c.User.ID,
		Input:   ledger.InputOf("page", plan.ID, order.Quantity, currency, held.Rate.Units(), order.SuccessURL, order.CancelURL, order.Language, email),
		Purpose: store.ForPlan, PlanID: plan.ID, Quantity: order.Quantity, Tariff: c.View.Portal.Tariff, Amount: held.Rate,
	}, payment.Page{
		Kind: payment.PayPage, Email: email, Language: order.Language, SuccessURL: order.SuccessURL, CancelURL: order.CancelURL,
		Description: fmt.Sprintf("%s, %d %s, one %s", plan.Title, order.Quantity, plan.Unit, plan.Period),
	})
}

// defaultArgument is what .NET says of an argument without words of its own.
const defaultArgument = "Value does not fall within the expected range."

// hasPaidPlan reports whether a portal has a plan that costs something, and is paid.
func (s *Service) hasPaidPlan(v *facts) bool {
	state, _ := s.stateOf(v)
	return state == subscription.Paid && s.costs(v.bought[0].plan)
}

// requestCurrency returns the currency that who asks pays by card in: that of where
// they are, if everything is priced in it. Source: contract, "Request currency".
func (s *Service) requestCurrency(l catalog.Locale) money.Currency {
	return s.catalog.Region(catalog.Locale{Visitor: l.Visitor}).Currency
}

// checkLimits refuses a plan that allows less than what is used.
func (s *Service) checkLimits(all []bought, used map[string]int64, plan *catalog.Plan, quantity int64) error {
	lines := []catalog.Line{{Plan: plan, Quantity: quantity}}
	for i := range all {
		if all[i].plan.Additional {
			lines = append(lines, all[i].line())
		}
	}
	total, err := catalog.Sum(lines, s.catalog.DefaultCurrency(), s.now())
	if err != nil {
		return argument("quantity", "Invalid quantity")
	}
	if err := subscription.Check(total.Features, used); err != nil {
		return &limitError{err}
	}
	return nil
}

// newPlan returns the first period of a plan, from now on, at the price of a moment.
func (s *Service) newPlan(portal store.Portal, plan *catalog.Plan, quantity int64, currency money.Currency, priced time.Time) (subscription.Holding, error) {
	term, err := s.begin(s.now(), plan, portal.TimeZone)
	if err != nil {
		return subscription.Holding{}, err
	}
	held, err := subscription.Buy(quantity, plan.PriceAt(currency, priced), term)
	if err != nil {
		return held, fromSubscription(err)
	}
	if _, err := payment.Collectable(held.Rate); err != nil {
		return held, argument("quantity", "Invalid product") // there is nothing to pay
	}
	return held, nil
}

// ChangePlan sets the quantity of the plan that the customer's card pays for,
// until the end of its running period: more is charged at once, what is less is
// given back into the wallet. A portal without such a plan buys a whole period. An
// older plan of the same name stays the one that it is. It reports whether that was
// done: false means that the provider declined.
//
// The same change under the same key is made once; one without a key joins the one
// that is under way. When what the portal has is another by the time the provider
// has collected, the money stays in the wallet, and the error says so.
//
// It fails with ErrNoProvider, with ErrAccessDenied unless the caller is who pays,
// with ErrNotFound, ErrLimit, an ArgumentError, and as Deposit does. Source:
// contract, "PUT /payment/update".
func (s *Service) ChangePlan(ctx context.Context, c *Caller, key, product string, quantity int64, locale catalog.Locale) (done, replay bool, err error) {
	if err := checkOptionalKey(key); err != nil {
		return false, false, err
	}
	if s.provider == nil {
		return false, false, ErrNoProvider
	}
	if err := s.MayBuy(c); err != nil {
		return false, false, err
	}
	plan, ok := s.catalog.ByProductName(product)
	if !ok || plan.Wallet || plan.Period == catalog.NoPeriod {
		return false, false, argument("quantity", "Invalid product")
	}
	if primary := &c.View.bought[0]; primary.plan.Name == plan.Name && s.runs(primary) {
		plan = primary.plan
	}
	if quantity < 1 || quantity > s.catalog.Policy().MaxQuantity {
		return false, false, argument("quantity", "Invalid quantity")
	}
	change := planChange{service: s, plan: plan, quantity: quantity, currency: s.requestCurrency(locale), by: c.User.ID}
	receipt, err := s.changePlan(ctx, c.View.Portal.ID, key, change)
	if errors.Is(err, ErrDeclined) {
		return false, receipt.Replay, nil
	}
	return err == nil, receipt.Replay, err
}

// planChange is another quantity of the plan that the card pays for.
type planChange struct {
	service  *Service
	plan     *catalog.Plan
	quantity int64
	currency money.Currency // of a plan that is new
	by       string
}

func (p planChange) input() [32]byte {
	return ledger.InputOf("plan", p.plan.ID, p.quantity, p.by)
}

// on works the change out on what a portal has, as of a moment: what it has then,
// and what that costs. Nothing to change is refused.
func (p planChange) on(have *having, at time.Time) (after subscription.Holding, cost money.Amount, err error) {
	s, primary := p.service, &have.all[0]
	running := primary.plan == p.plan && (primary.DueAt.IsZero() || at.Before(primary.DueAt))
	switch {
	case primary.plan != p.plan && s.costs(primary.plan):
		return after, cost, argument("quantity", "Invalid product")
	case running && primary.Quantity == p.quantity:
		return after, cost, argument("quantity", "Invalid quantity")
	case !running:
		after, err = s.newPlan(have.portal, p.plan, p.quantity, p.currency, at)
		return after, after.Rate, err
	}
	held, err := s.holding(primary, at)
	if err != nil {
		return after, cost, err
	}
	unit, err := wholeTerm(p.plan.PriceAt(held.Rate.Currency(), at), held.Term)
	if err == nil {
		after, cost, err = held.Set(p.quantity, unit, at)
	}
	return after, cost, fromSubscription(err)
}

// changePlan does it: at once when nothing is to be collected, or else when it is.
func (s *Service) changePlan(ctx context.Context, portalID, key string, p planChange) (receipt Receipt, err error) {
	if key == "" {
		key = keyless + uuid.NewString()
	}
	var c store.Collection
	var isNew bool
	err = s.whenFree(ctx, func() (other store.Collection, err error) {
		err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) (err error) {
			now := s.now()
			receipt, isNew, other = Receipt{}, false, store.Collection{}
			c = store.Collection{PortalID: portalID, Key: key, Provider: s.provider.Name(), Input: p.input(), OpenedAt: now, AskedAt: now,
				State: store.CollectionOpen, Participant: p.by, Purpose: store.ForPlan, PlanID: p.plan.ID, Quantity: p.quantity}
			if before, err := sameCollection(tx, c); !errors.Is(err, store.ErrNotFound) {
				c = before
				return err
			}
			if before, err := s.spentUnder(tx, spending{portalID: portalID, input: p.input()}, key); before != nil || err != nil {
				c = store.Collection{}
				if before != nil {
					receipt = *before
				}
				return err
			}
			if other, err = wayIsFree(tx, portalID); err != nil {
				return err
			}
			isNew, err = s.beginChange(tx, t, p, &c, &receipt)
			return err
		})
		return other, err
	})
	if err != nil || c.Number == 0 {
		return receipt, fromStore("change plan", err)
	}
	if isNew {
		receipt, err = s.ask(ctx, c)
	} else {
		receipt, err = s.await(ctx, c)
	}
	receipt.Replay = !isNew
	if err == nil {
		err = s.mustBeApplied(ctx, c)
	}
	return receipt, err
}

// beginChange writes down what is to be collected for a change, and reports whether
// there is anything; a change that costs nothing is made.
func (s *Service) beginChange(tx *store.Tx, t *trail, p planChange, c *store.Collection, receipt *Receipt) (collect bool, err error) {
	have, err := s.boughtIn(tx, c.PortalID)
	if err != nil {
		return false, err
	}
	after, cost, err := p.on(have, c.OpenedAt)
	if err != nil {
		return false, err
	}
	if err := s.checkLimits(have.all, have.used, p.plan, p.quantity); err != nil {
		return false, err
	}
	if cost.Sign() <= 0 {
		return false, s.reducePlan(tx, t, have, p, c.Key, after, cost.Neg(), receipt)
	}
	customer, err := payingCustomer(tx, c.PortalID)
	if err != nil {
		return false, err
	}
	if c.Amount, err = payment.Collectable(cost); err != nil {
		return false, argument("quantity", "Invalid quantity")
	}
	c.Tariff = have.portal.Tariff
	return true, insertCollection(tx, t, c, customer)
}

// mustBeApplied returns why a collection did not do what it was for, although it was
// settled; nil if it did.
func (s *Service) mustBeApplied(ctx context.Context, c store.Collection) error {
	c, err := s.collection(ctx, c)
	if err == nil && c.Reason != "" {
		err = argument("quantity", "The plan was changed meanwhile: "+c.Amount.String()+" are in the wallet")
	}
	return err
}

// reducePlan makes the plan smaller, and gives back what is not used of it. One
// without end stays so, and who pays for it the same.
func (s *Service) reducePlan(tx *store.Tx, t *trail, have *having, p planChange, key string, after subscription.Holding, back money.Amount, receipt *Receipt) error {
	primary := have.all[0]
	rest := row(p.plan, after, primary.PaidFrom, primary.Next)
	if primary.DueAt.IsZero() && p.quantity < primary.Quantity {
		rest = primary.Subscription
		rest.Quantity = p.quantity
	}
	if rest.PaidFrom == "" && p.quantity > primary.Quantity {
		rest.PaidFrom = "card"
	}
	if err := s.putBought(tx, t, have, rest, false); err != nil {
		return err
	}
	if back.Sign() <= 0 {
		now := s.now()
		*receipt = Receipt{PortalID: have.portal.ID, Amount: back, At: now.Truncate(time.Microsecond)}
		return tx.InsertCostless(store.Costless{Key: key, Input: p.input(), Currency: back.Currency(), At: now})
	}
	return s.giveBack(tx, t, ledger.Request{Portal: have.portal.ID, Key: key, Input: p.input(), Do: wallet.Unused(wallet.Payment{
		Amount: back, Service: p.plan.Name, Quantity: primary.Quantity - p.quantity, Participant: p.by,
		Metadata: wallet.Details(fmt.Sprintf("Unused part of %d %s", primary.Quantity-p.quantity, p.plan.Unit)),
	})}, receipt)
}

// giveBack carries a request out that pays into the wallet, which has a pocket of
// its own currency first.
func (s *Service) giveBack(tx *store.Tx, t *trail, r ledger.Request, receipt *Receipt) error {
	if err := tx.LockBook(r.Portal, ledger.Main); err != nil {
		return err
	}
	if err := tx.EnsurePocket(ledger.Main, s.catalog.DefaultCurrency()); err != nil {
		return err
	}
	results, err := t.carryOut(tx, s.now(), []ledger.Request{r})
	if err != nil {
		return err
	}
	o := outcome(r.Portal, results[0])
	*receipt = o.Receipt
	return o.Err
}

// applyPlan does what a collection for a plan was for, in the transaction that
// ends it: the money is in the wallet, pays for the plan, and the portal has it.
// When what the portal has is not what was priced any more, the money stays in the
// wallet, and reason says why.
//
// It costs what was said when the collection was opened. What is paid at a page
// begins when it is paid.
func (s *Service) applyPlan(tx *store.Tx, t *trail, c store.Collection) (reason string, err error) {
	plan, ok := s.catalog.Plan(c.PlanID)
	if !ok {
		return "no_such_plan", nil
	}
	if !c.Renews.IsZero() {
		return s.applyRenewal(tx, t, c)
	}
	have, err := s.boughtIn(tx, c.PortalID)
	if err != nil {
		return "", err
	}
	var (
		after subscription.Holding
		cost  money.Amount
	)
	switch {
	case c.Page == "":
		change := planChange{service: s, plan: plan, quantity: c.Quantity, currency: c.Amount.Currency(), by: c.Participant}
		after, cost, err = change.on(have, c.OpenedAt)
	case s.runs(&have.all[0]) && s.costs(have.all[0].plan):
		return "paid_already", nil
	default:
		after, err = s.newPlan(have.portal, plan, c.Quantity, c.Amount.Currency(), c.OpenedAt)
		cost = after.Rate
	}
	if errors.Is(err, ErrInvalid) || errors.Is(err, ErrNotPaid) || err == nil && !s.now().Before(after.Term.End) {
		return "plan_changed", nil
	}
	if err != nil {
		return "", err
	}
	if order, err := cost.Compare(c.Amount); err != nil || order > 0 || cost.Sign() <= 0 {
		return "price_changed", nil
	}
	results, err := t.carryOut(tx, s.now(), []ledger.Request{{
		Portal: c.PortalID, Key: planKey(c), Input: c.Input, Do: wallet.Subscribe(wallet.Payment{
			Amount: cost, Service: plan.Name, Quantity: c.Quantity, Participant: c.Participant,
			Metadata: wallet.Details("Until " + after.Term.End.In(after.Term.Zone).Format(time.DateOnly)),
		}, true),
	}})
	if err != nil {
		return "", err
	}
	if err := results[0].Err; errors.Is(err, ledger.ErrInsufficient) {
		return "insufficient_funds", nil
	} else if err != nil {
		return "", fromLedger(err)
	}
	return "", s.putBought(tx, t, have, row(plan, after, "card", nil), false)
}

// planKey is the key of the payment for the plan that a collection was for. Those
// that begin as settlementKey does are settlements.
func planKey(c store.Collection) string { return fmt.Sprintf("%splan:%d", ownKeys, c.Number) }
