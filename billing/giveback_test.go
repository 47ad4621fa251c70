package billing_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// giver is a teller whose refunds go as they are told to.
type giver struct {
	*teller
	mu    sync.Mutex
	how   func(give func() (payment.Outcome, error)) (payment.Outcome, error) // nil: they just go
	asked []payment.Refund
}

func (g *giver) Refund(ctx context.Context, r payment.Refund) (payment.Outcome, error) {
	g.mu.Lock()
	g.asked = append(g.asked, r)
	how := g.how
	g.mu.Unlock()
	give := func() (payment.Outcome, error) { return g.teller.Provider.Refund(ctx, r) }
	if how == nil {
		return give()
	}
	return how(give)
}

func (g *giver) goes(how func(give func() (payment.Outcome, error)) (payment.Outcome, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.how = how
}

// given returns how much of a charge the provider has given back.
func (g *giver) given(t *testing.T, id string) string {
	t.Helper()
	a, err := g.journal.Refunded(t.Context(), "p", id)
	if err != nil {
		t.Fatal(err)
	}
	return a.String()
}

// newGiver returns a desk with 10 USD and a collection c1 of 50 USD.
func newGiver(t *testing.T, config store.Config) (*desk, *giver) {
	t.Helper()
	d := newDesk(t, config, "10 USD")
	g := &giver{teller: d.bank}
	var err error
	d.hall.Service, err = billing.New(billing.Config{Store: d.store, Now: d.clock.Now, Provider: g})
	d.must(err)
	deposited(d)
	return d, g
}

func (d *desk) back(key, sum string) (billing.Refund, error) {
	a := money.Amount{}
	if sum != "" {
		a = amount(sum)
	}
	return d.RefundCollection(d.t.Context(), "c1.p", key, a, "late")
}

// Whatever the provider does and however often it is asked, what is given back is
// taken out of the wallet once.
func TestCollectionsAreGivenBack(t *testing.T) {
	lost := func(give func() (payment.Outcome, error)) (payment.Outcome, error) {
		if _, err := give(); err != nil {
			return payment.Outcome{}, err
		}
		return payment.Outcome{}, payment.ErrUnknown
	}
	says := func(o payment.Outcome, err error) func(func() (payment.Outcome, error)) (payment.Outcome, error) {
		return func(func() (payment.Outcome, error)) (payment.Outcome, error) { return o, err }
	}
	for name, test := range map[string]struct {
		how    func(give func() (payment.Outcome, error)) (payment.Outcome, error)
		told   []string // totals that the provider's messages say, before it is asked again
		first  error    // what the first answer is
		again  error    // and that of the same again, when the provider is well
		given  string   // by the provider, in the end
		wallet string   // in the end
	}{
		"at once":                      {given: "20.00 USD", wallet: "40.00 USD"},
		"and the message after it":     {told: []string{"20 USD", "20 USD"}, given: "20.00 USD", wallet: "40.00 USD"},
		"the answer is lost":           {how: lost, first: billing.ErrUnsettled, given: "20.00 USD", wallet: "40.00 USD"},
		"the message is first":         {how: lost, told: []string{"20 USD"}, first: billing.ErrUnsettled, given: "20.00 USD", wallet: "40.00 USD"},
		"it can't be reached":          {how: says(payment.Outcome{}, payment.ErrUnreachable), first: billing.ErrUnsettled, given: "20.00 USD", wallet: "40.00 USD"},
		"another error":                {how: says(payment.Outcome{}, errors.New("what?")), first: billing.ErrUnsettled, given: "20.00 USD", wallet: "40.00 USD"},
		"it has not decided":           {how: says(payment.Outcome{State: payment.Pending}, nil), first: billing.ErrUnsettled, given: "20.00 USD", wallet: "40.00 USD"},
		"it is declined":               {how: says(payment.Outcome{State: payment.Declined, Reason: "lost"}, nil), first: billing.ErrDeclined, again: billing.ErrDeclined, given: "0.00 USD", wallet: "60.00 USD"},
		"it is refused":                {how: says(payment.Outcome{}, payment.ErrRefused), first: billing.ErrDeclined, again: billing.ErrDeclined, given: "0.00 USD", wallet: "60.00 USD"},
		"somebody else gives back too": {how: lost, told: []string{"5 USD", "25 USD"}, first: billing.ErrUnsettled, given: "20.00 USD", wallet: "35.00 USD"},
	} {
		t.Run(name, func(t *testing.T) {
			d, g := newGiver(t, inMemory)
			g.goes(test.how)
			first, err := d.back("k", "20 USD")
			if !errors.Is(err, test.first) || first.Replay {
				t.Fatalf("%+v, %v", first, err)
			}
			if errors.Is(err, billing.ErrUnsettled) {
				if _, err := d.back("other", "20 USD"); !errors.Is(err, billing.ErrBusyWallet) {
					t.Errorf("another one meanwhile: %v", err)
				}
			}
			for _, total := range test.told {
				d.must(d.Receive(t.Context(), refunded("c1.p", total)))
			}
			g.goes(nil)
			second, err := d.back("k", "20 USD")
			if !errors.Is(err, test.again) || !second.Replay {
				t.Fatalf("again: %+v, %v", second, err)
			}
			third, err := d.back("k", "20 USD")
			if !errors.Is(err, test.again) || third != second {
				t.Errorf("and again: %+v, %v; before it was %+v", third, err, second)
			}
			if _, err := d.back("k", "21 USD"); !errors.Is(err, billing.ErrMismatch) {
				t.Errorf("of another amount: %v", err)
			}
			if got := g.given(t, "c1.p"); got != test.given {
				t.Errorf("%s was given back, want %s", got, test.given)
			}
			if got := d.wallet("USD"); got != test.wallet {
				t.Errorf("the wallet has %s, want %s", got, test.wallet)
			}
			for _, r := range g.asked {
				if r.ID != "r1.c1.p" || r.ChargeID != "c1.p" || r.Customer != "p" || r.Reference == "" {
					t.Errorf("the provider was asked %+v", r)
				}
			}
			d.sound()
		})
	}
}

func TestRefundsThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		before func(d *desk)
		id     string
		key    string
		amount money.Amount
		reason string
		want   error
		text   string
	}{
		"no key":                  {id: "c1.p", reason: "r", want: billing.ErrInvalid, text: "Idempotency-Key is missing"},
		"one of Bursar's":         {id: "c1.p", key: "bursar:1", reason: "r", want: billing.ErrInvalid, text: `Idempotency-Key may not begin with "bursar:"`},
		"no reason":               {id: "c1.p", key: "k", want: billing.ErrInvalid, text: "reason is missing"},
		"a reason with a line":    {id: "c1.p", key: "k", reason: "a\nb", want: billing.ErrInvalid},
		"no id":                   {id: "t1.p", key: "k", reason: "r", want: billing.ErrInvalid},
		"no such thing":           {id: "c9.p", key: "k", reason: "r", want: billing.ErrNotFound},
		"of nobody":               {id: "c1.q", key: "k", reason: "r", want: billing.ErrNotFound},
		"less than nothing":       {id: "c1.p", key: "k", reason: "r", amount: amount("-1 USD"), want: billing.ErrInvalid},
		"half a cent":             {id: "c1.p", key: "k", reason: "r", amount: amount("0.005 USD"), want: billing.ErrInvalid},
		"another currency":        {id: "c1.p", key: "k", reason: "r", amount: amount("1 EUR"), want: billing.ErrInvalid},
		"more than was collected": {id: "c1.p", key: "k", reason: "r", amount: amount("50.01 USD"), want: billing.ErrOverCorrection},
		"spent": {id: "c1.p", key: "k", reason: "r", want: billing.ErrInsufficient, before: func(d *desk) {
			_, err := d.CarryOne(d.t.Context(), billing.Order{PortalID: "p", Key: "c", What: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("20 USD")}})
			d.must(err)
		}},
		"held": {id: "c1.p", key: "k", reason: "r", want: billing.ErrInsufficient, before: func(d *desk) {
			_, err := d.CarryOne(d.t.Context(), billing.Order{PortalID: "p", Key: "c", What: billing.Reservation{Charge: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("20 USD")}}})
			d.must(err)
		}},
		"not settled": {id: "c2.p", key: "k", reason: "r", want: billing.ErrInvalid, text: "collection c2.p is open, and not settled", before: func(d *desk) { d.pageFor(order) }},
		"corrected": {id: "c1.p", key: "k", reason: "r", want: billing.ErrOverCorrection, before: func(d *desk) {
			_, err := d.CarryOne(d.t.Context(), billing.Order{Key: "c", What: billing.Correction{Transfer: "t2.p", Reason: "by hand"}})
			d.must(err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d, g := newGiver(t, inMemory)
			if test.before != nil {
				test.before(d)
			}
			before := d.all()
			_, err := d.RefundCollection(t.Context(), test.id, test.key, test.amount, test.reason)
			wants(t, "refund", err, test.want, test.text)
			if len(g.asked) > 0 {
				t.Errorf("the provider was asked %+v", g.asked)
			}
			if after := d.all(); after != before {
				t.Errorf("something has changed")
			}
		})
	}
	d := newDesk(t, inMemory, "10 USD")
	deposited(d)
	bare, err := billing.New(billing.Config{Store: d.store})
	d.must(err)
	if _, err := bare.RefundCollection(t.Context(), "c1.p", "k", amount("1 USD"), "r"); !errors.Is(err, billing.ErrNoProvider) {
		t.Errorf("without a provider: %v", err)
	}
	other, err := billing.New(billing.Config{Store: d.store, Provider: renamed{d.bank}})
	d.must(err)
	if _, err := other.RefundCollection(t.Context(), "c1.p", "k", amount("1 USD"), "r"); !errors.Is(err, billing.ErrNoProvider) {
		t.Errorf("with another provider: %v", err)
	}
}

// renamed is a provider by another name.
type renamed struct{ payment.Provider }

func (renamed) Name() string { return "other" }

// What was paid for a plan comes from there: the plan is worth that much less, and the
// wallet has what it had.
func TestAPlanIsGivenBack(t *testing.T) {
	d := newDesk(t, inMemory, "10 USD")
	g := &giver{teller: d.bank}
	var err error
	d.hall.Service, err = billing.New(billing.Config{Store: d.store, Now: d.clock.Now, Provider: g})
	d.must(err)
	d.subscribe(5)
	g.goes(func(func() (payment.Outcome, error)) (payment.Outcome, error) {
		return payment.Outcome{State: payment.Settled, Amount: amount("40 USD"), Reference: "re"}, nil
	})
	if r, err := d.back("k", "40 USD"); err != nil || r.Reference != "re" {
		t.Errorf("%+v, %v", r, err)
	}
	d.must(d.Receive(t.Context(), refunded("c1.p", "40 USD")))
	if got, rate := d.wallet("USD"), d.of(-9).Rate; got != "10.00 USD" || rate != amount("60 USD") {
		t.Errorf("the wallet has %s, and the plan is worth %s", got, rate)
	}
	g.goes(func(func() (payment.Outcome, error)) (payment.Outcome, error) {
		return payment.Outcome{State: payment.Settled, Amount: amount("41 USD")}, nil
	})
	if _, err := d.back("other", "40 USD"); err == nil {
		t.Error("another amount than was asked for is taken")
	}
	if got := d.wallet("USD"); got != "10.00 USD" {
		t.Errorf("the wallet has %s", got)
	}
	d.sound()
}

// What is left goes without an amount, part by part until nothing is left.
func TestWhatIsLeftIsGivenBack(t *testing.T) {
	d, g := newGiver(t, inMemory)
	for i, test := range []struct{ sum, want, wallet string }{{"20 USD", "20.00 USD", "40.00 USD"}, {"", "30.00 USD", "10.00 USD"}} {
		r, err := d.back(fmt.Sprint("k", i), test.sum)
		if err != nil || r.Amount.String() != test.want || billing.RefundID(r.Refund) != fmt.Sprintf("r%d.c1.p", i+1) || r.Transfer == 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if got := d.wallet("USD"); got != test.wallet {
			t.Errorf("the wallet has %s, want %s", got, test.wallet)
		}
	}
	if _, err := d.back("more", ""); !errors.Is(err, billing.ErrOverCorrection) {
		t.Errorf("more: %v", err)
	}
	if got := g.given(t, "c1.p"); got != "50.00 USD" {
		t.Errorf("%s was given back", got)
	}
	if got := d.sums(ledger.Refunds, "USD"); got != "none" && got != "0.00 USD" {
		t.Errorf("%s was written off", got)
	}
	d.sound()
}

// Who asked and is gone is not needed: the reconciler brings refunds to their end.
func TestRefundsAreReconciled(t *testing.T) {
	d, g := newGiver(t, inMemory)
	g.goes(func(func() (payment.Outcome, error)) (payment.Outcome, error) {
		return payment.Outcome{}, payment.ErrUnreachable
	})
	if _, err := d.back("k", "20 USD"); !errors.Is(err, billing.ErrUnsettled) {
		t.Fatal(err)
	}
	ended := func(want int) {
		t.Helper()
		if n, err := d.Reconcile(t.Context()); n != want || err != nil {
			t.Errorf("%d ended, %v; want %d", n, err, want)
		}
	}
	ended(0) // somebody may be waiting
	d.clock.Move(2 * time.Minute)
	ended(0) // it can't be reached
	g.goes(nil)
	ended(1)
	ended(0)
	if got := d.wallet("USD"); got != "40.00 USD" {
		t.Errorf("the wallet has %s", got)
	}
	if r, err := d.back("k", "20 USD"); err != nil || !r.Replay || r.State != store.RefundSettled {
		t.Errorf("%+v, %v", r, err)
	}
	d.sound()
}

// Many who ask for the same at once get one refund.
func TestRefundsAtOnce(t *testing.T) {
	for name, config := range map[string]store.Config{"memory": inMemory, "postgres": {URL: pgtest.Database(t)}} {
		t.Run(name, func(t *testing.T) {
			d, g := newGiver(t, config)
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					r, err := d.back("k", "20 USD")
					if err != nil || r.State != store.RefundSettled {
						t.Errorf("%d: %+v, %v", i, r, err)
					}
				})
			}
			all.Wait()
			if got := g.given(t, "c1.p"); got != "20.00 USD" {
				t.Errorf("%s was given back", got)
			}
			if got := d.wallet("USD"); got != "40.00 USD" {
				t.Errorf("the wallet has %s", got)
			}
			d.sound()
		})
	}
}
