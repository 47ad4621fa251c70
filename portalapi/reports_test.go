package portalapi_test

import (
	"net/http"
	"path"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// reportKinds are the paths at which reports are made.
var reportKinds = []string{"customer/operationsreport", "customer/usage/report", "customer/usage/monthly/report"}

// task returns the task of a reply; nil for none.
func (r reply) task(t *testing.T) *docspace.ReportTask {
	t.Helper()
	r.wants(t, http.StatusOK, "")
	payload := r.payload(t)
	if payload == "" {
		return nil
	}
	task := decode[docspace.ReportTask](t, payload)
	return &task
}

// awaited asks for a report until it is over.
func (h *house) awaited(key, path string) *docspace.ReportTask {
	h.t.Helper()
	for started := time.Now(); time.Since(started) < 30*time.Second; time.Sleep(2 * time.Millisecond) {
		task := h.from(thisMachine, request{path: path, key: key}).task(h.t)
		if task == nil {
			h.t.Fatalf("%s: there is no report", path)
		}
		if task.IsCompleted {
			return task
		}
	}
	h.t.Fatalf("%s: the report takes for ever", path)
	return nil
}

// reportNumber returns the number of a report of the company's that is there; "1" for
// a company that can't have any.
func (h *house) reportNumber() string {
	h.t.Helper()
	const at = "customer/operationsreport"
	if h.report == "" {
		got := h.unchecked(request{method: "POST", path: at, key: h.company.OwnerKey})
		if got.status == http.StatusNotFound {
			return "1"
		}
		h.report = path.Base(h.awaited(h.company.OwnerKey, at).ResultFileURL)
	}
	return h.report
}
