package billing

import (
	"context"
	"errors"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// NewSandbox returns the payment provider that collects nothing from nobody. What
// it pretends to have collected is kept in the database, in place of config's
// Journal, so that it is known to every process and after every crash.
func NewSandbox(db *store.Store, config sandbox.Config) *sandbox.Provider {
	config.Journal = sandboxJournal{db}
	return sandbox.New(config)
}

// sandboxJournal is a sandbox.Journal in the database.
type sandboxJournal struct{ store *store.Store }

func (j sandboxJournal) Record(ctx context.Context, r sandbox.Record) (sandbox.Record, bool, error) {
	first, existed, err := j.store.RecordSandboxCharge(ctx, store.SandboxCharge{
		PortalID: r.Customer, ID: r.ID, Amount: r.Amount, State: string(r.State), Reason: r.Reason,
		Reference: r.Reference, Saved: r.Saved, Gone: r.Gone, At: r.At, Due: r.Due,
	})
	return record(first), existed, err
}

func (j sandboxJournal) Lookup(ctx context.Context, customer, id string) (r sandbox.Record, err error) {
	err = j.read(ctx, func(tx *store.Tx) error {
		found, err := tx.SandboxCharge(customer, id)
		r = record(found)
		return err
	})
	return r, err
}

func (j sandboxJournal) LastSaved(ctx context.Context, customer string) (r sandbox.Record, err error) {
	err = j.read(ctx, func(tx *store.Tx) error {
		found, err := tx.SandboxSaved(customer)
		r = record(found)
		return err
	})
	return r, err
}

func (j sandboxJournal) OpenPage(ctx context.Context, p sandbox.PageRecord) (sandbox.PageRecord, bool, error) {
	first, existed, err := j.store.RecordSandboxPage(ctx, store.SandboxPage{
		PortalID: p.Customer, ID: p.ID, Token: p.Token, Kind: string(p.Kind), Amount: p.Amount,
		Description: p.Description, Language: p.Language, SuccessURL: p.SuccessURL, CancelURL: p.CancelURL,
		OpenedAt: p.OpenedAt, ExpiresAt: p.ExpiresAt,
	})
	return pageRecord(first), existed, err
}

func (j sandboxJournal) LookupPage(ctx context.Context, customer, id string) (p sandbox.PageRecord, err error) {
	err = j.read(ctx, func(tx *store.Tx) error {
		found, err := tx.SandboxPage(customer, id)
		p = pageRecord(found)
		return err
	})
	return p, err
}

func (j sandboxJournal) Refund(ctx context.Context, r sandbox.RefundRecord) (sandbox.RefundRecord, bool, error) {
	first, existed, err := j.store.RecordSandboxRefund(ctx, store.SandboxRefund{
		PortalID: r.Customer, ID: r.ID, ChargeID: r.ChargeID, Amount: r.Amount, Reference: r.Reference, At: r.At,
	})
	return sandbox.RefundRecord{
		Customer: first.PortalID, ID: first.ID, ChargeID: first.ChargeID, Amount: first.Amount, Reference: first.Reference, At: first.At,
	}, existed, notFound(err)
}

func (j sandboxJournal) Refunded(ctx context.Context, customer, chargeID string) (given money.Amount, err error) {
	err = j.read(ctx, func(tx *store.Tx) error {
		charge, err := tx.SandboxCharge(customer, chargeID)
		if err != nil {
			return err
		}
		units, err := tx.SandboxRefunded(customer, chargeID)
		given = money.FromUnits(units, charge.Amount.Currency())
		return err
	})
	return given, err
}

func (j sandboxJournal) read(ctx context.Context, fn func(*store.Tx) error) error {
	return notFound(j.store.Read(ctx, fn))
}

// notFound gives the store's error the name that it has in a journal.
func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return payment.ErrNotFound
	}
	return err
}

func record(c store.SandboxCharge) sandbox.Record {
	return sandbox.Record{
		Customer: c.PortalID, ID: c.ID, Amount: c.Amount, State: payment.State(c.State), Reason: c.Reason,
		Reference: c.Reference, Saved: c.Saved, Gone: c.Gone, At: c.At, Due: c.Due,
	}
}

func pageRecord(p store.SandboxPage) sandbox.PageRecord {
	return sandbox.PageRecord{
		Page: payment.Page{
			Kind: payment.PageKind(p.Kind), ID: p.ID, Customer: p.PortalID, Amount: p.Amount, Description: p.Description,
			Language: p.Language, SuccessURL: p.SuccessURL, CancelURL: p.CancelURL,
		},
		Token: p.Token, OpenedAt: p.OpenedAt, ExpiresAt: p.ExpiresAt,
	}
}
