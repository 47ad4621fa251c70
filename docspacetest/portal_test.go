package docspacetest_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
)

// The plan and the services of the stock catalogue.
const (
	startup  = -3
	business = -9
	storage  = -11
	backup   = -12
)

const (
	day      = 24 * time.Hour
	gigabyte = int64(1) << 30
)

// number returns the value of a feature that is counted.
func number(t *testing.T, q docspace.Quota, feature string) int64 {
	t.Helper()
	f, ok := q.Feature(feature)
	n, counted := f.Value.Number()
	if !ok || !counted {
		t.Fatalf("%s: %+v", feature, f)
	}
	return n
}

func TestNewIsTheSampleCompany(t *testing.T) {
	portal := docspacetest.New(t)
	if !strings.HasPrefix(portal.URL, "http://127.0.0.1:") || !strings.HasPrefix(portal.Key, "sk-") {
		t.Errorf("at %s with %s", portal.URL, portal.Key)
	}
	report := portal.Client().Report(t.Context())
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	diff(t, "balance", report.Balance.SubAccounts, []docspace.SubAccount{{Amount: usd(148_50)}, {Amount: eur(25_00)}})
	diff(t, "plan", report.Quota.ID, business)
	diff(t, "admins", number(t, *report.Quota, "manager"), 10)
	diff(t, "storage", number(t, *report.Quota, "total_size"), (10*250+100)*gigabyte)
	diff(t, "owner", report.Customer.Payer.DisplayName, "Olivia Owner")
	diff(t, "rule", *report.TopUp, docspace.TopUpSettings{
		Enabled: true, MinBalance: usd(20_00), UpToBalance: usd(100_00), LastModified: report.TopUp.LastModified,
	})
	if due := report.Quota.DueDate.Sub(portal.Now()); due <= 22*day || due > 23*day {
		t.Errorf("due in %s", due)
	}
}

// Source: contract, "Roles".
func TestKeyOfActsAsItsRole(t *testing.T) {
	portal := docspacetest.New(t)
	for _, role := range billing.Roles() {
		client := clientOf(t, portal, portal.KeyOf(role))
		for part, read := range reads(client) {
			want := docspace.ErrForbidden
			if role.Administers() || part == docspace.PartQuota && role != billing.Guest {
				want = nil
			}
			wants(t, string(role)+" reads "+string(part), read(t.Context()), want)
		}
	}
	member := must[docspace.Quota](t)(clientOf(t, portal, portal.KeyOf(billing.Member)).Quota(t.Context()))
	if _, ok := member.Feature("audit"); ok {
		t.Error("a user is shown what only administrators are")
	}
}

func TestKeyOfMakesANewKeyEachTime(t *testing.T) {
	portal := docspacetest.New(t)
	seen := map[string]bool{portal.Key: true}
	for _, role := range append(billing.Roles(), billing.Roles()...) {
		key := portal.KeyOf(role)
		if !strings.HasPrefix(key, "sk-") || seen[key] {
			t.Errorf("%s: %s", role, key)
		}
		seen[key] = true
	}
	_, err := clientOf(t, portal, portal.Key).Balance(t.Context())
	wants(t, "the first key", err, nil)
}

func TestSetBalanceIsSeenByTheNextRead(t *testing.T) {
	portal := docspacetest.New(t)
	client := portal.Client()
	steps := []struct {
		set  []money.Amount
		want []docspace.SubAccount
	}{
		{nil, []docspace.SubAccount{{Amount: usd(148_50)}, {Amount: eur(25_00)}}},
		{[]money.Amount{usd(0)}, []docspace.SubAccount{{Amount: usd(0)}, {Amount: eur(25_00)}}},
		{[]money.Amount{eur(5), usd(7_77)}, []docspace.SubAccount{{Amount: usd(7_77)}, {Amount: eur(5)}}},
		{[]money.Amount{money.FromUnits(1, "USD")}, []docspace.SubAccount{{Amount: money.FromUnits(1, "USD")}, {Amount: eur(5)}}},
		{[]money.Amount{money.FromUnits(42*money.Scale, "JPY")},
			[]docspace.SubAccount{{Amount: money.FromUnits(1, "USD")}, {Amount: eur(5)}, {Amount: money.FromUnits(42*money.Scale, "JPY")}}},
	}
	for _, step := range steps {
		portal.SetBalance(step.set...)
		balance := must[docspace.Balance](t)(client.Balance(t.Context()))
		diff(t, "balance", balance.SubAccounts, step.want)
		if balance.LastCredit == nil || balance.LastCredit.Amount != usd(100_00) {
			t.Errorf("last credit %+v", balance.LastCredit)
		}
	}
}

func TestSetCustomerIsSeenByTheNextRead(t *testing.T) {
	portal := docspacetest.New(t)
	client := portal.Client()
	portal.SetCustomer(billing.CustomerChange{MethodStatus: "expired"})
	info := must[docspace.CustomerInfo](t)(client.CustomerInfo(t.Context()))
	diff(t, "status", info.PaymentMethodStatus, docspace.PaymentMethodExpired)
	diff(t, "e-mail", info.Email, "owner@example.com")

	portal.SetCustomer(billing.CustomerChange{Email: "Admin@example.com", MethodType: "sepa_debit"})
	info = must[docspace.CustomerInfo](t)(client.CustomerInfo(t.Context()))
	diff(t, "e-mail", info.Email, "admin@example.com")
	diff(t, "payer", info.Payer.DisplayName, "Adam Admin")
	diff(t, "type", info.PaymentMethodType, "sepa_debit")

	portal.SetCustomer(billing.CustomerChange{Email: "gone@example.com"})
	info = must[docspace.CustomerInfo](t)(client.CustomerInfo(t.Context()))
	if info.Payer != nil {
		t.Errorf("payer %+v", info.Payer)
	}

	portal.Advance(time.Hour)
	portal.SetCustomer(billing.CustomerChange{Balances: []money.Amount{usd(200_00)}, LastCredit: usd(51_50)})
	credit := must[docspace.Balance](t)(client.Balance(t.Context())).LastCredit
	if credit == nil || credit.Amount != usd(51_50) || portal.Now().Sub(credit.Date.Time) > patience {
		t.Errorf("last credit %+v", credit)
	}
}

func TestSetPurchasesIsSeenByTheNextRead(t *testing.T) {
	portal := docspacetest.New(t)
	client := portal.Client()
	due := portal.Now().Add(40 * day).Truncate(time.Second)
	portal.SetPurchases(billing.Purchase{Plan: business, Quantity: 3, DueAt: due})
	quota := must[docspace.Quota](t)(client.Quota(t.Context()))
	diff(t, "plan", quota.ID, business)
	diff(t, "admins", number(t, quota, "manager"), 3)
	diff(t, "price", quota.Price.Amount, usd(60_00))
	if !quota.DueDate.Equal(due) {
		t.Errorf("due %s, want %s", quota.DueDate, due)
	}

	portal.SetPurchases()
	quota = must[docspace.Quota](t)(client.Quota(t.Context()))
	diff(t, "plan", quota.ID, startup)
	if !quota.Free || !quota.DueDate.IsZero() || quota.Price.Amount != usd(0) {
		t.Errorf("the free plan: %+v", quota)
	}
}

func TestSetUsageIsSeenByTheNextRead(t *testing.T) {
	portal := docspacetest.New(t)
	used := func() map[string]int64 {
		t.Helper()
		all := map[string]int64{}
		for _, f := range must[docspace.Quota](t)(portal.Client().Quota(t.Context())).Features {
			if f.Used != nil && f.Used.Value != nil && (f.ID == "manager" || f.ID == "room") {
				all[f.ID] = *f.Used.Value
			}
		}
		return all
	}
	diff(t, "at first", used(), map[string]int64{"manager": 4, "room": 37})
	portal.SetUsage(map[string]int64{"manager": 10})
	diff(t, "one set", used(), map[string]int64{"manager": 10, "room": 37})
	portal.SetUsage(map[string]int64{"manager": 0, "room": 1 << 40})
	diff(t, "both set", used(), map[string]int64{"manager": 0, "room": 1 << 40})
}

func TestTheTopUpRuleIsSeenByTheNextRead(t *testing.T) {
	portal := docspacetest.New(t)
	client := portal.Client()
	portal.Advance(time.Hour)
	portal.SetTopUpRule(false, eur(30_00), eur(75_00))
	rule := must[docspace.TopUpSettings](t)(client.TopUpSettings(t.Context()))
	diff(t, "rule", rule, docspace.TopUpSettings{MinBalance: eur(30_00), UpToBalance: eur(75_00), LastModified: rule.LastModified})
	if since := portal.Now().Sub(rule.LastModified.Time); since < 0 || since > patience {
		t.Errorf("modified %s ago", since)
	}

	portal.ClearTopUpRule()
	rule = must[docspace.TopUpSettings](t)(client.TopUpSettings(t.Context()))
	none := money.FromUnits(0, "")
	diff(t, "none", rule, docspace.TopUpSettings{MinBalance: none, UpToBalance: none, LastModified: rule.LastModified})
	portal.ClearTopUpRule() // of none
}

func TestAdvanceMovesTheClock(t *testing.T) {
	portal := docspacetest.New(t)
	before := portal.Now()
	portal.Advance(365 * day)
	if passed := portal.Now().Sub(before); passed < 365*day || passed > 365*day+patience {
		t.Errorf("%s passed", passed)
	}
}

// Advance makes things come due: an add-on whose time is over counts no more, and
// the next due date is that of what is left.
func TestAdvanceBringsDueDates(t *testing.T) {
	portal := docspacetest.New(t)
	client := portal.Client()
	now := portal.Now().Truncate(time.Second)
	portal.SetPurchases(
		billing.Purchase{Plan: business, Quantity: 2, DueAt: now.Add(60 * day)},
		billing.Purchase{Plan: storage, Quantity: 50, DueAt: now.Add(10 * day)},
		billing.Purchase{Plan: backup, Quantity: 1, DueAt: now.Add(20 * day)},
	)
	const plan = 2 * 250 * gigabyte
	steps := []struct {
		advance time.Duration
		storage int64
		due     time.Duration // from the start
	}{
		{0, plan + 50*gigabyte, 10 * day},
		{9 * day, plan + 50*gigabyte, 10 * day},
		{2 * day, plan, 20 * day},
		{10 * day, plan, 60 * day},
	}
	for _, step := range steps {
		portal.Advance(step.advance)
		quota := must[docspace.Quota](t)(client.Quota(t.Context()))
		diff(t, "storage", number(t, quota, "total_size"), step.storage)
		if got := quota.DueDate.Sub(now); got != step.due {
			t.Errorf("after another %s: due %s from the start, want %s", step.advance, got, step.due)
		}
	}
}

func TestPortalsInParallelDoNotMix(t *testing.T) {
	for i := range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			mine, other := docspacetest.New(t), docspacetest.New(t)
			amount := usd(int64(1000 + i))
			mine.ClearTopUpRule()
			mine.SetBalance(amount)
			mine.Inject(docspacetest.Fault{Path: "quota", Status: http.StatusTeapot})
			mine.Advance(100 * day)

			balance := must[docspace.Balance](t)(mine.Client().Balance(t.Context()))
			diff(t, "my balance", balance.SubAccounts[0].Amount, amount)
			balance = must[docspace.Balance](t)(other.Client().Balance(t.Context()))
			diff(t, "the other's balance", balance.SubAccounts[0].Amount, usd(148_50))
			if _, err := other.Client().Quota(t.Context()); err != nil {
				t.Errorf("the other has my fault: %v", err)
			}
			_, err := clientOf(t, other, mine.Key).Balance(t.Context())
			wants(t, "my key at the other", err, docspace.ErrUnauthorized)
			diff(t, "my requests", mine.Requests(""), 1)
			diff(t, "the other's requests", other.Requests(""), 3)
			if ahead := mine.Now().Sub(other.Now()); ahead < 99*day {
				t.Errorf("my clock is %s ahead", ahead)
			}
		})
	}
}

func TestAPortalIsGoneWhenItsTestEnds(t *testing.T) {
	var client *docspace.Client
	t.Run("while", func(t *testing.T) {
		portal := docspacetest.New(t)
		client = clientOf(t, portal, portal.Key)
		_, err := client.Balance(t.Context())
		wants(t, "balance", err, nil)
	})
	if _, err := client.Balance(t.Context()); err == nil {
		t.Error("the portal still answers")
	}
}

// failable is a test that may fail without the one that runs it.
type failable struct {
	testing.TB
	failed bool
}

func (f *failable) Helper() {}
func (f *failable) Fatalf(string, ...any) {
	f.failed = true
	runtime.Goexit()
}

func TestWhatAPortalCantDoFailsTheTest(t *testing.T) {
	tests := map[string]func(*docspacetest.Portal){
		"a balance in no currency":   func(p *docspacetest.Portal) { p.SetBalance(money.FromUnits(1, "")) },
		"a balance of none known":    func(p *docspacetest.Portal) { p.SetBalance(money.FromUnits(1, "XYZ")) },
		"a customer without address": func(p *docspacetest.Portal) { p.SetCustomer(billing.CustomerChange{Email: "nobody"}) },
		"a plan that is none":        func(p *docspacetest.Portal) { p.SetPurchases(billing.Purchase{Plan: 1, Quantity: 1}) },
		"none of a plan":             func(p *docspacetest.Portal) { p.SetPurchases(billing.Purchase{Plan: business}) },
		"use of nothing":             func(p *docspacetest.Portal) { p.SetUsage(map[string]int64{"nothing": 1}) },
		"less than no use":           func(p *docspacetest.Portal) { p.SetUsage(map[string]int64{"room": -1}) },
		"a rule that goes down":      func(p *docspacetest.Portal) { p.SetTopUpRule(true, usd(20_00), usd(10_00)) },
		"a rule in two currencies":   func(p *docspacetest.Portal) { p.SetTopUpRule(true, usd(20_00), eur(100_00)) },
		"a key of no role":           func(p *docspacetest.Portal) { p.KeyOf("nobody") },
		"a client of no address":     func(p *docspacetest.Portal) { p.URL = ""; p.Client() },
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			inner, ended := &failable{TB: t}, make(chan bool)
			portal := docspacetest.New(inner)
			go func() {
				returned := false
				defer func() { ended <- returned }()
				do(portal)
				returned = true
			}()
			if returned := <-ended; returned || !inner.failed {
				t.Errorf("returned: %t, failed the test: %t", returned, inner.failed)
			}
		})
	}
}

func TestOperationsCanBeMade(t *testing.T) {
	both(t, func(t *testing.T, portal *docspacetest.Portal, _ bool) {
		client := portal.Client()
		portal.SetTimeZone("Asia/Tokyo")
		charged := portal.Charge(billing.Charge{Service: "backup", Quantity: 2, Amount: usd(20_00), Metadata: map[string]string{"details": "By hand"}})
		credited := portal.Credit(billing.Credit{Amount: eur(5_00), Reason: "Sorry"})
		diff(t, "available", charged.Available, usd(128_50))
		diff(t, "available", credited.Available, eur(30_00))
		page := must[docspace.OperationsPage](t)(client.Operations(t.Context(), docspace.OperationsQuery{Limit: 2}))
		diff(t, "total", page.Total, 5)
		diff(t, "the latest", page.Operations[0].Details+" "+page.Operations[0].Credit.String(), "Sorry 5.00 EUR")
		diff(t, "the one before", page.Operations[1].Details+" "+page.Operations[1].Debit.String(), "By hand 20.00 USD")
		if _, offset := page.Operations[0].Date.Zone(); offset != 9*60*60 || !page.Operations[0].Date.Equal(credited.At) {
			t.Errorf("at %s, want %s", page.Operations[0].Date, credited.At)
		}
		count := 0
		for operation, err := range client.AllOperations(t.Context(), docspace.OperationsQuery{Limit: 1, Credit: true, Ascending: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if count++; operation.Debit.Sign() != 0 {
				t.Errorf("a debit: %+v", operation)
			}
		}
		diff(t, "credits", count, 4)
		_, err := client.Operations(t.Context(), docspace.OperationsQuery{Service: "teleport"})
		wants(t, "an unknown service", err, docspace.ErrNotFound)
		if balance, err := client.AIBalance(t.Context()); balance != nil || err != nil {
			t.Errorf("AI balance %+v, %v", balance, err)
		}
	})
}

func TestDepositsEndAsTheMethodSays(t *testing.T) {
	portal := docspacetest.New(t)
	client := portal.Client()
	deposit := func(key string) (bool, error) { return client.Deposit(t.Context(), 10, "USD", key) }
	for method, want := range map[string]bool{"card": true, "card_declined": false} {
		portal.SetCustomer(billing.CustomerChange{MethodType: method})
		if paid, err := deposit("of " + method); paid != want || err != nil {
			t.Errorf("%s: %t, %v", method, paid, err)
		}
	}
	portal.SetCustomer(billing.CustomerChange{MethodType: "card_timeout_after"})
	_, err := deposit("lost")
	wants(t, "an answer that is lost", err, docspace.ErrPortalFailed)
	_, err = deposit("another")
	wants(t, "another one meanwhile", err, docspace.ErrRefused)
	if paid, err := deposit("lost"); !paid || err != nil {
		t.Errorf("again: %t, %v", paid, err)
	}
	portal.SetCustomer(billing.CustomerChange{MethodStatus: "none"})
	_, err = deposit("no card")
	wants(t, "without a card", err, docspace.ErrForbidden)
	_, err = clientOf(t, portal, portal.KeyOf(billing.Admin)).Deposit(t.Context(), 10, "USD", "")
	wants(t, "not the payer", err, docspace.ErrForbidden)
	balance := must[docspace.Balance](t)(client.Balance(t.Context()))
	diff(t, "balance", balance.SubAccounts[0].Amount, usd(168_50))
	diff(t, "deposits", portal.Requests("deposit"), 7)
}
