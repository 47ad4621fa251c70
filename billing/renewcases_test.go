package billing_test

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// withPolicy is the stock catalogue with another word in its policy of renewals.
func withPolicy(t *testing.T, name, value string) *catalog.Catalog {
	t.Helper()
	line := regexp.MustCompile(`(?m)^(\s*` + name + `:).*$`)
	text := line.ReplaceAllString(string(catalog.Stock().YAML()), "$1 "+value)
	c, err := catalog.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Where the wallet is short, it is topped up first, by its rule, and then pays.
func TestTopUpComesBeforeTheRenewal(t *testing.T) {
	d := newDesk(t, inMemory, "20 USD")
	d.must(d.SetTopUpRule(t.Context(), "p", true, amount("5 USD"), amount("50 USD")))
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
	due := d.of(-11).DueAt
	d.runUntil(due.Add(-day))
	diff(t, "told", d.events("p", 0, "cause", "amount", "shortfall"), []string{
		"subscription.due 14.00 8.00", "topup.planned due 44.00", "deposit.settled 44.00", "topup.succeeded 44.00", "subscription.renewed 14.00",
	})
	diff(t, "the wallet", d.wallet("USD"), "36.00 USD")
	d.sound()
}

// What was missed is caught up in order: each period once, each by its price, and
// nothing is off before it was tried to pay for it.
func TestDowntimeIsCaughtUp(t *testing.T) {
	d := newDesk(t, inMemory, "50 USD")
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
	due := d.of(-11).DueAt
	d.clock.Set(at("2026-10-20 00:00:00"))
	quota, _, err := d.Quota(d.me(), here)
	d.must(err)
	if limit := quota.Features.Limit("total_size"); limit < 100*gigabyte {
		t.Errorf("after the downtime it does not count: %d", limit)
	}
	d.runDue()
	diff(t, "told", d.subscriptionEvents(0, "periodStart", "reason", "graceEnds"), []string{
		"subscription.renewed 2026-08-08T11:39:43.000000Z",
		"subscription.renewed 2026-09-08T11:39:43.000000Z",
		"subscription.past_due insufficient_funds 2026-10-23T00:00:00.000000Z",
	})
	if row := d.of(-11); !row.DueAt.Equal(at("2026-10-08 11:39:43")) || !row.PastDueAt.Equal(row.DueAt) || due.After(row.StartedAt) {
		t.Errorf("it is %+v", row)
	}
	d.must(deposit(d, "money", "100 USD"))
	d.runUntil(at("2026-11-02 00:00:00"))
	diff(t, "then", d.subscriptionEvents(3, "periodStart", "dueAt"), []string{"subscription.renewed 2026-10-08T11:39:43.000000Z", "subscription.due 2026-11-08T12:39:43.000000Z"})
	d.sound()
}

// What was scheduled comes with the next period: more when that is paid, fewer when
// it begins, and none ends it, each when this one is over.
func TestScheduledQuantity(t *testing.T) {
	for name, want := range map[int64]struct {
		told   []string
		before int64 // an hour before the period begins
	}{
		200: {[]string{"subscription.due 28.00 100 200", "subscription.renewed 28.00 200", "subscription.changed 200 scheduled"}, 200},
		100: {[]string{"subscription.due 14.00 100 100", "subscription.renewed 14.00 100"}, 100},
		0:   {[]string{"subscription.cancelled 0 cancelled"}, 100},
	} {
		t.Run(fmt.Sprint(name), func(t *testing.T) {
			d := newDesk(t, inMemory, "200 USD")
			d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
			d.must(d.Schedule(t.Context(), d.me(), "storage", number(name)))
			due := d.of(-11).DueAt
			d.runUntil(due.Add(-time.Hour))
			diff(t, "before", d.of(-11).Quantity, want.before)
			d.runUntil(due)
			diff(t, "told", d.subscriptionEvents(0, "amount", "quantity", "nextQuantity", "reason"), want.told)
			diff(t, "after", d.of(-11).Quantity, name)
			d.sound()
		})
	}
	t.Run("fewer", func(t *testing.T) {
		d := newDesk(t, inMemory, "200 USD")
		d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 300))
		d.must(d.Schedule(t.Context(), d.me(), "storage", number(100)))
		due := d.of(-11).DueAt
		d.runUntil(due.Add(-time.Second))
		diff(t, "before", d.of(-11).Quantity, int64(300))
		d.runUntil(due)
		diff(t, "told", d.subscriptionEvents(0, "amount", "quantityBefore", "quantity", "nextQuantity", "reason"), []string{
			"subscription.due 14.00 300 100", "subscription.renewed 14.00 100", "subscription.changed 300 100 scheduled",
		})
		diff(t, "after", d.of(-11).Rate, amount("14 USD"))
		d.sound()
	})
}

// A collection of which nobody knows the end is asked about until somebody does: it
// is never given up, and never collected again.
func TestRenewalOfUnknownEnd(t *testing.T) {
	for _, fault := range []sandbox.Fault{sandbox.Unreachable, sandbox.TimeOutBefore, sandbox.TimeOutAfter, sandbox.FailBefore, sandbox.FailAfter} {
		t.Run(string(fault), func(t *testing.T) {
			d := newDesk(t, inMemory, "1 USD")
			d.subscribe(5)
			due := d.of(-9).DueAt
			d.bank.behaves(sandbox.Behaviour{Fault: fault})
			d.runUntil(due.Add(-day + 30*time.Second))
			if d.of(-9).DueAt != due {
				t.Fatal("it is renewed, although nobody knows")
			}
			d.bank.behaves(sandbox.Behaviour{})
			d.runUntil(due)
			diff(t, "told", d.subscriptionEvents(1, "collection", "attempt"), []string{"subscription.renewed c2.p 1"})
			diff(t, "charges", len(d.bank.journal.All()), 1)
			diff(t, "the wallet", d.wallet("USD"), "1.00 USD")
			d.sound()
		})
	}
}

// A collection that comes to its end when the plan is another one leaves its money in
// the wallet.
func TestRenewalOfWhatHasChanged(t *testing.T) {
	d := newDesk(t, inMemory, "1 USD")
	d.subscribe(5)
	due := d.of(-9).DueAt
	d.bank.behaves(sandbox.Behaviour{Late: 2 * day})
	d.runUntil(due.Add(-day))
	d.must(d.SetPurchases(t.Context(), "p", []billing.Purchase{{Plan: -9, Quantity: 7, DueAt: due.Add(100 * day)}}))
	d.runUntil(due.Add(3 * day))
	if row := d.of(-9); row.Quantity != 7 || !row.DueAt.Equal(due.Add(100*day)) {
		t.Errorf("it is %+v", row)
	}
	diff(t, "the wallet", d.wallet("USD"), "101.00 USD")
	if c := d.collected(2); c.Reason != "plan_changed" || c.State != store.CollectionSettled {
		t.Errorf("the collection is %+v", c)
	}
	d.sound()
}

// Of a service that is past due there is no more to buy. It may be renewed with fewer,
// or cancelled, at once.
func TestServicePastDueMayBeFewer(t *testing.T) {
	for next, want := range map[int64]string{
		100: "subscription.renewed 100", 0: "subscription.cancelled 0",
	} {
		t.Run(want, func(t *testing.T) {
			d := newDesk(t, inMemory, "50 USD")
			d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 200))
			due := d.of(-11).DueAt
			d.must(d.Schedule(t.Context(), d.me(), "storage", number(300)))
			d.runUntil(due.Add(time.Hour))
			if _, err := d.Purchase(t.Context(), d.me(), "more", "storage", 100); !errors.Is(err, billing.ErrNotPaid) {
				t.Errorf("more: %v", err)
			}
			if _, err := d.QuotePurchase(t.Context(), d.me(), "storage", 100); !errors.Is(err, billing.ErrNotPaid) {
				t.Errorf("what more would cost: %v", err)
			}
			before := len(d.subscriptionEvents(0))
			if found, err := d.Schedule(t.Context(), d.me(), "storage", &next); !found || err != nil {
				t.Fatalf("%t, %v", found, err)
			}
			d.runDue()
			diff(t, "told", d.subscriptionEvents(before, "quantity")[0], want)
			diff(t, "what is had", d.of(-11).Quantity, next)
			d.sound()
		})
	}
}

// What is agreed elsewhere is announced, and nothing else.
func TestWhatIsAgreedElsewhereIsAnnounced(t *testing.T) {
	due := at("2026-09-01 12:00:00")
	d := newDesk(t, inMemory, "500 USD", billing.Purchase{Plan: -9, Quantity: 2, DueAt: due}, billing.Purchase{Plan: -11, Quantity: 100, DueAt: due})
	d.runUntil(due.Add(30 * day))
	diff(t, "told", d.subscriptionEvents(0, "name", "amount", "paidFrom"), []string{"subscription.due storage 14.00", "subscription.due admin 40.00"})
	diff(t, "what is had", len(d.rows()), 2)
	diff(t, "the wallet", d.wallet("USD"), "500.00 USD")
}

// A trial ends with its last day, as the policy says.
func TestTrialEnds(t *testing.T) {
	for _, end := range []catalog.Ending{catalog.EndClose, catalog.EndFree} {
		t.Run(string(end), func(t *testing.T) {
			due := at("2026-08-01 12:00:00")
			d := newDeskFor(t, withPolicy(t, "trial_end", string(end)), "1 USD", billing.Purchase{Plan: -1, Quantity: 1, DueAt: due})
			d.runUntil(at("2026-08-02 00:00:00").Add(-time.Second))
			diff(t, "before", d.subscriptionEvents(0, "amount", "nextQuantity"), []string{"subscription.due 0.00 0"})
			d.runUntil(due.Add(100 * day))
			diff(t, "told", d.subscriptionEvents(1, "reason", "quantityBefore"), []string{"subscription.cancelled trial_ended 1"})
			if left := len(d.rows()); left != map[catalog.Ending]int{catalog.EndClose: 1, catalog.EndFree: 0}[end] {
				t.Errorf("%d are left", left)
			}
		})
	}
}

// A plan that is not paid is taken away where the policy says so.
func TestUnpaidPlanEndsInTheFreeOne(t *testing.T) {
	d := newDeskFor(t, withPolicy(t, "unpaid", "free"), "130 USD")
	d.must(d.Purchase(t.Context(), d.me(), "k", "adminwallet", 5))
	d.runUntil(at("2026-09-01 00:00:00"))
	diff(t, "told", d.subscriptionEvents(0, "shortfall", "reason"), []string{
		"subscription.due 70.00", "subscription.past_due 70.00 insufficient_funds", "subscription.past_due 70.00 insufficient_funds",
		"subscription.past_due 70.00 insufficient_funds", "subscription.past_due 70.00 insufficient_funds", "subscription.cancelled unpaid",
	})
	diff(t, "what is left", len(d.rows()), 0)
	d.sound()
}

// A wallet plan that was closed begins anew when money comes, and only what comes
// then is paid.
func TestClosedPlanBeginsAnew(t *testing.T) {
	d := newDesk(t, inMemory, "130 USD")
	d.must(d.Purchase(t.Context(), d.me(), "k", "adminwallet", 5))
	d.runUntil(at("2026-12-01 00:00:00"))
	diff(t, "cancelled", d.count("p", "subscription.cancelled"), 1)
	d.must(deposit(d, "money", "100 USD"))
	d.runDue()
	if row := d.of(-14); !row.StartedAt.Equal(d.clock.Now()) || !row.DueAt.Equal(at("2027-01-01 00:00:00")) || row.Quantity != 5 {
		t.Errorf("it is %+v", row)
	}
	diff(t, "the wallet", d.wallet("USD"), "30.00 USD")
	d.sound()
}

// More in use than the next period allows is told of, or paid for where that was
// announced with its price.
func TestOveruse(t *testing.T) {
	for _, c := range []struct {
		policy catalog.Overuse
		late   bool // in use only after the notice
		want   []string
	}{
		{catalog.OveruseIgnore, false, []string{"subscription.due 14.00 100 100", "subscription.renewed 14.00 100"}},
		{catalog.OveruseNotify, false, []string{"subscription.due 14.00 100 100 150", "subscription.renewed 14.00 100"}},
		{catalog.OveruseRaise, false, []string{"subscription.due 21.00 100 150 150", "subscription.renewed 21.00 150", "subscription.changed 150 overuse"}},
		{catalog.OveruseRaise, true, []string{
			"subscription.due 14.00 100 100", "subscription.due 21.00 100 150 150", "subscription.renewed 21.00 150", "subscription.changed 150 overuse",
		}},
	} {
		t.Run(fmt.Sprint(c.policy, c.late), func(t *testing.T) {
			d := newDeskFor(t, withPolicy(t, "overuse", string(c.policy)), "100 USD")
			d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
			due := d.of(-11).DueAt
			if c.late {
				d.runUntil(due.Add(-3 * day))
			}
			d.must(d.SetUsage(t.Context(), "p", map[string]int64{"total_size": (2+149)*gigabyte + 1}))
			d.runUntil(due.Add(-time.Second))
			if before := d.of(-11).Quantity; c.late && before != 100 {
				t.Errorf("announced late, and paid early: %d", before)
			}
			d.runUntil(due)
			diff(t, "told", d.subscriptionEvents(0, "amount", "quantity", "nextQuantity", "needed", "reason"), c.want)
			d.sound()
		})
	}
}

// newDeskFor is newDesk with another catalogue.
func newDeskFor(t *testing.T, catalogue *catalog.Catalog, purse string, bought ...billing.Purchase) *desk {
	t.Helper()
	clock := newClock()
	bank := newTeller(clock.Now)
	s, err := store.Open(t.Context(), inMemory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	service, err := billing.New(billing.Config{Store: s, Now: clock.Now, Provider: bank, Catalog: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{hall: &hall{Service: service, t: t, store: s, clock: clock, keys: map[billing.Role]string{}}, bank: bank}
	d.open(purse, bought...)
	return d
}
