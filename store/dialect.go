package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

//go:embed sqlite/*.sql postgres/*.sql
var ddl embed.FS

// dialect is what has to be said differently to the engines. All other SQL is
// one text for both.
type dialect struct {
	goose  goose.Dialect
	folder string // of its DDL
	// beginRead begins one consistent picture, beginWrite a change.
	beginRead, beginWrite string
	// setUpReader is what a connection that only reads is told first; "" for
	// nothing.
	setUpReader string
	// forget has a connection give back the memory of what it has read and written;
	// "" for nothing.
	forget string
	// lockRows ends a SELECT whose rows are going to be changed in the same
	// transaction.
	lockRows string
	// skipLocked ends a SELECT of rows that are going to be changed, and leaves out
	// those that others are changing.
	skipLocked string
	// hasVersions is a query for whether there are tables of ours: 1 or 0.
	hasVersions string
	// commitWithin is how long a commit may take; 0 is as long as it takes.
	commitWithin time.Duration
}

// engine is a database that is not known to have tables yet.
type engine struct {
	dialect
	db      *sql.DB
	name    string  // for people; without password
	writers int     // how many changes may run at once
	server  *server // nil: SQLite
}

func newEngine(config Config) (*engine, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.URL != "" {
		return newPostgres(config)
	}
	return newSQLite(config)
}

// busyTimeout is how long a statement waits for others to let go of the database.
const busyTimeout = 10 * time.Second

// engineError gives an error of the engine its name in this package.
func engineError(err error) error {
	if err == nil {
		return nil // before what errors.As needs, which would cost allocations
	}
	if errors.Is(err, ErrBusy) {
		return err // has it
	}
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return sqliteError(lite, err)
	}
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return postgresError(told, err)
	}
	var refused *pgconn.ConnectError
	if errors.Is(err, driver.ErrBadConn) || errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// keepable reports whether the texts among some arguments can be kept by both
// engines: PostgreSQL has none with a zero byte, or that is no UTF-8.
func keepable(args []any) bool {
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			if !keepableText(arg) {
				return false
			}
		case sql.NullString:
			if !keepableText(arg.String) {
				return false
			}
		}
	}
	return true
}

func keepableText(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }
