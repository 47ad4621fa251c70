package docspace_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// Nothing that a client started is running once its tests are over.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := leftRunning(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// leftRunning returns an error that lists the goroutines that should be gone. It
// waits for those that are going; how long only decides how long a failing test
// takes.
func leftRunning(but ...goleak.Option) error {
	for patience := time.Now().Add(30 * time.Second); ; {
		if err := goleak.Find(but...); err == nil || time.Now().After(patience) {
			return err
		}
	}
}

const (
	address = "https://portal.example.com"
	// apiKey and token open nothing anywhere.
	apiKey = "sk-3b1f0c9e7d52a8464fe1907ab3cd85d60e2b94f7618ca35d0f72e49b86a1c0d3"
	token  = "Zm9yIHRlc3Rz+bm90aGluZw/b3BlbnMgd2l0aCBpdA0987=="
)

// transport carries requests without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// inMemory carries requests to a handler.
func inMemory(handler http.HandlerFunc) transport {
	return func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		w := httptest.NewRecorder()
		handler(w, r)
		res := w.Result()
		res.Request = r
		return res, nil
	}
}

// saying carries every request to a portal that answers this.
func saying(status int, body string) transport {
	return inMemory(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // a recorder takes everything
	})
}

// envelope wraps a payload as portals do.
func envelope(payload string) string {
	return `{"response":` + payload + `,"count":1,"links":[{"href":"https://portal.example.com/api/2.0/portal/payment",` +
		`"action":"GET"}],"status":0,"statusCode":200}`
}

// nothing is the answer of a portal that has nothing to say.
const nothing = `{"count":0,"links":[{"href":"https://portal.example.com/api/2.0/portal/payment","action":"GET"}],` +
	`"status":0,"statusCode":200}`

// refusal is the answer of a portal that refuses.
func refusal(status int, message string) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":"System.Exception","stack":"   at ASC.Web.Api","hresult":-2146233088},`+
		`"status":1,"statusCode":%d}`, message, status)
}

// newClient returns a client of the config, with an address and a key where it
// has none.
func newClient(t testing.TB, config docspace.Config) *docspace.Client {
	t.Helper()
	if config.URL == "" {
		config.URL = address
	}
	if config.Key == "" {
		config.Key = apiKey
	}
	client, err := docspace.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return client
}

// once returns a client that never repeats a read.
func once(t testing.TB, carrier http.RoundTripper) *docspace.Client {
	t.Helper()
	return newClient(t, docspace.Config{Transport: carrier, MaxAttempts: 1})
}

// operation is one of the client's reads; do reports whether it had a value.
type operation struct {
	name, path string
	do         func(context.Context, *docspace.Client) (bool, error)
}

func operations() []operation {
	return []operation{
		{"get customer info", "/api/2.0/portal/payment/customerinfo",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.CustomerInfo(ctx)
				return v != nil, err
			}},
		{"get balance", "/api/2.0/portal/payment/customer/balance",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.Balance(ctx)
				return v != nil, err
			}},
		{"get AI balance", "/api/2.0/portal/payment/customer/aibalance",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.AIBalance(ctx)
				return v != nil, err
			}},
		{"get operations", "/api/2.0/portal/payment/customer/operations",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.Operations(ctx, docspace.OperationsQuery{})
				return v != nil, err
			}},
		{"get current quota", "/api/2.0/portal/payment/quota",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.Quota(ctx)
				return v != nil, err
			}},
		{"get available quotas", "/api/2.0/portal/payment/quotas",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.Quotas(ctx)
				return v != nil, err
			}},
		{"get available quotas", "/api/2.0/portal/payment/quotas?wallet=true",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.WalletQuotas(ctx)
				return v != nil, err
			}},
		{"get topup settings", "/api/2.0/portal/payment/topupsettings",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.TopUpSettings(ctx)
				return v != nil, err
			}},
		{"get currencies", "/api/2.0/portal/payment/currencies",
			func(ctx context.Context, c *docspace.Client) (bool, error) {
				v, err := c.Currencies(ctx)
				return v != nil, err
			}},
	}
}

// kinds are the Err values, of which every *Error wraps exactly one.
var kinds = []error{
	docspace.ErrUnauthorized, docspace.ErrForbidden, docspace.ErrNotFound, docspace.ErrPaymentRequired, docspace.ErrRefused,
	docspace.ErrRateLimited, docspace.ErrPortalFailed, docspace.ErrUnreachable, docspace.ErrTimeout,
	docspace.ErrRedirect, docspace.ErrTooLarge, docspace.ErrMalformed,
}

// failureOf returns the *Error that err is, which must be of this kind only.
func failureOf(t testing.TB, err, kind error) *docspace.Error {
	t.Helper()
	var failure *docspace.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v (%T), want a *docspace.Error", err, err)
	}
	for _, k := range kinds {
		if errors.Is(err, k) != (k == kind) {
			t.Errorf("errors.Is(%q, %q) = %t", err, k, k != kind)
		}
	}
	return failure
}

func diff[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	exact := cmp.AllowUnexported(money.Amount{}, docspace.FeatureValue{}, docspace.Decimal{})
	if d := cmp.Diff(want, got, exact); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// amount is for tables: the text is known to be good.
func amount(text string, c money.Currency) money.Amount {
	a, err := money.Parse(text, c)
	if err != nil {
		panic(err)
	}
	return a
}
