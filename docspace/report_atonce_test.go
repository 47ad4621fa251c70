package docspace_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/bursarhq/bursar/docspace"
)

func TestReportReadsNoMoreAtOnceThanItMay(t *testing.T) {
	var now, most, all atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		at := now.Add(1)
		defer now.Add(-1)
		all.Add(1)
		for was := most.Load(); at > was && !most.CompareAndSwap(was, at); was = most.Load() {
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	for _, atOnce := range []int{1, 2, 20} {
		now.Store(0)
		most.Store(0)
		all.Store(0)
		client, err := docspace.New(docspace.Config{URL: server.URL, Key: "sk-x", AtOnce: atOnce})
		if err != nil {
			t.Fatal(err)
		}
		report := client.Report(t.Context())
		if len(report.Failed) != 6 || all.Load() != 6 || int(most.Load()) > atOnce {
			t.Errorf("%d at once: %d parts failed, %d requests, %d of them at once", atOnce, len(report.Failed), all.Load(), most.Load())
		}
	}
	if _, err := docspace.New(docspace.Config{URL: server.URL, Key: "sk-x", AtOnce: -1}); err == nil {
		t.Error("fewer than nothing at once is taken")
	}
}
