package billing_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// toldOf returns all events of a portal of one type.
func toldOf[T event.Data](d *desk) (all []T) {
	d.t.Helper()
	var none T
	d.must(d.store.Read(d.t.Context(), func(tx *store.Tx) error {
		events, err := tx.EventsOf("p", 0, 1000)
		for _, e := range events {
			if e.Type != string(none.Type()) {
				continue
			}
			data, err := event.Read(none.Type(), []byte(e.Data))
			d.must(err)
			all = append(all, data.(T))
		}
		return err
	}))
	return all
}

// Whoever buys, schedules or sets something, has others know; once, and not when it is
// as it was.
func TestWhatPortalsHaveIsTold(t *testing.T) {
	d := newDesk(t, inMemory, "500 USD")
	start := d.clock.Now()
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100)) // the same
	d.must(d.Purchase(t.Context(), d.me(), "l", "storage", 50))
	next := int64(120)
	for range 2 {
		d.must(d.Schedule(t.Context(), d.me(), "storage", &next))
	}
	end := d.of(-11).DueAt
	storage := func(n int64) event.Subscribed {
		return event.Subscribed{Plan: -11, Name: "storage", Service: d.service(-11), Quantity: n, PaidFrom: "wallet"}
	}
	period := event.SubscriptionChanged{PeriodStart: event.At(start.Truncate(1e9)), PeriodEnd: event.At(end), Reason: "bought"}
	var want []event.SubscriptionChanged
	for _, c := range []struct {
		before, after int64
		next          *int64
	}{{0, 100, nil}, {100, 150, nil}, {150, 150, &next}} {
		one := period
		one.Subscribed, one.QuantityBefore, one.NextQuantity = storage(c.after), c.before, c.next
		want = append(want, one)
	}
	if diff := cmp.Diff(want, toldOf[event.SubscriptionChanged](d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// service returns the name of the service that a plan is.
func (d *desk) service(plan int) string {
	d.t.Helper()
	p, ok := catalog.Stock().Plan(plan)
	if !ok {
		d.t.Fatalf("no plan %d", plan)
	}
	return p.Service
}

// Money that was given back is told once, whoever says so first.
func TestOthersKnowOfRefunds(t *testing.T) {
	d := newDesk(t, inMemory, "5 USD")
	d.must(deposit(d, "k", "50 USD"))
	d.must(d.RefundCollection(t.Context(), "c1.p", "r", amount("20 USD"), "a gift"))
	d.must(d.Receive(t.Context(), refunded("c1.p", "20 USD")))
	d.must(d.Receive(t.Context(), refunded("c1.p", "50 USD")))
	d.must(d.Receive(t.Context(), refunded("c1.p", "50 USD")))
	got := toldOf[event.ChargeRefunded](d)
	for i := range got {
		if got[i].Transfer == "" {
			t.Errorf("%+v has no transfer", got[i])
		}
		got[i].Transfer = ""
	}
	want := []event.ChargeRefunded{
		{Collection: "c1.p", Refund: "r1.c1.p", Amount: event.Sum(amount("20 USD")), Total: event.Sum(amount("20 USD")), Reason: "a gift"},
		{Collection: "c1.p", Amount: event.Sum(amount("30 USD")), Total: event.Sum(amount("50 USD"))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	settled := toldOf[event.DepositSettled](d)
	if len(settled) != 1 || settled[0].Automatic || settled[0].Collection != "c1.p" {
		t.Errorf("%+v", settled)
	}
}
