package billing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
	"github.com/bursarhq/bursar/wallet"
)

// Purchase is what a change of a subscription comes to.
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
	p, err := s.price(c.View.bought, c.View.Portal.TimeZone, plan, n)
	if err != nil {
		return nil, err
	}
	return &PurchaseQuote{Plan: plan, Quantity: n, Amount: p.cost, Until: p.after.Term.End}, nil
}

// Purchase buys more of a wallet service until the end of its running period, or
// begins one, and charges the wallet in the same transaction. The same purchase
// under the same key is made once; one without a key that the same user made within
// the last ten seconds is the same one.
//
// It fails as QuotePurchase does, and with ErrInsufficient and ErrMismatch.
// Source: contract, "PUT /payment/updatewallet".
func (s *Service) Purchase(ctx context.Context, c *Caller, key, product string, n int64) (Receipt, error) {
	if key != "" {
		if err := checkKey(key); err != nil {
			return Receipt{}, err
		}
	}
	plan, err := s.walletProduct(c, product, n)
	if err != nil {
		return Receipt{}, err
	}
	if err := s.checkFirst(c.View.bought, c.View.usage, plan, n); err != nil {
		return Receipt{}, err
	}
	pockets := c.View.wallet[ledger.Main]
	if len(pockets) == 0 {
		return Receipt{}, missing("Balance could not be found")
	}
	if !slices.ContainsFunc(pockets, func(p ledger.Pocket) bool { return p.Currency() == s.catalog.DefaultCurrency() }) {
		return Receipt{}, missing("Subaccount could not be found")
	}
	order := spending{
		portalID: c.View.Portal.ID, key: key, by: c.User.ID,
		input: ledger.InputOf("purchase", plan.ID, n, c.User.ID),
		decide: func(tx *store.Tx) (*settledSpending, error) {
			return s.decidePurchase(tx, c.View.Portal.ID, plan, n, c.User.ID)
		},
	}
	return s.spend(ctx, order)
}

// walletProduct returns what goes by the name of a product, if the caller may buy
// so many of it with what is in the wallet.
func (s *Service) walletProduct(c *Caller, product string, n int64) (*catalog.Plan, error) {
	plan, err := s.scheduledProduct(c, product)
	if err != nil {
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
	state, _ := s.stateOf(c.View.facts)
	if plan.Additional && (state == subscription.Delay || state == subscription.NotPaid) {
		return nil, ErrNotPaid
	}
	return plan, nil
}

// checkFirst refuses a first purchase of too few: of storage, 100; of a plan, as
// many as there are admins.
func (s *Service) checkFirst(all []bought, used map[string]int64, plan *catalog.Plan, n int64) error {
	if findBought(all, plan) != nil {
		return nil
	}
	least := plan.Minimum
	if !plan.Additional {
		least = max(least, used["manager"])
		if primary := all[0]; primary.plan.PriceAt(s.catalog.DefaultCurrency(), s.now()).Sign() > 0 && primary.plan != plan {
			// What is left of the plan that the card pays would be lost.
			return argument("quantity", "Invalid product")
		}
	}
	if n < least {
		return argument("quantity", "Invalid quantity")
	}
	return nil
}

func findBought(all []bought, plan *catalog.Plan) *bought {
	if i := slices.IndexFunc(all, func(b bought) bool { return b.plan == plan }); i >= 0 {
		return &all[i]
	}
	return nil
}

// price works out a purchase from the wallet on what a portal has. Zone is the
// portal's, for a period that begins.
func (s *Service) price(all []bought, zone string, plan *catalog.Plan, n int64) (*walletPurchase, error) {
	p := &walletPurchase{plan: plan, n: n, before: findBought(all, plan)}
	now := s.now()
	currency := s.catalog.DefaultCurrency()
	if p.before != nil {
		currency = s.currencyOf(p.before)
	}
	unit := plan.PriceAt(currency, now)
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
	held, err := s.holding(p.before)
	if err != nil {
		return nil, err
	}
	p.after, p.cost, err = held.Add(n, unit, now)
	return p, fromSubscription(err)
}

// begin returns the period that begins at a moment.
func (s *Service) begin(at time.Time, plan *catalog.Plan, zoneName string) (subscription.Term, error) {
	zone, err := loadZone(zoneName)
	if err != nil {
		return subscription.Term{}, err
	}
	return subscription.Begin(at, plan.Period, zone)
}

// holding returns what is bought in the terms of proration. What was agreed
// elsewhere is paid, at no rate that is known, for the period that ends when it is
// due.
func (s *Service) holding(b *bought) (subscription.Holding, error) {
	zone, err := loadZone(b.TimeZone)
	if err != nil {
		return subscription.Holding{}, err
	}
	held := subscription.Holding{Quantity: b.Quantity, Rate: b.Rate, Term: subscription.Term{
		Anchor: b.AnchorAt, Start: b.StartedAt, End: b.DueAt, Zone: zone, Period: b.plan.Period,
	}}
	if held.Rate.Currency() == "" {
		held.Rate = money.FromUnits(0, s.catalog.DefaultCurrency())
	}
	if b.StartedAt.IsZero() && !b.DueAt.IsZero() {
		months := 1
		if b.plan.Period == catalog.Year {
			months = 12
		}
		held.Term.Anchor = b.DueAt
		held.Term.Start = b.DueAt.AddDate(0, -months, 0)
	}
	if b.StartedAt.IsZero() && b.DueAt.IsZero() { // without end: from now on there is one
		held.Term, err = subscription.Begin(s.now(), b.plan.Period, zone)
	}
	return held, err
}

// row returns a holding as it is kept.
func row(plan *catalog.Plan, h subscription.Holding, paidFrom string, next *int64) store.Subscription {
	return store.Subscription{
		PlanID: plan.ID, Quantity: h.Quantity, DueAt: h.Term.End, Next: next, PaidFrom: paidFrom, Rate: h.Rate,
		StartedAt: h.Term.Start, AnchorAt: h.Term.Anchor, TimeZone: zoneName(h.Term.Zone),
	}
}

func zoneName(zone *time.Location) string {
	if zone == nil || zone == time.UTC {
		return ""
	}
	return zone.String()
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
	p, err := s.price(have.all, have.portal.TimeZone, plan, n)
	if err != nil {
		return nil, err
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
		free: p.cost.Sign() == 0,
		also: func(t *trail) error { return s.putBought(tx, t, have, after, plan.Additional) },
	}, nil
}

// having is what a portal has at a moment of a transaction.
type having struct {
	portal store.Portal
	rows   []store.Subscription // as they are kept
	all    []bought             // as they count
	used   map[string]int64
}

// boughtIn reads what a portal has.
func (s *Service) boughtIn(tx *store.Tx, portalID string) (*having, error) {
	v := &facts{}
	var err error
	if v.Portal, err = tx.Portal(portalID); err != nil {
		return nil, err
	}
	if err := s.loadBought(tx, v); err != nil {
		return nil, err
	}
	h := &having{portal: v.Portal, all: v.bought}
	if h.rows, err = tx.Subscriptions(portalID); err != nil {
		return nil, err
	}
	h.used, err = tx.Usage(portalID)
	return h, err
}

// putBought writes what a portal has now: one row in the place of the one of the
// same plan, or of the plan proper.
func (s *Service) putBought(tx *store.Tx, t *trail, have *having, after store.Subscription, additional bool) error {
	rows := slices.Clone(have.rows)
	i := slices.IndexFunc(rows, func(r store.Subscription) bool { return r.PlanID == after.PlanID })
	if i < 0 && !additional {
		i = slices.IndexFunc(rows, func(r store.Subscription) bool {
			plan, ok := s.catalog.Plan(r.PlanID)
			return ok && !plan.Additional
		})
	}
	var before any
	switch {
	case i >= 0:
		before = noted(rows[i])
		rows[i] = after
	case additional:
		rows = append(rows, after)
	default:
		rows = slices.Insert(rows, 0, after)
	}
	t.note(SubscriptionChanged, fmt.Sprint(after.PlanID), before, noted(after))
	return tx.PutSubscriptions(rows)
}

// notedSubscription is how the trail tells of a subscription.
type notedSubscription struct {
	Plan     int       `json:"plan"`
	Quantity int64     `json:"quantity"`
	Next     *int64    `json:"next,omitempty"`
	Rate     string    `json:"rate,omitempty"`
	Due      time.Time `json:"due,omitzero"`
}

func noted(s store.Subscription) notedSubscription {
	n := notedSubscription{Plan: s.PlanID, Quantity: s.Quantity, Next: s.Next, Due: s.DueAt}
	if s.Rate.Currency() != "" {
		n.Rate = s.Rate.String()
	}
	return n
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
	if next != nil && (*next < 0 || *next > 0 && *next < plan.Minimum || *next > maxQuantity) {
		return false, argument("quantity", "Invalid quantity")
	}
	found := false
	err = s.change(ctx, c.View.Portal.ID, func(tx *store.Tx, t *trail) error {
		have, err := s.boughtIn(tx, c.View.Portal.ID)
		if err != nil {
			return err
		}
		b := findBought(have.all, plan)
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

// spending is something that a user pays from the wallet, and that changes more
// than the ledger in the same transaction.
type spending struct {
	portalID string
	key, by  string
	input    [32]byte
	// decide says what is to be done, on what is there in the transaction.
	decide func(tx *store.Tx) (*settledSpending, error)
}

// settledSpending is what a spending comes to.
type settledSpending struct {
	do ledger.Action
	// free says that it costs nothing, so that the ledger is not asked.
	free bool
	// also does the rest, unless it was done before.
	also func(t *trail) error
}

// sameWithin is how long a spending without a key is the same as the one before.
const sameWithin = 10 * time.Second

// spend pays and does what is paid for, once for each key.
func (s *Service) spend(ctx context.Context, order spending) (receipt Receipt, err error) {
	now := s.now()
	err = s.change(ctx, order.portalID, func(tx *store.Tx, t *trail) error {
		r := ledger.Request{Portal: order.portalID, Key: order.key, Input: order.input}
		if r.Key == "" {
			if r.Key, err = s.keyFor(tx, order, now); err != nil {
				return err
			}
		}
		done, err := tx.Done(order.portalID, r.Key)
		if err != nil {
			return err
		}
		what := &settledSpending{do: ledger.Post{}}
		if done == nil {
			if what, err = order.decide(tx); err != nil {
				return err
			}
			if what.free {
				receipt = Receipt{PortalID: order.portalID, Amount: money.FromUnits(0, s.catalog.DefaultCurrency()), At: now}
				return what.also(t)
			}
		}
		r.Do = what.do
		results, err := tx.CarryOut(now, []ledger.Request{r})
		if err != nil {
			return err
		}
		o := outcome(order.portalID, results[0])
		if receipt = o.Receipt; o.Err != nil || receipt.Replay {
			return o.Err
		}
		return what.also(t)
	})
	return receipt, fromStore("spend", err)
}

// keyFor returns the key of a spending without one: that of the same one by the
// same user a moment ago, or a new one.
func (s *Service) keyFor(tx *store.Tx, order spending, now time.Time) (string, error) {
	sum := sha256.Sum256(append(order.input[:], order.by...))
	name := func(window int64) string {
		return fmt.Sprintf("%sspend:%s:%d", ownKeys, hex.EncodeToString(sum[:12]), window)
	}
	window := now.UnixMicro() / sameWithin.Microseconds()
	for _, w := range []int64{window, window - 1} {
		done, err := tx.Done(order.portalID, name(w))
		if err != nil {
			return "", err
		}
		if done != nil && now.Sub(done.Answer.At) < sameWithin {
			return name(w), nil
		}
	}
	return name(window), nil
}
