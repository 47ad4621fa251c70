package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/webhook"
)

const (
	// sentAtOnce is how many events are sent in one go at a job, and sentWithin for how
	// long it is gone on: with the last attempt on top, well within the lease.
	sentAtOnce = 100
	sentWithin = time.Minute
	// noteWithin is how long it may take to write down what came of it, even when
	// whoever runs it is stopped: what was sent need not be sent again.
	noteWithin = 5 * time.Second
	// lastChances is how often the event after one that was given up is tried before
	// the webhook is paused.
	lastChances = 5
)

// causeDelivery has events be sent that are due, unless the webhook waits: the next
// attempt is its own, so that events that keep coming don't hurry one that failed.
func (s *Service) causeDelivery(tx *store.Tx, hook store.Webhook) error {
	if hook.State != store.WebhookActive || hook.Failures > 0 {
		return nil
	}
	now := s.now()
	return tx.CauseJob(now, store.Job{Kind: jobDeliver, Subject: hook.ID, RunAt: now})
}

// causeDeliveries is done when events were given their places.
func (s *Service) causeDeliveries(tx *store.Tx) error {
	all, err := tx.Webhooks()
	if err != nil {
		return err
	}
	for _, hook := range all {
		if err := s.causeDelivery(tx, hook); err != nil {
			return err
		}
	}
	return nil
}

// send makes one attempt.
func (s *Service) send(ctx context.Context, hook store.Webhook, e event.Event) (webhook.Answer, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return webhook.Answer{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	secrets := []string{hook.Secret}
	if hook.OldSecret != "" && s.now().Before(hook.OldUntil) {
		secrets = append(secrets, hook.OldSecret)
	}
	return s.webhooks.Send(ctx, webhook.Receiver{URL: hook.URL, Private: hook.Private, Secrets: secrets}, e.ID, body)
}

// sent is what came of sending events.
type sent struct {
	events []store.Event // in the order of the line
	taken  int           // how many the webhook took, from the first on
	answer webhook.Answer
	at     time.Time // of the last attempt; the zero Time when there was none
	failed bool      // the one after those that were taken was not
}

// whole reports whether all were taken.
func (x *sent) whole() bool { return x.taken == len(x.events) }

// sendInOrder sends events one after the other, each when the one before was taken,
// until one is not, or time is over. The webhook is looked at before each: one that is
// paused meanwhile, or gone, is sent no more. What came of it holds even when it
// fails.
func (s *Service) sendInOrder(ctx context.Context, id string, events []store.Event) (x sent, err error) {
	x.events = events
	spent := time.Duration(0)
	for _, e := range events {
		if spent >= sentWithin {
			return x, nil
		}
		hook, err := s.Webhook(ctx, id)
		if errors.Is(err, ErrNotFound) || err == nil && hook.State != store.WebhookActive {
			return x, nil
		}
		if err != nil {
			return x, err
		}
		answer, err := s.send(ctx, hook, toldEvent(e))
		if err != nil {
			return x, err
		}
		x.answer, x.at = answer, s.now()
		spent += answer.Took
		if !answer.Taken {
			x.failed = true
			return x, nil
		}
		x.taken++
	}
	return x, nil
}

// deliver sends a webhook the events after the last one that it is done with. That is
// moved on in the transaction that ends the job, so that what was sent is sent again,
// under the same id, if nobody could write down that it was.
//
// As the next event is not sent before this one was taken, one that fails is all that
// a webhook is bothered with: there is no more to break a circuit for.
func deliver(ctx context.Context, r *run) error {
	s, id := r.service, r.job.Subject
	hook, err := s.Webhook(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var (
		x       sent
		through = hook.Position
		broken  error
	)
	if hook.State == store.WebhookActive {
		if x.events, through, err = s.eventsFor(ctx, hook, hook.Position); err != nil {
			return err
		}
		x, broken = s.sendInOrder(ctx, id, x.events)
	}
	if broken != nil && x.taken == 0 && ctx.Err() == nil {
		return broken
	}
	pausedFor := ""
	err = s.noteSent(ctx, func(ctx context.Context) error {
		return s.changeWebhooks(ctx, func(tx *store.Tx, t *trail) error {
			now := s.now()
			hook, err := tx.Webhook(id)
			if errors.Is(err, store.ErrNotFound) {
				return r.end(tx, time.Time{}, "")
			}
			if err != nil {
				return err
			}
			before := hook
			if missed := settleSent(&hook, x, through, now); missed != nil {
				if err := tx.InsertUndelivered(*missed); err != nil {
					return err
				}
			}
			if hook.State != before.State {
				pausedFor = hook.Reason
				t.note(WebhookPaused, id, notedWebhook(before), notedWebhook(hook))
				for _, job := range s.noticesOfWebhook(hook) {
					if err := tx.CauseJob(now, job); err != nil {
						return err
					}
				}
			}
			if err := tx.UpdateWebhook(hook); err != nil {
				return err
			}
			last, err := tx.LastPosition()
			if err != nil {
				return err
			}
			return r.end(tx, nextDelivery(hook, x.answer, last, now), "")
		})
	})
	if err == nil && pausedFor != "" {
		s.log.WarnContext(ctx, "a webhook is paused, and nothing is sent to it", "webhook", id, "reason", pausedFor, "status", x.answer.Status)
	}
	return errors.Join(err, broken)
}

// eventsFor reads the events for a webhook after a place in the line.
func (s *Service) eventsFor(ctx context.Context, hook store.Webhook, after int64) (events []store.Event, through int64, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		events, through, err = tx.EventsAfter(after, store.EventFilter{PortalID: hook.PortalID, Types: hook.Types}, sentAtOnce)
		return err
	})
	return events, through, fromStore("read events", err)
}

// noteSent writes down what came of sending, even if whoever runs it is being stopped.
func (s *Service) noteSent(ctx context.Context, note func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	return note(bounded)
}

// settleSent has a webhook be as it is after what was sent. It returns an event that
// is given up.
func settleSent(hook *store.Webhook, x sent, through int64, now time.Time) *store.Undelivered {
	if !x.at.IsZero() {
		hook.LastStatus, hook.LastAt = x.answer.Status, asKept(x.at)
	}
	if x.taken > 0 {
		hook.Position = x.events[x.taken-1].Position
		begin(hook)
	}
	if x.whole() {
		hook.Position = through
	}
	if !x.failed || hook.State != store.WebhookActive {
		return nil
	}
	if x.answer.Gone {
		hook.State, hook.Reason = store.WebhookPaused, pausedGone
		return nil
	}
	if hook.FailingSince.IsZero() {
		hook.FailingSince = asKept(now)
	}
	hook.Failures++
	switch {
	case hook.Reason == givenUp && hook.Failures >= lastChances:
		hook.State, hook.Reason = store.WebhookPaused, pausedUnreachable
	case hook.Reason != givenUp && webhook.GiveUp(hook.Failures, hook.FailingSince, now):
		e := x.events[x.taken]
		missed := &store.Undelivered{WebhookID: hook.ID, Event: e, Attempts: hook.Failures, Status: x.answer.Status, At: asKept(now)}
		hook.Position, hook.Failures, hook.Reason = e.Position, 0, givenUp
		return missed
	}
	return nil
}

// nextDelivery returns when a webhook is sent to again; the zero Time when there is
// nothing to send.
func nextDelivery(hook store.Webhook, answer webhook.Answer, last int64, now time.Time) time.Time {
	switch {
	case hook.State != store.WebhookActive:
		return time.Time{}
	case hook.Failures > 0:
		return now.Add(webhook.Backoff(hook.Failures, answer.Wait, drawFor(hook.ID, hook.Position, hook.Failures)))
	case hook.Position < last:
		return now
	}
	return time.Time{}
}

// drawFor draws numbers from what they are for, so that the same run is the same
// again, and no two webhooks are.
func drawFor(id string, position, failures int64) func(n int64) int64 {
	return func(n int64) int64 {
		hash := fnv.New64a()
		fmt.Fprintf(hash, "%s/%d/%d", id, position, failures)
		return int64(hash.Sum64() % uint64(n))
	}
}
