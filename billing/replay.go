package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/webhook"
)

// replayNote is which events are sent again, as the job and the trail have it.
type replayNote struct {
	From int64 `json:"from"` // the place of the first one that is left
	To   int64 `json:"to"`   // that of the last one
	// Failures counts the attempts in a row for the first one that did not succeed,
	// since Since.
	Failures int64     `json:"failures,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// ReplayWebhook sends a webhook again what stands in the line from one place to
// another, both included, under the same ids; to is 0 for the last one that there is.
// It goes on beside what is new. One that was not delivered is, if it is taken now.
//
// It returns up to which place. It fails with ErrNotFound, and with ErrInUse while
// another replay goes on.
func (s *Service) ReplayWebhook(ctx context.Context, id string, from, to int64) (until int64, err error) {
	err = s.changeWebhooks(ctx, func(tx *store.Tx, t *trail) error {
		hook, err := tx.Webhook(id)
		if err != nil {
			return err
		}
		if hook.State != store.WebhookActive {
			return invalid("webhook", "is paused: resume it first")
		}
		last, err := tx.LastPosition()
		if err != nil {
			return err
		}
		if until = to; until == 0 {
			until = last
		}
		switch {
		case from < 1 || from > last:
			return invalid("from", "%d is not between 1 and %d, the place of the last event", from, last)
		case until < from || until > last:
			return invalid("to", "%d is not between %d and %d, the place of the last event", until, from, last)
		}
		job, err := tx.Job(store.JobKey{Kind: jobReplay, Subject: id})
		if err == nil && job.State == store.JobOpen {
			return fmt.Errorf("a replay to webhook %s is going on: %w", id, ErrInUse)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		what := replayNote{From: from, To: until}
		t.note(WebhookReplayed, id, nil, what)
		now := s.now()
		return tx.CauseJob(now, store.Job{Kind: jobReplay, Subject: id, RunAt: now, Input: asJSON(what)})
	})
	return until, fromStore("replay to webhook", err)
}

// replay sends a webhook again what was asked for, in the order of the line.
func replay(ctx context.Context, r *run) error {
	s, id := r.service, r.job.Subject
	var what replayNote
	if err := json.Unmarshal([]byte(r.job.Input), &what); err != nil {
		return hopeless{fmt.Errorf("read what is to be sent: %w", err)}
	}
	hook, err := s.Webhook(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && hook.State != store.WebhookActive {
		return nil
	}
	if err != nil {
		return err
	}
	events, through, err := s.eventsFor(ctx, hook, what.From-1)
	if err != nil {
		return err
	}
	for i, e := range events {
		if e.Position > what.To {
			events = events[:i]
			break
		}
	}
	x, broken := s.sendInOrder(ctx, id, events)
	if broken != nil && x.taken == 0 && ctx.Err() == nil {
		return broken
	}
	now := s.now()
	what.follow(x, through, now)
	if x.failed && !x.answer.Gone && webhook.GiveUp(what.Failures, what.Since, now) {
		return hopeless{fmt.Errorf("the event at %d was tried %d times since %s: %s", what.From, what.Failures, what.Since.Format(time.RFC3339), x.answer.Status)}
	}
	return errors.Join(s.noteReplayed(ctx, r, x, what), broken)
}

// follow has a replay be as it is after what was sent.
func (what *replayNote) follow(x sent, through int64, now time.Time) {
	if x.taken > 0 {
		what.From, what.Failures, what.Since = x.events[x.taken-1].Position+1, 0, time.Time{}
	}
	if x.whole() {
		what.From = through + 1
	}
	if x.failed {
		if what.Failures++; what.Since.IsZero() {
			what.Since = asKept(now)
		}
	}
}

// noteReplayed writes down what was sent again, and leaves the job.
func (s *Service) noteReplayed(ctx context.Context, r *run, x sent, what replayNote) error {
	return s.noteSent(ctx, func(ctx context.Context) error {
		return s.changeWebhooks(ctx, func(tx *store.Tx, t *trail) error {
			hook, err := tx.Webhook(r.job.Subject)
			if errors.Is(err, store.ErrNotFound) {
				return r.end(tx, time.Time{}, "")
			}
			if err != nil {
				return err
			}
			for _, e := range x.events[:x.taken] {
				if err := tx.DeleteUndelivered(hook.ID, e.Position); err != nil {
					return err
				}
			}
			before, now := hook, s.now()
			if !x.at.IsZero() {
				hook.LastStatus, hook.LastAt = x.answer.Status, asKept(x.at)
			}
			if x.failed && x.answer.Gone && hook.State == store.WebhookActive {
				hook.State, hook.Reason = store.WebhookPaused, pausedGone
				t.note(WebhookPaused, hook.ID, notedWebhook(before), notedWebhook(hook))
			}
			if err := tx.UpdateWebhook(hook); err != nil {
				return err
			}
			again := now
			switch {
			case what.From > what.To, hook.State != store.WebhookActive:
				again = time.Time{}
			case what.Failures > 0:
				again = now.Add(webhook.Backoff(what.Failures, x.answer.Wait, drawFor(hook.ID, what.From, what.Failures)))
			}
			return r.end(tx, again, asJSON(what))
		})
	})
}
