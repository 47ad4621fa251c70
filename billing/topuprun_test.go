package billing_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// wait lets time go by, and does what falls due.
func (h *hall) wait(by time.Duration) {
	h.t.Helper()
	h.runUntil(h.clock.Now().Add(by))
}

// claim takes the jobs of a kind that are due, and does the others.
func (h *hall) claim(kind string) (all []store.Job) {
	h.t.Helper()
	jobs, err := h.ClaimJobs(h.t.Context(), 100)
	h.must(err)
	for _, job := range jobs {
		if job.Kind == kind {
			all = append(all, job)
		} else {
			h.must(h.RunJob(h.t.Context(), job))
		}
	}
	return all
}

// topUpDesk returns a desk with 25 USD in a wallet that is refilled from 20 to 100.
func topUpDesk(t *testing.T, config store.Config) *desk {
	t.Helper()
	d := newDesk(t, config, "25 USD")
	d.saveCard("first")
	if err := d.SetTopUpRule(t.Context(), "p", true, amount("20 USD"), amount("100 USD")); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) saveCard(fingerprint string) {
	d.t.Helper()
	m := payment.Method{Account: "acc", Token: "card", Kind: "card", Label: "Card " + fingerprint, Fingerprint: fingerprint}
	if err := d.Receive(d.t.Context(), payment.Event{ID: "m." + fingerprint, Kind: payment.MethodSaved, Customer: "p", Method: &m, At: d.clock.Now()}); err != nil {
		d.t.Fatal(err)
	}
}

// pay takes an amount from the wallet, and fails the test if that can't be.
func (d *desk) pay(key, sum string) {
	d.t.Helper()
	_, err := d.CarryOne(d.t.Context(), billing.Order{PortalID: "p", Key: key, What: billing.Charge{Service: "backup", Quantity: 1, Amount: amount(sum)}})
	if err != nil {
		d.t.Fatal(err)
	}
}

func TestWalletIsRefilledWhenItIsLow(t *testing.T) {
	d := topUpDesk(t, inMemory)
	d.pay("a", "5 USD") // 20 are enough
	d.wait(time.Hour)
	if told := d.events("p", 0); len(told) > 0 {
		t.Fatal(told)
	}
	d.pay("b", "0.005 USD")
	d.wait(time.Minute)
	want := []string{
		"balance.low 19.995 20.00",
		"topup.planned 80.01 19.995 20.00 u1.p",
		"deposit.settled 80.01 100.005",
		"topup.succeeded 80.01 100.005 u1.p",
	}
	if diff := cmp.Diff(want, d.events("p", 0, "amount", "available", "floor", "topUp")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := d.wallet("USD"); got != "100.005 USD" {
		t.Errorf("in the wallet: %s", got)
	}
	d.sound()
}

// What may go wrong between Bursar and the provider: what is told, how often money was
// collected by the end of a week, and that the books know it.
func TestTopUpsThatFail(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name    string
		behave  sandbox.Behaviour
		then    *sandbox.Behaviour // after three minutes; nil: the same
		wallet  string
		charges int // that the bank was asked for, by their ids
		want    []string
	}{
		{"it settles", sandbox.Behaviour{}, nil, "100.00 USD", 1, []string{"planned", "settled", "succeeded"}},
		{"it settles after two days", sandbox.Behaviour{Late: 48 * hour}, nil, "100.00 USD", 1, []string{"planned", "unknown", "settled", "succeeded"}},
		{"the reply is lost", sandbox.Behaviour{Fault: sandbox.TimeOutAfter}, nil, "100.00 USD", 1, []string{"planned", "unknown", "settled", "succeeded"}},
		{"it fails after it was done", sandbox.Behaviour{Fault: sandbox.FailAfter}, nil, "100.00 USD", 1, []string{"planned", "unknown", "settled", "succeeded"}},
		{"the request is lost", sandbox.Behaviour{Fault: sandbox.TimeOutBefore}, &sandbox.Behaviour{}, "100.00 USD", 1, []string{"planned", "unknown", "settled", "succeeded"}},
		{"it fails before it is done", sandbox.Behaviour{Fault: sandbox.FailBefore}, &sandbox.Behaviour{}, "100.00 USD", 1, []string{"planned", "unknown", "settled", "succeeded"}},
		{"nobody is there for a while", sandbox.Behaviour{Fault: sandbox.Unreachable}, &sandbox.Behaviour{}, "100.00 USD", 1, []string{"planned", "unknown", "settled", "succeeded"}},
		{"nobody is ever there", sandbox.Behaviour{Fault: sandbox.Unreachable}, nil, "19.00 USD", 0, []string{"planned", "unknown"}},
		{"it is declined once", sandbox.Behaviour{Decline: payment.CardDeclined}, &sandbox.Behaviour{}, "100.00 USD", 2, []string{"planned", "declined", "planned", "settled", "succeeded"}},
		{"it is always declined", sandbox.Behaviour{Decline: payment.InsufficientFunds}, nil, "19.00 USD", 4,
			[]string{"planned", "declined", "planned", "declined", "planned", "declined", "planned", "declined", "suspended"}},
		{"it is declined after a day, each time", sandbox.Behaviour{Late: 24 * hour, Decline: payment.CardDeclined}, nil, "19.00 USD", 4,
			[]string{"planned", "unknown", "declined", "planned", "unknown", "declined", "planned", "unknown", "declined", "planned", "unknown", "declined", "suspended"}},
		{"somebody must confirm it", sandbox.Behaviour{Decline: payment.AuthenticationRequired}, nil, "19.00 USD", 4,
			[]string{"planned", "declined", "planned", "declined", "planned", "declined", "planned", "declined", "suspended"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := topUpDesk(t, inMemory)
			d.bank.behaves(c.behave)
			d.pay("k", "6 USD")
			d.wait(3 * time.Minute)
			if c.then != nil {
				d.bank.behaves(*c.then)
			}
			d.wait(7 * day)
			if got := d.wallet("USD"); got != c.wallet {
				t.Errorf("in the wallet: %s, not %s", got, c.wallet)
			}
			if n := len(d.bank.journal.All()); n != c.charges {
				t.Errorf("the bank knows %d charges, not %d", n, c.charges)
			}
			var got []string
			for _, e := range d.events("p", 0) {
				if name, ok := strings.CutPrefix(e, "topup."); ok {
					got = append(got, name)
				} else if e == string(event.TypeDepositSettled) {
					got = append(got, "settled")
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("what is told (-want +got):\n%s", diff)
			}
			d.sound()
		})
	}
}

// A card that was declined too often is left alone; another one is tried at once.
func TestNewCardResumesTopUps(t *testing.T) {
	d := topUpDesk(t, inMemory)
	d.bank.behaves(sandbox.Behaviour{Decline: payment.CardDeclined})
	d.pay("k", "6 USD")
	d.wait(3 * day)
	d.bank.behaves(sandbox.Behaviour{})
	told := len(d.events("p", 0))
	d.saveCard("first") // it is the same
	d.pay("l", "1 USD")
	d.wait(day)
	if more := d.events("p", 0)[told:]; len(more) > 0 {
		t.Errorf("the same card: %v", more)
	}
	d.saveCard("second")
	d.wait(time.Minute)
	want := []string{"topup.resumed new_method", "topup.planned", "deposit.settled", "topup.succeeded"}
	if diff := cmp.Diff(want, d.events("p", 0, "reason")[told:]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := d.wallet("USD"); got != "100.00 USD" {
		t.Errorf("in the wallet: %s", got)
	}
	d.sound()
}

// declinedDesk returns a desk whose top-ups are suspended, with 19 USD in the wallet, and
// how much was told by then. The card works again.
func declinedDesk(t *testing.T) (d *desk, told int) {
	t.Helper()
	d = topUpDesk(t, inMemory)
	d.bank.behaves(sandbox.Behaviour{Decline: payment.CardDeclined})
	d.pay("k", "6 USD")
	d.wait(3 * day)
	d.bank.behaves(sandbox.Behaviour{})
	return d, len(d.events("p", 0))
}

// A card that pays for something else is one that works.
func TestDepositByHandResumesTopUps(t *testing.T) {
	d, told := declinedDesk(t)
	if _, err := d.Deposit(t.Context(), "p", "by hand", billing.Deposit{Amount: amount("5 USD")}); err != nil {
		t.Fatal(err)
	}
	d.wait(time.Minute)
	d.pay("l", "5 USD")
	d.wait(time.Minute)
	want := []string{"deposit.settled", "topup.resumed collected", "balance.low", "topup.planned", "deposit.settled", "topup.succeeded"}
	diff(t, "told", d.events("p", 0, "reason")[told:], want)
	diff(t, "wallet", d.wallet("USD"), "100.00 USD")
	d.sound()
}

// Whoever runs Bursar may have the same card tried again.
func TestOperatorResumesTopUps(t *testing.T) {
	d, told := declinedDesk(t)
	for _, want := range []bool{true, false} {
		resumed, err := d.ResumeTopUps(t.Context(), "p")
		if resumed != want || err != nil {
			t.Errorf("%t, %v", resumed, err)
		}
	}
	d.wait(time.Minute)
	want := []string{"topup.resumed asked", "topup.planned", "deposit.settled", "topup.succeeded"}
	diff(t, "told", d.events("p", 0, "reason")[told:], want)
	diff(t, "wallet", d.wallet("USD"), "100.00 USD")
	if _, err := d.ResumeTopUps(t.Context(), "nobody"); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("a portal that is not there: %v", err)
	}
	lines, err := d.Audit(t.Context(), "p", 0, 100)
	d.must(err)
	n := 0
	for _, line := range lines {
		if line.Action == string(billing.TopUpsResumed) && line.Before == `{"declines":4,"reason":"card_declined"}` {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d lines in the trail: %+v", n, lines)
	}
	d.sound()
}

// Nothing is collected while somebody pays in by hand, nor the other way round.
func TestDepositsByHandAndByItselfExcludeEachOther(t *testing.T) {
	d := topUpDesk(t, inMemory)
	d.bank.behaves(sandbox.Behaviour{Late: 2 * time.Hour})
	if _, err := d.Deposit(t.Context(), "p", "mine", billing.Deposit{Amount: amount("50 USD")}); !errors.Is(err, billing.ErrUnsettled) {
		t.Fatal(err)
	}
	d.pay("k", "6 USD")
	d.wait(time.Hour)
	if n := len(d.bank.journal.All()); n != 1 {
		t.Fatalf("%d charges", n)
	}
	d.clock.Move(2 * time.Hour)
	if _, err := d.Deposit(t.Context(), "p", "mine", billing.Deposit{Amount: amount("50 USD")}); err != nil {
		t.Fatal(err)
	}
	d.wait(time.Hour)
	if n := len(d.bank.journal.All()); n != 1 || d.wallet("USD") != "69.00 USD" { // which are enough
		t.Errorf("%d charges, %s in the wallet", n, d.wallet("USD"))
	}
	d.pay("l", "50 USD")
	d.wait(time.Minute)
	if _, err := d.Deposit(t.Context(), "p", "again", billing.Deposit{Amount: amount("50 USD")}); !errors.Is(err, billing.ErrBusyWallet) {
		t.Errorf("while a top-up is under way: %v", err)
	}
	d.wait(3 * time.Hour)
	if got := d.wallet("USD"); got != "100.00 USD" {
		t.Errorf("in the wallet: %s", got)
	}
	d.sound()
}

// Whoever does a job may be stopped at any of its statements, and somebody else goes
// on: in the end one amount was collected, and it is in the wallet.
func TestTopUpSurvivesWhoeverDoesIt(t *testing.T) {
	most := 400
	if testing.Short() {
		most = 40
	}
	for n := 0; ; n++ {
		if n > most {
			if !testing.Short() {
				t.Fatal("it never gets to the end")
			}
			break
		}
		d := topUpDesk(t, inMemory)
		d.pay("k", "6 USD")
		done := func() bool { // by somebody who is stopped at the nth question about the context
			jobs := d.claim("top_up")
			if len(jobs) != 1 {
				t.Fatal(jobs)
			}
			f := newFuse(n)
			_ = d.RunJob(f, jobs[0])
			return !f.burnt()
		}()
		d.wait(day)
		if got := d.wallet("USD"); got != "100.00 USD" || len(d.bank.journal.All()) != 1 {
			t.Errorf("stopped at %d: %s in the wallet, %d charges", n, got, len(d.bank.journal.All()))
		}
		if n := d.count("p", string(event.TypeTopUpSucceeded)); n != 1 {
			t.Errorf("told %d times that it succeeded: %v", n, d.events("p", 0))
		}
		d.sound()
		if t.Failed() || done {
			break
		}
	}
}

// Two workers, on two databases' connections, have one job between them.
func TestTwoWorkersTopUpOnce(t *testing.T) {
	d := topUpDesk(t, inMemory)
	d.pay("k", "6 USD")
	first := d.claim("top_up")
	if more := d.claim("top_up"); len(first) != 1 || len(more) != 0 {
		t.Fatalf("claimed: %v, and then %v", first, more)
	}
	d.clock.Move(3 * time.Minute) // whoever has it is held up for longer than that
	second := d.claim("top_up")
	if len(second) != 1 {
		t.Fatal(second)
	}
	for _, job := range []store.Job{second[0], first[0]} {
		if err := d.RunJob(context.WithoutCancel(t.Context()), job); err != nil {
			t.Error(err)
		}
	}
	d.wait(day)
	if got := d.wallet("USD"); got != "100.00 USD" || len(d.bank.journal.All()) != 1 {
		t.Errorf("%s in the wallet, %d charges", got, len(d.bank.journal.All()))
	}
	d.sound()
}
