package operatorapi

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/store"
)

// Config says what the door opens to.
type Config struct {
	// Service is the hall behind the door. Required.
	Service *billing.Service
	// Log takes what fails on our side. Required.
	Log *slog.Logger
	// RequestsPerMinute bounds the requests of one operator key; 0 means no
	// bound.
	RequestsPerMinute int
	// AttemptsPerMinute bounds the requests without a good key from one address;
	// 0 means 60, less than 0 means no bound. This machine itself has none.
	AttemptsPerMinute int
	// Mover moves virtual time; nil means that time goes by itself.
	Mover Mover
}

const defaultAttemptsPerMinute = 60

// Prefix is how the paths of the door begin.
const Prefix = "/v1/"

// OpenAPI is the description of the door, as served at /v1/openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// New returns the handler of the door.
func New(config Config) http.Handler {
	if config.AttemptsPerMinute == 0 {
		config.AttemptsPerMinute = defaultAttemptsPerMinute
	}
	return &door{
		service:  config.Service,
		log:      config.Log,
		requests: newLimiter(config.RequestsPerMinute),
		attempts: newLimiter(config.AttemptsPerMinute),
		waiting:  make(chan struct{}, maxWaiting),
		mover:    config.Mover,
		routes:   routes(),
	}
}

// door holds what every route needs.
type door struct {
	service  *billing.Service
	log      *slog.Logger
	requests *limiter      // by operator key
	attempts *limiter      // by address
	waiting  chan struct{} // has a token of each request that waits for events
	mover    Mover         // nil: time goes by itself
	routes   []route
}

// route is one thing that can be asked for.
type route struct {
	method string
	// path has at most two parts in braces, which stand for ids.
	path string
	// open is for everybody, without a key.
	open bool
	// answer answers, or returns an error and has written nothing.
	answer func(d *door, w http.ResponseWriter, r *http.Request, id ids) error
}

// ids are what stands in a path in the place of the braces, in its order; "" where
// there are no more of them.
type ids [2]string

// routes lists what the door answers: first what must be fast.
func routes() []route {
	return []route{
		{method: "POST", path: "/v1/portals/{portal}/charges", answer: carry(charge)},
		{method: "POST", path: "/v1/portals/{portal}/holds", answer: carry(hold)},
		{method: "POST", path: "/v1/holds/{hold}/complete", answer: carry(complete)},
		{method: "POST", path: "/v1/holds/{hold}/extend", answer: carry(extend)},
		{method: "POST", path: "/v1/holds/{hold}/void", answer: carry(void)},
		{method: "POST", path: "/v1/batch", answer: (*door).batch},
		{method: "GET", path: "/v1/portals/{portal}/wallet", answer: (*door).wallet},
		{method: "POST", path: "/v1/portals/{portal}/credits", answer: carry(credit)},
		{method: "POST", path: "/v1/portals/{portal}/corrections", answer: carry(correction)},
		{method: "POST", path: "/v1/portals/{portal}/deposits", answer: (*door).deposit},
		{method: "POST", path: "/v1/portals/{portal}/payments", answer: (*door).recordPayment},
		{method: "POST", path: "/v1/portals", answer: (*door).createPortal},
		{method: "GET", path: "/v1/portals", answer: (*door).listPortals},
		{method: "GET", path: "/v1/portals/{portal}/runway", answer: (*door).runway},
		{method: "GET", path: "/v1/portals/{portal}", answer: (*door).getPortal},
		{method: "PATCH", path: "/v1/portals/{portal}", answer: (*door).changePortal},
		{method: "PUT", path: "/v1/portals/{portal}/hosts/{host}", answer: (*door).addHost},
		{method: "DELETE", path: "/v1/portals/{portal}/hosts/{host}", answer: (*door).removeHost},
		{method: "GET", path: "/v1/portals/{portal}/users", answer: (*door).listUsers},
		{method: "POST", path: "/v1/portals/{portal}/users", answer: (*door).addUser},
		{method: "GET", path: "/v1/portals/{portal}/users/{user}", answer: (*door).getUser},
		{method: "PATCH", path: "/v1/portals/{portal}/users/{user}", answer: (*door).changeUser},
		{method: "DELETE", path: "/v1/portals/{portal}/users/{user}", answer: (*door).removeUser},
		{method: "GET", path: "/v1/portals/{portal}/keys", answer: (*door).listKeys},
		{method: "POST", path: "/v1/portals/{portal}/keys", answer: (*door).createKey},
		{method: "DELETE", path: "/v1/portals/{portal}/keys/{key}", answer: (*door).revokeKey},
		{method: "GET", path: "/v1/portals/{portal}/customer", answer: (*door).getCustomer},
		{method: "PUT", path: "/v1/portals/{portal}/customer", answer: (*door).setCustomer},
		{method: "GET", path: "/v1/portals/{portal}/top-up-rule", answer: (*door).getTopUpRule},
		{method: "PUT", path: "/v1/portals/{portal}/top-up-rule", answer: (*door).setTopUpRule},
		{method: "DELETE", path: "/v1/portals/{portal}/top-up-rule", answer: (*door).clearTopUpRule},
		{method: "POST", path: "/v1/portals/{portal}/top-up-rule/resume", answer: (*door).resumeTopUps},
		{method: "PUT", path: "/v1/portals/{portal}/credit-limit", answer: (*door).setCreditLimit},
		{method: "GET", path: "/v1/portals/{portal}/subscriptions", answer: (*door).getSubscriptions},
		{method: "PUT", path: "/v1/portals/{portal}/subscriptions", answer: (*door).setSubscriptions},
		{method: "GET", path: "/v1/portals/{portal}/services", answer: (*door).getServices},
		{method: "PUT", path: "/v1/portals/{portal}/services", answer: (*door).setServices},
		{method: "GET", path: "/v1/portals/{portal}/usage", answer: (*door).getUsage},
		{method: "PUT", path: "/v1/portals/{portal}/usage", answer: (*door).setUsage},
		{method: "GET", path: "/v1/portals/{portal}/transfers", answer: (*door).listTransfers},
		{method: "GET", path: "/v1/transfers/{transfer}", answer: (*door).getTransfer},
		{method: "GET", path: "/v1/portals/{portal}/holds", answer: (*door).listHolds},
		{method: "GET", path: "/v1/holds/{hold}", answer: (*door).getHold},
		{method: "GET", path: "/v1/portals/{portal}/collections", answer: (*door).listCollections},
		{method: "GET", path: "/v1/collections/{collection}", answer: (*door).getCollection},
		{method: "POST", path: "/v1/collections/{collection}/refunds", answer: (*door).refundCollection},
		{method: "GET", path: "/v1/portals/{portal}/audit", answer: (*door).listAudit},
		{method: "GET", path: "/v1/audit", answer: (*door).listAudit},
		{method: "GET", path: "/v1/events", answer: (*door).listEvents},
		{method: "GET", path: "/v1/events/schemas", open: true, answer: (*door).listSchemas},
		{method: "GET", path: "/v1/events/schemas/{type}", open: true, answer: (*door).getSchema},
		{method: "GET", path: "/v1/webhooks", answer: (*door).listWebhooks},
		{method: "POST", path: "/v1/webhooks", answer: (*door).createWebhook},
		{method: "GET", path: "/v1/webhooks/{webhook}", answer: (*door).getWebhook},
		{method: "PATCH", path: "/v1/webhooks/{webhook}", answer: (*door).changeWebhook},
		{method: "DELETE", path: "/v1/webhooks/{webhook}", answer: (*door).deleteWebhook},
		{method: "POST", path: "/v1/webhooks/{webhook}/rotate", answer: (*door).rotateWebhook},
		{method: "POST", path: "/v1/webhooks/{webhook}/pause", answer: (*door).pauseWebhook},
		{method: "POST", path: "/v1/webhooks/{webhook}/resume", answer: (*door).resumeWebhook},
		{method: "POST", path: "/v1/webhooks/{webhook}/test", answer: (*door).testWebhook},
		{method: "POST", path: "/v1/webhooks/{webhook}/replay", answer: (*door).replayWebhook},
		{method: "GET", path: "/v1/webhooks/{webhook}/undelivered", answer: (*door).listUndelivered},
		{method: "GET", path: "/v1/jobs", answer: (*door).listJobs},
		{method: "POST", path: "/v1/jobs/retry", answer: changeJob((*billing.Service).RetryJob)},
		{method: "POST", path: "/v1/jobs/cancel", answer: changeJob((*billing.Service).CancelJob)},
		{method: "GET", path: "/v1/clock", answer: (*door).getClock},
		{method: "POST", path: "/v1/clock/advance", answer: (*door).advanceClock},
		{method: "GET", path: "/v1/catalog", answer: (*door).getCatalog},
		{method: "GET", path: "/v1/openapi.yaml", open: true, answer: (*door).serveOpenAPI},
	}
}

// ServeHTTP answers: who, what, and only then the body.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt, id, err := d.find(r)
	if rt == nil || !rt.open {
		key, refused := d.enter(r)
		if refused != nil {
			d.fail(w, r, refused)
			return
		}
		if r.Method != http.MethodGet {
			r = actingAs(r, w, key)
		}
	}
	if err == nil {
		err = rt.answer(d, w, r, id)
	}
	if err != nil {
		d.fail(w, r, err)
	}
}

// actingAs returns a request whose changes are by who has a key.
func actingAs(r *http.Request, w http.ResponseWriter, key store.OperatorKey) *http.Request {
	return r.WithContext(billing.WithActor(r.Context(), billing.Actor{
		Kind: billing.ByOperator, ID: key.ID, Name: key.Name, Request: w.Header().Get(httpd.RequestIDHeader),
	}))
}

// find returns the route of a request, with the ids in its path.
func (d *door) find(r *http.Request) (found *route, id ids, err error) {
	for i := range d.routes {
		rt := &d.routes[i]
		if !rt.takes(r.Method) || !match(rt.path, r.URL.Path, &id) {
			continue
		}
		for _, part := range id {
			if part != "" && !isPlain(part) {
				return rt, ids{}, fmt.Errorf("what the path names: %w", billing.ErrNotFound)
			}
		}
		return rt, id, nil
	}
	if others := d.methods(r.URL.Path); others != "" {
		return nil, ids{}, &methodError{r.Method, others}
	}
	return nil, ids{}, errNoRoute
}

func (rt *route) takes(method string) bool {
	return method == rt.method || method == http.MethodHead && rt.method == http.MethodGet
}

// methods returns what a path takes; "" when there is nothing at it.
func (d *door) methods(path string) string {
	var all []string
	for i := range d.routes {
		rt := &d.routes[i]
		if !match(rt.path, path, &ids{}) {
			continue
		}
		all = append(all, rt.method)
		if rt.method == http.MethodGet {
			all = append(all, http.MethodHead)
		}
	}
	return strings.Join(all, ", ")
}

// match reports whether a path is one of a route's, and sets the parts that stand
// in the place of the braces.
func match(pattern, path string, id *ids) bool {
	*id = ids{}
	for n := 0; ; {
		want, wants, more := strings.Cut(pattern, "/")
		is, rest, isMore := strings.Cut(path, "/")
		switch {
		case more != isMore:
			return false
		case strings.HasPrefix(want, "{"):
			if is == "" {
				return false
			}
			id[n] = is
			n++
		case want != is:
			return false
		}
		if !more {
			return true
		}
		pattern, path = wants, rest
	}
}

// isPlain reports whether a text can be an id at all: no database need be asked
// about what it could not even be sent.
func isPlain(id string) bool { return len(id) <= 128 && isVisible(id) }

func isVisible(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// enter lets in who has a good key, and returns it. Attempts without one are counted
// by address.
func (d *door) enter(r *http.Request) (store.OperatorKey, error) {
	key, err := d.service.AuthenticateOperator(r.Context(), secret(r.Header))
	if err == nil {
		return key, d.requests.take(key.ID)
	}
	if isStranger(err) && !isLocal(r) {
		if over := d.attempts.take(remote(r).String()); over != nil {
			return key, over
		}
	}
	return key, err
}

// isStranger reports whether an error says that the caller has no good key.
func isStranger(err error) bool {
	return errors.Is(err, billing.ErrNoKey) || errors.Is(err, billing.ErrUnknownKey) ||
		errors.Is(err, billing.ErrKeyExpired) || errors.Is(err, billing.ErrKeyRevoked)
}

// secret returns the operator's key that a request carries; "" when none.
func secret(h http.Header) string {
	const scheme = "bearer "
	authorization := h.Get("Authorization")
	if len(authorization) < len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimSpace(authorization[len(scheme):])
}

func (d *door) serveOpenAPI(w http.ResponseWriter, _ *http.Request, _ ids) error {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(OpenAPI) // the client's loss if it went away
	return nil
}

// Header values that do not change from answer to answer are made once.
var (
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	isReplay    = []string{"true"}
	typeJSON    = []string{"application/json; charset=utf-8"}
	typeSchema  = []string{"application/schema+json; charset=utf-8"}
	typeProblem = []string{"application/problem+json; charset=utf-8"}
)

func writeJSON(w http.ResponseWriter, status int, contentType []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client's loss if it went away
}
