package billing_test

import (
	"testing"
	"time"
)

// Between the payment for a period and its beginning, the period is worth all of its
// rate: to whoever buys more, has fewer, or moves it to the wallet.
func TestPeriodThatHasNotBegun(t *testing.T) {
	ahead := func(t *testing.T) *desk {
		t.Helper()
		d := newDesk(t, inMemory, "10 USD")
		d.subscribe(5)
		due := d.of(-9).DueAt
		d.runUntil(due.Add(-12 * time.Hour))
		if row := d.of(-9); !row.StartedAt.Equal(due) {
			t.Fatalf("it is %+v", row)
		}
		return d
	}
	t.Run("balance", func(t *testing.T) {
		d := ahead(t)
		b, err := d.SubscriptionBalance(t.Context(), d.me())
		d.must(err)
		if b.DaysElapsed != 0 || b.Remaining != amount("100 USD") || !b.PeriodUsedUntil.Equal(b.PeriodStart) {
			t.Errorf("%+v", b)
		}
	})
	t.Run("more", func(t *testing.T) {
		d := ahead(t)
		done, _, err := d.ChangePlan(t.Context(), d.me(), "more", "admin", 8, here)
		d.must(err)
		all := d.bank.journal.All()
		if row := d.of(-9); !done || row.Quantity != 8 || row.Rate != amount("160 USD") || all[len(all)-1].Amount != amount("60 USD") {
			t.Errorf("%t: %+v, for %s", done, row, all[len(all)-1].Amount)
		}
		d.renewsOn("160.00")
	})
	t.Run("fewer", func(t *testing.T) {
		d := ahead(t)
		done, _, err := d.ChangePlan(t.Context(), d.me(), "fewer", "admin", 2, here)
		d.must(err)
		if row := d.of(-9); !done || row.Quantity != 2 || d.wallet("USD") != "70.00 USD" {
			t.Errorf("%t: %+v, the wallet has %s", done, row, d.wallet("USD"))
		}
		d.renewsOn("40.00")
	})
	t.Run("to the wallet", func(t *testing.T) {
		d := ahead(t)
		done, _, err := d.MoveToWallet(t.Context(), d.me(), "move", "adminwallet", 5)
		d.must(err)
		if row := d.of(-14); !done || row.Quantity != 5 || !row.StartedAt.Equal(d.clock.Now()) || d.wallet("USD") != "10.00 USD" {
			t.Errorf("%t: %+v, the wallet has %s", done, row, d.wallet("USD"))
		}
		d.must(deposit(d, "money", "90 USD"))
		d.renewsOn("100.00")
		diff(t, "nothing of the old one", len(d.rows()), 1)
	})
}

// renewsOn checks what the next renewal of the plan costs, and that there is one.
func (d *desk) renewsOn(price string) {
	d.t.Helper()
	before := len(d.subscriptionEvents(0))
	d.runUntil(d.rows()[0].DueAt)
	diff(d.t, "told", d.subscriptionEvents(before, "amount"), []string{"subscription.due " + price, "subscription.renewed " + price})
	d.sound()
}
