package operatorapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	virtual "github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/testenv"
	"github.com/bursarhq/bursar/worker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// startOfTime is when every test begins.
var startOfTime = time.Date(2026, time.July, 8, 11, 39, 43, 123456789, time.UTC)

const (
	theKey = "bk-test"
	acme   = "acme" // the portal that every house has, with 100 USD
	moment = "2026-07-08T11:39:43.123456Z"
	utc    = `"timeZone":"UTC","createdAt":"` + moment + `"` // how a portal ends
)

// setup says how a house differs from the usual one.
type setup struct {
	config   operatorapi.Config // Service and Log are filled in
	store    store.Config       // the zero one is in memory
	joins    bool               // somebody else made the key and the portal
	provider payment.Provider   // nil: there is none
	virtual  bool               // time stands still until the API moves it
}

// house is a real server with its store.
type house struct {
	t       testing.TB
	store   *store.Store
	service *billing.Service
	handler http.Handler
	server  *httptest.Server
	clock   *testenv.Clock
	log     *testenv.Log
}

func newHouse(t testing.TB, s setup) *house {
	t.Helper()
	if s.store.Dir == "" && s.store.URL == "" {
		s.store.InMemory = true
	}
	db, err := store.Open(context.Background(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{t: t, store: db, clock: testenv.NewClock(startOfTime), log: &testenv.Log{}}
	now := h.clock.Now
	v := virtual.NewVirtual(startOfTime)
	if s.virtual {
		now = v.Now
	}
	h.service, err = billing.New(billing.Config{Store: db, Now: now, Provider: s.provider})
	h.must(err)
	s.config.Service, s.config.Log = h.service, slog.New(slog.NewTextHandler(h.log, nil))
	if s.virtual {
		w := worker.New(worker.Config{Service: h.service, Clock: v})
		s.config.Mover = func(ctx context.Context, until func(time.Time) time.Time) (operatorapi.Moved, error) {
			played, err := w.Play(ctx, until)
			return operatorapi.Moved(played), err
		}
	}
	h.handler = httpd.Wrap(httpd.Config{Handler: operatorapi.New(s.config), Log: s.config.Log})
	h.server = httptest.NewServer(h.handler)
	t.Cleanup(func() {
		h.server.Close()
		if _, _, err := h.service.Verify(context.Background(), store.Verification{}); err != nil {
			t.Errorf("the books: %v", err)
		}
	})
	if !s.joins {
		_, _, err = h.service.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "test", Secret: theKey})
		h.must(err)
		h.addPortal(acme, "100")
	}
	return h
}

// onEachEngine runs a test on SQLite and on PostgreSQL.
func onEachEngine(t *testing.T, test func(t *testing.T, s setup)) {
	t.Run("SQLite", func(t *testing.T) { test(t, setup{}) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, setup{store: store.Config{URL: pgtest.Database(t)}}) })
}

// addPortal makes a portal with so many dollars.
func (h *house) addPortal(id, dollars string) {
	h.t.Helper()
	_, err := h.service.CreatePortal(h.t.Context(), billing.NewPortal{ID: id, Hosts: []string{id + ".example.com"}})
	h.must(err)
	if dollars != "" {
		h.post("/v1/portals/"+id+"/credits", "first", `{"amount":"`+dollars+`","currency":"USD","reason":"to begin with"}`).expect(201)
	}
}

// must ends the test on an error.
func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// request is one request to a house.
type request struct {
	method, path string
	key          string // the idempotency key; "" sends none
	body         string // sent as JSON unless header says otherwise
	header       map[string]string
	secret       string // "" means theKey, "-" sends none
	chunked      bool
	// loose is for what the server takes, though openapi.yaml does not say so.
	loose bool
}

func (q request) build(t testing.TB, base string) *http.Request {
	t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	if q.chunked {
		body = io.MultiReader(body)
	}
	var r *http.Request
	if base == "" {
		r = httptest.NewRequest(q.method, q.path, body)
	} else {
		var err error
		if r, err = http.NewRequest(q.method, base+q.path, body); err != nil {
			t.Fatal(err)
		}
	}
	switch q.secret {
	case "":
		r.Header.Set("Authorization", "Bearer "+theKey)
	case "-":
	default:
		r.Header.Set("Authorization", q.secret)
	}
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	return r
}

// reply is what came back, whole.
type reply struct {
	t      testing.TB
	sent   request
	status int
	header http.Header
	body   string
}

// do sends a request over the network and checks it and the reply against
// openapi.yaml.
func (h *house) do(q request) reply {
	h.t.Helper()
	r := q.build(h.t, h.server.URL)
	res, err := h.server.Client().Do(r)
	if err != nil {
		h.t.Error(err)
		return reply{t: h.t, sent: q}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Error(err)
	}
	got := reply{t: h.t, sent: q, status: res.StatusCode, header: res.Header, body: string(body)}
	checkReply(h.t, q, got)
	return got
}

// from hands a request to the handler as if it came from an address ("ip:port").
func (h *house) from(address string, q request) reply {
	h.t.Helper()
	r := q.build(h.t, "")
	r.RemoteAddr = address
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	got := reply{t: h.t, sent: q, status: w.Code, header: w.Result().Header, body: w.Body.String()}
	checkReply(h.t, q, got)
	return got
}

func (h *house) post(path, key, body string) reply {
	h.t.Helper()
	return h.do(request{method: "POST", path: path, key: key, body: body})
}

// charge charges so many dollars.
func (h *house) charge(portal, key, dollars string) reply {
	h.t.Helper()
	return h.post("/v1/portals/"+portal+"/charges", key, `{"service":"backup","amount":"`+dollars+`","currency":"USD"}`)
}

// hold reserves so many dollars and returns the id.
func (h *house) hold(portal, key, dollars string) string {
	h.t.Helper()
	got := h.post("/v1/portals/"+portal+"/holds", key, `{"service":"backup","amount":"`+dollars+`","currency":"USD","seconds":3600}`)
	return got.expect(201).member("hold")
}

// purse returns a wallet's balance and what is available in dollars, and how
// many transfers there are.
func (h *house) purse(portal string) string {
	h.t.Helper()
	var wallet struct {
		Pockets   []struct{ Book, Currency, Balance, Held, Available string }
		Transfers int
	}
	got := h.do(request{method: "GET", path: "/v1/portals/" + portal + "/wallet"}).expect(200)
	h.must(json.Unmarshal([]byte(got.body), &wallet))
	text := ""
	for _, p := range wallet.Pockets {
		text += fmt.Sprintf("%s %s %s %s, ", p.Currency, p.Balance, p.Held, p.Available)
	}
	return text + fmt.Sprint(wallet.Transfers)
}

// expect ends the test unless the status is the one.
func (r reply) expect(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s %s %s: %d %s, want %d", r.sent.method, r.sent.path, r.sent.body, r.status, r.body, status)
	}
	return r
}

// refused reports another status, code or field than those.
func (r reply) refused(status int, code, field string) reply {
	r.t.Helper()
	if r.status != status || r.member("code") != code || r.member("field") != field {
		r.t.Errorf("%s %s %.300s:\n%d %s, want %d %s %s", r.sent.method, r.sent.path, r.sent.body, r.status, r.body, status, code, field)
	}
	return r
}

// member returns a member of the body as text; "" when there is none.
func (r reply) member(name string) string {
	r.t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.body), &all); err != nil {
		r.t.Errorf("%s: %v in %q", r.sent.path, err, r.body)
	}
	var text string
	if json.Unmarshal(all[name], &text) != nil {
		return string(all[name])
	}
	return text
}

// is reports any difference of the body.
func (r reply) is(want string) reply {
	r.t.Helper()
	if r.body != want {
		r.t.Errorf("%s %s (-want +got):\n%s", r.sent.method, r.sent.path, cmp.Diff(indented(want), indented(r.body)))
	}
	return r
}

// starts reports a body that begins otherwise.
func (r reply) starts(want string) reply {
	r.t.Helper()
	if !strings.HasPrefix(r.body, want) {
		r.t.Errorf("%s %s: %s\ndoes not begin with %s", r.sent.method, r.sent.path, r.body, want)
	}
	return r
}

// elements returns the elements of a list in the body, and where it goes on.
func (r reply) elements(kind string) (all []map[string]any, next string) {
	r.t.Helper()
	var body map[string]json.RawMessage
	err := json.Unmarshal([]byte(r.expect(200).body), &body)
	if err == nil {
		err = json.Unmarshal(body[kind], &all)
	}
	if err != nil {
		r.t.Fatalf("%s: %v in %s", r.sent.path, err, r.body)
	}
	return all, r.member("next")
}

// get reads something of acme's.
func (h *house) get(path string) reply {
	h.t.Helper()
	return h.do(request{method: "GET", path: "/v1/portals/acme" + path})
}

// put sets something of acme's.
func (h *house) put(path, body string) reply {
	h.t.Helper()
	return h.do(request{method: "PUT", path: "/v1/portals/acme" + path, body: body})
}

// patch changes something of acme's.
func (h *house) patch(path, body string) reply {
	h.t.Helper()
	return h.do(request{method: "PATCH", path: "/v1/portals/acme" + path, body: body})
}

// remove takes something of acme's away.
func (h *house) remove(path string) reply {
	h.t.Helper()
	return h.do(request{method: "DELETE", path: "/v1/portals/acme" + path})
}

// done is for an answer that has nothing to say.
func (r reply) done() {
	r.t.Helper()
	if r.expect(204); r.body != "" || r.header.Get("Content-Type") != "" {
		r.t.Errorf("%s %s says %q", r.sent.method, r.sent.path, r.body)
	}
}

func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}

// cards is a provider that goes by the customer's payment method.
func cards(now func() time.Time) payment.Provider { return sandbox.New(sandbox.Config{Now: now}) }

// addCustomer gives acme a payment method.
func (h *house) addCustomer(method string) {
	h.t.Helper()
	h.must(h.service.SetCustomer(h.t.Context(), acme, billing.CustomerChange{
		Email: "owner@example.com", MethodStatus: "set", MethodType: method,
	}))
}
