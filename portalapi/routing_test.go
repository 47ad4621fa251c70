package portalapi_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspace"
)

func TestRoutesMatchInAnyCase(t *testing.T) {
	h := newHouse(t, setup{})
	want := h.get("quotas?wallet=true").payload(t)
	for _, path := range []string{
		"/api/2.0/portal/payment/quotas/?wallet=true",
		"/api/2.0/portal/payment/quotas//?wallet=true",
		"/API/2.0/PORTAL/PAYMENT/QUOTAS?wallet=true",
		"/Api/2.0/Portal/Payment/Quotas/?wallet=true",
		"/api/2.0/portal/payment/quotas?WALLET=TRUE",
		"/api/2.0/portal/payment/quotas?Wallet=True&REFRESH=False",
		"/api/2.0/portal/payment/quotas?wallet=%74rue",
	} {
		got := h.do(request{path: path, key: h.company.OwnerKey, loose: true})
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.status, got.body)
			continue
		}
		same(t, want, got.payload(t))
	}
}

func TestEveryOtherMethodIsNotAllowed(t *testing.T) {
	h := newHouse(t, setup{})
	taken := map[string][]string{} // methods by path
	for _, c := range calls {
		taken[c.path()] = append(taken[c.path()], c.method())
	}
	for path, methods := range taken {
		slices.Sort(methods)
		allowed := strings.Join(methods, ", ")
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if slices.Contains(methods, method) {
				continue
			}
			for _, key := range []string{h.company.OwnerKey, ""} {
				got := h.from("127.0.0.1:1", request{method: method, path: path, key: key})
				if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != allowed {
					t.Errorf("%s %s: %d, allowed is %q, want %q", method, path, got.status, got.header.Get("Allow"), allowed)
				}
				if want := path + " takes " + allowed + ", not " + method; got.message(t) != want {
					t.Errorf("%s %s: %q, want %q", method, path, got.message(t), want)
				}
			}
		}
	}
}

func TestWhatIsNoRouteIsNotFoundInJSON(t *testing.T) {
	h := newHouse(t, setup{})
	for _, path := range []string{
		"/", "/api", "/api/2.0", "/api/3.0/portal/payment/quota", apiBase, apiBase + "nothing", apiBase + "quota/1",
		"/api/2.0/portal/payment/customer", "/index.html", "/static/",
	} {
		for _, method := range []string{"GET", "POST"} {
			got := h.do(request{method: method, path: path, key: h.company.OwnerKey})
			if got.status != http.StatusNotFound || !strings.HasPrefix(got.message(t), "There is no /") {
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
}

func TestBadInputIsNamed(t *testing.T) {
	h := newHouse(t, setup{})
	for _, test := range []struct{ path, field, text string }{
		{"quotas?wallet=maybe", "Wallet", "The field Wallet is neither true nor false."},
		{"quotas?wallet=1", "Wallet", "The field Wallet is neither true nor false."},
		{"quotas?wallet=", "Wallet", "The field Wallet is neither true nor false."},
		{"quotas?WALLET=0", "Wallet", "The field Wallet is neither true nor false."},
		{"quotas?wallet=%zz", "Wallet", "The field Wallet is not encoded as a URL is."},
		{"currencies?country=E%", "Country", "The field Country is not encoded as a URL is."},
		{"customerinfo?refresh=yes", "Refresh", "The field Refresh is neither true nor false."},
		{"customer/balance?refresh=2", "Refresh", "The field Refresh is neither true nor false."},
		{"quota?refresh=%22%3Cb%3E", "Refresh", "The field Refresh is neither true nor false."},
	} {
		got := h.do(request{
			path: test.path, key: h.company.OwnerKey, header: map[string]string{"X-Request-Id": "test-42"},
			loose: true, // in any case
		})
		if got.status != http.StatusBadRequest || got.header.Get("Content-Type") != "application/problem+json; charset=utf-8" {
			t.Errorf("%s: %d %s", test.path, got.status, got.header.Get("Content-Type"))
			continue
		}
		same(t, `{"response":{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1",`+
			`"title":"One or more validation errors occurred.","status":400,`+
			`"errors":{"`+test.field+`":["`+test.text+`"]},"traceId":"test-42"},"count":1,`+
			`"links":[{"href":"http://portal.example.com`+apiBase+test.path+`","action":"GET"}],"status":1,"statusCode":400}`, got.body)
	}
}

// Source: contract, "The six seed endpoints": each lists its parameters.
func TestParametersThatARouteDoesNotHaveArePassedOver(t *testing.T) {
	h := newHouse(t, setup{})
	for path, params := range map[string]string{
		"customerinfo":     "wallet=maybe&country=nowhere",
		"customer/balance": "wallet=maybe&country=nowhere",
		"quota":            "wallet=maybe",
		"quotas":           "refresh=maybe",
		"topupsettings":    "refresh=maybe&wallet=maybe&country=nowhere",
		"currencies":       "refresh=maybe&wallet=maybe",
	} {
		want := h.get(path).payload(t)
		for _, param := range append(strings.Split(params, "&"), "fields=id", "_=1700000000", "x", "=") {
			got := h.do(request{path: path + "?" + param, key: h.company.OwnerKey})
			if got.status != http.StatusOK {
				t.Errorf("%s?%s: %d %s", path, param, got.status, got.body)
				continue
			}
			same(t, want, got.payload(t))
		}
	}
}

// The same request has the same answer each time, also when it names a parameter
// twice: the first one counts, as in ASP.NET.
func TestFirstOfAParameterCounts(t *testing.T) {
	h := newHouse(t, setup{})
	plans, services := h.get("quotas").payload(t), h.get("quotas?wallet=true").payload(t)
	for params, want := range map[string]string{
		"wallet=true&wallet=false":  services,
		"wallet=false&wallet=true":  plans,
		"wallet=true&Wallet=false":  services,
		"WALLET=false&wallet=true":  plans,
		"wallet=true&wallet=maybe":  services,
		"wallet=false&Wallet=maybe": plans,
	} {
		for range 20 {
			got := h.do(request{path: "quotas?" + params, key: h.company.OwnerKey, loose: true})
			if got.status != http.StatusOK || got.payload(t) != want {
				t.Errorf("%s: %d %.200s", params, got.status, got.body)
				break
			}
		}
	}
}

func TestRefreshChangesNothing(t *testing.T) {
	h := newHouse(t, setup{})
	for _, path := range []string{"customerinfo", "customer/balance", "quota"} {
		want := h.get(path).payload(t)
		for _, value := range []string{"true", "false"} {
			same(t, want, h.get(path+"?refresh="+value).payload(t))
		}
	}
}

func TestHEADIsGETWithoutTheBody(t *testing.T) {
	h := newHouse(t, setup{})
	paths := []string{"nothing", "quotas?wallet=maybe", "/openapi.yaml"}
	for _, c := range calls {
		if !c.writes() {
			paths = append(paths, c.path()+c.query)
		}
	}
	for _, path := range paths {
		q := request{path: path, key: h.company.OwnerKey, header: map[string]string{"X-Request-Id": "the-same"}}
		get := h.do(q)
		q.method = http.MethodHead
		head := h.do(q)
		if head.status != get.status || head.body != "" {
			t.Errorf("%s: %d with the body %q, but GET has %d", path, head.status, head.body, get.status)
		}
		for name := range get.header {
			if varies := name == "Date" || name == "Server-Timing"; !varies && head.header.Get(name) != get.header.Get(name) {
				t.Errorf("%s: %s is %q, but GET has %q", path, name, head.header.Get(name), get.header.Get(name))
			}
		}
	}
}

// Each route is the same in any case, with slashes at its end, and with parameters
// that it does not have; its own may be in any case too.
func TestEveryRouteIsFoundHoweverItIsWritten(t *testing.T) {
	h := newHouse(t, setup{})
	h.payByCard()
	for _, c := range calls {
		if c.last == aReport { // whose answer is no JSON
			continue
		}
		path, query := c.path(), strings.TrimPrefix(c.query, "?")
		var shouted []string
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			shouted = append(shouted, strings.ToUpper(name)+"="+value)
		}
		for _, written := range []string{
			strings.ToUpper(path) + c.query, path + "/" + c.query, path + "//" + c.query,
			path + "?" + strings.Join(shouted, "&"), path + "?" + query + "&fields=id&_=1700000000&x&=",
		} {
			q := c.request(h.company.OwnerKey)
			q.path, q.loose = written, true
			if c.writes() { // found all the same, and then refused
				q.key = ""
				h.from(thisMachine, q).wants(t, http.StatusUnauthorized, "")
				continue
			}
			got := h.from(thisMachine, q)
			if want := h.from(thisMachine, c.request(h.company.OwnerKey)).payload(t); got.status != http.StatusOK || got.payload(t) != want {
				t.Errorf("%s: %d %.200s, want %.200s", written, got.status, got.body, want)
			}
			same(t, `[{"href":"http://portal.example.com`+written+`","action":"GET"}]`, got.member(t, "links"))
		}
	}
	for _, path := range []string{keysPath + "/a/b", keysPath + "//", apiBase + "accounting/prices", apiBase + "accounting/prices/a/b", tariffBase + "tariff/upcoming/x"} {
		if got := h.from(thisMachine, request{method: "DELETE", path: path, key: h.company.OwnerKey}); got.status == 200 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestLinkIsTheWholeAddressAsAsked(t *testing.T) {
	h := newHouse(t, setup{})
	for _, test := range []struct {
		path, host string
		header     map[string]string
		want       string
	}{
		{"quota", "", nil, `"http://portal.example.com/api/2.0/portal/payment/quota"`},
		{"quota?refresh=true&country=ES", "", nil, `"http://portal.example.com/api/2.0/portal/payment/quota?refresh=true&country=ES"`},
		{"quota?x=%22%5C%3C", "", nil, `"http://portal.example.com/api/2.0/portal/payment/quota?x=%22%5C%3C"`},
		{"quota", "localhost:8080", nil, `"http://localhost:8080/api/2.0/portal/payment/quota"`},
		{"quota", "", secure, `"https://portal.example.com/api/2.0/portal/payment/quota"`},
		{"quota", "", map[string]string{"X-Forwarded-Proto": "http"}, `"http://portal.example.com/api/2.0/portal/payment/quota"`},
		{"quota", "", map[string]string{"X-Forwarded-Proto": `gopher"`}, `"http://portal.example.com/api/2.0/portal/payment/quota"`},
		{"/API/2.0/Portal/Payment/Quota/", "", nil, `"http://portal.example.com/API/2.0/Portal/Payment/Quota/"`},
	} {
		got := h.do(request{path: test.path, key: h.company.OwnerKey, host: test.host, header: test.header})
		same(t, `[{"href":`+test.want+`,"action":"GET"}]`, got.member(t, "links"))
	}
}

// What a client library would never send, but anybody can: an address with
// quotes and bytes of any kind, and one that is whole, as proxies get it.
func TestLinkOfARawRequestIsWellFormed(t *testing.T) {
	h := newHouse(t, setup{})
	const here = "http://" + portalHost
	for target, want := range map[string]string{
		apiBase + `quota?x="`:                                     here + apiBase + `quota?x="`,
		apiBase + `quota?x=\`:                                     here + apiBase + `quota?x=\`,
		apiBase + `quota?x=<&>`:                                   here + apiBase + `quota?x=<&>`,
		apiBase + "quota?x=\xc3\xa9":                              here + apiBase + "quota?x=é",
		apiBase + "quota?x=\xff":                                  here + apiBase + "quota?x=\ufffd",
		here + apiBase + "quota?x=abc":                            here + apiBase + "quota?x=abc",
		"http://" + portalHost + "/API/2.0/Portal/Payment/Quota/": here + "/API/2.0/Portal/Payment/Quota/",
	} {
		got := h.raw("GET "+target+" HTTP/1.1", "Authorization: "+h.company.OwnerKey)
		links := decode[struct{ Links []struct{ Href string } }](t, got).Links
		if len(links) != 1 || links[0].Href != want {
			t.Errorf("%q: links are %q, want %q", target, links, want)
		}
	}
}

// raw sends a request as it stands and returns the body of the answer.
func (h *house) raw(lines ...string) string {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	h.must(err)
	defer conn.Close()
	lines = append(lines, "Host: "+portalHost, "Connection: close", "", "")
	_, err = fmt.Fprint(conn, strings.Join(lines, "\r\n"))
	h.must(err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	defer res.Body.Close()
	var b strings.Builder
	_, err = bufio.NewReader(res.Body).WriteTo(&b)
	h.must(err)
	return b.String()
}

func TestProfileIsAtTheAddressTheCallerSees(t *testing.T) {
	h := newHouse(t, setup{})
	const page = "/accounts/people/filter?search=owner%40example.com"
	for _, test := range []struct {
		host   string
		header map[string]string
		want   string
	}{
		{"", nil, "http://portal.example.com" + page},
		{"", secure, "https://portal.example.com" + page},
		{"10.0.0.1:8080", nil, "http://10.0.0.1:8080" + page},
	} {
		got := h.do(request{path: "customerinfo", key: h.company.OwnerKey, host: test.host, header: test.header})
		if info := decode[docspace.CustomerInfo](t, got.payload(t)); info.Payer.ProfileURL != test.want {
			t.Errorf("%s, want %s", info.Payer.ProfileURL, test.want)
		}
	}
}

func TestAvatarsAreWhereTheyAreSaidToBe(t *testing.T) {
	h := newHouse(t, setup{})
	payer := decode[docspace.CustomerInfo](t, h.get("customerinfo").payload(t)).Payer
	for size, path := range map[int]string{
		82: payer.Avatar, 200: payer.AvatarOriginal, 201: payer.AvatarMax, 48: payer.AvatarMedium, 32: payer.AvatarSmall,
	} {
		got := h.do(request{path: path})
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "image/png" || !strings.HasPrefix(got.body, "\x89PNG") {
			t.Errorf("%s (%d): %d %s", path, size, got.status, got.header.Get("Content-Type"))
		}
	}
	for _, name := range []string{"16-16.png", "32-48.png", "32-32.gif", "32.png", "-32--32.png", "32-32"} {
		if got := h.do(request{path: "/static/images/default_user_photo_size_" + name}); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}
