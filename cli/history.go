package cli

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

// operationHistory is what a portal tells of its wallet's last days.
type operationHistory struct {
	// from and to are the time that was asked for, up to now or, where the portal's
	// clock is ahead, up to the last operation.
	from, to time.Time
	// operations are in it, the oldest first.
	operations []docspace.Operation
	// cut says that there were more, before the first of them; from is its time then.
	cut bool
}

// readHistory reads the operations of so long a time before now, the newest of them if
// there are more than most.
func readHistory(ctx context.Context, client *docspace.Client, now time.Time, long time.Duration, most int) (*operationHistory, error) {
	h := &operationHistory{to: now}
	query := docspace.OperationsQuery{From: now.Add(-long).Truncate(time.Microsecond), Status: docspace.Completed, Limit: min(maxOperations, int64(most))}
	begun := false
	for operation, err := range client.AllOperations(ctx, query) {
		if err != nil {
			return nil, err
		}
		begun = true
		if len(h.operations) == most {
			h.cut = true
			break
		}
		h.operations = append(h.operations, operation)
	}
	if !begun { // did nothing happen, or is nothing known?
		query.Limit = 1
		if page, err := client.Operations(ctx, query); err != nil {
			return nil, err
		} else if page == nil {
			return nil, errNothingKnown()
		}
	}
	slices.Reverse(h.operations)
	h.span(long)
	return h, nil
}

// span finds out the time that the history is of.
func (h *operationHistory) span(long time.Duration) {
	for _, o := range h.operations {
		if !o.Date.Before(h.to) {
			h.to = o.Date.Add(time.Microsecond)
		}
	}
	h.from = h.to.Add(-long)
	h.operations = slices.DeleteFunc(h.operations, func(o docspace.Operation) bool { return o.Date.Before(h.from) })
	if h.cut && len(h.operations) > 0 {
		h.from = h.operations[0].Date.Time
	}
}

// pocketOf returns what a wallet has in a currency.
func pocketOf(b *docspace.Balance, c money.Currency) (money.Amount, error) {
	if b == nil {
		return money.Amount{}, errNothingKnown()
	}
	var has []money.Currency
	for _, sub := range b.SubAccounts {
		if sub.Amount.Currency() == c {
			return sub.Amount, nil
		}
		has = append(has, sub.Amount.Currency())
	}
	return money.Amount{}, &Error{Err: fmt.Errorf("the wallet has nothing in %s, but in %v", c, has), Code: ExitFailed,
		Hint: "bursar report --only balance shows what it has"}
}

// movements returns what the operations in a currency did to a wallet.
func (h *operationHistory) movements(c money.Currency) (all []wallet.Movement) {
	for i := range h.operations {
		o := &h.operations[i]
		if amount := change(o); amount.Currency() == c && amount.Sign() != 0 {
			all = append(all, wallet.Movement{
				At: o.Date.UTC(), Amount: amount, Automatic: o.Automatic(), Renewal: o.Type == docspace.PackagePayment,
			})
		}
	}
	return all
}

// walletHistory says how a wallet came to what it has now. One that begins with the
// first payment into it begins after that.
func (h *operationHistory) walletHistory(available money.Amount) (wallet.History, error) {
	w := wallet.History{From: h.from.UTC(), To: h.to.UTC(), Movements: h.movements(available.Currency())}
	before := available
	for _, m := range w.Movements {
		var err error
		if before, err = before.Sub(m.Amount); err != nil {
			return wallet.History{}, fmt.Errorf("add up operations: %w", err)
		}
	}
	if len(w.Movements) == 0 && before.Sign() == 0 {
		return wallet.History{}, &Error{Err: errors.New("nothing happened in this wallet"), Code: ExitFailed,
			Hint: "bursar operations list --all shows what ever did; --days goes back further"}
	}
	if !h.cut && before.Sign() == 0 && w.Movements[0].Amount.Sign() > 0 {
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
