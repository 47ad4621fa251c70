package portalapi

import (
	_ "embed"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
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
	// without a good key; 0 means 1500, less than 0 means no bound.
	RequestsPerMinute int
}

const defaultRequestsPerMinute = 1500

// OpenAPI is the description of the door, as served at /openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// New returns the handler of the door.
func New(config Config) http.Handler {
	if config.RequestsPerMinute == 0 {
		config.RequestsPerMinute = defaultRequestsPerMinute
	}
	d := &door{
		service:       config.Service,
		log:           config.Log,
		quirks:        config.Quirks,
		countryHeader: config.CountryHeader,
		limits:        newLimiter(config.RequestsPerMinute),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	mux.HandleFunc("GET "+avatarPath, d.serveAvatar)
	mux.HandleFunc("/", d.notFound)
	return d.anyCase(mux)
}

// anyCase returns a handler that finds the routes of the API in any case and with
// slashes at the end, as stock does, and hands everything else on.
func (d *door) anyCase(next http.Handler) http.Handler {
	api := map[string]http.HandlerFunc{}
	for _, rt := range d.routes() {
		api[basePath+rt.path] = d.handle(rt)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := api[strings.TrimRight(strings.ToLower(r.URL.Path), "/")]
		switch {
		case !ok:
			next.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			d.wrongMethod(w, r)
		default:
			answer(w, r)
		}
	})
}

const basePath = "/api/2.0/portal"

// door holds what every route needs.
type door struct {
	service       *billing.Service
	log           *slog.Logger
	quirks        Quirks
	countryHeader string
	limits        *limiter
}

// route is one route of the contract.
type route struct {
	path string // after basePath
	// parameters are the names of those that it knows, in lower case.
	parameters []string
	// answer returns the payload and its number of elements, or an error. What
	// it returns may depend on the question and on nothing else, since it is
	// given again to who asks the same while the portal stays the same.
	answer func(d *door, c *billing.Caller, q question) (payload any, count int, err error)
	// twin is a member beside response that carries the payload once more.
	twin string
}

// question is all of a request that an answer depends on, besides the portal.
type question struct {
	route  string
	role   billing.Role
	locale catalog.Locale
	wallet bool
	origin string // "https://portal.example.com"; "" unless the answer needs it
}

// routes lists what the door answers. Source: contract, "The six seed endpoints".
func (d *door) routes() []route {
	topUpTwin := "settings"
	if d.quirks.NoSettingsTwin {
		topUpTwin = ""
	}
	refresh, country := []string{"refresh"}, []string{"country"}
	return []route{
		{path: "/payment/customerinfo", parameters: refresh, answer: (*door).customerInfo},
		{path: "/payment/customer/balance", parameters: refresh, answer: (*door).balance},
		{path: "/payment/quota", parameters: []string{"refresh", "country"}, answer: (*door).quota},
		{path: "/payment/quotas", parameters: []string{"wallet", "country"}, answer: (*door).quotas},
		{path: "/payment/topupsettings", answer: (*door).topUpSettings, twin: topUpTwin},
		{path: "/payment/currencies", parameters: country, answer: (*door).currencies},
	}
}

// handle returns the handler of a route: portal, key, limits, input, answer.
func (d *door) handle(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		view, err := d.view(r)
		if err != nil {
			d.failUnknown(w, r, started, err)
			return
		}
		caller, err := d.service.Authenticate(r.Context(), view, d.secret(r.Header), billing.Reading)
		if limited := d.limit(w, r, caller); limited != nil {
			err = limited
		}
		if err != nil {
			d.fail(w, r, started, err)
			return
		}
		q, err := d.ask(r, rt, caller)
		if err != nil {
			d.fail(w, r, started, err)
			return
		}
		made, err := billing.Derived(view, q, func() (*envelope, error) {
			payload, count, err := rt.answer(d, caller, q)
			if err != nil {
				return nil, err
			}
			return newEnvelope(payload, count, rt.twin)
		})
		if err != nil {
			d.fail(w, r, started, err)
			return
		}
		made.write(w, r, started)
	}
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

// ask reads the parameters of a request. Names are matched in any case, as
// ASP.NET does, and the first of a name counts; those that a route does not know
// are passed over.
func (d *door) ask(r *http.Request, rt route, c *billing.Caller) (question, error) {
	q := question{route: rt.path, role: c.Role}
	if d.countryHeader != "" {
		q.locale.Visitor = countryCode(r.Header.Get(d.countryHeader))
	}
	if rt.path == "/payment/customerinfo" {
		q.origin = origin(r)
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if name = strings.ToLower(name); err != nil || seen[name] || !slices.Contains(rt.parameters, name) {
			continue
		}
		seen[name] = true
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return q, &billing.FieldError{Field: name, Text: "is not encoded as a URL is"}
		}
		if err := q.set(name, value); err != nil {
			return q, err
		}
	}
	return q, nil
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

// origin returns the address that the caller sees the portal at.
func origin(r *http.Request) string { return scheme(r) + "://" + r.Host }

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

func scheme(r *http.Request) string {
	if forwarded := r.Header["X-Forwarded-Proto"]; len(forwarded) > 0 {
		// Of several proxies, the first is the one that the caller sees.
		first, _, _ := strings.Cut(forwarded[0], ",")
		if first = strings.TrimSpace(first); first == "https" || first == "http" {
			return first
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

func serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(OpenAPI) // the client's loss if it went away
}
