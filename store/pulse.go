package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"runtime"
	"sync"
)

// pulse asks SQLite whether anything was committed, by any process, since
// it was last asked. Everybody who waits for the same question shares one
// answer; nobody is given the answer to a question that was put before they came.
type pulse struct {
	session *session
	stmt    driver.StmtQueryContext
	row     []driver.Value // where an answer is put; guarded by asking

	asking sync.Mutex // held while a question is out

	mu      sync.Mutex
	forming *beat // the question that will be put next, open to whoever comes
}

// beat is one question and, once done is closed, its answer.
type beat struct {
	done       chan struct{}
	generation int64
	err        error
}

func (p *pulse) open(ctx context.Context) error {
	if err := p.session.connect(ctx); err != nil {
		return err
	}
	p.row = make([]driver.Value, 1)
	return p.session.conn.Raw(func(conn any) error {
		stmt, err := conn.(driver.ConnPrepareContext).PrepareContext(ctx, "PRAGMA data_version")
		if err == nil {
			p.stmt = stmt.(driver.StmtQueryContext)
		}
		return err
	})
}

func (p *pulse) close() error {
	p.asking.Lock()
	defer p.asking.Unlock()
	return errors.Join(p.stmt.(driver.Stmt).Close(), p.session.close())
}

// ask returns the answer to a question that is put after ask was called.
func (p *pulse) ask() (int64, error) {
	p.mu.Lock()
	if b := p.forming; b != nil {
		p.mu.Unlock()
		<-b.done
		return b.generation, b.err
	}
	b := &beat{done: make(chan struct{})}
	p.forming = b
	p.mu.Unlock()

	// Whoever is about to ask as well gets the chance to join.
	runtime.Gosched()

	p.asking.Lock()
	defer p.asking.Unlock()
	p.mu.Lock()
	p.forming = nil
	p.mu.Unlock()
	b.generation, b.err = p.put()
	close(b.done)
	return b.generation, b.err
}

// put asks the engine. It is asked for every request there is, so it goes past
// database/sql, at half the cost, and with no context that could be cancelled,
// for which the driver would start a goroutine each time.
func (p *pulse) put() (generation int64, err error) {
	err = p.session.conn.Raw(func(any) error {
		rows, err := p.stmt.QueryContext(context.Background(), nil)
		if err != nil {
			return err
		}
		defer rows.Close()
		if err := rows.Next(p.row); err != nil {
			return err
		}
		generation = p.row[0].(int64)
		return nil
	})
	return generation, engineError(err)
}

// A generation that was read from the index is marked as such; it is 30 bits of the
// count of commits, and 32 of a checksum.
const (
	ofIndex    = 1 << 62
	maxChanges = 1<<30 - 1
)

// succeeds reports whether one commit leads from one generation to another.
func succeeds(to, from int64) bool {
	return to&from&ofIndex != 0 && (from>>32+1)&maxChanges == to>>32&maxChanges
}

// generation returns a number that is another one after every commit, whoever
// made it: while it stays the same, so does everything in the database. It is
// never older than the call. It is SQLite's.
func (s *Store) generation() (int64, error) {
	if s.index != nil {
		if generation, ok, err := s.index.generation(); ok || err != nil {
			return generation, err
		}
	}
	return s.pulse.ask()
}
