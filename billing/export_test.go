package billing

import (
	"context"
	"time"

	"github.com/bursarhq/bursar/store"
)

// JobLease is how long a job is that of who claimed it.
const JobLease = jobLease

// Run is one go at a job.
type Run struct{ *run }

// Job returns the job as it was claimed.
func (r Run) Job() store.Job { return r.job }

// End leaves the job in a transaction of its own.
func (r Run) End(ctx context.Context, again time.Time) error {
	return r.service.store.ChangeJobs(ctx, r.job.PortalID, func(tx *store.Tx) error { return r.end(tx, again, "") })
}

// Hopeless returns an error that will be no other the next time.
func Hopeless(err error) error { return hopeless{err} }

// AddJobKind adds a kind of jobs. It is called before any are done.
func (s *Service) AddJobKind(name string, attempts int64, do func(ctx context.Context, r Run) error) {
	kinds := s.kinds
	s.kinds = func(asked string) (jobKind, bool) {
		if asked == name {
			return jobKind{attempts: attempts, do: func(ctx context.Context, r *run) error { return do(ctx, Run{r}) }}, true
		}
		return kinds(asked)
	}
}
