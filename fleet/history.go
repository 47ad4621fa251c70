package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

var (
	// ErrNothingKnown says that a portal does not tell what it has, or what happened:
	// it has no customer, or can't reach its accounting. That is not that it has
	// nothing.
	ErrNothingKnown = errors.New("the portal does not say: it has no customer, or can't reach its accounting")
	// ErrNoPocket says that a wallet has nothing in a currency.
	ErrNoPocket = errors.New("no such currency in the wallet")
	// ErrNothingHappened says that there never was anything in a wallet.
	ErrNothingHappened = errors.New("nothing happened in this wallet")
)

// History is what a portal tells of its wallet's last days.
type History struct {
	// From and To are the time that was asked for, up to now or, where the portal's
	// clock is ahead, up to the last operation.
	From, To time.Time
	// Operations are in it, the oldest first.
	Operations []docspace.Operation
	// Cut says that there were more, before the first of them; From is its time then.
	Cut bool
}

// maxPage is how many operations a portal lists on a page. Source: contract, "GET
// /payment/customer/operations".
const maxPage = 1000

// ReadHistory reads the operations of so long a time before now, the newest of them if
// there are more than most. It fails with ErrNothingKnown, and as the client does.
func ReadHistory(ctx context.Context, client *docspace.Client, now time.Time, long time.Duration, most int) (*History, error) {
	h := &History{To: now}
	query := docspace.OperationsQuery{From: now.Add(-long).Truncate(time.Microsecond), Status: docspace.Completed, Limit: min(maxPage, int64(most))}
	begun := false
	for operation, err := range client.AllOperations(ctx, query) {
		if err != nil {
			return nil, err
		}
		begun = true
		if len(h.Operations) == most {
			h.Cut = true
			break
		}
		h.Operations = append(h.Operations, operation)
	}
	if !begun { // did nothing happen, or is nothing known?
		query.Limit = 1
		if page, err := client.Operations(ctx, query); err != nil {
			return nil, err
		} else if page == nil {
			return nil, ErrNothingKnown
		}
	}
	slices.Reverse(h.Operations)
	h.span(long)
	return h, nil
}

// span finds out the time that the history is of.
func (h *History) span(long time.Duration) {
	for _, o := range h.Operations {
		if !o.Date.Before(h.To) {
			h.To = o.Date.Add(time.Microsecond)
		}
	}
	h.From = h.To.Add(-long)
	h.Operations = slices.DeleteFunc(h.Operations, func(o docspace.Operation) bool { return o.Date.Before(h.From) })
	if h.Cut && len(h.Operations) > 0 {
		h.From = h.Operations[0].Date.Time
	}
}

// Change returns what an operation does to the wallet: what it takes is below nought.
func Change(o *docspace.Operation) money.Amount {
	if o.Credit.Sign() != 0 {
		return o.Credit
	}
	return o.Debit.Neg()
}

// Pocket returns what a wallet has in a currency. It fails with ErrNothingKnown for nil,
// and with ErrNoPocket.
func Pocket(b *docspace.Balance, c money.Currency) (money.Amount, error) {
	if b == nil {
		return money.Amount{}, ErrNothingKnown
	}
	var has []money.Currency
	for _, sub := range b.SubAccounts {
		if sub.Amount.Currency() == c {
			return sub.Amount, nil
		}
		has = append(has, sub.Amount.Currency())
	}
	return money.Amount{}, fmt.Errorf("%w: it has nothing in %s, but in %v", ErrNoPocket, c, has)
}

// movements returns what the operations in a currency did to a wallet.
func (h *History) movements(c money.Currency) (all []wallet.Movement) {
	for i := range h.Operations {
		o := &h.Operations[i]
		if amount := Change(o); amount.Currency() == c && amount.Sign() != 0 {
			all = append(all, wallet.Movement{
				At: o.Date.UTC(), Amount: amount, Automatic: o.Automatic(), Renewal: o.Type == docspace.PackagePayment,
			})
		}
	}
	return all
}

// Wallet says how a wallet came to what it has now. One that begins with the first
// payment into it begins after that. It fails with ErrNothingHappened.
func (h *History) Wallet(available money.Amount) (wallet.History, error) {
	w := wallet.History{From: h.From.UTC(), To: h.To.UTC(), Movements: h.movements(available.Currency())}
	before := available
	for _, m := range w.Movements {
		var err error
		if before, err = before.Sub(m.Amount); err != nil {
			return wallet.History{}, fmt.Errorf("add up operations: %w", err)
		}
	}
	if len(w.Movements) == 0 && before.Sign() == 0 {
		return wallet.History{}, ErrNothingHappened
	}
	if !h.Cut && before.Sign() == 0 && w.Movements[0].Amount.Sign() > 0 {
		w.From = w.Movements[0].At
		// What is set up at once is not paid in one by one.
		for len(w.Movements) > 0 && w.Movements[0].Amount.Sign() > 0 && w.Movements[0].At.Sub(w.From) < time.Second {
			var err error
			if before, err = before.Add(w.Movements[0].Amount); err != nil {
				return wallet.History{}, fmt.Errorf("add up operations: %w", err)
			}
			w.From, w.Movements = w.Movements[0].At, w.Movements[1:]
		}
	}
	w.Available = before
	return w, nil
}
