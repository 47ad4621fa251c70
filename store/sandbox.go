package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/money"
)

// SandboxCharge is a charge in the books of the sandbox provider.
type SandboxCharge struct {
	PortalID, ID string
	// Amount is the zero Amount where nothing was collected, but a method saved or
	// removed.
	Amount                   money.Amount
	State, Reason, Reference string
	// Saved and Gone are the methods that were saved or removed with it; "" for none.
	Saved, Gone string
	At          time.Time
	// Due is when State comes true; the zero Time means at once.
	Due time.Time
}

// SandboxPage is a page of the sandbox provider, for customers to pay on.
type SandboxPage struct {
	PortalID, ID, Token, Kind string
	// Amount is the zero Amount where none is collected.
	Amount                money.Amount
	Description, Language string
	SuccessURL, CancelURL string
	OpenedAt, ExpiresAt   time.Time
}

// SandboxRefund is what the sandbox provider gave back of a charge.
type SandboxRefund struct {
	PortalID, ID, ChargeID string
	// Amount is in the currency of the charge.
	Amount    money.Amount
	Reference string
	At        time.Time
}

// keepFirst does what it takes to keep the first of several that are the same, in a
// transaction of its own: look fails with ErrNotFound until keep has been. It reports
// whether it was there before.
func (s *Store) keepFirst(ctx context.Context, portalID string, look, keep func(*Tx) error) (existed bool, err error) {
	err = s.write(ctx, portalID, func(tx *Tx) error {
		err := look(tx)
		if existed = err == nil; existed || !errors.Is(err, ErrNotFound) {
			return err
		}
		return keep(tx)
	})
	if errors.Is(err, ErrExists) { // another process was faster
		return true, s.Read(ctx, look)
	}
	return existed, err
}

// RecordSandboxCharge keeps the first charge of an id, and returns it with
// whether it was there before.
func (s *Store) RecordSandboxCharge(ctx context.Context, c SandboxCharge) (first SandboxCharge, existed bool, err error) {
	existed, err = s.keepFirst(ctx, c.PortalID, func(tx *Tx) (err error) {
		first, err = tx.SandboxCharge(c.PortalID, c.ID)
		return err
	}, func(tx *Tx) error {
		first = c
		_, err := tx.exec(`
			INSERT INTO sandbox_charge (portal_id, id, currency, amount, state, reason, reference, saved, gone, at, due)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			c.PortalID, c.ID, string(c.Amount.Currency()), c.Amount.Units(), c.State, c.Reason, c.Reference, c.Saved, c.Gone,
			c.At.UnixMicro(), micros(c.Due))
		return err
	})
	return first, existed, err
}

const sandboxChargeColumns = `id, currency, amount, state, reason, reference, saved, gone, at, due`

func (tx *Tx) sandboxCharge(portalID, query string, args ...any) (SandboxCharge, error) {
	c := SandboxCharge{PortalID: portalID}
	var (
		currency money.Currency
		amount   int64
		at, due  sql.NullInt64
	)
	err := tx.row(query, args, &c.ID, &currency, &amount, &c.State, &c.Reason, &c.Reference, &c.Saved, &c.Gone, &at, &due)
	c.Amount, c.At, c.Due = money.FromUnits(amount, currency), fromMicros(at), fromMicros(due)
	return c, err
}

// SandboxCharge returns a charge of the sandbox provider, or ErrNotFound.
func (tx *Tx) SandboxCharge(portalID, id string) (SandboxCharge, error) {
	return tx.sandboxCharge(portalID, `
		SELECT `+sandboxChargeColumns+`
		  FROM sandbox_charge
		 WHERE portal_id = $1
		   AND id = $2`, portalID, id)
}

// SandboxSaved returns the last charge with which the customer of a portal saved or
// removed a method, or ErrNotFound.
func (tx *Tx) SandboxSaved(portalID string) (SandboxCharge, error) {
	return tx.sandboxCharge(portalID, `
		SELECT `+sandboxChargeColumns+`
		  FROM sandbox_charge
		 WHERE portal_id = $1
		   AND (saved <> '' OR gone <> '')
		 ORDER BY at DESC, id DESC
		 LIMIT 1`, portalID)
}

// RecordSandboxPage keeps the first page of an id, and returns it with whether it was
// there before.
func (s *Store) RecordSandboxPage(ctx context.Context, p SandboxPage) (first SandboxPage, existed bool, err error) {
	existed, err = s.keepFirst(ctx, p.PortalID, func(tx *Tx) (err error) {
		first, err = tx.SandboxPage(p.PortalID, p.ID)
		return err
	}, func(tx *Tx) error {
		first = p
		_, err := tx.exec(`
			INSERT INTO sandbox_page (portal_id, id, token, kind, currency, amount, description, language, success_url, cancel_url, opened_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			p.PortalID, p.ID, p.Token, p.Kind, string(p.Amount.Currency()), p.Amount.Units(), p.Description, p.Language,
			p.SuccessURL, p.CancelURL, p.OpenedAt.UnixMicro(), p.ExpiresAt.UnixMicro())
		return err
	})
	return first, existed, err
}

// SandboxPage returns a page of the sandbox provider, or ErrNotFound.
func (tx *Tx) SandboxPage(portalID, id string) (SandboxPage, error) {
	p := SandboxPage{PortalID: portalID, ID: id}
	var (
		currency        money.Currency
		amount          int64
		opened, expires sql.NullInt64
	)
	err := tx.row(`
		SELECT token, kind, currency, amount, description, language, success_url, cancel_url, opened_at, expires_at
		  FROM sandbox_page
		 WHERE portal_id = $1
		   AND id = $2`, []any{portalID, id}, &p.Token, &p.Kind, &currency, &amount, &p.Description, &p.Language,
		&p.SuccessURL, &p.CancelURL, &opened, &expires)
	p.Amount, p.OpenedAt, p.ExpiresAt = money.FromUnits(amount, currency), fromMicros(opened), fromMicros(expires)
	return p, err
}

// RecordSandboxRefund keeps the first refund of an id, and returns it with whether it
// was there before. It fails with ErrNotFound when there is no such charge of the
// same currency, or less is left of it.
func (s *Store) RecordSandboxRefund(ctx context.Context, r SandboxRefund) (first SandboxRefund, existed bool, err error) {
	existed, err = s.keepFirst(ctx, r.PortalID, func(tx *Tx) (err error) {
		first, err = tx.sandboxRefund(r.PortalID, r.ID)
		return err
	}, func(tx *Tx) error {
		first = r
		// Locked, so that several refunds of one charge come one after another.
		c, err := tx.sandboxCharge(r.PortalID, `
			SELECT `+sandboxChargeColumns+`
			  FROM sandbox_charge
			 WHERE portal_id = $1
			   AND id = $2
			 `+tx.lockRows, r.PortalID, r.ChargeID)
		if err != nil {
			return err
		}
		if _, err := tx.sandboxRefund(r.PortalID, r.ID); !errors.Is(err, ErrNotFound) {
			if err == nil {
				err = ErrExists // made while the lock was waited for
			}
			return err
		}
		given, err := tx.SandboxRefunded(r.PortalID, r.ChargeID)
		if err != nil {
			return err
		}
		if c.Amount.Currency() != r.Amount.Currency() || c.Amount.Units()-given < r.Amount.Units() {
			return fmt.Errorf("%s of the charge %s: %w", r.Amount, r.ChargeID, ErrNotFound)
		}
		_, err = tx.exec(`
			INSERT INTO sandbox_refund (portal_id, id, charge_id, amount, reference, at)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			r.PortalID, r.ID, r.ChargeID, r.Amount.Units(), r.Reference, r.At.UnixMicro())
		return err
	})
	return first, existed, err
}

func (tx *Tx) sandboxRefund(portalID, id string) (SandboxRefund, error) {
	r := SandboxRefund{PortalID: portalID, ID: id}
	var (
		currency money.Currency
		amount   int64
		at       sql.NullInt64
	)
	err := tx.row(`
		SELECT r.charge_id, c.currency, r.amount, r.reference, r.at
		  FROM sandbox_refund r
		  JOIN sandbox_charge c ON c.portal_id = r.portal_id AND c.id = r.charge_id
		 WHERE r.portal_id = $1
		   AND r.id = $2`, []any{portalID, id}, &r.ChargeID, &currency, &amount, &r.Reference, &at)
	r.Amount, r.At = money.FromUnits(amount, currency), fromMicros(at)
	return r, err
}

// SandboxRefunded returns how much was given back of a charge, in units of its
// currency.
func (tx *Tx) SandboxRefunded(portalID, chargeID string) (units int64, err error) {
	err = tx.row(`
		SELECT CAST(coalesce(sum(amount), 0) AS BIGINT)
		  FROM sandbox_refund
		 WHERE portal_id = $1
		   AND charge_id = $2`, []any{portalID, chargeID}, &units)
	return units, err
}
