package billing

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// payByCard pays for the next period of a plan by the saved method: it writes down
// what is to be collected, or looks at what was. What was collected once for a period
// and did not pay for it is in the wallet, which pays for it then: nothing is
// collected twice.
func (w *renewing) payByCard(r *run) (inquiry, error) {
	if w.kept.Attempt > 0 {
		c, err := w.tx.CollectionByKey(w.have.portal.ID, w.collectionKey())
		switch {
		case errors.Is(err, store.ErrNotFound): // there was nothing to collect by
		case err != nil:
			return inquiry{}, err
		case !c.Closed():
			return w.await(r, c)
		case c.State == store.CollectionSettled:
			return inquiry{}, w.payFromWallet(r, CollectionID(c))
		case w.kept.Asked:
			return inquiry{}, w.failed(r, c.Reason)
		}
	}
	customer, err := optional(w.tx.Customer(w.have.portal.ID))
	if err != nil {
		return inquiry{}, err
	}
	if customer == nil {
		customer = &store.Customer{MethodStatus: "none"}
	}
	method := cmp.Or(customer.Fingerprint, customer.Method, customer.MethodType)
	_, due := w.facts.TryAt(w.now, w.s.catalog.Policy())
	another := customer.MethodStatus == "set" && w.kept.Attempt > 0 && method != w.kept.Method
	if !due && !another {
		return inquiry{}, w.unpaid(r)
	}
	if w.next.Rate.Sign() <= 0 {
		return inquiry{}, w.payFromWallet(r, "")
	}
	other, err := wayIsFree(w.tx, w.have.portal.ID)
	switch {
	case errors.Is(err, ErrBusyWallet):
		return w.await(r, other)
	case err != nil:
		return inquiry{}, err
	}
	w.kept.Attempt++
	w.kept.Method = method
	switch {
	case w.s.provider == nil:
		return inquiry{}, w.failed(r, "no_provider")
	case customer.MethodStatus != "set":
		w.kept.Method = ""
		return inquiry{}, w.failed(r, "no_method")
	}
	return w.collect(r, *customer)
}

// collect writes down what is to be collected.
func (w *renewing) collect(r *run, customer store.Customer) (inquiry, error) {
	amount, err := payment.Collectable(w.next.Rate)
	if err != nil {
		return inquiry{}, hopeless{err}
	}
	for { // past what was asked for before the job was lost
		_, err := w.tx.CollectionByKey(w.have.portal.ID, w.collectionKey())
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return inquiry{}, err
		}
		w.kept.Attempt++
	}
	c := store.Collection{
		PortalID: w.have.portal.ID, Key: w.collectionKey(), State: store.CollectionOpen, Provider: w.s.provider.Name(),
		Input: renewalInput(w.row.PlanID, w.row.DueAt), Amount: amount, OpenedAt: w.now, AskedAt: w.now,
		Purpose: store.ForPlan, PlanID: w.row.PlanID, Quantity: w.next.Quantity, Tariff: w.have.portal.Tariff,
		Automatic: true, Renews: w.row.DueAt,
	}
	w.kept.Asked = true
	if err := w.leave(r, w.now.Add(abandonAfter)); err != nil {
		return inquiry{}, err
	}
	err = insertCollection(w.tx, w.t, &c, customer)
	return inquiry{collection: c}, err
}

// collectionKey is the key of what was collected by the last attempt.
func (w *renewing) collectionKey() string {
	return fmt.Sprintf("%s:%d", renewalKey(w.row.PlanID, w.row.DueAt), w.kept.Attempt)
}

// await leaves the job until something is known about a collection that is open: if
// nobody waits for it any more, the provider is asked what came of it. It is looked
// at less and less often; whoever ends it has the job looked at at once.
func (w *renewing) await(r *run, c store.Collection) (inquiry, error) {
	lost := w.now.Sub(c.AskedAt) >= abandonAfter
	again := w.now.Add(min(max(w.now.Sub(c.OpenedAt)/2, abandonAfter), time.Hour))
	if !lost {
		again = c.AskedAt.Add(abandonAfter)
	}
	if c.Renews.IsZero() { // for something else, and looked after by others
		return inquiry{}, w.leave(r, w.now.Add(busyWait))
	}
	if err := w.leave(r, again); err != nil || !lost {
		return inquiry{}, err
	}
	return inquiry{collection: c, again: true}, nil
}

// applyRenewal pays for the period that a collection was for, in the transaction that
// ends it, if it is still to be paid for. Else the money stays in the wallet, and
// reason says why.
func (s *Service) applyRenewal(tx *store.Tx, t *trail, c store.Collection) (reason string, err error) {
	w, err := s.renewalOf(tx, t, c)
	if w == nil || err != nil {
		return "plan_changed", err
	}
	paid, err := w.pay(CollectionID(c), nil, 0)
	if err != nil || paid {
		return "", err
	}
	return "insufficient_funds", nil
}

// renewalOf returns what a collection is to pay for; nil when that is no more to be
// paid for by it.
func (s *Service) renewalOf(tx *store.Tx, t *trail, c store.Collection) (*renewing, error) {
	have, err := s.boughtIn(tx, c.PortalID)
	if err != nil {
		return nil, err
	}
	w, err := s.renewing(tx, t, have, c.PlanID)
	if w == nil || err != nil {
		return nil, err
	}
	if !w.row.DueAt.Equal(c.Renews) || w.row.PaidFrom != "card" || w.facts.Cancelled || w.next.Rate.Currency() != c.Amount.Currency() {
		return nil, nil
	}
	return w, nil
}
