package billing

import (
	"context"
	"errors"
	"time"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// Reconcile asks the provider about collections whose outcome is not known, all
// of those that nobody waits for any more. It returns how many it brought to an
// end. Pages that customers may be paying at are looked after too, though less
// often: what was paid there counts even if the provider could not tell. So are
// refunds that the provider has not decided.
func (s *Service) Reconcile(ctx context.Context) (ended int, err error) {
	if s.provider == nil {
		return 0, nil
	}
	after := ""
	for {
		var some []store.Collection
		err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			some, err = tx.OpenCollections(s.now().Add(-abandonAfter), after, 100)
			return err
		})
		if err != nil {
			return ended, fromStore("look for open collections", err)
		}
		if len(some) == 0 {
			pages, err := s.reconcilePages(ctx)
			if ended += pages; err != nil {
				return ended, err
			}
			refunds, err := s.reconcileRefunds(ctx)
			return ended + refunds, err
		}
		for _, c := range some {
			after = c.PortalID
			switch _, err := s.resolve(ctx, c, !c.Automatic); {
			case err == nil, errors.Is(err, ErrDeclined):
				ended++
			case ctx.Err() != nil:
				return ended, ctx.Err()
			}
		}
	}
}

// pageAgain is how often a page is asked about that nobody told anything of.
const pageAgain = 10 * time.Minute

// reconcilePages asks the provider about pages, and returns how many came to an end.
func (s *Service) reconcilePages(ctx context.Context) (ended int, err error) {
	var after store.Collection
	for {
		var some []store.Collection
		err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			some, err = tx.OpenPages(s.now().Add(-pageAgain), after, 100)
			return err
		})
		if err != nil || len(some) == 0 {
			return ended, fromStore("look for open pages", err)
		}
		for _, after = range some {
			switch err := s.lookAtPage(ctx, after); {
			case err == nil, errors.Is(err, ErrDeclined):
				ended++
			case ctx.Err() != nil:
				return ended, ctx.Err()
			}
		}
	}
}

// lookAtPage writes down what came of a page. One that the provider never heard of
// has reached nobody.
func (s *Service) lookAtPage(ctx context.Context, c store.Collection) error {
	answer, err := s.find(ctx, c)
	if errors.Is(err, payment.ErrNotFound) {
		answer, err = payment.Outcome{State: payment.Declined, Reason: abandoned}, nil
	}
	if err != nil {
		return err
	}
	_, err = s.close(ctx, c, answer)
	return err
}
