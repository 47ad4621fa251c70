package billing

import (
	"context"
	"errors"
	"time"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// NewSandbox returns the payment provider that collects nothing from nobody. What
// it pretends to have collected is kept in the database, so that it is known to
// every process and after every crash. A nil now means time.Now.
func NewSandbox(db *store.Store, now func() time.Time) payment.Provider {
	return sandbox.New(sandbox.Config{Journal: sandboxJournal{db}, Now: now})
}

// sandboxJournal is a sandbox.Journal in the database.
type sandboxJournal struct{ store *store.Store }

func (j sandboxJournal) Record(ctx context.Context, r sandbox.Record) (sandbox.Record, bool, error) {
	first, existed, err := j.store.RecordSandboxCharge(ctx, store.SandboxCharge{
		PortalID: r.Customer, ID: r.ID, Amount: r.Amount, State: string(r.State), Reason: r.Reason,
		Reference: r.Reference, At: r.At, Due: r.Due,
	})
	return record(first), existed, err
}

func (j sandboxJournal) Lookup(ctx context.Context, customer, id string) (r sandbox.Record, err error) {
	err = j.store.Read(ctx, func(tx *store.Tx) error {
		found, err := tx.SandboxCharge(customer, id)
		r = record(found)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = payment.ErrNotFound
	}
	return r, err
}

func record(c store.SandboxCharge) sandbox.Record {
	return sandbox.Record{
		Customer: c.PortalID, ID: c.ID, Amount: c.Amount, State: payment.State(c.State), Reason: c.Reason,
		Reference: c.Reference, At: c.At, Due: c.Due,
	}
}
