package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
)

// household is a world with profiles of its own, and a keyring.
type household struct {
	t        *testing.T
	profiles string
	ring     ring
	out      io.Writer // nil: a text
}

// ring is a keyring for a test.
type ring map[string]string

func (r ring) Get(service, user string) (string, error) {
	if key, ok := r[service+" "+user]; ok {
		return key, nil
	}
	return "", keyring.ErrNotFound
}
func (r ring) Set(service, user, key string) error { r[service+" "+user] = key; return nil }
func (r ring) Delete(service, user string) error {
	if _, ok := r[service+" "+user]; !ok {
		return keyring.ErrNotFound
	}
	delete(r, service+" "+user)
	return nil
}

func newHousehold(t *testing.T) *household {
	return &household{t: t, profiles: filepath.Join(t.TempDir(), "portals.yaml"), ring: ring{}}
}

// knows writes down portals by their names, with their keys in the keyring.
func (h *household) knows(portals map[string]*docspacetest.Portal) {
	h.t.Helper()
	for name, portal := range portals {
		if _, _, err := h.run("profile", "add", name, "--portal", portal.URL, "--key", portal.Key, "--no-test"); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *household) run(args ...string) (stdout, stderr string, err error) {
	return h.runUntil(h.t.Context(), args...)
}

func (h *household) runUntil(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	env := cli.Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Keyring: h.ring, Now: time.Now, Version: "test",
		Getenv: func(name string) string { return map[string]string{"BURSAR_PROFILES": h.profiles}[name] },
	}
	if h.out != nil {
		env.Stdout = h.out
	}
	root := cli.New(env)
	root.SetArgs(args)
	root.SilenceErrors, root.SilenceUsage = true, true
	err = root.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

func TestKeysGoIntoTheKeyringAndOut(t *testing.T) {
	portal := docspacetest.New(t)
	h := newHousehold(t)
	stdout, stderr, err := h.run("profile", "add", "acme", "--portal", portal.URL, "--key", portal.Key, "--group", "eu")
	if err != nil || stderr != "" || !strings.Contains(stdout, "key by keyring; paid by owner@example.com") {
		t.Fatalf("%v: %q %q", err, stdout, stderr)
	}
	text, err := os.ReadFile(h.profiles)
	if err != nil || strings.Contains(string(text), portal.Key) || len(h.ring) != 1 {
		t.Errorf("%v, %d in the keyring, and the file is\n%s", err, len(h.ring), text)
	}
	if stdout, _, err = h.run("report", "--portal", "acme", "--only", "balance"); err != nil || !strings.Contains(stdout, "148.50") {
		t.Errorf("%v %s", err, stdout)
	}
	// What is replaced in the same place of the keyring stays in it.
	if _, _, err := h.run("profile", "add", "acme", "--portal", portal.URL, "--key", portal.Key, "--replace", "--keyring"); err != nil || len(h.ring) != 1 {
		t.Errorf("replaced: %v, %d in the keyring", err, len(h.ring))
	}
	// Elsewhere it is forgotten where it was.
	if _, _, err := h.run("profile", "add", "acme", "--portal", portal.URL, "--key", portal.Key, "--replace", "--plain"); err != nil || len(h.ring) != 0 {
		t.Errorf("replaced by a plain one: %v, %d in the keyring", err, len(h.ring))
	}
	if _, _, err := h.run("profile", "add", "acme", "--portal", portal.URL, "--key", portal.Key, "--replace"); err != nil || len(h.ring) != 1 {
		t.Errorf("and back: %v, %d in the keyring", err, len(h.ring))
	}
	if _, _, err := h.run("profile", "remove", "acme"); err != nil || len(h.ring) != 0 {
		t.Errorf("removed: %v, %d in the keyring", err, len(h.ring))
	}
	// A refused key is nowhere.
	if _, _, err := h.run("profile", "add", "acme", "--portal", portal.URL, "--key", "sk-wrong-key-of-nobody"); cli.ExitCode(err) != cli.ExitNotAllowed || len(h.ring) != 0 {
		t.Errorf("refused: %v, %d in the keyring", err, len(h.ring))
	}
}

// What is wrong with some portals is said by their names, and holds no other up.
func TestReportOnManyWithFaults(t *testing.T) {
	names := []string{"busy", "cached", "good", "gateway", "login", "partly"}
	portals := map[string]*docspacetest.Portal{}
	for _, name := range names {
		portals[name] = docspacetest.New(t)
	}
	portals["busy"].Inject(docspacetest.TooMany(time.Hour)) // more than anybody waits for
	portals["cached"].Inject(docspacetest.Fault{Path: "customer/balance", Null: true})
	portals["gateway"].Inject(docspacetest.Fault{Status: 501, ContentType: "text/html", Body: "<title>Down\x1b[31m for good</title>"})
	portals["login"].Inject(docspacetest.LoginPage())
	portals["partly"].Inject(docspacetest.Fault{Path: "payment/quota", Status: 403})
	h := newHousehold(t)
	h.knows(portals)

	stdout, stderr, err := h.run("report", "--all")
	if cli.ExitCode(err) != cli.ExitPartly {
		t.Errorf("exit status %d: %v", cli.ExitCode(err), err)
	}
	for _, want := range []string{
		"\n  good     Business  ", "\n  cached   Business  ", " not known  ", "\n  busy     -  ", "all\n", "quota\n",
		"Total      297.00 USD of 2 portals", "Not known  the balance of 4 portals",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, stdout)
		}
	}
	for _, want := range []string{"bursar: busy: ", "429", "bursar: gateway: ", `a web page titled "Down`, "bursar: login: ", "bursar: partly: Failed to get current quota: 403"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it does not say %q:\n%s", want, stderr)
		}
	}
	if strings.Contains(stdout+stderr, "\x1b") || strings.Contains(stderr, "good:") || strings.Contains(stderr, "cached:") {
		t.Errorf("it says too much:\n%s", stderr)
	}
	for _, portal := range portals {
		if strings.Contains(stdout+stderr, portal.Key) {
			t.Error("a key is shown")
		}
	}

	stdout, _, err = h.run("report", "--all", "-o", "json")
	var document struct {
		Portals []struct {
			Name    string
			Balance json.RawMessage
			Errors  []struct{ Part string }
		}
		Totals []struct{ Currency, Amount string }
	}
	if cli.ExitCode(err) != cli.ExitPartly || json.Unmarshal([]byte(stdout), &document) != nil || len(document.Portals) != len(names) {
		t.Fatalf("%v: %s", err, stdout)
	}
	for _, p := range document.Portals {
		if want := map[string]int{"busy": 5, "gateway": 5, "login": 5, "partly": 1}[p.Name]; len(p.Errors) != want {
			t.Errorf("%s: %d errors, want %d", p.Name, len(p.Errors), want)
		}
		if known := p.Name == "good" || p.Name == "partly"; known && len(p.Balance) < 10 || p.Name == "cached" && string(p.Balance) != "null" {
			t.Errorf("%s: balance %s", p.Name, p.Balance)
		}
	}
	if got := fmt.Sprint(document.Totals); got != "[{EUR 50.00} {USD 297.00}]" {
		t.Errorf("totals %s", got)
	}
}

// A portal that takes its time keeps no other's lines back.
func TestReportOnManyBesideASlowPortal(t *testing.T) {
	slow, quick := docspacetest.New(t), docspacetest.New(t)
	slow.Inject(docspacetest.Fault{Delay: time.Hour})
	h := newHousehold(t)
	h.knows(map[string]*docspacetest.Portal{"a-slow": slow, "b": quick, "c": quick, "d": quick})
	lines, out := io.Pipe()
	h.out = out
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, _, err := h.runUntil(ctx, "report", "--all", "-o", "ndjson", "--parallel", "2", "--timeout", "10m")
		_ = out.Close()
		ended <- err
	}()
	in := bufio.NewScanner(lines)
	in.Buffer(nil, 1<<20)
	for n := range 3 {
		if !in.Scan() || strings.Contains(in.Text(), "a-slow") {
			t.Fatalf("line %d: %v %.80s", n+1, in.Err(), in.Text())
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What is interrupted leaves no document that could be taken for a whole one; lines that
// arrived stand for themselves.
func TestReportOnManyIsWholeOrNothing(t *testing.T) {
	for format, want := range map[string]int{"json": 0, "yaml": 0, "ndjson": 1} {
		read, asked := docspacetest.New(t), docspacetest.New(t)
		h := newHousehold(t)
		h.knows(map[string]*docspacetest.Portal{"a": read, "b": asked})
		ctx, stop := context.WithCancel(t.Context())
		asked.Inject(docspacetest.Fault{Change: func(body []byte) []byte { stop(); return body }})
		stdout, _, err := h.runUntil(ctx, "report", "--all", "-o", format, "--parallel", "1")
		if !errors.Is(err, context.Canceled) || strings.Count(stdout, "\n") != want {
			t.Errorf("%s: %v\n%s", format, err, stdout)
		}
		if stdout, _, err = h.run("report", "--all", "-o", format); err != nil || !strings.Contains(stdout, read.URL) || !strings.Contains(stdout, asked.URL) {
			t.Errorf("%s, whole: %v\n%s", format, err, stdout)
		}
		stop()
	}
}

func TestReportOnManyEndsWhereItCannotWrite(t *testing.T) {
	h := newHousehold(t)
	portal := docspacetest.New(t)
	h.knows(map[string]*docspacetest.Portal{"a": portal, "b": portal})
	full := errors.New("no space left")
	for _, format := range []string{"json", "ndjson", "yaml", "csv", "table", "markdown"} {
		lines, out := io.Pipe()
		_ = lines.CloseWithError(full)
		h.out = out
		if _, _, err := h.run("report", "--all", "-o", format); !errors.Is(err, full) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestReportOfOneRefusesWhatIsForMany(t *testing.T) {
	for _, args := range [][]string{{"--full"}, {"--rates", "x.csv"}, {"--total-in", "EUR"}, {"--all", "--portal", "x"}, {"--all", "--group", "x"}, {"--all", "--parallel", "0"}} {
		if _, _, err := newHousehold(t).run(append([]string{"report"}, args...)...); cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%v: exit status %d, %v", args, cli.ExitCode(err), err)
		}
	}
}
