package docspacetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
)

// patience is how long a test waits for what must come at once. It only decides
// how long a failing test takes.
const patience = 30 * time.Second

// Nothing of any portal is running once its test is over.
func TestMain(m *testing.M) {
	code := m.Run()
	for end := time.Now().Add(patience); ; {
		err := goleak.Find()
		if err == nil {
			break
		}
		if time.Now().After(end) {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
			break
		}
	}
	os.Exit(code)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not in %s: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// clientOf returns a client of the portal that never repeats a read.
func clientOf(t *testing.T, p *docspacetest.Portal, key string) *docspace.Client {
	t.Helper()
	client, err := docspace.New(docspace.Config{URL: p.URL, Key: key, MaxAttempts: 1, MaxBody: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// answer is what one bare request was answered.
type answer struct {
	status  int
	headers http.Header
	body    []byte
	err     error // of reading the body
}

// ask sends one bare request for a path of the payment API.
func ask(t *testing.T, p *docspacetest.Portal, path string, headers http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/api/2.0/portal/payment/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = headers
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, body, err}
}

// bearer returns the header that lets a key in.
func bearer(key string) http.Header { return http.Header{"Authorization": {"Bearer " + key}} }

// decode returns the members of a JSON object.
func decode(t *testing.T, data []byte) map[string]json.RawMessage {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return members
}

// must returns a value that was read without an error and is there.
func must[T any](t *testing.T) func(*T, error) T {
	return func(value *T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if value == nil {
			t.Fatal("the portal has nothing to say")
		}
		return *value
	}
}

func diff[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	exact := cmp.AllowUnexported(money.Amount{}, docspace.FeatureValue{})
	if d := cmp.Diff(want, got, exact); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func usd(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "USD") }
func eur(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "EUR") }

// wants checks the kind of a failure; nil wants none.
func wants(t *testing.T, what string, err, kind error) {
	t.Helper()
	if kind == nil && err != nil || kind != nil && !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %v", what, err, kind)
	}
}

// reads are the client's reads by the part they are of.
func reads(c *docspace.Client) map[docspace.Part]func(context.Context) error {
	reads := map[docspace.Part]func(context.Context) error{}
	for _, part := range docspace.Parts() {
		reads[part] = func(ctx context.Context) error { return c.Report(ctx, part).Err() }
	}
	return reads
}
