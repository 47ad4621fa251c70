package portalapi_test

import "net/http"

// hello is a message to whoever sells.
const hello = `{"userName":"Olivia Owner","email":"owner@example.com","message":"Is there a price for 500?"}`

// buyStorage pays for something from the wallet.
func buyStorage(h *house) {
	h.t.Helper()
	h.put("updatewallet", `{"quantity":{"storage":100},"productQuantityType":1}`).wants(h.t, http.StatusOK, "true")
}

// spendingExamples are the requests of what tells what was spent, and of what moves a
// plan to the wallet.
func spendingExamples(h *house, bare, bareHost string) map[string]request {
	owner := h.company.OwnerKey
	post := func(path, body string) request { return request{method: "POST", path: path, key: owner, body: body} }
	return map[string]request{
		"SubscriptionLeft":   {path: "subscription/balance", key: owner},
		"Moved":              post("subscription/movetowallet", `{"quantity":{"adminwallet":10}}`),
		"CreditBought":       post("buywalletservice", `{"serviceName":"ai-tools","quantity":25}`),
		"NotEnoughForCredit": post("buywalletservice", `{"serviceName":"ai-tools","quantity":2500}`),
		"ServiceQuota":       {path: "customer/servicequota?serviceName=backup", key: owner},

		"OperationsReportStarted": post("customer/operationsreport", ""),
		"UsageReportStarted":      post("customer/usage/report", ""),
		"MonthlyReportStarted":    post("customer/usage/monthly/report", ""),
		"NoOperationsReport":      {path: "customer/operationsreport", key: owner},
		"NoUsageReport":           {path: "customer/usage/report", key: owner},
		"NoMonthlyReport":         {path: "customer/usage/monthly/report", key: owner},
		"NoReportFile":            {path: "customer/reports/404", key: owner},

		"Usage":          {path: "customer/usage", key: owner},
		"NoUsage":        {path: "customer/usage", key: bare, host: bareHost},
		"MonthlyUsage":   {path: "customer/usage/monthly", key: owner},
		"NoMonthlyUsage": {path: "customer/usage/monthly", key: bare, host: bareHost},

		"RequestSent":     post("request", hello),
		"EmptyMessage":    post("request", `{"userName":"Olivia Owner","email":"owner@example.com","message":""}`),
		"NoMail":          post("request", hello),
		"TooManyMessages": post("request", hello),
	}
}
