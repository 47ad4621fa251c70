package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspacetest"
)

// question is what ends the text that asks.
const question = "Go on? [y/N] "

// asked runs the program with a person at a terminal who, when it asks, does
// something. It returns what the terminal was sent, too.
func asked(t *testing.T, portal *docspacetest.Portal, person func(terminal *os.File, program *os.Process), args ...string) (result, string) {
	t.Helper()
	mine, its := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), "bursar", args...)
	cmd.Env = append(bareEnvironment(t.TempDir()), "TERM=xterm-256color", "DOCSPACE_URL="+portal.URL, "DOCSPACE_API_KEY="+portal.Key)
	var stdout bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = its, &stdout, its
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = its.Close() // the program has its own
	sent := make(chan string, 1)
	go func() {
		var all strings.Builder
		some, answered := make([]byte, 4096), false
		for {
			n, err := mine.Read(some) // ends with an error when the program does
			all.Write(some[:n])
			if !answered && strings.Contains(all.String(), question) {
				answered = true
				person(mine, cmd.Process)
			}
			if err != nil {
				sent <- all.String()
				return
			}
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Fatal("the program waits for more than an answer")
	}
	return result{stdout: stdout.String(), code: cmd.ProcessState.ExitCode()}, <-sent
}

// says is a person who types.
func says(text string) func(*os.File, *os.Process) {
	return func(terminal *os.File, _ *os.Process) { _, _ = io.WriteString(terminal, text) }
}

// plainText is what a terminal shows, without how.
func plainText(sent string) string {
	for _, escape := range []string{"\x1b[1m", "\x1b[2m", "\x1b[0m", "\x1b[m", "\x1b[K", "\r"} {
		sent = strings.ReplaceAll(sent, escape, "")
	}
	return sent
}

// On a terminal a person is shown the amount, what it is for, which portal it is,
// and what it is paid from, and says yes before anything is sent.
func TestPeopleAreAskedBeforeAnythingIsChanged(t *testing.T) {
	t.Parallel()
	const buy, card = "service buy storage --quantity 100", "deposit --amount USD=10"
	interrupt := func(_ *os.File, program *os.Process) { _ = program.Signal(syscall.SIGINT) }
	for _, c := range []struct {
		name, line string
		person     func(*os.File, *os.Process)
		done       bool
	}{
		{"yes", buy, says("yes\n"), true},
		{"y", card, says("Y\n"), true},
		{"no", buy, says("n\n"), false},
		{"nothing", card, says("\n"), false},
		{"something else", buy, says("sure\n"), false},
		{"the end of the input", card, says("\x04"), false},
		{"an interrupt", buy, interrupt, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			portal := docspacetest.New(t)
			got, sent := asked(t, portal, c.person, strings.Fields(c.line)...)
			shown := plainText(sent)
			before, after, found := strings.Cut(shown, question)
			if !found {
				t.Fatalf("nobody was asked: %q", sent)
			}
			before = strings.Join(strings.Fields(before), " ")
			wants := []string{"Portal " + portal.URL, "Buy 100 more of storage Costs 1", "USD Paid from the wallet (148.50 USD, 25.00 EUR before) Idempotency key "}
			if c.line == card {
				wants = []string{"Portal " + portal.URL, "Charge 10.00 USD Paid from the stored payment method (card) of owner@example.com", " Idempotency key "}
			}
			for _, want := range wants {
				if !strings.Contains(before, want) {
					t.Errorf("%q is not in %q", want, before)
				}
			}
			sends := portal.Requests("deposit") + portal.Requests("updatewallet")
			if c.done {
				_, key, _ := strings.Cut(before, "Idempotency key ") // what happens, happens under the key that was shown
				if got.code != 0 || sends != 1 || key == "" || !strings.Contains(got.stdout, key) {
					t.Errorf("exit status %d, sent %d times, %q", got.code, sends, got.stdout)
				}
				return
			}
			if got.code != 1 || sends != 0 || got.stdout != "" || !strings.Contains(after, "it was not confirmed; nothing was sent") || !strings.Contains(after, "hint: ") {
				t.Errorf("exit status %d, sent %d times, %q and %q", got.code, sends, got.stdout, after)
			}
		})
	}
}

// Nobody is asked who said --yes, or only wants to know.
func TestPeopleAreNotAskedInVain(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	for _, flag := range []string{"--yes", "--dry-run"} {
		got, sent := asked(t, portal, says("n\n"), "deposit", "--amount", "USD=10", flag, "-o", "json")
		if got.code != 0 || strings.Contains(sent, "Go on") || !strings.HasPrefix(got.stdout, "{\n") || strings.Contains(got.stdout, "\x1b") {
			t.Errorf("%s: exit status %d, %q and %q", flag, got.code, sent, got.stdout)
		}
	}
}

// Nobody can be asked where what is asked, or the answer, goes elsewhere.
func TestNobodyIsAskedThroughAPipe(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	env := []string{"DOCSPACE_URL=" + portal.URL, "DOCSPACE_API_KEY=" + portal.Key}
	got := runProgram(t, "y\ny\ny\n", env, "bursar", "deposit", "--amount", "USD=10")
	if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, "nobody is there to confirm it; nothing was sent\nhint: --yes goes on unasked") {
		t.Errorf("%+v", got)
	}
	if n := portal.Requests(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// How far a report is, is shown on a terminal, and is gone at the end.
func TestReportsShowTheirProgressOnATerminal(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	portal.Inject(docspacetest.Fault{Path: "operationsreport", Delay: 300 * time.Millisecond})
	got, sent := asked(t, portal, says(""), "operations", "report", "-o", t.TempDir()+"/a.xlsx")
	if got.code != 0 || !strings.Contains(sent, "Waiting for the report: ") || !strings.HasSuffix(sent, "\r\x1b[K") || strings.Contains(got.stdout, "\x1b") {
		t.Errorf("exit status %d, %q and %q", got.code, sent, got.stdout)
	}
}
