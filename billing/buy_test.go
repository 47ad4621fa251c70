package billing_test

import (
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// The checks of purchases, quotes and schedules, in the contract's order.
func TestPurchaseIsRefused(t *testing.T) {
	late := billing.Purchase{Plan: -9, Quantity: 5, DueAt: newClock().Now().Add(-2 * day)}
	card := billing.Purchase{Plan: -9, Quantity: 5, DueAt: newClock().Now().Add(20 * day)}
	tests := []struct {
		name    string
		purse   string
		bought  []billing.Purchase
		product string
		n       int64
		want    error
		text    string
		quoted  bool // a quote is not refused
	}{
		{"nobody pays", "", nil, "storage", 100, billing.ErrNotFound, "Customer could not be found", false},
		{"of the card", "9 USD", nil, "admin", 5, billing.ErrInvalid, "Invalid product", false},
		{"by use", "9 USD", nil, "backup", 1, billing.ErrInvalid, "Invalid product", false},
		{"of no such thing", "9 USD", nil, "nothing", 0, billing.ErrInvalid, "Invalid product", false},
		{"beside what is late, before the quantity", "9 USD", []billing.Purchase{late}, "storage", 0, billing.ErrNotPaid, "Tariff is not paid", false},
		{"of none", "9 USD", nil, "storage", 0, billing.ErrInvalid, "Invalid quantity", false},
		{"of fewer than none", "9 USD", nil, "storage", -100, billing.ErrInvalid, "Invalid quantity", false},
		{"of more than numbers say", "9 USD", nil, "storage", 1 << 60, billing.ErrInvalid, "Invalid quantity", false},
		{"at more than amounts say", "9 USD", nil, "storage", 1 << 52, billing.ErrInvalid, "Invalid quantity", false},
		{"of too few at first, before the wallet", "0 EUR", nil, "storage", 99, billing.ErrInvalid, "Invalid quantity", true},
		{"without a wallet", "none", nil, "storage", 100, billing.ErrNotFound, "Balance could not be found", false},
		{"without a pocket", "9 EUR", nil, "storage", 100, billing.ErrNotFound, "Subaccount could not be found", false},
		{"with too little", "13.99 USD", nil, "storage", 100, billing.ErrInsufficient, "", true},
		{"of a plan while the card pays for one", "900 USD", []billing.Purchase{card}, "adminwallet", 5, billing.ErrInvalid, "Invalid product", true},
		{"of a plan for fewer than there are", "900 USD", nil, "adminwallet", 3, billing.ErrInvalid, "Invalid quantity", true},
		{"of a plan that is too small", "900 USD", nil, "adminwallet", 4, billing.ErrLimit, "The number of rooms should not exceed 0", true},
		{"of more of a plan than there may be", "90000 USD", nil, "adminwallet", 1000, billing.ErrInvalid, "Invalid quantity", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			purse := tt.purse
			if purse == "none" {
				purse = "0 USD"
			}
			d := newDesk(t, inMemory, purse, tt.bought...)
			if tt.purse == "none" {
				d = newDesk(t, inMemory, "", tt.bought...)
				d.must(d.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "owner@p.example"}))
			}
			d.must(d.SetUsage(t.Context(), "p", map[string]int64{"manager": 4}))
			if tt.want == billing.ErrLimit {
				d.must(d.SetUsage(t.Context(), "p", map[string]int64{"total_size": 2000 * gigabyte}))
				tt.text = "The used storage size should not exceed 1,000 GB"
			}
			before := d.rows()
			_, err := d.Purchase(t.Context(), d.me(), "k", tt.product, tt.n)
			wants(t, "purchase", err, tt.want, tt.text)
			_, err = d.QuotePurchase(t.Context(), d.me(), tt.product, tt.n)
			if tt.quoted {
				tt.want, tt.text = nil, ""
			}
			if tt.name == "of too few at first, before the wallet" {
				tt.want, tt.text = billing.ErrNotFound, "Subaccount could not be found"
			}
			wants(t, "quote", err, tt.want, tt.text)
			diff(t, "what the portal has", d.rows(), before)
			d.sound()
		})
	}
	t.Run("by another administrator", func(t *testing.T) {
		h, _ := paidCompany(t, sandboxed())
		_, err := h.Purchase(t.Context(), h.as(billing.Admin), "", "nothing", 0)
		wants(t, "purchase", err, billing.ErrAccessDenied, "")
		_, err = h.Schedule(t.Context(), h.as(billing.Admin), "nothing", nil)
		wants(t, "schedule", err, billing.ErrAccessDenied, "")
	})
}

func number(n int64) *int64 { return &n }

func TestNextPeriodIsScheduled(t *testing.T) {
	d := newDesk(t, inMemory, "100 USD")
	if found, err := d.Schedule(t.Context(), d.me(), "storage", number(200)); found || err != nil {
		t.Errorf("of what there is none: %t, %v", found, err)
	}
	d.must(d.Purchase(t.Context(), d.me(), "", "storage", 100))
	for _, n := range []int64{-1, 1, 99, 1 << 52, 1 << 60} {
		_, err := d.Schedule(t.Context(), d.me(), "storage", number(n))
		wants(t, "schedule", err, billing.ErrInvalid, "Invalid quantity")
	}
	for _, tt := range []struct{ next, want *int64 }{
		{number(200), number(200)}, {number(0), number(0)}, {number(100), nil}, {number(150), number(150)}, {nil, nil},
	} {
		found, err := d.Schedule(t.Context(), d.me(), "storage", tt.next)
		if err != nil || !found {
			t.Fatalf("%t, %v", found, err)
		}
		diff(t, "next", d.of(-11).Next, tt.want)
	}
	// More now leaves what was said of later alone.
	d.must(d.Schedule(t.Context(), d.me(), "storage", number(150)))
	d.must(d.Purchase(t.Context(), d.me(), "", "storage", 10))
	diff(t, "next", d.of(-11).Next, number(150))
	// What was cancelled and is over has no next period.
	d.must(d.Schedule(t.Context(), d.me(), "storage", number(0)))
	d.clock.Move(32 * day)
	if found, err := d.Schedule(t.Context(), d.me(), "storage", number(200)); found || err != nil {
		t.Errorf("of what is over: %t, %v", found, err)
	}
	// And is bought anew, as at first.
	_, err := d.Purchase(t.Context(), d.me(), "", "storage", 99)
	wants(t, "too few", err, billing.ErrInvalid, "Invalid quantity")
	d.must(d.Purchase(t.Context(), d.me(), "", "storage", 100))
	if got := d.of(-11); len(d.rows()) != 1 || got.Next != nil || got.Quantity != 100 || !got.StartedAt.Equal(d.clock.Now()) {
		t.Errorf("%+v", d.rows())
	}
}

// A period that costs nothing any more on its last days has its key all the same.
func TestCostlessPurchaseIsMadeOnce(t *testing.T) {
	for i, key := range []string{"k", "", "k", ""} {
		config := inMemory
		if i > 1 {
			config = store.Config{URL: pgtest.Database(t)}
		}
		d := newDesk(t, config, "100 USD")
		d.must(d.Purchase(t.Context(), d.me(), "", "storage", 100))
		d.clock.Move(30 * day) // the last day of 31: of 14.00 USD it is worth 0.45, of 14.14 and of 14.28 USD 0.46
		d.must(d.Purchase(t.Context(), d.me(), "one", "storage", 1))
		quote, err := d.QuotePurchase(t.Context(), d.me(), "storage", 1)
		d.must(err)
		if quote.Amount.Sign() != 0 {
			t.Fatalf("it costs %s", quote.Amount)
		}
		for i := range 3 {
			receipt, err := d.Purchase(t.Context(), d.me(), key, "storage", 1)
			if err != nil || receipt.Replay != (i > 0) || receipt.Amount.Sign() != 0 {
				t.Errorf("%+v, %v", receipt, err)
			}
		}
		if n := d.of(-11).Quantity; n != 102 {
			t.Errorf("there are %d", n)
		}
		if key != "" {
			_, err := d.Purchase(t.Context(), d.me(), key, "storage", 2)
			wants(t, "other input", err, billing.ErrMismatch, "")
		}
		d.clock.Move(10 * time.Second)
		receipt, err := d.Purchase(t.Context(), d.me(), key, "storage", 1)
		d.must(err)
		if receipt.Replay != (key != "") {
			t.Errorf("%q later: %+v", key, receipt)
		}
	}
}

// What was done is answered as it was, even when it would be refused by now.
func TestReplayIsNotAskedWhetherItMay(t *testing.T) {
	d := newDesk(t, inMemory, "100 USD", billing.Purchase{Plan: -9, Quantity: 5, DueAt: newClock().Now().Add(40 * day)})
	first, err := d.Purchase(t.Context(), d.me(), "k", "storage", 100)
	d.must(err)
	credit, err := d.CreditAI(t.Context(), d.me(), "", amount("86 USD"))
	d.must(err)
	again, err := d.CreditAI(t.Context(), d.me(), "", amount("86 USD"))
	d.must(err)
	if !again.Replay || again.Transfer != credit.Transfer || d.wallet("USD") != "0.00 USD" {
		t.Errorf("%+v; the wallet has %s", again, d.wallet("USD"))
	}
	d.clock.Move(45 * day)
	_, err = d.Purchase(t.Context(), d.me(), "l", "storage", 100)
	wants(t, "another one", err, billing.ErrNotPaid, "Tariff is not paid")
	second, err := d.Purchase(t.Context(), d.me(), "k", "storage", 100)
	d.must(err)
	second.Replay = false
	diff(t, "again", second, first)
	_, err = d.CreditAI(t.Context(), d.me(), "", amount("86 USD"))
	wants(t, "a later credit", err, billing.ErrInvalid, "Insufficient balance")
	d.sound()
}

// A plan that the wallet pays for, from the first period on.
func TestPlanFromTheWallet(t *testing.T) {
	d := newDesk(t, inMemory, "1000 USD", billing.Purchase{Plan: -9, Quantity: 5, DueAt: newClock().Now().Add(-20 * day)})
	d.must(d.Purchase(t.Context(), d.me(), "a", "adminwallet", 4)) // the card's is long over
	got := d.of(-14)
	if len(d.rows()) != 1 || got.PaidFrom != "wallet" || got.Rate != amount("80 USD") || got.Quantity != 4 {
		t.Fatalf("%+v", d.rows())
	}
	d.must(d.Purchase(t.Context(), d.me(), "b", "adminwallet", 1))
	diff(t, "wallet", d.wallet("USD"), "900.00 USD") // on the first day, whole
	d.clock.Move(35 * day)                           // late, and nobody renewed it
	quote, err := d.QuotePurchase(t.Context(), d.me(), "adminwallet", 2)
	d.must(err)
	receipt, err := d.Purchase(t.Context(), d.me(), "c", "adminwallet", 2)
	d.must(err)
	diff(t, "amount", receipt.Amount, quote.Amount)
	diff(t, "amount", receipt.Amount.String(), "40.00 USD")
	if got := d.of(-14); got.Quantity != 2 || !got.StartedAt.Equal(d.clock.Now()) {
		t.Errorf("%+v", got)
	}
	// It is a payment for a plan in the books.
	d.must(d.store.Read(t.Context(), func(tx *store.Tx) error {
		transfer, err := tx.Transfer(ledger.TransferID{Portal: "p", Book: ledger.Main, Number: 2})
		if transfer.Type != ledger.PackagePayment {
			t.Errorf("%v", transfer.Type)
		}
		return err
	}))
	d.sound()
}

// What was agreed elsewhere, at no rate that is known, is added to up to its end.
func TestAddingToWhatWasAgreedElsewhere(t *testing.T) {
	at := newClock().Now()
	for _, tt := range []struct {
		name string
		due  time.Time
		want string
	}{
		{"in 31 days", at.AddDate(0, 1, 0).Truncate(time.Second), "14.00 USD"},
		{"in five months and a day", at.AddDate(0, 5, 1), "70.69 USD"}, // of six months: 84.00 USD for 183 days, of which 29 are over
		{"today", at.Add(time.Hour), "0.47 USD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, inMemory, "200 USD", billing.Purchase{Plan: -9, Quantity: 5}, billing.Purchase{Plan: -11, Quantity: 100, DueAt: tt.due})
			quote, err := d.QuotePurchase(t.Context(), d.me(), "storage", 100)
			d.must(err)
			receipt, err := d.Purchase(t.Context(), d.me(), "k", "storage", 100)
			d.must(err)
			diff(t, "amount", receipt.Amount, quote.Amount)
			if got := receipt.Amount.String(); got != tt.want {
				t.Errorf("it costs %s, want %s", got, tt.want)
			}
			if !d.of(-11).DueAt.Equal(tt.due) {
				t.Errorf("due %s", d.of(-11).DueAt)
			}
			// And again on the same day, at the same price.
			receipt, err = d.Purchase(t.Context(), d.me(), "l", "storage", 100)
			d.must(err)
			if money.Amount.Units(receipt.Amount)-quote.Amount.Units() > money.Scale/100 {
				t.Errorf("then it costs %s", receipt.Amount)
			}
		})
	}
}

func TestCreditIsRefused(t *testing.T) {
	for _, tt := range []struct {
		purse, sum string
		want       error
		text       string
	}{
		{"", "1 USD", billing.ErrNotFound, "Customer could not be found"},
		{"none", "1 CHF", billing.ErrNotFound, "Balance could not be found"},
		{"5 USD", "1 CHF", billing.ErrInvalid, "Unsupported currency"},
		{"5 USD", "1 EUR", billing.ErrNotFound, "Subaccount could not be found"},
		{"5 USD", "5.01 USD", billing.ErrInvalid, "Insufficient balance"},
		{"5 USD", "0.009 USD", billing.ErrInvalid, ""},
		{"5 USD", "-1 USD", billing.ErrInvalid, ""},
		{"5 USD", "1000000 USD", billing.ErrInvalid, ""},
		{"5 USD", "5 USD", nil, ""},
	} {
		purse := tt.purse
		if purse == "none" {
			purse = ""
		}
		d := newDesk(t, inMemory, purse)
		if tt.purse == "none" {
			d.must(d.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "owner@p.example"}))
		}
		_, err := d.CreditAI(t.Context(), d.me(), "k", amount(tt.sum))
		wants(t, tt.purse+" "+tt.sum, err, tt.want, tt.text)
		on, err := d.EnabledServices(d.me())
		d.must(err)
		if got := len(on.Plans); got != map[bool]int{true: 1}[tt.want == nil] {
			t.Errorf("%d services are on", got)
		}
		d.sound()
	}
}

// What is to be paid next: of what runs, as it was scheduled, in its own currency, by
// the price of that day.
func TestUpcomingPayments(t *testing.T) {
	d := newDesk(t, inMemory, "100 USD")
	if all, err := d.Upcoming(d.me()); len(all) != 0 || err != nil {
		t.Errorf("%+v, %v", all, err)
	}
	eur := order
	eur.Locale.Visitor = "DE"
	d.must(d.Receive(t.Context(), d.bank.pays(d.pageFor(eur), "card")))
	d.clock.Move(day)
	d.must(d.Purchase(t.Context(), d.me(), "", "storage", 100))
	upcoming := func() (all []string) {
		t.Helper()
		list, err := d.Upcoming(d.me())
		d.must(err)
		for _, u := range list {
			all = append(all, u.Plan.Name+" "+u.Amount.String()+" "+u.DueAt.Format(time.DateOnly))
		}
		return all
	}
	diff(t, "upcoming", upcoming(), []string{"admin 92.50 EUR 2026-08-08", "storage 14.00 USD 2026-08-09"})
	d.must(d.Schedule(t.Context(), d.me(), "storage", number(250)))
	diff(t, "more", upcoming(), []string{"admin 92.50 EUR 2026-08-08", "storage 35.00 USD 2026-08-09"})
	d.must(d.Schedule(t.Context(), d.me(), "storage", number(0)))
	diff(t, "none", upcoming(), []string{"admin 92.50 EUR 2026-08-08"})
	d.must(d.Schedule(t.Context(), d.me(), "storage", nil))
	d.clock.Move(32 * day)
	diff(t, "when nobody has renewed them", upcoming(), []string{"admin 92.50 EUR 2026-08-08", "storage 14.00 USD 2026-08-09"})
}
