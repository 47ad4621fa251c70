package billing

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// SpendingFilter says what to sum up of what was paid from a wallet for services
// and plans, and in which order. Corrections count against what they correct, at
// the time of the correction.
type SpendingFilter struct {
	// Book is "" for both: what was paid from the wallet, and from its AI credit.
	// Buying AI credit spends nothing yet.
	Book ledger.Book
	// Service is what was paid for, as OfService returns it; "" means anything,
	// and a name that ends in * all that begin like it.
	Service string
	// From and To are the first and the last moment; the zero Time is no bound.
	From, To time.Time
	// Participant is whose payments; "" means anybody's.
	Participant string
	// Metadata is what payments must have among theirs, all of it.
	Metadata map[string]string
	// Statuses are which; none means all. All that is in a ledger is Completed.
	Statuses []ledger.Status
	// Order is by what services are sorted, Descending the highest first. What is
	// the same there is sorted by the names.
	Order      SpendingOrder
	Descending bool
	// Offset is how many to pass over, Limit how many to return, 1 to 1000.
	Offset, Limit int64
	// aiCredit has what was moved to the AI credit count as spent by the wallet.
	aiCredit bool
}

// SpendingOrder is what spending is sorted by.
type SpendingOrder int

const (
	ByService SpendingOrder = iota
	ByAmount
	ByQuantity
	ByOperations
)

// ServiceSpending is what was paid for one service in one currency.
type ServiceSpending struct {
	// Service is its name in the ledger: "disk-storage", "backup", "ai-tools"; ""
	// is what was paid for without naming one.
	Service string
	// Quantity is less what was wholly taken back.
	Quantity int64
	// Amount is net of corrections; it is less than nought where those of earlier
	// payments are more than the time's own.
	Amount money.Amount
	// Operations is how many payments there were; corrections are none.
	Operations int64
}

// SpendingPage is a part of a list of spending.
type SpendingPage struct {
	Services      []ServiceSpending
	Offset, Limit int64
	// Total is how long the list is.
	Total int64
}

// Spending sums up what a portal's customer paid for, by service and currency; nil
// when the portal has no customer. It fails with ErrAccessDenied unless the caller
// is an administrator. Source: contract, "Customer reads" and "Routes" of newer
// versions, usage.
func (s *Service) Spending(ctx context.Context, c *Caller, f SpendingFilter) (*SpendingPage, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	if c.View.customer == nil {
		return nil, nil
	}
	if f.Offset < 0 {
		return nil, invalid("offset", "%d is negative", f.Offset)
	}
	if f.Limit < 1 || f.Limit > MaxOperations {
		return nil, invalid("limit", "%d is not between 1 and %d", f.Limit, MaxOperations)
	}
	parts, err := s.partsOf(ctx, c.View.Portal.ID, f)
	if err != nil {
		return nil, err
	}
	all, err := s.spending(ctx, c.View.Portal.ID, f, parts, nil)
	if err != nil {
		return nil, err
	}
	page := &SpendingPage{Offset: f.Offset, Limit: f.Limit, Total: int64(len(all))}
	first := min(f.Offset, page.Total)
	page.Services = all[first:min(first+f.Limit, page.Total)]
	return page, nil
}

// partsOf returns the parts of books in which the time lies that is asked for.
func (s *Service) partsOf(ctx context.Context, portalID string, f SpendingFilter) (parts []numbers, err error) {
	if f.nothing() {
		return nil, nil
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		for _, book := range f.books() {
			low, high, err := s.numbersOf(tx, portalID, OperationFilter{Book: book, From: f.From, To: f.To})
			if err != nil {
				return err
			}
			parts = append(parts, numbers{book, low, high})
		}
		return nil
	})
	return parts, fromStore("look for what was spent", err)
}

// spending sums up parts of books, in the order of the filter.
func (s *Service) spending(ctx context.Context, portalID string, f SpendingFilter, parts []numbers, told func(int64) error) ([]ServiceSpending, error) {
	all := sums{}
	for _, part := range parts {
		some, err := s.spent(ctx, portalID, f, part, told)
		if err != nil {
			return nil, err
		}
		if err := all.addAll(some.list()); err != nil {
			return nil, err
		}
	}
	list := []ServiceSpending{}
	for key, of := range all {
		if f.of(key.service) {
			list = append(list, ServiceSpending{key.service, of.quantity, of.amount, of.operations})
		}
	}
	slices.SortFunc(list, func(a, b ServiceSpending) int { return f.compare(&a, &b) })
	return list, nil
}

func (f *SpendingFilter) compare(a, b *ServiceSpending) int {
	order := 0
	switch f.Order {
	case ByAmount:
		order = cmp.Compare(a.Amount.Units(), b.Amount.Units())
	case ByQuantity:
		order = cmp.Compare(a.Quantity, b.Quantity)
	case ByOperations:
		order = cmp.Compare(a.Operations, b.Operations)
	default:
		order = cmp.Compare(a.Service, b.Service)
	}
	if f.Descending {
		order = -order
	}
	return cmp.Or(order, cmp.Compare(a.Service, b.Service), cmp.Compare(a.Amount.Currency(), b.Amount.Currency()))
}

// MonthSpending is what was paid in one month, of the portal's own zone, in one
// currency.
type MonthSpending struct {
	Year  int
	Month time.Month
	// Amount is net of the corrections that were made in the month.
	Amount money.Amount
	// Operations is how many payments there were; corrections are none.
	Operations int64
}

// MonthlySpending sums up what a portal's customer paid in each month, from a first
// to a last moment, of which the zero Time is no bound. Months come in their order,
// those without payments or corrections not at all. It is nil when the portal has no
// customer, and fails with ErrAccessDenied unless the caller is an administrator.
// Source: contract, "Customer reads" and "Routes" of newer versions, usage/monthly.
func (s *Service) MonthlySpending(ctx context.Context, c *Caller, from, to time.Time) ([]MonthSpending, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	if c.View.customer == nil {
		return nil, nil
	}
	zone, err := c.View.Zone()
	if err != nil {
		return nil, err
	}
	parts, err := s.partsOf(ctx, c.View.Portal.ID, SpendingFilter{From: from, To: to})
	if err != nil {
		return nil, err
	}
	return s.months(ctx, c.View.Portal.ID, zone, parts, nil)
}

// monthPart is the part of a book that is in one month.
type monthPart struct {
	numbers
	year  int
	month time.Month
}

// months sums up parts of books by months.
func (s *Service) months(ctx context.Context, portalID string, zone *time.Location, parts []numbers, told func(int64) error) ([]MonthSpending, error) {
	type monthKey struct {
		year  int
		month time.Month
	}
	all := map[monthKey]sums{}
	for _, part := range parts {
		months, err := s.monthsOf(ctx, portalID, zone, part)
		if err != nil {
			return nil, err
		}
		for _, m := range months {
			some, err := s.spent(ctx, portalID, SpendingFilter{}, m.numbers, told)
			if err != nil {
				return nil, err
			}
			key := monthKey{m.year, m.month}
			if all[key] == nil {
				all[key] = sums{}
			}
			for of, more := range some { // of whatever service
				if err := all[key].add(sumKey{currency: of.currency}, sum{more.amount, 0, more.operations}); err != nil {
					return nil, err
				}
			}
		}
	}
	list := []MonthSpending{}
	for key, month := range all {
		for _, of := range month {
			list = append(list, MonthSpending{key.year, key.month, of.amount, of.operations})
		}
	}
	slices.SortFunc(list, func(a, b MonthSpending) int {
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Amount.Currency(), b.Amount.Currency()))
	})
	return list, nil
}

// monthsOf parts a part of a book by the months that there are transfers in.
func (s *Service) monthsOf(ctx context.Context, portalID string, zone *time.Location, in numbers) (months []monthPart, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		book, err := tx.Book(portalID, in.book)
		if err != nil {
			return err
		}
		for low := in.low; low < in.high; {
			first, err := tx.Transfer(ledger.TransferID{Portal: portalID, Book: in.book, Number: low})
			if err != nil {
				return err
			}
			year, month, _ := first.At.In(zone).Date()
			high, err := s.firstAt(tx, book, time.Date(year, month+1, 1, 0, 0, 0, 0, zone))
			if err != nil {
				return err
			}
			// At least one, whatever a zone's clocks do at midnight.
			high = max(low+1, min(high, in.high))
			months = append(months, monthPart{numbers{in.book, low, high}, year, month})
			low = high
		}
		return nil
	})
	return months, fromStore("look for months", err)
}
