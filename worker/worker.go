// Package worker is the clock's door: it has jobs done that are due, and does what
// nobody asks for, in as many processes as there are.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/store"
)

// Config says how a worker works.
type Config struct {
	// Service is what it works for. Required.
	Service *billing.Service
	// Log is told what fails; nil means that nobody is.
	Log *slog.Logger
	// Parallel is how many jobs are done at once; 0 means 8, and less that others do
	// them: this one only does what no job stands for.
	Parallel int
	// Now tells the time; nil means time.Now. It is not asked with a Clock.
	Now func() time.Time
	// Clock is the service's own if that is virtual: it moves only by Advance, and
	// stops wherever something falls due. nil means that time goes by itself.
	Clock *clock.Virtual
	// Moved is called when Advance has set the Clock, and before anything is done at
	// that moment; its error ends the Advance. nil: nothing is.
	Moved func(ctx context.Context, now time.Time) error
	// Life is what else happens in virtual time: its next moment after one, and what
	// is done then. nil: nothing does.
	Life *Life
}

// Life is something that happens by itself at moments of virtual time.
type Life struct {
	// Next returns the first moment after one at which Do is to be called.
	Next func(after time.Time) time.Time
	Do   func(ctx context.Context, now time.Time) error
}

// How often a worker looks for what others caused, and does what nobody asks for.
const (
	lookForJobs = time.Second
	// gatherFor is how long who is free waits for others, to claim jobs together.
	gatherFor = 4 * time.Millisecond
	// lookForHolds is for how long a hold that is opened meanwhile may be overlooked.
	lookForHolds = 5 * time.Second
	lookAgain    = 5 * time.Second // after a failure
	sealEvery    = 5 * time.Second
	sweepEvery   = 30 * time.Second
	// finishWithin is how long jobs have that somebody is at when the worker is stopped:
	// what is left then is gone on with by others, when its lease is over.
	finishWithin = 2 * time.Second
	// sweepWithin is how long one piece of work without a job may take.
	sweepWithin = 30 * time.Second
)

// Worker has jobs done. Run it once; Advance may be called meanwhile.
type Worker struct {
	service  *billing.Service
	log      *slog.Logger
	parallel int
	now      func() time.Time
	clock    *clock.Virtual
	moved    func(ctx context.Context, now time.Time) error
	life     *Life

	turn    sync.Mutex // held by who does things in virtual time
	played  Played     // since the clock was moved last; guarded by turn
	mu      sync.Mutex
	failing map[string]bool // what failed the last time
}

// New returns a worker.
func New(config Config) *Worker {
	w := &Worker{
		service: config.Service, log: config.Log, parallel: config.Parallel, now: config.Now,
		clock: config.Clock, moved: config.Moved, life: config.Life, failing: map[string]bool{},
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.parallel == 0 {
		w.parallel = 8
	}
	if w.now == nil {
		w.now = time.Now
	}
	return w
}

// Run works until the context ends. It returns when what it had begun is done, or
// given up; whatever was not done is gone on with by others, or by the next Run.
func (w *Worker) Run(ctx context.Context) {
	due, line := make(chan struct{}, 1), make(chan struct{}, 1)
	var all sync.WaitGroup
	all.Go(func() { w.listen(ctx, due, line) })
	all.Go(func() { w.sweep(ctx) })
	if w.clock != nil {
		all.Go(func() { w.stand(ctx, due) })
	} else {
		if w.parallel > 0 {
			all.Go(func() { w.jobs(ctx, due) })
		}
		all.Go(func() { w.place(ctx, line) })
		all.Go(func() { w.holds(ctx) })
	}
	all.Wait()
	w.finish()
}

// listen passes on that something was caused here.
func (w *Worker) listen(ctx context.Context, listeners ...chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.service.JobsCaused():
		}
		for _, l := range listeners {
			select {
			case l <- struct{}{}:
			default:
			}
		}
	}
}

// jobs claims jobs as long as somebody is free to do them.
func (w *Worker) jobs(ctx context.Context, wake <-chan struct{}) {
	free := make(chan struct{}, w.parallel)
	for range w.parallel {
		free <- struct{}{}
	}
	going, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(finishWithin, stop) })()
	var all sync.WaitGroup
	defer all.Wait()
	for ctx.Err() == nil {
		hands := w.take(ctx, free)
		jobs, err := w.service.ClaimJobs(ctx, hands)
		w.tell(ctx, "claim jobs", err)
		for range hands - len(jobs) {
			free <- struct{}{}
		}
		for _, job := range jobs {
			all.Go(func() {
				defer func() { free <- struct{}{} }()
				w.run(going, job)
			})
		}
		switch {
		case err != nil:
			pause(ctx, lookAgain, nil)
		case len(jobs) == 0:
			pause(ctx, w.untilNext(ctx), wake)
		}
	}
}

// take waits for somebody who is free, and returns how many are. A claim is a commit,
// however many jobs are claimed, so that others who are about to be free are given a
// moment to be among them.
func (w *Worker) take(ctx context.Context, free chan struct{}) (hands int) {
	select {
	case <-free:
		hands = 1
	case <-ctx.Done():
		return 0
	}
	var soon <-chan time.Time // nil: nobody was waited for yet
	for hands < w.parallel {
		select {
		case <-free:
			hands++
			continue
		default:
		}
		if soon == nil {
			soon = time.After(gatherFor)
		}
		select {
		case <-free:
			hands++
		case <-soon:
			return hands
		case <-ctx.Done():
			return hands
		}
	}
	return hands
}

// untilNext returns how long nothing is due, as far as is known: others may cause
// something meanwhile, so it is never long.
func (w *Worker) untilNext(ctx context.Context) time.Duration {
	at, ok, err := w.service.NextAt(ctx)
	if err != nil || !ok {
		return lookForJobs
	}
	return min(max(at.Sub(w.now()), time.Millisecond), lookForJobs)
}

func (w *Worker) run(ctx context.Context, job store.Job) {
	if err := w.service.RunJob(ctx, job); err != nil && ctx.Err() == nil {
		w.log.WarnContext(ctx, "a job failed", "portal", job.PortalID, "kind", job.Kind, "subject", job.Subject, "error", err)
	}
}

// place puts events in line.
func (w *Worker) place(ctx context.Context, wake <-chan struct{}) {
	for ctx.Err() == nil {
		placed, err := w.service.PlaceEvents(ctx)
		w.tell(ctx, "put events in line", err)
		switch {
		case err != nil:
			pause(ctx, lookAgain, nil)
		case placed == 0:
			pause(ctx, lookForJobs, wake)
		}
	}
}

// holds lets go of holds when their time is over.
func (w *Worker) holds(ctx context.Context) {
	for ctx.Err() == nil {
		w.bounded(ctx, "let go of holds", w.expireHolds)
		wait := lookForHolds
		if at, ok, err := w.service.NextHoldAt(ctx); err == nil && ok {
			wait = min(max(at.Sub(w.now()), lookForJobs), wait)
		}
		pause(ctx, wait, nil)
	}
}

func (w *Worker) expireHolds(ctx context.Context) error {
	_, err := w.service.ExpireHolds(ctx)
	return err
}

// pause waits for a time, for a wake, or until the context ends.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// tell logs when something begins to fail and when it works again, and not every
// time in between.
func (w *Worker) tell(ctx context.Context, what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)): // it was told to stop
	case err != nil && !w.failing[what]:
		w.log.Warn("could not "+what+"; it is tried again", "error", err)
		w.failing[what] = true
	case err == nil && w.failing[what]:
		w.log.Info("could " + what + " again")
		delete(w.failing, what)
	}
}
