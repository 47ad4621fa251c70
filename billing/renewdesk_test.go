package billing_test

import (
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// deposit collects so much for the wallet, and says how that went.
func deposit(d *desk, key, sum string) error {
	_, err := d.Deposit(d.t.Context(), "p", key, billing.Deposit{Amount: amount(sum)})
	return err
}

// newCard is the provider telling that the customer has another card.
func (d *desk) newCard(token string) {
	d.t.Helper()
	d.clock.Move(time.Second)
	d.must(d.Receive(d.t.Context(), payment.Event{Kind: payment.MethodSaved, Customer: "p", Method: method(token), At: d.clock.Now()}))
}

// subscriptionEvents are the events of subscriptions after the nth of them.
func (d *desk) subscriptionEvents(after int, members ...string) (all []string) {
	d.t.Helper()
	for _, e := range d.events("p", 0, members...) {
		if strings.HasPrefix(e, "subscription.") {
			all = append(all, e)
		}
	}
	return all[min(after, len(all)):]
}

// collected is a collection by its number.
func (d *desk) collected(number int64) (c store.Collection) {
	d.t.Helper()
	d.must(d.store.Read(d.t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.CollectionByNumber("p", number)
		return err
	}))
	return c
}
