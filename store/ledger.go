package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
		       pocket.currency, pocket.position, pocket.balance, pocket.held, pocket.credit_limit, pocket.credited, pocket.credited_at, pocket.floor
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
	credited, creditedAt, floor    sql.NullInt64
}

func (r *pocketRow) into() []any {
	return []any{&r.currency, &r.position, &r.balance, &r.held, &r.limit, &r.credited, &r.creditedAt, &r.floor}
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
	if r.floor.Valid {
		p.Floor = in(r.floor)
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
		SELECT currency, position, balance, held, credit_limit, credited, credited_at, floor
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

// Done returns what was done under a key; nil for nothing.
func (tx *Tx) Done(portalID, key string) (*ledger.Done, error) {
	d, err := tx.done(portalID, key)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &d, nil
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

// CorrectedOf returns how much of a transfer has been taken back.
func (tx *Tx) CorrectedOf(portalID string, book ledger.Book, number int64) (money.Amount, error) {
	var (
		currency  money.Currency
		corrected int64
	)
	err := tx.row(`
		SELECT currency,
		       (SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM transfer c WHERE c.portal_id = $1 AND c.book = $2 AND c.corrects = $3)
		  FROM transfer
		 WHERE portal_id = $1
		   AND book = $2
		   AND number = $3`, []any{portalID, string(book), number}, &currency, &corrected)
	return money.FromUnits(corrected, currency), err
}

// originsAtOnce is how many keys are looked up by one statement.
const originsAtOnce = 50

// Origins returns who asked for what was done under keys, where that is known.
func (tx *Tx) Origins(portalID string, keys []string) (map[string]string, error) {
	places := make([]string, originsAtOnce)
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+2)
	}
	found := make(map[string]string, len(keys))
	for some := range slices.Chunk(keys, originsAtOnce) {
		args := []any{portalID}
		for i := range places { // always as many, so that it is one statement
			args = append(args, some[min(i, len(some)-1)])
		}
		err := tx.rows(`
			SELECT key, origin
			  FROM done
			 WHERE portal_id = $1
			   AND key IN (`+strings.Join(places, ", ")+`)
			   AND origin <> ''`, args, func(scan func(...any) error) error {
			var key, origin string
			err := scan(&key, &origin)
			found[key] = origin
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
