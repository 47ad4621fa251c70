package billing

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// MaxPage is how many rows of a list are returned at most. Whoever lists goes on
// after the last of them, so that what is written meanwhile moves nothing: what was
// there from the first page to the last is listed once.
const MaxPage = 1000

func checkLimit(limit int) error {
	if limit < 1 || limit > MaxPage {
		return invalid("limit", "%d is not between 1 and %d", limit, MaxPage)
	}
	return nil
}

// PortalsAfter returns up to limit portals in the order of their ids, from the first
// one after the given id, and whether there are more.
func (s *Service) PortalsAfter(ctx context.Context, after string, limit int) (summaries []PortalSummary, more bool, err error) {
	if err := checkLimit(limit); err != nil {
		return nil, false, err
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		portals, err := tx.PortalsAfter(after, limit+1)
		if err != nil {
			return err
		}
		portals, more = cut(portals, limit)
		for _, p := range portals {
			summary, err := summarize(tx, p)
			if err != nil {
				return err
			}
			summaries = append(summaries, summary)
		}
		return nil
	})
	return summaries, more, fromStore("list portals", err)
}

// UsersAfter returns up to limit users of a portal, oldest first, from the first one
// after a place, and whether there are more. It fails with ErrNotFound when there is no such portal.
func (s *Service) UsersAfter(ctx context.Context, portalID string, after store.Place, limit int) ([]store.User, bool, error) {
	return pageOf(ctx, s, portalID, limit, "list users", func(tx *store.Tx) ([]store.User, error) {
		return tx.UsersAfter(portalID, after, limit+1)
	})
}

// KeysAfter returns up to limit keys of a portal, as UsersAfter does users.
func (s *Service) KeysAfter(ctx context.Context, portalID string, after store.Place, limit int) ([]store.Key, bool, error) {
	return pageOf(ctx, s, portalID, limit, "list keys", func(tx *store.Tx) ([]store.Key, error) {
		return tx.KeysAfter(portalID, after, limit+1)
	})
}

// HoldsBefore returns up to limit holds of a portal, the latest first, from the first
// one whose number is below the given one, 0 being none; of one state, unless that
// is ""; and whether there are more. It fails with ErrNotFound when there is no such
// portal.
func (s *Service) HoldsBefore(ctx context.Context, portalID string, state ledger.HoldState, number int64, limit int) ([]ledger.Hold, bool, error) {
	states := []ledger.HoldState{"", ledger.HoldOpen, ledger.HoldCompleted, ledger.HoldVoided, ledger.HoldExpired}
	if !slices.Contains(states, state) {
		return nil, false, invalid("state", "%q is none of %v", state, states[1:])
	}
	now := s.now()
	holds, more, err := pageOf(ctx, s, portalID, limit, "list holds", func(tx *store.Tx) ([]ledger.Hold, error) {
		return tx.HoldsBefore(portalID, state, now, orLast(number), limit+1)
	})
	for i := range holds {
		overAt(&holds[i], now)
	}
	return holds, more, err
}

// CollectionsBefore returns up to limit collections of a portal, as HoldsBefore does
// holds.
func (s *Service) CollectionsBefore(ctx context.Context, portalID string, state store.CollectionState, number int64, limit int) ([]store.Collection, bool, error) {
	states := []store.CollectionState{"", store.CollectionOpen, store.CollectionUnknown, store.CollectionSettled, store.CollectionDeclined}
	if !slices.Contains(states, state) {
		return nil, false, invalid("state", "%q is none of %v", state, states[1:])
	}
	return pageOf(ctx, s, portalID, limit, "list collections", func(tx *store.Tx) ([]store.Collection, error) {
		return tx.CollectionsBefore(portalID, state, orLast(number), limit+1)
	})
}

// orLast returns a number that no row has reached in place of 0.
func orLast(number int64) int64 {
	if number == 0 {
		return math.MaxInt64
	}
	return number
}

// pageOf reads up to limit rows of what a portal has, with a query for one more, and
// whether there are more.
func pageOf[T any](ctx context.Context, s *Service, portalID string, limit int, doing string, query func(*store.Tx) ([]T, error)) (rows []T, more bool, err error) {
	if err := checkLimit(limit); err != nil {
		return nil, false, err
	}
	err = s.readPortal(ctx, portalID, doing, func(tx *store.Tx) (err error) {
		rows, err = query(tx)
		rows, more = cut(rows, limit)
		return err
	})
	return rows, more, err
}

// cut returns the first rows, up to limit, and whether that leaves some.
func cut[T any](rows []T, limit int) ([]T, bool) {
	return rows[:min(len(rows), limit)], len(rows) > limit
}

// readPortal reads something of a portal, and fails with ErrNotFound when there is
// no such portal.
func (s *Service) readPortal(ctx context.Context, portalID, doing string, fn func(*store.Tx) error) error {
	return fromStore(doing, s.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Portal(portalID); err != nil {
			return err
		}
		return fn(tx)
	}))
}

// Collection returns a collection by its id. It fails with ErrNotFound.
func (s *Service) Collection(ctx context.Context, id string) (c store.Collection, err error) {
	digits, portalID, _ := strings.Cut(strings.TrimPrefix(id, "c"), ".")
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || CollectionID(store.Collection{PortalID: portalID, Number: number}) != id || number < 1 || portalID == "" {
		return c, invalid("collection", "%q is no id of a collection", id)
	}
	err = s.store.Read(ctx, func(tx *store.Tx) (err error) {
		if c, err = tx.CollectionByNumber(portalID, number); err != nil {
			err = fmt.Errorf("collection %s: %w", id, err)
		}
		return err
	})
	return c, fromStore("read collection", err)
}
