package billing

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"time"

	"github.com/bursarhq/bursar/store"
)

// The kinds of jobs. A job is done by whoever claims it, again and again until it
// says that it is done: it looks at the facts and takes the next step, so that one
// that was left in the middle is gone on with wherever it was.
const (
	jobTopUp   = store.JobTopUp // refills the wallet of the portal, by its rule
	jobRunway  = "runway"       // looks from time to time for how long the wallet lasts
	jobDeliver = "deliver"      // sends events to a webhook, of no portal
	jobReplay  = "replay"       // sends some to it again
	jobNotice  = "notice"       // mails an event to who must know of it
	jobRenew   = "renew"        // does what there is to do when the period of a plan ends, whose id is the subject
	jobGivenUp = "given_up"     // looks again at a collection that was given up, whose number is the subject
	jobAdopt   = "adopt"        // has what portals had before there were renewals renewed
)

// jobKind is how jobs of a kind are done.
type jobKind struct {
	// attempts is how often it may fail in a row before it is dead.
	attempts int64
	do       func(ctx context.Context, r *run) error
}

func (s *Service) jobKind(name string) (jobKind, bool) {
	kind, ok := map[string]jobKind{
		jobTopUp:   {attempts: 30, do: s.runTopUp},
		jobRunway:  {attempts: 30, do: s.runRunway},
		jobDeliver: {attempts: 30, do: deliver},
		jobReplay:  {attempts: 30, do: replay},
		jobNotice:  {attempts: noticeAttempts, do: func(ctx context.Context, r *run) error { return r.mailNotice(ctx) }},
		jobRenew:   {attempts: 1 << 30, do: s.renew},
		jobGivenUp: {attempts: 200, do: s.lookBack},
		jobAdopt:   {attempts: 1 << 30, do: s.adopt},
	}[name]
	return kind, ok
}

// jobLease is how long a job is that of who claimed it: longer than a provider is
// waited for.
const jobLease = 2 * time.Minute

// run is one go at a job.
type run struct {
	service *Service
	job     store.Job // with the input that it is left with if it fails
	ended   bool
}

// change is a transaction on the job's portal, in which the job may be ended.
func (r *run) change(ctx context.Context, fn func(tx *store.Tx, t *trail) error) error {
	return r.service.change(ctx, r.job.PortalID, func(tx *store.Tx, t *trail) error {
		r.ended = false // it may be a second time
		return fn(tx, t)
	})
}

// end leaves the job, in a transaction: done with the zero Time, else to be gone on
// with at a moment. The input is kept if it is "".
func (r *run) end(tx *store.Tx, again time.Time, input string) error {
	r.ended = true
	return tx.EndJob(r.service.now(), r.job, store.JobEnd{RunAt: again, Input: input})
}

// hopeless is an error of a job that will be no other the next time.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// ClaimJobs takes jobs that are due, at most limit of them. Each is to be given to
// RunJob soon: others go on with it after two minutes.
func (s *Service) ClaimJobs(ctx context.Context, limit int) ([]store.Job, error) {
	jobs, err := s.store.ClaimJobs(ctx, s.now(), jobLease, limit)
	return jobs, fromStore("claim jobs", err)
}

// RunJob does a job that was claimed, as far as it goes now. What fails is written
// down with the job, to be tried again; the error is for the log. A job that somebody
// else has by now is theirs, and no error.
func (s *Service) RunJob(ctx context.Context, job store.Job) error {
	kind, ok := s.kinds(job.Kind)
	if !ok { // a newer Bursar shares the database
		return s.failJob(ctx, job, 1<<62, fmt.Errorf("no kind of job is called %q", job.Kind))
	}
	ctx = WithActor(ctx, Actor{Kind: ByBursar, ID: job.Kind})
	r := &run{service: s, job: job}
	err := guarded(func() error { return kind.do(ctx, r) })
	if err == nil && !r.ended {
		err = s.store.ChangeJobs(ctx, job.PortalID, func(tx *store.Tx) error { return r.end(tx, time.Time{}, "") })
	}
	switch {
	case err == nil, errors.Is(err, store.ErrLost):
		return nil
	case ctx.Err() != nil: // whoever ran it was stopped: the lease brings it back
		return nil
	}
	return s.failJob(ctx, r.job, kind.attempts, err)
}

// guarded returns a panic as an error, so that one job does not end them all.
func guarded(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return do()
}

// maxJobError bounds what is kept of an error, in bytes.
const maxJobError = 2000

func (s *Service) failJob(ctx context.Context, job store.Job, attempts int64, cause error) error {
	now := s.now()
	var never hopeless
	again := now.Add(jobPause(job))
	if job.Attempt+1 >= attempts || errors.As(cause, &never) {
		again = time.Time{}
	}
	text := cause.Error()
	err := s.store.ChangeJobs(ctx, job.PortalID, func(tx *store.Tx) error {
		return tx.FailJob(now, job, again, text[:min(len(text), maxJobError)])
	})
	if errors.Is(err, store.ErrLost) {
		return nil
	}
	if again.IsZero() {
		cause = fmt.Errorf("job %s %s of portal %q is dead: %w", job.Kind, job.Subject, job.PortalID, cause)
	} else {
		cause = fmt.Errorf("job %s %s of portal %q: %w", job.Kind, job.Subject, job.PortalID, cause)
	}
	return errors.Join(cause, err)
}

// The pauses between attempts at a job: doubled each time.
const (
	firstJobPause = 10 * time.Second
	maxJobPause   = time.Hour
)

// jobPause returns how long to wait after another failure of a job: longer each
// time, and not the same for all that fail together. It is drawn from which job and
// attempt it is, so that the same run is the same again.
func jobPause(job store.Job) time.Duration {
	pause := maxJobPause
	if job.Attempt < 9 {
		pause = min(pause, firstJobPause<<job.Attempt)
	}
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%s/%s/%s/%d", job.PortalID, job.Kind, job.Subject, job.Attempt)
	spread := pause / 2
	return pause - spread/2 + time.Duration(int64(spread)*int64(hash.Sum32()%1000)/1000)
}

// NextAt returns when the next job falls due, which may have been before now; false
// when there is none.
func (s *Service) NextAt(ctx context.Context) (at time.Time, ok bool, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		at, ok, err = tx.NextJobAt()
		return err
	})
	return at, ok, fromStore("look for the next job", err)
}

// JobsCaused receives a value after something was done here that may have caused a
// job or an event.
func (s *Service) JobsCaused() <-chan struct{} { return s.store.JobsCaused() }

// PlaceEvents gives events their places in the line of all, and returns how many. It
// has them be sent to webhooks.
func (s *Service) PlaceEvents(ctx context.Context) (int64, error) {
	placed, err := s.store.PlaceEvents(ctx, s.causeDeliveries)
	if placed > 0 && err == nil {
		s.line.placed()
	}
	return placed, fromStore("place events", err)
}

// MaxJobs is the highest limit of a page of jobs.
const MaxJobs = 1000

// Jobs returns up to limit jobs after one, by portal, kind and subject.
func (s *Service) Jobs(ctx context.Context, after store.JobKey, filter store.JobFilter, limit int) (all []store.Job, err error) {
	if limit < 1 || limit > MaxJobs {
		return nil, invalid("limit", "%d is not between 1 and %d", limit, MaxJobs)
	}
	switch filter.State {
	case "", store.JobOpen, store.JobDone, store.JobDead, store.JobCanceled:
	default:
		return nil, invalid("state", "%q is none of open, done, dead and canceled", filter.State)
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.JobsAfter(after, filter, limit)
		return err
	})
	return all, fromStore("list jobs", err)
}

// Job returns a job, or ErrNotFound.
func (s *Service) Job(ctx context.Context, key store.JobKey) (j store.Job, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		j, err = tx.Job(key)
		return err
	})
	return j, fromStore("job", err)
}

// RetryJob has a job that waits, is dead or was canceled done now. It fails with
// ErrNotFound when there is none such, or somebody is at it.
func (s *Service) RetryJob(ctx context.Context, key store.JobKey) error {
	return s.changeJob(ctx, key, JobRetried, (*store.Tx).RetryJob)
}

// CancelJob says that a job need not be done any more. It fails with ErrNotFound
// when there is none that is open or dead.
func (s *Service) CancelJob(ctx context.Context, key store.JobKey) error {
	return s.changeJob(ctx, key, JobCanceled, (*store.Tx).CancelJob)
}

func (s *Service) changeJob(ctx context.Context, key store.JobKey, action Action, do func(tx *store.Tx, now time.Time, kind, subject string) (bool, error)) error {
	err := s.store.ChangeJobs(ctx, key.PortalID, func(tx *store.Tx) error {
		return s.trace(ctx, tx, func(t *trail) error {
			before, err := tx.Job(key)
			if err != nil {
				return err
			}
			done, err := do(tx, s.now(), key.Kind, key.Subject)
			if err == nil && !done {
				err = store.ErrNotFound
			}
			if err != nil {
				return err
			}
			after, err := tx.Job(key)
			t.note(action, key.Kind+" "+key.Subject, notedJob(before), notedJob(after))
			return err
		})
	})
	return fromStore(fmt.Sprintf("job %s %s of portal %q", key.Kind, key.Subject, key.PortalID), err)
}

// jobNote is how the trail tells of a job.
type jobNote struct {
	State   string    `json:"state"`
	RunAt   time.Time `json:"runAt"`
	Round   int64     `json:"round"`
	Attempt int64     `json:"attempt"`
	Error   string    `json:"error,omitempty"`
}

func notedJob(j store.Job) jobNote {
	return jobNote{string(j.State), asKept(j.RunAt), j.Round, j.Attempt, j.Error}
}
