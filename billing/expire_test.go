package billing_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// carries carries an order out on a portal, which must come through.
func (h *hall) carries(portalID, key string, what billing.What) billing.Receipt {
	h.t.Helper()
	r, err := h.CarryOne(h.t.Context(), billing.Order{PortalID: portalID, Key: key, What: what})
	h.must(err)
	return r
}

func reservation(sum string, lasts time.Duration) billing.Reservation {
	return billing.Reservation{Charge: billing.Charge{Amount: amount(sum), Service: "backup", Quantity: 1}, For: lasts}
}

// lets lets go of holds, and checks how many it told of.
func (h *hall) lets(want int) {
	h.t.Helper()
	if n, err := h.ExpireHolds(h.t.Context()); err != nil || n != want {
		h.t.Errorf("%s: told of %d holds, want %d: %v", h.clock.Now(), n, want, err)
	}
}

// A hold whose time is over is told of once, whoever let go of it; one that ended in
// time never is.
func TestHoldsExpireByThemselves(t *testing.T) {
	d := newDesk(t, inMemory, "500 USD")
	begun := d.clock.Now()
	for i, lasts := range []time.Duration{time.Hour, 2 * time.Hour, 2 * time.Hour, 2 * time.Hour, 3 * time.Hour} {
		d.carries("p", fmt.Sprint("hold ", i), reservation("10 USD", lasts))
	}
	d.carries("p", "done", billing.Completion{Hold: "h2.p"})
	d.carries("p", "void", billing.Release{Hold: "h3.p"})
	told := func(want ...string) {
		t.Helper()
		got := slices.DeleteFunc(d.events("p", 0, "hold", "amount", "service", "expiredAt"), func(e string) bool { return !strings.HasPrefix(e, "hold.expired") })
		diff(t, "what was told", got, want)
	}
	next := func(want time.Duration) {
		t.Helper()
		if at, ok, err := d.NextHoldAt(t.Context()); err != nil || !ok || !at.Equal(begun.Add(want)) {
			t.Errorf("the next is at %s, %t, %v, want %s", at, ok, err, begun.Add(want))
		}
	}
	d.lets(0)
	next(time.Hour)
	d.clock.Set(begun.Add(time.Hour).Add(-time.Microsecond))
	d.lets(0)
	d.clock.Set(begun.Add(time.Hour))
	d.lets(1)
	d.lets(0)
	told("hold.expired h1.p 10.00 backup 2026-07-08T12:39:43.000000Z")
	if got := d.wallet("USD"); got != "470.00 USD" { // two are held, and one was taken
		t.Errorf("the wallet has %s", got)
	}
	// Somebody else lets go of it, in passing, and tells nobody.
	d.clock.Set(begun.Add(2 * time.Hour))
	d.carries("p", "extended", billing.Extension{Hold: "h5.p", For: time.Hour})
	next(2 * time.Hour)
	d.lets(1)
	next(4 * time.Hour)
	d.clock.Set(begun.Add(3 * time.Hour))
	d.lets(0)
	d.clock.Set(begun.Add(5 * time.Hour))
	d.lets(1)
	told("hold.expired h1.p 10.00 backup 2026-07-08T12:39:43.000000Z", "hold.expired h4.p 10.00 backup 2026-07-08T13:39:43.000000Z",
		"hold.expired h5.p 10.00 backup 2026-07-08T15:39:43.000000Z")
	if at, ok, err := d.NextHoldAt(t.Context()); ok || err != nil {
		t.Errorf("there is another one at %s, %v", at, err)
	}
	d.sound()
}

// Many holds of several portals, and more than one process: each is told of once.
func TestManyHoldsExpireOnce(t *testing.T) {
	for name, config := range map[string]func(t *testing.T) store.Config{
		"folder":   func(t *testing.T) store.Config { return store.Config{Dir: t.TempDir(), NoSync: true} },
		"postgres": func(t *testing.T) store.Config { return store.Config{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			config := config(t)
			d := newDesk(t, config, "1000 USD")
			other := tillHall(t, config, d.clock, d.bank)
			d.addPortal("q")
			d.must(d.SetCustomer(t.Context(), "q", billing.CustomerChange{Email: "owner@q.example", Balances: []money.Amount{amount("1000 USD")}}))
			const many = 700
			for _, id := range []string{"p", "q"} {
				var orders []billing.Order
				for n := range many {
					orders = append(orders, billing.Order{PortalID: id, Key: fmt.Sprint("hold ", n), What: reservation("1 USD", time.Hour+time.Duration(n%7)*time.Second)})
				}
				for _, o := range d.Carry(t.Context(), orders...) {
					d.must(o.Err)
				}
			}
			d.clock.Move(2 * time.Hour)
			var told [4]int
			var errs [4]error
			var all sync.WaitGroup
			for i := range told {
				all.Go(func() {
					told[i], errs[i] = []*hall{d.hall, other}[i%2].ExpireHolds(t.Context())
				})
			}
			all.Wait()
			d.must(errors.Join(errs[:]...))
			if sum := told[0] + told[1] + told[2] + told[3]; sum != 2*many {
				t.Errorf("told of %v, %d in all", told, sum)
			}
			for _, id := range []string{"p", "q"} {
				seen := map[string]bool{}
				for _, e := range d.events(id, 0, "hold") {
					if kind, hold, _ := strings.Cut(e, " "); kind == "hold.expired" {
						if seen[hold] {
							t.Errorf("%s was told of twice", hold)
						}
						seen[hold] = true
					}
				}
				if len(seen) != many {
					t.Errorf("told of %d holds of %s", len(seen), id)
				}
			}
			d.lets(0)
			d.sound()
		})
	}
}

// What a hold reserves no more is not refilled.
func TestWhatExpiredIsNotToppedUp(t *testing.T) {
	d := newDesk(t, inMemory, "30 USD")
	d.must(d.SetTopUpRule(t.Context(), "p", true, amount("20 USD"), amount("100 USD")))
	d.carries("p", "hold", reservation("15 USD", time.Hour))
	d.clock.Move(time.Hour + time.Second)
	d.runDue() // and nobody has let go of it before
	if events := d.events("p", 0); slices.Contains(events, "topup.planned") || slices.Contains(events, "balance.low") {
		t.Errorf("told of %v", events)
	}
	d.carries("p", "charge", billing.Charge{Amount: amount("11 USD"), Service: "backup", Quantity: 1})
	d.runDue()
	if n := d.count("p", "topup.succeeded"); n != 1 {
		t.Errorf("told of %v", d.events("p", 0))
	}
	d.sound()
}
