package portalapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

// Where requests come from. Addresses are of RFC 5737 and 3849.
const (
	away      = "203.0.113.7:1"
	elsewhere = "203.0.113.8:1"
	away6     = "[2001:db8::7]:1"
	here      = "127.0.0.1:1"
	here6     = "[::1]:1"
)

var byProxy = map[string]string{"X-Forwarded-For": "203.0.113.7"}

// limits returns the headers of a reply that say what is left: the limit, what
// remains, the seconds until all is there again.
func limits(r reply) [3]string {
	return [3]string{
		r.header.Get("X-RateLimit-Limit"), r.header.Get("X-RateLimit-Remaining"), r.header.Get("X-RateLimit-Reset"),
	}
}

func TestRequestsAreCountedDown(t *testing.T) {
	h := newHouse(t, setup{config: portalapi.Config{RequestsPerMinute: 3}})
	q := request{path: "quota", key: h.company.OwnerKey}
	for _, want := range [][3]string{{"3", "2", "60"}, {"3", "1", "60"}, {"3", "0", "60"}} {
		got := h.from(away, q)
		if got.status != http.StatusOK || limits(got) != want || got.header.Get("Retry-After") != "" {
			t.Errorf("%d %v, want %v", got.status, limits(got), want)
		}
	}
	for range 2 { // being refused changes nothing
		got := h.from(away, q)
		if want := [3]string{"3", "0", "60"}; got.status != http.StatusTooManyRequests || limits(got) != want || got.body != "" {
			t.Errorf("over the limit: %d %v %q, want %v", got.status, limits(got), got.body, want)
		}
		if got := got.header.Get("Retry-After"); got != "60" {
			t.Errorf("Retry-After is %q", got)
		}
	}
}

func TestLimitIs1500UnlessSaidOtherwise(t *testing.T) {
	for perMinute, want := range map[int][3]string{
		0:  {"1500", "1499", "60"},
		60: {"60", "59", "60"},
		-1: {"", "", ""},
	} {
		h := newHouse(t, setup{config: portalapi.Config{RequestsPerMinute: perMinute}})
		got := h.from(away, request{path: "quota", key: h.company.OwnerKey})
		if got.status != http.StatusOK || limits(got) != want {
			t.Errorf("%d a minute: %d %v, want %v", perMinute, got.status, limits(got), want)
		}
	}
}

// One user is counted as one, wherever the requests come from and whichever key
// they carry; who has no good key is counted by address.
func TestWhoIsCountedTogether(t *testing.T) {
	type from struct {
		address string
		who     string // owner, owner2 (another key), admin, wrong, wrong2 or none
		header  map[string]string
	}
	s := openStore(t, store.Config{InMemory: true})
	known := newHouse(t, setup{store: s})
	keys := map[string]string{
		"owner": known.company.OwnerKey, "owner2": known.keyOf(billing.Owner), "admin": known.keyOf(billing.Admin),
		"wrong": "sk-wrong", "wrong2": "sk-wrong2", "none": "",
	}
	for name, test := range map[string]struct {
		first, second from
		together      bool
	}{
		"one key":                         {from{away, "owner", nil}, from{away, "owner", nil}, true},
		"one key at two addresses":        {from{away, "owner", nil}, from{elsewhere, "owner", nil}, true},
		"two keys of one user":            {from{away, "owner", nil}, from{away, "owner2", nil}, true},
		"two users at one address":        {from{away, "owner", nil}, from{away, "admin", nil}, false},
		"nobody and somebody":             {from{away, "none", nil}, from{away, "owner", nil}, false},
		"nobody, twice":                   {from{away, "none", nil}, from{away, "none", nil}, true},
		"nobody from another port":        {from{away, "none", nil}, from{"203.0.113.7:2", "none", nil}, true},
		"nobody at two addresses":         {from{away, "none", nil}, from{elsewhere, "none", nil}, false},
		"nobody at two IPv6 networks":     {from{away6, "none", nil}, from{"[2001:db8:0:1::7]:1", "none", nil}, false},
		"nobody in one IPv6 network":      {from{away6, "none", nil}, from{"[2001:db8::8:9]:1", "none", nil}, true},
		"nobody, by IPv4 and IPv6":        {from{away, "none", nil}, from{"[::ffff:203.0.113.7]:1", "none", nil}, true},
		"two wrong keys":                  {from{away, "wrong", nil}, from{away, "wrong2", nil}, true},
		"a wrong key and none":            {from{away, "wrong", nil}, from{away, "none", nil}, true},
		"this machine":                    {from{here, "owner", nil}, from{here, "owner", nil}, false},
		"this machine, IPv6":              {from{here6, "none", nil}, from{here6, "none", nil}, false},
		"this machine, as a proxy":        {from{here, "owner", byProxy}, from{here, "owner", byProxy}, true},
		"this machine, by RFC 7239":       {from{here, "owner", map[string]string{"Forwarded": "for=_x"}}, from{here, "owner", byProxy}, true},
		"away, then on this machine":      {from{away, "owner", nil}, from{here, "owner", nil}, false},
		"a proxy on this machine, nobody": {from{here, "none", byProxy}, from{here, "none", byProxy}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, setup{store: s, empty: true, config: portalapi.Config{RequestsPerMinute: 1}})
			ask := func(f from) int {
				return h.from(f.address, request{path: "currencies", key: keys[f.who], header: f.header}).status
			}
			if first := ask(test.first); first == http.StatusTooManyRequests {
				t.Errorf("the first is over the limit")
			}
			if over := ask(test.second) == http.StatusTooManyRequests; over != test.together {
				t.Errorf("the second is over the limit: %t, want %t", over, test.together)
			}
		})
	}
}

// A loop on this machine may go on for ever, and is told that nothing is used up.
func TestThisMachineIsNotCounted(t *testing.T) {
	h := newHouse(t, setup{config: portalapi.Config{RequestsPerMinute: 2}})
	for range 5 {
		got := h.do(request{path: "quota", key: h.company.OwnerKey}) // over the loopback
		if want := [3]string{"2", "2", "0"}; got.status != http.StatusOK || limits(got) != want {
			t.Errorf("%d %v, want %v", got.status, limits(got), want)
		}
	}
}

func TestQuietLimitsSpeakOnlyWhenTheyRefuse(t *testing.T) {
	h := newHouse(t, setup{config: portalapi.Config{RequestsPerMinute: 1, Quirks: portalapi.Quirks{QuietLimits: true}}})
	q := request{path: "quota", key: h.company.OwnerKey}
	if got := h.from(away, q); got.status != http.StatusOK || limits(got) != [3]string{} {
		t.Errorf("%d %v", got.status, limits(got))
	}
	got := h.from(away, q)
	if want := [3]string{"1", "0", "60"}; got.status != http.StatusTooManyRequests || limits(got) != want {
		t.Errorf("%d %v, want %v", got.status, limits(got), want)
	}
	if got := got.header.Get("Retry-After"); got != "60" {
		t.Errorf("Retry-After is %q", got)
	}
}

// Source: the design, "The portal's wire": every reply has the headers. A
// request that goes wrong is counted like one that does not.
func TestEveryReplySaysWhatIsLeft(t *testing.T) {
	h := newHouse(t, setup{})
	h.addCompany(sample.Config{PortalID: "other", Hosts: []string{"other.example.com"}}) // so that hosts count
	owner, guest := h.company.OwnerKey, h.keyOf(billing.Guest)
	narrow := h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"files:read"}})
	for _, kind := range []struct {
		name   string
		q      request
		status int
	}{
		{"good", request{path: "quota", key: owner}, 200},
		{"nothing to say", request{path: "customerinfo", key: owner}, 200},
		{"HEAD", request{path: "quota", key: owner, method: "HEAD"}, 200},
		{"bad input", request{path: "quotas?wallet=maybe", key: owner}, 400},
		{"no key", request{path: "quota"}, 401},
		{"wrong key", request{path: "quota", key: "sk-wrong"}, 401},
		{"wrong scope", request{path: "quota", key: narrow}, 403},
		{"wrong role", request{path: "quota", key: guest}, 403},
		{"no such portal", request{path: "quota", key: owner, host: "nobody.example.com"}, 404},
		{"no such route", request{path: "nothing", key: owner}, 404},
		{"wrong method", request{path: "quota", key: owner, method: "POST"}, 405},
	} {
		for _, address := range []string{away, here} {
			t.Run(kind.name+" from "+address, func(t *testing.T) {
				h.t = t
				got := h.from(address, kind.q)
				if got.status != kind.status {
					t.Errorf("%d, want %d", got.status, kind.status)
				}
				for _, text := range limits(got) {
					if n, err := strconv.Atoi(text); err != nil || n < 0 {
						t.Errorf("the limit, what remains, and the seconds are %q", limits(got))
						break
					}
				}
			})
		}
	}
}

// What needs no key to be refused is bounded as well, by address.
func TestTryingIsBoundedToo(t *testing.T) {
	for name, q := range map[string]request{
		"a wrong key":     {path: "quota", key: "sk-wrong"},
		"an unknown host": {path: "quota", host: "nobody.example.com"},
		"no route":        {path: "nothing"},
		"a wrong method":  {path: "quota", method: "POST"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, _ := twoPortals(t, setup{config: portalapi.Config{RequestsPerMinute: 2}})
			if q.host == "" {
				q.host = "a.example.com"
			}
			for i, over := range []bool{false, false, true, true} {
				if got := h.from(away, q); (got.status == http.StatusTooManyRequests) != over {
					t.Errorf("request %d: %d", i+1, got.status)
				}
			}
		})
	}
}

// Who names proxies counts those without a key by the address that a proxy had the
// request from, whatever they claim themselves.
func TestProxiesThatAreNamedAreBelieved(t *testing.T) {
	const proxy = "10.0.0.1:1"
	for name, test := range map[string]struct {
		from          string
		first, second string // X-Forwarded-For
		together      bool
	}{
		"two callers":               {proxy, "203.0.113.7", "203.0.113.8", false},
		"one caller":                {proxy, "203.0.113.7", "203.0.113.7", true},
		"one caller, with lies":     {proxy, "198.51.100.1, 203.0.113.7", "198.51.100.2, 203.0.113.7", true},
		"one caller, no proxy":      {away, "198.51.100.1", "198.51.100.2", true},
		"by this machine, untold":   {here, "203.0.113.7", "203.0.113.8", true},
		"one caller, two addresses": {proxy, "2001:db8::7", "2001:db8::8", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, setup{config: portalapi.Config{
				RequestsPerMinute: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			}})
			ask := func(forwarded string) bool {
				header := map[string]string{"X-Forwarded-For": forwarded}
				return h.from(test.from, request{path: "quota", header: header}).status == http.StatusTooManyRequests
			}
			if ask(test.first) {
				t.Error("the first is over the limit")
			}
			if over := ask(test.second); over != test.together {
				t.Errorf("the second is over the limit: %t, want %t", over, test.together)
			}
		})
	}
}

// A deposit whose body does not come is under way.
func TestRequestsUnderWayAreBounded(t *testing.T) {
	h := newHouse(t, setup{config: portalapi.Config{Limits: portalapi.Limits{Writing: 2, Reading: 1}}})
	var all sync.WaitGroup
	var bodies []*io.PipeWriter
	for range 2 {
		body, w := io.Pipe()
		bodies = append(bodies, w)
		r := request{method: "POST", path: "deposit", key: h.company.OwnerKey, body: dollars100}.build(t, "")
		r.RemoteAddr, r.Body = away, body
		all.Go(func() {
			got := httptest.NewRecorder()
			if h.handler.ServeHTTP(got, r); got.Code != http.StatusBadRequest {
				t.Errorf("without a body: %d", got.Code)
			}
		})
		// What was read of the body shows that the request was let in.
		_, err := w.Write([]byte(" "))
		h.must(err)
	}
	post := request{method: "POST", path: "deposit", key: h.company.OwnerKey, body: dollars100}
	got := h.from(away, post)
	if want := [3]string{"2", "0", "1"}; got.status != http.StatusTooManyRequests || limits(got) != want || got.header.Get("Retry-After") != "1" {
		t.Errorf("a third: %d %v", got.status, limits(got))
	}
	h.from(away, request{path: "quota", key: h.company.OwnerKey}).wants(t, 200, "")
	for _, w := range bodies {
		h.must(w.Close())
	}
	all.Wait()
	h.from(away, post).wants(t, 200, "true")
}
