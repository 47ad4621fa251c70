package docspace_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

func TestDepositIsSentAsTheContractHasIt(t *testing.T) {
	for _, key := range []string{"", "invoice 7"} {
		for answer, want := range map[string]bool{"true": true, "false": false} {
			var sent *http.Request
			var body []byte
			client := once(t, inMemory(func(w http.ResponseWriter, r *http.Request) {
				sent = r
				body, _ = io.ReadAll(r.Body)
				_, _ = io.WriteString(w, envelope(answer))
			}))
			paid, err := client.Deposit(t.Context(), 100, "USD", key)
			if paid != want || err != nil {
				t.Errorf("%t, %v, want %t", paid, err, want)
			}
			diff(t, "request", sent.Method+" "+sent.URL.String()+" "+string(body),
				`POST https://portal.example.com/api/2.0/portal/payment/deposit {"amount":100,"currency":"USD"}`)
			diff(t, "type", sent.Header.Get("Content-Type"), "application/json")
			diff(t, "authorization", sent.Header.Get("Authorization"), "Bearer "+apiKey)
			if got, ok := sent.Header["Idempotency-Key"]; ok != (key != "") || ok && got[0] != key {
				t.Errorf("the key is %q", got)
			}
		}
	}
}

func TestKeyThatNoHeaderCanCarryIsNotSent(t *testing.T) {
	client := once(t, transport(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, errors.New("sent")
	}))
	for _, key := range []string{"a\nb", "é", "\x00", "\x7f"} {
		_, err := client.Deposit(t.Context(), 1, "USD", key)
		failureOf(t, err, docspace.ErrRefused)
	}
}

// Whatever comes back or does not, a deposit is sent once.
func TestDepositIsNeverRepeated(t *testing.T) {
	for name, test := range map[string]struct {
		step transport
		kind error
	}{
		"429":        {waiting(429, "0"), docspace.ErrRateLimited},
		"502":        {waiting(502, ""), docspace.ErrPortalFailed},
		"503":        {waiting(503, "1"), docspace.ErrPortalFailed},
		"504":        {waiting(504, ""), docspace.ErrPortalFailed},
		"402":        {saying(402, refusal(402, "No money")), docspace.ErrPaymentRequired},
		"409":        {saying(409, refusal(409, "Another")), docspace.ErrRefused},
		"422":        {saying(422, refusal(422, "Other input")), docspace.ErrRefused},
		"broken":     {failing(io.ErrUnexpectedEOF), docspace.ErrUnreachable},
		"broken off": {brokenOff(200), docspace.ErrUnreachable},
		"time-out":   {failing(context.DeadlineExceeded), docspace.ErrTimeout},
		"nothing":    {saying(200, nothing), docspace.ErrMalformed},
		"a string":   {saying(200, envelope(`"true"`)), docspace.ErrMalformed},
		"a number":   {saying(200, envelope(`1`)), docspace.ErrMalformed},
		"a web page": {saying(200, "<html>"), docspace.ErrMalformed},
	} {
		steps := &script{steps: []transport{test.step}}
		client := newClient(t, docspace.Config{Transport: steps, MaxAttempts: 9, MaxWait: time.Millisecond})
		paid, err := client.Deposit(t.Context(), 1, "USD", "key")
		failureOf(t, err, test.kind)
		if paid || len(steps.came) != 1 {
			t.Errorf("%s: paid %t, sent %d times", name, paid, len(steps.came))
		}
	}
}

// net/http repeats a request with an Idempotency-Key on its own when an idle
// connection breaks, and turns a POST into a GET when it is sent on. Neither may
// happen to a deposit.
func TestNothingBelowRepeatsADeposit(t *testing.T) {
	var deposits, others atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			deposits.Add(1)
			panic(http.ErrAbortHandler) // the body was sent, and no answer comes
		}
		others.Add(1)
		_, _ = io.WriteString(w, nothing)
	}))
	defer server.Close()
	carrier := docspace.NewTransport(nil)
	defer carrier.CloseIdleConnections()
	client := newClient(t, docspace.Config{URL: server.URL, Transport: carrier})
	for i := range 5 {
		if _, err := client.Balance(t.Context()); err != nil { // leaves an idle connection
			t.Fatal(err)
		}
		_, err := client.Deposit(t.Context(), 1, "USD", "key")
		failureOf(t, err, docspace.ErrUnreachable)
		if n := deposits.Load(); n != int64(i+1) {
			t.Fatalf("%d deposits for %d calls", n, i+1)
		}
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		var came sync.Map
		client := once(t, inMemory(func(w http.ResponseWriter, r *http.Request) {
			came.Store(r.Method+" "+r.URL.Path, true)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		_, err := client.Deposit(t.Context(), 1, "USD", "key")
		failureOf(t, err, docspace.ErrRedirect)
		came.Range(func(key, _ any) bool {
			if key != "POST /api/2.0/portal/payment/deposit" {
				t.Errorf("%d: %s was sent", status, key)
			}
			return true
		})
	}
}

// A server that closes idle connections as the next request comes: the deposit
// fails, or is sent on another connection, but never both.
func TestDepositOnAStaleConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var deposits atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for range 2 { // one answer, and then the line is cut
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if r.Method == http.MethodPost {
						deposits.Add(1)
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n"+`{"count":0,"status":0`[:20]+"}")
				}
			}()
		}
	}()
	carrier := docspace.NewTransport(nil)
	defer carrier.CloseIdleConnections()
	client := newClient(t, docspace.Config{URL: "http://" + listener.Addr().String(), Transport: carrier, MaxAttempts: 1})
	_, _ = client.Balance(t.Context())
	_, err = client.Deposit(t.Context(), 1, "USD", "key")
	failureOf(t, err, docspace.ErrUnreachable)
	if n := deposits.Load(); n > 1 {
		t.Errorf("%d deposits", n)
	}
}

// A portal waits for the bank: a deposit may take four times as long as a read.
func TestDepositMayTakeLonger(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(150 * time.Millisecond):
			_, _ = io.WriteString(w, envelope("true"))
		case <-r.Context().Done():
		}
	}
	server := httptest.NewServer(http.HandlerFunc(slow))
	defer server.Close()
	carrier := docspace.NewTransport(nil)
	defer carrier.CloseIdleConnections()
	client := newClient(t, docspace.Config{URL: server.URL, Timeout: 100 * time.Millisecond, MaxAttempts: 1, Transport: carrier})
	if paid, err := client.Deposit(t.Context(), 1, "USD", ""); !paid || err != nil {
		t.Errorf("%t, %v", paid, err)
	}
	_, err := client.Balance(t.Context())
	failureOf(t, err, docspace.ErrTimeout)
}

// The key opens the portal, and is in no error.
func TestDepositKeepsTheSecret(t *testing.T) {
	client := once(t, saying(403, refusal(403, "no "+apiKey)))
	_, err := client.Deposit(t.Context(), 1, "USD", "k")
	if err == nil || strings.Contains(err.Error(), apiKey) {
		t.Errorf("%v", err)
	}
}
