package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Config says where the database is.
type Config struct {
	// Dir is the folder that holds it; it is made when it is not there.
	Dir string
	// InMemory keeps everything in memory instead, until Close.
	InMemory bool
	// MustExist makes Open fail with fs.ErrNotExist where there is no database,
	// instead of making one.
	MustExist bool
	// Readers is how many reads may run at once; 0 means 4.
	Readers int
	// NoSync makes commits faster by not waiting for the disk: after a crash
	// of the machine they may be gone, or the database broken. It is for
	// filling databases that can be made again.
	NoSync bool
}

const databaseFile = "bursar.db"

//go:embed sqlite/*.sql
var sqliteMigrations embed.FS

// Open opens the database, makes it if there is none, and brings an older one
// up to date. It fails with ErrNewer on a database of a newer Bursar.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.Readers == 0 {
		config.Readers = 4
	}
	dsn, err := config.dsn()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, db, config.Readers)
	if err == nil && !config.InMemory {
		s.index, err = openWALIndex(filepath.Join(config.Dir, databaseFile))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", config.Dir, err), db.Close())
	}
	return s, nil
}

func open(ctx context.Context, db *sql.DB, readers int) (*Store, error) {
	if err := awaitMaker(ctx, db); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db); err != nil {
		return nil, err
	}
	s := &Store{db: db, closing: make(chan struct{}), writer: make(chan *session, 1), readers: make(chan *session, readers)}
	for _, pool := range []chan *session{s.writer, s.readers} {
		for range cap(pool) {
			session, err := newSession(ctx, db)
			if err != nil {
				return nil, err
			}
			pool <- session
		}
	}
	return s, s.pulse.open(ctx, db)
}

func (c Config) dsn() (string, error) {
	// Durable means on the disk: a commit is acknowledged after fsync.
	synchronous := "synchronous(FULL)"
	if c.NoSync {
		synchronous = "synchronous(OFF)"
	}
	pragmas := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "foreign_keys(1)", synchronous,
		// Without these, a Mac's disk may keep a commit in its own cache.
		"fullfsync(1)", "checkpoint_fullfsync(1)"}}
	if c.InMemory {
		pragmas.Set("vfs", "memdb")
		return "file:/" + rand.Text() + "?" + pragmas.Encode(), nil
	}
	if c.Dir == "" {
		return "", errors.New("open database: no folder named")
	}
	if c.MustExist {
		if _, err := os.Stat(filepath.Join(c.Dir, databaseFile)); err != nil {
			return "", fmt.Errorf("open database: %w", err)
		}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(c.Dir, databaseFile))
	if err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	if err := touch(path); err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	pragmas.Add("_pragma", "journal_mode(WAL)")
	return fileURI(path) + "?" + pragmas.Encode(), nil
}

// touch makes an empty database that nobody else may read, if there is none. The
// files that SQLite puts beside it get the same rights.
func touch(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// fileURI returns the URI of an absolute path, with three slashes also where
// paths start with the letter of a drive.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// busyTimeout is how long a statement waits for others to let go of the database.
const busyTimeout = 10 * time.Second

// awaitMaker waits until the database can be connected to. While another process
// makes it, SQLite refuses at once, and does not wait as it does for a statement.
func awaitMaker(ctx context.Context, db *sql.DB) error {
	for started := time.Now(); ; {
		err := engineError(db.PingContext(ctx))
		if !errors.Is(err, ErrBusy) || time.Since(started) > busyTimeout {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// migrate brings the tables up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(sqliteMigrations, "sqlite")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return engineError(err)
	}
	if current > target {
		return fmt.Errorf("%w: it has version %d of the tables, this program knows %d", ErrNewer, current, target)
	}
	if current == target {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		// Another process may have done it meanwhile.
		if now, _, again := provider.GetVersions(ctx); again == nil && now == target {
			return nil
		}
		return fmt.Errorf("bring the tables up to date: %w", engineError(err))
	}
	return nil
}

// engineError gives an error of the engine its name in this package.
func engineError(err error) error {
	if err == nil {
		return nil // before e, which would cost an allocation
	}
	var e *sqlite.Error
	switch {
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case !errors.As(err, &e):
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return ErrExists
	}
	return err
}
