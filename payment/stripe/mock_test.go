package stripe_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"fmt"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/stripe"
	"github.com/bursarhq/bursar/testenv"
)

// startMock starts stripe-mock, which checks requests against Stripe's own
// description of its API and answers with examples, and returns its address. Where it
// can't be built the test is skipped, or fails if the environment has CI set.
func startMock(t *testing.T) *url.URL {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "stripe-mock")
	build := exec.CommandContext(t.Context(), "go", "build", "-modfile=../../tools/go.mod", "-o", program, "github.com/stripe/stripe-mock")
	if out, err := build.CombinedOutput(); err != nil {
		testenv.Missing(t, fmt.Sprintf("stripe-mock can't be built: %v\n%s", err, out))
	}
	mock := exec.Command(program, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	out, err := mock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	mock.Stderr = mock.Stdout
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return &url.URL{Scheme: "http", Host: strings.TrimSpace(address)}
		}
	}
	t.Fatal("stripe-mock did not say where it listens")
	return nil
}

// watched is a way to stripe-mock that notes what was asked and answered, and gives
// its example payment our metadata when it is asked for by id.
type watched struct {
	t     *testing.T
	asked map[string]int // how often a path was answered well
}

func (w *watched) note(r *http.Response) error {
	asked := r.Request.Method + " " + r.Request.URL.Path
	if r.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(r.Body)
		w.t.Errorf("%s: %s: %s", asked, r.Status, body)
		return nil
	}
	w.asked[asked]++
	if asked == "GET /v1/payment_intents/pi_ours" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = regexp.MustCompile(`"metadata": ?\{\}`).ReplaceAll(body, []byte(`"metadata":{"bursar_id":"c-1","bursar_customer":"acme"}`))
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return nil
}

// Every request is one that Stripe would understand, and every answer is one that the
// provider does.
func TestAgainstStripeMock(t *testing.T) {
	w := &watched{t: t, asked: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(startMock(t))
	proxy.ModifyResponse = w.note
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	p, err := stripe.New(stripe.Config{SecretKey: "sk_test_123", WebhookSecrets: []string{"whsec_new"}, BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c := charge(t, "c-1")
	for _, c.Method = range []string{"pm_card_visa", ""} {
		got, err := p.Charge(t.Context(), c)
		if err != nil || got.Reference == "" || got.State == payment.Settled {
			t.Errorf("charge by %q: %+v, %v", c.Method, got, err)
		}
	}
	if _, err := p.Find(t.Context(), of("c-1")); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("find: %v", err)
	}
	pay := payPage(t, "p-1")
	for _, page := range []payment.Page{pay, setupPage(t, "s-1"), {Kind: payment.AccountPage, Customer: "acme", Account: "cus_1", SuccessURL: pay.SuccessURL}} {
		for _, page.Account = range []string{page.Account, "cus_1"} {
			if link, err := p.Open(t.Context(), page); err != nil || !strings.HasPrefix(link.URL, "https://") {
				t.Errorf("open %q: %+v, %v", page.Kind, link, err)
			}
		}
	}
	refund := payment.Refund{ID: "r-1", Customer: "acme", Account: "cus_1", ChargeID: "c-1", Reference: "pi_ours", Amount: amount(t, "1", "USD")}
	if got, err := p.Refund(t.Context(), refund); err != nil || got.Reference == "" {
		t.Errorf("refund: %+v, %v", got, err)
	}
	mockEvents(t, p)
	for _, path := range []string{
		"POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/payment_intents/pi_1", "GET /v1/checkout/sessions", "POST /v1/checkout/sessions",
		"POST /v1/billing_portal/sessions", "GET /v1/refunds", "POST /v1/refunds", "GET /v1/customers/cus_acme",
		"GET /v1/payment_methods/pm_1", "GET /v1/setup_intents/seti_1", "GET /v1/charges/ch_1",
	} {
		if w.asked[path] == 0 {
			t.Errorf("%s was never answered", path)
		}
	}
}

// mockEvents has webhooks read whose particulars stripe-mock answers for.
func mockEvents(t *testing.T, p *stripe.Provider) {
	t.Helper()
	meta := object{"bursar_id": "p-1", "bursar_customer": "acme", "bursar_kind": "pay"}
	now := start.Unix()
	for kind, tt := range map[string]struct {
		thing object
		want  payment.EventKind
	}{
		"checkout.session.completed": {object{"id": "cs_1", "mode": "payment", "status": "complete", "payment_status": "paid", "amount_total": 20000,
			"currency": "usd", "customer": "cus_1", "payment_intent": "pi_1", "metadata": meta, "created": now}, payment.Charged},
		"checkout.session.async_payment_succeeded": {object{"id": "cs_1", "mode": "setup", "status": "complete", "customer": "cus_1",
			"setup_intent": "seti_1", "metadata": meta}, payment.MethodSaved},
		"payment_intent.succeeded": {object{"id": "pi_1", "status": "succeeded", "amount": 20000, "amount_received": 20000, "currency": "usd",
			"customer": "cus_1", "payment_method": "pm_1", "metadata": meta}, payment.Charged},
		"setup_intent.succeeded": {object{"id": "seti_1", "customer": "cus_1", "payment_method": "pm_1", "metadata": meta}, payment.MethodSaved},
		"refund.updated":         {object{"id": "re_1", "charge": "ch_1"}, payment.Ignored}, // the example is nobody's
	} {
		body := message(kind, tt.thing, nil)
		got, err := p.Event(t.Context(), signed(body, "whsec_new", time.Now()), body)
		if err != nil || got.Kind != tt.want {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
		if got.Kind == payment.Charged && (got.Outcome.State != payment.Settled || got.ChargeID != "p-1") {
			t.Errorf("%s: %+v", kind, got)
		}
		if got.Kind != payment.Ignored && (got.Method == nil || got.Method.Account != "cus_1" || got.Method.Label != "Visa •••• 4242") {
			t.Errorf("%s: method %+v", kind, got.Method)
		}
	}
}
