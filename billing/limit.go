package billing

import (
	"context"
	"slices"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// SetCreditLimit sets how far below nought the available amount of a pocket may go;
// nought is not at all. The pocket is made if it is not there; "" is the main book.
// What a wallet owes already stays owed: a limit that is less than that only lets
// nothing more be taken. It counts for every request that is carried out after it
// returns. It fails with ErrNotFound when there is no such portal.
func (s *Service) SetCreditLimit(ctx context.Context, portalID string, book ledger.Book, limit money.Amount) error {
	if book == "" {
		book = ledger.Main
	}
	if !slices.Contains(ledger.Books(), book) {
		return invalid("book", "%q is none of %v", book, ledger.Books())
	}
	if !limit.Currency().Known() {
		return invalid("currency", "%q is not an ISO 4217 code", limit.Currency())
	}
	if limit.Sign() < 0 {
		return invalid("limit", "%s is less than nought", limit.Decimal())
	}
	return fromStore("set credit limit", s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		if err := tx.LockBook(portalID, book); err != nil {
			return err
		}
		if err := tx.EnsurePocket(book, limit.Currency()); err != nil {
			return err
		}
		pockets, err := tx.Pockets(portalID, book)
		if err != nil {
			return err
		}
		pocket, _ := pocketIn(pockets, limit.Currency())
		t.note(CreditLimitChanged, string(book), pocket.CreditLimit.String(), limit.String())
		return tx.PutCreditLimit(book, limit, s.now())
	}))
}
