package portalapi_test

import (
	"net/http"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/portalapi"
)

func TestHostChoosesThePortal(t *testing.T) {
	several, keyA, keyB := twoPortals(t, setup{})
	withDefault, defaultA, defaultB := twoPortals(t, setup{billing: billing.Config{DefaultPortal: "b"}})
	alone := newHouse(t, setup{empty: true})
	aloneKey := alone.addPortal(billing.NewPortal{ID: "a"})
	const nobody, unknownKey, a, b = http.StatusNotFound, http.StatusUnauthorized, 1, 2
	for name, test := range map[string]struct {
		house        *house
		host, origin string
		want         int
	}{
		"a host":                     {several, "a.example.com", "", a},
		"another host":               {several, "b.example.com", "", b},
		"in any case":                {several, "A.Example.COM", "", a},
		"with a port":                {several, "a.example.com:8080", "", a},
		"with a dot at the end":      {several, "a.example.com.", "", a},
		"the origin, if no host":     {several, "10.0.0.1", "https://b.example.com", b},
		"the origin has a port":      {several, "10.0.0.1", "https://B.example.com:8443", b},
		"the host before the origin": {several, "a.example.com", "https://b.example.com", a},
		"nobody's host":              {several, "c.example.com", "", nobody},
		"part of a host":             {several, "example.com", "", nobody},
		"nobody's origin":            {several, "c.example.com", "https://d.example.com", nobody},
		"an origin that is none":     {several, "c.example.com", "null", nobody},
		"an address":                 {several, "[::1]:80", "", nobody},
		"the default":                {withDefault, "c.example.com", "", b},
		"not the default":            {withDefault, "a.example.com", "", a},
		"the origin, not the default": {
			withDefault, "c.example.com", "https://a.example.com", a,
		},
		"the only one":                 {alone, "c.example.com", "", a},
		"the only one, by an address":  {alone, "[::1]", "", a},
		"the only one, with an origin": {alone, "c.example.com", "https://d.example.com", a},
	} {
		t.Run(name, func(t *testing.T) {
			keys := map[int]string{a: keyA, b: keyB}
			switch test.house {
			case withDefault:
				keys = map[int]string{a: defaultA, b: defaultB}
			case alone:
				keys = map[int]string{a: aloneKey}
			}
			for portal, key := range keys {
				q := request{path: "quota", key: key, host: test.host, header: map[string]string{}}
				if test.origin != "" {
					q.header["Origin"] = test.origin
				}
				got, want := test.house.do(q), unknownKey
				switch test.want {
				case portal:
					want = http.StatusOK
				case nobody:
					want = http.StatusNotFound
				}
				if got.status != want {
					t.Errorf("with the key of %d: %d, want %d", portal, got.status, want)
				}
			}
		})
	}
}

// A portal is chosen before a key is looked at.
func TestUnknownHostIsNotFoundWhateverTheKey(t *testing.T) {
	h, key, _ := twoPortals(t, setup{})
	for _, key := range []string{key, "sk-0", ""} {
		for _, read := range reads {
			if got := h.do(request{path: read, key: key, host: "c.example.com"}); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", read, got.status)
			}
		}
	}
}

// What a caller reads of a refusal is the text that is meant for callers, and
// nothing of what the server was doing.
func TestUnknownHostIsRefusedInPlainWords(t *testing.T) {
	h, _, _ := twoPortals(t, setup{})
	same(t, `{"error":{"message":"no portal answers for this host","type":null,"stack":null,"hresult":0},`+
		`"status":1,"statusCode":404}`, h.do(request{path: "quota", host: "c.example.com"}).body)
}

func TestPortalIsFoundFromTheMomentItIsMade(t *testing.T) {
	h, _, _ := twoPortals(t, setup{})
	const host = "c.example.com"
	if got := h.do(request{path: "quota", host: host}); got.status != http.StatusNotFound {
		t.Errorf("before: %d", got.status)
	}
	key := h.addPortal(billing.NewPortal{ID: "c", Hosts: []string{host}})
	if got := h.do(request{path: "quota", host: host, key: key}); got.status != http.StatusOK {
		t.Errorf("after: %d", got.status)
	}
}

// A portal that was alone answers for every host, and only for its own as soon
// as there is another one.
func TestOnlyPortalIsNoDefaultWhenItIsNotAlone(t *testing.T) {
	h := newHouse(t, setup{})
	elsewhere := request{path: "quota", host: "elsewhere.example.com", key: h.company.OwnerKey}
	if got := h.do(elsewhere); got.status != http.StatusOK {
		t.Errorf("alone: %d", got.status)
	}
	h.addPortal(billing.NewPortal{ID: "other", Hosts: []string{"other.example.com"}})
	if got := h.do(elsewhere); got.status != http.StatusNotFound {
		t.Errorf("not alone: %d", got.status)
	}
	h.get("quota")
}

func TestNoPortalsIsNotFound(t *testing.T) {
	h := newHouse(t, setup{empty: true})
	if got := h.do(request{path: "quota"}); got.status != http.StatusNotFound {
		t.Errorf("%d", got.status)
	}
}

// Nothing of one portal may be seen in another, whatever is kept in memory.
func TestPortalsAreKeptApart(t *testing.T) {
	h, keyA, keyB := twoPortals(t, setup{config: portalapi.Config{CountryHeader: "X-Country"}})
	h.must(h.service.SetCustomer(t.Context(), "a", billing.CustomerChange{Email: "pays@a.example.com"}))
	h.must(h.service.SetCustomer(t.Context(), "b", billing.CustomerChange{Email: "pays@b.example.com"}))
	for range 2 {
		for id, key := range map[string]string{"a": keyA, "b": keyB} {
			got := h.do(request{path: "customerinfo", key: key, host: id + ".example.com"})
			info := decode[docspace.CustomerInfo](t, got.payload(t))
			if info.PortalID != id || info.Email != "pays@"+id+".example.com" || info.Payer != nil {
				t.Errorf("%s: %+v", id, info)
			}
		}
	}
}
