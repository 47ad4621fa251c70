package billing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// OperationFilter says which transfers to list, and in which order.
type OperationFilter struct {
	// Book is ledger.Main when it is "".
	Book ledger.Book
	// Service is what was paid for; "" means anything, and a name that ends in *
	// all that begin like it.
	Service string
	// From and To are the first and the last moment; the zero Time is no bound.
	From, To time.Time
	// Participant is whose; "" means anybody's.
	Participant string
	// Credit and Debit ask for transfers into the wallet and out of it; neither
	// asks for both.
	Credit, Debit bool
	// Types and Statuses are which; none means all. All that is in a ledger is
	// Completed.
	Types    []ledger.Type
	Statuses []ledger.Status
	// Ascending has the oldest first, otherwise the latest is.
	Ascending bool
	// After is the number of a transfer that the list goes on after, in its order,
	// whatever came meanwhile; 0 has it begin. What comes before is not of the list.
	After int64
	// Offset is how many to pass over, Limit how many to return, 1 to 1000.
	Offset, Limit int64
}

// OperationPage is a part of a list of transfers.
type OperationPage struct {
	Transfers     []ledger.Transfer
	Offset, Limit int64
	// Total is how long the list is.
	Total int64
	// Names are the users among the participants, by their ids.
	Names map[string]string
}

// OfService returns the filter for what was paid for a service, by the name that
// DocSpace has for it: one of the services on offer that are paid from the wallet.
// What AI tools cost is in a book of its own, all of which is asked for. It fails
// with ErrNotFound, and with ErrAccessDenied unless the caller is an
// administrator. Source: contract, "GET /payment/customer/operations".
func (s *Service) OfService(c *Caller, name string) (OperationFilter, error) {
	if err := c.mustAdminister(); err != nil {
		return OperationFilter{}, err
	}
	for _, plan := range s.catalog.Offered(true) {
		switch {
		case plan.Service == "" || !strings.EqualFold(strings.TrimSuffix(name, hourly), plan.Service):
		case plan.Service == aiTools:
			return OperationFilter{Book: ledger.AI}, nil
		case plan.Service == diskStorage:
			return OperationFilter{Service: diskStorage + "*"}, nil // by whatever period
		default:
			return OperationFilter{Service: plan.Service}, nil
		}
	}
	return OperationFilter{}, missing("Service could not be found")
}

// Names of services with ways of their own, and the end of a name that stands for
// the same service. Source: contract, "Services".
const (
	aiTools     = "ai-tools"
	diskStorage = "disk-storage"
	hourly      = "-1-hour"
)

// MaxOperations is the highest limit of a page.
const MaxOperations = 1000

// Operations lists what happened in a portal's wallet; nil when the portal has no
// customer. Any page costs what the first one costs. It fails with
// ErrAccessDenied unless the caller is an administrator.
func (s *Service) Operations(ctx context.Context, c *Caller, f OperationFilter) (*OperationPage, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	if c.View.customer == nil {
		return nil, nil
	}
	return s.PortalOperations(ctx, c.View.Portal.ID, f)
}

// PortalOperations lists what happened in a portal's wallet, for its operator. It
// fails with ErrNotFound when there is no such portal.
func (s *Service) PortalOperations(ctx context.Context, portalID string, f OperationFilter) (*OperationPage, error) {
	if f.Book == "" {
		f.Book = ledger.Main
	}
	if f.Offset < 0 {
		return nil, invalid("offset", "%d is negative", f.Offset)
	}
	if !slices.Contains(ledger.Books(), f.Book) {
		return nil, invalid("book", "%q is none of %v", f.Book, ledger.Books())
	}
	if f.Limit < 1 || f.Limit > MaxOperations {
		return nil, invalid("limit", "%d is not between 1 and %d", f.Limit, MaxOperations)
	}
	page := &OperationPage{Offset: f.Offset, Limit: f.Limit, Names: map[string]string{}}
	var table *contents // nil: the list has no gaps
	if !f.all() {
		// Before the transaction: who waits for another one to count must not hold
		// on to a connection meanwhile.
		table = s.contentsOf(portalID, f)
		if err := table.enter(ctx); err != nil {
			return nil, err
		}
		defer table.leave()
	}
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		low, high, err := s.numbersOf(tx, portalID, f)
		if err != nil {
			return err
		}
		if len(f.Statuses) > 0 && !slices.Contains(f.Statuses, ledger.Completed) {
			return nil
		}
		if table == nil {
			err = page.takeAll(tx, portalID, f, low, high)
		} else {
			err = page.takeSome(ctx, tx, table, portalID, f, low, high)
		}
		if err != nil {
			return err
		}
		return page.name(tx, portalID)
	})
	if err != nil {
		return nil, fromStore("list operations", err)
	}
	return page, nil
}

// Transfer returns a transfer by its id: "t42.docspace.io123". It fails with
// ErrNotFound.
func (s *Service) Transfer(ctx context.Context, word string) (t ledger.Transfer, err error) {
	id, err := ledger.ParseTransferID(word)
	if err != nil {
		return t, invalid("transfer", "%q is no id of a transfer", word)
	}
	err = s.store.Read(ctx, func(tx *store.Tx) (err error) {
		if t, err = tx.Transfer(id); err != nil {
			err = fmt.Errorf("transfer %s: %w", id, err)
		}
		return err
	})
	return t, fromStore("read transfer", err)
}

// numbersOf returns the first number in the time that is asked for, and the one
// after the last.
func (s *Service) numbersOf(tx *store.Tx, portalID string, f OperationFilter) (low, high int64, err error) {
	state, err := tx.Book(portalID, f.Book)
	if err != nil {
		return 0, 0, err
	}
	low, high = 1, state.Last+1
	if !f.From.IsZero() {
		if low, err = s.firstAt(tx, state, f.From); err != nil {
			return 0, 0, err
		}
	}
	if !f.To.IsZero() {
		after := f.To.Truncate(time.Microsecond).Add(time.Microsecond)
		if high, err = s.firstAt(tx, state, after); err != nil {
			return 0, 0, err
		}
	}
	high = max(low, high)
	switch {
	case f.After <= 0:
	case f.Ascending:
		low = max(low, min(f.After+1, high))
	default:
		high = max(low, min(f.After, high))
	}
	return low, high, nil
}

// maxFirsts bounds how many moments of lists are kept in mind.
const maxFirsts = 16_384

// placeInTime is a moment of a book, in microseconds.
type placeInTime struct {
	portal string
	book   ledger.Book
	at     int64
}

// firstAt returns the number of a book's first transfer that is not before a moment;
// one more than the last when there is none yet. A transfer that was found once is
// the first for ever, as time does not run backwards within a book.
func (s *Service) firstAt(tx *store.Tx, book ledger.BookState, at time.Time) (int64, error) {
	place := placeInTime{book.Portal, book.Book, at.Add(time.Microsecond - time.Nanosecond).UnixMicro()}
	if first, ok := s.firsts.Get(place); ok {
		return min(first, book.Last+1), nil // tx may be from before somebody else's found it
	}
	first, err := tx.FirstTransferAt(book.Portal, book.Book, at)
	if err == nil && first <= book.Last {
		s.firsts.Add(place, first)
	}
	return first, err
}

// all reports whether the filter leaves nothing out but by time.
func (f OperationFilter) all() bool {
	return f.Service == "" && f.Participant == "" && f.Credit == f.Debit && len(f.Types) == 0
}

// has reports whether a transfer is asked for, as far as time does not decide.
func (f OperationFilter) has(t *ledger.Transfer) bool {
	if f.Service != "" {
		prefix, open := strings.CutSuffix(f.Service, "*")
		if open && !strings.HasPrefix(t.Service, prefix) || !open && t.Service != f.Service {
			return false
		}
	}
	return (f.Participant == "" || f.Participant == t.Participant) &&
		(f.Credit == f.Debit || f.Credit == t.In()) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, t.Type))
}

// takeAll fills a page of a list without gaps, where the place of a transfer is
// its number.
func (p *OperationPage) takeAll(tx *store.Tx, portalID string, f OperationFilter, low, high int64) error {
	p.Total = high - low
	count := min(f.Limit, p.Total-f.Offset)
	if count <= 0 {
		return nil
	}
	first := low + f.Offset
	if !f.Ascending {
		first = high - f.Offset - count
	}
	err := tx.TransfersFrom(portalID, f.Book, first, int(count), func(t *ledger.Transfer) error {
		p.Transfers = append(p.Transfers, *t)
		return nil
	})
	if !f.Ascending {
		slices.Reverse(p.Transfers)
	}
	return err
}

// takeSome fills a page of a list with gaps, by its contents.
func (p *OperationPage) takeSome(ctx context.Context, tx *store.Tx, c *contents, portalID string, f OperationFilter, low, high int64) error {
	if err := c.extend(ctx, tx, portalID, f, high-1); err != nil {
		return err
	}
	before, err := c.rank(tx, portalID, f, low)
	if err != nil {
		return err
	}
	until, err := c.rank(tx, portalID, f, high)
	if err != nil {
		return err
	}
	p.Total = until - before
	count := min(f.Limit, p.Total-f.Offset)
	if count <= 0 {
		return nil
	}
	first := before + f.Offset
	if !f.Ascending {
		first = until - f.Offset - count
	}
	p.Transfers, err = c.take(tx, portalID, f, first, int(count))
	if !f.Ascending {
		slices.Reverse(p.Transfers)
	}
	return err
}

// name looks up the users among the participants, all at once.
func (p *OperationPage) name(tx *store.Tx, portalID string) error {
	var ids []string
	asked := map[string]bool{}
	for i := range p.Transfers {
		id := p.Transfers[i].Participant
		if _, known := p.Names[id]; known || asked[id] {
			continue
		}
		asked[id] = true
		if uuid.Validate(id) == nil {
			ids = append(ids, id)
		}
	}
	names, err := tx.UserNames(portalID, ids)
	maps.Copy(p.Names, names)
	return err
}

// Statement is the head of a list of transfers with what was there before and
// after.
type Statement struct {
	PortalID string
	Book     ledger.Book
	// From and To are the first and the last moment; the zero Time is no bound.
	From, To time.Time
	// Opening and Closing have one amount a currency, in the order of the
	// wallet's pockets.
	Opening, Closing []money.Amount
	// Transfers is how many there are.
	Transfers int64
}

// Statement calls head, and then each for every transfer of a time, oldest first:
// one consistent picture, of any length. What each is given is overwritten by the
// next. It fails with ErrNotFound when there is no such portal.
func (s *Service) Statement(ctx context.Context, portalID string, book ledger.Book, from, to time.Time, head func(Statement) error, each func(*ledger.Transfer) error) error {
	if book == "" {
		book = ledger.Main
	}
	if !to.IsZero() && to.Before(from) {
		return invalid("to", "is before from")
	}
	return fromStore("make statement", s.store.Read(ctx, func(tx *store.Tx) error {
		low, high, err := s.numbersOf(tx, portalID, OperationFilter{Book: book, From: from, To: to})
		if err != nil {
			return err
		}
		st := Statement{PortalID: portalID, Book: book, From: from, To: to, Transfers: high - low}
		if st.Opening, err = tx.BalancesBefore(portalID, book, low); err != nil {
			return err
		}
		if st.Closing, err = tx.BalancesBefore(portalID, book, high); err != nil {
			return err
		}
		if err := head(st); err != nil {
			return err
		}
		for number := low; number < high; {
			count := min(high-number, MaxOperations)
			if err := tx.TransfersFrom(portalID, book, number, int(count), each); err != nil {
				return err
			}
			number += count
		}
		return nil
	}))
}

// String names the filter but for time and order: what contents are kept by.
func (f OperationFilter) content(portalID string) string {
	return fmt.Sprintf("%q %q %q %q %v %v %v", portalID, f.Book, f.Service, f.Participant, f.Credit, f.Debit, f.Types)
}
