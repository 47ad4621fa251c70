package exporter_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/testenv"
)

// fetched asks a handler, and returns the answer with its body.
func fetched(t *testing.T, h http.Handler, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

// asPrometheus is how Prometheus asks.
const asPrometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

func TestFormats(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	once(t, e)
	h := e.Handler("")
	balance := "\ndocspace_wallet_balance{currency=\"USD\",portal=\"acme\"} 148.5\n"

	res, plain := fetched(t, h, http.MethodGet, "/metrics")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain; version=0.0.4") || !strings.Contains(plain, balance) {
		t.Errorf("%s %s\n%s", res.Status, res.Header.Get("Content-Type"), plain)
	}
	res, open := fetched(t, h, http.MethodGet, "/metrics", "Accept", asPrometheus)
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0") || !strings.Contains(open, balance) || !strings.HasSuffix(open, "\n# EOF\n") {
		t.Errorf("%s\n%s", res.Header.Get("Content-Type"), open)
	}
	for _, own := range []string{"\ngo_goroutines ", "\nprocess_"} {
		if !strings.Contains(plain, own) && !strings.Contains(own, "process_") { // no process metrics on some systems
			t.Errorf("it does not show how the process does: %s", own)
		}
		if strings.Contains(text(t, e), own) {
			t.Errorf("the text file has %s, which node_exporter has itself", own)
		}
	}
	parsedByPython(t, open)

	for _, c := range []struct {
		method, path string
		status       int
	}{{http.MethodGet, "/", 200}, {http.MethodGet, "/other", 404}, {http.MethodPost, "/metrics", 405}, {http.MethodHead, "/metrics", 200}} {
		if res, _ := fetched(t, h, c.method, c.path); res.StatusCode != c.status {
			t.Errorf("%s %s: %s", c.method, c.path, res.Status)
		}
	}
}

// parsedByPython has the strict parser of another implementation read a text.
func parsedByPython(t *testing.T, text string) {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import prometheus_client.openmetrics.parser").Run() != nil {
			continue
		}
		parse := exec.CommandContext(t.Context(), python, "-c", `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
names = [family.name for family in text_string_to_metric_families(sys.stdin.read())]
assert "docspace_wallet_balance" in names and "docspace_requests" in names, names
`)
		parse.Stdin = strings.NewReader(text)
		if out, err := parse.CombinedOutput(); err != nil {
			t.Errorf("it is no OpenMetrics to Python: %v\n%s", err, out)
		}
		return
	}
	if testenv.Required() {
		t.Error("Python has no prometheus_client: install python3-prometheus-client")
		return
	}
	t.Log("skipped: no Python with prometheus_client (Debian's python3-prometheus-client)")
}

// Promtool is Prometheus's own judge of names and texts.
func TestPromtoolFindsNothing(t *testing.T) {
	t.Parallel()
	tool := testenv.Program(t, "Debian's prometheus", "promtool")
	portal := docspacetest.New(t)
	spent(portal, 20)
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	once(t, e)
	check := exec.CommandContext(t.Context(), tool, "check", "metrics")
	check.Stdin = strings.NewReader(text(t, e))
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	once(t, e)
	h := e.Handler("letmein")
	for sent, status := range map[string]int{
		"Bearer letmein": 200, "bearer letmein": 200, "": 401, "Bearer": 401, "Bearer letmeins": 401, "Bearer letmei": 401, "Basic letmein": 401, "letmein": 401,
	} {
		res, body := fetched(t, h, http.MethodGet, "/metrics", "Authorization", sent)
		if res.StatusCode != status {
			t.Errorf("%q: %s", sent, res.Status)
		}
		if status == 401 && (strings.Contains(body, "docspace_") || res.Header.Get("WWW-Authenticate") == "") {
			t.Errorf("%q: %v\n%s", sent, res.Header, body)
		}
	}
}

// However many ask, the portals are not asked.
func TestScrapesCostPortalsNothing(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	once(t, e)
	h, before := e.Handler(""), portal.Requests("")
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			// 503 is for those who come in a crowd.
			if w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	wg.Wait()
	if now := portal.Requests(""); before == 0 || now != before {
		t.Errorf("%d requests became %d", before, now)
	}
}
