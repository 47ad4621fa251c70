package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

// jobsAreClaimed looks at order, limits and leases.
func jobsAreClaimed(t *testing.T, s *store.Store) {
	const all = 7
	next := func() (at time.Time, ok bool) {
		read(t, s, func(tx *store.Tx) (err error) { at, ok, err = tx.NextJobAt(); return err })
		return at, ok
	}
	if at, ok := next(); ok {
		t.Errorf("there is no job, and the next is due at %s", at)
	}
	onJobs(t, s, func(tx *store.Tx) error {
		for i := range all { // the later ones have waited longer
			job := store.Job{Kind: "k", Subject: fmt.Sprint(i), RunAt: epoch.Add(-time.Duration(i) * time.Second)}
			if err := tx.CauseJob(epoch, job); err != nil {
				return err
			}
		}
		return nil
	})
	if at, ok := next(); !ok || !at.Equal(epoch.Add(-(all-1)*time.Second)) {
		t.Errorf("the next is due at %s, %t", at, ok)
	}
	if jobs := claim(t, s, epoch.Add(-time.Hour), 10); len(jobs) != 0 {
		t.Errorf("claimed before they are due: %+v", jobs)
	}
	if jobs := claim(t, s, epoch, 0); len(jobs) != 0 {
		t.Errorf("claimed none: %+v", jobs)
	}
	subjects := func(jobs []store.Job) (names []string) {
		for _, j := range jobs {
			names = append(names, j.Subject)
		}
		return names
	}
	diff(t, "those that have waited longest", subjects(claim(t, s, epoch, 3)), []string{"4", "5", "6"})
	diff(t, "those that had waited for the last but one second", subjects(claim(t, s, epoch.Add(-2*time.Second), 3)), []string{"2", "3"})
	first := claim(t, s, epoch, 10)
	diff(t, "the rest", subjects(first), []string{"0", "1"})
	if jobs := claim(t, s, epoch, 10); len(jobs) != 0 {
		t.Errorf("claimed twice: %+v", jobs)
	}
	if at, ok := next(); !ok || !at.Equal(epoch.Add(lease-2*time.Second)) {
		t.Errorf("the next is due at %s, %t: the first lease ends then", at, ok)
	}
	// Who was slow has lost them, when somebody else has taken them; and not before.
	onJobs(t, s, func(tx *store.Tx) error { return tx.EndJob(epoch.Add(time.Hour), first[0], store.JobEnd{}) })
	second := claim(t, s, epoch.Add(lease), 10)
	if len(second) != all-1 {
		t.Errorf("%d leases are over, want %d", len(second), all-1)
	}
	for _, j := range second {
		if j.Fence != 2 || !j.Leased {
			t.Errorf("claimed after another: %+v", j)
		}
	}
	mustBe(t, "the slow one's end", s.ChangeJobs(t.Context(), "p", func(tx *store.Tx) error {
		return tx.EndJob(epoch.Add(lease), first[1], store.JobEnd{})
	}), store.ErrLost)
	for _, j := range second {
		onJobs(t, s, func(tx *store.Tx) error { return tx.EndJob(epoch.Add(lease), j, store.JobEnd{}) })
	}
	if at, ok := next(); ok {
		t.Errorf("all is done, and the next is due at %s", at)
	}
}

// jobsAreShared has four who claim at once, some of them after a lease, on two
// stores: every job is done by exactly one.
func jobsAreShared(t *testing.T, db Database) {
	stores := []*store.Store{db.open(t), db.open(t)}
	const all = 2000
	onJobs(t, stores[0], func(tx *store.Tx) error {
		for i := range all {
			if err := tx.CauseJob(epoch, store.Job{Kind: "k", Subject: fmt.Sprint(i), RunAt: epoch}); err != nil {
				return err
			}
		}
		return nil
	})
	var (
		mu    sync.Mutex
		takes = map[string]int{}
		done  []<-chan error
	)
	for i := range 4 {
		s := stores[i%2]
		done = append(done, running(func() error {
			for {
				jobs, err := s.ClaimJobs(background, epoch, lease, 50)
				if err != nil || len(jobs) == 0 {
					return err
				}
				mu.Lock()
				for _, j := range jobs {
					takes[j.Subject]++
				}
				mu.Unlock()
				if err := s.ChangeJobs(background, "p", func(tx *store.Tx) error {
					for _, j := range jobs {
						if err := tx.EndJob(epoch, j, store.JobEnd{}); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					return err
				}
			}
		}))
	}
	for i := range done {
		if err := within(t, "a worker", done[i]); err != nil {
			t.Error(err)
		}
	}
	// One that found everything locked by others went home early; nothing is left.
	if left := claim(t, stores[1], epoch.Add(time.Hour), all); len(left) != 0 {
		t.Errorf("%d jobs are left", len(left))
	}
	for subject, n := range takes {
		if n != 1 {
			t.Errorf("job %s was given to %d", subject, n)
		}
	}
	if len(takes) != all {
		t.Errorf("%d jobs were done, want %d", len(takes), all)
	}
}
