package docspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
)

const (
	// lookBack is how far before a deposit its picture begins, and lookAhead how far
	// after the portal's clock operations are asked for: further than any two clocks or
	// zones disagree.
	lookBack, lookAhead = 24 * time.Hour, 24 * time.Hour
	// operationsAtOnce is the largest page there is, and maxSeen how many operations a
	// picture may have.
	operationsAtOnce, maxSeen = 1000, 20000
	// clocksApart is by how much the clock of a portal's accounting may be behind.
	clocksApart = 10 * time.Minute
	// settledReads is how often a list is read that changes while it is read.
	settledReads = 5
)

// errSilent says that a portal answers, and does not tell.
var errSilent = errors.New("the portal does not tell its operations: it has no customer, or can't reach its accounting")

// row is an operation and what it is known by.
type row struct {
	id string
	Operation
}

// identity names an operation by what does not change about it: the list has no
// numbers, and words differ with the reader's language.
func identity(o Operation) string {
	text := strings.Join([]string{
		o.Date.UTC().Format(time.RFC3339Nano), string(o.Type), string(o.Credit.Currency()),
		o.Credit.Decimal(), o.Debit.Decimal(), o.ParticipantName,
	}, "\n")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// wallet is what a portal showed of one currency.
type wallet struct {
	at      Clocks
	keyed   bool
	balance *money.Amount // nil: not known, or it moved
	rows    []row
}

// purse reads wallets for a Depositor, past the portal's caches.
type purse struct {
	client *Client
	now    func() time.Time
}

func (d *Depositor) purse() purse {
	client := *d.Client
	client.refresh = true
	return purse{&client, d.now}
}

// pocket returns what the wallet has of a currency: nil when that is not known, nought
// when the wallet is known and has no such pocket.
func (p purse) pocket(ctx context.Context, currency money.Currency) (*money.Amount, *wallet, error) {
	answer, err := p.client.ask(ctx, opBalance, url.Values{})
	if err != nil {
		return nil, nil, err
	}
	balance, err := decode[Balance](p.client, opBalance, answer)
	if err != nil {
		return nil, nil, err
	}
	w := &wallet{at: Clocks{answer.date, p.now()}, keyed: answer.keyed}
	if answer.date.IsZero() {
		w.at.Portal = w.at.Here
	}
	if balance == nil {
		return nil, w, nil
	}
	has := money.FromUnits(0, currency)
	for _, sub := range balance.SubAccounts {
		if sub.Amount.Currency() == currency {
			has = sub.Amount
		}
	}
	return &has, w, nil
}

// look reads a wallet from a moment on; the zero Time means lookBack before now. The
// balance is read before and after the operations, and counts if it is the same.
func (p purse) look(ctx context.Context, currency money.Currency, from time.Time) (*wallet, time.Time, error) {
	before, w, err := p.pocket(ctx, currency)
	if err != nil {
		return nil, from, err
	}
	if from.IsZero() {
		from = w.at.Portal.Add(-lookBack).UTC().Truncate(time.Second)
	}
	w.rows, err = p.operations(ctx, OperationsQuery{From: from, To: w.at.Portal.Add(lookAhead)})
	if err != nil {
		return nil, from, err
	}
	after, later, err := p.pocket(ctx, currency)
	if err != nil {
		return nil, from, err
	}
	w.keyed = w.keyed && later.keyed
	if before != nil && after != nil && *before == *after {
		w.balance = after
	}
	return w, from, nil
}

// operations reads all operations of a query. A list whose length changes meanwhile
// is read again: what comes late stands somewhere in its middle, and would move a row
// from a page that is still to come to one that is past.
func (p purse) operations(ctx context.Context, q OperationsQuery) ([]row, error) {
	q.Limit = operationsAtOnce
	for range settledReads {
		rows, still, err := p.pages(ctx, q)
		if err != nil || still {
			return rows, err
		}
	}
	return nil, &Error{
		Operation: opOperations.name, Status: http.StatusOK,
		Message: "the list changes faster than it can be read", Err: ErrMalformed,
	}
}

// pages reads all pages of a query; false when the list changed meanwhile.
func (p purse) pages(ctx context.Context, q OperationsQuery) (rows []row, still bool, err error) {
	total := int64(-1)
	for {
		page, err := p.client.Operations(ctx, q)
		switch {
		case err != nil:
			return nil, false, err
		case page == nil:
			return nil, false, &Error{Operation: opOperations.name, Status: http.StatusOK, Message: errSilent.Error(), Err: fmt.Errorf("%w: %w", ErrMalformed, errSilent)}
		case page.Total > maxSeen:
			return nil, false, &Error{Operation: opOperations.name, Status: http.StatusOK,
				Message: fmt.Sprintf("%d operations in a day are more than %d", page.Total, maxSeen), Err: ErrTooLarge}
		case total >= 0 && page.Total != total:
			return nil, false, nil
		}
		total = page.Total
		for _, o := range page.Operations {
			rows = append(rows, row{identity(o), o})
		}
		if n := int64(len(rows)); n >= total || len(page.Operations) == 0 {
			return rows, n == total, nil
		}
		q.Offset += int64(len(page.Operations))
	}
}

// picture is what a wallet shows before a deposit, and its operations.
func (p purse) picture(ctx context.Context, currency money.Currency) (WalletPicture, []row, error) {
	customer, err := p.client.CustomerInfo(ctx)
	if err != nil {
		return WalletPicture{}, nil, err
	}
	w, from, err := p.look(ctx, currency, time.Time{})
	if err != nil {
		return WalletPicture{}, nil, err
	}
	picture := WalletPicture{
		At: w.at, Balance: w.balance, From: from, Seen: map[string]int{}, Keyed: w.keyed,
		Late: customer != nil && customer.DelayedPaymentMethod,
	}
	for _, r := range w.rows {
		picture.Seen[r.id]++
		if r.Date.After(picture.Latest) {
			picture.Latest = r.Date.UTC()
		}
	}
	return picture, w.rows, nil
}

// since returns the rows that a picture has not seen and nobody has claimed. (What is
// both counts once. A claim of nil is none.)
func (p *WalletPicture) since(rows []row, claimed map[string]int) (fresh []row) {
	left := make(map[string]int, len(p.Seen)+len(claimed))
	maps.Copy(left, p.Seen)
	for id, n := range claimed {
		left[id] = max(left[id], n)
	}
	for _, r := range rows {
		if left[r.id] > 0 {
			left[r.id]--
			continue
		}
		fresh = append(fresh, r)
	}
	return fresh
}

// addsUp reports whether a balance is what the one before and the operations since
// make it. An operation that is older than what the picture shows came late: it may
// have been in the balance before, and proves that the list lags.
func (p *WalletPicture) addsUp(now *money.Amount, fresh []row) bool {
	if p.Balance == nil || now == nil {
		return false
	}
	sum := *p.Balance
	for _, r := range fresh {
		if r.Date.Before(p.Latest) || r.Date.Before(p.At.Portal.Add(-clocksApart)) {
			return false
		}
		if r.Credit.Currency() != sum.Currency() {
			continue
		}
		var err error
		if sum, err = sum.Add(r.Credit); err == nil {
			sum, err = sum.Sub(r.Debit)
		}
		if err != nil {
			return false
		}
	}
	return sum == *now
}

// like returns the rows that look like a deposit of an amount by hand.
func like(amount money.Amount, rows []row) (some []row) {
	for _, r := range rows {
		if r.Type == DepositPayment && r.Credit == amount && !r.Automatic() {
			some = append(some, r)
		}
	}
	return some
}
