package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// Unsealed is a book with transfers that no seal covers yet.
type Unsealed struct {
	PortalID string
	Book     ledger.Book
}

// UnsealedAfter returns up to limit books with transfers that are not sealed yet,
// in order, from the first one after the given.
func (tx *Tx) UnsealedAfter(after Unsealed, limit int) ([]Unsealed, error) {
	var all []Unsealed
	err := tx.rows(`
		SELECT portal_id, book
		  FROM book
		 WHERE (portal_id, book) > ($1, $2)
		   AND sealed < last
		 ORDER BY portal_id, book
		 LIMIT $3`, []any{after.PortalID, string(after.Book), limit}, func(scan func(...any) error) error {
		var u Unsealed
		err := scan(&u.PortalID, &u.Book)
		all = append(all, u)
		return err
	})
	return all, err
}

// SealBook seals the book's transfers that are not sealed yet, at most
// ledger.MaxSealed of them, and returns how many.
func (s *Store) SealBook(ctx context.Context, portalID string, book ledger.Book, at time.Time) (int, error) {
	count := 0
	err := s.write(ctx, portalID, func(tx *Tx) error {
		sealed := int64(0)
		// The row is locked first, against who seals the same.
		err := tx.row(`
			UPDATE book
			   SET sealed = sealed
			 WHERE portal_id = $1
			   AND book = $2
			RETURNING sealed`, []any{portalID, string(book)}, &sealed)
		if err != nil {
			return err
		}
		sealer := ledger.Sealer{}
		if before, err := tx.SealUpTo(portalID, book, sealed); err == nil {
			sealer.Before = before.Hash
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := tx.TransfersFrom(portalID, book, sealed+1, ledger.MaxSealed, func(t *ledger.Transfer) error {
			sealer.Add(t)
			return nil
		}); err != nil {
			return err
		}
		if count = sealer.Len(); count == 0 {
			return nil
		}
		seal, err := sealer.Seal(portalID, book, at)
		if err != nil {
			return err
		}
		tx.moved = []string{} // nobody's
		return tx.insertSeal(seal)
	})
	return count, err
}

func (tx *Tx) insertSeal(seal ledger.Seal) error {
	if err := tx.one(`
		INSERT INTO seal (portal_id, book, first, last, hash, marks, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		seal.Portal, string(seal.Book), seal.First, seal.Last, seal.Hash[:], seal.Marks, seal.At.UnixMicro()); err != nil {
		return err
	}
	return tx.one(`
		UPDATE book
		   SET sealed = $3
		 WHERE portal_id = $1
		   AND book = $2`, seal.Portal, string(seal.Book), seal.Last)
}

// SealUpTo returns the seal whose last transfer has this number, or ErrNotFound.
func (tx *Tx) SealUpTo(portalID string, book ledger.Book, last int64) (ledger.Seal, error) {
	var found ledger.Seal
	err := tx.seals(`
		SELECT first, last, hash, marks, at
		  FROM seal
		 WHERE portal_id = $1
		   AND book = $2
		   AND last = $3`, []any{portalID, string(book), last}, portalID, book,
		func(s ledger.Seal) { found = s })
	if err == nil && found.Last == 0 {
		err = ErrNotFound
	}
	return found, err
}

// SealsFrom returns up to limit seals that end at the given transfer or later.
func (tx *Tx) SealsFrom(portalID string, book ledger.Book, number int64, limit int) ([]ledger.Seal, error) {
	var all []ledger.Seal
	err := tx.seals(`
		SELECT first, last, hash, marks, at
		  FROM seal
		 WHERE portal_id = $1
		   AND book = $2
		   AND last >= $3
		 ORDER BY last
		 LIMIT $4`, []any{portalID, string(book), number, limit}, portalID, book,
		func(s ledger.Seal) { all = append(all, s) })
	return all, err
}

func (tx *Tx) seals(query string, args []any, portalID string, book ledger.Book, each func(ledger.Seal)) error {
	return tx.rows(query, args, func(scan func(...any) error) error {
		s := ledger.Seal{Portal: portalID, Book: book}
		var hash []byte
		var at int64
		err := scan(&s.First, &s.Last, &hash, &s.Marks, &at)
		copy(s.Hash[:], hash)
		s.At = time.UnixMicro(at).UTC()
		if err == nil {
			each(s)
		}
		return err
	})
}

// TransfersFrom calls each for up to limit transfers of a book, from the given
// number on. What it is given is overwritten by the next.
func (tx *Tx) TransfersFrom(portalID string, book ledger.Book, number int64, limit int, each func(*ledger.Transfer) error) error {
	return tx.transfers(`
		SELECT `+transferColumns+`
		  FROM transfer
		 WHERE portal_id = $1
		   AND book = $2
		   AND number >= $3
		 ORDER BY number
		 LIMIT $4`, []any{portalID, string(book), number, limit}, portalID, book, each)
}

// FirstTransferAt returns the number of the book's first transfer that is not
// before a moment; one more than its last when there is none. As neither numbers
// have gaps nor time runs backwards, it halves what is left until it is there.
func (tx *Tx) FirstTransferAt(portalID string, book ledger.Book, at time.Time) (int64, error) {
	state, err := tx.Book(portalID, book)
	if err != nil {
		return 0, err
	}
	low, high := int64(1), state.Last+1
	for low < high {
		middle := low + (high-low)/2
		t, err := tx.Transfer(ledger.TransferID{Portal: portalID, Book: book, Number: middle})
		if err != nil {
			return 0, err
		}
		if t.At.Before(at) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// BalancesBefore returns what the pockets of a book held before its transfer of
// this number, in the order of the pockets.
func (tx *Tx) BalancesBefore(portalID string, book ledger.Book, number int64) ([]money.Amount, error) {
	pockets, err := tx.Pockets(portalID, book)
	if err != nil {
		return nil, err
	}
	var all []money.Amount
	for _, p := range pockets {
		balance := int64(0)
		err := tx.row(`
			SELECT balance
			  FROM transfer
			 WHERE portal_id = $1
			   AND book = $2
			   AND currency = $3
			   AND number < $4
			 ORDER BY number DESC
			 LIMIT 1`, []any{portalID, string(book), string(p.Currency()), number}, &balance)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		all = append(all, money.FromUnits(balance, p.Currency()))
	}
	return all, nil
}

// PocketsAt returns the pockets of a book as they are at a moment, when open holds
// whose time is over hold nothing any more, and the first moment after it at which
// another hold's is; the zero Time when none is open.
func (tx *Tx) PocketsAt(portalID string, book ledger.Book, at time.Time) (pockets []ledger.Pocket, until time.Time, err error) {
	if pockets, err = tx.Pockets(portalID, book); err != nil || book != ledger.Main {
		return pockets, time.Time{}, err
	}
	held := false
	for _, p := range pockets {
		held = held || p.Held.Sign() > 0
	}
	if !held {
		return pockets, time.Time{}, nil
	}
	err = tx.rows(`
		SELECT currency, CAST(sum(amount) AS BIGINT)
		  FROM hold
		 WHERE portal_id = $1
		   AND state = 'open'
		   AND expires_at <= $2
		 GROUP BY currency`, []any{portalID, at.UnixMicro()}, func(scan func(...any) error) error {
		var (
			currency money.Currency
			over     int64
		)
		if err := scan(&currency, &over); err != nil {
			return err
		}
		for i := range pockets {
			if p := &pockets[i]; p.Currency() == currency {
				if p.Held, err = p.Held.Sub(money.FromUnits(over, currency)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, until, err
	}
	var next sql.NullInt64
	err = tx.row(`
		SELECT min(expires_at)
		  FROM hold
		 WHERE portal_id = $1
		   AND state = 'open'
		   AND expires_at > $2`, []any{portalID, at.UnixMicro()}, &next)
	return pockets, fromMicros(next), err
}
