// Package doctor says what is wrong with the access to a portal: its address, its
// certificate, its clock, the key and whom that belongs to, who pays, and which routes it
// has. It looks step by step, does all that the steps before leave possible, sends the
// key nowhere but to the portal, and changes nothing.
package doctor

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// State is what came of a step.
type State string

const (
	OK      State = "ok"
	Warning State = "warning" // it works, but not well, or not for long
	Failed  State = "failed"
	Skipped State = "skipped" // a step before it failed, or there is nothing to look at
)

// Step is a thing that is looked at.
type Step string

const (
	Address    Step = "address"    // whether it can be one
	Host       Step = "host"       // whether its name leads anywhere
	Connection Step = "connection" // whether something listens there
	TLS        Step = "tls"        // whether its certificate is good
	API        Step = "api"        // whether a DocSpace answers
	Clock      Step = "clock"      // whether its clock and ours agree
	Key        Step = "key"        // whether there is a key, and the portal takes it
	Scope      Step = "scope"      // whether the key may do what must be done
	Role       Step = "role"       // whether its user may
	Billing    Step = "billing"    // whether somebody pays, and by what
	Payer      Step = "payer"      // whether that is a user of the portal
	TopUp      Step = "topup"      // whether the top-up rule can act
	Routes     Step = "routes"     // which routes the portal has
)

// Steps returns all steps, in the order in which they are gone.
func Steps() []Step {
	return []Step{Address, Host, Connection, TLS, API, Clock, Key, Scope, Role, Billing, Payer, TopUp, Routes}
}

// Finding is what came of one step.
type Finding struct {
	Step  Step  `json:"step"`
	State State `json:"state"`
	// Text is a sentence for people, without a full stop. It may repeat what the portal
	// sent.
	Text string `json:"text"`
	// Hint says what to do; "" where nothing is to be done.
	Hint string `json:"hint,omitempty"`
}

// Diagnosis is what is known of the access to a portal.
type Diagnosis struct {
	Portal string `json:"portal"`
	URL    string `json:"url"`
	// Findings has one of each step, in their order.
	Findings []Finding `json:"findings"`
	// Routes are those that were tried; none if the key was not let in.
	Routes []Route `json:"routes"`
}

// Worst returns Failed if a step failed, else Warning if one warns, else OK.
func (d *Diagnosis) Worst() State {
	worst := OK
	for _, f := range d.Findings {
		switch {
		case f.State == Failed:
			return Failed
		case f.State == Warning:
			worst = Warning
		}
	}
	return worst
}

// Doctor examines portals. It is safe for concurrent use.
type Doctor struct {
	Keys *fleet.Keys
	// Now is the time; required.
	Now func() time.Time
	// Timeout bounds each request; 0 means 10 seconds.
	Timeout time.Duration
	// UserAgent is sent along; "" means that of package docspace.
	UserAgent string
	// LookupHost finds the addresses of a name; nil means the system's way.
	LookupHost func(ctx context.Context, host string) ([]string, error)
}

const (
	defaultTimeout   = 10 * time.Second
	defaultPerMinute = 600
	burst            = 50 // as many reads as a portal answers at once
	// soon is how long before their end certificates and keys are worth a word.
	soon = 14 * 24 * time.Hour
)

// visit is one examination.
type visit struct {
	*Doctor
	profile  fleet.Profile
	found    map[Step]Finding
	base     *url.URL // nil if the address is none
	host     string   // without its port
	proxied  bool     // there is a proxy between: it is the one to look names up, and to connect
	reached  bool     // something listens, as far as is known
	trusted  bool     // the certificate is good, or there is no TLS
	noTLS    bool     // what listens does not speak it, though the address says so
	answered bool     // the key may be tried
	limiter  *rate.Limiter
	key      string
	client   *docspace.Client
	admin    bool
	balance  *docspace.Balance
	routes   []Route
}

// Examine goes all steps for a portal. It never fails.
func (d *Doctor) Examine(ctx context.Context, profile fleet.Profile) Diagnosis {
	perMinute := profile.PerMinute
	if perMinute == 0 {
		perMinute = defaultPerMinute
	}
	v := &visit{
		Doctor: d, profile: profile, found: map[Step]Finding{}, routes: []Route{},
		limiter: rate.NewLimiter(rate.Limit(perMinute)/60, min(burst, perMinute)),
	}
	v.address()
	v.hostName(ctx)
	v.connect(ctx)
	v.certificate(ctx)
	v.api(ctx)
	v.ownKey(ctx)
	if v.client != nil {
		v.tariff(ctx)
	}
	if v.admin {
		v.billing(ctx)
		v.topUp(ctx)
	}
	if v.found[Key].State == OK || v.found[Key].State == Warning {
		v.probe(ctx)
	}
	diagnosis := Diagnosis{Portal: profile.Name, URL: v.shownURL(), Routes: v.routes}
	for _, step := range Steps() {
		finding, looked := v.found[step]
		if !looked {
			finding = Finding{State: Skipped, Text: "it was not looked at: " + v.obstacle()}
		}
		finding.Step = step
		diagnosis.Findings = append(diagnosis.Findings, finding)
	}
	return diagnosis
}

// shownURL is the address without what may be secret in it.
func (v *visit) shownURL() string {
	if v.base == nil {
		return ""
	}
	return v.base.String()
}

// obstacle says which step kept others from being gone.
func (v *visit) obstacle() string {
	for _, step := range Steps() {
		if v.found[step].State == Failed {
			return string(step) + " failed"
		}
	}
	return "the step before it came to nothing"
}

func (v *visit) note(step Step, state State, text, hint string) {
	v.found[step] = Finding{Step: step, State: state, Text: text, Hint: hint}
}

func (v *visit) timeout() time.Duration {
	if v.Timeout > 0 {
		return v.Timeout
	}
	return defaultTimeout
}

// lookup finds the addresses of a name.
func (v *visit) lookup(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout())
	defer cancel()
	if v.LookupHost != nil {
		return v.LookupHost(ctx, host)
	}
	return net.DefaultResolver.LookupHost(ctx, host)
}

// paced sends requests as fast as a portal allows, and no faster.
type paced struct {
	next    http.RoundTripper
	limiter *rate.Limiter
}

func (p paced) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := p.limiter.Wait(request.Context()); err != nil {
		return nil, err
	}
	return p.next.RoundTrip(request)
}
