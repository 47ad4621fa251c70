package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// fate is what becomes of a deposit that reaches the portal.
type fate int

const (
	charged          fate = iota // and the answer says so
	chargedLost                  // at once, and the answer is lost
	chargedLate                  // minutes later, and the answer is lost
	dropped                      // not charged, and the answer is lost
	saidFalse                    // the bank declined
	saidFalseCharged             // the bank did not answer the portal, and charged
	refused                      // 400, 403, 429
	fates
)

func (f fate) String() string {
	return []string{"charged and said", "charged, reply lost", "charged late, reply lost", "not charged, reply lost",
		"false, not charged", "false, but charged", "refused"}[f]
}

func (f fate) charges() bool {
	return f == charged || f == chargedLost || f == chargedLate || f == saidFalseCharged
}

var (
	// errLost is an answer that is thrown away.
	errLost = errors.New("the answer is lost")
	// errCrash is the end of the process that deposits.
	errCrash = errors.New("the process has crashed")
)

// world is a portal, who else uses it, and a process that deposits and crashes, in
// virtual time.
type world struct {
	random    *rand.Rand
	now       time.Time
	portal    *portal
	shared    bool // others deposit the same amounts by hand
	lagging   bool // the list is an hour behind the balance
	pageLimit int64
	dead      bool // the process is, until it is started again
	store     memory
	tally     *tally
	breaks    []string
	next      time.Time // when somebody else does something
	quiet     bool      // nothing else goes wrong
}

func newWorld(seed uint64, lagging int, t *tally) *world {
	w := &world{
		random: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 7, 8, 11, 39, 43, 0, time.UTC), tally: t,
	}
	w.shared, w.pageLimit = w.chance(30), []int64{5, 20, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}[w.n(10)]
	w.portal = &portal{
		w: w, keyed: w.chance(20), keys: map[string]bool{}, charges: map[string]int{}, posts: map[string]int{},
		skew: time.Duration(w.n(7)-3) * time.Minute,
	}
	if lagging > 0 {
		w.lagging = w.chance(lagging)
	}
	if !w.lagging && w.chance(25) {
		w.portal.stale = w.span(3 * time.Minute)
	}
	w.store = memory{w: w, files: map[string][]byte{}}
	w.next = w.now.Add(-30 * time.Minute) // there is a past
	w.others()
	return w
}

func (w *world) n(n int) int             { return w.random.IntN(n) }
func (w *world) chance(percent int) bool { return w.n(100) < percent }
func (w *world) span(most time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(most)))
}
func (w *world) broken(format string, args ...any) {
	w.breaks = append(w.breaks, fmt.Sprintf(format, args...))
}

// lateness is how long after it is in the balance a row is in the list.
func (w *world) lateness() time.Duration {
	switch {
	case w.lagging:
		return time.Hour
	case w.chance(70):
		return 0
	}
	return w.span(4 * time.Minute)
}

func (w *world) fate() fate {
	if w.quiet {
		return charged
	}
	if w.chance(35) {
		return charged
	}
	return fate(1 + w.n(int(fates)-1))
}

// advance lets time pass.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	w.others()
}

// others does what others do on the portal until now.
func (w *world) others() {
	for !w.next.After(w.now) {
		at := w.next
		w.next = at.Add(time.Second + w.span(16*time.Minute))
		shown := at.Add(w.lateness())
		switch amount := dollars(amounts[w.n(len(amounts))]); w.n(6) {
		case 0:
			w.portal.post(docspace.DepositPayment, amount, docspace.AutomaticTopUp, "", at, shown)
		case 1:
			if !w.shared || w.chance(60) {
				amount = dollars(7)
			}
			w.portal.post(docspace.DepositPayment, amount, "", "", at, shown)
		default:
			w.portal.post(docspace.ServicePayment, dollars(int64(1+w.n(3))), "", "", at, shown)
		}
	}
}

// RoundTrip carries a request to the portal and its answer back, or loses either.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.dead {
		return nil, errCrash
	}
	w.tally.requests++
	w.advance(w.span(200 * time.Millisecond))
	paying := r.Method == http.MethodPost
	if !w.quiet {
		switch trouble := w.n(100); {
		case trouble < 2:
			return nil, w.crash()
		case paying && trouble < 7:
			w.tally.lost++
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		case paying && trouble < 15, !paying && trouble < 5:
			w.tally.lost++
			return w.lose(r)
		}
	}
	out := httptest.NewRecorder()
	if lost := w.serve(out, r); lost {
		w.tally.lost++
		return w.lose(r)
	}
	if paying && !w.quiet && w.chance(4) {
		return nil, w.crash()
	}
	return out.Result(), nil
}

// serve has the portal answer, unless it loses its answer.
func (w *world) serve(out http.ResponseWriter, r *http.Request) (lost bool) {
	defer func() {
		if what := recover(); what == errLost {
			lost = true
		} else if what != nil {
			panic(what)
		}
	}()
	w.portal.ServeHTTP(out, r)
	return false
}

// lose is how an answer is lost.
func (w *world) lose(r *http.Request) (*http.Response, error) {
	out := httptest.NewRecorder()
	out.Header().Set("Date", w.now.UTC().Format(http.TimeFormat))
	switch w.n(5) {
	case 0:
		return nil, io.ErrUnexpectedEOF
	case 1:
		w.advance(2 * time.Minute)
		return nil, context.DeadlineExceeded
	case 2:
		out.Header().Set("Content-Type", "text/html")
		out.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(out, "<html><head><title>502 Bad Gateway</title></head></html>")
	case 3:
		refuse(out, http.StatusInternalServerError, "Object reference not set to an instance of an object.")
	default:
		if r.Method != http.MethodPost { // a read's answer is whole, or an error
			return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
		}
		_, _ = io.WriteString(out, `{"response":`)
	}
	return out.Result(), nil
}

// crash ends the process.
func (w *world) crash() error {
	w.dead = true
	w.tally.crashes++
	return errCrash
}
