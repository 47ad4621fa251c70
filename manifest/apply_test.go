package manifest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/money"
)

// fleetOf is some portals, each under its name.
type fleetOf struct {
	t      *testing.T
	engine *manifest.Engine
	of     map[string]*docspacetest.Portal
}

func newFleet(t *testing.T, names ...string) *fleetOf {
	t.Helper()
	f := &fleetOf{t: t, of: map[string]*docspacetest.Portal{}}
	f.engine = &manifest.Engine{Agent: "test", Reader: &fleet.Reader{Keys: &fleet.Keys{}, Config: docspace.Config{Refresh: true, MaxAttempts: 1}}}
	for _, name := range names {
		f.of[name] = docspacetest.New(t)
	}
	return f
}

func (f *fleetOf) targets(text string) (all []manifest.Target) {
	f.t.Helper()
	m, err := manifest.Parse([]byte(text))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range m.Portals {
		portal := f.of[p.Name]
		all = append(all, manifest.Target{
			Profile: fleet.Profile{Name: p.Name, URL: portal.URL, Key: fleet.Key{Plain: portal.Key}}, Wanted: p.Wanted,
		})
	}
	return all
}

func profilesOf(targets []manifest.Target) (all []fleet.Profile) {
	for _, t := range targets {
		all = append(all, t.Profile)
	}
	return all
}

func (f *fleetOf) diff(targets []manifest.Target) map[string]manifest.Diff {
	f.t.Helper()
	all := map[string]manifest.Diff{}
	if err := f.engine.Diff(f.t.Context(), targets, true, func(d manifest.Diff) error {
		all[d.Portal] = d
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	return all
}

func (f *fleetOf) apply(ctx context.Context, targets []manifest.Target, diffs map[string]manifest.Diff) map[string]manifest.Outcome {
	f.t.Helper()
	var agreed []manifest.Diff
	for _, d := range diffs {
		agreed = append(agreed, d)
	}
	all := map[string]manifest.Outcome{}
	f.engine.Apply(ctx, agreed, profilesOf(targets), func(o manifest.Outcome) {
		if _, twice := all[o.Portal]; twice {
			f.t.Errorf("%s is told twice", o.Portal)
		}
		all[o.Portal] = o
	})
	return all
}

// words says in a line what differs, or came of it.
func words(changes []manifest.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, string(c.Kind)+" "+c.Member)
	}
	return strings.Join(all, ", ")
}

func statuses(o manifest.Outcome) string {
	var all []string
	for _, r := range o.Results {
		all = append(all, string(r.Change.Kind)+": "+string(r.Status))
	}
	return strings.Join(all, ", ")
}

func available(t *testing.T, p *docspacetest.Portal) string {
	t.Helper()
	balance, err := p.Client().Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	amount, err := fleet.Pocket(balance, "USD")
	if err != nil {
		t.Fatal(err)
	}
	return amount.Decimal()
}

const much = `version: 1
portals:
  acme:
    topup_rule: {min: 30, up_to: 200.00, currency: USD}
    services: {aitools: on, backup: off}
    quantities: {storage: 200}
    plan: {quantity: 12}
  beta:
    topup_rule: none
    quantities: {storage: 0}
`

// Everything is said beforehand, done in the order that is safe, paid once, and then
// there is nothing left.
func TestWhatDiffersIsChanged(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	targets := f.targets(much)
	diffs := f.diff(targets)
	acme, beta := diffs["acme"], diffs["beta"]
	if got, want := words(acme.Changes), "set rule topup_rule, switch off services.backup, switch on services.aitools, buy quantities.storage, change plan plan.quantity"; got != want {
		t.Fatalf("of acme %s differ, not %s", got, want)
	}
	if got, want := words(beta.Changes), "clear rule topup_rule, schedule quantities.storage.next"; got != want {
		t.Fatalf("of beta %s differ, not %s", got, want)
	}
	if acme.Problems != nil || beta.Problems != nil || !acme.Costs() || beta.Costs() {
		t.Errorf("problems: %v, %v; costs: %t, %t", acme.Problems, beta.Problems, acme.Costs(), beta.Costs())
	}
	price := acme.Changes[3].Cost
	if price.Now.Sign() <= 0 || price.Period.Amount.String() != "14.00 USD" || price.From != "wallet" || price.Every != "month" {
		t.Errorf("storage costs %+v", price)
	}
	if plan := acme.Changes[4].Cost; !plan.Now.AtMost || plan.Now.Amount.String() != "40.00 USD" || plan.Period.Amount.String() != "40.00 USD" || plan.From != "card" {
		t.Errorf("the plan costs %+v", plan)
	}
	outcomes := f.apply(t.Context(), targets, diffs)
	for name, o := range outcomes {
		if !o.All() {
			t.Errorf("%s: %v: %s", name, o.Err, statuses(o))
		}
	}
	paid, err := money.FromUnits(148*money.Scale+money.Scale/2, "USD").Sub(*price.Now.Amount)
	if err != nil || available(t, f.of["acme"]) != paid.Decimal() {
		t.Errorf("the wallet has %s, not %s (%v)", available(t, f.of["acme"]), paid.Decimal(), err)
	}
	again := f.diff(targets)
	for name, d := range again {
		if d.Err != nil || len(d.Changes) > 0 || d.Problems != nil {
			t.Errorf("%s is not as it should be: %v, %s, %v", name, d.Err, words(d.Changes), d.Problems)
		}
	}
	if got := again["beta"].Pending; len(got) != 1 || got[0] != "quantities.storage: 100 until the period ends, then none" {
		t.Errorf("pending is %q", got)
	}
}

// To compare changes nothing.
func TestToCompareChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	f.diff(f.targets(much))
	for name, p := range f.of {
		for _, path := range []string{"payment/update", "payment/updatewallet", "servicestate", "deposit"} {
			if n := p.Requests(path); n != 0 {
				t.Errorf("%s: %d requests for %s", name, n, path)
			}
		}
		if available(t, p) != "148.50" {
			t.Errorf("%s has %s", name, available(t, p))
		}
	}
}

// What was scheduled against the manifest is taken back, before more is bought.
func TestWhatWasScheduledIsTakenBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme")
	client, none := f.of["acme"].Client(), int64(0)
	if ok, err := client.ScheduleWallet(t.Context(), "storage", &none, ""); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for quantity, want := range map[string]string{
		"0": "", "100": "schedule quantities.storage.next", "150": "schedule quantities.storage.next, buy quantities.storage",
	} {
		targets := f.targets("version: 1\nportals: {acme: {quantities: {storage: " + quantity + "}}}")
		if got := words(f.diff(targets)["acme"].Changes); got != want {
			t.Errorf("for %s: %s, want %s", quantity, got, want)
		}
	}
	targets := f.targets("version: 1\nportals: {acme: {quantities: {storage: 150}}}")
	diffs := f.diff(targets)
	if back := diffs["acme"].Changes[0]; back.Cost.Free() || back.Cost.Period.Amount.String() != "14.00 USD" || back.Cost.Now.Sign() != 0 {
		t.Errorf("to take it back costs %+v", back.Cost)
	}
	if o := f.apply(t.Context(), targets, diffs)["acme"]; !o.All() {
		t.Errorf("%v: %s", o.Err, statuses(o))
	}
	if d := f.diff(targets)["acme"]; len(d.Changes) > 0 || d.Pending != nil {
		t.Errorf("left: %s, %v", words(d.Changes), d.Pending)
	}
}

// A refusal changes nothing, and what comes after it is not sent.
func TestARefusalEndsAPortalAndNoOther(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	targets := f.targets(much)
	diffs := f.diff(targets)
	f.of["acme"].Inject(at("payment/updatewallet", docspacetest.Fault{Status: 402, Body: `{"error":{"message":"Not enough"},"status":1,"statusCode":402}`}))
	outcomes := f.apply(t.Context(), targets, diffs)
	if got, want := statuses(outcomes["acme"]), "set rule: done, switch off: done, switch on: done, buy: failed, change plan: not sent"; got != want {
		t.Errorf("acme: %s, want %s", got, want)
	}
	bought := outcomes["acme"].Results[3]
	if !errors.Is(bought.Err, docspace.ErrPaymentRequired) || !strings.Contains(bought.Text, "Not enough") {
		t.Errorf("it says %q, %v", bought.Text, bought.Err)
	}
	if o := outcomes["beta"]; !o.All() {
		t.Errorf("beta: %v: %s", o.Err, statuses(o))
	}
	f.of["acme"].Heal()
	rest := f.diff(targets)
	if got, want := words(rest["acme"].Changes), "buy quantities.storage, change plan plan.quantity"; got != want {
		t.Errorf("left is %s, not %s", got, want)
	}
	if o := f.apply(t.Context(), targets, rest)["acme"]; !o.All() {
		t.Errorf("acme: %v: %s", o.Err, statuses(o))
	}
}

func at(path string, f docspacetest.Fault) docspacetest.Fault {
	f.Path = path
	return f
}

// An answer that is lost after the fact is found; one before it is unknown, and the
// next time it is done under the same key.
func TestLostAnswersAreLookedInto(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme")
	portal := f.of["acme"]
	targets := f.targets("version: 1\nportals: {acme: {quantities: {storage: 200}, plan: {quantity: 12}}}")
	portal.Inject(docspacetest.Fault{Path: "payment/updatewallet", Times: 1, Late: true, Cut: true})
	portal.Inject(docspacetest.Fault{Path: "payment/update", Times: 1, Cut: true})
	first := f.apply(t.Context(), targets, f.diff(targets))["acme"]
	if got, want := statuses(first), "buy: done, change plan: unknown"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	if text := first.Results[0].Text; text != "the answer was lost; the portal has it" {
		t.Errorf("it says %q", text)
	}
	if !first.Some() || first.All() {
		t.Error("some of it is done, or may be, and not all")
	}
	rest := f.diff(targets)
	if got := words(rest["acme"].Changes); got != "change plan plan.quantity" {
		t.Fatalf("left is %s", got)
	}
	second := f.apply(t.Context(), targets, rest)["acme"]
	if !second.All() {
		t.Fatalf("%v: %s", second.Err, statuses(second))
	}
	if a, b := first.Results[1].Key, second.Results[0].Key; a != b || !strings.HasPrefix(a, "manifest-") {
		t.Errorf("the keys are %q and %q", a, b)
	}
	page, err := portal.Client().Operations(t.Context(), docspace.OperationsQuery{Service: "disk-storage"})
	if err != nil || page.Total != 1 {
		t.Errorf("bought %+v times (%v)", page, err)
	}
}

// The same thing wanted twice in turn is done twice: each time there is another key.
func TestGoingBackAndForthIsDoneEachTime(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme")
	keys := map[string]bool{}
	for _, quantity := range []string{"12", "10", "12", "10", "12"} {
		targets := f.targets("version: 1\nportals: {acme: {plan: {quantity: " + quantity + "}}}")
		o := f.apply(t.Context(), targets, f.diff(targets))["acme"]
		if !o.All() || len(o.Results) != 1 {
			t.Fatalf("%s: %v: %s", quantity, o.Err, statuses(o))
		}
		keys[o.Results[0].Key] = true
	}
	if len(keys) != 5 {
		t.Errorf("there are %d keys", len(keys))
	}
}

// A portal that says it did what it did not is found out.
func TestWhatIsSaidToBeDoneIsVerified(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme")
	targets := f.targets("version: 1\nportals: {acme: {quantities: {storage: 200}}}")
	diffs := f.diff(targets)
	f.of["acme"].Inject(docspacetest.Fault{Path: "payment/updatewallet", Times: 1, Body: `{"response":true,"count":1,"status":0,"statusCode":200}`})
	o := f.apply(t.Context(), targets, diffs)["acme"]
	if statuses(o) != "buy: unknown" || !strings.Contains(o.Results[0].Text, "is as it was") {
		t.Errorf("%s: %q", statuses(o), o.Results[0].Text)
	}
	f.of["acme"].Inject(docspacetest.Fault{Path: "payment/updatewallet", Times: 1, Body: `{"response":false,"count":1,"status":0,"statusCode":200}`})
	if o := f.apply(t.Context(), targets, f.diff(targets))["acme"]; statuses(o) != "buy: unknown" {
		t.Errorf("of one that does not do it: %s", statuses(o))
	}
	// One that can't be read afterwards has still said so.
	diffs = f.diff(targets)
	f.of["acme"].Inject(docspacetest.Fault{Path: "portal/tariff", Times: 0, Cut: true})
	if o := f.apply(t.Context(), targets, diffs)["acme"]; o.Err == nil || statuses(o) != "buy: not sent" {
		t.Errorf("of one that can't be read: %v, %s", o.Err, statuses(o))
	}
}

// Who changes a portal meanwhile, or makes it dearer, is not run over.
func TestAPortalThatChangedIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(t *testing.T, p *docspacetest.Portal){
		"the rule": func(_ *testing.T, p *docspacetest.Portal) {
			p.SetTopUpRule(true, money.FromUnits(7*money.Scale, "USD"), money.FromUnits(70*money.Scale, "USD"))
		},
		"a service": func(t *testing.T, p *docspacetest.Portal) {
			if _, err := p.Client().SetServiceState(t.Context(), docspace.ServiceBackup, false); err != nil {
				t.Fatal(err)
			}
		},
		"more storage": func(t *testing.T, p *docspacetest.Portal) {
			if ok, err := p.Client().BuyFromWallet(t.Context(), "storage", 10, ""); !ok || err != nil {
				t.Fatal(ok, err)
			}
		},
		"the price": func(_ *testing.T, p *docspacetest.Portal) {
			p.Inject(docspacetest.Fault{Path: "calculatewallet", Body: `{"response":{"operationId":0,"amount":99.99,"currency":"USD","quantity":100},"count":1,"status":0,"statusCode":200}`})
		},
		"the customer": func(_ *testing.T, p *docspacetest.Portal) {
			p.SetCustomer(billing.CustomerChange{Email: "nobody@example.com"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, "acme")
			targets := f.targets(strings.SplitAfter(much, "quantity: 12}\n")[0])
			diffs := f.diff(targets)
			meanwhile(t, f.of["acme"])
			writes := f.of["acme"].Requests("payment/updatewallet")
			o := f.apply(t.Context(), targets, diffs)["acme"]
			if !errors.Is(o.Err, manifest.ErrChanged) || o.Some() || len(o.Results) != 5 {
				t.Errorf("%v: %s", o.Err, statuses(o))
			}
			if f.of["acme"].Requests("payment/updatewallet") != writes {
				t.Error("it was changed")
			}
		})
	}
}

// What somebody else buys while earlier changes are made is not bought again.
func TestWhatIsBoughtMeanwhileIsNotBoughtAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme")
	portal := f.of["acme"]
	targets := f.targets("version: 1\nportals: {acme: {services: {backup: off}, quantities: {storage: 200}, plan: {quantity: 12}}}")
	diffs := f.diff(targets)
	portal.Inject(docspacetest.Fault{Path: "servicestate", Times: 1, After: func() {
		if ok, err := portal.Client().BuyFromWallet(context.WithoutCancel(t.Context()), "storage", 100, "another"); !ok || err != nil {
			t.Errorf("the other one: %t, %v", ok, err)
		}
	}})
	o := f.apply(t.Context(), targets, diffs)["acme"]
	if got, want := statuses(o), "switch off: done, buy: not sent, change plan: not sent"; got != want || !errors.Is(o.Results[1].Err, manifest.ErrChanged) {
		t.Errorf("%s (%v), want %s", got, o.Results[1].Err, want)
	}
	if n := portal.Requests("payment/updatewallet"); n != 1 {
		t.Errorf("it was bought %d times", n)
	}
	if got := words(f.diff(targets)["acme"].Changes); got != "change plan plan.quantity" {
		t.Errorf("left is %s", got)
	}
}

// What a portal can't have is said, and by which member.
func TestWhatCantBeIsSaid(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		prepare func(p *docspacetest.Portal)
		text    string
		want    string
	}{
		"no plan":     {func(p *docspacetest.Portal) { p.SetPurchases() }, "plan: {quantity: 3}", "plan.quantity: the portal has no plan that is paid"},
		"nobody pays": {func(p *docspacetest.Portal) { p.SetCustomer(billing.CustomerChange{Email: "nobody@example.com"}) }, "topup_rule: none", "customer: no user of the portal"},
		"wallet's plan": {func(p *docspacetest.Portal) {
			p.SetPurchases(billing.Purchase{Plan: -14, Quantity: 10, DueAt: p.Now().AddDate(0, 1, 0), PaidFrom: "wallet"})
		}, "plan: {quantity: 3}", "plan.quantity: the wallet pays"},
		"refused a price": {func(p *docspacetest.Portal) { p.Inject(at("calculatewallet", docspacetest.Denied())) }, "quantities: {storage: 200}", "quantities.storage: Failed to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, "acme")
			row.prepare(f.of["acme"])
			d := f.diff(f.targets("version: 1\nportals: {acme: {" + row.text + "}}"))["acme"]
			if d.Err != nil || len(d.Problems) != 1 || !strings.HasPrefix(d.Problems[0].Member+": "+d.Problems[0].Text, row.want) {
				t.Errorf("%v: %+v, want %s", d.Err, d.Problems, row.want)
			}
		})
	}
}

// A price that nobody knows is unknown, and not nought.
func TestUnknownPricesAreUnknown(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme")
	targets := f.targets("version: 1\nportals: {acme: {quantities: {storage: 200}}}")
	for _, fault := range []docspacetest.Fault{{Null: true}, docspacetest.Failed(), docspacetest.BadGateway()} {
		f.of["acme"].Heal()
		f.of["acme"].Inject(at("calculatewallet", fault))
		d := f.diff(targets)["acme"]
		if d.Err != nil || len(d.Changes) != 1 || d.Changes[0].Cost.Now.Unknown == "" || d.Changes[0].Cost.Free() || !d.Costs() {
			t.Errorf("%v: %+v", d.Err, d.Changes)
		}
		var total manifest.Total
		if err := total.Add(d.Changes); err != nil || total.Unknown != 1 || total.Now != nil {
			t.Errorf("%+v, %v", total, err)
		}
	}
}

// What can't be read is said, and holds nothing else up.
func TestPortalsThatFailHoldNothingUp(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	f.of["acme"].Inject(docspacetest.BadGateway())
	diffs := f.diff(f.targets(much))
	if !errors.Is(diffs["acme"].Err, docspace.ErrPortalFailed) || len(diffs["beta"].Changes) != 2 {
		t.Errorf("%v; %s", diffs["acme"].Err, words(diffs["beta"].Changes))
	}
}

// When somebody interrupts it, nothing more is begun, and all is told.
func TestInterruptedIsTold(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	targets := f.targets(much)
	diffs := f.diff(targets)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	outcomes := f.apply(ctx, targets, diffs)
	for _, name := range []string{"acme", "beta"} {
		if o := outcomes[name]; o.Some() || len(o.Results) == 0 {
			t.Errorf("%s: %v: %s", name, o.Err, statuses(o))
		}
		if f.of[name].Requests("payment/updatewallet") != 0 {
			t.Errorf("%s was changed", name)
		}
	}
}

// Only what is free can be had.
func TestOnlyWhatIsFree(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "acme", "beta")
	f.engine.FreeOnly = true
	targets := f.targets(much)
	diffs := f.diff(targets)
	if got, want := words(diffs["acme"].Changes), "set rule topup_rule, switch off services.backup, switch on services.aitools"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, o := range f.apply(t.Context(), targets, diffs) {
		if !o.All() {
			t.Errorf("%s: %v: %s", name, o.Err, statuses(o))
		}
	}
	if available(t, f.of["acme"]) != "148.50" {
		t.Errorf("the wallet has %s", available(t, f.of["acme"]))
	}
}
