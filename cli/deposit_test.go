package cli_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

// What differs from run to run.
var (
	dates  = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)
	ports  = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	blanks = regexp.MustCompile(` {2,}`)
)

// A portal of Bursar's keeps keys: a lost answer is found within the same command.
func TestDepositSurvivesALostAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.Inject(docspacetest.Fault{Path: "payment/deposit", Cut: true, Late: true, Times: 1})
	var done map[string]any
	decode(t, d.must("deposit --amount USD=10 --yes --idempotency-key june -o json"), &done)
	known := done["deposit"].(map[string]any)
	if known["state"] != "done" || known["evidence"] != "key" || known["idempotencyKey"] != "june" || d.available() != "158.50" {
		t.Errorf("%v, and the wallet has %s", done, d.available())
	}
	if text := d.must("topup --amount USD=10 --yes --idempotency-key june"); !strings.Contains(text, "Known by") || d.available() != "158.50" {
		t.Errorf("by its other name:\n%s", text)
	}
	if text := d.refuse(cli.ExitUsage, "deposit --amount USD=11 --yes --idempotency-key june"); !strings.Contains(text, "the key stands for another deposit: 10.00 USD") {
		t.Errorf("it says %s", text)
	}
}

// What is not decided is listed, looked for, and resolved by a person.
func TestDepositThatNobodyKnowsOf(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	stock := docspacetest.NewStock(t)
	d.Portal, d.world["DOCSPACE_URL"], d.world["DOCSPACE_API_KEY"] = stock, stock.URL, stock.Key
	d.Inject(docspacetest.Fault{Path: "payment/deposit", Cut: true, Late: true, Times: 1})
	text := d.refuse(cli.ExitFailed, "deposit --amount USD=10 --yes --idempotency-key june")
	for _, want := range []string{"it is not known whether it happened", "one operation like it is there", "--resolve done (or not-done)", "--alone"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in: %s", want, text)
		}
	}
	if text := d.refuse(cli.ExitFailed, "deposit --amount USD=10 --yes --idempotency-key july"); !strings.Contains(text, "another deposit of this amount is not decided") {
		t.Errorf("it says %s", text)
	}
	asked := d.Requests("")
	table, all := d.must("deposit --status"), d.must("deposit --status -o json")
	if d.Requests("") != asked {
		t.Error("the portal is asked for what is known here")
	}
	for format, got := range map[string]string{"table": table, "json": all} {
		got = ports.ReplaceAllString(dates.ReplaceAllString(got, "2026-07-08T11:39:43Z"), "127.0.0.1:4")
		golden(t, filepath.Join("testdata", "deposit", "status."+format), blanks.ReplaceAllString(got, "  "))
	}
	if got := d.must("deposit --status --idempotency-key june -o json"); got != all {
		t.Errorf("one is %s", got)
	}
	d.refuse(cli.ExitFailed, "deposit --status --idempotency-key august")
	if text := d.must("deposit --resolve done --idempotency-key june"); !strings.Contains(text, "somebody said so") {
		t.Errorf("it says %s", text)
	}
	d.refuse(cli.ExitFailed, "deposit --resolve done --idempotency-key august")
	d.refuse(cli.ExitUsage, "deposit --resolve not-done --idempotency-key june")
	if text := d.must("deposit --resume"); text != "There are none.\n" {
		t.Errorf("it says %s", text)
	}
	if n := d.Requests("payment/deposit"); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
	d.must("deposit --amount USD=10 --yes --idempotency-key july")
	if d.available() != "168.50" {
		t.Errorf("the wallet has %s", d.available())
	}
}

// Where nobody else deposits, the operation is proof.
func TestDepositOfSomebodyAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	stock := docspacetest.NewStock(t)
	d.Portal, d.world["DOCSPACE_URL"], d.world["DOCSPACE_API_KEY"] = stock, stock.URL, stock.Key
	d.Inject(docspacetest.Fault{Path: "payment/deposit", Cut: true, Late: true, Times: 1})
	d.refuse(cli.ExitFailed, "deposit --amount USD=10 --yes --idempotency-key june")
	if text := d.must("deposit --resume --alone --idempotency-key june"); !strings.Contains(text, "it is among the operations") {
		t.Errorf("it says %s", text)
	}
	if n := d.Requests("payment/deposit"); n != 1 || d.available() != "158.50" {
		t.Errorf("it was sent %d times, and the wallet has %s", n, d.available())
	}
}

// Wrong words are refused before anything is sent or written down.
func TestDepositsThatAreNotMade(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, line := range []string{
		"deposit", "deposit --amount USD=5 --status", "deposit --status --resolve perhaps", "deposit --resolve done", "deposit --amount USD=5 --yes --settle 0s",
		"deposit --amount USD=5 --resume", "deposit --resolve done --resume --idempotency-key a", "deposit --resume --dry-run",
	} {
		d.refuse(cli.ExitUsage, line)
	}
	if text := d.must("deposit --status"); text != "There are none.\n" {
		t.Errorf("it says %s", text)
	}
	if text := d.must("deposit --status -o json"); text != "[]\n" {
		t.Errorf("it says %s", text)
	}
	delete(d.world, "XDG_STATE_HOME")
	if text := d.refuse(cli.ExitUsage, "deposit --amount USD=5 --yes"); !strings.Contains(text, "no place to write down") {
		t.Errorf("it says %s", text)
	}
	if n := d.Requests(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}
