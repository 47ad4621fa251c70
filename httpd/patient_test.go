package httpd_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bursarhq/bursar/httpd"
)

// long is an answer that is much longer than what is kept on its way.
const long = 8 << 20

// download asks a server, which gives an answer little time, for a long one, and reads
// it with a pause after every 256 KiB. It returns how much came, and what the server's
// writing ended with.
func download(t *testing.T, writer func(http.ResponseWriter) http.ResponseWriter, timeout, pause time.Duration) (n int64, wrote error) {
	t.Helper()
	ended := make(chan error, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := writer(w).Write(make([]byte, long))
		ended <- err
	}))
	server.Config.WriteTimeout = timeout
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
		return ctx
	}
	server.Start()
	defer server.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(256 << 10)
		}
		return c, err
	}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for {
		some, err := io.CopyN(io.Discard, res.Body, 256<<10)
		n += some
		if err != nil {
			return n, <-ended
		}
		time.Sleep(pause)
	}
}

func patiently(w http.ResponseWriter) http.ResponseWriter { return httpd.Patient(w, 0) }

// Whoever reads on gets it all, though it takes longer than an answer may; whoever
// stops is hung up on.
func TestSlowReaderIsWaitedFor(t *testing.T) {
	const timeout, pause = 600 * time.Millisecond, 60 * time.Millisecond // 32 pauses are 2 s
	of := func(patience time.Duration) func(http.ResponseWriter) http.ResponseWriter {
		return func(w http.ResponseWriter) http.ResponseWriter { return httpd.Patient(w, patience) }
	}
	if n, err := download(t, func(w http.ResponseWriter) http.ResponseWriter { return w }, timeout, pause); n == long || err == nil {
		t.Errorf("without patience, %d bytes came, and the writing ended with %v: this tests nothing", n, err)
	}
	if n, err := download(t, of(timeout), timeout, pause); n != long || err != nil {
		t.Errorf("%d bytes came, and the writing ended with %v", n, err)
	}
	if n, err := download(t, patiently, timeout, pause); n != long || err != nil {
		t.Errorf("with the server's own patience, %d bytes came, and the writing ended with %v", n, err)
	}
	if n, err := download(t, of(timeout), timeout, 4*timeout); n == long || err == nil {
		t.Errorf("with a reader that stops, %d bytes came, and the writing ended with %v", n, err)
	}
}

// A door's writer is not the connection's own.
func TestPatienceReachesThroughTheServersWriter(t *testing.T) {
	inner := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		before := time.Now()
		if n, err := httpd.Patient(w, time.Hour).Write(make([]byte, 100<<10)); n != 100<<10 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
		for _, at := range inner.set {
			if at.Before(before.Add(time.Hour)) || at.After(time.Now().Add(time.Hour)) {
				t.Errorf("a deadline %s after the start", at.Sub(before))
			}
		}
	})
	httpd.Wrap(httpd.Config{Handler: handler, Log: slog.New(slog.DiscardHandler)}).ServeHTTP(inner, httptest.NewRequest(http.MethodGet, "/", nil))
	if len(inner.set) != 4 || inner.Body.Len() != 100<<10 { // 32, 64, 96 and 100 KiB
		t.Errorf("%d deadlines, %d bytes", len(inner.set), inner.Body.Len())
	}
	// One without deadlines takes it all, and nothing at all too.
	w := httptest.NewRecorder()
	if n, err := patiently(w).Write(nil); n != 0 || err != nil || w.Code != http.StatusOK {
		t.Errorf("nothing: %d, %v", n, err)
	}
}

// deadlines notes the deadlines that are set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}
