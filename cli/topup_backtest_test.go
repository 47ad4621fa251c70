package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspacetest"
)

const backtest = "topup-rule test --min 20 --up-to 100 --currency USD "

// backtested is what a back-test prints as JSON.
type backtested struct {
	Currency            string
	From, To            time.Time
	Operations, LeftOut int
	Cut                 bool
	SettlementSeconds   int
	Tested, Suggested   *replayed
}

type replayed struct {
	MinBalance, UpToBalance       string
	Caps                          struct{ Charge, Day, Month any }
	Charges                       int
	Charged                       string
	Capped                        struct{ Charge, Day, Month, Count int }
	BelowMinSeconds, EmptySeconds int
	Unpaid                        int
	Lowest, Available             string
	LowestAt                      time.Time
}

// A month of backups, of which the wallet could pay a part.
func TestBacktestOfARealHistory(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.SetPurchases() // nothing is renewed meanwhile
	spend := func(days int, text string) {
		for range days {
			d.Advance(24 * time.Hour)
			d.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: amount(t, text, "USD"), Participant: "nightly"})
		}
	}
	spend(12, "10.00") // 28.50 are left
	d.Credit(billing.Credit{Amount: amount(t, "200.00", "USD"), Reason: "by hand"})
	spend(15, "10.005")

	var got backtested
	decode(t, d.must("topup-rule test --min 50 --up-to 100 --currency USD -q -o json"), &got)
	if got.Operations != 28 || got.LeftOut != 0 || got.Cut || got.SettlementSeconds != 60 || got.To.Sub(got.From).Round(time.Hour) != 27*24*time.Hour {
		t.Errorf("%+v", got)
	}
	want := replayed{
		MinBalance: "50.00", UpToBalance: "100.00", Charges: 1, Charged: "51.50", BelowMinSeconds: 60,
		Lowest: "48.50", Available: "129.925", LowestAt: got.Tested.LowestAt, Caps: got.Tested.Caps,
	}
	if diff := cmp.Diff(&want, got.Tested); diff != "" {
		t.Errorf("tested (-want +got):\n%s", diff)
	}
	// What there was did pay for all.
	if s := got.Suggested; s == nil || s.MinBalance != "5.00" || s.UpToBalance != "6.00" || s.Charges != 0 {
		t.Errorf("suggested %+v", s)
	}

	text := d.must("topup-rule test -q --min 50 --up-to 100 --currency USD")
	for _, want := range []string{"THIS RULE", "below 50.00 USD up to 100.00 USD", "once, 51.50 USD in all", "1 min", "48.50 USD at ", "SMALLEST RULE THAT WOULD HAVE DONE", "below 5.00 USD up to 6.00 USD"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len([]rune(strings.TrimRight(line, "\n"))) > 90 {
			t.Errorf("too wide: %s", line)
		}
	}
	if err := d.refuse(1, "topup-rule test -q --min 50 --up-to 100 --currency JPY"); !strings.Contains(err, "nothing in JPY, but in [USD EUR]") && !strings.Contains(err, "nothing in JPY, but in [EUR USD]") {
		t.Error(err)
	}
	d.Inject(docspacetest.Denied())
	d.refuse(4, backtest+"-q")
}

// stock is a portal of another make, whose wallet has so much, and operations as
// JSON, the newest first.
func stock(t *testing.T, balance string, operations []string, more map[string]string) *desk {
	t.Helper()
	answer := func(w http.ResponseWriter, payload string) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"response":%s,"count":1,"status":0,"statusCode":200,"links":[]}`, payload)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/2.0/portal/")
		if payload, ok := more[path]; ok {
			answer(w, payload)
			return
		}
		switch path {
		case "payment/customer/balance":
			answer(w, `{"accountNumber":1,"subAccountNumber":1,"subAccounts":[{"currency":"USD","amount":`+balance+`}]}`)
		case "payment/customer/operations":
			offset, _ := strconv.Atoi(r.FormValue("offset"))
			limit, _ := strconv.Atoi(r.FormValue("limit"))
			page := operations[min(offset, len(operations)):min(offset+limit, len(operations))]
			answer(w, fmt.Sprintf(`{"collection":[%s],"offset":%d,"limit":%d,"totalQuantity":%d,"totalPage":1,"currentPage":1}`,
				strings.Join(page, ","), offset, limit, len(operations)))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return &desk{nil, t, map[string]string{"DOCSPACE_URL": server.URL, "DOCSPACE_API_KEY": "sk-key"}}
}

// operation is one of USD, so long before noon; credit or debit is 0.
func operation(before time.Duration, kind, details, credit, debit string) string {
	return fmt.Sprintf(`{"date":%q,"description":"","details":%q,"quantity":0,"currency":"USD","credit":%s,"debit":%s,"type":%q}`,
		noon.Add(-before).Format("2006-01-02T15:04:05.0000000Z"), details, credit, debit, kind)
}

// What a portal's own rule did is left out, and plans are foretold.
func TestBacktestLeavesOutWhatWasAutomatic(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	d := stock(t, "15", []string{
		operation(hour, "ServicePayment", "", "0", "5"),
		operation(30*hour, "PackagePayment", "", "0", "70"),
		operation(70*hour, "Deposit", "Automatic top up", "85", "0"),
		operation(71*hour, "ServicePayment", "", "0", "45"),
	}, nil) // which began with 50
	var got backtested
	decode(t, d.must(backtest+"-q -o json --days 10"), &got)
	// At 71 h 5 are left, and 95 are collected; so there are 100 for the plan, 30 after
	// it, and 25 at the end.
	if got.Operations != 4 || got.LeftOut != 1 || got.Tested.Charges != 1 || got.Tested.Charged != "95.00" || got.Tested.Available != "25.00" || got.Tested.Unpaid != 0 {
		t.Errorf("%+v, %+v", got, got.Tested)
	}
	if !got.From.Equal(noon.AddDate(0, 0, -10)) || !got.To.Equal(noon) {
		t.Errorf("from %s to %s", got.From, got.To)
	}
	// 70 must be there a day before the plan is due, and no rule but one of 70 does that.
	if s := got.Suggested; s == nil || s.UpToBalance != "70.00" || s.Unpaid != 0 {
		t.Errorf("suggested %+v", s)
	}
	// Only the last two days: 90 were there before.
	decode(t, d.must(backtest+"-q -o json --days 2"), &got)
	if got.Operations != 2 || got.Tested.Charges != 1 || got.Tested.Charged != "85.00" || got.Tested.Available != "100.00" {
		t.Errorf("%+v, %+v", got, got.Tested)
	}
	// Money that takes a week is too slow, whatever the rule.
	decode(t, d.must(backtest+"-q -o json --days 10 --settlement 168h --cap-month 10"), &got)
	if got.Tested.Unpaid == 0 || got.Suggested != nil || got.Tested.Capped.Month == 0 {
		t.Errorf("%+v, %+v, %+v", got, got.Tested, got.Suggested)
	}
	if text := d.must(backtest + "-q --days 10 --settlement 168h --cap-month 10"); !strings.Contains(text, "None that portals take") || !strings.Contains(text, "of 30 days, ") {
		t.Error(text)
	}
}

func TestBacktestOfNothing(t *testing.T) {
	t.Parallel()
	if err := stock(t, "0", nil, nil).refuse(1, backtest+"-q"); !strings.Contains(err, "nothing happened in this wallet") {
		t.Error(err)
	}
	unknown := map[string]string{"payment/customer/operations": "null"}
	if err := stock(t, "0", nil, unknown).refuse(1, backtest+"-q"); !strings.Contains(err, "the portal does not say") {
		t.Error(err)
	}
	// A wallet that nobody used has nothing to tell, and its rule nothing to do.
	if text := stock(t, "30", nil, nil).must(backtest + "-q"); !strings.Contains(text, "never") {
		t.Error(text)
	}
}

func TestBacktestFlags(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for flags, want := range map[string]string{
		"--days 0":           "--days: 0 is not between 1 and 3650",
		"--days 3651":        "--days: 3651",
		"--cap-charge 0":     "--cap-charge: 0 is not more than nought",
		"--cap-day -1":       "--cap-day: -1",
		"--cap-month much":   "--cap-month: ",
		"--cap-charge 0.001": "--cap-charge: 0.001 USD is less than the least",
		"--cap-count 0":      "--cap-count: 0 is not at least 1",
		"--often -1":         "--often: -1",
		"--settlement 0s":    "--settlement: 0s",
		"--settlement 1000h": "--settlement: 1000h",
		"--up-to 20":         "--up-to: 20 is not more than --min",
		"--currency DOLLARS": "--currency: ",
		"--output yaml":      "yaml",
		"--min nothing":      "--min: ",
		"--cap-day 1e30":     "--cap-day: ",
	} {
		if err := d.refuse(2, backtest+flags); !strings.Contains(err, want) {
			t.Errorf("%s: %s", flags, err)
		}
	}
}
