package portalapi

import (
	_ "embed"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/httpd"
)

// Config says what the door opens to.
type Config struct {
	// Service is the hall behind the door. Required.
	Service *billing.Service
	// Log takes what fails on our side. Required.
	Log *slog.Logger
	// Quirks are the ways of a stock portal to keep.
	Quirks Quirks
	// CountryHeader names the header in which a proxy in front says which
	// country a visitor comes from, such as CF-IPCountry; "" means none does.
	CountryHeader string
	// RequestsPerMinute bounds the requests of one user, or of one address
	// without a good key; 0 means 1500, less than 0 means that there are no limits
	// at all. A user with several keys has at most four fifths of it for one key.
	RequestsPerMinute int
	// Limits are the other bounds.
	Limits Limits
	// TrustedProxies are the networks of proxies whose X-Forwarded-For,
	// X-Forwarded-Proto and Forwarded are believed. None: whoever has no good key
	// is counted by the address that the connection comes from, and what these
	// headers say of https is believed from anybody, for links.
	TrustedProxies []netip.Prefix
	// RedirectHosts are the hosts, beside the portal's own, whose pages people may
	// be sent to after a payment: "app.example.com", on the usual port,
	// "app.example.com:8443", on that one, or "*.example.com", all below it. See
	// CheckRedirectHost; what fails there covers nothing.
	RedirectHosts []string
	// SalesEmail is where people who want more may write to; "" is nowhere.
	SalesEmail string
	// Now tells the time by which requests are counted and prices hold; nil means
	// time.Now.
	Now func() time.Time
}

// OpenAPI is the description of the door, as served at /openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// New returns the handler of the door.
func New(config Config) http.Handler {
	d := newDoor(config)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	mux.HandleFunc("GET "+avatarPath, d.serveAvatar)
	mux.HandleFunc("/", d.notFound)
	return d.anyCase(mux)
}

// anyCase returns a handler that finds the routes of the API in any case and with
// slashes at the end, as stock does, and hands everything else on.
func (d *door) anyCase(next http.Handler) http.Handler {
	api := map[string]map[string]http.HandlerFunc{} // by path and method
	for _, rt := range d.routes() {
		path := rt.pattern()
		if api[path] == nil {
			api[path] = map[string]http.HandlerFunc{}
		}
		api[path][rt.method] = d.handle(rt)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimRight(r.URL.Path, "/")
		methods, ok := api[strings.ToLower(path)]
		if !ok {
			if pattern, last, cut := lastPart(path); cut {
				methods, ok = api[pattern]
				r.SetPathValue(part, last)
			}
		}
		switch {
		case ok:
		case isAccountFile(path):
			d.accountPage(w, r)
			return
		default:
			next.ServeHTTP(w, r)
			return
		}
		method := r.Method
		if method == http.MethodHead { // as GET, less the body
			method = http.MethodGet
		}
		if answer := methods[method]; answer != nil {
			answer(w, r)
			return
		}
		d.wrongMethod(w, r, strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
	})
}

func newDoor(config Config) *door {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &door{
		service:       config.Service,
		log:           config.Log,
		quirks:        config.Quirks,
		countryHeader: config.CountryHeader,
		limits:        newLimiter(config.RequestsPerMinute, config.Limits, config.Quirks.QuietLimits, config.Now),
		proxies:       config.TrustedProxies,
		redirectHosts: redirectHosts(config.RedirectHosts),
		salesEmail:    config.SalesEmail,
		now:           config.Now,
	}
}

// door holds what every route needs.
type door struct {
	service       *billing.Service
	log           *slog.Logger
	quirks        Quirks
	countryHeader string
	limits        *limiter
	proxies       proxies
	redirectHosts []redirectHost
	salesEmail    string
	now           func() time.Time
}

// question is all of a request that an answer depends on, besides the portal.
type question struct {
	route  string
	role   billing.Role
	locale catalog.Locale
	wallet bool
	origin string // "https://portal.example.com"; "" unless the answer needs it
	// unpaidToo asks for an answer even if the portal's plan is not paid.
	unpaidToo bool
}

// handle returns the handler of a route: portal, key, limits, input, answer.
func (d *door) handle(rt route) http.HandlerFunc {
	access := billing.Writing
	if rt.method == http.MethodGet {
		access = billing.Reading
	}
	return func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		view, err := d.view(r)
		if err != nil {
			d.failUnknown(w, r, started, err)
			return
		}
		caller, err := d.service.Authenticate(r.Context(), view, d.secret(r.Header), access)
		under, limited := d.limit(w, r, caller, &rt)
		defer under.end()
		if limited != nil {
			err = limited
		}
		if err != nil {
			d.fail(w, r, started, err)
			return
		}
		var made *envelope
		switch {
		case rt.answer != nil:
			made, err = d.derive(r, rt, caller)
		case rt.do != nil:
			made, err = d.carryOut(w, actingAs(r, w, caller), rt, caller)
		default:
			if err = rt.serve(d, w, actingAs(r, w, caller), caller); err == nil {
				return
			}
		}
		if err != nil {
			d.fail(w, r, started, err)
			return
		}
		made.write(w, r, started, d.scheme(r))
	}
}

// derive returns the answer of a route that depends on the portal's view and the
// question alone.
func (d *door) derive(r *http.Request, rt route, caller *billing.Caller) (*envelope, error) {
	q, err := d.ask(r, rt, caller)
	if err != nil {
		return nil, err
	}
	return billing.Derived(caller.View, q, func() (*envelope, error) {
		payload, count, err := rt.answer(d, caller, q)
		if err != nil {
			return nil, err
		}
		return newEnvelope(rt.method, payload, count, rt.twin)
	})
}

// actingAs returns a request whose changes are by a caller.
func actingAs(r *http.Request, w http.ResponseWriter, c *billing.Caller) *http.Request {
	return r.WithContext(billing.WithActor(r.Context(), billing.Actor{
		Kind: billing.ByUser, ID: c.User.ID, Name: c.User.Name, Request: w.Header().Get(httpd.RequestIDHeader),
	}))
}

// carryOut has a route do what is asked.
func (d *door) carryOut(w http.ResponseWriter, r *http.Request, rt route, caller *billing.Caller) (*envelope, error) {
	what, err := rt.do(d, r, caller)
	if err != nil {
		return nil, err
	}
	if what.replay {
		w.Header()["Idempotent-Replay"] = yes
	}
	return newEnvelope(rt.method, what.payload, countOf(what.payload), rt.twin)
}

// view returns the portal that a request is for: by its host, else by the host
// of its origin, else the default one.
func (d *door) view(r *http.Request) (*billing.View, error) {
	host := hostOnly(r.Host)
	if sent := r.Header["Origin"]; len(sent) > 0 {
		if origin, err := url.Parse(sent[0]); err == nil && origin.Host != "" {
			return d.service.View(r.Context(), host, hostOnly(origin.Host))
		}
	}
	return d.service.View(r.Context(), host)
}

// hostOnly returns a host in lower case without its port.
func hostOnly(hostport string) string {
	host := hostport
	if strings.HasPrefix(host, "[") || strings.Contains(host, ":") {
		if h, _, err := net.SplitHostPort(hostport); err == nil {
			host = h
		}
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// ask reads the parameters of a request.
func (d *door) ask(r *http.Request, rt route, c *billing.Caller) (question, error) {
	q := question{route: rt.path, role: c.Role, locale: d.locale(r)}
	if sent := r.Header["Payment-Info"]; len(sent) > 0 { // Source: contract, "Addressing"
		q.unpaidToo = strings.EqualFold(sent[0], "false")
	}
	if rt.path == "/portal/payment/customerinfo" {
		q.origin = d.origin(r)
	}
	if r.URL.RawQuery == "" {
		return q, nil
	}
	sent, err := parameters(r, rt.parameters)
	if err != nil {
		return q, err
	}
	for _, name := range rt.parameters {
		if value, ok := sent[name]; ok {
			if err := q.set(name, value); err != nil {
				return q, err
			}
		}
	}
	return q, nil
}

// locale returns what is known of where a request comes from.
func (d *door) locale(r *http.Request) (l catalog.Locale) {
	if d.countryHeader != "" {
		l.Visitor = countryCode(r.Header.Get(d.countryHeader))
	}
	return l
}

// parameters returns those of a query that are known, by their names as they are
// known. Names are matched in any case, as ASP.NET does, and the first of a name
// counts; others are passed over.
func parameters(r *http.Request, known []string) (map[string]string, error) {
	sent := map[string]string{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(rawName)
		i := slices.IndexFunc(known, func(name string) bool { return strings.EqualFold(name, plain) })
		if err != nil || i < 0 {
			continue
		}
		if _, again := sent[known[i]]; again {
			continue
		}
		if sent[known[i]], err = url.QueryUnescape(rawValue); err != nil || !isPlain(sent[known[i]]) {
			return nil, &billing.FieldError{Field: known[i], Text: "is not encoded as a URL is"}
		}
	}
	return sent, nil
}

// set takes one parameter.
func (q *question) set(name, value string) (err error) {
	switch name {
	case "refresh": // nothing here is stale
		_, err = parseBool(name, value)
	case "wallet":
		q.wallet, err = parseBool(name, value)
	case "country":
		if q.locale.Asked = countryCode(value); q.locale.Asked == "" && value != "" {
			q.locale.Asked = "XX" // asked for, but nowhere
		}
	}
	return err
}

// parseBool reads a flag as ASP.NET does: true or false in any case.
func parseBool(name, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, &billing.FieldError{Field: name, Text: "is neither true nor false"}
}

// countryCode returns a code of two letters in upper case, or "" for anything
// else, so that what is kept by it is bounded.
func countryCode(s string) string {
	if len(s) != 2 {
		return ""
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return ""
		}
	}
	return strings.ToUpper(s)
}

// target returns the path and query of a request as they came, in whatever case.
func target(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	// A request in the form that proxies get, with the whole address.
	whole, err := url.Parse(r.RequestURI)
	if err != nil {
		return r.URL.RequestURI()
	}
	return whole.RequestURI()
}

func serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(OpenAPI) // the client's loss if it went away
}
