package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/wallet"
)

// A write that a fault stops before its end is not there; one that is reported lost
// after it, is.
func TestFaultsHappenAtTheirMoments(t *testing.T) {
	onEachConfig(t, func(t *testing.T, config Config) {
		var (
			asked []Moment
			stop  Moment
		)
		lost := errors.New("lost")
		config.Fault = func(m Moment) error {
			asked = append(asked, m)
			if m == stop {
				return lost
			}
			return nil
		}
		s := openWith(t, config)
		if err := s.CreatePortal(t.Context(), Portal{ID: "p", CreatedAt: epoch}, nil, func(*Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		inOne := s.server != nil // the poster's writes are one statement
		for n, moment := range []Moment{"", BeforeWrite, BeforeCommit, AfterCommit} {
			stop = moment
			key := fmt.Sprintf("k%d", n)
			for what, do := range map[string]func() error{
				"change": func() error {
					return s.Change(t.Context(), "p", func(tx *Tx) error { return tx.UpdatePortal(Portal{ID: "p", Name: key}) })
				},
				"post": func() error {
					_, err := s.Post(t.Context(), Post{Now: epoch, Requests: []ledger.Request{{
						Portal: "p", Key: key, Do: wallet.Goodwill(wallet.Payment{Amount: usd(1)}),
					}}})
					return err
				},
			} {
				asked = nil
				err := do()
				want := []Moment{BeforeWrite, BeforeCommit, AfterCommit}
				if what == "post" && inOne {
					want = []Moment{BeforeWrite, AfterCommit}
				}
				place := slices.Index(want, stop)
				if place >= 0 {
					want = want[:place+1]
				}
				if !slices.Equal(asked, want) || errors.Is(err, lost) != (place >= 0) {
					t.Errorf("%s that is stopped %q: %v at %q, want %q", what, stop, err, asked, want)
				}
				done := false
				if err := s.Read(t.Context(), func(tx *Tx) error {
					portal, err := tx.Portal("p")
					if err != nil {
						return err
					}
					made, err := tx.Done("p", key)
					done = what == "change" && portal.Name == key || what == "post" && made != nil
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if durable := place < 0 || stop == AfterCommit; done != durable {
					t.Errorf("%s that is stopped %q was done: %t", what, stop, done)
				}
			}
		}
	})
}

// Of a claim that was not kept, nobody gets a job: another one may have it by the same
// count of its fence.
func TestClaimThatIsLostHasNoJobs(t *testing.T) {
	onEachConfig(t, func(t *testing.T, config Config) {
		var stop Moment
		lost := errors.New("lost")
		config.Fault = func(m Moment) error {
			if m == stop {
				return lost
			}
			return nil
		}
		s := openWith(t, config)
		cause := func(tx *Tx) error { return tx.CauseJob(epoch, Job{Kind: "k", RunAt: epoch}) }
		if err := s.ChangeJobs(t.Context(), "", cause); err != nil {
			t.Fatal(err)
		}
		for _, stop = range []Moment{BeforeWrite, BeforeCommit, AfterCommit} {
			if jobs, err := s.ClaimJobs(t.Context(), epoch, time.Minute, 10); len(jobs) != 0 || !errors.Is(err, lost) {
				t.Errorf("stopped %q: %+v, %v", stop, jobs, err)
			}
		}
		stop = ""
		if jobs, err := s.ClaimJobs(t.Context(), epoch, time.Minute, 10); len(jobs) != 0 || err != nil {
			t.Errorf("the last one was kept: %+v, %v", jobs, err)
		}
		if jobs, err := s.ClaimJobs(t.Context(), epoch.Add(time.Minute), time.Minute, 10); len(jobs) != 1 || jobs[0].Fence != 2 || err != nil {
			t.Errorf("when the lease of the one that was kept is over: %+v, %v", jobs, err)
		}
	})
}
