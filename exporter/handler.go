package exporter

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// Path is where the metrics are.
const Path = "/metrics"

// maxScrapes is how many scrapes are answered at once; others are told to come again.
const maxScrapes = 8

// Handler answers GET /metrics, in the text format or in that of OpenMetrics as the
// caller prefers. With a token other than "" only those who bring it are answered.
// Beside the portals it shows how the process does.
func (e *Exporter) Handler(token string) http.Handler {
	registry := prometheus.NewRegistry()
	// The library's memory metrics have a name twice, in OpenMetrics' terms.
	registry.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, bearing(token, promhttp.HandlerFor(beside{e, registry}, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: maxScrapes, CoalesceGather: true, ErrorHandling: promhttp.HTTPErrorOnError,
	})))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><html lang="en"><title>Bursar exporter</title><h1>Bursar exporter</h1><p><a href="/metrics">Metrics</a></p></html>`+"\n")
	})
	return mux
}

// bearing lets those through who bring a token.
func bearing(token string, next http.Handler) http.Handler {
	if token == "" {
		return next
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(sent)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "the token is missing, or another one", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// WriteText writes what is known of the portals in the text format.
func (e *Exporter) WriteText(w io.Writer) error {
	all, err := e.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	for _, family := range all {
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}

// WriteFile writes them to a file for node_exporter's textfile collector: whole or not
// at all, and for everybody to read.
func (e *Exporter) WriteFile(name string) error {
	if err := prometheus.WriteToTextfile(name, e); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}
