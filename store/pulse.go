package store

import (
	"context"
	"database/sql"
	"sync"
)

// pulse asks the database whether anything was committed, by any process, since
// it was last asked. Everybody who waits for the same question shares one
// answer; nobody is given the answer to a question that was put before they came.
type pulse struct {
	session *session
	stmt    *sql.Stmt

	mu      sync.Mutex
	running *beat // the question that is out, if any
	next    *beat // the one that will follow it, with those who came too late
}

// beat is one question and, once done is closed, its answer.
type beat struct {
	done       chan struct{}
	generation int64
	err        error
}

func (p *pulse) open(ctx context.Context, db *sql.DB) (err error) {
	if p.session, err = newSession(ctx, db); err != nil {
		return err
	}
	p.stmt, err = p.session.prepared("PRAGMA data_version")
	return err
}

func (p *pulse) close() error { return p.session.close() }

// ask returns the answer to a question that is put after ask was called.
func (p *pulse) ask() (int64, error) {
	p.mu.Lock()
	before := p.running
	switch {
	case before == nil: // nobody is asking: ask
		b := &beat{done: make(chan struct{})}
		p.running = b
		p.mu.Unlock()
		return p.put(b)
	case p.next == nil: // lead those who ask next
		b := &beat{done: make(chan struct{})}
		p.next = b
		p.mu.Unlock()
		<-before.done
		return p.put(b)
	default:
		b := p.next
		p.mu.Unlock()
		<-b.done
		return b.generation, b.err
	}
}

// put asks on behalf of a beat that is p.running, or will be when the beat
// before it is done.
func (p *pulse) put(b *beat) (int64, error) {
	// With no context that could be cancelled, a question costs no goroutine.
	b.err = engineError(p.stmt.QueryRow().Scan(&b.generation))
	p.mu.Lock()
	p.running, p.next = p.next, nil
	p.mu.Unlock()
	close(b.done)
	return b.generation, b.err
}

// Generation returns a number that is another one after every commit, whoever
// made it: while it stays the same, so does everything in the database. It is
// never older than the call.
func (s *Store) Generation() (int64, error) { return s.pulse.ask() }
