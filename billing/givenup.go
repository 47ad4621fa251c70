package billing

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// causeLookBack has a collection that was given up looked at again, in the transaction
// that gives it up: whoever asked for it may have been held up in the middle, and have
// the customer charged after that.
func causeLookBack(tx *store.Tx, c store.Collection) error {
	pause, _ := lookBackAfter(0)
	return tx.CauseJob(c.ClosedAt, store.Job{Kind: jobGivenUp, Subject: strconv.FormatInt(c.Number, 10), RunAt: c.ClosedAt.Add(pause)})
}

// lookBackAfter returns how long after a collection was given up it is looked at next,
// when that was so long ago; false when it was often enough.
func lookBackAfter(ago time.Duration) (after time.Duration, again bool) {
	for _, after = range [...]time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		if ago < after {
			return after, true
		}
	}
	return 0, false
}

// lookBack asks the provider about a collection that was given up: it may know of it by
// now. What it collected is the customer's.
func (s *Service) lookBack(ctx context.Context, r *run) error {
	if s.provider == nil {
		return ErrNoProvider
	}
	number, err := strconv.ParseInt(r.job.Subject, 10, 64)
	if err != nil {
		return hopeless{fmt.Errorf("subject: %w", err)}
	}
	var c store.Collection
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		c, err = tx.CollectionByNumber(r.job.PortalID, number)
		return err
	})
	if err != nil {
		return fromStore("read the collection", err)
	}
	if c.State != store.CollectionDeclined || c.Reason != abandoned {
		return nil // its end came to be known
	}
	answer, err := s.find(ctx, c)
	switch {
	case errors.Is(err, payment.ErrNotFound):
		after, again := lookBackAfter(s.now().Sub(c.ClosedAt))
		if !again {
			return nil
		}
		return r.lookAgain(ctx, c.ClosedAt.Add(after))
	case err != nil:
		return err
	case answer.State == payment.Settled:
		_, err = s.close(ctx, c, answer)
		return err
	case answer.State == payment.Pending:
		now := s.now()
		return r.lookAgain(ctx, now.Add(lookAfter(now.Sub(c.ClosedAt))))
	}
	return nil
}

// lookAgain leaves the job to be gone on with at a moment.
func (r *run) lookAgain(ctx context.Context, at time.Time) error {
	return r.change(ctx, func(tx *store.Tx, _ *trail) error { return r.end(tx, at, "") })
}
