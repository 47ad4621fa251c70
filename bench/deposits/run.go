package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// amounts are what is deposited, in dollars: few, so that they are often the same.
var amounts = []int64{10, 20}

// tally is what came of many runs.
type tally struct {
	runs, deposits, requests, lost, crashes, posts  int
	done, byOperation, byKey, proven, sentAgain     int
	refused, unknown, alone, sharedUnknown, doubled int
	doubts                                          map[docspace.DepositDoubt]int
	fates                                           [fates]int
}

func (t *tally) add(o *tally) {
	for _, pair := range []struct{ to, from *int }{
		{&t.runs, &o.runs}, {&t.deposits, &o.deposits}, {&t.requests, &o.requests}, {&t.lost, &o.lost}, {&t.crashes, &o.crashes},
		{&t.posts, &o.posts}, {&t.done, &o.done}, {&t.byOperation, &o.byOperation}, {&t.byKey, &o.byKey}, {&t.proven, &o.proven},
		{&t.sentAgain, &o.sentAgain}, {&t.refused, &o.refused}, {&t.unknown, &o.unknown}, {&t.alone, &o.alone}, {&t.sharedUnknown, &o.sharedUnknown},
		{&t.doubled, &o.doubled},
	} {
		*pair.to += *pair.from
	}
	for i, n := range o.fates {
		t.fates[i] += n
	}
	for doubt, n := range o.doubts {
		if t.doubts == nil {
			t.doubts = map[docspace.DepositDoubt]int{}
		}
		t.doubts[doubt] += n
	}
}

// config is what the worlds may break, beyond what the engine assumes.
type config struct {
	settle  time.Duration // Depositor.Settle; 0 is its own
	lagging int           // per cent of worlds whose list is an hour behind
}

// run lives one world: some deposits, each asked for until it is decided or patience
// ends, by a process that is started again whenever it crashed. It returns the laws
// that were broken.
func run(seed uint64, c config, t *tally) ([]string, error) {
	w := newWorld(seed, c.lagging, t)
	t.runs++
	client, err := docspace.New(docspace.Config{URL: "https://portal.example.com", Key: "sk-test", Transport: w, MaxAttempts: 1})
	if err != nil {
		return nil, err
	}
	depositor := &docspace.Depositor{
		Client: client, Store: w.store, Alone: !w.shared, Settle: c.settle, Wait: w.chance(30),
		Now:   func() time.Time { return w.now },
		Sleep: func(_ context.Context, d time.Duration) error { w.advance(d); return nil },
	}
	wishes := map[string]int64{}
	for i := range 1 + w.n(3) {
		key := fmt.Sprintf("key-%d", i)
		wishes[key] = amounts[w.n(len(amounts))]
		t.deposits++
		if err := w.pursue(depositor, key, wishes[key]); err != nil {
			return nil, err
		}
		w.advance(w.span([]time.Duration{time.Minute, 20 * time.Minute}[w.n(2)]))
	}
	// What is not decided yet is asked for once more when all is well again.
	w.quiet = true
	w.advance(time.Hour)
	for _, key := range slices.Sorted(maps.Keys(wishes)) {
		if err := w.pursue(depositor, key, wishes[key]); err != nil {
			return nil, err
		}
	}
	w.judge(wishes)
	return w.breaks, nil
}

// pursue asks for one deposit a few times, from minute to minute.
func (w *world) pursue(d *docspace.Depositor, key string, amount int64) error {
	for range 9 {
		w.dead = false // it is started again
		intent, err := d.Deposit(context.Background(), key, dollars(amount))
		switch {
		case err == nil:
			return nil
		case errors.Is(err, docspace.ErrOtherDeposit), errors.Is(err, docspace.ErrNoDeposit), errors.Is(err, docspace.ErrConfig):
			return err
		case errors.Is(err, docspace.ErrDepositOpen):
			return nil
		case errors.Is(err, docspace.ErrDepositUnknown) && intent.Doubt.NeedsPerson():
			return nil
		}
		w.advance(time.Second + w.span(5*time.Minute))
	}
	return nil
}

// judge holds what is noted against what happened.
func (w *world) judge(wishes map[string]int64) {
	w.dead = false
	if last := w.portal.last(); last.After(w.now) {
		w.advance(last.Sub(w.now))
	}
	all, err := w.store.List(context.Background(), "portal.example.com")
	if err != nil {
		w.broken("the store: %v", err)
	}
	claimed := map[string]string{}
	for _, intent := range all {
		n := w.portal.charges[intent.Key]
		w.tally.posts += w.portal.posts[intent.Key]
		if n > 1 {
			w.tally.doubled++
		}
		switch intent.State {
		case docspace.DepositDone:
			w.tally.done++
			if n != 1 {
				w.broken("%s is said to be done, and was charged %d times", intent.Key, n)
			}
		case docspace.DepositRefused, docspace.DepositNotDone, docspace.DepositPlanned:
			w.tally.refused++
			if n != 0 {
				w.broken("%s is said to be %s, and was charged %d times", intent.Key, intent.State, n)
			}
		default:
			w.tally.unknown++
			if w.shared {
				w.tally.sharedUnknown++
			}
			if w.tally.doubts == nil {
				w.tally.doubts = map[docspace.DepositDoubt]int{}
			}
			w.tally.doubts[intent.Doubt]++
			if n > 1 {
				w.broken("%s is not decided, and was charged %d times", intent.Key, n)
			}
		}
		switch intent.Evidence {
		case docspace.ByOperation:
			w.tally.byOperation++
		case docspace.ByKey:
			w.tally.byKey++
		case docspace.ByAbsence:
			w.tally.proven++
		}
		if intent.Attempt > 1 {
			w.tally.sentAgain++
		}
		if other, twice := claimed[intent.Operation]; intent.Operation != "" && twice {
			w.broken("%s and %s claim one operation", intent.Key, other)
		}
		claimed[intent.Operation] = intent.Key
	}
	for key := range w.portal.charges {
		if wishes[key] == 0 {
			w.broken("%s was never asked for", key)
		}
	}
	if len(all) > len(wishes) {
		w.broken("%d intents of %d wishes", len(all), len(wishes))
	}
}
