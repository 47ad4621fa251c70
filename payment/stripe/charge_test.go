package stripe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/stripe"
)

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	same  = cmp.Comparer(func(a, b money.Amount) bool { return a == b })
)

func amount(t testing.TB, number string, c money.Currency) money.Amount {
	t.Helper()
	a, err := money.Parse(number, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func charge(t testing.TB, id string) payment.Charge {
	return payment.Charge{ID: id, Customer: "acme", Account: "cus_acme", Method: "pm_visa", Amount: amount(t, "10.01", "USD"), Description: "Top-up"}
}

func of(id string) payment.Query {
	return payment.Query{Customer: "acme", Account: "cus_acme", ID: id}
}

// only checks that an error is of one kind and of no other, and tells no secret.
func only(t *testing.T, err, want error) {
	t.Helper()
	for _, kind := range []error{payment.ErrRefused, payment.ErrUnreachable, payment.ErrUnknown, payment.ErrNotFound, payment.ErrSignature} {
		if errors.Is(err, kind) != (kind == want) {
			t.Errorf("got error %v, want %v", err, want)
		}
	}
	if want == nil && err != nil {
		t.Errorf("got error %v", err)
	}
	if err != nil && (strings.Contains(err.Error(), secretKey) || strings.Contains(err.Error(), "whsec") || strings.Contains(err.Error(), "pi_secret")) {
		t.Errorf("the error tells a secret: %v", err)
	}
}

// equal checks an outcome, and its error.
func equal(t *testing.T, what string, got payment.Outcome, err error, want payment.Outcome) {
	t.Helper()
	if diff := cmp.Diff(want, got, same); err != nil || diff != "" {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
	}
}

// What comes of a charge by each method: the answer, the same again, and the same
// again a day later, when Stripe has forgotten the key. Nothing is ever taken twice.
func TestChargeByEveryMethod(t *testing.T) {
	tests := map[string]struct {
		state  payment.State
		reason string
		taken  int64
	}{
		"pm_visa":      {payment.Settled, "", 1001},
		"":             {payment.Settled, "", 1001}, // the one that the customer chose
		"pm_declined":  {payment.Declined, payment.CardDeclined, 0},
		"pm_stolen":    {payment.Declined, payment.CardDeclined, 0},
		"pm_uncovered": {payment.Declined, payment.InsufficientFunds, 0},
		"pm_expired":   {payment.Declined, payment.ExpiredCard, 0},
		"pm_sca":       {payment.Unconfirmed, payment.AuthenticationRequired, 0},
		"pm_action":    {payment.Unconfirmed, payment.AuthenticationRequired, 0},
		"pm_sepa":      {payment.Pending, "", 0},
	}
	for method, tt := range tests {
		t.Run(method, func(t *testing.T) {
			f := newFake(t)
			p := f.provider()
			c := charge(t, "c-1")
			c.Method = method
			got, err := p.Charge(t.Context(), c)
			want := payment.Outcome{State: tt.state, Reason: tt.reason, Amount: c.Amount, Reference: got.Reference, At: start}
			equal(t, "charged", got, err, want)
			for range 2 {
				again, err := p.Charge(t.Context(), c)
				equal(t, "again", again, err, want)
				found, err := p.Find(t.Context(), of("c-1"))
				equal(t, "found", found, err, want)
				known := of("c-1")
				known.Reference = got.Reference
				found, err = p.Find(t.Context(), known)
				equal(t, "found by reference", found, err, want)
				f.day()
			}
			if n := len(f.all("payment_intent")); n != 1 || f.collected() != tt.taken {
				t.Errorf("%d payments, %d taken", n, f.collected())
			}
		})
	}
}

func TestProcessingEndsLater(t *testing.T) {
	for _, fails := range []bool{false, true} {
		f := newFake(t)
		p := f.provider()
		c := charge(t, "c-1")
		c.Method = "pm_sepa"
		got, err := p.Charge(t.Context(), c)
		want := payment.Outcome{State: payment.Pending, Amount: c.Amount, Reference: got.Reference, At: start}
		equal(t, "charged", got, err, want)
		if fails {
			want.State, want.Reason = payment.Declined, "debit_not_authorized"
			f.update(got.Reference, object{"status": "requires_payment_method", "last_payment_error": object{"type": "card_error", "code": "debit_not_authorized"}})
		} else {
			want.State = payment.Settled
			f.mu.Lock()
			f.paid(f.things[got.Reference])
			f.mu.Unlock()
		}
		found, err := p.Find(t.Context(), of("c-1"))
		equal(t, "found", found, err, want)
	}
}

// Every way a request to collect may fail: what the caller hears, what Find says, and
// what is taken when the same is charged again, at once and after a day.
func TestChargeFailures(t *testing.T) {
	tests := map[string]struct {
		fault  fault
		want   error
		effect bool
		again  error // of charging again at once
	}{
		"500 before":     {fault{status: 500}, payment.ErrUnknown, false, nil},
		"503 before":     {fault{status: 503}, payment.ErrUnknown, false, nil},
		"500 after":      {fault{status: 500, after: true}, payment.ErrUnknown, true, nil},
		"lost before":    {fault{hangUp: true}, payment.ErrUnknown, false, nil},
		"lost after":     {fault{hangUp: true, after: true}, payment.ErrUnknown, true, nil},
		"rate limit":     {fault{status: 429, code: "rate_limit"}, payment.ErrUnknown, false, nil},
		"lock":           {fault{status: 429, code: "lock_timeout"}, payment.ErrUnknown, false, nil},
		"in progress":    {fault{status: 409, code: "idempotency_key_in_use"}, payment.ErrUnknown, false, nil},
		"unknown method": {fault{status: 400, code: "resource_missing"}, payment.ErrRefused, false, nil},
		"no permission":  {fault{status: 403}, payment.ErrUnreachable, false, nil},
		"no such key":    {fault{status: 401}, payment.ErrUnreachable, false, nil},
		"redirected":     {fault{status: 307}, payment.ErrUnknown, false, nil},
	}
	for name, tt := range tests {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", later), func(t *testing.T) {
				f := newFake(t)
				p := f.provider()
				f.fault = tt.fault
				got, err := p.Charge(t.Context(), charge(t, "c-1"))
				only(t, err, tt.want)
				if got != (payment.Outcome{}) {
					t.Errorf("an outcome with an error: %+v", got)
				}
				found, err := p.Find(t.Context(), of("c-1"))
				if tt.effect {
					equal(t, "found", found, err, payment.Outcome{State: payment.Settled, Amount: amount(t, "10.01", "USD"), Reference: found.Reference, At: start})
				} else {
					only(t, err, payment.ErrNotFound)
				}
				if later {
					f.day()
				}
				got, err = p.Charge(t.Context(), charge(t, "c-1"))
				only(t, err, tt.again)
				if n := len(f.all("payment_intent")); n != 1 || f.collected() != 1001 || got.State != payment.Settled {
					t.Errorf("%d payments, %d taken, %+v", n, f.collected(), got)
				}
			})
		}
	}
}

// As long as it can't be seen whether a charge was asked for, it is not asked for, and
// that is certain.
func TestNothingIsAskedBlindly(t *testing.T) {
	for name, trouble := range map[string]fault{"500": {status: 500}, "429": {status: 429}, "lost": {hangUp: true}, "401": {status: 401}} {
		f := newFake(t)
		p := f.provider()
		f.reading = trouble
		_, err := p.Charge(t.Context(), charge(t, "c-1"))
		only(t, err, payment.ErrUnreachable)
		_, err = p.Find(t.Context(), of("c-1"))
		if name == "401" {
			only(t, err, payment.ErrUnreachable)
		} else {
			only(t, err, payment.ErrUnknown)
		}
		if n := len(f.all("payment_intent")); n != 0 {
			t.Errorf("%s: %d payments", name, n)
		}
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := "http://" + listener.Addr().String()
	listener.Close()
	p, err := stripe.New(stripe.Config{SecretKey: secretKey, BaseURL: nowhere})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Charge(t.Context(), charge(t, "c-1"))
	only(t, err, payment.ErrUnreachable)
	_, err = p.Find(t.Context(), of("c-1"))
	only(t, err, payment.ErrUnreachable)
	_, err = p.Open(t.Context(), payPage(t, "p-1"))
	only(t, err, payment.ErrUnreachable)
}

// A caller may give up before anything was sent, while Stripe looks for what was
// asked before, and while it collects.
func TestGivingUp(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Charge(ctx, charge(t, "c-1"))
	only(t, err, payment.ErrUnreachable)
	if !errors.Is(err, context.Canceled) || len(f.asked) != 0 {
		t.Errorf("%v, %d requests", err, len(f.asked))
	}
	for method, want := range map[string]error{http.MethodGet: payment.ErrUnreachable, http.MethodPost: payment.ErrUnknown} {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := stripe.New(stripe.Config{SecretKey: secretKey, BaseURL: f.URL, HTTPClient: &http.Client{Transport: leaving{method, cancel}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Charge(ctx, charge(t, "c-"+method))
		only(t, err, want)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// leaving is a way to Stripe on which the caller goes when a request is through.
type leaving struct {
	method string
	cancel context.CancelFunc
}

func (l leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.Method == l.method {
		answer.Body.Close()
		l.cancel()
		return nil, r.Context().Err()
	}
	return answer, err
}

// One id stands for one customer, amount and currency, whether or not Stripe still
// knows the key.
func TestAnIDIsTakenOnce(t *testing.T) {
	for name, change := range map[string]func(*payment.Charge){
		"amount":   func(c *payment.Charge) { c.Amount = amount(t, "11", "USD") },
		"currency": func(c *payment.Charge) { c.Amount = amount(t, "10.01", "EUR") },
		"customer": func(c *payment.Charge) { c.Customer = "other" },
	} {
		f := newFake(t)
		p := f.provider()
		if _, err := p.Charge(t.Context(), charge(t, "c-1")); err != nil {
			t.Fatal(err)
		}
		c := charge(t, "c-1")
		change(&c)
		for range 2 {
			_, err := p.Charge(t.Context(), c)
			only(t, err, payment.ErrRefused)
			f.day()
		}
		if f.collected() != 1001 {
			t.Errorf("%s: %d taken", name, f.collected())
		}
		_, err := p.Find(t.Context(), payment.Query{Customer: "other", Account: "cus_acme", ID: "c-1"})
		only(t, err, payment.ErrNotFound)
	}
}

// Those who charge one id at once all see that nobody has yet; the key lets one.
func TestOneIDAtOnce(t *testing.T) {
	f := newFake(t)
	f.lag = 50 * time.Millisecond
	p := f.provider()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if got, err := p.Charge(context.Background(), charge(t, "c-1")); err != nil || got.State != payment.Settled {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := len(f.all("payment_intent")); n != 1 || f.collected() != 1001 {
		t.Errorf("%d payments, %d taken", n, f.collected())
	}
}

// A charge is found among any number of others.
func TestManyPayments(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	if _, err := p.Charge(t.Context(), charge(t, "c-first")); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	for i := range 250 {
		f.add("payment_intent", "pi", object{"customer": "cus_acme", "metadata": object{"bursar_id": fmt.Sprint(i)}, "amount_received": int64(0)})
	}
	f.mu.Unlock()
	f.day()
	for range 2 {
		if got, err := p.Charge(t.Context(), charge(t, "c-first")); err != nil || got.State != payment.Settled {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if f.collected() != 1001 {
		t.Errorf("%d taken", f.collected())
	}
}

func TestRefusedWithoutAsking(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	for name, change := range map[string]func(*payment.Charge){
		"no id":           func(c *payment.Charge) { c.ID = "" },
		"an odd id":       func(c *payment.Charge) { c.ID = "c 1" },
		"a foreign id":    func(c *payment.Charge) { c.ID = "ć1" },
		"no account":      func(c *payment.Charge) { c.Account = "" },
		"tenths of cents": func(c *payment.Charge) { c.Amount = amount(t, "1.001", "USD") },
		"a fils":          func(c *payment.Charge) { c.Amount = amount(t, "1.001", "KWD") },
		"no such money":   func(c *payment.Charge) { c.Amount = amount(t, "1", "CLF") },
	} {
		c := charge(t, "c-1")
		change(&c)
		_, err := p.Charge(t.Context(), c)
		only(t, err, payment.ErrRefused)
		if len(f.asked) != 0 {
			t.Errorf("%s: Stripe was asked", name)
		}
	}
	c := charge(t, "c-1")
	c.Account, c.Method = "cus_bare", ""
	_, err := p.Charge(t.Context(), c) // nothing saved
	only(t, err, payment.ErrRefused)
	_, err = p.Find(t.Context(), payment.Query{Customer: "acme", ID: "c-1"})
	only(t, err, payment.ErrNotFound)
}

// What is asked for is what Stripe's rules for charging without the customer say.
func TestWhatIsAsked(t *testing.T) {
	f := newFake(t)
	c := charge(t, "c-1")
	c.Description = strings.Repeat("ü", 1000)
	if _, err := f.provider().Charge(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	r := f.asked[len(f.asked)-1]
	if key := r.Header.Get("Idempotency-Key"); key != "c-1" {
		t.Errorf("key %q", key)
	}
	if got := r.Header.Get("X-Stripe-Client-Telemetry"); got != "" {
		t.Errorf("telemetry %q", got)
	}
	for name, want := range map[string]string{
		"amount": "1001", "currency": "usd", "customer": "cus_acme", "payment_method": "pm_visa", "confirm": "true", "off_session": "true",
		"metadata[bursar_id]": "c-1", "metadata[bursar_customer]": "acme", "description": strings.Repeat("ü", 500),
		"automatic_payment_methods[allow_redirects]": "never",
	} {
		if got := r.PostForm.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
