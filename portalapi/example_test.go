package portalapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
)

// The examples in openapi.yaml are what the sample company's portal says, but
// for ids, icons and the hashes of pictures.
func TestExamplesAreWhatTheServerSays(t *testing.T) {
	h := newHouse(t, setup{})
	bare := h.addPortal(billing.NewPortal{ID: "bare", Hosts: []string{"bare.example.com"}})
	owner, narrow := h.company.OwnerKey, h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"rooms:read"}})
	const bareHost = "bare.example.com"
	requests := map[string]request{
		"Customer":          {path: "customerinfo", key: owner},
		"NoCustomer":        {path: "customerinfo", key: bare, host: bareHost},
		"Balance":           {path: "customer/balance", key: owner},
		"NoBalance":         {path: "customer/balance", key: bare, host: bareHost},
		"TopUpSet":          {path: "topupsettings", key: owner},
		"TopUpNeverSet":     {path: "topupsettings", key: bare, host: bareHost},
		"QuotaOfAdmin":      {path: "quota", key: h.keyOf(billing.Admin)},
		"QuotaOfUser":       {path: "quota", key: h.keyOf(billing.Member)},
		"WalletServices":    {path: "quotas?wallet=true", key: owner},
		"CurrenciesInSpain": {path: "currencies?country=ES", key: owner},
		"BadWallet":         {path: "quotas?wallet=maybe", key: owner},
		"AccessDenied":      {path: "quotas", key: h.keyOf(billing.Guest)},
		"WrongScope":        {path: "quota", key: narrow},
		"NoPortal":          {path: "quota", key: owner, host: "nobody.example.com"},
		"NoRoute":           {path: "nothing", key: owner},
		"WrongMethod":       {path: "quota", key: owner, method: "POST"},
		"FailedOnOurSide":   {path: "quota", key: owner},
		"TryAgain":          {path: "quota", key: owner},

		"NoAIBalance":         {path: "customer/aibalance", key: owner},
		"NoOperations":        {path: "customer/operations", key: bare, host: bareHost},
		"Operations":          {path: "customer/operations?limit=2", key: owner},
		"NoService":           {path: "customer/operations?serviceName=teleport", key: owner},
		"BadAmount":           {method: "POST", path: "deposit", key: owner, body: `{"amount":0,"currency":"USD"}`},
		"UnsupportedCurrency": {method: "POST", path: "deposit", key: owner, body: `{"amount":1,"currency":"CHF"}`},
		"CustomerMissing":     {method: "POST", path: "deposit", key: bare, host: bareHost, body: dollars100},
		"NotThePayer":         {method: "POST", path: "deposit", key: h.keyOf(billing.Admin), body: dollars100},
		"Deposited":           {method: "POST", path: "deposit", body: dollars100},
		"NoMethod":            {method: "POST", path: "deposit", body: dollars100},
		"OutcomeUnknown":      {method: "POST", path: "deposit", body: dollars100},
		"AnotherDeposit":      {method: "POST", path: "deposit", body: dollars100},
		"AnotherInput":        {method: "POST", path: "deposit", body: dollars100},
	}
	maps.Copy(requests, laterExamples(h, bare, bareHost))
	maps.Copy(requests, spendingExamples(h, bare, bareHost))
	// What happens before, in a house of their own.
	before := map[string]func(h *house){
		"Deposited":      func(*house) {},
		"NoMethod":       func(h *house) { h.setMethod("none", "") },
		"OutcomeUnknown": func(h *house) { h.setMethod("set", "card_timeout_after") },
		"AnotherDeposit": func(h *house) {
			h.setMethod("set", "card_timeout_after")
			h.deposit(`{"amount":5,"currency":"USD"}`, "another")
		},
		"AnotherInput": func(h *house) { h.deposit(`{"amount":5,"currency":"USD"}`, "key") },
		"PlanNotPaid":  func(h *house) { h.clock.Move(60 * 24 * time.Hour) },
		"Usage":        buyStorage,
		"MonthlyUsage": buyStorage,
		"Moved":        (*house).payByCard,

		"SubscriptionLeft": (*house).payByCard,
		"TooManyMessages": func(h *house) {
			for range 11 {
				h.send("request", hello).wants(t, http.StatusOK, "")
			}
		},
	}
	for name, q := range requests {
		if before[name] == nil && q.key == owner && q.method != "" && q.method != http.MethodGet {
			before[name] = func(*house) {}
		}
	}
	const id = "2jq8v4c0k1w9z"
	for name, example := range theContract(t).doc.Components.Examples {
		t.Run(name, func(t *testing.T) {
			q, ok := requests[name]
			if !ok {
				t.Fatal("nobody knows what to ask for this example")
			}
			q.header = map[string]string{"X-Forwarded-Proto": "https", httpd.RequestIDHeader: id}
			house := h
			if prepare, own := before[name]; own {
				house = newHouse(t, setup{noMail: name == "NoMail"})
				prepare(house)
				q.key = house.company.OwnerKey
				if q.path == "deposit" {
					q.header["Idempotency-Key"] = "key"
				}
			}
			if name == "FailedOnOurSide" {
				house = goneTable(t)
				q.key = house.company.OwnerKey
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if name == "TryAgain" {
				house = newHouse(t, setup{})
				cancel()
			}
			r := q.build(t, "").WithContext(ctx)
			if name == "TooManyMessages" {
				r.RemoteAddr = thisMachine
			}
			got := house.hand(q, r)
			want := settled(canonical(t, example.Value.Value))
			// A portal without anything is the example's own portal before it had anything.
			body := bytes.ReplaceAll([]byte(got.body), []byte(bareHost), []byte(portalHost))
			same(t, want, settled(canonical(t, decode[any](t, string(body)))))
		})
	}
}

// laterExamples are the requests of what came after the first version.
func laterExamples(h *house, bare, bareHost string) map[string]request {
	owner := h.company.OwnerKey
	const page = "https://portal.example.com/payments"
	put := func(path, body string) request { return request{method: "PUT", path: path, key: owner, body: body} }
	post := func(path, body string) request { return request{method: "POST", path: path, key: owner, body: body} }
	return map[string]request{
		"PlanIsPaid":   put("url", `{"quantity":{"admin":10},"backUrl":"`+page+`","successUrl":"`+page+`"}`),
		"PlanChanged":  put("update", `{"quantity":{"admin":12}}`),
		"Bought":       put("updatewallet", `{"quantity":{"storage":100},"productQuantityType":1}`),
		"Quote":        put("calculatewallet", `{"quantity":{"storage":100},"productQuantityType":1}`),
		"AICredited":   post("creditaibalance", `{"amount":25.5,"currency":"USD"}`),
		"BadURL":       put("url", `{"quantity":{"admin":10},"backUrl":"nowhere","successUrl":"`+page+`"}`),
		"BadQuantity":  put("updatewallet", `{"quantity":{"storage":0},"productQuantityType":1}`),
		"BadProduct":   put("update", `{"quantity":{"storage":12}}`),
		"NotEnough":    put("updatewallet", `{"quantity":{"storage":10000},"productQuantityType":1}`),
		"PlanNotPaid":  put("updatewallet", `{"quantity":{"storage":100},"productQuantityType":1}`),
		"OverLimit":    put("update", `{"quantity":{"admin":3}}`),
		"BadScope":     post(keysPath, `{"name":"Spreadsheet","permissions":["everything"]}`),
		"NoKey":        {method: "DELETE", path: keysPath + "/66faa6e4-f133-41ea-b126-00ffeec8b4ef", key: owner},
		"TopUpChanged": post("topupsettings", `{"settings":{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD"}}`),

		"TopUpTakenAway":  post("topupsettings", `{"settings":null}`),
		"ServiceSwitched": post("servicestate", `{"service":"AITools","enabled":true}`),
		"Restricted":      put("ai-model/restrictions", `{"models":["chat-large","chat-medium"]}`),
		"WrongScopeToPay": {method: "POST", path: "deposit", body: dollars100, key: h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"*:read"}})},

		"AccountLink":          {path: "account?backUrl=" + page, key: owner},
		"NoAccountLink":        {path: "account", key: bare, host: bareHost},
		"MethodIsSet":          {path: "checkoutsetupurl?backUrl=" + page + "&successUrl=" + page, key: owner},
		"MethodIsSetAsBefore":  {path: "chechoutsetupurl?backUrl=" + page, key: owner},
		"Prices":               {path: "prices", key: owner},
		"WalletService":        {path: "walletservice?service=backup", key: owner},
		"ServicesSettings":     {path: "servicessettings", key: owner},
		"ActiveServices":       {path: "activeservices", key: owner},
		"AccountingCurrencies": {path: "accounting/currencies", key: owner},
		"PriceRecords":         {path: "accounting/prices/disk-storage", key: owner},
		"NoPriceRecords":       {path: "accounting/prices/teleport", key: owner},
		"AIPrices":             {path: "ai-prices", key: owner},
		"NoRestrictions":       {path: "ai-model/restrictions", key: owner},
		"TariffOfAdmin":        {path: tariffBase + "tariff", key: h.keyOf(billing.Admin)},
		"TariffOfRoomAdmin":    {path: tariffBase + "tariff", key: h.keyOf(billing.RoomAdmin)},
		"TariffOfUser":         {path: tariffBase + "tariff", key: h.keyOf(billing.Member)},
		"Upcoming":             {path: tariffBase + "tariff/upcoming", key: owner},
		"TenantQuota":          {path: tariffBase + "quota", key: owner},
		"NoRightQuota":         {path: tariffBase + "quota/right", key: owner},
		"UsedSpace":            {path: tariffBase + "usedspace", key: owner},
		"PaymentSettings":      {path: "/api/2.0/settings/payment", key: owner},
		"Permissions":          {path: keysPath + "/permissions", key: owner},
	}
}

// canonical returns a value as JSON, members sorted.
func canonical(t *testing.T, value any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
