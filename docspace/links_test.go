package docspace_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspace"
)

// A browser is sent to what the portal says, and never to a script or a file.
func TestLinks(t *testing.T) {
	for said, want := range map[string]string{
		"https://pay.example.com/?a=b%20c&d":              "https://pay.example.com/?a=b%20c&d",
		"http://pay.example.com":                          "http://pay.example.com",
		"payment.ashx":                                    "https://portal.example.com/docspace/payment.ashx",
		"payment.ashx?backUrl=https://portal.example.com": "https://portal.example.com/docspace/payment.ashx?backUrl=https://portal.example.com",
		"/payment.ashx":                                   "https://portal.example.com/payment.ashx",
		"//pay.example.com/":                              "https://pay.example.com/",
		"":                                                "",
	} {
		client := newClient(t, docspace.Config{URL: address + "/docspace", Transport: saying(200, envelope(`"`+said+`"`))})
		for name, call := range map[string]func() (string, error){
			"CheckoutURL":      func() (string, error) { return client.CheckoutURL(t.Context(), "admin", 1, "", "") },
			"CheckoutSetupURL": func() (string, error) { return client.CheckoutSetupURL(t.Context(), "", "") },
			"AccountURL":       func() (string, error) { return client.AccountURL(t.Context(), "") },
		} {
			if got, err := call(); got != want || err != nil {
				t.Errorf("%s of %q: %q, %v, want %q", name, said, got, err, want)
			}
		}
	}
	for _, said := range []string{`"javascript:alert(1)"`, `"file:///etc/passwd"`, `"data:text/html,x"`, `"https:"`, `"https:///x"`, `"http://a b/"`, `"ftp://a/"`, `"%zz"`, `7`, `{}`, `true`} {
		_, err := once(t, saying(200, envelope(said))).AccountURL(t.Context(), "")
		if err == nil {
			t.Errorf("%s was taken for an address", said)
			continue
		}
		failureOf(t, err, docspace.ErrMalformed)
	}
}

// Portals up to 3.6 misspell the route; whoever does not know the right one is
// asked by the other.
func TestTheOldSpellingIsTried(t *testing.T) {
	for _, tt := range []struct {
		name     string
		known    map[string]string // answers by route; others are 404
		want     string
		kind     error
		message  string
		requests []string
	}{
		{name: "both", known: map[string]string{"checkoutsetupurl": `"https://a.example/"`, "chechoutsetupurl": `"https://b.example/"`},
			want: "https://a.example/", requests: []string{"checkoutsetupurl"}},
		{name: "the old one", known: map[string]string{"chechoutsetupurl": `"https://b.example/"`},
			want: "https://b.example/", requests: []string{"checkoutsetupurl", "chechoutsetupurl"}},
		{name: "the old one, which says nothing", known: map[string]string{"chechoutsetupurl": `null`},
			requests: []string{"checkoutsetupurl", "chechoutsetupurl"}},
		{name: "the old one, which says what is none", known: map[string]string{"chechoutsetupurl": `7`},
			kind: docspace.ErrMalformed, requests: []string{"checkoutsetupurl", "chechoutsetupurl"}},
		{name: "none", kind: docspace.ErrNotFound, message: "no checkoutsetupurl", requests: []string{"checkoutsetupurl", "chechoutsetupurl"}},
	} {
		var came []string
		client := once(t, inMemory(func(w http.ResponseWriter, r *http.Request) {
			name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
			came = append(came, name)
			if r.URL.RawQuery != "backUrl=https%3A%2F%2Fx.example&successUrl=https%3A%2F%2Fy.example" {
				t.Errorf("%s: query %s", tt.name, r.URL.RawQuery)
			}
			answer, ok := tt.known[name]
			if !ok {
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, refusal(404, "no "+name))
				return
			}
			fmt.Fprint(w, envelope(answer))
		}))
		got, err := client.CheckoutSetupURL(t.Context(), "https://x.example", "https://y.example")
		if got != tt.want || !slices.Equal(came, tt.requests) || (err == nil) != (tt.kind == nil) {
			t.Errorf("%s: %q, %v, asked %v", tt.name, got, err, came)
		}
		if tt.kind != nil {
			if failure := failureOf(t, err, tt.kind); tt.message != "" && failure.Message != tt.message {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	}
	requests := 0
	_, err := once(t, inMemory(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusForbidden)
	})).CheckoutSetupURL(t.Context(), "", "")
	failureOf(t, err, docspace.ErrForbidden)
	diff(t, "requests after 403", requests, 1)
}
