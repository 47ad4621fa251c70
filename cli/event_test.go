package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// line is a database with portals a and b, in which things happened.
type line struct {
	t       *testing.T
	dir     string
	store   *store.Store
	service *billing.Service
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{t: t, dir: t.TempDir()}
	var err error
	if l.store, err = store.Open(t.Context(), store.Config{Dir: l.dir, NoSync: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.store.Close() })
	if l.service, err = billing.New(billing.Config{Store: l.store, Now: func() time.Time { return noon }}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if _, err := l.service.CreatePortal(t.Context(), billing.NewPortal{ID: id, Hosts: []string{id + ".example"}}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *line) happens(portalID string, data event.Data) {
	l.t.Helper()
	err := l.store.Change(context.Background(), portalID, func(tx *store.Tx) error {
		text, err := json.Marshal(data)
		if err == nil {
			_, err = tx.AppendEvent(store.Event{Type: string(data.Type()), At: noon, Data: string(text)})
		}
		return err
	})
	if err == nil {
		_, err = l.service.PlaceEvents(context.Background())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// runs runs a command on the database until it ends, and returns what it printed.
func (l *line) runs(args ...string) (stdout string, err error) {
	l.t.Helper()
	stdout, _, err = runCLI(l.t, map[string]string{"BURSAR_DATA": l.dir}, args...)
	return stdout, err
}

func (l *line) prints(args ...string) string {
	l.t.Helper()
	stdout, err := l.runs(args...)
	if err != nil {
		l.t.Errorf("%v: %v", args, err)
	}
	return stdout
}

var resumed = event.TopUpResumed{Reason: "asked\x1b[31m"}

func TestEventsTail(t *testing.T) {
	l := newLine(t)
	if got := l.prints("events", "tail", "--follow=false"); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	for n := range 12 {
		l.happens([]string{"a", "b"}[n%2], []event.Data{resumed, event.HoldExpired{Hold: "h1"}}[n/6])
	}
	positions := func(args ...string) (all string) {
		t.Helper()
		for text := range strings.Lines(l.prints(append([]string{"events", "tail", "--follow=false", "-o", "json"}, args...)...)) {
			var e event.Event
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			all += fmt.Sprint(e.Position, " ")
		}
		return all
	}
	for _, tt := range []struct {
		args string
		want string
	}{
		{"", "3 4 5 6 7 8 9 10 11 12 "},
		{"--after=0", "1 2 3 4 5 6 7 8 9 10 11 12 "},
		{"--after=10", "11 12 "},
		{"--after=0 --portal=b.example", "2 4 6 8 10 12 "},
		{"--after=0 --portal=a --type=hold.expired", "7 9 11 "},
		{"--after=4 --type=topup.resumed,topup.planned", "5 6 "},
	} {
		if got := positions(strings.Fields(tt.args)...); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.args, got, tt.want)
		}
	}
	got := l.prints("events", "tail", "--follow=false", "--after=11")
	if want := "      12  " + noon.UTC().Format(time.DateTime) + "  hold.expired            b                    {\"hold\":\"h1\""; !strings.HasPrefix(got, want) {
		t.Errorf("%q", got)
	}
	if got := l.prints("events", "tail", "--follow=false", "--after=0"); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
	for _, wrong := range []string{"--after=-1", "--type=none", "--type=webhook.test", "--portal="} {
		if _, err := l.runs("events", "tail", "--follow=false", wrong); cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// written is what a command has printed so far.
type writtenSoFar struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *writtenSoFar) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *writtenSoFar) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// A tail goes on with what another process does, until it is interrupted.
func TestEventsTailFollows(t *testing.T) {
	l := newLine(t)
	var out writtenSoFar
	root := cli.New(cli.Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Version: "test", Now: func() time.Time { return noon },
		Getenv: func(name string) string { return map[string]string{"BURSAR_DATA": l.dir}[name] },
	})
	root.SetArgs([]string{"events", "tail", "--type", "hold.expired"})
	root.SilenceErrors, root.SilenceUsage = true, true
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	for n := range 3 {
		l.happens("a", resumed)
		l.happens("a", event.HoldExpired{Hold: fmt.Sprint("h", n)})
		for deadline := time.Now().Add(20 * time.Second); strings.Count(out.String(), "\n") < n+1; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it printed %q", out.String())
			}
		}
	}
	interrupt()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := out.String(); strings.Count(got, "hold.expired") != 3 || strings.Contains(got, "resumed") {
		t.Errorf("%q", got)
	}
}

func TestWebhookCommands(t *testing.T) {
	l := newLine(t)
	status := http.StatusOK
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer receiver.Close()
	var made struct{ ID, Secret, State string }
	create := func(args ...string) {
		t.Helper()
		text := l.prints(append([]string{"webhook", "create", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(text), &made); err != nil || !strings.HasPrefix(made.Secret, "whsec_") {
			t.Fatalf("%v in %s", err, text)
		}
	}
	l.happens("a", event.HoldExpired{Hold: "h1"})
	create("--url", receiver.URL+"/?token=t", "--private", "--portal", "a.example", "--type", "hold.expired", "--after", "0", "--description", "ours")
	if got := l.prints("webhook", "list"); !strings.Contains(got, made.ID+"   active   1 ") || strings.Contains(got, "token=") || strings.Contains(got, made.Secret) {
		t.Error(got)
	}
	if got := l.prints("webhook", "list", "-o", "json"); !strings.Contains(got, `"portal": "a"`) || strings.Contains(got, made.Secret) {
		t.Error(got)
	}
	if got := l.prints("webhook", "test", made.ID); !strings.HasPrefix(got, "Taken in ") || !strings.HasSuffix(got, " ms: 200 OK\n") {
		t.Error(got)
	}
	status = http.StatusTeapot
	if _, err := l.runs("webhook", "test", made.ID); cli.ExitCode(err) != cli.ExitFailed || !strings.Contains(err.Error(), "418 I'm a teapot") {
		t.Error(err)
	}
	if got := l.prints("webhook", "rotate", made.ID); !strings.Contains(got, "secret   whsec_") || strings.Contains(got, made.Secret) {
		t.Error(got)
	}
	if got := l.prints("webhook", "replay", made.ID, "--from", "1"); got != "Events 1 to 1 are sent to webhook "+made.ID+" again.\n" {
		t.Error(got)
	}
	if _, err := l.runs("webhook", "replay", made.ID, "--from", "1"); cli.ExitCode(err) != cli.ExitFailed {
		t.Error(err)
	}
	if _, err := l.runs("webhook", "replay", made.ID, "--from", "2"); cli.ExitCode(err) != cli.ExitUsage {
		t.Error(err)
	}
	l.prints("webhook", "pause", made.ID)
	if got := l.prints("webhook", "list"); !strings.Contains(got, "paused (asked)") {
		t.Error(got)
	}
	l.prints("webhook", "resume", made.ID)
	if got := l.prints("webhook", "undelivered", made.ID); got != "POSITION  EVENT  TYPE  ATTEMPTS  GIVEN UP  STATUS\n" {
		t.Errorf("%q", got)
	}
	l.prints("webhook", "delete", made.ID)
	for _, name := range []string{"test", "rotate", "pause", "resume", "delete", "undelivered"} {
		if _, err := l.runs("webhook", name, made.ID); cli.ExitCode(err) != cli.ExitFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, wrong := range [][]string{
		{"--url", "http://example.com/"}, {"--url", "https://127.0.0.1/"}, {"--url", "http://169.254.169.254/", "--private"}, {"--type", "none", "--url", "https://example.com/"},
		{"--url", "https://example.com/", "--after", "9"}, {},
	} {
		if _, err := l.runs(append([]string{"webhook", "create"}, wrong...)...); cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
