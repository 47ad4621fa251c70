package portalapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
)

const providersPage = "http://" + portalHost + "/sandbox/"

// leadsTo fails the test unless a reply sends its reader to an address that begins
// like that.
func (r reply) leadsTo(t *testing.T, name, want string) {
	t.Helper()
	to := r.header.Get("Location")
	if r.status != http.StatusFound || !strings.HasPrefix(to, want) || want == home && to != home {
		t.Errorf("%s: %d to %q, want %q", name, r.status, to, want)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%s: %v", name, r.header)
	}
}

const home = "http://" + portalHost + "/"

// Source: contract, "GET /payment/account".
func TestAccountPageIsForWhoPaysAndTheOwner(t *testing.T) {
	h := newHouse(t, setup{})
	link := decode[string](t, h.get("account?backUrl="+pageHere).payload(t))
	for _, path := range []string{"/" + link, "/payment.ashx", "/Payment.ASHX", "/portal-settings/payments/payment.ashx", "/payment.ashx/", "/a/b/" + link} {
		h.from(thisMachine, request{path: path, key: h.company.OwnerKey}).leadsTo(t, path, providersPage)
	}
	first := h.from(thisMachine, request{path: "/" + link, key: h.company.OwnerKey}).header.Get("Location")
	if second := h.from(thisMachine, request{path: "/" + link, key: h.company.OwnerKey}).header.Get("Location"); second == first {
		t.Error("a page that can be used once is given out twice")
	}
	for _, path := range []string{"/payment.ashx.html", "/xpayment.ashx", "/payment", "/payment.ashx/x"} {
		h.from(thisMachine, request{path: path, key: h.company.OwnerKey}).wants(t, http.StatusNotFound, "")
	}
	for who, want := range map[string]map[billing.Role]string{
		"owner@example.com": {billing.Owner: providersPage, billing.Admin: home, billing.RoomAdmin: home, billing.Member: home, billing.Guest: home},
		"admin@example.com": {billing.Owner: providersPage, billing.Admin: providersPage, billing.RoomAdmin: home, billing.Member: home, billing.Guest: home},
		"user@example.com":  {billing.Owner: providersPage, billing.Admin: home, billing.RoomAdmin: home, billing.Member: providersPage, billing.Guest: home},
	} {
		h := paidBy(who)(t)
		for role, page := range want {
			h.from(thisMachine, request{path: "/payment.ashx", key: h.keyOf(role)}).leadsTo(t, who+" pays, and so comes "+string(role), page)
		}
	}
	startup := startupHouse(t)
	startup.from(thisMachine, request{path: "/payment.ashx", key: startup.company.OwnerKey}).leadsTo(t, "without a customer", home)
	secured := startup.from(thisMachine, request{path: "/payment.ashx", key: startup.company.OwnerKey, header: secure})
	if to := secured.header.Get("Location"); to != "https://portal.example.com/" {
		t.Errorf("by https one is sent to %s", to)
	}
}

func TestAccountPageIsRefused(t *testing.T) {
	h := newHouse(t, setup{})
	page := func(query, key string) reply {
		return h.from(thisMachine, request{path: "/payment.ashx" + query, key: key, loose: true})
	}
	if got := page("", ""); got.status != http.StatusUnauthorized || got.body != "" || got.header.Get("WWW-Authenticate") != `Bearer realm="DocSpace"` {
		t.Errorf("without a key: %d %v %q", got.status, got.header, got.body)
	}
	page("", "sk-nobodys").wants(t, http.StatusUnauthorized, "")
	page("", h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"rooms:read"}})).wants(t, http.StatusForbidden, "")
	for _, address := range append([]string{"nowhere", "/payments", "javascript:alert(1)", "http://portal.example.com/" + strings.Repeat("a", 255)}, unquoted(otherSites)...) {
		got := h.from(thisMachine, request{path: "/payment.ashx?backUrl=" + escaped(address), key: h.company.OwnerKey, loose: true})
		if _, named := decode[problem](t, got.payload(t)).Errors["BackUrl"]; got.status != http.StatusBadRequest || !named || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", address, got.status, got.body)
		}
	}
	page("?backUrl=", h.company.OwnerKey).leadsTo(t, "nowhere in particular", providersPage)
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		got := h.from(thisMachine, request{method: method, path: "/payment.ashx", key: h.company.OwnerKey})
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET" {
			t.Errorf("%s: %d %v", method, got.status, got.header)
		}
	}
	if got := h.from(thisMachine, request{method: "HEAD", path: "/payment.ashx", key: h.company.OwnerKey}); got.status != http.StatusFound {
		t.Errorf("HEAD: %d", got.status)
	}
	h.addPortal(billing.NewPortal{ID: "bare", Hosts: []string{"bare.example.com"}}) // one that is alone answers for every host
	h.from(thisMachine, request{path: "/payment.ashx", key: h.company.OwnerKey, host: "nobody.example.com"}).wantsError(t, "another host", 404, "no portal answers for this host")
	bankless := noBankHouse(t)
	bankless.from(thisMachine, request{path: "/payment.ashx", key: bankless.company.OwnerKey}).wantsError(t, "nobody to pay with", 403, "no payment provider is configured")
}
