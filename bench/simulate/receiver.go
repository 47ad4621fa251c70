package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// receiver is somebody who is told of events by a webhook, over a network that fails.
type receiver struct {
	world  *world
	hook   string
	portal string // whose events; "" is all
	closed time.Time
	got    map[string]int // by id
	first  []int64        // places in the line, in the order in which they first arrived
	tries  int
}

// hookURL is where all of them are.
const hookURL = "https://receiver.example/"

// addReceivers has the events of all portals, and those of one, be told: or of neither.
func (w *world) addReceivers() error {
	for n, portalID := range []string{"", w.portals[0].id}[:w.seed%3] {
		r := &receiver{world: w, hook: fmt.Sprintf("hook-%d", n+1), portal: portalID, got: map[string]int{}}
		w.receivers = append(w.receivers, r)
		if err := w.processes[0].store.ChangeJobs(w.ctx, "", func(tx *store.Tx) error {
			return tx.InsertWebhook(store.Webhook{
				ID: r.hook, URL: hookURL + r.hook, PortalID: portalID, Secret: "whsec_c2ltdWxhdGVkLCBhbmQgbG9uZyBlbm91Z2ggdG8gYmUgb25l",
				State: store.WebhookActive, CreatedAt: w.clock.Now(),
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// network is the way to receivers, as an http.RoundTripper.
type network struct{ world *world }

// RoundTrip brings a message to its receiver, or does not, and an answer back, or not.
func (n network) RoundTrip(request *http.Request) (*http.Response, error) {
	w := n.world
	p := w.current()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var r *receiver
	for _, other := range w.receivers {
		if request.URL.String() == hookURL+other.hook {
			r = other
		}
	}
	switch {
	case r == nil:
		return nil, fmt.Errorf("nobody is at %s", request.URL)
	case p != nil && p.dead:
		return nil, errCrashed
	}
	status := r.take(request.Header.Get("webhook-id"), body)
	w.pause()
	if p != nil && w.fate.strikes(crashSent) {
		w.say("", "%s: %s", p, crashSent)
		p.dead = true
		return nil, errCrashed
	}
	if w.fate.strikes(receiptLost) {
		return nil, errors.New("connection reset by peer")
	}
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: request}, nil
}

// take has the receiver take a message, unless it is closed.
func (r *receiver) take(id string, body []byte) (status int) {
	w := r.world
	r.tries++
	if w.fate.strikes(receiverDown) {
		r.closed = w.clock.Now().Add(time.Duration(1+w.fate.random.IntN(100)) * time.Hour)
	}
	if w.clock.Now().Before(r.closed) && !w.fate.calm {
		return http.StatusServiceUnavailable
	}
	var e event.Event
	if err := json.Unmarshal(body, &e); err != nil || e.ID != id {
		w.fail(r.portal, "the webhook %s was sent %q under the id %s: %v", r.hook, body, id, err)
		return http.StatusBadRequest
	}
	if r.portal != "" && e.PortalID != r.portal {
		w.fail(r.portal, "the webhook %s was sent the event %s", r.hook, e.ID)
	}
	if r.got[e.ID]++; r.got[e.ID] == 1 {
		if n := len(r.first); n > 0 && r.first[n-1] >= e.Position {
			w.fail(e.PortalID, "the webhook %s was sent place %d after %d", r.hook, e.Position, r.first[n-1])
		}
		r.first = append(r.first, e.Position)
	}
	return http.StatusNoContent
}

// reopen has the operator resume webhooks that were paused because nobody took
// anything for days.
func (w *world) reopen(p *process) {
	all, err := p.service.Webhooks(w.ctx)
	for _, hook := range all {
		if hook.State == store.WebhookPaused && err == nil {
			_, err = p.service.ResumeWebhook(w.ctx, hook.ID)
			w.say("", "%s is asked to resume the webhook %s: %v", p, hook.ID, err)
		}
	}
}

// final looks whether the receiver has every event: those that it did not take for
// days are known by name.
func (r *receiver) final(tx *store.Tx) error {
	w := r.world
	hook, err := tx.Webhook(r.hook)
	if err != nil {
		return err
	}
	missed, err := tx.UndeliveredAfter(r.hook, 0, 1000)
	if err != nil {
		return err
	}
	excused := map[int64]bool{}
	for _, m := range missed {
		excused[m.Event.Position] = true
	}
	last, err := tx.LastPosition()
	if err != nil {
		return err
	}
	if hook.State != store.WebhookActive || hook.Position != last {
		w.fail(r.portal, "the webhook %s is %s (%s), and done with place %d of %d", r.hook, hook.State, hook.Reason, hook.Position, last)
	}
	for _, p := range w.portals {
		for _, e := range p.events {
			if r.portal != "" && r.portal != p.id {
				continue
			}
			id := event.ID(e.Number, p.id)
			if r.got[id] == 0 && !excused[w.witness.places[id]] {
				w.fail(p.id, "the webhook %s was not sent the event %s, place %d; it is %s (%s) at %d", r.hook, id, w.witness.places[id], hook.State, hook.Reason, hook.Position)
			}
		}
	}
	w.tally.sent += r.tries
	w.tally.ends["events sent to a webhook: taken"] += len(r.first)
	w.tally.ends["events sent to a webhook: given up"] += len(missed)
	return nil
}
