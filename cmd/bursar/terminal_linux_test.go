package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/bursarhq/bursar/docspacetest"
)

// openTerminal returns the two sides of a new terminal: the person's, and the
// program's.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals to test with: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	var number, unlocked int32
	for request, value := range map[uintptr]*int32{syscall.TIOCGPTN: &number, syscall.TIOCSPTLCK: &unlocked} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatalf("open a terminal: %v", errno)
		}
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open a terminal: %v", err)
	}
	return person, program
}

// onTerminal runs the program with its standard output on a terminal and returns
// what the terminal was sent.
func onTerminal(t *testing.T, env []string, args ...string) string {
	t.Helper()
	person, terminal := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), "bursar", args...)
	cmd.Env = append(bareEnvironment(t.TempDir()), env...)
	cmd.Stdout = terminal
	var stderr, sent bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close() // the program has its own
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&sent, person) // ends with an error when the program does
	}()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("bursar %q: %v\n%s", args, err, stderr.String())
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the terminal does not end")
	}
	return sent.String()
}

func TestReportIsStyledOnlyOnATerminalThatWantsIt(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	args := []string{"report", "--portal", portal.URL, "--key", portal.Key, "--only", "balance"}
	terminal := "TERM=xterm-256color"
	for _, c := range []struct {
		name   string
		env    []string
		args   []string
		styled bool
	}{
		{"a terminal", []string{terminal}, nil, true},
		{"NO_COLOR=1", []string{terminal, "NO_COLOR=1"}, nil, false},
		{"NO_COLOR=yes", []string{terminal, "NO_COLOR=yes"}, nil, false},
		{"an empty NO_COLOR", []string{terminal, "NO_COLOR="}, nil, true},
		{"a dumb terminal", []string{"TERM=dumb"}, nil, false},
		{"no TERM", nil, nil, false},
		{"JSON", []string{terminal}, []string{"-o", "json"}, false},
		{"YAML", []string{terminal}, []string{"-o", "yaml"}, false},
		{"CSV", []string{terminal}, []string{"-o", "csv"}, false},
		{"Markdown", []string{terminal}, []string{"-o", "markdown"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sent := onTerminal(t, c.env, append(args, c.args...)...)
			if !strings.Contains(sent, "148.50") {
				t.Errorf("no report: %q", sent)
			}
			if styled := strings.Contains(sent, "\x1b"); styled != c.styled {
				t.Errorf("escapes: %t, want %t, in %q", styled, c.styled, sent)
			}
		})
	}
}

func TestReportIsNotStyledInAPipe(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	got := bursar(t, []string{"TERM=xterm-256color", "COLORTERM=truecolor"}, "report", "--portal", portal.URL, "--key", portal.Key)
	if got.code != 0 || strings.Contains(got.stdout+got.stderr, "\x1b") {
		t.Errorf("exit status %d and %q", got.code, got.stdout+got.stderr)
	}
	got = bursar(t, []string{"TERM=xterm-256color"}, "report", "--portal", portal.URL, "--key", "sk-wrong")
	if strings.ContainsAny(got.stdout+got.stderr, "\x1b\r") {
		t.Errorf("an error is styled: %q", got.stderr)
	}
}
