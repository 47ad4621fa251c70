package exporter

import (
	"context"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// Config says what is watched, and how often.
type Config struct {
	// Reader opens the portals. It is the exporter's alone, which counts its requests.
	// Required.
	Reader *fleet.Reader
	// Portals are watched from the start on; their names differ.
	Portals []fleet.Profile
	// Interval is how often each portal is read; 0 means 5 minutes. A portal whose limits
	// ask for longer pauses gets those.
	Interval time.Duration
	// RunwayInterval is how often it is worked out how long a wallet lasts, which takes
	// more to read than all else; 0 means each time.
	RunwayInterval time.Duration
	// MaxAge is how old something may be to be shown; 0 means an hour.
	MaxAge time.Duration
	// Now is the time. Required.
	Now func() time.Time
	// Chance returns a number from 0 up to and without n, which is above 0. Required.
	Chance func(n int64) int64
	// Log takes what changes with a portal: that it can't be read any more, and that it
	// can again. Required.
	Log *slog.Logger
	// Version is that of the program.
	Version string
}

const (
	defaultInterval = 5 * time.Minute
	defaultMaxAge   = time.Hour
	defaultParallel = 64 // as fleet.Reader has it
	perMinute       = 600
)

// Exporter reads portals and shows what it knows of them. Its methods may be called by
// many at once, but Run once.
type Exporter struct {
	Config
	descriptions map[string]description
	wake         chan struct{} // something else may be due

	mu       sync.Mutex // guards what follows
	portals  map[string]*portal
	waiting  queue
	ready    bool
	reloadOK bool
}

// portal is what is known of a portal.
type portal struct {
	profile fleet.Profile
	place   int       // in the queue
	due     time.Time // when it is read next
	gone    bool      // it is not watched any more
	again   bool      // it is read in another way by now, and so at once after this reading

	asked     bool // it was, once at least
	answers   bool // it did the last time
	answered  time.Time
	took      *time.Duration // the last time; nil if it could not even be opened
	runwayAt  time.Time      // when it was last known how long the wallet lasts
	parts     map[docspace.Part]known
	errors    map[string]int64 // by kind
	requests  int64
	limited   int64
	lastKinds string // what failed the last time, to tell of a change
}

// known is what was last said of a part.
type known struct {
	arrives bool // it did the last time
	at      time.Time
	all     []said
}

// New returns an exporter that knows nothing yet.
func New(config Config) *Exporter {
	if config.Interval <= 0 {
		config.Interval = defaultInterval
	}
	if config.MaxAge <= 0 {
		config.MaxAge = defaultMaxAge
	}
	e := &Exporter{
		Config: config, descriptions: descriptions(), wake: make(chan struct{}, 1), portals: map[string]*portal{}, reloadOK: true,
	}
	e.Reader.Seen = e.seen
	e.Reload(config.Portals)
	return e
}

// Reload has the exporter watch these portals from now on. What is known of one that was
// watched before is kept, unless it has another address by now.
func (e *Exporter) Reload(profiles []fleet.Profile) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := maps.Clone(e.portals)
	now := e.now()
	for _, profile := range profiles {
		p := before[profile.Name]
		if p != nil && p.profile.URL == profile.URL {
			delete(before, profile.Name)
			changed := p.profile.Key != profile.Key || p.profile.CACert != profile.CACert
			p.profile = profile
			switch {
			case changed && p.place == nowhere: // it is being read
				p.again = true
			case changed:
				e.waiting.put(p, now)
			}
			continue
		}
		if p != nil {
			e.forget(p)
			delete(before, profile.Name)
		}
		p = &portal{profile: profile, place: nowhere, parts: map[docspace.Part]known{}, errors: map[string]int64{}}
		e.portals[profile.Name] = p
		e.waiting.put(p, now)
	}
	for name, p := range before {
		e.forget(p)
		delete(e.portals, name)
	}
	e.reloadOK = true
	e.readied()
	e.stir()
}

// ReloadFailed says that the profiles can't be read: those of before hold.
func (e *Exporter) ReloadFailed() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reloadOK = false
}

func (e *Exporter) forget(p *portal) {
	p.gone = true
	e.waiting.drop(p)
}

// now is the time by the calendar: how long a machine slept counts, too.
func (e *Exporter) now() time.Time { return e.Now().Round(0) }

// Ready reports whether each portal was asked once since the start.
func (e *Exporter) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ready
}

// readied finds out whether the exporter is ready. Once it is, it stays so.
func (e *Exporter) readied() {
	if e.ready {
		return
	}
	for _, p := range e.portals {
		if !p.asked {
			return
		}
	}
	e.ready = len(e.portals) > 0
}

// Answering returns how many portals answered when they were last asked.
func (e *Exporter) Answering() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.portals {
		if p.answers {
			n++
		}
	}
	return n
}

// stir has Run look again at what is due.
func (e *Exporter) stir() {
	select {
	case e.wake <- struct{}{}:
	default: // it is going to anyway
	}
}

// Run reads each portal now, so many at once as the reader allows, and from then on in
// its interval, at moments that chance spreads. It returns when the context ends.
func (e *Exporter) Run(ctx context.Context) {
	parallel := e.Reader.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	places := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		p := e.next(ctx)
		if p == nil {
			return
		}
		wg.Go(func() {
			e.round(ctx, p)
			<-places
		})
	}
}

// next waits for a portal that is due; nil when the context ends.
func (e *Exporter) next(ctx context.Context) *portal {
	for ctx.Err() == nil {
		e.mu.Lock()
		p, wait := e.waiting.take(e.now())
		e.mu.Unlock()
		if p != nil {
			return p
		}
		if wait < 0 {
			wait = idle
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-e.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// idle is how long Run waits where nobody does; stir ends it.
const idle = time.Hour

// host is what may be shown of an address.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return label(u.Host)
}

// between writes groups so that a pattern finds one: ",eu,paying,".
func between(groups []string) string {
	if len(groups) == 0 {
		return ""
	}
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	return "," + strings.Join(groups, ",") + ","
}
