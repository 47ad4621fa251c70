package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"time"
)

// program is a server that was started and said where it listens.
type program struct {
	address string // "http://127.0.0.1:40123"
	cmd     *exec.Cmd
	ended   chan struct{} // closed when err is set
	err     error
}

// launch starts a server and waits for the address that it prints. What it
// returns with an error is nil or must be killed.
func launch(cmd *exec.Cmd) (*program, error) {
	p := &program{cmd: cmd, ended: make(chan struct{})}
	found := make(chan string, 1)
	cmd.Stdout = &addressFinder{to: cmd.Stdout, found: found}
	cmd.Stderr = &addressFinder{to: cmd.Stderr, found: found}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	select {
	case p.address = <-found:
		return p, nil
	case <-p.ended:
		return p, fmt.Errorf("it ended before it listened: %w", p.err)
	case <-time.After(patience):
		return p, errors.New("it did not say where it listens")
	}
}

// stop sends a signal, after which the program must end well.
func (p *program) stop(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		return errors.New("it did not end")
	}
}

// kill ends the program if it has not ended.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // fails where it has ended
	<-p.ended
}

// addressFinder passes on what a server prints and finds its address in it.
type addressFinder struct {
	to    io.Writer
	found chan<- string
	mu    sync.Mutex
	seen  bytes.Buffer
}

var printedAddress = regexp.MustCompile(`\baddress"?[=: ]\s*"?(https?://[^\s"]+)[\s"]`)

func (f *addressFinder) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen.Write(b)
	n, err := f.to.Write(b)
	if m := printedAddress.FindSubmatch(f.seen.Bytes()); m != nil {
		select {
		case f.found <- string(m[1]):
		default: // known already
		}
	}
	return n, err
}
