package billing_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/sheet"
	"github.com/bursarhq/bursar/store"
)

// operationsOf is a report of transfers, by their numbers and who they were of.
func operationsOf(f billing.OperationFilter) billing.ReportSpec {
	return billing.ReportSpec{
		FileName: "operations.xlsx", Title: "Operations", Columns: []sheet.Column{{Title: "Number"}, {Title: "Who"}, {Title: "Sum"}},
		Of: billing.ReportOfOperations{Filter: f, Row: func(t *ledger.Transfer, names map[string]string) []sheet.Cell {
			who := t.Participant
			if name, ok := names[who]; ok {
				who = name
			}
			return []sheet.Cell{sheet.Integer(t.Number), sheet.Text(who), sheet.Number(t.Amount.Decimal())}
		}},
	}
}

// waiting is a report whose rows wait until they are let go.
func waiting(let <-chan struct{}) billing.ReportSpec {
	return billing.ReportSpec{FileName: "held.xlsx", Columns: []sheet.Column{{Title: "Number"}}, Of: billing.ReportOfOperations{
		Row: func(t *ledger.Transfer, _ map[string]string) []sheet.Cell {
			<-let
			return []sheet.Cell{sheet.Integer(t.Number)}
		},
	}}
}

func (h *hall) start(c *billing.Caller, spec billing.ReportSpec) *billing.Report {
	h.t.Helper()
	r, err := h.StartReport(h.t.Context(), c, spec)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// reportUntil waits for a state of a caller's report.
func (h *hall) reportUntil(c *billing.Caller, kind billing.ReportKind, state billing.ReportState) *billing.Report {
	h.t.Helper()
	for started := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		r, err := h.Report(h.t.Context(), c, kind)
		if err != nil {
			h.t.Fatal(err)
		}
		if r != nil && r.State == state {
			return r
		}
		if time.Since(started) > patience || r != nil && r.Ended() {
			h.t.Fatalf("the report is %+v, and not in state %d", r, state)
		}
	}
}

// stopped ends the reports of a hall with the test, before its store is closed.
func (h *hall) stopped() *hall {
	h.t.Cleanup(func() { h.must(h.StopReports(background)) })
	return h
}

// rows opens the file of a report, and returns the rows of its first sheet.
func (h *hall) rows(c *billing.Caller, r *billing.Report) [][]string {
	h.t.Helper()
	f, err := h.OpenReport(h.t.Context(), c, r.Number)
	if err != nil {
		h.t.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
	if err != nil || int64(len(data)) != r.Size || f.Name != r.FileName {
		h.t.Fatalf("%s of %d bytes: %d are read, %v", f.Name, r.Size, len(data), err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		h.t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetList()[0])
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func TestReportHasWhatTheListHas(t *testing.T) {
	h := newCompany(t).stopped()
	h.fill("a", 3500) // several pages
	owner := h.as(billing.Owner)
	for name, f := range map[string]billing.OperationFilter{
		"all": {}, "oldest first": {Ascending: true}, "some": {Service: "backup", Participant: "ann"}, "credits, oldest first": {Credit: true, Ascending: true},
		"none": {Service: "nothing"}, "of no time": {From: h.clock.Now().Add(time.Hour)}, "pending": {Statuses: []ledger.Status{ledger.Pending}},
		"the other book": {Book: ledger.AI}, "a time": {To: h.clock.Now()},
	} {
		want := [][]string{{"Number", "Who", "Sum"}}
		f.Limit = billing.MaxOperations
		for total := int64(1); f.Offset < total; f.Offset += f.Limit {
			page := h.list(f)
			total = page.Total
			for _, op := range page.Transfers {
				who := op.Participant
				if name, ok := page.Names[who]; ok {
					who = name
				}
				want = append(want, []string{fmt.Sprint(op.Number), who, op.Amount.Decimal()})
			}
		}
		h.start(owner, operationsOf(f))
		r := h.reportUntil(owner, billing.OperationsReport, billing.ReportCompleted)
		if r.Percentage != 100 || r.Error != "" || r.UserID != owner.User.ID || r.PortalID != company || r.FileName != "operations.xlsx" {
			t.Errorf("%s: %+v", name, r)
		}
		diff(t, name, h.rows(owner, r), want)
	}
}

func TestReportsOfSpending(t *testing.T) {
	h := rich(t, from).stopped()
	h.fill("a", 2500)
	owner := h.as(billing.Owner)
	spending := billing.ReportSpec{FileName: "usage.xlsx", Columns: []sheet.Column{{Title: "Service"}, {Title: "Sum"}, {Title: "Times"}}, Of: billing.ReportOfSpending{
		Filter: billing.SpendingFilter{From: from},
		Row: func(s billing.ServiceSpending) []sheet.Cell {
			return []sheet.Cell{sheet.Text(s.Service), sheet.Number(s.Amount.Decimal()), sheet.Integer(s.Operations)}
		},
	}}
	months := billing.ReportSpec{FileName: "monthly.xlsx", Columns: []sheet.Column{{Title: "Month"}, {Title: "Sum"}, {Title: "Times"}}, Of: billing.ReportOfMonths{
		From: from,
		Row: func(m billing.MonthSpending) []sheet.Cell {
			return []sheet.Cell{sheet.Text(m.Month.String()), sheet.Number(m.Amount.Decimal()), sheet.Integer(m.Operations)}
		},
	}}
	h.start(owner, spending)
	h.start(owner, months) // at the same time
	diff(t, "by service", h.rows(owner, h.reportUntil(owner, billing.UsageReport, billing.ReportCompleted)), [][]string{{"Service", "Sum", "Times"}, {"backup", "833.00", "833"}})
	diff(t, "by month", h.rows(owner, h.reportUntil(owner, billing.MonthlyReport, billing.ReportCompleted)), [][]string{{"Month", "Sum", "Times"}, {"August", "833.00", "833"}})
}

// The list is the one that there was when it was asked for, whatever comes while the
// report waits and is built.
func TestReportIsFixedWhenItStarts(t *testing.T) {
	h := newCompany(t).stopped()
	owner := h.as(billing.Owner)
	before := h.list(billing.OperationFilter{Limit: 1}).Total
	let := make(chan struct{})
	first := h.start(owner, waiting(let))
	if first.State != billing.ReportCreated || first.Percentage != 0 || first.Size != 0 {
		t.Errorf("at first: %+v", first)
	}
	running := h.reportUntil(owner, billing.OperationsReport, billing.ReportRunning)
	h.fill("later", 10)
	if again := h.start(owner, waiting(let)); again.Number != first.Number || running.Number != first.Number {
		t.Errorf("%d was started while %d ran", again.Number, first.Number)
	}
	if _, err := h.OpenReport(t.Context(), owner, first.Number); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("its file, while it is built: %v", err)
	}
	close(let)
	r := h.reportUntil(owner, billing.OperationsReport, billing.ReportCompleted)
	if rows := h.rows(owner, r); int64(len(rows)) != before+1 {
		t.Errorf("%d rows of %d transfers", len(rows), before)
	}
	if next := h.start(owner, waiting(let)); next.Number == first.Number {
		t.Error("after its end the same one is started")
	}
	h.reportUntil(owner, billing.OperationsReport, billing.ReportCompleted)
}

func TestReportIsCanceled(t *testing.T) {
	h := newCompany(t).stopped()
	h.fill("a", 2000)
	owner := h.as(billing.Owner)
	let := make(chan struct{})
	for _, from := range []*hall{h, h.another()} { // this process and another one
		r := h.start(owner, waiting(let))
		h.reportUntil(owner, billing.OperationsReport, billing.ReportRunning)
		if err := from.CancelReport(t.Context(), owner, billing.OperationsReport); err != nil {
			t.Fatal(err)
		}
		if from != h {
			time.Sleep(1100 * time.Millisecond) // so long it does not look
		}
		close(let)
		let = make(chan struct{})
		got := h.reportUntil(owner, billing.OperationsReport, billing.ReportCanceled)
		if got.Number != r.Number || got.Error != "" || got.Size != 0 || got.Percentage == 100 {
			t.Errorf("when it is canceled: %+v", got)
		}
	}
	if err := h.CancelReport(t.Context(), owner, billing.OperationsReport); err != nil {
		t.Errorf("cancel what has ended: %v", err)
	}
}

// Two are built at a time, and one that waits can be canceled.
func TestReportsWaitForTheirTurn(t *testing.T) {
	h := newCompany(t).stopped()
	let := make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(let) }) })
	owner, admin := h.as(billing.Owner), h.as(billing.Admin)
	h.start(owner, waiting(let))
	h.start(admin, waiting(let))
	h.reportUntil(owner, billing.OperationsReport, billing.ReportRunning)
	h.reportUntil(admin, billing.OperationsReport, billing.ReportRunning)
	usage := billing.ReportSpec{FileName: "u.xlsx", Columns: []sheet.Column{{Title: "A"}}, Of: billing.ReportOfSpending{
		Row: func(billing.ServiceSpending) []sheet.Cell { return nil },
	}}
	h.start(owner, usage)
	h.start(admin, usage)
	time.Sleep(50 * time.Millisecond)
	if r := h.reportUntil(owner, billing.UsageReport, billing.ReportCreated); r.Ended() {
		t.Errorf("the third: %+v", r)
	}
	h.must(h.CancelReport(t.Context(), admin, billing.UsageReport))
	h.reportUntil(admin, billing.UsageReport, billing.ReportCanceled)
	once.Do(func() { close(let) })
	h.reportUntil(owner, billing.UsageReport, billing.ReportCompleted)
}

func TestReportOfAServiceThatStops(t *testing.T) {
	h := newCompany(t)
	owner := h.as(billing.Owner)
	let, inside := make(chan struct{}), make(chan struct{}, 1)
	held := waiting(let)
	rows := held.Of.(billing.ReportOfOperations)
	row := rows.Row
	rows.Row = func(t *ledger.Transfer, names map[string]string) []sheet.Cell {
		select {
		case inside <- struct{}{}:
		default:
		}
		return row(t, names)
	}
	held.Of = rows
	r := h.start(owner, held)
	select {
	case <-inside: // it is running before, but may not have come to a row
	case <-time.After(patience):
		t.Fatal("the report came to no row")
	}
	ended := running(func() error { return h.StopReports(background) })
	select {
	case err := <-ended:
		t.Fatalf("it did not wait for the report: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(let)
	within(t, "StopReports", ended)
	got, err := h.Report(t.Context(), owner, billing.OperationsReport)
	if err != nil || got.Number != r.Number || got.State != billing.ReportFailed || got.Error != "interrupted" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := h.StartReport(t.Context(), owner, waiting(let)); !errors.Is(err, billing.ErrTryAgain) {
		t.Errorf("another one: %v", err)
	}
	if r := h.another().stopped().start(owner, waiting(let)); r.Number == got.Number {
		t.Error("another process goes on with what was interrupted")
	}
}

// A process that is gone leaves a report behind that nobody builds.
func TestReportOfALostBuilder(t *testing.T) {
	h := newCompany(t).stopped()
	owner := h.as(billing.Owner)
	lost, _, err := h.store.StartReport(t.Context(), store.Report{
		PortalID: company, UserID: owner.User.ID, Kind: "operations", FileName: "lost.xlsx", StartedAt: h.clock.Now(),
	}, h.clock.Now(), "", func(*store.Tx, int64) error { return nil })
	h.must(err)
	h.must(h.store.AddReportChunk(t.Context(), lost, []byte("half of it")))
	h.clock.Move(time.Minute)
	if r := h.start(owner, operationsOf(billing.OperationFilter{})); r.Number != lost.Number || r.State != billing.ReportCreated {
		t.Errorf("after a minute: %+v", r)
	}
	h.clock.Move(time.Microsecond)
	if r, err := h.Report(t.Context(), owner, billing.OperationsReport); err != nil || r.State != billing.ReportFailed || r.Error != "interrupted" {
		t.Errorf("when it is lost: %+v, %v", r, err)
	}
	if _, err := h.OpenReport(t.Context(), owner, lost.Number); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("its file: %v", err)
	}
	h.start(owner, operationsOf(billing.OperationFilter{}))
	if r := h.reportUntil(owner, billing.OperationsReport, billing.ReportCompleted); r.Number == lost.Number {
		t.Error("it goes on with what was lost")
	}
	h.must(h.SweepReports(t.Context()))
	h.must(h.store.Read(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.ReportChunk(company, lost.Number, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("half a file is left: %v", err)
		}
		return nil
	}))
}

func TestReportsAreThereForADay(t *testing.T) {
	h := newCompany(t).stopped()
	owner, admin := h.as(billing.Owner), h.as(billing.Admin)
	h.start(owner, operationsOf(billing.OperationFilter{}))
	old := h.reportUntil(owner, billing.OperationsReport, billing.ReportCompleted)
	h.clock.Move(24 * time.Hour)
	h.rows(h.as(billing.Owner), old)
	h.clock.Move(time.Second)
	if r, err := h.Report(t.Context(), owner, billing.OperationsReport); r != nil || err != nil {
		t.Errorf("after a day: %+v, %v", r, err)
	}
	if _, err := h.OpenReport(t.Context(), owner, old.Number); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("its file: %v", err)
	}
	h.start(admin, operationsOf(billing.OperationFilter{})) // somebody else's, which makes room
	h.reportUntil(admin, billing.OperationsReport, billing.ReportCompleted)
	h.must(h.store.Read(t.Context(), func(tx *store.Tx) error {
		_, report := tx.Report(company, old.Number)
		_, chunk := tx.ReportChunk(company, old.Number, 0)
		if !errors.Is(report, store.ErrNotFound) || !errors.Is(chunk, store.ErrNotFound) {
			t.Errorf("it is left: %v, %v", report, chunk)
		}
		return nil
	}))
}

func TestReportThatFails(t *testing.T) {
	h := newCompany(t).stopped()
	owner := h.as(billing.Owner)
	for name, row := range map[string]func(*ledger.Transfer, map[string]string) []sheet.Cell{
		"what is no number": func(*ledger.Transfer, map[string]string) []sheet.Cell { return []sheet.Cell{sheet.Number("many")} },
		"a panic":           func(*ledger.Transfer, map[string]string) []sheet.Cell { panic("no words") },
	} {
		h.start(owner, billing.ReportSpec{FileName: "f.xlsx", Columns: []sheet.Column{{Title: "A"}}, Of: billing.ReportOfOperations{Row: row}})
		r := h.reportUntil(owner, billing.OperationsReport, billing.ReportFailed)
		if r.Error != "the report could not be built" || r.Size != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestReportFileIsReadAnywhere(t *testing.T) {
	h := newCompany(t).stopped()
	h.fill("a", 1000)
	owner := h.as(billing.Owner)
	h.start(owner, billing.ReportSpec{FileName: "long.xlsx", Columns: []sheet.Column{{Title: "A"}}, Of: billing.ReportOfOperations{
		Row: func(t *ledger.Transfer, _ map[string]string) []sheet.Cell {
			long := strings.Builder{} // nothing that gets shorter, so that the file has several pieces
			for i := range 30 {
				fmt.Fprintf(&long, "%x", hashOf(fmt.Sprint(t.Number, i)))
			}
			return []sheet.Cell{sheet.Text(long.String())}
		},
	}})
	r := h.reportUntil(owner, billing.OperationsReport, billing.ReportCompleted)
	if r.Size <= store.ReportChunk {
		t.Fatalf("the file is in one piece of %d bytes", r.Size)
	}
	f, err := h.another().OpenReport(t.Context(), owner, r.Number) // as another process
	h.must(err)
	content, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
	h.must(err)
	if err := iotest.TestReader(io.NewSectionReader(f, 0, f.Size), content); err != nil {
		t.Error(err)
	}
	if _, err := excelize.OpenReader(bytes.NewReader(content)); err != nil {
		t.Error(err)
	}
	if n, err := f.ReadAt(make([]byte, 1), f.Size); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("before the beginning there is something")
	}
}

func TestWhoseReports(t *testing.T) {
	h := newCompany(t).stopped()
	h.addPortal("bare")
	owner, admin := h.as(billing.Owner), h.as(billing.Admin)
	h.start(owner, operationsOf(billing.OperationFilter{}))
	r := h.reportUntil(owner, billing.OperationsReport, billing.ReportCompleted)
	if other, err := h.Report(t.Context(), admin, billing.OperationsReport); other != nil || err != nil {
		t.Errorf("somebody else's: %+v, %v", other, err)
	}
	if other, err := h.Report(t.Context(), owner, billing.UsageReport); other != nil || err != nil {
		t.Errorf("of another kind: %+v, %v", other, err)
	}
	h.rows(admin, r) // who administers the portal may read it
	for who, c := range map[string]*billing.Caller{"a room admin": h.as(billing.RoomAdmin), "a guest": h.as(billing.Guest)} {
		_, start := h.StartReport(t.Context(), c, operationsOf(billing.OperationFilter{}))
		_, look := h.Report(t.Context(), c, billing.OperationsReport)
		_, open := h.OpenReport(t.Context(), c, r.Number)
		for doing, err := range map[string]error{"start": start, "look": look, "open": open, "cancel": h.CancelReport(t.Context(), c, billing.OperationsReport)} {
			if !errors.Is(err, billing.ErrAccessDenied) {
				t.Errorf("%s as %s: %v", doing, who, err)
			}
		}
	}
	bare := h.owner("bare")
	_, start := h.StartReport(t.Context(), bare, operationsOf(billing.OperationFilter{}))
	_, look := h.Report(t.Context(), bare, billing.OperationsReport)
	for doing, err := range map[string]error{"start": start, "look": look, "cancel": h.CancelReport(t.Context(), bare, billing.OperationsReport)} {
		if !errors.Is(err, billing.ErrNotFound) || err.Error() != "Customer could not be found" {
			t.Errorf("%s in a portal without a customer: %v", doing, err)
		}
	}
	if _, err := h.OpenReport(t.Context(), bare, r.Number); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("from another portal: %v", err)
	}
}
