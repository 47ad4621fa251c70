package portalapi

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bursarhq/bursar/billing"
)

// Limits are the bounds that Config.RequestsPerMinute has beside it, each for one
// user, or for one address without a good key. Of each, 0 means the default, less
// than 0 means no bound. Source: contract, "Rate limits".
type Limits struct {
	// Reading bounds the GETs that are under way at a time; 50 by default.
	Reading int
	// Writing bounds all other requests that are under way at a time; 15 by
	// default.
	Writing int
	// WritesPerDay bounds POSTs and PUTs in a day of UTC; 10,000 by default.
	WritesPerDay int
	// PaymentsPerMinute bounds requests that cost money, for each path; 10 by
	// default.
	PaymentsPerMinute int
	// SensitivePer15Minutes bounds requests that hand out secrets, for each path;
	// 5 by default.
	SensitivePer15Minutes int
	// MailsPer2Minutes bounds requests that send mail to people, for each path; 11
	// by default.
	MailsPer2Minutes int
}

const defaultRequestsPerMinute = 1500

func (l Limits) withDefaults() Limits {
	for _, field := range []struct {
		is        *int
		byDefault int
	}{
		{&l.Reading, 50}, {&l.Writing, 15}, {&l.WritesPerDay, 10_000}, {&l.PaymentsPerMinute, 10}, {&l.SensitivePer15Minutes, 5},
		{&l.MailsPer2Minutes, 11},
	} {
		if *field.is == 0 {
			*field.is = field.byDefault
		}
	}
	return l
}

// limiter bounds what each user and each address may do.
type limiter struct {
	off     bool
	quiet   bool // headers come only with a refusal
	now     func() time.Time
	parties *lru.Cache[who, *party]

	minute    rule // all requests
	share     rule // those of one key of several
	day       rule // POST and PUT
	payment   rule
	sensitive rule
	mail      rule
	running   [2]rule // at a time: reading, writing
}

// maxParties bounds the memory of the limiter, to about 100 MB; who was not seen
// the longest starts anew.
const maxParties = 100_000

// atATime is the window of what is counted only while it is under way.
const atATime = time.Second

func newLimiter(perMinute int, limits Limits, quiet bool, now func() time.Time) *limiter {
	if perMinute == 0 {
		perMinute = defaultRequestsPerMinute
	}
	parties, err := lru.New[who, *party](maxParties)
	if err != nil { // only for a size below 1
		panic(err)
	}
	limits = limits.withDefaults()
	minute := newRule(perMinute, time.Second, 60)
	return &limiter{
		off: perMinute < 0, quiet: quiet, now: now, parties: parties,
		minute:    minute,
		share:     minute.with((perMinute*4 + 4) / 5),
		day:       newRule(limits.WritesPerDay, 24*time.Hour, 1),
		payment:   newRule(limits.PaymentsPerMinute, time.Second, 60),
		sensitive: newRule(limits.SensitivePer15Minutes, 15*time.Second, 60),
		mail:      newRule(limits.MailsPer2Minutes, 2*time.Second, 60),
		running:   [2]rule{newRule(limits.Reading, atATime, 1), newRule(limits.Writing, atATime, 1)},
	}
}

// who is a user of a portal, or an address.
type who struct {
	portal, user string
	address      netip.Addr
}

// party is what one of them did lately.
type party struct {
	mu       sync.Mutex
	minute   tally
	day      tally
	keys     []ofKey
	policies []ofPolicy
	running  [2]int // reading, writing
}

// ofKey is what a user did with one key.
type ofKey struct {
	id   string
	seen time.Time
	did  tally
}

// A user's keys, as far as they are told apart.
const (
	maxKeysOfUser = 16
	keyIsKnown    = 24 * time.Hour // after it was last seen
)

// ofPolicy is what a party did on one path that has a limit of its own.
type ofPolicy struct {
	path string
	did  tally
}

// admission is a request that is under way. The zero admission is of one that is
// not counted.
type admission struct {
	party *party
	kind  int // index of running
}

// end says that the request is no longer under way.
func (a admission) end() {
	if a.party != nil {
		a.party.mu.Lock()
		a.party.running[a.kind]--
		a.party.mu.Unlock()
	}
}

// A request either reads or writes.
const (
	reads = iota
	writes
)

// admit counts a request, unless a limit is reached, and says in the headers what
// is left of the limit that is closest to its end. It returns errTooMany where one
// is reached; then nothing is counted. Who comes from this machine itself, not by
// way of a proxy, is not counted, as in stock. rt is nil for no route.
func (l *limiter) admit(h http.Header, r *http.Request, from who, key string, rt *route) (admission, error) {
	if l.off {
		return admission{}, nil
	}
	if isLocal(r) {
		if bound := l.untouched(rt); !l.quiet {
			h["X-Ratelimit-Limit"], h["X-Ratelimit-Remaining"], h["X-Ratelimit-Reset"] = bound.says, bound.says, nought
		}
		return admission{}, nil
	}
	p := l.party(from)
	now := l.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	checks, n := l.checks(p, r.Method, key, rt, now)
	kind := kindOf(r.Method)
	if bound := &l.running[kind]; bound.most >= 0 && p.running[kind] >= bound.most {
		refuse(h, bound, 1, 1) // when one of them will be over, nobody knows
		return admission{}, errTooMany
	}
	closest, wait, late := 0, 0, 0
	for i, c := range checks[:n] {
		c.did.advance(c.bound, now)
		if retry := c.did.retry(c.bound, now); retry > wait {
			wait, late = retry, i
		}
	}
	if wait > 0 {
		c := checks[late]
		refuse(h, c.bound, c.did.reset(c.bound, now), wait)
		return admission{}, errTooMany
	}
	for i, c := range checks[:n] {
		c.did.count(c.bound)
		if c.did.left(c.bound) < checks[closest].did.left(checks[closest].bound) {
			closest = i
		}
	}
	p.running[kind]++
	if c := checks[closest]; !l.quiet {
		h["X-Ratelimit-Limit"] = c.bound.says
		own := []string{strconv.Itoa(c.did.left(c.bound)), strconv.Itoa(c.did.reset(c.bound, now))}
		h["X-Ratelimit-Remaining"], h["X-Ratelimit-Reset"] = own[:1:1], own[1:]
	}
	return admission{p, kind}, nil
}

var nought = []string{"0"}

func refuse(h http.Header, bound *rule, reset, retry int) {
	h["X-Ratelimit-Limit"], h["X-Ratelimit-Remaining"] = bound.says, nought
	h["X-Ratelimit-Reset"] = []string{strconv.Itoa(reset)}
	h["Retry-After"] = []string{strconv.Itoa(retry)}
}

// check is a rule with what was done of it.
type check struct {
	bound *rule
	did   *tally
}

// checks returns the rules for a request, n of them. The first, of all requests,
// is always there.
func (l *limiter) checks(p *party, method, key string, rt *route, now time.Time) (all [4]check, n int) {
	add := func(bound *rule, did *tally) { all[n], n = check{bound, did}, n+1 }
	add(&l.minute, &p.minute)
	if key != "" {
		if did, several := p.key(key, now); several {
			add(&l.share, did)
		} else {
			add(&l.minute, did)
		}
	}
	if l.day.most >= 0 && (method == http.MethodPost || method == http.MethodPut) {
		add(&l.day, &p.day)
	}
	if bound := l.policy(rt); bound != nil {
		add(bound, p.policy(rt.path))
	}
	return all, n
}

// policy returns the rule that a route has of its own; nil for none.
func (l *limiter) policy(rt *route) *rule {
	var own *rule
	switch {
	case rt == nil:
	case rt.sensitive:
		own = &l.sensitive
	case rt.pays:
		own = &l.payment
	case rt.mails:
		own = &l.mail
	}
	if own == nil || own.most < 0 {
		return nil
	}
	return own
}

// untouched returns the rule that somebody who did nothing yet is closest to the
// end of.
func (l *limiter) untouched(rt *route) *rule {
	if own := l.policy(rt); own != nil && own.most < l.minute.most {
		return own
	}
	return &l.minute
}

func (l *limiter) party(from who) *party {
	if p, ok := l.parties.Get(from); ok {
		return p
	}
	fresh := &party{}
	if p, ok, _ := l.parties.PeekOrAdd(from, fresh); ok {
		return p
	}
	return fresh
}

// key returns what was done with a key, and whether its user has used another one
// of late. Then four fifths of what the user may do are the most that one key may:
// one that runs away leaves the others a fifth.
func (p *party) key(id string, now time.Time) (did *tally, several bool) {
	mine, oldest := -1, 0
	for i := range p.keys {
		k := &p.keys[i]
		switch {
		case k.id == id:
			mine = i
		case now.Sub(k.seen) < keyIsKnown:
			several = true
		}
		if k.seen.Before(p.keys[oldest].seen) {
			oldest = i
		}
	}
	switch {
	case mine >= 0:
	case len(p.keys) < maxKeysOfUser:
		p.keys, mine = append(p.keys, ofKey{id: id}), len(p.keys)
	default:
		p.keys[oldest], mine = ofKey{id: id}, oldest
	}
	p.keys[mine].seen = now
	return &p.keys[mine].did, several
}

func (p *party) policy(path string) *tally {
	for i := range p.policies {
		if p.policies[i].path == path {
			return &p.policies[i].did
		}
	}
	p.policies = append(p.policies, ofPolicy{path: path})
	return &p.policies[len(p.policies)-1].did
}

func kindOf(method string) int {
	if method == http.MethodGet || method == http.MethodHead {
		return reads
	}
	return writes
}

// limit counts a request against its caller, or against its address when nobody
// was let in.
func (d *door) limit(w http.ResponseWriter, r *http.Request, caller *billing.Caller, rt *route) (admission, error) {
	if caller == nil {
		return d.limits.admit(w.Header(), r, who{address: network(d.proxies.client(r))}, "", nil)
	}
	if !d.quirks.QuietKeys {
		w.Header()["Idempotency-Keys"] = kept
	}
	from := who{portal: caller.View.Portal.ID, user: caller.User.ID}
	return d.limits.admit(w.Header(), r, from, caller.KeyID, rt)
}

// network returns what is counted as one address: of IPv6, the 64 bits that a
// single customer of a network can choose freely do not count.
func network(a netip.Addr) netip.Addr {
	if a.Is6() {
		if whole, err := a.Prefix(64); err == nil {
			return whole.Addr()
		}
	}
	return a
}
