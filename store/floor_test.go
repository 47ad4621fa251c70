package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// watched makes portal p with a wallet of so many units, whose floor is 50.
func watched(t *testing.T, s *Store, units int64) {
	t.Helper()
	addPortal(t, s, "p")
	post(t, s, credit("credit", units))
	change(t, s, "p", func(tx *Tx) error {
		return errors.Join(
			tx.LockBook("p", ledger.Main),
			tx.PutTopUpRule(TopUpRule{MinBalance: money.FromUnits(50, "USD"), UpTo: money.FromUnits(100, "USD"), ModifiedAt: epoch}),
			tx.PutFloor(ledger.Main, "USD", money.FromUnits(50, "USD"), epoch))
	})
}

// topUp does a job as a worker must: it looks with the book locked, and in the same
// transaction gives what is missing to 100, and ends the job. It calls between after it
// has looked.
func topUp(s *Store, job Job, between func()) error {
	err := s.Change(background, "p", func(tx *Tx) error {
		if err := tx.LockBook("p", ledger.Main); err != nil {
			return err
		}
		pockets, err := tx.Pockets("p", ledger.Main)
		if err != nil {
			return err
		}
		low := pockets[0].Below()
		between()
		if low {
			r, err := first(tx.CarryOut(epoch, []ledger.Request{credit(fmt.Sprint("top-up ", job.Fence), 100-pockets[0].Balance.Units())}))
			if err = errors.Join(err, r.Err); err != nil {
				return err
			}
		}
		return tx.EndJob(epoch, job, JobEnd{})
	})
	if errors.Is(err, ErrLost) {
		err = nil
	}
	return err
}

func take(s *Store) ([]Job, error) {
	return s.ClaimJobs(background, epoch.Add(time.Hour), time.Hour, 10)
}

// takeIfAny looks first, which keeps nobody waiting.
func takeIfAny(s *Store) (jobs []Job, err error) {
	there := false
	err = s.Read(background, func(tx *Tx) (err error) {
		_, there, err = tx.NextJobAt()
		return err
	})
	if err == nil && there {
		jobs, err = take(s)
	}
	return jobs, err
}

// TestWhoFallsWhileAJobEnds has a charge wait for the transaction that has seen the
// wallet above its floor: the job that this one ends is open again after the charge.
func TestWhoFallsWhileAJobEnds(t *testing.T) {
	for name, post := range map[string]func(s *Store) error{
		"by the poster": func(s *Store) error {
			return one(s.Post(background, Post{Requests: []ledger.Request{charge("c", 60)}, Now: epoch}))
		},
		"in its own": func(s *Store) error {
			return one(s.Post(background, Post{Requests: []ledger.Request{charge("c", 60)}, Now: epoch, Also: func(*Tx, []ledger.Result) error { return nil }}))
		},
		"in a change": func(s *Store) error {
			return s.Change(background, "p", func(tx *Tx) error { return one(tx.CarryOut(epoch, []ledger.Request{charge("c", 60)})) })
		},
		"of what it has not": func(s *Store) error {
			return one(s.Post(background, Post{Requests: []ledger.Request{charge("unknown", 1), charge("c", 60)}, Now: epoch}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			onShared(t, func(t *testing.T, here, there *Store) {
				watched(t, here, 100)
				for _, r := range []ledger.Request{charge("below", 60), credit("above", 60)} { // here remembers the book
					if got := post1(t, here, r); got.Err != nil {
						t.Fatal(got.Err)
					}
				}
				jobs, err := take(there)
				if err != nil || len(jobs) != 1 {
					t.Fatalf("%+v, %v", jobs, err)
				}
				var charged <-chan error
				err = topUp(there, jobs[0], func() {
					charged = running(func() error { return post(here) })
					if here.server != nil {
						awaitLock(t, here)
					} else {
						time.Sleep(10 * time.Millisecond) // it can do nothing before the end, which no one sees
					}
				})
				if err = errors.Join(err, within(t, "the charge", charged)); err != nil {
					t.Fatal(err)
				}
				job := read(t, here, func(tx *Tx) (Job, error) { return tx.Job(jobs[0].Key()) })
				if job.State != JobOpen || job.Round != 2 || job.Leased || !job.RunAt.Equal(epoch) {
					t.Errorf("the job is %+v", job)
				}
			})
		})
	}
}

// one returns the first error of some results.
func one(results []ledger.Result, err error) error {
	for _, r := range results {
		err = errors.Join(err, r.Err)
	}
	return err
}

func post1(t *testing.T, s *Store, r ledger.Request) ledger.Result {
	t.Helper()
	return post(t, s, r)[0]
}

// TestNoFallIsMissed has two stores charge one wallet while workers on both top it up,
// again and again: whenever nothing is to be done any more, it is not below its floor.
func TestNoFallIsMissed(t *testing.T) {
	turns := 150
	if testing.Short() {
		turns = 25
	}
	onShared(t, func(t *testing.T, here, there *Store) {
		watched(t, here, 100)
		both := []*Store{here, there}
		falls := int64(0)
		for turn := range turns {
			var errs sync.Map
			var spending atomic.Int64
			var all sync.WaitGroup
			for i, s := range both {
				spending.Add(1)
				all.Go(func() { // charges, of which some are refused
					defer spending.Add(-1)
					for n := range 6 {
						r := charge(fmt.Sprintf("charge %d-%d-%d", turn, i, n), int64(3+7*((turn+n)%3)))
						results, err := s.Post(background, Post{Requests: []ledger.Request{r}, Now: epoch})
						if err = one(results, err); err != nil && !errors.Is(err, ledger.ErrInsufficient) {
							errs.Store(err, i)
						}
					}
				})
				all.Go(func() { // a worker, until the charges are over and it finds nothing
					for last := false; ; {
						last = spending.Load() == 0
						jobs, err := takeIfAny(s)
						for _, job := range jobs {
							err = errors.Join(err, topUp(s, job, func() {}))
						}
						if err != nil {
							errs.Store(err, i)
						}
						if last && len(jobs) == 0 {
							return
						}
						if len(jobs) == 0 {
							time.Sleep(time.Millisecond)
						}
					}
				})
			}
			all.Wait()
			errs.Range(func(err, _ any) bool { t.Error(err); return true })
			pocket := read(t, here, func(tx *Tx) ([]ledger.Pocket, error) { return tx.Pockets("p", ledger.Main) })[0]
			job := read(t, here, func(tx *Tx) (Job, error) {
				job, err := tx.Job(JobKey{PortalID: "p", Kind: JobTopUp})
				if errors.Is(err, ErrNotFound) {
					err = nil
				}
				return job, err
			})
			if pocket.Below() || job.State == JobOpen {
				t.Fatalf("turn %d: %s of %s are there, and the job is %+v", turn, pocket.Balance, pocket.Floor, job)
			}
			falls = job.Round
		}
		if falls < int64(turns)/10 {
			t.Errorf("it fell only %d times", falls)
		}
		t.Logf("it fell %d times", falls)
		mustVerify(t, there)
	})
}

// TestNobodyIsToldOfWhatIsNotThere: a batch that fails leaves no job, and rings for none.
func TestNobodyIsToldOfWhatIsNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		watched(t, s, 100)
		for len(s.bell) > 0 {
			<-s.bell
		}
		undone := errors.New("undone")
		_, err := s.Post(t.Context(), Post{Requests: []ledger.Request{charge("c", 60)}, Now: epoch, Also: func(*Tx, []ledger.Result) error { return undone }})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		_, err = s.Post(t.Context(), Post{Requests: []ledger.Request{charge("d", 60), charge("e", 41)}, Now: epoch}) // the second is refused
		if err != nil {
			t.Fatal(err)
		}
		if len(s.bell) != 1 {
			t.Error("nobody is told of the charge that was carried out")
		}
		if job := read(t, s, func(tx *Tx) (Job, error) { return tx.Job(JobKey{PortalID: "p", Kind: JobTopUp}) }); job.Round != 1 {
			t.Errorf("the job is %+v", job)
		}
	})
}
