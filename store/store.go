package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a row with that key is there already.
	ErrExists = errors.New("exists already")
	// ErrInUse says that other rows refer to the one that was to go.
	ErrInUse = errors.New("is in use")
	// ErrBusy says that the database was held by others for too long, can't be
	// reached, or is closing; the same again may succeed.
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
	*engine
	writer  chan *session // those that may write, when they are free; SQLite has one
	readers chan *session
	pulse   *pulse    // nil: it is a server
	index   *walIndex // nil: there is none
	trail   trail     // of SQLite's generations
	locator *locator  // nil: it is SQLite
	poster  *poster
	fault   func(Moment) error // nil: there are none
	bell    chan struct{}      // has one token while there may be jobs that were caused here
	closing chan struct{}      // closed by Close
}

// Close ends all connections, after what still runs. What comes later fails with
// ErrBusy. A store can be closed once.
func (s *Store) Close() error {
	s.poster.close()
	close(s.closing)
	var errs []error
	for _, pool := range []chan *session{s.readers, s.writer} {
		for range cap(pool) {
			errs = append(errs, (<-pool).close())
		}
	}
	if s.locator != nil {
		errs = append(errs, s.locator.close())
	}
	if s.pulse != nil {
		errs = append(errs, s.pulse.close())
	}
	errs = append(errs, s.db.Close(), s.index.close())
	return errors.Join(errs...)
}

// Tx is one transaction. It ends with the function it was given to.
type Tx struct {
	ctx     context.Context
	session *session
	// portal is what a changing transaction is about; "" in a reading one.
	portal string
	// lockRows ends a query for rows that are going to be changed.
	lockRows string
	// moved are the portals whose money is moved by a transaction that writes
	// nothing else that can be read, but does write; nil where it may be otherwise.
	moved []string
	// wrote says that a statement changed rows: else its commit is none.
	wrote bool
	// caused says that there is a job, or an event, that somebody should hear of.
	caused bool
	// failed is the first error of a statement. The engines differ in what they
	// do after one, so that nothing is done: the transaction can't succeed.
	failed error
}

// Read calls fn with one consistent picture of the database.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.run(ctx, s.readers, s.beginRead, "", fn)
}

// Change calls fn with a transaction on one portal, whose version it counts up.
// What fn did is durable when Change returns nil, and undone when it returns an
// error, or a statement failed. It fails with ErrNotFound when there is no such
// portal. After ErrBusy it may have been done nevertheless, when a server was
// lost in the moment of the commit. It calls fn once more when money was moved
// meanwhile that fn moves too.
func (s *Store) Change(ctx context.Context, portalID string, fn func(*Tx) error) error {
	err := s.change(ctx, portalID, fn)
	if errors.Is(err, errNotAllNew) || errors.Is(err, errOutdated) { // what it moves was moved meanwhile, by the poster
		err = s.change(ctx, portalID, fn)
	}
	return err
}

func (s *Store) change(ctx context.Context, portalID string, fn func(*Tx) error) error {
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
	if err := s.at(BeforeWrite); err != nil {
		return err
	}
	if err := s.run(ctx, s.writer, s.beginWrite, portalID, fn); err != nil {
		return err
	}
	return s.at(AfterCommit)
}

// moveMoney is a transaction on the books of any portals. It counts up no portal's
// version: what reads pockets asks for the changes of their books.
func (s *Store) moveMoney(ctx context.Context, fn func(*Tx) error) error {
	return s.write(ctx, "", fn)
}

func (s *Store) run(ctx context.Context, pool chan *session, begin, portalID string, fn func(*Tx) error) (err error) {
	use, err := s.acquire(ctx, pool, begin)
	if err != nil {
		return err
	}
	defer func() { pool <- use }()
	committed := false
	tx := &Tx{ctx: ctx, session: use, portal: portalID, lockRows: s.lockRows}
	defer func() {
		if committed {
			return
		}
		if tx.moved != nil {
			s.trail.retract()
		}
		use.abandon(err)
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if tx.failed != nil {
		return tx.failed
	}
	if pool == s.writer {
		if err := s.at(BeforeCommit); err != nil {
			return err
		}
	}
	if tx.moved != nil && tx.wrote { // the next commit is somebody else's where there is nothing to commit
		s.announce(tx.moved)
	}
	if err := s.commit(use); err != nil {
		return err
	}
	committed = true
	if tx.caused {
		s.ringJobs()
	}
	return nil
}

// announce says what the commit that comes next moves, where that can be used.
func (s *Store) announce(portals []string) {
	if s.index == nil {
		return
	}
	if generation, ok, err := s.index.generation(); ok && err == nil {
		s.trail.announce(generation, portals)
	}
}

// commit does not end with the caller's context, but by a time of its own where
// the engine knows no limit.
func (s *Store) commit(use *session) error {
	ctx := context.Background()
	if s.commitWithin > 0 {
		bounded, cancel := context.WithTimeout(ctx, s.commitWithin)
		defer cancel()
		ctx = bounded
	}
	_, err := use.exec(ctx, "COMMIT")
	return err
}

// errText says that a text holds what can't be kept.
func errText() error { return errors.New("a text has a zero byte in it, or is no UTF-8") }

// exec runs a statement and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if !keepable(args) {
		return 0, tx.fail(errText())
	}
	res, err := tx.session.exec(tx.ctx, query, args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	changed, err := res.RowsAffected()
	tx.wrote = tx.wrote || changed > 0
	return changed, err
}

func (tx *Tx) fail(err error) error {
	if tx.failed == nil {
		tx.failed = err
	}
	return err
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

// rows calls each for every row of a query, with a function that scans it. One
// that looks for a text which can't be kept finds nothing.
func (tx *Tx) rows(query string, args []any, each func(scan func(...any) error) error) error {
	reads := strings.HasPrefix(strings.TrimSpace(query), "SELECT")
	if !keepable(args) {
		if reads {
			return nil
		}
		return tx.fail(errText())
	}
	stmt, err := tx.session.prepared(tx.ctx, query)
	if err != nil {
		return tx.fail(err)
	}
	rows, err := stmt.QueryContext(tx.ctx, args...)
	if err != nil {
		return tx.fail(tx.session.failure(err))
	}
	defer rows.Close()
	scan := func(into ...any) error {
		if err := rows.Scan(into...); err != nil {
			return tx.fail(tx.session.failure(err))
		}
		return nil
	}
	for rows.Next() {
		tx.wrote = tx.wrote || !reads
		if err := each(scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return tx.fail(tx.session.failure(err))
	}
	return nil
}

// micros is how times are kept; the zero Time is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// flag is how a yes or no is kept.
func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

func fromMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}
