package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a row with that key is there already.
	ErrExists = errors.New("exists already")
	// ErrBusy says that the database was held by others for too long, or is
	// closing; the same again may succeed.
	ErrBusy = errors.New("database is busy")
	// ErrFull says that there is no room left on the disk.
	ErrFull = errors.New("no space left for the database")
	// ErrDamaged says that the file is no database, or a broken one.
	ErrDamaged = errors.New("database is damaged")
	// ErrNewer says that the database was made by a newer Bursar.
	ErrNewer = errors.New("database is newer than this program")
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	writer  chan *session // the one that may write, when it is free
	readers chan *session
	pulse   pulse
	index   *walIndex     // nil: there is none
	closing chan struct{} // closed by Close
}

// Close ends all connections, after what still runs. What comes later fails with
// ErrBusy. A store can be closed once.
func (s *Store) Close() error {
	close(s.closing)
	var errs []error
	for _, pool := range []chan *session{s.readers, s.writer} {
		for range cap(pool) {
			errs = append(errs, (<-pool).close())
		}
	}
	errs = append(errs, s.pulse.close(), s.db.Close(), s.index.close())
	return errors.Join(errs...)
}

// Tx is one transaction. It ends with the function it was given to.
type Tx struct {
	ctx     context.Context
	session *session
	// portal is what a changing transaction is about; "" in a reading one.
	portal string
}

// Read calls fn with one consistent picture of the database.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.run(ctx, s.readers, "BEGIN", "", fn)
}

// Change calls fn with a transaction on one portal, whose version it counts up.
// What fn did is durable when Change returns nil, and undone when it returns an
// error. It fails with ErrNotFound when there is no such portal.
func (s *Store) Change(ctx context.Context, portalID string, fn func(*Tx) error) error {
	return s.write(ctx, portalID, func(tx *Tx) error {
		changed, err := tx.exec(`
			UPDATE portal
			   SET version = version + 1
			 WHERE portal_id = $1`, portalID)
		if err != nil {
			return err
		}
		if changed == 0 {
			return fmt.Errorf("portal %q: %w", portalID, ErrNotFound)
		}
		return fn(tx)
	})
}

func (s *Store) write(ctx context.Context, portalID string, fn func(*Tx) error) error {
	return s.run(ctx, s.writer, "BEGIN IMMEDIATE", portalID, fn)
}

func (s *Store) run(ctx context.Context, pool chan *session, begin, portalID string, fn func(*Tx) error) (err error) {
	var use *session
	select {
	case use = <-pool:
		defer func() { pool <- use }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	case <-s.closing:
		return fmt.Errorf("%w: it is closing", ErrBusy)
	}
	committed := false
	defer func() {
		if !committed {
			// Not with the caller's context, which may be what ended fn. It
			// fails where there is nothing to roll back.
			_, _ = use.conn.ExecContext(context.Background(), "ROLLBACK")
		}
	}()
	tx := &Tx{ctx: ctx, session: use, portal: portalID}
	// A context that ends meanwhile makes this fail, and yet it may have begun.
	if _, err := tx.exec(begin); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	if _, err := use.exec(context.Background(), "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// session is one connection with the statements prepared on it.
type session struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, engineError(err)
	}
	return &session{conn: conn, statements: map[string]*sql.Stmt{}}, nil
}

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.statements {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// prepared returns the statement of a query, which must be a constant: it is
// kept for as long as the session.
func (s *session) prepared(query string) (*sql.Stmt, error) {
	if stmt, ok := s.statements[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, engineError(err)
	}
	s.statements[query] = stmt
	return stmt, nil
}

func (s *session) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	return res, engineError(err)
}

// exec runs a statement and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	res, err := tx.session.exec(tx.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads the one row of a query, or ErrNotFound.
func (tx *Tx) row(query string, args []any, into ...any) error {
	found := false
	err := tx.rows(query, args, func(scan func(...any) error) error {
		found = true
		return scan(into...)
	})
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

// rows calls each for every row of a query, with a function that scans it.
func (tx *Tx) rows(query string, args []any, each func(scan func(...any) error) error) error {
	stmt, err := tx.session.prepared(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(tx.ctx, args...)
	if err != nil {
		return engineError(err)
	}
	defer rows.Close()
	scan := func(into ...any) error { return engineError(rows.Scan(into...)) }
	for rows.Next() {
		if err := each(scan); err != nil {
			return err
		}
	}
	return engineError(rows.Err())
}

// micros is how times are kept; the zero Time is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}
