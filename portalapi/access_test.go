package portalapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/sample"
)

// refusedKey is a key that is tried on every route, and what it is answered.
type refusedKey struct {
	key       string
	status    int
	challenge string // of a 401
	message   string // of a 403
}

// everyRouteRefuses tries a key on the routes that choose says, and looks whether
// anything changed or was told.
func (h *house) everyRouteRefuses(t *testing.T, name string, k refusedKey, choose func(call) bool) {
	t.Helper()
	var tried []request
	for _, c := range calls {
		if choose(c) {
			tried = append(tried, h.ownersRequest(c))
		}
	}
	before := h.standing()
	for _, q := range tried {
		q.key = k.key
		got := h.from(thisMachine, q)
		switch {
		case got.status != k.status:
			t.Errorf("%s: %s %s: %d %s, want %d", name, q.method, q.path, got.status, got.body, k.status)
		case k.status == http.StatusUnauthorized && (got.body != "" || got.header.Get("WWW-Authenticate") != k.challenge):
			t.Errorf("%s: %s %s: %q, %q", name, q.method, q.path, got.header.Get("WWW-Authenticate"), got.body)
		case k.status == http.StatusForbidden && got.message(t) != k.message:
			t.Errorf("%s: %s %s: %q, want %q", name, q.method, q.path, got.message(t), k.message)
		}
	}
	if after := h.standing(); after != before {
		t.Errorf("%s: something changed:\n%s", name, firstDifference(before, after))
	}
}

func all(call) bool { return true }

// A key is good in the portal that it was made in and nowhere else, whoever's it is
// and by whichever host it asks.
func TestKeyOfOnePortalIsNoneInAnother(t *testing.T) {
	h := newHouse(t, setup{})
	const otherHost = "other.example.com"
	other := h.addCompany(sample.Config{PortalID: "other", Hosts: []string{otherHost}})
	theirs := h.standingOf(other.PortalID, otherHost, other.OwnerKey)
	h.everyRouteRefuses(t, "another portal's owner", refusedKey{other.OwnerKey, http.StatusUnauthorized, unknown, ""}, all)
	if after := h.standingOf(other.PortalID, otherHost, other.OwnerKey); after != theirs {
		t.Errorf("the portal whose key it is has changed:\n%s", firstDifference(theirs, after))
	}
	// What is named by an id is looked for in the portal alone.
	keys, err := h.service.Keys(t.Context(), other.PortalID)
	h.must(err)
	got := h.do(request{method: "DELETE", path: keysPath + "/" + keys[0].ID, key: h.company.OwnerKey})
	if got.status != http.StatusNotFound {
		t.Errorf("a key of another portal's, by its id: %d %s", got.status, got.body)
	}
	if after := h.standingOf(other.PortalID, otherHost, other.OwnerKey); after != theirs {
		t.Errorf("the other portal has changed:\n%s", firstDifference(theirs, after))
	}
}

// Nobody gets anywhere with a key that was good once, or never.
func TestKeyThatIsNotGoodIsGoodForNothing(t *testing.T) {
	h := newHouse(t, setup{})
	short := h.newKey(h.company.PortalID, billing.NewKey{Days: 1})
	ended := h.newKey(h.company.PortalID, billing.NewKey{})
	_, err := h.service.RevokeKey(t.Context(), h.company.PortalID, ended)
	h.must(err)
	h.clock.Move(24 * time.Hour)
	operators, _, err := h.service.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "operator"})
	h.must(err)
	for name, k := range map[string]refusedKey{
		"none":          {"", http.StatusUnauthorized, challenge, ""},
		"unknown":       {"sk-" + strings.Repeat("0", 64), http.StatusUnauthorized, unknown, ""},
		"an operator's": {operators, http.StatusUnauthorized, unknown, ""},
		"expired":       {short, http.StatusUnauthorized, expired, ""},
		"revoked":       {ended, http.StatusUnauthorized, revoked, ""},
	} {
		h.everyRouteRefuses(t, name, k, all)
	}
}

// Source: contract, "Authentication": no route here belongs to a module.
func TestScopesAreKeptOnEveryRoute(t *testing.T) {
	h := newHouse(t, setup{})
	const needs = "the API key lacks the scope for this: it needs "
	isWrite := func(c call) bool { return c.writes() }
	isRead := func(c call) bool { return !c.writes() }
	scopes := decode[[]string](t, h.get(keysPath+"/permissions").payload(t))
	for _, scope := range scopes {
		key := h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{scope}})
		switch scope {
		case "*", "*:write":
		case "*:read":
			h.everyRouteRefuses(t, scope, refusedKey{key, http.StatusForbidden, "", needs + "*:write"}, isWrite)
		default:
			h.everyRouteRefuses(t, scope, refusedKey{key, http.StatusForbidden, "", needs + "*:read"}, isRead)
			h.everyRouteRefuses(t, scope, refusedKey{key, http.StatusForbidden, "", needs + "*:write"}, isWrite)
		}
	}
	reader := h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"*:read"}})
	writer := h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"*:write"}})
	for _, c := range calls {
		q := h.ownersRequest(c)
		if q.key = reader; c.writes() {
			q.key = writer
		}
		h.from(thisMachine, q).wants(t, http.StatusOK, "")
	}
}

// A key is refused before anything else of a request is looked at.
func TestKeyIsLookedAtBeforeTheBody(t *testing.T) {
	h := newHouse(t, setup{})
	reader := h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"*:read"}})
	for _, c := range calls {
		if c.body == "" {
			continue
		}
		for key, want := range map[string]int{"": 401, reader: 403} {
			q := c.request(key)
			q.body, q.loose = "no JSON", true
			h.from(thisMachine, q).wants(t, want, "")
		}
	}
}
