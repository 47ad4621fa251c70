package portalapi_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/portalapi"
)

func TestPeopleAreSentToThePortalAndWhoeverIsAllowed(t *testing.T) {
	h := newHouse(t, setup{empty: true})
	h.addPortal(billing.NewPortal{ID: "a", Hosts: []string{"portal.example.com", "second.example.com", "192.0.2.1", "2001:db8::1"}})
	h.addPortal(billing.NewPortal{ID: "b", Hosts: []string{"other.example.com"}})
	view, err := h.service.View(t.Context(), "portal.example.com")
	h.must(err)
	config := portalapi.Config{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		RedirectHosts: []string{
			"app.example.org", "APP.example.org:8443", "*.apps.example.net", "*.ports.example.net:8443", "198.51.100.1", "[2001:db8::2]:8443",
			"xn--bcher-kva.example",
			// These are none, and cover nothing.
			"", "*", "*.*.example.com", "*.com", "https://evil.example", "evil.example/", "evil.example?", "*.203.0.113.9", "evil example", "evil.example:x",
		},
	}
	const (
		good      = ""
		notURL    = "The BackUrl field is not a valid fully-qualified http, https, or ftp URL."
		noPage    = "The field BackUrl must be an http or https address with a plain host and nobody's name in it."
		unsafe    = "The field BackUrl must be an https address."
		elsewhere = "The field BackUrl must be an address of the portal, or of a host that its operator allows."
	)
	// How the request came.
	const (
		byTLS    = "TLS"
		byHTTP   = "http"
		byProxy  = "https at a proxy"
		byPort   = "http on port 8080"
		byTunnel = "on this machine"
		byName   = "under a name that is no host of the portal's"
		byLiar   = "a stranger's word for http, over TLS"
	)
	for _, test := range []struct{ by, text, want string }{
		// The portal's own.
		{byTLS, "https://portal.example.com", good},
		{byTLS, "https://portal.example.com/rooms?a=b&c=%20#d", good},
		{byTLS, "https://PORTAL.example.com:443/", good},
		{byTLS, "HTTPS://second.example.com?x", good},
		{byTLS, "https://192.0.2.1/", good},
		{byTLS, "https://[2001:DB8:0::1]/", good},
		{byName, "https://mapped.example.com/", good},
		{byName, "https://portal.example.com/", good},
		{byTLS, "https://mapped.example.com/", elsewhere},
		// Somebody else's.
		{byTLS, "https://other.example.com/", elsewhere},
		{byTLS, "https://evil.example/", elsewhere},
		{byTLS, "https://example.com/", elsewhere},
		{byTLS, "https://x.portal.example.com/", elsewhere},
		{byTLS, "https://portal.example.com.evil.example/", elsewhere},
		{byTLS, "https://evilportal.example.com/", elsewhere},
		{byTLS, "https://evil.example/portal.example.com", elsewhere},
		{byTLS, "https://evil.example?https://portal.example.com", elsewhere},
		{byTLS, "https://evil.example#@portal.example.com/", elsewhere},
		{byTLS, "https://2130706433/", elsewhere},
		{byTLS, "https://0x7f.1/", elsewhere},
		{byTLS, "https://[2001:db8::9]/", elsewhere},
		{byTLS, "https://localhost/", elsewhere},
		{byTLS, "https://com/", elsewhere},
		{byTLS, "https://203.0.113.9/", elsewhere},
		{byTLS, "https://a.203.0.113.9/", elsewhere},
		// What other readers may read in another way.
		{byTLS, "https://portal.example.com@evil.example/", noPage},
		{byTLS, "https://evil.example@portal.example.com/", noPage},
		{byTLS, "https://a:b@portal.example.com/", noPage},
		{byTLS, "https://@portal.example.com/", noPage},
		{byTLS, `https://portal.example.com/\evil.example`, noPage},
		{byTLS, `https://portal.example.com\.evil.example/`, notURL},
		{byTLS, `https://evil.example\@portal.example.com/`, notURL},
		{byTLS, `https:\\evil.example`, notURL},
		{byTLS, "https://portal.example.com./", noPage},
		{byTLS, "https://.portal.example.com/", noPage},
		{byTLS, "https://portal..example.com/", noPage},
		{byTLS, "https://portal%2eexample.com/", notURL},
		{byTLS, "https://portal.example.com%2f.evil.example/", notURL},
		{byTLS, "https://pörtal.example.com/", noPage},
		{byTLS, "https://\uff50ortal.example.com/", noPage},
		{byTLS, "https://\u017fecond.example.com/", noPage},  // a long s
		{byTLS, "https://a.apps.example.net\u212a/", noPage}, // the Kelvin sign
		{byTLS, "https://portal。example.com/", noPage},
		{byTLS, "https://portal.example.com\u200b/", noPage},
		{byTLS, "https://[::ffff:192.0.2.1%25eth0]/", noPage},
		{byTLS, "https://[v1.x]/", notURL},
		{byTLS, "https://portal.example.com,evil.example/", noPage},
		{byTLS, "https://portal.example.com;evil.example/", noPage},
		{byTLS, "https://portal.example.com&evil.example/", noPage},
		{byTLS, "https://portal.example.com\t.evil.example/", notURL},
		{byTLS, " https://portal.example.com/", notURL},
		{byTLS, "https://portal.example.com/\nx", notURL},
		// Other schemes.
		{byTLS, "ftp://portal.example.com/", noPage},
		{byTLS, "javascript://portal.example.com/%0aalert(1)", notURL},
		{byTLS, "data:text/html,x", notURL},
		{byTLS, "//portal.example.com/", notURL},
		{byTLS, "/rooms", notURL},
		{byTLS, "https:/portal.example.com/", notURL},
		{byTLS, "https:portal.example.com", notURL},
		{byTLS, "https:////evil.example", notURL},
		{byTLS, "blob:https://portal.example.com/", notURL},
		// Ports.
		{byTLS, "https://portal.example.com:8443/", elsewhere},
		{byTLS, "https://portal.example.com:80/", elsewhere},
		{byTLS, "https://portal.example.com:0/", noPage},
		{byTLS, "https://portal.example.com:65536/", noPage},
		{byTLS, "https://portal.example.com:/", noPage},
		{byTLS, "https://portal.example.com:+443/", notURL},
		{byPort, "http://portal.example.com:8080/", good},
		{byPort, "https://portal.example.com:8080/", good},
		{byPort, "https://portal.example.com/", good},
		{byPort, "http://portal.example.com:8081/", elsewhere},
		// http.
		{byTLS, "http://portal.example.com/", unsafe},
		{byProxy, "http://portal.example.com/", unsafe},
		{byProxy, "https://portal.example.com/", good},
		{byLiar, "http://portal.example.com/", unsafe},
		{byHTTP, "http://portal.example.com/", good},
		{byHTTP, "https://portal.example.com/", good},
		{byHTTP, "http://evil.example/", elsewhere},
		{byTunnel, "http://localhost:8080/", good},
		{byTunnel, "http://127.0.0.1:8080/", elsewhere},
		{byTunnel, "http://localhost:9090/", elsewhere},
		{byTLS, "http://localhost:8080/", elsewhere},
		// What the operator allows.
		{byTLS, "https://app.example.org/x", good},
		{byTLS, "https://app.example.org:8443/x", good},
		{byTLS, "https://app.example.org:8444/x", elsewhere},
		{byTLS, "http://app.example.org/x", unsafe},
		{byHTTP, "http://app.example.org/x", good},
		{byTLS, "https://x.app.example.org/", elsewhere},
		{byTLS, "https://a.apps.example.net/", good},
		{byTLS, "https://a.b.apps.example.net/", good},
		{byTLS, "https://a.apps.example.net:8443/", elsewhere},
		{byTLS, "https://a.ports.example.net:8443/", good},
		{byTLS, "https://a.ports.example.net/", elsewhere},
		{byTLS, "https://apps.example.net/", elsewhere},
		{byTLS, "https://evilapps.example.net/", elsewhere},
		{byTLS, "https://a.apps.example.net.evil.example/", elsewhere},
		{byTLS, "https://198.51.100.1/", good},
		{byTLS, "https://[2001:db8:0:0::2]:8443/", good},
		{byTLS, "https://xn--bcher-kva.example/", good},
		{byTLS, "https://bücher.example/", noPage},
	} {
		body, err := json.Marshal(map[string]string{"backUrl": test.text})
		h.must(err)
		r := httptest.NewRequest(http.MethodPut, "/", strings.NewReader(string(body)))
		r.Host, r.RemoteAddr = "portal.example.com", away
		switch test.by {
		case byTLS:
			r.TLS = &tls.ConnectionState{}
		case byLiar:
			r.TLS = &tls.ConnectionState{}
			r.Header.Set("X-Forwarded-Proto", "http")
		case byProxy:
			r.RemoteAddr = "10.0.0.1:1"
			r.Header.Set("X-Forwarded-Proto", "https")
		case byPort:
			r.Host = "portal.example.com:8080"
		case byTunnel:
			r.TLS, r.Host = &tls.ConnectionState{}, "localhost:8080"
		case byName:
			r.TLS, r.Host = &tls.ConnectionState{}, "mapped.example.com"
		}
		got, err := portalapi.Redirect(config, view, r, "backUrl")
		text := ""
		if err != nil {
			if text = err.Error(); !errors.Is(err, billing.ErrInvalid) {
				t.Errorf("%s, %q: %v is not about the input", test.by, test.text, err)
			}
		}
		if text != test.want || err == nil && got != test.text {
			t.Errorf("%s, %q: %q %q, want %q", test.by, test.text, got, text, test.want)
		}
	}
}

func TestRedirectHostIsAHost(t *testing.T) {
	for text, good := range map[string]bool{
		"app.example.com": true, "app.example.com:8443": true, "*.example.com": true, "*.example.com:8443": true, "localhost:3000": true,
		"192.0.2.1": true, "[2001:db8::1]": true, "[2001:db8::1]:8443": true, "APP.Example.COM": true,
		"": false, "*": false, "*.": false, "*.com": false, "*.*.example.com": false, "a.*.example.com": false, "*example.com": false,
		"https://app.example.com": false, "app.example.com/": false, "app.example.com?x": false, "app.example.com#x": false, "user@app.example.com": false,
		"app.example.com:": false, "app.example.com:0": false, "app.example.com:70000": false, "app.example.com.": false, "bücher.example": false,
		"*.192.0.2.1": false, "*.[2001:db8::1]": false, "2001:db8::1": false, "a b.example.com": false, "a,b": false, `a\b`: false,
	} {
		if err := portalapi.CheckRedirectHost(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
