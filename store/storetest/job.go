package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

// lease is how long jobs are claimed for here.
const lease = time.Minute

// onJobs is a transaction on the jobs of portal p.
func onJobs(t *testing.T, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.ChangeJobs(t.Context(), "p", fn); err != nil {
		t.Fatalf("ChangeJobs: %v", err)
	}
}

func claim(t *testing.T, s *store.Store, now time.Time, limit int) []store.Job {
	t.Helper()
	jobs, err := s.ClaimJobs(t.Context(), now, lease, limit)
	if err != nil {
		t.Fatalf("ClaimJobs: %v", err)
	}
	return jobs
}

// claimOne claims the only job that is due.
func claimOne(t *testing.T, s *store.Store, now time.Time) store.Job {
	t.Helper()
	jobs := claim(t, s, now, 10)
	if len(jobs) != 1 {
		t.Fatalf("%d jobs are due, want 1: %+v", len(jobs), jobs)
	}
	return jobs[0]
}

func jobOf(t *testing.T, s *store.Store, kind, subject string) (j store.Job) {
	t.Helper()
	read(t, s, func(tx *store.Tx) (err error) {
		j, err = tx.Job(store.JobKey{PortalID: "p", Kind: kind, Subject: subject})
		return err
	})
	return j
}

// jobsAreCaused causes, revives and hastens one job.
func jobsAreCaused(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	cause := func(now time.Time, j store.Job) store.Job {
		j.Kind, j.Subject = "renew", "9"
		change(t, s, "p", func(tx *store.Tx) error { return tx.CauseJob(now, j) })
		return jobOf(t, s, "renew", "9")
	}
	want := store.Job{
		PortalID: "p", Kind: "renew", Subject: "9", State: store.JobOpen,
		RunAt: at(10), Round: 1, Input: "{}", CausedAt: at(0), ChangedAt: at(0),
	}
	diff(t, "caused", cause(at(0), store.Job{RunAt: at(10), Input: "{}"}), want)
	diff(t, "caused for later", cause(at(1), store.Job{RunAt: at(20), Input: "other"}), want)
	want.RunAt, want.ChangedAt = at(5), at(2)
	diff(t, "caused for earlier", cause(at(2), store.Job{RunAt: at(5), Input: "other"}), want)

	job := claimOne(t, s, at(5))
	want.RunAt, want.ChangedAt, want.Leased, want.Fence = at(6), at(5), true, 1
	diff(t, "claimed", job, want)

	onJobs(t, s, func(tx *store.Tx) error { return tx.FailJob(at(5), job, at(30), "no luck") })
	want.RunAt, want.Leased, want.Attempt, want.Error = at(30), false, 1, "no luck"
	diff(t, "failed", jobOf(t, s, "renew", "9"), want)
	diff(t, "one that failed is caused", cause(at(6), store.Job{RunAt: at(6)}), want)

	onJobs(t, s, func(tx *store.Tx) error { return tx.HastenJobs(at(7), "renew", "8") })
	onJobs(t, s, func(tx *store.Tx) error { return tx.HastenJobs(at(7), "top_up", "") })
	diff(t, "others are hastened", jobOf(t, s, "renew", "9"), want)
	onJobs(t, s, func(tx *store.Tx) error { return tx.HastenJobs(at(7), "renew", "") })
	want.RunAt, want.ChangedAt = at(7), at(7)
	diff(t, "all of its kind are hastened", jobOf(t, s, "renew", "9"), want)
	onJobs(t, s, func(tx *store.Tx) error { return tx.HastenJobs(at(8), "renew", "9") })
	diff(t, "one that is due is hastened", jobOf(t, s, "renew", "9"), want)

	job = claimOne(t, s, at(8))
	onJobs(t, s, func(tx *store.Tx) error {
		return tx.EndJob(at(8), job, store.JobEnd{RunAt: at(9), Input: "half"})
	})
	want.RunAt, want.ChangedAt, want.Fence, want.Attempt, want.Error, want.Input = at(9), at(8), 2, 0, "", "half"
	diff(t, "gone on with later", jobOf(t, s, "renew", "9"), want)
	job = claimOne(t, s, at(9))
	onJobs(t, s, func(tx *store.Tx) error { return tx.EndJob(at(9), job, store.JobEnd{}) })
	if got := jobOf(t, s, "renew", "9"); got.State != store.JobDone || got.Leased || got.Input != "half" {
		t.Errorf("done: %+v", got)
	}
	onJobs(t, s, func(tx *store.Tx) error { return tx.HastenJobs(at(9), "renew", "9") })
	if late := claim(t, s, at(1000), 10); len(late) != 0 {
		t.Errorf("what is done is claimed: %+v", late)
	}
	want = store.Job{
		PortalID: "p", Kind: "renew", Subject: "9", State: store.JobOpen,
		RunAt: at(40), Fence: 3, Round: 2, Input: "next", CausedAt: at(31), ChangedAt: at(31),
	}
	diff(t, "revived", cause(at(31), store.Job{RunAt: at(40), Input: "next"}), want)
}

// jobsAreScheduled takes jobs from whoever has them, cancels and retries them.
func jobsAreScheduled(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	schedule := func(now, run time.Time, input string) {
		t.Helper()
		onJobs(t, s, func(tx *store.Tx) error {
			return tx.ScheduleJob(now, store.Job{Kind: "k", RunAt: run, Input: input})
		})
	}
	lost := func(what string, job store.Job) {
		t.Helper()
		for _, end := range []func(tx *store.Tx) error{
			func(tx *store.Tx) error { return tx.EndJob(at(3), job, store.JobEnd{}) },
			func(tx *store.Tx) error { return tx.FailJob(at(3), job, at(4), "late") },
			func(tx *store.Tx) error { return tx.FailJob(at(3), job, time.Time{}, "late") },
		} {
			before := jobOf(t, s, "k", "")
			mustBe(t, what, s.ChangeJobs(t.Context(), "p", end), store.ErrLost)
			diff(t, what, jobOf(t, s, "k", ""), before)
		}
	}
	can := func(do func(*store.Tx, time.Time, string, string) (bool, error)) (done bool) {
		onJobs(t, s, func(tx *store.Tx) (err error) { done, err = do(tx, at(3), "k", ""); return err })
		return done
	}
	cancel, retry := (*store.Tx).CancelJob, (*store.Tx).RetryJob

	if can(cancel) || can(retry) {
		t.Error("a job that is not there is canceled, or tried again")
	}
	schedule(at(0), at(2), "one")
	job := claimOne(t, s, at(2))
	if can(retry) {
		t.Error("one that somebody is at is tried again")
	}
	schedule(at(2), at(1), "two")
	lost("scheduled meanwhile", job)
	job = claimOne(t, s, at(2))
	if job.Input != "two" || job.Round != 1 || job.Fence != 3 {
		t.Errorf("scheduled meanwhile: %+v", job)
	}
	if !can(cancel) || can(cancel) {
		t.Error("one that is open is canceled once")
	}
	lost("canceled meanwhile", job)
	if jobs := claim(t, s, at(1000), 10); len(jobs) != 0 {
		t.Errorf("canceled, and claimed: %+v", jobs)
	}
	if !can(retry) {
		t.Error("one that was canceled is not tried again")
	}
	job = claimOne(t, s, at(3))
	onJobs(t, s, func(tx *store.Tx) error { return tx.FailJob(at(3), job, time.Time{}, "dead") })
	dead := jobOf(t, s, "k", "")
	if dead.State != store.JobDead || dead.Attempt != 1 || dead.Error != "dead" || dead.Leased {
		t.Errorf("dead: %+v", dead)
	}
	if !can(retry) {
		t.Error("one that is dead is not tried again")
	}
	job = claimOne(t, s, at(3))
	if job.Attempt != 0 || job.Round != 1 {
		t.Errorf("tried again: %+v", job)
	}
	onJobs(t, s, func(tx *store.Tx) error { return tx.EndJob(at(3), job, store.JobEnd{}) })
	lost("ended already", job)
	if can(retry) || can(cancel) {
		t.Error("what is done is tried again, or canceled")
	}
	schedule(at(4), at(4), "three")
	if job = claimOne(t, s, at(4)); job.Round != 2 || job.Input != "three" {
		t.Errorf("scheduled after its end: %+v", job)
	}
}

// jobsAreListed pages through jobs.
func jobsAreListed(t *testing.T, s *store.Store) {
	var want []store.JobKey
	for _, portal := range []string{"", "p", "q"} {
		if err := s.ChangeJobs(t.Context(), portal, func(tx *store.Tx) error {
			for i := range 6 {
				key := store.JobKey{PortalID: portal, Kind: []string{"notice", "renew"}[i%2], Subject: fmt.Sprintf("%d:x", i)}
				want = append(want, key)
				if err := tx.CauseJob(epoch, store.Job{Kind: key.Kind, Subject: key.Subject, RunAt: epoch}); err != nil {
					return err
				}
				if i < 2 {
					if _, err := tx.CancelJob(epoch, key.Kind, key.Subject); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(want, func(a, b store.JobKey) int {
		return cmp.Or(cmp.Compare(a.PortalID, b.PortalID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	for _, filter := range []store.JobFilter{
		{AllPortals: true}, {PortalID: "p"}, {PortalID: ""}, {AllPortals: true, Kind: "renew"},
		{AllPortals: true, State: store.JobCanceled}, {PortalID: "q", Kind: "notice", State: store.JobOpen}, {PortalID: "nobody"},
	} {
		var kept []store.JobKey
		for _, key := range want {
			state := store.JobOpen
			if key.Subject < "2" {
				state = store.JobCanceled
			}
			if (filter.AllPortals || key.PortalID == filter.PortalID) && (filter.Kind == "" || key.Kind == filter.Kind) && (filter.State == "" || filter.State == state) {
				kept = append(kept, key)
			}
		}
		for limit := 1; limit < 20; limit += 3 {
			var got []store.JobKey
			var after store.JobKey
			for {
				var page []store.Job
				read(t, s, func(tx *store.Tx) (err error) { page, err = tx.JobsAfter(after, filter, limit); return err })
				for i := range page {
					after = page[i].Key()
					got = append(got, after)
				}
				if len(page) < limit {
					break
				}
			}
			diff(t, fmt.Sprintf("%+v by %d", filter, limit), got, kept)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		_, err := tx.Job(store.JobKey{PortalID: "p", Kind: "renew", Subject: "none"})
		mustBe(t, "a job that is not there", err, store.ErrNotFound)
		return nil
	})
}

// jobsRing tells this process of what it committed, and of nothing that it did not.
func jobsRing(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	rung := func() bool {
		select {
		case <-s.JobsCaused():
			return true
		default:
			return false
		}
	}
	job := store.Job{Kind: "k", RunAt: epoch}
	if rung() {
		t.Error("it rings before anything is caused")
	}
	mustBe(t, "a change that fails", s.Change(t.Context(), "p", func(tx *store.Tx) error {
		if err := tx.CauseJob(epoch, job); err != nil {
			return err
		}
		return errOwn
	}), errOwn)
	change(t, s, "p", func(*store.Tx) error { return nil })
	if rung() {
		t.Error("it rings for what was not committed, or causes nothing")
	}
	for range 3 { // nobody listens, and nobody waits
		change(t, s, "p", func(tx *store.Tx) error { return tx.CauseJob(epoch, job) })
	}
	if !rung() || rung() {
		t.Error("it does not ring once for all that was caused")
	}
	claimed := claimOne(t, s, epoch)
	onJobs(t, s, func(tx *store.Tx) error { return tx.EndJob(epoch, claimed, store.JobEnd{}) })
	if rung() {
		t.Error("it rings for a job that is done")
	}
	change(t, s, "p", func(tx *store.Tx) error {
		_, err := tx.AppendEvent(store.Event{Type: "t", At: epoch, Data: "{}"})
		return err
	})
	if !rung() {
		t.Error("it does not ring for an event")
	}
}
