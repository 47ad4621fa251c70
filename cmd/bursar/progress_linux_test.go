package main

import (
	"io"
	"os/exec"
	"strings"
	"testing"
)

// How far it is, is shown on a terminal and nowhere else, and is gone at the end.
func TestVerifyShowsItsProgressOnATerminal(t *testing.T) {
	t.Parallel()
	data := []string{"BURSAR_DATA=" + t.TempDir()}
	if made := bursar(t, data, "portal", "create", "--id", "acme", "--owner-email", "owner@example.com", "--name", "Acme"); made.code != 0 {
		t.Fatal(made.stderr)
	}
	if got := bursar(t, data, "verify"); got != (result{}) {
		t.Errorf("without a terminal: %+v", got)
	}
	person, terminal := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), "bursar", "verify")
	cmd.Env = append(bareEnvironment(t.TempDir()), data...)
	cmd.Stderr = terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close() // the program has its own
	sent := make(chan string)
	go func() {
		text, _ := io.ReadAll(person) // ends with an error when the program does
		sent <- string(text)
	}()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if text := <-sent; !strings.Contains(text, " portals, 0 transfers, 0 holds") || !strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("the terminal was sent %q", text)
	}
}
