package docspace_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// dialing returns a transport whose connections come from dial.
func dialing(t *testing.T, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	t.Helper()
	carrier := &http.Transport{DialContext: dial}
	t.Cleanup(carrier.CloseIdleConnections)
	return carrier
}

func TestConnectionsThatFail(t *testing.T) {
	failing := func(cause error) func(t *testing.T) (string, http.RoundTripper) {
		return func(t *testing.T) (string, http.RoundTripper) {
			return "", dialing(t, func(context.Context, string, string) (net.Conn, error) { return nil, cause })
		}
	}
	tests := []struct {
		name   string
		portal func(t *testing.T) (address string, carrier http.RoundTripper)
		status int
		text   string // HOST stands for the portal's host and port
		cause  error
	}{
		{name: "no such host", portal: failing(&net.DNSError{Err: "no such host", Name: "portal.example.com", IsNotFound: true}),
			text: "there is no host portal.example.com"},
		{name: "refused", portal: failing(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
			text: "portal.example.com: connect: connection refused", cause: syscall.ECONNREFUSED},
		{name: "no route", portal: failing(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}),
			text: "portal.example.com: connect: no route to host", cause: syscall.EHOSTUNREACH},
		{name: "cut before the answer", portal: func(t *testing.T) (string, http.RoundTripper) {
			server, _ := serve(t, false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			return server.URL, server.Client().Transport
		}, text: "the connection was closed", cause: io.EOF},
		{name: "cut within the answer", portal: func(t *testing.T) (string, http.RoundTripper) {
			server, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, `{"response":{"portalId":"p",`)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			return server.URL, server.Client().Transport
		}, status: 200, text: "the answer broke off: the connection was closed", cause: io.ErrUnexpectedEOF},
		{name: "cut within a chunk", portal: func(t *testing.T) (string, http.RoundTripper) {
			server, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, nothing)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			return server.URL, server.Client().Transport
		}, status: 200, text: "the answer broke off: the connection was closed", cause: io.ErrUnexpectedEOF},
		{name: "https to an http server", portal: func(t *testing.T) (string, http.RoundTripper) {
			server, _ := serve(t, false, answering(nothing))
			return strings.Replace(server.URL, "http:", "https:", 1), server.Client().Transport
		}, text: "HOST does not speak TLS (is the address http://?)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			portal, carrier := tt.portal(t)
			client := newClient(t, docspace.Config{URL: portal, Transport: carrier, MaxAttempts: 1})
			_, host, _ := strings.Cut(client.URL(), "//")
			for _, op := range operations() {
				present, err := op.do(t.Context(), client)
				if present {
					t.Errorf("%s: a value", op.name)
				}
				failure := failureOf(t, err, docspace.ErrUnreachable)
				if want := strings.Replace(tt.text, "HOST", host, 1); failure.Message != want || failure.Status != tt.status {
					t.Errorf("%d, %q; want %d, %q", failure.Status, failure.Message, tt.status, want)
				}
				if tt.cause != nil && !errors.Is(err, tt.cause) {
					t.Errorf("%v does not wrap %v", err, tt.cause)
				}
			}
		})
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	server, seen := serve(t, true, answering(nothing))
	trusting := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	tests := []struct {
		name, address string
		config        *tls.Config
	}{
		{"of an unknown authority", server.URL, nil},
		{"of another host", strings.Replace(server.URL, "127.0.0.1", "portal.invalid", 1), &tls.Config{RootCAs: trusting}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			carrier := dialing(t, func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
			})
			carrier.TLSClientConfig = tt.config
			client := newClient(t, docspace.Config{URL: tt.address, Transport: carrier})
			_, err := client.Balance(t.Context())
			failure := failureOf(t, err, docspace.ErrUnreachable)
			_, host, _ := strings.Cut(tt.address, "//")
			if !strings.HasPrefix(failure.Message, "the certificate of "+host+" is not trusted: ") || failure.Status != 0 {
				t.Errorf("%d, %q", failure.Status, failure.Message)
			}
		})
	}
	if got := seen.keys(); len(got) > 0 {
		t.Errorf("the server was sent %q", got)
	}
	client := newClient(t, docspace.Config{URL: server.URL, Transport: server.Client().Transport})
	if _, err := client.Balance(t.Context()); err != nil {
		t.Errorf("one that is trusted: %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	const most = 1024
	exact := nothing + strings.Repeat(" ", most-len(nothing))
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat(" ", 512)); err != nil {
				return
			}
		}
	}
	squeezed := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, strings.Repeat(" ", 8<<20)) // the client hangs up
		_ = z.Close()
	}
	tests := []struct {
		name     string
		handler  http.HandlerFunc
		tooLarge bool
	}{
		{"as long as allowed", answering(exact), false},
		{"a byte longer", answering(exact + " "), true},
		{"without end", endless, true},
		{"small on the wire", squeezed, true},
		{"an error page without end", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); endless(w, r) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, seen := serve(t, false, tt.handler)
			client := newClient(t, docspace.Config{URL: server.URL, Transport: server.Client().Transport, MaxBody: most})
			_, err := client.Balance(t.Context())
			if !tt.tooLarge {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failure := failureOf(t, err, docspace.ErrTooLarge)
			if failure.Message != "the answer is longer than 1024 bytes" {
				t.Errorf("message %q", failure.Message)
			}
			if n := len(seen.keys()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// Who wants no bound may say so with the largest one there is.
func TestTheLargestBoundIsNone(t *testing.T) {
	client := newClient(t, docspace.Config{Transport: saying(200, envelope(balancePayload)), MaxBody: math.MaxInt64})
	if b, err := client.Balance(t.Context()); b == nil || err != nil {
		t.Errorf("%+v, %v", b, err)
	}
}

// stalled is a body that says nothing until its request is given up.
type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }
func (s stalled) Close() error             { return nil }

func TestAPortalThatKeepsSilentTimesOut(t *testing.T) {
	silent := transport(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	halting := transport(func(r *http.Request) (*http.Response, error) {
		body := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(`{"response":{`), stalled{r.Context()}), io.NopCloser(nil)}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
	})
	tests := []struct {
		name     string
		carrier  transport
		timeout  time.Duration // of the config
		deadline time.Duration // of the context; 0: none
		after    time.Duration
		status   int
		text     string
	}{
		{"by default", silent, 0, 0, 30 * time.Second, 0, "Failed to get balance: no whole answer in time"},
		{"as configured", silent, time.Minute, 0, time.Minute, 0, "Failed to get balance: no whole answer in time"},
		{"by the context", silent, 0, time.Second, time.Second, 0, "Failed to get balance: no whole answer in time"},
		{"within the answer", halting, 0, 0, 30 * time.Second, 200, "Failed to get balance: 200 - the answer broke off: no whole answer in time"},
		{"within the answer, by the context", halting, 0, time.Second, time.Second, 200, "Failed to get balance: 200 - the answer broke off: no whole answer in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				start := time.Now()
				_, err := newClient(t, docspace.Config{Transport: tt.carrier, Timeout: tt.timeout}).Balance(ctx)
				if took := time.Since(start); took != tt.after {
					t.Errorf("took %s, want %s", took, tt.after)
				}
				failure := failureOf(t, err, docspace.ErrTimeout)
				if err.Error() != tt.text || failure.Status != tt.status || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%d, %q", failure.Status, err)
				}
			})
		})
	}
}

func TestACancelEndsAReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		_, err := newClient(t, docspace.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}).Balance(ctx)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		failureOf(t, err, docspace.ErrUnreachable)
		if !errors.Is(err, context.Canceled) || err.Error() != "Failed to get balance: canceled" {
			t.Error(err)
		}
	})
}
