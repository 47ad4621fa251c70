package check_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/check"
	"github.com/bursarhq/bursar/docspace"
)

// Portals foretell the next payment of a service only, and it comes each month.
func TestServicesFallDueEachMonth(t *testing.T) {
	t.Parallel()
	f := well(t)
	f.Report.TopUp.Enabled = false
	f.Upcoming[1].Amount = amount(t, "60", "USD")
	p := check.Policy{DueWithin: 70 * day}
	want := []string{"critical due-uncovered storage: 60.00 USD for storage falls due on 2026-09-07, and the wallet has 28.50 USD for it"}
	if diff := cmp.Diff(want, lines(p.Problems(f, noon))); diff != "" {
		t.Error(diff)
	}
	p.DueWithin = 66 * day // up to the day before
	if got := lines(p.Problems(f, noon)); got != nil {
		t.Errorf("%q", got)
	}
	// What was not paid in time, and what the card pays, is told once.
	f.Upcoming[1].DueDate, f.Upcoming[1].Amount = at(-40), amount(t, "200", "USD")
	f.Report.Customer.PaymentMethodStatus = docspace.PaymentMethodNone
	if got := lines(p.Problems(f, noon)); len(got) != 2 || !strings.Contains(got[0], "admin") || !strings.Contains(got[1], "200.00 USD for storage fell due on 2026-05-23") {
		t.Errorf("%q", got)
	}
}

// DocSpace before 3.8 does not foretell payments, and leaves the currency of prices out.
func TestDueOfAnOlderPortal(t *testing.T) {
	t.Parallel()
	f := well(t)
	f.Upcoming = nil
	f.Report.TopUp.Enabled = false
	f.Report.Quota.Price = &docspace.Price{Amount: amount(t, "200", "")}
	f.Services = []docspace.Quota{{ID: -11, Price: &docspace.Price{Amount: amount(t, "1.5", "")}}}
	p := strict(t)
	p.TopUp = false
	want := []string{"critical due-uncovered Storage: 150.00 USD for Storage falls due on 2026-07-07, and the wallet has 148.50 USD for it"}
	if diff := cmp.Diff(want, lines(p.Problems(f, noon))); diff != "" {
		t.Error(diff)
	}
	f.Services[0].Price.Amount = amount(t, "1.4", "")
	if got := lines(p.Problems(f, noon)); got != nil {
		t.Errorf("%q", got)
	}
	// More from the next period on, and nothing at all.
	f.Tariff.Details.Quotas[1].NextQuantity = number(200)
	if got := lines(p.Problems(f, noon)); len(got) != 1 || !strings.Contains(got[0], "280.00 USD for Storage") {
		t.Errorf("%q", got)
	}
	f.Tariff.Details.Quotas[1].NextQuantity = number(0)
	if got := lines(p.Problems(f, noon)); got != nil {
		t.Errorf("%q", got)
	}
	f.Tariff.Details.Quotas[1].NextQuantity, f.Services = nil, nil
	want = []string{"unknown due-unknown Storage: Storage falls due on 2026-07-07, and the portal does not say what it costs"}
	if diff := cmp.Diff(want, lines(p.Problems(f, noon))); diff != "" {
		t.Error(diff)
	}
	// A card pays the plan, if there is one.
	f.Tariff.Details.Quotas = f.Tariff.Details.Quotas[:1]
	f.Report.Customer.PaymentMethodStatus = docspace.PaymentMethodNone
	want = []string{"critical due-uncovered the plan: the plan falls due on 2026-07-07, and there is no payment method"}
	if diff := cmp.Diff(want, lines(p.Problems(f, noon))); diff != "" {
		t.Error(diff)
	}
	f.Report.Quota.Free = true
	if got := lines(p.Problems(f, noon)); got != nil {
		t.Errorf("%q", got)
	}
}
