package cli_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

// lasting is a portal whose wallet has paid 2.50 USD a day for so many days, and has a
// rule of 20 and 100 USD, and a card.
func lasting(t *testing.T, days int) *desk {
	t.Helper()
	d := newDesk(t)
	for n := range days {
		d.Advance(24 * time.Hour)
		d.Charge(billing.Charge{Service: "backup", Quantity: int64(n + 1), Amount: amount(t, "2.50", "USD"), Participant: "nightly"})
	}
	return d
}

type lasts struct {
	Currency, Available string
	HistoryDays         int
	Known, Refilled     bool
	Weekly              struct{ Pessimistic, Likely, Optimistic string }
	Alone, Refills      struct{ Pessimistic, Likely, Optimistic int }
}

func (d *desk) lasts(flags string) (all []lasts, text string) {
	d.t.Helper()
	var report struct{ Runway []lasts }
	text = d.must("report -q -o json " + flags)
	decode(d.t, text, &report)
	return report.Runway, text
}

func TestRunwayInReports(t *testing.T) {
	t.Parallel()
	d := lasting(t, 20)
	all, text := d.lasts("")
	if len(all) != 2 || all[0].Currency != "USD" || all[1].Currency != "EUR" {
		t.Fatalf("%+v", all)
	}
	usd := all[0]
	// 98.50 are left, of which storage takes 14 in three days: 33 days at 2.50.
	if usd.Available != "98.50" || usd.HistoryDays != 19 || !usd.Known || usd.Weekly.Likely != "17.50" || usd.Alone.Likely != 33 || !usd.Refilled || usd.Refills.Pessimistic != 365 {
		t.Errorf("%+v", usd)
	}
	if all[1].Alone.Likely != 365 || all[1].Refilled {
		t.Errorf("nothing is spent in EUR: %+v", all[1])
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = schema(t).Validate(document)
	}
	if err != nil {
		t.Error(err)
	}

	only, text := d.lasts("--only runway")
	if diff := cmp.Diff(all, only); diff != "" {
		t.Error(diff)
	}
	for _, other := range []string{`"balance"`, `"topup"`, `"customer"`} {
		if strings.Contains(text, other) {
			t.Errorf("it has %s, too:\n%s", other, text)
		}
	}
	for format, wants := range map[string][]string{
		"table":    {"RUNWAY", "98.50", "17.50", "33 days", "over a year", "yes"},
		"markdown": {"Runway", "| 33 days |"},
		"yaml":     {"runway:", "likely: 33"},
		"csv":      {"runway,USD,alone.likely,33,", "runway,USD,weekly,17.50,USD", "runway,EUR,refilled,false,"},
	} {
		text := d.must("report -q --only runway,balance -o " + format)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q:\n%s", format, want, text)
			}
		}
		for line := range strings.Lines(text) {
			if format == "table" && len([]rune(line)) > 81 {
				t.Errorf("too wide: %s", line)
			}
		}
	}
}

// Whose history is short is told so.
func TestRunwayThatIsNotKnown(t *testing.T) {
	t.Parallel()
	d := lasting(t, 5)
	all, _ := d.lasts("--only runway")
	if len(all) != 2 || all[0].Known || all[0].HistoryDays != 4 || all[0].Available != "136.00" {
		t.Errorf("%+v", all)
	}
	if text := d.must("report -q --only runway"); !strings.Contains(text, "not known") || !strings.Contains(text, "after 14 whole days") {
		t.Error(text)
	}
}

// A runway that can't be read fails no report but one that asks for it.
func TestRunwayThatCannotBeRead(t *testing.T) {
	t.Parallel()
	d := lasting(t, 1)
	d.Inject(docspacetest.Fault{Path: "customer/operations", Status: 500})
	if text := d.must("report -q -o json"); strings.Contains(text, "runway") || !strings.Contains(text, `"errors": []`) {
		t.Error(text)
	}
	stdout, stderr, err := runCLI(t, d.world, "report", "-q", "--only", "balance,runway")
	if cli.ExitCode(err) != cli.ExitPartly || !strings.Contains(stdout, "148.50") && !strings.Contains(stdout, "146.00") || !strings.Contains(stderr, "operations") || strings.Contains(stdout, "RUNWAY") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	stdout, stderr, err = runCLI(t, d.world, "report", "-q", "--only", "runway")
	if cli.ExitCode(err) != cli.ExitFailed || stdout != "" || strings.Count(stderr, "\nhint: ") != 1 {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	if _, text := d.lasts("--only balance"); strings.Contains(text, "runway") {
		t.Error(text)
	}
}

// A stock portal has no route for what is going to be paid, and its lists are no other.
func TestRunwayOfAStockPortal(t *testing.T) {
	t.Parallel()
	const hours = time.Hour
	var operations []string
	for n := range 30 {
		operations = append(operations, operation(time.Duration(24*n+13)*hours, "ServicePayment", "", "0", "10"))
	}
	operations = append(operations, operation(31*24*hours, "Deposit", "", "370", "0"))
	more := map[string]string{
		"payment/customerinfo":  `{"portalId":"p","paymentMethodStatus":0,"email":"payer@example.com"}`,
		"payment/topupsettings": `{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD"}`,
	}
	d := stock(t, "70", operations, more)
	all, _ := d.lasts("--only runway")
	if len(all) != 1 || !all[0].Known || all[0].HistoryDays != 28 || all[0].Alone.Likely != 7 || all[0].Refilled {
		t.Errorf("%+v", all)
	}
	// What is going to be paid is not in what was spent.
	more["tariff/upcoming"] = `[{"id":-11,"name":"storage","quantity":1,"wallet":true,"dueDate":"` + noon.AddDate(0, 0, 3).Format("2006-01-02T15:04:05.0000000Z") + `","amount":35,"currency":"USD"}]`
	more["payment/customerinfo"] = `{"portalId":"p","paymentMethodStatus":1,"email":"payer@example.com"}`
	for n := range operations[:30] {
		if n%2 == 0 {
			operations[n] = strings.Replace(operations[n], `"description"`, `"service":"disk-storage","description"`, 1)
		}
	}
	all, _ = stock(t, "70", operations, more).lasts("--only runway")
	// 35 a week, and 35 after three days: 15 days' worth leaves nothing for a fourth week.
	if len(all) != 1 || all[0].Weekly.Likely == "70.00" || all[0].Alone.Likely < 5 || all[0].Alone.Likely > 8 || !all[0].Refilled {
		t.Errorf("%+v", all)
	}
	// Of more operations than are read, the newest count.
	many := make([]string, 0, 5200)
	for n := range 5200 {
		many = append(many, operation(time.Duration(n)*5*time.Minute, "ServicePayment", "", "0", "0.01"))
	}
	all, _ = stock(t, "70", many, more).lasts("--only runway")
	if len(all) != 1 || all[0].HistoryDays != 16 || all[0].Weekly.Likely != fmt.Sprintf("%d.%02d", 7*288/100, 7*288%100) {
		t.Errorf("%+v", all)
	}
}
