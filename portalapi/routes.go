package portalapi

import (
	"net/http"
	"strings"

	"github.com/bursarhq/bursar/billing"
)

// basePath is what the paths of all routes come after.
const basePath = "/api/2.0"

// route is one route of the contract. It has one of answer, do and serve.
type route struct {
	method string
	// path comes after basePath. A last part in braces stands for anything.
	path string
	// parameters are the names of those that it knows; do reads its own.
	parameters []string
	// answer returns the payload and its number of elements, or an error. What
	// it returns may depend on the question and on nothing else, since it is
	// given again to who asks the same while the portal stays the same.
	answer func(d *door, c *billing.Caller, q question) (payload any, count int, err error)
	// twin is a member beside response that carries the payload once more.
	twin string
	// do does what is asked, and is asked each time.
	do func(d *door, r *http.Request, c *billing.Caller) (done, error)
	// serve answers with something else than an envelope, or returns an error and
	// has written nothing.
	serve func(d *door, w http.ResponseWriter, r *http.Request, c *billing.Caller) error
	// pays says that the route can cost money, and is not for every second.
	pays bool
	// sensitive says that the route hands out a secret, and is for even fewer.
	sensitive bool
	// mails says that the route sends mail to people.
	mails bool
}

// done is what came of a request.
type done struct {
	payload any
	// replay says that it had been done before, under the same key.
	replay bool
}

// routes lists what the door answers. Source: contract, "The six seed endpoints",
// "The other payment endpoints", "Portal tariff / quota endpoints" and "Routes" of
// newer versions.
func (d *door) routes() []route {
	topUpTwin := "settings"
	if d.quirks.NoSettingsTwin {
		topUpTwin = ""
	}
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	refresh, country := []string{"refresh"}, []string{"country"}
	quota := []string{"refresh", "country"}
	return []route{
		{method: get, path: "/portal/payment/customerinfo", parameters: refresh, answer: (*door).customerInfo},
		{method: get, path: "/portal/payment/customer/balance", parameters: refresh, answer: (*door).balance},
		{method: get, path: "/portal/payment/customer/aibalance", parameters: refresh, answer: (*door).aiBalance},
		{method: get, path: "/portal/payment/quota", parameters: quota, answer: (*door).quota},
		{method: get, path: "/portal/payment/quotas", parameters: []string{"wallet", "country"}, answer: (*door).quotas},
		{method: get, path: "/portal/payment/topupsettings", answer: (*door).topUpSettings, twin: topUpTwin},
		{method: get, path: "/portal/payment/currencies", parameters: country, answer: (*door).currencies},

		{method: put, path: "/portal/payment/url", do: (*door).planPage},
		{method: put, path: "/portal/payment/update", do: (*door).changePlan, pays: true},
		{method: put, path: "/portal/payment/updatewallet", do: (*door).changeService, pays: true},
		{method: put, path: "/portal/payment/calculatewallet", do: (*door).quoteService},
		{method: post, path: "/portal/payment/deposit", do: (*door).deposit, pays: true},
		{method: post, path: "/portal/payment/creditaibalance", do: (*door).creditAI, pays: true},
		{method: get, path: "/portal/payment/account", do: (*door).accountLink},
		{method: get, path: "/portal/payment/checkoutsetupurl", do: (*door).setupPage},
		{method: get, path: "/portal/payment/chechoutsetupurl", do: (*door).setupPage}, // as 3.6 and before spelled it

		{method: get, path: "/portal/payment/prices", answer: (*door).prices},
		{method: get, path: "/portal/payment/walletservices", parameters: country, answer: (*door).walletServices},
		{method: get, path: "/portal/payment/walletservice", do: (*door).walletService},
		{method: get, path: "/portal/payment/servicessettings", answer: (*door).servicesSettings},
		{method: post, path: "/portal/payment/servicestate", do: (*door).serviceState},
		{method: get, path: "/portal/payment/activeservices", answer: (*door).activeServices},
		{method: get, path: "/portal/payment/accounting/currencies", answer: (*door).accountingCurrencies},
		{method: get, path: "/portal/payment/accounting/prices/{service}", do: (*door).accountingPrices},
		{method: post, path: "/portal/payment/topupsettings", do: (*door).setTopUp},
		{method: get, path: "/portal/payment/ai-prices", answer: (*door).aiPrices},
		{method: get, path: "/portal/payment/ai-model/restrictions", answer: (*door).aiRestrictions},
		{method: put, path: "/portal/payment/ai-model/restrictions", do: (*door).restrictModels},

		{method: get, path: "/portal/payment/subscription/balance", do: (*door).subscriptionBalance},
		{method: post, path: "/portal/payment/subscription/movetowallet", do: (*door).moveToWallet, pays: true},
		{method: post, path: "/portal/payment/request", do: (*door).requestSales, mails: true},

		{method: get, path: "/portal/payment/customer/operations", do: (*door).operations},
		{method: post, path: "/portal/payment/customer/operationsreport", do: (*door).startOperationsReport},
		{method: get, path: "/portal/payment/customer/operationsreport", do: report(billing.OperationsReport)},
		{method: del, path: "/portal/payment/customer/operationsreport", do: cancelReport(billing.OperationsReport)},
		{method: get, path: "/portal/payment/customer/usage", do: (*door).usage},
		{method: post, path: "/portal/payment/customer/usage/report", do: (*door).startUsageReport},
		{method: get, path: "/portal/payment/customer/usage/report", do: report(billing.UsageReport)},
		{method: del, path: "/portal/payment/customer/usage/report", do: cancelReport(billing.UsageReport)},
		{method: get, path: "/portal/payment/customer/usage/monthly", do: (*door).monthlyUsage},
		{method: post, path: "/portal/payment/customer/usage/monthly/report", do: (*door).startMonthlyReport},
		{method: get, path: "/portal/payment/customer/usage/monthly/report", do: report(billing.MonthlyReport)},
		{method: del, path: "/portal/payment/customer/usage/monthly/report", do: cancelReport(billing.MonthlyReport)},
		{method: get, path: reportFiles + "{number}", serve: (*door).reportFile},

		// Of versions between 3.6 and 3.7.
		{method: post, path: "/portal/payment/buywalletservice", do: (*door).buyService, pays: true},
		{method: get, path: "/portal/payment/customer/servicequota", do: (*door).quotaOfService},

		{method: get, path: "/portal/tariff", parameters: refresh, answer: (*door).tariff},
		{method: get, path: "/portal/tariff/upcoming", parameters: refresh, answer: (*door).upcoming},
		{method: get, path: "/portal/quota", answer: (*door).tenantQuota},
		{method: get, path: "/portal/quota/right", answer: (*door).rightQuota},
		{method: get, path: "/portal/usedspace", answer: (*door).usedSpace},
		{method: get, path: "/portal/tenantextra", parameters: refresh, answer: (*door).tenantExtra},
		{method: get, path: "/settings/payment", answer: (*door).paymentSettings},

		{method: get, path: "/keys", do: (*door).keys},
		{method: post, path: "/keys", do: (*door).createKey, sensitive: true},
		{method: get, path: "/keys/permissions", do: (*door).keyPermissions},
		{method: del, path: "/keys/{id}", do: (*door).deleteKey},
	}
}

// anyPart stands for the last part of a path that may be anything.
const anyPart = "{}"

// pattern returns how a route is found by its path, in lower case.
func (rt *route) pattern() string {
	path := basePath + rt.path
	if i := strings.LastIndexByte(path, '{'); i >= 0 {
		path = path[:i] + anyPart
	}
	return path
}

// part is the name of a path's last part, as requests carry it.
const part = "part"

// lastPart returns a path with its last part cut off, and that; ok is false where
// there is none.
func lastPart(path string) (pattern, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 || i == len(path)-1 {
		return "", "", false
	}
	return strings.ToLower(path[:i+1]) + anyPart, path[i+1:], true
}
