package store

import (
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/ledger"
)

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

// refunded checks that what is given back was collected, and that the transfers which
// took it out of the wallet are there.
func (v *verifier) refunded(tx *Tx, portalID string) error {
	return v.none(tx, portalID, `
		SELECT 'refund of collection', r.collection, 'the collection or the transfer that it speaks of is missing'
		  FROM refund r
		 WHERE r.portal_id = $1
		   AND ((SELECT count(*) FROM collection c WHERE c.portal_id = r.portal_id AND c.number = r.collection) = 0
		     OR r.transfer IS NOT NULL AND (SELECT count(*) FROM transfer t WHERE t.portal_id = r.portal_id AND t.book = 'main'
		                                       AND t.number = r.transfer AND t.corrects IS NOT NULL) = 0)
		 ORDER BY r.collection
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
