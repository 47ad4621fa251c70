package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

func TestExportIntoEveryFormat(t *testing.T) {
	t.Parallel()
	d := busyDesk(t, 3)
	for _, format := range []string{"csv", "xlsx", "json", "ndjson", "parquet", "focus"} {
		file := filepath.Join(t.TempDir(), "o."+format)
		stdout, stderr, err := runCLI(t, d.world, "export", "operations", "-o", format, "--file", file)
		want := "6 operations in " + file + "\n"
		if format == "focus" {
			want = "3 operations, and 3 left out that are no charges in " + file + "\n"
		}
		info, missing := os.Stat(file)
		if err != nil || stdout != "" || stderr != want || missing != nil || info.Size() == 0 {
			t.Errorf("%s: %v\n%s%s", format, err, stdout, stderr)
		}
		printed, stderr, err := runCLI(t, d.world, "export", "operations", "-q", "-o", format)
		saved, unread := os.ReadFile(file)
		if err != nil || stderr != "" || unread != nil || format != "xlsx" && printed != string(saved) {
			t.Errorf("%s, printed: %v\n%s", format, err, stderr)
		}
	}
}

// Nothing is no failure, and a failure leaves no file.
func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	stdout, stderr, err := runCLI(t, d.world, words("export operations -o json --from 2199-01-01")...)
	if err != nil || stdout != "[]\n" || stderr != "0 operations\n" {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	file := filepath.Join(t.TempDir(), "o.csv")
	d.Inject(docspacetest.Fault{Path: "operations", Null: true})
	if text := d.refuse(cli.ExitFailed, "export operations -q --file "+file); !strings.Contains(text, "the portal does not say") || !strings.Contains(text, "--resume goes on") {
		t.Errorf("it says %s", text)
	}
	d.Heal()
	d.Inject(docspacetest.Denied())
	d.refuse(cli.ExitNotAllowed, "export operations -q --resume --file "+file)
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file")
	}
	d.Heal()
	d.must("export operations -q --resume --file " + file)
	if text := d.refuse(cli.ExitFailed, "export operations -q --file "+file); !strings.Contains(text, "--force") {
		t.Errorf("it says %s", text)
	}
	d.must("export operations -q --force --file " + file)
}

func TestExportSinceLast(t *testing.T) {
	t.Parallel()
	d := busyDesk(t, 2)
	d.world["XDG_STATE_HOME"] = t.TempDir()
	file := filepath.Join(t.TempDir(), "o.csv")
	next := func() (rows [][]string) {
		t.Helper()
		d.must("export operations -q --since-last --file " + file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if rows, err = csv.NewReader(strings.NewReader(string(text))).ReadAll(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	}
	if rows := next(); len(rows) != 5 {
		t.Errorf("%v", rows)
	}
	if rows := next(); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
	d.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: amount(t, "7", "USD"), Participant: "x"})
	if rows := next(); len(rows) != 1 || rows[0][12] != "-7.00" {
		t.Errorf("%v", rows)
	}
	if text := d.refuse(cli.ExitUsage, "export operations -q --since-last --service backup --file "+file); !strings.Contains(text, "another export") {
		t.Errorf("it says %s", text)
	}
}

// Of several portals one that fails is left out only if that is asked for.
func TestExportOfMany(t *testing.T) {
	t.Parallel()
	all := docspacetest.Many(t, 3)
	dir := t.TempDir()
	var profiles strings.Builder
	profiles.WriteString("portals:\n")
	for i, p := range all {
		fmt.Fprintf(&profiles, "  p%d:\n    url: %s\n    key: %s\n", i, p.URL, p.Key)
	}
	file := filepath.Join(dir, "portals.yaml")
	if err := os.WriteFile(file, []byte(profiles.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	world := map[string]string{"BURSAR_PROFILES": file}
	portals := func(text string) (names string) {
		last := ""
		for line := range strings.Lines(text) {
			var o struct{ Portal string }
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				t.Fatal(err)
			}
			if o.Portal != last {
				names, last = names+o.Portal+" ", o.Portal
			}
		}
		return names
	}
	stdout, stderr, err := runCLI(t, world, words("export operations --all -o ndjson -q")...)
	if err != nil || portals(stdout) != "p0 p1 p2 " {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	all[1].Inject(docspacetest.Denied())
	stdout, stderr, err = runCLI(t, world, words("export operations --all -o ndjson -q")...)
	if cli.ExitCode(err) != cli.ExitNotAllowed || stdout != "" || !strings.HasPrefix(stderr, "bursar: p1: ") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	stdout, stderr, err = runCLI(t, world, words("export operations --all -o ndjson -q --skip-failing")...)
	if cli.ExitCode(err) != cli.ExitPartly || portals(stdout) != "p0 p2 " || !strings.HasPrefix(stderr, "bursar: p1: ") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
}

// Days are those of the portal's clocks.
func TestExportOfADay(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.SetTimeZone("Pacific/Kiritimati") // fourteen hours ahead
	now := d.Now()
	d.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: amount(t, "7", "USD"), Participant: "x"})
	there := now.In(time.FixedZone("", 14*60*60)).Format(time.DateOnly)
	if got := d.must("export operations -q -o ndjson --from " + there + " --to " + there); !strings.Contains(got, `"utcOffset":"+14:00"`) || !strings.Contains(got, there+"T") {
		t.Errorf("on %s there is %s", there, got)
	}
	before := now.AddDate(0, 0, -1).In(time.FixedZone("", 14*60*60)).Format(time.DateOnly)
	if got := d.must("export operations -q -o ndjson --to " + before); strings.Contains(got, there+"T") {
		t.Errorf("to %s there is %s", before, got)
	}
}

func TestExportRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.world["XDG_STATE_HOME"] = t.TempDir()
	for flags, want := range map[string]string{
		"-o pdf":                                "--output",
		"--from yesterday":                      "--from",
		"--from 2026-07-02 --to 2026-07-01":     "--to",
		"--resume":                              "--resume",
		"--force":                               "--force",
		"--since-last":                          "--since-last",
		"--since-last --file f --to 2026-07-01": "since-last",
		"--since-last --file f --overlap -1h":   "--overlap",
		"--overlap 1h":                          "--overlap",
		"--state there":                         "--state",
		"--issuer me":                           "--issuer",
		"--parallel 0":                          "--parallel",
		"--status maybe":                        "--status",
		"--resume --restart --file f":           "resume",
		"--file ''":                             "--file",
	} {
		if flags == "--file ''" {
			if _, _, err := runCLI(t, d.world, "export", "operations", "--file", ""); cli.ExitCode(err) != cli.ExitUsage {
				t.Errorf("%s: %v", flags, err)
			}
			continue
		}
		if text := d.refuse(cli.ExitUsage, "export operations -q "+flags); !strings.Contains(text, want) {
			t.Errorf("%s: it says %s", flags, text)
		}
	}
	if text := d.refuse(cli.ExitFailed, "export operations -q --service nonsense"); !strings.Contains(text, "hint: bursar service list") {
		t.Errorf("it says %s", text)
	}
}
