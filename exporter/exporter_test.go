package exporter_test

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/exporter"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/testenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

// watcher is time that is moved by hand, and what was logged.
type watcher struct {
	testenv.Clock
	testenv.Log
}

func profileOf(name string, p *docspacetest.Portal) fleet.Profile {
	return fleet.Profile{Name: name, URL: p.URL, Key: fleet.Key{Plain: p.Key}}
}

// newExporter returns an exporter whose client repeats nothing.
func newExporter(w *watcher, change func(*exporter.Config), profiles ...fleet.Profile) *exporter.Exporter {
	if w.Now().IsZero() {
		w.Set(time.Now())
	}
	config := exporter.Config{
		Reader:  &fleet.Reader{Keys: &fleet.Keys{}, Timeout: time.Minute, Config: docspace.Config{MaxAttempts: 1}},
		Portals: profiles, Now: w.Now, Chance: func(n int64) int64 { return n / 2 },
		Log: slog.New(slog.NewTextHandler(w, nil)), Version: "1.2.3",
	}
	if change != nil {
		change(&config)
	}
	return exporter.New(config)
}

// shown are the lines of samples, by what they are of.
func shown(t *testing.T, e *exporter.Exporter) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(text(t, e)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			place := strings.LastIndexByte(line, ' ')
			all[line[:place]] = line[place+1:]
		}
	}
	return all
}

func text(t *testing.T, e *exporter.Exporter) string {
	t.Helper()
	// The library's own look at each sample: nothing twice, nothing out of order.
	if _, err := (prometheus.Gatherers{e}).Gather(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := e.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// once reads all portals, and returns what could not be read of them.
func once(t *testing.T, e *exporter.Exporter) map[string]error {
	t.Helper()
	failed := map[string]error{}
	if err := e.ReadOnce(t.Context(), func(p fleet.Profile, err error) { failed[p.Name] = err }); err != nil {
		t.Fatal(err)
	}
	return failed
}

// want compares some samples; "" means that there is none.
func want(t *testing.T, got map[string]string, wants map[string]string) {
	t.Helper()
	for name, value := range wants {
		if got[name] != value {
			t.Errorf("%s is %q, not %q", name, got[name], value)
		}
	}
}

// has reports whether there is a sample whose name begins so.
func has(got map[string]string, start string) bool {
	for name := range got {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// spent has a portal pay 2.50 USD a day for so many days.
func spent(p *docspacetest.Portal, days int) {
	for n := range days {
		p.Advance(24 * time.Hour)
		p.Charge(billing.Charge{Service: "backup", Quantity: int64(n + 1), Amount: usd(2_50), Participant: "nightly"})
	}
}

// usd returns an amount of cents.
func usd(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "USD") }

// What changes from run to run: moments, and how long something took.
var moving = regexp.MustCompile(`(?m)^(docspace_\w*(?:timestamp|duration)_seconds\{.*\}) .*$`)

func TestMetricsOfAPortal(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	spent(portal, 20)
	profile := profileOf("acme", portal)
	profile.Groups = []string{"paying", "eu"}
	e := newExporter(&watcher{}, nil, profile)
	if err := once(t, e)["acme"]; err != nil {
		t.Fatal(err)
	}
	got := moving.ReplaceAllString(text(t, e), "$1 MOVING")
	got = regexp.MustCompile(`host="127\.0\.0\.1:\d+"`).ReplaceAllString(got, `host="127.0.0.1"`)
	golden := filepath.Join("testdata", "metrics.prom")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	problems, err := promlint.New(strings.NewReader(text(t, e))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if strings.Contains(got, portal.Key) {
		t.Error("the key is in it")
	}
}

// A portal whose cache is broken answers with nothing. That is not nought.
func TestUnknownIsAbsent(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	spent(portal, 20)
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	once(t, e)
	if got := shown(t, e); !has(got, "docspace_wallet_balance{") || !has(got, "docspace_wallet_runway_seconds{") {
		t.Fatalf("it is there otherwise: %v", slices.Sorted(maps.Keys(got)))
	}
	for _, path := range []string{"customer/balance", "customerinfo", "topupsettings", "payment/quota", "tariff/upcoming"} {
		portal.Inject(docspacetest.Fault{Path: path, Null: true})
	}
	if err := once(t, e)["acme"]; err != nil {
		t.Fatal(err)
	}
	got := shown(t, e)
	want(t, got, map[string]string{
		`docspace_up{portal="acme"}`:                               "1",
		`docspace_wallet_known{portal="acme"}`:                     "0",
		`docspace_part_up{part="balance",portal="acme"}`:           "1",
		`docspace_scrape_errors_total{kind="other",portal="acme"}`: "0",
	})
	for _, absent := range []string{"wallet_balance", "wallet_runway", "wallet_weekly", "wallet_refilled", "wallet_last_credit", "topup_", "payment_method", "payer_", "plan_", "upcoming_"} {
		if has(got, "docspace_"+absent) {
			t.Errorf("docspace_%s… is there", absent)
		}
	}
}

func TestPayers(t *testing.T) {
	t.Parallel()
	for value, customer := range map[string]string{
		"1": `{"portalId":"p","paymentMethodStatus":1,"email":"owner@example.com","payer":{"id":"1","displayName":"Olivia"}}`,
		"0": `{"portalId":"p","paymentMethodStatus":1,"email":"gone@example.com"}`,
		"":  `{"portalId":"p","paymentMethodStatus":1}`, // who pays is not known
	} {
		portal := docspacetest.New(t)
		portal.Inject(docspacetest.Fault{Path: "customerinfo", Body: `{"response":` + customer + `,"status":0,"statusCode":200}`})
		e := newExporter(&watcher{}, nil, profileOf("acme", portal))
		if err := once(t, e)["acme"]; err != nil {
			t.Fatal(err)
		}
		want(t, shown(t, e), map[string]string{
			`docspace_payer_known{portal="acme"}`: value, `docspace_payment_method_set{portal="acme"}`: "1",
		})
	}
}

// Too short a past says nothing of how long a wallet lasts.
func TestRunwayThatIsNotKnownIsAbsent(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	spent(portal, 3)
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	once(t, e)
	got := shown(t, e)
	if has(got, "docspace_wallet_runway") || has(got, "docspace_wallet_weekly") {
		t.Errorf("%v", got)
	}
	want(t, got, map[string]string{`docspace_part_up{part="runway",portal="acme"}`: "1"})
}

func TestWhatFailsIsKeptForAWhile(t *testing.T) {
	t.Parallel()
	portal, w := docspacetest.New(t), &watcher{}
	e := newExporter(w, func(c *exporter.Config) { c.MaxAge = time.Hour }, profileOf("acme", portal))
	once(t, e)
	balance := `docspace_wallet_balance{currency="USD",portal="acme"}`
	want(t, shown(t, e), map[string]string{balance: "148.5", `docspace_up{portal="acme"}`: "1"})

	portal.Inject(docspacetest.BadGateway())
	w.Move(time.Hour)
	if err := once(t, e)["acme"]; !errors.Is(err, docspace.ErrPortalFailed) {
		t.Errorf("%v", err)
	}
	want(t, shown(t, e), map[string]string{
		balance: "148.5", `docspace_up{portal="acme"}`: "0", `docspace_part_up{part="balance",portal="acme"}`: "0",
		`docspace_scrape_errors_total{kind="portal_failed",portal="acme"}`: "1",
	})
	if logged := w.String(); !strings.Contains(logged, "can't be read") || !strings.Contains(logged, "portal=acme") {
		t.Errorf("%s", logged)
	}

	w.Move(time.Second)
	got := shown(t, e)
	want(t, got, map[string]string{balance: "", `docspace_up{portal="acme"}`: "0"})
	for _, absent := range []string{"wallet_", "plan_", "topup_", "upcoming_"} {
		if has(got, "docspace_"+absent) {
			t.Errorf("docspace_%s… is there", absent)
		}
	}
	if !has(got, "docspace_last_success_timestamp_seconds") {
		t.Error("nobody knows when it was last read")
	}

	portal.Heal()
	once(t, e)
	want(t, shown(t, e), map[string]string{balance: "148.5", `docspace_up{portal="acme"}`: "1"})
	if logged := w.String(); !strings.Contains(logged, "read again") {
		t.Errorf("%s", logged)
	}
}

// Without anybody who reads, what is known grows old.
func TestOldIsNotShown(t *testing.T) {
	t.Parallel()
	portal, w := docspacetest.New(t), &watcher{}
	e := newExporter(w, nil, profileOf("acme", portal))
	once(t, e)
	w.Move(time.Hour + time.Second)
	got := shown(t, e)
	want(t, got, map[string]string{`docspace_up{portal="acme"}`: "0", `docspace_part_up{part="quota",portal="acme"}`: "0"})
	if has(got, "docspace_wallet_") || has(got, "docspace_plan_") {
		t.Errorf("%v", got)
	}
}

func TestPartsFailByThemselves(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	denied := docspacetest.Denied()
	denied.Path = "payment/quota"
	portal.Inject(denied)
	portal.Inject(docspacetest.Fault{Path: "tariff/upcoming", Status: 404}) // as before 3.8
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	if err := once(t, e)["acme"]; !errors.Is(err, docspace.ErrForbidden) {
		t.Errorf("%v", err)
	}
	got := shown(t, e)
	want(t, got, map[string]string{
		`docspace_up{portal="acme"}`:                                   "1",
		`docspace_part_up{part="balance",portal="acme"}`:               "1",
		`docspace_part_up{part="quota",portal="acme"}`:                 "0",
		`docspace_part_up{part="upcoming",portal="acme"}`:              "",
		`docspace_scrape_errors_total{kind="forbidden",portal="acme"}`: "1",
		`docspace_scrape_errors_total{kind="not_found",portal="acme"}`: "0",
		`docspace_wallet_balance{currency="USD",portal="acme"}`:        "148.5",
	})
	if has(got, "docspace_plan_") {
		t.Error("there is a plan that was never read")
	}
}

func TestFailuresHaveAKind(t *testing.T) {
	t.Parallel()
	for kind, fault := range map[string]docspacetest.Fault{
		"unauthorized": docspacetest.Unauthorized(), "forbidden": docspacetest.Denied(), "not_found": {Status: 404},
		"rate_limited": docspacetest.TooMany(time.Minute), "refused": {Status: 400, Body: "{}"}, "portal_failed": docspacetest.Failed(),
		"unreachable": {Cut: true}, "malformed": docspacetest.LoginPage(),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			portal := docspacetest.New(t)
			portal.Inject(fault)
			e := newExporter(&watcher{}, nil, profileOf("acme", portal))
			if once(t, e)["acme"] == nil {
				t.Fatal("nothing failed")
			}
			failed := `docspace_scrape_errors_total{kind="` + kind + `",portal="acme"}`
			want(t, shown(t, e), map[string]string{failed: "1", `docspace_up{portal="acme"}`: "0"})
		})
	}
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		e := newExporter(&watcher{}, nil, fleet.Profile{Name: "acme", URL: "http://127.0.0.1:1", Key: fleet.Key{Variable: "NONE"}})
		once(t, e)
		want(t, shown(t, e), map[string]string{
			`docspace_scrape_errors_total{kind="key",portal="acme"}`: "1", `docspace_up{portal="acme"}`: "0", `docspace_requests_total{portal="acme"}`: "0",
		})
	})
}

// What the client repeats is counted, too.
func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	fault := docspacetest.TooMany(0)
	fault.Path, fault.Times = "customer/balance", 2
	portal.Inject(fault)
	e := newExporter(&watcher{}, func(c *exporter.Config) { c.Reader.Config.MaxAttempts = 4 }, profileOf("acme", portal))
	if err := once(t, e)["acme"]; err != nil {
		t.Fatal(err)
	}
	want(t, shown(t, e), map[string]string{
		`docspace_requests_total{portal="acme"}`:     fmt.Sprint(portal.Requests("")),
		`docspace_rate_limited_total{portal="acme"}`: "2",
	})
}

// How long a wallet lasts takes more to read than all else.
func TestRunwayIsReadNowAndThen(t *testing.T) {
	t.Parallel()
	portal, w := docspacetest.New(t), &watcher{}
	spent(portal, 20)
	e := newExporter(w, func(c *exporter.Config) { c.RunwayInterval = 30 * time.Minute }, profileOf("acme", portal))
	once(t, e)
	read := portal.Requests("customer/operations")
	if read == 0 {
		t.Fatal("the past was not read")
	}
	w.Move(29 * time.Minute)
	once(t, e)
	if portal.Requests("customer/operations") != read {
		t.Error("the past was read again")
	}
	if !has(shown(t, e), "docspace_wallet_runway_seconds") {
		t.Error("what was known is forgotten")
	}
	w.Move(time.Minute)
	once(t, e)
	if portal.Requests("customer/operations") == read {
		t.Error("the past was not read again")
	}
}
