package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
)

// desk is a portal, and the commands that are run on it by its payer.
type desk struct {
	*docspacetest.Portal
	t     *testing.T
	world map[string]string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	portal := docspacetest.New(t)
	return &desk{portal, t, map[string]string{
		"DOCSPACE_URL": portal.URL, "DOCSPACE_API_KEY": portal.Key, "XDG_STATE_HOME": t.TempDir(),
	}}
}

// must runs a command that must work, and returns what it printed.
func (d *desk) must(line string) string {
	d.t.Helper()
	stdout, stderr, err := runCLI(d.t, d.world, words(line)...)
	if err != nil || stderr != "" {
		d.t.Fatalf("bursar %s: %v\n%s", line, err, stderr)
	}
	return stdout
}

// refuse runs a command that must fail, and returns what is printed then.
func (d *desk) refuse(code int, line string) string {
	d.t.Helper()
	stdout, stderr, err := runCLI(d.t, d.world, words(line)...)
	if got := cli.ExitCode(err); got != code || stdout != "" || stderr != "" {
		d.t.Fatalf("bursar %s: exit status %d, not %d: %v\n%s%s", line, got, code, err, stdout, stderr)
	}
	return printed(err)
}

// snapshot is what a portal says of itself that commands could change.
func (d *desk) snapshot() string {
	d.t.Helper()
	client, ctx := d.Client(), d.t.Context()
	var b bytes.Buffer
	note := func(v any, err error) {
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			d.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", text)
	}
	note(client.Balance(ctx))
	note(client.Operations(ctx, docspace.OperationsQuery{}))
	note(client.Tariff(ctx))
	note(client.TopUpSettings(ctx))
	note(client.ServicesSettings(ctx))
	note(client.Quota(ctx))
	return b.String()
}

// available returns what the wallet has in dollars.
func (d *desk) available() string {
	d.t.Helper()
	balance, err := d.Client().Balance(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, sub := range balance.SubAccounts {
		if sub.Amount.Currency() == "USD" {
			return sub.Amount.Decimal()
		}
	}
	return "none"
}

// changes are commands that change something, and what they say of it as JSON.
var changes = []struct {
	line  string
	route string // that makes the change
	paid  bool   // it bears an idempotency key
	want  map[string]any
}{
	{"deposit --amount USD=10", "deposit", true, map[string]any{"change": "deposit", "amount": "10.00", "currency": "USD", "paidFrom": "card"}},
	{"plan set --quantity 12", "update", true,
		map[string]any{"change": "plan set", "product": "admin", "quantity": 12., "periodPrice": "240.00", "currency": "USD", "paidFrom": "card"}},
	{"service buy storage --quantity 10", "updatewallet", true,
		map[string]any{"change": "service buy", "product": "storage", "quantity": 10., "currency": "USD", "paidFrom": "wallet"}},
	{"service schedule disk-storage --quantity 200", "updatewallet", false,
		map[string]any{"change": "service schedule", "product": "storage", "quantity": 200., "periodPrice": "28.00", "paidFrom": "wallet", "currency": "USD"}},
	{"service schedule storage --cancel", "updatewallet", false, map[string]any{"change": "service schedule", "product": "storage", "quantity": 0.}},
	{"service schedule storage --keep", "updatewallet", false,
		map[string]any{"change": "service schedule", "product": "storage", "periodPrice": "14.00", "paidFrom": "wallet", "currency": "USD"}},
	{"service on AITools", "servicestate", false,
		map[string]any{"change": "service on", "product": "aitools", "amount": "1.00", "currency": "USD", "paidFrom": "wallet"}},
	{"service off backup", "servicestate", false, map[string]any{"change": "service off", "product": "backup"}},
	{"service credit-ai USD=5.50", "creditaibalance", true, map[string]any{"change": "service credit-ai", "amount": "5.50", "currency": "USD", "paidFrom": "wallet"}},
	{"topup-rule set --min 30 --up-to 90 --currency USD", "topupsettings", false, map[string]any{"change": "topup-rule set", "currency": "USD", "paidFrom": "card",
		"topup": map[string]any{"enabled": true, "minBalance": "30.00", "upToBalance": "90.00", "currency": "USD", "lastModified": nil}}},
	{"topup-rule clear", "topupsettings", false, map[string]any{"change": "topup-rule clear"}},
}

// What a change says beforehand changes nothing; what it then does is what it said.
func TestChangesDoWhatTheirDryRunsSay(t *testing.T) {
	t.Parallel()
	for _, c := range changes {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			before := d.snapshot()
			writes := d.Requests(c.route)
			var dry, done map[string]any
			decode(t, d.must(c.line+" --dry-run -o json"), &dry)
			if text := d.must(c.line + " --dry-run"); !strings.Contains(text, "nothing was changed") || !strings.Contains(text, d.URL) {
				t.Errorf("the dry run says\n%s", text)
			}
			if c.route != "topupsettings" && d.Requests(c.route) != writes { // which is read by the same address
				t.Error("the dry run changes something")
			}
			if after := d.snapshot(); after != before {
				t.Errorf("the dry run changed something (-before +after):\n%s", cmp.Diff(before, after))
			}
			decode(t, d.must(c.line+" --yes -o json"), &done)
			if after := d.snapshot(); after == before {
				if !strings.HasSuffix(c.line, "--keep") {
					t.Error("nothing was changed")
				}
			}
			for name, want := range c.want {
				for when, got := range map[string]map[string]any{"would be": dry, "is": done} {
					if diff := cmp.Diff(want, got[name]); diff != "" {
						t.Errorf("%s %s (-want +got):\n%s", name, when, diff)
					}
				}
			}
			if dry["dryRun"] != true || dry["done"] != false || done["dryRun"] != false || done["done"] != true || done["portal"] != d.URL {
				t.Errorf("%v, then %v", dry, done)
			}
			if _, has := done["idempotencyKey"]; has != c.paid || dry["idempotencyKey"] != nil {
				t.Errorf("a key: %t, want %t", has, c.paid)
			}
		})
	}
}

// The price that is said is the one that is paid, and so is the next one.
func TestServicesCostWhatIsSaid(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	said := d.must("service price storage --quantity 10")
	var price, bought map[string]any
	decode(t, d.must("service price disk-storage --quantity 10 -o json"), &price)
	if want := price["amount"].(string) + " " + price["currency"].(string) + "\n"; said != want || price["product"] != "storage" {
		t.Errorf("%q and %v", said, price)
	}
	decode(t, d.must("service buy storage --quantity 10 -y -o json"), &bought)
	before, paid := amount(t, "148.50", "USD"), amount(t, price["amount"].(string), "USD")
	left, err := before.Sub(paid)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.available(); got != left.Decimal() || bought["amount"] != price["amount"] {
		t.Errorf("%s are left of 148.50 after %v, which was said to be %v", got, bought["amount"], price["amount"])
	}
	if text := d.must("service buy storage --quantity 10 --yes"); !strings.Contains(text, "Bought ") || !strings.Contains(text, "10 more of storage") ||
		!strings.Contains(text, "the wallet ("+left.Decimal()+" USD, 25.00 EUR before)") || !strings.Contains(text, d.available()+" USD, 25.00 EUR\n") {
		t.Errorf("it says\n%s", text)
	}
}

// Without a terminal nobody can be asked, and nothing is sent unasked.
func TestChangesAreNotMadeUnasked(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, c := range changes {
		text := d.refuse(cli.ExitUsage, c.line)
		if !strings.Contains(text, "nothing was sent") || !strings.Contains(text, "hint: --yes goes on unasked, --dry-run") {
			t.Errorf("bursar %s: %s", c.line, text)
		}
	}
	if n := d.Requests(""); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// When an answer is lost, the hint has the key by which the same command finds out
// what came of it, and does nothing twice.
func TestLostAnswersAreFoundAgain(t *testing.T) {
	t.Parallel()
	for _, c := range changes {
		if !c.paid || c.route == "deposit" { // which finds out by itself
			continue
		}
		for name, fault := range map[string]docspacetest.Fault{
			"cut": {Cut: true}, "503": {Status: 503}, "no answer": {Null: true}, "a login page": docspacetest.LoginPage(),
		} {
			t.Run(c.line+" "+name, func(t *testing.T) {
				t.Parallel()
				d := newDesk(t)
				fault.Path, fault.Late, fault.Times = c.route, true, 1
				d.Inject(fault)
				text := d.refuse(cli.ExitFailed, c.line+" --yes")
				_, rest, _ := strings.Cut(text, "it may have happened or not: repeat with --idempotency-key ")
				key, _, _ := strings.Cut(rest, ",")
				if !drawn.MatchString(key) {
					t.Fatalf("no key is named: %s", text)
				}
				if n := d.Requests(c.route); n != 1 {
					t.Errorf("it was sent %d times", n)
				}
				after := d.snapshot()
				if text := d.must(c.line + " --yes --idempotency-key " + key); !strings.Contains(text, key) {
					t.Errorf("it says\n%s", text)
				}
				if again := d.snapshot(); again != after {
					t.Errorf("it was done twice (-once +twice):\n%s", cmp.Diff(after, again))
				}
			})
		}
	}
}

// What a portal refuses is refused, with advice, and is not said to be uncertain.
func TestRefusedChangesSayWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line string
		prepare    func(d *desk)
		code       int
		want       []string
	}{
		{"too little money", "service buy storage --quantity 100 --yes", func(d *desk) { d.SetBalance(amount(d.t, "1", "USD")) },
			cli.ExitFailed, []string{"402", "hint: the wallet, the plan"}},
		{"more AI credit than money", "service credit-ai USD=1000 --yes", nil, cli.ExitFailed, []string{"Insufficient balance", "hint:"}},
		{"a declined card", "deposit --amount USD=10 --yes", func(d *desk) { d.SetCustomer(billing.CustomerChange{MethodType: "card_declined"}) },
			cli.ExitFailed, []string{"declined it", "hint: the portal says no more"}},
		{"no card", "deposit --amount USD=10 --yes", func(d *desk) { d.SetCustomer(billing.CustomerChange{MethodStatus: "none"}) },
			cli.ExitNotAllowed, []string{"payment method is not set", "hint: only the payer"}},
		{"a currency that nobody takes", "deposit --amount CHF=10 --yes", nil, cli.ExitFailed, []string{"Unsupported currency", "hint:"}},
		{"fewer than are used", "plan set --quantity 3 --yes", nil, cli.ExitFailed, []string{"402", "hint: the wallet, the plan"}},
		{"as many as there are", "plan set --quantity 10 --yes", nil, cli.ExitFailed, []string{"Invalid quantity"}},
		{"a product that is none", "service buy gold --quantity 1 --yes", nil, cli.ExitFailed, []string{"Invalid product"}},
		{"too few at first", "service schedule storage --quantity 5 --yes", nil, cli.ExitFailed, []string{"Invalid quantity"}},
		{"somebody else's business", "service buy storage --quantity 1 --yes", func(d *desk) { d.world["DOCSPACE_API_KEY"] = d.KeyOf(billing.Admin) },
			cli.ExitNotAllowed, []string{"403", "hint: only the payer"}},
		{"a member", "plan set --quantity 12 --yes", func(d *desk) { d.world["DOCSPACE_API_KEY"] = d.KeyOf(billing.Member) },
			cli.ExitNotAllowed, []string{"403", "hint: only the payer"}},
		{"too many requests", "deposit --amount USD=10 --yes", func(d *desk) { d.Inject(docspacetest.Fault{Path: "deposit", Status: 429}) },
			cli.ExitFailed, []string{"429", "hint: the portal asks for a pause"}},
		{"a price that nobody knows", "service buy storage --quantity 1 --yes", func(d *desk) { d.Inject(docspacetest.Fault{Path: "calculatewallet", Null: true}) },
			cli.ExitFailed, []string{"does not say what it costs; nothing was bought", "hint:"}},
		{"a balance that can't be read", "service buy storage --quantity 1 --yes", func(d *desk) { d.Inject(at("customer/balance", docspacetest.Failed())) },
			cli.ExitFailed, []string{"get balance: 500", "hint:"}},
		{"a portal that is down", "deposit --amount USD=10 --yes", func(d *desk) { d.Inject(docspacetest.BadGateway()) },
			cli.ExitFailed, []string{"502", "hint: the portal failed"}},
		{"a plan that is there", "plan buy admin --quantity 5", nil, cli.ExitFailed, []string{"the portal has a plan", "hint: bursar plan show"}},
		{"a plan that is not paid by card", "plan balance", func(d *desk) {
			d.SetPurchases(billing.Purchase{Plan: -9, Quantity: 10, DueAt: d.Now().AddDate(0, 0, 23)})
		}, cli.ExitFailed, []string{"402", "hint:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			if c.prepare != nil {
				c.prepare(d)
			}
			before := d.Requests("deposit") + d.Requests("updatewallet")
			text := d.refuse(c.code, c.line)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in: %s", want, text)
				}
			}
			if strings.Contains(text, "may have happened") {
				t.Errorf("it is said to be uncertain: %s", text)
			}
			if n := d.Requests("deposit") + d.Requests("updatewallet") - before; n > 1 {
				t.Errorf("it was sent %d times", n)
			}
		})
	}
}

// at limits a fault to one route, by how its path ends.
func at(path string, f docspacetest.Fault) docspacetest.Fault {
	f.Path = path
	return f
}

// A change that bears no key does no harm when it is repeated.
func TestUncertainSettingsCanBeRepeated(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.Inject(docspacetest.Fault{Path: "servicestate", Late: true, Cut: true, Times: 1})
	text := d.refuse(cli.ExitFailed, "service on aitools --yes")
	if !strings.Contains(text, "hint: it may have happened or not: repeat the command, which does no harm") {
		t.Errorf("it says %s", text)
	}
	if text := d.must("service on aitools --yes"); !strings.Contains(text, "backup, aitools") {
		t.Errorf("it says %s", text)
	}
}

// What was done is no failure because what the wallet then has can't be read.
func TestDoneIsDoneThoughTheRestIsNotSeen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.Inject(at("customer/balance", docspacetest.Failed()))
	if text := d.must("plan set --quantity 12 --yes"); !strings.Contains(text, "Set              plan admin to 12\n") ||
		!strings.Contains(text, "Available        not known: Object reference not set") {
		t.Errorf("it says\n%s", text)
	}
	var done map[string]any
	decode(t, d.must("plan set --quantity 13 --yes -o json"), &done)
	if done["done"] != true || done["available"] != nil {
		t.Errorf("%v", done)
	}
}

// What was done and could not be told is told by the same command with the key.
func TestDoneIsDoneThoughNobodyReadsIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	root := cli.New(cli.Env{
		Stdin: strings.NewReader(""), Stdout: deaf{}, Stderr: new(bytes.Buffer),
		Getenv: func(name string) string { return d.world[name] }, Now: func() time.Time { return noon },
	})
	root.SetArgs(words("deposit --amount USD=10 --yes --idempotency-key two"))
	root.SilenceErrors, root.SilenceUsage = true, true
	err := root.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(printed(err), "it was done, under the idempotency key two") {
		t.Errorf("it says %v", err)
	}
	d.must("deposit --amount USD=10 --yes --idempotency-key two")
	if got := d.available(); got != "158.50" {
		t.Errorf("the wallet has %s", got)
	}
}

// Keys are named, and read from standard input, as by report.
func TestChangesTakeTheirKeyAsReportDoes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var out, errs bytes.Buffer
	state := t.TempDir()
	root := cli.New(cli.Env{
		Stdin: strings.NewReader(d.Key + "\n"), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] }, Now: func() time.Time { return noon },
	})
	root.SetArgs([]string{"deposit", "--portal", d.URL, "--key", "-", "--amount", "USD=10", "--yes"})
	root.SilenceErrors, root.SilenceUsage = true, true
	if err := root.ExecuteContext(t.Context()); err != nil || errs.Len() > 0 {
		t.Fatalf("%v, %s", err, errs.String())
	}
	if got := d.available(); got != "158.50" {
		t.Errorf("the wallet has %s", got)
	}
	delete(d.world, "DOCSPACE_API_KEY")
	if text := d.refuse(cli.ExitUsage, "plan show"); !strings.Contains(text, "no key is given") {
		t.Errorf("it says %s", text)
	}
	delete(d.world, "DOCSPACE_URL")
	if text := d.refuse(cli.ExitUsage, "plan show"); !strings.Contains(text, "no portal is named") {
		t.Errorf("it says %s", text)
	}
}
