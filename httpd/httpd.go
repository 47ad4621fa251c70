// Package httpd is the server that Bursar's doors hang in: request ids, logs,
// limits, health checks, and a stop that lets requests finish.
package httpd

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Config says what to serve and how.
type Config struct {
	// Handler answers everything but the health checks. Required.
	Handler http.Handler
	// Log takes a line a request: refused ones as information, failed ones as
	// errors, the others for debugging. Required.
	Log *slog.Logger
	// Ready reports whether requests can be answered; nil means always.
	Ready func(context.Context) error
	// CertFile and KeyFile turn on TLS and HTTP/2; both or none.
	CertFile, KeyFile string
	// StopTimeout is how long a stop waits for requests; 0 means 10 seconds.
	StopTimeout time.Duration
}

// The limits of one request.
const (
	maxHeader    = 64 << 10
	maxBody      = 1 << 20
	readTimeout  = 20 * time.Second
	writeTimeout = 60 * time.Second
	idleTimeout  = 2 * time.Minute
)

// RequestIDHeader carries the id of a request, in both directions: doors find it
// among the headers of the response.
const RequestIDHeader = "X-Request-Id"

// NewServer returns a server with the limits of one request set, and nothing else
// around the handler.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:        h,
		ReadTimeout:    readTimeout, // for headers and body together
		WriteTimeout:   writeTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
	}
}

// Serve answers requests on the listener until the context ends, then lets the
// running ones finish. It returns nil after such a stop, and closes the listener
// in any case.
func Serve(ctx context.Context, listener net.Listener, config Config) error {
	if config.StopTimeout == 0 {
		config.StopTimeout = 10 * time.Second
	}
	server := NewServer(Wrap(config))
	server.ErrorLog = log.New(serverLog{config.Log}, "", 0)
	server.BaseContext = func(net.Listener) context.Context {
		return context.WithValue(context.Background(), stoppingKey{}, ctx.Done())
	}
	idle := newSilent()
	server.ConnState = idle.note
	failed := make(chan error, 1)
	go func() {
		if config.CertFile != "" || config.KeyFile != "" {
			failed <- server.ServeTLS(listener, config.CertFile, config.KeyFile)
		} else {
			failed <- server.Serve(listener)
		}
	}()
	select {
	case err := <-failed:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), config.StopTimeout)
	defer cancel()
	idle.hangUp()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("requests were still running after %s", config.StopTimeout), server.Close())
	}
	return nil
}

type stoppingKey struct{}

// Stopping returns a channel that is closed when the server is told to stop, by the
// context of a request. One that would go on for long should end then. It is nil,
// which is never closed, where the request does not come from Serve.
func Stopping(ctx context.Context) <-chan struct{} {
	stopping, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return stopping
}

// serverLog takes what net/http has to say. Callers that break off a handshake
// are the network's weather; the rest, such as no more file descriptors, is not.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	level, text := slog.LevelWarn, strings.TrimSpace(string(line))
	if strings.HasPrefix(text, "http: TLS handshake error") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, text)
	return len(line), nil
}

// silent are the connections that never sent anything. Browsers and clients open
// some in advance, and a stop would wait for them, as if a request were on its
// way.
type silent struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	hungUp bool
}

func newSilent() *silent { return &silent{conns: map[net.Conn]bool{}} }

// note is the server's ConnState.
func (s *silent) note(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.conns, conn)
		return
	}
	if s.hungUp {
		_ = conn.Close() // nobody is on the other end any more
		return
	}
	s.conns[conn] = true
}

// hangUp closes them, and those that come later.
func (s *silent) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hungUp = true
	for conn := range s.conns {
		_ = conn.Close() // it had nothing to lose
	}
}

// Wrap returns the handler that Serve serves.
func Wrap(config Config) http.Handler { return &outermost{config} }

// answer serves the health checks, and hands everything else on.
func (o *outermost) answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		plain(w, http.StatusOK, "ok")
	case "/readyz":
		o.ready(w, r)
	default:
		o.Handler.ServeHTTP(w, r)
	}
}

func (o *outermost) ready(w http.ResponseWriter, r *http.Request) {
	if o.Ready != nil {
		if err := o.Ready(r.Context()); err != nil {
			o.Log.WarnContext(r.Context(), "not ready", "error", err)
			plain(w, http.StatusServiceUnavailable, "not ready")
			return
		}
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// outermost gives each request an id, a limit and a line in the log.
type outermost struct{ Config }

func (o *outermost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := ""
	if sent := r.Header[RequestIDHeader]; len(sent) == 1 && goodID(sent[0]) {
		id = sent[0]
	} else {
		id = newID()
	}
	w.Header()[RequestIDHeader] = []string{id}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	seen := &observed{ResponseWriter: w}
	defer func() {
		if cause := recover(); cause != nil {
			o.recovered(seen, r, id, cause)
		}
		o.record(r, id, seen, time.Since(start))
	}()
	o.answer(seen, r)
}

// recovered logs a panic and answers for it where nothing was answered yet. The
// panic that means "cut the connection" goes on its way.
func (o *outermost) recovered(w *observed, r *http.Request, id string, cause any) {
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	o.Log.ErrorContext(r.Context(), "panic", "request_id", id, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if w.status == 0 {
		plain(w, http.StatusInternalServerError, "internal error, request "+id)
	}
}

func (o *outermost) record(r *http.Request, id string, w *observed, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case w.status >= 500:
		level = slog.LevelError
	case w.status >= 400:
		level = slog.LevelInfo
	}
	if !o.Log.Enabled(r.Context(), level) {
		return
	}
	// Never the query or a header: a key could be in either.
	o.Log.LogAttrs(r.Context(), level, "request",
		slog.String("request_id", id),
		slog.String("method", r.Method),
		slog.String("host", r.Host),
		slog.String("path", r.URL.Path),
		slog.Int("status", w.status),
		slog.Int64("bytes", w.bytes),
		slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr))
}

// newID draws a request id: 16 hexadecimal digits.
func newID() string {
	const digits = "0123456789abcdef"
	var id [16]byte
	for i, bits := 0, rand.Uint64(); i < len(id); i, bits = i+1, bits>>4 {
		id[i] = digits[bits&0xf]
	}
	return string(id[:])
}

// goodID reports whether an id from outside is short and plain enough to repeat.
func goodID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// observed remembers what was answered.
type observed struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *observed) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *observed) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (w *observed) Unwrap() http.ResponseWriter { return w.ResponseWriter }
