package ledger

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
)

// source says what happens next in a sequence: a number below n. Whatever it
// says makes a sequence; nought makes the plainest.
type source func(n int) int

// oneOf picks one; the first is the plainest.
func oneOf[T any](next source, all ...T) T { return all[next(len(all))] }

// history is a ledger being used: a world, and what happened to it.
type history struct {
	next  source
	world *world
	now   time.Time
	asked []Request // so far
	keys  int
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newHistory(next source) *history {
	return &history{next: next, world: newWorld("p1", "p2.example.com"), now: start}
}

// amount is mostly a few dollars, at times at the limits, at times impossible.
func (h *history) amount() money.Amount {
	currency := oneOf[money.Currency](h.next, "USD", "USD", "USD", "EUR")
	units := int64(1+h.next(9)) * money.Scale
	switch h.next(40) {
	case 39:
		return oneOf(h.next, money.Amount{}, money.FromUnits(0, currency), money.FromUnits(-units, currency),
			money.FromUnits(math.MinInt64, currency), money.FromUnits(units, "usd"), money.FromUnits(units, ""))
	case 38, 37, 36:
		units = math.MaxInt64 - int64(h.next(3))
	case 35:
		units = math.MaxInt64/2 + int64(h.next(3))
	case 34, 33:
		units = int64(1 + h.next(3))
	case 32, 31:
		units *= 10
	}
	return money.FromUnits(units, currency)
}

func (h *history) duration() time.Duration {
	return oneOf(h.next, time.Minute, time.Minute, time.Hour, time.Microsecond, 30*time.Second, 0, -time.Second)
}

// postings are one transfer, or one in each book, mostly right.
func (h *history) postings() Post {
	amount := h.amount()
	in := Posting{Book: oneOf(h.next, Main, Main, AI), Debit: Provider("sandbox"), Credit: Wallet, Amount: amount, Type: Deposit,
		Participant: oneOf(h.next, "", "u1")}
	out := Posting{Book: in.Book, Debit: Wallet, Credit: Revenue, Amount: amount, Type: ServicePayment,
		Service: "backup", Quantity: int64(h.next(3)), Metadata: NewMetadata(map[string]string{"details": "x"})}
	away := Posting{Book: Main, Debit: Wallet, Credit: Transit, Amount: amount, Type: AIDebit}
	here := Posting{Book: AI, Debit: Transit, Credit: Wallet, Amount: amount, Type: AICredit}
	switch h.next(16) {
	case 0, 1, 2, 3:
		return Post{in}
	case 4, 5, 6:
		return Post{out}
	case 7, 8:
		return Post{away, here}
	case 9:
		return Post{here, away}
	case 10:
		return Post{in, {Book: AI, Debit: Goodwill, Credit: Wallet, Amount: amount, Type: GoodwillCredit}}
	case 11:
		here.Debit, here.Credit, away.Debit, away.Credit = Wallet, Transit, Transit, Wallet
		return Post{here, away}
	case 12:
		here.Amount = h.amount()
		return oneOf(h.next, Post{away}, Post{here}, Post{away, here})
	case 13:
		return oneOf(h.next, Post{}, Post{in, out}, Post{away, here, in})
	default:
		p := oneOf(h.next, in, out)
		switch h.next(7) {
		case 0:
			p.Debit = Opening
		case 1:
			p.Credit = oneOf(h.next, Wallet, Refunds, Provider(""), Account("nobody"))
		case 2:
			p.Type = oneOf(h.next, Unknown, -1, AICredit+1)
		case 3:
			p.Quantity = -1
		case 4:
			p.Book = oneOf(h.next, Book("gold"), Book(""))
		case 5:
			p.Debit, p.Credit = p.Credit, p.Debit
		}
		return Post{p}
	}
}

// request asks for something new, for what was asked before, or for something
// else under a key that was used.
func (h *history) request() Request {
	portal := "p1"
	switch h.next(12) {
	case 11:
		portal = "nowhere"
	case 10, 9, 8:
		portal = "p2.example.com"
	}
	main := h.world.books[bookKey{portal, Main}]
	hold := 1 + int64(h.next(int(main.LastHold)+3))
	var do Action
	kind := h.next(12)
	switch kind {
	case 0, 1, 2, 3:
		do = h.postings()
	case 4, 5:
		do = Reserve{Amount: h.amount(), Service: "backup", Quantity: int64(h.next(4) - 1), Participant: "u2", For: h.duration()}
	case 6:
		do = Extend{Hold: hold, For: h.duration()}
	case 7, 8:
		do = Complete{Hold: hold, Amount: oneOf(h.next, money.Amount{}, h.amount()), Quantity: int64(h.next(4) - 1),
			Participant: oneOf(h.next, "", "u3"), Metadata: oneOf[Metadata](h.next, "", `{"a":"b"}`)}
	case 9:
		do = oneOf[Action](h.next, Void{hold}, Expire{hold})
	default:
		book := oneOf(h.next, Main, Main, AI)
		last := h.world.books[bookKey{portal, book}].Last
		do = Correct{Book: book, Transfer: last + 2 - int64(h.next(int(last)+3)), Amount: oneOf(h.next, money.Amount{}, h.amount()), Participant: "u4"}
	}
	h.keys++
	r := Request{Portal: portal, Key: fmt.Sprintf("k%d", h.keys), Do: do}
	r.Input = InputOf("test", portal, fmt.Sprintf("%#v", do))
	if len(h.asked) > 0 {
		old := h.asked[h.next(len(h.asked))]
		switch h.next(12) {
		case 11:
			r = old
		case 10:
			r.Portal, r.Key = old.Portal, old.Key
		case 9:
			r.Key = old.Key // in another portal, maybe
		case 8:
			r.Key = oneOf(h.next, r.Key, "", string(make([]byte, 255)), string(make([]byte, 256)))
		}
	}
	h.asked = append(h.asked, r)
	return r
}

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// batch runs some requests together and holds every step against the
// specification, the laws and the audit; then all of them against the same
// requests each in its own batch. It is written down, or lost as a whole.
func (h *history) batch(t fataler) {
	t.Helper()
	h.step()
	h.world.watch(h.keys)
	var requests []Request
	for range 1 + h.next(5) {
		requests = append(requests, h.request())
	}
	b := h.world.load(h.now, requests)
	before, effects := h.world, b.Effects()
	alone := h.world.clone()
	for _, r := range requests {
		want, answer, replay, faults := before.spec(h.now, r)
		kept := deepCopy(effects)
		got := b.Run(r)
		effects = b.Effects()
		if err := judge(got, answer, replay, faults); err != nil {
			t.Fatalf("%s: %+v: %v", h.now, r, err)
		}
		if (got.Err != nil || got.Replay) && !reflect.DeepEqual(kept, effects) {
			t.Fatalf("%+v was refused or a replay, and changed: %s", r, diff(kept, effects))
		}
		after := h.world.clone()
		if err := after.write(effects); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		if !reflect.DeepEqual(want, after) {
			t.Fatalf("%s: %+v (-want +got):\n%s", h.now, r, diff(want, after))
		}
		if err := after.laws(before); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		if err := after.audit(r.Portal); err != nil && got.Err == nil {
			t.Fatalf("%+v: audit: %v", r, err)
		}
		before = after

		single := alone.load(h.now, []Request{r})
		lone := single.Run(r)
		if err := alone.write(single.Effects()); err != nil {
			t.Fatalf("%+v alone: %v", r, err)
		}
		if fmt.Sprint(lone) != fmt.Sprint(got) {
			t.Fatalf("%+v comes to %+v alone, and to %+v in a batch", r, lone, got)
		}
	}
	if !reflect.DeepEqual(alone, before) {
		t.Fatalf("a batch of %d (+) is not as many batches of one (-):\n%s", len(requests), diff(alone, before))
	}
	if d := diff(h.world.low(before), inOrder(effects.Low)); d != "" {
		t.Fatalf("%s: %+v: what fell below its floor (-want +got):\n%s", h.now, requests, d)
	}
	if h.next(8) != 7 { // otherwise it never came to be
		h.world = before
	}
}

// step lets time pass, or run backwards, or the operator set a credit limit.
func (h *history) step() {
	h.now = h.now.Add(oneOf(h.next, 0, time.Second, 45*time.Second, 10*time.Minute, -time.Minute, -2*time.Hour, 700*time.Nanosecond))
	if h.next(10) != 9 {
		return
	}
	if p := h.world.pocket(bookKey{"p1", oneOf(h.next, Main, AI)}, "USD"); p != nil {
		p.CreditLimit = money.FromUnits(oneOf[int64](h.next, 5*money.Scale, 0, 1, math.MaxInt64), "USD")
	}
}

// judge holds a result against what the specification says.
func judge(got Result, answer Answer, replay bool, faults []error) error {
	if len(faults) == 0 {
		if got.Err != nil || got.Replay != replay || got.Answer != answer {
			return fmt.Errorf("got %+v, want %+v, replay %t", got, answer, replay)
		}
		return nil
	}
	if got.Err == nil || got.Answer != (Answer{}) || got.Replay {
		return fmt.Errorf("got %+v, want one of %v", got, faults)
	}
	for _, fault := range faults {
		if errors.Is(got.Err, fault) || fault == errAny && !errors.Is(got.Err, ErrPanic) {
			return nil
		}
	}
	return fmt.Errorf("refused with %q, want one of %v", got.Err, faults)
}

func deepCopy(e Effects) Effects {
	return Effects{
		Transfers: slices.Clone(e.Transfers), Done: slices.Clone(e.Done), Books: slices.Clone(e.Books),
		Pockets: slices.Clone(e.Pockets), NewPockets: slices.Clone(e.NewPockets),
		Holds: slices.Clone(e.Holds), NewHolds: slices.Clone(e.NewHolds), Low: slices.Clone(e.Low),
		Was: Was{Books: slices.Clone(e.Was.Books), Pockets: slices.Clone(e.Was.Pockets), Holds: slices.Clone(e.Was.Holds)},
	}
}

var exact = cmp.Exporter(func(reflect.Type) bool { return true })

func diff(want, got any) string { return cmp.Diff(want, got, exact) }

func TestSequences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := map[int]*rapid.Generator[int]{}
		h := newHistory(func(n int) int {
			if numbers[n] == nil {
				numbers[n] = rapid.IntRange(0, n-1)
			}
			return numbers[n].Draw(t, "next")
		})
		for range rapid.IntRange(1, 25).Draw(t, "batches") {
			h.batch(t)
		}
	})
}

// FuzzRequests reads a sequence from bytes, one a choice; it ends with them.
func FuzzRequests(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		h := newHistory(func(n int) int {
			if len(data) == 0 {
				return 0
			}
			choice := int(data[0]) % n
			data = data[1:]
			return choice
		})
		for batches := 0; len(data) > 0 && batches < 25; batches++ {
			h.batch(t)
		}
	})
}
