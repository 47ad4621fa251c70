package billing

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// MaxEvents is how many events are read at once at most.
const MaxEvents = 1000

// EventQuery says which events are read.
type EventQuery struct {
	// After is a place in the line of all events: those behind it are read. 0 is the
	// beginning.
	After int64
	// PortalID is the portal in which they happened; "" means any.
	PortalID string
	// Types are those that they may be of; nil means any.
	Types []string
	// Limit is how many are read at most, 1 to MaxEvents.
	Limit int
}

// EventPage is a part of the line of events.
type EventPage struct {
	Events []event.Event
	// Through is the place after which to go on. It may be later than the last event's:
	// there are no others such before it.
	Through int64
}

// Events returns events in the order of the line. Nothing is ever put in before what
// was read. It fails with ErrNotFound when there is no such portal.
func (s *Service) Events(ctx context.Context, q EventQuery) (page EventPage, err error) {
	if q.Limit < 1 || q.Limit > MaxEvents {
		return page, invalid("limit", "%d is not between 1 and %d", q.Limit, MaxEvents)
	}
	if q.After < 0 {
		return page, invalid("after", "%d is negative", q.After)
	}
	if q.Types, err = checkTypes(q.Types); err != nil {
		return page, err
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		if q.PortalID != "" {
			if _, err := tx.Portal(q.PortalID); err != nil {
				return err
			}
		}
		rows, through, err := tx.EventsAfter(q.After, store.EventFilter{PortalID: q.PortalID, Types: q.Types}, q.Limit)
		page = EventPage{Through: through}
		for _, row := range rows {
			page.Events = append(page.Events, toldEvent(row))
		}
		return err
	})
	return page, fromStore("read events", err)
}

// LastEvent returns the place of the last event in the line; 0 when there is none.
func (s *Service) LastEvent(ctx context.Context) (last int64, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		last, err = tx.LastPosition()
		return err
	})
	return last, fromStore("read events", err)
}

// toldEvent is an event as others read it.
func toldEvent(e store.Event) event.Event {
	return event.Event{
		ID: event.ID(e.Number, e.PortalID), Type: event.Type(e.Type), Timestamp: event.At(e.At),
		PortalID: e.PortalID, Position: e.Position, Data: json.RawMessage(e.Data),
	}
}

// checkTypes refuses types that there are no events of, and drops what is given twice.
func checkTypes(types []string) (kept []string, err error) {
	seen := map[string]bool{}
	for _, t := range types {
		if !event.Known(event.Type(t)) {
			return nil, invalid("type", "%q is none of %s", t, strings.Join(eventTypes(), ", "))
		}
		if !seen[t] {
			kept = append(kept, t)
		}
		seen[t] = true
	}
	return kept, nil
}

func eventTypes() (names []string) {
	for _, t := range event.Types() {
		names = append(names, string(t))
	}
	return names
}

// WaitForEvents waits until there are events after a place in the line, or the
// context has ended, with whose error it fails then.
func (s *Service) WaitForEvents(ctx context.Context, after int64) error {
	return s.line.await(ctx, after, s.LastEvent)
}

// line is where those wait who want to know of events. One goroutine looks for all of
// them, as long as there are any.
type line struct {
	mu      sync.Mutex
	waiting int
	last    int64         // the last place that was seen
	grown   chan struct{} // closed when there is a later one
	poke    chan struct{} // has one token when somebody knows of a later one
	stop    chan struct{} // closed when nobody waits any more
}

// lookForEvents is how often somebody looks whether others have given events places.
const lookForEvents = 250 * time.Millisecond

func newLine() *line { return &line{grown: make(chan struct{}), poke: make(chan struct{}, 1)} }

// placed says that events were given places here.
func (l *line) placed() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

func (l *line) await(ctx context.Context, after int64, look func(context.Context) (int64, error)) error {
	l.join(look)
	defer l.part()
	for {
		l.mu.Lock()
		last, grown := l.last, l.grown
		l.mu.Unlock()
		if last > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// join has somebody look, from the first one who waits on.
func (l *line) join(look func(context.Context) (int64, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting++; l.waiting == 1 {
		l.stop = make(chan struct{})
		go l.look(l.stop, look)
	}
}

func (l *line) part() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting--; l.waiting == 0 {
		close(l.stop)
	}
}

// look looks at the line until nobody waits any more. When it can't, those who wait
// do so until it can, or for as long as they want to.
func (l *line) look(stop <-chan struct{}, look func(context.Context) (int64, error)) {
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	go func() { // so that a look does not outlive those who wait
		select {
		case <-stop:
			giveUp()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(lookForEvents)
	defer tick.Stop()
	for {
		if last, err := look(ctx); err == nil {
			l.see(last)
		}
		select {
		case <-stop:
			return
		case <-l.poke:
		case <-tick.C:
		}
	}
}

func (l *line) see(last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last > l.last {
		l.last = last
		close(l.grown)
		l.grown = make(chan struct{})
	}
}
