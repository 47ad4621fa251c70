package cli

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// progress shows a person how much of something long is done. It stays silent where
// nobody watches.
type progress struct {
	env         Env
	doing       string
	done, total atomic.Int64
	// end and gone are nil where nobody watches.
	end, gone chan struct{}
}

// newProgress shows a bar on standard error, if that is a terminal that can, until stop
// is called. total is how many steps there are; 0 as long as that is not known.
func newProgress(env Env, quiet bool, total int, doing string) *progress {
	p := &progress{env: env, doing: doing}
	p.total.Store(int64(total))
	if quiet || !isTerminal(env.Stderr) || env.get("TERM") == "dumb" {
		return p
	}
	p.end, p.gone = make(chan struct{}), make(chan struct{})
	go p.draw()
	return p
}

// step counts one step as done. It may be called by several at once.
func (p *progress) step() { p.done.Add(1) }

// at notes how many steps are done, and how many there are. It may be called by several
// at once.
func (p *progress) at(done, total int64) {
	p.done.Store(done)
	p.total.Store(total)
}

// stop takes the bar away. It may be called once.
func (p *progress) stop() {
	if p.end != nil {
		close(p.end)
		<-p.gone
	}
}

func (p *progress) draw() {
	defer close(p.gone)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.end:
			fmt.Fprint(p.env.Stderr, "\r\x1b[K")
			return
		case <-tick.C:
			fmt.Fprintf(p.env.Stderr, "\r\x1b[K%s", p.line())
		}
	}
}

// progressWidth is how wide the bar is, in columns.
const progressWidth = 24

// line is the bar with what is being done, the count and the share.
func (p *progress) line() string {
	done, total := p.done.Load(), p.total.Load()
	if total <= 0 {
		return fmt.Sprintf("%s: %d", p.doing, done)
	}
	part := min(done, total)
	full := part * progressWidth / total
	return fmt.Sprintf("%s %s%s %d/%d %3d %%", p.doing,
		strings.Repeat("█", int(full)), strings.Repeat("░", int(progressWidth-full)), done, total, part*100/total)
}
