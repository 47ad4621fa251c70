package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// credit and charge are requests for p.
func credit(key string, units int64) ledger.Request {
	return ledger.Request{Portal: "p", Key: key, Input: ledger.InputOf("credit", units), Do: wallet.Goodwill(wallet.Payment{Amount: money.FromUnits(units, "USD")})}
}

func charge(key string, units int64) ledger.Request {
	return ledger.Request{Portal: "p", Key: key, Input: ledger.InputOf("charge", units), Do: wallet.Charge(wallet.Payment{Amount: money.FromUnits(units, "USD"), Service: "backup", Quantity: 1})}
}

func post(t *testing.T, s *Store, requests ...ledger.Request) []ledger.Result {
	t.Helper()
	results, err := s.Post(background, Post{Requests: requests, Now: epoch})
	if err != nil {
		t.Fatalf("Post: %v", err)
	}
	return results
}

func mustVerify(t *testing.T, s *Store) Verified {
	t.Helper()
	verified, _, err := s.Verify(background, Verification{})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return verified
}

// TestManyWritersAreServedOnce has many callers post at once: alone, in company,
// under the same keys, and with more than there is.
func TestManyWritersAreServedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		post(t, s, credit("opening", 1000))
		var wg sync.WaitGroup
		var mu sync.Mutex
		taken, refused := 0, 0
		for c := range 16 {
			wg.Go(func() {
				for n := range 20 {
					key := fmt.Sprintf("charge-%d-%d", c%8, n) // each key by two callers
					results, err := s.Post(background, Post{Requests: []ledger.Request{charge(key, 10)}, Now: epoch})
					if err != nil {
						t.Errorf("Post: %v", err)
						return
					}
					mu.Lock()
					switch r := results[0]; {
					case r.Err == nil && !r.Replay:
						taken++
					case errors.Is(r.Err, ledger.ErrInsufficient):
						refused++
					case r.Err != nil:
						t.Errorf("charge: %v", r.Err)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if taken != 100 || refused == 0 {
			t.Errorf("%d were taken and %d refused", taken, refused)
		}
		if got := mustVerify(t, s); got.Transfers != 101 || got.Keys != 101 {
			t.Errorf("verified %+v", got)
		}
	})
}

// TestEveryActionIsWrittenDown carries out one of each, seals, and verifies.
func TestEveryActionIsWrittenDown(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		ask := func(key string, do ledger.Action) ledger.Request {
			return ledger.Request{Portal: "p", Key: key, Input: ledger.InputOf(key), Do: do}
		}
		usd := func(n int64) money.Amount { return money.FromUnits(n, "USD") }
		steps := []ledger.Request{
			ask("deposit", wallet.Deposit(wallet.Payment{Amount: usd(1000)}, "sandbox")),
			ask("charge", wallet.Charge(wallet.Payment{Amount: usd(100), Service: "backup", Quantity: 1, Metadata: wallet.Details("x")})),
			ask("hold", ledger.Reserve{Amount: usd(200), Service: "backup", Quantity: 1, For: time.Hour}),
			ask("extend", ledger.Extend{Hold: 1, For: time.Hour}),
			ask("complete", ledger.Complete{Hold: 1, Amount: usd(150)}),
			ask("hold 2", ledger.Reserve{Amount: usd(300), Service: "backup", Quantity: 1, For: time.Hour}),
			ask("void", ledger.Void{Hold: 2}),
			ask("correct", ledger.Correct{Book: ledger.Main, Transfer: 2, Amount: usd(40)}),
			ask("ai", ledger.Post{
				{Book: ledger.Main, Debit: ledger.Wallet, Credit: ledger.Transit, Amount: usd(50), Type: ledger.AIDebit},
				{Book: ledger.AI, Debit: ledger.Transit, Credit: ledger.Wallet, Amount: usd(50), Type: ledger.AICredit},
			}),
		}
		var want []ledger.Result
		for _, step := range steps {
			r := post(t, s, step)[0]
			if r.Err != nil || r.Replay {
				t.Fatalf("%s: %+v", step.Key, r)
			}
			r.Replay = true
			want = append(want, r)
		}
		diff(t, "replays", post(t, s, steps...), want)
		for _, book := range ledger.Books() {
			if _, err := s.SealBook(background, "p", book, epoch); err != nil {
				t.Fatalf("seal %s: %v", book, err)
			}
		}
		diff(t, "verified", mustVerify(t, s), Verified{Portals: 1, Transfers: 6, Holds: 2, Keys: 9, Seals: 2})
	})
}
