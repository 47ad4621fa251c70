package portalapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/portalapi"
)

const (
	challenge = `Bearer realm="DocSpace"`
	unknown   = `Bearer realm="DocSpace", error="invalid_token", error_description="the API key is not known to this portal"`
	expired   = `Bearer realm="DocSpace", error="invalid_token", error_description="the API key has expired"`
	revoked   = `Bearer realm="DocSpace", error="invalid_token", error_description="the API key was revoked"`
)

func TestKeyIsAcceptedInEachForm(t *testing.T) {
	h := newHouse(t, setup{})
	stock := newHouse(t, setup{config: portalapi.Config{Quirks: portalapi.Quirks{BearerKeysOnly: true}}})
	for name, test := range map[string]struct {
		header            map[string]string // KEY stands for the key
		want, wantOfStock int
	}{
		"bearer":                    {map[string]string{"Authorization": "Bearer KEY"}, 200, 200},
		"bearer in lower case":      {map[string]string{"Authorization": "bearer KEY"}, 200, 200},
		"bare":                      {map[string]string{"Authorization": "KEY"}, 200, 401},
		"ApiKeyBearer":              {map[string]string{"ApiKeyBearer": "KEY"}, 200, 401},
		"ApiKeyBearer beside Basic": {map[string]string{"Authorization": "Basic dTpw", "ApiKeyBearer": "KEY"}, 200, 401},
		"none":                      {nil, 401, 401},
		"bearer of nothing":         {map[string]string{"Authorization": "Bearer"}, 401, 401},
		"Basic":                     {map[string]string{"Authorization": "Basic KEY"}, 401, 401},
		"a cookie":                  {map[string]string{"Cookie": "asc_auth_key=KEY"}, 401, 401},
		"no more than its start":    {map[string]string{"Authorization": "Bearer sk-"}, 401, 401},
		"bearer before ApiKeyBearer": {
			map[string]string{"Authorization": "Bearer sk-0", "ApiKeyBearer": "KEY"}, 401, 401,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for house, want := range map[*house]int{h: test.want, stock: test.wantOfStock} {
				q := request{path: "quota", header: map[string]string{}, loose: true}
				for name, value := range test.header {
					q.header[name] = strings.Replace(value, "KEY", house.company.OwnerKey, 1)
				}
				if got := house.do(q); got.status != want {
					t.Errorf("%d, want %d", got.status, want)
				}
			}
		})
	}
}

func TestRefusedKeySaysWhy(t *testing.T) {
	h := newHouse(t, setup{})
	other := h.addPortal(billing.NewPortal{ID: "other", Hosts: []string{"other.example.com"}})
	short := h.newKey(h.company.PortalID, billing.NewKey{Days: 1})
	ended := h.newKey(h.company.PortalID, billing.NewKey{})
	_, err := h.service.RevokeKey(t.Context(), h.company.PortalID, ended)
	h.must(err)
	h.clock.Move(24 * time.Hour)
	for name, test := range map[string]struct{ key, want string }{
		"none":            {"", challenge},
		"unknown":         {"sk-" + strings.Repeat("0", 64), unknown},
		"another portals": {other, unknown},
		"expired":         {short, expired},
		"revoked":         {ended, revoked},
		"cut short":       {h.company.OwnerKey[:len(h.company.OwnerKey)-1], unknown},
	} {
		for _, read := range reads {
			got := h.do(request{path: read, key: test.key})
			if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != test.want || got.body != "" {
				t.Errorf("%s, %s: %d %q %q", name, read, got.status, got.header.Get("WWW-Authenticate"), got.body)
			}
		}
	}
	if strings.Contains(h.log.String(), h.company.OwnerKey) {
		t.Error("a key was logged")
	}
}

func TestKeyEndsWithItsTime(t *testing.T) {
	h := newHouse(t, setup{})
	key := h.newKey(h.company.PortalID, billing.NewKey{Days: 30})
	h.clock.Move(30*24*time.Hour - time.Microsecond)
	if got := h.do(request{path: "quota", key: key}); got.status != http.StatusOK {
		t.Errorf("a moment before the end: %d", got.status)
	}
	h.clock.Move(time.Microsecond)
	if got := h.do(request{path: "quota", key: key}); got.status != http.StatusUnauthorized {
		t.Errorf("at the end: %d", got.status)
	}
}

func TestRevokedKeyEndsAtOnce(t *testing.T) {
	h := newHouse(t, setup{})
	key := h.keyOf(billing.Admin)
	h.getAs(key, "quota") // so that it is known
	_, err := h.service.RevokeKey(t.Context(), h.company.PortalID, key)
	h.must(err)
	if got := h.do(request{path: "quota", key: key}); got.status != http.StatusUnauthorized {
		t.Errorf("%d", got.status)
	}
	h.get("quota") // the others go on
}

func TestKeyMadeAfterItWasRefusedIsAccepted(t *testing.T) {
	h := newHouse(t, setup{})
	const secret = "sk-early"
	if got := h.do(request{path: "quota", key: secret}); got.status != http.StatusUnauthorized {
		t.Errorf("before it is made: %d", got.status)
	}
	h.newKey(h.company.PortalID, billing.NewKey{Secret: secret})
	h.getAs(secret, "quota")
}

// Source: contract, "Authentication": payment routes have no module of their own.
func TestScopesLimitKeys(t *testing.T) {
	h := newHouse(t, setup{})
	for _, test := range []struct {
		scopes []string
		want   int
	}{
		{nil, 200},
		{[]string{"*"}, 200},
		{[]string{"*:read"}, 200},
		{[]string{"*:write"}, 200},
		{[]string{"rooms:read", "*:read"}, 200},
		{[]string{"rooms:read"}, 403},
		{[]string{"files:write"}, 403},
		{[]string{"accounts:read", "accounts.self:write"}, 403},
	} {
		key := h.newKey(h.company.PortalID, billing.NewKey{Scopes: test.scopes})
		for _, read := range reads {
			got := h.do(request{path: read, key: key})
			if got.status != test.want {
				t.Errorf("%s with %q: %d, want %d", read, test.scopes, got.status, test.want)
			}
			if want := "the API key lacks the scope for this: it needs *:read"; got.status == 403 && got.message(t) != want {
				t.Errorf("%s with %q: %q, want %q", read, test.scopes, got.message(t), want)
			}
		}
	}
}

// Scope is checked before input, and input before the role.
func TestKeyForOtherThingsIsRefusedBeforeInputIsRead(t *testing.T) {
	h := newHouse(t, setup{})
	key := h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"rooms:read"}})
	if got := h.do(request{path: "quotas?wallet=maybe", key: key, loose: true}); got.status != http.StatusForbidden {
		t.Errorf("%d", got.status)
	}
	if got := h.do(request{path: "quotas?wallet=maybe"}); got.status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", got.status)
	}
}

func TestLastUseOfAKeyIsNoted(t *testing.T) {
	h := newHouse(t, setup{})
	used := h.newKey(h.company.PortalID, billing.NewKey{Name: "used"})
	h.newKey(h.company.PortalID, billing.NewKey{Name: "idle"})
	refused := h.newKey(h.company.PortalID, billing.NewKey{Name: "refused", Scopes: []string{"rooms:read"}})
	lastUses := func() map[string]time.Time {
		h.must(h.service.FlushKeyUses(t.Context()))
		keys, err := h.service.Keys(t.Context(), h.company.PortalID)
		h.must(err)
		uses := map[string]time.Time{}
		for _, key := range keys {
			uses[key.Name] = key.LastUsedAt
		}
		return uses
	}
	if diff := cmp.Diff(map[string]time.Time{"sample": {}, "used": {}, "idle": {}, "refused": {}}, lastUses()); diff != "" {
		t.Errorf("before any use (-want +got):\n%s", diff)
	}
	for _, wait := range []time.Duration{time.Hour, time.Minute, 24 * time.Hour} {
		h.clock.Move(wait)
		h.getAs(used, "quota")
		h.do(request{path: "quota", key: refused})
		want := map[string]time.Time{"sample": {}, "used": h.clock.Now(), "idle": {}, "refused": {}}
		if diff := cmp.Diff(want, lastUses()); diff != "" {
			t.Errorf("%s later (-want +got):\n%s", wait, diff)
		}
	}
}

// The client of package docspace is the other side of this wire.
func TestClientReadsWhatThePortalHolds(t *testing.T) {
	h := newHouse(t, setup{})
	client, err := docspace.New(docspace.Config{URL: h.server.URL, Key: h.company.OwnerKey})
	h.must(err)
	r := client.Report(t.Context())
	h.must(r.Err())
	if r.Customer.Payer.DisplayName != "Olivia Owner" || len(r.Balance.SubAccounts) != 2 ||
		r.Balance.SubAccounts[0].Amount.String() != "148.50 USD" || r.Balance.SubAccounts[1].Amount.String() != "25.00 EUR" ||
		r.Quota.Title != "Business" || r.Quota.Price.Amount.String() != "200.00 USD" || len(r.Quotas) != 2 ||
		r.TopUp.UpToBalance.String() != "100.00 USD" || r.Currencies[0].Code() != "USD" {
		t.Errorf("%+v", r)
	}
}
