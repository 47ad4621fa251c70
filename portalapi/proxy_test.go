package portalapi

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// Addresses are of RFC 5737 and 3849; 10/8 and 2001:db8:f::/48 are the proxies'.
func someProxies() proxies {
	return proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:f::/48"), netip.MustParsePrefix("127.0.0.1/32")}
}

func TestClientIsTheLastThatIsNoProxy(t *testing.T) {
	const proxy, away = "10.0.0.1:1", "203.0.113.9:1"
	for name, test := range map[string]struct {
		from      string
		xff       []string
		forwarded []string
		want      string // without any proxy named, it is from
	}{
		"nobody between":                  {away, nil, nil, "203.0.113.9"},
		"one who claims to be a proxy":    {away, []string{"198.51.100.1"}, nil, "203.0.113.9"},
		"… by RFC 7239":                   {away, nil, []string{"for=198.51.100.1"}, "203.0.113.9"},
		"a proxy":                         {proxy, []string{"203.0.113.7"}, nil, "203.0.113.7"},
		"a proxy that says nothing":       {proxy, nil, nil, "10.0.0.1"},
		"a proxy on this machine":         {"127.0.0.1:1", []string{"203.0.113.7"}, nil, "203.0.113.7"},
		"a proxy by IPv6":                 {"[2001:db8:f::1]:1", []string{"2001:db8::7"}, nil, "2001:db8::7"},
		"a proxy by IPv4 in IPv6":         {"[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.7"}, nil, "203.0.113.7"},
		"what was there before is a lie":  {proxy, []string{"198.51.100.1, 203.0.113.7"}, nil, "203.0.113.7"},
		"a lie of being a proxy":          {proxy, []string{"198.51.100.1, 10.9.9.9, 203.0.113.7"}, nil, "203.0.113.7"},
		"a lie of being this machine":     {proxy, []string{"127.0.0.1, 203.0.113.7"}, nil, "203.0.113.7"},
		"a lie on a line of its own":      {proxy, []string{"198.51.100.1", "203.0.113.7"}, nil, "203.0.113.7"},
		"three proxies":                   {proxy, []string{"203.0.113.7, 10.0.0.3, 10.0.0.2"}, nil, "203.0.113.7"},
		"three proxies on three lines":    {proxy, []string{"203.0.113.7", "10.0.0.3", "10.0.0.2"}, nil, "203.0.113.7"},
		"a stranger between proxies":      {proxy, []string{"203.0.113.7, 198.51.100.1, 10.0.0.2"}, nil, "198.51.100.1"},
		"proxies alone":                   {proxy, []string{"10.0.0.3, 10.0.0.2"}, nil, "10.0.0.3"},
		"a hundred proxies":               {proxy, []string{"203.0.113.7" + strings.Repeat(",10.0.0.2", 100)}, nil, "203.0.113.7"},
		"with a port":                     {proxy, []string{"203.0.113.7:4711"}, nil, "203.0.113.7"},
		"IPv6 with a port":                {proxy, []string{"[2001:db8::7]:4711"}, nil, "2001:db8::7"},
		"IPv6 in brackets":                {proxy, []string{"[2001:db8::7]"}, nil, "2001:db8::7"},
		"IPv6 with a zone":                {proxy, []string{"fe80::1%eth0"}, nil, "fe80::1"},
		"a name":                          {proxy, []string{"203.0.113.7, example.com"}, nil, "10.0.0.1"},
		"a name behind a proxy":           {proxy, []string{"203.0.113.7, unknown, 10.0.0.2"}, nil, "10.0.0.2"},
		"nothing where an address was":    {proxy, []string{"203.0.113.7, "}, nil, "10.0.0.1"},
		"an empty header":                 {proxy, []string{""}, nil, "10.0.0.1"},
		"octal":                           {proxy, []string{"0313.0.0161.7"}, nil, "10.0.0.1"},
		"RFC 7239":                        {proxy, nil, []string{"for=203.0.113.7;proto=https;by=10.0.0.1"}, "203.0.113.7"},
		"RFC 7239, IPv6":                  {proxy, nil, []string{`proto=https; For="[2001:db8::7]:4711"`}, "2001:db8::7"},
		"RFC 7239, several":               {proxy, nil, []string{"for=198.51.100.1, for=203.0.113.7, for=10.0.0.2"}, "203.0.113.7"},
		"RFC 7239, on two lines":          {proxy, nil, []string{"for=198.51.100.1", "for=203.0.113.7"}, "203.0.113.7"},
		"RFC 7239, hidden":                {proxy, nil, []string{"for=203.0.113.7, for=_secret"}, "10.0.0.1"},
		"RFC 7239, twice in one":          {proxy, nil, []string{"for=203.0.113.7;for=203.0.113.8"}, "10.0.0.1"},
		"RFC 7239, without for":           {proxy, nil, []string{"proto=https"}, "10.0.0.1"},
		"both agree":                      {proxy, []string{"203.0.113.7"}, []string{"for=203.0.113.7"}, "203.0.113.7"},
		"the other one passed on is fake": {proxy, []string{"203.0.113.7"}, []string{"for=198.51.100.1"}, "10.0.0.1"},
		"no address at all":               {"@", []string{"203.0.113.7"}, nil, "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.from
		if test.xff != nil {
			r.Header["X-Forwarded-For"] = test.xff
		}
		if test.forwarded != nil {
			r.Header["Forwarded"] = test.forwarded
		}
		if got := someProxies().client(r).String(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		if got := (proxies)(nil).client(r); got != remote(r) {
			t.Errorf("%s, but no proxy is trusted: %s", name, got)
		}
	}
}

func TestSchemeIsBelievedFromProxies(t *testing.T) {
	xfp := func(value string) http.Header { return http.Header{"X-Forwarded-Proto": {value}} }
	for name, test := range map[string]struct {
		from          string
		header        http.Header
		tls           bool
		named, anyone string // with proxies that are named, and with none
	}{
		"nothing said":             {"203.0.113.7:1", nil, false, "http", "http"},
		"TLS":                      {"203.0.113.7:1", nil, true, "https", "https"},
		"a proxy":                  {"10.0.0.1:1", xfp("https"), false, "https", "https"},
		"somebody else":            {"203.0.113.7:1", xfp("https"), false, "http", "https"},
		"somebody else by TLS":     {"203.0.113.7:1", xfp("http"), true, "https", "http"},
		"the first of several":     {"10.0.0.1:1", xfp("https, http"), false, "https", "https"},
		"no scheme that there is":  {"10.0.0.1:1", xfp("gopher"), false, "http", "http"},
		"RFC 7239":                 {"10.0.0.1:1", http.Header{"Forwarded": {`for=203.0.113.7;proto="https", for=10.0.0.2`}}, false, "https", "https"},
		"RFC 7239 without":         {"10.0.0.1:1", http.Header{"Forwarded": {"for=203.0.113.7"}}, true, "https", "https"},
		"RFC 7239, somebody else":  {"203.0.113.7:1", http.Header{"Forwarded": {"proto=https"}}, false, "http", "https"},
		"both, and they disagree":  {"10.0.0.1:1", http.Header{"X-Forwarded-Proto": {"http"}, "Forwarded": {"proto=https"}}, true, "http", "http"},
		"an empty one beside TLS":  {"10.0.0.1:1", xfp(""), true, "https", "https"},
		"of a proxy that says TLS": {"10.0.0.1:1", xfp("http"), true, "http", "http"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.from
		if test.header != nil {
			r.Header = test.header
		}
		if r.TLS = nil; test.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := (&door{proxies: someProxies()}).scheme(r); got != test.named {
			t.Errorf("%s: %s, want %s", name, got, test.named)
		}
		if got := (&door{}).scheme(r); got != test.anyone {
			t.Errorf("%s, but no proxy is named: %s, want %s", name, got, test.anyone)
		}
	}
}
