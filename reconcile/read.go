package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// Reading says how a wallet is read.
type Reading struct {
	Config
	Now func() time.Time
	// AI reads the AI credit and its operations in place of the wallet.
	AI bool
	// Tries is how often all is read anew when something moves meanwhile; 0 means 4.
	Tries int
	// Pause passes between tries; 0 means none.
	Pause time.Duration
	// Page is how many operations are asked for at once; 0 means 500.
	Page int64
}

const (
	defaultTries = 4
	defaultPage  = 500
	aiService    = "ai-tools"
)

// Read reads a wallet until it stands still for as long as that takes, and compares.
// The client should have Config.Refresh on: portals remember balances for minutes. It
// returns what the next run is to know, or nil. It fails as the client does, and with
// fleet.ErrNothingKnown.
func Read(ctx context.Context, client *docspace.Client, r Reading) (*Result, *Memory, error) {
	if r.Tries <= 0 {
		r.Tries = defaultTries
	}
	if r.Page <= 0 {
		r.Page = defaultPage
	}
	facts, notes := r.beside(ctx, client)
	var (
		book    *Book
		missing string
		err     error
	)
	for try := range r.Tries {
		if try > 0 && !sleep(ctx, r.Pause) {
			return nil, nil, ctx.Err()
		}
		book, missing, err = r.round(ctx, client, &facts)
		if err != nil {
			return nil, nil, err
		}
		if facts.Quiet && facts.Balance != nil {
			break
		}
	}
	facts.Now = r.Now()
	result, err := book.Close(facts)
	if err != nil {
		return nil, nil, err
	}
	if missing != "" {
		result.Unproven = append(result.Unproven, missing)
	}
	result.Unproven = append(result.Unproven, notes...)
	return result, book.Memory(facts), nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// beside reads what is there beside the wallet; what can't be read is said.
func (r *Reading) beside(ctx context.Context, client *docspace.Client) (f Facts, notes []string) {
	f.Now = r.Now()
	if r.AI {
		return f, nil // it has no rule, and nothing is paid from it by the month
	}
	var err error
	if f.Rule, err = client.TopUpSettings(ctx); err != nil {
		notes = append(notes, fmt.Sprintf("the top-up rule could not be read: %v", err))
	}
	tariff, err := client.Tariff(ctx)
	if err != nil {
		notes = append(notes, fmt.Sprintf("what is due could not be read: %v", err))
	}
	upcoming, err := client.UpcomingPayments(ctx)
	if err != nil && !errors.Is(err, docspace.ErrNotFound) { // older portals have no such thing
		notes = append(notes, fmt.Sprintf("what will be due could not be read: %v", err))
	}
	f.Subscriptions = subscriptionsOf(tariff, upcoming)
	return f, notes
}

// round reads the balance, all operations, and the balance again. It returns what is
// missing of the operations; "" for nothing.
func (r *Reading) round(ctx context.Context, client *docspace.Client, f *Facts) (*Book, string, error) {
	balance := client.Balance
	query := docspace.OperationsQuery{From: r.From, Status: docspace.Completed, Ascending: true, Limit: r.Page}
	if r.AI {
		balance, query.Service = client.AIBalance, aiService
	}
	before, err := balance(ctx)
	if err != nil {
		return nil, "", err
	}
	book := New(r.Config)
	missing, err := readAll(ctx, client, query, book)
	if err != nil {
		return nil, "", err
	}
	f.Balance, err = balance(ctx)
	if err != nil {
		return nil, "", err
	}
	f.Quiet = missing == "" && sameBalance(before, f.Balance)
	return book, missing, nil
}

// readAll adds all operations of a query to a book. It returns what makes the list no
// whole one: that it grew, or broke off.
func readAll(ctx context.Context, client *docspace.Client, q docspace.OperationsQuery, book *Book) (missing string, err error) {
	total := int64(-1)
	for {
		page, err := client.Operations(ctx, q)
		if err != nil {
			return "", err
		}
		switch {
		case page == nil && total < 0:
			return "", fleet.ErrNothingKnown
		case page == nil:
			return fmt.Sprintf("the portal told of %d operations, and then did not tell the rest", q.Offset), nil
		case total < 0:
			total = page.Total
		case page.Total != total:
			return fmt.Sprintf("the list of operations changed while it was read, from %d to %d", total, page.Total), nil
		}
		for i := range page.Operations {
			if err := book.Add(&page.Operations[i]); err != nil {
				return "", err
			}
		}
		q.Offset += int64(len(page.Operations))
		switch {
		case q.Offset > total:
			return fmt.Sprintf("the portal counts %d operations, and lists %d", total, q.Offset), nil
		case len(page.Operations) == 0 && q.Offset < total:
			return fmt.Sprintf("the portal counts %d operations, and lists %d of them", total, q.Offset), nil
		case q.Offset == total && (total <= q.Limit || len(page.Operations) == 0):
			return "", nil
		case q.Offset == total:
			// The last look: did something come meanwhile?
		}
	}
}

// sameBalance reports whether two balances say the same of every pocket.
func sameBalance(a, b *docspace.Balance) bool {
	if a == nil || b == nil {
		return a == b
	}
	amounts := func(of *docspace.Balance) (all []money.Amount) {
		for _, sub := range of.SubAccounts {
			all = append(all, sub.Amount)
		}
		slices.SortFunc(all, func(x, y money.Amount) int { return compareCurrency(x, y) })
		return all
	}
	return slices.Equal(amounts(a), amounts(b))
}

func compareCurrency(x, y money.Amount) int {
	switch {
	case x.Currency() < y.Currency():
		return -1
	case x.Currency() > y.Currency():
		return 1
	}
	return 0
}
