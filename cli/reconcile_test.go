package cli_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/reconcile"
)

// wronged are operations in which much is wrong, the oldest first; the balance that goes
// with them is 1057.
var wronged = []string{
	`{"date":"2026-05-01T12:00:00+02:00","description":"Balance top-up","details":"","quantity":0,"currency":"USD","credit":1100,"debit":0,"type":"Deposit"}`,
	`{"date":"2026-05-02T12:00:00+02:00","service":"backup","description":"Backup","details":"\u001b[31mred","quantity":1,"currency":"USD","credit":0,"debit":7.50,"participantName":"=cmd","type":"ServicePayment"}`,
	`{"date":"2026-05-02T12:00:03+02:00","service":"backup","description":"Backup","details":"","quantity":1,"currency":"USD","credit":0,"debit":7.50,"participantName":"=cmd","type":"ServicePayment"}`,
	`{"date":"2026-05-03T12:00:00+02:00","service":"disk-storage","description":"Disk space","details":"Automatic renewal","quantity":100,"currency":"USD","credit":0,"debit":14,"type":"ServicePayment"}`,
	`{"date":"2026-07-01T12:00:00+02:00","service":"disk-storage","description":"Disk space","details":"Automatic renewal","quantity":100,"currency":"USD","credit":0,"debit":14,"type":"ServicePayment"}`,
}

// walletsOf are profiles of desks, by name, in a file of their own.
func walletsOf(t *testing.T, desks map[string]*desk) *desk {
	t.Helper()
	var text strings.Builder
	text.WriteString("portals:\n")
	for name, d := range desks {
		fmt.Fprintf(&text, "  %s: {url: %s, key: %s, groups: [some]}\n", name, d.world["DOCSPACE_URL"], d.world["DOCSPACE_API_KEY"])
	}
	file := filepath.Join(t.TempDir(), "portals.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return &desk{nil, t, map[string]string{"BURSAR_PROFILES": file}}
}

// ends runs a command that ends with a status, and returns all that it printed.
func (d *desk) ends(code int, line string) string {
	d.t.Helper()
	stdout, stderr, err := runCLI(d.t, d.world, words(line)...)
	if got := cli.ExitCode(err); got != code || stderr != "" {
		d.t.Fatalf("bursar %s: exit status %d, not %d: %v\n%s%s", line, got, code, err, stdout, stderr)
	}
	if err != nil {
		stdout += "---\n" + printed(err)
	}
	return stdout
}

var besideWallet = map[string]string{
	"payment/topupsettings": `{"enabled":false,"minBalance":0,"upToBalance":0,"lastModified":"2026-01-01T00:00:00Z"}`,
	"tariff":                `{"id":1,"state":1}`,
}

// What is found is printed in each format, and the status says what came of it.
func TestReconcileLooksAsItShould(t *testing.T) {
	for _, tt := range []struct {
		name, balance string
		operations    []string
		code          int
		flags         string
	}{
		{"agrees", "1071", wronged[:4], 0, ""},
		{"disagrees", "1069.50", wronged, 1, ""},
		{"part", "1071", wronged[3:4], 3, " --from 2026-05-03"}, // as a portal lists them from then on
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := walletsOf(t, map[string]*desk{"main": stock(t, tt.balance, tt.operations, besideWallet)})
			for _, format := range []string{"table", "json"} {
				got := d.ends(tt.code, "reconcile --portal main -o "+format+tt.flags)
				if strings.Contains(got, "\x1b") {
					t.Errorf("a portal's text is obeyed: %q", got)
				}
				golden(t, filepath.Join("testdata", "reconcile", tt.name+"."+format), got)
			}
		})
	}
}

// Of many portals one that fails does not hide what is wrong with another.
func TestReconcileMany(t *testing.T) {
	t.Parallel()
	right, wrong := stock(t, "1092.50", wronged[:2:2], besideWallet), stock(t, "5", wronged[:1:1], besideWallet)
	gone := newDesk(t)
	gone.Inject(docspacetest.Denied())

	d := walletsOf(t, map[string]*desk{"right": right, "also": right})
	if got := d.ends(0, "reconcile --all"); !strings.Contains(got, "also: agrees, 2 operations\n") || !strings.Contains(got, "right: agrees, 2 operations\n") {
		t.Error(got)
	}
	d = walletsOf(t, map[string]*desk{"right": right, "wrong": wrong, "gone": gone})
	got := d.ends(1, "reconcile --group some")
	for _, want := range []string{"right: agrees", "gone: unproven, ", "GAP", "-1,095.00 USD", "1 of 3 wallets does not agree with the operations"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	lines := 0
	for line := range strings.Lines(strings.Split(d.ends(1, "reconcile --all -o json"), "---\n")[0]) {
		var one struct {
			Portal, Verdict, Error string
			Findings               []struct{ Code, Amount, Currency string }
		}
		decode(t, line, &one)
		lines++
		switch one.Portal {
		case "right":
			if one.Verdict != "agrees" || len(one.Findings) > 0 {
				t.Error(line)
			}
		case "wrong":
			if one.Verdict != "disagrees" || len(one.Findings) != 1 || one.Findings[0].Code != "gap" || one.Findings[0].Amount != "-1095.00" {
				t.Error(line)
			}
		case "gone":
			if one.Verdict != "unproven" || !strings.Contains(one.Error, "Access denied") {
				t.Error(line)
			}
		}
	}
	if lines != 3 {
		t.Errorf("%d lines", lines)
	}
	d = walletsOf(t, map[string]*desk{"right": right, "gone": gone})
	if got := d.ends(3, "reconcile --all"); !strings.Contains(got, "1 of 2 wallets could not be read: ") {
		t.Error(got)
	}
	// One alone ends as it failed.
	gone.refuse(4, "reconcile -q")
}

func TestReconcileRemembers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	all := slices.Clone(wronged[:2])
	d := walletsOf(t, map[string]*desk{"main": stock(t, "1092.50", all, besideWallet)})
	if got := d.ends(0, "reconcile --portal main --state "+file); !strings.Contains(got, "no earlier run") {
		t.Error(got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	all[1] = strings.Replace(all[1], "12:00:00", "11:59:00", 1) // the wallet's second operation is another one now
	got := d.ends(1, "reconcile --portal main --state "+file)
	for _, want := range []string{"VANISHED", "LATE (A SUSPICION)"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := d.ends(0, "reconcile --portal main --state "+file); strings.Contains(got, "VANISHED") || strings.Contains(got, "no earlier run") {
		t.Errorf("it is said twice:\n%s", got)
	}
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := d.ends(2, "reconcile --portal main --state "+file); !strings.Contains(got, "state of earlier runs") {
		t.Error(got)
	}
}

// A finding is told once, so that what was not told is not remembered.
func TestReconcileRemembersWhatItTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	all := slices.Clone(wronged[:2])
	d := walletsOf(t, map[string]*desk{"main": stock(t, "1092.50", all, besideWallet)})
	d.ends(0, "reconcile --portal main --state "+file)
	all[1] = strings.Replace(all[1], "12:00:00", "11:59:00", 1)

	lines, out := io.Pipe()
	full := errors.New("no space left")
	_ = lines.CloseWithError(full)
	h := newHousehold(t)
	h.profiles, h.out = d.world["BURSAR_PROFILES"], out
	if _, _, err := h.run("reconcile", "--portal", "main", "--state", file); !errors.Is(err, full) {
		t.Errorf("it is written nowhere: %v", err)
	}

	other, err := reconcile.OpenState(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.ends(1, "reconcile --portal main --state "+file); !strings.Contains(got, "another process is at it") || !strings.Contains(got, "hint: wait") {
		t.Error(got)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if got := d.ends(1, "reconcile --portal main --state "+file); !strings.Contains(got, "VANISHED") {
		t.Errorf("what nobody was told is remembered:\n%s", got)
	}
}

func TestReconcileRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for line, want := range map[string]string{
		"reconcile --from yesterday":                    "--from",
		"reconcile --from 2026-13-01":                   "--from",
		"reconcile --from 2999-01-01":                   "in the future",
		"reconcile --opening USD=5":                     "--opening: goes with --from",
		"reconcile --from 2026-01-01 --opening 5":       "--opening",
		"reconcile --from 2026-01-01 --opening USD=x":   "--opening",
		"reconcile --within 0s":                         "--within",
		"reconcile --all --from 2026-01-01 --opening x": "opening",
		"reconcile --parallel 0 --all":                  "--parallel",
		"reconcile -o yaml":                             "--output",
		"reconcile now":                                 "unknown command",
	} {
		if got := d.refuse(2, line); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in %s", line, want, got)
		}
	}
	// A suspicion is a failure only where it is asked to be.
	s := walletsOf(t, map[string]*desk{"main": stock(t, "1085", wronged[:3:3], besideWallet)})
	s.ends(0, "reconcile --portal main")
	if got := s.ends(1, "reconcile --portal main --strict"); !strings.Contains(got, "1 suspicion with --strict") {
		t.Error(got)
	}
}
