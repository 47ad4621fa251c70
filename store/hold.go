package store

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/ledger"
)

// Hold returns a hold as its row says, or ErrNotFound. One whose time is over may
// still say that it is open.
func (tx *Tx) Hold(id ledger.HoldID) (ledger.Hold, error) {
	all, err := tx.holdList(`
		SELECT `+holdColumns+`
		  FROM hold
		 WHERE portal_id = $1
		   AND number = $2`, id.Portal, id.Number)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("hold %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return ledger.Hold{}, err
	}
	return all[0], nil
}

// HoldsBefore returns up to limit holds of a portal as their rows say, the latest
// first, from the first one whose number is below the given one; those of one state
// at a moment, unless that is "". At the moment when its time is over, an open hold
// is an expired one, whatever its row still says.
func (tx *Tx) HoldsBefore(portalID string, state ledger.HoldState, at time.Time, number int64, limit int) ([]ledger.Hold, error) {
	switch state {
	case ledger.HoldOpen:
		return tx.holdList(`
			SELECT `+holdColumns+`
			  FROM hold
			 WHERE portal_id = $1
			   AND number < $2
			   AND state = 'open'
			   AND expires_at > $3
			 ORDER BY number DESC
			 LIMIT $4`, portalID, number, at.UnixMicro(), limit)
	case ledger.HoldExpired:
		return tx.holdList(`
			SELECT `+holdColumns+`
			  FROM hold
			 WHERE portal_id = $1
			   AND number < $2
			   AND (state = 'expired' OR state = 'open' AND expires_at <= $3)
			 ORDER BY number DESC
			 LIMIT $4`, portalID, number, at.UnixMicro(), limit)
	}
	return tx.holdList(`
		SELECT `+holdColumns+`
		  FROM hold
		 WHERE portal_id = $1
		   AND number < $2
		   AND ($3 = '' OR state = $3)
		 ORDER BY number DESC
		 LIMIT $4`, portalID, number, string(state), limit)
}

// holdList returns what a query finds whose first argument is the portal.
func (tx *Tx) holdList(query, portalID string, args ...any) (all []ledger.Hold, err error) {
	err = tx.holds(query, append([]any{portalID}, args...), portalID, func(h ledger.Hold) { all = append(all, h) })
	return all, err
}
