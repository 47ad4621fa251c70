package billing_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
)

// period is one period of something in the words of README.md of package
// subscription: which rate held on each of its days.
type period struct {
	term     subscription.Term
	quantity int64
	rates    []int64 // in cents, by day
}

// from sets the rate from the day of a moment on.
func (p *period) from(at time.Time, quantity, rate int64) {
	p.quantity = quantity
	for day := p.term.Day(at); day < len(p.rates); day++ {
		p.rates[day] = rate
	}
}

func (p *period) rate(at time.Time) int64 { return p.rates[p.term.Day(at)] }

// worth is what all the days of the period are worth, each by its own rate dealt out
// to all days.
func (p *period) worth() (cents int64) {
	days := int64(len(p.rates))
	rest := func(rate, day int64) int64 { // of the days from this one on, half a cent rounded up
		return (2*rate*(days-day) + days) / (2 * days)
	}
	for day, rate := range p.rates {
		cents += rest(rate, int64(day)) - rest(rate, int64(day)+1)
	}
	return cents
}

// shopper is a portal whose customer does things at random, and what must come of
// them.
type shopper struct {
	*desk
	t       *rapid.T
	zone    *time.Location
	all     []*period
	storage *period // running, or over; nil: none yet
	plan    *period
	keys    int
	bought  map[string]bought // by key
	pending *pendingChange
}

type bought struct {
	n      int64
	amount money.Amount
}

type pendingChange struct {
	key string
	n   int64
	at  time.Time
}

func (c *shopper) fail(err error) {
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *shopper) key() string { c.keys++; return fmt.Sprint("key", c.keys) }

func (c *shopper) begin(at time.Time, n, rate int64) *period {
	term, err := subscription.Begin(at, catalog.Month, c.zone)
	c.fail(err)
	p := &period{term: term, rates: make([]int64, term.Days())}
	p.from(at, n, rate)
	c.all = append(c.all, p)
	return p
}

func runs(p *period, at time.Time) bool { return p != nil && at.Before(p.term.End) }

// buys more storage: what it was said to cost.
func (c *shopper) buys() {
	n, now := rapid.Int64Range(1, 400).Draw(c.t, "n"), c.clock.Now()
	quote, quoting := c.QuotePurchase(c.desk.t.Context(), c.me(), "storage", n)
	key := c.key()
	receipt, err := c.Purchase(c.desk.t.Context(), c.me(), key, "storage", n)
	switch first := !runs(c.storage, now); {
	case errors.Is(err, billing.ErrInsufficient):
	case errors.Is(err, billing.ErrInvalid) && first && n < 100:
	case errors.Is(err, billing.ErrNotPaid) && errors.Is(quoting, billing.ErrNotPaid):
	case err != nil || quoting != nil:
		c.t.Fatalf("purchase: %v; quote: %v", err, quoting)
	case receipt.Amount != quote.Amount || receipt.Replay:
		c.t.Fatalf("it was to cost %s: %+v", quote.Amount, receipt)
	default:
		c.bought[key] = bought{n, receipt.Amount}
		if first {
			c.storage = c.begin(now, n, n*14)
		} else {
			c.storage.from(now, c.storage.quantity+n, c.storage.rate(now)+n*14)
		}
	}
}

// repeats something that was bought: nothing comes of it.
func (c *shopper) repeats() {
	if len(c.bought) == 0 {
		c.t.Skip()
	}
	key := fmt.Sprint("key", rapid.IntRange(1, c.keys).Draw(c.t, "key"))
	was, ok := c.bought[key]
	if !ok {
		c.t.Skip()
	}
	receipt, err := c.Purchase(c.desk.t.Context(), c.me(), key, "storage", was.n)
	if err != nil || !receipt.Replay || receipt.Amount != was.amount {
		c.t.Fatalf("%s again: %+v, %v; it was %s", key, receipt, err, was.amount)
	}
}

func (c *shopper) schedules() {
	var next *int64
	if n := rapid.Int64Range(-1, 300).Draw(c.t, "next"); n >= 0 {
		next = &n
	}
	_, err := c.Schedule(c.desk.t.Context(), c.me(), "storage", next)
	if err != nil && !errors.Is(err, billing.ErrInvalid) && !errors.Is(err, billing.ErrNotPaid) {
		c.t.Fatal(err)
	}
}

// changes the plan by card, in whatever way that goes.
func (c *shopper) changes() {
	c.bank.behaves(rapid.SampledFrom([]sandbox.Behaviour{
		{}, {}, {}, {Decline: payment.CardDeclined}, {Fault: sandbox.TimeOutAfter}, {Fault: sandbox.FailBefore}, {Fault: sandbox.Unreachable},
		{Late: 2 * day}, {Late: day, Decline: payment.InsufficientFunds},
	}).Draw(c.t, "provider"))
	defer c.bank.behaves(sandbox.Behaviour{})
	change := &pendingChange{c.key(), rapid.Int64Range(1, 40).Draw(c.t, "quantity"), c.clock.Now()}
	c.asks(change, true)
}

// asks for a change, for the first time or again.
func (c *shopper) asks(change *pendingChange, isNew bool) {
	done, _, err := c.ChangePlan(c.desk.t.Context(), c.me(), change.key, "admin", change.n, here)
	if isNew {
		c.settles() // one that was left behind is brought to its end first
	}
	switch {
	case errors.Is(err, billing.ErrUnsettled):
		c.pending = change
		return
	case errors.Is(err, billing.ErrBusyWallet) && isNew, errors.Is(err, billing.ErrInvalid):
	case err != nil:
		c.t.Fatal(err)
	case done && isNew:
		c.applies(change)
	}
	c.settles()
}

// settles looks what became of the change that was under way.
func (c *shopper) settles() {
	if c.pending == nil {
		return
	}
	var found store.Collection
	c.fail(c.store.Read(c.desk.t.Context(), func(tx *store.Tx) (err error) {
		found, err = tx.CollectionByKey("p", c.pending.key)
		return err
	}))
	if !found.Closed() {
		return
	}
	if found.State == store.CollectionSettled && found.Reason == "" {
		c.applies(c.pending)
	}
	c.pending = nil
}

// applies a change to what must be.
func (c *shopper) applies(change *pendingChange) {
	switch {
	case !runs(c.plan, change.at):
		c.plan = c.begin(c.clock.Now(), change.n, change.n*2000)
	case change.n >= c.plan.quantity:
		c.plan.from(change.at, change.n, c.plan.rate(change.at)+(change.n-c.plan.quantity)*2000)
	default:
		c.plan.from(change.at, change.n, c.plan.rate(change.at)*change.n/c.plan.quantity)
	}
}

func (c *shopper) waits() {
	c.clock.Move(time.Duration(rapid.Int64Range(1, 6*24*60).Draw(c.t, "minutes")) * time.Minute)
	_, err := c.Reconcile(c.desk.t.Context())
	c.fail(err)
	c.settles()
}

func (c *shopper) again() {
	if c.pending == nil {
		c.t.Skip()
	}
	c.asks(c.pending, false)
}

// deposits, and gets a part of it back by card.
func (c *shopper) deposits() {
	_, err := c.Deposit(c.desk.t.Context(), "p", c.key(), billing.Deposit{Amount: amount(fmt.Sprintf("%d USD", rapid.Int64Range(1, 90).Draw(c.t, "sum")))})
	c.settles() // a deposit brings to its end what was left behind
	if errors.Is(err, billing.ErrBusyWallet) {
		return
	}
	c.fail(err)
	if rapid.Bool().Draw(c.t, "refunded") {
		var last store.Collection
		for n := int64(1); ; n++ {
			err := c.store.Read(c.desk.t.Context(), func(tx *store.Tx) error {
				found, err := tx.CollectionByNumber("p", n)
				if err == nil {
					last = found
				}
				return err
			})
			if err != nil {
				break
			}
		}
		total := last.Amount.Units() / money.Scale / 2
		for range 2 {
			c.fail(c.Receive(c.desk.t.Context(), refunded(fmt.Sprintf("c%d.p", last.Number), fmt.Sprintf("%d USD", total))))
		}
	}
}

// check compares everything with what must be.
func (c *shopper) check(*rapid.T) {
	now := c.clock.Now()
	for id, p := range map[int]*period{-11: c.storage, -9: c.plan} {
		if p == nil {
			continue
		}
		last := now
		if !runs(p, now) {
			last = p.term.End.Add(-time.Second)
		}
		row := c.of(id)
		if row.Quantity != p.quantity || row.Rate.Units() != p.rate(last)*money.Scale/100 || !row.DueAt.Equal(p.term.End) || !row.StartedAt.Equal(p.term.Start) {
			c.t.Fatalf("plan %d: %+v; want %d for %d cents until %s", id, row, p.quantity, p.rate(last), p.term.End)
		}
	}
	want := int64(0)
	for _, p := range c.all {
		want += p.worth()
	}
	got := int64(0)
	_, sums, err := c.Verify(c.desk.t.Context(), store.Verification{})
	if err != nil {
		c.t.Fatalf("the books: %v", err)
	}
	for _, s := range sums {
		if s.Account == ledger.Revenue {
			got += s.Amount.Units() / (money.Scale / 100)
		}
	}
	if got != want {
		c.t.Fatalf("%d cents were paid and not given back, and the days are worth %d", got, want)
	}
}

// Whatever a customer does, and whatever the provider does: what is charged less what
// is given back is what the days are worth, what the portal has is what was paid for,
// a quote is what is charged, no key charges twice, and the books hold.
func TestWhateverCustomersDo(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t, inMemory, "60 USD")
		c := &shopper{desk: d, t: rt, zone: zone, bought: map[string]bought{}}
		d.clock.Move(time.Duration(rapid.Int64Range(0, 365*24).Draw(rt, "begin")) * time.Hour)
		rt.Repeat(map[string]func(*rapid.T){
			"":          c.check,
			"buys":      func(*rapid.T) { c.buys() },
			"repeats":   func(*rapid.T) { c.repeats() },
			"schedules": func(*rapid.T) { c.schedules() },
			"changes":   func(*rapid.T) { c.changes() },
			"again":     func(*rapid.T) { c.again() },
			"waits":     func(*rapid.T) { c.waits() },
			"deposits":  func(*rapid.T) { c.deposits() },
		})
	})
}
