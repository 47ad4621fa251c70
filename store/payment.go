package store

import (
	"database/sql"
	"time"
)

// RecordedPayment is a payment that came by other ways than a provider, and that an
// operator recorded.
type RecordedPayment struct {
	PortalID string
	// Method is how it came, Reference what the bank calls it: together they stand
	// for one payment.
	Method, Reference string
	// Key is the ledger's idempotency key of its transfer.
	Key                    string
	ReceivedAt, RecordedAt time.Time
}

// InsertRecordedPayment adds a payment. It fails with ErrExists when there is one of
// the same reference.
func (tx *Tx) InsertRecordedPayment(p RecordedPayment) error {
	_, err := tx.exec(`
		INSERT INTO recorded_payment (portal_id, method, reference, key, received_at, recorded_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		p.PortalID, p.Method, p.Reference, p.Key, p.ReceivedAt.UnixMicro(), p.RecordedAt.UnixMicro())
	return err
}

// RecordedPayment returns the payment of a reference, or ErrNotFound.
func (tx *Tx) RecordedPayment(portalID, method, reference string) (RecordedPayment, error) {
	p := RecordedPayment{PortalID: portalID, Method: method, Reference: reference}
	var received, recorded sql.NullInt64
	err := tx.row(`
		SELECT key, received_at, recorded_at
		  FROM recorded_payment
		 WHERE portal_id = $1
		   AND method = $2
		   AND reference = $3`, []any{portalID, method, reference}, &p.Key, &received, &recorded)
	p.ReceivedAt, p.RecordedAt = fromMicros(received), fromMicros(recorded)
	return p, err
}
