package billing_test

import (
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// givenUp returns a desk with nothing in the wallet, and a deposit of 50 USD that never
// came to the bank and was given up.
func givenUp(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, inMemory, "0 USD")
	d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutBefore})
	_, err := d.Deposit(t.Context(), "p", "k", billing.Deposit{Amount: amount("50 USD")})
	wants(t, "deposit", err, billing.ErrUnsettled, "")
	d.bank.behaves(sandbox.Behaviour{})
	d.wait(2 * time.Minute)
	diff(t, "given up", d.state(1), "declined abandoned")
	return d
}

// late is the charge of somebody who was held up, and is gone before there is an answer;
// nor does the bank's message ever come.
func (d *desk) late(how sandbox.Behaviour) {
	d.t.Helper()
	d.bank.behaves(how)
	_, err := d.bank.Charge(d.t.Context(), payment.Charge{ID: "c1.p", Customer: "p", Amount: amount("50 USD")})
	d.must(err)
	d.bank.behaves(sandbox.Behaviour{})
}

// lookBack returns the job that looks at the collection that was given up.
func (d *desk) lookBack() store.Job {
	d.t.Helper()
	job, err := d.Job(d.t.Context(), store.JobKey{PortalID: "p", Kind: "given_up", Subject: "1"})
	d.must(err)
	return job
}

// What is collected after it was given up is found, though nobody tells of it.
func TestChargeThatComesAfterItWasGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name         string
		comes        time.Duration // after it was given up
		how          sandbox.Behaviour
		wait         time.Duration
		wallet, want string
	}{
		{"soon", time.Second, sandbox.Behaviour{}, 10 * time.Minute, "50.00 USD", "settled"},
		{"after some days", 4 * day, sandbox.Behaviour{}, 4 * day, "50.00 USD", "settled"},
		{"and takes days", time.Minute, sandbox.Behaviour{Late: 3 * day}, 4 * day, "50.00 USD", "settled"},
		{"and is declined", time.Minute, sandbox.Behaviour{Decline: payment.CardDeclined}, 10 * day, "0.00 USD", "declined abandoned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := givenUp(t)
			d.wait(tt.comes)
			d.late(tt.how)
			d.wait(tt.wait)
			diff(t, "wallet", d.wallet("USD"), tt.wallet)
			diff(t, "state", d.state(1), tt.want)
			diff(t, "job", d.lookBack().State, store.JobDone)
			d.wait(10 * day)
			diff(t, "wallet in the end", d.wallet("USD"), tt.wallet)
			d.sound()
		})
	}
}

// What the provider never hears of is asked about for a week.
func TestWhatWasGivenUpIsLookedAtForAWeek(t *testing.T) {
	d := givenUp(t)
	from, asked := d.clock.Now(), d.bank.asked
	d.wait(6 * day)
	diff(t, "job", d.lookBack().State, store.JobOpen)
	d.wait(day)
	diff(t, "job", d.lookBack().State, store.JobDone)
	if n := d.bank.asked - asked; n != 5 {
		t.Errorf("asked %d times since %s", n, from)
	}
	diff(t, "state", d.state(1), "declined abandoned")
	d.sound()
}

// As long as the provider can't be asked, nothing is decided.
func TestWhatWasGivenUpAndNobodyCanBeAsked(t *testing.T) {
	d := givenUp(t)
	d.late(sandbox.Behaviour{})
	d.bank.find = payment.ErrUnreachable
	d.clock.Move(10 * time.Minute)
	for _, job := range d.claim("given_up") {
		if err := d.RunJob(t.Context(), job); !errors.Is(err, payment.ErrUnreachable) {
			t.Error(err)
		}
	}
	job := d.lookBack()
	if job.State != store.JobOpen || job.Attempt != 1 || job.Error == "" {
		t.Errorf("%+v", job)
	}
	d.bank.find = nil
	d.wait(time.Minute)
	diff(t, "wallet", d.wallet("USD"), "50.00 USD")
	d.sound()
}

// Whoever looks may be stopped at any moment: the money comes into the wallet once.
func TestLookingBackSurvivesWhoeverDoesIt(t *testing.T) {
	for n := 0; ; n++ {
		d := givenUp(t)
		d.late(sandbox.Behaviour{})
		d.clock.Move(10 * time.Minute)
		jobs := d.claim("given_up")
		if len(jobs) != 1 {
			t.Fatal(jobs)
		}
		f := newFuse(n)
		_ = d.RunJob(f, jobs[0])
		whole := n > 0 && !f.burnt()
		d.wait(day)
		if got := d.wallet("USD"); got != "50.00 USD" {
			t.Fatalf("stopped at %d: %s in the wallet", n, got)
		}
		d.sound()
		if whole || n > 25 && testing.Short() {
			break
		}
	}
}

// A page whose address was lost on its way here may have been paid all the same.
func TestPageThatWasGivenUpIsPaid(t *testing.T) {
	d := newDesk(t, inMemory, "")
	d.bank.open, d.bank.opened = errors.New("the reply is lost"), true
	_, err := d.PlanPage(t.Context(), d.me(), order)
	wants(t, "page", err, billing.ErrTryAgain, "")
	d.wait(time.Hour)
	diff(t, "state", d.state(1), "declined abandoned")
	d.bank.pays(d.bank.last, "card")
	d.wait(day)
	diff(t, "state after it was paid", d.state(1), "settled")
	if n := d.of(-9).Quantity; n != 5 {
		t.Errorf("there are %d", n)
	}
	d.sound()
}
