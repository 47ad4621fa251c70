package cli_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

// checking runs bursar check, and returns its result with the portal's address replaced
// by one that stays.
func (d *desk) checking(code int, flags ...string) string {
	d.t.Helper()
	stdout, stderr, err := runCLI(d.t, d.world, append([]string{"check", "-q"}, flags...)...)
	if got := cli.ExitCode(err); got != code || stderr != "" {
		d.t.Fatalf("check %q: exit status %d, not %d: %v\n%s%s", flags, got, code, err, stdout, stderr)
	}
	u, err := url.Parse(d.world["DOCSPACE_URL"])
	if err != nil {
		d.t.Fatal(err)
	}
	stdout = strings.ReplaceAll(stdout, d.world["DOCSPACE_URL"], "https://portal.example.com")
	return strings.ReplaceAll(stdout, u.Host, "portal.example.com")
}

// spent are 30 operations of a day each, of 10 USD.
func spent() (operations []string) {
	for n := range 30 {
		operations = append(operations, operation(time.Duration(24*n+13)*time.Hour, "ServicePayment", "", "0", "10"))
	}
	return append(operations, operation(31*24*time.Hour, "Deposit", "", "500", "0"))
}

// fallen is a stock portal with something wrong of every kind.
func fallen(t *testing.T) *desk {
	return stock(t, "45.5", spent(), map[string]string{
		"payment/customerinfo":  `{"portalId":"p","paymentMethodStatus":2,"email":"gone|away@example.com"}`,
		"payment/topupsettings": `{"enabled":true,"minBalance":100,"upToBalance":20,"currency":"USD"}`,
		"payment/quota":         `{"id":-9,"title":"Business","price":{"value":200},"features":[{"id":"manager","title":"","value":10,"type":"count","used":{"value":12}}]}`,
		"tariff":                `{"id":1,"state":2,"dueDate":"2026-09-29T00:00:00Z","delayDueDate":"2026-10-09T00:00:00Z","openSource":false,"customerId":"gone@example.com","quotas":[{"id":-9,"quantity":10,"wallet":false},{"id":-11,"quantity":400,"wallet":true,"dueDate":"2026-10-07T12:00:00"}]}`,
		"payment/quotas":        `[{"id":-11,"price":{"value":0.14},"features":[]}]`,
	})
}

// sound is a stock portal with nothing wrong.
func sound(t *testing.T) *desk {
	return stock(t, "450", spent(), map[string]string{
		"payment/customerinfo":  `{"portalId":"p","paymentMethodStatus":1,"email":"owner@example.com","payer":{"id":"1","displayName":"Olivia"}}`,
		"payment/topupsettings": `{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD"}`,
		"payment/quota":         `{"id":-9,"title":"Business","price":{"value":200},"features":[]}`,
		"tariff":                `{"id":1,"state":1,"dueDate":"2026-11-01T00:00:00Z"}`,
		"payment/quotas":        `[]`,
	})
}

var checkFlags = []string{
	"--min-balance", "50", "--warn-balance", "100", "--min-runway", "7d", "--warn-runway", "14d", "--due-within", "10d", "--max-age", "1h", "--require-topup",
}

func TestChecksLookAsTheyShould(t *testing.T) {
	t.Parallel()
	for name, portal := range map[string]func(*testing.T) *desk{"fallen": fallen, "sound": sound} {
		code := map[string]int{"fallen": cli.ExitCheckCritical, "sound": cli.ExitCheckOK}[name]
		for _, format := range []string{"text", "nagios", "json", "junit"} {
			t.Run(name+"/"+format, func(t *testing.T) {
				t.Parallel()
				golden(t, filepath.Join("testdata", "check", name+"."+format), portal(t).checking(code, append(checkFlags, "-o", format)...))
			})
		}
	}
}

// A line of a plug-in: what is looked at, the state, text, and numbers with ranges.
// Source: Monitoring Plugins Development Guidelines.
var (
	nagiosLine = regexp.MustCompile(`^BURSAR (OK|WARNING|CRITICAL|UNKNOWN) - [^|]+?(?: \|((?: '[^'=]+'=-?[0-9]+(?:\.[0-9]+)?;[0-9.]*:?;[0-9.]*:?)+))?$`)
	longLine   = regexp.MustCompile(`^(WARNING|CRITICAL|UNKNOWN) \S+ [a-z]+-[a-z]+: [^|]+$`)
)

func TestNagiosUnderstandsChecks(t *testing.T) {
	t.Parallel()
	for name, portal := range map[string]*desk{"fallen": fallen(t), "sound": sound(t), "empty": stock(t, "0", nil, nil)} {
		stdout, _, err := runCLI(t, portal.world, append([]string{"check", "-o", "nagios"}, checkFlags...)...)
		lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		state := nagiosLine.FindStringSubmatch(lines[0])
		if state == nil {
			t.Fatalf("%s: %s", name, lines[0])
		}
		if want := []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[cli.ExitCode(err)]; state[1] != want {
			t.Errorf("%s: it says %s, and ends as %s", name, state[1], want)
		}
		for _, line := range lines[1:] {
			if !longLine.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	numbers := nagiosLine.FindStringSubmatch(strings.Split(sound(t).checking(0, append(checkFlags, "-o", "nagios")...), "\n")[0])[2]
	if want := " 'portal.example.com USD'=450.00;100.00:;50.00: 'portal.example.com USD runway'=365;14:;7:"; numbers != want {
		t.Errorf("%q, want %q", numbers, want)
	}
}

// junit is JUnit's XML, as those who read it see it.
type junit struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Suites   []struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Cases    []struct {
			Name    string      `xml:"name,attr"`
			Class   string      `xml:"classname,attr"`
			Failure *junitFault `xml:"failure"`
			Error   *junitFault `xml:"error"`
			Skipped *junitFault `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func TestJUnitAddsUp(t *testing.T) {
	t.Parallel()
	dead := &desk{nil, t, map[string]string{"DOCSPACE_URL": "http://127.0.0.1:1", "DOCSPACE_API_KEY": "sk-key"}}
	for name, test := range map[string]struct {
		portal                            *desk
		code                              int
		tests, failures, errors, skipped_ int
	}{
		"fallen": {fallen(t), 2, 8, 6, 0, 0},
		"sound":  {sound(t), 0, 8, 0, 0, 0},
		"dead":   {dead, 3, 8, 0, 1, 7},
	} {
		text := test.portal.checking(test.code, append(checkFlags, "-o", "junit")...)
		var got junit
		if err := xml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if got.Tests != test.tests || got.Failures != test.failures || got.Errors != test.errors || len(got.Suites) != 1 || got.Suites[0].Skipped != test.skipped_ {
			t.Errorf("%s: %d tests, %d failures, %d errors\n%s", name, got.Tests, got.Failures, got.Errors, text)
		}
		failures, errors, skipped := 0, 0, 0
		for _, c := range got.Suites[0].Cases {
			if c.Class != got.Suites[0].Name || c.Name == "" {
				t.Errorf("%s: a case %q of %q", name, c.Name, c.Class)
			}
			for _, fault := range []*junitFault{c.Failure, c.Error} {
				if fault != nil && (fault.Message == "" || fault.Type == "" || fault.Text == "") {
					t.Errorf("%s: %+v", name, fault)
				}
			}
			if c.Failure != nil {
				failures++
			}
			if c.Error != nil {
				errors++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
		if s := got.Suites[0]; failures != s.Failures || errors != s.Errors || skipped != s.Skipped || len(s.Cases) != s.Tests {
			t.Errorf("%s: the sums are wrong\n%s", name, text)
		}
	}
}

func TestCheckRefusesWrongUsageAsUnknown(t *testing.T) {
	t.Parallel()
	d := sound(t)
	for want, flags := range map[string][]string{
		`--min-balance: "x" is neither`:                          {"--min-balance", "x"},
		`--min-balance: "XXL=1": there is no currency`:           {"--min-balance", "XXL=1"},
		`--warn-balance: it is not more than --min-balance`:      {"--min-balance", "20", "--warn-balance", "10"},
		`--warn-runway: 48h0m0s is not longer than --min-runway`: {"--min-runway", "7d", "--warn-runway", "2d"},
		`--min-runway: nothing is foretold beyond 365 days`:      {"--min-runway", "400d"},
		`invalid argument "1w" for "--due-within"`:               {"--due-within", "1w"},
		`invalid argument "0d" for "--max-age"`:                  {"--max-age", "0d"},
		`invalid argument "yaml" for "-o, --output"`:             {"-o", "yaml"},
		`--parallel: 0 is less than 1`:                           {"--parallel", "0"},
		`unknown command "all"`:                                  {"all"},
		`if any flags in the group [all portal]`:                 {"--all", "--portal", "x"},
		`--portal is empty`:                                      {"--portal", ""},
		`there are no portals`:                                   {"--all"},
		`no such portal: none is in the group "x"`:               {"--group", "x"},
		`--timeout: 0s is not more than nothing`:                 {"--timeout", "0"},
		`--min-balance: "-20" is less than nothing`:              {"--min-balance=-20"},
	} {
		stdout, _, err := runCLI(t, d.world, append([]string{"check"}, flags...)...)
		if cli.ExitCode(err) != cli.ExitCheckUnknown || stdout != "" || !strings.Contains(printed(err), want) || !strings.Contains(printed(err), "\nhint: ") {
			t.Errorf("%q: exit status %d, %s%s", flags, cli.ExitCode(err), stdout, printed(err))
		}
	}
	// A monitor reads standard output alone.
	stdout, _, err := runCLI(t, d.world, "check", "-o", "nagios", "--group", "x|y")
	if cli.ExitCode(err) != 3 || !nagiosLine.MatchString(strings.TrimSuffix(stdout, "\n")) || !strings.HasPrefix(stdout, "BURSAR UNKNOWN - ") {
		t.Errorf("%v %s", err, stdout)
	}
}

// someOf writes the profiles of some portals; one cannot be reached, and one has no key.
func someOf(t *testing.T, portals map[string]*docspacetest.Portal) *desk {
	t.Helper()
	file := filepath.Join(t.TempDir(), "portals.yaml")
	var b strings.Builder
	b.WriteString("portals:\n")
	for name, p := range portals {
		fmt.Fprintf(&b, "  %s: {url: %q, key: %q, groups: [live]}\n", name, p.URL, p.Key)
	}
	b.WriteString("  down: {url: \"http://127.0.0.1:1\", key: sk-x}\n  keyless: {url: \"http://127.0.0.1:1\", key_variable: NOTHING}\n")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return &desk{nil, t, map[string]string{"BURSAR_PROFILES": file}}
}

func TestCheckManyPortals(t *testing.T) {
	t.Parallel()
	low, orphaned, well := docspacetest.New(t), docspacetest.New(t), docspacetest.New(t)
	low.SetBalance(amount(t, "12.50", "USD"))
	orphaned.SetCustomer(billing.CustomerChange{Email: "gone@example.com"})
	d := someOf(t, map[string]*docspacetest.Portal{"low": low, "orphaned": orphaned, "well": well})
	run := func(args ...string) (string, int) {
		stdout, stderr, err := runCLI(t, d.world, append([]string{"check"}, args...)...)
		if stderr != "" {
			t.Errorf("%q: %s", args, stderr)
		}
		return stdout, cli.ExitCode(err)
	}
	stdout, code := run("--all", "--min-balance", "20", "--min-balance", "EUR=1")
	want := `UNKNOWN down read-portal: Failed to get customer info: 127.0.0.1:1: connect: connection refused
UNKNOWN keyless read-portal: no key for portal keyless, by variable: there is none in it
CRITICAL low balance-low: 12.50 USD is left, less than 20.00 USD
WARNING orphaned payer-orphaned: no user of the portal has the customer's address gone@example.com, so that nobody may pay or change what is paid
`
	if stdout != want || code != 2 {
		t.Errorf("%d\n%s", code, stdout)
	}
	for group, want := range map[string]int{"well": 0, "low": 0, "orphaned": 1, "down": 3, "keyless": 3} {
		if _, code := run("--portal", group); code != want {
			t.Errorf("%s: %d", group, code)
		}
	}
	if _, code := run("--group", "live"); code != 1 {
		t.Errorf("of a warning alone: %d", code)
	}
	var document struct {
		State    string
		Portals  []struct{ Portal, State string }
		Problems []map[string]string
	}
	stdout, _ = run("--all", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &document); err != nil || len(document.Portals) != 5 || document.State != "unknown" || len(document.Problems) != 3 || document.Portals[4].State != "ok" {
		t.Errorf("%v %+v", err, document)
	}
}

// Below what portals keep their answers for, they are asked to look past that.
func TestCheckAsksForFreshAnswers(t *testing.T) {
	t.Parallel()
	for age, want := range map[string]string{"": "", "5m": "true", "10m": "", "1h": ""} {
		var asked, refreshed atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if r.FormValue("refresh") == "true" {
				refreshed.Add(1)
			}
			w.WriteHeader(http.StatusInternalServerError)
		}))
		d := &desk{nil, t, map[string]string{"DOCSPACE_URL": server.URL, "DOCSPACE_API_KEY": "sk-key"}}
		var flags []string
		if age != "" {
			flags = []string{"--max-age", age}
		}
		d.checking(cli.ExitCheckUnknown, flags...)
		server.Close()
		if asked.Load() == 0 || refreshed.Load() != map[string]int64{"true": asked.Load()}[want] {
			t.Errorf("--max-age %s: of %d reads %d were to look past caches", age, asked.Load(), refreshed.Load())
		}
	}
}

// What was read first is as old as all the others took to be read.
func TestCheckKnowsHowLongItTook(t *testing.T) {
	t.Parallel()
	first, last := docspacetest.New(t), docspacetest.New(t)
	var late atomic.Bool
	last.Inject(docspacetest.Fault{Path: "tariff", Body: `{"response":{"id":1,"state":1},"status":0,"statusCode":200}`, After: func() { late.Store(true) }})
	path := filepath.Join(t.TempDir(), "portals.yaml")
	writeProfiles(t, path, map[string]*docspacetest.Portal{"first": first, "last": last})
	for age, want := range map[string]int{"2h": 0, "1h": 2} {
		late.Store(false)
		var stdout strings.Builder
		root := cli.New(cli.Env{
			Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: io.Discard, Version: "test",
			Getenv: func(name string) string { return map[string]string{"BURSAR_PROFILES": path}[name] },
			Now: func() time.Time {
				if late.Load() {
					return noon.Add(time.Hour)
				}
				return noon
			},
		})
		root.SetArgs([]string{"check", "--all", "--parallel", "1", "--max-age", age})
		root.SilenceErrors, root.SilenceUsage = true, true
		err := root.ExecuteContext(t.Context())
		const text = "age-over: what is known may be 1h10m0s old, with the portal's own caches, more than 1h0m0s"
		if got := strings.Count(stdout.String(), text); got != want || want > 0 && cli.ExitCode(err) != cli.ExitCheckUnknown {
			t.Errorf("--max-age %s: %v\n%s", age, err, stdout.String())
		}
	}
}

// What a portal sends reaches no terminal as it is, and breaks no line.
func TestCheckCleansWhatPortalsSend(t *testing.T) {
	t.Parallel()
	d := stock(t, "1", nil, map[string]string{
		"payment/customerinfo":  `{"portalId":"p","paymentMethodStatus":1,"email":"\u001b[31ma\nOK | b\u202e<x>@example.com"}`,
		"payment/topupsettings": `{"enabled":false,"minBalance":0,"upToBalance":0}`,
		"payment/quota":         `{"id":-9,"price":{"value":1},"features":[]}`,
		"tariff":                `{"id":1,"state":1}`,
	})
	for _, format := range []string{"text", "nagios", "json", "junit"} {
		text := d.checking(cli.ExitCheckWarning, "-o", format)
		if strings.ContainsAny(text, "\x1b\u202e") || !strings.Contains(text, "example.com") {
			t.Errorf("%s: %q", format, text)
		}
		if lines := strings.Count(text, "\n"); (format == "text" || format == "nagios") && lines != 1 {
			t.Errorf("%s has %d lines: %q", format, lines, text)
		}
		if format == "nagios" && !nagiosLine.MatchString(strings.TrimSuffix(text, "\n")) {
			t.Errorf("%q", text)
		}
	}
}
