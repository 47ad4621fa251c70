package billing_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// deadly is a provider whose caller dies while it asks: before it is heard, or after.
type deadly struct {
	payment.Provider
	left  int
	heard bool
}

func (p *deadly) Charge(ctx context.Context, c payment.Charge) (payment.Outcome, error) {
	if p.left--; p.left < 0 {
		return p.Provider.Charge(ctx, c)
	}
	if p.heard {
		if _, err := p.Provider.Charge(ctx, c); err != nil {
			return payment.Outcome{}, err
		}
	}
	panic("the process dies")
}

// A worker that dies while it asks the provider leaves a collection that another one
// brings to its end: nothing is collected twice, and the period is paid once.
func TestWorkerThatDiesWhileItAsks(t *testing.T) {
	for _, heard := range []bool{false, true} {
		for deaths := 1; deaths <= 3; deaths++ {
			t.Run(fmt.Sprint(heard, deaths), func(t *testing.T) {
				d := newDesk(t, inMemory, "1 USD")
				d.subscribe(5)
				due := d.of(-9).DueAt
				d.bank.Provider = &deadly{Provider: d.bank.Provider, left: deaths, heard: heard}
				d.runUntil(due)
				diff(t, "told", d.subscriptionEvents(0, "collection"), []string{"subscription.due", "subscription.renewed c2.p"})
				diff(t, "charges", len(d.bank.journal.All()), 1)
				diff(t, "the wallet", d.wallet("USD"), "1.00 USD")
				d.sound()
			})
		}
	}
}

// Several workers renew each period once, on one database.
func TestWorkersRenewOnce(t *testing.T) {
	for name, config := range map[string]func() store.Config{
		"memory":   func() store.Config { return inMemory },
		"postgres": func() store.Config { return store.Config{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			const portals = 12
			clock := newClock()
			h := tillHall(t, config(), clock, nil)
			other, err := billing.New(billing.Config{Store: h.store, Now: clock.Now})
			h.must(err)
			for i := range portals {
				h.addBuyer(strconv.Itoa(i))
			}
			clock.Set(at("2026-10-01 00:00:00"))
			var both sync.WaitGroup
			for _, s := range []*billing.Service{h.Service, other, h.Service} {
				both.Go(func() {
					for range 60 {
						jobs, err := s.ClaimJobs(background, 3)
						if err != nil && !errors.Is(err, billing.ErrTryAgain) {
							t.Error(err)
						}
						for _, job := range jobs {
							if err := s.RunJob(background, job); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			both.Wait()
			h.runDue()
			for i := range portals {
				diff(t, "told of "+strconv.Itoa(i), h.events(strconv.Itoa(i), 0, "periodStart"), []string{
					"subscription.renewed 2026-08-08T11:39:43.000000Z", "subscription.renewed 2026-09-08T11:39:43.000000Z",
				})
				w, err := h.Wallet(background, strconv.Itoa(i))
				h.must(err)
				diff(t, "the wallet", w.Pockets[0].Balance, amount("58 USD"))
			}
			if _, _, err := h.Verify(t.Context(), store.Verification{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// What portals had before there were renewals is renewed, of however many portals, and
// however often that is broken off.
func TestWhatWasThereBeforeIsAdopted(t *testing.T) {
	const portals = 230
	h := tillHall(t, inMemory, newClock(), nil)
	for i := range portals {
		h.addPortal(strconv.Itoa(i))
		h.must(h.store.Change(t.Context(), strconv.Itoa(i), func(tx *store.Tx) error { // as an older one wrote it
			return tx.PutSubscriptions([]store.Subscription{{PlanID: -11, Quantity: 100, DueAt: at("2026-09-01 00:00:00"), PaidFrom: "wallet", Rate: amount("14 USD"),
				StartedAt: at("2026-08-01 00:00:00"), AnchorAt: at("2026-08-01 00:00:00")}})
		}))
	}
	h.must(h.store.ChangeJobs(t.Context(), "", func(tx *store.Tx) error {
		return tx.CauseJob(h.clock.Now(), store.Job{Kind: "adopt", RunAt: h.clock.Now()})
	}))
	for rounds := 0; ; rounds++ {
		jobs, err := h.ClaimJobs(t.Context(), 1)
		h.must(err)
		if len(jobs) == 0 {
			diff(t, "rounds", rounds > 3, true)
			break
		}
		if rounds == 1 { // whoever had it is gone
			h.clock.Move(3 * 60e9)
			continue
		}
		h.must(h.RunJob(t.Context(), jobs[0]))
	}
	all, err := h.Jobs(t.Context(), store.JobKey{}, store.JobFilter{AllPortals: true, Kind: "renew", State: store.JobOpen}, 1000)
	h.must(err)
	diff(t, "renewals", len(all), portals)
	for _, job := range all {
		diff(t, "when", job.RunAt, at("2026-08-25 00:00:00"))
	}
}

// addBuyer makes a portal that has storage and 86 USD left.
func (h *hall) addBuyer(id string) {
	h.t.Helper()
	h.addPortal(id)
	h.must(h.SetCustomer(h.t.Context(), id, billing.CustomerChange{Email: "owner@" + id + ".example", MethodStatus: "set", Balances: []money.Amount{amount("100 USD")}}))
	h.must(h.Purchase(h.t.Context(), h.owner(id), "k", "storage", 100))
}
