package manifest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/money"
)

func listed(diffs map[string]manifest.Diff) (all []manifest.Diff) {
	for _, d := range diffs {
		all = append(all, d)
	}
	return all
}

// What is saved is what is applied, once: the second time the portals are not as they
// were.
func TestAPlanIsAppliedAsItWasAgreedTo(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	targets := f.targets(much)
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := manifest.SavePlan(path, time.Unix(1_700_000_000, 0), listed(f.diff(targets))); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.of {
		if strings.Contains(string(text), p.Key) {
			t.Error("a key is in it")
		}
	}
	if is, err := manifest.IsPlan(path); !is || err != nil {
		t.Errorf("it is taken for no plan: %v", err)
	}
	for _, want := range []bool{true, false} {
		plan, err := manifest.LoadPlan(path)
		if err != nil {
			t.Fatal(err)
		}
		agreed := map[string]manifest.Diff{}
		for _, d := range plan {
			agreed[d.Portal] = d
		}
		for name, o := range f.apply(t.Context(), targets, agreed) {
			if o.All() != want || !want && !errors.Is(o.Err, manifest.ErrChanged) {
				t.Errorf("%s: %v: %s", name, o.Err, statuses(o))
			}
		}
	}
}

// A plan that leaves out what costs something goes on leaving it out.
func TestAPlanOfWhatIsFreeStaysFree(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	targets := f.targets(much)
	path := filepath.Join(t.TempDir(), "plan.json")
	f.engine.FreeOnly = true
	if err := manifest.SavePlan(path, time.Now(), listed(f.diff(targets))); err != nil {
		t.Fatal(err)
	}
	f.engine.FreeOnly = false
	plan, err := manifest.LoadPlan(path)
	if err != nil {
		t.Fatal(err)
	}
	agreed := map[string]manifest.Diff{}
	for _, d := range plan {
		agreed[d.Portal] = d
	}
	if o := f.apply(t.Context(), targets, agreed)["acme"]; !o.All() || len(o.Results) != 3 {
		t.Errorf("%v: %s", o.Err, statuses(o))
	}
	if available(t, f.of["acme"]) != "148.50" {
		t.Error("something was paid")
	}
}

// A plan that somebody wrote into does nothing else than it says.
func TestWhatIsNoPlanIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string]struct {
		text string
		plan bool
		want string
	}{
		"a manifest":   {"version: 1\nportals: {a: {}}", false, "invalid character"},
		"nothing":      {"", false, "EOF"},
		"as JSON":      {`{"version": 1, "portals": {}}`, false, "unknown field"},
		"later":        {`{"bursarPlan": 2, "portals": []}`, true, "it is of version 2, and not 1"},
		"more":         {"\n{ \"bursarPlan\" : 1, \"portals\": [], \"more\": 1}", true, "unknown field"},
		"cut":          {`{"bursarPlan": 1, "portals": [`, true, "unexpected EOF"},
		"twice":        {`{"bursarPlan": 1, "portals": [{"portal": "a"}, {"portal": "a"}]}`, true, `portal "a" stands there twice`},
		"caps alone":   {`{"bursarPlan": 1, "portals": [{"portal": "a", "wanted": {"topupRule": {"caps": {"count": 1}}}}]}`, true, "there are caps, and no operator"},
		"wrong amount": {`{"bursarPlan": 1, "portals": [{"portal": "a", "wanted": {"topupRule": {"min": {"amount": "x"}}}}]}`, true, "amount"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if is, err := manifest.IsPlan(path); is != row.plan || err != nil {
			t.Errorf("%s is a plan: %t, %v", name, is, err)
		}
		if _, err := manifest.LoadPlan(path); !errors.Is(err, manifest.ErrPlan) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, not %s", name, err, row.want)
		}
	}
	for name, call := range map[string]func(string) error{
		"IsPlan":   func(path string) error { _, err := manifest.IsPlan(path); return err },
		"LoadPlan": func(path string) error { _, err := manifest.LoadPlan(path); return err },
		"SavePlan": func(path string) error { return manifest.SavePlan(path, time.Now(), nil) },
	} {
		if err := call(filepath.Join(dir, "none", "plan")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// How portals are is a manifest, and they are as it says.
func TestHowPortalsAreIsAManifest(t *testing.T) {
	t.Parallel()
	names := []string{"acme", "free", "no", "1e3"}
	f := newFleet(t, names...)
	f.of["free"].SetPurchases()
	f.of["free"].ClearTopUpRule()
	f.of["no"].SetPurchases(billing.Purchase{Plan: -14, Quantity: 10, DueAt: f.of["no"].Now().AddDate(0, 1, 0), PaidFrom: "wallet"})
	f.of["1e3"].SetTopUpRule(false, money.FromUnits(money.Scale*11/2, "EUR"), money.FromUnits(70*money.Scale, "EUR"))
	half := int64(0)
	if ok, err := f.of["1e3"].Client().ScheduleWallet(t.Context(), "storage", &half, ""); !ok || err != nil {
		t.Fatal(ok, err)
	}
	var profiles []fleet.Profile
	for _, name := range names {
		profiles = append(profiles, fleet.Profile{Name: name, URL: f.of[name].URL, Key: fleet.Key{Plain: f.of[name].Key}})
	}
	text := manifest.Head
	if err := f.engine.Describe(t.Context(), profiles, func(_ fleet.Profile, lines string, err error) error {
		text += lines
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  acme:\n    topup_rule: {enabled: true, min: 20.00, up_to: 100.00, currency: USD}\n    services: {backup: on, aitools: off}\n    quantities:\n      storage: 100\n    plan: {quantity: 10}\n",
		"  free:\n    topup_rule: none\n", "  \"no\":\n", "      adminwallet: 10\n", "  \"1e3\":\n", "min: 5.50, up_to: 70.00, currency: EUR", "storage: 0 # 100 until the period ends\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	for name, d := range f.diff(f.targets(text)) {
		if d.Err != nil || len(d.Changes) > 0 || d.Problems != nil {
			t.Errorf("%s: %v, %s, %v", name, d.Err, words(d.Changes), d.Problems)
		}
	}
	f.of["acme"].Inject(docspacetest.Failed())
	failed := 0
	if err := f.engine.Describe(t.Context(), profiles[:1], func(_ fleet.Profile, _ string, err error) error {
		if err != nil {
			failed++
		}
		return nil
	}); err != nil || failed != 1 {
		t.Errorf("of one that fails: %d, %v", failed, err)
	}
}
