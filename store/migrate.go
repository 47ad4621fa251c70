package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Migration is what it takes to bring a database up to date.
type Migration struct {
	// Current is the version of the tables that are there, 0 when there are none;
	// Target is the one that this program needs.
	Current, Target int64
	// Steps is what leads from one to the other, in this order; none when the
	// database is up to date.
	Steps []Step
}

// Step is one numbered piece of DDL.
type Step struct {
	Version int64
	// Name is that of its file: "00001_portals.sql".
	Name string
	// SQL is all of the file.
	SQL string
}

// Migrate brings a database up to date and returns what that took. A dry run
// only returns what it would take, and makes nothing, not even a folder. It fails
// with ErrNewer on a database of a newer Bursar.
func Migrate(ctx context.Context, config Config, dryRun bool) (m Migration, err error) {
	if err := config.check(); err != nil {
		return Migration{}, err
	}
	if dryRun && config.Dir != "" {
		_, err := os.Stat(filepath.Join(config.Dir, databaseFile))
		if errors.Is(err, fs.ErrNotExist) && !config.MustExist {
			return steps("sqlite", 0)
		}
	}
	e, err := newEngine(config)
	if err != nil {
		return Migration{}, err
	}
	defer func() {
		if err = errors.Join(err, e.db.Close()); err != nil {
			m, err = Migration{}, fmt.Errorf("migrate database %s: %w", e.name, err)
		}
	}()
	if err := e.await(ctx); err != nil {
		return Migration{}, err
	}
	m, err = e.pending(ctx)
	if err == nil && !dryRun {
		err = e.upToDate(ctx, config.MustExist)
	}
	return m, err
}

// pending returns what the database lacks, without changing anything.
func (e *engine) pending(ctx context.Context) (Migration, error) {
	current, err := e.version(ctx)
	if err != nil {
		return Migration{}, err
	}
	m, err := steps(e.folder, current)
	if err == nil && current > m.Target {
		err = fmt.Errorf("%w: it has version %d of the tables, this program knows %d", ErrNewer, current, m.Target)
	}
	return m, err
}

// version returns the version of the tables that there are; 0: none. It does not
// leave that to goose, which would make a table to look it up in.
func (e *engine) version(ctx context.Context) (version int64, err error) {
	var has int
	if err := e.db.QueryRowContext(ctx, e.hasVersions).Scan(&has); err != nil {
		return 0, engineError(err)
	}
	if has == 0 {
		return 0, nil
	}
	err = e.db.QueryRowContext(ctx, `
		SELECT coalesce(max(version_id), 0)
		  FROM goose_db_version`).Scan(&version)
	return version, engineError(err)
}

// steps returns what leads from a version to the newest.
func steps(folder string, current int64) (Migration, error) {
	m := Migration{Current: current}
	names, err := fs.Glob(ddl, folder+"/*.sql") // sorted
	if err != nil {
		return m, err
	}
	for _, name := range names {
		step := Step{Name: path.Base(name)}
		if step.Version, err = goose.NumericComponent(name); err != nil {
			return m, err
		}
		text, err := ddl.ReadFile(name)
		if err != nil {
			return m, err
		}
		m.Target = step.Version
		if step.SQL = string(text); step.Version > current {
			m.Steps = append(m.Steps, step)
		}
	}
	return m, nil
}

// migrate takes the steps that are still to be taken. Other processes may be at
// the same: what failed because of them is no failure.
func (e *engine) migrate(ctx context.Context, target int64) error {
	for attempt := 1; ; attempt++ {
		err := e.up(ctx)
		if err == nil {
			return nil
		}
		if now, again := e.version(ctx); again == nil && now == target {
			return nil
		}
		const most = 100
		if attempt == most || !e.collided(err) {
			return fmt.Errorf("bring the tables up to date: %w", engineError(err))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return engineError(ctx.Err())
		}
	}
}

// collided reports whether a migration failed because another process is at the
// same: on PostgreSQL before it could take the lock, on SQLite between two steps.
func (e *engine) collided(err error) bool {
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return told.Code == "23505" || told.Code == "42P07" // unique_violation, duplicate_table
	}
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_SCHEMA:
		return true // a table that is there already, or not any more
	}
	return false
}

func (e *engine) up(ctx context.Context) (err error) {
	files, err := fs.Sub(ddl, e.folder)
	if err != nil {
		return err
	}
	db, options := e.db, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if e.server != nil {
		locker, err := e.server.migrationLock()
		if err != nil {
			return err
		}
		options = append(options, goose.WithLocker(locker))
		db = e.server.patientDB()
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	provider, err := goose.NewProvider(e.goose, db, files, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
