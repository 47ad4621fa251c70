package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// run is many worlds, one after the other.
type run struct {
	first           uint64
	seeds, parallel int
	off             []fault
	whole           bool // the history is told whatever happens
	brief           bool // nothing is told but what did not hold
	out             io.Writer
}

// result is what came of a world.
type result struct {
	seed  uint64
	world *world
	err   error // the world could not be made
}

// on runs worlds on an engine and says what came of them. It fails at the first one in
// which a law does not hold.
func (r *run) on(ctx context.Context, e *engine) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	began, sum := time.Now(), tally{faults: map[fault]int{}, ends: map[string]int{}, told: map[string]int{}, jobs: map[string]int{}}
	var failed error
	for got := range r.worlds(ctx, e) {
		switch {
		case failed != nil:
		case got.err != nil:
			failed = fmt.Errorf("seed %d: %w", got.seed, got.err)
		case got.world.failed != nil:
			failed = r.explain(ctx, e, got.world)
		default:
			sum.add(&got.world.tally)
			if r.whole {
				got.world.history.tell(r.out, "", maxLines)
			}
		}
		if failed != nil {
			stop()
		}
	}
	if failed == nil && sum.seeds < r.seeds {
		failed = context.Cause(ctx)
	}
	if failed == nil {
		sum.tell(r.out, e.name, time.Since(began))
	}
	return failed
}

// worlds runs them, some at once, and sends what came of each. It closes the channel
// when all have ended.
func (r *run) worlds(ctx context.Context, e *engine) <-chan result {
	seeds, results := make(chan uint64), make(chan result)
	var all sync.WaitGroup
	for range r.parallel {
		all.Go(func() {
			for seed := range seeds {
				w, err := simulate(ctx, seed, e, r.off)
				if err != nil && ctx.Err() != nil {
					continue
				}
				results <- result{seed, w, err}
			}
		})
	}
	go func() {
		defer close(results)
		defer all.Wait()
		defer close(seeds)
		for n := range r.seeds {
			select {
			case seeds <- r.first + uint64(n):
			case <-ctx.Done():
				return
			}
		}
	}()
	return results
}

// simulate runs the world of a seed. The error says that there is none.
func simulate(ctx context.Context, seed uint64, e *engine, off []fault) (*world, error) {
	d, err := e.database(ctx)
	if err != nil {
		return nil, err
	}
	w, err := newWorld(ctx, seed, d, off)
	if err == nil {
		w.run()
		err = ctx.Err()
	}
	return w, errors.Join(err, d.close(context.WithoutCancel(ctx)))
}

// shownLines is how much is told of the portal in which a law does not hold.
const shownLines = 80

// explain says what did not hold in a world, and which kinds of faults it takes.
func (r *run) explain(ctx context.Context, e *engine, w *world) error {
	failed := fmt.Errorf("seed %d: %w", w.seed, w.failed)
	if r.brief {
		return failed
	}
	fmt.Fprintf(r.out, "seed %d on %s, %s: %v\n", w.seed, e.name, w.failed.at.Format(time.DateTime), w.failed)
	most := shownLines
	if r.whole {
		most = maxLines
	}
	w.history.tell(r.out, w.failed.portal, most)
	if !r.whole {
		var needed, off []string
		for _, kind := range slices.Sorted(maps.Keys(chances())) {
			without, err := simulate(ctx, w.seed, e, append(slices.Clone(r.off), kind))
			switch {
			case err != nil:
				return err
			case without.failed == nil:
				needed = append(needed, string(kind))
			default:
				off = append(off, string(kind))
			}
		}
		if len(needed) > 0 {
			fmt.Fprintf(r.out, "It holds without any one of: %s.\n", strings.Join(needed, "; "))
		}
		fmt.Fprintf(r.out, "It does not without: %s.\n", strings.Join(off, "; "))
	}
	fmt.Fprintf(r.out, "again: go run ./bench/simulate -engine %s -seed %d\n", e.name, w.seed)
	return failed
}
