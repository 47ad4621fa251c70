package billing_test

import (
	"testing"
	"time"

	"github.com/bursarhq/bursar/payment/sandbox"
)

// at is a moment in UTC: "2026-08-08 11:39:43".
func at(text string) time.Time {
	moment, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return moment
}

// What is paid from the wallet is announced a week ahead and paid for a day ahead;
// the next period begins where this one ends.
func TestServiceIsRenewedFromTheWallet(t *testing.T) {
	d := newDesk(t, inMemory, "100 USD")
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
	before := d.of(-11)
	d.runUntil(before.DueAt.Add(-7*day - time.Second))
	diff(t, "before the notice", d.subscriptionEvents(0), []string(nil))
	d.runUntil(before.DueAt.Add(-day - time.Second))
	diff(t, "before it is paid", d.subscriptionEvents(0, "amount", "dueAt", "nextQuantity", "shortfall", "service"),
		[]string{"subscription.due 14.00 2026-08-08T11:39:43.000000Z 100 disk-storage"})
	diff(t, "the wallet before", d.wallet("USD"), "86.00 USD")
	d.runUntil(before.DueAt.Add(-day))
	after := d.of(-11)
	if !after.StartedAt.Equal(before.DueAt) || !after.DueAt.Equal(at("2026-09-08 11:39:43")) {
		t.Errorf("after %s the period is from %s to %s", before.DueAt, after.StartedAt, after.DueAt)
	}
	diff(t, "told", d.subscriptionEvents(1, "amount", "periodStart", "periodEnd", "attempt", "transfer"),
		[]string{"subscription.renewed 14.00 2026-08-08T11:39:43.000000Z 2026-09-08T11:39:43.000000Z 1 t3.p"})
	diff(t, "the wallet", d.wallet("USD"), "72.00 USD")

	// Between that and the beginning of the period, more is for all of it.
	d.must(d.Purchase(t.Context(), d.me(), "more", "storage", 100))
	diff(t, "the wallet, with more", d.wallet("USD"), "58.00 USD")
	if got := d.of(-11); got.Quantity != 200 || !got.DueAt.Equal(after.DueAt) || got.Rate != amount("28 USD") {
		t.Errorf("with more it is %+v", got)
	}
	d.runUntil(before.DueAt.Add(day))
	diff(t, "nothing else", d.wallet("USD"), "58.00 USD")
	d.sound()
}

// What the wallet does not cover is past due, is tried again, counts until the days
// of grace are over, and is gone then.
func TestServiceThatIsNotPaidEnds(t *testing.T) {
	d := newDesk(t, inMemory, "20 USD")
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
	due := d.of(-11).DueAt
	d.runUntil(due.Add(2 * day))
	diff(t, "told", d.subscriptionEvents(0, "amount", "shortfall", "attempt", "nextAttemptAt", "graceEnds", "reason"), []string{
		"subscription.due 14.00 8.00",
		"subscription.past_due 14.00 8.00 2 2026-08-09T11:39:43.000000Z 2026-08-11T11:39:43.000000Z insufficient_funds",
		"subscription.past_due 14.00 8.00 3 2026-08-11T11:39:43.000000Z 2026-08-11T11:39:43.000000Z insufficient_funds",
	})
	tariff := d.Tariff(d.me())
	if part := tariff.Parts[1]; !part.Overdue || part.Quantity != 100 {
		t.Errorf("on the wire it is %+v", part)
	}
	quota, _, err := d.Quota(d.me(), here)
	d.must(err)
	if limit := quota.Features.Limit("total_size"); limit < 100*gigabyte {
		t.Errorf("it does not count: %d", limit)
	}
	d.runUntil(due.Add(3 * day))
	diff(t, "the end", d.subscriptionEvents(3, "reason", "quantityBefore", "pastDueSince", "endedAt"), []string{
		"subscription.cancelled unpaid 100 2026-08-08T11:39:43.000000Z 2026-08-11T11:39:43.000000Z",
	})
	diff(t, "what is left", len(d.rows()), 0)
	diff(t, "the wallet", d.wallet("USD"), "6.00 USD")
	d.sound()
}

// Money that arrives pays at once for what is past due, and the period is the one
// that should have been paid.
func TestMoneyThatArrivesPaysForWhatIsPastDue(t *testing.T) {
	d := newDesk(t, inMemory, "20 USD")
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
	due := d.of(-11).DueAt
	d.runUntil(due.Add(2 * time.Hour))
	if d.of(-11).PastDueAt != due {
		t.Fatalf("it is %+v", d.of(-11))
	}
	d.must(deposit(d, "money", "10 USD"))
	d.runDue()
	row := d.of(-11)
	if !row.StartedAt.Equal(due) || !row.PastDueAt.IsZero() || !row.DueAt.Equal(at("2026-09-08 11:39:43")) {
		t.Errorf("it is %+v", row)
	}
	diff(t, "told", d.subscriptionEvents(2, "pastDueSince", "attempt"), []string{"subscription.renewed 2026-08-08T11:39:43.000000Z 3"})
	diff(t, "the wallet", d.wallet("USD"), "2.00 USD")
	d.sound()
}

// A plan is collected for by card, a day ahead, by way of the wallet.
func TestPlanIsRenewedByCard(t *testing.T) {
	d := newDesk(t, inMemory, "1 USD")
	d.subscribe(5)
	before := d.of(-9)
	d.runUntil(before.DueAt.Add(-time.Hour))
	after := d.of(-9)
	if !after.StartedAt.Equal(before.DueAt) || after.PaidFrom != "card" || !after.DueAt.Equal(at("2026-09-08 11:39:43")) {
		t.Errorf("it is %+v", after)
	}
	diff(t, "told", d.subscriptionEvents(0, "amount", "collection"), []string{"subscription.due 100.00", "subscription.renewed 100.00 c2.p"})
	diff(t, "charges", len(d.bank.journal.All()), 1)
	diff(t, "the wallet", d.wallet("USD"), "1.00 USD")
	d.runUntil(before.DueAt.Add(40 * day))
	diff(t, "charges later", len(d.bank.journal.All()), 2)
	d.sound()
}

// A card that declines is tried at the policy's moments; a new one at once. When the
// days of grace are over the portal is closed, and one more card opens it, from then
// on.
func TestPlanWhoseCardDeclines(t *testing.T) {
	d := newDesk(t, inMemory, "1 USD")
	d.subscribe(5)
	due := d.of(-9).DueAt
	d.bank.behaves(sandbox.Behaviour{Decline: "card_declined"})
	d.runUntil(due.Add(9 * day))
	diff(t, "told", d.subscriptionEvents(1, "reason", "attempt", "nextAttemptAt", "graceEnds"), []string{
		"subscription.past_due card_declined 2 2026-08-09T11:39:43.000000Z 2026-08-19T00:00:00.000000Z",
		"subscription.past_due card_declined 3 2026-08-11T11:39:43.000000Z 2026-08-19T00:00:00.000000Z",
		"subscription.past_due card_declined 4 2026-08-13T11:39:43.000000Z 2026-08-19T00:00:00.000000Z",
		"subscription.past_due card_declined 5 2026-08-19T00:00:00.000000Z",
	})
	d.runUntil(due.Add(50 * day))
	diff(t, "the end", d.subscriptionEvents(5, "reason"), []string{"subscription.cancelled unpaid"})
	diff(t, "charges", len(d.bank.journal.All()), 5)

	d.bank.behaves(sandbox.Behaviour{})
	d.newCard("other")
	d.runDue()
	row := d.of(-9)
	if !row.StartedAt.Equal(d.clock.Now().Truncate(time.Second)) || !row.PastDueAt.IsZero() || row.Quantity != 5 {
		t.Errorf("opened again it is %+v", row)
	}
	diff(t, "charges", len(d.bank.journal.All()), 6)
	d.sound()
}
