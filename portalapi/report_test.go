package portalapi

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

// reporting is the sample company, and its owner.
type reporting struct {
	t       *testing.T
	service *billing.Service
	owner   *billing.Caller
}

func newReporting(t *testing.T) *reporting {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := time.Date(2026, 7, 8, 11, 39, 43, 0, time.UTC)
	r := &reporting{t: t}
	if r.service, err = billing.New(billing.Config{Store: db, Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.service.StopReports(context.Background()); err != nil {
			t.Error(err)
		}
	})
	company, err := sample.Create(t.Context(), r.service, sample.Config{Hosts: []string{"portal.example"}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	view, err := r.service.View(t.Context(), "portal.example")
	if err != nil {
		t.Fatal(err)
	}
	if r.owner, err = r.service.Authenticate(t.Context(), view, company.OwnerKey, billing.Writing); err != nil {
		t.Fatal(err)
	}
	sum, err := money.Parse("10.12345678", "USD")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.service.CarryOne(t.Context(), billing.Order{PortalID: company.PortalID, Key: "backup", What: billing.Charge{
		Service: "backup", Quantity: 1, Amount: sum, Participant: r.owner.User.ID, Metadata: map[string]string{"details": "=Automatic <backup>"},
	}}); err != nil {
		t.Fatal(err)
	}
	return r
}

// rows builds a report, and returns its rows as another program shows them.
func (r *reporting) rows(spec billing.ReportSpec, kind billing.ReportKind) [][]string {
	r.t.Helper()
	report, err := r.service.StartReport(r.t.Context(), r.owner, spec)
	for started := time.Now(); err == nil && !report.Ended() && time.Since(started) < 30*time.Second; time.Sleep(5 * time.Millisecond) {
		report, err = r.service.Report(r.t.Context(), r.owner, kind)
	}
	if err != nil || report.State != billing.ReportCompleted {
		r.t.Fatalf("%+v, %v", report, err)
	}
	file, err := r.service.OpenReport(r.t.Context(), r.owner, report.Number)
	if err != nil {
		r.t.Fatal(err)
	}
	content, err := io.ReadAll(io.NewSectionReader(file, 0, file.Size))
	if err != nil {
		r.t.Fatal(err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		r.t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetList()[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return rows
}

func TestReportsAreWorded(t *testing.T) {
	r := newReporting(t)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from, to := time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC), time.Date(2026, 7, 8, 11, 39, 43, 0, time.UTC)
	w := wording{zone: zone}
	operations := w.operationsReport(billing.OperationFilter{Types: []ledger.Type{ledger.ServicePayment, ledger.Deposit}}, from, to)
	if want := "Customer operations report (2026.07.01-2026.07.08).xlsx"; operations.FileName != want {
		t.Errorf("it is called %s", operations.FileName)
	}
	rows := r.rows(operations, billing.OperationsReport)
	if d := cmp.Diff([]string{"Date", "Type", "Details", "Contact", "Quantity", "Unit of Measurement", "Credit", "Debit", "Currency"}, rows[0]); d != "" {
		t.Errorf("titles (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"2026-07-08 13:39:43", "Backup", "=Automatic <backup>", r.owner.User.Name, "1", "Backup", "0.00", "10.12345678", "USD"}, rows[1]); d != "" {
		t.Errorf("the latest (-want +got):\n%s", d)
	}
	if len(rows) != 3 || rows[2][1] != "Balance top-up" || rows[2][7] != "0.00" {
		t.Errorf("all: %q", rows)
	}
	w.service = aiTools
	if ai := r.rows(w.operationsReport(billing.OperationFilter{Book: ledger.AI}, from, to), billing.OperationsReport); len(ai) != 1 || len(ai[0]) != 10 || ai[0][9] != "Agent" {
		t.Errorf("of AI tools: %q", ai)
	}
	usage := r.rows(w.usageReport(billing.SpendingFilter{}, from, to), billing.UsageReport)
	if d := cmp.Diff([][]string{{"Service", "Quantity", "Unit of Measurement", "Amount", "Currency", "Operations"}, {"Backup", "1", "Backup", "10.12345678", "USD", "1"}}, usage); d != "" {
		t.Errorf("usage (-want +got):\n%s", d)
	}
	monthly := r.rows(w.monthlyReport(time.Time{}, time.Time{}, from, to), billing.MonthlyReport)
	if d := cmp.Diff([][]string{{"Year", "Month", "Amount", "Currency", "Operations"}, {"2026", "7", "10.12345678", "USD", "1"}}, monthly); d != "" {
		t.Errorf("by month (-want +got):\n%s", d)
	}
	if id := reportTaskID(&billing.Report{PortalID: "docspace.io123", UserID: "66faa6e4", Kind: billing.UsageReport}); id != "DocumentBuilderTask_docspace.io123_66faa6e4_usage" {
		t.Errorf("the task is called %s", id)
	}
	if title, unit := serviceWords("domains"); title != "domains" || unit != "" {
		t.Errorf("a service without words: %q, %q", title, unit)
	}
}
