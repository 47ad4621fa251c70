package billing

import (
	"context"
	"errors"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// Pocket is what a wallet holds in one currency.
type Pocket struct {
	Book ledger.Book
	// Available is Balance less Held.
	Balance, Held, Available money.Amount
	// CreditLimit is how far below nought Available may go.
	CreditLimit money.Amount
}

// Wallet is what a portal's customer holds.
type Wallet struct {
	PortalID string
	// AccountNumber is 0 when the portal has no customer.
	AccountNumber int64
	// Pockets has those of the main book first, each book's own currency first.
	Pockets []Pocket
	// LastCredit is the latest deposit, at LastCreditAt; the zero Amount when
	// there was none.
	LastCredit   money.Amount
	LastCreditAt time.Time
	// Transfers is how many the main book has.
	Transfers int64
}

// Wallet returns what a portal's customer holds, now. It fails with ErrNotFound
// when there is no such portal.
func (s *Service) Wallet(ctx context.Context, portalID string) (w Wallet, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		w = Wallet{PortalID: portalID}
		if _, err := tx.Portal(portalID); err != nil {
			return err
		}
		customer, err := tx.Customer(portalID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		w.AccountNumber = customer.AccountNumber
		now := s.now()
		for _, book := range ledger.Books() {
			state, err := tx.Book(portalID, book)
			if err != nil {
				return err
			}
			if book == ledger.Main {
				w.Transfers = state.Last
			}
			pockets, _, err := tx.PocketsAt(portalID, book, now)
			if err != nil {
				return err
			}
			for _, p := range pockets {
				available, err := p.Available()
				if err != nil {
					return err
				}
				w.Pockets = append(w.Pockets, Pocket{book, p.Balance, p.Held, available, p.CreditLimit})
				if book == ledger.Main && p.CreditedAt.After(w.LastCreditAt) {
					w.LastCredit, w.LastCreditAt = p.Credited, p.CreditedAt
				}
			}
		}
		return nil
	})
	return w, fromStore("read wallet", err)
}
