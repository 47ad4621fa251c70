package check_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/check"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

var noon = time.Date(2026, 7, 2, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func amount(t testing.TB, text string, c money.Currency) money.Amount {
	t.Helper()
	a, err := money.Parse(text, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func at(days int) docspace.Time { return docspace.Time{Time: noon.AddDate(0, 0, days)} }

func number(n int64) *int64 { return &n }

// well is a portal with which nothing is wrong, read at noon.
func well(t testing.TB) check.Facts {
	t.Helper()
	usd := amount(t, "148.5", "USD")
	band := wallet.Band{Pessimistic: 30, Likely: 40, Optimistic: 50}
	return check.Facts{
		Portal: "acme",
		Snapshot: fleet.Snapshot{
			Report: &docspace.Report{
				Portal: "https://portal.example.com", RetrievedAt: noon, Failed: map[docspace.Part]error{},
				Asked:    []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway, check.PartTariff, fleet.PartUpcoming},
				Customer: &docspace.CustomerInfo{PaymentMethodStatus: docspace.PaymentMethodSet, Email: "owner@example.com", Payer: &docspace.Person{ID: "1"}},
				Balance:  &docspace.Balance{SubAccounts: []docspace.SubAccount{{Amount: usd}}},
				Quota: &docspace.Quota{ID: -9, DueDate: at(5), Features: []docspace.Feature{
					{ID: "manager", Type: docspace.FeatureCount, Value: docspace.NumberValue(10), Used: &docspace.FeatureUsed{Value: number(10)}},
					{ID: "total_size", Type: docspace.FeatureSize, Value: docspace.NumberValue(1 << 40), Used: &docspace.FeatureUsed{Value: number(1 << 30)}},
					{ID: "room", Type: docspace.FeatureCount, Value: docspace.NumberValue(docspace.Unlimited), Used: &docspace.FeatureUsed{Value: number(37)}},
					{ID: "file_size", Type: docspace.FeatureSize, Value: docspace.NumberValue(0), Used: &docspace.FeatureUsed{Value: number(1)}},
					{ID: "sso", Type: docspace.FeatureFlag, Value: docspace.FlagValue(true)},
				}},
				TopUp: &docspace.TopUpSettings{Enabled: true, MinBalance: amount(t, "20", "USD"), UpToBalance: amount(t, "100", "USD")},
			},
			Runway: &fleet.Runway{Pockets: []fleet.PocketRunway{{Available: usd, Days: 28, Runway: wallet.Runway{Known: true, Alone: band}}}},
			Upcoming: []docspace.UpcomingPayment{
				{ID: -9, Name: "admin", Quantity: 10, DueDate: at(5), Amount: amount(t, "200", "USD")},
				{ID: -11, Name: "storage", Quantity: 100, Wallet: true, DueDate: at(5), Amount: amount(t, "14", "USD")},
			},
		},
		Tariff: &docspace.Tariff{ID: 1, State: docspace.TariffPaid, Dates: &docspace.TariffDates{Due: at(5)}, Details: &docspace.TariffDetails{
			Quotas: []docspace.TariffQuota{{ID: -9, Quantity: 10}, {ID: -11, Quantity: 100, Wallet: true, DueDate: at(5)}},
		}},
	}
}

// strict asks for everything.
func strict(t testing.TB) check.Policy {
	t.Helper()
	low, err := check.ParseFloors([]string{"20"})
	if err != nil {
		t.Fatal(err)
	}
	warn, err := check.ParseFloors([]string{"50"})
	if err != nil {
		t.Fatal(err)
	}
	p := check.Policy{MinBalance: low, WarnBalance: warn, MinRunway: 7 * day, WarnRunway: 14 * day, DueWithin: 10 * day, MaxAge: time.Hour, TopUp: true}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p
}

// lines says problems in short: severity, code, subject, and text.
func lines(problems []check.Problem) (all []string) {
	for _, p := range problems {
		if p.Portal != "acme" {
			p.Text = "of another portal: " + p.Portal
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", p.Severity, p.Code, p.Subject))+": "+p.Text)
	}
	return all
}

func TestNothingIsWrongWithAPortalThatIsWell(t *testing.T) {
	t.Parallel()
	if got := lines(strict(t).Problems(well(t), noon)); got != nil {
		t.Errorf("%q", got)
	}
	// What nobody asked for is no problem.
	f := well(t)
	f.Report.Balance.SubAccounts[0].Amount = amount(t, "0", "USD")
	f.Report.TopUp.Enabled = false
	f.Runway.Pockets[0].Alone.Pessimistic = 0
	f.Report.RetrievedAt = noon.Add(-30 * day)
	if got := lines(check.Policy{}.Problems(f, noon)); got != nil {
		t.Errorf("the zero policy: %q", got)
	}
}

func TestEachProblem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*check.Facts)
		want  []string
	}{
		"balance low": {
			func(f *check.Facts) { f.Report.Balance.SubAccounts[0].Amount = amount(t, "19.99", "USD") },
			[]string{"critical balance-low USD: 19.99 USD is left, less than 20.00 USD"},
		},
		"balance at the limit": {
			func(f *check.Facts) { f.Report.Balance.SubAccounts[0].Amount = amount(t, "20", "USD") },
			[]string{"warning balance-low USD: 20.00 USD is left, less than 50.00 USD"},
		},
		"balance of every currency": {
			func(f *check.Facts) {
				f.Report.Balance.SubAccounts = append(f.Report.Balance.SubAccounts, docspace.SubAccount{Amount: amount(t, "0", "EUR")})
			},
			[]string{"critical balance-low EUR: 0.00 EUR is left, less than 20.00 EUR"},
		},
		"balance unknown": {
			func(f *check.Facts) { f.Report.Balance, f.Runway = nil, nil },
			[]string{
				"unknown balance-unknown: the portal does not say what is in the wallet: it has no customer, nothing was ever paid in, or it can't reach its accounting",
				"unknown due-unknown storage: 14.00 USD for storage falls due on 2026-07-07, and it is not known what is in the wallet",
				"unknown runway-unknown: how long the wallet lasts is not known: the portal does not say what is in it",
			},
		},
		"runway short": {
			func(f *check.Facts) { f.Runway.Pockets[0].Alone.Pessimistic = 6 },
			[]string{"critical runway-short USD: USD lasts for 6 days at worst, less than 7 days"},
		},
		"runway shortish": {
			func(f *check.Facts) { f.Runway.Pockets[0].Alone.Pessimistic = 7 },
			[]string{"warning runway-short USD: USD lasts for 7 days at worst, less than 14 days"},
		},
		"runway refilled": {
			func(f *check.Facts) {
				f.Runway.Pockets[0].Alone.Pessimistic, f.Runway.Pockets[0].Refilled = 1, true
				f.Runway.Pockets[0].Refills.Pessimistic = 365
			}, nil,
		},
		"runway unknown": {
			func(f *check.Facts) { f.Runway.Pockets[0].Known, f.Runway.Pockets[0].Days = false, 3 },
			[]string{"unknown runway-unknown USD: how long USD lasts is not known before 14 whole days of it, and there are 3"},
		},
		"runway of what was never used": {
			func(f *check.Facts) {
				f.Runway.Pockets = append(f.Runway.Pockets, fleet.PocketRunway{Available: amount(t, "0", "EUR")})
			}, nil,
		},
		"due from the wallet": {
			func(f *check.Facts) {
				f.Upcoming[1].Amount = amount(t, "148.51", "USD")
				f.Report.TopUp.Enabled = false
			},
			[]string{
				"critical due-uncovered storage: 148.51 USD for storage falls due on 2026-07-07, and the wallet has 148.50 USD for it",
				"warning topup-off: the wallet is not refilled by itself: the top-up rule is off",
			},
		},
		"due one after the other": {
			func(f *check.Facts) {
				f.Upcoming[0].Wallet, f.Upcoming[0].Amount = true, amount(t, "140", "USD")
				f.Upcoming[0].DueDate = at(9)
			},
			[]string{"critical due-uncovered admin: 140.00 USD for admin falls due on 2026-07-11, and the wallet has 134.50 USD for it"},
		},
		"due, and refilled": {
			func(f *check.Facts) {
				f.Report.Balance.SubAccounts[0].Amount, f.Upcoming[1].Amount = amount(t, "60", "USD"), amount(t, "90", "USD")
			},
			[]string{"warning due-uncovered storage: 90.00 USD for storage falls due on 2026-07-07, and the wallet has 60.00 USD for it unless the top-up rule refills it in time"},
		},
		"due one after the other, beyond what there is": {
			func(f *check.Facts) {
				f.Upcoming[0].Wallet, f.Upcoming[0].Amount = true, amount(t, "149", "USD")
				f.Report.TopUp.Enabled = false
			},
			[]string{
				"critical due-uncovered admin: 149.00 USD for admin falls due on 2026-07-07, and the wallet has 148.50 USD for it",
				"critical due-uncovered storage: 14.00 USD for storage falls due on 2026-07-07, and the wallet has 0.00 USD for it",
				"warning topup-off: the wallet is not refilled by itself: the top-up rule is off",
			},
		},
		"due later": {
			func(f *check.Facts) { f.Upcoming[1].Amount, f.Upcoming[1].DueDate = amount(t, "1000", "USD"), at(11) }, nil,
		},
		"due and given up": {
			func(f *check.Facts) { f.Upcoming[1].Amount, f.Upcoming[1].Quantity = amount(t, "1000", "USD"), 0 }, nil,
		},
		"due in no currency": {
			func(f *check.Facts) { f.Upcoming[1].Amount = amount(t, "1000", "") },
			[]string{"critical due-uncovered storage: 1000.00 USD for storage falls due on 2026-07-07, and the wallet has 148.50 USD for it"},
		},
		"due by card": {
			func(f *check.Facts) {
				f.Report.Customer.PaymentMethodStatus = docspace.PaymentMethodExpired
				f.Upcoming[0].DueDate = at(-1)
			},
			[]string{
				"critical due-uncovered admin: 200.00 USD for admin fell due on 2026-07-01, and the payment method has expired",
				"warning topup-method: the top-up rule has nothing to charge: the payment method has expired",
			},
		},
		"due by who knows what": {
			func(f *check.Facts) {
				f.Report.Customer = nil
				f.Report.Failed[docspace.PartCustomer] = errors.New("gone")
			},
			[]string{
				"unknown due-unknown admin: 200.00 USD for admin falls due on 2026-07-07, and it is not known whether there is a payment method",
				"unknown read-part customer: gone",
			},
		},
		"trial": {
			func(f *check.Facts) {
				f.Tariff.State, f.Upcoming = docspace.TariffTrial, nil
				f.Tariff.Details = nil
				f.Report.Quota.Trial = true
			},
			[]string{"warning due-trial: the trial ends on 2026-07-07"},
		},
		"plan overdue": {
			func(f *check.Facts) { f.Tariff.State, f.Tariff.Dates.DelayDue = docspace.TariffDelay, at(3) },
			[]string{"critical plan-overdue: the plan is overdue, and works until 2026-07-05"},
		},
		"plan unpaid": {
			func(f *check.Facts) { f.Tariff.State = docspace.TariffNotPaid },
			[]string{"critical plan-unpaid: the plan is not paid"},
		},
		"service overdue": {
			func(f *check.Facts) {
				overdue := docspace.QuotaOverdue
				f.Tariff.Details.Quotas[1].State = &overdue
			},
			[]string{"critical plan-service Storage: the service Storage is overdue"},
		},
		"outgrown": {
			func(f *check.Facts) {
				f.Report.Quota.Features[0].Used.Value = number(11)
				f.Report.Quota.Features[1].Used.Value = number(2 << 40)
			},
			[]string{
				"critical plan-over manager: the plan allows 10 of manager, and 11 are used",
				"critical plan-over total_size: the plan allows 1 TB of total_size, and 2 TB are used",
			},
		},
		"rule that goes down": {
			func(f *check.Facts) { f.Report.TopUp.UpToBalance = amount(t, "10", "USD") },
			[]string{"critical topup-inert USD: the top-up rule does not refill the wallet: it refills below 20.00 USD, and only up to 10.00 USD"},
		},
		"rule without a card": {
			func(f *check.Facts) {
				f.Report.Customer.PaymentMethodStatus = docspace.PaymentMethodNone
				f.Upcoming = f.Upcoming[1:]
			},
			[]string{"warning topup-method: the top-up rule has nothing to charge: there is no payment method"},
		},
		"payer orphaned": {
			func(f *check.Facts) { f.Report.Customer.Payer = nil },
			[]string{"warning payer-orphaned owner@example.com: no user of the portal has the customer's address owner@example.com, so that nobody may pay or change what is paid"},
		},
		"too old": {
			func(f *check.Facts) { f.Report.RetrievedAt = noon.Add(-51 * time.Minute) },
			[]string{"unknown age-over: what is known may be 1h1m0s old, with the portal's own caches, more than 1h0m0s"},
		},
		"old, and looked past caches": {
			func(f *check.Facts) { f.Report.RetrievedAt, f.Refreshed = noon.Add(-51*time.Minute), true }, nil,
		},
		"unread": {
			func(f *check.Facts) { f.Err, f.Report = errors.New("no key"), nil },
			[]string{"unknown read-portal: no key"},
		},
		"nothing arrived": {
			func(f *check.Facts) {
				for _, part := range f.Report.Asked {
					f.Report.Failed[part] = &docspace.Error{Operation: "get " + string(part), Status: 502, Message: "Bad Gateway", Err: docspace.ErrPortalFailed}
				}
				f.Report.Balance, f.Report.Customer, f.Report.Quota, f.Report.TopUp, f.Tariff, f.Upcoming, f.Runway = nil, nil, nil, nil, nil, nil, nil
			},
			[]string{"unknown read-portal: Failed to get customer: 502 - Bad Gateway"},
		},
		"a part did not arrive": {
			func(f *check.Facts) {
				err := &docspace.Error{Operation: "get balance", Status: 500, Message: "Oops", Err: docspace.ErrPortalFailed}
				f.Report.Failed[docspace.PartBalance], f.Report.Failed[fleet.PartRunway] = err, err
				f.Report.Balance, f.Runway, f.Upcoming = nil, nil, f.Upcoming[:1]
			},
			[]string{"unknown read-part balance: Failed to get balance: 500 - Oops"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := well(t)
			test.spoil(&f)
			problems := strict(t).Problems(f, noon)
			if diff := cmp.Diff(test.want, lines(problems)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			rules := strict(t).Rules()
			for _, p := range problems {
				found := false
				for _, r := range rules {
					found = found || r == p.Code.Rule()
				}
				if !found {
					t.Errorf("%s belongs to no rule that is looked at", p.Code)
				}
			}
		})
	}
}

// A snapshot alone has one date, and no amount.
func TestDueOfASnapshotAlone(t *testing.T) {
	t.Parallel()
	f := well(t)
	f.Tariff, f.Upcoming = nil, nil
	want := []string{"unknown due-unknown the plan or a service: the plan or a service falls due on 2026-07-07, and the portal does not say what it costs"}
	if diff := cmp.Diff(want, lines(strict(t).Problems(f, noon))); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsSayWhatWasFound(t *testing.T) {
	t.Parallel()
	f := well(t)
	f.Report.Balance.SubAccounts[0].Amount = amount(t, "12.5", "USD")
	f.Runway.Pockets[0].Alone.Pessimistic = 3
	f.Report.RetrievedAt = noon.Add(-2 * time.Hour)
	p := strict(t)
	p.MinRunway = 84 * time.Hour
	want := []check.Problem{
		{Code: check.BalanceLow, Severity: check.Critical, Portal: "acme", Subject: "USD", Text: "12.50 USD is left, less than 20.00 USD", Value: "12.50", Limit: "20.00", Unit: "USD"},
		{Code: check.RunwayShort, Severity: check.Critical, Portal: "acme", Subject: "USD", Text: "USD lasts for 3 days at worst, less than 3.5 days", Value: "3", Limit: "3.5", Unit: "days"},
		{Code: check.AgeOver, Severity: check.Unknown, Portal: "acme", Text: "what is known may be 2h10m0s old, with the portal's own caches, more than 1h0m0s", Value: "7800", Limit: "3600", Unit: "seconds"},
		{Code: check.DueUncovered, Severity: check.Warning, Portal: "acme", Subject: "storage", Text: "14.00 USD for storage falls due on 2026-07-07, and the wallet has 12.50 USD for it unless the top-up rule refills it in time", Value: "2026-07-07T12:00:00Z", Limit: "2026-07-12T12:00:00Z"},
	}
	got := p.Problems(f, noon)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if check.Worst(got) != check.Critical || check.Worst(got[2:]) != check.Unknown || check.Worst(got[3:]) != check.Warning || check.Worst(nil) != check.OK {
		t.Error("the worst is another")
	}
	measures := []check.Measure{
		{Portal: "acme", Name: "USD", Value: "12.50", Warn: "50.00", Critical: "20.00", Unit: "USD"},
		{Portal: "acme", Name: "USD runway", Value: "3", Warn: "14", Critical: "3.5", Unit: "days"},
	}
	if diff := cmp.Diff(measures, p.Measures(f)); diff != "" {
		t.Error(diff)
	}
}
