package reconcile_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/reconcile"
)

// stock is a portal of another make, that says what it is told to.
type stock struct {
	url        string
	pocket     string // members of its one pocket, beside the currency
	operations []string
	more       map[string]string // payloads by what paths end in
}

func stockWallet(t *testing.T, pocket string, operations ...string) *stock {
	t.Helper()
	s := &stock{pocket: pocket, operations: operations, more: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *stock) client(t *testing.T) *docspace.Client { return client(t, s.url, "sk-key") }

func (s *stock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(payload string) {
		fmt.Fprintf(w, `{"response":%s,"count":1,"status":0,"statusCode":200,"links":[]}`, payload)
	}
	for suffix, payload := range s.more {
		if strings.HasSuffix(r.URL.Path, suffix) {
			answer(payload)
			return
		}
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "customer/balance"):
		answer(`{"accountNumber":1,"subAccountNumber":1,"subAccounts":[{"currency":"USD",` + s.pocket + `}],` +
			`"lastCredit":{"date":"2026-07-20T10:00:00Z","currency":"USD","amount":55}}`)
	case strings.HasSuffix(r.URL.Path, operationsPath):
		offset, _ := strconv.Atoi(r.FormValue("offset"))
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		page := s.operations[min(offset, len(s.operations)):min(offset+limit, len(s.operations))]
		answer(fmt.Sprintf(`{"collection":[%s],"offset":%d,"limit":%d,"totalQuantity":%d,"totalPage":1,"currentPage":1}`,
			strings.Join(page, ","), offset, limit, len(s.operations)))
	case strings.HasSuffix(r.URL.Path, "topupsettings"):
		answer(`{"enabled":false,"minBalance":0,"upToBalance":0,"lastModified":"2026-01-01T00:00:00Z"}`)
	case strings.HasSuffix(r.URL.Path, "portal/tariff"):
		answer(`{"id":1,"state":1}`)
	default:
		http.NotFound(w, r)
	}
}

func deposit(at, amount string) string {
	return fmt.Sprintf(`{"date":%q,"description":"Balance top-up","details":"","quantity":0,"currency":"USD","credit":%s,"debit":0,"type":"Deposit"}`, at, amount)
}

func payment(at, amount, service, details string) string {
	return fmt.Sprintf(`{"date":%q,"service":%q,"description":"","details":%q,"quantity":1,"currency":"USD","credit":0,"debit":%s,"type":"ServicePayment"}`,
		at, service, details, amount)
}

func automatic(at, amount string) string {
	return strings.Replace(deposit(at, amount), `"details":""`, `"details":"Automatic top up"`, 1)
}

// at is noon of a day of 2026, with the offset of a zone.
func at(month, day int) string { return fmt.Sprintf("2026-%02d-%02dT12:00:00+02:00", month, day) }

// Each thing that can be wrong, in a wallet in which nothing else is.
func TestEachFault(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC) }
	const rule = `{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD","lastModified":"2026-01-01T00:00:00Z"}`
	tariff := func(due string, next string) string {
		return `{"id":1,"state":1,"openSource":false,"customerId":"a@example.com","quotas":[{"id":-11,"quantity":100,"wallet":true,"dueDate":"` + due + `"` + next + `}]}`
	}
	tests := map[string]struct {
		pocket     string
		operations []string
		more       map[string]string
		code       reconcile.Code // "" for nothing
		severity   reconcile.Severity
		amount     money.Amount
		text       string
		concerned  int
	}{
		"nothing": {pocket: `"amount":70`, operations: []string{deposit(at(7, 1), "100"), payment(at(7, 2), "30", "backup", "")}},
		"a deposit that the portal names, and does not list": {
			pocket: `"amount":125`, operations: []string{deposit(at(7, 1), "100"), payment(at(7, 2), "30", "backup", "")},
			code: reconcile.Gap, severity: reconcile.Wrong, amount: cents(55_00, "USD"), text: "it is as much as the last credit",
		},
		"two deposits by hand": {
			pocket: `"amount":200`, operations: []string{deposit("2026-07-01T10:00:00Z", "100"), deposit("2026-07-01T10:00:04Z", "100")},
			code: reconcile.ChargedTwice, severity: reconcile.Suspicious, amount: cents(100_00, "USD"), concerned: 2,
		},
		"two deposits by hand, a minute apart": {
			pocket: `"amount":200`, operations: []string{deposit("2026-07-01T10:00:00Z", "100"), deposit("2026-07-01T10:01:00Z", "100")},
		},
		"three are listed, and one counts": {
			pocket: `"amount":100`, operations: []string{deposit(at(7, 1), "100"), deposit(at(7, 1), "100"), deposit(at(7, 1), "100")},
			code: reconcile.ListedTwice, severity: reconcile.Wrong, amount: cents(100_00, "USD"), concerned: 3,
		},
		"below nought for a while": {
			pocket: `"amount":70`, operations: []string{payment(at(7, 1), "30", "backup", ""), deposit(at(7, 2), "100")},
			code: reconcile.Negative, severity: reconcile.Suspicious, amount: cents(-30_00, "USD"), concerned: 1,
		},
		"below nought within a moment": {
			pocket: `"amount":70`, operations: []string{payment(at(7, 1), "30", "backup", ""), deposit(at(7, 1), "100")},
		},
		"refilled at once again, by a rule": {
			pocket:     `"amount":182`,
			operations: []string{deposit(at(6, 1), "100"), payment(at(6, 2), "82", "backup", ""), automatic(at(6, 3), "82"), automatic("2026-06-03T12:15:00+02:00", "82")},
			more:       map[string]string{"topupsettings": rule},
			code:       reconcile.TopUpTwice, severity: reconcile.Wrong, amount: cents(82_00, "USD"), concerned: 2,
		},
		"refilled at once again, by no rule that is known": {
			pocket:     `"amount":182`,
			operations: []string{deposit(at(6, 1), "100"), payment(at(6, 2), "82", "backup", ""), automatic(at(6, 3), "82"), automatic("2026-06-03T12:15:00+02:00", "82")},
			code:       reconcile.TopUpTwice, severity: reconcile.Suspicious, amount: cents(82_00, "USD"), concerned: 2,
		},
		"refilled again for what is due": {
			pocket: `"amount":110`,
			operations: []string{deposit(at(6, 1), "100"), payment(at(6, 2), "82", "backup", ""), automatic(at(6, 3), "82"),
				automatic("2026-06-03T13:00:00+02:00", "95"), payment("2026-06-04T13:00:00+02:00", "85", "disk-storage", "")},
			more: map[string]string{"topupsettings": strings.Replace(rule, `"upToBalance":100`, `"upToBalance":200`, 1)},
		},
		"refilled with too much": {
			pocket: `"amount":150`,
			operations: []string{deposit(at(6, 1), "100"), payment(at(6, 2), "82", "backup", ""), automatic(at(6, 3), "82"),
				payment(at(6, 4), "90", "backup", ""), automatic(at(6, 5), "140")},
			more: map[string]string{"topupsettings": rule},
			code: reconcile.TopUpOver, severity: reconcile.Suspicious, amount: cents(50_00, "USD"), concerned: 1,
		},
		"had, and not paid since": {
			pocket: `"amount":90`, operations: []string{deposit(at(5, 1), "100"), payment(at(5, 20), "10", "disk-storage", "")},
			more: map[string]string{"portal/tariff": tariff("2026-08-20T10:00:00Z", "")},
			code: reconcile.MissedRenewal, severity: reconcile.Wrong, text: "for the period of disk-storage that began", concerned: 1,
		},
		"had, and paid": {
			pocket: `"amount":90`, operations: []string{deposit(at(5, 1), "100"), payment(at(7, 20), "10", "disk-storage", "")},
			more: map[string]string{"portal/tariff": tariff("2026-08-20T10:00:00Z", "")},
		},
		"overdue": {
			pocket: `"amount":90`, operations: []string{deposit(at(5, 1), "100"), payment(at(6, 20), "10", "disk-storage", "")},
			more: map[string]string{"portal/tariff": tariff("2026-07-20T10:00:00Z", "")},
			code: reconcile.MissedRenewal, severity: reconcile.Wrong, text: "for disk-storage since 2026-07-20T10:00:00Z, when it was due", concerned: 1,
		},
		"given up": {
			pocket: `"amount":90`, operations: []string{deposit(at(5, 1), "100"), payment(at(6, 20), "10", "disk-storage", "")},
			more: map[string]string{"portal/tariff": tariff("2026-07-20T10:00:00Z", `,"nextQuantity":0`)},
		},
		"given up, and bought anew on another day": {
			pocket: `"amount":80`, operations: []string{deposit(at(3, 1), "100"), payment(at(3, 20), "10", "disk-storage", ""), payment(at(7, 3), "10", "disk-storage", "")},
		},
		"whole months apart": {
			pocket: `"amount":80`, operations: []string{deposit(at(3, 1), "100"), payment(at(3, 20), "10", "disk-storage", ""), payment(at(5, 20), "10", "disk-storage", "")},
			code: reconcile.MissedRenewal, severity: reconcile.Suspicious, concerned: 2,
		},
		"goes both ways": {
			pocket: `"amount":100`, operations: []string{deposit(at(3, 1), "100"), strings.Replace(deposit(at(3, 2), "5"), `"debit":0`, `"debit":5`, 1)},
			code: reconcile.Malformed, severity: reconcile.Wrong, concerned: 1,
		},
		"in no currency": {
			pocket: `"amount":100`, operations: []string{deposit(at(3, 1), "100"), strings.Replace(deposit(at(3, 2), "5"), `"currency":"USD",`, ``, 1)},
			code: reconcile.UnknownCurrency, severity: reconcile.Wrong, concerned: 1,
		},
		"in a currency that the wallet does not have": {
			pocket: `"amount":100`, operations: []string{deposit(at(3, 1), "100"), strings.Replace(deposit(at(3, 2), "5"), `"USD"`, `"CHF"`, 1)},
			code: reconcile.Gap, severity: reconcile.Wrong, amount: cents(-5_00, "CHF"), text: "has nothing in CHF",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := stockWallet(t, tt.pocket, tt.operations...)
			for path, payload := range tt.more {
				s.more[path] = payload
			}
			r, _ := read(t, s.client(t), reconcile.Reading{Now: now})
			if tt.code == "" {
				agrees(t, r)
				return
			}
			if len(r.Findings) != 1 {
				t.Fatalf("%+v", r.Findings)
			}
			f := r.Findings[0]
			if f.Code != tt.code || f.Severity != tt.severity || len(f.Operations) != tt.concerned || !tt.amount.IsZero() && f.Amount != tt.amount || !strings.Contains(f.Text, tt.text) {
				t.Errorf("%+v", f)
			}
			want := map[reconcile.Severity]reconcile.Verdict{reconcile.Wrong: reconcile.Disagrees, reconcile.Suspicious: reconcile.Agrees}[tt.severity]
			if r.Verdict() != want {
				t.Errorf("%s, not %s", r.Verdict(), want)
			}
		})
	}
}

// A portal that lists the latest first whatever it is asked is added up all the same.
func TestAnotherOrder(t *testing.T) {
	s := stockWallet(t, `"amount":60`, payment(at(7, 3), "20", "backup", ""), payment(at(7, 2), "20", "backup", ""), deposit(at(7, 1), "100"))
	r, memory := read(t, s.client(t), reconcile.Reading{})
	if r.Verdict() != reconcile.Unproven || len(r.Findings) > 0 || memory != nil || !strings.Contains(strings.Join(r.Unproven, "\n"), "in the order of their dates") {
		t.Errorf("%s: %+v %v", r.Verdict(), r.Findings, r.Unproven)
	}
	s.pocket = `"amount":61`
	r, _ = read(t, s.client(t), reconcile.Reading{})
	must(t, r, reconcile.Gap, cents(1_00, "USD"))
}
