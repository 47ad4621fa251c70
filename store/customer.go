package store

import (
	"context"
	"database/sql"
	"time"
)

// Customer is the paying identity of a portal.
type Customer struct {
	AccountNumber int64
	// Email is in lower case.
	Email string
	// PayerID is the user who pays; "" when the address is nobody's.
	PayerID string
	// MethodStatus is one of none, set and expired.
	MethodStatus string
	// MethodType is "card", or "" when unknown.
	MethodType string
	CreatedAt  time.Time
}

// NewAccountNumber returns a number that no customer was given before. One that
// is not used in the end is lost.
func (s *Store) NewAccountNumber(ctx context.Context) (int64, error) {
	var n int64
	err := s.write(ctx, "", func(tx *Tx) error {
		return tx.row(`
			UPDATE counter
			   SET value = value + 1
			 WHERE name = 'account_number'
			RETURNING value`, nil, &n)
	})
	return n, err
}

// PutCustomer adds the portal's customer, or changes it; the account number and
// the day of creation stay as they were first.
func (tx *Tx) PutCustomer(c Customer) error {
	_, err := tx.exec(`
		INSERT INTO customer (portal_id, account_number, email, payer_id, method_status, method_type, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (portal_id) DO UPDATE
		   SET email = excluded.email,
		       payer_id = excluded.payer_id,
		       method_status = excluded.method_status,
		       method_type = excluded.method_type`,
		tx.portal, c.AccountNumber, c.Email, sql.NullString{String: c.PayerID, Valid: c.PayerID != ""},
		c.MethodStatus, c.MethodType, micros(c.CreatedAt))
	return err
}

// Customer returns a portal's customer, or ErrNotFound.
func (tx *Tx) Customer(portalID string) (Customer, error) {
	var (
		c       Customer
		payer   sql.NullString
		created sql.NullInt64
	)
	err := tx.row(`
		SELECT account_number, email, payer_id, method_status, method_type, created_at
		  FROM customer
		 WHERE portal_id = $1`, []any{portalID},
		&c.AccountNumber, &c.Email, &payer, &c.MethodStatus, &c.MethodType, &created)
	c.PayerID, c.CreatedAt = payer.String, fromMicros(created)
	return c, err
}
