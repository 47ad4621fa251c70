package pgtest

import (
	"os/exec"
	"runtime"
)

// process is a server that was started.
type process struct {
	ended chan struct{} // closed when it has ended, with err
	err   error
}

// begin starts a command, and waits for its end in the background.
func begin(cmd *exec.Cmd) (*process, error) {
	p := &process{ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// Where the server is told to end with its parent, that is the thread
		// which started it: this one has to stay until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}
