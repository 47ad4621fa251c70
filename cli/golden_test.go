package cli_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspace"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// written returns a report in one of the formats, read at noon and not on a
// terminal.
func written(t *testing.T, r *docspace.Report, format string) string {
	t.Helper()
	var stdout bytes.Buffer
	env := cli.Env{
		Stdout: &stdout,
		Getenv: func(string) string { return "" },
		Now:    func() time.Time { return noon },
	}
	if err := cli.WriteReport(env, r, format); err != nil {
		t.Fatalf("write %s: %v", format, err)
	}
	return stdout.String()
}

func TestReportsLookAsTheyShould(t *testing.T) {
	for name, report := range reports {
		for _, format := range cli.ReportFormats() {
			t.Run(name+"/"+format, func(t *testing.T) {
				golden(t, filepath.Join("testdata", "report", name+"."+format), written(t, report(t), format))
			})
		}
	}
}

// golden compares a text with the file that says what it should be.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./cli -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not as in %s (-golden +now):\n%s", file, diff)
	}
}

// Every golden must be somebody's.
func TestNoGoldenIsLeftOver(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "report", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if want := len(reports) * len(cli.ReportFormats()); len(files) != want && !*update {
		t.Errorf("there are %d goldens of %d reports", len(files), want)
	}
}

func TestTablesFitEightyColumns(t *testing.T) {
	for name, report := range reports {
		for line := range strings.Lines(written(t, report(t), "table")) {
			line = strings.TrimSuffix(line, "\n")
			if width := ansi.StringWidth(line); width > 80 {
				t.Errorf("%s: a line takes %d columns: %s", name, width, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: a line ends in spaces: %q", name, line)
			}
		}
	}
}

// Reports are written from the same facts twice with the same result, so that
// two of them can be compared.
func TestReportsAreStable(t *testing.T) {
	for name, report := range reports {
		for _, format := range cli.ReportFormats() {
			r := report(t)
			if first, second := written(t, r, format), written(t, r, format); first != second {
				t.Errorf("%s: the second %s differs from the first:\n%s", name, format, cmp.Diff(first, second))
			}
		}
	}
}
