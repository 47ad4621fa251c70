package main

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/bursarhq/bursar/docspacetest"
)

// On a terminal it is a screen of its own, which is gone when somebody presses q.
func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	for name, env := range map[string][]string{"colours": {"TERM=xterm-256color"}, "none": {"TERM=xterm-256color", "NO_COLOR=1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			person, terminal := openTerminal(t)
			size := [4]uint16{24, 80}
			if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), syscall.TIOCSWINSZ, uintptr(unsafe.Pointer(&size))); errno != 0 {
				t.Fatalf("say how large the terminal is: %v", errno)
			}
			cmd := exec.CommandContext(t.Context(), "bursar", "watch")
			cmd.Env = append(append(bareEnvironment(t.TempDir()), "DOCSPACE_URL="+portal.URL, "DOCSPACE_API_KEY="+portal.Key), env...)
			var stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = terminal.Close() // the program has its own
			sent := make(chan string)
			go func() {
				var all []byte
				piece, asked := make([]byte, 4096), false
				for {
					n, err := person.Read(piece)
					all = append(all, piece[:n]...)
					if !asked && bytes.Contains(all, []byte("148.50")) {
						asked = true
						_, _ = person.WriteString("q")
					}
					if err != nil { // the program has ended
						sent <- string(all)
						return
					}
				}
			}()
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("%v: %s", err, stderr.String())
				}
			case <-time.After(patience):
				_ = cmd.Process.Kill()
				t.Fatalf("it does not end; the screen:\n%q", <-sent)
			}
			text := <-sent
			if !strings.Contains(text, "\x1b[?1049h") || !strings.Contains(text, "\x1b[?1049l") {
				t.Errorf("it has no screen of its own, or does not give it back: %q", text)
			}
			if portal.Key != "" && strings.Contains(text+stderr.String(), portal.Key) {
				t.Error("the key is on the screen")
			}
		})
	}
}
