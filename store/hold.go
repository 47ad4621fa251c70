package store

import (
	"database/sql"
	"errors"
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

// dueHolds are the holds that something is to be done about when their time is over:
// to let go of them, or to tell others. It is the condition of an index.
const dueHolds = `(state = 'open' OR state = 'expired' AND told = 0)`

// HoldsDue returns up to limit holds of any portals whose time is over at a moment, and
// which are open all the same, or nobody was told of; those that waited longest first.
func (tx *Tx) HoldsDue(at time.Time, limit int) (all []ledger.HoldID, err error) {
	err = tx.rows(`
		SELECT portal_id, number
		  FROM hold
		 WHERE `+dueHolds+`
		   AND expires_at <= $1
		 ORDER BY expires_at, portal_id, number
		 LIMIT $2`, []any{at.UnixMicro(), limit}, func(scan func(...any) error) error {
		var id ledger.HoldID
		err := scan(&id.Portal, &id.Number)
		all = append(all, id)
		return err
	})
	return all, err
}

// HoldOver returns the number of an open hold of a portal whose time is over at a
// moment; 0 for none.
func (tx *Tx) HoldOver(portalID string, at time.Time) (number int64, err error) {
	err = tx.row(`
		SELECT number
		  FROM hold
		 WHERE portal_id = $1
		   AND state = 'open'
		   AND expires_at <= $2
		 ORDER BY expires_at
		 LIMIT 1`, []any{portalID, at.UnixMicro()}, &number)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return number, err
}

// TellHold writes down that others are told of a hold of the transaction's portal that
// has expired. It reports whether they were not before: else there is nothing to tell.
func (tx *Tx) TellHold(number int64) (bool, error) {
	changed, err := tx.exec(`
		UPDATE hold
		   SET told = 1
		 WHERE portal_id = $1
		   AND number = $2
		   AND state = 'expired'
		   AND told = 0`, tx.portal, number)
	return changed == 1, err
}

// NextHoldAt returns when the time of the next hold is over that HoldsDue would return
// then, which may have passed; false if there is none.
func (tx *Tx) NextHoldAt() (time.Time, bool, error) {
	var at sql.NullInt64
	err := tx.row(`
		SELECT min(expires_at)
		  FROM hold
		 WHERE `+dueHolds, nil, &at)
	return fromMicros(at), at.Valid, err
}
