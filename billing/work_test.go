package billing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/worker"
)

// shop is a service and a worker that has its jobs done, within a bubble of time.
type shop struct {
	*billing.Service
	t     *testing.T
	store *store.Store
}

// inBubble runs a test where time stands still unless everybody waits for it.
func inBubble(t *testing.T, config store.Config, test func(t *testing.T, s *shop)) {
	synctest.Test(t, func(t *testing.T) { test(t, openShop(t, config)) })
}

func openShop(t *testing.T, config store.Config) *shop {
	t.Helper()
	s, err := store.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	service, err := billing.New(billing.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	return &shop{Service: service, t: t, store: s}
}

// works runs a worker until the function that it returns is called, which waits for
// its end.
func (s *shop) works(parallel int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	w := worker.New(worker.Config{Service: s.Service, Parallel: parallel})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	s.t.Cleanup(stop)
	return stop
}

func (s *shop) cause(kind string, subjects ...string) {
	s.t.Helper()
	if err := s.store.ChangeJobs(context.Background(), "", func(tx *store.Tx) error {
		for _, subject := range subjects {
			if err := tx.CauseJob(time.Now(), store.Job{Kind: kind, Subject: subject, RunAt: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) job(kind, subject string) (j store.Job) {
	s.t.Helper()
	if err := s.store.Read(context.Background(), func(tx *store.Tx) (err error) {
		j, err = tx.Job(store.JobKey{Kind: kind, Subject: subject})
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return j
}

// journal is what was done, and when.
type journal struct {
	mu    sync.Mutex
	lines []string
	at    []time.Time
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines, j.at = append(j.lines, line), append(j.at, time.Now())
}

func (j *journal) sorted() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(slices.Values(j.lines))
}

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%03d", i))
	}
	return all
}

func TestJobsAreDone(t *testing.T) {
	inBubble(t, store.Config{InMemory: true}, func(t *testing.T, s *shop) {
		var done journal
		s.AddJobKind("k", 3, func(_ context.Context, r billing.Run) error { done.add(r.Job().Subject); return nil })
		subjects := numbered(30)
		s.cause("k", subjects...)
		s.works(4)
		synctest.Wait()
		begun := time.Now()
		if got := done.sorted(); !slices.Equal(got, subjects) {
			t.Errorf("done: %v", got)
		}
		for _, subject := range subjects {
			if j := s.job("k", subject); j.State != store.JobDone || j.Fence != 1 || j.Leased {
				t.Errorf("%+v", j)
			}
		}
		// Whoever is idle hears the bell, and does not wait for the next look.
		s.cause("k", "100")
		synctest.Wait()
		if j := s.job("k", "100"); j.State != store.JobDone || !time.Now().Equal(begun) {
			t.Errorf("after %s it is %+v", time.Since(begun), j)
		}
	})
}

func TestJobsOfOthersAreFound(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, store.Config{Dir: dir, NoSync: true}, func(t *testing.T, s *shop) {
		other := openShop(t, store.Config{Dir: dir, NoSync: true})
		s.AddJobKind("k", 3, func(context.Context, billing.Run) error { return nil })
		s.works(1)
		synctest.Wait()
		other.cause("k", "x")
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if j := s.job("k", "x"); j.State != store.JobDone {
			t.Errorf("after a second: %+v", j)
		}
	})
}

func TestJobsThatFailBackOffAndDie(t *testing.T) {
	inBubble(t, store.Config{InMemory: true}, func(t *testing.T, s *shop) {
		var tries journal
		const attempts = 6
		s.AddJobKind("fails", attempts, func(_ context.Context, r billing.Run) error {
			tries.add(fmt.Sprint(r.Job().Attempt))
			return errors.New("no luck")
		})
		s.AddJobKind("hopeless", attempts, func(context.Context, billing.Run) error {
			return fmt.Errorf("it is: %w", billing.Hopeless(errors.New("gone")))
		})
		s.AddJobKind("recovers", attempts, func(_ context.Context, r billing.Run) error {
			if r.Job().Attempt < 2 {
				return errors.New("not yet")
			}
			return nil
		})
		s.cause("fails", "x")
		s.cause("hopeless", "x")
		s.cause("recovers", "x")
		s.cause("of the future", "x")
		s.works(2)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if j := s.job("fails", "x"); j.State != store.JobDead || j.Attempt != attempts || j.Error != "no luck" {
			t.Errorf("what failed too often: %+v", j)
		}
		if len(tries.at) != attempts {
			t.Fatalf("it was tried %d times, want %d", len(tries.at), attempts)
		}
		pause := 10 * time.Second
		for i := 1; i < attempts; i++ {
			// Half as much again or less, and as long as it takes to look.
			if got := tries.at[i].Sub(tries.at[i-1]); got < pause*3/4 || got > pause*5/4+time.Second {
				t.Errorf("pause %d is %s, want about %s", i, got, pause)
			}
			pause *= 2
		}
		if j := s.job("hopeless", "x"); j.State != store.JobDead || j.Attempt != 1 {
			t.Errorf("what is hopeless: %+v", j)
		}
		if j := s.job("recovers", "x"); j.State != store.JobDone || j.Attempt != 0 || j.Error != "" {
			t.Errorf("what recovered: %+v", j)
		}
		if j := s.job("of the future", "x"); j.State != store.JobOpen || j.Attempt < 5 {
			t.Errorf("of a kind that nobody knows: %+v", j)
		}
	})
}

func TestJobsThatPanicHarmNobody(t *testing.T) {
	inBubble(t, store.Config{InMemory: true}, func(t *testing.T, s *shop) {
		s.AddJobKind("panics", 1, func(context.Context, billing.Run) error { panic("at the disco") })
		s.AddJobKind("k", 1, func(context.Context, billing.Run) error { return nil })
		s.cause("panics", numbered(5)...)
		s.cause("k", numbered(5)...)
		s.works(2)
		synctest.Wait()
		for _, subject := range numbered(5) {
			if j := s.job("panics", subject); j.State != store.JobDead || !strings.Contains(j.Error, "at the disco") || !strings.Contains(j.Error, "work_test.go") {
				t.Errorf("%+v", j)
			}
			if j := s.job("k", subject); j.State != store.JobDone {
				t.Errorf("%+v", j)
			}
		}
	})
}

func TestJobsAreLeftToOthers(t *testing.T) {
	inBubble(t, store.Config{InMemory: true}, func(t *testing.T, s *shop) {
		s.AddJobKind("k", 1, func(context.Context, billing.Run) error { return nil })
		s.cause("k", "x")
		stop := s.works(-1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if j := s.job("k", "x"); j.State != store.JobOpen || j.Leased || j.Fence != 0 {
			t.Errorf("it is not left: %+v", j)
		}
		stop()
		s.works(1)
		synctest.Wait()
		if j := s.job("k", "x"); j.State != store.JobDone {
			t.Errorf("others leave it, too: %+v", j)
		}
	})
}

func TestWorkersShareJobs(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, store.Config{Dir: dir, NoSync: true}, func(t *testing.T, a *shop) {
		b := openShop(t, store.Config{Dir: dir, NoSync: true})
		subjects := numbered(60)
		var done [2]journal
		for i, s := range []*shop{a, b} {
			s.AddJobKind("k", 1, func(_ context.Context, r billing.Run) error {
				time.Sleep(3 * time.Second)
				done[i].add(r.Job().Subject)
				return nil
			})
		}
		a.cause("k", subjects...)
		a.works(3)
		b.works(3)
		time.Sleep(time.Minute)
		synctest.Wait()
		first, second := done[0].sorted(), done[1].sorted()
		if len(first) < 10 || len(second) < 10 {
			t.Errorf("one did %d, the other %d", len(first), len(second))
		}
		if all := slices.Sorted(slices.Values(append(first, second...))); !slices.Equal(all, subjects) {
			t.Errorf("done: %v", all)
		}
	})
}

func TestJobsOfWhoStopsAreGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, store.Config{Dir: dir, NoSync: true}, func(t *testing.T, a *shop) {
		b := openShop(t, store.Config{Dir: dir, NoSync: true})
		a.AddJobKind("k", 1, func(ctx context.Context, _ billing.Run) error { <-ctx.Done(); return ctx.Err() })
		var fences journal
		b.AddJobKind("k", 1, func(_ context.Context, r billing.Run) error { fences.add(fmt.Sprint(r.Job().Fence)); return nil })
		a.cause("k", "x")
		begun := time.Now()
		stop := a.works(1)
		synctest.Wait()
		stop()
		if time.Since(begun) > 3*time.Second {
			t.Errorf("it took %s to stop", time.Since(begun))
		}
		if j := a.job("k", "x"); j.State != store.JobOpen || !j.Leased || j.Attempt != 0 {
			t.Errorf("after the stop: %+v", j)
		}
		b.works(1)
		time.Sleep(billing.JobLease - 4*time.Second)
		synctest.Wait()
		if j := a.job("k", "x"); !j.Leased {
			t.Errorf("before the lease is over: %+v", j)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if j := a.job("k", "x"); j.State != store.JobDone || !slices.Equal(fences.lines, []string{"2"}) {
			t.Errorf("after the lease: %+v, %v", j, fences.lines)
		}
	})
}

// What somebody is at when the worker is stopped is finished, if that takes not long.
func TestJobsAreFinished(t *testing.T) {
	inBubble(t, store.Config{InMemory: true}, func(t *testing.T, s *shop) {
		s.AddJobKind("k", 1, func(ctx context.Context, _ billing.Run) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		s.cause("k", "x")
		stop := s.works(1)
		synctest.Wait()
		stop()
		if j := s.job("k", "x"); j.State != store.JobDone {
			t.Errorf("after the stop: %+v", j)
		}
	})
}

// A job that takes longer than its lease is done by somebody else meanwhile: the slow
// one finds that it has lost it, and leaves it alone.
func TestSlowJobsAreLost(t *testing.T) {
	inBubble(t, store.Config{InMemory: true}, func(t *testing.T, s *shop) {
		var ends journal
		s.AddJobKind("k", 5, func(ctx context.Context, r billing.Run) error {
			if r.Job().Fence == 1 {
				time.Sleep(billing.JobLease + time.Minute)
				err := r.End(ctx, time.Now().Add(time.Hour))
				ends.add(fmt.Sprint(errors.Is(err, store.ErrLost)))
				return err
			}
			return nil
		})
		s.cause("k", "x")
		s.works(2)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if j := s.job("k", "x"); j.State != store.JobDone || j.Fence != 2 || j.Attempt != 0 || !slices.Equal(ends.lines, []string{"true"}) {
			t.Errorf("%+v, %v", j, ends.lines)
		}
	})
}

func TestWorkerEndsAndLeavesNothing(t *testing.T) {
	s := openShop(t, store.Config{InMemory: true})
	s.AddJobKind("k", 1, func(ctx context.Context, _ billing.Run) error { <-ctx.Done(); return ctx.Err() })
	before := goleak.IgnoreCurrent()
	for range 2 {
		stop := s.works(2)
		s.cause("k", "x", "y", "z")
		time.Sleep(20 * time.Millisecond)
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %s to stop", took)
		}
		goleak.VerifyNone(t, before)
	}
}

// A database that fails is said once, until it works again, and not at every try.
func TestWorkerTellsOfFailuresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Config{InMemory: true})
		if err != nil {
			t.Fatal(err)
		}
		service, err := billing.New(billing.Config{Store: db})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		w := worker.New(worker.Config{Service: service, Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		w.Run(ctx)
		for _, what := range []string{"claim jobs", "seal the ledger", "put events in line"} {
			if n := strings.Count(log.String(), "could not "+what); n != 1 {
				t.Errorf("it says %d times that it could not %s:\n%s", n, what, log.String())
			}
		}
	})
}
