package docspace_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

const (
	running   = `{"id":"DocumentBuilderTask_1","error":"","percentage":40,"isCompleted":false,"status":1}`
	completed = `{"id":"DocumentBuilderTask_1","error":"","percentage":100,"isCompleted":true,"status":2,"resultFileId":7,` +
		`"resultFileName":"r.xlsx","resultFileUrl":"/filehandler.ashx?action=download&fileid=7"}`
)

// answers carries requests to a portal that gives these answers, one a request, the
// last one for good.
func answers(payloads ...string) *script {
	s := &script{}
	for _, payload := range payloads {
		if payload == "" {
			s.steps = append(s.steps, saying(200, nothing))
			continue
		}
		s.steps = append(s.steps, saying(200, envelope(payload)))
	}
	return s
}

func TestAReportIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := answers(running, running, running, running, running, running, running, completed)
		client := once(t, steps)
		task, err := client.AwaitReport(t.Context(), client.OperationsReport)
		if err != nil || task.ResultFileID != "7" || task.Status != docspace.TaskCompleted {
			t.Fatalf("%+v, %v", task, err)
		}
		diff(t, "pauses", fmt.Sprint(steps.pauses()), "[250ms 500ms 1s 2s 4s 5s 5s]")
	})
	for _, look := range []string{"customer/operationsreport", "customer/usage/report", "customer/usage/monthly/report"} {
		client := once(t, inMemory(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/2.0/portal/payment/"+look {
				t.Errorf("%s was asked", r.URL)
			}
			fmt.Fprint(w, envelope(completed))
		}))
		ask := map[string]func(context.Context) (*docspace.ReportTask, error){
			"customer/operationsreport": client.OperationsReport, "customer/usage/report": client.UsageReport,
			"customer/usage/monthly/report": client.MonthlyUsageReport,
		}[look]
		if task, err := client.AwaitReport(t.Context(), ask); task == nil || err != nil {
			t.Errorf("%s: %v, %v", look, task, err)
		}
	}
}

func TestAReportThatDoesNotCome(t *testing.T) {
	with := func(members string) string {
		return strings.NewReplacer(`"isCompleted":false,"status":1`, members).Replace(running)
	}
	for name, tt := range map[string]struct {
		answers []string
		message string
	}{
		"none":             {[]string{""}, "there is no such report, or not any more"},
		"gone":             {[]string{running, ""}, "there is no such report, or not any more"},
		"canceled":         {[]string{running, with(`"isCompleted":true,"status":3`)}, "it was canceled"},
		"canceled by half": {[]string{with(`"isCompleted":false,"status":3`)}, "it was canceled"},
		"failed":           {[]string{with(`"isCompleted":true,"status":4`)}, "the portal could not make it, and does not say why"},
		"failed, and why":  {[]string{running, strings.Replace(with(`"isCompleted":true,"status":4`), `"error":""`, `"error":"No\nspace for `+apiKey+`"`, 1)}, "No space for sk-***c0d3"},
		"failed, it says":  {[]string{strings.Replace(completed, `"error":""`, `"error":"No space"`, 1)}, "No space"},
		"another":          {[]string{running, strings.Replace(running, "Task_1", "Task_2", 1)}, "another report took its place"},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := once(t, answers(tt.answers...))
			task, err := client.AwaitReport(t.Context(), client.OperationsReport)
			if failure := failureOf(t, err, docspace.ErrRefused); task != nil || failure.Message != tt.message {
				t.Errorf("%s: %+v, %v", name, task, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // whoever asks may fail, too
		client := once(t, &script{steps: []transport{saying(200, envelope(running)), saying(403, refusal(403, "Access denied"))}})
		_, err := client.AwaitReport(t.Context(), client.OperationsReport)
		failureOf(t, err, docspace.ErrForbidden)
	})
}

func TestAwaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := once(t, answers(running))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		_, err := client.AwaitReport(ctx, client.OperationsReport)
		failureOf(t, err, docspace.ErrTimeout)
		diff(t, "waited", time.Since(began), 10*time.Second)

		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if _, err = client.AwaitReport(ctx, client.OperationsReport); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
