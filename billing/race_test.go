package billing_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// crowds are desks on every engine, with the services of one and of two processes.
func crowds(t *testing.T, test func(t *testing.T, d *desk, services []*billing.Service)) {
	for name, config := range map[string]func(t *testing.T) (config store.Config, two bool){
		"memory":                  func(*testing.T) (store.Config, bool) { return inMemory, false },
		"file, two processes":     func(t *testing.T) (store.Config, bool) { return store.Config{Dir: t.TempDir(), NoSync: true}, true },
		"postgres, two processes": func(t *testing.T) (store.Config, bool) { return store.Config{URL: pgtest.Database(t)}, true },
	} {
		t.Run(name, func(t *testing.T) {
			where, two := config(t)
			d := newDesk(t, where, "1000 USD")
			services := []*billing.Service{d.Service}
			if two {
				services = append(services, tillHall(t, where, d.clock, d.bank).Service)
			}
			test(t, d, services)
		})
	}
}

// atOnce does something so many times at once.
func atOnce(many int, do func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range many {
		all.Go(func() {
			<-begin
			do(i)
		})
	}
	close(begin)
	all.Wait()
}

// Of fifty purchases under one key one is made, and of twenty without a key by one
// user; two users make two.
func TestManyPurchasesAtOnce(t *testing.T) {
	crowds(t, func(t *testing.T, d *desk, services []*billing.Service) {
		bought, spent := int64(0), int64(0)
		check := func(what string, add int64) {
			t.Helper()
			bought, spent = bought+add, spent+add*14
			if n := d.of(-11).Quantity; n != bought {
				t.Errorf("%s: there are %d, want %d", what, n, bought)
			}
			diff(t, what, d.wallet("USD"), amount(fmt.Sprintf("%d.%02d USD", (100000-spent)/100, (100000-spent)%100)).String())
			d.sound()
		}
		for _, tt := range []struct {
			name string
			many int
			key  func(i int) string
			add  int64
		}{
			{"one key", 50, func(int) string { return "the key" }, 100},
			{"no key", 20, func(int) string { return "" }, 100},
			{"two keys", 20, func(i int) string { return fmt.Sprint(i % 2) }, 200},
		} {
			me := d.me()
			receipts := make([]billing.Receipt, tt.many)
			atOnce(tt.many, func(i int) {
				var err error
				if receipts[i], err = services[i%len(services)].Purchase(background, me, tt.key(i), "storage", 100); err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
			})
			first := 0
			for _, r := range receipts {
				if !r.Replay {
					first++
				}
			}
			if int64(first) != tt.add/100 {
				t.Errorf("%s: %d are not replays", tt.name, first)
			}
			check(tt.name, tt.add)
		}
		// Somebody else who pays, by then, is somebody else.
		d.must(d.AddUser(t.Context(), "p", billing.NewUser{Email: "two@p.example", Role: billing.Admin}))
		d.must(d.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "two@p.example"}))
		key, _, err := d.CreateKey(t.Context(), "p", billing.NewKey{UserEmail: "two@p.example", Name: "two"})
		d.must(err)
		two := d.enter("p.example", key)
		atOnce(6, func(i int) {
			if _, err := services[i%len(services)].Purchase(background, two, "", "storage", 100); err != nil {
				t.Error(err)
			}
		})
		check("another user", 100)
	})
}

// Purchases, charges by the poster, credits of AI and deposits on one wallet: each
// happens once or is refused, and the books say which.
func TestPurchasesRaceWithCharges(t *testing.T) {
	crowds(t, func(t *testing.T, d *desk, services []*billing.Service) {
		me := d.me()
		var mu sync.Mutex
		units, more := amount("1000 USD").Units(), int64(0)
		atOnce(40, func(i int) {
			s, key := services[i%len(services)], fmt.Sprint("k", i)
			var r billing.Receipt
			var err error
			sign := int64(-1)
			switch i % 4 {
			case 0:
				r, err = s.Purchase(background, me, key, "storage", 300)
			case 1:
				r, err = s.CreditAI(background, me, key, amount("20 USD"))
			case 2:
				r, err = s.CarryOne(background, billing.Order{PortalID: "p", Key: key, What: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("30 USD")}})
			case 3:
				sign = 1
				r, err = s.Deposit(background, "p", key, billing.Deposit{Amount: amount("5 USD")})
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				units += sign * r.Amount.Units()
				if i%4 == 0 {
					more += 300
				}
			case errors.Is(err, billing.ErrInsufficient), errors.Is(err, billing.ErrBusyWallet), errors.Is(err, billing.ErrInvalid) && i%4 == 1:
			default:
				t.Errorf("%d: %v", i, err)
			}
		})
		w, err := d.Wallet(t.Context(), "p")
		d.must(err)
		if w.Pockets[0].Balance.Units() != units || d.of(-11).Quantity != more {
			t.Errorf("the wallet has %s, want %d; there are %d, want %d", w.Pockets[0].Balance, units, d.of(-11).Quantity, more)
		}
		d.sound()
	})
}

// Changes of plan by card at once, with deposits between them: one collection at a
// time, and what the portal has is what was paid.
func TestChangesOfPlanRace(t *testing.T) {
	crowds(t, func(t *testing.T, d *desk, services []*billing.Service) {
		d.subscribe(5)
		d.bank.behaves(sandbox.Behaviour{})
		me := d.me()
		atOnce(24, func(i int) {
			s := services[i%len(services)]
			var err error
			switch i % 3 {
			case 0:
				_, _, err = s.ChangePlan(background, me, "same", "admin", 10, here)
			case 1:
				_, _, err = s.ChangePlan(background, me, "", "admin", int64(6+i), here)
			case 2:
				_, err = s.Deposit(background, "p", fmt.Sprint("d", i), billing.Deposit{Amount: amount("5 USD")})
			}
			if err != nil && !errors.Is(err, billing.ErrBusyWallet) && !errors.Is(err, billing.ErrInvalid) {
				t.Errorf("%d: %v", i, err)
			}
		})
		got := d.of(-9)
		if got.Rate.Units() != got.Quantity*20*1e8 {
			t.Errorf("%d at %s", got.Quantity, got.Rate)
		}
		// All on the first day: what was charged less what was given back is the rate.
		diff(t, "revenue", d.sums("revenue", "USD"), got.Rate.String())
	})
}

// Moves to the wallet at once: one is made, and collected for once.
func TestMovesRace(t *testing.T) {
	crowds(t, func(t *testing.T, d *desk, services []*billing.Service) {
		d.subscribe(10)
		me := d.me()
		done := make([]bool, 20)
		atOnce(20, func(i int) {
			var err error
			done[i], _, err = services[i%len(services)].MoveToWallet(background, me, []string{"k", "", "l"}[i%3], "adminwallet", 100)
			if err != nil && !errors.Is(err, billing.ErrBusyWallet) && !errors.Is(err, billing.ErrInvalid) {
				t.Errorf("%d: %v", i, err)
			}
		})
		if n := len(d.bank.journal.All()); n != 1 {
			t.Errorf("it was collected %d times", n)
		}
		if len(d.rows()) != 1 || d.of(-14).Quantity != 100 {
			t.Errorf("%+v", d.rows())
		}
		diff(t, "wallet", d.wallet("USD"), "0.00 USD")
		diff(t, "revenue", d.sums("revenue", "USD"), "2000.00 USD")
	})
}
