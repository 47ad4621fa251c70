package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is one connection with the statements prepared on it. It is used by one
// at a time.
type session struct {
	db         *sql.DB
	setUp      string    // what the connection is told first; "" for nothing
	conn       *sql.Conn // nil: it broke, and is made anew when it is needed
	statements map[string]*sql.Stmt
}

func (s *session) connect(ctx context.Context) (err error) {
	if s.conn, err = s.db.Conn(ctx); err != nil {
		s.conn = nil
		return engineError(err)
	}
	s.statements = map[string]*sql.Stmt{}
	if s.setUp == "" {
		return nil
	}
	if _, err = s.conn.ExecContext(ctx, s.setUp); err != nil {
		err = engineError(err)
		s.drop()
	}
	return err
}

// drop throws the connection away.
func (s *session) drop() {
	if s.conn == nil {
		return
	}
	_ = s.conn.Raw(func(conn any) error {
		hangUp(conn) // or the statements would be closed one by one
		return driver.ErrBadConn
	})
	for _, stmt := range s.statements {
		_ = stmt.Close()
	}
	_ = s.conn.Close()
	s.conn, s.statements = nil, nil
}

func (s *session) close() error {
	if s.conn == nil {
		return nil
	}
	if s.served() {
		s.drop()
		return nil
	}
	var errs []error
	for _, stmt := range s.statements {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// acquire takes a session from a pool and begins a transaction on it. A connection
// that broke while it was idle is made anew: nothing was done on it yet. When it
// fails it has given the session back.
func (s *Store) acquire(ctx context.Context, pool chan *session, begin string) (*session, error) {
	var use *session
	select {
	case use = <-pool:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	case <-s.closing:
		return nil, fmt.Errorf("%w: it is closing", ErrBusy)
	}
	for {
		fresh := use.conn == nil
		if fresh {
			if err := reconnect(ctx, pool, use); err != nil {
				return nil, err
			}
		}
		// A context that ends meanwhile makes this fail, and yet it may have begun.
		_, err := use.exec(ctx, begin)
		if err == nil {
			return use, nil
		}
		use.abandon(err)
		if fresh || use.conn != nil || ctx.Err() != nil {
			pool <- use
			return nil, err
		}
	}
}

// reconnect makes a session's connection anew. It goes on where the context ends:
// callers in a hurry would else begin one connection after the other, and have
// none. When it fails it has given the session back, or will.
func reconnect(ctx context.Context, pool chan *session, use *session) error {
	done := make(chan error, 1)
	go func() {
		bounded, cancel := context.WithTimeout(context.Background(), connectTimeout)
		defer cancel()
		done <- use.connect(bounded)
	}()
	select {
	case err := <-done:
		if err != nil {
			pool <- use
		}
		return err
	case <-ctx.Done():
		go func() { <-done; pool <- use }()
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// abandon ends a transaction that is not to be, and the connection with it where
// it can't be used again.
func (s *session) abandon(reason error) {
	if s.conn == nil {
		return
	}
	// Not with the caller's context, which may be what ended it. It fails where
	// there is nothing to roll back.
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
	var told *pgconn.PgError
	if s.lost() || errors.As(reason, &told) && stale(told) {
		s.drop()
	}
}

// boundLimit is a limit that is a parameter. SQLite plans by its value, and so prepares
// the statement anew for each time that it is run, which takes longer than to run it: it
// does not look into a sum.
var boundLimit = regexp.MustCompile(`LIMIT (\$\d+)`)

// prepared returns the statement of a query, which must be a constant: it is
// kept for as long as the connection.
func (s *session) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.statements[query]; ok {
		return stmt, nil
	}
	text := query
	if !s.served() {
		text = boundLimit.ReplaceAllString(query, "LIMIT $1 + 0")
	}
	stmt, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, s.failure(err)
	}
	s.statements[query] = stmt
	return stmt, nil
}

func (s *session) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return nil, s.failure(err)
	}
	return res, nil
}

// failure names what went wrong on this session. Where the connection is gone,
// that is the reason, whatever the network said.
func (s *session) failure(err error) error {
	named := engineError(err)
	if named == err && s.gone() {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return named
}
