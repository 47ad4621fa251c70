package paymentapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/paymentapi"
)

// street is a door with the sandbox behind it, in front of a hall that writes down
// what it is told.
type street struct {
	*httptest.Server
	t       *testing.T
	sandbox *sandbox.Provider
	books   *sandbox.MemoryJournal
	log     bytes.Buffer

	mu   sync.Mutex
	now  time.Time
	told []payment.Event
	fail error // of whoever is told
}

func newStreet(t *testing.T) *street {
	s := &street{t: t, books: sandbox.Memory(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.sandbox = sandbox.New(sandbox.Config{Journal: s.books, WebhookSecret: "secret", Now: func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}})
	s.Server = httptest.NewServer(paymentapi.New(paymentapi.Config{
		Provider: s.sandbox, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Handle: func(_ context.Context, e payment.Event) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.fail == nil {
				s.told = append(s.told, e)
			}
			return s.fail
		},
	}))
	t.Cleanup(s.Close)
	return s
}

// page returns a page of a kind that leads back to the street itself.
func (s *street) page(kind payment.PageKind, id string) payment.Page {
	p := payment.Page{Kind: kind, ID: id, Customer: "acme", SuccessURL: s.URL + "/ok?a=1&b=2", CancelURL: s.URL + "/back"}
	if kind == payment.PayPage {
		p.Amount, p.Description = money.FromUnits(200*money.Scale, "USD"), `10 <b>"administrators"</b>`
	}
	return p
}

func (s *street) open(p payment.Page) string {
	s.t.Helper()
	link, err := s.sandbox.Open(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	return link.URL
}

// answer is what a browser gets.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request without following where it leads; a form makes it a POST.
func (s *street) do(address string, form url.Values) answer {
	s.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(context.Background(), method, address, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// shows checks that an answer is a whole page with some texts on it.
func (a answer) shows(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status || !strings.HasSuffix(strings.TrimSpace(a.body), "</html>") {
		t.Errorf("status %d, want %d:\n%s", a.status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("there is no %q on the page:\n%s", text, a.body)
		}
	}
}

// leads checks that an answer sends the customer on.
func (a answer) leads(t *testing.T, to string) {
	t.Helper()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != to {
		t.Errorf("status %d to %q, want %q", a.status, a.header.Get("Location"), to)
	}
}

func card(name string) url.Values { return url.Values{"method": {name}} }

func TestPaying(t *testing.T) {
	s := newStreet(t)
	address := s.open(s.page(payment.PayPage, "p-1"))
	page := s.do(address, nil)
	page.shows(t, 200, "<h1>Pay 200.00 USD</h1>", "10 &lt;b&gt;&#34;administrators&#34;&lt;/b&gt;", `href="`+s.URL+`/back"`, `value="card" checked`)
	for _, m := range sandbox.Methods() {
		page.shows(t, 200, `name="method" value="`+m.Name+`"`, m.Label(), m.Says)
	}
	// Nothing runs on it and nothing comes from elsewhere; its style does come.
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' " + s.URL + " " + s.URL,
		"Referrer-Policy":         "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := page.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "style=") || strings.Contains(page.body, "ZgotmplZ") {
		t.Errorf("%s", page.body)
	}
	if style := s.do(s.URL+"/sandbox/style.css", nil); style.status != 200 || !strings.HasPrefix(style.header.Get("Content-Type"), "text/css") {
		t.Errorf("the style: %d %v", style.status, style.header)
	}

	s.do(address, card("card_declined")).shows(t, 402, "The bank declined the card.", `value="card_declined" checked`)
	s.do(address, card("card_confirm")).shows(t, 200, "<h1>Is it you?</h1>", `name="method" value="card_confirm"`)
	refused := card("card_confirm")
	refused.Set("confirmation", "reject")
	s.do(address, refused).shows(t, 402, "The payment was not confirmed.")
	if len(s.told) != 0 || s.books.All() != nil {
		t.Errorf("told %+v, books %+v", s.told, s.books.All())
	}
	confirmed := card("card_confirm")
	confirmed.Set("confirmation", "confirm")
	for range 3 { // clicked again, and sent again by the back button
		s.do(address, confirmed).leads(t, s.URL+"/ok?a=1&b=2")
	}
	s.do(address, card("card_declined")).leads(t, s.URL+"/ok?a=1&b=2") // too late for another card
	if len(s.books.All()) != 1 || len(s.told) != 4 {
		t.Errorf("told %d times, books %+v", len(s.told), s.books.All())
	}
	for _, e := range s.told {
		if e.ID != s.told[0].ID || e.Kind != payment.Charged || e.ChargeID != "p-1" || e.Outcome.State != payment.Settled || e.Method.Token != "card_confirm" {
			t.Errorf("told %+v", e)
		}
	}
	s.do(address, nil).shows(t, 200, "It is paid.", "Continue")
}

func TestToldTwice(t *testing.T) {
	s := newStreet(t)
	s.do(s.open(s.page(payment.PayPage, "p-1")), card("card_twice")).leads(t, s.URL+"/ok?a=1&b=2")
	if len(s.told) != 2 || s.told[0].ID != s.told[1].ID {
		t.Errorf("told %+v", s.told)
	}
}

// What fails on the way: the customer is told that it is not known, or that nothing
// happened, and the page tells later.
func TestPagesThatFail(t *testing.T) {
	for method, paid := range map[string]bool{
		"card_timeout_before": false, "card_timeout_after": true, "card_error_before": false, "card_error_after": true, "card_unreachable": false,
	} {
		s := newStreet(t)
		address := s.open(s.page(payment.PayPage, "p-1"))
		s.do(address, card(method)).shows(t, 503, "The sandbox did not answer.", "Back to the page")
		if len(s.told) != 0 || (len(s.books.All()) == 1) != paid {
			t.Errorf("%s: told %+v, books %+v", method, s.told, s.books.All())
		}
		if paid {
			s.do(address, nil).shows(t, 200, "It is paid.")
		} else {
			s.do(address, nil).shows(t, 200, "<h1>Pay 200.00 USD</h1>", `type="submit"`)
		}
		s.do(address, card("card")).leads(t, s.URL+"/ok?a=1&b=2")
		if len(s.books.All()) != 1 || len(s.told) != 1 {
			t.Errorf("%s: told %+v, books %+v", method, s.told, s.books.All())
		}
	}
	// A hall that fails is no reason to keep the customer, who has paid.
	s := newStreet(t)
	s.fail = errors.New("disk full")
	s.do(s.open(s.page(payment.PayPage, "p-1")), card("card")).leads(t, s.URL+"/ok?a=1&b=2")
	if len(s.books.All()) != 1 || !strings.Contains(s.log.String(), "disk full") {
		t.Errorf("books %+v, log %s", s.books.All(), s.log.String())
	}
}

func TestSavingOnPages(t *testing.T) {
	s := newStreet(t)
	address := s.open(s.page(payment.SetupPage, "s-1"))
	s.do(address, nil).shows(t, 200, "<h1>Save a card</h1>", "Nothing is collected now.")
	s.do(address, card("card_late")).leads(t, s.URL+"/ok?a=1&b=2")
	s.do(address, nil).shows(t, 200, "Saved: <b>Sandbox •••• 0006</b>")
	account := s.page(payment.AccountPage, "")
	address = s.open(account)
	s.do(address, nil).shows(t, 200, "Saved: <b>Sandbox •••• 0006</b>", "Remove card")
	s.do(address, url.Values{"method": {"card"}, "remove": {"yes"}}).leads(t, account.SuccessURL)
	s.do(address, nil).shows(t, 200, "The card was removed.")
	address = s.open(account)
	s.do(address, nil).shows(t, 200, "No card is saved.")
	s.do(address, card("card")).leads(t, account.SuccessURL)
	var kinds []payment.EventKind
	for _, e := range s.told {
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) != 3 || kinds[0] != payment.MethodSaved || kinds[1] != payment.MethodGone || kinds[2] != payment.MethodSaved {
		t.Errorf("told %v", kinds)
	}
}

func TestPagesThatAreNotThere(t *testing.T) {
	s := newStreet(t)
	address := s.open(s.page(payment.PayPage, "p-1"))
	for _, wrong := range []string{
		address[:len(address)-1] + "!", strings.Split(address, "?")[0], strings.Replace(address, "acme", "other", 1), s.URL + "/sandbox/acme/none?token=x",
	} {
		s.do(wrong, nil).shows(t, 404, "There is no such page.")
		s.do(wrong, card("card")).shows(t, 404, "There is no such page.")
	}
	s.do(address, card("gold")).shows(t, 400, "choose a card")
	s.do(address, url.Values{"method": {strings.Repeat("x", 5000)}}).shows(t, 400, "could not be read")
	for path, status := range map[string]int{"/sandbox/": 404, "/sandbox/acme": 404, "/sandbox/acme/p-1/more": 404, "/": 404, "/webhooks/": 404, "/webhooks/stripe": 404, "/webhooks/sandbox": 405} {
		if got := s.do(s.URL+path, nil); got.status != status {
			t.Errorf("%s: %d, want %d", path, got.status, status)
		}
	}
	s.mu.Lock()
	s.now = s.now.Add(25 * time.Hour)
	s.mu.Unlock()
	s.do(address, nil).shows(t, 200, "The time is over", s.URL+"/back")
	s.do(address, card("card")).shows(t, 410, "The time is over")
	if len(s.told) != 0 || s.books.All() != nil {
		t.Errorf("told %+v, books %+v", s.told, s.books.All())
	}
}

// send posts a message.
func (s *street) send(header http.Header, body io.Reader) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/webhooks/sandbox", body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = header
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}
}

func TestWebhook(t *testing.T) {
	s := newStreet(t)
	s.do(s.open(s.page(payment.PayPage, "p-1")), card("card"))
	s.told = nil
	header, body, err := s.sandbox.Message(payment.Charged, "acme", "p-1")
	if err != nil {
		t.Fatal(err)
	}
	nothing, empty, err := s.sandbox.Message(payment.Charged, "acme", "p-2")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		header http.Header
		body   []byte
		fail   error
		status int
		told   int
	}{
		{"as it should be", header, body, nil, 200, 1},
		{"again", header, body, nil, 200, 2},
		{"not handled", header, body, errors.New("disk full"), 500, 2},
		{"handled at last", header, body, nil, 200, 3},
		{"unsigned", http.Header{}, body, nil, 400, 3},
		{"changed", header, append([]byte(" "), body...), nil, 400, 3},
		{"about nothing", nothing, empty, nil, 400, 3},
		{"too long", header, make([]byte, 1<<20+1), nil, 413, 3},
		{"as long as may be", header, make([]byte, 1<<20), nil, 400, 3},
	}
	for _, tt := range tests {
		s.fail = tt.fail
		if got := s.send(tt.header, bytes.NewReader(tt.body)); got.status != tt.status || len(s.told) != tt.told {
			t.Errorf("%s: %d %q, told %d", tt.name, got.status, got.body, len(s.told))
		}
	}
	for _, e := range s.told {
		if e.ID != s.told[0].ID || e.ChargeID != "p-1" || e.Outcome.State != payment.Settled {
			t.Errorf("told %+v", e)
		}
	}
	if strings.Contains(s.log.String(), "secret") {
		t.Errorf("the log tells a secret: %s", s.log.String())
	}
}

// talking is a provider whose messages say what a test wants.
type talking struct {
	payment.Provider
	event payment.Event
	err   error
}

func (p talking) Name() string { return "talking" }

func (p talking) Event(context.Context, http.Header, []byte) (payment.Event, error) {
	return p.event, p.err
}

func TestWebhookAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		p      talking
		status int
		told   bool
	}{
		"charged":     {talking{event: payment.Event{Kind: payment.Charged}}, 200, true},
		"ignored":     {talking{event: payment.Event{Kind: payment.Ignored}}, 200, false},
		"signature":   {talking{err: payment.ErrSignature}, 400, false},
		"refused":     {talking{err: payment.ErrRefused}, 400, false},
		"unknown":     {talking{err: payment.ErrUnknown}, 503, false},
		"unreachable": {talking{err: payment.ErrUnreachable}, 503, false},
		"another":     {talking{err: errors.New("odd")}, 503, false},
	} {
		told := false
		door := paymentapi.New(paymentapi.Config{Provider: tt.p, Log: slog.New(slog.DiscardHandler), Handle: func(context.Context, payment.Event) error {
			told = true
			return nil
		}})
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhooks/talking", strings.NewReader("{}")))
		if w.Code != tt.status || told != tt.told || (w.Code == 503) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: %d, told %t", name, w.Code, told)
		}
		// Another provider than the sandbox has no pages here.
		w = httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sandbox/style.css", nil))
		if w.Code != 404 {
			t.Errorf("%s: a page: %d", name, w.Code)
		}
	}
	w := httptest.NewRecorder()
	paymentapi.New(paymentapi.Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhooks/sandbox", nil))
	if w.Code != 404 {
		t.Errorf("no provider: %d", w.Code)
	}
	for path, want := range map[string]bool{"/webhooks/stripe": true, "/sandbox/acme/p": true, "/api/2.0/portal": false, "/v1/portals": false, "/sandbox": false} {
		if paymentapi.Owns(path) != want {
			t.Errorf("Owns(%q) is %t", path, !want)
		}
	}
}

// What was begun is done, though the sender has gone.
func TestSenderGoes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var during error
	deadline := false
	door := paymentapi.New(paymentapi.Config{
		Provider: talking{event: payment.Event{Kind: payment.Charged}}, Log: slog.New(slog.DiscardHandler),
		Handle: func(ctx context.Context, _ payment.Event) error {
			cancel()
			during = ctx.Err()
			_, deadline = ctx.Deadline()
			return nil
		},
	})
	door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhooks/talking", strings.NewReader("{}")))
	if during != nil || !deadline || ctx.Err() == nil {
		t.Errorf("the handler's context: %v, with a deadline: %t", during, deadline)
	}
}
