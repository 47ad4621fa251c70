package billing_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/testenv"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// till is the sample company with a bank whose books can be read.
type till struct {
	*hall
	bank     *sandbox.MemoryJournal
	provider payment.Provider
	mu       sync.Mutex
	behave   sandbox.Behaviour
}

// newTill returns a till on a database.
func newTill(t *testing.T, config store.Config) *till {
	t.Helper()
	tl := &till{bank: sandbox.Memory()}
	clock := newClock()
	tl.provider = sandbox.New(sandbox.Config{
		Journal: tl.bank, Now: clock.Now, Latency: 30 * time.Millisecond,
		Script: func(payment.Charge) sandbox.Behaviour {
			tl.mu.Lock()
			defer tl.mu.Unlock()
			return tl.behave
		},
	})
	tl.hall = tillHall(t, config, clock, tl.provider)
	if _, err := sample.Create(t.Context(), tl.Service, sample.Config{Hosts: []string{host}, Now: clock.Now()}); err != nil {
		t.Fatal(err)
	}
	return tl
}

func tillHall(t *testing.T, config store.Config, clock *testenv.Clock, provider payment.Provider) *hall {
	t.Helper()
	s, err := store.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	service, err := billing.New(billing.Config{Store: s, Now: clock.Now, Provider: provider})
	if err != nil {
		t.Fatal(err)
	}
	return &hall{Service: service, t: t, store: s, clock: clock, keys: map[billing.Role]string{}}
}

// onEachEngine runs a test on a till in memory and on one on a server.
func onEachEngine(t *testing.T, test func(t *testing.T, tl *till)) {
	t.Run("memory", func(t *testing.T) { test(t, newTill(t, store.Config{InMemory: true})) })
	t.Run("postgres", func(t *testing.T) { test(t, newTill(t, store.Config{URL: pgtest.Database(t)})) })
}

func (tl *till) behaves(b sandbox.Behaviour) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.behave = b
}

func (tl *till) deposit(key, sum string) (billing.Receipt, error) {
	return tl.Deposit(tl.t.Context(), company, key, billing.Deposit{Amount: amount(sum)})
}

// wants fails the test unless a deposit ended so; nil: it settled.
func (tl *till) wants(key, sum string, want error) billing.Receipt {
	tl.t.Helper()
	receipt, err := tl.deposit(key, sum)
	if !errors.Is(err, want) {
		tl.t.Fatalf("deposit of %s under %q: %v, want %v", sum, key, err, want)
	}
	return receipt
}

// balances checks the laws of the ledger, and that the wallet has what it had at
// first and what the bank collected by now, each collection once.
func (tl *till) balances(collections int) {
	tl.t.Helper()
	if _, _, err := tl.Verify(tl.t.Context(), store.Verification{}); err != nil {
		tl.t.Fatal(err)
	}
	tl.agrees(collections)
}

// agrees is balances without the laws.
func (tl *till) agrees(collections int) {
	tl.t.Helper()
	want, settled := amount("148.50 USD"), 0
	for _, r := range tl.bank.All() {
		if r.State == payment.Settled && !tl.clock.Now().Before(r.Due) {
			settled++
			var err error
			if want, err = want.Add(r.Amount); err != nil {
				tl.t.Fatal(err)
			}
		}
	}
	w, err := tl.Wallet(tl.t.Context(), company)
	if err != nil {
		tl.t.Fatal(err)
	}
	if settled != collections || w.Pockets[0].Balance != want {
		tl.t.Errorf("the bank collected %d times, want %d; the wallet holds %s, want %s", settled, collections, w.Pockets[0].Balance, want)
	}
}

// crashed writes down an open collection, as a process that died right after it
// would have left it, and has the bank settle it if that is asked for.
func (tl *till) crashed(key, sum string, collected bool) {
	tl.t.Helper()
	c := store.Collection{
		PortalID: company, Key: key, State: store.CollectionOpen, Provider: "sandbox", Amount: amount(sum),
		Input:    ledger.InputOf("deposit", amount(sum).Currency(), amount(sum).Units(), ""),
		OpenedAt: tl.clock.Now(), AskedAt: tl.clock.Now(),
	}
	if err := tl.store.Change(tl.t.Context(), company, func(tx *store.Tx) (err error) {
		c.Number, err = tx.InsertCollection(c)
		return err
	}); err != nil {
		tl.t.Fatal(err)
	}
	if collected {
		if _, err := tl.provider.Charge(tl.t.Context(), payment.Charge{ID: fmt.Sprintf("c%d.%s", c.Number, company), Customer: company, Amount: c.Amount}); err != nil {
			tl.t.Fatal(err)
		}
	}
}

func TestDepositSettles(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		first := tl.wants("k", "100 USD", nil)
		again := tl.wants("k", "100 USD", nil)
		if first.Replay || !again.Replay || first.Transfer == "" {
			t.Errorf("%+v, %+v", first, again)
		}
		again.Replay = false
		diff(t, "receipt", again, first)
		diff(t, "available", first.Available, amount("248.50 USD"))
		tl.wants("k", "101 USD", billing.ErrMismatch)
		tl.wants("", "1 USD", nil)
		tl.wants("", "1 USD", nil) // the one before is over
		tl.balances(3)
		tl.wants("bursar:x", "1 USD", billing.ErrInvalid)
		tl.wants("k2", "1.001 USD", billing.ErrInvalid)
		tl.wants("k2", "-1 USD", billing.ErrInvalid)
		tl.wants("k2", "1 CHF", billing.ErrInvalid)
		if _, err := tl.Deposit(t.Context(), "nobody", "k", billing.Deposit{Amount: amount("1 USD")}); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("a portal that is not there: %v", err)
		}
		tl.balances(3)
	})
}

func TestDeclinedDepositMovesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		tl.behaves(sandbox.Behaviour{Decline: payment.CardDeclined})
		_, err := tl.deposit("k", "100 USD")
		var declined *billing.DeclinedError
		if !errors.As(err, &declined) || declined.Reason != payment.CardDeclined {
			t.Errorf("%v", err)
		}
		tl.behaves(sandbox.Behaviour{})
		tl.wants("k", "100 USD", billing.ErrDeclined)
		tl.balances(0)
		tl.wants("k2", "100 USD", nil)
		tl.balances(1)
	})
}

// failures are ways in which a provider fails, and what it has in its books then.
var failures = map[string]struct {
	behave    sandbox.Behaviour
	collected bool
}{
	"times out before": {sandbox.Behaviour{Fault: sandbox.TimeOutBefore}, false},
	"times out after":  {sandbox.Behaviour{Fault: sandbox.TimeOutAfter}, true},
	"fails before":     {sandbox.Behaviour{Fault: sandbox.FailBefore}, false},
	"fails after":      {sandbox.Behaviour{Fault: sandbox.FailAfter}, true},
	"unreachable":      {sandbox.Behaviour{Fault: sandbox.Unreachable}, false},
}

// Whatever the provider did and did not say comes out in the end, by whoever asks:
// the same again, another deposit, or the reconciler.
func TestFailureOfTheProviderIsResolved(t *testing.T) {
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			once := map[bool]int{false: 0, true: 1}[failure.collected]
			failed := func(t *testing.T) *till {
				tl := newTill(t, store.Config{InMemory: true})
				tl.behaves(failure.behave)
				tl.wants("k", "100 USD", billing.ErrUnsettled)
				tl.behaves(sandbox.Behaviour{})
				tl.wants("other", "5 USD", billing.ErrBusyWallet)
				return tl
			}
			t.Run("by the same again", func(t *testing.T) {
				tl := failed(t)
				if !failure.collected {
					tl.wants("k", "100 USD", billing.ErrUnsettled) // it may be on its way
					tl.clock.Move(time.Minute)
				}
				if receipt := tl.wants("k", "100 USD", nil); !receipt.Replay {
					t.Error("it is not called a replay")
				}
				tl.balances(1)
			})
			t.Run("by another one", func(t *testing.T) {
				tl := failed(t)
				tl.clock.Move(time.Minute)
				tl.wants("other", "5 USD", nil)
				tl.balances(once + 1)
				want := billing.ErrDeclined // given up
				if failure.collected {
					want = nil
				}
				tl.wants("k", "100 USD", want)
				tl.balances(once + 1)
			})
			t.Run("by the reconciler", func(t *testing.T) {
				tl := failed(t)
				for range 2 { // too early
					if ended, err := tl.Reconcile(t.Context()); ended != 0 || err != nil {
						t.Errorf("%d, %v", ended, err)
					}
				}
				tl.clock.Move(time.Minute + time.Microsecond)
				for _, want := range []int{1, 0} {
					if ended, err := tl.Reconcile(t.Context()); ended != want || err != nil {
						t.Errorf("%d, %v, want %d", ended, err, want)
					}
				}
				tl.balances(once)
				tl.wants("other", "5 USD", nil)
				tl.balances(once + 1)
			})
		})
	}
}

// A charge that is decided days later blocks others until then, and is known then.
func TestLateChargeIsWaitedFor(t *testing.T) {
	for reason, want := range map[string]error{"": nil, payment.CardDeclined: billing.ErrDeclined} {
		tl := newTill(t, store.Config{InMemory: true})
		tl.behaves(sandbox.Behaviour{Late: time.Hour, Decline: reason})
		tl.wants("k", "100 USD", billing.ErrUnsettled)
		tl.behaves(sandbox.Behaviour{})
		for range 3 {
			tl.clock.Move(10 * time.Minute)
			tl.wants("k", "100 USD", billing.ErrUnsettled)
			tl.clock.Move(2 * time.Minute)
			// Not of its own doing: the other one is told that it is in the way.
			tl.wants("other", "5 USD", billing.ErrBusyWallet)
			if ended, err := tl.Reconcile(t.Context()); ended != 0 || err != nil {
				t.Errorf("%d, %v", ended, err)
			}
		}
		tl.balances(0)
		tl.clock.Move(time.Hour)
		tl.wants("k", "100 USD", want)
		tl.wants("other", "5 USD", nil)
		tl.balances(len(tl.bank.All()) - map[bool]int{false: 0, true: 1}[want != nil])
	}
}

// A process that died between the collection and its settlement leaves what others
// bring to an end, once.
func TestCrashIsResolved(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		// Collected, and the same comes again.
		tl.crashed("a", "100 USD", true)
		tl.clock.Move(time.Minute)
		tl.wants("a", "100 USD", nil)
		tl.wants("a", "100 USD", nil)
		tl.balances(1)
		// Collected, and the reconciler finds it.
		tl.crashed("b", "50 USD", true)
		tl.clock.Move(time.Minute + time.Second)
		for _, want := range []int{1, 0} {
			if ended, err := tl.Reconcile(t.Context()); ended != want || err != nil {
				t.Errorf("%d, %v, want %d", ended, err, want)
			}
		}
		tl.wants("b", "50 USD", nil)
		tl.balances(2)
		// Never collected, and the same comes again: now it is.
		tl.crashed("c", "25 USD", false)
		tl.clock.Move(time.Minute)
		tl.wants("c", "25 USD", nil)
		tl.balances(3)
		// Never collected, and nobody comes: given up, for ever.
		tl.crashed("d", "12 USD", false)
		tl.clock.Move(time.Minute + time.Second)
		if ended, err := tl.Reconcile(t.Context()); ended != 1 || err != nil {
			t.Errorf("%d, %v", ended, err)
		}
		tl.wants("d", "12 USD", billing.ErrDeclined)
		tl.balances(3)
	})
}

// Whoever comes to what was left behind, and however many at once: one brings it
// to its end, and nobody gives up what another one asks for.
func TestManyComeToWhatWasLeftBehind(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		for round := range 6 {
			key := fmt.Sprint("k", round)
			tl.crashed(key, "10 USD", round%2 == 0)
			tl.clock.Move(time.Minute + time.Second)
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					switch i % 3 {
					case 0:
						_, _ = tl.deposit(key, "10 USD")
					case 1:
						_, _ = tl.Reconcile(background)
					case 2:
						_, _ = tl.deposit(key+"-other", "1 USD")
					}
				})
			}
			all.Wait()
			tl.clock.Move(2 * time.Minute)
			if _, err := tl.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
			// What the bank has is what is said of it.
			_, err := tl.deposit(key, "10 USD")
			collected := false
			for _, r := range tl.bank.All() {
				collected = collected || r.ID == fmt.Sprintf("c%d.%s", tl.collection(key).Number, company)
			}
			if collected != (err == nil) || err != nil && !errors.Is(err, billing.ErrDeclined) {
				t.Errorf("round %d: the bank collected: %t; the answer: %v", round, collected, err)
			}
			tl.balances(len(tl.bank.All()))
		}
	})
}

func (tl *till) collection(key string) (c store.Collection) {
	tl.t.Helper()
	if err := tl.store.Read(tl.t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.CollectionByKey(company, key)
		return err
	}); err != nil {
		tl.t.Fatal(err)
	}
	return c
}

// Of fifty under one key, one collects; without keys, the same.
func TestManyAtOnceCollectOnce(t *testing.T) {
	config := func(t *testing.T) store.Config { return store.Config{URL: pgtest.Database(t)} }
	for name, open := range map[string]func(t *testing.T) (*till, []*billing.Service){
		"memory": func(t *testing.T) (*till, []*billing.Service) {
			tl := newTill(t, store.Config{InMemory: true})
			return tl, []*billing.Service{tl.Service}
		},
		"postgres, two services": func(t *testing.T) (*till, []*billing.Service) {
			where := config(t)
			tl := newTill(t, where)
			return tl, []*billing.Service{tl.Service, tillHall(t, where, tl.clock, tl.provider).Service}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for rounds, key := range []string{"the key", ""} {
				tl, services := open(t)
				const many = 50
				var (
					all      sync.WaitGroup
					begin    = make(chan struct{})
					receipts [many]billing.Receipt
					errs     [many]error
				)
				for i := range many {
					all.Go(func() {
						<-begin
						receipts[i], errs[i] = services[i%len(services)].Deposit(t.Context(), company, key, billing.Deposit{Amount: amount("100 USD")})
					})
				}
				close(begin)
				all.Wait()
				first := 0
				for i := range many {
					if errs[i] != nil {
						t.Fatalf("round %d: %v", rounds, errs[i])
					}
					if !receipts[i].Replay {
						first++
					}
					if key != "" && receipts[i].Transfer != receipts[0].Transfer {
						t.Errorf("%+v and %+v", receipts[i], receipts[0])
					}
				}
				if key != "" && first != 1 {
					t.Errorf("%d are not replays", first)
				}
				// Without a key, who comes after the first is over asks for another one.
				tl.balances(first)
			}
		})
	}
}

// Who goes away leaves the deposit to end as it would have.
func TestCallerWhoGoesAwayChangesNothing(t *testing.T) {
	tl := newTill(t, store.Config{InMemory: true})
	asked := make(chan struct{})
	provider := &watched{Provider: tl.provider, asked: asked}
	service, err := billing.New(billing.Config{Store: tl.store, Now: tl.clock.Now, Provider: provider})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := running(func() error {
		_, err := service.Deposit(ctx, company, "k", billing.Deposit{Amount: amount("100 USD")})
		return err
	})
	<-asked
	cancel()
	within(t, "the deposit", done)
	tl.wants("k", "100 USD", nil)
	tl.balances(1)
}

// watched tells when it is asked.
type watched struct {
	payment.Provider
	asked chan struct{}
}

func (w *watched) Charge(ctx context.Context, c payment.Charge) (payment.Outcome, error) {
	close(w.asked)
	return w.Provider.Charge(ctx, c)
}

// A charge that comes in after the collection was given up, by a process that was
// held up for longer than anybody waits, is still put into the wallet. (The
// collection stays declined in the store, which Verify does not like.)
func TestMoneyThatComesTooLateIsKept(t *testing.T) {
	tl := newTill(t, store.Config{InMemory: true})
	provider := &held{Provider: tl.provider, asked: make(chan struct{}), release: make(chan struct{})}
	service, err := billing.New(billing.Config{Store: tl.store, Now: tl.clock.Now, Provider: provider})
	if err != nil {
		t.Fatal(err)
	}
	done := running(func() error {
		_, err := service.Deposit(background, company, "k", billing.Deposit{Amount: amount("100 USD")})
		return err
	})
	<-provider.asked
	tl.clock.Move(2 * time.Minute)
	if ended, err := tl.Reconcile(t.Context()); ended != 1 || err != nil {
		t.Fatalf("%d, %v", ended, err)
	}
	close(provider.release)
	within(t, "the deposit", done)
	tl.wants("k", "100 USD", nil)
	tl.agrees(1)

	// The same, but that process died before it could say so.
	tl.crashed("k2", "50 USD", false)
	tl.clock.Move(2 * time.Minute)
	if ended, err := tl.Reconcile(t.Context()); ended != 1 || err != nil {
		t.Fatalf("%d, %v", ended, err)
	}
	tl.wants("k2", "50 USD", billing.ErrDeclined)
	id := fmt.Sprintf("c%d.%s", tl.collection("k2").Number, company)
	if _, err := tl.provider.Charge(t.Context(), payment.Charge{ID: id, Customer: company, Amount: amount("50 USD")}); err != nil {
		t.Fatal(err)
	}
	tl.wants("k2", "50 USD", nil)
	tl.wants("k2", "50 USD", nil)
	tl.agrees(2)
}

// held charges when it is released.
type held struct {
	payment.Provider
	asked, release chan struct{}
}

func (h *held) Charge(ctx context.Context, c payment.Charge) (payment.Outcome, error) {
	close(h.asked)
	<-h.release
	return h.Provider.Charge(ctx, c)
}

func TestRehearsedDepositIsNone(t *testing.T) {
	tl := newTill(t, store.Config{InMemory: true})
	receipt, err := tl.RehearseDeposit(t.Context(), company, "k", billing.Deposit{Amount: amount("100 USD")})
	if err != nil || receipt.Available != amount("248.50 USD") {
		t.Errorf("%+v, %v", receipt, err)
	}
	tl.balances(0)
	if len(tl.bank.All()) != 0 {
		t.Error("the bank was asked")
	}
	tl.wants("k", "100 USD", nil)
}

// Random deposits with random failures, clocks and reconcilers, by two services:
// the bank and the wallet agree in the end.
func TestRandomDepositsAgreeWithTheBank(t *testing.T) {
	faults := []sandbox.Fault{"", "", sandbox.TimeOutBefore, sandbox.TimeOutAfter, sandbox.FailBefore, sandbox.FailAfter, sandbox.Unreachable}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			tl := newTill(t, store.Config{InMemory: true})
			draw := rand.New(rand.NewPCG(seed, 5))
			for i := range 60 {
				b := sandbox.Behaviour{Fault: faults[draw.IntN(len(faults))]}
				if draw.IntN(4) == 0 {
					b.Decline = payment.CardDeclined
				}
				if draw.IntN(6) == 0 {
					b.Late = time.Duration(draw.IntN(200)) * time.Second
				}
				tl.behaves(b)
				_, err := tl.deposit(fmt.Sprint("k", draw.IntN(i+2)), fmt.Sprintf("%d USD", 1+draw.IntN(2)))
				for _, allowed := range []error{nil, billing.ErrDeclined, billing.ErrUnsettled, billing.ErrBusyWallet, billing.ErrMismatch} {
					if errors.Is(err, allowed) {
						err = nil
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				tl.clock.Move(time.Duration(draw.IntN(60)) * time.Second)
				if draw.IntN(5) == 0 {
					if _, err := tl.Reconcile(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 2 {
				tl.clock.Move(10 * time.Minute)
				if _, err := tl.Reconcile(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			settled := 0
			for _, r := range tl.bank.All() {
				if r.State == payment.Settled {
					settled++
				}
			}
			tl.balances(settled)
			if seed == 0 && settled == 0 {
				t.Error("nothing was ever collected")
			}
		})
	}
}
