package manifest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/money"
)

func usd(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "USD") }

const layered = `# how it is to be
version: 1
defaults:
  topup_rule: {min: 20, up_to: 100.50, currency: usd}
  services: {backup: on}
  operator: {url: "https://billing.example.com", key_variable: BURSAR_KEY}
groups:
  production:
    topup_rule: {up_to: 500, caps: {day: 1000, count: 3}}
    quantities: {storage: 200}
  frugal:
    topup_rule: none
    services: {backup: off, aitools: leave}
    quantities: {storage: 0}
portals:
  acme:
    groups: [production]
    plan: {quantity: 12, product: admin}
    operator: {portal: docspace.io1}
  beta: {groups: [production, frugal]}
  gamma: {groups: [frugal], topup_rule: {enabled: false, min: 1.5, up_to: 3, currency: EUR}}
  delta: {services: leave, topup_rule: leave, quantities: {storage: 100}}
  epsilon:
`

// A later layer goes before an earlier one, member by member, and a word for a whole
// before all that is under it.
func TestLayersLieOverEachOther(t *testing.T) {
	m, err := manifest.Parse([]byte(layered))
	if err != nil {
		t.Fatal(err)
	}
	storage := func(n int64) []manifest.Quantity { return []manifest.Quantity{{Product: "storage", N: n}} }
	backup := func(on bool) []manifest.Switch { return []manifest.Switch{{Service: "backup", On: on}} }
	want := map[string]manifest.Wanted{
		"acme": {
			Rule:     &manifest.Rule{Enabled: true, Min: usd(2000), UpTo: usd(50000), Caps: &manifest.Caps{Day: usd(100000), Count: 3}},
			Services: backup(true), Quantities: storage(200), Plan: &manifest.Plan{Product: "admin", N: 12},
			Operator: &manifest.Operator{URL: "https://billing.example.com", Portal: "docspace.io1", KeyVariable: "BURSAR_KEY"},
		},
		"beta": {Rule: &manifest.Rule{None: true}, Services: backup(false), Quantities: storage(0)},
		"gamma": {
			Rule:     &manifest.Rule{Min: money.FromUnits(money.Scale*3/2, "EUR"), UpTo: money.FromUnits(3*money.Scale, "EUR")},
			Services: backup(false), Quantities: storage(0),
		},
		"delta":   {Quantities: storage(100)},
		"epsilon": {Rule: &manifest.Rule{Enabled: true, Min: usd(2000), UpTo: usd(10050)}, Services: backup(true)},
	}
	got := map[string]manifest.Wanted{}
	for _, p := range m.Portals {
		got[p.Name] = p.Wanted
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b money.Amount) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if p, ok := m.Find("gamma"); !ok || p.Line != 21 {
		t.Errorf("gamma is %+v", p)
	}
	if _, ok := m.Find("zeta"); ok {
		t.Error("zeta is found")
	}
}

// refused are texts that are no manifests, with what is said of each; schema says that
// the JSON Schema refuses them, too.
var refused = []struct {
	name, text, want string
	schema           bool
}{
	{"nothing", "", "there is nothing in it", true},
	{"comment alone", "# nothing\n", "there is nothing in it", true},
	{"no version", "portals: {a: {}}", "version is missing", true},
	{"another version", "version: 2\nportals: {a: {}}", `line 1: version: it must be 1, and is "2"`, true},
	{"no portals", "version: 1", "portals is missing", true},
	{"list", "- version: 1", "line 1: a manifest: it must be names with values, and is a list", true},
	{"unknown at the top", "version: 1\nportal: {}\nportals: {}", `line 2: "portal" is not known; there are version, defaults, groups, portals`, true},
	{"unknown of a portal", "version: 1\nportals:\n  a:\n    topup: {}", `line 4: portals.a: "topup" is not known; there are groups, topup_rule,`, true},
	{"unknown of a rule", "version: 1\nportals:\n  a:\n    topup_rule:\n      minimum: 3", `line 5: portals.a.topup_rule: "minimum" is not known; there are enabled, min,`, true},
	{"unknown service", "version: 1\nportals:\n  a: {services: {fax: on}}", `line 3: portals.a.services: "fax" is not known; there are storage,`, true},
	{"twice", "version: 1\nportals:\n  a: {}\n  b: {}\n  a: {}", `line 5: portals: "a" stands there twice, first on line 3`, false},
	{"twice in a rule", "version: 1\nportals:\n  a:\n    plan:\n      quantity: 1\n      quantity: 2", `line 6: portals.a.plan: "quantity" stands there twice, first on line 5`, false},
	{"not YAML", "version: 1\nportals: {a: {}", "not YAML", false},
	{"two documents", "version: 1\nportals: {a: {}}\n---\nversion: 1", "line 4: there is a second document", false},
	{"anchor", "version: 1\ndefaults: &x {services: {backup: on}}\nportals: {a: {}}", "line 2: defaults: it must be names with values, and is an anchor", false},
	{"alias", "version: 1\nportals: {a: *x}", "line 2: portals.a: it must be names with values, and is an anchor, an alias", false},
	{"merge", "version: 1\nportals: {a: {<<: {services: {backup: on}}}}", "line 2: portals.a: a name must be plain text", false},
	{"tag", "version: 1\nportals: {a: {plan: {quantity: !!int 3}}}", "line 2: portals.a.plan.quantity: it must be a value, and is an anchor, an alias or a tag", false},
	{"number for a name", "version: 1\nportals: {123: {}}", "line 2: portals: a name must be plain text, with quotes", false},
	{"odd name", "version: 1\nportals: {'a b': {}}", `line 2: portals: "a b" is not up to 64 letters`, true},
	{"empty member", "version: 1\nportals: {a: {plan: {quantity: }}}", "line 2: portals.a.plan.quantity: it must be a value, and is empty; leave it out", true},
	{"empty rule", "version: 1\nportals:\n  a:\n    topup_rule:", "line 4: portals.a.topup_rule: it must be names with values, and is empty", true},
	{"a word for a rule", "version: 1\nportals: {a: {topup_rule: off}}", `portals.a.topup_rule: it must be names with values, or none or leave, and is "off"`, true},
	{"no group", "version: 1\nportals:\n  a:\n    groups: [prod]", `line 4: portals.a.groups: there is no group "prod" under groups`, false},
	{"group twice", "version: 1\ngroups: {g: {}}\nportals: {a: {groups: [g, g]}}", `portals.a.groups: "g" stands there twice`, true},
	{"group is no list", "version: 1\ngroups: {g: {}}\nportals: {a: {groups: g}}", `portals.a.groups: it must be a list such as [production], and is "g"`, true},
	{"idle group", "version: 1\ngroups: {g: {}}\nportals: {a: {}}", "groups.g: no portal is in it", false},
	{"half a rule", "version: 1\ndefaults: {topup_rule: {min: 3}}\nportals:\n  a: {}", "line 4: portals.a.topup_rule.up_to is missing", false},
	{"contradiction", "version: 1\nportals: {a: {topup_rule: {min: 30, up_to: 20, currency: USD}}}", "line 2: portals.a.topup_rule.up_to: 20.00 USD is not more than min", false},
	{"no currency", "version: 1\nportals: {a: {topup_rule: {min: 30, up_to: 40, currency: XXY}}}", `portals.a.topup_rule.currency: not an ISO 4217 currency code: "XXY"`, false},
	{"negative", "version: 1\nportals: {a: {topup_rule: {min: -3, up_to: 40, currency: USD}}}", `portals.a.topup_rule.min: "-3" is not more than nought`, true},
	{"no number", "version: 1\nportals: {a: {topup_rule: {min: many, up_to: 40, currency: USD}}}", "portals.a.topup_rule.min: ", true},
	{"too exact", "version: 1\nportals: {a: {topup_rule: {min: 0.000000001, up_to: 40, currency: USD}}}", "portals.a.topup_rule.min: ", false},
	{"no flag", "version: 1\nportals: {a: {topup_rule: {enabled: 3, min: 3, up_to: 40, currency: USD}}}", `portals.a.topup_rule.enabled: it must be true or false, and is "3"`, true},
	{"no switch", "version: 1\nportals: {a: {services: {backup: maybe}}}", `portals.a.services.backup: it must be on or off, and is "maybe"`, true},
	{"search without tools", "version: 1\nportals: {a: {services: {aisearch: on, aitools: off}}}", "portals.a.services: aisearch can't be on where aitools is off", false},
	{"part", "version: 1\nportals: {a: {quantities: {storage: 1.5}}}", `portals.a.quantities.storage: it must be a whole number from 0 to 1000000000, and is "1.5"`, true},
	{"hex", "version: 1\nportals: {a: {quantities: {storage: 0x80}}}", `portals.a.quantities.storage: it must be a whole number`, false},
	{"too little", "version: 1\nportals: {a: {quantities: {storage: 99}}}", "portals.a.quantities.storage: portals take none or 100 at least, not 99", true},
	{"not by the period", "version: 1\nportals: {a: {quantities: {backup: 3}}}", `portals.a.quantities: "backup" is not known; there are storage, adminwallet`, true},
	{"no plan", "version: 1\nportals: {a: {plan: {quantity: 0}}}", "portals.a.plan.quantity: it is not more than nought", true},
	{"a plan of nothing", "version: 1\nportals: {a: {plan: {product: admin}}}", "portals.a.plan.quantity is missing", false},
	{"caps of nobody", "version: 1\nportals:\n  a:\n    topup_rule:\n      min: 3\n      up_to: 4\n      currency: USD\n      caps: {day: 7}",
		"line 8: portals.a.topup_rule.caps: DocSpace's API takes no caps; operator says", false},
	{"operator's key", "version: 1\nportals:\n  a: {operator: {url: \"https://x\", portal: p}}", "line 3: portals.a.operator: the operator's key is in one of key_file, key_variable and key_command, not in 0", false},
	{"operator's keys", "version: 1\nportals: {a: {operator: {url: \"https://x\", portal: p, key_file: f, key_variable: v}}}", "not in 2 of them", false},
	{"operator's portal", "version: 1\nportals: {a: {operator: {url: \"https://x\", key_file: f}, topup_rule: {min: 3, up_to: 4, currency: USD, caps: {day: 7}}}}", "portals.a.operator: portal is missing", false},
	{"operator's address", "version: 1\nportals: {a: {operator: {url: x}}}", `portals.a.operator.url: "x" does not start with https://`, true},
	{"key in clear", "version: 1\nportals: {a: {operator: {key: bk-1}}}", `portals.a.operator: "key" is not known`, true},
	{"not UTF-8", "version: 1\nportals: {\xff: {}}", "line 2: not UTF-8", false},
}

func TestWhatIsNoManifestIsRefusedWithItsLine(t *testing.T) {
	for _, row := range refused {
		t.Run(row.name, func(t *testing.T) {
			m, err := manifest.Parse([]byte(row.text))
			if m != nil || !errors.Is(err, manifest.ErrManifest) {
				t.Fatalf("%v, %v", m, err)
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			if !strings.Contains(first, row.want) {
				t.Errorf("it says %q, not %q", first, row.want)
			}
		})
	}
}

// The schema takes what is taken, and refuses what it can know of.
func TestTheSchemaSaysTheSame(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(manifest.Schema())))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("manifest.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		asJSON, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
		if err != nil {
			return err
		}
		return schema.Validate(value)
	}
	if err := validate(layered); err != nil {
		t.Errorf("what is a manifest: %v", err)
	}
	for _, row := range refused {
		if row.schema && validate(row.text) == nil {
			t.Errorf("%s: the schema takes it", row.name)
		}
	}
}

// Many errors are told at once, but not all that there may be.
func TestErrorsAreToldTogether(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nportals:\n")
	for i := range 30 {
		fmt.Fprintf(&b, "  p%d: {nonsense: %d}\n", i, i)
	}
	path := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := manifest.Load(path)
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != 21 || !strings.HasPrefix(lines[0], path+":3: portals.p0: ") || !strings.HasSuffix(lines[20], "and 10 more") {
		t.Errorf("it says %v", err)
	}
	if _, err := manifest.Load(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	if _, err := manifest.Load(t.TempDir()); err == nil || errors.Is(err, manifest.ErrManifest) {
		t.Errorf("of a folder: %v", err)
	}
}

// What would take a parser long is refused before it is parsed.
func TestHostileTextsAreRefused(t *testing.T) {
	bomb := "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i <= 'i'; i++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	for name, text := range map[string]string{
		"bomb":       bomb + "portals: {a: {}}",
		"brackets":   "version: 1\nportals: " + strings.Repeat("[", 3000),
		"braces":     "version: 1\nportals: " + strings.Repeat("{a: ", 900),
		"on lines":   "version: 1\nportals: " + strings.Repeat("[\n", 100_000),
		"in words":   "version: 1\nportals: " + strings.Repeat("[ # ]\n", 100_000),
		"dashes":     "version: 1\nportals: \n" + strings.Repeat("- ", 1_900) + "a",
		"questions":  "version: 1\nportals: \n" + strings.Repeat("? ", 1_900) + "a",
		"a line":     "version: 1\nportals: {a: {}} # " + strings.Repeat("x", 5_000),
		"lines":      strings.Repeat("\n", 500_000),
		"indent":     "version: 1\nportals:\n" + strings.Repeat(" ", 200) + "a: {}",
		"large":      strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 20_000),
		"nul":        "version: 1\nportals: {a: {plan: \x00}}",
		"key of map": "version: 1\nportals: {{a: b}: {}}",
		"ladder":     "version: 1\nportals:\n" + ladder(120),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if m, err := manifest.Parse([]byte(text)); m != nil || !errors.Is(err, manifest.ErrManifest) {
				t.Errorf("%v, %.300v", m, err)
			}
		})
	}
}

// ladder is a mapping in a mapping, so many times.
func ladder(deep int) string {
	var b strings.Builder
	for i := range deep {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// Ten thousand portals are no trouble.
func TestTenThousandPortals(t *testing.T) {
	t.Parallel()
	const n = 10_000
	var b strings.Builder
	b.WriteString("version: 1\ndefaults: {topup_rule: {min: 20, up_to: 100, currency: USD}}\nportals:\n")
	for i := range n {
		fmt.Fprintf(&b, "  p%05d: {plan: {quantity: %d}}\n", i, i+1)
	}
	m, err := manifest.Parse([]byte(b.String()))
	if err != nil || len(m.Portals) != n {
		t.Fatal(err)
	}
	if p, ok := m.Find("p09999"); !ok || p.Plan.N != n || p.Line != n+3 || p.Rule.UpTo != usd(10000) {
		t.Errorf("the last is %+v", p)
	}
}

// Whatever the text is, it is a manifest or refused, and nothing else.
func TestAnyTextIsTakenOrRefused(t *testing.T) {
	pieces := []string{
		"version: 1\n", "portals:\n", "  a:\n", "    plan: ", "{quantity: 3}", "topup_rule", ": ", "none", "leave", "\n", "  ", "- ", "[", "]", "{", "}",
		"groups", "*a", "&a ", "!!str ", "? ", "| ", "> ", "'", `"`, "#", "<<: ", "1e3", "~", "...\n", "---\n", "%YAML 1.2\n", "\t", "é", ",",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "pieces"), "")
		m, err := manifest.Parse([]byte(text))
		if (m == nil) != (err != nil) || err != nil && !errors.Is(err, manifest.ErrManifest) {
			t.Fatalf("%v, %v", m, err)
		}
	})
}
