package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// load brings a batch what its requests need, row by row. On PostgreSQL the books
// are locked first; SQLite has one writer anyway.
func (tx *Tx) load(batch *ledger.Batch, needs ledger.Needs) error {
	for _, book := range needs.Books {
		if err := tx.loadBook(batch, book.Portal, book.Book); err != nil {
			return fmt.Errorf("book %s of %s: %w", book.Book, book.Portal, err)
		}
	}
	for _, key := range needs.Keys {
		done, err := tx.done(key.Portal, key.Key)
		switch err {
		case nil:
			batch.AddDone(done)
		case ErrNotFound:
		default:
			return fmt.Errorf("key %q: %w", key.Key, err)
		}
	}
	for _, id := range needs.Holds {
		if err := tx.holds(`
			SELECT `+holdColumns+`
			  FROM hold
			 WHERE portal_id = $1
			   AND number = $2`, []any{id.Portal, id.Number}, id.Portal, batch.AddHold); err != nil {
			return fmt.Errorf("hold %s: %w", id, err)
		}
	}
	for _, id := range needs.Transfers {
		if err := tx.loadCorrigible(batch, id); err != nil {
			return fmt.Errorf("transfer %s: %w", id, err)
		}
	}
	return nil
}

// loadBook adds a book with its pockets and, to the main one, the open holds
// whose time may be over. A book that is not there is not added.
func (tx *Tx) loadBook(batch *ledger.Batch, portalID string, name ledger.Book) error {
	load := tx.loadBookAtOnce
	if tx.lockRows != "" {
		load = tx.loadBookLocked
	}
	held, err := load(batch, portalID, name)
	if err != nil || name != ledger.Main || !held {
		return err
	}
	return tx.holds(`
		SELECT `+holdColumns+`
		  FROM hold
		 WHERE portal_id = $1
		   AND state = 'open'
		   AND (expires_at <= $2 OR expires_at <= (SELECT max(last_at) FROM book WHERE portal_id = $1))`,
		[]any{portalID, batch.Now().UnixMicro()}, portalID, batch.AddHold)
}

// loadBookLocked locks the book first: its pockets may only be read when nobody
// else can change them any more. It reports whether anything is held.
func (tx *Tx) loadBookLocked(batch *ledger.Batch, portalID string, name ledger.Book) (held bool, err error) {
	book, err := tx.book(portalID, name, tx.lockRows)
	if err == ErrNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	batch.AddBook(book)
	pockets, err := tx.Pockets(portalID, name)
	for _, pocket := range pockets {
		batch.AddPocket(pocket)
		held = held || pocket.Held.Sign() > 0
	}
	return held, err
}

// loadBookAtOnce is for an engine with one writer, who is this one.
func (tx *Tx) loadBookAtOnce(batch *ledger.Batch, portalID string, name ledger.Book) (held bool, err error) {
	first := true
	err = tx.rows(`
		SELECT book.last, book.last_hold, book.last_at,
		       pocket.currency, pocket.position, pocket.balance, pocket.held, pocket.credit_limit, pocket.credited, pocket.credited_at
		  FROM book
		  LEFT JOIN pocket ON pocket.portal_id = book.portal_id AND pocket.book = book.book
		 WHERE book.portal_id = $1
		   AND book.book = $2`, []any{portalID, string(name)}, func(scan func(...any) error) error {
		var (
			b  = ledger.BookState{Portal: portalID, Book: name}
			at sql.NullInt64
			p  pocketRow
		)
		if err := scan(append([]any{&b.Last, &b.LastHold, &at}, p.into()...)...); err != nil {
			return err
		}
		if first {
			b.LastAt, first = fromMicros(at), false
			batch.AddBook(b)
		}
		if p.currency.Valid {
			pocket := p.pocket(portalID, name)
			batch.AddPocket(pocket)
			held = held || pocket.Held.Sign() > 0
		}
		return nil
	})
	return held, err
}

// pocketRow is a row of pocket as it is read; the columns are NULL where there is
// none.
type pocketRow struct {
	currency                       sql.NullString
	position, balance, held, limit sql.NullInt64
	credited, creditedAt           sql.NullInt64
}

func (r *pocketRow) into() []any {
	return []any{&r.currency, &r.position, &r.balance, &r.held, &r.limit, &r.credited, &r.creditedAt}
}

func (r *pocketRow) pocket(portalID string, name ledger.Book) ledger.Pocket {
	in := func(n sql.NullInt64) money.Amount { return money.FromUnits(n.Int64, money.Currency(r.currency.String)) }
	p := ledger.Pocket{
		Portal: portalID, Book: name, Position: r.position.Int64,
		Balance: in(r.balance), Held: in(r.held), CreditLimit: in(r.limit), CreditedAt: fromMicros(r.creditedAt),
	}
	if r.credited.Valid {
		p.Credited = in(r.credited)
	}
	return p
}

// Book returns how far a book has got, or ErrNotFound.
func (tx *Tx) Book(portalID string, name ledger.Book) (ledger.BookState, error) {
	return tx.book(portalID, name, "")
}

// LockBook keeps others from the book until the transaction ends, so that what is
// read of it stays true. It fails with ErrNotFound.
func (tx *Tx) LockBook(portalID string, name ledger.Book) error {
	_, err := tx.book(portalID, name, tx.lockRows)
	return err
}

func (tx *Tx) book(portalID string, name ledger.Book, lock string) (ledger.BookState, error) {
	b := ledger.BookState{Portal: portalID, Book: name}
	var at sql.NullInt64
	err := tx.row(`
		SELECT last, last_hold, last_at
		  FROM book
		 WHERE portal_id = $1
		   AND book = $2 `+lock, []any{portalID, string(name)}, &b.Last, &b.LastHold, &at)
	b.LastAt = fromMicros(at)
	return b, err
}

// Pockets returns the pockets of a book, the wallet's own currency first.
func (tx *Tx) Pockets(portalID string, name ledger.Book) ([]ledger.Pocket, error) {
	var all []ledger.Pocket
	err := tx.rows(`
		SELECT currency, position, balance, held, credit_limit, credited, credited_at
		  FROM pocket
		 WHERE portal_id = $1
		   AND book = $2
		 ORDER BY position, currency`, []any{portalID, string(name)}, func(scan func(...any) error) error {
		var p pocketRow
		err := scan(p.into()...)
		all = append(all, p.pocket(portalID, name))
		return err
	})
	return all, err
}

// done returns what was done under a key, or ErrNotFound.
func (tx *Tx) done(portalID, key string) (ledger.Done, error) {
	var (
		d                         = ledger.Done{Portal: portalID, Key: key}
		input                     []byte
		currency                  money.Currency
		at, main, ai, hold, until sql.NullInt64
		amount, available         int64
	)
	err := tx.row(`
		SELECT input, at, main_transfer, ai_transfer, hold, currency, amount, available, expires_at
		  FROM done
		 WHERE portal_id = $1
		   AND key = $2`, []any{portalID, key},
		&input, &at, &main, &ai, &hold, &currency, &amount, &available, &until)
	if err != nil {
		return d, err
	}
	copy(d.Input[:], input)
	d.Answer = ledger.Answer{
		At: fromMicros(at), Main: main.Int64, AI: ai.Int64, Hold: hold.Int64,
		Amount: money.FromUnits(amount, currency), Available: money.FromUnits(available, currency),
		ExpiresAt: fromMicros(until),
	}
	return d, nil
}

const holdColumns = `number, state, currency, amount, posted, transfer, key, service, quantity, participant, metadata, opened_at, expires_at, closed_at`

func (tx *Tx) holds(query string, args []any, portalID string, each func(ledger.Hold)) error {
	return tx.rows(query, args, func(scan func(...any) error) error {
		var (
			h                                 = ledger.Hold{Portal: portalID}
			currency                          money.Currency
			amount, posted                    int64
			transfer, opened, expires, closed sql.NullInt64
		)
		err := scan(&h.Number, &h.State, &currency, &amount, &posted, &transfer, &h.Key, &h.Service,
			&h.Quantity, &h.Participant, &h.Metadata, &opened, &expires, &closed)
		h.Amount, h.Posted, h.Transfer = money.FromUnits(amount, currency), money.FromUnits(posted, currency), transfer.Int64
		h.OpenedAt, h.ExpiresAt, h.ClosedAt = fromMicros(opened), fromMicros(expires), fromMicros(closed)
		if err == nil {
			each(h)
		}
		return err
	})
}

// loadCorrigible adds a transfer with what was taken back of it already.
func (tx *Tx) loadCorrigible(batch *ledger.Batch, id ledger.TransferID) error {
	transfer, err := tx.Transfer(id)
	if err == ErrNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	corrected := int64(0)
	err = tx.row(`
		SELECT CAST(coalesce(sum(amount), 0) AS BIGINT)
		  FROM transfer
		 WHERE portal_id = $1
		   AND book = $2
		   AND corrects = $3`, []any{id.Portal, string(id.Book), id.Number}, &corrected)
	if err != nil {
		return err
	}
	batch.AddCorrigible(ledger.Corrigible{
		Transfer: transfer, Corrected: money.FromUnits(corrected, transfer.Amount.Currency()),
	})
	return nil
}

const transferColumns = `number, at, type, debit, credit, currency, amount, balance, key, service, quantity, participant, metadata, corrects, hold`

// Transfer returns a transfer, or ErrNotFound.
func (tx *Tx) Transfer(id ledger.TransferID) (ledger.Transfer, error) {
	var found ledger.Transfer
	err := tx.transfers(`
		SELECT `+transferColumns+`
		  FROM transfer
		 WHERE portal_id = $1
		   AND book = $2
		   AND number = $3`, []any{id.Portal, string(id.Book), id.Number}, id.Portal, id.Book,
		func(t *ledger.Transfer) error { found = *t; return nil })
	if err == nil && found.Number == 0 {
		err = ErrNotFound
	}
	return found, err
}

// transfers calls each for the rows of a query for transferColumns. What it is
// given is overwritten by the next.
func (tx *Tx) transfers(query string, args []any, portalID string, book ledger.Book, each func(*ledger.Transfer) error) error {
	t := ledger.Transfer{Portal: portalID, Book: book}
	var (
		currency           money.Currency
		at, corrects, hold sql.NullInt64
		amount, balance    int64
	)
	return tx.rows(query, args, func(scan func(...any) error) error {
		err := scan(&t.Number, &at, &t.Type, &t.Debit, &t.Credit, &currency, &amount, &balance, &t.Key,
			&t.Service, &t.Quantity, &t.Participant, &t.Metadata, &corrects, &hold)
		if err != nil {
			return err
		}
		t.At, t.Corrects, t.Hold = fromMicros(at), corrects.Int64, hold.Int64
		t.Amount, t.Balance = money.FromUnits(amount, currency), money.FromUnits(balance, currency)
		return each(&t)
	})
}

// save writes down what a batch came to, row by row. What may fail comes first: it
// fails with errOutdated when a book is not what it was, with errNotAllNew when a
// key was used before.
func (tx *Tx) save(e ledger.Effects) error {
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
	return nil
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
		INSERT INTO done (portal_id, key, input, at, main_transfer, ai_transfer, hold, currency, amount, available, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT DO NOTHING`,
		d.Portal, d.Key, d.Input[:], a.At.UnixMicro(), number(a.Main), number(a.AI), number(a.Hold),
		string(a.Amount.Currency()), a.Amount.Units(), a.Available.Units(), micros(a.ExpiresAt))
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

func (tx *Tx) insertPocket(p ledger.Pocket) error {
	return tx.one(`
		INSERT INTO pocket (portal_id, book, currency, position, balance, held, credit_limit, credited, credited_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
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
		   AND credit_limit = $10`,
		p.Portal, string(p.Book), string(p.Currency()), p.Balance.Units(), p.Held.Units(), credited(p), micros(p.CreditedAt),
		was.Balance.Units(), was.Held.Units(), was.CreditLimit.Units())
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
