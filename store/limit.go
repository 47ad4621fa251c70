package store

import (
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// PutCreditLimit sets how far below nought the available amount of a pocket may go,
// which is there. The book must be locked: see LockBook. It gets on to the given
// moment, and by the least that there is where it is further already, so that
// nobody takes what is remembered of it for true.
func (tx *Tx) PutCreditLimit(book ledger.Book, limit money.Amount, at time.Time) error {
	if err := tx.one(`
		UPDATE pocket
		   SET credit_limit = $4
		 WHERE portal_id = $1
		   AND book = $2
		   AND currency = $3`, tx.portal, string(book), string(limit.Currency()), limit.Units()); err != nil {
		return err
	}
	return tx.one(`
		UPDATE book
		   SET last_at = CASE WHEN last_at < $3 THEN $3 ELSE last_at + 1 END,
		       changes = changes + 1
		 WHERE portal_id = $1
		   AND book = $2`, tx.portal, string(book), at.UnixMicro())
}
