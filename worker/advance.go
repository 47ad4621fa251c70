package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bursarhq/bursar/store"
)

// ErrEndless says that what falls due at one moment has no end.
var ErrEndless = errors.New("what falls due at one moment has no end")

const (
	// claimAtOnce is how many jobs are claimed at a time while the clock stands.
	claimAtOnce = 64
	// maxRounds bounds how often it is looked for more at one moment.
	maxRounds = 10_000
)

// stand does what is due, while the virtual clock stands still.
func (w *Worker) stand(ctx context.Context, wake <-chan struct{}) {
	for ctx.Err() == nil {
		w.turn.Lock()
		err := w.settle(ctx)
		w.turn.Unlock()
		w.tell(ctx, "do what is due", err)
		pause(ctx, lookForJobs, wake)
	}
}

// Played is what happened while virtual time was moved.
type Played struct {
	// From is where the clock stood, To where it stands.
	From, To time.Time
	// Jobs counts what was done, Events what others were told of it.
	Jobs, Events int64
}

// Advance moves the virtual clock on by a duration, as Play does, and returns the
// moment that it shows then.
func (w *Worker) Advance(ctx context.Context, by time.Duration) (time.Time, error) {
	played, err := w.Play(ctx, func(now time.Time) time.Time { return now.Add(by) })
	return played.To, err
}

// Play moves the virtual clock on to the moment that until makes of the one that it
// shows, from one at which something falls due to the next: all that was due up to
// there is done, jobs that failed and are tried again among it. Where it fails, the
// clock stands where it got to, and the rest can be asked for again. A moment that has
// passed is where the clock stands. Several who play take turns.
func (w *Worker) Play(ctx context.Context, until func(now time.Time) time.Time) (Played, error) {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.played = Played{From: w.clock.Now()}
	target := until(w.played.From)
	err := w.settle(ctx)
	for err == nil && w.clock.Now().Before(target) {
		err = w.step(ctx, target)
	}
	w.bounded(ctx, "seal the ledger", w.service.Seal)
	w.played.To = w.clock.Now()
	return w.played, err
}

// step moves the clock to the next moment at which something falls due, target at
// the latest, and does it.
func (w *Worker) step(ctx context.Context, target time.Time) error {
	now := w.clock.Now()
	next := target
	at, ok, err := w.service.NextAt(ctx)
	if err != nil {
		return err
	}
	if ok && at.Before(next) {
		next = at
	}
	if at, ok, err = w.service.NextHoldAt(ctx); err != nil {
		return err
	}
	if ok && at.Before(next) {
		next = at
	}
	alive := false
	if w.life != nil {
		if at := w.life.Next(now); !at.After(next) {
			next, alive = at, true
		}
	}
	if next.After(now) {
		if err := w.clock.Set(next); err != nil {
			return err
		}
		if w.moved != nil {
			if err := w.moved(ctx, w.clock.Now()); err != nil {
				return fmt.Errorf("keep the time: %w", err)
			}
		}
	}
	if alive {
		if err := w.life.Do(ctx, w.clock.Now()); err != nil {
			return err
		}
	}
	return w.settle(ctx)
}

// settle does all that is due at the moment that the clock shows.
func (w *Worker) settle(ctx context.Context) error {
	for range maxRounds {
		did, err := w.settleOnce(ctx)
		if err != nil || !did {
			return err
		}
	}
	return fmt.Errorf("%w: %s", ErrEndless, w.clock.Now().Format(time.RFC3339))
}

// settleOnce reports whether there was anything to do.
func (w *Worker) settleOnce(ctx context.Context) (did bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	var jobs []store.Job
	if w.parallel > 0 {
		if jobs, err = w.service.ClaimJobs(ctx, claimAtOnce); err != nil {
			return false, err
		}
		w.runAll(ctx, jobs)
	}
	ended, err := w.service.Reconcile(ctx)
	if err != nil {
		return false, err
	}
	expired, err := w.service.ExpireHolds(ctx)
	if err != nil {
		return false, err
	}
	placed, err := w.service.PlaceEvents(ctx)
	w.played.Jobs += int64(len(jobs))
	w.played.Events += placed
	return len(jobs) > 0 || ended > 0 || expired > 0 || placed > 0, err
}

// runAll does jobs, as many at once as there are hands.
func (w *Worker) runAll(ctx context.Context, jobs []store.Job) {
	var all sync.WaitGroup
	defer all.Wait()
	hands := make(chan struct{}, w.parallel)
	for _, job := range jobs {
		hands <- struct{}{}
		all.Go(func() {
			defer func() { <-hands }()
			w.run(ctx, job)
		})
	}
}
