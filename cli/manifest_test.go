package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

// board is some portals, their profiles, and the folder of a manifest about them.
type board struct {
	t     *testing.T
	world map[string]string
	dir   string
	of    map[string]*docspacetest.Portal
}

func newBoard(t *testing.T, text string, names ...string) *board {
	t.Helper()
	b := &board{t: t, dir: t.TempDir(), of: map[string]*docspacetest.Portal{}}
	var profiles strings.Builder
	profiles.WriteString("portals:\n")
	for _, name := range names {
		portal := docspacetest.New(t)
		// What the rest of a month is worth depends on the month.
		portal.Inject(docspacetest.Fault{
			Path: "calculatewallet", Body: `{"response":{"operationId":0,"amount":10.74,"currency":"USD","quantity":100},"count":1,"status":0,"statusCode":200}`,
		})
		b.of[name] = portal
		fmt.Fprintf(&profiles, "  %s: {url: %q, key: %q}\n", name, portal.URL, portal.Key)
	}
	b.world = map[string]string{"BURSAR_PROFILES": b.write("portals.yaml", profiles.String())}
	b.write("bursar.yaml", text)
	return b
}

// write writes a file, and returns where it is.
func (b *board) write(name, text string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// run runs a command that ends with a status, and returns what it printed; files are
// of the board's folder.
func (b *board) run(code int, line string) (stdout, told string) {
	b.t.Helper()
	args := words(line)
	for i, arg := range args {
		if strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".json") {
			args[i] = filepath.Join(b.dir, arg)
		}
	}
	stdout, stderr, err := runCLI(b.t, b.world, args...)
	if got := cli.ExitCode(err); got != code || stderr != "" {
		b.t.Fatalf("bursar %s: exit status %d, not %d: %v\n%s%s", line, got, code, err, stdout, stderr)
	}
	if err != nil {
		told = printed(err)
	}
	for name, portal := range b.of {
		stdout = strings.ReplaceAll(stdout, portal.URL, "https://"+name+".example.com")
	}
	return regexp.MustCompile(`manifest-[0-9a-f]{32}`).ReplaceAllString(stdout, "manifest-KEY"), told
}

const boardText = `version: 1
defaults:
  topup_rule: {min: 20, up_to: 100, currency: USD}
portals:
  acme:
    topup_rule: {up_to: 250}
    services: {aitools: on}
    quantities: {storage: 200}
    plan: {quantity: 12}
  beta:
    quantities: {storage: 0}
  gamma:
    plan: {quantity: 3}
  omega:
    topup_rule: leave
`

// What is printed of manifests looks as it should, in each format.
func TestManifestsLookAsTheyShould(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			b := newBoard(t, boardText, "acme", "beta", "gamma", "omega")
			b.of["gamma"].SetPurchases()
			look := func(name string, code int, line string) {
				t.Helper()
				got, _ := b.run(code, line+" -o "+format)
				golden(t, filepath.Join("testdata", "manifest", name+"."+format), got)
				if format == "json" && !json.Valid([]byte(got)) {
					t.Errorf("%s is no JSON", name)
				}
			}
			look("diff", cli.ExitPartly, "manifest diff bursar.yaml --save plan.json")
			look("drift", cli.ExitPartly, "manifest drift bursar.yaml")
			b.of["acme"].Inject(docspacetest.Fault{Path: "payment/updatewallet", Times: 1, Late: true, Cut: true})
			b.of["acme"].Inject(docspacetest.Fault{Path: "payment/update", Times: 1, Status: 402, Body: `{"error":{"message":"The \u001b[31mbank\u202e refused"},"status":1,"statusCode":402}`})
			look("apply", cli.ExitPartly, "manifest apply bursar.yaml --yes")
			look("apply_again", cli.ExitFailed, "manifest apply plan.json --yes")
			look("pending", cli.ExitOK, "manifest diff bursar.yaml --portal beta")
		})
	}
}

// What one is told on standard error says what to do.
func TestManifestsTellWhatToDo(t *testing.T) {
	t.Parallel()
	b := newBoard(t, boardText, "acme", "beta", "gamma", "omega")
	for _, row := range []struct {
		code int
		line string
		want string
	}{
		{cli.ExitUsage, "manifest apply bursar.yaml", "nobody is there to confirm it; nothing was sent"},
		{cli.ExitUsage, "manifest diff bursar.yaml --portal delta", `bursar.yaml does not speak of portal "delta"`},
		{cli.ExitUsage, "manifest drift bursar.yaml --portal acme --portal delta", `bursar.yaml does not speak of portal "delta"`},
		{cli.ExitUsage, "manifest diff bursar.yaml --group delta", `bursar.yaml has no group "delta"`},
		{cli.ExitUsage, "manifest apply bursar.yaml --yes --group delta", `bursar.yaml has no group "delta"`},
		{cli.ExitUsage, "manifest init --group delta", `none is in the group "delta"`},
		{cli.ExitUsage, "manifest diff bursar.yaml --parallel 0", "--parallel: 0 is less than 1"},
		{cli.ExitUsage, "manifest apply plan.json --yes --parallel 0", "--parallel: 0 is less than 1"}, // before the file is read
		{cli.ExitUsage, "manifest drift bursar.yaml --timeout 0s", "--timeout: 0s is not more than nothing"},
		{cli.ExitUsage, "manifest apply bursar.yaml --yes --max-cost USD=1 --max-cost USD=2", "or the second in USD"},
		{cli.ExitFailed, "manifest apply bursar.yaml --yes --max-cost USD=1", "it costs 50.74 USD now, which is more than --max-cost 1.00 USD; nothing was sent"},
		{cli.ExitFailed, "manifest apply bursar.yaml --yes --max-cost EUR=100", "there is no --max-cost in USD"},
		{cli.ExitFailed, "manifest diff none.yaml", "no such file"},
		{cli.ExitFailed, "manifest apply none --yes", "no such file"},
		{cli.ExitUsage, "manifest init --portal delta", `no such portal: "delta"`},
	} {
		if _, told := b.run(row.code, row.line); !strings.Contains(told, row.want) || !strings.Contains(told, "\nhint: ") {
			t.Errorf("bursar %s: %s, want %s", row.line, told, row.want)
		}
	}
	for name, p := range b.of {
		if n := p.Requests("payment/updatewallet"); n != 0 {
			t.Errorf("%s was changed %d times", name, n)
		}
	}
}

// Only what is chosen is read and changed, by name or by a group of the manifest.
func TestSomePortalsOfAManifest(t *testing.T) {
	t.Parallel()
	b := newBoard(t, `version: 1
groups:
  north: {topup_rule: {min: 20, up_to: 150, currency: USD}}
  south: {topup_rule: {min: 20, up_to: 170, currency: USD}}
portals:
  acme: {groups: [north]}
  beta: {groups: [north, south]}
  gamma: {groups: [south]}
  omega: {topup_rule: none}
`, "acme", "beta", "gamma", "omega")
	all := []string{"acme", "beta", "gamma", "omega"}
	for _, row := range []struct{ flags, want string }{
		{"--portal acme", "acme"}, {"--portal omega,acme", "acme omega"}, {"--group north", "acme beta"},
		{"--group south", "beta gamma"}, {"--group north --group south", "acme beta gamma"}, {"", "acme beta gamma omega"},
	} {
		text, _ := b.run(cli.ExitDiffers, "manifest drift bursar.yaml "+row.flags)
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			name, _, _ := strings.Cut(line, ":")
			got = append(got, name)
		}
		if got := strings.Join(got, " "); got != row.want {
			t.Errorf("%s: %s, want %s", row.flags, got, row.want)
		}
	}
	b.run(cli.ExitDiffers, "manifest diff bursar.yaml --group south --save plan.json")
	if _, told := b.run(cli.ExitUsage, "manifest apply plan.json --yes --group south"); !strings.Contains(told, "plan.json is a plan, which knows no groups") {
		t.Errorf("it says %s", told)
	}
	if _, told := b.run(cli.ExitUsage, "manifest apply plan.json --yes --portal acme"); !strings.Contains(told, `does not speak of portal "acme"`) {
		t.Errorf("it says %s", told)
	}
	before := map[string]int{}
	for _, name := range all {
		before[name] = b.of[name].Requests("")
	}
	b.run(cli.ExitOK, "manifest apply bursar.yaml --yes --group south")
	for name, want := range map[string]bool{"acme": false, "beta": true, "gamma": true, "omega": false} {
		if asked := b.of[name].Requests("") > before[name]; asked != want {
			t.Errorf("%s was asked: %t", name, asked)
		}
	}
	if text, _ := b.run(cli.ExitDiffers, "manifest drift bursar.yaml"); strings.Contains(text, "beta") || strings.Contains(text, "gamma") || !strings.Contains(text, "acme: topup_rule is") {
		t.Errorf("left is\n%s", text)
	}
}

// What nobody knows the price of is not bought under a limit, unless that is said.
func TestUnknownCostsAreNoMatterOfCourse(t *testing.T) {
	t.Parallel()
	b := newBoard(t, "version: 1\nportals: {acme: {quantities: {storage: 200}}}", "acme")
	b.of["acme"].Heal()
	b.of["acme"].Inject(at("calculatewallet", docspacetest.Fault{Null: true}))
	if text, _ := b.run(cli.ExitDiffers, "manifest diff bursar.yaml"); !strings.Contains(text, "what it costs now is unknown: the portal does not say, 14.00 USD more a month") ||
		!strings.Contains(text, "Costs now: nothing, and what nobody knows of 1 changes") {
		t.Errorf("it says\n%s", text)
	}
	if _, told := b.run(cli.ExitFailed, "manifest apply bursar.yaml --yes --max-cost USD=100"); !strings.Contains(told, "nobody knows what 1 of the changes cost; nothing was sent") {
		t.Errorf("it says %s", told)
	}
	b.run(cli.ExitOK, "manifest apply bursar.yaml --yes --max-cost USD=100 --allow-unknown-cost")
	b.run(cli.ExitOK, "manifest drift bursar.yaml")
}

// A profile that has got another address is not what was agreed to.
func TestAPlanIsForAnAddress(t *testing.T) {
	t.Parallel()
	b := newBoard(t, "version: 1\nportals: {acme: {quantities: {storage: 200}}}", "acme", "beta")
	b.run(cli.ExitDiffers, "manifest diff bursar.yaml --save plan.json")
	b.write("portals.yaml", fmt.Sprintf("portals:\n  acme: {url: %q, key: %q}\n", b.of["beta"].URL, b.of["beta"].Key))
	if _, told := b.run(cli.ExitFailed, "manifest apply plan.json --yes"); !strings.Contains(told, `portal "acme" is at another address`) {
		t.Errorf("it says %s", told)
	}
	b.write("portals.yaml", "portals: {}\n")
	if _, told := b.run(cli.ExitUsage, "manifest apply plan.json --yes"); !strings.Contains(told, `no such portal: "acme"`) {
		t.Errorf("it says %s", told)
	}
}

// No key is in anything that is printed or written.
func TestManifestsHoldNoKeys(t *testing.T) {
	t.Parallel()
	b := newBoard(t, boardText, "acme", "beta", "gamma", "omega")
	b.of["beta"].Inject(docspacetest.Unauthorized())
	var all bytes.Buffer
	for _, row := range []struct {
		code int
		line string
	}{
		{cli.ExitPartly, "manifest diff bursar.yaml --save plan.json"}, {cli.ExitPartly, "manifest diff bursar.yaml -o json"},
		{cli.ExitPartly, "manifest init"}, {cli.ExitPartly, "manifest apply bursar.yaml --yes -o json"},
	} {
		stdout, told := b.run(row.code, row.line)
		all.WriteString(stdout + told)
	}
	plan, err := os.ReadFile(filepath.Join(b.dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	all.Write(plan)
	for name, p := range b.of {
		if strings.Contains(all.String(), p.Key) {
			t.Errorf("the key of %s is in it", name)
		}
	}
}
