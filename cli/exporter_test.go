package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

// writeProfiles writes a file of profiles, each with its key in clear.
func writeProfiles(t *testing.T, path string, portals map[string]*docspacetest.Portal) {
	t.Helper()
	text := "portals:\n"
	for name, p := range portals {
		text += fmt.Sprintf("  %s:\n    url: %s\n    key: %s\n", name, p.URL, p.Key)
	}
	// As editors do it: whole, and then in its place.
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestExporterOnceOfMany(t *testing.T) {
	t.Parallel()
	good, bad := docspacetest.New(t), docspacetest.New(t)
	bad.Inject(docspacetest.Failed())
	path := filepath.Join(t.TempDir(), "portals.yaml")
	writeProfiles(t, path, map[string]*docspacetest.Portal{"good": good, "bad": bad})
	world := map[string]string{"BURSAR_PROFILES": path}

	stdout, stderr, err := runCLI(t, world, "exporter", "--all", "--once")
	if cli.ExitCode(err) != cli.ExitPartly || !strings.Contains(stderr, "bursar: bad: Failed to") || strings.Contains(stderr, "good") {
		t.Errorf("exit status %d\n%s", cli.ExitCode(err), stderr)
	}
	for _, want := range []string{
		`docspace_wallet_balance{currency="USD",portal="good"} 148.5`, `docspace_up{portal="bad"} 0`, `docspace_up{portal="good"} 1`,
		`docspace_scrape_errors_total{kind="portal_failed",portal="bad"} 1`,
	} {
		if !strings.Contains(stdout, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, stdout)
		}
	}
	for _, key := range []string{good.Key, bad.Key} {
		if strings.Contains(stdout+stderr, key) {
			t.Error("a key is in it")
		}
	}
	// Who looks once has no interval that this could be too short for.
	if stdout, _, err = runCLI(t, world, "exporter", "--all", "--once", "--max-age", "1m"); cli.ExitCode(err) != cli.ExitPartly || !strings.Contains(stdout, `docspace_up{portal="good"} 1`) {
		t.Errorf("exit status %d\n%s", cli.ExitCode(err), stdout)
	}
	if _, _, err = runCLI(t, world, "exporter", "--all", "--once", "--max-age", "0s"); cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(printed(err), "--max-age: 0s is not more than nothing") {
		t.Errorf("%v", err)
	}
	_, _, err = runCLI(t, world, "exporter", "--all", "--once", "--max-portals", "1")
	if cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(printed(err), "--max-portals: there are 2 portals") {
		t.Errorf("%v", err)
	}
}

// steady is a text that many write and read.
type steady struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to it.
func (s *steady) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *steady) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// waitFor waits until something is found in what a function returns.
func waitFor(t *testing.T, form string, look func() string) []string {
	t.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		if found := regexp.MustCompile(form).FindStringSubmatch(look()); found != nil {
			return found
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("there never was %s in\n%s", form, look())
		}
	}
}

// body returns what an address answers, whatever it is.
func body(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestExporterFollowsItsProfiles(t *testing.T) {
	t.Parallel()
	first, second := docspacetest.New(t), docspacetest.New(t)
	path := filepath.Join(t.TempDir(), "portals.yaml")
	writeProfiles(t, path, map[string]*docspacetest.Portal{"first": first})
	var stderr steady
	root := cli.New(cli.Env{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr, Now: time.Now, Version: "test",
		Getenv: func(name string) string { return map[string]string{"BURSAR_PROFILES": path}[name] },
	})
	root.SetArgs([]string{"exporter", "--all", "--listen", "127.0.0.1:0"})
	root.SilenceErrors, root.SilenceUsage = true, true
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	address := waitFor(t, `address=(http://\S+)`, stderr.String)[1]
	metrics := func() string { return body(t, address+"/metrics") }
	waitFor(t, `docspace_up\{portal="first"\} 1`, metrics)
	waitFor(t, `^ready`, func() string { return body(t, address+"/readyz") })

	writeProfiles(t, path, map[string]*docspacetest.Portal{"first": first, "second": second})
	waitFor(t, `docspace_up\{portal="second"\} 1`, metrics)
	waitFor(t, `docspace_exporter_portals 2`, metrics)

	// What can't be read changes nothing.
	if err := os.WriteFile(path, []byte("portals: [oh"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, `docspace_exporter_profiles_reload_success 0`, metrics)
	waitFor(t, `docspace_exporter_portals 2`, metrics)
	waitFor(t, `those of before hold`, stderr.String)

	writeProfiles(t, path, map[string]*docspacetest.Portal{"second": second})
	waitFor(t, `docspace_exporter_portals 1`, metrics)
	waitFor(t, `docspace_exporter_profiles_reload_success 1`, metrics)
	if strings.Contains(metrics(), `portal="first"`) {
		t.Error("the portal that is gone is shown")
	}
	if runtime.GOOS == "windows" {
		return // it knows no such signal
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	again := strings.Count(stderr.String(), "profiles are read again")
	if err := self.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, fmt.Sprintf(`(?s)(profiles are read again.*){%d}`, again+1), stderr.String)
}
