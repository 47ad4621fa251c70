// Package deploy_test holds what is published for Prometheus, Grafana and systemd
// against the program that it is for.
package deploy_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/exporter"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/testenv"
)

// prometheusPackage is what has Prometheus and its tools.
const prometheusPackage = "Debian's prometheus"

// Prometheus's own tool finds nothing wrong, and the rules do what their tests say.
func TestPromtool(t *testing.T) {
	t.Parallel()
	tool := testenv.Program(t, prometheusPackage, "promtool")
	for _, args := range [][]string{
		{"check", "rules", "--lint-fatal", "alerts.yml"}, {"check", "config", "--lint-fatal", "prometheus.yml"}, {"test", "rules", "testdata/alerts_test.yml"},
	} {
		if out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// rule is an alert or a recording rule.
type rule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

// rules returns the rules that are published.
func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	read(t, "alerts.yml", yaml.Unmarshal, &file)
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("there are %d rules", len(all))
	}
	return all
}

func read(t *testing.T, name string, unmarshal func([]byte, any) error, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Each alert has a test in which it fires, and one in which it does not.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name     string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	read(t, "testdata/alerts_test.yml", yaml.Unmarshal, &file)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, a := range test.Alerts {
			if len(a.Expected) > 0 {
				fires[a.Name] = true
			} else {
				quiet[a.Name] = true
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if !fires[r.Alert] || !quiet[r.Alert] {
			t.Errorf("%s: fires in a test: %t, keeps quiet in one: %t", r.Alert, fires[r.Alert], quiet[r.Alert])
		}
		if r.For == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s lacks something: %+v", r.Alert, r)
		}
	}
}

// metrics are what the exporter shows: by metric, by label, the values.
type metrics map[string]map[string]map[string]bool

// exported returns what the exporter shows of a portal of which all is known.
func exported(t *testing.T) metrics {
	t.Helper()
	portal := docspacetest.New(t)
	spend(portal, 16)
	e := exporter.New(exporter.Config{
		Reader: &fleet.Reader{Keys: &fleet.Keys{}}, Portals: []fleet.Profile{{Name: "acme", URL: portal.URL, Key: fleet.Key{Plain: portal.Key}}},
		Now: time.Now, Chance: rand.Int64N, Log: slog.New(slog.DiscardHandler),
	})
	if err := e.ReadOnce(t.Context(), func(_ fleet.Profile, err error) {
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := e.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	all := metrics{}
	for name, family := range families {
		all[name] = map[string]map[string]bool{}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if all[name][l.GetName()] == nil {
					all[name][l.GetName()] = map[string]bool{}
				}
				all[name][l.GetName()][l.GetValue()] = true
			}
		}
	}
	return all
}

var (
	selector = regexp.MustCompile(`\b(docspace[a-z0-9_:]*)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	shown    = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// check holds a query against what there is. Text is where its labels are named.
func (m metrics) check(t *testing.T, query, text string, recorded map[string]bool) {
	t.Helper()
	labels := map[string]bool{"instance": true, "job": true} // Prometheus adds these
	found := selector.FindAllStringSubmatch(query, -1)
	if len(found) == 0 {
		t.Errorf("%s: it asks for nothing of the exporter's", query)
	}
	for _, s := range found {
		if recorded[s[1]] {
			continue
		}
		has, there := m[s[1]]
		if !there {
			t.Errorf("%s: there is no %s", query, s[1])
		}
		for name := range has {
			labels[name] = true
		}
		for _, match := range matcher.FindAllStringSubmatch(s[2], -1) {
			values, there := has[match[1]]
			exact := match[2] == "=" || match[2] == "!="
			if !there || exact && !values[match[3]] {
				t.Errorf("%s: %s has no %s %q, but %v", query, s[1], match[1], match[3], slices.Sorted(maps.Keys(values)))
			}
		}
	}
	for _, group := range grouping.FindAllStringSubmatch(query, -1) {
		for name := range strings.SplitSeq(group[1], ",") {
			if name = strings.TrimSpace(name); name != "" && !labels[name] {
				t.Errorf("%s: nothing in it has the label %q", query, name)
			}
		}
	}
	for _, name := range shown.FindAllStringSubmatch(text, -1) {
		if !labels[name[1]] {
			t.Errorf("%s: the text %q names the label %q, which nothing in it has", query, text, name[1])
		}
	}
}

func TestRulesAskForWhatThereIs(t *testing.T) {
	t.Parallel()
	there, recorded := exported(t), map[string]bool{}
	for _, r := range rules(t) {
		if r.Record != "" {
			recorded[r.Record] = true
		}
	}
	for _, r := range rules(t) {
		if r.Alert == "DocSpaceDueNotCovered" { // of what is recorded
			r.Expr += ` or docspace_upcoming_payment_amount`
		}
		there.check(t, r.Expr, r.Annotations["summary"]+r.Annotations["description"], recorded)
	}
}

// board is what a dashboard asks, and how it names the answers.
type board struct {
	queries []string
	legends map[string]string // by query
	sources map[string]bool   // of data
}

// dashboard returns what the published dashboard asks.
func dashboard(t *testing.T) board {
	t.Helper()
	var file any
	read(t, "grafana-dashboard.json", json.Unmarshal, &file)
	b := board{legends: map[string]string{}, sources: map[string]bool{}}
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, member := range v {
				visit(member)
			}
		case map[string]any:
			if expr, ok := v["expr"].(string); ok {
				b.queries = append(b.queries, expr)
				b.legends[expr], _ = v["legendFormat"].(string)
			}
			if source, ok := v["datasource"].(map[string]any); ok {
				b.sources[source["uid"].(string)] = true
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				visit(v[name])
			}
		}
	}
	visit(file)
	if len(b.queries) < 20 {
		t.Fatalf("the dashboard asks only %q", b.queries)
	}
	return b
}

func TestDashboardAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	there, b := exported(t), dashboard(t)
	for _, q := range b.queries {
		if strings.HasPrefix(q, "ALERTS{") { // Prometheus's own, of our alerts
			continue
		}
		there.check(t, q, b.legends[q], nil)
	}
	if want := map[string]bool{"${datasource}": true, "-- Grafana --": true}; !maps.Equal(b.sources, want) {
		t.Errorf("its data comes from %v", b.sources)
	}
	var file struct {
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
		Panels []struct {
			ID      int
			Type    string
			GridPos struct{ X, Y, W, H int }
		}
	}
	read(t, "grafana-dashboard.json", json.Unmarshal, &file)
	variable := map[string]bool{}
	for _, v := range file.Templating.List {
		variable[v.Name] = true
		if v.Type != "query" {
			continue
		}
		form := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`).FindStringSubmatch(v.Definition)
		if form == nil || there[form[1]][form[2]] == nil {
			t.Errorf("$%s: there is nothing for %q", v.Name, v.Definition)
		}
	}
	for _, name := range []string{"datasource", "portal"} {
		if !variable[name] {
			t.Errorf("there is no $%s", name)
		}
	}
	ids, taken := map[int]bool{}, map[[2]int]int{}
	for _, p := range file.Panels {
		if ids[p.ID] {
			t.Errorf("two panels are %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, there := taken[[2]int{x, y}]; there || x >= 24 {
					t.Fatalf("panel %d lies on panel %d, or beside the board", p.ID, other)
				}
				taken[[2]int{x, y}] = p.ID
			}
		}
	}
}

// The table in the README has each metric, with its labels, and no other.
func TestReadmeHasEachMetric(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted, told := regexp.MustCompile("`([a-z_]+)`"), map[string]bool{}
	there := exported(t)
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\|([^|]*)\\|").FindAllStringSubmatch(string(text), -1) {
		for _, name := range quoted.FindAllStringSubmatch(row[1], -1) {
			told["docspace_"+name[1]] = true
			has := maps.Clone(there["docspace_"+name[1]])
			delete(has, "portal")
			delete(has, "version")
			for _, l := range quoted.FindAllStringSubmatch(row[2], -1) {
				if has[l[1]] == nil {
					t.Errorf("%s has no label %s", name[1], l[1])
				}
				delete(has, l[1])
			}
			if len(has) > 0 {
				t.Errorf("%s has labels that the table does not: %v", name[1], slices.Sorted(maps.Keys(has)))
			}
		}
	}
	if want, got := slices.Sorted(maps.Keys(there)), slices.Sorted(maps.Keys(told)); !slices.Equal(want, got) {
		t.Errorf("the exporter has %q\nand the table %q", want, got)
	}
}

// What the unit starts is a command that there is.
func TestUnitStartsTheExporter(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("bursar-exporter.service")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/bursar (.*)$`).FindStringSubmatch(string(text))
	if line == nil {
		t.Fatal("it starts nothing")
	}
	found, rest, err := cli.New(cli.Env{}).Find(strings.Fields(line[1]))
	if err == nil {
		err = found.ParseFlags(rest)
	}
	if err != nil || found.Name() != "exporter" {
		t.Errorf("%s: %v", line[1], err)
	}
	if tool, err := exec.LookPath("systemd-analyze"); err == nil {
		out, _ := exec.CommandContext(t.Context(), tool, "verify", "bursar-exporter.service").CombinedOutput()
		for said := range strings.Lines(string(out)) {
			if strings.Contains(said, "bursar-exporter.service:") && !strings.Contains(said, "is not executable") {
				t.Errorf("systemd: %s", said)
			}
		}
	}
}
