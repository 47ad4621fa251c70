package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/money"
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

// Pocket is the part of a wallet that is in one currency.
type Pocket struct {
	Balance money.Amount
	// Credited is the latest payment in, at CreditedAt; the zero Amount when
	// there was none.
	Credited   money.Amount
	CreditedAt time.Time
}

// PutPocket adds a pocket to the customer's wallet, after those it has, or
// changes the one of that currency.
func (tx *Tx) PutPocket(p Pocket) error {
	var credited any
	if !p.CreditedAt.IsZero() {
		credited = p.Credited.Units()
	}
	_, err := tx.exec(`
		INSERT INTO pocket (portal_id, currency, position, balance, credited, credited_at)
		VALUES ($1, $2, (SELECT count(*) FROM pocket WHERE portal_id = $1), $3, $4, $5)
		ON CONFLICT (portal_id, currency) DO UPDATE
		   SET balance = excluded.balance,
		       credited = coalesce(excluded.credited, credited),
		       credited_at = coalesce(excluded.credited_at, credited_at)`,
		tx.portal, string(p.Balance.Currency()), p.Balance.Units(), credited, micros(p.CreditedAt))
	if err != nil {
		return fmt.Errorf("pocket %s: %w", p.Balance.Currency(), err)
	}
	return nil
}

// Pockets returns the pockets of a portal's wallet, its own currency first.
func (tx *Tx) Pockets(portalID string) ([]Pocket, error) {
	var all []Pocket
	err := tx.rows(`
		SELECT currency, balance, credited, credited_at
		  FROM pocket
		 WHERE portal_id = $1
		 ORDER BY position`, []any{portalID}, func(scan func(...any) error) error {
		var (
			currency   money.Currency
			balance    int64
			credited   sql.NullInt64
			creditedAt sql.NullInt64
		)
		if err := scan(&currency, &balance, &credited, &creditedAt); err != nil {
			return err
		}
		p := Pocket{Balance: money.FromUnits(balance, currency), CreditedAt: fromMicros(creditedAt)}
		if credited.Valid {
			p.Credited = money.FromUnits(credited.Int64, currency)
		}
		all = append(all, p)
		return nil
	})
	return all, err
}
