package httpd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/httpd"
)

// ask sends one request through a wrapped handler and returns the answer and
// what was logged.
func ask(t *testing.T, config httpd.Config, r *http.Request) (*http.Response, string) {
	t.Helper()
	var logged bytes.Buffer
	config.Log = slog.New(slog.NewTextHandler(&logged, nil))
	w := httptest.NewRecorder()
	httpd.Wrap(config).ServeHTTP(w, r)
	return w.Result(), logged.String()
}

func answering(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

func TestRequestIDs(t *testing.T) {
	for sent, kept := range map[string]bool{
		"": false, "abc-DEF_1.2": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "ä": false, "a\tb": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(httpd.RequestIDHeader, sent)
		res, _ := ask(t, httpd.Config{Handler: answering(200)}, r)
		got := res.Header.Get(httpd.RequestIDHeader)
		if kept && got != sent || !kept && (got == sent || len(got) != 16) {
			t.Errorf("sent %q, answered with %q", sent, got)
		}
	}
}

func TestHealth(t *testing.T) {
	down := func(context.Context) error { return errors.New("no disk") }
	tests := []struct {
		path   string
		ready  func(context.Context) error
		status int
	}{
		{"/healthz", nil, 200}, {"/healthz", down, 200}, {"/readyz", nil, 200}, {"/readyz", down, 503}, {"/else", down, 418},
	}
	for _, tt := range tests {
		res, logged := ask(t, httpd.Config{Handler: answering(418), Ready: tt.ready}, httptest.NewRequest(http.MethodGet, tt.path, nil))
		if res.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", tt.path, res.StatusCode, tt.status)
		}
		if why := strings.Contains(logged, "no disk"); why != (tt.status == 503) {
			t.Errorf("%s: logged %q", tt.path, logged)
		}
	}
}

func TestLogSaysWhatWasRefusedAndFailed(t *testing.T) {
	for status, level := range map[int]string{200: "", 404: "level=INFO", 500: "level=ERROR"} {
		_, logged := ask(t, httpd.Config{Handler: answering(status)}, httptest.NewRequest(http.MethodGet, "/x?key=secret", nil))
		if level == "" && logged != "" || !strings.Contains(logged, level) || strings.Contains(logged, "secret") {
			t.Errorf("%d: logged %q", status, logged)
		}
	}
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	res, logged := ask(t, httpd.Config{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") })},
		httptest.NewRequest(http.MethodGet, "/", nil))
	body, _ := io.ReadAll(res.Body)
	id := res.Header.Get(httpd.RequestIDHeader)
	if res.StatusCode != 500 || !strings.Contains(string(body), id) || strings.Contains(string(body), "oh") {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	if !strings.Contains(logged, "cause=oh") || !strings.Contains(logged, id) {
		t.Errorf("logged %q", logged)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	var err error
	reading := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = io.Copy(io.Discard, r.Body) })
	ask(t, httpd.Config{Handler: reading}, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 1<<20))))
	if err != nil {
		t.Errorf("a megabyte: %v", err)
	}
	ask(t, httpd.Config{Handler: reading}, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 1<<20+1))))
	var tooLarge *http.MaxBytesError
	if !errors.As(err, &tooLarge) {
		t.Errorf("a byte more: %v", err)
	}
}

// A stop finishes what runs, and waits for nobody who never spoke: without that,
// it would give up after its time-out, with an error.
func TestStopFinishesWhatRuns(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(running)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- httpd.Serve(ctx, listener, httpd.Config{Handler: handler, Log: slog.New(slog.DiscardHandler)})
	}()
	silent, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-running
	stop()
	if _, err := silent.Read(make([]byte, 1)); err == nil { // hung up on
		t.Error("the silent connection was spoken to")
	}
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("what ran was answered with %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("the stop: %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// A request that would go on for ever hears that the server is to stop.
func TestStopping(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-httpd.Stopping(r.Context())
	})
	ctx, stop := context.WithCancel(t.Context())
	served, asked := make(chan error, 1), make(chan error, 1)
	go func() {
		served <- httpd.Serve(ctx, listener, httpd.Config{Handler: handler, Log: slog.New(slog.DiscardHandler)})
	}()
	go func() {
		res, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			err = res.Body.Close()
		}
		asked <- err
	}()
	<-begun
	stop()
	for _, done := range []chan error{asked, served} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if httpd.Stopping(context.Background()) != nil {
		t.Error("who is not served hears of a stop")
	}
}
