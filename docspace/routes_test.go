package docspace_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Every route of the contract has a method, and every method a route.
func TestNoRouteIsMissing(t *testing.T) {
	called, used := map[string]bool{}, map[string]bool{}
	for _, r := range routes() {
		called[r.route], used[r.method] = true, true
	}
	called["GET /portal/payment/chechoutsetupurl"] = true // by CheckoutSetupURL: see TestTheOldSpellingIsTried
	known := map[string]bool{}
	for line := range strings.Lines(contractRoutes) {
		if fields := strings.Fields(line); len(fields) == 2 {
			known[strings.Join(fields, " ")] = true
		}
	}
	for name := range known {
		if !called[name] {
			t.Errorf("nothing calls %s", name)
		}
	}
	for name := range called {
		if !known[name] {
			t.Errorf("%s is no route of the contract", name)
		}
	}
	t.Logf("%d routes of the contract, %d of them called", len(known), len(called))
	// These make no request of a route of their own.
	rest := []string{"URL", "Report", "AllOperations", "AwaitReport", "DownloadReport"}
	for m := range reflect.TypeFor[*docspace.Client]().Methods() {
		if !used[m.Name] && !slices.Contains(rest, m.Name) {
			t.Errorf("%s is in no route's row", m.Name)
		}
	}
}

// present reports whether a value that a method returned is one.
func present(value any) bool {
	v := reflect.ValueOf(value)
	return v.IsValid() && !v.IsZero()
}

// Over a real connection, every route is asked for as the contract has it.
func TestEveryRouteIsSentAsTheContractHasIt(t *testing.T) {
	var (
		mu   sync.Mutex
		sent []string
		last http.Header
		body string
	)
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		data, _ := io.ReadAll(r.Body)
		sent, last, body = append(sent, r.Method+" "+r.RequestURI), r.Header, string(data)
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	carrier := docspace.NewTransport(nil)
	defer carrier.CloseIdleConnections()
	client := newClient(t, docspace.Config{URL: server.URL, Transport: carrier, MaxAttempts: 1})
	for _, r := range routes() {
		t.Run(r.route+" by "+r.method, func(t *testing.T) {
			answer, sent = envelope(r.answer), nil
			if r.answer == "" {
				answer = nothing
			}
			value, err := r.do(t.Context(), client)
			if err != nil || present(value) != (r.answer != "") {
				t.Fatalf("%v, %v", value, err)
			}
			verb, _, _ := strings.Cut(r.route, " ")
			diff(t, "request", sent, []string{verb + " " + r.sent})
			diff(t, "body", body, r.body)
			diff(t, "authorization", last.Get("Authorization"), "Bearer "+apiKey)
			diff(t, "accept", last.Get("Accept"), "application/json")
			wantType, wantKey := "", ""
			if r.body != "" {
				wantType = "application/json"
			}
			if r.money {
				wantKey = callersKey
			}
			diff(t, "type", last.Get("Content-Type"), wantType)
			diff(t, "key", last.Get("Idempotency-Key"), wantKey)
		})
	}
}

// What a portal has nothing to say to is nothing, but never a success of money.
func TestRoutesThatSayNothing(t *testing.T) {
	client := once(t, saying(200, nothing))
	for _, r := range routes() {
		value, err := r.do(t.Context(), client)
		if present(value) {
			t.Errorf("%s: %v of nothing", r.method, value)
		}
		if r.empty != isMalformed {
			if err != nil {
				t.Errorf("%s: %v", r.method, err)
			}
			continue
		}
		if failure := failureOf(t, err, docspace.ErrMalformed); !failure.MayHaveHappened() {
			t.Errorf("%s: nobody knows", r.method)
		}
	}
}

// Reads are repeated, and nothing else is, whatever goes wrong.
func TestOnlyReadsAreRepeated(t *testing.T) {
	for _, r := range routes() {
		for name, test := range map[string]struct {
			step     transport
			kind     error
			happened bool
		}{
			"429": {waiting(429, "0"), docspace.ErrRateLimited, false}, "502": {waiting(502, ""), docspace.ErrPortalFailed, true},
			"503": {waiting(503, "0"), docspace.ErrPortalFailed, true}, "504": {waiting(504, ""), docspace.ErrPortalFailed, true},
			"broken": {failing(io.ErrUnexpectedEOF), docspace.ErrUnreachable, true}, "broken off": {brokenOff(200), docspace.ErrUnreachable, true},
		} {
			steps := &script{steps: []transport{test.step}}
			client := newClient(t, docspace.Config{Transport: steps, MaxAttempts: 3, MaxWait: time.Nanosecond})
			_, err := r.do(t.Context(), client)
			failure := failureOf(t, err, test.kind)
			want := 1
			if r.isRead() {
				want = 3
			} else if failure.MayHaveHappened() != test.happened {
				t.Errorf("%s, %s: may have happened: %t", r.method, name, !test.happened)
			}
			if len(steps.came) != want {
				t.Errorf("%s, %s: sent %d times, want %d", r.method, name, len(steps.came), want)
			}
		}
	}
}

// A redirect of what is no read goes nowhere.
func TestNoWriteIsSentOn(t *testing.T) {
	for _, r := range routes() {
		if r.isRead() {
			continue
		}
		for _, status := range []int{301, 302, 303, 307, 308} {
			requests := 0
			_, err := r.do(t.Context(), once(t, inMemory(func(w http.ResponseWriter, _ *http.Request) {
				requests++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			})))
			failureOf(t, err, docspace.ErrRedirect)
			if requests != 1 {
				t.Errorf("%s, %d: %d requests", r.method, status, requests)
			}
		}
	}
}

// Whatever is sent instead of an answer, every route tells it, and not the key.
func TestEveryBadAnswerIsToldByEveryRoute(t *testing.T) {
	for _, a := range badAnswers() {
		client := once(t, inMemory(a.send))
		for _, r := range routes() {
			value, err := r.do(t.Context(), client)
			if present(value) {
				t.Errorf("%s, %s: %v", r.method, a.name, value)
			}
			failure := failureOf(t, err, a.kind)
			if failure.Status != a.status || failure.Operation == "" || failure.Message == "" {
				t.Errorf("%s, %s: %#v", r.method, a.name, failure)
			}
		}
	}
}

func TestNoRouteShowsTheKey(t *testing.T) {
	for _, key := range []string{apiKey, token} {
		hidden := secretOf(key)
		for name, carrier := range echoes(key) {
			client := newClient(t, docspace.Config{Key: key, Transport: carrier, MaxAttempts: 1})
			for _, r := range routes() {
				_, err := r.do(t.Context(), client)
				if err == nil {
					continue // an answer of another kind may be one to this route
				}
				for _, text := range []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
					if piece := hidden.in(text); piece != "" {
						t.Errorf("%s, %s: shows %q: %s", r.method, name, piece, text)
					}
				}
			}
		}
	}
}

func TestNoKeyOfACallerThatNoHeaderCanCarry(t *testing.T) {
	client := once(t, transport(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, errors.New("sent")
	}))
	for _, key := range []string{"a\nb", "é", "\x00"} {
		for name, call := range map[string]func() error{
			"UpdatePlan":       func() error { _, err := client.UpdatePlan(t.Context(), "admin", 1, key); return err },
			"BuyFromWallet":    func() error { _, err := client.BuyFromWallet(t.Context(), "storage", 1, key); return err },
			"ScheduleWallet":   func() error { _, err := client.ScheduleWallet(t.Context(), "storage", nil, key); return err },
			"MoveToWallet":     func() error { _, err := client.MoveToWallet(t.Context(), "adminwallet", 1, key); return err },
			"CreditAIBalance":  func() error { _, err := client.CreditAIBalance(t.Context(), amount("1", "USD"), key); return err },
			"BuyWalletService": func() error { _, err := client.BuyWalletService(t.Context(), "ai-tools", 1, key); return err },
		} {
			if failure := failureOf(t, call(), docspace.ErrRefused); failure.MayHaveHappened() {
				t.Errorf("%s with %q may have happened", name, key)
			}
		}
	}
	if _, err := client.AccountingPrices(t.Context(), "..", nil); !errors.Is(err, docspace.ErrRefused) {
		t.Errorf("..: %v", err)
	}
	_, err := client.SetTopUpSettings(t.Context(), &docspace.TopUpSettings{MinBalance: amount("1", "USD"), UpToBalance: amount("2", "EUR")})
	failureOf(t, err, docspace.ErrRefused)
}
