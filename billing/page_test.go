package billing_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// The checks of a page for a plan, in the contract's order.
func TestPageForPlanIsRefused(t *testing.T) {
	paid := []billing.Purchase{{Plan: -9, Quantity: 5, DueAt: newClock().Now().Add(20 * day)}}
	late := []billing.Purchase{{Plan: -9, Quantity: 5, DueAt: newClock().Now().Add(-3 * day)}}
	for _, tt := range []struct {
		name    string
		bought  []billing.Purchase
		product string
		n       int64
		want    error
		text    string
		none    bool // there is no page, and no error
	}{
		{"none, of a plan that is paid", paid, "admin", 0, billing.ErrInvalid, "Invalid quantity", false},
		{"fewer than none", nil, "nothing", -1, billing.ErrInvalid, "Invalid quantity", false},
		{"too many", nil, "admin", 1000, billing.ErrInvalid, "Invalid quantity", false},
		{"paid already, and nothing that there is", paid, "nothing", 1, nil, "", true},
		{"by the year", nil, "adminyear", 5, billing.ErrInvalid, "Value does not fall within the expected range.", false},
		{"from the wallet", nil, "adminwallet", 5, billing.ErrInvalid, "Value does not fall within the expected range.", false},
		{"nothing that there is", nil, "nothing", 5, billing.ErrInvalid, "Value does not fall within the expected range.", false},
		{"too few for who is there", nil, "admin", 3, billing.ErrLimit, "The number of admins should not exceed 3", false},
		{"as many as there are", nil, "admin", 4, nil, "", false},
		{"what is late", late, "admin", 4, nil, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, inMemory, "", tt.bought...)
			d.must(d.SetUsage(t.Context(), "p", map[string]int64{"manager": 4}))
			o := order
			o.Product, o.Quantity = tt.product, tt.n
			url, err := d.PlanPage(t.Context(), d.me(), o)
			wants(t, "page", err, tt.want, tt.text)
			if (url == "") != (tt.none || tt.want != nil) {
				t.Errorf("%q", url)
			}
		})
	}
	h, _ := paidCompany(t, sandboxed())
	_, err := h.PlanPage(t.Context(), h.as(billing.RoomAdmin), billing.PlanOrder{})
	wants(t, "no administrator", err, billing.ErrAccessDenied, "")
}

// Whatever goes wrong with a page that is paid: the plan is there, once, as it was
// paid for, and the books say so.
func TestFailureOfTheProviderAtPage(t *testing.T) {
	settle := func(d *desk, id string) { d.must(d.Receive(d.t.Context(), d.bank.pays(id, "card"))) }
	reconcile := func(d *desk, want int) {
		d.t.Helper()
		if n, err := d.Reconcile(d.t.Context()); n != want || err != nil {
			d.t.Errorf("%d came to an end, want %d: %v", n, want, err)
		}
	}
	for _, tt := range []struct {
		name   string
		do     func(d *desk)
		plan   int64 // how many the portal has then; 0: no such plan
		wallet string
		states string
	}{
		{"paid", func(d *desk) { settle(d, d.pageFor(order)) }, 5, "0.00 USD", "settled"},
		{"told twice", func(d *desk) { id := d.pageFor(order); settle(d, id); settle(d, id) }, 5, "0.00 USD", "settled"},
		{"left", func(d *desk) {
			id := d.pageFor(order)
			e := payment.Event{Kind: payment.Charged, ChargeID: id, Outcome: payment.Outcome{State: payment.Declined, Reason: payment.Abandoned}}
			d.must(d.Receive(d.t.Context(), e))
			d.must(d.Receive(d.t.Context(), e))
		}, 0, "none", "declined page_abandoned"},
		{"left, and yet paid", func(d *desk) {
			id := d.pageFor(order)
			d.must(d.Receive(d.t.Context(), payment.Event{Kind: payment.Charged, ChargeID: id, Outcome: payment.Outcome{State: payment.Declined, Reason: payment.Abandoned}}))
			settle(d, id)
		}, 5, "0.00 USD", "settled"},
		{"settles days later", func(d *desk) {
			id := d.pageFor(order)
			d.must(d.Receive(d.t.Context(), payment.Event{Kind: payment.Charged, ChargeID: id, Outcome: payment.Outcome{State: payment.Pending}}))
			d.clock.Move(3 * day)
			settle(d, id)
		}, 5, "0.00 USD", "settled"},
		{"paid, and nobody tells", func(d *desk) {
			id := d.pageFor(order)
			reconcile(d, 0)
			d.clock.Move(11 * time.Minute)
			reconcile(d, 0) // still at it
			d.bank.pays(id, "card")
			reconcile(d, 0) // it was asked just now
			d.clock.Move(11 * time.Minute)
			reconcile(d, 1)
			reconcile(d, 0)
			settle(d, id)
		}, 5, "0.00 USD", "settled"},
		{"paid, and nobody can be asked", func(d *desk) {
			id := d.pageFor(order)
			d.bank.pays(id, "card")
			d.bank.find = payment.ErrUnknown
			d.clock.Move(11 * time.Minute)
			reconcile(d, 0)
			d.bank.find = nil
			reconcile(d, 1)
		}, 5, "0.00 USD", "settled"},
		{"paid although its address was lost", func(d *desk) {
			ctx := d.t.Context()
			d.bank.open, d.bank.opened = errors.New("the reply is lost"), true
			_, err := d.PlanPage(ctx, d.me(), order)
			wants(d.t, "page", err, billing.ErrTryAgain, "")
			d.bank.open = nil
			settle(d, d.bank.last)
		}, 5, "0.00 USD", "settled"},
		{"not opened", func(d *desk) {
			d.bank.open = payment.ErrUnreachable
			for range 2 {
				_, err := d.PlanPage(d.t.Context(), d.me(), order)
				wants(d.t, "page", err, billing.ErrTryAgain, "")
			}
		}, 0, "none", "declined abandoned, declined abandoned"},
		{"two, both paid", func(d *desk) {
			other := order
			other.Quantity = 7
			one, two := d.pageFor(order), d.pageFor(other)
			settle(d, two)
			settle(d, one)
			settle(d, two)
		}, 7, "100.00 USD", "settled paid_already, settled"},
		{"paid after the plan came by other ways", func(d *desk) {
			id := d.pageFor(order)
			d.must(d.SetPurchases(d.t.Context(), "p", []billing.Purchase{{Plan: -10, Quantity: 2, DueAt: d.clock.Now().Add(day)}}))
			settle(d, id)
		}, 0, "100.00 USD", "settled paid_already"},
		{"paid after another plan was over", func(d *desk) {
			d.must(d.SetPurchases(d.t.Context(), "p", []billing.Purchase{{Plan: -10, Quantity: 2, DueAt: d.clock.Now().Add(-day)}}))
			settle(d, d.pageFor(order))
		}, 5, "0.00 USD", "settled"},
		{"paid when more is used", func(d *desk) {
			id := d.pageFor(order)
			d.must(d.SetUsage(d.t.Context(), "p", map[string]int64{"manager": 9}))
			settle(d, id)
		}, 5, "0.00 USD", "settled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, inMemory, "")
			tt.do(d)
			got := d.of(-9)
			if got.Quantity != tt.plan || tt.plan > 0 && (len(d.rows()) != 1 || got.Rate.Units() != tt.plan*20*1e8 || got.PaidFrom != "card" || got.TimeZone != "Europe/Berlin") {
				t.Errorf("%+v", d.rows())
			}
			diff(t, "wallet", d.wallet("USD"), tt.wallet)
			var states []string
			for n := range int64(strings.Count(tt.states, ",") + 1) {
				states = append(states, d.state(n+1))
			}
			diff(t, "states", strings.Join(states, ", "), tt.states)
			if tt.wallet != "none" {
				if c := d.me().View; c == nil || d.bank.last == "" {
					t.Error("nobody pays")
				}
			}
			d.sound()
		})
	}
}

// Pages are looked after, however many, and on a server too.
func TestManyPagesAreLookedAfter(t *testing.T) {
	d := newDesk(t, store.Config{URL: pgtest.Database(t)}, "")
	const many = 120
	ids := make([]string, many)
	for i := range many {
		o := order
		o.Quantity = int64(i + 1)
		ids[i] = d.pageFor(o)
	}
	d.clock.Move(11 * time.Minute)
	delete(d.bank.pages, ids[7]) // the provider never heard of it
	d.bank.pays(ids[110], "card")
	if n, err := d.Reconcile(t.Context()); n != 2 || err != nil || d.bank.asked != many {
		t.Errorf("%d came to an end, %d were asked about: %v", n, d.bank.asked, err)
	}
	diff(t, "state", d.state(8), "declined abandoned")
	if n := d.of(-9).Quantity; n != 111 {
		t.Errorf("there are %d", n)
	}
	d.sound()
}

// The same page is given again for as long as it is good.
func TestPageIsGivenAgain(t *testing.T) {
	d := newDesk(t, inMemory, "")
	first := d.pageFor(order)
	first = d.bank.pages[first].ID
	for _, want := range []int{1, 1} {
		d.pageFor(order)
		if len(d.bank.pages) != want {
			t.Errorf("there are %d pages", len(d.bank.pages))
		}
	}
	d.clock.Move(day - 4*time.Minute)
	if d.pageFor(order); len(d.bank.pages) != 2 || d.bank.last == first {
		t.Errorf("there are %d pages", len(d.bank.pages))
	}
	if p := d.bank.pages["c1.p"]; p.Email != "owner@p.example" || p.Amount != amount("100 USD") || p.Customer != "p" {
		t.Errorf("%+v", p.Page)
	}
}

// The price of a page is what it said, whatever the price list says when it is paid.
func TestPageKeepsItsPrice(t *testing.T) {
	text := `
currencies: [USD]
plans:
  - {id: -3, name: startup, features: "free"}
  - {id: -9, name: admin, title: Business, unit: Admins, product: "1", period: month, visible: true, features: "manager:1", price: [{USD: 20}, {from: 2026-07-10, USD: 25}]}
`
	list, err := catalog.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, inMemory, "")
	service, err := billing.New(billing.Config{Store: d.store, Now: d.clock.Now, Provider: d.bank, Catalog: list})
	d.must(err)
	d.Service = service
	id := d.pageFor(order)
	d.clock.Move(3 * day)
	d.must(d.Receive(t.Context(), d.bank.pays(id, "card")))
	got := d.of(-9)
	if got.Rate != amount("100 USD") || !got.StartedAt.Equal(d.clock.Now()) {
		t.Errorf("%+v", got)
	}
	diff(t, "state", d.state(1), "settled")
	diff(t, "wallet", d.wallet("USD"), "0.00 USD")
}

// Who pays at a page becomes the customer, and the card is the one to charge from
// then on.
func TestPageMakesTheCustomer(t *testing.T) {
	d := newDesk(t, inMemory, "")
	d.subscribe(5)
	info, err := d.CustomerInfo(d.me())
	d.must(err)
	if info == nil || info.Email != "owner@p.example" || info.MethodStatus != "set" || info.Method != "card" || info.AccountNumber == 0 || info.Account != "acc" || !d.me().Pays() {
		t.Errorf("%+v", info)
	}
}

// Events of methods: what comes late or twice does not undo what happened after it.
func TestMethodsAreTold(t *testing.T) {
	d := newDesk(t, inMemory, "")
	at := d.clock.Now()
	saved := func(token string, after time.Duration) payment.Event {
		return payment.Event{ID: token, Kind: payment.MethodSaved, Customer: "p", Method: method(token), At: at.Add(after)}
	}
	gone := func(token string, after time.Duration) payment.Event {
		e := saved(token, after)
		e.Kind = payment.MethodGone
		return e
	}
	changed := func(token, label string, after time.Duration) payment.Event {
		e := saved(token, after)
		e.Kind, e.Method.Label = payment.MethodChanged, label
		return e
	}
	expired := saved("old", 9*time.Hour)
	expired.Method.ExpiresYear, expired.Method.ExpiresMonth = 2026, 6
	for i, tt := range []struct {
		event payment.Event
		want  string
	}{
		{gone("a", 0), "no customer"},
		{changed("a", "x", 0), "no customer"},
		{saved("a", time.Hour), "set a Card a"},
		{saved("b", 2*time.Hour), "set b Card b"},
		{saved("a", time.Hour), "set b Card b"}, // told again
		{saved("c", 3*time.Hour), "set c Card c"},
		{saved("b", 2*time.Hour), "set c Card c"},
		{gone("b", 4*time.Hour), "set c Card c"}, // not in use
		{changed("b", "x", 4*time.Hour), "set c Card c"},
		{changed("c", "new", 5*time.Hour), "set c new"},
		{changed("c", "old", 4*time.Hour), "set c new"},
		{gone("c", 6*time.Hour), "none  "},
		{saved("c", 3*time.Hour), "none  "},
		{saved("d", 7*time.Hour), "set d Card d"},
		{expired, "expired old Card old"},
	} {
		d.must(d.Receive(t.Context(), tt.event))
		info, err := d.CustomerInfo(d.me())
		d.must(err)
		got := "no customer"
		if info != nil {
			got = fmt.Sprintf("%s %s %s", info.MethodStatus, info.Method, info.MethodLabel)
		}
		if got != tt.want {
			t.Errorf("after event %d: %q, want %q", i, got, tt.want)
		}
	}
	// A page that was paid before does not bring its card back.
	d.must(d.Receive(t.Context(), saved("e", 20*time.Hour)))
	d.must(d.Receive(t.Context(), d.bank.pays(d.pageFor(order), "paid by")))
	if info, _ := d.CustomerInfo(d.me()); info.Method != "e" {
		t.Errorf("%+v", info)
	}
}

// Two events that make the customer at once make one, and lose nothing of it.
func TestCustomerIsMadeOnce(t *testing.T) {
	for range 10 {
		d := newDesk(t, inMemory, "")
		paid := d.bank.pays(d.pageFor(order), "card")
		saved := payment.Event{ID: "m", Kind: payment.MethodSaved, Customer: "p", Method: method("card"), At: d.clock.Now()}
		one := running(func() error { return d.Receive(background, paid) })
		two := running(func() error { return d.Receive(background, saved) })
		three := running(func() error { return d.Receive(background, paid) })
		for _, done := range []<-chan error{one, two, three} {
			within(t, "an event", done)
		}
		if info, _ := d.CustomerInfo(d.me()); info == nil || info.MethodStatus != "set" {
			t.Fatalf("%+v", info)
		}
		if d.of(-9).Quantity != 5 || d.wallet("USD") != "0.00 USD" {
			t.Errorf("%+v, %s", d.rows(), d.wallet("USD"))
		}
		d.sound()
	}
}

func TestOtherPages(t *testing.T) {
	to := billing.Return{SuccessURL: "https://p.example/ok", CancelURL: "https://p.example/no"}
	d := newDesk(t, inMemory, "")
	if url, err := d.SetupPage(t.Context(), d.me(), to); url == "" || err != nil || d.bank.pages[d.bank.last].Kind != payment.SetupPage {
		t.Errorf("%q, %v", url, err)
	}
	_, err := d.AccountPage(t.Context(), d.me(), to)
	wants(t, "nobody's account", err, billing.ErrNotFound, "Customer could not be found")
	d.must(d.Receive(t.Context(), payment.Event{Kind: payment.MethodSaved, ChargeID: d.bank.last, Customer: "p", Method: method("card")}))
	if url, err := d.SetupPage(t.Context(), d.me(), to); url != "" || err != nil {
		t.Errorf("a card is set: %q, %v", url, err)
	}
	if url, err := d.AccountPage(t.Context(), d.me(), to); url == "" || err != nil {
		t.Errorf("%q, %v", url, err)
	}
	d.bank.open = payment.ErrUnsupported
	_, err = d.AccountPage(t.Context(), d.me(), to)
	wants(t, "a provider without", err, billing.ErrNoProvider, "")
	d.bank.open = payment.ErrUnknown
	_, err = d.AccountPage(t.Context(), d.me(), to)
	wants(t, "a reply that is lost", err, billing.ErrTryAgain, "")
	h, _ := paidCompany(t, sandboxed())
	for _, role := range []billing.Role{billing.Admin, billing.Member} {
		_, err = h.SetupPage(t.Context(), h.as(role), to)
		wants(t, "setup", err, billing.ErrAccessDenied, "")
		_, err = h.AccountPage(t.Context(), h.as(role), to)
		wants(t, "account", err, billing.ErrAccessDenied, "")
	}
}

// Money that is given back at the provider's goes out of the wallet, once, and the
// books say what the provider's do whatever the wallet has left.
func TestRefundsAreTold(t *testing.T) {
	deposit := func(d *desk, sum string) {
		d.must(d.Deposit(d.t.Context(), "p", "d", billing.Deposit{Amount: amount(sum)}))
	}
	for _, tt := range []struct {
		name     string
		do       func(d *desk)
		events   []string // totals of refunds of the last collection
		wallet   string
		provider string // what it owes the house: what was collected and not given back
		lost     string // what the house gave twice
	}{
		{"a part", func(d *desk) { deposit(d, "100 USD") }, []string{"30 USD"}, "80.00 USD", "-70.00 USD", "none"},
		{"a part, twice", func(d *desk) { deposit(d, "100 USD") }, []string{"30 USD", "30 USD"}, "80.00 USD", "-70.00 USD", "none"},
		{"more and more", func(d *desk) { deposit(d, "100 USD") }, []string{"30 USD", "70 USD", "100 USD"}, "10.00 USD", "0.00 USD", "none"},
		{"out of order", func(d *desk) { deposit(d, "100 USD") }, []string{"70 USD", "30 USD", "100 USD", "70 USD"}, "10.00 USD", "0.00 USD", "none"},
		{"more than was paid", func(d *desk) { deposit(d, "100 USD") }, []string{"500 USD"}, "10.00 USD", "0.00 USD", "none"},
		{"more than is left", func(d *desk) {
			deposit(d, "100 USD")
			d.must(d.CarryOne(d.t.Context(), billing.Order{PortalID: "p", Key: "c", What: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("80 USD")}}))
		}, []string{"20 USD", "90 USD", "90 USD"}, "0.00 USD", "-10.00 USD", "-60.00 USD"},
		{"what is held for others", func(d *desk) {
			deposit(d, "100 USD")
			d.must(d.CarryOne(d.t.Context(), billing.Order{PortalID: "p", Key: "h", What: billing.Reservation{Charge: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("80 USD")}}}))
		}, []string{"100 USD"}, "0.00 USD", "0.00 USD", "-70.00 USD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, inMemory, "10 USD")
			tt.do(d)
			for _, total := range tt.events {
				d.must(d.Receive(t.Context(), refunded("c1.p", total)))
			}
			diff(t, "wallet", d.wallet("USD"), tt.wallet)
			diff(t, "provider", d.sums("provider.sandbox", "USD"), tt.provider)
			diff(t, "lost", d.sums(ledger.Refunds, "USD"), tt.lost)
		})
	}
}

// What paid for a plan comes back from there, and the plan is worth that much less:
// nobody gets it twice.
func TestRefundOfPlan(t *testing.T) {
	d := newDesk(t, inMemory, "")
	id := d.subscribe(10)
	d.must(d.Receive(t.Context(), refunded(id, "50 USD")))
	d.must(d.Receive(t.Context(), refunded(id, "50 USD")))
	diff(t, "revenue", d.sums(ledger.Revenue, "USD"), "150.00 USD")
	diff(t, "wallet", d.wallet("USD"), "0.00 USD")
	diff(t, "rate", d.of(-9).Rate.String(), "150.00 USD")
	d.must(d.Receive(t.Context(), refunded(id, "200 USD")))
	diff(t, "provider", d.sums("provider.sandbox", "USD"), "0.00 USD")
	if done, err := d.change("k", 1); !done || err != nil {
		t.Fatalf("%t, %v", done, err)
	}
	diff(t, "wallet", d.wallet("USD"), "0.00 USD")
	diff(t, "lost", d.sums(ledger.Refunds, "USD"), "none")
	d.sound()
}

// A refund that is told before the charge is not forgotten.
func TestRefundIsToldBeforeTheCharge(t *testing.T) {
	d := newDesk(t, inMemory, "10 USD")
	d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutAfter})
	_, err := d.Deposit(t.Context(), "p", "d", billing.Deposit{Amount: amount("100 USD")})
	wants(t, "deposit", err, billing.ErrUnsettled, "")
	d.bank.find = payment.ErrUnknown
	wants(t, "refund, when nobody can be asked", d.Receive(t.Context(), refunded("c1.p", "40 USD")), billing.ErrTryAgain, "")
	d.bank.find = nil
	d.must(d.Receive(t.Context(), refunded("c1.p", "40 USD")))
	d.must(d.Receive(t.Context(), payment.Event{Kind: payment.Charged, ChargeID: "c1.p", Outcome: payment.Outcome{State: payment.Settled, Amount: amount("100 USD")}}))
	diff(t, "wallet", d.wallet("USD"), "70.00 USD")
	d.bank.behaves(sandbox.Behaviour{Decline: payment.CardDeclined})
	_, err = d.Deposit(t.Context(), "p", "e", billing.Deposit{Amount: amount("100 USD")})
	wants(t, "deposit", err, billing.ErrDeclined, "")
	wants(t, "refund of nothing", d.Receive(t.Context(), refunded("c2.p", "40 USD")), billing.ErrTryAgain, "")
	d.sound()
}
