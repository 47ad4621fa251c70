package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// neighbours posts every kind of refusal with something good before and after it.
func neighbours(t *testing.T, s *store.Store) {
	withSomething(t, s)
	good := credit(money.FromUnits(1, "CHF"))
	requests := []ledger.Request{ask("good", good)}
	for i, tt := range refused {
		requests = append(requests, ask(fmt.Sprint("bad ", i), tt.do), ask(fmt.Sprint("good ", i), good))
	}
	results := post(t, s, requests...)
	for i, tt := range refused {
		mustBe(t, tt.name, results[2*i+1].Err, tt.want)
	}
	for i := 0; i < len(results); i += 2 {
		if r := results[i]; r.Err != nil || r.Replay || r.Answer.Main != int64(4+i/2) {
			t.Errorf("%s: %+v", requests[i].Key, r)
		}
	}
	mustHold(t, s, epoch, money.FromUnits(int64(len(refused))+1, "CHF"), money.FromUnits(0, "CHF"))
	mustHold(t, s, epoch, usd(100), usd(10))
	verify(t, s)
}

// orderWithinAWallet depends on each step being taken after the one in front.
func orderWithinAWallet(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	results := post(t, s,
		ask("1", charge(usd(1))), ask("2", credit(usd(10))), ask("3", charge(usd(10))), ask("4", charge(usd(1))),
		askOf("q", "1", credit(usd(5))),
		ask("5", credit(usd(2))), ask("6", reserve(usd(2))), ask("7", charge(usd(1))), ask("8", ledger.Complete{Hold: 1, Amount: usd(1)}),
		ask("9", ledger.Void{Hold: 1}), ask("10", charge(usd(1))),
		askOf("q", "2", charge(usd(5))), askOf("q", "3", charge(usd(1))),
	)
	short := ledger.ErrInsufficient
	for i, want := range []error{short, nil, nil, short, nil, nil, nil, short, nil, ledger.ErrHoldClosed, nil, nil, short} {
		if !errors.Is(results[i].Err, want) || (want == nil) != (results[i].Err == nil) {
			t.Errorf("result %d: %v, want %v", i, results[i].Err, want)
		}
	}
	mustHold(t, s, epoch, usd(0), usd(0))
	verify(t, s)
}

// thousand posts as many requests at once as may be, over several portals, and then
// one too many.
func thousand(t *testing.T, s *store.Store) {
	ids := manyPortals(t, s, 10)
	var requests []ledger.Request
	for i := range 1000 {
		requests = append(requests, askOf(ids[i%len(ids)], fmt.Sprint("k", i), credit(usd(int64(i)+1))))
	}
	for i, r := range post(t, s, requests...) {
		if r.Err != nil || r.Replay || r.Answer.Main != int64(i/len(ids))+1 {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	for i, r := range post(t, s, requests...) {
		if r.Err != nil || !r.Replay || r.Answer.Main != int64(i/len(ids))+1 {
			t.Fatalf("%d again: %+v", i, r)
		}
	}
	want := store.Verified{Portals: 10, Transfers: 1000, Keys: 1000}
	diff(t, "verified", verify(t, s), want)
	if _, err := s.Post(t.Context(), store.Post{Requests: append(requests, askOf("p000", "more", credit(usd(1)))), Now: epoch}); err == nil {
		t.Error("a thousand and one are posted")
	}
	if results, err := s.Post(t.Context(), store.Post{Now: epoch}); err != nil || len(results) != 0 {
		t.Errorf("none are posted: %v, %v", results, err)
	}
	diff(t, "verified", verify(t, s), want)
}

// twoBooks moves money between the books, in company.
func twoBooks(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	aiCharge := func(n int64) ledger.Action {
		return ledger.Post{{Book: ledger.AI, Debit: ledger.Wallet, Credit: ledger.Revenue, Amount: usd(n), Type: ledger.AIServicePayment}}
	}
	results := post(t, s,
		ask("1", credit(usd(100))), ask("2", aiCharge(1)), ask("3", buyAI(usd(60))), ask("4", buyAI(usd(41))),
		ask("5", aiCharge(60)), ask("6", aiCharge(1)), ask("7", buyAI(usd(40))), ask("8", aiCharge(1)),
	)
	short := ledger.ErrInsufficient
	for i, want := range []error{nil, short, nil, short, nil, short, nil, nil} {
		if !errors.Is(results[i].Err, want) || (want == nil) != (results[i].Err == nil) {
			t.Errorf("result %d: %v, want %v", i, results[i].Err, want)
		}
	}
	// Both sides bear one moment, the later of the two books'.
	later := epoch.Add(time.Hour)
	postAt(t, s, later, ask("9", aiCharge(1)))
	answer := must(t, s, ask("10", credit(usd(1))), ask("11", buyAI(usd(1))))
	if !answer[0].At.Equal(epoch) || !answer[1].At.Equal(later) {
		t.Errorf("at %s and %s", answer[0].At, answer[1].At)
	}
	b := booksOf(t, s, "p")
	diff(t, "the pockets", b.Pockets, []ledger.Pocket{
		{Portal: "p", Book: ledger.Main, Balance: usd(0), Held: usd(0), CreditLimit: usd(0)},
		{Portal: "p", Book: ledger.AI, Balance: usd(39), Held: usd(0), CreditLimit: usd(0)},
	})
	for _, sum := range b.Sums {
		want := map[ledger.Account]int64{ledger.Goodwill: -101, ledger.Transit: 101, ledger.Wallet: 0, ledger.Revenue: 0}
		if sum.Book == ledger.AI {
			want = map[ledger.Account]int64{ledger.Transit: -101, ledger.Wallet: 39, ledger.Revenue: 62}
		}
		if sum.Amount != usd(want[sum.Account]) {
			t.Errorf("%s of %s comes to %s", sum.Account, sum.Book, sum.Amount)
		}
	}
}
