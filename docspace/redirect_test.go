package docspace_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/bursarhq/bursar/docspace"
)

// visits are the requests that a server got.
type visits struct {
	mu  sync.Mutex
	all []*http.Request
}

func (v *visits) add(r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, r)
}

// keys returns the Authorization of each visit.
func (v *visits) keys() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var keys []string
	for _, r := range v.all {
		keys = append(keys, r.Header.Get("Authorization"))
	}
	return keys
}

// serve starts a server that notes its visits and answers by the handler.
func serve(t *testing.T, secure bool, handler http.HandlerFunc) (*httptest.Server, *visits) {
	t.Helper()
	seen := &visits{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.add(r)
		handler(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, seen
}

func answering(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func sendingTo(status int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}
}

// The key goes to the portal's own server and to no other, on real connections.
func TestRedirectsToAnotherServerAreRefused(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			other, visitsToOther := serve(t, false, answering(envelope(customerPayload)))
			there := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
			for _, location := range []string{other.URL, there, other.URL + "/api/2.0/portal/payment/customerinfo"} {
				portal, visitsToPortal := serve(t, secure, sendingTo(status, location))
				client := newClient(t, docspace.Config{URL: portal.URL, Transport: portal.Client().Transport})
				_, err := client.CustomerInfo(t.Context())
				failure := failureOf(t, err, docspace.ErrRedirect)
				to, _, _ := strings.Cut(location, "/api")
				if failure.Status != status || failure.Message != "sent on to "+to {
					t.Errorf("%d to %s: %v", status, location, err)
				}
				if got := visitsToPortal.keys(); !slices.Equal(got, []string{"Bearer " + apiKey}) {
					t.Errorf("%d: the portal was sent %q", status, got)
				}
			}
			if got := visitsToOther.keys(); len(got) > 0 {
				t.Errorf("%d: the other server was sent %q", status, got)
			}
		}
	}
}

// Which redirects are followed is decided by where they lead. Of those that are
// not, only the host is told: the rest of an address may hold anything.
func TestRedirects(t *testing.T) {
	tests := []struct {
		name, portal, location string
		refused                string // where it leads, when it is not followed
	}{
		{"another path", address, "/balance", ""},
		{"another path, whole", address, "https://portal.example.com/balance?x=1", ""},
		{"the host in capitals", address, "https://PORTAL.example.com/balance", ""},
		{"up to https", "http://portal.example.com", "https://portal.example.com/balance", ""},
		{"up to https, from a port", "http://portal.example.com:8080", "https://portal.example.com/balance", ""},
		{"the same port", "https://portal.example.com:8443", "https://portal.example.com:8443/balance", ""},

		{"another host", address, "https://login.example.net/", "https://login.example.net"},
		{"a host within", address, "https://sub.portal.example.com/", "https://sub.portal.example.com"},
		{"the host above", address, "https://example.com/in?back=%2F#top", "https://example.com"},
		{"a host that ends alike", address, "https://evilportal.example.com/", "https://evilportal.example.com"},
		{"a host that begins alike", address, "https://portal.example.com.evil.example/", "https://portal.example.com.evil.example"},
		{"the host as a user name", address, "https://portal.example.com@evil.example/", "https://evil.example"},
		{"no scheme, another host", address, "//evil.example/balance", "https://evil.example"},
		{"another port", address, "https://portal.example.com:8443/", "https://portal.example.com:8443"},
		{"another port of many", "https://portal.example.com:8443", "https://portal.example.com:8444/", "https://portal.example.com:8444"},
		{"down to http", address, "http://portal.example.com/balance", "http://portal.example.com"},
		{"down to http, same port", "https://portal.example.com:8443", "http://portal.example.com:8443/", "http://portal.example.com:8443"},
		{"another host, up to https", "http://portal.example.com", "https://evil.example/", "https://evil.example"},
		{"another kind of address", address, "ftp://portal.example.com/balance", "ftp://portal.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen []string
			carrier := inMemory(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+apiKey {
					t.Errorf("%s came with %q", r.URL, r.Header.Get("Authorization"))
				}
				if seen = append(seen, r.URL.String()); len(seen) == 1 {
					sendingTo(302, tt.location)(w, r)
					return
				}
				answering(envelope(balancePayload))(w, r)
			})
			balance, err := newClient(t, docspace.Config{URL: tt.portal, Transport: carrier}).Balance(t.Context())
			if tt.refused == "" {
				if err != nil || balance == nil || len(seen) != 2 {
					t.Errorf("%+v, %v; went to %q", balance, err, seen)
				}
				return
			}
			failure := failureOf(t, err, docspace.ErrRedirect)
			if len(seen) != 1 || failure.Status != 302 || failure.Message != "sent on to "+tt.refused {
				t.Errorf("%v; went to %q", err, seen)
			}
		})
	}
}

// Led away by several hops is led away.
func TestEveryHopIsHeldAgainstTheFirstAddress(t *testing.T) {
	const balance = "/api/2.0/portal/payment/customer/balance"
	hops := map[string]string{balance: "/one", "/one": "/two", "/two": "https://evil.example/three"}
	var seen []string
	_, err := newClient(t, docspace.Config{Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.String())
		sendingTo(307, hops[r.URL.Path])(w, r)
	})}).Balance(t.Context())
	failureOf(t, err, docspace.ErrRedirect)
	diff(t, "went to", seen, []string{address + balance, address + "/one", address + "/two"})
}

func TestRedirectsWithoutEndAreRefused(t *testing.T) {
	seen := 0
	client := newClient(t, docspace.Config{Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
		seen++
		sendingTo(302, r.URL.Path+"/again")(w, r)
	})})
	_, err := client.Balance(t.Context())
	failureOf(t, err, docspace.ErrRedirect)
	if seen > 10 {
		t.Errorf("%d requests", seen)
	}
}

// A status of the 300s without an address to go to is told in a whole sentence.
func TestARedirectToNowhereIsTold(t *testing.T) {
	for _, status := range []int{300, 302, 304} {
		_, err := once(t, saying(status, "")).Balance(t.Context())
		failure := failureOf(t, err, docspace.ErrRedirect)
		if failure.Status != status || strings.HasSuffix(failure.Message, "to") || strings.HasSuffix(failure.Message, " ") {
			t.Errorf("%d: %q", status, failure)
		}
	}
}

// A portal that sends its callers to an address that is none has answered: it
// can be reached, and asking again won't help.
func TestARedirectToNoAddressIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := 0
		client := newClient(t, docspace.Config{Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
			seen++
			sendingTo(302, "https://portal.example.com:port/")(w, r)
		})})
		_, err := client.Balance(t.Context())
		failureOf(t, err, docspace.ErrRedirect)
		if seen != 1 {
			t.Errorf("%d requests", seen)
		}
	})
}
