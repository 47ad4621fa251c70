package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/reconcile"
	"github.com/bursarhq/bursar/store"
)

// met are the exported errors of the packages that commands call, with the exit
// status that each ends in.
var met = map[string]map[string]struct {
	err  error
	code int
}{
	"docspace": {
		"ErrConfig":       {docspace.ErrConfig, cli.ExitUsage},
		"ErrUnauthorized": {docspace.ErrUnauthorized, cli.ExitNotAllowed},
		"ErrForbidden":    {docspace.ErrForbidden, cli.ExitNotAllowed},
		"ErrNotFound":     {docspace.ErrNotFound, cli.ExitFailed},
		"ErrRefused":      {docspace.ErrRefused, cli.ExitFailed},

		"ErrPaymentRequired": {docspace.ErrPaymentRequired, cli.ExitFailed},

		"ErrRateLimited":  {docspace.ErrRateLimited, cli.ExitFailed},
		"ErrPortalFailed": {docspace.ErrPortalFailed, cli.ExitFailed},
		"ErrUnreachable":  {docspace.ErrUnreachable, cli.ExitFailed},
		"ErrTimeout":      {docspace.ErrTimeout, cli.ExitFailed},
		"ErrRedirect":     {docspace.ErrRedirect, cli.ExitFailed},
		"ErrTooLarge":     {docspace.ErrTooLarge, cli.ExitFailed},
		"ErrMalformed":    {docspace.ErrMalformed, cli.ExitFailed},

		"ErrDepositUnknown": {docspace.ErrDepositUnknown, cli.ExitFailed},
		"ErrDepositOpen":    {docspace.ErrDepositOpen, cli.ExitFailed},
		"ErrOtherDeposit":   {docspace.ErrOtherDeposit, cli.ExitUsage},
		"ErrNoDeposit":      {docspace.ErrNoDeposit, cli.ExitFailed},
	},
	"disk":      {"ErrBusy": {disk.ErrBusy, cli.ExitFailed}},
	"reconcile": {"ErrState": {reconcile.ErrState, cli.ExitUsage}},
	"billing": {
		"ErrNoPortal":     {billing.ErrNoPortal, cli.ExitFailed},
		"ErrNoKey":        {billing.ErrNoKey, cli.ExitNotAllowed},
		"ErrUnknownKey":   {billing.ErrUnknownKey, cli.ExitNotAllowed},
		"ErrKeyExpired":   {billing.ErrKeyExpired, cli.ExitNotAllowed},
		"ErrKeyRevoked":   {billing.ErrKeyRevoked, cli.ExitNotAllowed},
		"ErrScope":        {billing.ErrScope, cli.ExitNotAllowed},
		"ErrAccessDenied": {billing.ErrAccessDenied, cli.ExitNotAllowed},
		"ErrInvalid":      {billing.ErrInvalid, cli.ExitUsage},
		"ErrNotFound":     {billing.ErrNotFound, cli.ExitFailed},
		"ErrExists":       {billing.ErrExists, cli.ExitFailed},
		"ErrInUse":        {billing.ErrInUse, cli.ExitFailed},
		"ErrTryAgain":     {billing.ErrTryAgain, cli.ExitFailed},

		"ErrInsufficient":   {billing.ErrInsufficient, cli.ExitFailed},
		"ErrMismatch":       {billing.ErrMismatch, cli.ExitFailed},
		"ErrHoldClosed":     {billing.ErrHoldClosed, cli.ExitFailed},
		"ErrOverHold":       {billing.ErrOverHold, cli.ExitFailed},
		"ErrOverCorrection": {billing.ErrOverCorrection, cli.ExitFailed},
		"ErrNoProvider":     {billing.ErrNoProvider, cli.ExitFailed},
		"ErrNoMethod":       {billing.ErrNoMethod, cli.ExitFailed},
		"ErrDeclined":       {billing.ErrDeclined, cli.ExitFailed},
		"ErrUnsettled":      {billing.ErrUnsettled, cli.ExitFailed},
		"ErrBusyWallet":     {billing.ErrBusyWallet, cli.ExitFailed},
		"ErrNotPaid":        {billing.ErrNotPaid, cli.ExitFailed},
		"ErrLimit":          {billing.ErrLimit, cli.ExitFailed},
		"ErrTooMany":        {&billing.TooManyError{}, cli.ExitFailed},
		"ErrNoMail":         {billing.ErrNoMail, cli.ExitFailed},
	},
	"manifest": {
		"ErrManifest": {manifest.ErrManifest, cli.ExitUsage},
		"ErrPlan":     {manifest.ErrPlan, cli.ExitUsage},
		"ErrChanged":  {manifest.ErrChanged, cli.ExitFailed},
		"ErrOperator": {manifest.ErrOperator, cli.ExitFailed},
	},
	"store": {
		"ErrNotFound": {store.ErrNotFound, cli.ExitFailed},
		"ErrExists":   {store.ErrExists, cli.ExitFailed},
		"ErrInUse":    {store.ErrInUse, cli.ExitFailed},
		"ErrBusy":     {store.ErrBusy, cli.ExitFailed},
		"ErrFull":     {store.ErrFull, cli.ExitFailed},
		"ErrNewer":    {store.ErrNewer, cli.ExitFailed},
		"ErrDamaged":  {store.ErrDamaged, cli.ExitFailed},
		"ErrLost":     {store.ErrLost, cli.ExitFailed},

		"ErrQueueFull": {store.ErrQueueFull, cli.ExitFailed},
	},
}

// printed returns what a person reads of an error.
func printed(err error) string {
	var b bytes.Buffer
	cli.PrintError(&b, err)
	return b.String()
}

func TestEveryErrorHasAnExitStatusAndAHint(t *testing.T) {
	for pkg, rows := range met {
		for name, row := range rows {
			for _, err := range []error{row.err, fmt.Errorf("do something: %w", row.err), errors.Join(errors.New("before"), row.err)} {
				if got := cli.ExitCode(err); got != row.code {
					t.Errorf("%s.%s: exit status %d, not %d", pkg, name, got, row.code)
				}
				text, hint, found := strings.Cut(printed(err), "\nhint: ")
				if !found || strings.TrimSpace(hint) == "" {
					t.Errorf("%s.%s has no hint", pkg, name)
				}
				if text != "bursar: "+err.Error() {
					t.Errorf("%s.%s is printed as %q", pkg, name, text)
				}
			}
		}
	}
}

// An error that is new in one of the packages needs a row above.
func TestNoExportedErrorIsMissing(t *testing.T) {
	for pkg, rows := range met {
		declared := declaredErrors(t, filepath.Join("..", pkg))
		for name := range declared {
			if _, ok := rows[name]; !ok {
				t.Errorf("%s.%s is not in the table of this test", pkg, name)
			}
		}
		if len(declared) == 0 {
			t.Errorf("no errors were found in package %s", pkg)
		}
	}
}

// declaredErrors returns the names of the variables of a package that start with
// Err.
func declaredErrors(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range tree.Decls {
			variables, ok := decl.(*ast.GenDecl)
			if !ok || variables.Tok != token.VAR {
				continue
			}
			for _, spec := range variables.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

func TestErrorsOfTheSystemHaveHints(t *testing.T) {
	_, missing := os.Open(filepath.Join(t.TempDir(), "missing"))
	for _, err := range []error{fs.ErrPermission, syscall.EADDRINUSE, syscall.EACCES, syscall.EADDRNOTAVAIL, missing, errors.New("anything else")} {
		if got := cli.ExitCode(err); got != cli.ExitFailed {
			t.Errorf("%v: exit status %d", err, got)
		}
		if !strings.Contains(printed(err), "\nhint: ") {
			t.Errorf("%v has no hint", err)
		}
	}
}

func TestErrorsCarryTheirOwnStatusAndHint(t *testing.T) {
	err := &cli.Error{Err: billing.ErrNotFound, Code: cli.ExitPartly, Hint: "look elsewhere"}
	if got := cli.ExitCode(fmt.Errorf("wrapped: %w", err)); got != cli.ExitPartly {
		t.Errorf("exit status %d", got)
	}
	if got, want := printed(err), "bursar: not found\nhint: look elsewhere\n"; got != want {
		t.Errorf("printed %q, not %q", got, want)
	}
	if got := printed(fmt.Errorf("wrapped: %w", &cli.Error{Err: errors.New("said"), Printed: true})); got != "" {
		t.Errorf("an error that was printed is printed again: %q", got)
	}
	if got := cli.ExitCode(nil); got != cli.ExitOK {
		t.Errorf("success is exit status %d", got)
	}
}

func TestWrongCommandLinesAreUsageErrors(t *testing.T) {
	world := map[string]string{"HOME": t.TempDir(), "DOCSPACE_URL": "http://127.0.0.1:1", "DOCSPACE_API_KEY": "sk-secret-of-the-environment"}
	for _, line := range []string{
		"nonsense", "--nonsense", "report --nonsense", "report -x", "report extra", "version extra", "report --portal",
		"report --output xml", "report -o=", "report --timeout soon", "report --timeout -1s", "report --timeout 0", "report --quiet=perhaps",
		"report --only nonsense", "report --only balance,nonsense", "report --key a --key-file b", "report --portal ftp://a",
		"report --portal https://a:b@c", "report --portal https://a/?b", "report --portal https://a/#b",
		"portal nonsense", "portal create", "portal list extra", "portal list -o yaml", "portal create --owner-email", "portal create --owner-email a@b.c --quantity x",
		"user nonsense", "user add", "user add --email a@b.c --role boss", "key nonsense", "key revoke", "key revoke a b", "key create --days x",
		"customer nonsense", "customer set", "customer set --method-status maybe", "customer set --balance 5", "customer set --balance XYZ=5",
		"customer set --top-up 5", "customer set --top-up USD:5..6 --no-top-up",

		"payment collect", "payment collect --amount", "payment collect --amount 5", "payment collect --amount USD=", "payment collect --amount =5", "payment collect --amount XYZ=5",
		"payment collect --amount USD=0.000000001", "payment collect --amount USD=5 --payments bank", "payment collect --amount USD=5 extra", "payment collect --amount USD=5 -o csv",
		"charge", "charge --amount USD=5", "charge --service backup", "charge --service backup --amount 5", "charge --service= --amount USD=5",
		"charge --service backup --amount USD=5 --quantity many", "charge --service backup --amount USD=5 --metadata job",
		"charge --service backup --amount USD=5 --metadata =5", "charge --service backup --amount USD=5 --metadata a=1 --metadata a=2",
		"charge --service backup --amount USD=5 --idempotency-key=", "charge --service backup --amount USD=5 --dry-run=perhaps",
		"hold nonsense", "hold open", "hold open --service backup", "hold open --service backup --amount 5", "hold open --service backup --amount USD=5 --for long",
		"hold open --service backup --amount USD=5 --for 0s", "hold extend", "hold extend a b", "hold extend h1.p --for 0s",
		"hold complete", "hold complete h1.p --amount many", "hold complete h1.p --quantity 0", "hold void", "hold void a b",
		"credit", "credit --amount USD=5", "credit --reason why", "credit --amount 5 --reason why", "credit --amount USD=5 --reason why --kind gift",
		"credit --amount USD=5 --reason=", "correct", "correct t1.p", "correct t1.p --reason=", "correct t1.p --reason why --amount many",
		"statement extra", "statement --from soon", "statement --to 2026-13-01", "statement --book third", "statement -o yaml",
		"verify extra", "verify --since soon", "verify --since -1h", "verify --since 0s", "verify --json=perhaps",
		"migrate extra", "migrate -o yaml", "backup", "backup a b", "restore", "restore a b",
		"key create --operator --portal p", "key create --operator --user a@b.c", "key create --operator --scope *:read", "key list --operator --portal p",
		"key revoke --operator", "key revoke --operator --portal p x",

		"plan nonsense", "plan show extra", "plan show -o csv", "plan show --timeout 0s", "plan buy", "plan buy admin", "plan buy admin --quantity 0",
		"plan buy admin --quantity many", "plan buy admin pro --quantity 1", "plan set", "plan set --quantity -1", "plan set --quantity 1.5", "plan set 5",
		"plan set --quantity 5 --yes --dry-run", "plan set --quantity 5 --yes --idempotency-key=", "plan set --quantity 5 --yes --idempotency-key \u00e9",
		"plan set --quantity 5 --yes --idempotency-key " + strings.Repeat("x", 256), "plan set --quantity 5 --dry-run=perhaps", "plan set --quantity 5 --yes --product=",
		"plan move", "plan move --quantity 0 --yes", "plan balance extra", "plan upcoming -o yaml", "plan upcoming --key a --key-file b",
		"service nonsense", "service buy", "service buy storage", "service buy storage --quantity NaN --yes", "service buy storage --quantity 0 --yes",
		"service buy storage --quantity 99999999999999999999 --yes", "service price", "service price storage --quantity 0", "service on", "service on gold --yes",
		"service on 0 --yes", "service off a b", "service schedule storage --yes", "service schedule storage --quantity 0 --yes",
		"service schedule storage --quantity 5 --cancel --yes", "service schedule storage --cancel --keep --yes", "service schedule --cancel --yes",
		"service schedule storage --cancel --yes --idempotency-key a", "service credit-ai", "service credit-ai NaN --yes", "service credit-ai USD=NaN --yes",
		"service credit-ai Infinity --yes", "service credit-ai 0 --yes", "service credit-ai USD=0 --yes", "service credit-ai USD=1e400 --yes",
		"service credit-ai XYZ=5 --yes", "service credit-ai USD=0.000000001 --yes", "service credit-ai= --yes",
		"deposit", "deposit --amount 5 --yes", "deposit --amount USD=NaN --yes", "deposit --amount USD=1e400 --yes", "deposit --amount USD=-5 --yes", "deposit --amount USD=0 --yes",
		"deposit --amount USD=10.50 --yes", "deposit --amount XYZ=5 --yes", "deposit --amount= --yes", "deposit --amount USD=5", "deposit extra --amount USD=5 --yes",
		"deposit --amount USD=5 --yes --portal ftp://a", "deposit --amount USD=5 --yes -o csv",
		"topup-rule nonsense", "topup-rule show extra", "topup-rule set", "topup-rule set --min 5 --up-to 10 --yes",
		"topup-rule set --min NaN --up-to 10 --currency USD --yes", "topup-rule set --min 5 --up-to Infinity --currency USD --yes",
		"topup-rule set --min -5 --up-to 10 --currency USD --yes", "topup-rule set --min 0 --up-to 10 --currency USD --yes",
		"topup-rule set --min 10 --up-to 10 --currency USD --yes", "topup-rule set --min 10 --up-to 5 --currency USD --yes",
		"topup-rule set --min 5 --up-to 10 --currency XYZ --yes", "topup-rule set --min USD=5 --up-to 10 --currency USD --yes", "topup-rule clear extra --yes", "topup-rule clear",
		"operations nonsense", "operations list extra", "operations list -o yaml", "operations list --limit 0", "operations list --limit 1001",
		"operations list --limit -1", "operations list --offset -1", "operations list --from soon", "operations list --to 2026-13-01",
		"operations list --from 2026-07-02 --to 2026-07-01", "operations list --type Gift", "operations list --status done", "operations list --credit=perhaps",
		"operations list --service=", "operations report", "operations report -o -", "operations report --output=", "operations report -o a --wait 0s", "operations report -o a --wait soon",
		"operations report -o a --from soon", "operations report -o a --of gold", "operations report -o a --of usage --type Deposit", "operations report -o a --of monthly --service backup", "operations usage extra", "operations usage --monthly --service backup", "operations usage --status done",
		"operations usage -o yaml", "operations usage --from soon",
		"audit extra", "audit --limit 0", "audit --limit many", "audit --before 0", "audit --before -1", "audit --operator --portal p", "audit -o yaml",
		"payment nonsense", "payment record", "payment record --amount EUR=5", "payment record --reference a", "payment record --amount 5 --reference a",
		"payment record --amount EUR=NaN --reference a", "payment record --amount EUR=5 --reference=", "payment record --amount EUR=5 --reference a --received soon",
		"payment record --amount EUR=5 --reference a -o csv",

		"portal list --data a --database postgres://u:secret@h/d", "portal list --database", "portal list --database=",
		"portal list --database mysql://u:secret@h/d", "portal list --database u:secret@h", "portal list --data postgres://u:secret@h/d",
		"backup --database postgres://u:secret@h/d file", "restore --database postgres://u:secret@h/d file",
	} {
		stdout, stderr, err := runCLI(t, world, strings.Fields(line)...)
		if got := cli.ExitCode(err); got != cli.ExitUsage {
			t.Errorf("bursar %s: exit status %d: %v", line, got, err)
			continue
		}
		if stdout != "" || stderr != "" {
			t.Errorf("bursar %s printed %q and %q", line, stdout, stderr)
		}
		if text := printed(err); !strings.Contains(text, "\nhint: ") || strings.Contains(text, "secret") {
			t.Errorf("bursar %s: %s", line, text)
		}
	}
}
