package doctor_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/doctor"
)

// What answers without a key, and what that means.
func TestDoors(t *testing.T) {
	t.Parallel()
	page := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	to := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", address)
			w.WriteHeader(http.StatusFound)
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		state  doctor.State
		text   string
		tried  bool // with the key
	}{
		"portal":       {page(401, "", ""), doctor.OK, "a DocSpace answers, and asks for a key", true},
		"other login":  {page(401, "text/html", "<title>Authorization\n Required</title>"), doctor.Warning, `401 Unauthorized, a web page titled "Authorization Required"`, true},
		"everybody in": {page(200, "application/json", `{"count":0,"statusCode":200}`), doctor.Warning, "asks for no key", true},
		"forbidden":    {page(403, "application/json", `"your address is not allowed"`), doctor.Warning, "403 Forbidden, JSON of another kind", true},
		"busy":         {page(429, "", ""), doctor.Warning, "asks for a pause: 429 Too Many Requests", true},
		"proxy":        {page(502, "text/html", "<html><title>502 Bad Gateway</title>"), doctor.Failed, `502 Bad Gateway, a web page titled "502 Bad Gateway"`, true},
		"login page":   {page(200, "text/html", "<title>Sign in</title>"), doctor.Failed, `it is no DocSpace: 200 OK, a web page titled "Sign in"`, false},
		"other API":    {page(200, "application/json", `{"ok":true}`), doctor.Failed, "it is no DocSpace: 200 OK, JSON of another kind", false},
		"text":         {page(200, "text/plain", "hello"), doctor.Failed, "it is no DocSpace: 200 OK, text", false},
		"nobody":       {page(404, "application/json", `{"error":{"message":"no portal answers for this host"}}`), doctor.Failed, "404 Not Found, no portal answers for this host", false},
		"other host":   {to("https://login.example.net/deep?secret=1"), doctor.Failed, "it sends its callers on to https://login.example.net", false},
		"other page":   {to("/login?back=1"), doctor.Failed, "as a login page does", false},
		"same elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			to("http://localhost"+strings.TrimPrefix(r.Host, "127.0.0.1")+r.URL.Path)(w, r)
		}, doctor.Failed, "it sends its callers on to http://localhost:", false},
		"nowhere":       {page(302, "", ""), doctor.Failed, "another page of its own", false},
		"endless":       {page(404, "text/html", strings.Repeat(" ", 1<<20)+"<title>x</title>"), doctor.Failed, "404 Not Found", false},
		"long":          {page(500, "application/json", `{"error":{"message":"`+strings.Repeat("x", 5000)+`"}}`), doctor.Failed, "xxx…", true},
		"cut":           {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, doctor.Failed, "no answer: EOF", false},
		"another route": {to("/api/2.0/portal/payment/QUOTA"), doctor.OK, "a DocSpace answers", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tried atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Header.Get("Authorization") != "":
					tried.Store(true)
					w.WriteHeader(http.StatusUnauthorized)
				case strings.HasSuffix(r.URL.Path, "QUOTA"), strings.HasPrefix(r.Host, "localhost"):
					w.WriteHeader(http.StatusUnauthorized)
				default:
					test.answer(w, r)
				}
			}))
			defer server.Close()
			d := physician().Examine(t.Context(), profile(server.URL, key))
			for _, f := range d.Findings {
				if f.Step == doctor.API && (f.State != test.state || !strings.Contains(f.Text, test.text) || strings.Contains(f.Text, "secret")) {
					t.Errorf("%s: %s", f.State, f.Text)
				}
			}
			if tried.Load() != test.tried {
				t.Errorf("the key was sent: %t", tried.Load())
			}
		})
	}
}

func TestAPortalBelowAnotherPath(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	examined(t, physician(), profile(portal.URL+"/docspace/", portal.Key), map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped, doctor.API: doctor.Failed, doctor.Clock: doctor.OK, doctor.Key: doctor.Skipped},
		map[doctor.Step]string{doctor.API: "no DocSpace at the path /docspace, but at " + portal.URL})
}

// Faults of a portal, each of which is told of and hides nothing that is not its own.
func TestPortalsWithFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault docspacetest.Fault
		want  map[doctor.Step]doctor.State
	}{
		"a storm of 429": {docspacetest.TooMany(2 * time.Hour), map[doctor.Step]doctor.State{doctor.API: doctor.Warning, doctor.Key: doctor.Failed}},
		"a proxy":        {docspacetest.BadGateway(), map[doctor.Step]doctor.State{doctor.API: doctor.Failed, doctor.Clock: doctor.OK, doctor.Key: doctor.Failed}},
		"slow":           {docspacetest.Fault{Delay: 20 * time.Millisecond}, nil},
		"null":           {docspacetest.Fault{Path: "portal/tariff", Null: true}, map[doctor.Step]doctor.State{doctor.Role: doctor.Warning, doctor.Billing: doctor.Skipped, doctor.Payer: doctor.Skipped, doctor.TopUp: doctor.Skipped}},
		"broken tariff":  {docspacetest.Fault{Path: "portal/tariff", Status: 500}, map[doctor.Step]doctor.State{doctor.Key: doctor.Failed}},
		"broken rule":    {docspacetest.Fault{Path: "topupsettings", Status: 500}, map[doctor.Step]doctor.State{doctor.TopUp: doctor.Failed, doctor.Routes: doctor.OK}},
		"broken payer":   {docspacetest.Fault{Path: "customerinfo", Status: 500}, map[doctor.Step]doctor.State{doctor.Billing: doctor.Failed, doctor.Payer: doctor.Skipped, doctor.TopUp: doctor.OK, doctor.Routes: doctor.OK}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			portal := docspacetest.New(t)
			portal.Inject(test.fault)
			want := map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped}
			for step, state := range test.want {
				want[step] = state
			}
			d := physician().Examine(t.Context(), profile(portal.URL, portal.Key))
			for _, f := range d.Findings {
				if state, named := want[f.Step]; named && f.State != state {
					t.Errorf("%s is %s: %s", f.Step, f.State, f.Text)
				}
				if f.State == doctor.Failed && f.Hint == "" {
					t.Errorf("%s failed with no advice: %s", f.Step, f.Text)
				}
			}
		})
	}
}
