package portalapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const dollars100 = `{"amount":100,"currency":"USD"}`

// setMethod sets what the company pays by.
func (h *house) setMethod(status, kind string) {
	h.t.Helper()
	h.must(h.service.SetCustomer(h.t.Context(), h.company.PortalID, billing.CustomerChange{MethodStatus: status, MethodType: kind}))
}

// deposit sends a deposit of the company's owner; key "" sends none.
func (h *house) deposit(body, key string) reply {
	h.t.Helper()
	q := request{method: "POST", path: "deposit", key: h.company.OwnerKey, body: body}
	if key != "" {
		q.header = map[string]string{"Idempotency-Key": key}
	}
	return h.do(q)
}

// wallet returns what the company's wallet holds in dollars.
func (h *house) wallet() money.Amount {
	h.t.Helper()
	w, err := h.service.Wallet(h.t.Context(), h.company.PortalID)
	h.must(err)
	return w.Pockets[0].Balance
}

// wants fails the test unless a reply is as it should be.
func (r reply) wants(t *testing.T, status int, payload string) {
	t.Helper()
	if r.status != status || payload != "" && r.payload(t) != payload {
		t.Errorf("%s: %d %s, want %d %s", r.request.URL.Path, r.status, r.body, status, payload)
	}
}

// verify checks all the laws of the ledger.
func (h *house) verify() {
	h.t.Helper()
	_, _, err := h.service.Verify(h.t.Context(), store.Verification{})
	h.must(err)
}

func TestDepositIsInTheWalletWhenItIsAnswered(t *testing.T) {
	h := newHouse(t, setup{})
	got := h.deposit(dollars100, "")
	same(t, `{"response":true,"count":1,"links":[{"href":"http://portal.example.com/api/2.0/portal/payment/deposit","action":"POST"}],`+
		`"status":0,"statusCode":200}`, got.body)
	if got.header.Get("Idempotent-Replay") != "" {
		t.Error("it is called a replay")
	}
	// Setting the company's rule moved its book on by the least there is.
	if balance := h.get("customer/balance").payload(t); !strings.Contains(balance, `{"currency":"USD","amount":248.50}`) ||
		!strings.Contains(balance, `"lastCredit":{"date":"2026-07-08T11:39:43.123457Z","currency":"USD","amount":100.00}`) {
		t.Errorf("the balance is %s", balance)
	}
	type page struct {
		Collection []struct{ Description, Type, ParticipantDisplayName string }
	}
	latest := decode[page](t, h.get("customer/operations?limit=1").payload(t)).Collection[0]
	if latest.Description != "Balance top-up" || latest.Type != "Deposit" || latest.ParticipantDisplayName != "Olivia Owner" {
		t.Errorf("the operation is %+v", latest)
	}
	h.deposit(dollars100, "").wants(t, 200, "true") // without a key, another one
	h.deposit(`{"amount":1200,"currency":"JPY"}`, "").wants(t, 200, "true")
	if got := h.wallet(); got.String() != "348.50 USD" {
		t.Errorf("the wallet holds %s", got)
	}
	h.verify()
}

// Source: contract, "POST /payment/deposit" and "Test matrix from the official API
// tests". Refused writes change nothing.
func TestWhoMayDeposit(t *testing.T) {
	h := newHouse(t, setup{})
	for i, role := range everybody {
		want := []int{401, 403, 403, 403, 403, 200}[i]
		before := h.wallet()
		got := h.do(request{method: "POST", path: "deposit", key: h.keyOf(role), body: dollars100})
		got.wants(t, want, "")
		if changed := h.wallet() != before; changed != (want == 200) {
			t.Errorf("%s: the wallet went from %s to %s", role, before, h.wallet())
		}
	}
	for scope, want := range map[string]int{"*": 200, "*:write": 200, "*:read": 403, "files:write": 403, "accounts:write": 403} {
		key := h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{scope}})
		h.do(request{method: "POST", path: "deposit", key: key, body: dollars100}).wants(t, want, "")
		readable := 403
		if strings.HasPrefix(scope, "*") {
			readable = 200
		}
		for _, path := range []string{"customer/aibalance", "customer/operations"} {
			h.do(request{path: path, key: key}).wants(t, readable, "")
		}
	}
	// The payer is whoever has the customer's address, and nobody else.
	h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{Email: "user@example.com"}))
	h.deposit(dollars100, "").wants(t, 403, "")
	h.do(request{method: "POST", path: "deposit", key: h.keyOf(billing.Member), body: dollars100}).wants(t, 200, "true")
	h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{Email: "nobody@example.com"}))
	for _, role := range billing.Roles() {
		h.do(request{method: "POST", path: "deposit", key: h.keyOf(role), body: dollars100}).wants(t, 403, "")
	}
	h.verify()
}

// Each check comes before the ones below it.
func TestDepositIsCheckedInTheOrderOfTheContract(t *testing.T) {
	good := newHouse(t, setup{})
	noBank := newHouse(t, setup{noBank: true})
	const nothing, bad, badCurrency = `{}`, `{"amount":0,"currency":"CHF"}`, `{"amount":1,"currency":"CHF"}`
	guest := good.keyOf(billing.Guest)
	bare := good.addPortal(billing.NewPortal{ID: "bare", Hosts: []string{"bare.example.com"}})
	noMethod := newHouse(t, setup{})
	noMethod.setMethod("expired", "")
	for name, test := range map[string]struct {
		house   *house
		q       request
		status  int
		message string // of an error, or the field of a problem
	}{
		"key before validation":      {good, request{body: bad, key: ""}, 401, ""},
		"scope before validation":    {good, request{body: bad, key: good.newKey(good.company.PortalID, billing.NewKey{Scopes: []string{"*:read"}})}, 403, "the API key lacks the scope for this: it needs *:write"},
		"validation before the bank": {noBank, request{body: bad, key: noBank.company.OwnerKey}, 400, "Amount"},
		"validation before the role": {good, request{body: bad, key: guest}, 400, "Amount"},
		"the bank before currency":   {noBank, request{body: badCurrency, key: noBank.company.OwnerKey}, 403, "no payment provider is configured"},
		"currency before customer":   {good, request{body: badCurrency, key: bare, host: "bare.example.com"}, 400, "Unsupported currency"},
		"currency before the role":   {good, request{body: badCurrency, key: guest}, 400, "Unsupported currency"},
		"customer":                   {good, request{body: dollars100, key: bare, host: "bare.example.com"}, 404, "Customer could not be found"},
		"method before the payer":    {noMethod, request{body: dollars100, key: noMethod.keyOf(billing.Guest)}, 403, "Customer payment method is not set"},
		"payer":                      {good, request{body: dollars100, key: guest}, 403, "Access denied"},
		"nothing at all":             {good, request{body: nothing, key: guest}, 400, "Currency"},
	} {
		t.Run(name, func(t *testing.T) {
			test.house.t = t
			q := test.q
			q.method, q.path = "POST", "deposit"
			// openapi.yaml leaves currencies to the catalogue, and says nothing of order.
			q.loose = true
			got := test.house.do(q)
			got.wants(t, test.status, "")
			if got.status == 400 && test.message != "Unsupported currency" {
				if problem := got.payload(t); !strings.Contains(problem, `"errors":{"`+test.message+`":[`) {
					t.Errorf("the problem is %s", problem)
				}
			} else if got.status != 401 && got.message(t) != test.message {
				t.Errorf("%q, want %q", got.message(t), test.message)
			}
		})
	}
	good.t = t
	good.verify()
}

func TestBodyOfADeposit(t *testing.T) {
	h := newHouse(t, setup{})
	const whole, bounds, object = "The field Amount must be a whole number.", "The field Amount must be between 1 and 999999.", "The field Body is not a JSON object."
	for body, want := range map[string]string{ // "" is good
		`{"amount":1,"currency":"USD"}`:                              "",
		` { "amount" : 999999 , "currency" : "USD" } `:               "",
		`{"amount":"100","currency":"USD"}`:                          "",
		`{"AMOUNT":100,"Currency":"USD"}`:                            "",
		`{"currency":"USD","amount":100}`:                            "",
		`{"amount":100,"currency":"USD","auto":{"amount":1,"a":[]}}`: "",
		`{"amou\u006et":100,"currency":"\u0055SD"}`:                  "",
		`{"amount":0,"currency":"USD"}`:                              bounds,
		`{"amount":-1,"currency":"USD"}`:                             bounds,
		`{"amount":1000000,"currency":"USD"}`:                        bounds,
		`{"amount":null,"currency":"USD"}`:                           bounds,
		`{"currency":"USD"}`:                                         bounds,
		`{"amount":100.0,"currency":"USD"}`:                          whole,
		`{"amount":1e2,"currency":"USD"}`:                            whole,
		`{"amount":100.5,"currency":"USD"}`:                          whole,
		`{"amount":"","currency":"USD"}`:                             whole,
		`{"amount":" 1","currency":"USD"}`:                           whole,
		`{"amount":"1e2","currency":"USD"}`:                          whole,
		`{"amount":true,"currency":"USD"}`:                           whole,
		`{"amount":[100],"currency":"USD"}`:                          whole,
		`{"amount":9223372036854775808,"currency":"USD"}`:            whole,
		`{"amount":1e400,"currency":"USD"}`:                          whole,
		`{"amount":"NaN","currency":"USD"}`:                          whole,
		`{"amount":NaN,"currency":"USD"}`:                            "The field Amount is not JSON.",
		`{"amount":-0,"currency":"USD"}`:                             bounds,
		"\ufeff" + `{"amount":1,"currency":"USD"}`:                   "",
		`{"amount":1,"currency":"USD","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}": "The field Body is nested deeper than 32 levels.",
		`{"amount":100}`:                              "The field Currency is required.",
		`{"amount":100,"currency":null}`:              "The field Currency is required.",
		`{"amount":100,"currency":""}`:                "The field Currency is required.",
		`{"amount":100,"currency":"USDT"}`:            "The field Currency must be a string with a maximum length of 3.",
		`{"amount":100,"currency":840}`:               "The field Currency must be a string.",
		`{"amount":1,"currency":"USD","amount":1}`:    `The field Body has "amount" twice.`,
		`{"amount":1,"currency":"USD","AMOUNT":2}`:    `The field Body has "AMOUNT" twice.`,
		`{"amount":1,"currency":"USD","x":1,"x":2}`:   `The field Body has "x" twice.`,
		`{"amount":1,"currency":"USD"} {}`:            "The field Body goes on after the JSON object.",
		`{"amount":1,"currency":"USD"}x`:              "The field Body goes on after the JSON object.",
		`{"amount":1,"currency":"USD"`:                object,
		`{"amount":1,"currency":"USD",}`:              object,
		`{"amount" 1}`:                                object,
		`{amount:1}`:                                  object,
		`[{"amount":1,"currency":"USD"}]`:             object,
		`"amount"`:                                    object,
		`null`:                                        object,
		`amount=1&currency=USD`:                       object,
		"{\"amount\":1,\"currency\":\"\xff\"}":        "The field Body is not UTF-8.",
		"":                                            "The field Body is missing.",
		" \n":                                         "The field Body is missing.",
		`{"x":"` + strings.Repeat("x", 64<<10) + `"}`: "The field Body is longer than 65536 bytes.",
	} {
		before := h.wallet()
		// What openapi.yaml can't say: any case, escapes, several of a name.
		got := h.do(request{method: "POST", path: "deposit", key: h.company.OwnerKey, body: body, loose: true})
		if want == "" {
			got.wants(t, 200, "true")
			continue
		}
		type problem struct{ Errors map[string][]string }
		texts := []string{}
		if got.status == 400 {
			for _, some := range decode[problem](t, got.payload(t)).Errors {
				texts = append(texts, some...)
			}
		}
		if !slices.Equal(texts, []string{want}) {
			t.Errorf("%.60s: %d %v, want %q", body, got.status, texts, want)
		}
		if h.wallet() != before {
			t.Errorf("%.60s: the wallet changed", body)
		}
	}
	for _, body := range []string{dollars100, `{"amount":"7","currency":"EUR","x":1}`, `{"amount":0,"currency":"USD"}`, `{"amount":1}`, `{"amount":"x","currency":"USD"}`, `{"amount":1,"currency":"USDT"}`} {
		h.deposit(body, "") // is held against openapi.yaml
	}
	h.verify()
}

// What is too much is not read to its end.
func TestHugeBodyIsRefused(t *testing.T) {
	h := newHouse(t, setup{})
	q := request{method: "POST", path: "deposit", key: h.company.OwnerKey, loose: true, body: `{"x":"` + strings.Repeat("x", 10<<20) + `"}`}
	got := h.from(here, q)
	got.wants(t, 400, "")
	if problem := got.payload(t); !strings.Contains(problem, `"errors":{"$":["The field Body is longer than 65536 bytes."]}`) {
		t.Errorf("the problem is %s", problem)
	}
}

func TestKeyOfADeposit(t *testing.T) {
	h := newHouse(t, setup{})
	for key, want := range map[string]int{
		"a": 200, strings.Repeat("k", 255): 200, strings.Repeat("k", 256): 400, "with space": 200, "bursar:deposit:1": 400, "\x7f": 400, "é": 400,
	} {
		got := h.hand(request{loose: true}, func() *http.Request {
			r := request{method: "POST", path: "deposit", key: h.company.OwnerKey, body: dollars100}.build(t, "")
			r.Header["Idempotency-Key"] = []string{key}
			return r
		}())
		if got.status != want {
			t.Errorf("%q: %d %s", key, got.status, got.body)
		}
	}
	for _, keys := range [][]string{{""}, {"a", "b"}} {
		r := request{method: "POST", path: "deposit", key: h.company.OwnerKey, body: dollars100}.build(t, "")
		r.Header["Idempotency-Key"] = keys
		if got := h.hand(request{loose: true}, r); got.status != 400 {
			t.Errorf("%q: %d %s", keys, got.status, got.body)
		}
	}
}

func TestSameDepositUnderOneKeyIsOne(t *testing.T) {
	h := newHouse(t, setup{})
	first := h.deposit(dollars100, "k1")
	first.wants(t, 200, "true")
	again := h.deposit(`{ "currency":"USD", "amount":"100" }`, "k1") // the same in other words
	same(t, first.body, again.body)
	if first.header.Get("Idempotent-Replay") != "" || again.header.Get("Idempotent-Replay") != "true" {
		t.Errorf("replays: %q, %q", first.header.Get("Idempotent-Replay"), again.header.Get("Idempotent-Replay"))
	}
	for _, other := range []string{`{"amount":101,"currency":"USD"}`, `{"amount":100,"currency":"EUR"}`} {
		got := h.deposit(other, "k1")
		got.wants(t, 422, "")
		if got.header.Get("Idempotent-Replay") != "" {
			t.Error("a refusal is called a replay")
		}
	}
	if got := h.wallet(); got.String() != "248.50 USD" {
		t.Errorf("the wallet holds %s", got)
	}
	h.verify()
}

func TestDeclinedDepositIsFalse(t *testing.T) {
	for _, method := range []string{"card_declined", "card_expired", "card_insufficient_funds", "card_authentication_required"} {
		h := newHouse(t, setup{})
		h.setMethod("set", method)
		for i := range 2 {
			got := h.deposit(dollars100, "k")
			got.wants(t, 200, "false")
			if replay := got.header.Get("Idempotent-Replay") == "true"; replay != (i > 0) {
				t.Errorf("%s: request %d is a replay: %t", method, i+1, replay)
			}
		}
		h.setMethod("set", "card")
		h.deposit(dollars100, "k").wants(t, 200, "false") // under this key it is declined for ever
		h.deposit(dollars100, "k2").wants(t, 200, "true")
		if got := h.wallet(); got.String() != "248.50 USD" {
			t.Errorf("%s: the wallet holds %s", method, got)
		}
		h.verify()
	}
}

// What the bank did and could not say comes out when the same is asked again, and
// nothing is charged a second time.
func TestUnknownOutcomeIsLearntByAskingAgain(t *testing.T) {
	for method, collected := range map[string]bool{
		"card_timeout_after": true, "card_error_after": true, "card_timeout_before": false, "card_error_before": false, "card_unreachable": false,
	} {
		t.Run(method, func(t *testing.T) {
			for _, key := range []string{"k", ""} {
				h := newHouse(t, setup{})
				h.setMethod("set", method)
				got := h.deposit(dollars100, key)
				got.wants(t, 503, "")
				if got.header.Get("Retry-After") != "5" {
					t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
				}
				h.deposit(`{"amount":5,"currency":"USD"}`, "other").wants(t, 409, "")
				if collected {
					h.deposit(dollars100, key).wants(t, 200, "true")
				} else {
					h.deposit(dollars100, key).wants(t, 503, "") // it may be on its way
					h.setMethod("set", "card")
					h.clock.Move(2 * time.Minute)
					h.deposit(dollars100, key).wants(t, 200, "true")
				}
				if got := h.wallet(); got.String() != "248.50 USD" {
					t.Errorf("the wallet holds %s", got)
				}
				h.verify()
			}
		})
	}
}

// Of those who come at once under one key, one charges, and all are told the same.
func TestManyAtOnceUnderOneKeyChargeOnce(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) []*house{
		"memory": func(t *testing.T) []*house { return []*house{newSlow(t, store.Config{InMemory: true}, nil)} },
		"PostgreSQL, two services": func(t *testing.T) []*house {
			config := store.Config{URL: pgtest.Database(t)}
			first := newSlow(t, config, nil)
			return []*house{first, newSlow(t, config, first)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			houses := open(t)
			const many = 50
			var (
				all   sync.WaitGroup
				got   [many]reply
				begin = make(chan struct{})
			)
			for i := range many {
				all.Go(func() {
					<-begin
					got[i] = houses[i%len(houses)].deposit(dollars100, "the one")
				})
			}
			close(begin)
			all.Wait()
			replays := 0
			for _, r := range got {
				r.wants(t, 200, "true")
				same(t, got[0].body, r.body)
				if r.header.Get("Idempotent-Replay") == "true" {
					replays++
				}
			}
			if replays != many-1 {
				t.Errorf("%d are replays", replays)
			}
			h := houses[0]
			h.deposit(`{"amount":99,"currency":"USD"}`, "the one").wants(t, 422, "")
			if got := h.wallet(); got.String() != "248.50 USD" {
				t.Errorf("the wallet holds %s", got)
			}
			if bank := h.bank.All(); len(bank) != 1 || bank[0].Amount.String() != "100.00 USD" || bank[0].State != payment.Settled {
				t.Errorf("the bank has %+v", bank)
			}
			h.verify()
		})
	}
}

// newSlow returns a house whose bank takes a while, and is another one's if that
// is given.
func newSlow(t *testing.T, config store.Config, of *house) *house {
	t.Helper()
	bank := sandbox.Memory()
	if of != nil {
		bank = of.bank
	}
	h := newHouse(t, setup{
		store: openStore(t, config), empty: of != nil,
		billing: billing.Config{Provider: sandbox.New(sandbox.Config{Journal: bank, Latency: 200 * time.Millisecond})},
	})
	h.bank = bank
	if of != nil {
		h.company = of.company
	}
	return h
}

// Source: contract, "Rate limits": ten a minute for each user and path.
func TestDepositsAreFewAMinute(t *testing.T) {
	h := newHouse(t, setup{})
	q := request{method: "POST", path: "deposit", key: h.company.OwnerKey, body: dollars100}
	for i := range 10 {
		got := h.from(away, q)
		got.wants(t, 200, "true")
		if left := limits(got); left[0] != "10" || left[1] != fmt.Sprint(9-i) {
			t.Errorf("deposit %d: limits are %v", i+1, left)
		}
	}
	for _, address := range []string{away, elsewhere} { // by user, not by address
		got := h.from(address, q)
		got.wants(t, 429, "")
		if limits(got) != [3]string{"10", "0", "60"} || got.header.Get("Retry-After") != "60" || got.body != "" {
			t.Errorf("limits are %v, Retry-After is %q", limits(got), got.header.Get("Retry-After"))
		}
	}
	if got := h.wallet(); got.String() != "1148.50 USD" {
		t.Errorf("the wallet holds %s", got)
	}
	// Others are not hindered, nor is the user elsewhere.
	q.key = h.keyOf(billing.Admin)
	h.from(away, q).wants(t, 403, "")
	h.from(away, request{path: "customer/balance", key: h.company.OwnerKey}).wants(t, 200, "")
	q.key = ""
	if got := h.from(away, q); got.status != 401 || limits(got)[0] != "1500" {
		t.Errorf("without a key: %d %v", got.status, limits(got))
	}
	unbound := newHouse(t, setup{config: portalapi.Config{RequestsPerMinute: -1}})
	q.key = unbound.company.OwnerKey
	for range 12 {
		unbound.from(away, q).wants(t, 200, "true")
	}
}

func TestDepositTakesPOSTAlone(t *testing.T) {
	h := newHouse(t, setup{})
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		got := h.do(request{method: method, path: "deposit", key: h.company.OwnerKey})
		if got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, allowed is %q", method, got.status, got.header.Get("Allow"))
		}
		if want := apiBase + "deposit takes POST, not " + method; method != "HEAD" && got.message(t) != want {
			t.Errorf("%q, want %q", got.message(t), want)
		}
	}
	for _, path := range []string{"/API/2.0/PORTAL/PAYMENT/DEPOSIT", apiBase + "deposit/"} {
		h.do(request{method: "POST", path: path, key: h.company.OwnerKey, body: dollars100}).wants(t, 200, "true")
	}
}
