package billing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// maxRounds is how often it is looked for jobs at one moment, before they are taken
// to have no end.
const maxRounds = 200

// runUntil moves the clock on to a moment, from each at which a job falls due to the
// next one, and does all that is due on the way, as a worker would.
func (h *hall) runUntil(at time.Time) {
	h.t.Helper()
	for {
		h.runDue()
		next, ok, err := h.NextAt(h.t.Context())
		h.must(err)
		if !ok || next.After(at) {
			break
		}
		h.clock.Set(later(next, h.clock.Now()))
	}
	h.clock.Set(later(at, h.clock.Now()))
	h.runDue()
}

// runDue does all that is due now.
func (h *hall) runDue() {
	h.t.Helper()
	for range maxRounds {
		jobs, err := h.ClaimJobs(h.t.Context(), 100)
		h.must(err)
		for _, job := range jobs {
			h.must(h.RunJob(h.t.Context(), job))
		}
		ended, err := h.Reconcile(h.t.Context())
		h.must(err)
		if len(jobs) == 0 && ended == 0 {
			return
		}
	}
	h.t.Fatalf("what is due at %s has no end", h.clock.Now())
}

// works does what is due, for as long as a lease or a pause between attempts takes.
func (h *hall) works(ctx context.Context) error {
	for range 4 {
		jobs, err := h.ClaimJobs(ctx, 10)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if err := h.RunJob(ctx, job); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		h.clock.Move(3 * time.Minute)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// events returns what was told of a portal after a number: the type of each, with
// those of its members that are named, if it has them: "subscription.renewed 14.00". What
// was bought, with which most tests begin, is left out.
func (h *hall) events(portalID string, after int64, members ...string) (all []string) {
	h.t.Helper()
	h.must(h.store.Read(h.t.Context(), func(tx *store.Tx) error {
		list, err := tx.EventsOf(portalID, after, 10_000)
		for _, e := range list {
			var data map[string]any
			h.must(json.Unmarshal([]byte(e.Data), &data))
			if e.Type == string(event.TypeSubscriptionChanged) && data["reason"] == "bought" {
				continue
			}
			parts := []string{e.Type}
			for _, name := range members {
				switch value := data[name].(type) {
				case nil:
				case map[string]any:
					parts = append(parts, fmt.Sprint(value["amount"]))
				default:
					parts = append(parts, fmt.Sprint(value))
				}
			}
			all = append(all, strings.Join(parts, " "))
		}
		return err
	}))
	return all
}

// count returns how many events of a type were told of a portal.
func (h *hall) count(portalID, kind string) (n int) {
	h.t.Helper()
	for _, e := range h.events(portalID, 0) {
		if e == kind {
			n++
		}
	}
	return n
}
