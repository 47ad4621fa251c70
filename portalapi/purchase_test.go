package portalapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// put sends a change of the company's owner.
func (h *house) put(path, body string) reply {
	h.t.Helper()
	return h.from(thisMachine, request{method: "PUT", path: path, key: h.company.OwnerKey, body: body})
}

func (h *house) send(path, body string) reply {
	h.t.Helper()
	return h.from(thisMachine, request{method: "POST", path: path, key: h.company.OwnerKey, body: body})
}

// wantsError fails the test unless a reply is an error with that message; "" wants
// a good answer.
func (r reply) wantsError(t *testing.T, name string, status int, message string) {
	t.Helper()
	if r.status != status || message != "" && r.message(t) != message {
		t.Errorf("%s: %d %s, want %d %q", name, r.status, r.body, status, message)
	}
}

const noProduct = "Value does not fall within the expected range."

// The companies that purchases are tried on.
func startupHouse(t *testing.T) *house {
	h, key := newStartup(t)
	h.company.PortalID, h.company.OwnerKey = "docspace.io123", key
	return h
}

func sampleHouse(t *testing.T) *house { return newHouse(t, setup{}) }

// noBankHouse has nobody to pay with.
func noBankHouse(t *testing.T) *house { return newHouse(t, setup{noBank: true}) }

// paidFree is on the free plan, with a customer and something in the wallet.
func customerHouse(t *testing.T) *house {
	h := startupHouse(t)
	h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{
		Email: "owner@example.com", MethodStatus: "set", MethodType: "card", Balances: []money.Amount{money.FromUnits(1000*money.Scale, "USD")},
	}))
	return h
}

func planPageBodyOf(quantity string) string {
	return `{"quantity":` + quantity + `,"backUrl":"` + pageHere + `","successUrl":"` + pageHere + `?complete=true"}`
}

// refusal is a change that is refused, and the words.
type refusal struct {
	house   func(*testing.T) *house
	body    string
	status  int
	message string
}

func (r refusal) try(t *testing.T, name, path string) {
	t.Helper()
	h := r.house(t)
	before := h.standing()
	h.put(path, r.body).wantsError(t, name, r.status, r.message)
	if after := h.standing(); after != before {
		t.Errorf("%s: something changed:\n%s", name, firstDifference(before, after))
	}
}

// Source: contract, "PUT /payment/url".
func TestPlanPageIsForAFirstPurchase(t *testing.T) {
	h := startupHouse(t)
	link := decode[string](t, h.put("url", planPageBodyOf(`{"admin":10}`)).payload(t))
	if !strings.HasPrefix(link, "http") {
		t.Errorf("the link is %q", link)
	}
	if again := decode[string](t, h.put("url", planPageBodyOf(`{"admin":"10"}`)).payload(t)); again != link {
		t.Errorf("the same once more is at %s, and was at %s", again, link)
	}
	if other := decode[string](t, h.put("url", planPageBodyOf(`{"admin":11}`)).payload(t)); other == link {
		t.Error("another quantity is paid at the same page")
	}
	same(t, `{"count":0,"links":[{"href":"http://portal.example.com/api/2.0/portal/payment/url","action":"PUT"}],"status":0,"statusCode":200}`,
		sampleHouse(t).put("url", planPageBodyOf(`{"admin":10}`)).body)
	for name, r := range map[string]refusal{
		"nought":                   {startupHouse, planPageBodyOf(`{"admin":0}`), 400, "Invalid quantity"},
		"less":                     {startupHouse, planPageBodyOf(`{"admin":-1}`), 400, "Invalid quantity"},
		"null":                     {startupHouse, planPageBodyOf(`{"admin":null}`), 400, "Invalid quantity"},
		"more than can be had":     {startupHouse, planPageBodyOf(`{"admin":1000}`), 400, "Invalid quantity"},
		"one of two is nought":     {startupHouse, planPageBodyOf(`{"admin":1,"storage":0}`), 400, "Invalid quantity"},
		"two products":             {startupHouse, planPageBodyOf(`{"admin":1,"adminyear":1}`), 400, noProduct},
		"no product":               {startupHouse, planPageBodyOf(`{}`), 400, noProduct},
		"no map":                   {startupHouse, planPageBodyOf(`null`), 400, noProduct},
		"by the year":              {startupHouse, planPageBodyOf(`{"adminyear":1}`), 400, noProduct},
		"paid from the wallet":     {startupHouse, planPageBodyOf(`{"storage":100}`), 400, noProduct},
		"not on offer":             {startupHouse, planPageBodyOf(`{"startup":1}`), 400, noProduct},
		"unheard of":               {startupHouse, planPageBodyOf(`{"teleport":1}`), 400, noProduct},
		"in capitals":              {startupHouse, planPageBodyOf(`{"Admin":1}`), 400, noProduct},
		"fewer rooms than in use?": {startupHouse, planPageBodyOf(`{"admin":1}`), 200, ""},
	} {
		if r.status != http.StatusOK {
			r.try(t, name, "url")
		} else {
			r.house(t).put("url", r.body).wantsError(t, name, r.status, r.message)
		}
	}
	crowded := startupHouse(t)
	crowded.must(crowded.service.SetUsage(t.Context(), crowded.company.PortalID, map[string]int64{"manager": 5}))
	crowded.put("url", planPageBodyOf(`{"admin":4}`)).wantsError(t, "more admins", 402, "The number of admins should not exceed 4")
}

func TestAddressesOfAPlanPageAreValidated(t *testing.T) {
	h := startupHouse(t)
	for name, test := range map[string]struct{ back, field, text string }{
		"missing":  {`null`, "BackUrl", "The BackUrl field is required."},
		"empty":    {`""`, "BackUrl", "The BackUrl field is required."},
		"no URL":   {`"not a url"`, "BackUrl", "The BackUrl field is not a valid fully-qualified http, https, or ftp URL."},
		"relative": {`"/payments"`, "BackUrl", "The BackUrl field is not a valid fully-qualified http, https, or ftp URL."},
		"too long": {`"http://portal.example.com/` + strings.Repeat("x", 255) + `"`, "BackUrl", "The field BackUrl must be a string with a maximum length of 255."},
	} {
		got := h.put("url", `{"quantity":{"admin":1},"backUrl":`+test.back+`,"successUrl":"`+pageHere+`"}`)
		want := fmt.Sprintf(`{%q:[%q]}`, test.field, test.text)
		if errors := got.payload(t); got.status != 400 || !strings.Contains(errors, `"errors":`+want) {
			t.Errorf("%s: %d %s, want %s", name, got.status, got.body, want)
		}
	}
	got := h.put("url", `{}`).payload(t)
	if !strings.Contains(got, `"errors":{"BackUrl":["The BackUrl field is required."],"SuccessUrl":["The SuccessUrl field is required."]}`) {
		t.Errorf("both are missing: %s", got)
	}
	// Validation comes before the role, the action's own checks after.
	guest := newHouse(t, setup{})
	for body, want := range map[string]int{`{"quantity":{"admin":1}}`: 400, planPageBodyOf(`{"admin":0}`): 403, planPageBodyOf(`{}`): 403} {
		guest.from(thisMachine, request{method: "PUT", path: "url", key: guest.keyOf(billing.Guest), body: body}).wants(t, want, "")
	}
}

// Source: contract, "PUT /payment/update".
func TestPlanIsChangedByCard(t *testing.T) {
	h := sampleHouse(t)
	before := h.wallet()
	h.put("update", `{"quantity":{"admin":12}}`).wants(t, 200, "true")
	quota := decode[docspace.Quota](t, h.get("quota").payload(t))
	if admins, _ := quota.Feature("manager"); admins.Value.String() != "12" || quota.Price.Amount.String() != "240.00 USD" {
		t.Errorf("the portal has %s admins for %s", admins.Value, quota.Price.Amount)
	}
	if after := h.wallet(); after != before {
		t.Errorf("the wallet went from %s to %s", before, after)
	}
	type page struct {
		Collection []struct {
			Type          string
			Credit, Debit float64
		}
	}
	latest := decode[page](t, h.get("customer/operations?limit=2").payload(t)).Collection
	if latest[0].Type != "PackagePayment" || latest[1].Type != "Deposit" || latest[0].Debit != latest[1].Credit || latest[0].Debit <= 0 {
		t.Errorf("the operations are %+v", latest)
	}
	h.put("update", `{"quantity":{"admin":"8"}}`).wants(t, 200, "true")
	if tariff := decode[docspace.Tariff](t, h.get(tariffBase+"tariff").payload(t)); tariff.Details.Quotas[0].Quantity != 8 {
		t.Errorf("after a change to 8: %+v", tariff.Details.Quotas)
	}
	h.verify()
	for name, r := range map[string]refusal{
		"nobody to pay with":    {noBankHouse, `{"quantity":{"admin":12}}`, 403, "no payment provider is configured"},
		"no customer":           {startupHouse, `{"quantity":{"admin":12}}`, 404, "Customer could not be found"},
		"no customer, no body":  {startupHouse, `{}`, 404, "Customer could not be found"},
		"no map":                {sampleHouse, `{}`, 400, noProduct},
		"two products":          {sampleHouse, `{"quantity":{"admin":12,"adminyear":1}}`, 400, noProduct},
		"unheard of":            {sampleHouse, `{"quantity":{"teleport":12}}`, 400, "Invalid product"},
		"paid from the wallet":  {sampleHouse, `{"quantity":{"storage":200}}`, 400, "Invalid product"},
		"another plan":          {sampleHouse, `{"quantity":{"adminyear":12}}`, 400, "Invalid product"},
		"as many as there are":  {sampleHouse, `{"quantity":{"admin":10}}`, 400, "Invalid quantity"},
		"nought":                {sampleHouse, `{"quantity":{"admin":0}}`, 400, "Invalid quantity"},
		"less":                  {sampleHouse, `{"quantity":{"admin":-5}}`, 400, "Invalid quantity"},
		"null":                  {sampleHouse, `{"quantity":{"admin":null}}`, 400, "Invalid quantity"},
		"more than can be had":  {sampleHouse, `{"quantity":{"admin":1000}}`, 400, "Invalid quantity"},
		"fewer than are in use": {sampleHouse, `{"quantity":{"admin":3}}`, 402, "The number of admins should not exceed 3"},
		"less storage than is":  {customerHouseOf(t, map[string]int64{"total_size": 600 << 30}), `{"quantity":{"admin":2}}`, 402, "The used storage size should not exceed 500 GB"},
	} {
		r.try(t, name, "update")
	}
	// A portal whose plan costs nothing buys a whole period.
	free := customerHouse(t)
	free.put("update", `{"quantity":{"admin":3}}`).wants(t, 200, "true")
	tariff := decode[docspace.Tariff](t, free.getAs(free.company.OwnerKey, tariffBase+"tariff").payload(t))
	if quotas := tariff.Details.Quotas; len(quotas) != 1 || quotas[0].ID != -9 || quotas[0].Quantity != 3 ||
		!tariff.Dates.Due.Equal(startOfTime.AddDate(0, 1, 0).Truncate(time.Second)) {
		t.Errorf("the tariff is %+v until %s", tariff.Details, tariff.Dates.Due)
	}
}

// customerHouseOf returns one in which so much is used.
func customerHouseOf(t *testing.T, used map[string]int64) func(*testing.T) *house {
	return func(*testing.T) *house {
		h := customerHouse(t)
		h.must(h.service.SetUsage(t.Context(), h.company.PortalID, used))
		return h
	}
}

func TestDeclinedPlanIsFalseAndAsItWas(t *testing.T) {
	h := sampleHouse(t)
	h.setMethod("set", "card_declined")
	before := h.get(tariffBase + "tariff").payload(t)
	h.put("update", `{"quantity":{"admin":12}}`).wants(t, 200, "false")
	same(t, before, h.get(tariffBase+"tariff").payload(t))
	if got := h.wallet(); got.String() != "148.50 USD" {
		t.Errorf("the wallet holds %s", got)
	}
	h.setMethod("none", "")
	h.put("update", `{"quantity":{"admin":12}}`).wantsError(t, "no method", 403, "Customer payment method is not set")
	h.verify()
}

// Source: contract, "PUT /payment/updatewallet".
func TestWalletServiceIsBoughtOrScheduled(t *testing.T) {
	h := sampleHouse(t)
	type row struct {
		Quantity     int64
		NextQuantity *int64
	}
	storage := func() (quantity int64, next string) {
		tariff := decode[struct{ Quotas []row }](t, h.get(tariffBase+"tariff").payload(t))
		if next = "as many"; tariff.Quotas[1].NextQuantity != nil {
			next = fmt.Sprint(*tariff.Quotas[1].NextQuantity)
		}
		return tariff.Quotas[1].Quantity, next
	}
	for _, step := range []struct {
		body     string
		quantity int64
		next     string
	}{
		{`{"quantity":{"storage":200},"productQuantityType":0}`, 100, "200"},
		{`{"quantity":{"storage":null},"productQuantityType":"Set"}`, 100, "as many"},
		{`{"quantity":{"storage":0}}`, 100, "0"}, // Set is the type of those that have none
		{`{"quantity":{"storage":"150"},"productQuantityType":null}`, 100, "150"},
		{`{"quantity":{"storage":100},"productQuantityType":0}`, 100, "as many"},
		{`{"quantity":{"storage":50},"productQuantityType":1}`, 150, "as many"}, // more has no least
		{`{"quantity":{"storage":1},"productQuantityType":"Add"}`, 151, "as many"},
	} {
		h.clock.Move(time.Minute)
		h.put("updatewallet", step.body).wants(t, 200, "true")
		if quantity, next := storage(); quantity != step.quantity || next != step.next {
			t.Errorf("%s: there are %d and then %s, want %d and %s", step.body, quantity, next, step.quantity, step.next)
		}
	}
	h.verify()
	late := func(t *testing.T) *house {
		h := sampleHouse(t)
		h.clock.Move(25 * 24 * time.Hour)
		return h
	}
	inEuros := func(t *testing.T) *house {
		h := startupHouse(t)
		h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{
			Email: "owner@example.com", MethodStatus: "set", Balances: []money.Amount{money.FromUnits(1000*money.Scale, "EUR")},
		}))
		return h
	}
	noWallet := func(t *testing.T) *house {
		h := startupHouse(t)
		h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{Email: "owner@example.com", MethodStatus: "set"}))
		return h
	}
	for name, r := range map[string]refusal{
		"Sub":                        {sampleHouse, `{"quantity":{"storage":1},"productQuantityType":2}`, 400, "Invalid product quantity type"},
		"Renew":                      {startupHouse, `{"quantity":{"storage":1},"productQuantityType":"Renew"}`, 400, "Invalid product quantity type"},
		"no customer":                {startupHouse, `{"quantity":{"storage":100},"productQuantityType":1}`, 404, "Customer could not be found"},
		"two products":               {sampleHouse, `{"quantity":{"storage":100,"backup":1},"productQuantityType":1}`, 400, noProduct},
		"no product":                 {sampleHouse, `{"productQuantityType":1}`, 400, noProduct},
		"by card":                    {sampleHouse, `{"quantity":{"admin":100},"productQuantityType":1}`, 400, "Invalid product"},
		"by use":                     {sampleHouse, `{"quantity":{"backup":1},"productQuantityType":1}`, 400, "Invalid product"},
		"unheard of":                 {sampleHouse, `{"quantity":{"teleport":1},"productQuantityType":0}`, 400, "Invalid product"},
		"late":                       {late, `{"quantity":{"storage":100},"productQuantityType":1}`, 402, "Tariff is not paid"},
		"late, and next":             {late, `{"quantity":{"storage":100},"productQuantityType":0}`, 402, "Tariff is not paid"},
		"Set to 1":                   {sampleHouse, `{"quantity":{"storage":1},"productQuantityType":0}`, 400, "Invalid quantity"},
		"Set to 99":                  {sampleHouse, `{"quantity":{"storage":99},"productQuantityType":0}`, 400, "Invalid quantity"},
		"Set to less than nought":    {sampleHouse, `{"quantity":{"storage":-1},"productQuantityType":0}`, 400, "Invalid quantity"},
		"Add null":                   {sampleHouse, `{"quantity":{"storage":null},"productQuantityType":1}`, 400, "Invalid quantity"},
		"Add nought":                 {sampleHouse, `{"quantity":{"storage":0},"productQuantityType":1}`, 400, "Invalid quantity"},
		"Add less":                   {sampleHouse, `{"quantity":{"storage":-100},"productQuantityType":1}`, 400, "Invalid quantity"},
		"too little at first":        {customerHouse, `{"quantity":{"storage":99},"productQuantityType":1}`, 400, "Invalid quantity"},
		"nothing in the wallet ever": {noWallet, `{"quantity":{"storage":100},"productQuantityType":1}`, 404, "Balance could not be found"},
		"no dollars":                 {inEuros, `{"quantity":{"storage":100},"productQuantityType":1}`, 404, "Subaccount could not be found"},
		"not enough":                 {sampleHouse, `{"quantity":{"storage":100000},"productQuantityType":1}`, 402, ""},
	} {
		r.try(t, name, "updatewallet")
	}
	// What there is not can't be changed, and DocSpace says so with true.
	customerHouse(t).put("updatewallet", `{"quantity":{"storage":200},"productQuantityType":0}`).wants(t, 200, "true")
}

// Source: contract, "PUT /payment/calculatewallet".
func TestQuoteIsOfMoreAlone(t *testing.T) {
	const wrongType = "Invalid product quantity type"
	for name, r := range map[string]refusal{
		"Set":         {sampleHouse, `{"quantity":{"storage":100},"productQuantityType":0}`, 400, wrongType},
		"Sub":         {sampleHouse, `{"quantity":{"storage":100},"productQuantityType":2}`, 400, wrongType},
		"Renew":       {sampleHouse, `{"quantity":{"storage":100},"productQuantityType":3}`, 400, wrongType},
		"none":        {sampleHouse, `{"quantity":{"storage":100}}`, 400, wrongType},
		"no customer": {startupHouse, `{"quantity":{"storage":100},"productQuantityType":1}`, 404, "Customer could not be found"},
		"nought":      {sampleHouse, `{"quantity":{"storage":0},"productQuantityType":1}`, 400, "Invalid quantity"},
		"by card":     {sampleHouse, `{"quantity":{"admin":1},"productQuantityType":1}`, 400, "Invalid product"},
	} {
		r.try(t, name, "calculatewallet")
	}
	h := customerHouse(t)
	before := h.standing()
	// A whole month where none is running, without a least quantity.
	h.put("calculatewallet", `{"quantity":{"storage":5},"productQuantityType":1}`).wants(t, 200, `{"operationId":0,"amount":0.70,"currency":"USD","quantity":5}`)
	h.put("calculatewallet", `{"quantity":{"storage":100},"productQuantityType":1}`).wants(t, 200, `{"operationId":0,"amount":14.00,"currency":"USD","quantity":100}`)
	if after := h.standing(); after != before {
		t.Errorf("a quote changed something:\n%s", firstDifference(before, after))
	}
}

// A purchase without a key that is sent twice in ten seconds is one; with a key it
// is one for ever.
func TestSamePurchaseIsMadeOnce(t *testing.T) {
	h := customerHouse(t)
	const buy = `{"quantity":{"storage":100},"productQuantityType":1}`
	send := func(path, body, key string, wantReplay bool) {
		t.Helper()
		method := "PUT"
		if path == "creditaibalance" {
			method = "POST"
		}
		q := request{method: method, path: path, key: h.company.OwnerKey, body: body}
		if key != "" {
			q.header = map[string]string{"Idempotency-Key": key}
		}
		got := h.from(thisMachine, q)
		got.wants(t, 200, "")
		if replay := got.header.Get("Idempotent-Replay") == "true"; replay != wantReplay {
			t.Errorf("%s %s under %q: replay is %t", path, body, key, replay)
		}
	}
	holds := func(want string) {
		t.Helper()
		if got := h.wallet().String(); got != want {
			t.Errorf("the wallet holds %s, want %s", got, want)
		}
	}
	send("updatewallet", buy, "", false)
	send("updatewallet", buy, "", true)
	holds("986.00 USD")
	h.clock.Move(10 * time.Second)
	send("updatewallet", buy, "", false)
	holds("972.00 USD")
	send("updatewallet", buy, "mine", false)
	h.clock.Move(20 * 24 * time.Hour)
	send("updatewallet", buy, "mine", true)
	holds("958.00 USD")
	send("creditaibalance", `{"amount":8}`, "", false)
	send("creditaibalance", `{"amount":"8.00"}`, "", true)
	send("creditaibalance", `{"amount":8}`, "credit", false)
	send("creditaibalance", `{"amount":8}`, "credit", true)
	holds("942.00 USD")
	send("update", `{"quantity":{"admin":3}}`, "plan", false)
	send("update", `{"quantity":{"admin":3}}`, "plan", true)
	for _, other := range []struct{ path, body, key string }{
		{"updatewallet", `{"quantity":{"storage":101},"productQuantityType":1}`, "mine"},
		{"updatewallet", `{"quantity":{"storage":101},"productQuantityType":1}`, "credit"},
		{"update", `{"quantity":{"admin":4}}`, "plan"},
		{"update", `{"quantity":{"admin":4}}`, "mine"},
		{"updatewallet", buy, "plan"}, // which a collection has
	} {
		q := request{method: "PUT", path: other.path, key: h.company.OwnerKey, body: other.body, header: map[string]string{"Idempotency-Key": other.key}}
		h.from(thisMachine, q).wantsError(t, other.path+" under "+other.key, 422, "the idempotency key was used before with other input")
	}
	h.verify()
}

// Source: contract, "Rate limits": ten a minute of what costs money, for each path.
func TestWhatCostsMoneyIsFewAMinute(t *testing.T) {
	most := map[string]int{
		"PUT " + apiBase + "update": 10, "PUT " + apiBase + "updatewallet": 10, "POST " + apiBase + "deposit": 10,
		"POST " + apiBase + "creditaibalance": 10, "POST " + apiBase + "buywalletservice": 10, "POST " + apiBase + "subscription/movetowallet": 10,
		"POST " + keysPath: 5,
	}
	h := newHouse(t, setup{})
	for _, c := range calls {
		q := h.ownersRequest(c)
		if c.writes() {
			q.body, q.loose = "", true // it is counted, whatever it says
		}
		answered := 0
		for range 11 {
			if got := h.from("203.0.113.7:1", q); got.status != http.StatusTooManyRequests {
				answered++
			}
		}
		if want, limited := most[c.route]; limited && answered != want || !limited && answered != 11 {
			t.Errorf("%s: %d of 11 were answered", c.route, answered)
		}
	}
}

// An idempotency key is input like the body: it is looked at before the role is,
// on each route that takes one.
func TestKeysOfPurchasesAreValidated(t *testing.T) {
	h := newHouse(t, setup{})
	guest := h.keyOf(billing.Guest)
	before := h.standing()
	const field = "The field Idempotency-Key "
	for _, route := range []struct{ method, path, body string }{
		{"PUT", "update", `{"quantity":{"admin":12}}`},
		{"PUT", "updatewallet", `{"quantity":{"storage":100},"productQuantityType":1}`},
		{"PUT", "updatewallet", `{"quantity":{"storage":200},"productQuantityType":0}`},
		{"PUT", "calculatewallet", `{"quantity":{"storage":100},"productQuantityType":1}`},
		{"POST", "creditaibalance", `{"amount":5}`},
		{"POST", "deposit", dollars100},
	} {
		for key, text := range map[string]string{
			"":                       field + "is empty.",
			strings.Repeat("x", 256): field + "is longer than 255 bytes.",
			"clé":                    field + "has other characters than printable ASCII.",
			"bursar:mine":            field + `may not begin with \"bursar:\".`,
		} {
			for _, as := range []string{h.company.OwnerKey, guest} {
				got := h.from(thisMachine, request{
					method: route.method, path: route.path, key: as, body: route.body, loose: true, header: map[string]string{"Idempotency-Key": key},
				})
				if got.status != 400 || !strings.Contains(got.body, `"errors":{"Idempotency-Key":["`+text+`"]}`) {
					t.Errorf("%s %s under %.20q: %d %s, want %s", route.path, route.body, key, got.status, got.body, text)
				}
			}
		}
	}
	if after := h.standing(); after != before {
		t.Errorf("something changed:\n%s", firstDifference(before, after))
	}
}
