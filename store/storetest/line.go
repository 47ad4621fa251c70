package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

func tell(tx *store.Tx, kind string, at time.Time, data string) (int64, error) {
	return tx.AppendEvent(store.Event{Type: kind, At: at, Data: data})
}

func putInLine(t *testing.T, s *store.Store) int64 {
	t.Helper()
	placed, err := s.PlaceEvents(t.Context(), func(*store.Tx) error { return nil })
	if err != nil {
		t.Fatalf("PlaceEvents: %v", err)
	}
	return placed
}

// eventsAreTold numbers events, keeps their time going forwards, and reads them.
func eventsAreTold(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	var want []store.Event
	add := func(portal, kind string, given, kept time.Time) {
		t.Helper()
		var number int64
		data := fmt.Sprintf(`{"n":%d}`, len(want))
		change(t, s, portal, func(tx *store.Tx) (err error) { number, err = tell(tx, kind, given, data); return err })
		want = append(want, store.Event{PortalID: portal, Number: number, Type: kind, At: kept, Data: data})
	}
	add("p", "a", at(5), at(5))
	add("q", "a", at(1), at(1))
	add("p", "b", at(3), at(5)) // a clock that runs backwards
	add("p", "a", at(9), at(9))
	for i, number := range []int64{1, 1, 2, 3} {
		if want[i].Number != number {
			t.Errorf("event %d has number %d, want %d", i, want[i].Number, number)
		}
	}
	mustBe(t, "a change that fails", s.Change(t.Context(), "p", func(tx *store.Tx) error {
		if _, err := tell(tx, "a", at(9), "{}"); err != nil {
			return err
		}
		return errOwn
	}), errOwn)

	after := func(position int64, portal, kind string, limit int) (all []store.Event) {
		read(t, s, func(tx *store.Tx) (err error) {
			filter := store.EventFilter{PortalID: portal}
			if kind != "" {
				filter.Types = []string{kind}
			}
			all, _, err = tx.EventsAfter(position, filter, limit)
			return err
		})
		return all
	}
	of := func(portal string, number int64, limit int) (all []store.Event) {
		read(t, s, func(tx *store.Tx) (err error) { all, err = tx.EventsOf(portal, number, limit); return err })
		return all
	}
	diff(t, "those that are not in line yet", after(0, "", "", 10), []store.Event{})
	diff(t, "of p", of("p", 0, 10), []store.Event{want[0], want[2], want[3]})
	diff(t, "of p after the first, one", of("p", 1, 1), []store.Event{want[2]})

	mustBe(t, "placing that fails beside", func() error {
		_, err := s.PlaceEvents(t.Context(), func(*store.Tx) error { return errOwn })
		return err
	}(), errOwn)
	diff(t, "in line after that", after(0, "", "", 10), []store.Event{})
	if n := putInLine(t, s); n != 4 {
		t.Errorf("%d are placed, want 4", n)
	}
	if n, err := s.PlaceEvents(t.Context(), func(*store.Tx) error { return errOwn }); n != 0 || err != nil {
		t.Errorf("%d are placed when all are, %v", n, err)
	}
	want[1].Position, want[0].Position, want[2].Position, want[3].Position = 1, 2, 3, 4
	add("q", "b", at(0), at(1)) // later in line, though it was earlier
	putInLine(t, s)
	want[4].Position = 5
	line := []store.Event{want[1], want[0], want[2], want[3], want[4]}
	diff(t, "the line", after(0, "", "", 10), line)
	diff(t, "two after the second", after(2, "", "", 2), line[2:4])
	diff(t, "those of q", after(0, "q", "", 10), []store.Event{want[1], want[4]})
	diff(t, "those of type b", after(0, "", "b", 10), []store.Event{want[2], want[4]})
	diff(t, "those of type b of p", after(0, "p", "b", 10), []store.Event{want[2]})
	diff(t, "those of p by number", of("p", 2, 10), []store.Event{want[3]})
}

// manyEvents are more than are placed in one transaction.
func manyEvents(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	const all = 2300
	change(t, s, "p", func(tx *store.Tx) error {
		for range all {
			if _, err := tell(tx, "t", epoch, "{}"); err != nil {
				return err
			}
		}
		return nil
	})
	for _, want := range []int64{1000, 1000, 300, 0} {
		if got := putInLine(t, s); got != want {
			t.Errorf("%d are placed, want %d", got, want)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		events, _, err := tx.EventsAfter(0, store.EventFilter{}, all)
		for i, e := range events {
			if e.Position != int64(i+1) || e.Number != int64(i+1) {
				t.Fatalf("event %d is number %d at place %d", i, e.Number, e.Position)
			}
		}
		if len(events) != all {
			t.Errorf("%d events, want %d", len(events), all)
		}
		return err
	})
}

// reader reads the line by cursor, and sees what is wrong with it.
type reader struct {
	cursor int64
	seen   map[string]bool
	last   map[string]int64 // numbers by portal
}

func (r *reader) take(t *testing.T, s *store.Store) (more bool) {
	var page []store.Event
	if err := s.Read(background, func(tx *store.Tx) (err error) {
		page, _, err = tx.EventsAfter(r.cursor, store.EventFilter{}, 7)
		return err
	}); err != nil {
		t.Error(err)
		return false
	}
	for _, e := range page {
		if e.Position != r.cursor+1 {
			t.Errorf("place %d comes after %d", e.Position, r.cursor)
		}
		if e.Number != r.last[e.PortalID]+1 {
			t.Errorf("event %d of %s comes after %d", e.Number, e.PortalID, r.last[e.PortalID])
		}
		if r.seen[e.Data] {
			t.Errorf("event %s comes twice", e.Data)
		}
		r.cursor, r.last[e.PortalID], r.seen[e.Data] = e.Position, e.Number, true
	}
	return len(page) > 0
}

// eventsInLine has many write, two place, and one read all the time: whoever goes by
// cursor sees each event once, each portal's in order, and none comes in behind.
func eventsInLine(t *testing.T, db Database) {
	stores := []*store.Store{db.open(t), db.open(t)}
	portals := []string{"p", "q", "r"}
	addPortals(t, stores[0], portals...)
	const writers, each = 6, 25
	var written, placed sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		written.Go(func() {
			chance := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range each {
				portal := portals[chance.IntN(len(portals))]
				at := epoch.Add(time.Duration(chance.IntN(100)) * time.Second) // everybody has a clock of their own
				if err := stores[w%2].Change(background, portal, func(tx *store.Tx) error {
					for part := range 2 { // two at once stay together
						if _, err := tell(tx, "t", at, fmt.Sprintf(`"%d-%d-%d"`, w, i, part)); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, s := range stores {
		placed.Go(func() {
			for {
				if _, err := s.PlaceEvents(background, func(*store.Tx) error { return nil }); err != nil {
					t.Error(err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	r := reader{seen: map[string]bool{}, last: map[string]int64{}}
	read := running(func() error {
		for {
			select {
			case <-stop:
				return nil
			default:
				r.take(t, stores[1])
			}
		}
	})
	written.Wait()
	close(stop)
	placed.Wait()
	if err := within(t, "the reader", read); err != nil {
		t.Error(err)
	}
	putInLine(t, stores[0])
	for r.take(t, stores[0]) {
	}
	if want := writers * each * 2; len(r.seen) != want || r.cursor != int64(want) {
		t.Errorf("%d events were seen up to place %d, want %d", len(r.seen), r.cursor, want)
	}
}
