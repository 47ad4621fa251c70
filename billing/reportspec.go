package billing

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/sheet"
	"github.com/bursarhq/bursar/store"
)

// ReportSpec says what a report is of, and how whoever asks for it words that.
type ReportSpec struct {
	// FileName is what the file is called: "Customer operations report (…).xlsx".
	FileName string
	// Title is the name of the sheet.
	Title   string
	Columns []sheet.Column
	Of      ReportOf
}

// ReportOf is a ReportOfOperations, ReportOfSpending or ReportOfMonths.
type ReportOf interface {
	kind() ReportKind
	// fix finds out what the report is of, which nothing that comes later changes.
	fix(ctx context.Context, s *Service, v *View) (reportRows, error)
}

// reportRows makes the rows of a report, and says how many of how many steps are
// done.
type reportRows func(ctx context.Context, progress func(done, total int64) error) iter.Seq2[[]sheet.Cell, error]

// ReportOfOperations lists transfers.
type ReportOfOperations struct {
	// Filter is as for Operations; Offset and Limit count for nothing.
	Filter OperationFilter
	// Row words a transfer, with the users among the participants by their ids. It
	// is called in the background, by one at a time; the transfer is its own.
	Row func(t *ledger.Transfer, names map[string]string) []sheet.Cell
}

// ReportOfSpending lists what was spent, by service.
type ReportOfSpending struct {
	// Filter is as for Spending; Offset and Limit count for nothing.
	Filter SpendingFilter
	// Row words one line, in the background.
	Row func(ServiceSpending) []sheet.Cell
}

// ReportOfMonths lists what was spent, by month.
type ReportOfMonths struct {
	// From and To are as for MonthlySpending.
	From, To time.Time
	// Row words one line, in the background.
	Row func(MonthSpending) []sheet.Cell
}

func (ReportOfOperations) kind() ReportKind { return OperationsReport }
func (ReportOfSpending) kind() ReportKind   { return UsageReport }
func (ReportOfMonths) kind() ReportKind     { return MonthlyReport }

func (o ReportOfOperations) fix(ctx context.Context, s *Service, v *View) (reportRows, error) {
	f := o.Filter
	if f.Book == "" {
		f.Book = ledger.Main
	}
	in := numbers{book: f.Book}
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		in.low, in.high, err = s.numbersOf(tx, v.Portal.ID, f)
		return err
	})
	if len(f.Statuses) > 0 && !slices.Contains(f.Statuses, ledger.Completed) {
		in.high = in.low
	}
	return func(ctx context.Context, progress func(done, total int64) error) iter.Seq2[[]sheet.Cell, error] {
		return func(yield func([]sheet.Cell, error) bool) {
			page := &OperationPage{Names: map[string]string{}}
			for done := int64(0); done < in.len(); {
				count := min(in.len()-done, MaxOperations)
				first := in.low + done
				if !f.Ascending {
					first = in.high - done - count
				}
				err := s.reportPage(ctx, page, v.Portal.ID, f, first, int(count))
				for i := 0; err == nil && i < len(page.Transfers); i++ {
					if !yield(o.Row(&page.Transfers[i], page.Names), nil) {
						return
					}
				}
				done += count
				if err == nil {
					err = progress(done, in.len())
				}
				if err != nil {
					yield(nil, err)
					return
				}
			}
		}
	}, fromStore("start report", err)
}

// maxNames bounds how many names of users a report keeps in mind.
const maxNames = 10_000

// reportPage reads some transfers, and keeps those that are asked for.
func (s *Service) reportPage(ctx context.Context, page *OperationPage, portalID string, f OperationFilter, first int64, count int) error {
	page.Transfers = page.Transfers[:0]
	if len(page.Names) > maxNames {
		clear(page.Names)
	}
	return fromStore("list operations", s.store.Read(ctx, func(tx *store.Tx) error {
		read := 0
		if err := tx.TransfersFrom(portalID, f.Book, first, count, func(t *ledger.Transfer) error {
			if read++; f.has(t) {
				page.Transfers = append(page.Transfers, *t)
			}
			return nil
		}); err != nil {
			return err
		}
		if read != count {
			return fmt.Errorf("book %s of %s has a gap after number %d", f.Book, portalID, first)
		}
		if !f.Ascending {
			slices.Reverse(page.Transfers)
		}
		return page.name(tx, portalID)
	}))
}

func (o ReportOfSpending) fix(ctx context.Context, s *Service, v *View) (reportRows, error) {
	parts, err := s.partsOf(ctx, v.Portal.ID, o.Filter)
	return summary(parts, func(ctx context.Context, told func(int64) error) (rows [][]sheet.Cell, err error) {
		list, err := s.spending(ctx, v.Portal.ID, o.Filter, parts, told)
		for _, one := range list {
			rows = append(rows, o.Row(one))
		}
		return rows, err
	}), err
}

func (o ReportOfMonths) fix(ctx context.Context, s *Service, v *View) (reportRows, error) {
	zone, err := v.Zone()
	if err != nil {
		return nil, err
	}
	parts, err := s.partsOf(ctx, v.Portal.ID, SpendingFilter{From: o.From, To: o.To})
	return summary(parts, func(ctx context.Context, told func(int64) error) (rows [][]sheet.Cell, err error) {
		list, err := s.months(ctx, v.Portal.ID, zone, parts, told)
		for _, one := range list {
			rows = append(rows, o.Row(one))
		}
		return rows, err
	}), err
}

// summary makes rows that are all known at once, after parts of books were gone
// through, of which told is told how many numbers more that were.
func summary(parts []numbers, all func(ctx context.Context, told func(int64) error) ([][]sheet.Cell, error)) reportRows {
	total := int64(0)
	for _, part := range parts {
		total += part.len()
	}
	return func(ctx context.Context, progress func(done, total int64) error) iter.Seq2[[]sheet.Cell, error] {
		return func(yield func([]sheet.Cell, error) bool) {
			done := int64(0)
			rows, err := all(ctx, func(more int64) error {
				done += more
				return progress(done, total)
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}
