package billing_test

import (
	"context"

	"github.com/bursarhq/bursar/store"
)

// jobDeeds are what is done to jobs by hand.
func jobDeeds() map[string]traced {
	key := store.JobKey{PortalID: "p", Kind: "nothing", Subject: "7:x"}
	waiting := func(d *desk) {
		d.t.Helper()
		if err := d.store.ChangeJobs(d.t.Context(), key.PortalID, func(tx *store.Tx) error {
			return tx.CauseJob(d.clock.Now(), store.Job{Kind: key.Kind, Subject: key.Subject, RunAt: d.clock.Now().Add(day)})
		}); err != nil {
			d.t.Fatal(err)
		}
	}
	const (
		open = `{"state":"open","runAt":"2026-07-09T11:39:43Z","round":1,"attempt":0}`
		now  = `{"state":"open","runAt":"2026-07-08T11:39:43Z","round":1,"attempt":0}`
		gone = `{"state":"canceled","runAt":"2026-07-09T11:39:43Z","round":1,"attempt":0}`
	)
	return map[string]traced{
		"RetryJob": {
			before: waiting,
			do:     func(ctx context.Context, d *desk) error { return d.RetryJob(ctx, key) },
			fails: func(ctx context.Context, d *desk) error {
				return d.RetryJob(ctx, store.JobKey{PortalID: "p", Kind: "nothing", Subject: "8"})
			},
			want: []string{"job.retry nothing 7:x " + open + " > " + now},
		},
		"CancelJob": {
			before: waiting,
			do:     func(ctx context.Context, d *desk) error { return d.CancelJob(ctx, key) },
			fails: func(ctx context.Context, d *desk) error {
				return d.CancelJob(ctx, store.JobKey{PortalID: "q", Kind: "nothing", Subject: "7:x"})
			},
			want: []string{"job.cancel nothing 7:x " + open + " > " + gone},
			once: true,
		},
	}
}
