package exporter

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// seen counts a request of the reader's.
func (e *Exporter) seen(profile fleet.Profile, status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.portals[profile.Name]
	if p == nil {
		return // it is not watched any more
	}
	p.requests++
	if status == http.StatusTooManyRequests {
		p.limited++
	}
}

// round reads a portal, and says when it is read again.
func (e *Exporter) round(ctx context.Context, p *portal) {
	e.mu.Lock()
	profile, first, sent := p.profile, !p.asked, p.requests
	e.mu.Unlock()
	var asked time.Duration // that the portal asks to wait
	_ = e.read(ctx, []fleet.Profile{profile}, func(_ fleet.Profile, err error) {
		var refusal *docspace.Error
		if errors.As(err, &refusal) {
			asked = refusal.RetryAfter
		}
	}) // it fails when the context ends, and the portal then waits in vain
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.gone {
		return
	}
	pause := e.pause(p, first, p.requests-sent, asked)
	if p.again {
		p.again, pause = false, 0
	}
	e.waiting.put(p, e.now().Add(pause))
	e.stir()
}

// pause returns after what time a portal is read again. Those that were first read
// together are spread over the interval, and none comes sooner than its limits or its
// own wish allow.
func (e *Exporter) pause(p *portal, first bool, sent int64, asked time.Duration) time.Duration {
	pause := e.Interval - e.Interval/20 + e.within(e.Interval/10)
	if first {
		pause = e.Interval/4 + e.within(e.Interval-e.Interval/4)
	}
	allowed := p.profile.PerMinute
	if allowed <= 0 {
		allowed = perMinute
	}
	least := time.Duration(sent) * time.Minute / time.Duration(allowed)
	const longest = time.Hour // whatever a portal wishes
	return max(pause, least, min(asked, longest))
}

// within returns a time up to one that is above nought.
func (e *Exporter) within(d time.Duration) time.Duration {
	return time.Duration(e.Chance(max(1, int64(d))))
}

// ReadOnce reads all portals once, and has done told of each one what could not be read
// of it, nil if nothing. It fails when the context ends.
func (e *Exporter) ReadOnce(ctx context.Context, done func(fleet.Profile, error)) error {
	e.mu.Lock()
	var all []fleet.Profile
	for _, name := range slices.Sorted(maps.Keys(e.portals)) {
		all = append(all, e.portals[name].profile)
	}
	e.mu.Unlock()
	return e.read(ctx, all, done)
}

// read reads portals, and keeps what they say.
func (e *Exporter) read(ctx context.Context, profiles []fleet.Profile, done func(fleet.Profile, error)) error {
	return fleet.Each(ctx, e.Reader, profiles, e.ask, func(profile fleet.Profile, said *answer, err error) error {
		done(profile, e.keep(profile, said, err))
		return nil
	})
}

// ask asks a portal for all that is shown of it.
func (e *Exporter) ask(ctx context.Context, portal *fleet.Portal) (*answer, error) {
	began := e.Now() // not by the calendar, which may be set meanwhile
	now, only := began.Round(0), parts()
	if !e.runwayDue(portal.Name, now) {
		only = slices.DeleteFunc(only, func(p docspace.Part) bool { return p == fleet.PartRunway })
	}
	snapshot := fleet.Read(ctx, portal, now, only...)
	return &answer{snapshot, e.Now().Sub(began)}, nil
}

func (e *Exporter) runwayDue(name string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.portals[name]
	return p == nil || p.runwayAt.IsZero() || now.Sub(p.runwayAt) >= e.RunwayInterval
}

// keep remembers what a portal said, and returns what it did not.
func (e *Exporter) keep(profile fleet.Profile, said *answer, err error) error {
	var (
		all  []heard
		took *time.Duration
	)
	if err == nil {
		long := said.took // which keeps no more than that
		all, took = said.parts(), &long
	} else {
		for _, part := range parts() {
			all = append(all, heard{part: part, err: err})
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.portals[profile.Name]
	if p == nil || p.profile.URL != profile.URL {
		return nil // it is not watched any more
	}
	now := e.now()
	var failed []error
	if err != nil {
		failed = []error{err}
	}
	p.answers = false
	for _, h := range all {
		if h.err != nil && err == nil {
			failed = append(failed, h.err)
		}
		if h.err == nil && !h.absent {
			p.answers = true
		}
		p.hear(h, e.prepared(p, h.all), now)
	}
	if p.answers {
		p.answered = now
	}
	p.asked, p.took = true, took
	e.tell(p, failed)
	e.readied()
	return errors.Join(failed...)
}

// prepared makes the samples of a portal ready to be shown.
func (e *Exporter) prepared(p *portal, all []sample) (ready []said) {
	name := label(p.profile.Name)
	for _, s := range all {
		if one, ok := e.say(name, s); ok {
			ready = append(ready, one)
		}
	}
	return ready
}

// hear remembers a part.
func (p *portal) hear(h heard, all []said, now time.Time) {
	before, there := p.parts[h.part]
	switch {
	case h.absent:
		delete(p.parts, h.part)
	case h.err == nil:
		p.parts[h.part] = known{arrives: true, at: now, all: all}
		if h.part == fleet.PartRunway && h.says {
			p.runwayAt = now
		}
	case there || h.part != fleet.PartUpcoming: // a portal that never had this may not have it
		before.arrives = false
		p.parts[h.part] = before
	}
}

// tell counts what failed, each kind once, and logs what is new.
func (e *Exporter) tell(p *portal, failed []error) {
	kinds := map[string]bool{}
	for _, err := range failed {
		kinds[kindOf(err)] = true
	}
	for kind := range kinds {
		p.errors[kind]++
	}
	now := strings.Join(slices.Sorted(maps.Keys(kinds)), " ")
	if now == p.lastKinds {
		return
	}
	if p.lastKinds = now; now == "" {
		e.Log.Info("portal is read again", "portal", p.profile.Name)
		return
	}
	e.Log.Warn("portal can't be read", "portal", p.profile.Name, "answers", p.answers, "error", failed[0].Error(), "errors", len(failed))
}
