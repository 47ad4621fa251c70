package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

// busyDesk is a portal whose wallet paid for so many backups, the nth n cents.
func busyDesk(t *testing.T, backups int) *desk {
	t.Helper()
	d := newDesk(t)
	for n := 1; n <= backups; n++ {
		d.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: amount(t, fmt.Sprintf("0.%02d", n), "USD"), Participant: "nightly"})
	}
	return d
}

type listed struct {
	Date, Type, Service, Amount, Currency, Participant string
	Quantity                                           int64
}

// list returns the operations that a command lists as JSON.
func (d *desk) list(flags string) (all []listed) {
	d.t.Helper()
	for line := range strings.Lines(d.must("operations list -q -o json " + flags)) {
		var o listed
		decode(d.t, line, &o)
		all = append(all, o)
	}
	return all
}

func amounts(all []listed) (texts []string) {
	for _, o := range all {
		texts = append(texts, o.Amount)
	}
	return texts
}

func TestOperationsAreListedByEveryFilter(t *testing.T) {
	t.Parallel()
	d := busyDesk(t, 3)
	opening := []string{"25.00", "100.00", "48.50"}
	backups := []string{"-0.03", "-0.02", "-0.01"}
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	for flags, want := range map[string][]string{
		"":                          slices.Concat(backups, opening),
		"--all":                     slices.Concat(backups, opening),
		"--all --limit 1":           slices.Concat(backups, opening),
		"--all --offset 4":          opening[1:],
		"--limit 2":                 backups[:2],
		"--limit 2 --offset 1":      backups[1:],
		"--oldest-first --limit 2":  {"48.50", "100.00"},
		"--service backup":          backups,
		"--participant nightly":     backups,
		"--participant nobody":      nil,
		"--credit":                  opening,
		"--debit":                   backups,
		"--type Deposit":            {"100.00"},
		"--type BankDeposit":        {"25.00", "48.50"},
		"--type ServicePayment":     backups,
		"--status Completed":        slices.Concat(backups, opening),
		"--status Rejected":         nil,
		"--from " + yesterday:       slices.Concat(backups, opening),
		"--to " + tomorrow:          slices.Concat(backups, opening),
		"--from " + tomorrow:        nil,
		"--to " + yesterday + " -q": nil,
		"--all --from " + yesterday + " --to " + today + " --service backup --debit": backups,
	} {
		if diff := cmp.Diff(want, amounts(d.list(flags))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", flags, diff)
		}
	}
	first := d.list("--limit 1")[0]
	if first.Type != "ServicePayment" || first.Service != "backup" || first.Currency != "USD" || first.Participant != "nightly" || first.Quantity != 1 {
		t.Errorf("%+v", first)
	}
	if at, err := time.Parse(time.RFC3339, first.Date); err != nil || time.Since(at) > time.Hour {
		t.Errorf("%v: %s", err, first.Date)
	}
}

func TestOperationsAreListedInEveryFormat(t *testing.T) {
	t.Parallel()
	d := busyDesk(t, 30)
	stdout, stderr, err := runCLI(t, d.world, "operations", "list")
	if err != nil || strings.Count(stdout, "\n") != 26 || stderr != "note: there are 8 more; --all lists them\n" {
		t.Errorf("a page has %d lines, and %q is said: %v", strings.Count(stdout, "\n"), stderr, err)
	}
	for _, want := range []string{"DATE ", "ServicePayment  Backup", "1 Backup", "nightly  -0.30 USD"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	if text := d.must("operations list --all"); strings.Count(text, "\n") != 34 || !strings.Contains(text, "48.50 USD") {
		t.Errorf("all are\n%s", text)
	}
	rows, err := csv.NewReader(strings.NewReader(d.must("operations list --all -o csv"))).ReadAll()
	if err != nil || len(rows) != 34 || rows[0][7] != "amount" || rows[1][7] != "-0.30" || rows[33][7] != "48.50" || rows[1][9] != "nightly" {
		t.Errorf("%v: %v", err, rows)
	}
	if all := d.list("--all"); len(all) != 33 {
		t.Errorf("JSON has %d", len(all))
	}
	if text := d.refuse(cli.ExitFailed, "operations list --service nonsense"); !strings.Contains(text, "hint: bursar service list") {
		t.Errorf("it says %s", text)
	}
}

// A list that breaks off says so.
func TestOperationsThatBreakOffAreAnError(t *testing.T) {
	t.Parallel()
	d := busyDesk(t, 5)
	d.Inject(docspacetest.Fault{Path: "operations", Delay: time.Millisecond, Times: 2})
	d.Inject(at("operations", docspacetest.Failed()))
	stdout, _, err := runCLI(t, d.world, words("operations list --all --limit 2 -o csv")...)
	if cli.ExitCode(err) != cli.ExitFailed || strings.Count(stdout, "\n") != 5 {
		t.Errorf("%v\n%s", err, stdout)
	}
	d.Heal()
	d.Inject(docspacetest.Fault{Path: "operations", Delay: time.Millisecond, Times: 1})
	d.Inject(docspacetest.Fault{Path: "operations", Null: true})
	if _, _, err = runCLI(t, d.world, words("operations list --all --limit 2")...); !strings.Contains(fmt.Sprint(err), "does not tell the rest") {
		t.Errorf("%v", err)
	}
}

func TestUsageIsAddedUp(t *testing.T) {
	t.Parallel()
	d := busyDesk(t, 3)
	d.must("service buy storage --quantity 10 --yes")
	var backup map[string]any
	for line := range strings.Lines(d.must("operations usage -o json")) {
		var u map[string]any
		if decode(t, line, &u); u["service"] == "backup" {
			backup = u
		}
	}
	if backup["amount"] != "0.06" || backup["currency"] != "USD" || backup["operations"] != 3. || backup["quantity"] != 3. {
		t.Errorf("%v", backup)
	}
	rows, err := csv.NewReader(strings.NewReader(d.must("operations usage --service backup --participant nightly --status Completed -o csv"))).ReadAll()
	if want := [][]string{{"service", "title", "quantity", "unit", "amount", "currency", "operations"}, {"backup", "Backup", "3", "Backup", "0.06", "USD", "3"}}; err != nil || !cmp.Equal(rows, want) {
		t.Errorf("%v: %v", err, cmp.Diff(want, rows))
	}
	if text := d.must("operations usage"); !strings.Contains(text, "PAID BY SERVICE") || !strings.Contains(text, "disk-storage") || !strings.Contains(text, "0.06 USD") {
		t.Errorf("it says\n%s", text)
	}
	month := time.Now().UTC().Format("2006-01")
	if text := d.must("operations usage --monthly"); !strings.Contains(text, "PAID BY MONTH") || !strings.Contains(text, month) {
		t.Errorf("it says\n%s", text)
	}
	var m map[string]any
	if decode(t, d.must("operations usage --monthly -o json"), &m); m["month"] != month || m["operations"] != 4. {
		t.Errorf("%v", m)
	}
	if text := d.must("operations usage --monthly -o csv --to 2020-01-01"); text != "month,amount,currency,operations\n" {
		t.Errorf("it says\n%s", text)
	}
	if text := d.must("operations usage --to 2020-01-01"); !strings.Contains(text, "None.") {
		t.Errorf("it says\n%s", text)
	}
	d.Inject(docspacetest.Fault{Path: "usage", Status: 404})
	if text := d.refuse(cli.ExitFailed, "operations usage"); !strings.Contains(text, "hint: portals before 3.8") {
		t.Errorf("it says %s", text)
	}
}

// The spreadsheet that a portal makes is saved whole, or not at all.
func TestReportsAreSaved(t *testing.T) {
	t.Parallel()
	d := busyDesk(t, 7)
	dir := t.TempDir()
	file := filepath.Join(dir, "operations.xlsx")
	if text := d.must("operations report --debit -o " + file); !strings.Contains(text, "operations.xlsx is the portal's report, of operations: ") {
		t.Errorf("it says %s", text)
	}
	book, err := excelize.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil || strings.Count(fmt.Sprint(rows), "ackup") < 7 {
		t.Errorf("%v: %v", err, rows)
	}
	for _, of := range []string{"usage --service backup", "monthly --from 2020-01-01"} {
		other := filepath.Join(dir, "other.xlsx")
		d.must("operations report --of " + of + " -o " + other)
		sums, err := excelize.OpenFile(other)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := sums.GetRows(sums.GetSheetName(0))
		if err := errors.Join(err, sums.Close(), os.Remove(other)); err != nil || !strings.Contains(fmt.Sprint(rows), "0.28") {
			t.Errorf("%s: %v: %v", of, err, rows)
		}
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	requests := d.Requests("")
	if text := d.refuse(cli.ExitFailed, "operations report -o "+file); !strings.Contains(text, "hint: choose another name, or overwrite it with --force") {
		t.Errorf("it says %s", text)
	}
	if d.Requests("") != requests {
		t.Error("a report was made for nothing")
	}
	for name, fault := range map[string]docspacetest.Fault{
		"not made": at("operationsreport", docspacetest.Failed()), "not let in": at("operationsreport", docspacetest.Denied()),
	} {
		d.Inject(fault)
		code := cli.ExitFailed
		if fault.Status == 403 {
			code = cli.ExitNotAllowed
		}
		d.refuse(code, "operations report --force -o "+file)
		d.Heal()
		if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file is another one: %v", name, err)
		}
	}
	d.Inject(docspacetest.Fault{Path: "operationsreport", Status: 404})
	if text := d.refuse(cli.ExitFailed, "operations report --force -o "+file); !strings.Contains(text, "hint: bursar report --only customer") {
		t.Errorf("it says %s", text)
	}
	d.Heal()
	d.refuse(cli.ExitFailed, "operations report -o "+filepath.Join(dir, "missing", "a.xlsx"))
	d.refuse(cli.ExitFailed, "operations report --service nonsense -o "+filepath.Join(dir, "b.xlsx"))
	d.must("operations report --force -o " + file)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v are left: %v", files, err)
	}
}

// A download that breaks off leaves nothing, and a report that nobody waits for any
// more is ended.
func TestReportsThatFailLeaveNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "a.xlsx")
	making := `{"response":{"id":"a","error":"","percentage":40,"isCompleted":false,"status":1,"resultFileId":0,"resultFileName":"","resultFileUrl":""},"status":0,"statusCode":200}`
	made := strings.NewReplacer(`"percentage":40`, `"percentage":100`, `false`, `true`, `"status":1`, `"status":2`, `"resultFileUrl":""`, `"resultFileUrl":"/file.xlsx"`).Replace(making)
	for name, c := range map[string]struct {
		task string
		file docspacetest.Fault
		want string
	}{
		"no file":       {made, docspacetest.Fault{Status: 404}, "404"},
		"a web page":    {made, docspacetest.LoginPage(), "no spreadsheet"},
		"it breaks off": {made, docspacetest.Fault{CutAfter: 2000}, "no spreadsheet"},
		"it failed":     {strings.NewReplacer(`"error":""`, `"error":"disk full"`, `"status":1`, `"status":4`).Replace(making), docspacetest.Fault{}, "disk full"},
	} {
		d.Heal()
		c.file.Path = "file.xlsx"
		d.Inject(docspacetest.Fault{Path: "operationsreport", Body: c.task})
		d.Inject(c.file)
		if text := d.refuse(cli.ExitFailed, "operations report -o "+file); !strings.Contains(text, c.want) {
			t.Errorf("%s: %s", name, text)
		}
	}
	d.Heal()
	d.Inject(docspacetest.Fault{Path: "operationsreport", Body: making})
	before := d.Requests("operationsreport")
	if text := d.refuse(cli.ExitFailed, "operations report --wait 400ms -o "+file); !strings.Contains(text, "hint: give it longer with --wait") {
		t.Errorf("it says %s", text)
	}
	if n := d.Requests("operationsreport") - before; n < 3 { // started, looked at, ended
		t.Errorf("%d requests", n)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}

// What portals and their users write does nothing to a terminal or a spreadsheet.
func TestTextsOfPortalsAreTamed(t *testing.T) {
	t.Parallel()
	quoted := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	d := newDesk(t)
	for _, text := range hostile {
		d.Heal()
		for path, payload := range map[string]string{
			"customer/operations": `{"collection":[{"date":"2026-06-30T11:15:30.0000000+03:00","service":§,"description":§,"details":§,"serviceUnit":§,"quantity":1,` +
				`"currency":"USD","credit":0,"debit":10,"participantName":§,"participantDisplayName":§,"agentId":§,"agentTitle":§,"type":§}],` +
				`"offset":0,"limit":25,"totalQuantity":1,"totalPage":1,"currentPage":1}`,
			"customer/usage": `{"collection":[{"service":§,"title":§,"serviceUnit":§,"currency":"USD","totalQuantity":1,"totalAmount":1,"operationCount":1}],` +
				`"offset":0,"limit":25,"totalQuantity":1,"totalPage":1,"currentPage":1}`,
			"tariff/upcoming": `[{"id":-11,"name":§,"title":§,"unitOfMeasure":§,"quantity":1,"wallet":true,"dueDate":"2026-07-31T00:00:00","amount":1,"currency":"USD"}]`,
			"walletservices":  `[{"serviceName":§,"id":-11,"title":§,"price":{"value":1,"currencySymbol":§,"isoCurrencySymbol":§},"features":[{"id":§,"title":§,"value":1,"type":§}]}]`,
			"customerinfo":    `{"portalId":§,"paymentMethodStatus":1,"paymentMethodType":§,"email":§}`,
			"portal/tariff":   `{"id":1,"state":1,"dueDate":"2026-07-31T00:00:00","delayDueDate":"2026-07-31T00:00:00","customerId":§,"quotas":[{"id":-11,"quantity":1,"wallet":true}]}`,
		} {
			d.Inject(docspacetest.Fault{Path: path, Body: `{"response":` + strings.ReplaceAll(payload, "§", quoted(text)) + `,"status":0,"statusCode":200}`})
		}
		for _, line := range []string{
			"operations list", "operations list -o csv", "operations usage", "operations usage -o csv", "plan upcoming", "plan show", "service list",
			"topup --amount USD=5 --dry-run", "service on storage --dry-run",
		} {
			out := d.must(line)
			if i := strings.IndexFunc(out, obeyed); i >= 0 {
				t.Errorf("bursar %s: %+q comes through: %+q", line, text, out[i:min(len(out), i+20)])
			}
			if strings.HasSuffix(line, "csv") && strings.ContainsAny(text, "=+@") && strings.ContainsAny(text[:1], "=+@") && !strings.Contains(out, "'"+text[:1]) {
				t.Errorf("bursar %s: a formula is left: %s", line, out)
			}
		}
		for _, line := range []string{"operations list -o json", "operations usage -o json", "plan upcoming -o json", "service list -o json", "topup --amount USD=5 --dry-run -o json"} {
			if out := d.must(line); strings.IndexFunc(out, control) >= 0 {
				t.Errorf("bursar %s: %+q", line, out)
			}
		}
	}
}
