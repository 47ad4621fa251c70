package billing

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bursarhq/bursar/sheet"
	"github.com/bursarhq/bursar/store"
)

const (
	// maxBuilds is how many reports one process builds at a time, maxWaiting how
	// many there may be with those that wait.
	maxBuilds  = 2
	maxWaiting = 1000
	// tellEvery is how often a report says at most how far it has come, beatEvery
	// how often it says at least that it is not lost.
	tellEvery = time.Second
	beatEvery = 10 * time.Second
	// endWithin is how long it may take to write down how a report ended.
	endWithin = 30 * time.Second
)

// Why a build ends before its end.
var (
	errCanceled = errors.New("somebody asked for its end")
	errStopping = errors.New("the service is stopping")
)

// builders are the reports that this process builds.
type builders struct {
	turns chan struct{} // holds a token for each that is being built
	ended sync.WaitGroup

	mu       sync.Mutex
	stopping bool
	running  map[int64]context.CancelCauseFunc // by their numbers, with those that wait
}

func newBuilders() *builders {
	return &builders{turns: make(chan struct{}, maxBuilds), running: map[int64]context.CancelCauseFunc{}}
}

// admit refuses another one where there are too many, or no more may begin.
func (b *builders) admit() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopping:
		return fmt.Errorf("%w: %w", ErrTryAgain, errStopping)
	case len(b.running) >= maxWaiting:
		return fmt.Errorf("%w: %d reports wait", ErrTryAgain, len(b.running))
	}
	return nil
}

func (b *builders) add(number int64) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping {
		cancel(errStopping)
	}
	b.running[number] = cancel
	b.ended.Add(1)
	return ctx
}

func (b *builders) remove(number int64) {
	b.mu.Lock()
	b.running[number](nil)
	delete(b.running, number)
	b.mu.Unlock()
	b.ended.Done()
}

// cancel ends a build, if it is this process's.
func (b *builders) cancel(number int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cancel := b.running[number]; cancel != nil {
		cancel(errCanceled)
	}
}

// StopReports ends the reports that this process builds, as interrupted, and waits
// until they have; no more begin. It is called before the store is closed, and when
// no requests run any more. It fails when the context ends first.
func (s *Service) StopReports(ctx context.Context) error {
	b := s.builders
	b.mu.Lock()
	b.stopping = true
	for _, cancel := range b.running {
		cancel(errStopping)
	}
	b.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		b.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for reports: %w", ctx.Err())
	}
}

// build is one report that is being built.
type build struct {
	*Service
	report store.Report
	told   time.Time // when it last said how far it has come, by the real clock
	piece  []byte    // of the file, not written yet
	ctx    context.Context
}

// launch builds a report in the background.
func (s *Service) launch(r store.Report, spec ReportSpec, rows reportRows) {
	b := &build{Service: s, report: r, ctx: s.builders.add(r.Number)}
	go func() {
		defer s.builders.remove(r.Number)
		b.end(b.run(spec, rows))
	}()
}

// run builds the report, when it is its turn. Nobody is there to see a panic of
// whoever words the rows, which must end no more than the report.
func (b *build) run(spec ReportSpec, rows reportRows) (err error) {
	if err := b.wait(); err != nil {
		return err
	}
	defer func() { <-b.builders.turns }()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	// What is old makes room for what is new. If that fails, others will do it.
	_ = b.SweepReports(b.ctx)
	b.report.State = store.ReportRunning
	if err := b.tell(); err != nil {
		return err
	}
	table := sheet.Table{Name: spec.Title, Columns: spec.Columns}
	if err := table.Write(b.ctx, b, rows(b.ctx, b.progress)); err != nil {
		return err
	}
	return b.flush()
}

// wait waits for a turn.
func (b *build) wait() error {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case b.builders.turns <- struct{}{}:
			return nil
		case <-beat.C:
			if err := b.tell(); err != nil {
				return err
			}
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
	}
}

// tell says how far it has come, and finds out whether anybody still wants it.
func (b *build) tell() error {
	b.told, b.report.BeatAt = time.Now(), b.now()
	canceled, err := b.store.BeatReport(b.ctx, b.report)
	if err == nil && canceled {
		err = errCanceled
	}
	return err
}

// progress says how much is done, not more often than tellEvery.
func (b *build) progress(done, total int64) error {
	if total > 0 {
		b.report.Percentage = min(99, done*100/total)
	}
	if time.Since(b.told) < tellEvery {
		return b.ctx.Err()
	}
	return b.tell()
}

// Write takes the file, as it is made.
func (b *build) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0; {
		if b.piece == nil {
			b.piece = make([]byte, 0, store.ReportChunk)
		}
		n := min(len(rest), store.ReportChunk-len(b.piece))
		b.piece, rest = append(b.piece, rest[:n]...), rest[n:]
		if len(b.piece) == store.ReportChunk {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(data), nil
}

// flush writes what there is of a piece.
func (b *build) flush() error {
	if len(b.piece) == 0 {
		return nil
	}
	b.report.BeatAt = b.now()
	if err := b.store.AddReportChunk(b.ctx, b.report, b.piece); err != nil {
		return err
	}
	b.report.Size, b.report.Chunks = b.report.Size+int64(len(b.piece)), b.report.Chunks+1
	b.piece = b.piece[:0]
	return nil
}

// end writes down how it ended. Where that can't be written, the report counts as
// interrupted, when its time has come.
func (b *build) end(err error) {
	why := context.Cause(b.ctx)
	r := &b.report
	switch {
	case err == nil:
		r.State, r.Percentage = store.ReportCompleted, 100
	case errors.Is(err, errCanceled), errors.Is(why, errCanceled):
		r.State = store.ReportCanceled
	case errors.Is(why, errStopping):
		r.State, r.Error = store.ReportFailed, reportInterrupted
	default:
		r.State, r.Error = store.ReportFailed, reportImpossible
		b.log.Error("a report could not be built", "portal", r.PortalID, "report", r.Number, "kind", r.Kind, "error", err)
	}
	r.EndedAt = b.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), endWithin)
	defer cancel()
	err = b.store.EndReport(ctx, *r)
	if err == nil && r.State != store.ReportCompleted {
		err = b.store.DropReportFile(ctx, *r, false)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) { // it was given up for lost
		b.log.Warn("could not write down how a report ended", "portal", r.PortalID, "report", r.Number, "error", err)
	}
}
