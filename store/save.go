package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// save writes down what a batch that was made for a moment came to, row by row. What
// may fail comes first: it fails with errOutdated when a book is not what it was, with
// errNotAllNew when a key was used before.
func (tx *Tx) save(now time.Time, e ledger.Effects) error {
	for i, b := range e.Books {
		if err := tx.updateBook(b, e.Was.Books[i]); err != nil {
			return fmt.Errorf("book %s of %s: %w", b.Book, b.Portal, err)
		}
	}
	for i := range e.Done {
		if err := tx.insertDone(&e.Done[i]); err != nil {
			return fmt.Errorf("key %q: %w", e.Done[i].Key, err)
		}
	}
	for i := range e.Transfers {
		if err := tx.insertTransfer(&e.Transfers[i]); err != nil {
			return fmt.Errorf("transfer %s: %w", e.Transfers[i].ID(), err)
		}
	}
	for i := range e.NewHolds {
		if err := tx.insertHold(&e.NewHolds[i]); err != nil {
			return fmt.Errorf("hold %s: %w", e.NewHolds[i].ID(), err)
		}
	}
	for i := range e.Holds {
		if err := tx.updateHold(&e.Holds[i], &e.Was.Holds[i]); err != nil {
			return fmt.Errorf("hold %s: %w", e.Holds[i].ID(), err)
		}
	}
	for _, p := range e.NewPockets {
		if err := tx.insertPocket(p); err != nil {
			return fmt.Errorf("pocket %s of %s: %w", p.Currency(), p.Portal, err)
		}
	}
	for i, p := range e.Pockets {
		if err := tx.updatePocket(p, e.Was.Pockets[i]); err != nil {
			return fmt.Errorf("pocket %s of %s: %w", p.Currency(), p.Portal, err)
		}
	}
	for _, portalID := range topUps(&e) {
		if err := tx.causeJob(now, portalID, Job{Kind: JobTopUp, RunAt: now}); err != nil {
			return fmt.Errorf("have the wallet of %s topped up: %w", portalID, err)
		}
	}
	return nil
}

// topUps are the portals whose wallets fell below a floor, sorted and each once.
// Credit for AI is not topped up by itself.
func topUps(e *ledger.Effects) (portals []string) {
	for i := range e.Low {
		if e.Low[i].Book == ledger.Main {
			portals = append(portals, e.Low[i].Portal)
		}
	}
	slices.Sort(portals)
	return slices.Compact(portals)
}

// errOutdated says that what requests ran on is not so any more.
var errOutdated = errors.New("what was read has changed")

// one runs a statement that must change one row. It fails with errOutdated when the
// row is not there, or is not what it was.
func (tx *Tx) one(query string, args ...any) error {
	changed, err := tx.exec(query, args...)
	if err == nil && changed != 1 {
		err = errOutdated
	}
	return err
}

func (tx *Tx) updateBook(b, was ledger.BookState) error {
	return tx.one(`
		UPDATE book
		   SET last = $3,
		       last_hold = $4,
		       last_at = $5,
		       changes = changes + 1
		 WHERE portal_id = $1
		   AND book = $2
		   AND last = $6
		   AND last_hold = $7
		   AND last_at = $8`, b.Portal, string(b.Book), b.Last, b.LastHold, b.LastAt.UnixMicro(),
		was.Last, was.LastHold, was.LastAt.UnixMicro())
}

// number is how a number is kept that is 0 where there is none.
func number(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func (tx *Tx) insertTransfer(t *ledger.Transfer) error {
	return tx.one(`
		INSERT INTO transfer (portal_id, book, `+transferColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		t.Portal, string(t.Book), t.Number, t.At.UnixMicro(), int64(t.Type), string(t.Debit), string(t.Credit),
		string(t.Amount.Currency()), t.Amount.Units(), t.Balance.Units(), t.Key, t.Service, t.Quantity,
		t.Participant, string(t.Metadata), number(t.Corrects), number(t.Hold))
}

func (tx *Tx) insertDone(d *ledger.Done) error {
	a := &d.Answer
	inserted, err := tx.exec(`
		INSERT INTO done (portal_id, key, input, at, main_transfer, ai_transfer, hold, currency, amount, available, expires_at, origin)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT DO NOTHING`,
		d.Portal, d.Key, d.Input[:], a.At.UnixMicro(), number(a.Main), number(a.AI), number(a.Hold),
		string(a.Amount.Currency()), a.Amount.Units(), a.Available.Units(), micros(a.ExpiresAt), d.Origin)
	if err == nil && inserted == 0 {
		err = errNotAllNew
	}
	return err
}

func (tx *Tx) insertHold(h *ledger.Hold) error {
	return tx.one(`
		INSERT INTO hold (portal_id, `+holdColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		h.Portal, h.Number, string(h.State), string(h.Amount.Currency()), h.Amount.Units(), h.Posted.Units(),
		number(h.Transfer), h.Key, h.Service, h.Quantity, h.Participant, string(h.Metadata),
		h.OpenedAt.UnixMicro(), h.ExpiresAt.UnixMicro(), micros(h.ClosedAt))
}

// updateHold writes what can change of a hold that was open.
func (tx *Tx) updateHold(h, was *ledger.Hold) error {
	return tx.one(`
		UPDATE hold
		   SET state = $3,
		       posted = $4,
		       transfer = $5,
		       expires_at = $6,
		       closed_at = $7
		 WHERE portal_id = $1
		   AND number = $2
		   AND state = 'open'
		   AND expires_at = $8`,
		h.Portal, h.Number, string(h.State), h.Posted.Units(), number(h.Transfer), h.ExpiresAt.UnixMicro(), micros(h.ClosedAt),
		was.ExpiresAt.UnixMicro())
}

func credited(p ledger.Pocket) any {
	if p.CreditedAt.IsZero() {
		return nil
	}
	return p.Credited.Units()
}

// floorOf is how a floor is kept: NULL where there is none.
func floorOf(p ledger.Pocket) any {
	if p.Floor.IsZero() {
		return nil
	}
	return p.Floor.Units()
}

// insertPocket adds a pocket that was not there. It is outdated when somebody else
// added an empty one, which moves the book no further.
func (tx *Tx) insertPocket(p ledger.Pocket) error {
	return tx.one(`
		INSERT INTO pocket (portal_id, book, currency, position, balance, held, credit_limit, credited, credited_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT DO NOTHING`,
		p.Portal, string(p.Book), string(p.Currency()), p.Position, p.Balance.Units(), p.Held.Units(),
		p.CreditLimit.Units(), credited(p), micros(p.CreditedAt))
}

func (tx *Tx) updatePocket(p, was ledger.Pocket) error {
	return tx.one(`
		UPDATE pocket
		   SET balance = $4,
		       held = $5,
		       credited = $6,
		       credited_at = $7
		 WHERE portal_id = $1
		   AND book = $2
		   AND currency = $3
		   AND balance = $8
		   AND held = $9
		   AND credit_limit = $10
		   AND floor IS NOT DISTINCT FROM $11`,
		p.Portal, string(p.Book), string(p.Currency()), p.Balance.Units(), p.Held.Units(), credited(p), micros(p.CreditedAt),
		was.Balance.Units(), was.Held.Units(), was.CreditLimit.Units(), floorOf(was))
}

// EnsurePocket adds an empty pocket to a book of the portal, after those it has,
// unless it has one in the currency.
func (tx *Tx) EnsurePocket(book ledger.Book, currency money.Currency) error {
	_, err := tx.exec(`
		INSERT INTO pocket (portal_id, book, currency, position, balance, held)
		SELECT $1, $2, $3, (SELECT count(*) FROM pocket WHERE portal_id = $1 AND book = $2), 0, 0
		 WHERE NOT EXISTS (SELECT 1 FROM pocket WHERE portal_id = $1 AND book = $2 AND currency = $3)`,
		tx.portal, string(book), string(currency))
	return err
}
