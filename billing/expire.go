package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// holdsAtOnce is how many holds are looked for at a time.
const holdsAtOnce = 500

// ExpireHolds lets go of the holds whose time is over, and tells of those that nobody
// was told of: whatever else moves money in a portal lets go of its holds too, and
// tells nobody. Those of one portal are one transaction. It returns how many it told
// of. Several may do so at once: each hold is told of once. What fails in one portal
// does not end it.
func (s *Service) ExpireHolds(ctx context.Context) (told int, err error) {
	for {
		var due []ledger.HoldID
		if err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			due, err = tx.HoldsDue(s.now(), holdsAtOnce)
			return err
		}); err != nil {
			return told, fromStore("look for holds whose time is over", err)
		}
		var portals []string // in the order in which they have waited
		numbers := map[string][]int64{}
		for _, id := range due {
			if numbers[id.Portal] == nil {
				portals = append(portals, id.Portal)
			}
			numbers[id.Portal] = append(numbers[id.Portal], id.Number)
		}
		before := told
		var failed error
		for _, portalID := range portals {
			n, err := s.expireHolds(ctx, portalID, numbers[portalID])
			told += n
			failed = errors.Join(failed, err)
			if ctx.Err() != nil {
				return told, ctx.Err()
			}
		}
		if failed != nil || told == before || len(due) < holdsAtOnce {
			return told, failed
		}
	}
}

// expireHolds does so for holds of one portal.
func (s *Service) expireHolds(ctx context.Context, portalID string, numbers []int64) (told int, err error) {
	ctx = WithActor(ctx, Actor{Kind: ByBursar, ID: "holds"})
	err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		told = 0
		if err := tx.LockBook(portalID, ledger.Main); err != nil {
			return err
		}
		if err := s.letGo(tx, portalID); err != nil {
			return err
		}
		for _, number := range numbers {
			news, err := tx.TellHold(number)
			if err != nil {
				return err
			}
			if !news { // it was extended, or somebody else was first
				continue
			}
			hold, err := tx.Hold(ledger.HoldID{Portal: portalID, Number: number})
			if err != nil {
				return err
			}
			t.tell(event.HoldExpired{Hold: hold.ID().String(), Amount: event.Sum(hold.Amount), Service: hold.Service, ExpiredAt: event.At(hold.ExpiresAt)})
			told++
		}
		return nil
	})
	if err != nil {
		told = 0
	}
	return told, fromStore(fmt.Sprintf("let go of holds of portal %q", portalID), err)
}

// letGo lets go of all holds of a portal whose time is over, so that its pockets say
// what is available, and no later change of theirs happens before that. The main book
// must be locked.
func (s *Service) letGo(tx *store.Tx, portalID string) error {
	now := s.now()
	number, err := tx.HoldOver(portalID, now)
	if err != nil || number == 0 {
		return err
	}
	// One lets go of all; its key is used once, as it is over for good.
	results, err := tx.CarryOut(now, []ledger.Request{{
		Portal: portalID, Key: fmt.Sprintf("%sexpire:%d", ownKeys, number), Input: ledger.InputOf("expire", number), Do: ledger.Expire{Hold: number},
	}})
	if err != nil {
		return err
	}
	return results[0].Err
}

// NextHoldAt returns when the time of the next hold is over that ExpireHolds would let
// go of or tell of, which may have been before now; false when there is none.
func (s *Service) NextHoldAt(ctx context.Context) (at time.Time, ok bool, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		at, ok, err = tx.NextHoldAt()
		return err
	})
	return at, ok, fromStore("look for the next hold", err)
}
