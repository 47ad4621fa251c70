package operatorapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
)

func TestPortalChanges(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.get("").is(`{"id":"acme","name":"acme.example.com","hosts":["acme.example.com"],` + utc + `}`)
		h.patch("", `{}`).expect(200).is(h.get("").body)
		h.patch("", `{"name":"Äcme","country":"de","timeZone":"Europe/Berlin"}`).expect(200).is(
			`{"id":"acme","name":"Äcme","hosts":["acme.example.com"],"country":"DE","timeZone":"Europe/Berlin","createdAt":"` + moment + `"}`)
		h.patch("", `{"country":""}`).expect(200).is(
			`{"id":"acme","name":"Äcme","hosts":["acme.example.com"],"timeZone":"Europe/Berlin","createdAt":"` + moment + `"}`)
		for body, field := range map[string]string{
			`{"name":""}`: "name", `{"name":" "}`: "name", `{"name":null}`: "name", `{"country":"XX"}`: "country", `{"country":null}`: "country",
			`{"timeZone":""}`: "timeZone", `{"timeZone":"Local"}`: "timeZone", `{"timeZone":1}`: "timeZone", `{"id":"b"}`: "id",
			`{"hosts":["b"]}`: "hosts", `{"createdAt":"2026-01-01T00:00:00Z"}`: "createdAt", `{"owner":{"email":"a@b.c"}}`: "owner",
			`{"name":"a","name":"a"}`: "name", `[]`: "body",
		} {
			h.patch("", body).refused(400, "invalid_field", field)
		}
	})
}

func TestHosts(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.addPortal("other", "")
		for range 2 { // the same again is as good
			h.put("/hosts/WWW.Acme.example.", "").expect(200).is(
				`{"id":"acme","name":"acme.example.com","hosts":["acme.example.com","www.acme.example"],` + utc + `}`)
		}
		h.put("/hosts/2001:DB8::1", "{}").expect(200)
		h.put("/hosts/other.example.com", "").refused(409, "exists", "")
		h.put("/hosts/a_b", "").refused(400, "invalid_field", "host")
		h.put("/hosts/a:80", "").refused(400, "invalid_field", "host")
		h.put("/hosts/"+strings.Repeat("a.", 100), "").refused(404, "not_found", "")
		h.put("/hosts/a", `{"host":"a"}`).refused(400, "invalid_field", "host")
		h.put("/hosts/a", `[]`).refused(400, "invalid_field", "body")
		h.remove("/hosts/2001:db8:0::1").done()
		h.remove("/hosts/WWW.acme.example").done()
		h.remove("/hosts/www.acme.example").refused(404, "not_found", "")
		h.remove("/hosts/other.example.com").refused(404, "not_found", "")
		// What is answered for a host is another portal at once.
		v, err := h.service.View(t.Context(), "acme.example.com")
		h.must(err)
		if v.Portal.ID != acme {
			t.Errorf("it is %s", v.Portal.ID)
		}
		h.remove("/hosts/acme.example.com").done()
		h.do(request{method: "PUT", path: "/v1/portals/other/hosts/acme.example.com"}).expect(200)
		if v, err = h.service.View(t.Context(), "acme.example.com"); err != nil || v.Portal.ID != "other" {
			t.Errorf("%v", err)
		}
		for i := range 101 {
			got := h.put(fmt.Sprintf("/hosts/h%d.example", i), "")
			if i < 100 {
				got.expect(200)
			} else {
				got.refused(400, "invalid_field", "host")
			}
		}
	})
}

func TestUsers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		post := func(body string) reply { t.Helper(); return h.post("/v1/portals/acme/users", "", body) }
		ann := post(`{"email":"Ann@Example.com","name":"Ann","role":"owner"}`).expect(201)
		id := ann.member("id")
		ann.is(`{"id":"` + id + `","email":"ann@example.com","name":"Ann","role":"owner","createdAt":"` + moment + `"}`)
		h.get("/users/" + id).is(ann.body)
		bob := post(`{"email":"bob@example.com"}`).expect(201).member("id")
		h.get("/users/" + bob).is(`{"id":"` + bob + `","email":"bob@example.com","name":"bob","role":"user","createdAt":"` + moment + `"}`)
		post(`{"email":"BOB@example.com"}`).refused(409, "exists", "")
		post(`{"email":"third@example.com","role":"owner"}`).refused(409, "exists", "")
		for body, field := range map[string]string{
			`{}`: "email", `{"email":""}`: "email", `{"email":"a"}`: "email", `{"email":1}`: "email", `{"email":"a@b.c","role":"boss"}`: "role",
			`{"email":"a@b.c","role":""}`: "role", `{"email":"a@b.c","name":""}`: "name", `{"email":"a@b.c","id":"1"}`: "id",
			`{"email":"a@b.c","email":"a@b.c"}`: "email", `{"email":"a@b.c","createdAt":"2026-01-01T00:00:00Z"}`: "createdAt",
		} {
			post(body).refused(400, "invalid_field", field)
		}

		h.patch("/users/"+bob, `{"email":"ann@example.com"}`).refused(409, "exists", "")
		h.patch("/users/"+bob, `{"role":"boss"}`).refused(400, "invalid_field", "role")
		h.patch("/users/"+bob, `{"id":"x"}`).refused(400, "invalid_field", "id")
		h.patch("/users/"+id, `{"role":"admin"}`).refused(400, "invalid_field", "role")
		h.patch("/users/none", `{"role":"admin"}`).refused(404, "not_found", "")
		h.patch("/users/"+bob, `{}`).expect(200)
		h.patch("/users/"+bob, `{"email":"Rob@example.com","name":"Rob","role":"guest"}`).expect(200).is(
			`{"id":"` + bob + `","email":"rob@example.com","name":"Rob","role":"guest","createdAt":"` + moment + `"}`)
		h.remove("/users/"+id).refused(409, "in_use", "")
		h.patch("/users/"+bob, `{"role":"owner"}`).expect(200)
		if got := h.get("/users/" + id).member("role"); got != "admin" {
			t.Errorf("who was the owner is %s", got)
		}
		h.patch("/users/"+bob, `{"role":"owner"}`).expect(200)

		// Who pays, or has keys, stays.
		h.put("/customer", `{"email":"ann@example.com"}`).expect(200)
		h.remove("/users/"+id).refused(409, "in_use", "")
		h.patch("/users/"+id, `{"email":"anna@example.com"}`).expect(200)
		if got := h.get("/customer"); got.member("email") != "ann@example.com" || !strings.Contains(got.body, `"payer":{"id":"`+id+`","email":"anna@example.com"`) {
			t.Error(got.body) // the payer is the same, whatever the address
		}
		h.remove("/users/"+id).refused(409, "in_use", "")
		h.put("/customer", `{"email":"rob@example.com"}`).expect(200)
		key := h.post("/v1/portals/acme/keys", "", `{"name":"k","email":"anna@example.com"}`).expect(201).member("id")
		h.remove("/keys/" + key).done()
		h.remove("/users/"+id).refused(409, "in_use", "")
		cid := post(`{"email":"carl@example.com","role":"room_admin"}`).expect(201).member("id")
		h.remove("/users/" + cid).done()
		h.remove("/users/"+cid).refused(404, "not_found", "")
		h.get("/users/"+cid).refused(404, "not_found", "")
		h.addPortal("other", "")
		h.do(request{method: "GET", path: "/v1/portals/other/users/" + bob}).refused(404, "not_found", "")
		h.do(request{method: "DELETE", path: "/v1/portals/other/users/" + bob}).refused(404, "not_found", "")
	})
}

// A customer who was waiting for a user with its address gets one that changes to it.
func TestChangedUserPays(t *testing.T) {
	h := newHouse(t, setup{})
	h.put("/customer", `{"email":"pay@example.com"}`).expect(200)
	id := h.post("/v1/portals/acme/users", "", `{"email":"a@example.com"}`).expect(201).member("id")
	h.patch("/users/"+id, `{"email":"pay@example.com"}`).expect(200)
	if got := h.get("/customer"); !strings.Contains(got.body, `"payer":{"id":"`+id+`"`) {
		t.Error(got.body)
	}
}

func TestKeys(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		post := func(body string) reply { t.Helper(); return h.post("/v1/portals/acme/keys", "", body) }
		post(`{"name":"k"}`).refused(404, "not_found", "") // there is no owner
		owner := h.post("/v1/portals/acme/users", "", `{"email":"o@example.com","role":"owner"}`).member("id")
		made := post(`{"name":"k","scopes":["*:read"],"days":2}`).expect(201)
		secret, id := made.member("key"), made.member("id")
		rest := `"id":"` + id + `","name":"k","postfix":"` + secret[len(secret)-4:] + `","user":"` + owner + `","scopes":["*:read"],"createdAt":"` +
			moment + `","expiresAt":"2026-07-10T11:39:43.123456Z"`
		made.is(`{"key":"` + secret + `",` + rest + `}`)
		h.get("/keys").expect(200).is(`{"keys":[{` + rest + `}]}`)

		// It lets in, until it is revoked.
		enter := func() error {
			v, err := h.service.View(t.Context(), "acme.example.com")
			h.must(err)
			_, err = h.service.Authenticate(t.Context(), v, secret, billing.Reading)
			return err
		}
		h.must(enter())
		h.must(h.service.FlushKeyUses(t.Context()))
		if got := h.get("/keys"); !strings.Contains(got.body, `"lastUsedAt":"`+moment) {
			t.Error(got.body)
		}
		h.remove("/keys/sk-a-secret").refused(404, "not_found", "")
		h.remove("/keys/"+secret[len(secret)-4:]).refused(404, "not_found", "")
		h.must(enter())
		h.remove("/keys/" + id).done()
		if err := enter(); err == nil {
			t.Error("a revoked key lets in")
		}
		h.clock.Move(time.Hour)
		h.remove("/keys/" + id).done()
		if got := h.get("/keys"); !strings.Contains(got.body, `"revokedAt":"`+moment+`"`) {
			t.Error(got.body)
		}
		h.remove("/keys/00000000-0000-0000-0000-000000000000").refused(404, "not_found", "")
		h.addPortal("other", "")
		h.do(request{method: "DELETE", path: "/v1/portals/other/keys/" + id}).refused(404, "not_found", "")
		if got := post(`{"name":"all"}`).expect(201); !strings.Contains(got.body, `"scopes":["*"]`) || strings.Contains(got.body, "expiresAt") {
			t.Error(got.body)
		}
		post(`{"name":"k","email":"nobody@example.com"}`).refused(404, "not_found", "")
		for body, field := range map[string]string{
			`{}`: "name", `{"name":""}`: "name", `{"name":"` + strings.Repeat("a", 31) + `"}`: "name", `{"name":"k","days":0}`: "days",
			`{"name":"k","days":366}`: "days", `{"name":"k","days":9007199254740992}`: "days", `{"name":"k","days":"1"}`: "days",
			`{"name":"k","days":4294967297}`: "days", `{"name":"k","scopes":["everything"]}`: "scopes", `{"name":"k","scopes":"*"}`: "scopes",
			`{"name":"k","key":"sk-mine"}`: "key", `{"name":"k","user":"x"}`: "user", `{"name":"k","email":""}`: "email",
		} {
			post(body).refused(400, "invalid_field", field)
		}
		if strings.Contains(h.log.String(), secret) {
			t.Error("the key was logged")
		}
	})
}

func TestCustomers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.get("/customer").refused(404, "not_found", "")
		h.put("/customer", `{"methodStatus":"set"}`).refused(400, "invalid_field", "email")
		h.put("/customer", `{"email":"Pay@Example.com"}`).expect(200).is(
			`{"portal":"acme","accountNumber":100001,"email":"pay@example.com","methodStatus":"none","createdAt":"` + moment + `"}`)
		h.clock.Move(time.Hour)
		h.put("/customer", `{"email":"pay@example.com","methodStatus":"set","methodType":"card"}`).expect(200).is(
			`{"portal":"acme","accountNumber":100001,"email":"pay@example.com","methodStatus":"set","methodType":"card","createdAt":"` + moment + `"}`)
		h.put("/customer", `{"email":"new@example.com"}`).expect(200).is(
			`{"portal":"acme","accountNumber":100001,"email":"new@example.com","methodStatus":"set","methodType":"card","createdAt":"` + moment + `"}`)
		for body, field := range map[string]string{
			`{"email":""}`: "email", `{"email":"a"}`: "email", `{"email":"a@b.c","methodStatus":"maybe"}`: "methodStatus",
			`{"email":"a@b.c","methodType":"` + strings.Repeat("a", 51) + `"}`: "methodType", `{"email":"a@b.c","methodType":""}`: "methodType",
			`{"email":"a@b.c","accountNumber":1}`: "accountNumber", `{"email":"a@b.c","balance":"5"}`: "balance", `{"email":"a@b.c","payer":{}}`: "payer",
		} {
			h.put("/customer", body).refused(400, "invalid_field", field)
		}
		if got := h.purse(acme); got != "USD 100.00 0.00 100.00, 1" {
			t.Error(got)
		}
	})
}

func TestTopUpRules(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.get("/top-up-rule").refused(404, "not_found", "")
		h.remove("/top-up-rule").done()
		const rest = `"minBalance":"20.00","upToBalance":"100.50","currency":"USD","modifiedAt":"` + moment + `","caps":{},"limits":{"charge":"100.50","day":"301.50","month":"2010.00","count":5}}`
		h.put("/top-up-rule", `{"minBalance":"20","upToBalance":1.005e2,"currency":"USD"}`).expect(200).is(`{"portal":"acme","enabled":true,` + rest)
		h.put("/top-up-rule", `{"minBalance":"20","upToBalance":"100.5","currency":"USD","enabled":false}`).expect(200).is(`{"portal":"acme","enabled":false,` + rest)
		for body, field := range map[string]string{
			`{}`: "minBalance", `{"minBalance":"20"}`: "upToBalance", `{"minBalance":"20","upToBalance":"100"}`: "currency",
			`{"minBalance":"20","upToBalance":"100","currency":"XAU"}`:                                  "currency",
			`{"minBalance":"20","upToBalance":"100","currency":""}`:                                     "currency",
			`{"minBalance":"4.99","upToBalance":"100","currency":"USD"}`:                                "minBalance",
			`{"minBalance":-20,"upToBalance":"100","currency":"USD"}`:                                   "minBalance",
			`{"minBalance":1e400,"upToBalance":"100","currency":"USD"}`:                                 "minBalance",
			`{"minBalance":"20","upToBalance":"NaN","currency":"USD"}`:                                  "upToBalance",
			`{"minBalance":"20","upToBalance":"5001","currency":"USD"}`:                                 "upToBalance",
			`{"minBalance":"100","upToBalance":"100","currency":"USD"}`:                                 "upToBalance",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","enabled":1}`:                      "enabled",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","enabled":"true"}`:                 "enabled",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","enabled":null}`:                   "enabled",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","caps":null}`:                      "caps",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","caps":{"charge":"0.5"}}`:          "caps.charge",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","caps":{"day":-1}}`:                "caps.day",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","caps":{"month":"many"}}`:          "caps.month",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","caps":{"count":1441}}`:            "caps.count",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","caps":{"count":9e15}}`:            "caps.count",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","caps":{"year":"1"}}`:              "caps.year",
			`{"minBalance":"20","upToBalance":"100","currency":"USD","modifiedAt":"2026-01-01T00:00Z"}`: "modifiedAt",
		} {
			h.put("/top-up-rule", body).refused(400, "invalid_field", field)
		}
		h.get("/top-up-rule").is(`{"portal":"acme","enabled":false,` + rest)
		const capped = `{"portal":"acme","enabled":true,"minBalance":"20.00","upToBalance":"100.00","currency":"USD","modifiedAt":"` + moment +
			`","caps":{"day":"150.00","count":2},"limits":{"charge":"100.00","day":"150.00","month":"2000.00","count":2}}`
		h.put("/top-up-rule", `{"minBalance":"20","upToBalance":"100","caps":{"day":150,"count":2,"month":"0"},"currency":"USD"}`).expect(200).is(capped)
		h.put("/top-up-rule", `{"minBalance":"20","upToBalance":"100","currency":"USD"}`).expect(200).is(capped)
		h.post("/v1/portals/acme/top-up-rule/resume", "", "{}").expect(200).is(`{"portal":"acme","resumed":false}`)
		h.post("/v1/portals/nobody/top-up-rule/resume", "", "{}").refused(404, "not_found", "")
		h.remove("/top-up-rule").done()
		h.get("/top-up-rule").refused(404, "not_found", "")
	})
}

func TestWhatAPortalHas(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.get("/subscriptions").is(`{"portal":"acme","subscriptions":[]}`)
		h.get("/services").is(`{"portal":"acme","services":[]}`)
		h.get("/usage").is(`{"portal":"acme","usage":{}}`)
		h.put("/subscriptions", `{"subscriptions":[{"plan":-9,"quantity":10,"dueAt":"2026-12-31T23:59:59+01:00"},{"plan":-11,"quantity":1}]}`).expect(200).is(
			`{"portal":"acme","subscriptions":[{"plan":-9,"quantity":10,"dueAt":"2026-12-31T22:59:59.000000Z"},{"plan":-11,"quantity":1}]}`)
		h.put("/subscriptions", `{"subscriptions":[]}`).expect(200).is(`{"portal":"acme","subscriptions":[]}`)
		h.put("/services", `{"services":[-12,-13]}`).expect(200).is(`{"portal":"acme","services":[-12,-13]}`)
		h.put("/services", `{"services":[]}`).expect(200).is(`{"portal":"acme","services":[]}`)
		h.put("/usage", `{"usage":{"total_size":9007199254740991,"manager":0}}`).expect(200).is(`{"portal":"acme","usage":{"manager":0,"total_size":9007199254740991}}`)
		h.put("/usage", `{"usage":{"manager":4}}`).expect(200).is(`{"portal":"acme","usage":{"manager":4,"total_size":9007199254740991}}`)
		h.put("/usage", `{"usage":{}}`).expect(200)
		one := func(rest string) string { return `{"subscriptions":[{"plan":-9` + rest + `}]}` }
		for _, test := range []struct{ path, body, field string }{
			{"subscriptions", `{}`, "subscriptions"}, {"subscriptions", `{"subscriptions":{}}`, "subscriptions"}, {"subscriptions", `[]`, "body"},
			{"subscriptions", `{"subscriptions":null}`, "subscriptions"}, {"subscriptions", `{"subscriptions":[1]}`, "subscriptions"},
			{"subscriptions", `{"subscriptions":[],"subscriptions":[]}`, "subscriptions"}, {"subscriptions", `{"portal":"b","subscriptions":[]}`, "portal"},
			{"subscriptions", one(``), "subscriptions.quantity"}, {"subscriptions", `{"subscriptions":[{"quantity":1}]}`, "subscriptions.plan"},
			{"subscriptions", one(`,"quantity":0`), "subscriptions.quantity"}, {"subscriptions", one(`,"quantity":-1`), "subscriptions.quantity"},
			{"subscriptions", one(`,"quantity":1.5`), "subscriptions.quantity"}, {"subscriptions", one(`,"quantity":1e400`), "subscriptions.quantity"},
			{"subscriptions", one(`,"quantity":9223372036854775808`), "subscriptions.quantity"}, {"subscriptions", one(`,"quantity":"1"`), "subscriptions.quantity"},
			{"subscriptions", one(`,"quantity":9007199254740991`), "quantity"}, // more than can be priced
			{"subscriptions", one(`,"quantity":1,"dueAt":"tomorrow"`), "subscriptions.dueAt"}, {"subscriptions", one(`,"quantity":1,"dueAt":""`), "subscriptions.dueAt"},
			{"subscriptions", one(`,"quantity":1,"dueAt":"2026-12-31T23:59:59.0000001Z"`), "subscriptions.dueAt"},
			{"subscriptions", one(`,"quantity":1,"dueAt":1767225599`), "subscriptions.dueAt"}, {"subscriptions", one(`,"quantity":1,"price":"0"`), "subscriptions.price"},
			{"subscriptions", one(`,"plan":-9,"quantity":1`), "subscriptions.plan"}, {"subscriptions", `{"subscriptions":[{"plan":-99,"quantity":1}]}`, "plan"},
			{"subscriptions", `{"subscriptions":[{"plan":-11,"quantity":1}]}`, "plan"}, {"subscriptions", `{"subscriptions":[{"plan":-9223372036854775809,"quantity":1}]}`, "subscriptions.plan"},
			{"subscriptions", `{"subscriptions":[` + strings.Repeat(`{"plan":-9,"quantity":1},`, 100) + `{"plan":-9,"quantity":1}]}`, "subscriptions"},
			{"services", `{}`, "services"}, {"services", `{"services":["backup"]}`, "services"}, {"services", `{"services":[-9]}`, "service"},
			{"services", `{"services":[-13,-13]}`, "service"}, {"services", `{"services":[1e2]}`, "services"}, {"services", `{"services":-13}`, "services"},
			{"usage", `{}`, "usage"}, {"usage", `{"usage":[]}`, "usage"}, {"usage", `{"manager":4}`, "manager"}, {"usage", `{"usage":{"admins":4}}`, "usage.admins"},
			{"usage", `{"usage":{"manager":-1}}`, "usage.manager"}, {"usage", `{"usage":{"manager":1.0}}`, "usage.manager"}, {"usage", `{"usage":{"manager":"4"}}`, "usage.manager"},
			{"usage", `{"usage":{"manager":9007199254740992}}`, "usage.manager"}, {"usage", `{"usage":{"manager":9223372036854775808}}`, "usage.manager"},
			{"usage", `{"usage":{"manager":1e400}}`, "usage.manager"}, {"usage", `{"usage":{"manager":4,"manager":4}}`, "usage.manager"},
			{"usage", `{"usage":{"manager":null}}`, "usage.manager"}, {"usage", `{"usage":{"manager":{"a":1}}}`, "usage.manager"},
		} {
			h.put("/"+test.path, test.body).refused(400, "invalid_field", test.field)
		}
		h.get("/subscriptions").is(`{"portal":"acme","subscriptions":[]}`)
		h.get("/services").is(`{"portal":"acme","services":[]}`)
		h.get("/usage").is(`{"portal":"acme","usage":{"manager":4,"total_size":9007199254740991}}`)
	})
}

func TestCreditLimits(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		pocket := func(balance, available, limit string) string {
			return `{"book":"main","currency":"USD","balance":"` + balance + `","held":"0.00","available":"` + available + `"` + limit + `}`
		}
		h.charge(acme, "all", "100").expect(201)
		h.charge(acme, "more", "1").refused(402, "insufficient_funds", "")
		h.put("/credit-limit", `{"limit":50,"currency":"USD"}`).expect(200).is(
			`{"portal":"acme","pockets":[` + pocket("0.00", "0.00", `,"creditLimit":"50.00"`) + `],"transfers":2}`)
		h.charge(acme, "more", "50.01").refused(402, "insufficient_funds", "")
		h.charge(acme, "more", "50").expect(201)
		h.put("/credit-limit", `{"limit":"0","currency":"USD","book":"main"}`).expect(200).is(
			`{"portal":"acme","pockets":[` + pocket("-50.00", "-50.00", "") + `],"transfers":3}`)
		h.charge(acme, "none", "0.01").refused(402, "insufficient_funds", "")
		h.put("/credit-limit", `{"limit":"1","currency":"KWD","book":"ai"}`).expect(200).is(
			`{"portal":"acme","pockets":[` + pocket("-50.00", "-50.00", "") +
				`,{"book":"ai","currency":"KWD","balance":"0.000","held":"0.000","available":"0.000","creditLimit":"1.000"}],"transfers":3}`)
		for body, field := range map[string]string{
			`{}`: "limit", `{"limit":"1"}`: "currency", `{"limit":"-1","currency":"USD"}`: "limit", `{"limit":-1,"currency":"USD"}`: "limit",
			`{"limit":"NaN","currency":"USD"}`: "limit", `{"limit":1e400,"currency":"USD"}`: "limit", `{"limit":9223372036854775808,"currency":"USD"}`: "limit",
			`{"limit":"1","currency":"XXY"}`: "currency", `{"limit":"1","currency":"USD","book":"other"}`: "book", `{"limit":"1","currency":"USD","book":""}`: "book",
			`{"limit":null,"currency":"USD"}`: "limit", `{"limit":"1","currency":"USD","balance":"5"}`: "balance",
		} {
			h.put("/credit-limit", body).refused(400, "invalid_field", field)
		}
		if got := h.purse(acme); got != "USD -50.00 0.00 -50.00, KWD 0.000 0.000 0.000, 3" {
			t.Error(got)
		}
	})
}

func TestCatalog(t *testing.T) {
	h := newHouse(t, setup{})
	got := h.do(request{method: "GET", path: "/v1/catalog"}).expect(200)
	got.starts(`{"currencies":["USD","EUR","GBP","JPY","KWD"],"plans":[{"id":-1,"name":"trial","visible":false,"wallet":false,"additional":false,"minimum":1,"features":"`)
	plans, _ := got.elements("plans")
	if len(plans) != len(h.service.Catalog().All()) {
		t.Errorf("%d plans", len(plans))
	}
	if !strings.Contains(got.body, `"id":-9,"name":"admin","title":"Business","product":"1006","period":"month","visible":true,"wallet":false,`) ||
		!strings.Contains(got.body, `"prices":[{"amounts":{"USD":"20.00","EUR":"18.50","GBP":"16.00","JPY":"3000","KWD":"6.150"}}]`) {
		t.Error(got.body)
	}
}
