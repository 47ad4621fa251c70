package portalapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/testenv"
)

const (
	portalHost = "portal.example.com"
	apiBase    = "/api/2.0/portal/payment/"
)

// reads are what can be read, below apiBase.
var reads = []string{
	"customerinfo", "customer/balance", "customer/aibalance", "customer/operations", "quota", "quotas", "topupsettings", "currencies",
}

// startOfTime is when every test begins.
var startOfTime = time.Date(2026, time.July, 8, 11, 39, 43, 123456000, time.UTC)

// setup says how a house differs from the usual one.
type setup struct {
	config  portalapi.Config // Service, Log and Now are filled in
	billing billing.Config   // Store and Now are filled in
	store   *store.Store     // nil: a new one in memory
	empty   bool             // without the sample company
	noBank  bool             // without a payment provider
	noMail  bool             // without a way to send mail
}

// house is a real server with its store and, as a rule, the sample company,
// which answers for portalHost.
type house struct {
	t       *testing.T
	store   *store.Store
	service *billing.Service
	handler http.Handler
	server  *httptest.Server
	clock   *testenv.Clock
	log     *testenv.Log
	company sample.Company
	quirky  bool                   // openapi.yaml does not describe it
	serial  int                    // of what the test made
	bank    *sandbox.MemoryJournal // nil unless the test chose it
	outbox  string                 // the folder that mail is put into
	report  string                 // the number of a report that is there; "" before one was asked for
}

func newHouse(t *testing.T, s setup) *house {
	t.Helper()
	h := &house{t: t, store: s.store, clock: testenv.NewClock(startOfTime), log: &testenv.Log{}, quirky: s.config.Quirks != (portalapi.Quirks{})}
	if h.store == nil {
		h.store = openStore(t, store.Config{InMemory: true})
	}
	s.billing.Store, s.billing.Now = h.store, h.clock.Now
	if s.billing.Provider == nil && !s.noBank {
		s.billing.Provider = billing.NewSandbox(h.store, sandbox.Config{Now: h.clock.Now})
	}
	if s.billing.Mail == nil && !s.noMail {
		h.outbox = t.TempDir()
		s.billing.Mail = &mail.Outbox{Dir: h.outbox, Now: h.clock.Now}
		s.billing.MailFrom, s.billing.SalesEmail = "bursar@example.com", "sales@example.com"
	}
	var err error
	if h.service, err = billing.New(s.billing); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.service.StopReports(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.config.Now = h.clock.Now
	s.config.Service, s.config.Log = h.service, slog.New(slog.NewTextHandler(h.log, nil))
	h.handler = httpd.Wrap(httpd.Config{Handler: portalapi.New(s.config), Log: s.config.Log})
	h.server = httptest.NewServer(h.handler)
	t.Cleanup(h.server.Close)
	if !s.empty {
		h.company = h.addCompany(sample.Config{Hosts: []string{portalHost}})
	}
	return h
}

func openStore(t *testing.T, config store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (h *house) addCompany(config sample.Config) sample.Company {
	h.t.Helper()
	config.Now = h.clock.Now()
	company, err := sample.Create(context.Background(), h.service, config)
	h.must(err)
	return company
}

// addPortal makes a portal with an owner and nothing else, and returns the
// owner's key.
func (h *house) addPortal(in billing.NewPortal) (key string) {
	h.t.Helper()
	in.Owner = billing.NewUser{Email: "owner@example.com", Name: "Olivia Owner"}
	if in.Name == "" {
		in.Name = in.ID
	}
	_, err := h.service.CreatePortal(context.Background(), in)
	h.must(err)
	return h.newKey(in.ID, billing.NewKey{})
}

func (h *house) newKey(portalID string, in billing.NewKey) (key string) {
	h.t.Helper()
	if in.Name == "" {
		in.Name = "test"
	}
	key, _, err := h.service.CreateKey(context.Background(), portalID, in)
	h.must(err)
	return key
}

// keyOf returns a new key of the company's user with that role; "" for "anon".
func (h *house) keyOf(role billing.Role) string {
	h.t.Helper()
	if role == anon {
		return ""
	}
	return h.newKey(h.company.PortalID, billing.NewKey{UserEmail: sample.People()[role].Email})
}

const anon billing.Role = "anon"

// must ends the test on an error.
func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// request is one request to a house.
type request struct {
	path   string            // below apiBase, or whole when it starts with /
	key    string            // sent as a bearer token; "" sends none
	method string            // "" means GET
	host   string            // "" means portalHost
	body   string            // JSON; "" sends none
	header map[string]string // further headers
	// loose is for requests that the server takes though openapi.yaml, which
	// can't say "in any case", does not describe them.
	loose bool
}

// build returns the request for a server at base ("" for httptest.NewRequest).
func (q request) build(t *testing.T, base string) *http.Request {
	t.Helper()
	if !strings.HasPrefix(q.path, "/") {
		q.path = apiBase + q.path
	}
	if q.method == "" {
		q.method = http.MethodGet
	}
	if q.host == "" {
		q.host = portalHost
	}
	var (
		r    *http.Request
		body io.Reader
	)
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	if base == "" {
		r = httptest.NewRequest(q.method, q.path, body)
	} else {
		var err error
		if r, err = http.NewRequest(q.method, base+q.path, body); err != nil {
			t.Fatal(err)
		}
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Host = q.host
	if q.key != "" {
		r.Header.Set("Authorization", "Bearer "+q.key)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	return r
}

// reply is what came back, whole.
type reply struct {
	request *http.Request
	status  int
	header  http.Header
	body    string
}

// do sends a request over the network and checks it and the reply against
// openapi.yaml.
func (h *house) do(q request) reply {
	h.t.Helper()
	r := q.build(h.t, h.server.URL)
	res, err := h.server.Client().Do(r)
	h.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	h.must(err)
	got := reply{request: r, status: res.StatusCode, header: res.Header, body: string(body)}
	h.check(q, got)
	return got
}

// from hands a request to the handler as if it came from an address ("ip:port"),
// and checks both like do.
func (h *house) from(address string, q request) reply {
	h.t.Helper()
	r := q.build(h.t, "")
	r.RemoteAddr = address
	return h.hand(q, r)
}

func (h *house) hand(q request, r *http.Request) reply {
	h.t.Helper()
	got := h.serve(r)
	h.check(q, got)
	return got
}

// serve hands a request to the handler.
func (h *house) serve(r *http.Request) reply {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	got := reply{request: r, status: w.Code, header: w.Result().Header, body: w.Body.String()}
	if r.Method == http.MethodHead {
		got.body = "" // as the network would have it
	}
	return got
}

// unchecked does as from thisMachine does, and checks nothing: for what was asked
// and checked a hundred times before.
func (h *house) unchecked(q request) reply {
	h.t.Helper()
	r := q.build(h.t, "")
	r.RemoteAddr = thisMachine
	return h.serve(r)
}

func (h *house) check(q request, got reply) {
	h.t.Helper()
	if got.request.Body != nil { // it was read
		got.request.Body = io.NopCloser(strings.NewReader(q.body))
	}
	if !h.quirky {
		checkReply(h.t, q, got)
	}
}

// get reads as the company's owner and expects a good answer.
func (h *house) get(path string) reply {
	h.t.Helper()
	return h.getAs(h.company.OwnerKey, path)
}

func (h *house) getAs(key, path string) reply {
	h.t.Helper()
	got := h.do(request{path: path, key: key})
	if got.status != http.StatusOK {
		h.t.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	return got
}

// payload returns the text of the response member; "" when there is none.
func (r reply) payload(t *testing.T) string {
	t.Helper()
	return r.member(t, "response")
}

// member returns the text of a member of the body; "" when there is none.
func (r reply) member(t *testing.T, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.body), &all); err != nil {
		t.Fatalf("%s: %v in %q", r.request.URL, err, r.body)
	}
	return string(all[name])
}

// decode reads a JSON text.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return value
}

// message returns the message of an error; "" when the body is none.
func (r reply) message(t *testing.T) string {
	t.Helper()
	type body struct{ Error struct{ Message string } }
	return decode[body](t, r.body).Error.Message
}

// compact takes the white space out of a JSON text and leaves all else: order,
// digits and escapes.
func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return b.String()
}

// same reports any difference between two JSON texts, to the byte.
func same(t *testing.T, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	t.Errorf("(-want +got):\n%s", cmp.Diff(indented(want), indented(got)))
}

func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}

// twoPortals returns a house where two portals, a and b, answer for
// a.example.com and b.example.com, with a key of each owner.
func twoPortals(t *testing.T, s setup) (h *house, keyA, keyB string) {
	t.Helper()
	s.empty = true
	h = newHouse(t, s)
	keyA = h.addPortal(billing.NewPortal{ID: "a", Hosts: []string{"a.example.com"}})
	keyB = h.addPortal(billing.NewPortal{ID: "b", Hosts: []string{"b.example.com"}})
	return h, keyA, keyB
}
