package billing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	virtual "github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/worker"
)

// yard is a service in virtual time, and what happens there.
type yard struct {
	*billing.Service
	t     *testing.T
	store *store.Store
	clock *virtual.Virtual
	*journal
}

var yardBegins = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

func newYard(t *testing.T) *yard {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	v := virtual.NewVirtual(yardBegins)
	service, err := billing.New(billing.Config{Store: s, Now: v.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &yard{Service: service, t: t, store: s, clock: v, journal: &journal{}}
}

// note writes down that something happens now.
func (y *yard) note(what string) { y.add(y.clock.Now().Format("01-02 15:04:05 ") + what) }

func (y *yard) cause(kind, subject string, at time.Time) {
	y.t.Helper()
	if err := y.store.ChangeJobs(y.t.Context(), "", func(tx *store.Tx) error {
		return tx.CauseJob(y.clock.Now(), store.Job{Kind: kind, Subject: subject, RunAt: at})
	}); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) happened(want ...string) {
	y.t.Helper()
	if !slices.Equal(y.lines, want) {
		y.t.Errorf("it happened:\n%q\nwant:\n%q", y.lines, want)
	}
	y.lines = nil
}

func (y *yard) worker(config worker.Config) *worker.Worker {
	config.Service, config.Clock, config.Parallel = y.Service, y.clock, 1
	return worker.New(config)
}

func TestAdvanceVisitsWhatFallsDue(t *testing.T) {
	y := newYard(t)
	y.AddJobKind("daily", 1, func(ctx context.Context, r billing.Run) error {
		y.note("daily")
		return r.End(ctx, y.clock.Now().AddDate(0, 0, 1))
	})
	y.AddJobKind("once", 1, func(ctx context.Context, r billing.Run) error {
		y.note("once " + r.Job().Subject)
		if r.Job().Subject == "a" { // what is done now may be due now
			y.cause("once", "b", y.clock.Now())
		}
		return nil
	})
	y.AddJobKind("fails", 14, func(context.Context, billing.Run) error {
		y.note("fails")
		return errors.New("no luck")
	})
	y.cause("daily", "", yardBegins)
	y.cause("once", "a", yardBegins.Add(36*time.Hour))
	y.cause("once", "late", yardBegins.Add(48*time.Hour+time.Microsecond))
	w := y.worker(worker.Config{})
	at, err := w.Advance(t.Context(), 48*time.Hour)
	if err != nil || !at.Equal(yardBegins.Add(48*time.Hour)) || !y.clock.Now().Equal(at) {
		t.Errorf("it is %s, %v", at, err)
	}
	y.happened("01-31 09:00:00 daily", "02-01 09:00:00 daily", "02-01 21:00:00 once a", "02-01 21:00:00 once b", "02-02 09:00:00 daily")
	if at, err = w.Advance(t.Context(), 0); err != nil || !at.Equal(y.clock.Now()) {
		t.Errorf("it is %s, %v", at, err)
	}
	y.happened()
	if _, err = w.Advance(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
	y.happened("02-02 09:00:00 once late")
	played, err := w.Play(t.Context(), func(now time.Time) time.Time { return now.Add(-time.Hour) })
	if err != nil || played != (worker.Played{From: y.clock.Now(), To: y.clock.Now()}) {
		t.Errorf("backwards: %+v, %v", played, err)
	}

	// What fails is tried again on the way, until it is dead.
	y.cause("fails", "", y.clock.Now())
	if _, err := w.Advance(t.Context(), time.Hour); err != nil || len(y.lines) < 7 || len(y.lines) > 10 {
		t.Errorf("within an hour it was tried: %q, %v", y.lines, err)
	}
	if _, err := w.Advance(t.Context(), 23*time.Hour-time.Second); err != nil || len(y.lines) != 14+1 { // and the daily one
		t.Errorf("within a day it was tried: %q, %v", y.lines, err)
	}
	dead, err := y.Jobs(t.Context(), store.JobKey{}, store.JobFilter{AllPortals: true, State: store.JobDead}, 10)
	if err != nil || len(dead) != 1 || dead[0].Kind != "fails" || dead[0].Error != "no luck" {
		t.Errorf("%+v, %v", dead, err)
	}
	y.lines = nil
	begun := y.clock.Now()
	played, err = w.Play(t.Context(), func(now time.Time) time.Time { return now.AddDate(1, 0, 0) })
	if err != nil || len(y.lines) != 365 || played != (worker.Played{From: begun, To: begun.AddDate(1, 0, 0), Jobs: 365}) {
		t.Errorf("%d days of a year, %+v, %v", len(y.lines), played, err)
	}
}

func TestAdvanceEndsWhatHasNoEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten thousand rounds")
	}
	y := newYard(t)
	y.AddJobKind("endless", 1, func(ctx context.Context, r billing.Run) error { return r.End(ctx, y.clock.Now()) })
	y.cause("endless", "", yardBegins.Add(time.Hour))
	at, err := y.worker(worker.Config{}).Advance(t.Context(), 2*time.Hour)
	if !errors.Is(err, worker.ErrEndless) || !at.Equal(yardBegins.Add(time.Hour)) {
		t.Errorf("at %s: %v", at, err)
	}
}

func TestAdvanceHasLife(t *testing.T) {
	y := newYard(t)
	y.AddJobKind("k", 1, func(context.Context, billing.Run) error { y.note("job"); return nil })
	full := errors.New("no disk")
	var kept time.Time
	var fault error
	w := y.worker(worker.Config{
		Moved: func(_ context.Context, now time.Time) error {
			if !now.Equal(y.clock.Now()) || !now.After(kept) {
				t.Errorf("moved to %s at %s, after %s", now, y.clock.Now(), kept)
			}
			kept = now
			return fault
		},
		Life: &worker.Life{
			Next: func(after time.Time) time.Time { return after.Truncate(12 * time.Hour).Add(12 * time.Hour) },
			Do: func(_ context.Context, now time.Time) error {
				y.note("life")
				y.cause("k", now.String(), now) // which is done at the same moment
				return nil
			},
		},
	})
	at, err := w.Advance(t.Context(), 27*time.Hour)
	if err != nil || !kept.Equal(at) {
		t.Errorf("kept %s, it is %s, %v", kept, at, err)
	}
	y.happened("01-31 12:00:00 life", "01-31 12:00:00 job", "02-01 00:00:00 life", "02-01 00:00:00 job", "02-01 12:00:00 life", "02-01 12:00:00 job")

	fault = full
	at, err = w.Advance(t.Context(), 24*time.Hour)
	if !errors.Is(err, full) || !at.Equal(time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("it is %s, %v", at, err)
	}
	y.happened()
	fault = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if at, err = w.Advance(ended, 24*time.Hour); err == nil || !at.Equal(y.clock.Now()) {
		t.Errorf("given up: it is %s, %v", at, err)
	}
	y.happened()
}

// Two who move the clock at once take turns, while a worker runs beside them: it is
// moved by both, and every job is done once.
func TestAdvanceTakesTurns(t *testing.T) {
	y := newYard(t)
	y.AddJobKind("k", 1, func(_ context.Context, r billing.Run) error { y.add(r.Job().Subject); return nil })
	var want []string
	for i := range 48 {
		want = append(want, fmt.Sprintf("%02d", i))
		y.cause("k", want[i], yardBegins.Add(time.Duration(i+1)*time.Hour))
	}
	w := y.worker(worker.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	var ran, all sync.WaitGroup
	ran.Go(func() { w.Run(ctx) })
	for range 2 {
		all.Go(func() {
			if _, err := w.Advance(t.Context(), 24*time.Hour); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := y.sorted(); !slices.Equal(got, want) || !y.clock.Now().Equal(yardBegins.Add(48*time.Hour)) {
		t.Errorf("at %s it was done: %v", y.clock.Now(), got)
	}
	// What is caused while the clock stands is done without it.
	y.cause("k", "now", y.clock.Now())
	for begun := time.Now(); len(y.sorted()) == len(want); time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatal("what is due at once is not done")
		}
	}
	cancel()
	ran.Wait()
}
