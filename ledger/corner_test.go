package ledger

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/bursarhq/bursar/money"
)

// The smallest cases of what once went wrong, or easily could.

// run runs each action in one batch, under keys of its own.
func run(w *world, now time.Time, actions ...Action) (*Batch, []Result) {
	var requests []Request
	for i, do := range actions {
		requests = append(requests, Request{Portal: "p", Key: string(rune('A' + i)), Do: do})
	}
	b := w.load(now, requests)
	var results []Result
	for _, r := range requests {
		results = append(results, b.Run(r))
	}
	return b, results
}

// Law 1: transit is nought when both sides are there, so both must be there.
func TestNothingStaysInTransit(t *testing.T) {
	less := arrived
	less.Amount = usd("4")
	euro := arrived
	euro.Amount = amountOf("5", "EUR")
	back := away
	back.Debit, back.Credit = Transit, Wallet
	for name, do := range map[string]Action{
		"one side": Post{away}, "the other side": Post{arrived}, "less": Post{away, less}, "other currency": Post{away, euro}, "twice in": Post{back, arrived},
	} {
		b, got := run(base(), soon, do)
		if effects := b.Effects(); got[0].Err == nil || errors.Is(got[0].Err, ErrPanic) || !effects.Empty() {
			t.Errorf("%s: %+v", name, got[0])
		}
	}
}

// Law 1: nor does a correction of one side leave something there.
func TestTransitIsNotCorrectedOnOneSide(t *testing.T) {
	w := base()
	b, _ := run(w, soon, Post{away, arrived})
	if err := w.write(b.Effects()); err != nil {
		t.Fatal(err)
	}
	for _, do := range []Action{Correct{Book: Main, Transfer: 4}, Correct{Book: AI, Transfer: 1}} {
		b := w.load(soon, []Request{{Portal: "p", Key: key, Do: do}})
		if got := b.Run(Request{Portal: "p", Key: key, Do: do}); got.Err == nil {
			t.Errorf("%+v came to %+v", do, got)
		}
	}
}

// Law 7: the other book's clock brings a portal to a moment at which a hold is
// over, in the middle of a batch.
func TestHoldIsOverWhenTheOtherBookSaysSo(t *testing.T) {
	w := base()
	w.books[bookKey{"p", AI}] = BookState{Portal: "p", Book: AI, LastAt: start.Add(10 * time.Minute)}
	for name, actions := range map[string][]Action{
		"a hold from before":        {Void{1}, Post{away, arrived}, Complete{Hold: 4}},
		"a hold of the same batch":  {Reserve{Amount: usd("1"), For: time.Minute}, Post{away, arrived}, Complete{Hold: 5}},
		"a hold, AI credit first":   {Void{1}, Post{arrived, away}, Complete{Hold: 4}},
		"a hold of neighbours only": {Expire{1}, Post{away, arrived}, Extend{Hold: 4, For: time.Hour}},
	} {
		_, got := run(w, soon, actions...)
		if got[1].Err != nil || !errors.Is(got[2].Err, ErrHoldClosed) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The moment of a step is that of the later book, for the holds too, in
// whichever order the books are named.
func TestHoldIsOverBeforeItIsInTheWay(t *testing.T) {
	w := base()
	w.books[bookKey{"p", AI}] = BookState{Portal: "p", Book: AI, LastAt: start.Add(10 * time.Minute)}
	out, in := away, arrived
	out.Amount, in.Amount = usd("74"), usd("74") // 71 and the 3 of hold 4
	for _, do := range []Post{{out, in}, {in, out}} {
		if _, got := run(w, soon, do); got[0].Err != nil {
			t.Errorf("%v first: %v", do[0].Book, got[0].Err)
		}
	}
}

// What a neighbour in the batch did can be corrected as if it had been written
// down before.
func TestNeighbourIsCorrected(t *testing.T) {
	_, got := run(base(), soon, Post{charge}, Correct{Book: Main, Transfer: 4}, Correct{Book: Main, Transfer: 4}, Correct{Book: Main, Transfer: 5})
	if got[1].Err != nil || got[1].Answer.Main != 5 || !errors.Is(got[2].Err, ErrOverCorrection) || !errors.Is(got[3].Err, ErrCorrection) {
		t.Errorf("got %+v", got)
	}
}

// Law 9: it is the result that must fit an int64, not a sum on the way to it.
func TestCreditOnTopOfAFullPocket(t *testing.T) {
	w := newWorld("p")
	highest := money.FromUnits(math.MaxInt64, "USD")
	w.pockets[bookKey{"p", Main}] = []Pocket{{Portal: "p", Book: Main, Balance: highest, Held: usd("0"), CreditLimit: usd("1")}}
	_, got := run(w, soon, Post{charge}, Reserve{Amount: usd("1"), For: time.Hour}, Post{with(charge, func(p *Posting) { p.Amount = highest })[0]})
	if got[0].Err != nil || got[1].Err != nil || !errors.Is(got[2].Err, ErrInsufficient) {
		t.Errorf("got %+v", got)
	}
}

// Law 9 is about what moves; an account of the house adds up to more than fits,
// and the audit must bear it.
func TestAuditOfMuchTurnover(t *testing.T) {
	w := newWorld("p")
	most := money.FromUnits(math.MaxInt64, "USD")
	in, out := credit, charge
	in.Amount, out.Amount = most, most
	gift := in
	gift.Debit, gift.Type = Goodwill, GoodwillCredit
	back := out
	back.Credit = Refunds
	for _, book := range Books() {
		in.Book, out.Book, gift.Book, back.Book = book, book, book, book
		for _, do := range []Post{{in}, {out}, {in}, {out}, {gift}, {back}} {
			r := Request{Portal: "p", Key: string(rune('a' + len(w.done))), Do: do}
			b := w.load(soon, []Request{r})
			if got := b.Run(r); got.Err != nil {
				t.Fatal(got.Err)
			}
			if err := w.write(b.Effects()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 20 { // the sums come in any order
		if err := w.audit("p"); err != nil {
			t.Fatal(err)
		}
	}
}

// What is kept is kept to the microsecond, so what is answered must be.
func TestHoldEndsAtAWholeMicrosecond(t *testing.T) {
	for _, do := range []Action{Reserve{Amount: usd("1"), For: time.Minute + 1}, Extend{Hold: 1, For: time.Minute + 1}} {
		_, got := run(base(), soon, do)
		if at := got[0].Answer.ExpiresAt; got[0].Err == nil && !at.Equal(at.Truncate(time.Microsecond)) {
			t.Errorf("%+v expires at %s", do, at)
		}
	}
	b, got := run(base(), soon, Reserve{Amount: usd("1"), For: 1})
	if got[0].Err == nil && !b.Effects().NewHolds[0].ExpiresAt.Truncate(time.Microsecond).After(soon) {
		t.Error("a hold is over the moment it is opened")
	}
}

// Effects say what changed; a neighbour's request does not make an open hold be
// written again.
func TestEffectsAreWhatChanged(t *testing.T) {
	b, got := run(base(), soon, Post{charge}, Complete{Hold: 1, Amount: usd("21")})
	if !errors.Is(got[1].Err, ErrOverHold) {
		t.Fatalf("got %+v", got)
	}
	if holds := b.Effects().Holds; len(holds) > 0 {
		t.Errorf("hold %+v was refused to be changed", holds[0])
	}
}

// Effects are the caller's: what it adds to them, a later request does not see,
// nor the other way round.
func TestEffectsAreNotShared(t *testing.T) {
	w := base()
	var requests []Request
	for i := range 6 {
		requests = append(requests, Request{Portal: "p", Key: string(rune('a' + i)), Do: Post{credit}})
	}
	b := w.load(soon, requests)
	for i, r := range requests {
		b.Run(r)
		before := b.Effects()
		mine := append(before.Transfers, Transfer{Number: -1})
		keys := append(before.Done, Done{Key: "mine"})
		b.Run(Request{Portal: "p", Key: r.Key + "'", Do: Post{credit}})
		if mine[len(mine)-1].Number != -1 || keys[len(keys)-1].Key != "mine" {
			t.Fatalf("after %d requests, the next one wrote over what was the caller's", i+1)
		}
	}
}

// No two different inputs run together into one text, lists and numbers neither.
func TestInputsOfOtherKinds(t *testing.T) {
	pairs := [][2]any{
		{[]string{"a b"}, []string{"a", "b"}},
		{[]string{"a", ""}, []string{"a "}},
		{1, "1"},
		{usd("1"), "1.00 USD"},
	}
	for _, pair := range pairs {
		if InputOf("k", pair[0]) == InputOf("k", pair[1]) {
			t.Errorf("%#v and %#v are the same", pair[0], pair[1])
		}
	}
}

// A key of one portal is none of another, and the same words in another order
// are another key.
func TestKeysArePerPortal(t *testing.T) {
	w := base()
	w.books[bookKey{"pd", Main}] = BookState{Portal: "pd", Book: Main}
	requests := []Request{{Portal: "pd", Key: "1", Do: Post{credit}}, {Portal: "p", Key: "d1", Input: InputOf("d1"), Do: Post{credit}}, {Portal: "p", Key: "1", Do: Post{credit}}}
	b := w.load(soon, requests)
	for i, replay := range []bool{false, true, false} {
		if got := b.Run(requests[i]); got.Err != nil || got.Replay != replay {
			t.Errorf("%+v: %+v", requests[i], got)
		}
	}
}

// A refusal keeps no key: the same may succeed later.
func TestRefusalKeepsNoKey(t *testing.T) {
	w := base()
	much := with(charge, func(p *Posting) { p.Amount = usd("75") })
	requests := []Request{{Portal: "p", Key: "1", Do: much}, {Portal: "p", Key: "2", Do: Post{credit}}, {Portal: "p", Key: "1", Do: much}, {Portal: "p", Key: "1", Do: much}}
	b := w.load(soon, requests)
	var got []Result
	for _, r := range requests {
		got = append(got, b.Run(r))
	}
	if !errors.Is(got[0].Err, ErrInsufficient) || got[1].Err != nil || got[2].Err != nil || got[2].Replay || !got[3].Replay || got[3].Answer != got[2].Answer {
		t.Errorf("got %+v", got)
	}
	if n := len(b.Effects().Transfers); n != 2 {
		t.Errorf("%d transfers", n)
	}
}
