package operatorapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/operatorapi"
)

// writes are the routes that are no orders, each with a body that is good, for a
// portal acme with a user u, a key k, and a collection c1.
func writes(user, key string) []request {
	const at = "/v1/portals/acme"
	return []request{
		{method: "PATCH", path: at, body: `{"name":"n"}`},
		{method: "PUT", path: at + "/hosts/h.example", body: `{}`},
		{method: "POST", path: at + "/users", body: `{"email":"a@example.com"}`},
		{method: "PATCH", path: at + "/users/" + user, body: `{"name":"n"}`},
		{method: "POST", path: at + "/keys", body: `{"name":"n"}`},
		{method: "PUT", path: at + "/customer", body: `{"email":"a@example.com"}`},
		{method: "PUT", path: at + "/top-up-rule", body: `{"minBalance":"20","upToBalance":"100","currency":"USD"}`},
		{method: "POST", path: at + "/top-up-rule/resume", body: `{}`},
		{method: "PUT", path: at + "/credit-limit", body: `{"limit":"1","currency":"USD"}`},
		{method: "PUT", path: at + "/subscriptions", body: `{"subscriptions":[]}`},
		{method: "PUT", path: at + "/services", body: `{"services":[]}`},
		{method: "PUT", path: at + "/usage", body: `{"usage":{}}`},
		{method: "POST", path: at + "/payments", key: "in", body: `{"amount":"1","currency":"USD","reference":"r"}`},
		{method: "POST", path: "/v1/collections/c1.acme/refunds", key: "back", body: `{"amount":"1","reason":"r"}`},
		{method: "DELETE", path: at + "/hosts/h.example", body: `{}`},
		{method: "DELETE", path: at + "/keys/" + key, body: `{}`},
		{method: "DELETE", path: at + "/top-up-rule", body: `{}`},
		{method: "DELETE", path: at + "/users/" + user, body: `{}`},
	}
}

// What is no JSON, is too long or too deep, or has what nobody knows, changes nothing.
func TestWritesAreStrict(t *testing.T) {
	h := newHouse(t, setup{provider: cards(nil)})
	h.addCustomer("card")
	h.post("/v1/portals/acme/deposits", "c1", `{"amount":"5","currency":"USD"}`).expect(201)
	h.post("/v1/portals/acme/users", "", `{"email":"o@example.com","role":"owner"}`).expect(201)
	user := h.post("/v1/portals/acme/users", "", `{"email":"u@example.com"}`).expect(201).member("id")
	key := h.post("/v1/portals/acme/keys", "", `{"name":"k"}`).expect(201).member("id")
	everything := func() (all string) {
		for _, path := range []string{"", "/users", "/keys", "/subscriptions", "/services", "/usage", "/wallet"} {
			all += h.get(path).expect(200).body
		}
		return all
	}
	before := everything()
	deep := strings.Repeat(`{"a":[`, 10_000) + strings.Repeat(`]}`, 10_000)
	for _, q := range writes(user, key) {
		start := strings.TrimSuffix(q.body, "}")
		comma := ","
		if start == "{" {
			comma = ""
		}
		good := q.body
		for _, test := range []struct {
			body        string
			status      int
			code, field string
		}{
			{good + good, 400, "malformed_json", ""}, {start, 400, "malformed_json", ""}, {" ", 400, "malformed_json", ""},
			{start + comma + `"a":NaN}`, 400, "invalid_field", "a"}, {start + comma + `"colour":1}`, 400, "invalid_field", "colour"},
			{start + comma + `"__proto__":{}}`, 400, "invalid_field", "__proto__"}, {start + comma + `"version":1}`, 400, "invalid_field", "version"},
			{start + comma + `"a":` + deep + `}`, 400, "invalid_field", "a"}, {deep, 400, "invalid_field", "a"},
			{`null`, 400, "invalid_field", "body"}, {`"text"`, 400, "invalid_field", "body"}, {`[` + good + `]`, 400, "invalid_field", "body"},
			{good + strings.Repeat(" ", 10<<20), 413, "body_too_large", ""}, {good + "\xff", 400, "malformed_json", ""},
		} {
			q.body = test.body
			h.do(q).refused(test.status, test.code, test.field)
		}
		q.body, q.header = good, map[string]string{"Content-Type": "text/plain"}
		h.do(q).refused(415, "unsupported_media_type", "")
		q.header, q.secret = nil, "-"
		h.do(q).refused(401, "unauthorized", "")
	}
	if after := everything(); after != before {
		t.Errorf("%s\nbecame %s", before, after)
	}
	// And each of them is good as it stands.
	for _, q := range writes(user, key) {
		if got := h.do(q); got.status >= 300 {
			t.Errorf("%s %s: %d %s", q.method, q.path, got.status, got.body)
		}
	}
}

// A portal that is not there has nothing, and gets nothing.
func TestNothingOfUnknownPortals(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.provider = cards(nil)
		h := newHouse(t, s)
		requests := writes("u", "00000000-0000-0000-0000-000000000000")
		for _, path := range []string{
			"", "/users", "/users/u", "/keys", "/customer", "/top-up-rule", "/subscriptions", "/services", "/usage", "/transfers", "/holds", "/collections", "/audit",
		} {
			requests = append(requests, request{method: "GET", path: "/v1/portals/acme" + path})
		}
		for _, q := range requests {
			for _, id := range []string{"nobody", "ACME", "%00", "%ff"} {
				q.path = strings.Replace(q.path, "/acme", "/"+id, 1)
				h.do(q).refused(404, "not_found", "")
				q.path = strings.Replace(q.path, "/"+id, "/acme", 1)
			}
		}
		for path, field := range map[string]string{
			"transfers/t1.nobody": "", "transfers/t9.acme": "", "transfers/a1.acme": "", "holds/h1.acme": "", "holds/h1.nobody": "",
			"collections/c1.acme": "", "collections/c1.nobody": "", "transfers/h1.acme": "transfer", "holds/t1.acme": "hold",
			"collections/t1.acme": "collection", "collections/c01.acme": "collection", "collections/c0.acme": "collection", "collections/c1.": "collection",
			"collections/c9223372036854775808.acme": "collection", "collections/c-1.acme": "collection", "collections/cc1.acme": "collection",
		} {
			status, code := 404, "not_found"
			if field != "" {
				status, code = 400, "invalid_field"
			}
			h.do(request{method: "GET", path: "/v1/" + path}).refused(status, code, field)
		}
	})
}

// A route with two parts costs a charge no more than it did.
func TestFindingARouteAllocatesNothing(t *testing.T) {
	door := operatorapi.New(operatorapi.Config{})
	for _, line := range []string{"POST /v1/portals/acme/charges", "GET /v1/portals/acme/wallet", "DELETE /v1/portals/acme/hosts/a.example"} {
		method, path, _ := strings.Cut(line, " ")
		r := httptest.NewRequest(method, path, nil)
		if got := testing.AllocsPerRun(100, func() {
			if !operatorapi.Find(door, r) {
				t.Errorf("%s is not found", line)
			}
		}); got != 0 {
			t.Errorf("%s: %v allocations", line, got)
		}
	}
}
