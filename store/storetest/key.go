package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

func refusalKeepsNoKey(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	wanted := ask("k", charge(usd(10)))
	mustBe(t, "without money", post(t, s, wanted)[0].Err, ledger.ErrInsufficient)
	mustBe(t, "another under the key", post(t, s, ask("k", charge(usd(11))))[0].Err, ledger.ErrInsufficient)
	must(t, s, ask("credit", credit(usd(10))))
	if r := post(t, s, wanted)[0]; r.Err != nil || r.Replay {
		t.Errorf("with money: %+v", r)
	}
	if r := post(t, s, wanted)[0]; r.Err != nil || !r.Replay {
		t.Errorf("again: %+v", r)
	}
}

// replays repeats requests long after what they stand for has changed.
func replays(t *testing.T, s *store.Store) {
	withSomething(t, s)
	asked := []ledger.Request{
		ask("r1", charge(usd(1))), ask("r2", reserve(usd(1))), ask("r3", ledger.Extend{Hold: 3, For: time.Minute}),
		ask("r4", ledger.Complete{Hold: 3}), ask("r5", reserve(usd(1))), ask("r6", ledger.Void{Hold: 4}), ask("r7", buyAI(usd(1))),
	}
	first := must(t, s, asked...)
	must(t, s, ask("all", charge(usd(77))))
	before := booksOf(t, s, "p")
	for i, r := range asked {
		got := postAt(t, s, epoch.Add(365*24*time.Hour), r)[0]
		diff(t, r.Key, got, ledger.Result{Answer: first[i], Replay: true})
		other := r
		other.Input[31]++
		mustBe(t, r.Key+" with other input", post(t, s, other)[0].Err, ledger.ErrMismatch)
		// What is done under a key is nobody's business: its input is.
		other = r
		other.Do = credit(usd(1_000_000))
		diff(t, r.Key+" with the same input", post(t, s, other)[0], ledger.Result{Answer: first[i], Replay: true})
	}
	diff(t, "the books", booksOf(t, s, "p"), before)
	longest := ask(strings.Repeat("k", ledger.MaxKey), credit(usd(1)))
	must(t, s, longest)
	if r := post(t, s, longest)[0]; !r.Replay {
		t.Errorf("the longest key: %+v", r)
	}
	// Keys are told apart to the letter.
	for i, key := range []string{"a", "A", "a ", " a", "ä", "a%", "a_"} {
		if r := post(t, s, ask(key, credit(usd(int64(i)+1))))[0]; r.Replay || r.Err != nil {
			t.Errorf("key %q: %+v", key, r)
		}
	}
	verify(t, s)
}

func keysArePortals(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	for _, r := range post(t, s, askOf("p", "k", credit(usd(1))), askOf("q", "k", credit(usd(2)))) {
		if r.Err != nil || r.Replay || r.Answer.Main != 1 {
			t.Errorf("%+v", r)
		}
	}
	diff(t, "verified", verify(t, s), store.Verified{Portals: 2, Transfers: 2, Keys: 2})
}

// keyTwice sends a key twice in one batch, with the same input and with another.
func keyTwice(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	must(t, s, ask("credit", credit(usd(10))))
	results := post(t, s, ask("k", charge(usd(3))), ask("k", charge(usd(3))), ask("k", charge(usd(4))), ask("k", charge(usd(3))))
	if results[0].Err != nil || results[0].Replay {
		t.Errorf("the first: %+v", results[0])
	}
	for _, i := range []int{1, 3} {
		diff(t, "a later one", results[i], ledger.Result{Answer: results[0].Answer, Replay: true})
	}
	mustBe(t, "another input", results[2].Err, ledger.ErrMismatch)
	// When the first is refused, the second may succeed.
	results = post(t, s, ask("l", charge(usd(8))), ask("l", charge(usd(7))), ask("l", charge(usd(8))))
	mustBe(t, "too much", results[0].Err, ledger.ErrInsufficient)
	if results[1].Err != nil || results[1].Replay {
		t.Errorf("less: %+v", results[1])
	}
	mustBe(t, "too much again", results[2].Err, ledger.ErrMismatch)
	mustHold(t, s, epoch, usd(0), usd(0))
	verify(t, s)
}

// badTexts has texts that not every engine can keep: nothing may come of them, and
// nothing of it touch others.
func badTexts(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	before := booksOf(t, s, "p")
	for _, text := range []string{"a\x00b", "a\xffb"} {
		with := func(change func(*ledger.Posting)) ledger.Request {
			do := credit(usd(1)).(ledger.Post)
			change(&do[0])
			return ask("bad", do)
		}
		for name, r := range map[string]ledger.Request{
			"key":         ask(text, credit(usd(1))),
			"service":     with(func(p *ledger.Posting) { p.Service = text }),
			"participant": with(func(p *ledger.Posting) { p.Participant = text }),
			"metadata":    with(func(p *ledger.Posting) { p.Metadata = ledger.Metadata(text) }),
			"portal":      askOf(text, "bad", credit(usd(1))),
			"hold":        ask("bad", ledger.Reserve{Amount: usd(1), Service: text, For: time.Hour}),
		} {
			results, err := s.Post(t.Context(), store.Post{Requests: []ledger.Request{r}, Now: epoch})
			if err == nil && results[0].Err == nil {
				t.Errorf("%s %q is kept", name, text)
			}
			results, err = s.Post(t.Context(), store.Post{Requests: []ledger.Request{ask("x", charge(usd(5))), r}, Now: epoch})
			if err == nil && results[1].Err == nil {
				t.Errorf("%s %q is kept, in company", name, text)
			}
		}
	}
	diff(t, "the books", booksOf(t, s, "p"), before)
	// Somebody else's does not come in the way of what is posted meanwhile.
	bad := running(func() error {
		for range 50 {
			_, _ = s.Post(background, store.Post{Requests: []ledger.Request{ask("a\x00b", credit(usd(1)))}, Now: epoch})
		}
		return nil
	})
	for i := range 50 {
		must(t, s, ask("good "+string(rune('A'+i)), credit(usd(1))))
	}
	if err := within(t, "the bad ones", bad); err != nil {
		t.Error(err)
	}
	mustHold(t, s, epoch, usd(50), usd(0))
}
