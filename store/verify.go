package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"math/big"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// Verification says what to verify.
type Verification struct {
	// Since leaves out what happened before; the zero Time leaves out nothing.
	Since time.Time
	// Progress is told now and then how far it is; nil: nobody is.
	Progress func(Verified)
}

// Verified is how much was verified.
type Verified struct{ Portals, Transfers, Holds, Keys, Seals, Collections int64 }

// Verify checks every law of the ledger over all there is. It returns a
// *ledger.Break at the first thing that is wrong. What it keeps does not grow
// with the ledger. Each portal is read as it is at one moment.
func (s *Store) Verify(ctx context.Context, in Verification) (Verified, []ledger.Sum, error) {
	v := &verifier{Verification: in, sums: map[sumKey]*big.Int{}}
	for _, check := range []func(*Tx) error{v.strays, v.inLine} {
		if err := s.Read(ctx, check); err != nil {
			return v.Verified, nil, err
		}
	}
	for after := ""; ; {
		var portals []Portal
		if err := s.Read(ctx, func(tx *Tx) (err error) {
			portals, err = tx.PortalsAfter(after, 100)
			return err
		}); err != nil || len(portals) == 0 {
			return v.Verified, v.total(), err
		}
		for _, portal := range portals {
			after = portal.ID
			if err := s.Read(ctx, func(tx *Tx) error { return v.portal(tx, portal.ID) }); err != nil {
				return v.Verified, nil, err
			}
			v.Portals++
			v.tell()
		}
	}
}

type verifier struct {
	Verification
	Verified
	sums map[sumKey]*big.Int
}

type sumKey struct {
	book     ledger.Book
	account  ledger.Account
	currency money.Currency
}

func (v *verifier) tell() {
	if v.Progress != nil {
		v.Progress(v.Verified)
	}
}

// strays looks for rows that name a portal which there is not.
func (v *verifier) strays(tx *Tx) error {
	for _, table := range []string{"book", "pocket", "transfer", "hold", "done", "seal", "collection", "refund", "sandbox_charge", "sandbox_page", "sandbox_refund", "job", "event", "webhook"} {
		for after := ""; ; {
			var portalID, known sql.NullString
			// One step for each portal, whatever the number of rows. The table's name
			// is one of the above.
			err := tx.row(`
				SELECT found.portal_id, portal.portal_id
				  FROM (SELECT min(portal_id) AS portal_id FROM `+table+` WHERE portal_id > $1) found
				  LEFT JOIN portal ON portal.portal_id = found.portal_id`, []any{after}, &portalID, &known)
			if err != nil {
				return err
			}
			if !portalID.Valid {
				break
			}
			if !known.Valid {
				return &ledger.Break{Portal: portalID.String, Where: "table " + table, What: "there is no such portal"}
			}
			after = portalID.String
		}
	}
	return nil
}

// portal verifies the ledger of one portal.
func (v *verifier) portal(tx *Tx, portalID string) error {
	var (
		books   []ledger.BookState
		pockets []ledger.Pocket
	)
	for _, name := range ledger.Books() {
		book, err := tx.Book(portalID, name)
		if errors.Is(err, ErrNotFound) {
			return &ledger.Break{Portal: portalID, Where: "book " + string(name), What: "it is missing"}
		}
		if err != nil {
			return err
		}
		some, err := tx.Pockets(portalID, name)
		if err != nil {
			return err
		}
		books, pockets = append(books, book), append(pockets, some...)
	}
	audit := ledger.NewAudit(portalID, books, pockets)
	for _, book := range books {
		if err := v.transfers(tx, audit, book); err != nil {
			return err
		}
	}
	if err := v.holds(tx, audit, portalID); err != nil {
		return err
	}
	if err := audit.End(); err != nil {
		return err
	}
	for _, check := range []func(*Tx, string) error{v.keys, v.corrections, v.completions, v.collections, v.collected, v.refunded, v.sealed, v.floors, v.numbered} {
		if err := check(tx, portalID); err != nil {
			return err
		}
	}
	for _, sum := range audit.Sums() {
		key := sumKey{sum.Book, sum.Account, sum.Amount.Currency()}
		if v.sums[key] == nil {
			v.sums[key] = new(big.Int)
		}
		v.sums[key].Add(v.sums[key], big.NewInt(sum.Amount.Units()))
	}
	return nil
}

// chunk is how many rows are read at once.
const chunk = 1000

// transfers feeds a book to the audit, and holds each transfer against the key
// that it bears.
func (v *verifier) transfers(tx *Tx, audit *ledger.Audit, book ledger.BookState) error {
	next, err := v.begin(tx, audit, book)
	if err != nil {
		return err
	}
	seals := sealReader{tx: tx, book: book, next: next}
	for next <= book.Last {
		if err := tx.ctx.Err(); err != nil {
			return err
		}
		before := next
		if err := seals.until(v, audit, next+chunk); err != nil {
			return err
		}
		err := tx.TransfersFrom(book.Portal, book.Book, next, chunk, func(t *ledger.Transfer) error {
			next = t.Number + 1
			v.Transfers++
			return audit.Transfer(t)
		})
		if err != nil {
			return err
		}
		if next == before {
			break // End says what is missing
		}
		if err := v.keyed(tx, book, before, next); err != nil {
			return err
		}
		v.tell()
	}
	return seals.until(v, audit, math.MaxInt64)
}

// begin returns the number that the audit of a book begins at.
func (v *verifier) begin(tx *Tx, audit *ledger.Audit, book ledger.BookState) (int64, error) {
	if v.Since.IsZero() {
		return 1, nil
	}
	first, err := tx.FirstTransferAt(book.Portal, book.Book, v.Since)
	if errors.Is(err, ErrNotFound) {
		return 1, nil // numbers are missing: all of it is looked at
	}
	if err != nil || first == 1 {
		return 1, err
	}
	// From the beginning of a seal, so that it can be recomputed.
	before := [32]byte{}
	seals, err := tx.SealsFrom(book.Portal, book.Book, first, 1)
	if err != nil {
		return 0, err
	}
	if len(seals) > 0 {
		first = min(first, seals[0].First)
	}
	if first == 1 {
		return 1, nil
	}
	if seal, err := tx.SealUpTo(book.Portal, book.Book, first-1); err == nil {
		before = seal.Hash
	} else if !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	last, err := tx.Transfer(ledger.TransferID{Portal: book.Portal, Book: book.Book, Number: first - 1})
	if errors.Is(err, ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	balances, err := tx.BalancesBefore(book.Portal, book.Book, first)
	if err != nil {
		return 0, err
	}
	audit.Begin(book.Book, last, balances, before)
	return first, nil
}

// sealReader tells an audit of the seals of a book, before it comes to them.
type sealReader struct {
	tx   *Tx
	book ledger.BookState
	next int64 // the first number that no seal told so far covers
}

// until tells of all seals that begin before a number.
func (r *sealReader) until(v *verifier, audit *ledger.Audit, number int64) error {
	for r.next < number {
		seals, err := r.tx.SealsFrom(r.book.Portal, r.book.Book, r.next, chunk)
		if err != nil {
			return err
		}
		for _, seal := range seals {
			if seal.First >= number {
				return nil
			}
			audit.Expect(seal)
			r.next = seal.Last + 1
			v.Seals++
		}
		if len(seals) < chunk {
			return nil
		}
	}
	return nil
}

// holds feeds the holds to the audit.
func (v *verifier) holds(tx *Tx, audit *ledger.Audit, portalID string) error {
	for next := int64(1); ; {
		var some []ledger.Hold
		if err := tx.holds(`
			SELECT `+holdColumns+`
			  FROM hold
			 WHERE portal_id = $1
			   AND number >= $2
			 ORDER BY number
			 LIMIT $3`, []any{portalID, next, chunk}, portalID, func(h ledger.Hold) { some = append(some, h) }); err != nil {
			return err
		}
		if len(some) == 0 {
			return nil
		}
		for i := range some {
			if err := audit.Hold(&some[i]); err != nil {
				return err
			}
		}
		v.Holds += int64(len(some))
		next = some[len(some)-1].Number + 1
		v.tell()
	}
}

// total returns what each account came to over all portals. One that comes to more
// than an amount can be is left out.
func (v *verifier) total() []ledger.Sum {
	all := make([]ledger.Sum, 0, len(v.sums))
	for key, units := range v.sums {
		if units.IsInt64() {
			all = append(all, ledger.Sum{Book: key.book, Account: key.account, Amount: money.FromUnits(units.Int64(), key.currency)})
		}
	}
	return ledger.SortSums(all)
}
