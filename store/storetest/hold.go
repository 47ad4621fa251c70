package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// holdsEnd lets time pass over holds, which nothing but Now says.
func holdsEnd(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	at := func(seconds int64) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	hold := func(n, seconds int64) ledger.Action {
		return ledger.Reserve{Amount: usd(n), For: time.Duration(seconds) * time.Second}
	}
	must(t, s, ask("credit", credit(usd(100))), ask("1", hold(40, 10)), ask("2", hold(50, 20)), ask("3", hold(1, 30)))
	mustHold(t, s, epoch, usd(100), usd(91))
	mustBe(t, "too early", postAt(t, s, at(9), ask("4", charge(usd(10))))[0].Err, ledger.ErrInsufficient)
	mustHold(t, s, at(9), usd(100), usd(91))

	// To the microsecond: at its end it holds nothing.
	mustHold(t, s, at(10).Add(-time.Microsecond), usd(100), usd(91))
	mustHold(t, s, at(10), usd(100), usd(51))
	mustBe(t, "just before", postAt(t, s, at(10).Add(-time.Microsecond), ask("4", charge(usd(10))))[0].Err, ledger.ErrInsufficient)
	r := postAt(t, s, at(10), ask("4", charge(usd(10))))[0]
	if r.Err != nil || r.Answer.Available != usd(39) {
		t.Errorf("at the end of the first: %+v", r)
	}
	for key, do := range map[string]ledger.Action{
		"5": ledger.Complete{Hold: 1}, "6": ledger.Void{Hold: 1}, "7": ledger.Extend{Hold: 1, For: time.Hour},
	} {
		var closed *ledger.HoldClosedError
		if err := postAt(t, s, at(10), ask(key, do))[0].Err; !errors.As(err, &closed) || closed.State != ledger.HoldExpired {
			t.Errorf("%T of what has expired: %v", do, err)
		}
	}
	// One that is extended lives on; completing it in the last moment is in time.
	if r := postAt(t, s, at(15), ask("8", ledger.Extend{Hold: 2, For: 5 * time.Second}))[0]; r.Err != nil || !r.Answer.ExpiresAt.Equal(at(25)) {
		t.Errorf("extended: %+v", r)
	}
	if r := postAt(t, s, at(25).Add(-time.Microsecond), ask("9", ledger.Complete{Hold: 2, Amount: usd(50)}))[0]; r.Err != nil {
		t.Errorf("in the last moment: %+v", r)
	}
	mustHold(t, s, at(25), usd(40), usd(1))
	// Nobody touches the book; the hold ends all the same, and Expire writes it down.
	if r := postAt(t, s, at(29), ask("10", ledger.Expire{Hold: 3}))[0]; r.Err != nil || r.Answer.ExpiresAt.IsZero() {
		t.Errorf("to expire too early: %+v", r)
	}
	mustHold(t, s, at(29), usd(40), usd(1))
	mustHold(t, s, at(31), usd(40), usd(0))
	if r := postAt(t, s, at(31), ask("11", ledger.Expire{Hold: 3}))[0]; r.Err != nil || !r.Answer.ExpiresAt.IsZero() || r.Answer.Available != usd(40) {
		t.Errorf("to expire: %+v", r)
	}
	mustHold(t, s, epoch, usd(40), usd(0))
	read(t, s, func(tx *store.Tx) error {
		_, until, err := tx.PocketsAt("p", ledger.Main, epoch)
		if !until.IsZero() {
			t.Errorf("something is held until %s", until)
		}
		return err
	})
	diff(t, "verified", verify(t, s), store.Verified{Portals: 1, Transfers: 3, Holds: 3, Keys: 9})
}

// clockBackwards lets the clock fall behind what a book has seen: nothing in a book
// comes before what is there, and a hold that has ended stays ended.
func clockBackwards(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	at := func(seconds int64) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	// Two holds that nobody has touched since they ended.
	for _, r := range postAt(t, s, epoch,
		ask("1", credit(usd(100))),
		ask("2", ledger.Reserve{Amount: usd(60), For: 10 * time.Second}),
		ask("3", ledger.Reserve{Amount: usd(30), For: 100 * time.Second}),
		askOf("q", "1", credit(usd(100))),
	) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	// A charge at a later moment, that lets go of the first.
	if r := postAt(t, s, at(20), ask("4", charge(usd(20))))[0]; r.Err != nil || r.Answer.Available != usd(50) {
		t.Errorf("later: %+v", r)
	}
	// The clock goes back, to before the first hold's end.
	for i, do := range []ledger.Action{charge(usd(1)), credit(usd(1)), reserve(usd(1)), buyAI(usd(1))} {
		r := postAt(t, s, at(5), ask("back "+string(rune('a'+i)), do))[0]
		if r.Err != nil || !r.Answer.At.Equal(at(20)) {
			t.Errorf("%T at %s: %v", do, r.Answer.At, r.Err)
		}
	}
	mustBe(t, "the hold that ended", postAt(t, s, at(5), ask("5", ledger.Complete{Hold: 1}))[0].Err, ledger.ErrHoldClosed)
	// Another portal's clock is its own.
	if r := postAt(t, s, at(-5), askOf("q", "2", charge(usd(1))))[0]; r.Err != nil || !r.Answer.At.Equal(epoch) {
		t.Errorf("the other portal: %+v", r)
	}
	verify(t, s)
}

// clockBehindAHold lets a hold end while the clock is behind the book that it is in:
// its time is over for the book, whatever the engine.
func clockBehindAHold(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	at := func(seconds int64) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	must(t, s, ask("1", credit(usd(100))), ask("2", buyAI(usd(10))), ask("3", ledger.Reserve{Amount: usd(60), For: 50 * time.Second}))
	// The other book is ahead, and takes the main one along.
	for i, r := range []ledger.Result{
		postAt(t, s, at(100), ask("4", ledger.Post{{Book: ledger.AI, Debit: ledger.Wallet, Credit: ledger.Revenue, Amount: usd(1), Type: ledger.AIServicePayment}}))[0],
		postAt(t, s, at(5), ask("5", buyAI(usd(1))))[0],
		postAt(t, s, at(5), ask("6", charge(usd(80))))[0],
	} {
		if r.Err != nil || !r.Answer.At.Equal(at(100)) {
			t.Errorf("step %d: at %s: %v", i, r.Answer.At, r.Err)
		}
	}
	verify(t, s)
}
