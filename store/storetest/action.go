package storetest

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// everyAction posts one of each, alone, and then all of them again.
func everyAction(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	at := func(n time.Duration) time.Time { return epoch.Add(n * time.Second) }
	details := wallet.Details("größe 数据 🙂 \"quoted\"")
	steps := []struct {
		request ledger.Request
		answer  ledger.Answer
	}{
		{ask("deposit", wallet.Deposit(wallet.Payment{Amount: usd(1000), Participant: "Ann"}, "sandbox")),
			ledger.Answer{Main: 1, Amount: usd(1000), Available: usd(1000)}},
		{ask("goodwill", wallet.Goodwill(wallet.Payment{Amount: eur(50)})), ledger.Answer{Main: 2, Amount: eur(50), Available: eur(50)}},
		{ask("refund", wallet.Refund(wallet.Payment{Amount: usd(5)})), ledger.Answer{Main: 3, Amount: usd(5), Available: usd(1005)}},
		{ask("charge", wallet.Charge(wallet.Payment{Amount: usd(105), Service: "backup", Quantity: 7, Metadata: details})),
			ledger.Answer{Main: 4, Amount: usd(105), Available: usd(900)}},
		{ask("hold", reserve(usd(300))), ledger.Answer{Hold: 1, Amount: usd(300), Available: usd(600), ExpiresAt: at(4).Add(time.Hour)}},
		{ask("extend", ledger.Extend{Hold: 1, For: time.Minute}),
			ledger.Answer{Hold: 1, Amount: usd(300), Available: usd(600), ExpiresAt: at(4).Add(time.Hour + time.Minute)}},
		{ask("complete", ledger.Complete{Hold: 1, Amount: usd(200), Quantity: 9, Participant: "Bob"}),
			ledger.Answer{Main: 5, Hold: 1, Amount: usd(200), Available: usd(700)}},
		{ask("hold 2", reserve(usd(700))), ledger.Answer{Hold: 2, Amount: usd(700), Available: usd(0), ExpiresAt: at(7).Add(time.Hour)}},
		{ask("void", ledger.Void{Hold: 2}), ledger.Answer{Hold: 2, Amount: usd(700), Available: usd(700)}},
		{ask("expire", ledger.Expire{Hold: 2}), ledger.Answer{Hold: 2, Amount: usd(700), Available: usd(700)}},
		{ask("correct", ledger.Correct{Book: ledger.Main, Transfer: 4, Amount: usd(100)}),
			ledger.Answer{Main: 6, Amount: usd(100), Available: usd(800)}},
		{ask("correct 2", ledger.Correct{Book: ledger.Main, Transfer: 4}), ledger.Answer{Main: 7, Amount: usd(5), Available: usd(805)}},
		{ask("ai", buyAI(usd(55))), ledger.Answer{Main: 8, AI: 1, Amount: usd(55), Available: usd(750)}},
		{ask("ai charge", ledger.Post{{Book: ledger.AI, Debit: ledger.Wallet, Credit: ledger.Revenue, Amount: usd(5), Type: ledger.AIServicePayment}}),
			ledger.Answer{AI: 2, Amount: usd(5), Available: usd(50)}},
		{ask("ai correct", ledger.Correct{Book: ledger.AI, Transfer: 2}), ledger.Answer{AI: 3, Amount: usd(5), Available: usd(55)}},
		{ask("correct a deposit", ledger.Correct{Book: ledger.Main, Transfer: 1, Amount: usd(1)}),
			ledger.Answer{Main: 9, Amount: usd(1), Available: usd(749)}},
	}
	var requests []ledger.Request
	var replayed []ledger.Result
	for i, step := range steps {
		now := at(time.Duration(i))
		if !step.answer.At.IsZero() {
			t.Fatal("the moment comes by itself")
		}
		step.answer.At = now
		diff(t, step.request.Key, postAt(t, s, now, step.request), []ledger.Result{{Answer: step.answer}})
		requests, replayed = append(requests, step.request), append(replayed, ledger.Result{Answer: step.answer, Replay: true})
	}
	before := booksOf(t, s, "p")
	diff(t, "all again", post(t, s, requests...), replayed)
	diff(t, "after all again", booksOf(t, s, "p"), before)
	diff(t, "verified", before.Verified, store.Verified{Portals: 2, Transfers: 12, Holds: 2, Keys: 16})

	want := ledger.Transfer{
		Portal: "p", Book: ledger.Main, Number: 4, At: at(3), Type: ledger.ServicePayment, Debit: ledger.Wallet, Credit: ledger.Revenue,
		Amount: usd(105), Balance: usd(900), Key: "charge", Service: "backup", Quantity: 7, Metadata: details,
	}
	diff(t, "transfer 4", before.Transfers[3], want)
	diff(t, "the pockets", before.Pockets, []ledger.Pocket{
		{Portal: "p", Book: ledger.Main, Position: 0, Balance: usd(749), Held: usd(0), CreditLimit: usd(0), Credited: usd(1000), CreditedAt: epoch},
		{Portal: "p", Book: ledger.Main, Position: 1, Balance: eur(50), Held: eur(0), CreditLimit: eur(0)},
		{Portal: "p", Book: ledger.AI, Position: 0, Balance: usd(55), Held: usd(0), CreditLimit: usd(0)},
	})
}

// refused are requests that must be refused, for a portal with 100 USD, a closed
// hold 1, an open hold 2 of 10 USD, and a transfer 2 that is corrected by 3.
var refused = []struct {
	name string
	do   ledger.Action
	want error
}{
	{"more than there is", charge(usd(91)), ledger.ErrInsufficient},
	{"a currency that is not there", charge(eur(1)), ledger.ErrInsufficient},
	{"more held than there is", reserve(usd(91)), ledger.ErrInsufficient},
	{"AI credit for more than there is", buyAI(usd(91)), ledger.ErrInsufficient},
	{"AI credit that is not there", ledger.Post{{Book: ledger.AI, Debit: ledger.Wallet, Credit: ledger.Revenue, Amount: usd(1), Type: ledger.AIServicePayment}}, ledger.ErrInsufficient},
	{"nothing", charge(usd(0)), ledger.ErrRequest},
	{"less than nothing", charge(usd(-1)), ledger.ErrRequest},
	{"no transfer at all", ledger.Post{}, ledger.ErrRequest},
	{"two in one book", append(credit(usd(1)).(ledger.Post), credit(usd(1)).(ledger.Post)...), ledger.ErrRequest},
	{"no wallet", ledger.Post{{Book: ledger.Main, Debit: ledger.Goodwill, Credit: ledger.Revenue, Amount: usd(1)}}, ledger.ErrRequest},
	{"unknown account", ledger.Post{{Book: ledger.Main, Debit: "pocket", Credit: ledger.Wallet, Amount: usd(1)}}, ledger.ErrRequest},
	{"unknown type", ledger.Post{{Book: ledger.Main, Debit: ledger.Goodwill, Credit: ledger.Wallet, Amount: usd(1), Type: 20}}, ledger.ErrRequest},
	{"no currency", credit(money.FromUnits(1, "")), ledger.ErrRequest},
	{"too much", credit(usd(math.MaxInt64)), money.ErrRange},
	{"half of what moves between the books", buyAI(usd(1)).(ledger.Post)[:1], ledger.ErrRequest},
	{"the other half", buyAI(usd(1)).(ledger.Post)[1:], ledger.ErrRequest},
	{"unequal halves", ledger.Post{buyAI(usd(1)).(ledger.Post)[0], buyAI(usd(2)).(ledger.Post)[1]}, ledger.ErrRequest},
	{"a hold for no time", ledger.Reserve{Amount: usd(1)}, ledger.ErrRequest},
	{"no such hold", ledger.Void{Hold: 99}, ledger.ErrNoHold},
	{"no such hold to complete", ledger.Complete{Hold: 99}, ledger.ErrNoHold},
	{"no such hold to extend", ledger.Extend{Hold: 99, For: time.Second}, ledger.ErrNoHold},
	{"no such hold to expire", ledger.Expire{Hold: 99}, ledger.ErrNoHold},
	{"a closed hold", ledger.Complete{Hold: 1}, ledger.ErrHoldClosed},
	{"to void a closed hold", ledger.Void{Hold: 1}, ledger.ErrHoldClosed},
	{"to extend a closed hold", ledger.Extend{Hold: 1, For: time.Second}, ledger.ErrHoldClosed},
	{"more than the hold", ledger.Complete{Hold: 2, Amount: usd(11)}, ledger.ErrOverHold},
	{"the hold in another currency", ledger.Complete{Hold: 2, Amount: eur(1)}, ledger.ErrRequest},
	{"no such transfer", ledger.Correct{Book: ledger.Main, Transfer: 99}, ledger.ErrNoTransfer},
	{"a transfer of the other book", ledger.Correct{Book: ledger.AI, Transfer: 1}, ledger.ErrNoTransfer},
	{"a correction", ledger.Correct{Book: ledger.Main, Transfer: 3}, ledger.ErrCorrection},
	{"what is corrected", ledger.Correct{Book: ledger.Main, Transfer: 2}, ledger.ErrOverCorrection},
	{"more than it was", ledger.Correct{Book: ledger.Main, Transfer: 1, Amount: usd(101)}, ledger.ErrOverCorrection},
	{"a deposit that is spent", ledger.Correct{Book: ledger.Main, Transfer: 1, Amount: usd(95)}, ledger.ErrInsufficient},
	{"a fault", nil, ledger.ErrPanic},
}

func withSomething(t *testing.T, s *store.Store) {
	t.Helper()
	addPortals(t, s, "p", "q")
	must(t, s, ask("1", credit(usd(100))))
	must(t, s, ask("2", charge(usd(20))))
	must(t, s, ask("3", ledger.Correct{Book: ledger.Main, Transfer: 2}))
	must(t, s, ask("4", reserve(usd(5))), ask("5", reserve(usd(10))), ask("6", ledger.Void{Hold: 1}))
}

func refusalsChangeNothing(t *testing.T, s *store.Store) {
	withSomething(t, s)
	before := booksOf(t, s, "p")
	var all []ledger.Request
	for _, tt := range refused {
		r := ask("new", tt.do)
		mustBe(t, tt.name, post(t, s, r)[0].Err, tt.want)
		r.Key = "new " + tt.name
		all = append(all, r)
	}
	for i, r := range post(t, s, all...) {
		mustBe(t, "with others: "+refused[i].name, r.Err, refused[i].want)
	}
	for name, r := range map[string]ledger.Request{
		"no key": ask("", credit(usd(1))), "a long key": ask(strings.Repeat("k", ledger.MaxKey+1), credit(usd(1))),
	} {
		mustBe(t, name, post(t, s, r)[0].Err, ledger.ErrRequest)
	}
	for name, r := range map[string]ledger.Request{"no portal": askOf("none", "k", credit(usd(1))), "portal without name": askOf("", "k", reserve(usd(1)))} {
		mustBe(t, name, post(t, s, r)[0].Err, ledger.ErrNoPortal)
	}
	diff(t, "the books", booksOf(t, s, "p"), before)

	var short *ledger.InsufficientError
	if err := post(t, s, ask("new", charge(usd(91))))[0].Err; !errors.As(err, &short) || short.Available != usd(90) || short.Needed != usd(91) {
		t.Errorf("%+v", short)
	}
	var closed *ledger.HoldClosedError
	if err := post(t, s, ask("new", ledger.Void{Hold: 1}))[0].Err; !errors.As(err, &closed) || closed.State != ledger.HoldVoided {
		t.Errorf("%+v", closed)
	}
}
