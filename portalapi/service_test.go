package portalapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/portalapi"
)

// envelopeOf returns what the answer to a GET is in whole, as the contract has it.
func envelopeOf(path, payload, count string) string {
	return `{"response":` + payload + `,"count":` + count + `,"links":[{"href":"https://portal.example.com` + path +
		`","action":"GET"}],"status":0,"statusCode":200}`
}

// Source: contract, sections 3.6 to 3.8, 3.15, 3.17 and 3.20. The company is the
// contract's.
func TestServicesAreTheContracts(t *testing.T) {
	h, key := newBusiness(t)
	const storage = `{"serviceName":"disk-storage","id":-11,"price":{"value":0.14,"currencySymbol":"$","isoCurrencySymbol":"USD"},` +
		`"nonProfit":false,"free":false,"trial":false,"features":[{"id":"total_size","title":"Additional disk storage","image":"<svg>",` +
		`"value":1073741824,"type":"size","priceTitle":"Adjust the storage to the exact amount you require."}]}`
	const backup = `{"serviceName":"backup","id":-12,"price":{"value":10.00,"currencySymbol":"$","isoCurrencySymbol":"USD"},` +
		`"nonProfit":false,"free":false,"trial":false,"features":[{"id":"backup","title":"Additional backup","image":"<svg>",` +
		`"value":true,"type":"flag","priceTitle":"Enable backups. Costs will be billed automatically."}]}`
	const ai = `{"serviceName":"ai-tools","id":-13,"price":{"value":1.00,"currencySymbol":"$","isoCurrencySymbol":"USD"},` +
		`"nonProfit":false,"free":false,"trial":false,"features":[{"id":"aitools","title":"AI features","image":"<svg>",` +
		`"value":false,"type":"flag","priceTitle":"Enable AI features to boost productivity."}]}`
	const none = `{"lastModified":"2026-07-08T11:39:43.123456Z"}`
	same(t, none, h.getAs(key, "servicessettings").payload(t))
	h.must(h.service.SetServices(t.Context(), "docspace.io123", []int{-12}))
	h.must(h.service.SetPurchases(t.Context(), "docspace.io123", []billing.Purchase{
		{Plan: -9, Quantity: 10, DueAt: businessDue}, {Plan: -11, Quantity: 100, DueAt: businessDue},
	}))
	for path, want := range map[string]struct{ payload, count string }{
		"prices":                        {`{"admin":20.00,"adminyear":220.00}`, "1"},
		"walletservices":                {`[` + storage + `,` + backup + `,` + ai + `]`, "3"},
		"walletservice?service=Storage": {storage, "1"},
		"walletservice?service=backup":  {backup, "1"},
		"walletservice?service=-13":     {ai, "1"},
		"servicessettings":              {`{"enabledServices":[-12],"lastModified":"2026-07-08T11:39:43.123456Z"}`, "1"},
		"accounting/currencies":         {`[{"id":1,"code":"USD"},{"id":2,"code":"EUR"},{"id":3,"code":"GBP"},{"id":4,"code":"JPY"},{"id":5,"code":"KWD"}]`, "5"},
		"accounting/prices/backup": {`[{"id":1,"accountNumber":0,"serviceId":12,"timeUnit":"None","costPrice":0.00,"extraCharge":0.00,` +
			`"servicePrice":10.00,"status":"Approved","created":"0001-01-01T00:00:00Z"}]`, "1"},
		"accounting/prices/storage": {`[{"id":1,"accountNumber":0,"serviceId":11,"timeUnit":"Month","costPrice":0.00,"extraCharge":0.00,` +
			`"servicePrice":0.14,"status":"Approved","created":"0001-01-01T00:00:00Z"}]`, "1"},
		"accounting/prices/teleport": {`[]`, "0"},
		"activeservices": {`[{"service":"disk-storage","serviceUnit":"GB","subscription":true,"title":"Additional disk storage","limit":2791728742400,"used":734761123840},` +
			`{"service":"backup","serviceUnit":"Backup","subscription":false,"title":"Backup"}]`, "2"},
		"ai-model/restrictions": {`{"models":[]}`, "1"},
	} {
		t.Run(path, func(t *testing.T) {
			h.t = t
			got := h.do(request{path: path, key: key, header: secure})
			same(t, envelopeOf(apiBase+path, want.payload, want.count), settled(got.body))
		})
	}
}

// Source: contract, "AI price and restriction routes": prices are for a million
// tokens.
func TestAIPricesAreTheCatalogues(t *testing.T) {
	h := newHouse(t, setup{})
	const model = `{"id":"chat-small","alias":"Chat S","provider":"Example AI","price":{"prompt":0.15,"completion":0.6}}`
	got := h.get("ai-prices").payload(t)
	if !strings.HasPrefix(got, `{"chat":[`+model) || !strings.HasSuffix(got, `"price":0.005}],"currency":{"code":"USD","symbol":"$"}}`) ||
		!strings.Contains(got, `"embedding":[{"id":"embedding-small","alias":"Embedding S","provider":"Example AI","price":{"prompt":0.02}}`) {
		t.Errorf("the prices are %s", got)
	}
	list := decode[docspace.AIPrices](t, got)
	if len(list.Chat) != 3 || len(list.Embedding) != 2 || len(list.WebSearch) != 1 {
		t.Errorf("there are %d, %d and %d", len(list.Chat), len(list.Embedding), len(list.WebSearch))
	}
	small, err := catalog.Parse([]byte("currencies: [USD]\nplans: [{id: -3, name: startup, features: free}]"))
	h.must(err)
	bare := newHouse(t, setup{empty: true, billing: billing.Config{Catalog: small}})
	key := bare.addPortal(billing.NewPortal{ID: "bare", Hosts: []string{portalHost}})
	same(t, `{"chat":[],"embedding":[],"webSearch":[],"currency":{"code":"USD","symbol":"$"}}`, bare.getAs(key, "ai-prices").payload(t))
	same(t, `[]`, bare.getAs(key, "walletservices").payload(t))
	same(t, `{}`, bare.getAs(key, "prices").payload(t))
}

func TestModelsAreRestricted(t *testing.T) {
	h := newHouse(t, setup{})
	for _, step := range []struct{ body, want string }{
		{`{"models":["deepseek-v3.2"]}`, `{"models":["deepseek-v3.2"]}`},
		{`{"models":["b","a","b","Ä"]}`, `{"models":["a","b","Ä"]}`}, // in order, each once
		{`{"Models":[]}`, `{"models":[]}`},
	} {
		got := h.from(thisMachine, request{method: "PUT", path: "ai-model/restrictions", key: h.company.OwnerKey, body: step.body, loose: true})
		got.wants(t, 200, step.want)
		same(t, step.want, h.get("ai-model/restrictions").payload(t))
	}
	for _, body := range []string{`{}`, `{"models":null}`} {
		if got := h.put("ai-model/restrictions", body); got.status != 400 || !strings.Contains(got.body, `"errors":{"Models":["The Models field is required."]}`) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// Source: contract, "GET /payment/walletservice": names are bound in any case, and
// what is not on offer is found too.
func TestServiceIsFoundByEachOfItsNames(t *testing.T) {
	h := newHouse(t, setup{})
	for name, want := range map[string]string{
		"Storage": "disk-storage", "disk-storage": "disk-storage", "disk-storage-1-hour": "disk-storage", "DISK-STORAGE-1-HOUR": "disk-storage",
		"-11": "disk-storage", "backup": "backup", "BACKUP": "backup", "Backup": "backup", "-12": "backup", "AITools": "ai-tools",
		"aitools": "ai-tools", "ai-tools": "ai-tools", "-13": "ai-tools", "Admin": "admin", "adminwallet": "admin", "-14": "admin", "aisearch": "ai-search", "-18": "ai-search",
		"teleport": "", "0": "", "-9": "", "-999999999999999999999": "", "%20": "", "11": "", "Stor%00age": "",
	} {
		got := h.from(thisMachine, request{path: "walletservice?service=" + name, key: h.company.OwnerKey, loose: true})
		switch {
		case want != "":
			if service := decode[docspace.WalletService](t, got.payload(t)); got.status != 200 || service.ServiceName != want {
				t.Errorf("%s: %d %q, want %q", name, got.status, service.ServiceName, want)
			}
		case name == "%20" || strings.Contains(name, "%00"):
			got.wants(t, 400, "")
		default:
			got.wantsError(t, name, 404, "Service could not be found")
		}
	}
	for _, query := range []string{"", "?service=", "?Service"} {
		got := h.do(request{path: "walletservice" + query, key: h.company.OwnerKey, loose: true})
		if got.status != 400 || !strings.Contains(got.body, `"errors":{"Service":["The Service field is required."]}`) {
			t.Errorf("walletservice%s: %d %s", query, got.status, got.body)
		}
	}
}

// Source: contract, "POST /payment/servicestate" and its note on 4.x.
func TestServicesAreSwitched(t *testing.T) {
	h := newHouse(t, setup{})
	for _, step := range []struct {
		body   string
		status int
		want   string // the services that are on, or the message
	}{
		{`{"service":"backup","enabled":false}`, 200, "[]"},
		{`{"service":"BACKUP","enabled":true}`, 200, "[-12]"},
		{`{"service":-12,"enabled":true}`, 200, "[-12]"},
		{`{"service":"-13","enabled":true}`, 200, "[-12 -13]"},
		{`{"service":"AISearch","enabled":true}`, 200, "[-12 -13 -18]"},
		{`{"service":"aitools"}`, 200, "[-12]"}, // and search goes with them
		{`{"service":"AISearch","enabled":true}`, 403, "Access denied"},
		{`{"service":"Storage","enabled":true}`, 200, "[-11 -12]"},
		{`{"service":"Admin","enabled":true}`, 404, "Service could not be found"},
		{`{"service":"Storage","enabled":null}`, 200, "[-12]"},
	} {
		h.clock.Move(time.Minute)
		got := h.from(thisMachine, request{method: "POST", path: "servicestate", key: h.company.OwnerKey, body: step.body, loose: true})
		if got.status != 200 {
			got.wantsError(t, step.body, step.status, step.want)
			continue
		}
		settings := decode[docspace.ServicesSettings](t, got.payload(t))
		ids := []int{}
		for _, id := range settings.EnabledServices {
			ids = append(ids, int(id))
		}
		if fmt.Sprint(ids) != step.want || step.status != 200 {
			t.Errorf("%s: %v are on, want %d %s", step.body, ids, step.status, step.want)
		}
		if kept := decode[docspace.ServicesSettings](t, h.get("servicessettings").payload(t)); fmt.Sprint(kept.EnabledServices) != fmt.Sprint(settings.EnabledServices) {
			t.Errorf("%s: %v were said to be on, and %v are", step.body, settings.EnabledServices, kept.EnabledServices)
		}
	}
	for body, field := range map[string]string{
		`{"enabled":true}`: "The Service field is required.", `{"service":"teleport","enabled":true}`: "The field Service must be one of Storage, Backup, AITools, Admin, AISearch.",
	} {
		if got := h.send("servicestate", body); got.status != 400 || !strings.Contains(got.body, `"errors":{"Service":["`+field+`"]}`) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// Prices have dates, by the clock of the portal.
func TestServicePricesAreThoseOfTheirTime(t *testing.T) {
	dated, err := catalog.Parse([]byte(`
currencies: [USD, EUR]
plans:
  - { id: -3, name: startup, features: free }
  - id: -11
    name: storage
    unit: GB
    product: "1011"
    service: disk-storage
    period: year
    visible: true
    wallet: true
    additional: true
    features: total_size:1073741824
    price:
      - { USD: 0.10, EUR: 0.09 }
      - { from: 2026-07-09, USD: 0.20, EUR: 0.18 }
      - { from: 2100-01-01, USD: 0.40, EUR: 0.36 }
`))
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, setup{empty: true, billing: billing.Config{Catalog: dated}})
	key := h.addPortal(billing.NewPortal{ID: "dated", Hosts: []string{portalHost}})
	prices := func(query string) string {
		var all []string
		for _, record := range decode[[]docspace.PriceRecord](t, h.getAs(key, "accounting/prices/storage"+query).payload(t)) {
			all = append(all, fmt.Sprintf("%d:%s from %s", record.ID, record.ServicePrice.Decimal(), record.Created.Format(time.DateOnly)))
		}
		return strings.Join(all, ", ")
	}
	const first, second, third = "1:0.1 from 0001-01-01", "2:0.2 from 2026-07-09", "3:0.4 from 2100-01-01"
	for _, query := range []string{"", "?active=false", "?Active=False"} {
		if got := prices(query); got != first+", "+second+", "+third {
			t.Errorf("%q: the prices are %s", query, got)
		}
	}
	if got := prices("?active=true"); got != first {
		t.Errorf("on 8 July there is %s", got)
	}
	h.clock.Move(24 * time.Hour)
	if got := prices("?active=TRUE"); got != second {
		t.Errorf("on 9 July there is %s", got)
	}
	h.do(request{path: "accounting/prices/storage?active=", key: key, loose: true}).wants(t, 200, "") // as good as none
	h.do(request{path: "accounting/prices/storage?active=maybe", key: key}).wants(t, 400, "")
	h.do(request{path: "accounting/prices/" + strings.Repeat("x", 256), key: key}).wants(t, 400, "")
}

// Source: contract, "POST /payment/topupsettings".
func TestTopUpRuleIsSet(t *testing.T) {
	h := newHouse(t, setup{})
	h.clock.Move(time.Hour)
	const now = `"lastModified":"2026-07-08T12:39:43.123456Z"}`
	for _, step := range []struct{ body, want string }{
		{`{"settings":{"enabled":true,"minBalance":5,"upToBalance":6,"currency":"USD"}}`, `{"enabled":true,"minBalance":5,"upToBalance":6,"currency":"USD",` + now},
		{`{"settings":{"enabled":true,"minBalance":1000,"upToBalance":5000,"currency":"EUR"}}`, `{"enabled":true,"minBalance":1000,"upToBalance":5000,"currency":"EUR",` + now},
		{`{"settings":{"minBalance":"20","upToBalance":"100","currency":"usd"}}`, `{"enabled":false,"minBalance":20,"upToBalance":100,"currency":"USD",` + now},
		{`{"settings":{"enabled":true,"minBalance":7,"upToBalance":8}}`, `{"enabled":true,"minBalance":7,"upToBalance":8,"currency":"USD",` + now},
		{`{"settings":{"enabled":true,"minBalance":20,"upToBalance":100,"lastModified":"2001-01-01T00:00:00Z"}}`, `{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD",` + now},
	} {
		h.send("topupsettings", step.body).wants(t, 200, step.want)
		same(t, step.want, h.get("topupsettings").payload(t))
	}
	for _, none := range []string{`{"settings":null}`, `{}`} {
		h.send("topupsettings", `{"settings":{"enabled":true,"minBalance":20,"upToBalance":100}}`).wants(t, 200, "")
		h.send("topupsettings", none).wants(t, 200, `{"enabled":false,"minBalance":0,"upToBalance":0,`+now)
		if got := decode[docspace.TopUpSettings](t, h.get("topupsettings").payload(t)); got.Enabled || !got.UpToBalance.IsZero() {
			t.Errorf("after %s: %+v", none, got)
		}
	}
	before := h.standing()
	for body, want := range map[string]string{
		`{"settings":{"minBalance":4,"upToBalance":6}}`:    `{"Settings.MinBalance":["The field MinBalance must be between 5 and 1000."]}`,
		`{"settings":{"minBalance":5,"upToBalance":5001}}`: `{"Settings.UpToBalance":["The field UpToBalance must be between 6 and 5000."]}`,
		`{"settings":{}}`: `{"Settings.MinBalance":["The field MinBalance must be between 5 and 1000."],"Settings.UpToBalance":["The field UpToBalance must be between 6 and 5000."]}`,
		`{"settings":{"minBalance":20,"upToBalance":20}}`:                  `{"Settings.UpToBalance":["The field Settings.UpToBalance 20.00 USD is not more than min balance 20.00 USD."]}`,
		`{"settings":{"minBalance":20,"upToBalance":30,"currency":"CHF"}}`: `{"Settings.Currency":["The field Settings.Currency \"CHF\" is none of [USD EUR GBP JPY KWD]."]}`,
	} {
		got := h.from(thisMachine, request{method: "POST", path: "topupsettings", key: h.company.OwnerKey, body: body, loose: true})
		if got.status != 400 || !strings.Contains(got.body, `"errors":`+want) {
			t.Errorf("%s: %d %s, want %s", body, got.status, got.body, want)
		}
	}
	if after := h.standing(); after != before {
		t.Errorf("something changed:\n%s", firstDifference(before, after))
	}
	noWallet := startupHouse(t)
	noWallet.must(noWallet.service.SetCustomer(t.Context(), noWallet.company.PortalID, billing.CustomerChange{Email: "owner@example.com", MethodStatus: "set"}))
	noWallet.send("topupsettings", `{}`).wantsError(t, "no wallet", 404, "Balance could not be found")
}

// Source: contract, "POST /payment/creditaibalance".
func TestAICreditIsBought(t *testing.T) {
	h := newHouse(t, setup{})
	same(t, `{"response":{"operationId":4,"amount":25.50,"currency":"USD","quantity":1},"count":1,`+
		`"links":[{"href":"http://portal.example.com/api/2.0/portal/payment/creditaibalance","action":"POST"}],"status":0,"statusCode":200}`,
		h.send("creditaibalance", `{"amount":25.5,"currency":"USD"}`).body)
	if got := h.wallet().String(); got != "123.00 USD" {
		t.Errorf("the wallet holds %s", got)
	}
	if got := h.get("customer/aibalance").payload(t); !strings.Contains(got, `"subAccountNumber":2,`) || !strings.Contains(got, `{"currency":"USD","amount":25.50}`) {
		t.Errorf("the AI balance is %s", got)
	}
	if got := h.get("servicessettings").payload(t); !strings.Contains(got, `[-12,-13]`) {
		t.Errorf("AI features are not on: %s", got)
	}
	h.send("creditaibalance", `{"amount":"0.01"}`).wants(t, 200, `{"operationId":5,"amount":0.01,"currency":"USD","quantity":1}`)
	h.send("creditaibalance", `{"amount":5,"currency":"EUR"}`).wants(t, 200, `{"operationId":6,"amount":5.00,"currency":"EUR","quantity":1}`)
	before := h.standing()
	for body, want := range map[string]struct {
		status  int
		message string
	}{
		`{"amount":1,"currency":"CHF"}`: {400, "Unsupported currency"},
		`{"amount":1,"currency":"usd"}`: {400, "Unsupported currency"},
		`{"amount":1,"currency":"GBP"}`: {404, "Subaccount could not be found"},
		`{"amount":999999}`:             {400, "Insufficient balance"},
		`{"amount":122.991}`:            {400, "Insufficient balance"},
	} {
		h.send("creditaibalance", body).wantsError(t, body, want.status, want.message)
	}
	for body, want := range map[string]string{
		`{}`: "must be between 0.01 and 999999", `{"amount":0.009}`: "must be between 0.01 and 999999", `{"amount":1000000}`: "must be between 0.01 and 999999",
		`{"amount":0.123456789}`: "must have at most 8 decimal places", `{"amount":"one"}`: "must be a number",
	} {
		got := h.from(thisMachine, request{method: "POST", path: "creditaibalance", key: h.company.OwnerKey, body: body, loose: true})
		if got.status != 400 || !strings.Contains(got.body, `"errors":{"Amount":["The field Amount `+want+`."]}`) {
			t.Errorf("%s: %d %s, want %s", body, got.status, got.body, want)
		}
	}
	if after := h.standing(); after != before {
		t.Errorf("something changed:\n%s", firstDifference(before, after))
	}
	h.verify()
	startupHouse(t).send("creditaibalance", `{"amount":1}`).wantsError(t, "no customer", 404, "Customer could not be found")
}

// Source: contract, "GET /payment/account" and "GET /payment/checkoutsetupurl".
func TestAccountAndSetupAreAddresses(t *testing.T) {
	h := newHouse(t, setup{})
	for query, want := range map[string]string{
		"":                     `"payment.ashx"`,
		"?backUrl=":            `"payment.ashx"`,
		"?BACKURL=" + pageHere: `"payment.ashx?backUrl=http%3A%2F%2Fportal.example.com%2Fpayments"`,
		"?backUrl=" + pageHere + "%3Fa%3D1%26b%3D2%23c": `"payment.ashx?backUrl=http%3A%2F%2Fportal.example.com%2Fpayments%3Fa%3D1%26b%3D2%23c"`,
	} {
		h.do(request{path: "account" + query, key: h.company.OwnerKey, loose: true}).wants(t, 200, want)
	}
	for _, path := range []string{"checkoutsetupurl", "chechoutsetupurl"} {
		for query, want := range map[string]int{
			"":                                       400,
			"?successUrl=" + pageHere:                400,
			"?backUrl=":                              400,
			"?backUrl=nowhere":                       400,
			"?backUrl=http://elsewhere.example.net/": 400,
			"?backUrl=" + pageHere + "&successUrl=http://elsewhere.example.net/": 400,
			"?backUrl=" + pageHere: 200,
		} {
			h.do(request{path: path + query, key: h.company.OwnerKey, loose: want == 400}).wants(t, want, "")
		}
	}
	h.do(request{path: "account?backUrl=http://elsewhere.example.net/", key: h.company.OwnerKey, loose: true}).wants(t, 400, "")
	if got := h.get("checkoutsetupurl?backUrl=" + pageHere).payload(t); got != "" {
		t.Errorf("a card is saved, and still there is %s", got)
	}
	h.setMethod("expired", "")
	if got := decode[string](t, h.get("checkoutsetupurl?backUrl="+pageHere).payload(t)); !strings.HasPrefix(got, "http") {
		t.Errorf("the link is %q", got)
	}
	allowed := newHouse(t, setup{config: portalapi.Config{RedirectHosts: []string{"elsewhere.example.net"}}})
	allowed.get("account?backUrl=https://elsewhere.example.net/").wants(t, 200, "")
	noBank := noBankHouse(t)
	for _, path := range []string{"account", "checkoutsetupurl?backUrl=" + pageHere} {
		noBank.do(request{path: path, key: noBank.company.OwnerKey}).wantsError(t, path, 403, "no payment provider is configured")
	}
}

// What is paid by card is in the currency of where the visitor is, whatever country
// they ask about: the one that they are shown prices in, where stock has two ways to
// find it. Source: contract, "Request currency" and "API quality".
func TestPricesAreInTheVisitorsCurrency(t *testing.T) {
	const header = "CF-IPCountry"
	h := newHouse(t, setup{config: portalapi.Config{CountryHeader: header}})
	for country, want := range map[string]string{
		"": `{"admin":20.00,"adminyear":220.00}`, "US": `{"admin":20.00,"adminyear":220.00}`, "gb": `{"admin":18.50,"adminyear":203.50}`,
		"JP": `{"admin":3000,"adminyear":33000}`, "KW": `{"admin":6.150,"adminyear":67.650}`, "DE": `{"admin":18.50,"adminyear":203.50}`,
		"CH": `{"admin":18.50,"adminyear":203.50}`, "BR": `{"admin":20.00,"adminyear":220.00}`, "?": `{"admin":20.00,"adminyear":220.00}`,
	} {
		got := h.do(request{path: "prices?country=GB", key: h.company.OwnerKey, header: map[string]string{header: country}})
		if payload := got.payload(t); payload != want {
			t.Errorf("from %q: %s, want %s", country, payload, want)
		}
	}
}
