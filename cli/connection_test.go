package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bursarhq/bursar/cli"
)

// The key of an operator is read as a portal's is, with the same warning of a file that
// others can read, and is sent without being shown.
func TestOperatorKeysAreReadAsPortalsAre(t *testing.T) {
	t.Parallel()
	var sent atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Store(r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mine, open, empty := write("mine", "bk-mine\nmore\n", 0o600), write("open", " bk-open ", 0o644), write("empty", "\n", 0o600)
	for _, row := range []struct {
		flags []string
		world map[string]string
		want  string
		code  int
		told  string
		warns bool
	}{
		{flags: []string{"--key-file", mine}, want: "Bearer bk-mine", code: cli.ExitFailed},
		{flags: []string{"--key-file", open}, want: "Bearer bk-open", code: cli.ExitFailed, warns: true},
		{flags: []string{"--key", "bk-flag"}, world: map[string]string{"BURSAR_OPERATOR_KEY": "bk-world"}, want: "Bearer bk-flag", code: cli.ExitFailed},
		{world: map[string]string{"BURSAR_OPERATOR_KEY": "bk-world"}, want: "Bearer bk-world", code: cli.ExitFailed},
		{flags: []string{"--key-file", empty}, world: map[string]string{"BURSAR_OPERATOR_KEY": "bk-world"}, code: cli.ExitUsage, told: "there is no key in"},
		{flags: []string{"--key", "-"}, code: cli.ExitUsage, told: "there is no key in standard input"},
		{flags: []string{"--key-file", filepath.Join(dir, "none")}, code: cli.ExitFailed, told: "none"},
		{code: cli.ExitUsage, told: "no operator key is given"},
	} {
		sent.Store("")
		_, stderr, err := runCLI(t, row.world, append([]string{"clock", "--server", server.URL}, row.flags...)...)
		if err == nil || cli.ExitCode(err) != row.code || sent.Load() != row.want {
			t.Errorf("%q: sent %q, want %q: %v", row.flags, sent.Load(), row.want, err)
			continue
		}
		told := printed(err)
		if !strings.Contains(told, row.told) || strings.Contains(told+stderr, "bk-") {
			t.Errorf("%q: it says %s%s", row.flags, stderr, told)
		}
		if warned := strings.HasPrefix(stderr, "warning: others can read "+open); warned != (row.warns && runtime.GOOS != "windows") {
			t.Errorf("%q: it warns: %q", row.flags, stderr)
		}
	}
}
