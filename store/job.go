package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrLost says that somebody else has a job by now: its lease was over, or it was
// scheduled anew.
var ErrLost = errors.New("the job is somebody else's")

// JobTopUp is the kind of the job that a wallet causes which falls below its floor; it
// has no subject.
const JobTopUp = "top_up"

// JobState is whether a job is still to be done.
type JobState string

const (
	JobOpen     JobState = "open"
	JobDone     JobState = "done"
	JobDead     JobState = "dead"     // it failed too often, or can't be done
	JobCanceled JobState = "canceled" // it need not be done any more
)

// Job is something to be done when nobody calls. There is one for each portal, kind
// and subject: one that is caused again after it ended begins a new round.
type Job struct {
	// PortalID is "" for what concerns no portal, Subject "" where there is but one
	// of the kind.
	PortalID, Kind, Subject string
	State                   JobState
	// RunAt is the moment before which nobody takes it. Of a leased job it is when
	// the lease ends.
	RunAt time.Time
	// Leased says that somebody is at it.
	Leased bool
	// Fence counts how often it was taken: only who took it last may end it.
	Fence int64
	// Round counts how often it was caused, from 1.
	Round int64
	// Attempt counts its failures in a row.
	Attempt int64
	// Input is JSON, or "".
	Input string
	// Error is the last failure's since it went well; "" for none.
	Error string
	// CausedAt is when the round began, ChangedAt when the row was last written.
	CausedAt, ChangedAt time.Time
}

// JobKey says which job one is.
type JobKey struct{ PortalID, Kind, Subject string }

// Key returns which job it is.
func (j *Job) Key() JobKey { return JobKey{j.PortalID, j.Kind, j.Subject} }

// CauseJob has a job of the transaction's portal done: one that is not there, or
// has ended, begins a new round. One that is open stays as it is, except that it
// comes earlier if it would be later, is at nobody's, and did not fail. The moment
// is now's; the job's own RunAt may be later.
func (tx *Tx) CauseJob(now time.Time, j Job) error { return tx.causeJob(now, tx.portal, j) }

func (tx *Tx) causeJob(now time.Time, portalID string, j Job) error {
	tx.caused = true
	_, err := tx.exec(`
		INSERT INTO job (portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at)
		VALUES ($1, $2, $3, 'open', $4, 0, 0, 1, 0, $5, '', $6, $6)`+causedAgain,
		portalID, j.Kind, j.Subject, j.RunAt.UnixMicro(), j.Input, now.UnixMicro())
	return err
}

// causedAgain ends an INSERT of jobs that are caused, as CauseJob says.
const causedAgain = `
		ON CONFLICT (portal_id, kind, subject) DO UPDATE
		   SET state = 'open',
		       run_at = excluded.run_at,
		       leased = 0,
		       round = CASE WHEN job.state = 'open' THEN job.round ELSE job.round + 1 END,
		       attempt = 0,
		       input = CASE WHEN job.state = 'open' THEN job.input ELSE excluded.input END,
		       error = CASE WHEN job.state = 'open' THEN job.error ELSE '' END,
		       caused_at = CASE WHEN job.state = 'open' THEN job.caused_at ELSE excluded.caused_at END,
		       changed_at = excluded.changed_at
		 WHERE job.state <> 'open'
		    OR job.leased = 0 AND job.attempt = 0 AND job.run_at > excluded.run_at`

// ScheduleJob has a job of the transaction's portal done at its RunAt, with its
// Input, however it stood before. Whoever is at it has lost it.
func (tx *Tx) ScheduleJob(now time.Time, j Job) error {
	tx.caused = true
	return tx.one(`
		INSERT INTO job (portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at)
		VALUES ($1, $2, $3, 'open', $4, 0, 0, 1, 0, $5, '', $6, $6)
		ON CONFLICT (portal_id, kind, subject) DO UPDATE
		   SET state = 'open',
		       run_at = excluded.run_at,
		       leased = 0,
		       fence = job.fence + 1,
		       round = job.round + CASE WHEN job.state = 'open' THEN 0 ELSE 1 END,
		       attempt = 0,
		       input = excluded.input,
		       error = '',
		       caused_at = excluded.caused_at,
		       changed_at = excluded.changed_at`,
		tx.portal, j.Kind, j.Subject, j.RunAt.UnixMicro(), j.Input, now.UnixMicro())
}

// HastenJobs has open jobs of the transaction's portal, of a kind and about a
// subject, "" meaning all of the kind, done now that would be done later. Those that
// somebody is at stay as they are.
func (tx *Tx) HastenJobs(now time.Time, kind, subject string) error {
	tx.caused = true
	_, err := tx.exec(`
		UPDATE job
		   SET run_at = $4,
		       changed_at = $4
		 WHERE portal_id = $1
		   AND kind = $2
		   AND ($3 = '' OR subject = $3)
		   AND state = 'open'
		   AND leased = 0
		   AND run_at > $4`, tx.portal, kind, subject, now.UnixMicro())
	return err
}

// CancelJob says that a job of the transaction's portal need not be done any more.
// Whoever is at it has lost it. It reports whether there was one to cancel: one that
// is open or dead.
func (tx *Tx) CancelJob(now time.Time, kind, subject string) (bool, error) {
	changed, err := tx.exec(`
		UPDATE job
		   SET state = 'canceled',
		       leased = 0,
		       fence = fence + 1,
		       changed_at = $4
		 WHERE portal_id = $1
		   AND kind = $2
		   AND subject = $3
		   AND state IN ('open', 'dead')`, tx.portal, kind, subject, now.UnixMicro())
	return changed == 1, err
}

// RetryJob has a job of the transaction's portal done now that is waiting, dead or
// canceled. It reports whether there was one.
func (tx *Tx) RetryJob(now time.Time, kind, subject string) (bool, error) {
	tx.caused = true
	changed, err := tx.exec(`
		UPDATE job
		   SET state = 'open',
		       run_at = $4,
		       attempt = 0,
		       changed_at = $4
		 WHERE portal_id = $1
		   AND kind = $2
		   AND subject = $3
		   AND state <> 'done'
		   AND leased = 0`, tx.portal, kind, subject, now.UnixMicro())
	return changed == 1, err
}

// JobEnd is how somebody who took a job leaves it.
type JobEnd struct {
	// RunAt is when it is gone on with; the zero Time means that it is done.
	RunAt time.Time
	// Input replaces the job's; "" leaves it.
	Input string
}

// EndJob leaves a job that was taken, as a part of the transaction in which it was
// done. It fails with ErrLost, and the transaction should, when somebody else has it.
func (tx *Tx) EndJob(now time.Time, j Job, end JobEnd) error {
	tx.caused = tx.caused || !end.RunAt.IsZero()
	state := JobDone
	if !end.RunAt.IsZero() {
		state, j.RunAt = JobOpen, end.RunAt
	}
	if end.Input != "" {
		j.Input = end.Input
	}
	return tx.leave(now, j, state, 0, "")
}

// FailJob leaves a job that was taken and could not be done: it is tried again at a
// moment, or is dead if that is the zero Time. It fails with ErrLost when somebody
// else has it.
func (tx *Tx) FailJob(now time.Time, j Job, again time.Time, why string) error {
	tx.caused = true
	state := JobDead
	if !again.IsZero() {
		state, j.RunAt = JobOpen, again
	}
	return tx.leave(now, j, state, j.Attempt+1, why)
}

// NoteJob replaces the input of a job that was taken, and leaves it with who took it.
// It fails with ErrLost when somebody else has it.
func (tx *Tx) NoteJob(now time.Time, j Job, input string) error {
	changed, err := tx.exec(`
		UPDATE job
		   SET input = $5,
		       changed_at = $6
		 WHERE portal_id = $1
		   AND kind = $2
		   AND subject = $3
		   AND fence = $4
		   AND leased = 1`,
		j.PortalID, j.Kind, j.Subject, j.Fence, input, now.UnixMicro())
	if err == nil && changed == 0 {
		err = fmt.Errorf("job %s %s of portal %q: %w", j.Kind, j.Subject, j.PortalID, ErrLost)
	}
	return err
}

func (tx *Tx) leave(now time.Time, j Job, state JobState, attempt int64, why string) error {
	changed, err := tx.exec(`
		UPDATE job
		   SET state = $5,
		       run_at = $6,
		       leased = 0,
		       attempt = $7,
		       input = $8,
		       error = $9,
		       changed_at = $10
		 WHERE portal_id = $1
		   AND kind = $2
		   AND subject = $3
		   AND fence = $4
		   AND leased = 1`,
		j.PortalID, j.Kind, j.Subject, j.Fence, string(state), j.RunAt.UnixMicro(), attempt, j.Input, why, now.UnixMicro())
	if err == nil && changed == 0 {
		err = fmt.Errorf("job %s %s of portal %q: %w", j.Kind, j.Subject, j.PortalID, ErrLost)
	}
	return err
}

const jobColumns = `portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at`

// ClaimJobs takes jobs that are due, of any portals, at most limit: those that have
// waited longest, sorted by portal, kind and subject. They are the caller's until the
// lease is over. Several may claim at once: nobody is given what another one has.
func (s *Store) ClaimJobs(ctx context.Context, now time.Time, lease time.Duration, limit int) (all []Job, err error) {
	err = s.aside(ctx, "", func(tx *Tx) error {
		all, err = tx.jobs(`
			WITH due AS MATERIALIZED (
			  SELECT portal_id, kind, subject
			    FROM job
			   WHERE state = 'open'
			     AND run_at <= $1
			   ORDER BY run_at, portal_id, kind, subject
			   LIMIT $3 `+s.skipLocked+`
			)
			UPDATE job
			   SET leased = 1,
			       fence = fence + 1,
			       run_at = $2,
			       changed_at = $1
			  FROM due
			 WHERE job.portal_id = due.portal_id
			   AND job.kind = due.kind
			   AND job.subject = due.subject
			   AND job.state = 'open'
			   AND job.run_at <= $1
			RETURNING job.portal_id, job.kind, job.subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at`,
			now.UnixMicro(), now.Add(lease).UnixMicro(), limit)
		return err
	})
	if err != nil {
		return nil, err // not one of them is the caller's: the claim was not kept
	}
	slices.SortFunc(all, func(a, b Job) int {
		return cmp.Or(cmp.Compare(a.PortalID, b.PortalID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return all, nil
}

// ChangeJobs is a transaction on jobs that concern no portal, or on jobs alone: it
// does not count any portal's version up.
func (s *Store) ChangeJobs(ctx context.Context, portalID string, fn func(*Tx) error) error {
	return s.aside(ctx, portalID, fn)
}

// NextJobAt returns when the next open job is due, which may have passed; false if
// there is none.
func (tx *Tx) NextJobAt() (time.Time, bool, error) {
	var at sql.NullInt64
	err := tx.row(`
		SELECT min(run_at)
		  FROM job
		 WHERE state = 'open'`, nil, &at)
	return fromMicros(at), at.Valid, err
}

// Job returns a job, or ErrNotFound.
func (tx *Tx) Job(key JobKey) (Job, error) {
	all, err := tx.jobs(`
		SELECT `+jobColumns+`
		  FROM job
		 WHERE portal_id = $1
		   AND kind = $2
		   AND subject = $3`, key.PortalID, key.Kind, key.Subject)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("job %s %s of portal %q: %w", key.Kind, key.Subject, key.PortalID, ErrNotFound)
	}
	if err != nil {
		return Job{}, err
	}
	return all[0], nil
}

// JobFilter says which jobs are listed; what is "" does not matter.
type JobFilter struct {
	PortalID string
	// AllPortals says that PortalID does not matter.
	AllPortals bool
	Kind       string
	State      JobState
}

// JobsAfter returns up to limit jobs after one, by portal, kind and subject.
func (tx *Tx) JobsAfter(after JobKey, filter JobFilter, limit int) ([]Job, error) {
	return tx.jobs(`
		SELECT `+jobColumns+`
		  FROM job
		 WHERE (portal_id, kind, subject) > ($1, $2, $3)
		   AND ($4 = 1 OR portal_id = $5)
		   AND ($6 = '' OR kind = $6)
		   AND ($7 = '' OR state = $7)
		 ORDER BY portal_id, kind, subject
		 LIMIT $8`,
		after.PortalID, after.Kind, after.Subject, flag(filter.AllPortals), filter.PortalID, filter.Kind, string(filter.State), limit)
}

func (tx *Tx) jobs(query string, args ...any) (all []Job, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		var (
			j                   Job
			leased              int
			run, caused, change sql.NullInt64
		)
		err := scan(&j.PortalID, &j.Kind, &j.Subject, &j.State, &run, &leased, &j.Fence, &j.Round, &j.Attempt, &j.Input, &j.Error, &caused, &change)
		j.Leased = leased == 1
		j.RunAt, j.CausedAt, j.ChangedAt = fromMicros(run), fromMicros(caused), fromMicros(change)
		all = append(all, j)
		return err
	})
	return all, err
}

// JobsCaused receives a value after this process committed something that is to be
// done. What others commit, and what falls due by time, has to be looked for.
func (s *Store) JobsCaused() <-chan struct{} { return s.bell }

// ringJobs tells whoever waits that there may be a job. It does not wait.
func (s *Store) ringJobs() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}
