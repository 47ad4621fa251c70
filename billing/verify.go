package billing

import (
	"context"
	"errors"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// Verify checks every law of the ledger over all portals; see store.Verify. It
// fails with a *ledger.Break at the first thing that is wrong.
func (s *Service) Verify(ctx context.Context, in store.Verification) (store.Verified, []ledger.Sum, error) {
	verified, sums, err := s.store.Verify(ctx, in)
	var broken *ledger.Break
	if errors.As(err, &broken) {
		return verified, nil, err
	}
	return verified, sums, fromStore("verify", err)
}

// Seal seals all transfers that are not sealed yet. Whoever runs the service
// calls it now and then, and before it stops.
func (s *Service) Seal(ctx context.Context) error {
	for after := (store.Unsealed{}); ; {
		var some []store.Unsealed
		if err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			some, err = tx.UnsealedAfter(after, 100)
			return err
		}); err != nil || len(some) == 0 {
			return fromStore("look for what is to be sealed", err)
		}
		for _, book := range some {
			after = book
			for {
				sealed, err := s.store.SealBook(ctx, book.PortalID, book.Book, s.now())
				if err != nil {
					return fromStore("seal", err)
				}
				if sealed < ledger.MaxSealed {
					break
				}
			}
		}
	}
}
