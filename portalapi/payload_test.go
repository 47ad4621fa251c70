package portalapi_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

// secure says to the server that the caller came by https, as in the contract's
// examples.
var secure = map[string]string{"X-Forwarded-Proto": "https"}

// businessDue is when the contract's Business plan is due.
var businessDue = time.Date(2026, time.July, 31, 11, 39, 43, 0, time.UTC)

// newBusiness returns a house with the company of the contract's Example A, and
// its owner's key.
func newBusiness(t *testing.T) (h *house, key string) {
	t.Helper()
	h = newHouse(t, setup{empty: true})
	key = h.addPortal(billing.NewPortal{
		ID: "docspace.io123", Hosts: []string{portalHost},
		Bought: []billing.Purchase{{Plan: -9, Quantity: 10, DueAt: businessDue}, {Plan: -11, Quantity: 100, DueAt: businessDue}},
	})
	h.must(h.service.SetUsage(t.Context(), "docspace.io123", map[string]int64{
		"manager": 4, "total_size": 734761123840, "users": 14, "room": 37, "free_backup": 1, "aiagent": 2,
	}))
	h.must(h.service.SetCustomer(t.Context(), "docspace.io123", billing.CustomerChange{
		Email: "owner@example.com", MethodStatus: "set",
		Balances: []money.Amount{money.FromUnits(148_50*money.Scale/100, "USD")}, LastCredit: money.FromUnits(100*money.Scale, "USD"),
	}))
	h.must(h.service.SetTopUpRule(t.Context(), "docspace.io123", true,
		money.FromUnits(20*money.Scale, "USD"), money.FromUnits(100*money.Scale, "USD")))
	return h, key
}

// newStartup returns a house with the company of the contract's Example B, and
// its owner's key.
func newStartup(t *testing.T) (h *house, key string) {
	t.Helper()
	h = newHouse(t, setup{empty: true})
	key = h.addPortal(billing.NewPortal{ID: "docspace.io123", Hosts: []string{portalHost}})
	h.must(h.service.SetUsage(t.Context(), "docspace.io123", map[string]int64{
		"manager": 1, "total_size": 10485760, "users": 0, "room": 3, "free_backup": 0, "aiagent": 0,
	}))
	return h, key
}

var (
	someID    = regexp.MustCompile(`"id":"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"`)
	someTask  = regexp.MustCompile(`"id":"DocumentBuilderTask_([^_]*)_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	someHash  = regexp.MustCompile(`\?hash=\d+"`)
	someImage = regexp.MustCompile(`"image":"<svg (\\"|[^"])*</svg>"`)
)

// settled returns a body with what differs from run to run made alike.
func settled(body string) string {
	body = someID.ReplaceAllString(body, `"id":"…"`)
	body = someTask.ReplaceAllString(body, `"id":"DocumentBuilderTask_${1}_…`)
	body = someHash.ReplaceAllString(body, `?hash=0"`)
	return someImage.ReplaceAllString(body, `"image":"<svg>"`)
}

// Every answer is compared as text, so that order and digits count.
func TestAnswersAreTheContracts(t *testing.T) {
	type holder struct {
		house *house
		key   string
	}
	holderOf := func(h *house, key string) holder { return holder{h, key} }
	business, startup := holderOf(newBusiness(t)), holderOf(newStartup(t))
	for name, test := range map[string]struct {
		holder
		path  string
		want  string // of the response member
		count string
	}{
		"customer":               {business, "customerinfo", customerPayload, "1"},
		"balance":                {business, "customer/balance", balancePayload, "1"},
		"quota, example A":       {business, "quota", businessPayload, "1"},
		"quota, example B":       {startup, "quota", startupPayload, "1"},
		"quotas":                 {business, "quotas", plansPayload, "2"},
		"quotas, wallet":         {business, "quotas?wallet=true", servicesPayload, "3"},
		"quotas on Startup":      {startup, "quotas", startupPlans(), "2"},
		"wallet on Startup":      {startup, "quotas?wallet=true", strings.Replace(servicesPayload, "Additional backup", "Backup", 1), "3"},
		"top-up":                 {business, "topupsettings", topUpPayload, "1"},
		"top-up, never set":      {startup, "topupsettings", noTopUpPayload, "1"},
		"currencies":             {business, "currencies", `[` + dollars + `]`, "1"},
		"currencies of a Briton": {business, "currencies?country=GB", `[` + dollars + `,` + pounds + `]`, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := test.house
			h.t = t
			got := h.do(request{path: test.path, key: test.key, header: secure})
			want := compact(t, test.want)
			twin := ""
			if test.path == "topupsettings" {
				twin = `,"settings":` + want
			}
			same(t, `{"response":`+want+`,"count":`+test.count+
				`,"links":[{"href":"https://portal.example.com/api/2.0/portal/payment/`+test.path+`","action":"GET"}]`+
				`,"status":0,"statusCode":200`+twin+`}`, settled(got.body))
			if second := h.do(request{path: test.path, key: test.key, header: secure}); second.body != got.body {
				t.Errorf("the second answer is another one: %s", second.body)
			}
		})
	}
}

func TestNothingToSayIsNoResponseMember(t *testing.T) {
	noCustomer, noCustomerKey := newStartup(t)
	neverPaidIn, neverPaidInKey := newStartup(t)
	h := neverPaidIn
	h.must(h.service.SetCustomer(t.Context(), "docspace.io123", billing.CustomerChange{Email: "owner@example.com"}))
	for name, test := range map[string]struct {
		house     *house
		key, path string
	}{
		"customer of a portal without one":        {noCustomer, noCustomerKey, "customerinfo"},
		"balance of a portal without a customer":  {noCustomer, noCustomerKey, "customer/balance"},
		"balance where nothing was ever paid in":  {neverPaidIn, neverPaidInKey, "customer/balance"},
		"the same, asked to look past the caches": {neverPaidIn, neverPaidInKey, "customer/balance?refresh=true"},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.house.do(request{path: test.path, key: test.key, header: secure})
			same(t, `{"count":0,"links":[{"href":"https://portal.example.com/api/2.0/portal/payment/`+test.path+
				`","action":"GET"}],"status":0,"statusCode":200}`, got.body)
		})
	}
	const want = `"paymentMethodStatus":0,"email":"owner@example.com"`
	if got := h.getAs(neverPaidInKey, "customerinfo").payload(t); !strings.Contains(got, want) {
		t.Errorf("the customer without a payment method is %s", got)
	}
}

// A portal with a non-profit plan is offered that plan and nothing else, but
// the same services as all.
func TestNonProfitPortalIsOfferedItsOwnPlan(t *testing.T) {
	h := newHouse(t, setup{empty: true})
	key := h.addPortal(billing.NewPortal{
		ID: "example", Hosts: []string{portalHost}, Bought: []billing.Purchase{{Plan: -7, Quantity: 1}},
	})
	got := h.getAs(key, "quotas").payload(t)
	if !strings.HasPrefix(got, `[{"id":-7,"title":"Non-profit","price":{"value":0.00,"currencySymbol":"$","isoCurrencySymbol":"USD"},`+
		`"nonProfit":true,"free":false,"trial":false,"features":[`) || strings.Count(got, `"nonProfit"`) != 1 {
		t.Errorf("plans: %s", got)
	}
	if got := h.getAs(key, "quotas?wallet=true").payload(t); strings.Count(got, `"nonProfit"`) != 3 {
		t.Errorf("services: %s", got)
	}
}

// The icons of a service are for the list of services. In a plan the service is
// a flag like others, without one even when it is switched on.
// Source: contract, "GET /api/2.0/portal/payment/quotas".
func TestServiceThatIsSwitchedOnIsTrueEverywhere(t *testing.T) {
	h, key := newBusiness(t)
	h.must(h.service.SetServices(t.Context(), "docspace.io123", []int{-12}))
	for path, want := range map[string]string{
		"quota":              `{"id":"backup","title":"Additional backup","value":true,"type":"flag"}`,
		"quotas":             `{"id":"backup","title":"Additional backup","value":true,"type":"flag"}`,
		"quotas?wallet=true": `{"id":"backup","title":"Additional backup","image":"<svg>","value":true,"type":"flag",`,
	} {
		if got := settled(h.getAs(key, path).payload(t)); !strings.Contains(got, want) {
			t.Errorf("%s has no %s but %s", path, want, regexp.MustCompile(`{"id":"backup"[^}]*}`).FindString(got))
		}
	}
}

func TestStorageIsWordedInItsUnit(t *testing.T) {
	h, key := newStartup(t)
	const startup, business, storage = -3, -9, -11 // of 2, 250 and 1 GB
	for _, test := range []struct {
		plan          int
		plans, extras int64
		want          string
	}{
		{startup, 1, 1, "3 GB"},
		{startup, 1, 1021, "1,023 GB"},
		{startup, 1, 1022, "1 TB"},
		{startup, 1, 1022 + 5, "1 TB"},
		{startup, 1, 1022 + 6, "1.01 TB"},
		{startup, 1, 1534, "1.5 TB"},
		{startup, 1, 10<<10 - 2, "10 TB"},
		{startup, 1, 1_000_000, "976.56 TB"},
		{business, 10_000, 1, "2,441.41 TB"},
		{business, 1_000_000, 24, "244,140.65 TB"},
	} {
		h.must(h.service.SetPurchases(t.Context(), "docspace.io123", []billing.Purchase{
			{Plan: test.plan, Quantity: test.plans}, {Plan: storage, Quantity: test.extras},
		}))
		if got := h.getAs(key, "quota").payload(t); !strings.Contains(got, `"title":"`+test.want+` per admin and ability`) {
			t.Errorf("%+v: %.400s", test, got)
		}
	}
}
