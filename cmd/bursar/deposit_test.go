package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspacetest"
)

// holding is a portal that keeps the answer to the first deposit back, which it has
// made or not.
type holding struct {
	*docspacetest.Portal
	url      string
	came     chan struct{} // closed when the first deposit is there, and made if it will be
	deposits atomic.Int64
}

func newHolding(t *testing.T, portal *docspacetest.Portal, made bool) *holding {
	t.Helper()
	to, err := url.Parse(portal.URL)
	if err != nil {
		t.Fatal(err)
	}
	h := &holding{Portal: portal, came: make(chan struct{})}
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/payment/deposit") || h.deposits.Add(1) > 1 {
			behind.ServeHTTP(w, r)
			return
		}
		if made {
			behind.ServeHTTP(httptest.NewRecorder(), r)
		}
		_, _ = io.Copy(io.Discard, r.Body) // by its end a server knows when the caller is gone
		close(h.came)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// bursar makes a run of the program ready, with the state of its own folder.
func (h *holding) bursar(t *testing.T, state string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "bursar", args...)
	cmd.Env = append(os.Environ(), "DOCSPACE_URL="+h.url, "DOCSPACE_API_KEY="+h.Key, "XDG_STATE_HOME="+state)
	cmd.Stderr = t.Output()
	return cmd
}

// known is what the program says of the only deposit there is.
type known struct{ State, Evidence, Doubt string }

// deposit asks the program about the only deposit, and returns its exit status too.
func (h *holding) deposit(t *testing.T, state string, args ...string) (known, int) {
	t.Helper()
	cmd := h.bursar(t, state, append([]string{"deposit", "-o", "json"}, args...)...)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var all []known
	if err := json.Unmarshal(out, &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return all[0], cmd.ProcessState.ExitCode()
}

// Killed between the intent and the answer, a deposit is there once or not at all, and
// the next run finds out which.
func TestDepositOfAProcessThatIsKilled(t *testing.T) {
	for name, c := range map[string]struct {
		portal func(testing.TB) *docspacetest.Portal
		made   bool
		known  known // after --resume
		code   int
		sent   int64
		wallet string
	}{
		"at Bursar, made":      {docspacetest.New, true, known{"done", "key", ""}, 0, 2, "248.50"},
		"at Bursar, not made":  {docspacetest.New, false, known{"done", "key", ""}, 0, 2, "248.50"},
		"at a stock, made":     {docspacetest.NewStock, true, known{"done", "operation", ""}, 0, 1, "248.50"},
		"at a stock, not made": {docspacetest.NewStock, false, known{"unknown", "", "too_early"}, 1, 1, "148.50"},
	} {
		t.Run(name, func(t *testing.T) {
			h, state := newHolding(t, c.portal(t), c.made), t.TempDir()
			same := []string{"--amount", "USD=100", "--yes", "--idempotency-key", "june", "--alone"}
			run := h.bursar(t, state, append([]string{"deposit"}, same...)...)
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-h.came:
			case <-time.After(patience):
				t.Error("it was not sent")
			}
			if err := run.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = run.Wait() // it was killed

			if got, code := h.deposit(t, state, "--status"); got != (known{State: "sent"}) || code != 0 {
				t.Errorf("status: %+v, exit status %d", got, code)
			}
			for range 2 {
				if got, code := h.deposit(t, state, "--resume", "--alone", "--idempotency-key", "june"); got != c.known || code != c.code {
					t.Errorf("resumed: %+v, exit status %d", got, code)
				}
			}
			again := h.bursar(t, state, append([]string{"deposit"}, same...)...)
			if _ = again.Run(); again.ProcessState.ExitCode() != c.code {
				t.Errorf("the same again ends with %d", again.ProcessState.ExitCode())
			}
			balance, err := h.Client().Balance(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := balance.SubAccounts[0].Amount.Decimal(); got != c.wallet || h.deposits.Load() != c.sent {
				t.Errorf("the wallet has %s, not %s, and it was sent %d times, not %d", got, c.wallet, h.deposits.Load(), c.sent)
			}
		})
	}
}
