package manifest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

const operatorKey = "bk-operator-of-the-test"

// bursar is a whole server: a portal, and the operator's API beside it.
type bursar struct {
	t       *testing.T
	engine  *manifest.Engine
	profile fleet.Profile
	// instead answers the operator's API in its place, where it is set: next is the API.
	instead atomic.Pointer[func(w http.ResponseWriter, r *http.Request, next http.Handler)]
	// sent counts what was sent to the operator's API to change it.
	sent atomic.Int64
	key  string // that the manifest's variable has
}

func newBursar(t *testing.T) *bursar {
	t.Helper()
	db, err := store.Open(context.WithoutCancel(t.Context()), store.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	service, err := billing.New(billing.Config{Store: db, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	company, err := sample.Create(t.Context(), service, sample.Config{PortalID: "acme", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := service.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "test", Secret: operatorKey}); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	portals := portalapi.New(portalapi.Config{Service: service, Log: quiet})
	operators := operatorapi.New(operatorapi.Config{Service: service, Log: quiet})
	b := &bursar{t: t, key: operatorKey}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			portals.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet {
			b.sent.Add(1)
		}
		if instead := b.instead.Load(); instead != nil {
			(*instead)(w, r, operators)
			return
		}
		operators.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b.profile = fleet.Profile{Name: "acme", URL: server.URL, Key: fleet.Key{Plain: company.OwnerKey}}
	b.engine = &manifest.Engine{Agent: "test", Reader: &fleet.Reader{
		Keys: &fleet.Keys{Getenv: func(string) string { return b.key }}, Config: docspace.Config{Refresh: true, MaxAttempts: 1},
	}}
	return b
}

// targets are of a manifest with these caps; portal is its id at the operator's API.
func (b *bursar) targets(portal, caps string) []manifest.Target {
	b.t.Helper()
	m, err := manifest.Parse(fmt.Appendf(nil, `version: 1
portals:
  acme:
    topup_rule: {min: 20, up_to: 100, currency: USD, caps: %s}
    operator: {url: %q, portal: %q, key_variable: OPERATOR_KEY}
`, caps, b.profile.URL+"/", portal))
	if err != nil {
		b.t.Fatal(err)
	}
	return []manifest.Target{{Profile: b.profile, Wanted: m.Portals[0].Wanted}}
}

func (b *bursar) diff(targets []manifest.Target) (d manifest.Diff) {
	b.t.Helper()
	if err := b.engine.Diff(b.t.Context(), targets, true, func(found manifest.Diff) error {
		d = found
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b *bursar) apply(targets []manifest.Target, d manifest.Diff) (o manifest.Outcome) {
	b.t.Helper()
	b.engine.Apply(b.t.Context(), []manifest.Diff{d}, profilesOf(targets), func(come manifest.Outcome) { o = come })
	return o
}

// answers has the operator's API answer otherwise from now on.
func (b *bursar) answers(instead func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	b.instead.Store(&instead)
}

// cut closes the connection with no answer.
func cut(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// Caps are set over the operator's API, each of them and at once, and are read from there.
func TestCapsAreSetByTheOperator(t *testing.T) {
	t.Parallel()
	b := newBursar(t)
	for _, row := range []struct{ caps, should string }{
		{"{charge: 150, day: 300, month: 900.50, count: 2}", "at most 150.00 USD a charge, at most 300.00 USD a day, at most 900.50 USD a month, at most 2 charges a day"},
		{"{day: 250}", "below 20.00 USD up to 100.00 USD, at most 250.00 USD a day"},
	} {
		targets := b.targets("acme", row.caps)
		d := b.diff(targets)
		if d.Err != nil || words(d.Changes) != "set rule topup_rule" || !strings.HasSuffix(d.Changes[0].Should, row.should) {
			t.Fatalf("%v: %+v, want %s", d.Err, d.Changes, row.should)
		}
		if o := b.apply(targets, d); !o.All() {
			t.Fatalf("%v: %s", o.Err, statuses(o))
		}
		if d := b.diff(targets); d.Err != nil || len(d.Changes) > 0 {
			t.Errorf("left: %v: %+v", d.Err, d.Changes)
		}
	}
	if n := b.sent.Load(); n != 2 {
		t.Errorf("it was sent %d times", n)
	}
}

// A portal that has no rule yet has no caps, and gets both.
func TestCapsOfAPortalWithoutARule(t *testing.T) {
	t.Parallel()
	b := newBursar(t)
	client, err := docspace.New(docspace.Config{URL: b.profile.URL, Key: b.profile.Key.Plain})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.SetTopUpSettings(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	targets := b.targets("acme", "{count: 3}")
	d := b.diff(targets)
	if d.Err != nil || len(d.Changes) != 1 || d.Changes[0].Is != "no rule" {
		t.Fatalf("%v: %+v", d.Err, d.Changes)
	}
	if o := b.apply(targets, d); !o.All() {
		t.Errorf("%v: %s", o.Err, statuses(o))
	}
}

// What the operator's API refuses is said in its words, and is no change.
func TestCapsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newBursar(t)
	targets := b.targets("acme", "{day: 300}")
	d := b.diff(targets)
	b.answers(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut { // as from one who asks for what can't be
			r.Body = io.NopCloser(strings.NewReader(`{"minBalance":"20","upToBalance":"10","currency":"USD"}`))
			r.ContentLength = -1
		}
		next.ServeHTTP(w, r)
	})
	o := b.apply(targets, d)
	if statuses(o) != "set rule: failed" || !strings.Contains(o.Results[0].Text, "400") || !errors.Is(o.Results[0].Err, manifest.ErrOperator) {
		t.Fatalf("%v: %s: %+v", o.Err, statuses(o), o.Results)
	}
	if n := b.sent.Load(); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
}

// An answer that is lost is looked into; a failure that is not settled is unknown.
func TestCapsWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answer       func(w http.ResponseWriter, r *http.Request, next http.Handler)
		status, text string
	}{
		"lost after": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(httptest.NewRecorder(), r)
			cut(w)
		}, "set rule: done", "the answer was lost; the portal has it"},
		"lost before": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { cut(w) }, "set rule: unknown", "no answer"},
		"failed": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.Error(w, "<html>Bad Gateway</html>", http.StatusBadGateway)
		}, "set rule: unknown", "Bad Gateway"},
		"no answer of Bursar's": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			fmt.Fprint(w, "<html>ok</html>")
		}, "set rule: unknown", "it does not answer as Bursar does"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, "/v1/elsewhere", http.StatusTemporaryRedirect)
		}, "set rule: unknown", "Temporary Redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBursar(t)
			targets := b.targets("acme", "{day: 300}")
			d := b.diff(targets)
			b.answers(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodPut {
					row.answer(w, r, next)
					return
				}
				next.ServeHTTP(w, r)
			})
			o := b.apply(targets, d)
			if statuses(o) != row.status || !strings.Contains(o.Results[0].Text, row.text) {
				t.Errorf("%v: %s: %+v", o.Err, statuses(o), o.Results)
			}
			if n := b.sent.Load(); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
		})
	}
}

// Caps that can't be read are not known: nothing is changed, and no key is told.
func TestCapsThatCantBeRead(t *testing.T) {
	t.Parallel()
	b := newBursar(t)
	said := func(status int, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, row := range map[string]struct {
		portal, key string
		answer      func(http.ResponseWriter, *http.Request, http.Handler)
		want        error
		text        string
	}{
		"wrong key":            {key: "bk-wrong-key", want: docspace.ErrUnauthorized, text: "401"},
		"no key":               {key: "-", want: fleet.ErrKey, text: "no key for portal operator of acme, by variable"},
		"an unknown id":        {portal: "nobody", want: docspace.ErrNotFound, text: "404"},
		"an address of no API": {answer: said(404, "<html>Not Found</html>"), want: docspace.ErrNotFound, text: "404"},
		"the key comes back":   {answer: said(403, `{"detail":"not with `+operatorKey+`"}`), want: docspace.ErrForbidden, text: "not with ***"},
		"another API":          {answer: said(200, `{"ok":true}`), want: manifest.ErrOperator, text: "the answer has no rule"},
		"nonsense":             {answer: said(200, `{"currency":"USD","caps":{"day":"much"}}`), want: manifest.ErrOperator, text: "read caps"},
		"failure":              {answer: said(500, ``), want: docspace.ErrPortalFailed, text: "500"},
		"nobody there":         {answer: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { cut(w) }, want: docspace.ErrUnreachable, text: "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			portal := row.portal
			if portal == "" {
				portal = "acme"
			}
			b.key = operatorKey
			if row.key != "" {
				b.key = strings.Trim(row.key, "-")
			}
			b.instead.Store(nil)
			if row.answer != nil {
				b.answers(row.answer)
			}
			d := b.diff(b.targets(portal, "{day: 300}"))
			if !errors.Is(d.Err, row.want) || !strings.Contains(d.Err.Error(), row.text) || len(d.Changes) > 0 {
				t.Fatalf("%v: %+v, want %v", d.Err, d.Changes, row.want)
			}
			if text := d.Err.Error(); strings.Contains(text, operatorKey) || strings.Contains(text, "bk-wrong-key") {
				t.Errorf("it tells the key: %s", text)
			}
		})
	}
}

// No key, of a portal or of an operator, is in the file of a plan.
func TestPlansWithCapsHoldNoKey(t *testing.T) {
	t.Parallel()
	b := newBursar(t)
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := manifest.SavePlan(path, time.Now(), []manifest.Diff{b.diff(b.targets("acme", "{day: 300}"))}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "OPERATOR_KEY") {
		t.Fatalf("%v: %s", err, text)
	}
	if strings.Contains(string(text), operatorKey) || strings.Contains(string(text), b.profile.Key.Plain) {
		t.Error("a key is in it")
	}
	all, err := manifest.LoadPlan(path)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if o := b.apply(b.targets("acme", "{day: 300}"), all[0]); !o.All() {
		t.Errorf("%v: %s", o.Err, statuses(o))
	}
}
