package docspacetest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Fault is a way to go wrong. Its fields combine: a fault may delay and then
// refuse. One with nothing but a path and a delay still answers as it should.
type Fault struct {
	// Path limits the fault to requests whose path ends so: "customerinfo",
	// "customer/balance". "" means all.
	Path string
	// Times is how many requests it strikes; 0 means all, until Heal.
	Times int

	// Late lets the portal do what it is asked first, and throws its answer away:
	// a payment is made, and only the answer is lost.
	Late bool

	// Delay passes before anything else is done.
	Delay time.Duration
	// Cut closes the connection with no answer.
	Cut bool
	// CutAfter closes it after that many bytes of a good-looking answer; 0
	// means not.
	CutAfter int
	// Endless sends a body that does not stop.
	Endless bool
	// Null answers with an envelope that has no payload, as a portal does when
	// it knows nothing.
	Null bool

	// Skew is how far the clock that the portal's answers are dated by is ahead; behind
	// if it is below nought. The answer is the portal's own otherwise.
	Skew time.Duration
	// Change is given the body of the portal's own answer, and returns what is sent in
	// its place: a page that lacks its end, a row twice. nil changes nothing.
	Change func(body []byte) []byte
	// After is called when the answer was sent, and before the caller knows that it is
	// at its end: what happens between one page and the next. nil is nothing.
	After func()

	// Status answers with this status; 0 means 200 when Body is set.
	Status int
	// RetryAfter goes into the header of that name, in whole seconds, rounded
	// up; 0 leaves it out.
	RetryAfter time.Duration
	// Location goes into the header of that name.
	Location string
	// ContentType of the body; "" means application/json.
	ContentType string
	// Body is sent as it is. "" with a Status of 400 or more is an empty body.
	Body string
}

// Denied is a key whose user may not do this.
func Denied() Fault { return refusal(403, "System.Security.SecurityException", "Access denied") }

// Failed is an error of the portal's own.
func Failed() Fault {
	return refusal(500, "System.NullReferenceException", "Object reference not set to an instance of an object.")
}

func refusal(status int, kind, message string) Fault {
	return Fault{Status: status, Body: fmt.Sprintf(
		`{"error":{"message":%q,"type":%q,"stack":null,"hresult":-2146233088},"status":1,"statusCode":%d}`,
		message, kind, status)}
}

// Unauthorized is a key that is not accepted: no body, as in stock.
func Unauthorized() Fault { return Fault{Status: 401} }

// BadGateway is the page of a proxy whose portal is down.
func BadGateway() Fault {
	return Fault{Status: 502, ContentType: "text/html",
		Body: "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1></body>\n</html>\n"}
}

// LoginPage is a web page where JSON should be, with a status that says all is
// well.
func LoginPage() Fault {
	return Fault{ContentType: "text/html; charset=utf-8", Body: "<!doctype html><title>Sign in</title><form></form>"}
}

// TooMany is a caller over its limit, told to come back after a while.
func TooMany(retryAfter time.Duration) Fault { return Fault{Status: 429, RetryAfter: retryAfter} }

// Inject switches a fault on. Of several that fit a request, the one that was
// switched on first strikes.
func (p *Portal) Inject(f Fault) { p.faults.add(f) }

// Heal switches all faults off.
func (p *Portal) Heal() { p.faults.clear() }

// Requests returns how many requests came for paths that end so.
func (p *Portal) Requests(path string) int { return p.faults.count(path) }

// faults stand between the network and the portal.
type faults struct {
	ended chan struct{} // closed when the test is over

	mu     sync.Mutex
	active []*Fault
	paths  []string
}

func newFaults() *faults { return &faults{ended: make(chan struct{})} }

// stop ends what is delayed or endless.
func (fs *faults) stop() { close(fs.ended) }

func (fs *faults) add(f Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.active = append(fs.active, &f)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.active = nil
}

func (fs *faults) count(path string) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := 0
	for _, p := range fs.paths {
		if strings.HasSuffix(p, path) {
			n++
		}
	}
	return n
}

// strike returns the fault for a request, if any, and counts it.
func (fs *faults) strike(path string) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.paths = append(fs.paths, path)
	for i, f := range fs.active {
		if !strings.HasSuffix(path, f.Path) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				fs.active = append(fs.active[:i:i], fs.active[i+1:]...)
			}
		}
		return *f, true
	}
	return Fault{}, false
}

func (fs *faults) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, struck := fs.strike(r.URL.Path)
		if f.Delay > 0 {
			select {
			case <-time.After(f.Delay):
			case <-r.Context().Done():
			case <-fs.ended:
			}
		}
		if struck && f.After != nil {
			defer f.After()
		}
		if !struck || f.onlyDelays() {
			fs.pass(w, r, f, next)
			return
		}
		if f.Late {
			next.ServeHTTP(&unread{header: http.Header{}}, r)
		}
		fs.answer(w, r, f)
	})
}

// pass has the portal answer, dated and changed as the fault says.
func (fs *faults) pass(w http.ResponseWriter, r *http.Request, f Fault, next http.Handler) {
	if f.Skew != 0 {
		w.Header().Set("Date", time.Now().Add(f.Skew).UTC().Format(http.TimeFormat))
	}
	if f.Change == nil {
		next.ServeHTTP(w, r)
		return
	}
	held := httptest.NewRecorder()
	next.ServeHTTP(held, r)
	body := f.Change(held.Body.Bytes())
	maps.Copy(w.Header(), held.Header())
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(held.Code)
	_, _ = w.Write(body)
}

// unread takes an answer that nobody gets.
type unread struct{ header http.Header }

func (u *unread) Header() http.Header         { return u.header }
func (u *unread) WriteHeader(int)             {}
func (u *unread) Write(b []byte) (int, error) { return len(b), nil }

func (f Fault) onlyDelays() bool {
	return !f.Cut && f.CutAfter == 0 && !f.Endless && !f.Null && f.Status == 0 && f.Body == ""
}

func (fs *faults) answer(w http.ResponseWriter, r *http.Request, f Fault) {
	if f.Cut {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if f.ContentType != "" {
		h.Set("Content-Type", f.ContentType)
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", fmt.Sprint(int64((f.RetryAfter+time.Second-1)/time.Second)))
	}
	if f.Location != "" {
		h.Set("Location", f.Location)
	}
	switch {
	case f.CutAfter > 0:
		h.Set("Content-Length", fmt.Sprint(f.CutAfter+1000))
		_, _ = io.WriteString(w, (`{"response":` + strings.Repeat(" ", f.CutAfter))[:f.CutAfter])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case f.Endless:
		fs.pour(w, r)
	case f.Null:
		_, _ = io.WriteString(w, `{"count":0,"links":[],"status":0,"statusCode":200}`)
	default:
		if f.Status != 0 {
			w.WriteHeader(f.Status)
		}
		_, _ = io.WriteString(w, f.Body)
	}
}

// pour writes until the other side has had enough.
func (fs *faults) pour(w http.ResponseWriter, r *http.Request) {
	chunk := []byte(strings.Repeat(" ", 64<<10))
	_, _ = io.WriteString(w, `{"response":`)
	for {
		select {
		case <-r.Context().Done():
			return
		case <-fs.ended:
			return
		default:
		}
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
