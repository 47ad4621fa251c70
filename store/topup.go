package store

import (
	"database/sql"
	"errors"
	"time"
)

// TopUp says how the automatic top-ups of a wallet went with its card. The zero TopUp
// is one of which nothing is known: nothing stops it.
type TopUp struct {
	// Declines counts them in a row.
	Declines int64
	// RetryAt is the moment before which the same card is not tried again; the zero
	// Time: at once.
	RetryAt time.Time
	// Reason is the last decline's.
	Reason string
	// SuspendedAt is since when the card is not tried any more; the zero Time: it is.
	SuspendedAt time.Time
	// Fingerprint and Method are those of the card that declined.
	Fingerprint, Method string
}

// PutTopUp writes down how the portal's automatic top-ups went.
func (tx *Tx) PutTopUp(t TopUp) error {
	return tx.one(`
		INSERT INTO top_up (portal_id, declines, retry_at, reason, suspended_at, fingerprint, method)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (portal_id) DO UPDATE
		   SET declines = excluded.declines,
		       retry_at = excluded.retry_at,
		       reason = excluded.reason,
		       suspended_at = excluded.suspended_at,
		       fingerprint = excluded.fingerprint,
		       method = excluded.method`,
		tx.portal, t.Declines, micros(t.RetryAt), t.Reason, micros(t.SuspendedAt), t.Fingerprint, t.Method)
}

// TopUp returns how a portal's automatic top-ups went.
func (tx *Tx) TopUp(portalID string) (TopUp, error) {
	var (
		t                TopUp
		retry, suspended sql.NullInt64
	)
	err := tx.row(`
		SELECT declines, retry_at, reason, suspended_at, fingerprint, method
		  FROM top_up
		 WHERE portal_id = $1`, []any{portalID}, &t.Declines, &retry, &t.Reason, &suspended, &t.Fingerprint, &t.Method)
	if errors.Is(err, ErrNotFound) {
		return TopUp{}, nil
	}
	t.RetryAt, t.SuspendedAt = fromMicros(retry), fromMicros(suspended)
	return t, err
}

// TopUpsSince returns the automatic collections for a portal's wallet that were
// opened after a moment and were not declined, as far as is known.
func (tx *Tx) TopUpsSince(portalID string, after time.Time) ([]Collection, error) {
	return tx.collections(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE portal_id = $1
		   AND automatic = 1
		   AND opened_at > $2
		   AND purpose = 'deposit'
		   AND state <> 'declined'`, portalID, after.UnixMicro())
}
