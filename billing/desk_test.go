package billing_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// desk is a portal "p" whose owner buys things, and a provider that is told how to
// behave.
type desk struct {
	*hall
	bank *teller
	key  string // the owner's API key
}

// teller is a provider with pages: charges are the sandbox's.
type teller struct {
	payment.Provider
	journal *sandbox.MemoryJournal
	now     func() time.Time

	mu     sync.Mutex
	behave sandbox.Behaviour
	pages  map[string]*page
	last   string // id of the page that was opened last
	open   error  // what Open fails with, after the page is there when opened is set
	opened bool
	find   error // what Find of a page fails with
	asked  int   // how often Find was
}

// page is a page at the teller's.
type page struct {
	payment.Page
	outcome payment.Outcome
}

func newTeller(now func() time.Time) *teller {
	b := &teller{journal: sandbox.Memory(), now: now, pages: map[string]*page{}}
	b.Provider = sandbox.New(sandbox.Config{Journal: b.journal, Now: now, Script: func(payment.Charge) sandbox.Behaviour {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.behave
	}})
	return b
}

func (b *teller) behaves(how sandbox.Behaviour) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behave = how
}

func (b *teller) Open(_ context.Context, p payment.Page) (payment.Link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := p.Check(); err != nil {
		return payment.Link{}, err
	}
	if b.open != nil && !b.opened {
		return payment.Link{}, b.open
	}
	b.last = p.ID
	b.pages[p.ID] = &page{p, payment.Outcome{State: payment.Pending}}
	return payment.Link{URL: "https://pay.example/" + p.ID, Reference: "page_" + p.ID, ExpiresAt: b.now().Add(day)}, b.open
}

// Charge is the sandbox's, which gives its customers other accounts than this one.
func (b *teller) Charge(ctx context.Context, c payment.Charge) (payment.Outcome, error) {
	c.Account = ""
	return b.Provider.Charge(ctx, c)
}

func (b *teller) Find(ctx context.Context, q payment.Query) (payment.Outcome, error) {
	b.mu.Lock()
	p, fault := b.pages[q.ID], b.find
	b.asked++
	b.mu.Unlock()
	switch {
	case fault != nil:
		return payment.Outcome{}, fault
	case p != nil:
		return p.outcome, nil
	}
	q.Account = ""
	return b.Provider.Find(ctx, q)
}

// pays is a customer at a page: the event that tells of it.
func (b *teller) pays(id, token string) payment.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[id]
	p.outcome = payment.Outcome{State: payment.Settled, Amount: p.Amount, Reference: "ref", At: b.now(), Method: method(token)}
	return payment.Event{ID: "e." + id, Kind: payment.Charged, ChargeID: id, Customer: p.Customer, Outcome: p.outcome, At: b.now()}
}

func method(token string) *payment.Method {
	return &payment.Method{Account: "acc", Token: token, Kind: "card", Label: "Card " + token}
}

// refunded is the event that so much of a charge was given back in all.
func refunded(id, total string) payment.Event {
	return payment.Event{ID: "r." + total, Kind: payment.Refunded, ChargeID: id, Outcome: payment.Outcome{State: payment.Settled, Amount: amount(total)}}
}

// newDesk returns a desk on a database; with a purse, the portal has a customer with
// a card and so much in the wallet.
func newDesk(t *testing.T, config store.Config, purse string, bought ...billing.Purchase) *desk {
	t.Helper()
	clock := newClock()
	bank := newTeller(clock.Now)
	d := &desk{hall: tillHall(t, config, clock, bank), bank: bank}
	d.open(purse, bought...)
	return d
}

// open makes the portal and its customer.
func (d *desk) open(purse string, bought ...billing.Purchase) {
	h, t := d.hall, d.t
	t.Helper()
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{
		ID: "p", Hosts: []string{"p.example"}, TimeZone: "Europe/Berlin", Owner: billing.NewUser{Email: "owner@p.example"}, Bought: bought,
	}))
	if purse != "" {
		h.must(h.SetCustomer(t.Context(), "p", billing.CustomerChange{
			Email: "owner@p.example", MethodStatus: "set", MethodType: "card", Balances: []money.Amount{amount(purse)},
		}))
	}
	var err error
	if d.key, _, err = h.CreateKey(t.Context(), "p", billing.NewKey{Name: "k"}); err != nil {
		t.Fatal(err)
	}
}

var inMemory = store.Config{InMemory: true}

// me returns the owner as of now.
func (d *desk) me() *billing.Caller { d.t.Helper(); return d.enter("p.example", d.key) }

var order = billing.PlanOrder{Product: "admin", Quantity: 5, SuccessURL: "https://p.example/ok", CancelURL: "https://p.example/no"}

// pageFor opens a page and returns its id.
func (d *desk) pageFor(o billing.PlanOrder) string {
	d.t.Helper()
	if _, err := d.PlanPage(d.t.Context(), d.me(), o); err != nil {
		d.t.Fatal(err)
	}
	return d.bank.last
}

// subscribe buys a plan at a page, and returns the page's id.
func (d *desk) subscribe(n int64) string {
	d.t.Helper()
	o := order
	o.Quantity = n
	id := d.pageFor(o)
	d.must(d.Receive(d.t.Context(), d.bank.pays(id, "card")))
	return id
}

// rows returns what the portal has, as it is kept.
func (d *desk) rows() (all []store.Subscription) {
	d.t.Helper()
	d.must(d.store.Read(d.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Subscriptions("p")
		return err
	}))
	return all
}

// of returns the row of a plan.
func (d *desk) of(planID int) store.Subscription {
	d.t.Helper()
	for _, r := range d.rows() {
		if r.PlanID == planID {
			return r
		}
	}
	return store.Subscription{}
}

// wallet returns what the portal's wallet has available in a currency: "12.50 USD".
func (d *desk) wallet(currency money.Currency) string {
	d.t.Helper()
	w, err := d.Wallet(d.t.Context(), "p")
	d.must(err)
	for _, p := range w.Pockets {
		if p.Book == ledger.Main && p.Available.Currency() == currency {
			return p.Available.String()
		}
	}
	return "none"
}

// state returns a collection's state and reason: "declined card_declined".
func (d *desk) state(number int64) string {
	d.t.Helper()
	var c store.Collection
	d.must(d.store.Read(d.t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.CollectionByNumber("p", number)
		return err
	}))
	if c.Reason != "" {
		return string(c.State) + " " + c.Reason
	}
	return string(c.State)
}

// sums returns what an account of the house comes to, by all that was transferred.
func (d *desk) sums(account ledger.Account, currency money.Currency) string {
	d.t.Helper()
	_, sums, err := d.Verify(d.t.Context(), store.Verification{})
	if err != nil {
		d.t.Fatalf("the books: %v", err)
	}
	for _, s := range sums {
		if s.Account == account && s.Book == ledger.Main && s.Amount.Currency() == currency {
			return s.Amount.String()
		}
	}
	return "none"
}

// sound checks every law of the ledger.
func (d *desk) sound() {
	d.t.Helper()
	if _, _, err := d.Verify(d.t.Context(), store.Verification{}); err != nil {
		d.t.Errorf("the books: %v", err)
	}
}

func (d *desk) change(key string, n int64) (bool, error) {
	d.t.Helper()
	done, _, err := d.ChangePlan(d.t.Context(), d.me(), key, "admin", n, catalog.Locale{})
	return done, err
}

// wants fails the test unless an error is the one, with the text; nil: there is none.
func wants(t *testing.T, what string, err, want error, text string) {
	t.Helper()
	if !errors.Is(err, want) || text != "" && (err == nil || err.Error() != text) {
		t.Errorf("%s: %v, want %v %q", what, err, want, text)
	}
}

// sandboxed is a sandbox as it comes.
func sandboxed() sandbox.Config { return sandbox.Config{} }

func purseOf(text string) []money.Amount { return []money.Amount{amount(text)} }
