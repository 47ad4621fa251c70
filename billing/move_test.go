package billing_test

import (
	"fmt"
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

func (d *desk) move(key string, n int64) (done, replay bool, err error) {
	d.t.Helper()
	return d.MoveToWallet(d.t.Context(), d.me(), key, "adminwallet", n)
}

// subscriber returns a desk whose card pays for ten since ten days, of 31: 6.45 USD a
// day, and five odd cents that are over; 135.48 USD are left.
func subscriber(t *testing.T, config store.Config, purse string) *desk {
	t.Helper()
	d := newDesk(t, config, "")
	d.subscribe(10)
	d.clock.Move(10 * day)
	if purse != "" {
		d.must(d.SetCustomer(t.Context(), "p", billing.CustomerChange{Balances: purseOf(purse)}))
	}
	return d
}

func TestWhatIsLeftOfPlan(t *testing.T) {
	d := subscriber(t, inMemory, "")
	start := newClock().Now()
	got, err := d.SubscriptionBalance(t.Context(), d.me())
	d.must(err)
	diff(t, "balance", *got, billing.SubscriptionBalance{
		TotalCost: amount("200 USD"), Currency: "USD", PeriodStart: start, PeriodEnd: start.AddDate(0, 1, 0), PeriodUsedUntil: start.Add(10 * day),
		DaysElapsed: 10, Remaining: amount("135.48 USD"), RemainingInWalletCurrency: amount("135.48 USD"), WalletCurrency: "USD",
	})
	d.clock.Move(21*day + time.Second) // over, on the day that it is due
	got, err = d.SubscriptionBalance(t.Context(), d.me())
	d.must(err)
	if got.DaysElapsed != 31 || got.Remaining.Sign() != 0 || !got.PeriodUsedUntil.Equal(got.PeriodEnd) {
		t.Errorf("%+v", got)
	}
	d.clock.Move(day)
	_, err = d.SubscriptionBalance(t.Context(), d.me())
	wants(t, "late", err, billing.ErrNotPaid, "Tariff is not paid")

	d = newDesk(t, inMemory, "")
	eur := order
	eur.Locale = catalog.Locale{Visitor: "DE"}
	d.must(d.Receive(t.Context(), d.bank.pays(d.pageFor(eur), "card")))
	got, err = d.SubscriptionBalance(t.Context(), d.me())
	d.must(err)
	if got.Remaining != amount("92.50 EUR") || got.WalletCurrency != "USD" || got.RemainingInWalletCurrency != (billing.SubscriptionBalance{}).Remaining {
		t.Errorf("%+v", got)
	}
	_, _, err = d.move("k", 5)
	wants(t, "another currency", err, billing.ErrInvalid, "The plan is paid in EUR and the wallet in USD: nothing is converted")
	d.sound()
}

// The checks of a move and of a balance, in the contract's order.
func TestMoveIsRefused(t *testing.T) {
	due := newClock().Now().Add(20 * day)
	for _, tt := range []struct {
		name    string
		status  string
		bought  []billing.Purchase
		product string
		n       int64
		want    error
		text    string
		balance string // what the balance is refused with; "": as the move
	}{
		{"nobody pays", "", nil, "nothing", 0, billing.ErrNotFound, "Customer could not be found", ""},
		{"another product", "none", nil, "admin", 0, billing.ErrInvalid, "Invalid product", ""},
		{"a service", "none", nil, "storage", 0, billing.ErrInvalid, "Invalid product", ""},
		{"none", "none", nil, "adminwallet", 0, billing.ErrInvalid, "Invalid quantity", "Invalid product"},
		{"too many", "none", nil, "adminwallet", 1000, billing.ErrInvalid, "Invalid quantity", "Invalid product"},
		{"fewer than there are", "none", nil, "adminwallet", 3, billing.ErrInvalid, "Invalid quantity", "Invalid product"},
		{"no card", "none", nil, "adminwallet", 4, billing.ErrNoMethod, "", "Invalid product"},
		{"late", "set", []billing.Purchase{{Plan: -9, Quantity: 5, DueAt: due.Add(-30 * day)}}, "adminwallet", 4, billing.ErrNotPaid, "Tariff is not paid", ""},
		{"free", "set", nil, "adminwallet", 4, billing.ErrInvalid, "Invalid product", ""},
		{"of the wallet", "set", []billing.Purchase{{Plan: -14, Quantity: 5, DueAt: due}}, "adminwallet", 4, billing.ErrInvalid, "Invalid product", ""},
		{"agreed elsewhere", "set", []billing.Purchase{{Plan: -9, Quantity: 5, DueAt: due}}, "adminwallet", 4, billing.ErrNotPaid, "Failed to move the subscription balance to the wallet", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, inMemory, "", tt.bought...)
			d.must(d.SetUsage(t.Context(), "p", map[string]int64{"manager": 4}))
			if tt.status != "" {
				d.must(d.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "owner@p.example", MethodStatus: tt.status}))
			}
			before := d.rows()
			_, _, err := d.MoveToWallet(t.Context(), d.me(), "k", tt.product, tt.n)
			wants(t, "move", err, tt.want, tt.text)
			if _, err = d.SubscriptionBalance(t.Context(), d.me()); err == nil || err.Error() != tt.text && err.Error() != tt.balance && tt.product == "adminwallet" {
				t.Errorf("balance: %v", err)
			}
			diff(t, "what the portal has", d.rows(), before)
			if len(d.bank.journal.All()) != 0 {
				t.Error("something was collected")
			}
			d.sound()
		})
	}
	h, _ := paidCompany(t, sandboxed())
	_, _, err := h.MoveToWallet(t.Context(), h.as(billing.Admin), "", "nothing", 0)
	wants(t, "another administrator", err, billing.ErrAccessDenied, "")
	_, err = h.SubscriptionBalance(t.Context(), h.as(billing.Admin))
	wants(t, "another administrator", err, billing.ErrAccessDenied, "")
	d := subscriber(t, inMemory, "")
	d.must(d.SetUsage(t.Context(), "p", map[string]int64{"total_size": 600 * gigabyte}))
	_, _, err = d.move("k", 2)
	wants(t, "too small", err, billing.ErrLimit, "The used storage size should not exceed 500 GB")
}

// What is left of the plan, what is in the wallet and what the card adds pay for the
// new one, in this order and exactly.
func TestPlanMovesToTheWallet(t *testing.T) {
	for _, tt := range []struct {
		purse      string
		n          int64
		collected  string
		wallet     string
		revenue    string
		collection int
	}{
		{"", 6, "none", "15.48 USD", "184.52 USD", 0}, // 200 − 135.48 + 120
		{"65 USD", 10, "none", "0.48 USD", "264.52 USD", 0},
		{"64.52 USD", 10, "none", "0.00 USD", "264.52 USD", 0},
		{"64.519 USD", 10, "0.01 USD", "0.009 USD", "264.52 USD", 1}, // to the cent, and no more
		{"", 10, "64.52 USD", "0.00 USD", "264.52 USD", 1},
		{"20 USD", 30, "444.52 USD", "0.00 USD", "664.52 USD", 1},
	} {
		for name, config := range map[string]func() store.Config{
			"memory":   func() store.Config { return inMemory },
			"postgres": func() store.Config { return store.Config{URL: pgtest.Database(t)} },
		} {
			t.Run(fmt.Sprintf("%s, %d from %q", name, tt.n, tt.purse), func(t *testing.T) {
				d := subscriber(t, config(), tt.purse)
				for i := range 3 {
					done, replay, err := d.move("k", tt.n)
					if !done || err != nil || replay != (i > 0) {
						t.Fatalf("%t, %t, %v", done, replay, err)
					}
				}
				got := d.of(-14)
				if len(d.rows()) != 1 || got.Quantity != tt.n || got.PaidFrom != "wallet" || got.Rate.Units() != tt.n*20*1e8 || !got.StartedAt.Equal(d.clock.Now()) {
					t.Errorf("%+v", d.rows())
				}
				collected := "none"
				for _, r := range d.bank.journal.All() {
					collected = r.Amount.String()
				}
				diff(t, "collected", collected, tt.collected)
				if n := len(d.bank.journal.All()); n != tt.collection {
					t.Errorf("%d charges", n)
				}
				diff(t, "wallet", d.wallet("USD"), tt.wallet)
				diff(t, "revenue", d.sums(ledger.Revenue, "USD"), tt.revenue)
				_, _, err := d.move("k", tt.n+1)
				wants(t, "other input", err, billing.ErrMismatch, "")
				_, _, err = d.move("", tt.n)
				wants(t, "another one", err, billing.ErrInvalid, "Invalid product")
			})
		}
	}
}

// Whatever becomes of the collection: it is collected once, and the plan is moved if
// and only if that settled.
func TestFailureOfTheProviderWhenPlanMoves(t *testing.T) {
	for _, key := range []string{"k", ""} {
		for _, tt := range []struct {
			name   string
			behave sandbox.Behaviour
			wait   time.Duration
			moved  bool
			state  string
		}{
			{"settles", sandbox.Behaviour{}, 0, true, "settled"},
			{"declined", sandbox.Behaviour{Decline: payment.CardDeclined}, 0, false, "declined card_declined"},
			{"fails before", sandbox.Behaviour{Fault: sandbox.FailBefore}, time.Minute, true, "settled"},
			{"fails after", sandbox.Behaviour{Fault: sandbox.FailAfter}, 0, true, "settled"},
			{"times out after", sandbox.Behaviour{Fault: sandbox.TimeOutAfter}, 0, true, "settled"},
			{"settles an hour later", sandbox.Behaviour{Late: time.Hour}, time.Hour, true, "settled"},
			{"is declined an hour later", sandbox.Behaviour{Late: time.Hour, Decline: payment.CardDeclined}, time.Hour, false, "declined card_declined"},
		} {
			t.Run(tt.name+" "+key, func(t *testing.T) {
				d := subscriber(t, inMemory, "")
				d.bank.behaves(tt.behave)
				_, _, err := d.move(key, 10)
				if unsure := tt.behave.Fault != "" || tt.behave.Late > 0; unsure != (err != nil) {
					t.Fatal(err)
				} else if unsure {
					wants(t, "at first", err, billing.ErrUnsettled, "")
					d.bank.behaves(sandbox.Behaviour{})
					_, _, err = d.move("another", 11)
					wants(t, "another", err, billing.ErrBusyWallet, "")
					d.clock.Move(tt.wait)
					done, _, err := d.move(key, 10)
					if done != tt.moved || err != nil {
						t.Errorf("again: %t, %v", done, err)
					}
				}
				if key != "" {
					for range 2 {
						if done, replay, err := d.move(key, 10); done != tt.moved || !replay || err != nil {
							t.Errorf("once more: %t, %t, %v", done, replay, err)
						}
					}
				}
				want := -9
				if tt.moved {
					want = -14
				}
				if rows := d.rows(); len(rows) != 1 || rows[0].PlanID != want || rows[0].Quantity != 10 {
					t.Errorf("%+v", rows)
				}
				diff(t, "state", d.state(2), tt.state)
				diff(t, "wallet", d.wallet("USD"), "0.00 USD")
				if n := len(d.bank.journal.All()); n > 1 {
					t.Errorf("%d charges", n)
				}
				d.sound()
			})
		}
	}
}

// A process that died after the money came leaves what the same again goes on with;
// what was spent meanwhile is not collected once more.
func TestMoveGoesOnAfterCrash(t *testing.T) {
	for _, spent := range []bool{false, true} {
		d := subscriber(t, inMemory, "")
		d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutAfter})
		_, _, err := d.move("k", 10)
		wants(t, "at first", err, billing.ErrUnsettled, "")
		d.bank.behaves(sandbox.Behaviour{})
		d.must(d.Receive(t.Context(), payment.Event{Kind: payment.Charged, ChargeID: "c2.p", Outcome: payment.Outcome{State: payment.Settled, Amount: amount("64.52 USD")}}))
		diff(t, "wallet", d.wallet("USD"), "64.52 USD")
		if spent {
			d.must(d.CarryOne(t.Context(), billing.Order{PortalID: "p", Key: "c", What: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("1 USD")}}))
			for range 2 {
				_, _, err := d.move("k", 10)
				wants(t, "again", err, billing.ErrInsufficient, "")
			}
			if done, _, err := d.move("l", 10); !done || err != nil { // one more dollar
				t.Errorf("%t, %v", done, err)
			}
		} else if done, _, err := d.move("k", 10); !done || err != nil {
			t.Errorf("%t, %v", done, err)
		}
		if n := len(d.bank.journal.All()); n != map[bool]int{false: 1, true: 2}[spent] {
			t.Errorf("%d charges", n)
		}
		diff(t, "wallet", d.wallet("USD"), "0.00 USD")
		if len(d.rows()) != 1 || d.of(-14).Quantity != 10 {
			t.Errorf("%+v", d.rows())
		}
		d.sound()
	}
}
