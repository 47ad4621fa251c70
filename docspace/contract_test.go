package docspace_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// example is a body of the contract, and what it is when it was read and written
// again: with the decimal places of its currency, and dates with a zone.
type example struct {
	name        string
	body        string
	rewritten   string // "" for the same again
	readAndBack func(t *testing.T, body string) (any, string)
}

// as reads a body as a T and writes it.
func as[T any](t *testing.T, body string) (any, string) {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	again, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return value, string(again)
}

func examples() []example {
	const flags = `"nonProfit":false,"free":false,"trial":false,`
	storage := `{"serviceName":"disk-storage","id":-11,"price":{"value":0.14,"currencySymbol":"$","isoCurrencySymbol":"USD"},` + flags +
		`"features":[{"id":"total_size","title":"Additional disk storage","image":"svg","value":1073741824,"type":"size",` +
		`"priceTitle":"Adjust the storage to the exact amount you require."}]}`
	tariff := `{"openSource":false,"enterprise":false,"developer":false,"id":81234,"state":1,` +
		`"dueDate":"2026-07-31T14:39:43.0000000+03:00","delayDueDate":"0001-01-01T00:00:00.0000000Z",` +
		`"licenseDate":"0001-01-01T00:00:00.0000000Z","customerId":"owner@example.com","quotas":[{"id":-9,"quantity":10,"wallet":false},` +
		`{"id":-11,"quantity":100,"wallet":true,"dueDate":"2026-07-31T11:39:43Z","nextQuantity":200,"state":0}]}`
	quota := `{"tenantId":-9,"name":"admin","price":200.00,"priceCurrencySymbol":"$","priceISOCurrencySymbol":"USD","productId":"1006",` +
		`"serviceGroup":"g","visible":true,"wallet":false,"additional":false,"dueDate":"2026-07-31T11:39:43Z","features":"audit,manager:1",` +
		`"maxFileSize":1073741824,"maxTotalSize":2684354560000,"countUser":2147483647,"countRoomAdmin":10,"usersInRoom":2147483647,` +
		`"countRoom":2147483647,"nonProfit":false,"trial":false,"free":false,"update":false,"audit":true,"docsEdition":false,"ldap":true,` +
		`"sso":true,"statistic":true,"branding":false,"customization":true,"lifetime":false,"automationApi":true,"custom":false,` +
		`"restore":true,"oauth":true,"contentSearch":true,"thirdParty":true,"year":false,"countFreeBackup":2,"backup":false,` +
		`"countAIAgent":2147483647,"aiTools":false}`
	key := `{"id":"66faa6e4","name":"export","key":"sk-x","keyPostfix":"sk-***abcd","permissions":["*:read"],` +
		`"createOn":"2026-06-30T08:15:30.0000000Z","createBy":{"id":"66","displayName":"Olivia","hasAvatar":false,"isAnonim":false},` +
		`"isActive":true,"expiresAt":"2026-07-30T08:15:30.0000000Z","lastUsed":"2026-07-01T08:15:30.0000000Z"}`
	return []example{
		{"preview", `{"operationId":0,"amount":13.55,"currency":"USD","quantity":100}`, "", as[docspace.Payment]},
		{"credit", `{"operationId":90210,"amount":25.5,"currency":"USD","quantity":1}`,
			`{"operationId":90210,"amount":25.50,"currency":"USD","quantity":1}`, as[docspace.Payment]},
		{"payment for a period", `{"operationId":7,"amount":14.00,"currency":"USD","quantity":100,"subscriptionId":81240,` +
			`"startDate":"2026-06-30T11:39:43Z","endDate":"2026-07-31T11:39:43Z"}`, "", as[docspace.Payment]},
		{"prices", `{ "admin": 20, "adminyear": 220.5 }`, `{"admin":20,"adminyear":220.5}`, as[docspace.Prices]},
		{"wallet services", `[` + storage + `]`, "", as[[]docspace.WalletService]},
		{"inner services", `{"serviceName":"a","innerServices":[` + storage + `],"id":-1,` + flags + `"features":[]}`, "", as[docspace.WalletService]},
		{"task", `{"id":"DocumentBuilderTask_123_66faa6e4-...","error":"","percentage":0,"isCompleted":false,"status":1,"resultFileId":0,` +
			`"resultFileName":"","resultFileUrl":""}`, "", as[docspace.ReportTask]},
		{"task that is over", `{"id":"DocumentBuilderTask_1","error":"","percentage":99.9,"isCompleted":true,"status":2,"resultFileId":7,` +
			`"resultFileName":"r.xlsx","resultFileUrl":"/r?id=7&doc=x"}`, `{"id":"DocumentBuilderTask_1","error":"","percentage":99,"isCompleted":true,` +
			`"status":2,"resultFileId":7,"resultFileName":"r.xlsx","resultFileUrl":"/r?id=7\u0026doc=x"}`, as[docspace.ReportTask]},
		{"task that has begun", `{"id":"1","percentage":3.3E-05,"isCompleted":false,"status":1,"resultFileId":"a-1"}`,
			`{"id":"1","error":"","percentage":0,"isCompleted":false,"status":1,"resultFileId":"a-1","resultFileName":"","resultFileUrl":""}`, as[docspace.ReportTask]},
		{"accounting currencies", `[{"id":1,"code":"USD"}]`, "", as[[]docspace.AccountingCurrency]},
		{"services settings", `{"enabledServices":[-11,-12],"lastModified":"2026-06-21T08:15:30"}`,
			`{"enabledServices":[-11,-12],"lastModified":"2026-06-21T08:15:30Z"}`, as[docspace.ServicesSettings]},
		{"no services", `{"lastModified":"0001-01-01T00:00:00"}`, `{"lastModified":"0001-01-01T00:00:00Z"}`, as[docspace.ServicesSettings]},
		{"service state", `{"service":"Backup","enabled":true}`, "", as[docspace.ServiceState]},
		{"service state, in numbers", `{"service":-13,"enabled":false}`, `{"service":"AITools","enabled":false}`, as[docspace.ServiceState]},
		{"service state of what has no name", `{"service":-99,"enabled":true}`, "", as[docspace.ServiceState]},
		{"service state, in small letters", `{"service":"aitools"}`, `{"service":"AITools","enabled":false}`, as[docspace.ServiceState]},
		{"AI prices", `{"chat":[{"id":"m","alias":"M","provider":"p","image":"i","price":{"prompt":0.27,"completion":1.10}}],` +
			`"embedding":[{"id":"e","alias":"E","provider":"p","image":"i","price":{"prompt":0.0000000375}}],` +
			`"webSearch":[{"id":"w","alias":"W","provider":"p","image":"i","price":0.01}],"currency":{"code":"USD","symbol":"$"}}`, "", as[docspace.AIPrices]},
		{"no AI prices", `{"chat":[],"embedding":[],"webSearch":[],"currency":{"code":"USD"}}`, "", as[docspace.AIPrices]},
		{"restrictions", `{"models":["deepseek-v3.2"]}`, "", as[docspace.AIRestrictions]},
		{"tariff", tariff, "", as[docspace.Tariff]},
		{"tariff for a room administrator", `{"id":0,"state":2,"dueDate":"2026-07-31T14:39:43.0000000+03:00",` +
			`"delayDueDate":"2026-08-10T00:00:00.0000000+03:00"}`, "", as[docspace.Tariff]},
		{"tariff for a guest", `{"id":0,"state":1}`, "", as[docspace.Tariff]},
		{"tariff of nobody", `{"openSource":true,"enterprise":false,"developer":false,"id":0,"state":3,"dueDate":"0001-01-01T00:00:00.0000000Z",` +
			`"delayDueDate":"0001-01-01T00:00:00.0000000Z","licenseDate":"0001-01-01T00:00:00.0000000Z","customerId":"","quotas":[]}`, "", as[docspace.Tariff]},
		{"row of 3.7", `{"id":-11,"quantity":100,"wallet":true,"dueDate":"2026-07-31T11:39:43","nextQuantity":0,"state":1}`,
			`{"id":-11,"quantity":100,"wallet":true,"dueDate":"2026-07-31T11:39:43Z","nextQuantity":0,"state":1}`, as[docspace.TariffQuota]},
		{"row of 3.8", `{"id":-11,"quantity":100,"wallet":true,"additional":true,"dueDate":"2026-07-31T14:39:43.0000000+03:00","state":0}`,
			"", as[docspace.TariffQuota]},
		{"upcoming", `{"id":-11,"name":"storage","title":"Additional disk storage","unitOfMeasure":"GB","quantity":200,"wallet":true,` +
			`"dueDate":"2026-07-31T14:39:43.0000000+03:00","amount":28.00,"currency":"USD"}`, "", as[docspace.UpcomingPayment]},
		{"subscription balance", `{"totalCost":200,"currency":"USD","periodStart":"2026-06-30T11:39:43Z","periodEnd":"2026-07-31T11:39:43Z",` +
			`"periodUsedUntil":"2026-07-23T00:00:00Z","daysElapsed":23,"remainingBalance":46.67,"remainingBalanceInWalletCurrency":43,"walletCurrency":"EUR"}`,
			`{"totalCost":200.00,"currency":"USD","periodStart":"2026-06-30T11:39:43Z","periodEnd":"2026-07-31T11:39:43Z",` +
				`"periodUsedUntil":"2026-07-23T00:00:00Z","daysElapsed":23,"remainingBalance":46.67,"remainingBalanceInWalletCurrency":43.00,"walletCurrency":"EUR"}`,
			as[docspace.SubscriptionBalance]},
		{"portal's quota", quota, "", as[docspace.TenantQuota]},
		{"portal's quota of more than one product", strings.Replace(quota, `"1006"`, `""`, 1), "", as[docspace.TenantQuota]},
		{"portal's quota without a price's currency", strings.Replace(quota, `"priceCurrencySymbol":"$","priceISOCurrencySymbol":"USD",`, "", 1),
			strings.Replace(quota, `200.00,"priceCurrencySymbol":"$","priceISOCurrencySymbol":"USD",`, "200,", 1), as[docspace.TenantQuota]},
		{"settings/payment", `{"salesEmail":"sales@example.com","buyUrl":"https://example.com","standalone":false,` +
			`"currentLicense":{"trial":false,"dueDate":"2026-07-31T00:00:00"},"max":999}`, `{"salesEmail":"sales@example.com","buyUrl":"https://example.com",` +
			`"standalone":false,"currentLicense":{"trial":false,"dueDate":"2026-07-31T00:00:00Z"},"max":999}`, as[docspace.PaymentSettings]},
		{"tenantextra", `{"customMode":false,"opensource":true,"enterprise":false,"developer":false,"tariff":` + tariff + `,"quota":{"id":-3,` + flags +
			`"features":[]},"notPaid":false,"licenseAccept":"2026","enableTariffPage":true,"docServerUserQuota":{"a":1},"docServerLicense":{"b":null}}`,
			"", as[docspace.TenantExtra]},
		{"monthly usage", `[{"year":2026,"month":6,"currency":"USD","totalAmount":10,"operationCount":1}]`,
			`[{"year":2026,"month":6,"currency":"USD","totalAmount":10.00,"operationCount":1}]`, as[[]docspace.MonthlyUsage]},
		{"usage", `{"collection":[{"service":"backup","title":"Backup","serviceUnit":"Backup","currency":"USD","totalQuantity":2,"totalAmount":20.00,` +
			`"operationCount":2}],"offset":0,"limit":25,"totalQuantity":1,"totalPage":1,"currentPage":1}`, "", as[docspace.UsagePage]},
		{"usage of 4.x", `{"service":"backup","title":"Backup","serviceUnit":"Backup","currency":"USD","totalQuantity":2,"totalAmount":20.00,` +
			`"operationCount":2,"price":10.00,"subscription":false}`, "", as[docspace.UsageItem]},
		{"usage with a price like a plan's", `{"service":"","title":"","serviceUnit":"","currency":"USD","totalQuantity":0,"totalAmount":0,` +
			`"operationCount":0,"price":{"value":0.14,"currencySymbol":"$","isoCurrencySymbol":"USD"}}`, `{"service":"","title":"","serviceUnit":"",` +
			`"currency":"USD","totalQuantity":0,"totalAmount":0.00,"operationCount":0,"price":0.14}`, as[docspace.UsageItem]},
		{"active services", `[{"service":"disk-storage","serviceUnit":"GB","subscription":true,"title":"Storage","limit":100,"used":0},` +
			`{"service":"backup","subscription":false}]`, "", as[[]docspace.ActiveService]},
		{"price record", `{"id":1,"accountNumber":100482,"serviceId":3,"timeUnit":"Month","costPrice":0.1,"extraCharge":0.04,"servicePrice":0.14,` +
			`"quota":1,"timeBound":false,"status":"Approved","created":"2026-01-01T00:00:00Z","discountCategoryId":2,"discountCategory":{"id":2}}`,
			"", as[docspace.PriceRecord]},
		{"price record in numbers", `{"id":1,"accountNumber":1,"serviceId":3,"timeUnit":4,"costPrice":0,"extraCharge":0,"servicePrice":0,"status":2,"created":null}`,
			`{"id":1,"accountNumber":1,"serviceId":3,"timeUnit":"Month","costPrice":0,"extraCharge":0,"servicePrice":0,"status":"Rejected","created":"0001-01-01T00:00:00Z"}`,
			as[docspace.PriceRecord]},
		{"key", key, "", as[docspace.APIKey]},
		{"key of a user's id", `{"id":"6","name":"n","keyPostfix":"p","permissions":[],"createOn":"2026-06-30T08:15:30.0000000Z","createBy":"66","isActive":false}`,
			`{"id":"6","name":"n","keyPostfix":"p","permissions":[],"createOn":"2026-06-30T08:15:30.0000000Z",` +
				`"createBy":{"id":"66","displayName":"","hasAvatar":false,"isAnonim":false},"isActive":false}`, as[docspace.APIKey]},
		{"checkout", `{"quantity":{"admin":10},"backUrl":"https://a.example","successUrl":"https://b.example"}`, "", as[docspace.QuantityRequest]},
		{"update in strings", `{"Quantity":{"admin":"12"},"backurl":"b"}`, `{"quantity":{"admin":12},"backUrl":"b"}`, as[docspace.QuantityRequest]},
		{"update of nothing", `{"quantity":null}`, "", as[docspace.QuantityRequest]},
		{"deposit in strings", `{"amount":"100","currency":"USD"}`, `{"amount":100,"currency":"USD"}`, as[docspace.DepositRequest]},
		{"service to buy in strings", `{"serviceName":"ai-tools","quantity":"5"}`, `{"serviceName":"ai-tools","quantity":5}`, as[docspace.ServicePurchase]},
		{"update", `{"quantity":{"admin":12}}`, "", as[docspace.QuantityRequest]},
		{"buy storage", `{"quantity":{"storage":100},"productQuantityType":1}`, "", as[docspace.QuantityRequest]},
		{"take a change back", `{"quantity":{"storage":null},"productQuantityType":0}`, "", as[docspace.QuantityRequest]},
		{"deposit", `{"amount":100,"currency":"USD"}`, "", as[docspace.DepositRequest]},
		{"top-up rule", `{"settings":{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD"}}`, "", as[docspace.TopUpRequest]},
		{"no top-up rule", `{"settings":null}`, "", as[docspace.TopUpRequest]},
		{"AI credit", `{"amount":25.5,"currency":"USD"}`, "", as[docspace.AICreditRequest]},
		{"AI credit in any currency", `{"amount":25.5}`, "", as[docspace.AICreditRequest]},
		{"question", `{"userName":"O","email":"o@example.com","message":""}`, "", as[docspace.SalesRequest]},
		{"key to make", `{"name":"export","permissions":["*:read"],"expiresInDays":30}`, "", as[docspace.KeyRequest]},
		{"service to buy", `{"serviceName":"ai-tools","quantity":5}`, "", as[docspace.ServicePurchase]},
		{"report to make", `{"serviceName":"backup","startDate":"2026-06-01T00:00:00Z","endDate":"2026-06-30T23:59:59.9999999Z","credit":true,` +
			`"type":"ServicePayment","status":"Completed","metadata":{"agent":"a"}}`, "", as[docspace.ReportRequest]},
	}
}

// Member order and names are the contract's, whoever writes.
func TestExamplesOfTheContract(t *testing.T) {
	for _, e := range examples() {
		t.Run(e.name, func(t *testing.T) {
			value, again := e.readAndBack(t, e.body)
			want := e.rewritten
			if want == "" {
				want = e.body
			}
			diff(t, "JSON", again, want)
			second, same := e.readAndBack(t, again)
			diff(t, "value", second, value)
			diff(t, "JSON again", same, want)
		})
	}
}

func TestWhatExamplesSay(t *testing.T) {
	read := func(name string) any {
		for _, e := range examples() {
			if e.name == name {
				value, _ := e.readAndBack(t, e.body)
				return value
			}
		}
		t.Fatalf("there is no %s", name)
		return nil
	}
	tariff := read("tariff").(docspace.Tariff)
	diff(t, "state", tariff.State, docspace.TariffPaid)
	if got := tariff.Dates.Due.Format(time.RFC3339); got != "2026-07-31T14:39:43+03:00" || !tariff.Dates.DelayDue.IsZero() {
		t.Errorf("due %s", got)
	}
	storage := tariff.Details.Quotas[1]
	if *storage.NextQuantity != 200 || *storage.State != docspace.QuotaActive || storage.Additional != nil || storage.DueDate.IsZero() {
		t.Errorf("%+v", storage)
	}
	if guest := read("tariff for a guest").(docspace.Tariff); guest.Dates != nil || guest.Details != nil {
		t.Errorf("%+v", guest)
	}
	if nobody := read("tariff of nobody").(docspace.Tariff); nobody.Details == nil || !nobody.Dates.Due.IsZero() {
		t.Errorf("%+v", nobody)
	}
	quota := read("portal's quota").(docspace.TenantQuota)
	diff(t, "price", quota.Price, docspace.Price{Amount: amount("200", "USD"), Symbol: "$"})
	diff(t, "users", quota.CountUser, docspace.UnlimitedCount)
	diff(t, "prices", read("prices").(docspace.Prices), docspace.Prices{"admin": amount("20", ""), "adminyear": amount("220.5", "")})
	balance := read("subscription balance").(docspace.SubscriptionBalance)
	diff(t, "rest", balance.Remaining, amount("46.67", "USD"))
	diff(t, "rest for the wallet", balance.RemainingInWallet, amount("43", "EUR"))
	settings := read("services settings").(docspace.ServicesSettings)
	if !settings.Enabled(docspace.ServiceBackup) || settings.Enabled(docspace.ServiceAITools) {
		t.Errorf("%+v", settings)
	}
	task := read("task that is over").(docspace.ReportTask)
	diff(t, "file", task.ResultFileID, docspace.ID("7"))
	diff(t, "percentage", task.Percentage, 99)
	prices := read("AI prices").(docspace.AIPrices)
	total, err := prices.Embedding[0].Price.Prompt.Times(1_000_000, prices.Currency.Code)
	if err != nil || total != amount("0.0375", "USD") {
		t.Errorf("a million tokens: %s, %v", total, err)
	}
}

// What is missing, of another kind, or beyond what can be kept, is an error: never
// nought, never nothing.
func TestHostilePayloadsAreRefused(t *testing.T) {
	reads := map[string]func(string) error{
		"Payment": into[docspace.Payment], "Prices": into[docspace.Prices], "PriceRecord": into[docspace.PriceRecord],
		"WalletService": into[docspace.WalletService], "ReportTask": into[docspace.ReportTask], "ServicesSettings": into[docspace.ServicesSettings],
		"ServiceState": into[docspace.ServiceState], "AIPrices": into[docspace.AIPrices], "AIRestrictions": into[docspace.AIRestrictions],
		"Tariff": into[docspace.Tariff], "TariffQuota": into[docspace.TariffQuota], "UpcomingPayment": into[docspace.UpcomingPayment],
		"SubscriptionBalance": into[docspace.SubscriptionBalance], "TenantQuota": into[docspace.TenantQuota], "MonthlyUsage": into[docspace.MonthlyUsage],
		"UsageItem": into[docspace.UsageItem], "UsagePage": into[docspace.UsagePage], "APIKey": into[docspace.APIKey],
		"AICreditRequest": into[docspace.AICreditRequest], "ActiveService": into[docspace.ActiveService],
		"TopUpRequest": into[docspace.TopUpRequest], "QuantityRequest": into[docspace.QuantityRequest],
		"DepositRequest": into[docspace.DepositRequest], "ServicePurchase": into[docspace.ServicePurchase],
	}
	bodies := map[string][]string{
		"Payment": {`{"currency":"USD"}`, `{"amount":null}`, `{"amount":1e400}`, `{"amount":0.000000001}`, `{"amount":92233720369}`, `{"amount":true}`,
			`{"amount":"NaN"}`, `{"amount":1,"quantity":9223372036854775808}`, `{"amount":1,"quantity":1.5}`, `{"amount":1,"startDate":"soon"}`,
			`{"amount":1,"subscriptionId":{}}`, `{"amount":1,"subscriptionId":1.5}`},
		"Prices": {`{"admin":null}`, `{"admin":"x"}`, `{"admin":{}}`, `{"admin":1e99}`, `[]`, `7`},
		"PriceRecord": {`{"costPrice":1,"extraCharge":1}`, `{"costPrice":1,"servicePrice":1}`, `{"extraCharge":1,"servicePrice":1}`,
			`{"costPrice":0,"extraCharge":0,"servicePrice":0,"timeUnit":7}`, `{"costPrice":0,"extraCharge":0,"servicePrice":0,"status":-1}`,
			`{"costPrice":0,"extraCharge":0,"servicePrice":0,"status":{}}`, `{"costPrice":0,"extraCharge":0,"servicePrice":0,"quota":1e999}`},
		"WalletService": {`{"innerServices":{}}`, `{"price":{"value":null}}`, `{"id":"x"}`, `{"innerServices":[{"price":{}}]}`},
		"ReportTask": {`{}`, `{"status":1}`, `{"isCompleted":true}`, `{"status":"x","isCompleted":true}`,
			`{"status":1,"isCompleted":true,"percentage":1e3}`, `{"status":1,"isCompleted":true,"percentage":{}}`, `{"status":1,"isCompleted":true,"percentage":9223372036854775808}`,
			`{"status":1,"isCompleted":true,"resultFileId":[]}`},
		"ServicesSettings": {`{"enabledServices":["Nothing"]}`, `{"enabledServices":[null]}`, `{"enabledServices":[1.5]}`, `{"enabledServices":-11}`},
		"ServiceState":     {`{}`, `{"service":null}`, `{"service":"Nothing"}`, `{"service":true}`, `{"service":[]}`},
		"AIPrices": {`{"chat":[{"id":"m"}]}`, `{"chat":[{"price":{"prompt":1}}]}`, `{"chat":[{"price":{"completion":1}}]}`, `{"embedding":[{"price":{}}]}`,
			`{"webSearch":[{"price":null}]}`, `{"webSearch":[{"price":1e999999999}]}`, `{"webSearch":[{"price":"` + strings.Repeat("1", 90) + `"}]}`,
			`{"webSearch":[{"price":{"prompt":1}}]}`, `{"webSearch":[{"price":""}]}`, `{"webSearch":[{"price":"Infinity"}]}`},
		"AIRestrictions":  {`{}`, `{"models":null}`, `{"models":"x"}`, `{"models":[1]}`},
		"Tariff":          {`{}`, `{"id":1}`, `{"state":null}`, `{"state":"Paid"}`, `{"state":1,"dueDate":"soon"}`, `{"state":1,"quotas":[{"id":-9}]}`, `{"state":1,"quotas":{}}`},
		"TariffQuota":     {`{"id":-9}`, `{"quantity":null}`, `{"quantity":1e400}`, `{"quantity":1,"nextQuantity":"x"}`, `{"quantity":1,"state":"Active"}`},
		"UpcomingPayment": {`{"currency":"USD"}`, `{"amount":null}`, `{"amount":1,"dueDate":7}`},
		"SubscriptionBalance": {`{"remainingBalance":1,"remainingBalanceInWalletCurrency":1}`, `{"totalCost":1,"remainingBalanceInWalletCurrency":1}`,
			`{"totalCost":1,"remainingBalance":1}`},
		"TenantQuota": {`{"maxFileSize":1,"maxTotalSize":1,"countRoomAdmin":1}`, `{"price":1,"maxTotalSize":1,"countRoomAdmin":1}`,
			`{"price":1,"maxFileSize":1,"countRoomAdmin":1}`, `{"price":1,"maxFileSize":1,"maxTotalSize":1}`,
			`{"price":1,"maxFileSize":1,"maxTotalSize":9223372036854775808,"countRoomAdmin":1}`,
			`{"price":1,"maxFileSize":1,"maxTotalSize":1,"countRoomAdmin":1,"audit":"yes"}`},
		"MonthlyUsage": {`{"currency":"USD"}`, `{"totalAmount":null}`, `{"totalAmount":1,"month":"June"}`},
		"UsageItem": {`{"currency":"USD"}`, `{"totalAmount":1,"price":"x"}`, `{"totalAmount":1,"price":1e-9}`, `{"totalAmount":1,"price":{}}`,
			`{"totalAmount":1,"currency":"USD","price":{"value":1,"isoCurrencySymbol":"EUR"}}`, `{"totalAmount":1,"price":[]}`, `{"totalAmount":1,"totalQuantity":1.5}`},
		"UsagePage":       {`{}`, `{"collection":null}`, `{"collection":[{}]}`, `{"collection":{}}`},
		"APIKey":          {`{}`, `{"id":7}`, `{"id":"x","permissions":"*"}`, `{"id":"x","createBy":7}`, `{"id":"x","lastUsed":"never"}`},
		"AICreditRequest": {`{}`, `{"amount":null}`, `{"amount":"1 USD"}`},
		"ActiveService":   {`{"limit":"x"}`, `{"used":1.5}`, `{"subscription":1}`},
		"TopUpRequest":    {`{"settings":{}}`, `{"settings":{"enabled":true,"upToBalance":1}}`, `{"settings":true}`},
		"DepositRequest":  {`{}`, `{"amount":null}`, `{"amount":1.5}`, `{"amount":""}`, `{"amount":1e2}`, `{"amount":100,"currency":7}`},
		"ServicePurchase": {`{}`, `{"quantity":null}`, `{"quantity":0.5}`, `{"quantity":"many"}`},
		"QuantityRequest": {`{"quantity":{"admin":1.5}}`, `{"quantity":{"admin":"x"}}`, `{"quantity":{"admin":"1.0"}}`, `{"quantity":{"admin":1e400}}`,
			`{"quantity":{"admin":9223372036854775808}}`, `{"quantity":{"admin":true}}`, `{"quantity":[]}`, `{"quantity":{"admin":1},"productQuantityType":"Add"}`},
	}
	for name, read := range reads {
		if len(bodies[name]) == 0 {
			t.Errorf("%s: no bodies", name)
		}
		for _, body := range append(bodies[name], `"text"`, `[[]]`, `true`, `{"`, ``) {
			if read(body) == nil {
				t.Errorf("%s: %s was read", name, body)
			}
		}
	}
}

func into[T any](body string) error {
	var value T
	return json.Unmarshal([]byte(body), &value)
}

// What can't be said in one currency, or is no number, is not said wrongly.
func TestWhatIsNoAmountIsNotWritten(t *testing.T) {
	usd, eur := amount("1", "USD"), amount("1", "EUR")
	for _, value := range []any{
		docspace.Prices{"a": usd, "b": eur}, docspace.PriceRecord{CostPrice: usd, ExtraCharge: usd, ServicePrice: eur},
		docspace.SubscriptionBalance{TotalCost: usd, Remaining: eur, RemainingInWallet: usd}, docspace.UsageItem{Amount: usd, Price: &eur},
		docspace.Decimal{}, docspace.AIPrices{WebSearch: []docspace.SearchEngine{{}}},
	} {
		if data, err := json.Marshal(value); err == nil {
			t.Errorf("%T: %s", value, data)
		}
	}
}

func TestDecimals(t *testing.T) {
	for text, good := range map[string]bool{
		"0": true, "-0.5": true, "1e-9": true, "684.29": true, "1E+99": true,
		"": false, "01": false, "+1": false, ".5": false, "1.": false, "1e": false, "1e100": false, "NaN": false, " 1": false, "1 ": false, "0x1": false, "1_0": false, "1/2": false,
	} {
		d, err := docspace.ParseDecimal(text)
		if (err == nil) != good || good && d.String() != text {
			t.Errorf("%q: %q, %v", text, d, err)
		}
	}
	for _, tt := range []struct {
		text string
		n    int64
		want money.Amount
	}{
		{"0.00000007", 1_000_000, amount("0.07", "USD")}, {"1e-12", 1_000_000_000_000, amount("1", "USD")}, {"-2.5", 2, amount("-5", "USD")},
		{"0e99", 7, amount("0", "USD")}, {"92233720368.54775807", 1, amount("92233720368.54775807", "USD")},
		{"-92233720368.54775807", 1, amount("-92233720368.54775807", "USD")},
	} {
		d, err := docspace.ParseDecimal(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Times(tt.n, "USD")
		if err != nil || got != tt.want {
			t.Errorf("%s × %d = %s, %v, want %s", tt.text, tt.n, got, err, tt.want)
		}
	}
	for text, n := range map[string]int64{
		"1e-9": 1, "92233720368.54775808": 1, "-92233720368.54775808": 1, "1e99": 1, "1": 1 << 62, "0.00000001": -1 << 63,
	} {
		d, err := docspace.ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Times(n, "USD"); err == nil {
			t.Errorf("%s × %d = %s", text, n, got)
		}
	}
	if got, err := (docspace.Decimal{}).Times(1, "USD"); err == nil {
		t.Errorf("no number is %s", got)
	}
}

func TestServicesHaveNamesAndNumbers(t *testing.T) {
	for text, want := range map[string]docspace.Service{
		"Backup": docspace.ServiceBackup, "backup": docspace.ServiceBackup, "-12": docspace.ServiceBackup, "AITOOLS": docspace.ServiceAITools,
		"storage": docspace.ServiceStorage, "Admin": docspace.ServiceAdmin, "aisearch": docspace.ServiceAISearch, "-99": -99,
	} {
		if got, err := docspace.ParseService(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := docspace.ParseService("disk"); err == nil {
		t.Errorf("disk: %v", got)
	}
	diff(t, "number", docspace.Service(-99).String(), "-99")
	for _, tt := range []struct {
		got  interface{ String() string }
		want string
	}{
		{docspace.TariffPaid, "paid"}, {docspace.TariffNotPaid, "not paid"}, {docspace.TariffState(9), "status 9"}, {docspace.TaskFailed, "failed"},
		{docspace.TaskStatus(-1), "status -1"}, {docspace.QuotaOverdue, "overdue"}, {docspace.QuantityAdd, "add"}, {docspace.QuantityRenew, "renew"},
	} {
		diff(t, "name", tt.got.String(), tt.want)
	}
}
