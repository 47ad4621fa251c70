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
	// Provider is the name of the provider that has the method, Account its own id
	// of the customer, Method its token of the method; "" as long as it named none.
	Provider, Account, Method string
	// MethodLabel is for people: "Visa •••• 4242".
	MethodLabel string
	// Fingerprint is the same for the same card, whoever saved it; "" when unknown.
	Fingerprint string
	// Delayed says that payments by the method settle late.
	Delayed bool
	// MethodAt is since when the method is the one, by the provider's clock; the zero
	// Time when it did not say.
	MethodAt  time.Time
	CreatedAt time.Time
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
		INSERT INTO customer (portal_id, account_number, email, payer_id, method_status, method_type, created_at, provider, account, method, method_label, fingerprint, delayed, method_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (portal_id) DO UPDATE
		   SET email = excluded.email,
		       payer_id = excluded.payer_id,
		       method_status = excluded.method_status,
		       method_type = excluded.method_type,
		       provider = excluded.provider,
		       account = excluded.account,
		       method = excluded.method,
		       method_label = excluded.method_label,
		       fingerprint = excluded.fingerprint,
		       delayed = excluded.delayed,
		       method_at = excluded.method_at`,
		tx.portal, c.AccountNumber, c.Email, sql.NullString{String: c.PayerID, Valid: c.PayerID != ""},
		c.MethodStatus, c.MethodType, micros(c.CreatedAt), c.Provider, c.Account, c.Method, c.MethodLabel, c.Fingerprint, flag(c.Delayed), micros(c.MethodAt))
	return err
}

// Customer returns a portal's customer, or ErrNotFound.
func (tx *Tx) Customer(portalID string) (Customer, error) {
	var (
		c           Customer
		payer       sql.NullString
		created, at sql.NullInt64
		delayed     int
	)
	err := tx.row(`
		SELECT account_number, email, payer_id, method_status, method_type, created_at, provider, account, method, method_label, fingerprint, delayed, method_at
		  FROM customer
		 WHERE portal_id = $1`, []any{portalID},
		&c.AccountNumber, &c.Email, &payer, &c.MethodStatus, &c.MethodType, &created,
		&c.Provider, &c.Account, &c.Method, &c.MethodLabel, &c.Fingerprint, &delayed, &at)
	c.PayerID, c.CreatedAt, c.Delayed, c.MethodAt = payer.String, fromMicros(created), delayed == 1, fromMicros(at)
	return c, err
}

// PortalOfAccount returns the portal whose customer a provider knows by an account,
// or ErrNotFound.
func (tx *Tx) PortalOfAccount(provider, account string) (portalID string, err error) {
	if account == "" {
		return "", ErrNotFound
	}
	err = tx.row(`
		SELECT portal_id
		  FROM customer
		 WHERE account = $2
		   AND provider = $1
		 ORDER BY portal_id
		 LIMIT 1`, []any{provider, account}, &portalID)
	return portalID, err
}
