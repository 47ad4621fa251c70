package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

// appendEvent writes an event down in a portal.
func appendEvent(t *testing.T, s *store.Store, portalID, kind string, at time.Time) {
	t.Helper()
	change(t, s, portalID, func(tx *store.Tx) error {
		_, err := tx.AppendEvent(store.Event{Type: kind, At: at, Data: `{"of":"` + portalID + `"}`})
		return err
	})
}

// placeAll gives all events their places.
func placeAll(t *testing.T, s *store.Store) (placed int64) {
	t.Helper()
	for {
		some, err := s.PlaceEvents(t.Context(), func(*store.Tx) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if some == 0 {
			return placed
		}
		placed += some
	}
}

// line returns the ids of the events after a place, and through where they go.
func line(t *testing.T, s *store.Store, after int64, filter store.EventFilter, limit int) (ids []string, through int64) {
	t.Helper()
	read(t, s, func(tx *store.Tx) error {
		all, to, err := tx.EventsAfter(after, filter, limit)
		for _, e := range all {
			ids = append(ids, fmt.Sprintf("%d %s%d %s", e.Position, e.PortalID, e.Number, e.Type))
		}
		through = to
		return err
	})
	return ids, through
}

// events have their numbers in their portals and their places in one line, and are
// read by portal and type.
func events(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	if n := placeAll(t, s); n != 0 {
		t.Errorf("%d events are placed of none", n)
	}
	appendEvent(t, s, "p", "hold.expired", epoch.Add(time.Hour))
	appendEvent(t, s, "q", "balance.low", epoch)
	appendEvent(t, s, "p", "subscription.past_due", epoch) // the clock fell back
	if ids, through := line(t, s, 0, store.EventFilter{}, 10); ids != nil || through != 0 {
		t.Errorf("%v through %d have no place", ids, through)
	}
	if n := placeAll(t, s); n != 3 {
		t.Errorf("%d events are placed", n)
	}
	appendEvent(t, s, "q", "hold.expired", epoch)
	if n := placeAll(t, s); n != 1 {
		t.Errorf("%d more events are placed", n)
	}
	for _, tt := range []struct {
		after   int64
		filter  store.EventFilter
		limit   int
		want    []string
		through int64
	}{
		{0, store.EventFilter{}, 10, []string{"1 q1 balance.low", "2 p1 hold.expired", "3 p2 subscription.past_due", "4 q2 hold.expired"}, 4},
		{0, store.EventFilter{}, 2, []string{"1 q1 balance.low", "2 p1 hold.expired"}, 2},
		{2, store.EventFilter{}, 2, []string{"3 p2 subscription.past_due", "4 q2 hold.expired"}, 4},
		{4, store.EventFilter{}, 2, nil, 4},
		{9, store.EventFilter{}, 2, nil, 9},
		{0, store.EventFilter{PortalID: "p"}, 10, []string{"2 p1 hold.expired", "3 p2 subscription.past_due"}, 4},
		{0, store.EventFilter{PortalID: "none"}, 10, nil, 4},
		{0, store.EventFilter{Types: []string{"hold.expired", "balance.low"}}, 10, []string{"1 q1 balance.low", "2 p1 hold.expired", "4 q2 hold.expired"}, 4},
		{0, store.EventFilter{Types: []string{"expired"}}, 10, nil, 4},
		{0, store.EventFilter{PortalID: "q", Types: []string{"hold.expired"}}, 1, []string{"4 q2 hold.expired"}, 4},
	} {
		got, through := line(t, s, tt.after, tt.filter, tt.limit)
		diff(t, fmt.Sprintf("after %d, %+v", tt.after, tt.filter), got, tt.want)
		if through != tt.through {
			t.Errorf("after %d, %+v: through %d, want %d", tt.after, tt.filter, through, tt.through)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		all, _, err := tx.EventsAfter(2, store.EventFilter{}, 1)
		// Within a portal time does not run backwards.
		want := []store.Event{{PortalID: "p", Number: 2, Position: 3, Type: "subscription.past_due", At: epoch.Add(time.Hour), Data: `{"of":"p"}`}}
		diff(t, "an event", all, want)
		last, lastErr := tx.LastPosition()
		if last != 4 {
			t.Errorf("the last place is %d", last)
		}
		return errors.Join(err, lastErr)
	})
	placingIsOne(t, s)
}

// placingIsOne has what is done with a placement undo it when it fails.
func placingIsOne(t *testing.T, s *store.Store) {
	t.Helper()
	appendEvent(t, s, "p", "hold.expired", epoch)
	broken := errors.New("broken")
	if _, err := s.PlaceEvents(t.Context(), func(*store.Tx) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a placement that fails: %v", err)
	}
	if ids, through := line(t, s, 4, store.EventFilter{}, 10); ids != nil || through != 4 {
		t.Errorf("%v through %d were placed", ids, through)
	}
	placeAll(t, s)
	if ids, _ := line(t, s, 4, store.EventFilter{}, 10); !slices.Equal(ids, []string{"5 p3 hold.expired"}) {
		t.Errorf("%v were placed", ids)
	}
}

// eventsAtOnce has whoever reads up to a place have seen all before it, while many
// write events and several give places.
func eventsAtOnce(t *testing.T, s *store.Store) {
	const portals, each = 8, 25
	var ids []string
	for i := range portals {
		ids = append(ids, fmt.Sprint("p", i))
	}
	addPortals(t, s, ids...)
	var writers, placers sync.WaitGroup
	done := make(chan struct{})
	for i, id := range ids {
		writers.Go(func() {
			for n := range each {
				appendEvent(t, s, id, "hold.expired", epoch.Add(time.Duration((n*7+i*3)%11)*time.Second))
			}
		})
	}
	for range 2 {
		placers.Go(func() {
			for {
				placeAll(t, s)
				select {
				case <-done:
					placeAll(t, s)
					return
				default:
				}
			}
		})
	}
	var seen []string
	position := int64(0)
	follow := func() {
		some, through := line(t, s, position, store.EventFilter{}, 7)
		seen, position = append(seen, some...), through
	}
	go func() {
		writers.Wait()
		close(done)
	}()
	for alive := true; alive; {
		select {
		case <-done:
			alive = false
		default:
		}
		follow()
	}
	placers.Wait()
	for before := int64(-1); before != position; {
		before = position
		follow()
	}
	all, _ := line(t, s, 0, store.EventFilter{}, 1000)
	diff(t, "what was seen, and what there is", seen, all)
	if len(all) != portals*each {
		t.Errorf("%d events of %d", len(all), portals*each)
	}
	numbers := map[string]int64{}
	for i, text := range all {
		var (
			position, number int64
			portal           int
			kind             string
		)
		if _, err := fmt.Sscanf(text, "%d p%1d%d %s", &position, &portal, &number, &kind); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint("p", portal)
		if position != int64(i+1) || number != numbers[id]+1 {
			t.Fatalf("%q is at %d, after number %d", text, i+1, numbers[id])
		}
		numbers[id] = number
	}
}

// webhooks come back as they were made, and are changed and taken away.
func webhooks(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	plain := store.Webhook{ID: "b", URL: "https://example.com/", Secret: "whsec_1", State: store.WebhookActive, CreatedAt: epoch}
	full := store.Webhook{
		ID: "a", URL: "http://127.0.0.1/", Description: "Ünï", PortalID: "p", Types: []string{"hold.expired", "balance.low"}, Private: true,
		Secret: "whsec_2", OldSecret: "whsec_3", OldUntil: epoch.Add(time.Hour), State: store.WebhookPaused, Reason: "gone",
		Position: 7, Failures: 3, FailingSince: epoch.Add(time.Minute), LastStatus: "410 Gone", LastAt: epoch.Add(2 * time.Minute), CreatedAt: epoch.Add(time.Second),
	}
	changing := func(fn func(tx *store.Tx) error) error { return s.ChangeWebhooks(t.Context(), fn) }
	for _, w := range []store.Webhook{full, plain} {
		if err := changing(func(tx *store.Tx) error { return tx.InsertWebhook(w) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := changing(func(tx *store.Tx) error { return tx.InsertWebhook(plain) }); !errors.Is(err, store.ErrExists) {
		t.Errorf("the same again: %v", err)
	}
	listed := func() (all []store.Webhook) {
		read(t, s, func(tx *store.Tx) (err error) {
			all, err = tx.Webhooks()
			return err
		})
		return all
	}
	diff(t, "webhooks", listed(), []store.Webhook{plain, full})
	full.URL, full.Types, full.Private, full.OldSecret, full.OldUntil = "https://example.com/2", nil, false, "", time.Time{}
	full.State, full.Reason, full.Failures, full.FailingSince = store.WebhookActive, "", 0, time.Time{}
	if err := changing(func(tx *store.Tx) error { return tx.UpdateWebhook(full) }); err != nil {
		t.Fatal(err)
	}
	diff(t, "changed", listed(), []store.Webhook{plain, full})

	appendEvent(t, s, "p", "hold.expired", epoch)
	appendEvent(t, s, "p", "balance.low", epoch)
	placeAll(t, s)
	missed := store.Undelivered{
		WebhookID: "a", Attempts: 20, Status: "no answer", At: epoch.Add(time.Hour),
		Event: store.Event{PortalID: "p", Number: 2, Position: 2, Type: "balance.low", At: epoch, Data: `{"of":"p"}`},
	}
	undelivered := func(id string, after int64) (all []store.Undelivered) {
		read(t, s, func(tx *store.Tx) (err error) {
			all, err = tx.UndeliveredAfter(id, after, 10)
			return err
		})
		return all
	}
	for attempts := range 2 {
		missed.Attempts += int64(attempts)
		if err := changing(func(tx *store.Tx) error { return tx.InsertUndelivered(missed) }); err != nil {
			t.Fatal(err)
		}
		diff(t, "undelivered", undelivered("a", 1), []store.Undelivered{missed})
	}
	if undelivered("a", 2) != nil || undelivered("b", 0) != nil {
		t.Error("others are undelivered")
	}
	if err := changing(func(tx *store.Tx) error { return tx.DeleteUndelivered("a", 2) }); err != nil || undelivered("a", 0) != nil {
		t.Errorf("delivered after all: %v", err)
	}
	if err := changing(func(tx *store.Tx) error {
		return errors.Join(tx.InsertUndelivered(missed), tx.DeleteWebhook("a"))
	}); err != nil || undelivered("a", 0) != nil {
		t.Errorf("taken away: %v", err)
	}
	diff(t, "what is left", listed(), []store.Webhook{plain})
	for name, do := range map[string]func(tx *store.Tx) error{
		"update": func(tx *store.Tx) error { return tx.UpdateWebhook(full) },
		"delete": func(tx *store.Tx) error { return tx.DeleteWebhook("a") },
		"read": func(tx *store.Tx) error {
			_, err := tx.Webhook("a")
			return err
		},
	} {
		if err := changing(do); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s one that is gone: %v", name, err)
		}
	}
}

// trailAtOnce has the lines of no portal follow one another, whoever writes them.
func trailAtOnce(t *testing.T, s *store.Store) {
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			line := store.Audit{At: epoch, Action: "test", Actor: "bursar", After: fmt.Sprint(i)}
			var err error
			if i%2 == 0 {
				err = s.ChangeWebhooks(t.Context(), func(tx *store.Tx) error { return tx.AppendAudit(line) })
			} else {
				err = s.ChangeJobs(t.Context(), "", func(tx *store.Tx) error { return tx.AppendAudit(line) })
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	read(t, s, func(tx *store.Tx) error {
		lines, err := tx.AuditBefore("", 0, 100)
		if len(lines) != 20 || lines[0].Number != 20 {
			t.Errorf("%d lines", len(lines))
		}
		return err
	})
}
