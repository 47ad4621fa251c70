package doctor_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/doctor"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

const key = "sk-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// physician is a doctor with our clock.
func physician() *doctor.Doctor {
	return &doctor.Doctor{Keys: &fleet.Keys{}, Now: time.Now, Timeout: 30 * time.Second}
}

func profile(url, key string) fleet.Profile {
	return fleet.Profile{Name: "acme", URL: url, Key: fleet.Key{Plain: key}}
}

// states are what came of each step.
func states(d doctor.Diagnosis) map[doctor.Step]doctor.State {
	all := map[doctor.Step]doctor.State{}
	for _, f := range d.Findings {
		all[f.Step] = f.State
	}
	return all
}

// examined examines a portal and looks at what was found: steps that are not named must
// be OK, or Skipped after one that failed. The text of each step must hold a part.
func examined(t *testing.T, d *doctor.Doctor, p fleet.Profile, want map[doctor.Step]doctor.State, texts map[doctor.Step]string) doctor.Diagnosis {
	t.Helper()
	got := d.Examine(t.Context(), p)
	failed := false
	for i, f := range got.Findings {
		if f.Step != doctor.Steps()[i] {
			t.Fatalf("step %d is %s", i, f.Step)
		}
		expected, named := want[f.Step]
		switch {
		case named && f.State != expected, !named && f.State != doctor.OK && !(failed && f.State == doctor.Skipped):
			t.Errorf("%s is %s: %s", f.Step, f.State, f.Text)
		case !strings.Contains(f.Text, texts[f.Step]) || f.Text == "":
			t.Errorf("%s lacks %q: %s", f.Step, texts[f.Step], f.Text)
		case (f.State == doctor.Failed) && f.Hint == "":
			t.Errorf("%s failed with no advice: %s", f.Step, f.Text)
		}
		failed = failed || f.State == doctor.Failed
		for _, text := range []string{f.Text, f.Hint} {
			if p.Key.Plain != "" && strings.Contains(text, p.Key.Plain) {
				t.Errorf("%s shows the key: %s", f.Step, text)
			}
		}
	}
	return got
}

// A portal without TLS is well but for that, and nothing is changed by looking.
func TestAPortalThatIsWell(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	d := examined(t, physician(), profile(portal.URL, portal.Key), map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped}, map[doctor.Step]string{
		doctor.API: "asks for a key", doctor.Key: "takes it", doctor.Scope: "change what its user may", doctor.Role: "administrator", doctor.Payer: "Olivia Owner",
		doctor.TopUp: "below 20.00 USD, up to 100.00 USD", doctor.Routes: "6 of 6 of DocSpace 3.7, 4 of 4 of DocSpace 3.8, 2 of 2 of DocSpace 4.x",
	})
	if d.Worst() != doctor.OK || d.Portal != "acme" || d.URL != portal.URL {
		t.Errorf("%+v", d)
	}
	for _, r := range d.Routes {
		if r.Presence != doctor.There || r.Path == "" || r.Name == "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestNothingButReadsIsSent(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.Method] = true
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"response":{"id":1,"state":1,"customerId":"","quotas":[]},"count":1,"status":0,"statusCode":200}`)
	}))
	defer server.Close()
	physician().Examine(t.Context(), profile(server.URL, key))
	if diff := cmp.Diff(map[string]bool{"GET": true}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	made := func(request docspace.KeyRequest) string {
		request.Name = "examined"
		made, err := portal.Client().CreateKey(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		return made.Key
	}
	expired := made(docspace.KeyRequest{ExpiresInDays: 1})
	portal.Advance(48 * time.Hour)
	later := physician()
	later.Now = portal.Now // of the portal's clock, and so ahead of its answers' dates
	for name, test := range map[string]struct {
		doctor *doctor.Doctor
		key    string
		want   map[doctor.Step]doctor.State
		texts  map[doctor.Step]string
	}{
		"unknown":   {physician(), key, map[doctor.Step]doctor.State{doctor.Key: doctor.Failed}, map[doctor.Step]string{doctor.Key: "not known to this portal"}},
		"expired":   {physician(), expired, map[doctor.Step]doctor.State{doctor.Key: doctor.Failed}, map[doctor.Step]string{doctor.Key: "has expired"}},
		"module":    {physician(), made(docspace.KeyRequest{Permissions: []string{"rooms:read"}}), map[doctor.Step]doctor.State{doctor.Scope: doctor.Failed, doctor.Routes: doctor.OK}, map[doctor.Step]string{doctor.Scope: "lacks the scope", doctor.Routes: "not for this key"}},
		"read only": {physician(), made(docspace.KeyRequest{Permissions: []string{"*:read"}}), nil, map[doctor.Step]string{doctor.Scope: "may read"}},
		"soon":      {later, made(docspace.KeyRequest{ExpiresInDays: 10}), map[doctor.Step]doctor.State{doctor.Key: doctor.Warning, doctor.Clock: doctor.Failed}, map[doctor.Step]string{doctor.Key: "until it expires on"}},
		"plain":     {physician(), portal.KeyOf(billing.Member), map[doctor.Step]doctor.State{doctor.Role: doctor.Failed, doctor.Routes: doctor.OK}, map[doctor.Step]string{doctor.Role: "plain user"}},
		"guest":     {physician(), portal.KeyOf(billing.Guest), map[doctor.Step]doctor.State{doctor.Role: doctor.Failed, doctor.Routes: doctor.OK}, map[doctor.Step]string{doctor.Role: "guest"}},
		"rooms":     {physician(), portal.KeyOf(billing.RoomAdmin), map[doctor.Step]doctor.State{doctor.Role: doctor.Failed, doctor.Routes: doctor.OK}, map[doctor.Step]string{doctor.Role: "administers rooms"}},
		"admin":     {physician(), portal.KeyOf(billing.Admin), nil, nil},
		"broken":    {physician(), "sk-\x01", map[doctor.Step]doctor.State{doctor.Key: doctor.Failed}, map[doctor.Step]string{doctor.Key: "position 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped}
			for step, state := range test.want {
				want[step] = state
			}
			examined(t, test.doctor, profile(portal.URL, test.key), want, test.texts)
		})
	}
}

// What a portal says of a key that was revoked, and a stock portal of any.
func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	for challenge, want := range map[string]string{
		"": "it is unknown, expired or revoked",
		`Bearer realm="DocSpace", error="invalid_token", error_description="the API key was revoked"`: "the API key was revoked",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if challenge != "" && r.Header.Get("Authorization") != "" {
				w.Header().Set("WWW-Authenticate", challenge)
			}
			w.WriteHeader(http.StatusUnauthorized)
		}))
		examined(t, physician(), profile(server.URL, key), map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped, doctor.Key: doctor.Failed}, map[doctor.Step]string{doctor.Key: want})
		server.Close()
	}
}

// The key is found in the portal's list by its end, among those that are in use.
func TestKeysInTheList(t *testing.T) {
	t.Parallel()
	const listed = `{"id":"%d","name":"k","keyPostfix":"sk-***%s","permissions":[%s],"createOn":"2026-01-01T00:00:00Z","isActive":%t}`
	for want, keys := range map[string]string{
		"change nothing":       fmt.Sprintf(listed, 1, "cdef", `"*:read"`, true) + "," + fmt.Sprintf(listed, 2, "cdef", "", false) + "," + fmt.Sprintf(listed, 3, "0000", "", true),
		"change what its user": fmt.Sprintf(listed, 1, "cdef", "", true),
		"the key may read":     fmt.Sprintf(listed, 1, "cdef", "", true) + "," + fmt.Sprintf(listed, 2, "cdef", `"*:read"`, true),
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Authorization") == "":
				w.WriteHeader(http.StatusUnauthorized)
			case strings.HasSuffix(r.URL.Path, "/keys"):
				fmt.Fprintf(w, `{"response":[%s],"count":1,"status":0,"statusCode":200}`, keys)
			default:
				fmt.Fprint(w, `{"response":{"id":0,"state":1},"count":1,"status":0,"statusCode":200}`)
			}
		}))
		for _, f := range physician().Examine(t.Context(), profile(server.URL, key)).Findings {
			if f.Step == doctor.Scope && !strings.HasSuffix(f.Text, want) && !strings.HasSuffix(f.Text, want+" may") {
				t.Errorf("%s: %s", want, f.Text)
			}
		}
		server.Close()
	}
}

// A key that can't be had keeps nothing else from being looked at.
func TestNoKey(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	p := profile(portal.URL, "")
	p.Key = fleet.Key{Variable: "NOTHING"}
	d := examined(t, physician(), p, map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped, doctor.Key: doctor.Failed}, map[doctor.Step]string{doctor.Key: "no key for portal acme, by variable"})
	if got := states(d); got[doctor.API] != doctor.OK || got[doctor.Clock] != doctor.OK {
		t.Error(got)
	}
	// And where nothing listens, there still is a key.
	d = physician().Examine(t.Context(), profile("http://127.0.0.1:1", key))
	if got := states(d); got[doctor.Connection] != doctor.Failed || got[doctor.Key] != doctor.Skipped {
		t.Error(got)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct {
		step doctor.Step
		text string
	}{
		"":                               {doctor.Address, "empty"},
		"portal.example.com":             {doctor.Address, "does not start with https://"},
		"ftp://portal.example.com":       {doctor.Address, "does not start with https://"},
		"https://user:pw@portal.example": {doctor.Address, "user name"},
		"https://portal.example.com?x=1": {doctor.Address, "query"},
		"https://gone.example.com":       {doctor.Host, "there is no host gone.example.com"},
		"https://sick.example.com":       {doctor.Host, "can't be looked up"},
		"https://empty.example.com":      {doctor.Host, "has no address"},
	} {
		d := physician()
		d.LookupHost = func(_ context.Context, host string) ([]string, error) {
			switch host {
			case "gone.example.com":
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			case "sick.example.com":
				return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
			}
			return nil, nil
		}
		got := d.Examine(t.Context(), profile(address, key))
		if got.Worst() != doctor.Failed || states(got)[want.step] != doctor.Failed {
			t.Errorf("%s: %v", address, states(got))
		}
		for _, f := range got.Findings {
			if f.Step == want.step && (!strings.Contains(f.Text, want.text) || strings.Contains(f.Text+got.URL, "pw@")) {
				t.Errorf("%s: %s", address, f.Text)
			}
		}
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	for ahead, want := range map[time.Duration]struct {
		state doctor.State
		text  string
	}{
		0:                 {doctor.OK, "agree"},
		time.Minute:       {doctor.Warning, "behind this machine's"},
		-time.Minute:      {doctor.Warning, "ahead of this machine's"},
		10 * time.Minute:  {doctor.Failed, "behind this machine's"},
		-10 * time.Minute: {doctor.Failed, "ahead of this machine's"},
	} {
		d := physician()
		d.Now = func() time.Time { return time.Now().Add(ahead) }
		examined(t, d, profile(portal.URL, portal.Key), map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped, doctor.Clock: want.state}, map[doctor.Step]string{doctor.Clock: want.text})
	}
}

// A clock is off by what can't be explained by how long an answer took.
func TestSlowAnswersAreNoSkew(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	var mu sync.Mutex
	now := time.Now().Add(-time.Hour)
	d := physician()
	d.Now = func() time.Time { // each look at the clock is an hour later
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Hour)
		return now
	}
	examined(t, d, profile(portal.URL, portal.Key), map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped}, map[doctor.Step]string{doctor.Clock: "agree"})
}

func TestPayersAndRules(t *testing.T) {
	t.Parallel()
	usd := func(n int64) money.Amount { return money.FromUnits(n*money.Scale, "USD") }
	const rule = `{"response":{"enabled":true,"minBalance":100,"upToBalance":20,"currency":"USD"},"count":1,"status":0,"statusCode":200}`
	for name, test := range map[string]struct {
		spoil func(*docspacetest.Portal)
		want  map[doctor.Step]doctor.State
		texts map[doctor.Step]string
	}{
		"orphaned": {
			func(p *docspacetest.Portal) { p.SetCustomer(billing.CustomerChange{Email: "gone@example.com"}) },
			map[doctor.Step]doctor.State{doctor.Payer: doctor.Failed}, map[doctor.Step]string{doctor.Payer: "gone@example.com", doctor.TopUp: "refilled below"},
		},
		"expired card": {
			func(p *docspacetest.Portal) { p.SetCustomer(billing.CustomerChange{MethodStatus: "expired"}) },
			map[doctor.Step]doctor.State{doctor.Billing: doctor.Warning}, map[doctor.Step]string{doctor.Billing: "expired"},
		},
		"no card": {
			func(p *docspacetest.Portal) { p.SetCustomer(billing.CustomerChange{MethodStatus: "none"}) },
			map[doctor.Step]doctor.State{doctor.Billing: doctor.Warning}, map[doctor.Step]string{doctor.Billing: "without a payment method"},
		},
		"nobody": {
			func(p *docspacetest.Portal) { p.Inject(docspacetest.Fault{Path: "customerinfo", Null: true}) },
			map[doctor.Step]doctor.State{doctor.Billing: doctor.Warning, doctor.Payer: doctor.Skipped}, map[doctor.Step]string{doctor.Billing: "nobody pays"},
		},
		"not connected": {
			func(p *docspacetest.Portal) {
				p.Inject(docspacetest.Fault{Path: "customerinfo", Status: 403, Body: `{"error":{"message":"Tariff service is not configured"},"status":1,"statusCode":403}`})
			},
			map[doctor.Step]doctor.State{doctor.Billing: doctor.Failed, doctor.TopUp: doctor.OK, doctor.Routes: doctor.OK}, map[doctor.Step]string{doctor.Billing: "Tariff service is not configured"},
		},
		"rule": {
			func(p *docspacetest.Portal) { p.Inject(docspacetest.Fault{Path: "topupsettings", Body: rule}) },
			map[doctor.Step]doctor.State{doctor.TopUp: doctor.Failed}, map[doctor.Step]string{doctor.TopUp: "below 100.00 USD, and only up to 20.00 USD"},
		},
		"rule off": {
			func(p *docspacetest.Portal) { p.SetTopUpRule(false, usd(20), usd(100)) },
			nil, map[doctor.Step]string{doctor.TopUp: "not refilled"},
		},
		"balance unknown": {
			func(p *docspacetest.Portal) { p.Inject(docspacetest.Fault{Path: "customer/balance", Null: true}) },
			nil, map[doctor.Step]string{doctor.TopUp: "refilled below"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			portal := docspacetest.New(t)
			test.spoil(portal)
			want := map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped}
			for step, state := range test.want {
				want[step] = state
			}
			examined(t, physician(), profile(portal.URL, portal.Key), want, test.texts)
		})
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults []docspacetest.Fault
		state  doctor.State
		text   string
		route  string // one that is not there, and how
		is     doctor.Presence
	}{
		"older": {
			[]docspacetest.Fault{{Path: "tariff/upcoming", Status: 404}, {Path: "activeservices", Status: 404}, {Path: "prices/backup", Status: 404}},
			doctor.OK, "6 of 6 of DocSpace 3.7, 3 of 4 of DocSpace 3.8, 0 of 2 of DocSpace 4.x", "payments to come", doctor.Missing,
		},
		"very old": {[]docspacetest.Fault{{Path: "customer/operations", Status: 404}}, doctor.Warning, "it lacks operations", "operations", doctor.Missing},
		"failing":  {[]docspacetest.Fault{{Path: "walletservices", Status: 500}}, doctor.Warning, "of 1 it is not clear", "wallet services", doctor.Unclear},
		"storm":    {[]docspacetest.Fault{{Path: "servicessettings", Status: 429, RetryAfter: time.Hour}}, doctor.Warning, "not clear", "services switched on", doctor.Unclear},
		"empty handed": {
			[]docspacetest.Fault{{Path: "operationsreport", Status: 404, Body: `{"error":{"message":"Customer could not be found"},"status":1,"statusCode":404}`}},
			doctor.OK, "6 of 6 of DocSpace 3.7", "report of operations", doctor.There,
		},
		"unpaid":  {[]docspacetest.Fault{{Path: "subscription/balance", Status: 402}}, doctor.OK, "4 of 4 of DocSpace 3.8", "what is left of a plan", doctor.There},
		"payer's": {[]docspacetest.Fault{{Path: "subscription/balance", Status: 403}}, doctor.OK, "not for this key", "what is left of a plan", doctor.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			portal := docspacetest.New(t)
			for _, fault := range test.faults {
				portal.Inject(fault)
			}
			d := examined(t, physician(), profile(portal.URL, portal.Key), map[doctor.Step]doctor.State{doctor.TLS: doctor.Skipped, doctor.Routes: test.state}, map[doctor.Step]string{doctor.Routes: test.text})
			for _, r := range d.Routes {
				if r.Name == test.route && r.Presence != test.is {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}
