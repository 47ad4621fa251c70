package fleet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bursarhq/bursar/docspace"
)

// Reader opens portals, and reads many of them at once.
type Reader struct {
	Keys *Keys
	// Parallel is how many portals are read at once; 0 means DefaultParallel.
	Parallel int
	// Timeout bounds all that is read of one portal; 0 means 30 seconds.
	Timeout time.Duration
	// Config has what else the clients are made with: all but URL, Key and Transport.
	Config docspace.Config
	// Seen is told of each request that went out, and of the status that came back, 0
	// where none did. It is called by many at once; nil means that nobody counts.
	Seen func(p Profile, status int)

	trusted sync.Map // trust by file of certificates
}

// DefaultParallel is how many portals are read at once.
const DefaultParallel = 128

const (
	defaultTimeout   = 30 * time.Second
	defaultPerMinute = 600
	burst            = 50 // as many reads as a portal answers at once

	// Up to so many connections there are to all portals that are read at once, but two
	// to each: where few are read, all parts of one come at the same time; where many are,
	// they take turns. That takes no longer for all of them, and costs a fraction of the
	// handshakes, and of the memory.
	sharedConnections, leastConnections = 384, 2
	// allAtOnce is how many requests a line about a portal is, with its runway.
	allAtOnce = 6
	// A request fits into the first, and most answers into the second, in bytes.
	requestBuffer, answerBuffer = 1 << 10, 2 << 10
)

// Portal is a portal that can be asked: a client with the key of a profile.
type Portal struct {
	Profile
	*docspace.Client
	transport *http.Transport
	sparing   bool // of connections
}

// Close lets the portal's connections go. It can be asked again.
func (p *Portal) Close() { p.transport.CloseIdleConnections() }

// Open returns a portal to be asked, with as many requests in a minute as its profile
// allows. It fails with ErrKey, docspace.ErrConfig, and ErrProfiles for certificates
// that can't be read. Nothing is sent yet.
func (r *Reader) Open(ctx context.Context, p Profile) (*Portal, error) {
	return r.open(ctx, p, 0)
}

// open is Open with so many connections at most; 0 is as many as are needed.
func (r *Reader) open(ctx context.Context, p Profile, connections int) (*Portal, error) {
	key, err := r.Keys.Of(ctx, p)
	if err != nil {
		return nil, err
	}
	trusted, err := r.trusting(p)
	if err != nil {
		return nil, err
	}
	transport := docspace.NewTransport(trusted)
	transport.MaxConnsPerHost = connections
	transport.WriteBufferSize, transport.ReadBufferSize = requestBuffer, answerBuffer
	perMinute := p.PerMinute
	if perMinute == 0 {
		perMinute = defaultPerMinute
	}
	config := r.Config
	config.URL, config.Key = p.URL, key
	sparing := connections > 0 && connections < allAtOnce
	if sparing {
		config.AtOnce = connections - 1 // and one for what is read beside the report
	}
	config.Transport = &limited{transport, rate.NewLimiter(rate.Limit(perMinute)/60, min(burst, perMinute)), func(status int) {
		if r.Seen != nil {
			r.Seen(p, status)
		}
	}}
	client, err := docspace.New(config)
	if err != nil {
		return nil, err
	}
	return &Portal{Profile: p, Client: client, transport: transport, sparing: sparing}, nil
}

// trusting returns the TLS settings for a profile; nil for the usual ones.
func (r *Reader) trusting(p Profile) (*tls.Config, error) {
	if p.CACert == "" {
		return nil, nil
	}
	failed := func(err error) (*tls.Config, error) {
		return nil, fmt.Errorf("%w: portal %q: ca_cert: %w", ErrProfiles, p.Name, err)
	}
	info, err := os.Stat(p.CACert)
	if err != nil {
		return failed(err)
	}
	if known, ok := r.trusted.Load(p.CACert); ok && known.(trust).of(info) {
		return known.(trust).config.Clone(), nil
	}
	config, err := Trusting(p.CACert)
	if err != nil {
		return failed(err)
	}
	r.trusted.Store(p.CACert, trust{info.ModTime(), info.Size(), config})
	return config.Clone(), nil
}

// trust is what a file of certificates said when it was read last.
type trust struct {
	modified time.Time
	size     int64
	config   *tls.Config
}

// of reports whether the file is still the same.
func (t trust) of(info os.FileInfo) bool {
	return t.modified.Equal(info.ModTime()) && t.size == info.Size()
}

// Trusting returns TLS settings that trust the certificates of a file (PEM) too.
func Trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("there is no certificate in %s", file)
	}
	return &tls.Config{RootCAs: pool}, nil
}

// limited sends requests as fast as a portal allows, and no faster.
type limited struct {
	next    http.RoundTripper
	limiter *rate.Limiter
	seen    func(status int)
}

// RoundTrip waits for its turn, and sends the request.
func (l *limited) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := l.limiter.Wait(request.Context()); err != nil {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		if err := request.Context().Err(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: the time allowed is over before the portal's rate allows another request", context.DeadlineExceeded)
	}
	response, err := l.next.RoundTrip(request)
	if err != nil {
		l.seen(0)
		return nil, err
	}
	l.seen(response.StatusCode)
	return response, nil
}

// Each asks every portal the same thing, so many at once, and has each answer as it
// arrives: done is called for one portal at a time, in no order. A portal that can't be
// opened or asked is done with its error, and holds no other up. Each returns the
// context's error when that ends, and done's first: no more portals are asked then.
// Its memory does not grow with the number of portals.
func Each[T any](ctx context.Context, r *Reader, portals []Profile, ask func(context.Context, *Portal) (T, error), done func(Profile, T, error) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		next   = make(chan Profile)
		wg     sync.WaitGroup
		mu     sync.Mutex // guards done and failed
		failed error
	)
	parallel := r.Parallel
	if parallel <= 0 {
		parallel = DefaultParallel
	}
	parallel = min(parallel, len(portals))
	connections := max(leastConnections, sharedConnections/max(1, parallel))
	for range parallel {
		wg.Go(func() {
			for profile := range next {
				answer, err := askOne(ctx, r, profile, connections, ask)
				mu.Lock()
				if failed == nil && ctx.Err() == nil {
					if failed = done(profile, answer, err); failed != nil {
						stop()
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, profile := range portals {
		select {
		case next <- profile:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
	if failed != nil {
		return failed
	}
	return ctx.Err()
}

func askOne[T any](ctx context.Context, r *Reader, profile Profile, connections int, ask func(context.Context, *Portal) (T, error)) (answer T, err error) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	portal, err := r.open(ctx, profile, connections)
	if err != nil {
		return answer, err
	}
	defer portal.Close()
	return ask(ctx, portal)
}

// Snapshot is how a portal stands at a moment.
type Snapshot struct {
	// Report is what the portal said, with an error for each part that it did not.
	*docspace.Report
	// Runway is nil when it was not asked for, or is not known.
	Runway *Runway
	// Upcoming is what is going to be paid; nil when it was not asked for, and where the
	// portal can't say it, as DocSpace before 3.8.
	Upcoming []docspace.UpcomingPayment
}

// Read reads how a portal stands: if no parts are named, all that no other part stands
// for, and the runway if it comes in time. It never fails: see Report.Failed.
func Read(ctx context.Context, portal *Portal, now time.Time, only ...docspace.Part) Snapshot {
	return readSnapshot(ctx, portal.Client, now, only, portal.sparing)
}
