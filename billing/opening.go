package billing

import (
	"errors"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// putBalances makes pockets hold what a change says, by transfers.
func (s *Service) putBalances(tx *store.Tx, t *trail, portalID string, change CustomerChange) error {
	if len(change.Balances) == 0 && change.LastCredit.IsZero() {
		return nil
	}
	if err := tx.LockBook(portalID, ledger.Main); err != nil {
		return err
	}
	for _, target := range change.Balances {
		if err := tx.EnsurePocket(ledger.Main, target.Currency()); err != nil {
			return err
		}
	}
	pockets, err := tx.Pockets(portalID, ledger.Main)
	if err != nil {
		return err
	}
	targets := change.Balances
	if credit := change.LastCredit; !credit.IsZero() && !has(targets, credit.Currency()) {
		pocket, ok := pocketIn(pockets, credit.Currency())
		if !ok {
			return invalid("last credit", "%s is in the currency of no balance", credit)
		}
		targets = append(targets[:len(targets):len(targets)], pocket.Balance)
	}
	for _, target := range targets {
		pocket, _ := pocketIn(pockets, target.Currency())
		credit := money.FromUnits(0, target.Currency())
		if change.LastCredit.Currency() == target.Currency() {
			credit = change.LastCredit
		}
		if err := s.putBalance(tx, t, portalID, pocket.Balance, target, credit); err != nil {
			return err
		}
	}
	return nil
}

// putBalance brings one pocket from what it holds to a target, the latest deposit
// being a credit.
func (s *Service) putBalance(tx *store.Tx, t *trail, portalID string, from, target, credit money.Amount) error {
	difference, err := target.Sub(from)
	if err == nil {
		difference, err = difference.Sub(credit)
	}
	if err != nil {
		return invalid("balance", "%v", err)
	}
	var steps []ledger.Action
	if credit.Sign() > 0 {
		steps = append(steps, wallet.Paid(wallet.Payment{Amount: credit}))
	}
	if difference.Sign() != 0 {
		opening := wallet.Opening(wallet.Payment{Amount: difference, Metadata: wallet.Details("Opening balance")})
		if difference.Sign() > 0 { // what was there before, was there before
			steps = append([]ledger.Action{opening}, steps...)
		} else {
			steps = append(steps, opening)
		}
	}
	for _, do := range steps {
		results, err := t.carryOut(tx, s.now(), []ledger.Request{{Portal: portalID, Key: ownKeys + "set:" + uuid.NewString(), Do: do}})
		if err != nil {
			return err
		}
		if err := results[0].Err; errors.Is(err, ledger.ErrInsufficient) {
			return invalid("balance", "%s is less than what is held", target)
		} else if err != nil {
			return fromLedger(err)
		}
	}
	return nil
}

func has(amounts []money.Amount, currency money.Currency) bool {
	for _, a := range amounts {
		if a.Currency() == currency {
			return true
		}
	}
	return false
}

func pocketIn(pockets []ledger.Pocket, currency money.Currency) (ledger.Pocket, bool) {
	for _, p := range pockets {
		if p.Currency() == currency {
			return p, true
		}
	}
	return ledger.Pocket{}, false
}
