package portalapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/sample"
)

// The paths at which reports are made.
const (
	operationsReport = "customer/operationsreport"
	usageReport      = "customer/usage/report"
	monthlyReport    = "customer/usage/monthly/report"
)

// task returns the task of a reply; nil for none.
func (r reply) task(t *testing.T) *docspace.ReportTask {
	t.Helper()
	r.wants(t, http.StatusOK, "")
	payload := r.payload(t)
	if payload == "" {
		return nil
	}
	task := decode[docspace.ReportTask](t, payload)
	return &task
}

// awaited asks for a report until it is over. It only ever gets on.
func (h *house) awaited(key, path string) *docspace.ReportTask {
	h.t.Helper()
	percentage := 0
	for started := time.Now(); time.Since(started) < 30*time.Second; time.Sleep(2 * time.Millisecond) {
		task := h.from(thisMachine, request{path: path, key: key}).task(h.t)
		if task == nil {
			h.t.Fatalf("%s: there is no report", path)
		}
		over := task.Status > docspace.TaskRunning
		if task.IsCompleted != over || task.Percentage < percentage || (task.Percentage == 100) != (task.Status == docspace.TaskCompleted) {
			h.t.Errorf("%s: after %d %% there is %+v", path, percentage, task)
		}
		if percentage = task.Percentage; over {
			return task
		}
	}
	h.t.Fatalf("%s: the report takes for ever", path)
	return nil
}

// made has a report made, and returns it when it is there.
func (h *house) made(key, path, query, body string) *docspace.ReportTask {
	h.t.Helper()
	h.from(thisMachine, request{method: "POST", path: path + query, key: key, body: body}).task(h.t)
	task := h.awaited(key, path)
	if task.Status != docspace.TaskCompleted || task.Failure != "" || task.ResultFileID == "" || !strings.HasSuffix(task.ResultFileName, ".xlsx") ||
		task.ResultFileURL != apiBase+"customer/reports/"+string(task.ResultFileID) {
		h.t.Fatalf("%s%s %s: %+v", path, query, body, task)
	}
	return task
}

// sheetOf downloads a report, and returns its rows as another program shows them.
func (h *house) sheetOf(key string, task *docspace.ReportTask) [][]string {
	h.t.Helper()
	got := h.do(request{path: task.ResultFileURL, key: key})
	got.wants(h.t, http.StatusOK, "")
	return rowsOf(h.t, got.body)
}

func rowsOf(t *testing.T, content string) [][]string {
	t.Helper()
	book, err := excelize.OpenReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetList()[0])
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// reportNumber returns the number of a report of the company's that is there; "1" for
// a company that can't have any.
func (h *house) reportNumber() string {
	h.t.Helper()
	if h.report == "" {
		got := h.unchecked(request{method: "POST", path: operationsReport, key: h.company.OwnerKey})
		if got.status == http.StatusNotFound {
			return "1"
		}
		h.report = path.Base(h.awaited(h.company.OwnerKey, operationsReport).ResultFileURL)
	}
	return h.report
}

// newSpender returns a house in Helsinki with all kinds of operations, over three
// months, and its owner's key.
func newSpender(t *testing.T) (h *house, key string) {
	t.Helper()
	h, key = newLedger(t, "Europe/Helsinki")
	h.clock.Set(time.Date(2026, time.December, 31, 21, 59, 59, 999999000, time.UTC)) // the last of the year in Helsinki
	owner := decode[docspace.CustomerInfo](t, h.getAs(key, "customerinfo").payload(t)).Payer.ID
	agent := func(id string) ledger.Metadata {
		return ledger.NewMetadata(map[string]string{"agent_id": id, "agent_title": "Agent " + id, "details": "=1+1"})
	}
	h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("999.5"), Type: ledger.Deposit}),
		in(ledger.Posting{Book: ledger.AI, Amount: usd("999.5"), Type: ledger.AICredit}))
	for i, step := range []time.Duration{0, time.Microsecond, 40 * 24 * time.Hour, time.Second} {
		h.clock.Move(step)
		h.post(out(ledger.Posting{Book: ledger.Main, Amount: usd("10"), Type: ledger.ServicePayment, Service: "backup", Quantity: 1, Participant: owner, Metadata: agent("7")}),
			out(ledger.Posting{Book: ledger.Main, Amount: usd("0.00000001"), Type: ledger.ServicePayment, Service: "disk-storage-1-hour", Quantity: 100, Participant: "cron"}),
			out(ledger.Posting{Book: ledger.Main, Amount: usd("123.45678901"), Type: ledger.ServicePayment, Service: "disk-storage", Quantity: int64(i) + 1}),
			out(ledger.Posting{Book: ledger.AI, Amount: usd("0.0123"), Type: ledger.AIServicePayment, Service: "ai-tools", Quantity: 3, Participant: owner, Metadata: agent(strconv.Itoa(7 + i%2))}))
	}
	return h, key
}

var operationsTitles = []string{"Date", "Type", "Details", "Contact", "Quantity", "Unit of Measurement", "Credit", "Debit", "Currency"}

// rowsOfList are the rows that a report has of what customer/operations tells.
func (h *house) rowsOfList(key, query string) [][]string {
	h.t.Helper()
	rows := [][]string{operationsTitles}
	page := decode[docspace.OperationsPage](h.t, h.getAs(key, "customer/operations"+query).payload(h.t))
	for _, o := range page.Operations {
		kind, contact := o.Description, o.ParticipantDisplayName
		if kind == "" {
			kind = string(o.Type)
		}
		row := []string{
			o.Date.Format(time.DateTime), kind, o.Details, contact, strconv.FormatInt(o.Quantity, 10), o.ServiceUnit,
			o.Credit.Decimal(), o.Debit.Decimal(), string(o.Credit.Currency()),
		}
		if strings.Contains(query, "serviceName=ai-tools") {
			if row = append(row, o.AgentTitle); o.AgentTitle == "" {
				row = row[:9]
			}
			rows[0] = append(operationsTitles[:9:9], "Agent")
		}
		rows = append(rows, row)
	}
	return rows
}

// Source: contract, "customer/operationsreport".
func TestReportHasTheRowsOfTheList(t *testing.T) {
	h, key := newSpender(t)
	for query, body := range map[string]string{
		"?limit=1000":                                          `{}`,
		"?limit=1000&serviceName=backup":                       `{"serviceName":"backup"}`,
		"?limit=1000&serviceName=ai-tools":                     `{"servicename":"AI-Tools"}`,
		"?limit=1000&serviceName=disk-storage":                 `{"serviceName":"disk-storage","credit":null}`,
		"?limit=1000&debit=true&startDate=2027-01-01":          `{"debit":true,"STARTDATE":"2027-01-01"}`,
		"?limit=1000&endDate=2026-12-31T23:59:59.999999":       `{"endDate":"2026-12-31T23:59:59.999999"}`,
		"?limit=1000&startDate=2026-12-31T22:00:00Z":           `{"startDate":"2026-12-31T22:00:00Z"}`,
		"?limit=1000&credit=true&orderType=Ascending":          `{"credit":true,"orderType":1}`,
		"?limit=1000&orderType=Ascending":                      `{"orderType":"Ascending"}`,
		"?limit=1000&participantName=cron&type=ServicePayment": `{"participantName":"cron","type":"ServicePayment"}`,
		"?limit=1000&type=4":                                   `{"type":4}`,
		"?limit=1000&status=Rejected":                          `{"status":2}`,
		"?limit=999":                                           `{"status":"","type":"","orderType":"","startDate":""}`,
	} {
		want := h.rowsOfList(key, query)
		if diff := cmp.Diff(want, h.sheetOf(key, h.made(key, operationsReport, "", body))); diff != "" {
			t.Errorf("%s (-list +report):\n%s", body, diff)
		}
		if diff := cmp.Diff(want, h.sheetOf(key, h.made(key, operationsReport, query, ""))); diff != "" {
			t.Errorf("%s (-list +report):\n%s", query, diff)
		}
	}
	rows := h.rowsOfList(key, "?serviceName=disk-storage&limit=1&orderType=Ascending")
	if diff := cmp.Diff([]string{"2026-12-31 23:59:59", "Disk space", "", "cron", "100", "GB", "0.00", "0.00000001", "USD"}, rows[1]); diff != "" {
		t.Errorf("the list itself (-want +got):\n%s", diff)
	}
	// The body counts where both say something, and null is saying nothing.
	both := h.sheetOf(key, h.made(key, operationsReport, "?serviceName=backup&debit=true", `{"serviceName":null,"debit":false}`))
	if diff := cmp.Diff(h.rowsOfList(key, "?limit=1000"), both); diff != "" {
		t.Errorf("both (-list +report):\n%s", diff)
	}
	if name := h.made(key, operationsReport, "", `{"startDate":"2026-12-31T22:00:00Z","endDate":"2027-06-30"}`).ResultFileName; name != "Customer operations report (2027.01.01-2027.06.30).xlsx" {
		t.Errorf("it is called %s", name)
	}
}

// The digits in the file are those of the ledger, more than programs count with.
func TestReportHasAllDigits(t *testing.T) {
	h, key := newLedger(t, "")
	h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("12345678901.12345678"), Type: ledger.Deposit}))
	got := h.do(request{path: h.made(key, operationsReport, "", "").ResultFileURL, key: key})
	book, err := excelize.OpenReader(strings.NewReader(got.body))
	h.must(err)
	defer book.Close()
	raw, err := book.GetCellValue(book.GetSheetList()[0], "G2", excelize.Options{RawCellValue: true})
	h.must(err)
	if raw != "12345678901.12345678" {
		t.Errorf("the file has %s", raw)
	}
}

func TestReportsFileIsReadInParts(t *testing.T) {
	h := newHouse(t, setup{})
	owner := h.company.OwnerKey
	task := h.made(owner, operationsReport, "", "")
	whole := h.do(request{path: task.ResultFileURL, key: owner})
	if disposition := whole.header.Get("Content-Disposition"); disposition != `attachment; filename="`+task.ResultFileName+`"` ||
		whole.header.Get("Content-Length") != strconv.Itoa(len(whole.body)) || whole.header.Get("Content-Type") != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" {
		t.Errorf("%v", whole.header)
	}
	var all bytes.Buffer
	for from := 0; from < len(whole.body); from += 1000 {
		to := min(from+1000, len(whole.body)) - 1
		part := h.do(request{path: task.ResultFileURL, key: owner, header: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", from, to)}})
		if want := fmt.Sprintf("bytes %d-%d/%d", from, to, len(whole.body)); part.status != http.StatusPartialContent || part.header.Get("Content-Range") != want {
			t.Fatalf("%d %v, want %s", part.status, part.header, want)
		}
		all.WriteString(part.body)
	}
	if all.String() != whole.body {
		t.Error("the parts together are not the whole")
	}
	if rows := rowsOf(t, all.String()); len(rows) != 4 {
		t.Errorf("it has %d rows", len(rows))
	}
	with := func(name, value string) reply {
		return h.do(request{path: task.ResultFileURL, key: owner, header: map[string]string{name: value}})
	}
	with("Range", "bytes=99999999-").wants(t, http.StatusRequestedRangeNotSatisfiable, "")
	with("Range", "bytes=0-1,5-6").wants(t, http.StatusPartialContent, "")
	with("If-Modified-Since", whole.header.Get("Last-Modified")).wants(t, http.StatusNotModified, "")
	with("If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT").wants(t, http.StatusPreconditionFailed, "")
	if head := h.do(request{method: "HEAD", path: task.ResultFileURL, key: owner}); head.status != http.StatusOK || head.header.Get("Content-Length") != strconv.Itoa(len(whole.body)) {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
}

// A file is its portal's, for a day, and all of its administrators may have it; a
// task is its user's.
func TestReportsFileIsThePortals(t *testing.T) {
	h := newHouse(t, setup{})
	owner, admin := h.company.OwnerKey, h.keyOf(billing.Admin)
	other := h.addCompany(sample.Config{PortalID: "other", Hosts: []string{"other.example.com"}})
	task := h.made(owner, operationsReport, "", "")
	const gone = "The required file was not found"
	h.do(request{path: task.ResultFileURL, key: admin}).wants(t, http.StatusOK, "")
	if got := h.from(thisMachine, request{path: operationsReport, key: admin}).task(t); got != nil {
		t.Errorf("another administrator's task is %+v", got)
	}
	h.do(request{path: task.ResultFileURL, key: other.OwnerKey, host: "other.example.com"}).wantsError(t, "another portal", 404, gone)
	h.do(request{path: task.ResultFileURL, key: other.OwnerKey}).wants(t, http.StatusUnauthorized, "")
	for _, role := range []billing.Role{billing.RoomAdmin, billing.Member, billing.Guest} {
		h.do(request{path: task.ResultFileURL, key: h.keyOf(role)}).wantsError(t, string(role), 403, "Access denied")
	}
	for _, number := range []string{"0", "-1", "99", "9223372036854775807"} {
		h.do(request{path: "customer/reports/" + number, key: owner, loose: true}).wantsError(t, number, 404, gone)
	}
	for _, number := range []string{"x", "1x", "1.0", "9223372036854775808", "%00", "..%2f1"} {
		h.do(request{path: "customer/reports/" + number, key: owner, loose: true}).wants(t, http.StatusNotFound, "")
	}
	h.clock.Move(24*time.Hour + time.Minute)
	h.do(request{path: task.ResultFileURL, key: owner}).wantsError(t, "a day later", 404, gone)
	if got := h.from(thisMachine, request{path: operationsReport, key: owner}).task(t); got != nil {
		t.Errorf("a day later the task is %+v", got)
	}
}

var taskName = regexp.MustCompile(`^DocumentBuilderTask_docspace\.io123_[0-9a-f-]{36}_(operations|usage|monthly)$`)

// One of a kind is made at a time for each user; it can be given up.
func TestOneReportIsMadeAtATime(t *testing.T) {
	h := newHouse(t, setup{})
	owner := h.company.OwnerKey
	var ids []string
	for _, path := range []string{operationsReport, usageReport, monthlyReport} {
		first := h.from(thisMachine, request{method: "POST", path: path, key: owner}).task(t)
		if first.IsCompleted || first.Percentage != 0 || first.Failure != "" || first.ResultFileID != "" || first.ResultFileURL != "" || !taskName.MatchString(first.ID) {
			t.Errorf("%s: %+v", path, first)
		}
		ids = append(ids, first.ID)
	}
	if ids[0] == ids[1] || ids[1] == ids[2] || ids[0] == ids[2] {
		t.Errorf("the tasks are called %q", ids)
	}
	h.awaited(owner, operationsReport)
	h.awaited(owner, usageReport)
	h.awaited(owner, monthlyReport)

	// A long one, of which there is only ever one number until it is over.
	long, key := newLedger(t, "")
	long.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("1000"), Type: ledger.Deposit}))
	var many []ledger.Posting
	for range 8000 {
		many = append(many, out(ledger.Posting{Book: ledger.Main, Amount: usd("0.01"), Type: ledger.ServicePayment, Service: "backup", Quantity: 1}))
	}
	long.post(many...)
	send := func(method string) reply {
		return long.from(thisMachine, request{method: method, path: operationsReport, key: key})
	}
	send("POST").wants(t, http.StatusOK, "")
	send("POST").wants(t, http.StatusOK, "")
	send("DELETE").wants(t, http.StatusOK, "")
	task := long.awaited(key, operationsReport)
	if task.Status != docspace.TaskCanceled || task.ResultFileID != "" || task.ResultFileURL != "" {
		t.Errorf("what was given up is %+v", task)
	}
	send("DELETE").wants(t, http.StatusOK, "") // nothing is there to end
	if rows := long.sheetOf(key, long.made(key, operationsReport, "", "")); len(rows) != 8002 {
		t.Errorf("the report has %d rows", len(rows))
	} else if number := path.Base(long.awaited(key, operationsReport).ResultFileURL); number != "2" {
		t.Errorf("it is the report number %s, after one that was given up", number)
	}
}

func TestReportsAreRefused(t *testing.T) {
	h := newHouse(t, setup{})
	bare := h.addPortal(billing.NewPortal{ID: "bare", Hosts: []string{"bare.example.com"}})
	for _, path := range []string{operationsReport, usageReport, monthlyReport} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			h.do(request{method: method, path: path, key: bare, host: "bare.example.com"}).wantsError(t, method+" "+path, 404, "Customer could not be found")
		}
	}
	for _, path := range []string{operationsReport, usageReport} {
		h.send(path, `{"serviceName":"teleport"}`).wantsError(t, path, 404, "Service could not be found")
		h.send(path+"?serviceName=teleport", "").wantsError(t, path, 404, "Service could not be found")
	}
	// What is not theirs is passed over, whatever it is.
	for _, path := range []string{operationsReport, monthlyReport} {
		h.send(path+"?metadata[]=x&metadata=1&orderBy=x&limit=x", `{"metadata":1,"orderBy":1,"limit":{}}`).wants(t, http.StatusOK, "")
	}
	h.get("customer/usage/monthly?metadata[]=x&limit=x")
	for query, field := range map[string]string{
		"?startDate=yesterday": "StartDate", "?startDate=2026-02-01&endDate=2026-01-01": "EndDate", "?utcStartDate=2026-13-01": "UtcStartDate",
	} {
		for _, path := range []string{operationsReport, usageReport, monthlyReport} {
			if path == operationsReport && strings.HasPrefix(query, "?utc") {
				continue
			}
			got := h.from(thisMachine, request{method: "POST", path: path + query, key: h.company.OwnerKey, loose: true})
			if _, named := decode[problem](t, got.payload(t)).Errors[field]; got.status != http.StatusBadRequest || !named {
				t.Errorf("%s%s: %d %s", path, query, got.status, got.body)
			}
		}
	}
}
