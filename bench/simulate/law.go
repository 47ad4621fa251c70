package main

import (
	"errors"
	"math"
	"slices"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// witness is what was seen of all portals together.
type witness struct {
	position int64 // of the last event in line
	after    map[string]int64
	places   map[string]int64 // of events, by their ids
}

// witnessed is what was seen of a portal so far.
type witnessed struct {
	recorded   int
	pending    bool   // a collection, or a page
	settled    string // the last collection that was, for so much
	settledFor money.Amount
	events     []store.Event
	rules      []store.TopUpRule // the rule as it was after each of the last steps
	periods    periods
	checked    int64 // number of the last automatic collection of which the caps were looked at
}

// check looks at the laws that can be looked at after every step, of those portals of
// which something may have changed; and now and then at all of them.
func (w *world) check() {
	for _, p := range w.portals {
		if w.failed == nil && w.touched[p.id] {
			if err := w.read(p.look); err != nil {
				w.fail(p.id, "look at it: %v", err)
			}
		}
	}
	clear(w.touched)
	w.checked = w.clock.Now()
	if w.failed == nil && w.steps%100 == 0 {
		w.verify()
	}
}

func (w *world) read(fn func(tx *store.Tx) error) error {
	return w.processes[0].store.Read(w.ctx, fn)
}

// verify checks every law of the ledger.
func (w *world) verify() {
	if _, _, err := w.processes[0].service.Verify(w.ctx, store.Verification{}); err != nil {
		portalID := ""
		if broken := (*ledger.Break)(nil); errors.As(err, &broken) {
			portalID = broken.Portal
		}
		w.fail(portalID, "verify: %v", err)
	}
	if err := w.read(w.inLine); err != nil {
		w.fail("", "read the line of events: %v", err)
	}
}

// look looks at a portal as it is at one moment.
func (p *portal) look(tx *store.Tx) error {
	for _, book := range ledger.Books() {
		pockets, err := tx.Pockets(p.id, book)
		if err != nil {
			return err
		}
		for _, pocket := range pockets {
			available, err := pocket.Available()
			if err != nil {
				return err
			}
			if available.Units() < -pocket.CreditLimit.Units() {
				p.world.fail(p.id, "%s is available in the book %s", available, book)
			}
		}
	}
	some, err := p.lookAtCollections(tx)
	if err != nil {
		return err
	}
	events, err := p.lookAtEvents(tx)
	if err != nil {
		return err
	}
	return p.lookAtPeriods(tx, events, some)
}

// lookAtCollections looks at the last ones: no more than one is open, and their numbers
// have no gap.
func (p *portal) lookAtCollections(tx *store.Tx) ([]store.Collection, error) {
	w := p.world
	some, err := tx.CollectionsBefore(p.id, "", math.MaxInt64, 20)
	if err != nil {
		return nil, err
	}
	open := 0
	p.pending = slices.ContainsFunc(some, func(c store.Collection) bool { return !c.Closed() })
	for i, c := range some {
		if !c.Closed() && c.Page == "" {
			open++
		}
		if i > 0 && c.Number != some[i-1].Number-1 {
			w.fail(p.id, "after collection %d comes %d", c.Number, some[i-1].Number)
		}
	}
	if open > 1 {
		w.fail(p.id, "%d collections are open at once", open)
	}
	for _, c := range some {
		if c.State == store.CollectionSettled && c.Amount != (money.Amount{}) {
			p.settled, p.settledFor = billing.CollectionID(c), c.Amount
			break
		}
	}
	return some, p.lookAtCaps(tx, some)
}

// lookAtEvents reads those that are new: their numbers have no gap, and time does not
// run backwards in them.
func (p *portal) lookAtEvents(tx *store.Tx) ([]store.Event, error) {
	w := p.world
	some, err := tx.EventsOf(p.id, int64(len(p.events)), 1000)
	if err != nil {
		return nil, err
	}
	for _, e := range some {
		if want := int64(len(p.events)) + 1; e.Number != want {
			w.fail(p.id, "event %d is followed by %d", want-1, e.Number)
		}
		if n := len(p.events); n > 0 && e.At.Before(p.events[n-1].At) {
			w.fail(p.id, "event %d is of before the one in front", e.Number)
		}
		if !event.Known(event.Type(e.Type)) {
			w.fail(p.id, "event %d has the type %q", e.Number, e.Type)
		}
		p.events = append(p.events, e)
		w.say(p.id, "event %d: %s %s", e.Number, e.Type, e.Data)
	}
	return some, nil
}

// inLine reads what was put in line since: places have no gap, and the events of a
// portal come in their order.
func (w *world) inLine(tx *store.Tx) error {
	seen := &w.witness
	if seen.after == nil {
		seen.after, seen.places = map[string]int64{}, map[string]int64{}
	}
	for {
		some, _, err := tx.EventsAfter(seen.position, store.EventFilter{}, 500)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, e := range some {
			if e.Position != seen.position+1 {
				w.fail(e.PortalID, "place %d in the line is followed by %d", seen.position, e.Position)
			}
			if e.Number != seen.after[e.PortalID]+1 {
				w.fail(e.PortalID, "event %d stands in line after %d", e.Number, seen.after[e.PortalID])
			}
			seen.position, seen.after[e.PortalID] = e.Position, e.Number
			seen.places[event.ID(e.Number, e.PortalID)] = e.Position
		}
	}
}
