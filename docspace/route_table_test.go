package docspace_test

import (
	"context"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// contractRoutes are the routes of the contract's sections 1.8, 2, 3, 4 and 5.1.
const contractRoutes = `
GET  /portal/payment/customerinfo
GET  /portal/payment/customer/balance
GET  /portal/payment/quota
GET  /portal/payment/quotas
GET  /portal/payment/topupsettings
GET  /portal/payment/currencies

PUT  /portal/payment/url
PUT  /portal/payment/update
PUT  /portal/payment/updatewallet
PUT  /portal/payment/calculatewallet
GET  /portal/payment/account
GET  /portal/payment/prices
GET  /portal/payment/walletservices
GET  /portal/payment/walletservice
POST /portal/payment/deposit
GET  /portal/payment/customer/aibalance
GET  /portal/payment/customer/operations
GET  /portal/payment/checkoutsetupurl
GET  /portal/payment/chechoutsetupurl
POST /portal/payment/request
POST /portal/payment/customer/operationsreport
GET  /portal/payment/customer/operationsreport
DELETE /portal/payment/customer/operationsreport
GET  /portal/payment/accounting/currencies
POST /portal/payment/topupsettings
GET  /portal/payment/servicessettings
POST /portal/payment/servicestate
POST /portal/payment/creditaibalance
GET  /portal/payment/ai-prices
GET  /portal/payment/ai-model/restrictions
PUT  /portal/payment/ai-model/restrictions

GET  /portal/tariff
GET  /portal/quota
GET  /portal/quota/right
GET  /portal/usedspace
GET  /settings/payment
GET  /portal/tenantextra

POST /portal/payment/buywalletservice
GET  /portal/payment/customer/servicequota
GET  /portal/payment/subscription/balance
POST /portal/payment/subscription/movetowallet
GET  /portal/payment/customer/usage/monthly
GET  /portal/payment/customer/usage
POST /portal/payment/customer/usage/report
GET  /portal/payment/customer/usage/report
DELETE /portal/payment/customer/usage/report
POST /portal/payment/customer/usage/monthly/report
GET  /portal/payment/customer/usage/monthly/report
DELETE /portal/payment/customer/usage/monthly/report
GET  /portal/tariff/upcoming
GET  /portal/payment/activeservices
GET  /portal/payment/accounting/prices/{serviceName}

GET  /keys
POST /keys
GET  /keys/permissions`

// emptiness is what a method makes of an answer without a payload.
type emptiness int

const (
	isNothing   emptiness = iota // a nil value, and no error
	isAllRight                   // there is never a payload
	isMalformed                  // what came of it would not be known
)

// route is one route of the contract, and how the client calls it.
type route struct {
	route  string // as in contractRoutes
	method string // of Client
	// sent is the path with query, and the body, that must be sent.
	sent, body string
	money      bool
	answer     string // a good payload
	empty      emptiness
	do         func(context.Context, *docspace.Client) (any, error)
}

func (r route) isRead() bool { return strings.HasPrefix(r.route, "GET ") }

// calling makes the do of a route.
func calling[T any](call func(context.Context, *docspace.Client) (T, error)) func(context.Context, *docspace.Client) (any, error) {
	return func(ctx context.Context, c *docspace.Client) (any, error) {
		value, err := call(ctx, c)
		return value, err
	}
}

// of makes the do of a route whose method has no parameters.
func of[T any](call func(*docspace.Client, context.Context) (T, error)) func(context.Context, *docspace.Client) (any, error) {
	return calling(func(ctx context.Context, c *docspace.Client) (T, error) { return call(c, ctx) })
}

// only makes the do of a route whose method returns an error alone.
func only(call func(context.Context, *docspace.Client) error) func(context.Context, *docspace.Client) (any, error) {
	return calling(func(ctx context.Context, c *docspace.Client) (*int, error) { return nil, call(ctx, c) })
}

const callersKey = "invoice 7"

func routes() []route {
	const (
		payment = "/api/2.0/portal/payment/"
		portal  = "/api/2.0/portal/"
		task    = `{"id":"DocumentBuilderTask_1","error":"","percentage":0,"isCompleted":false,"status":1}`
		paid    = `{"operationId":7,"amount":25.5,"currency":"USD","quantity":1}`
		balance = `{"accountNumber":1,"subAccounts":[{"currency":"USD","amount":1}]}`
		tenant  = `{"tenantId":-9,"price":200,"maxFileSize":1,"maxTotalSize":2,"countRoomAdmin":3}`
		back    = "https://portal.example.com/back?a=b&c=d"
		done    = "https://portal.example.com/done"
		urls    = "backUrl=https%3A%2F%2Fportal.example.com%2Fback%3Fa%3Db%26c%3Dd"
		page    = `"offset":0,"limit":25,"totalQuantity":0,"totalPage":0,"currentPage":1}`
	)
	from := time.Date(2026, 6, 1, 0, 0, 0, 0, time.FixedZone("", 3*60*60))
	to := time.Date(2026, 6, 30, 23, 59, 59, 999_999_999, time.UTC)
	const span = "endDate=2026-06-30T23%3A59%3A59.9999999Z"
	const start = "startDate=2026-05-31T21%3A00%3A00Z"
	const jsonSpan = `"startDate":"2026-05-31T21:00:00Z","endDate":"2026-06-30T23:59:59.9999999Z"`
	hundred, rule := int64(100), docspace.TopUpSettings{Enabled: true, MinBalance: amount("20", "USD"), UpToBalance: amount("100", "USD")}
	type client = docspace.Client
	return []route{
		{route: "GET /portal/payment/customerinfo", method: "CustomerInfo", sent: payment + "customerinfo", answer: `{"portalId":"p"}`, do: of((*client).CustomerInfo)},
		{route: "GET /portal/payment/customer/balance", method: "Balance", sent: payment + "customer/balance", answer: balance, do: of((*client).Balance)},
		{route: "GET /portal/payment/quota", method: "Quota", sent: payment + "quota", answer: `{"id":-9}`, do: of((*client).Quota)},
		{route: "GET /portal/payment/quotas", method: "Quotas", sent: payment + "quotas", answer: `[{"id":-9}]`, do: of((*client).Quotas)},
		{route: "GET /portal/payment/quotas", method: "WalletQuotas", sent: payment + "quotas?wallet=true", answer: `[]`, do: of((*client).WalletQuotas)},
		{route: "GET /portal/payment/quotas", method: "Offers", sent: payment + "quotas?additional=true&wallet=false", answer: `[]`,
			do: calling(func(ctx context.Context, c *client) ([]docspace.Quota, error) {
				return c.Offers(ctx, docspace.OfferQuery{Wallet: new(false), Additional: new(true)})
			})},
		{route: "GET /portal/payment/topupsettings", method: "TopUpSettings", sent: payment + "topupsettings", answer: topUpPayload, do: of((*client).TopUpSettings)},
		{route: "GET /portal/payment/currencies", method: "Currencies", sent: payment + "currencies", answer: `[]`, do: of((*client).Currencies)},

		{route: "PUT /portal/payment/url", method: "CheckoutURL", sent: payment + "url", answer: `"https://pay.example.com/?a=b"`,
			body: `{"quantity":{"admin":100},"backUrl":"` + back + `","successUrl":"` + done + `"}`,
			do: calling(func(ctx context.Context, c *client) (string, error) {
				return c.CheckoutURL(ctx, "admin", 100, back, done)
			})},
		{route: "PUT /portal/payment/update", method: "UpdatePlan", sent: payment + "update", answer: `true`, empty: isMalformed, money: true,
			body: `{"quantity":{"admin":100}}`,
			do:   calling(func(ctx context.Context, c *client) (bool, error) { return c.UpdatePlan(ctx, "admin", 100, callersKey) })},
		{route: "PUT /portal/payment/updatewallet", method: "BuyFromWallet", sent: payment + "updatewallet", answer: `true`, empty: isMalformed, money: true,
			body: `{"quantity":{"storage":100},"productQuantityType":1}`,
			do: calling(func(ctx context.Context, c *client) (bool, error) {
				return c.BuyFromWallet(ctx, "storage", 100, callersKey)
			})},
		{route: "PUT /portal/payment/updatewallet", method: "ScheduleWallet", sent: payment + "updatewallet", answer: `true`, empty: isMalformed, money: true,
			body: `{"quantity":{"storage":100},"productQuantityType":0}`,
			do: calling(func(ctx context.Context, c *client) (bool, error) {
				return c.ScheduleWallet(ctx, "storage", &hundred, callersKey)
			})},
		{route: "PUT /portal/payment/updatewallet", method: "ScheduleWallet", sent: payment + "updatewallet", answer: `true`, empty: isMalformed, money: true,
			body: `{"quantity":{"storage":null},"productQuantityType":0}`,
			do: calling(func(ctx context.Context, c *client) (bool, error) {
				return c.ScheduleWallet(ctx, "storage", nil, callersKey)
			})},
		{route: "PUT /portal/payment/calculatewallet", method: "CalculateWallet", sent: payment + "calculatewallet", answer: paid,
			body: `{"quantity":{"storage":100},"productQuantityType":1}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.Payment, error) {
				return c.CalculateWallet(ctx, "storage", 100)
			})},
		{route: "GET /portal/payment/account", method: "AccountURL", sent: payment + "account?" + urls, answer: `"payment.ashx?backUrl=https://x.example/"`,
			do: calling(func(ctx context.Context, c *client) (string, error) { return c.AccountURL(ctx, back) })},
		{route: "GET /portal/payment/prices", method: "Prices", sent: payment + "prices", answer: `{"admin":20}`, do: of((*client).Prices)},
		{route: "GET /portal/payment/walletservices", method: "WalletServices", sent: payment + "walletservices", answer: `[{"serviceName":"backup"}]`, do: of((*client).WalletServices)},
		{route: "GET /portal/payment/walletservice", method: "WalletService", sent: payment + "walletservice?service=Backup", answer: `{"serviceName":"backup"}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.WalletService, error) {
				return c.WalletService(ctx, docspace.ServiceBackup)
			})},
		{route: "POST /portal/payment/deposit", method: "Deposit", sent: payment + "deposit", answer: `true`, empty: isMalformed, money: true,
			body: `{"amount":100,"currency":"USD"}`,
			do:   calling(func(ctx context.Context, c *client) (bool, error) { return c.Deposit(ctx, 100, "USD", callersKey) })},
		{route: "GET /portal/payment/customer/aibalance", method: "AIBalance", sent: payment + "customer/aibalance", answer: balance, do: of((*client).AIBalance)},
		{route: "GET /portal/payment/customer/operations", method: "Operations", sent: payment + "customer/operations?limit=7", answer: `{"collection":[],` + page,
			do: calling(func(ctx context.Context, c *client) (*docspace.OperationsPage, error) {
				return c.Operations(ctx, docspace.OperationsQuery{Limit: 7})
			})},
		{route: "GET /portal/payment/checkoutsetupurl", method: "CheckoutSetupURL", sent: payment + "checkoutsetupurl?" + urls + "&successUrl=https%3A%2F%2Fportal.example.com%2Fdone",
			answer: `"https://pay.example.com/"`,
			do:     calling(func(ctx context.Context, c *client) (string, error) { return c.CheckoutSetupURL(ctx, back, done) })},
		{route: "POST /portal/payment/request", method: "RequestSales", sent: payment + "request", empty: isAllRight,
			body: `{"userName":"Olivia <O>","email":"o@example.com","message":"More & more"}`,
			do: only(func(ctx context.Context, c *client) error {
				return c.RequestSales(ctx, docspace.SalesRequest{UserName: "Olivia <O>", Email: "o@example.com", Message: "More & more"})
			})},
		{route: "POST /portal/payment/customer/operationsreport", method: "StartOperationsReport", sent: payment + "customer/operationsreport", answer: task, empty: isMalformed,
			body: `{"serviceName":"backup",` + jsonSpan + `,"participantName":"p","credit":true,"debit":true,"type":"Refund","status":"Completed"}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.ReportTask, error) {
				return c.StartOperationsReport(ctx, docspace.OperationsQuery{
					Service: "backup", From: from, To: to, Participant: "p", Credit: true, Debit: true, Type: docspace.Refund, Status: docspace.Completed, Limit: 9, Ascending: true,
				})
			})},
		{route: "GET /portal/payment/customer/operationsreport", method: "OperationsReport", sent: payment + "customer/operationsreport", answer: task, do: of((*client).OperationsReport)},
		{route: "DELETE /portal/payment/customer/operationsreport", method: "CancelOperationsReport", sent: payment + "customer/operationsreport", empty: isAllRight,
			do: only(func(ctx context.Context, c *client) error { return c.CancelOperationsReport(ctx) })},
		{route: "GET /portal/payment/accounting/currencies", method: "AccountingCurrencies", sent: payment + "accounting/currencies", answer: `[{"id":1,"code":"USD"}]`, do: of((*client).AccountingCurrencies)},
		{route: "POST /portal/payment/topupsettings", method: "SetTopUpSettings", sent: payment + "topupsettings", answer: topUpPayload,
			body: `{"settings":{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD"}}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.TopUpSettings, error) {
				return c.SetTopUpSettings(ctx, &rule)
			})},
		{route: "POST /portal/payment/topupsettings", method: "SetTopUpSettings", sent: payment + "topupsettings", answer: topUpPayload, body: `{"settings":null}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.TopUpSettings, error) {
				return c.SetTopUpSettings(ctx, nil)
			})},
		{route: "GET /portal/payment/servicessettings", method: "ServicesSettings", sent: payment + "servicessettings", answer: `{"enabledServices":[-12]}`, do: of((*client).ServicesSettings)},
		{route: "POST /portal/payment/servicestate", method: "SetServiceState", sent: payment + "servicestate", answer: `{"enabledServices":[-12]}`,
			body: `{"service":"Backup","enabled":true}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.ServicesSettings, error) {
				return c.SetServiceState(ctx, docspace.ServiceBackup, true)
			})},
		{route: "POST /portal/payment/creditaibalance", method: "CreditAIBalance", sent: payment + "creditaibalance", answer: paid, empty: isMalformed, money: true,
			body: `{"amount":25.5,"currency":"USD"}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.Payment, error) {
				return c.CreditAIBalance(ctx, amount("25.5", "USD"), callersKey)
			})},
		{route: "GET /portal/payment/ai-prices", method: "AIPrices", sent: payment + "ai-prices", answer: `{"currency":{"code":"USD"}}`, do: of((*client).AIPrices)},
		{route: "GET /portal/payment/ai-model/restrictions", method: "AIRestrictions", sent: payment + "ai-model/restrictions", answer: `{"models":[]}`, do: of((*client).AIRestrictions)},
		{route: "PUT /portal/payment/ai-model/restrictions", method: "SetAIRestrictions", sent: payment + "ai-model/restrictions", empty: isAllRight, body: `{"models":["a"]}`,
			do: only(func(ctx context.Context, c *client) error { return c.SetAIRestrictions(ctx, []string{"a"}) })},
		{route: "PUT /portal/payment/ai-model/restrictions", method: "SetAIRestrictions", sent: payment + "ai-model/restrictions", empty: isAllRight, body: `{"models":[]}`,
			do: only(func(ctx context.Context, c *client) error { return c.SetAIRestrictions(ctx, nil) })},

		{route: "GET /portal/tariff", method: "Tariff", sent: portal + "tariff", answer: `{"state":1}`, do: of((*client).Tariff)},
		{route: "GET /portal/quota", method: "TenantQuota", sent: portal + "quota", answer: tenant, do: of((*client).TenantQuota)},
		{route: "GET /portal/quota/right", method: "RightQuota", sent: portal + "quota/right", answer: tenant, do: of((*client).RightQuota)},
		{route: "GET /portal/usedspace", method: "UsedSpace", sent: portal + "usedspace", answer: `684.29`, do: of((*client).UsedSpace)},
		{route: "GET /settings/payment", method: "PaymentSettings", sent: "/api/2.0/settings/payment", answer: `{"max":999}`, do: of((*client).PaymentSettings)},
		{route: "GET /portal/tenantextra", method: "TenantExtra", sent: portal + "tenantextra", answer: `{"notPaid":false}`, do: of((*client).TenantExtra)},

		{route: "POST /portal/payment/buywalletservice", method: "BuyWalletService", sent: payment + "buywalletservice", answer: paid, money: true,
			body: `{"serviceName":"ai-tools","quantity":5}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.Payment, error) {
				return c.BuyWalletService(ctx, "ai-tools", 5, callersKey)
			})},
		{route: "GET /portal/payment/customer/servicequota", method: "ServiceQuota", sent: payment + "customer/servicequota?serviceName=ai-tools", answer: balance,
			do: calling(func(ctx context.Context, c *client) (*docspace.Balance, error) {
				return c.ServiceQuota(ctx, "ai-tools")
			})},
		{route: "GET /portal/payment/subscription/balance", method: "SubscriptionBalance", sent: payment + "subscription/balance",
			answer: `{"totalCost":200,"currency":"USD","remainingBalance":46.67,"remainingBalanceInWalletCurrency":46.67,"walletCurrency":"USD"}`,
			do:     of((*client).SubscriptionBalance)},
		{route: "POST /portal/payment/subscription/movetowallet", method: "MoveToWallet", sent: payment + "subscription/movetowallet", answer: `true`, empty: isMalformed, money: true,
			body: `{"quantity":{"adminwallet":100}}`,
			do: calling(func(ctx context.Context, c *client) (bool, error) {
				return c.MoveToWallet(ctx, "adminwallet", 100, callersKey)
			})},
		{route: "GET /portal/payment/customer/usage/monthly", method: "MonthlyUsage", sent: payment + "customer/usage/monthly?" + span + "&" + start, answer: `[]`,
			do: calling(func(ctx context.Context, c *client) ([]docspace.MonthlyUsage, error) {
				return c.MonthlyUsage(ctx, from, to)
			})},
		{route: "GET /portal/payment/customer/usage", method: "Usage", answer: `{"collection":[],` + page,
			sent: payment + "customer/usage?" + span + "&limit=7&metadata%5Bagent+id%5D=a%26b&offset=14&orderBy=totalAmount&orderType=Ascending&participantName=p&serviceName=backup&" + start + "&status=Completed",
			do: calling(func(ctx context.Context, c *client) (*docspace.UsagePage, error) {
				return c.Usage(ctx, docspace.UsageQuery{
					Service: "backup", Participant: "p", Status: docspace.Completed, From: from, To: to, Metadata: map[string]string{"agent id": "a&b"},
					OrderBy: "totalAmount", Ascending: true, Offset: 14, Limit: 7,
				})
			})},
		{route: "POST /portal/payment/customer/usage/report", method: "StartUsageReport", sent: payment + "customer/usage/report", answer: task, empty: isMalformed,
			body: `{"serviceName":"backup",` + jsonSpan + `,"participantName":"p","status":"Completed","metadata":{"agent":"a"}}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.ReportTask, error) {
				return c.StartUsageReport(ctx, docspace.UsageQuery{
					Service: "backup", Participant: "p", Status: docspace.Completed, From: from, To: to, Metadata: map[string]string{"agent": "a"}, Limit: 7,
				})
			})},
		{route: "GET /portal/payment/customer/usage/report", method: "UsageReport", sent: payment + "customer/usage/report", answer: task, do: of((*client).UsageReport)},
		{route: "DELETE /portal/payment/customer/usage/report", method: "CancelUsageReport", sent: payment + "customer/usage/report", empty: isAllRight,
			do: only(func(ctx context.Context, c *client) error { return c.CancelUsageReport(ctx) })},
		{route: "POST /portal/payment/customer/usage/monthly/report", method: "StartMonthlyUsageReport", sent: payment + "customer/usage/monthly/report", answer: task, empty: isMalformed,
			body: `{` + jsonSpan + `}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.ReportTask, error) {
				return c.StartMonthlyUsageReport(ctx, from, to)
			})},
		{route: "GET /portal/payment/customer/usage/monthly/report", method: "MonthlyUsageReport", sent: payment + "customer/usage/monthly/report", answer: task, do: of((*client).MonthlyUsageReport)},
		{route: "DELETE /portal/payment/customer/usage/monthly/report", method: "CancelMonthlyUsageReport", sent: payment + "customer/usage/monthly/report", empty: isAllRight,
			do: only(func(ctx context.Context, c *client) error { return c.CancelMonthlyUsageReport(ctx) })},
		{route: "GET /portal/tariff/upcoming", method: "UpcomingPayments", sent: portal + "tariff/upcoming", answer: `[{"id":-11,"amount":28,"currency":"USD"}]`, do: of((*client).UpcomingPayments)},
		{route: "GET /portal/payment/activeservices", method: "ActiveServices", sent: payment + "activeservices", answer: `[{"service":"backup"}]`, do: of((*client).ActiveServices)},
		{route: "GET /portal/payment/accounting/prices/{serviceName}", method: "AccountingPrices", sent: payment + "accounting/prices/a%2Fb%3Fc%20%C3%A9%25?active=true", answer: `[]`,
			do: calling(func(ctx context.Context, c *client) ([]docspace.PriceRecord, error) {
				return c.AccountingPrices(ctx, "a/b?c é%", new(true))
			})},

		{route: "GET /keys", method: "Keys", sent: "/api/2.0/keys", answer: `[{"id":"1"}]`, do: of((*client).Keys)},
		{route: "POST /keys", method: "CreateKey", sent: "/api/2.0/keys", answer: `{"id":"1","key":"sk-0123456789"}`, empty: isMalformed,
			body: `{"name":"export","permissions":["*:read"],"expiresInDays":30}`,
			do: calling(func(ctx context.Context, c *client) (*docspace.APIKey, error) {
				return c.CreateKey(ctx, docspace.KeyRequest{Name: "export", Permissions: []string{"*:read"}, ExpiresInDays: 30})
			})},
		{route: "GET /keys/permissions", method: "KeyPermissions", sent: "/api/2.0/keys/permissions", answer: `["*:read"]`, do: of((*client).KeyPermissions)},
	}
}
