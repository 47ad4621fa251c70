package httpd_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/httpd"
)

// long is an answer that does not go out at once.
const long = 1 << 20

// download asks a server, which gives an answer little time, for a long one, and reads
// it with a pause after every 64 KiB; nothing is kept on the way. It returns how much
// came, and what the server's writing ended with.
func download(t *testing.T, writer func(http.ResponseWriter) http.ResponseWriter, timeout, pause time.Duration) (n int64, wrote error) {
	t.Helper()
	ended := make(chan error, 1)
	server := &http.Server{WriteTimeout: timeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := writer(w).Write(make([]byte, long))
		ended <- err
	})}
	ours, theirs := net.Pipe()
	listener := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	listener.conn <- theirs
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		<-served
	}()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get("http://pipe.example/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for {
		some, err := io.CopyN(io.Discard, res.Body, 64<<10)
		n += some
		if err != nil {
			return n, <-ended
		}
		time.Sleep(pause)
	}
}

// oneConn listens until it has one connection, and then until it is closed.
type oneConn struct {
	conn   chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func patiently(w http.ResponseWriter) http.ResponseWriter { return httpd.Patient(w, 0) }

// Whoever reads on gets it all, though it takes longer than an answer may; whoever
// stops is hung up on.
func TestSlowReaderIsWaitedFor(t *testing.T) {
	const timeout, pause = 400 * time.Millisecond, 40 * time.Millisecond // 16 pauses are 640 ms
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
	if n, err := download(t, of(timeout), timeout, 2*timeout); n == long || err == nil {
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
