package portalapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/portalapi"
)

// call is a route of the door, and a request that it answers well to the owner of
// the sample company.
type call struct {
	route string // as Routes has it: "PUT /api/2.0/portal/payment/url"
	query string // with its question mark
	body  string
	// last stands in the place of the path's last part, where that may be anything;
	// ownKey is replaced by the id of a key of the caller's, aReport by the number of
	// a report of the portal's that is there.
	last string
	may  check
	// gated says that there is no answer for a portal that is not paid.
	gated bool
	// members describe the body, which may be left out if it is bodyless.
	members  []member
	bodyless bool
	// card says that it is about a plan that is paid by card; see payByCard.
	card bool
	// passes says that the answer to a read changes as time goes by.
	passes bool
}

// ownKey stands for the id of a key that the caller may end, aReport for the number of
// a report that is there.
const (
	ownKey  = "own-key"
	aReport = "a-report"
)

// calls has every route once.
var calls = []call{
	{route: "GET " + apiBase + "customerinfo", may: administer},
	{route: "GET " + apiBase + "customer/balance", may: administer},
	{route: "GET " + apiBase + "customer/aibalance", may: administer},
	{route: "GET " + apiBase + "customer/operations", may: administer},
	{route: "GET " + apiBase + "customer/operationsreport", may: report, passes: true},
	{route: "GET " + apiBase + "customer/usage", may: administer},
	{route: "GET " + apiBase + "customer/usage/report", may: report, passes: true},
	{route: "GET " + apiBase + "customer/usage/monthly", may: administer},
	{route: "GET " + apiBase + "customer/usage/monthly/report", may: report, passes: true},
	{route: "GET " + apiBase + "customer/reports/{number}", last: aReport, may: report},
	{route: "GET " + apiBase + "customer/servicequota", query: "?serviceName=backup", may: administer},
	{route: "GET " + apiBase + "quota", may: notBeGuest},
	{route: "GET " + apiBase + "quotas", may: administer},
	{route: "GET " + apiBase + "topupsettings", may: administer},
	{route: "GET " + apiBase + "currencies", may: administer},
	{route: "GET " + apiBase + "account", may: payOrOwn},
	{route: "GET " + apiBase + "checkoutsetupurl", query: "?backUrl=" + pageHere + "&successUrl=" + pageHere, may: setUp},
	{route: "GET " + apiBase + "chechoutsetupurl", query: "?backUrl=" + pageHere, may: setUp},
	{route: "GET " + apiBase + "prices", may: administer},
	{route: "GET " + apiBase + "walletservices", may: administer},
	{route: "GET " + apiBase + "walletservice", query: "?service=backup", may: administer},
	{route: "GET " + apiBase + "servicessettings", may: administer},
	{route: "GET " + apiBase + "activeservices", may: administer},
	{route: "GET " + apiBase + "accounting/currencies", may: administer},
	{route: "GET " + apiBase + "accounting/prices/{service}", last: "disk-storage", may: administer},
	{route: "GET " + apiBase + "ai-prices", may: administer},
	{route: "GET " + apiBase + "ai-model/restrictions", may: administer},
	{route: "GET " + tariffBase + "tariff", may: beAnybody},
	{route: "GET " + tariffBase + "tariff/upcoming", may: administer},
	{route: "GET " + tariffBase + "quota", may: administer},
	{route: "GET " + tariffBase + "quota/right", may: administer, gated: true},
	{route: "GET " + tariffBase + "usedspace", may: administer, gated: true},
	{route: "GET " + tariffBase + "tenantextra", may: administer},
	{route: "GET /api/2.0/settings/payment", may: administer},
	{route: "GET " + keysPath, may: notBeGuest},
	{route: "GET " + keysPath + "/permissions", may: notBeGuest},

	{route: "PUT " + apiBase + "url", may: administer, members: planPageBody,
		body: `{"quantity":{"admin":10},"backUrl":"` + pageHere + `","successUrl":"` + pageHere + `"}`},
	{route: "PUT " + apiBase + "updatewallet", may: pay, members: walletBody, body: `{"quantity":{"storage":100},"productQuantityType":1}`},
	{route: "PUT " + apiBase + "calculatewallet", may: pay, members: walletBody, body: `{"quantity":{"storage":100},"productQuantityType":1}`},
	{route: "POST " + apiBase + "buywalletservice", may: pay, members: purchaseBody, body: `{"serviceName":"ai-tools","quantity":5}`},
	{route: "PUT " + apiBase + "update", may: pay, members: planBody, body: `{"quantity":{"admin":12}}`},
	{route: "POST " + apiBase + "deposit", may: pay, members: depositBody, body: dollars100},
	{route: "POST " + apiBase + "creditaibalance", may: pay, members: creditBody, body: `{"amount":25.5,"currency":"USD"}`},
	{route: "POST " + apiBase + "topupsettings", may: pay, members: topUpBody,
		body: `{"settings":{"enabled":true,"minBalance":30,"upToBalance":200,"currency":"USD"}}`},
	{route: "POST " + apiBase + "servicestate", may: payAndAdminister, members: stateBody, body: `{"service":"Backup","enabled":false}`},
	{route: "PUT " + apiBase + "ai-model/restrictions", may: payAndAdminister, members: modelsBody, body: `{"models":["chat-large"]}`},
	{route: "POST " + apiBase + "request", may: administer, members: messageBody,
		body: `{"userName":"Olivia Owner","email":"owner@example.com","message":"Is there a price for 500?"}`},
	{route: "POST " + apiBase + "customer/operationsreport", may: report, members: operationsFilter, bodyless: true,
		body: `{"serviceName":"backup","startDate":"2026-07-01","credit":false,"debit":true,"status":"Completed"}`},
	{route: "DELETE " + apiBase + "customer/operationsreport", may: report},
	{route: "POST " + apiBase + "customer/usage/report", may: report, members: usageFilter, bodyless: true,
		body: `{"serviceName":"backup","startDate":"2026-07-01","metadata":{"details":"x"},"status":1}`},
	{route: "DELETE " + apiBase + "customer/usage/report", may: report},
	{route: "POST " + apiBase + "customer/usage/monthly/report", may: report, members: periodFilter, bodyless: true, body: `{"startDate":"2026-07-01"}`},
	{route: "DELETE " + apiBase + "customer/usage/monthly/report", may: report},
	{route: "POST " + keysPath, may: notBeGuest, members: keyBody, body: `{"name":"another"}`},
	{route: "DELETE " + keysPath + "/{id}", last: ownKey, may: notBeGuest},

	// Last: the plan is paid by card since it was changed, and then from the wallet.
	{route: "GET " + apiBase + "subscription/balance", may: pay, card: true},
	{route: "POST " + apiBase + "subscription/movetowallet", may: pay, card: true, members: planBody, body: `{"quantity":{"adminwallet":10}}`},
}

const (
	tariffBase = "/api/2.0/portal/"
	keysPath   = "/api/2.0/keys"
	pageHere   = "http://" + portalHost + "/payments"
)

func (c call) method() string {
	method, _, _ := strings.Cut(c.route, " ")
	return method
}

func (c call) path() string {
	_, path, _ := strings.Cut(c.route, " ")
	if i := strings.LastIndexByte(path, '{'); i >= 0 {
		path = path[:i] + c.last
	}
	return path
}

// writes reports whether the route changes something.
func (c call) writes() bool { return c.method() != http.MethodGet }

// request returns the good request, with a key.
func (c call) request(key string) request {
	return request{method: c.method(), path: c.path() + c.query, body: c.body, key: key}
}

// requestOf returns the good request of one of the portal's users, and makes the
// key that a route needs which ends one; a user of "" stands for nobody.
func (h *house) requestOf(c call, portalID, email, key string) request {
	h.t.Helper()
	q := c.request(key)
	if c.last == ownKey {
		_, spare, err := h.service.CreateKey(h.t.Context(), portalID, billing.NewKey{UserEmail: email, Name: "spare"})
		h.must(err)
		q.path = strings.Replace(q.path, ownKey, spare.ID, 1)
	}
	if c.last == aReport {
		q.path = strings.Replace(q.path, aReport, h.reportNumber(), 1)
	}
	return q
}

// ownersRequest returns the good request of the company's owner.
func (h *house) ownersRequest(c call) request {
	h.t.Helper()
	return h.requestOf(c, h.company.PortalID, "", h.company.OwnerKey)
}

// payByCard changes the company's plan, which is paid by card from then on.
func (h *house) payByCard() {
	h.t.Helper()
	h.from(thisMachine, request{
		method: "PUT", path: "update", key: h.company.OwnerKey, body: `{"quantity":{"admin":11}}`, header: map[string]string{"X-Request-Id": "by-card"},
	}).wants(h.t, http.StatusOK, "true")
}

// Whoever adds a route adds it to calls, and so to every test over all of them.
func TestCallsHaveEveryRoute(t *testing.T) {
	var called []string
	for _, c := range calls {
		called = append(called, c.route)
	}
	routes := portalapi.Routes()
	slices.Sort(called)
	slices.Sort(routes)
	if diff := cmp.Diff(routes, called); diff != "" {
		t.Errorf("routes (-served +called):\n%s", diff)
	}
}

// callOf returns the call of a route.
func callOf(t *testing.T, route string) call {
	t.Helper()
	i := slices.IndexFunc(calls, func(c call) bool { return c.route == route })
	if i < 0 {
		t.Fatalf("no call of %s", route)
	}
	return calls[i]
}
