package operatorapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

// cause has a job of a kind that nobody knows done at a moment.
func (h *house) cause(portal, kind, subject string, at time.Time) {
	h.t.Helper()
	h.must(h.store.ChangeJobs(h.t.Context(), portal, func(tx *store.Tx) error {
		return tx.CauseJob(startOfTime, store.Job{Kind: kind, Subject: subject, RunAt: at, Input: `{"n":1}`})
	}))
}

func TestJobsAreListedAndChanged(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		later := startOfTime.Add(time.Hour)
		long := strings.Repeat("ö/%:", 60)
		h.cause("", "sweep", "", later)
		h.cause(acme, "renew", "-9", later)
		h.cause(acme, "notice", "e1."+acme+":owner", later)
		h.cause(acme, "notice", long, later)
		list := func(query string) (names []string) {
			next := ""
			for {
				jobs, more := h.do(request{method: "GET", path: "/v1/jobs?limit=1" + query + next}).elements("jobs")
				for _, j := range jobs {
					names = append(names, fmt.Sprint(j["portal"], " ", j["kind"], " ", j["subject"]))
				}
				if more == "" {
					return names
				}
				next = "&after=" + url.QueryEscape(more)
			}
		}
		want := []string{"<nil> sweep <nil>", "acme notice e1.acme:owner", "acme notice " + long, "acme renew -9"}
		for query, all := range map[string][]string{
			"": want, "&portal=acme": want[1:], "&kind=notice": want[1:3], "&state=open&kind=renew": want[3:], "&state=dead": nil, "&portal=nobody": nil,
		} {
			if got := list(query); !slices.Equal(got, all) {
				t.Errorf("%s: %q, want %q", query, got, all)
			}
		}
		for query, field := range map[string]string{"state=lost": "state", "limit=0": "limit", "colour=red": "colour", "after=bm8": "after", "kind=": "kind"} {
			h.do(request{method: "GET", path: "/v1/jobs?" + query, loose: true}).refused(400, "invalid_field", field)
		}

		const times = `"round":1,"attempts":0,"input":{"n":1},"causedAt":"` + moment + `","changedAt":"` + moment + `"}`
		h.post("/v1/jobs/retry", "", `{"portal":"acme","kind":"renew","subject":"-9"}`).expect(200).
			is(`{"portal":"acme","kind":"renew","subject":"-9","state":"open","running":false,"runAt":"` + moment + `",` + times)
		h.post("/v1/jobs/cancel", "", `{"portal":"acme","kind":"notice","subject":"e1.acme:owner"}`).expect(200).
			is(`{"portal":"acme","kind":"notice","subject":"e1.acme:owner","state":"canceled","running":false,` + times)
		h.post("/v1/jobs/cancel", "", `{"kind":"sweep"}`).expect(200)
		h.post("/v1/jobs/cancel", "", `{"kind":"sweep"}`).refused(404, "not_found", "")
		h.post("/v1/jobs/retry", "", `{"kind":"sweep"}`).expect(200)
		h.post("/v1/jobs/retry", "", `{"kind":"none"}`).refused(404, "not_found", "")
		h.post("/v1/jobs/retry", "", `{"portal":"acme"}`).refused(400, "invalid_field", "kind")
		h.post("/v1/jobs/retry", "", `{"kind":"renew","portal":""}`).refused(400, "invalid_field", "portal")
		h.post("/v1/jobs/retry", "", `{"kind":"renew","id":"1"}`).refused(400, "invalid_field", "id")
		h.do(request{method: "GET", path: "/v1/jobs/retry"}).refused(405, "method_not_allowed", "")
		lines, _ := h.get("/audit").elements("audit")
		if len(lines) < 2 || lines[0]["action"] != "job.cancel" || lines[1]["action"] != "job.retry" || lines[1]["object"] != "renew -9" {
			t.Errorf("%v", lines)
		}
	})
}

func TestRealTimeIsNotMoved(t *testing.T) {
	h := newHouse(t, setup{})
	h.do(request{method: "GET", path: "/v1/clock"}).expect(200).is(`{"now":"` + moment + `","virtual":false}`)
	h.post("/v1/clock/advance", "", `{"by":"1h"}`).refused(409, "real_time", "")
	h.do(request{method: "GET", path: "/v1/clock?zone=UTC", loose: true}).refused(400, "invalid_field", "zone")
}

func TestVirtualTimeIsMoved(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.virtual = true
		h := newHouse(t, s)
		now := func(want time.Time) {
			t.Helper()
			text := want.UTC().Format("2006-01-02T15:04:05.000000Z")
			h.do(request{method: "GET", path: "/v1/clock"}).expect(200).is(`{"now":"` + text + `","virtual":true}`)
		}
		now(startOfTime)
		for body, field := range map[string]string{
			`{}`: "by", `{"by":"1h","to":"2027-01-01T00:00:00Z"}`: "to", `{"by":""}`: "by", `{"by":3600}`: "by", `{"by":"a while"}`: "by", `{"by":"-1h"}`: "by",
			`{"by":"0s"}`: "by", `{"by":"3661d"}`: "by", `{"to":"2026-07-08T11:39:42Z"}`: "to", `{"to":"2046-07-08T11:39:42Z"}`: "to", `{"to":"tomorrow"}`: "to", `{"for":"1h"}`: "for",
		} {
			h.do(request{method: "POST", path: "/v1/clock/advance", body: body, loose: true}).refused(400, "invalid_field", field)
		}
		now(startOfTime)
		h.cause(acme, "unknown", "", startOfTime.Add(30*time.Minute))
		moved := h.post("/v1/clock/advance", "", `{"by":"1h"}`).expect(200)
		if moved.member("from") != moment || moved.member("to") != "2026-07-08T12:39:43.123456Z" || moved.member("jobs") < "2" || moved.member("events") != "0" {
			t.Errorf("%s", moved.body)
		}
		now(startOfTime.Add(time.Hour))
		job, _ := h.do(request{method: "GET", path: "/v1/jobs?kind=unknown"}).elements("jobs")
		if len(job) != 1 || job[0]["attempts"].(float64) < 2 || !strings.Contains(fmt.Sprint(job[0]["error"]), "unknown") {
			t.Errorf("%v", job)
		}
		// What is due and fails is taken up now and then, and time gets there.
		h.post("/v1/clock/advance", "", `{"to":"2026-07-10T00:00:00Z"}`).expect(200)
		now(time.Date(2026, 7, 10, 0, 0, 0, 0, time.UTC))
		h.post("/v1/clock/advance", "", `{"to":"2026-07-10T00:00:00Z"}`).expect(200)
		h.post("/v1/jobs/cancel", "", `{"portal":"acme","kind":"unknown"}`).expect(200)
		h.post("/v1/clock/advance", "", `{"by":"1d12h"}`).expect(200)
		// Several who move it take turns.
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { h.post("/v1/clock/advance", "", `{"by":"900d"}`).expect(200) })
		}
		all.Wait()
		now(time.Date(2026, 7, 11, 12, 0, 0, 0, time.UTC).AddDate(0, 0, 3600))
	})
}
