// Package testenv has what tests need around them: a clock, a log, and what must be
// installed on the machine. At home a test is skipped where that is missing, and says so;
// with CI set it fails, since nothing may be left untested there.
package testenv

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Required reports whether nothing may be missing: the environment has CI set.
func Required() bool { return os.Getenv("CI") != "" }

// Missing ends a test that lacks something, with the words for it.
func Missing(t testing.TB, what string) {
	t.Helper()
	if Required() {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Program returns the path of the first of some programs that is installed, and ends
// the test if none is. Of is what has it: "Debian's prometheus".
func Program(t testing.TB, of string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, "there is no "+strings.Join(names, " or ")+": install "+of)
	return ""
}
