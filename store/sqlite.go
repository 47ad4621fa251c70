package store

import (
	"context"
	"crypto/rand"
	"database/sql"
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

const databaseFile = "bursar.db"

func sqliteDialect() dialect {
	return dialect{
		goose:      goose.DialectSQLite3,
		folder:     "sqlite",
		beginRead:  "BEGIN",
		beginWrite: "BEGIN IMMEDIATE",
		// Who reads through a table would fill each reader's cache with what it will
		// not see again, at twice its size in memory. The system keeps the file's pages
		// anyway.
		setUpReader: "PRAGMA cache_size(-4096)",
		forget:      "PRAGMA shrink_memory",
		hasVersions: `
			SELECT count(*)
			  FROM sqlite_master
			 WHERE type = 'table'
			   AND name = 'goose_db_version'`,
	}
}

func newSQLite(config Config) (*engine, error) {
	dsn, err := config.dsn()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	name := config.Dir
	if config.InMemory {
		name = "in memory"
	}
	return &engine{dialect: sqliteDialect(), db: db, name: name, writers: 1}, nil
}

func (c Config) dsn() (string, error) {
	// Durable means on the disk: a commit is acknowledged after fsync.
	synchronous := "synchronous(FULL)"
	if c.NoSync {
		synchronous = "synchronous(OFF)"
	}
	pragmas := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "foreign_keys(1)", synchronous,
		// Without these, a Mac's disk may keep a commit in its own cache.
		"fullfsync(1)", "checkpoint_fullfsync(1)",
		// A commit touches pages all over the file. Moved there less often, each is
		// moved for several commits: 64 MB of log, and a cache for what it is about.
		"wal_autocheckpoint(16384)", "cache_size(-32768)"}}
	if c.InMemory {
		pragmas.Set("vfs", "memdb")
		return "file:/" + rand.Text() + "?" + pragmas.Encode(), nil
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

// await waits until the database can be connected to. While another process makes
// it, SQLite refuses at once, and does not wait as it does for a statement. A
// server that does not answer is not waited for.
func (e *engine) await(ctx context.Context) error {
	for started := time.Now(); ; {
		err := engineError(e.db.PingContext(ctx))
		if e.server != nil || !errors.Is(err, ErrBusy) || time.Since(started) > busyTimeout {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func sqliteError(e *sqlite.Error, err error) error {
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
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return err
}
