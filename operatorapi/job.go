package operatorapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// listJobs answers GET /v1/jobs.
func (d *door) listJobs(w http.ResponseWriter, r *http.Request, _ ids) error {
	const kind = "jobs"
	q, err := readQuery(r, "", "state", "kind", "portal", "after", "limit")
	if err != nil {
		return err
	}
	after, err := q.afterJob(kind)
	if err != nil {
		return err
	}
	limit, err := q.limit()
	if err != nil {
		return err
	}
	jobs, err := d.service.Jobs(r.Context(), after, store.JobFilter{
		PortalID: q.text("portal"), AllPortals: q.text("portal") == "", Kind: q.text("kind"), State: store.JobState(q.text("state")),
	}, limit)
	if err != nil {
		return err
	}
	writePage(w, kind, jobs, len(jobs) == limit, (*object).job, func(j *store.Job) cursor { return jobCursor(kind, j.Key()) })
	return nil
}

// afterJob is after for a list by portal, kind and subject.
func (q query) afterJob(kind string) (key store.JobKey, err error) {
	text, err := q.after(kind)
	if text == "" || err != nil {
		return key, err
	}
	parts := strings.Split(text, "/")
	wrong := len(parts) != 3
	for i := range parts {
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			wrong = true
		}
	}
	if wrong {
		return key, &billing.FieldError{Field: "after", Text: "is not what such a list has given as next"}
	}
	return store.JobKey{PortalID: parts[0], Kind: parts[1], Subject: parts[2]}, nil
}

func jobCursor(kind string, key store.JobKey) cursor {
	return cursor{kind, url.PathEscape(key.PortalID) + "/" + url.PathEscape(key.Kind) + "/" + url.PathEscape(key.Subject)}
}

// changeJob answers a POST that names a job in its body and does something to it.
func changeJob(do func(s *billing.Service, ctx context.Context, key store.JobKey) error) func(*door, http.ResponseWriter, *http.Request, ids) error {
	return func(d *door, w http.ResponseWriter, r *http.Request, _ ids) error {
		var key store.JobKey
		if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
			switch name {
			case "portal":
				key.PortalID, err = j.given(field)
			case "kind":
				key.Kind, err = j.given(field)
			case "subject":
				key.Subject, err = j.given(field)
			default:
				return false, nil
			}
			return true, err
		}, "kind"); err != nil {
			return err
		}
		if err := do(d.service, r.Context(), key); err != nil {
			return err
		}
		job, err := d.service.Job(r.Context(), key)
		if err != nil {
			return err
		}
		o := newObject(256)
		o.job(&job)
		o.write(w, http.StatusOK)
		return nil
	}
}

func (o *object) job(j *store.Job) {
	o.some("portal", j.PortalID)
	o.text("kind", j.Kind)
	o.some("subject", j.Subject)
	o.text("state", string(j.State))
	o.boolean("running", j.Leased)
	if j.State == store.JobOpen {
		o.moment("runAt", j.RunAt)
	}
	o.number("round", j.Round)
	o.number("attempts", j.Attempt)
	o.json("input", j.Input)
	o.some("error", j.Error)
	o.moment("causedAt", j.CausedAt)
	o.moment("changedAt", j.ChangedAt)
}
