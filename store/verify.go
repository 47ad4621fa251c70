package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	if err := s.Read(ctx, v.strays); err != nil {
		return v.Verified, nil, err
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

// strays looks for rows of the ledger that are of no portal.
func (v *verifier) strays(tx *Tx) error {
	for _, table := range []string{"book", "pocket", "transfer", "hold", "done", "seal", "collection", "sandbox_charge"} {
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
	for _, check := range []func(*Tx, string) error{v.keys, v.corrections, v.completions, v.collections, v.collected, v.sealed} {
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

// keyed checks that each transfer of a range is the one that its key stands for.
func (v *verifier) keyed(tx *Tx, book ledger.BookState, from, to int64) error {
	column := "main_transfer"
	if book.Book == ledger.AI {
		column = "ai_transfer"
	}
	return v.none(tx, book.Portal, `
		SELECT 'transfer', t.number, 'its key ' || t.key || ' is not known, or stands for another one'
		  FROM transfer t
		 WHERE t.portal_id = $1
		   AND t.book = $2
		   AND t.number >= $3
		   AND t.number < $4
		   AND (SELECT count(*) FROM done d WHERE d.portal_id = t.portal_id AND d.key = t.key AND d.`+column+` = t.number) = 0
		 ORDER BY t.number
		 LIMIT 1`, book.Book, book.Portal, string(book.Book), from, to)
}

// none fails with a Break when a query has a row: a noun, a number, and what is
// wrong with it. What rows refer to is counted for each by itself, along a key: a
// join may be planned by what the tables looked like when they were small.
func (v *verifier) none(tx *Tx, portalID, query string, book ledger.Book, args ...any) error {
	var (
		noun, what string
		number     int64
	)
	err := tx.row(query, args, &noun, &number, &what)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	where := fmt.Sprintf("%s %d", noun, number)
	switch noun {
	case "transfer":
		where = "transfer " + ledger.TransferID{Portal: portalID, Book: book, Number: number}.String()
	case "hold":
		where = "hold " + ledger.HoldID{Portal: portalID, Number: number}.String()
	}
	return &ledger.Break{Portal: portalID, Where: where, What: what}
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

// keys checks that what each key stands for is there, and says the same.
func (v *verifier) keys(tx *Tx, portalID string) error {
	for after := ""; ; {
		if err := tx.ctx.Err(); err != nil {
			return err
		}
		count, wrong, what := 0, "", ""
		err := tx.rows(`
			SELECT d.key,
			       CASE WHEN d.main_transfer IS NOT NULL AND (SELECT count(*) FROM transfer t WHERE t.portal_id = d.portal_id AND t.book = 'main'
			                                                    AND t.number = d.main_transfer AND t.key = d.key AND t.amount = d.amount AND t.currency = d.currency) = 0
			            THEN 'its transfer is missing, or of another amount than its answer'
			            WHEN d.ai_transfer IS NOT NULL AND (SELECT count(*) FROM transfer t WHERE t.portal_id = d.portal_id AND t.book = 'ai'
			                                                  AND t.number = d.ai_transfer AND t.key = d.key) = 0
			            THEN 'its transfer of AI credit is missing'
			            WHEN d.hold IS NOT NULL AND (SELECT count(*) FROM hold h WHERE h.portal_id = d.portal_id AND h.number = d.hold) = 0
			            THEN 'its hold is missing'
			            ELSE '' END
			  FROM done d
			 WHERE d.portal_id = $1
			   AND d.key > $2
			 ORDER BY d.key
			 LIMIT $3`, []any{portalID, after, chunk}, func(scan func(...any) error) error {
			var text string
			if err := scan(&after, &text); err != nil {
				return err
			}
			if text != "" && wrong == "" {
				wrong, what = after, text
			}
			count++
			return nil
		})
		if err != nil {
			return err
		}
		if wrong != "" {
			return &ledger.Break{Portal: portalID, Where: "key " + wrong, What: what}
		}
		v.Keys += int64(count)
		v.tell()
		if count < chunk {
			return nil
		}
	}
}

// corrections checks that what corrects a transfer goes the other way, and that
// all that does is no more than it was.
func (v *verifier) corrections(tx *Tx, portalID string) error {
	for _, book := range ledger.Books() {
		if err := v.none(tx, portalID, `
			SELECT 'transfer', c.corrects, 'its corrections come to more than it, or do not go the other way'
			  FROM transfer c
			 WHERE c.portal_id = $1
			   AND c.book = $2
			   AND c.corrects IS NOT NULL
			   AND ((SELECT count(*) FROM transfer o WHERE o.portal_id = c.portal_id AND o.book = c.book AND o.number = c.corrects
			            AND o.debit = c.credit AND o.credit = c.debit AND o.currency = c.currency AND o.corrects IS NULL) = 0
			     OR (SELECT sum(s.amount) FROM transfer s WHERE s.portal_id = c.portal_id AND s.book = c.book AND s.corrects = c.corrects)
			      > (SELECT o.amount FROM transfer o WHERE o.portal_id = c.portal_id AND o.book = c.book AND o.number = c.corrects))
			 ORDER BY c.corrects
			 LIMIT 1`, book, portalID, string(book)); err != nil {
			return err
		}
	}
	return nil
}

// completions checks that holds and the transfers that complete them agree.
func (v *verifier) completions(tx *Tx, portalID string) error {
	if err := v.none(tx, portalID, `
		SELECT 'hold', h.number, 'the transfer that completes it does not say so'
		  FROM hold h
		 WHERE h.portal_id = $1
		   AND h.transfer IS NOT NULL
		   AND (SELECT count(*) FROM transfer t WHERE t.portal_id = h.portal_id AND t.book = 'main' AND t.number = h.transfer
		           AND t.hold = h.number AND t.amount = h.posted AND t.currency = h.currency) = 0
		 ORDER BY h.number
		 LIMIT 1`, ledger.Main, portalID); err != nil {
		return err
	}
	return v.none(tx, portalID, `
		SELECT 'hold', h.number, 'the key that opened it is not known, or was for another amount'
		  FROM hold h
		 WHERE h.portal_id = $1
		   AND (SELECT count(*) FROM done d WHERE d.portal_id = h.portal_id AND d.key = h.key
		           AND d.hold = h.number AND d.amount = h.amount AND d.currency = h.currency) = 0
		 ORDER BY h.number
		 LIMIT 1`, ledger.Main, portalID)
}

// collections checks that what a provider collected is in the wallet.
func (v *verifier) collections(tx *Tx, portalID string) error {
	count := int64(0)
	if err := tx.row(`
		SELECT count(*)
		  FROM collection
		 WHERE portal_id = $1`, []any{portalID}, &count); err != nil {
		return err
	}
	v.Collections += count
	return v.none(tx, portalID, `
		SELECT 'collection', c.number, 'it is '|| c.state || ', which its transfer does not bear out'
		  FROM collection c
		 WHERE c.portal_id = $1
		   AND (SELECT count(*) FROM done d WHERE d.portal_id = c.portal_id AND d.key = 'bursar:collection:' || CAST(c.number AS TEXT)
		           AND (c.state <> 'settled' OR d.amount = c.amount AND d.currency = c.currency))
		    <> CASE WHEN c.state = 'settled' THEN 1 ELSE 0 END
		 ORDER BY c.number
		 LIMIT 1`, ledger.Main, portalID)
}

// collected checks that the collections of what was posted are there.
func (v *verifier) collected(tx *Tx, portalID string) error {
	return v.none(tx, portalID, `
		SELECT 'transfer', d.main_transfer, 'there is no collection of it'
		  FROM done d
		 WHERE d.portal_id = $1
		   AND d.key >= 'bursar:collection:'
		   AND d.key < 'bursar:collection;'
		   AND (SELECT count(*) FROM collection c WHERE c.portal_id = d.portal_id AND c.number = CAST(substr(d.key, 19) AS BIGINT)) = 0
		 ORDER BY d.key
		 LIMIT 1`, ledger.Main, portalID)
}

// sealed checks that the seals that a book speaks of are there.
func (v *verifier) sealed(tx *Tx, portalID string) error {
	return v.none(tx, portalID, `
		SELECT 'seal up to', b.sealed, 'it is missing'
		  FROM book b
		 WHERE b.portal_id = $1
		   AND b.sealed > 0
		   AND (SELECT count(*) FROM seal s WHERE s.portal_id = b.portal_id AND s.book = b.book AND s.last = b.sealed) = 0
		 ORDER BY b.sealed
		 LIMIT 1`, ledger.Main, portalID)
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
