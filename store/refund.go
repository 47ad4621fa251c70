package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/money"
)

// RefundState is how far a refund has come.
type RefundState string

const (
	RefundOpen     RefundState = "open" // the provider is being asked, or has not decided
	RefundSettled  RefundState = "settled"
	RefundDeclined RefundState = "declined"
)

// Refund is money that the operator gives back of a collection, at its provider's.
type Refund struct {
	PortalID string
	// Collection is the number of the collection; Number counts its refunds from 1.
	Collection, Number int64
	// Key is the caller's idempotency key, Input the hash of what was asked.
	Key   string
	Input [32]byte
	State RefundState
	// Amount is how much is given back, Total how much of the collection in all when
	// it is.
	Amount, Total money.Amount
	// Why is for people.
	Why string
	// Reference is the provider's own id; "" while it is not known.
	Reference string
	// Reason is why it was declined.
	Reason string
	// Transfer is the number of the one that took it out of the wallet; 0: none.
	Transfer int64
	OpenedAt time.Time
	// AskedAt is when the provider was last asked, or was going to be.
	AskedAt time.Time
	// ClosedAt is the zero Time until it is known how it ended.
	ClosedAt time.Time
}

// InsertRefund adds a refund to the portal, with the next number of its collection,
// which it returns. It fails with ErrExists when the key was used before, or another
// refund of the collection is open.
func (tx *Tx) InsertRefund(r Refund) (int64, error) {
	if err := tx.row(`
		SELECT CAST(coalesce(max(number), 0) + 1 AS BIGINT)
		  FROM refund
		 WHERE portal_id = $1
		   AND collection = $2`, []any{tx.portal, r.Collection}, &r.Number); err != nil {
		return 0, err
	}
	_, err := tx.exec(`
		INSERT INTO refund (portal_id, collection, number, key, input, state, currency, amount, total, why, reference, reason, opened_at, asked_at)
		VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, '', '', $10, $11)`,
		tx.portal, r.Collection, r.Number, r.Key, r.Input[:], string(r.Amount.Currency()), r.Amount.Units(), r.Total.Units(), r.Why,
		r.OpenedAt.UnixMicro(), r.AskedAt.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("refund %q: %w", r.Key, err)
	}
	return r.Number, nil
}

// UpdateRefund writes how far an open refund has come. It fails with ErrNotFound when
// it has ended already.
func (tx *Tx) UpdateRefund(r Refund) error {
	changed, err := tx.exec(`
		UPDATE refund
		   SET state = $4,
		       reference = $5,
		       reason = $6,
		       transfer = $7,
		       asked_at = $8,
		       closed_at = $9
		 WHERE portal_id = $1
		   AND collection = $2
		   AND number = $3
		   AND closed_at IS NULL`,
		r.PortalID, r.Collection, r.Number, string(r.State), r.Reference, r.Reason, number(r.Transfer), r.AskedAt.UnixMicro(), micros(r.ClosedAt))
	if err == nil && changed == 0 {
		err = fmt.Errorf("open refund %d of collection %d of %s: %w", r.Number, r.Collection, r.PortalID, ErrNotFound)
	}
	return err
}

const refundColumns = `portal_id, collection, number, key, input, state, currency, amount, total, why, reference, reason, transfer, opened_at, asked_at, closed_at`

// RefundByKey returns the refund that was asked for under a key, or ErrNotFound.
func (tx *Tx) RefundByKey(portalID, key string) (Refund, error) {
	return tx.refund(`
		SELECT `+refundColumns+`
		  FROM refund
		 WHERE portal_id = $1
		   AND key = $2`, portalID, key)
}

// OpenRefund returns the refund of a collection that has not ended, or ErrNotFound.
func (tx *Tx) OpenRefund(portalID string, collection int64) (Refund, error) {
	return tx.refund(`
		SELECT `+refundColumns+`
		  FROM refund
		 WHERE portal_id = $1
		   AND collection = $2
		   AND closed_at IS NULL`, portalID, collection)
}

// OpenRefunds returns up to limit refunds that have not ended and that the provider
// was asked for before a moment, of all portals, from the first one after the given.
func (tx *Tx) OpenRefunds(before time.Time, after Refund, limit int) ([]Refund, error) {
	return tx.refunds(`
		SELECT `+refundColumns+`
		  FROM refund
		 WHERE closed_at IS NULL
		   AND (portal_id, collection) > ($1, $2)
		   AND asked_at < $3
		 ORDER BY portal_id, collection
		 LIMIT $4`, after.PortalID, after.Collection, before.UnixMicro(), limit)
}

func (tx *Tx) refund(query string, args ...any) (Refund, error) {
	all, err := tx.refunds(query, args...)
	switch {
	case err != nil:
		return Refund{}, err
	case len(all) == 0:
		return Refund{}, ErrNotFound
	case len(all) > 1:
		return Refund{}, errors.New("more than one refund")
	}
	return all[0], nil
}

func (tx *Tx) refunds(query string, args ...any) (all []Refund, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		var (
			r                               Refund
			input                           []byte
			currency                        money.Currency
			amount, total                   int64
			transfer, opened, asked, closed sql.NullInt64
		)
		err := scan(&r.PortalID, &r.Collection, &r.Number, &r.Key, &input, &r.State, &currency, &amount, &total, &r.Why,
			&r.Reference, &r.Reason, &transfer, &opened, &asked, &closed)
		copy(r.Input[:], input)
		r.Amount, r.Total, r.Transfer = money.FromUnits(amount, currency), money.FromUnits(total, currency), transfer.Int64
		r.OpenedAt, r.AskedAt, r.ClosedAt = fromMicros(opened), fromMicros(asked), fromMicros(closed)
		all = append(all, r)
		return err
	})
	return all, err
}
