package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// How much is looked at each time. Everything is in the end, and now and then.
const (
	oldKeys    = 1000
	fullVerify = 20_000 // keys, up to which each verification is of everything
)

// check holds the database against all that was heard.
func (w *witness) check(ctx context.Context, s *store.Store, last bool) error {
	if err := w.replay(ctx, s, last); err != nil {
		return err
	}
	if err := w.lookForPending(ctx, s); err != nil {
		return err
	}
	return w.verify(ctx, s, last)
}

// rehearse asks for all again in a way that changes nothing, and calls each with
// what came of it.
func rehearse(ctx context.Context, s *store.Store, all []wish, each func(wish, ledger.Result) error) error {
	const most = 1000
	for len(all) > 0 {
		some := all[:min(most, len(all))]
		all = all[len(some):]
		post := store.Post{Now: time.Now(), Rehearse: true}
		for _, one := range some {
			post.Requests = append(post.Requests, one.request())
		}
		results, err := s.Post(ctx, post)
		if err != nil {
			return fmt.Errorf("rehearse: %w", err)
		}
		for i, r := range results {
			if err := each(some[i], r); err != nil {
				return err
			}
		}
	}
	return nil
}

// replay checks that what was acknowledged is there, with the same answer: all of
// this round, and some of before.
func (w *witness) replay(ctx context.Context, s *store.Store, all bool) error {
	var again []wish
	for key := range w.heard {
		again = append(again, w.wishes[key])
	}
	for range min(oldKeys, len(w.order)) {
		again = append(again, w.wishes[w.order[w.random.IntN(len(w.order))]])
	}
	if all {
		again = again[:0]
		for _, key := range w.order {
			again = append(again, w.wishes[key])
		}
	}
	return rehearse(ctx, s, again, func(one wish, r ledger.Result) error {
		w.replayed++
		if want := w.effects[name(one)]; r.Err != nil || !r.Replay || answerOf(r.Answer) != want {
			return fmt.Errorf("%+v was acknowledged with %+v; now it comes to %+v", one, want, r)
		}
		return nil
	})
}

// lookForPending looks which of those that were asked for and not acknowledged are
// there; from now on they must stay. Half of the others are asked for once more, as
// a client would.
func (w *witness) lookForPending(ctx context.Context, s *store.Store) error {
	var unknown, missing []wish
	for _, one := range w.pending {
		unknown = append(unknown, one)
	}
	w.unacknowledged += len(unknown)
	if err := rehearse(ctx, s, unknown, func(one wish, r ledger.Result) error {
		if r.Replay {
			w.arrived++
			w.know(one, answerOf(r.Answer))
		} else {
			missing = append(missing, one)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, one := range missing[:len(missing)/2] {
		results, err := s.Post(ctx, store.Post{Requests: []ledger.Request{one.request()}, Now: time.Now()})
		if err != nil {
			return fmt.Errorf("post again: %w", err)
		}
		if results[0].Replay {
			return fmt.Errorf("%+v was not there, and is: %+v", one, results[0])
		}
		if results[0].Err == nil {
			w.know(one, answerOf(results[0].Answer))
		}
	}
	return nil
}

// verify checks the books by themselves, and that there is nothing in them but what
// is known.
func (w *witness) verify(ctx context.Context, s *store.Store, last bool) error {
	in := store.Verification{}
	whole := last || len(w.effects) < fullVerify || (w.kills+w.crashes)%20 == 0
	if !whole {
		in.Since = time.Now().Add(-30 * time.Second)
	}
	started := time.Now()
	verified, _, err := s.Verify(ctx, in)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if whole {
		w.verified = time.Since(started)
	}
	want := w.sum()
	if verified.Keys != int64(len(w.effects)) || verified.Holds != want.holds || whole && verified.Transfers != want.transfers {
		return fmt.Errorf("there are %+v, and should be %d keys, %d transfers, %d holds", verified, len(w.effects), want.transfers, want.holds)
	}
	return s.Read(ctx, func(tx *store.Tx) error {
		for _, id := range portals {
			for _, book := range ledger.Books() {
				pockets, err := tx.Pockets(id, book)
				if err != nil {
					return err
				}
				balance, held := int64(0), int64(0)
				for _, p := range pockets {
					balance, held = balance+p.Balance.Units(), held+p.Held.Units()
				}
				if at := (place{id, book}); balance != want.balance[at] || held != want.held[at] {
					return fmt.Errorf("%s %s holds %d, of which %d is held, and should hold %d and %d", id, book, balance, held, want.balance[at], want.held[at])
				}
			}
		}
		return nil
	})
}

type place struct {
	portal string
	book   ledger.Book
}

// sums are what the books must come to.
type sums struct {
	balance, held    map[place]int64
	transfers, holds int64
}

// sum adds up the effects that are known.
func (w *witness) sum() sums {
	s := sums{balance: map[place]int64{}, held: map[place]int64{}}
	reserved := map[place]map[int64]int64{}
	for key, a := range w.effects {
		if one := w.wishes[key]; one.Kind == "hold" {
			at := place{one.Portal, ledger.Main}
			if reserved[at] == nil {
				reserved[at] = map[int64]int64{}
			}
			reserved[at][a.Hold] = a.Amount
			s.held[at] += a.Amount
			s.holds++
		}
	}
	for key, a := range w.effects {
		one := w.wishes[key]
		main, ai := place{one.Portal, ledger.Main}, place{one.Portal, ledger.AI}
		if a.Main != 0 {
			s.transfers++
		}
		if a.AI != 0 {
			s.transfers++
		}
		switch one.Kind {
		case "credit", "correct": // of charges only
			s.balance[main] += a.Amount
		case "charge":
			s.balance[main] -= a.Amount
		case "ai":
			s.balance[main] -= a.Amount
			s.balance[ai] += a.Amount
		case "complete":
			s.balance[main] -= a.Amount
			s.held[main] -= reserved[main][a.Hold]
		case "void":
			s.held[main] -= reserved[main][a.Hold]
		}
	}
	return s
}
