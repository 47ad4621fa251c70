package billing_test

import (
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

// The checks of a change of plan, in the contract's order.
func TestChangeOfPlanIsRefused(t *testing.T) {
	due := newClock().Now().Add(20 * day)
	five := []billing.Purchase{{Plan: -9, Quantity: 5, DueAt: due}}
	for _, tt := range []struct {
		name    string
		status  string
		bought  []billing.Purchase
		product string
		n       int64
		want    error
		text    string
	}{
		{"nobody pays", "", five, "nothing", 0, billing.ErrNotFound, "Customer could not be found"},
		{"no such thing", "none", five, "nothing", 0, billing.ErrInvalid, "Invalid product"},
		{"of the wallet", "none", five, "storage", 0, billing.ErrInvalid, "Invalid product"},
		{"of the wallet, a plan", "none", five, "adminwallet", 0, billing.ErrInvalid, "Invalid product"},
		{"none", "none", five, "admin", 0, billing.ErrInvalid, "Invalid quantity"},
		{"too many", "none", five, "admin", 1000, billing.ErrInvalid, "Invalid quantity"},
		{"another plan", "none", five, "adminyear", 9, billing.ErrInvalid, "Invalid product"},
		{"another plan that is over", "none", []billing.Purchase{{Plan: -10, Quantity: 5, DueAt: due.Add(-100 * day)}}, "admin", 9, billing.ErrInvalid, "Invalid product"},
		{"as many", "none", five, "admin", 5, billing.ErrInvalid, "Invalid quantity"},
		{"too few for who is there", "none", five, "admin", 3, billing.ErrLimit, "The number of admins should not exceed 3"},
		{"no card", "none", five, "admin", 6, billing.ErrNoMethod, ""},
		{"a card that expired", "expired", five, "admin", 6, billing.ErrNoMethod, ""},
		{"nothing against it", "set", five, "admin", 6, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, inMemory, "", tt.bought...)
			d.must(d.SetUsage(t.Context(), "p", map[string]int64{"manager": 4}))
			if tt.status != "" {
				d.must(d.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "owner@p.example", MethodStatus: tt.status}))
			}
			before := d.rows()
			done, _, err := d.ChangePlan(t.Context(), d.me(), "k", tt.product, tt.n, here)
			wants(t, "change", err, tt.want, tt.text)
			if done != (tt.want == nil) {
				t.Error(done)
			}
			if tt.want != nil {
				diff(t, "what the portal has", d.rows(), before)
			}
			d.sound()
		})
	}
	h, _ := paidCompany(t, sandboxed())
	_, _, err := h.ChangePlan(t.Context(), h.as(billing.Admin), "", "nothing", 0, here)
	wants(t, "another administrator", err, billing.ErrAccessDenied, "")
	n := newHall(t)
	n.addPortal("q")
	_, _, err = n.ChangePlan(t.Context(), n.owner("q"), "", "nothing", 0, here)
	wants(t, "nobody collects", err, billing.ErrNoProvider, "")
}

// Whatever goes wrong at the provider's when a bigger plan is paid by card: the plan
// is bigger if and only if it was paid for, once, and the wallet is as it was.
func TestFailureOfTheProviderWhenPlanIsChanged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		behave sandbox.Behaviour
		wait   time.Duration // before the same comes again
		again  error         // what that comes to; nil: it is done
		no     bool          // it is answered with false
		state  string        // of the collection in the end
	}{
		{"settles", sandbox.Behaviour{}, 0, nil, false, "settled"},
		{"declined", sandbox.Behaviour{Decline: payment.CardDeclined}, 0, nil, true, "declined card_declined"},
		{"unconfirmed", sandbox.Behaviour{Decline: payment.AuthenticationRequired}, 0, nil, true, "declined authentication_required"},
		{"fails before", sandbox.Behaviour{Fault: sandbox.FailBefore}, time.Minute, nil, false, "settled"},
		{"fails after", sandbox.Behaviour{Fault: sandbox.FailAfter}, 0, nil, false, "settled"},
		{"times out before", sandbox.Behaviour{Fault: sandbox.TimeOutBefore}, time.Minute, nil, false, "settled"},
		{"times out after", sandbox.Behaviour{Fault: sandbox.TimeOutAfter}, 0, nil, false, "settled"},
		{"unreachable", sandbox.Behaviour{Fault: sandbox.Unreachable}, time.Minute, nil, false, "settled"},
		{"settles days later", sandbox.Behaviour{Late: 3 * day}, 3 * day, nil, false, "settled"},
		{"is declined days later", sandbox.Behaviour{Late: 3 * day, Decline: payment.InsufficientFunds}, 3 * day, nil, true, "declined insufficient_funds"},
		{"is not decided", sandbox.Behaviour{Late: 30 * day}, 3 * day, billing.ErrUnsettled, false, "unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, inMemory, "")
			d.subscribe(5)
			d.clock.Move(8 * day)
			d.bank.behaves(tt.behave)
			done, err := d.change("k", 10)
			d.bank.behaves(sandbox.Behaviour{})
			if known := tt.behave.Fault == "" && tt.behave.Late == 0; known != (err == nil) || done && !known {
				t.Fatalf("%t, %v", done, err)
			}
			if err != nil {
				wants(t, "at first", err, billing.ErrUnsettled, "")
				_, err := d.change("l", 11)
				wants(t, "another one meanwhile", err, billing.ErrBusyWallet, "")
			}
			d.clock.Move(tt.wait)
			for range 3 {
				done, err := d.change("k", 10)
				wants(t, "again", err, tt.again, "")
				if done != (tt.again == nil && !tt.no) {
					t.Errorf("again: %t", done)
				}
			}
			diff(t, "state", d.state(2), tt.state)
			want, revenue := int64(5), "100.00 USD"
			if tt.state == "settled" {
				want, revenue = 10, "174.20 USD" // 200.00 deals out 148.35 for 23 of 31 days, 100.00 only 74.16
			}
			if got := d.of(-9); got.Quantity != want || got.Rate.Units() != want*20*1e8 || got.PaidFrom != "card" {
				t.Errorf("%+v", got)
			}
			diff(t, "wallet", d.wallet("USD"), "0.00 USD")
			diff(t, "revenue", d.sums(ledger.Revenue, "USD"), revenue)
			if n := len(d.bank.journal.All()); n > 1 {
				t.Errorf("the bank was asked for %d charges", n)
			}
		})
	}
}

// An event may come before the reply, after it, twice, or after the opposite.
func TestEventsOfChangesOfPlan(t *testing.T) {
	settled := payment.Event{ID: "e", Kind: payment.Charged, ChargeID: "c2.p", Outcome: payment.Outcome{State: payment.Settled, Amount: amount("100 USD")}}
	declined, pending := settled, settled
	declined.Outcome = payment.Outcome{State: payment.Declined, Reason: "card_declined"}
	pending.Outcome.State = payment.Pending
	for name, tt := range map[string]struct {
		behave sandbox.Behaviour
		events []payment.Event
		want   int64
		state  string
	}{
		"twice, after the reply":                {sandbox.Behaviour{}, []payment.Event{settled, settled}, 10, "settled"},
		"late, after the reply":                 {sandbox.Behaviour{}, []payment.Event{pending, declined}, 10, "settled"},
		"instead of the reply":                  {sandbox.Behaviour{Fault: sandbox.TimeOutAfter}, []payment.Event{pending, settled, pending, declined}, 10, "settled"},
		"of a decline, instead of the reply":    {sandbox.Behaviour{Fault: sandbox.TimeOutBefore}, []payment.Event{declined, pending, declined}, 5, "declined card_declined"},
		"of money that came after it did not":   {sandbox.Behaviour{Decline: payment.CardDeclined}, []payment.Event{settled, settled, declined}, 10, "settled"},
		"of money that came after an exception": {sandbox.Behaviour{Decline: payment.AuthenticationRequired}, []payment.Event{settled}, 10, "settled"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, inMemory, "")
			d.subscribe(5)
			d.bank.behaves(tt.behave)
			_, _ = d.change("k", 10)
			for _, e := range tt.events {
				d.must(d.Receive(t.Context(), e))
			}
			diff(t, "state", d.state(2), tt.state)
			if n := d.of(-9).Quantity; n != tt.want {
				t.Errorf("there are %d", n)
			}
			diff(t, "wallet", d.wallet("USD"), "0.00 USD")
			d.sound()
		})
	}
	t.Run("before the reply", func(t *testing.T) {
		d := newDesk(t, inMemory, "")
		d.subscribe(5)
		provider := &held{Provider: d.bank, asked: make(chan struct{}), release: make(chan struct{})}
		service, err := billing.New(billing.Config{Store: d.store, Now: d.clock.Now, Provider: provider})
		d.must(err)
		me := d.me()
		done := running(func() error {
			_, _, err := service.ChangePlan(background, me, "k", "admin", 10, here)
			return err
		})
		<-provider.asked
		d.must(d.Receive(t.Context(), settled))
		close(provider.release)
		within(t, "the change", done)
		diff(t, "what it came to", d.state(2), "settled")
		if n := d.of(-9).Quantity; n != 10 {
			t.Errorf("there are %d", n)
		}
		d.sound()
	})
	t.Run("of nothing that is ours", func(t *testing.T) {
		d := newDesk(t, inMemory, "10 USD")
		for _, id := range []string{"", "c1", "c9.p", "c1.nobody", "c-1.p", "cx.p", "c1.P;", "x1.p", "c99999999999999999999.p"} {
			for _, kind := range []payment.EventKind{payment.Charged, payment.Refunded, payment.MethodSaved, payment.MethodGone, payment.Ignored, ""} {
				e := settled
				e.Kind, e.ChargeID, e.Customer, e.Method = kind, id, "nobody", method("x")
				d.must(d.Receive(t.Context(), e))
				e.Customer, e.Method.Account = "", "somebody else"
				if kind != payment.MethodSaved {
					d.must(d.Receive(t.Context(), e))
				}
			}
		}
		diff(t, "wallet", d.wallet("USD"), "10.00 USD")
		d.sound()
	})
}

// What was collected for a plan that is another by then stays in the wallet, and
// whoever asked is told.
func TestPaymentForWhatWasChangedMeanwhile(t *testing.T) {
	d := newDesk(t, inMemory, "")
	d.subscribe(5)
	d.bank.behaves(sandbox.Behaviour{Late: day})
	_, err := d.change("k", 10)
	wants(t, "at first", err, billing.ErrUnsettled, "")
	d.must(d.SetPurchases(t.Context(), "p", []billing.Purchase{{Plan: -10, Quantity: 3, DueAt: d.clock.Now().Add(99 * day)}}))
	d.clock.Move(day)
	for range 2 {
		done, err := d.change("k", 10)
		wants(t, "again", err, billing.ErrInvalid, "The plan was changed meanwhile: 100.00 USD are in the wallet")
		if done {
			t.Error("it is said to be done")
		}
	}
	diff(t, "state", d.state(2), "settled plan_changed")
	diff(t, "wallet", d.wallet("USD"), "100.00 USD")
	d.sound()
}

// A period that ended before the money came is not paid for.
func TestPaymentForPeriodThatIsOver(t *testing.T) {
	d := newDesk(t, inMemory, "")
	d.subscribe(5)
	d.clock.Move(30 * day)
	d.bank.behaves(sandbox.Behaviour{Late: 5 * day})
	_, err := d.change("k", 10)
	wants(t, "at first", err, billing.ErrUnsettled, "")
	d.clock.Move(5 * day)
	_, err = d.change("k", 10)
	wants(t, "again", err, billing.ErrInvalid, "")
	if n := d.of(-9).Quantity; n != 5 {
		t.Errorf("there are %d", n)
	}
	diff(t, "state", d.state(2), "settled plan_changed")
	d.sound()
}

// Who left a collection behind does not keep a change of plan waiting for ever.
func TestChangeComesToWhatWasLeftBehind(t *testing.T) {
	d := newDesk(t, inMemory, "")
	d.subscribe(5)
	d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutBefore})
	_, err := d.Deposit(t.Context(), "p", "lost", billing.Deposit{Amount: amount("5 USD")})
	wants(t, "deposit", err, billing.ErrUnsettled, "")
	d.bank.behaves(sandbox.Behaviour{})
	_, err = d.change("k", 6)
	wants(t, "at once", err, billing.ErrBusyWallet, "")
	d.clock.Move(time.Minute)
	if done, err := d.change("k", 6); !done || err != nil {
		t.Errorf("%t, %v", done, err)
	}
	diff(t, "the deposit", d.state(2), "declined abandoned")
	d.sound()
}

// Fewer is given back into the wallet, once for each key; what is without end stays
// so, and who pays for it too.
func TestPlanGetsSmaller(t *testing.T) {
	for name, config := range map[string]func(t *testing.T) store.Config{
		"memory":   func(*testing.T) store.Config { return inMemory },
		"postgres": func(t *testing.T) store.Config { return store.Config{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, config(t), "")
			d.subscribe(10)
			d.clock.Move(16 * day) // 31 days, 200.00 USD: 20,000 = 31 × 645 + 5
			for range 3 {
				done, err := d.change("k", 4)
				if !done || err != nil {
					t.Fatalf("%t, %v", done, err)
				}
			}
			_, err := d.change("k", 3)
			wants(t, "other input", err, billing.ErrMismatch, "")
			got := d.of(-9)
			if got.Quantity != 4 || got.Rate != amount("80 USD") {
				t.Errorf("%+v", got)
			}
			diff(t, "wallet", d.wallet("USD"), "58.06 USD") // 15 × (6.45 − 2.58)
			diff(t, "revenue", d.sums(ledger.Revenue, "USD"), "141.94 USD")
		})
	}
	t.Run("agreed elsewhere", func(t *testing.T) {
		d := newDesk(t, inMemory, "1 USD", billing.Purchase{Plan: -9, Quantity: 10, DueAt: newClock().Now().Add(20 * day)})
		for range 2 {
			if done, err := d.change("k", 4); !done || err != nil {
				t.Fatalf("%t, %v", done, err)
			}
		}
		if got := d.of(-9); got.Quantity != 4 || got.PaidFrom != "" || d.wallet("USD") != "1.00 USD" {
			t.Errorf("%+v, %s", got, d.wallet("USD"))
		}
		d.sound()
	})
	t.Run("without end", func(t *testing.T) {
		d := newDesk(t, inMemory, "1 USD", billing.Purchase{Plan: -9, Quantity: 10})
		if done, err := d.change("k", 4); !done || err != nil {
			t.Fatalf("%t, %v", done, err)
		}
		if got := d.of(-9); got.Quantity != 4 || !got.DueAt.IsZero() || got.PaidFrom != "" {
			t.Errorf("%+v", got)
		}
	})
}

// Who has an older plan of a name keeps it, at its price.
func TestOlderPlanIsChanged(t *testing.T) {
	at := newClock().Now()
	d := newDesk(t, inMemory, "0 USD", billing.Purchase{Plan: -2, Quantity: 4, DueAt: at.AddDate(0, 1, 0).Truncate(time.Second)})
	if done, err := d.change("k", 6); !done || err != nil {
		t.Fatalf("%t, %v", done, err)
	}
	if got := d.of(-2); len(d.rows()) != 1 || got.Quantity != 6 || got.Rate != amount("30 USD") {
		t.Errorf("%+v", d.rows())
	}
	// When it is over, it is not sold any more.
	d.clock.Move(50 * day)
	_, err := d.change("l", 5)
	wants(t, "over", err, billing.ErrInvalid, "Invalid product")
	d.must(d.Receive(t.Context(), d.bank.pays(d.pageFor(order), "card")))
	if got := d.of(-9); len(d.rows()) != 1 || got.Quantity != 5 {
		t.Errorf("%+v", d.rows())
	}
	d.sound()
}

// What is bought anew is priced in the currency of who asks, and changed in its own.
func TestPlanInAnotherCurrency(t *testing.T) {
	d := newDesk(t, inMemory, "5 USD")
	done, _, err := d.ChangePlan(t.Context(), d.me(), "k", "admin", 5, catalog.Locale{Visitor: "DE"})
	if !done || err != nil {
		t.Fatalf("%t, %v", done, err)
	}
	if got := d.of(-9); got.Rate != amount("92.50 EUR") {
		t.Errorf("%+v", got)
	}
	if done, err := d.change("l", 6); !done || err != nil {
		t.Fatalf("%t, %v", done, err)
	}
	if done, err := d.change("m", 5); !done || err != nil {
		t.Fatalf("%t, %v", done, err)
	}
	diff(t, "wallet", d.wallet("USD")+", "+d.wallet("EUR"), "5.00 USD, 18.50 EUR")
	d.sound()
}
