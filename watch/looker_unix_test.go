//go:build unix

package watch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
)

// A command that prints a key runs once, and again when the portal refuses the key.
func TestKeysAreGotOnce(t *testing.T) {
	p, l := watched(t)
	runs := filepath.Join(t.TempDir(), "runs")
	l.Reader.Keys.Environ = []string{"KEY=" + p.Key, "RUNS=" + runs}
	l.Portals = []fleet.Profile{{Name: "acme", URL: p.URL, Key: fleet.Key{Command: `echo run >> "$RUNS"; echo "$KEY"`}}}
	count := func() int {
		text, err := os.ReadFile(runs)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "run")
	}
	look(t, l)
	look(t, l)
	if n := count(); n != 1 {
		t.Errorf("the command ran %d times", n)
	}
	p.Inject(docspacetest.Unauthorized())
	look(t, l)
	p.Heal()
	if a := look(t, l)["acme"]; a.Err != nil || len(a.Failed) > 0 || count() != 2 {
		t.Errorf("after a refusal it ran %d times: %v, %v", count(), a.Err, a.Failed)
	}
}
