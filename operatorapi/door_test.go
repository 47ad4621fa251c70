package operatorapi_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/store"
)

func TestPortals(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		post := func(key, body string) reply { t.Helper(); return h.post("/v1/portals", key, body) }
		post("", `{"name":"Example & Söhne","host":"Portal.Example.COM","id":"example","country":"de","owner":{"email":"o@example.com","name":"O"}}`).
			expect(201).starts(`{"id":"example","name":"Example & Söhne","hosts":["portal.example.com"],"country":"DE","timeZone":"UTC","owner":{"id":"`)
		if p, err := h.service.Portal(t.Context(), "example"); err != nil || p.Owner == nil || p.Owner.Name != "O" || p.Country != "DE" {
			t.Errorf("%+v, %v", p, err)
		}
		drawn := post("", `{"hosts":["b.example.com","a.example.com"]}`).expect(201)
		if id := drawn.member("id"); !strings.HasPrefix(id, "portal-") || !strings.Contains(drawn.body, `"name":"b.example.com","hosts":["a.example.com","b.example.com"]`) {
			t.Error(drawn.body)
		}
		if p, err := h.service.Portal(t.Context(), drawn.member("id")); err != nil || p.Owner != nil {
			t.Errorf("%+v, %v", p, err)
		}
		post("", `{"host":"a.example.com"}`).refused(409, "portal_exists", "")
		post("", `{"id":"example","name":"n"}`).refused(409, "portal_exists", "")
		// A key makes it once even where nothing else would tell.
		post("key", `{"name":"n"}`).expect(201).is(`{"id":"portal-2c70e12b7a0646f92279","name":"n","hosts":[],` + utc + `}`)
		post("key", `{"name":"n"}`).refused(409, "portal_exists", "")
		for _, test := range []struct{ body, field string }{
			{`{}`, "name"},
			{`{"name":1}`, "name"},
			{`{"name":""}`, "name"},
			{`{"name":"n","id":"A"}`, "id"},
			{`{"name":"n","id":""}`, "id"},
			{`{"name":"n","host":"a:80"}`, "host"},
			{`{"name":"n","host":["a"]}`, "host"},
			{`{"name":"n","hosts":"a"}`, "hosts"},
			{`{"name":"n","hosts":[1]}`, "hosts"},
			{`{"name":"n","hosts":["a","A"]}`, "host"},
			{`{"name":"n","hosts":["a"],"host":"b"}`, "hosts"},
			{`{"name":"n","hosts":[` + strings.Repeat(`"a",`, 100) + `"a"]}`, "hosts"},
			{`{"name":"n","country":"XX"}`, "country"},
			{`{"name":"n","timeZone":"Mars"}`, "timeZone"},
			{`{"name":"n","owner":null}`, "owner"},
			{`{"name":"n","owner":{}}`, "owner.email"},
			{`{"name":"n","owner":{"email":"a"}}`, "email"},
			{`{"name":"n","owner":{"email":"a@b.c","email":"a@b.c"}}`, "owner.email"},
			{`{"name":"n","owner":{"email":"a@b.c","role":"owner"}}`, "owner.role"},
			{`{"name":"n","name":"n"}`, "name"},
			{`{"name":"n","plan":1}`, "plan"},
			{`{"name":"n"} 1`, ""},
			{``, ""},
		} {
			code := "invalid_field"
			if test.field == "" {
				code = "malformed_json"
			}
			post("", test.body).refused(400, code, test.field)
		}
	})
}

func TestUnknownPortals(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.provider = cards(nil)
		h := newHouse(t, s)
		for _, id := range []string{"nobody", "A", "%00", "%ff", "a%2Fb", "..", "%20", strings.Repeat("a", 65), strings.Repeat("a", 500)} {
			path := "/v1/portals/" + id + "/"
			h.do(request{method: "GET", path: path + "wallet"}).refused(404, "not_found", "")
			h.post(path+"charges", "k", good+"}").refused(404, "not_found", "")
			h.post(path+"deposits", "k", `{"amount":"1","currency":"USD"}`).refused(404, "not_found", "")
		}
		h.post("/v1/holds/%00/void", "k", ``).refused(404, "not_found", "")
	})
}

func TestWalletOfABarePortal(t *testing.T) {
	h := newHouse(t, setup{})
	h.addPortal("bare", "")
	got := h.do(request{method: "GET", path: "/v1/portals/bare/wallet"}).is(`{"portal":"bare","pockets":[],"transfers":0}`)
	head := h.do(request{method: "HEAD", path: "/v1/portals/bare/wallet"}).expect(200)
	if head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(got.body)) {
		t.Errorf("HEAD: %v %q", head.header, head.body)
	}
}

func TestNoRouteAndNoMethod(t *testing.T) {
	h := newHouse(t, setup{})
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/portals/", "/v1/portals/acme/", "/v1/portals//wallet", "/v1/portals/acme/wallet/", "/v1/Batch", "/v2/batch"} {
		h.do(request{method: "GET", path: path, loose: true}).refused(404, "not_found", "")
		h.do(request{method: "GET", path: path, secret: "-"}).refused(401, "unauthorized", "")
	}
	for path, allow := range map[string]string{
		"/v1/portals": "POST, GET, HEAD", "/v1/portals/acme/holds": "POST, GET, HEAD", "/v1/portals/acme/hosts/a": "PUT, DELETE", "/v1/batch": "POST", "/v1/holds/h1.acme/void": "POST", "/v1/portals/acme/wallet": "GET, HEAD",
	} {
		got := h.do(request{method: "OPTIONS", path: path}).refused(405, "method_not_allowed", "")
		if got.header.Get("Allow") != allow {
			t.Errorf("%s allows %q", path, got.header.Get("Allow"))
		}
		h.do(request{method: "OPTIONS", path: path, secret: "-"}).refused(401, "unauthorized", "")
	}
}

func TestWhoIsLetIn(t *testing.T) {
	h := newHouse(t, setup{})
	q := request{method: "GET", path: "/v1/portals/acme/wallet"}
	for secret, status := range map[string]int{
		"Bearer " + theKey: 200, "bearer " + theKey: 200, "BEARER  " + theKey + " ": 200,
		"-": 401, theKey: 401, "Bearer": 401, "Bearer ": 401, "Bearer bk-other": 401, "Bearer sk-test": 401, "Bearer " + theKey + "x": 401,
		"Basic " + theKey: 401, "Bearer BK-TEST": 401,
	} {
		q.secret = secret
		got := h.do(q)
		if got.status != status {
			t.Errorf("%q: %d %s", secret, got.status, got.body)
		}
		wants := ""
		switch {
		case status == 200:
		case strings.HasPrefix(secret, "Bearer ") && secret != "Bearer ":
			wants = `Bearer realm="Bursar", error="invalid_token", error_description="the operator key is not known"`
		default:
			wants = `Bearer realm="Bursar"`
		}
		if got := got.header.Get("WWW-Authenticate"); got != wants {
			t.Errorf("%q: the challenge is %s", secret, got)
		}
	}
	// Nothing is read of who is not let in.
	q = request{method: "POST", path: "/v1/portals/acme/charges", key: "k", body: "{", secret: "Bearer bk-other"}
	h.do(q).refused(401, "unauthorized", "")
	if strings.Contains(h.log.String(), theKey) {
		t.Error("the key was logged")
	}
}

func TestKeysEndAtOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		other, err := billing.New(billing.Config{Store: h.store, Now: h.clock.Now}) // as another process would
		h.must(err)
		secret, key, err := other.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "new"})
		h.must(err)
		q := request{method: "POST", path: "/v1/portals/acme/charges", key: "k", body: good + "}", secret: "Bearer " + secret}
		h.do(q).expect(201)
		_, err = other.RevokeOperatorKey(t.Context(), key.ID)
		h.must(err)
		if got := h.do(q).refused(401, "unauthorized", ""); got.member("detail") != "the operator key was revoked" {
			t.Error(got.body)
		}
		secret, _, err = other.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "short", Days: 1})
		h.must(err)
		q.secret = "Bearer " + secret
		h.do(q).expect(201)
		h.clock.Move(24 * time.Hour)
		if got := h.do(q).refused(401, "unauthorized", ""); got.member("detail") != "the operator key has expired" {
			t.Error(got.body)
		}
	})
}

func TestAttemptsAreCounted(t *testing.T) {
	h := newHouse(t, setup{config: operatorapi.Config{AttemptsPerMinute: 2}})
	wrong := request{method: "GET", path: "/v1/portals/acme/wallet", secret: "Bearer bk-wrong"}
	right := request{method: "GET", path: "/v1/portals/acme/wallet"}
	const away = "203.0.113.7:1"
	for _, status := range []int{401, 401, 429, 429} {
		got := h.from(away, wrong)
		if got.status != status || (status == 429) != (got.header.Get("Retry-After") == "30") {
			t.Errorf("%d %v, want %d", got.status, got.header, status)
		}
	}
	none := wrong
	none.secret = "-"
	h.from("203.0.113.7:2", none).refused(429, "rate_limited", "")
	h.from("203.0.113.8:1", wrong).refused(401, "unauthorized", "")
	for range 5 { // who has a key is not held up, and neither is this machine
		h.from(away, right).expect(200)
		h.from("127.0.0.1:1", wrong).refused(401, "unauthorized", "")
	}
	wrong.header = map[string]string{"X-Forwarded-For": "203.0.113.9"}
	for _, status := range []int{401, 401, 429} {
		if got := h.from("127.0.0.1:1", wrong); got.status != status {
			t.Errorf("by a proxy: %d", got.status)
		}
	}
	free := newHouse(t, setup{config: operatorapi.Config{AttemptsPerMinute: -1}})
	for range 100 {
		free.from(away, none).refused(401, "unauthorized", "")
	}
}

func TestOperatorsAreCountedWhereAsked(t *testing.T) {
	h := newHouse(t, setup{})
	for range 100 {
		h.from("203.0.113.7:1", request{method: "GET", path: "/v1/portals/acme/wallet"}).expect(200)
	}
	h = newHouse(t, setup{config: operatorapi.Config{RequestsPerMinute: 3}}) // of which one made the portal
	q := request{method: "GET", path: "/v1/portals/acme/wallet"}
	h.do(q).expect(200)
	h.do(q).expect(200)
	if got := h.do(q).refused(429, "rate_limited", ""); got.header.Get("Retry-After") != "20" {
		t.Error(got.header)
	}
	secret, _, err := h.service.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "other"})
	h.must(err)
	q.secret = "Bearer " + secret
	h.do(q).expect(200)
}

// What fails on our side is told to the log, and to nobody else.
func TestOurOwnFaults(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, setup{store: store.Config{Dir: dir}})
	db, err := sql.Open("sqlite", filepath.Join(dir, "bursar.db"))
	h.must(err)
	defer db.Close()
	swap := func(from, to string) {
		_, err := db.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
		h.must(err)
	}
	swap("pocket", "lost")
	defer swap("lost", "pocket")
	item := `{"key":"k","portal":"acme","type":"charge","service":"a","amount":"1","currency":"USD"}`
	for _, got := range []reply{
		h.do(request{method: "GET", path: "/v1/portals/acme/wallet"}).refused(500, "internal", ""),
		h.charge(acme, "k", "1").refused(500, "internal", ""),
		h.post("/v1/batch", "", `[`+item+`,`+item+`]`).expect(200),
	} {
		if strings.Contains(got.body, "pocket") || !strings.Contains(got.body, `"code":"internal","detail":"something went wrong on our side"`) {
			t.Error(got.body)
		}
		id := got.header.Get("X-Request-Id")
		if log := h.log.String(); strings.Count(log, `msg="request failed" request_id=`+id) != 1 || !strings.Contains(log, "no such table") {
			t.Errorf("the log: %s", log)
		}
	}
}

// A database that does not answer in time is no failure of the order.
func TestTryAgain(t *testing.T) {
	h := newHouse(t, setup{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q := request{method: "POST", path: "/v1/portals/acme/charges", key: "k", body: good + "}"}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, q.build(t, "").WithContext(ctx))
	got := reply{t: t, sent: q, status: w.Code, header: w.Result().Header, body: w.Body.String()}
	checkReply(t, q, got)
	if got.refused(http.StatusServiceUnavailable, "try_again", ""); got.header.Get("Retry-After") != "1" {
		t.Error(got.header)
	}
}
