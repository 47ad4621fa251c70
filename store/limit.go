package store

import (
	"fmt"
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
	return tx.moveOn(book, at)
}

// PutFloor sets below which available amount of a pocket, which is there, somebody
// wants to know; the zero Amount: nobody does. All else is as with PutCreditLimit.
func (tx *Tx) PutFloor(book ledger.Book, currency money.Currency, floor money.Amount, at time.Time) error {
	if !floor.IsZero() && floor.Currency() != currency {
		return fmt.Errorf("a floor of %s for a pocket in %s", floor, currency)
	}
	if err := tx.one(`
		UPDATE pocket
		   SET floor = $4
		 WHERE portal_id = $1
		   AND book = $2
		   AND currency = $3`, tx.portal, string(book), string(currency), floorOf(ledger.Pocket{Floor: floor})); err != nil {
		return err
	}
	return tx.moveOn(book, at)
}

// moveOn has a book get on to a moment without a transfer.
func (tx *Tx) moveOn(book ledger.Book, at time.Time) error {
	return tx.one(`
		UPDATE book
		   SET last_at = CASE WHEN last_at < $3 THEN $3 ELSE last_at + 1 END,
		       changes = changes + 1
		 WHERE portal_id = $1
		   AND book = $2`, tx.portal, string(book), at.UnixMicro())
}
