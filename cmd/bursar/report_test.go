package main

import (
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspacetest"
)

// failing is a portal that goes wrong in one way, and what "bursar report" makes
// of it.
type failing struct {
	name   string
	faults []docspacetest.Fault
	role   billing.Role // whose key asks; "" is the owner
	key    string       // another key than anybody's
	args   []string
	code   int
	stdout []string // what it prints; none: nothing at all
	stderr []string
}

// at limits a fault to one part, by how its path ends.
func at(path string, f docspacetest.Fault) docspacetest.Fault {
	f.Path = path
	return f
}

var failings = []failing{
	{
		name: "nothing", code: 0,
		stdout: []string{"CUSTOMER", "BALANCE", "PLAN\n", "PLANS ON OFFER", "AUTOMATIC TOP-UP", "CURRENCIES"},
	},
	{
		name: "nothing is known", code: 0,
		faults: []docspacetest.Fault{{Null: true}},
		stdout: []string{"no customer", "Not known", "The portal does not say."},
	},
	{
		name: "every part fails", code: 1,
		faults: []docspacetest.Fault{docspacetest.Failed()},
		stderr: []string{"500 - Object reference not set", "hint: the portal failed"},
	},
	{
		name: "a login page answers", code: 1,
		faults: []docspacetest.Fault{docspacetest.LoginPage()},
		stderr: []string{`a web page titled "Sign in"`, "hint: check the address"},
	},
	{
		name: "sent on to another host", code: 1,
		faults: []docspacetest.Fault{{Status: 302, Location: "https://elsewhere.example.com/"}},
		stderr: []string{"302 - sent on to https://elsewhere.example.com", "hint: the portal has another address"},
	},
	{
		name: "a body without end", code: 1, args: []string{"--only", "customer"},
		faults: []docspacetest.Fault{{Endless: true}},
		stderr: []string{"Failed to get customer info: 200 - the answer is longer than", "hint:"},
	},
	{
		name: "told to come back in an hour", code: 1,
		faults: []docspacetest.Fault{docspacetest.TooMany(time.Hour)},
		stderr: []string{"429", "hint: the portal asks for a pause"},
	},
	{
		name: "slower than --timeout", code: 1, args: []string{"--timeout", "200ms"},
		faults: []docspacetest.Fault{{Delay: time.Hour}},
		stderr: []string{"no whole answer in time", "hint: the portal is slow; give it more time with --timeout"},
	},
	{
		name: "one part fails", code: 3,
		faults: []docspacetest.Fault{at("customer/balance", docspacetest.Failed())},
		stdout: []string{"CUSTOMER", "PLAN\n", "PLANS ON OFFER", "AUTOMATIC TOP-UP", "CURRENCIES"},
		stderr: []string{"Failed to get balance: 500 - Object reference", "\nhint: "},
	},
	{
		name: "one part is no JSON", code: 3,
		faults: []docspacetest.Fault{at("currencies", docspacetest.LoginPage())},
		stdout: []string{"CUSTOMER", "BALANCE"},
		stderr: []string{"Failed to get currencies: ", "a web page"},
	},
	{
		name: "all but one fail", code: 3, args: []string{"--only", "topup,quota,balance"},
		faults: []docspacetest.Fault{at("quota", docspacetest.Failed()), at("balance", docspacetest.Denied())},
		stdout: []string{"AUTOMATIC TOP-UP"},
		stderr: []string{"Failed to get balance: 403", "Failed to get current quota: 500"},
	},
	{
		name: "a member sees the plan only", code: 3, role: billing.Member,
		stdout: []string{"PLAN\n", "Business"},
		stderr: []string{"Failed to get customer info: 403 - Access denied", "hint: the key's user must be the owner"},
	},
	{
		name: "a member asks for what it may see", code: 0, role: billing.Member, args: []string{"--only", "quota"},
		stdout: []string{"PLAN\n"},
	},
	{
		name: "a member may see none of it", code: 4, role: billing.Member, args: []string{"--only", "customer,balance,topup"},
		stderr: []string{"403 - Access denied", "hint: the key's user must be the owner"},
	},
	{
		name: "a guest may see nothing", code: 4, role: billing.Guest,
		stderr: []string{"403 - Access denied", "hint:"},
	},
	{
		name: "a key that nobody knows", code: 4, key: "sk-9f3c2b1a9f3c2b1a9f3c2b1a",
		stderr: []string{"401 - the API key is not known to this portal", "hint: check the key"},
	},
	{
		name: "a stock portal refuses a key", code: 4,
		faults: []docspacetest.Fault{docspacetest.Unauthorized()},
		stderr: []string{"401 - Unauthorized", "hint: check the key"},
	},
	{
		name: "refused in two ways", code: 4,
		faults: []docspacetest.Fault{at("quota", docspacetest.Unauthorized()), docspacetest.Denied()},
		stderr: []string{"401", "403", "hint: check the key", "hint: the key's user"},
	},
	{
		name: "refused here and failed there", code: 1,
		faults: []docspacetest.Fault{at("quota", docspacetest.Failed()), docspacetest.Denied()},
		stderr: []string{"500", "403"},
	},
	{
		name: "cut off once", code: 0, args: []string{"--only", "balance"},
		faults: []docspacetest.Fault{{Cut: true, Times: 1}},
		stdout: []string{"148.50"},
	},
}

func TestReportSaysWhatFailed(t *testing.T) {
	t.Parallel()
	for _, f := range failings {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			portal := docspacetest.New(t)
			key := portal.Key
			if f.role != "" {
				key = portal.KeyOf(f.role)
			}
			if f.key != "" {
				key = f.key
			}
			for _, fault := range f.faults {
				portal.Inject(fault)
			}
			got := bursar(t, []string{"DOCSPACE_URL=" + portal.URL, "DOCSPACE_API_KEY=" + key}, append([]string{"report"}, f.args...)...)
			f.check(t, got)
			hidesKey(t, got, key)
		})
	}
}

func (f failing) check(t *testing.T, got result) {
	t.Helper()
	if got.code != f.code {
		t.Errorf("exit status %d, not %d", got.code, f.code)
	}
	for _, want := range f.stdout {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("standard output lacks %q", want)
		}
	}
	for _, want := range f.stderr {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("standard error lacks %q", want)
		}
	}
	if len(f.stdout) == 0 && got.stdout != "" {
		t.Error("a report of nothing was printed")
	}
	if len(f.stderr) == 0 && got.stderr != "" {
		t.Error("something stands on standard error")
	}
	if n := strings.Count(got.stderr, "hint: "); n > len(uniqueLines(got.stderr, "hint: ")) {
		t.Error("the same advice is given twice")
	}
	if t.Failed() {
		t.Logf("standard output:\n%s\nstandard error:\n%s", got.stdout, got.stderr)
	}
}

func uniqueLines(text, prefix string) map[string]bool {
	unique := map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			unique[line] = true
		}
	}
	return unique
}

// hidesKey fails the test when an output has any eight characters of a key in
// it, in a row.
func hidesKey(t *testing.T, got result, key string) {
	t.Helper()
	secret := strings.TrimPrefix(key, "sk-")
	for i := range len(secret) - 8 + 1 {
		if piece := secret[i : i+8]; strings.Contains(got.stdout+got.stderr, piece) {
			t.Errorf("%q, a piece of the key, was printed:\n%s%s", piece, got.stdout, got.stderr)
			return
		}
	}
}

func TestReportTellsFailedPartsInEveryFormat(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	portal.Inject(at("customerinfo", docspacetest.Denied()))
	for _, format := range []string{"table", "json", "yaml", "csv", "markdown"} {
		got := bursar(t, nil, "report", "--portal", portal.URL, "--key", portal.Key, "-o", format)
		if got.code != 3 || !strings.Contains(got.stderr, "Failed to get customer info: 403 - Access denied\nhint: ") {
			t.Errorf("%s: exit status %d and\n%s", format, got.code, got.stderr)
		}
		if !strings.Contains(got.stdout, "148.50") || strings.Contains(got.stdout, "Olivia") {
			t.Errorf("%s: not what arrived:\n%s", format, got.stdout)
		}
		if inside := strings.Contains(got.stdout, "Access denied"); inside != (format == "json" || format == "yaml" || format == "csv") {
			t.Errorf("%s: the error stands in the report: %t", format, inside)
		}
	}
}

func TestReportAsksOnlyForWhatIsNamed(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	got := bursar(t, nil, "report", "--portal", portal.URL, "--key", portal.Key, "--only", "topup, balance", "--only", "balance")
	if got.code != 0 || strings.Index(got.stdout, "BALANCE") > strings.Index(got.stdout, "AUTOMATIC TOP-UP") {
		t.Errorf("exit status %d and\n%s%s", got.code, got.stdout, got.stderr)
	}
	for _, title := range []string{"CUSTOMER", "PLAN", "PLANS ON OFFER", "CURRENCIES"} {
		if strings.Contains(got.stdout, title) {
			t.Errorf("%s was not asked for", title)
		}
	}
	for path, want := range map[string]int{"customer/balance": 1, "topupsettings": 1, "": 2} {
		if n := portal.Requests(path); n != want {
			t.Errorf("%d requests for %q, not %d", n, path, want)
		}
	}
}

// A portal's own words end up on the terminal of whoever runs the report.
func TestReportDisarmsThePortalsErrors(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	for _, fault := range []docspacetest.Fault{
		{Status: 403, Body: `{"error":{"message":"\u001b[31mred\u0007 \u202edesrever\u2066 \u009b2J"}}`},
		{Body: "<title>\x1b[31mred\x07 \u202edesrever\u2066 \u009b2J</title>", ContentType: "text/html"},
		{Status: 302, Location: "https://example.com/\u202edesrever"},
		{Status: 403, Body: `{"error":{"message":"Your key ` + portal.Key + ` is bad"}}`},
	} {
		portal.Heal()
		portal.Inject(fault)
		got := bursar(t, nil, "report", "--portal", portal.URL, "--key", portal.Key)
		if bad := strings.IndexFunc(got.stderr, obeyed); bad >= 0 {
			t.Errorf("%+v: a terminal would obey %q", fault, got.stderr[bad:])
		}
		hidesKey(t, got, portal.Key)
	}
}

// obeyed reports whether a terminal does something else with a character than
// showing it.
func obeyed(r rune) bool {
	return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
