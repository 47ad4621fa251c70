package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// process is one of those that serve the same database. Only one of them runs at a
// time, until it is at a place where others may: then it waits for those.
type process struct {
	number  int
	life    int // counts from 1 how often it was started
	store   *store.Store
	service *billing.Service
	dead    bool // nothing that it does has any effect
}

func (p *process) String() string { return fmt.Sprintf("process %d.%d", p.number, p.life) }

// What a process gets to hear when it is lost, or its connection.
var (
	errCrashed = fmt.Errorf("%w: the process is gone", store.ErrBusy)
	errLost    = fmt.Errorf("%w: the connection is gone", store.ErrBusy)
)

// start makes a process, in place of the one that was there.
func (w *world) start(number int) error {
	p := &process{number: number, life: 1}
	if old := w.processes[number]; old != nil {
		p.life, p.store = old.life+1, old.store
	} else {
		s, err := w.database.open(w.ctx, w.moment)
		if err != nil {
			return err
		}
		p.store = s
	}
	service, err := billing.New(w.config(p))
	p.service = service
	w.processes[number] = p
	return err
}

// within has a process do something, and starts it anew if it does not survive. One
// that runs already does not begin anything else.
func (w *world) within(p *process, do func()) {
	w.running = append(w.running, p)
	do()
	w.running = w.running[:len(w.running)-1]
	if p.dead {
		if err := w.start(p.number); err != nil {
			w.fail("", "start %s: %v", p, err)
		}
	}
}

// current returns the process that runs; nil when none does.
func (w *world) current() *process {
	if len(w.running) == 0 {
		return nil
	}
	return w.running[len(w.running)-1]
}

// idle returns a process that does nothing at the moment; nil when there is none.
func (w *world) idle() *process {
	var free []*process
	for _, p := range w.processes {
		busy := false
		for _, r := range w.running {
			busy = busy || r == p
		}
		if !busy {
			free = append(free, p)
		}
	}
	if len(free) == 0 {
		return nil
	}
	return free[w.fate.random.IntN(len(free))]
}

// moment is asked at every moment of a write.
func (w *world) moment(m store.Moment) error {
	p := w.current()
	if p == nil || w.failed != nil {
		return nil
	}
	if p.dead {
		return errCrashed
	}
	if kind, crash := w.fate.atMoment(m); kind != "" {
		w.say("", "%s: %s", p, kind)
		if crash {
			p.dead = true
			return errCrashed
		}
		return errLost
	}
	if m != store.BeforeCommit {
		w.pause()
	}
	return nil
}

// maxDepth is how many processes may be in the middle of something.
const maxDepth = 2

// pause is a place where others may come in between, and much later too.
func (w *world) pause() {
	if w.fate.calm || w.failed != nil || len(w.running) == 0 || len(w.running) > maxDepth {
		return
	}
	if !w.fate.strikes(inBetween) {
		return
	}
	other := w.idle()
	if other == nil {
		return
	}
	if w.fate.strikes(heldUp) {
		held := time.Duration(1+w.fate.random.IntN(600)) * time.Second
		w.say("", "%s is held up for %s", w.current(), held)
		w.advance(held)
	}
	w.within(other, func() { w.something(other) })
}

// lost reports whether an error says that nobody knows what came of a call.
func lost(err error) bool {
	return errors.Is(err, billing.ErrTryAgain) || errors.Is(err, billing.ErrUnsettled) || errors.Is(err, store.ErrBusy)
}
