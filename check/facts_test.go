package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/check"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
)

// found reads a portal, and returns what is wrong with it.
func found(t *testing.T, portal *docspacetest.Portal, policy check.Policy) []string {
	t.Helper()
	reader := &fleet.Reader{Keys: &fleet.Keys{}, Timeout: time.Minute}
	opened, err := reader.Open(t.Context(), fleet.Profile{Name: "acme", URL: portal.URL, Key: fleet.Key{Plain: portal.Key}})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	facts := check.Read(t.Context(), opened, policy, portal.Now())
	return lines(policy.Problems(facts, portal.Now()))
}

func mustFloors(t *testing.T, texts ...string) check.Floors {
	t.Helper()
	f, err := check.ParseFloors(texts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadingAPortal(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	policy := check.Policy{MinBalance: mustFloors(t, "20"), MinRunway: 7 * day, DueWithin: 30 * day, MaxAge: time.Hour, TopUp: true}
	// It has lived no day yet, but has all else.
	short := []string{
		"unknown runway-unknown EUR: how long EUR lasts is not known before 14 whole days of it, and there are 0",
		"unknown runway-unknown USD: how long USD lasts is not known before 14 whole days of it, and there are 0",
	}
	if diff := cmp.Diff(short, found(t, portal, policy)); diff != "" {
		t.Error(diff)
	}
	policy.MinRunway = 0
	if got := found(t, portal, policy); got != nil {
		t.Errorf("%q", got)
	}
	if n := portal.Requests("customer/operations"); n == 0 {
		t.Error("a runway was asked for, and no operation read")
	}

	portal.SetBalance(amount(t, "12.5", "USD"))
	portal.SetTopUpRule(false, amount(t, "20", "USD"), amount(t, "100", "USD"))
	portal.SetUsage(map[string]int64{"manager": 11})
	portal.SetCustomer(billing.CustomerChange{MethodStatus: "expired"})
	got := strings.Join(found(t, portal, policy), "\n")
	for _, want := range []string{
		"critical balance-low USD: 12.50 USD is left, less than 20.00 USD", "critical due-uncovered storage: 14.00 USD for storage falls due on ",
		"and the wallet has 12.50 USD for it", "critical due-uncovered admin: 200.00 USD for admin falls due on ", "and the payment method has expired",
		"critical plan-over manager: the plan allows 10 of manager, and 11 are used", "warning topup-off",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q:\n%s", want, got)
		}
	}
	if strings.Count(got, "\n") != 4 {
		t.Errorf("it has more:\n%s", got)
	}
}

// A stock portal before 3.8 has no route for payments to come, and its balance may be
// a failure that it remembers.
func TestReadingAStockPortal(t *testing.T) {
	t.Parallel()
	portal := docspacetest.NewStock(t)
	portal.Inject(docspacetest.Fault{Path: "tariff/upcoming", Status: 404})
	portal.SetBalance(amount(t, "13.99", "USD"), amount(t, "0", "EUR"))
	portal.ClearTopUpRule()
	got := found(t, portal, check.Policy{DueWithin: 30 * day})
	if len(got) != 1 || !strings.HasPrefix(got[0], "critical due-uncovered Storage: 14.00 USD for Storage falls due on ") {
		t.Errorf("%q", got)
	}
	portal.SetBalance(amount(t, "14", "USD"))
	if got := found(t, portal, check.Policy{DueWithin: 30 * day}); got != nil {
		t.Errorf("%q", got)
	}
	portal.Inject(docspacetest.Fault{Path: "customer/balance", Null: true})
	got = found(t, portal, check.Policy{MinBalance: mustFloors(t, "1")})
	if len(got) != 1 || !strings.HasPrefix(got[0], "unknown balance-unknown: the portal does not say") {
		t.Errorf("%q", got)
	}
	if got := found(t, portal, check.Policy{}); got != nil {
		t.Errorf("nobody asked for a balance: %q", got)
	}
}

func TestReadingAPortalThatFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault docspacetest.Fault
		want  []string // how each begins
	}{
		"a storm of 429":     {docspacetest.TooMany(2 * time.Minute), []string{"unknown read-portal: Failed to get customer info: 429 - Too Many Requests"}},
		"a moment of 429":    {docspacetest.Fault{Status: 429, Times: 2}, nil},
		"a proxy":            {docspacetest.Fault{Path: "quota", Status: 502, ContentType: "text/html", Body: "<html><title>502 Bad Gateway</title></html>"}, []string{`unknown read-part quota: Failed to get current quota: 502 - Bad Gateway, a web page titled "502 Bad Gateway"`}},
		"slow":               {docspacetest.Fault{Delay: 50 * time.Millisecond}, nil},
		"refused":            {docspacetest.Unauthorized(), []string{"unknown read-portal: Failed to get customer info: 401 - Unauthorized"}},
		"broken tariff":      {docspacetest.Fault{Path: "portal/tariff", Status: 500}, []string{"unknown read-part tariff: Failed to get tariff: 500 - Internal Server Error"}},
		"broken foretelling": {docspacetest.Fault{Path: "tariff/upcoming", Status: 500}, []string{"unknown read-part upcoming: Failed to get upcoming payments: 500"}},
		"older and broken":   {docspacetest.Fault{Path: "tariff/upcoming", Status: 404}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			portal := docspacetest.New(t)
			portal.Inject(test.fault)
			got := found(t, portal, check.Policy{MinBalance: mustFloors(t, "20"), DueWithin: day})
			if len(got) != len(test.want) {
				t.Fatalf("%q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("%q, want %q", got[i], want)
				}
			}
		})
	}
}
