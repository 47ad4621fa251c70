package operatorapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// good is a charge but for its end.
const good = `{"service":"backup","amount":"1","currency":"USD"`

func TestStrictDecoding(t *testing.T) {
	h := newHouse(t, setup{})
	before := h.purse(acme)
	for _, test := range []struct{ body, field string }{ // field "" is malformed JSON
		{``, "service"},
		{`{}`, "service"},
		{`{"service":"a"}`, "amount"},
		{`{"service":"a","amount":"1"}`, "currency"},
		{`[]`, "body"},
		{`null`, "body"},
		{`"a"`, "body"},
		{`12`, "body"},
		{good + `,"colour":"red"}`, "colour"},
		{good + `,"Service":"a"}`, "Service"},
		{good + `,"portal":"acme"}`, "portal"},
		{good + `,"seconds":1}`, "seconds"},
		{good + `,"service":"backup"}`, "service"},
		{good + `,"\u0073ervice":"backup"}`, "service"},
		{good + `,"metadata":{"a":"1","a":"1"}}`, "metadata.a"},
		{good + `,"metadata":{"a":null}}`, "metadata.a"},
		{good + `,"metadata":{"a":{}}}`, "metadata.a"},
		{good + `,"metadata":{"a":[1]}}`, "metadata.a"},
		{good + `,"metadata":{"":"1"}}`, "metadata"},
		{good + `,"metadata":{"a":"\n"}}`, "metadata a"},
		{good + `,"metadata":[]}`, "metadata"},
		{good + `,"metadata":null}`, "metadata"},
		{good + `,"metadata":{` + manyMembers(33) + `}}`, "metadata"},
		{good + `,"metadata":{"` + strings.Repeat("n", 65) + `":"1"}}`, "metadata"},
		{good + `,"metadata":{"a":"` + strings.Repeat("n", 1025) + `"}}`, "metadata a"},
		{good + `,"quantity":0}`, "quantity"},
		{good + `,"quantity":-1}`, "quantity"},
		{good + `,"quantity":1.0}`, "quantity"},
		{good + `,"quantity":1e3}`, "quantity"},
		{good + `,"quantity":"1"}`, "quantity"},
		{good + `,"quantity":null}`, "quantity"},
		{good + `,"quantity":true}`, "quantity"},
		{good + `,"quantity":9007199254740992}`, "quantity"},
		{good + `,"quantity":99999999999999999999}`, "quantity"},
		{good + `,"participant":1}`, "participant"},
		{good + `,"participant":"\u0000"}`, "participant"},
		{good + `,"participant":"` + strings.Repeat("p", 256) + `"}`, "participant"},
		{`{"service":"A","amount":"1","currency":"USD"}`, "service"},
		{`{"service":"","amount":"1","currency":"USD"}`, "service"},
		{`{"service":"a","amount":"1","currency":"usd"}`, "currency"},
		{`{"service":"a","amount":"1","currency":"XXY"}`, "currency"},
		{`{"service":"a","amount":"1","currency":""}`, "currency"},
		{`{"service":"a","amount":"1","currency":["USD"]}`, "currency"},
		{`{"service":"a","amount":"0","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":-0,"currency":"USD"}`, "amount"},
		{`{"service":"a","amount":"-1","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":"","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":"1,5","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":" 1","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":"0x1","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":"NaN","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":"0.000000001","currency":"USD"}`, "amount"},
		{`{"service":"a","amount":1e999,"currency":"USD"}`, "amount"},
		{`{"service":"a","amount":92233720368.54775808,"currency":"USD"}`, "amount"},
		{`{"service":"a","amount":null,"currency":"USD"}`, "amount"},
		{`{"service":"a","amount":{"value":1},"currency":"USD"}`, "amount"},

		{good + `,"\n\u0001\"\\":1}`, "\n\x01\"\\"},
		{good + `,"` + strings.Repeat("é", 60) + `":1}`, strings.Repeat("é", 50) + "…"},
		{good + `,"a` + strings.Repeat("é", 60) + `":1}`, "a" + strings.Repeat("é", 49) + "…"},
		{`{"service":"` + strings.Repeat("é", 500) + `","amount":"1","currency":"USD"}`, "service"},

		{good + `} {}`, ""},
		{good + `,"par`, ""},
		{good + `,1:2}`, ""},
		{good + `,"participant":"\`, ""},
		{good + `,"participant":"\n`, ""},
		{good + `,"participant":"\u00`, ""},
		{good + `},`, ""},
		{good + `,}`, ""},
		{good, ""},
		{good + `,"participant":"p`, ""},
		{good + `,"participant":'p'}`, ""},
		{good + `,participant:"p"}`, ""},
		{good + `,"participant" "p"}`, ""},
		{good + `,"participant":}`, ""},
		{good + ` "participant":"p"}`, ""},
		{good + `,"participant":"` + "\x00" + `"}`, ""},
		{good + `,"participant":"a\` + "\n" + `"}`, ""},
		{good + `,"participant":"` + "\xff" + `"}`, ""},
		{good + `,"participant":"\ud83d"}`, ""},
		{good + `,"participant":"\ud83d\u0041"}`, ""},
		{good + `,"participant":"\ude00"}`, ""},
		{good + `,"participant":"\u00g0"}`, ""},
		{good + `,"participant":"\u00"}`, ""},
		{good + `,"participant":"\x41"}`, ""},
		{good + `,"quantity":01}`, ""},
		{good + `,"quantity":+1}`, ""},
		{good + `,"quantity":1.}`, ""},
		{good + `,"quantity":.5}`, ""},
		{good + `,"quantity":1e}`, ""},
		{good + `,"quantity":-}`, ""},
		{good + `,"metadata":{"a":tru}}`, ""},
		{good + `,"metadata":{"a":1,}}`, ""},
		{good + ` /* why */}`, ""},
		{"\ufeff" + good + `}`, ""},
		{` `, ""},
		{`x`, ""},
	} {
		status, code := 400, "malformed_json"
		if test.field != "" {
			code = "invalid_field"
		}
		h.post("/v1/portals/acme/charges", "strict", test.body).refused(status, code, test.field)
	}
	if after := h.purse(acme); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func manyMembers(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"m%d":%d`, i, i)
	}
	return strings.Join(all, ",")
}

func TestWhatIsJustAllowed(t *testing.T) {
	h := newHouse(t, setup{})
	for i, body := range []string{
		"\r\n\t " + good + " } \n",
		`{"service":"a","amount":0.00000001,"currency":"USD"}`,
		`{"service":"a","amount":1E-2,"currency":"USD"}`,
		`{"service":"a","amount":"0.100000000000","currency":"USD"}`,
		good + `,"quantity":9007199254740991}`,
		good + `,"participant":"\ud83d\ude00\/\"\\ \u00e9"}`,
		good + `,"participant":"\u00C9\u00e9"}`,
		good + `,"participant":"` + strings.Repeat("p", 255) + `"}`,
		good + `,"metadata":{` + manyMembers(32) + `}}`,
		good + `,"metadata":{"a":-1.50e+3,"b":false,"` + strings.Repeat("n", 64) + `":"` + strings.Repeat("v", 1024) + `"}}`,
	} {
		h.post("/v1/portals/acme/charges", fmt.Sprint(i), body).expect(201)
	}
	for _, key := range []string{"!", strings.Repeat("k", 255), "a b ~"} {
		h.charge(acme, key, "1").expect(201)
	}
}

// Each member of the other routes is looked at, too.
func TestStrictElsewhere(t *testing.T) {
	h := newHouse(t, setup{})
	hold := "/v1/holds/" + h.hold(acme, "h", "1")
	for _, test := range []struct{ path, body, field string }{
		{"/v1/portals/acme/holds", good + `,"seconds":0}`, "seconds"},
		{"/v1/portals/acme/holds", good + `,"seconds":2678401}`, "seconds"},
		{"/v1/portals/acme/holds", good + `,"seconds":9223372036854775807}`, "seconds"},
		{"/v1/portals/acme/holds", good + `,"seconds":"60"}`, "seconds"},
		{hold + "/complete", `{"amount":"0"}`, "amount"},
		{hold + "/complete", `{"amount":"0","currency":"USD"}`, "amount"},
		{hold + "/complete", `{"amount":"-1"}`, "amount"},
		{hold + "/complete", `{"amount":null}`, "amount"},
		{hold + "/complete", `{"amount":"1","currency":""}`, "currency"},
		{hold + "/complete", `{"currency":"USD"}`, "currency"},
		{hold + "/complete", `{"quantity":0}`, "quantity"},
		{hold + "/complete", `{"service":"a"}`, "service"},
		{hold + "/complete", `{"hold":"h1.acme"}`, "hold"},
		{hold + "/extend", `{"seconds":0}`, "seconds"},
		{hold + "/extend", `{"seconds":99999999999999}`, "seconds"},
		{hold + "/void", `{"seconds":1}`, "seconds"},
		{"/v1/portals/acme/credits", `{"amount":"1","currency":"USD"}`, "reason"},
		{"/v1/portals/acme/credits", `{"amount":"1","currency":"USD","reason":""}`, "reason"},
		{"/v1/portals/acme/credits", `{"amount":"1","currency":"USD","reason":"r","kind":"gift"}`, "kind"},
		{"/v1/portals/acme/credits", `{"amount":"1","currency":"USD","reason":"r","kind":""}`, "kind"},
		{"/v1/portals/acme/credits", `{"amount":"0","currency":"USD","reason":"r"}`, "amount"},
		{"/v1/portals/acme/credits", `{"amount":"92233720368","currency":"USD","reason":"r"}`, "amount"}, // more than can be counted
		{"/v1/portals/acme/corrections", `{"reason":"r"}`, "transfer"},
		{"/v1/portals/acme/corrections", `{"transfer":"t1.acme"}`, "reason"},
		{"/v1/portals/acme/corrections", `{"transfer":"t1.acme","reason":"r","amount":"0"}`, "amount"},
		{"/v1/portals/acme/corrections", `{"transfer":"t01.acme","reason":"r"}`, "transfer"},
		{"/v1/portals/acme/deposits", `{"amount":"1","currency":"USD","reason":"r"}`, "reason"},
		{"/v1/portals/acme/deposits", `{"amount":"1"}`, "currency"},
	} {
		h.post(test.path, "strict", test.body).refused(400, "invalid_field", test.field)
	}
	if got := h.purse(acme); got != "USD 100.00 1.00 99.00, 1" {
		t.Error(got)
	}
}

func TestKeysAreNeeded(t *testing.T) {
	h := newHouse(t, setup{})
	for _, route := range []string{
		"portals/acme/charges", "portals/acme/holds", "portals/acme/credits", "portals/acme/corrections", "portals/acme/deposits", "portals/acme/payments",
		"collections/c1.acme/refunds",
		"holds/h1.acme/complete", "holds/h1.acme/extend", "holds/h1.acme/void",
	} {
		h.post("/v1/"+route, "", `{}`).refused(400, "idempotency_key_missing", "")
	}
	for _, key := range []string{"bursar:1", strings.Repeat("k", 256), "ä", "a\tb"} {
		h.charge(acme, key, "1").refused(400, "invalid_field", "Idempotency-Key")
	}
	r := request{method: "POST", path: "/v1/portals/acme/charges", body: good + "}"}.build(t, "")
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("two keys: %d", w.Code)
	}
}

func TestMediaTypes(t *testing.T) {
	h := newHouse(t, setup{})
	for i, test := range []struct {
		name, value string
		status      int
	}{
		{"Content-Type", "", 201},
		{"Content-Type", "application/json", 201},
		{"Content-Type", "Application/JSON; charset=UTF-8", 201},
		{"Content-Type", "application/vnd.acme+json", 201},
		{"Content-Type", "application/x-www-form-urlencoded", 201},
		{"Content-Type", "text/plain", 415},
		{"Content-Type", "text/json+json", 415},
		{"Content-Type", "application/json; charset=latin1", 415},
		{"Content-Type", ";", 415},
		{"Content-Encoding", "identity", 201},
		{"Content-Encoding", "gzip", 415},
	} {
		got := h.do(request{
			method: "POST", path: "/v1/portals/acme/charges", key: fmt.Sprint(i), body: good + "}", loose: true,
			header: map[string]string{test.name: test.value},
		})
		if got.status != test.status {
			t.Errorf("%s: %s: %d %s", test.name, test.value, got.status, got.body)
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	h := newHouse(t, setup{})
	for _, chunked := range []bool{false, true} {
		for _, test := range []struct{ length, status int }{{1 << 20, 201}, {1<<20 + 1, 413}, {3 << 20, 413}} {
			body := good + strings.Repeat(" ", test.length-len(good)-1) + "}"
			got := h.do(request{
				method: "POST", path: "/v1/portals/acme/charges", key: fmt.Sprint(chunked), body: body, chunked: chunked,
			})
			if got.status != test.status {
				t.Errorf("%d bytes, in chunks: %t: %d %s", test.length, chunked, got.status, got.body)
			}
		}
	}
}

// A body that breaks off is not taken for one that ends.
func TestBodyThatBreaksOff(t *testing.T) {
	h := newHouse(t, setup{})
	r := request{method: "POST", path: "/v1/portals/acme/charges", key: "k", body: good + "}"}.build(t, "")
	r.ContentLength += 10
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), `"code":"malformed_json"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := h.purse(acme); got != "USD 100.00 0.00 100.00, 1" {
		t.Error(got)
	}
}

func TestNesting(t *testing.T) {
	h := newHouse(t, setup{})
	deep := strings.Repeat(`{"a":[`, 1000) + strings.Repeat(`]}`, 1000)
	h.post("/v1/portals/acme/charges", "k", good+`,"metadata":{"a":`+deep+`}}`).refused(400, "invalid_field", "metadata.a")
	h.post("/v1/portals/acme/charges", "k", deep).refused(400, "invalid_field", "a")
	h.post("/v1/batch", "", `[{"key":"k","metadata":{"a":`+deep+`}}]`).refused(400, "malformed_json", "")
	h.post("/v1/batch", "", deep).refused(400, "invalid_field", "a")
}

// fuzzed are the routes that FuzzRequests sends to.
var fuzzed = []string{
	"POST /v1/portals/acme/charges", "POST /v1/portals/acme/holds", "POST /v1/holds/h1.acme/complete", "POST /v1/holds/h1.acme/extend",
	"POST /v1/holds/h2.acme/void", "POST /v1/batch", "POST /v1/portals/acme/credits", "POST /v1/portals/acme/corrections",
	"POST /v1/portals/acme/deposits", "POST /v1/portals", "GET /v1/portals/acme/wallet", "POST /v1/portals/%00%ff/charges",
	"PATCH /v1/portals/acme", "POST /v1/portals/acme/users", "PATCH /v1/portals/acme/users/u", "POST /v1/portals/acme/keys",
	"PUT /v1/portals/acme/customer", "PUT /v1/portals/acme/top-up-rule", "PUT /v1/portals/acme/credit-limit",
	"PUT /v1/portals/acme/subscriptions", "PUT /v1/portals/acme/services", "PUT /v1/portals/acme/usage", "PUT /v1/portals/acme/hosts/%ff",
}

// Nothing that anybody sends is our fault, and nothing unbalances the books.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		good + "}", good + `,"metadata":{"a":1}}`, `{"amount":1e2}`, `{"seconds":60}`, `[]`, `{"requests":[{"key":"k","type":"void","hold":"h1.acme"}]}`,
		`[{"key":"k","portal":"acme","type":"credit","amount":"92233720368","currency":"USD","reason":"r"},{}]`,
		`{"transfer":"t1.acme","reason":"\ud83d\ude00"}`, `{"name":"n","host":"a.example","owner":{"email":"a@b.c"}}`, "\"\\u", `{"a":[[[{}]]]}`,
		`{"email":"a@b.c","role":"owner","methodType":"card"}`, `{"minBalance":"20","upToBalance":1e2,"currency":"USD","enabled":false}`,
		`{"limit":"9e10","currency":"JPY","book":"ai"}`, `{"subscriptions":[{"plan":-9,"quantity":1,"dueAt":"9999-12-31T23:59:59Z"}]}`,
		`{"services":[-13],"usage":{"manager":1}}`, `{"name":"\u0000","country":"","timeZone":"../etc"}`, `{"name":"k","scopes":["*"],"days":365}`,
	} {
		for route := range uint8(len(fuzzed)) {
			f.Add(route, "k", seed)
		}
	}
	h := fuzzHouse(f)
	f.Fuzz(func(t *testing.T, route uint8, key, body string) {
		method, path, _ := strings.Cut(fuzzed[int(route)%len(fuzzed)], " ")
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header["Authorization"] = []string{"Bearer " + theKey}
		r.Header["Idempotency-Key"] = []string{key}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError || strings.Contains(w.Body.String(), `"status":5`) {
			t.Errorf("%s %s with %q: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}

func fuzzHouse(t testing.TB) http.Handler {
	h := newHouse(t, setup{provider: cards(nil)})
	h.addCustomer("card")
	return h.handler
}
