package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/pgtest"
)

// epoch is when everything in these tests happens; times are kept to the
// microsecond.
var epoch = time.Date(2026, 7, 1, 9, 30, 0, 123_456_000, time.UTC)

// patience is how long a test waits for what must come at once. It only decides
// how long a failing test takes.
const patience = 30 * time.Second

func TestMain(m *testing.M) { pgtest.Main(m) }

// onEach runs a test with a database in a folder, with one in memory and with one
// of a PostgreSQL server.
func onEach(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	onEachConfig(t, func(t *testing.T, config Config) { test(t, openWith(t, config)) })
}

// onEachConfig runs a test that opens and closes by itself.
func onEachConfig(t *testing.T, test func(t *testing.T, config Config)) {
	t.Helper()
	onSQLite(t, test)
	t.Run("postgres", func(t *testing.T) { test(t, Config{URL: pgtest.Database(t)}) })
}

func onSQLite(t *testing.T, test func(t *testing.T, config Config)) {
	t.Helper()
	t.Run("folder", func(t *testing.T) { test(t, Config{Dir: t.TempDir()}) })
	t.Run("memory", func(t *testing.T) { test(t, Config{InMemory: true}) })
}

func openIn(t *testing.T, dir string) *Store {
	t.Helper()
	return openWith(t, Config{Dir: dir})
}

func openWith(t *testing.T, config Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// addPortal makes a portal that answers for "<id>.example", with an owner "owner".
func addPortal(t *testing.T, s *Store, id string) {
	t.Helper()
	portal := Portal{ID: id, Name: "Portal " + id, Country: "US", CreatedAt: epoch}
	err := s.CreatePortal(t.Context(), portal, []string{id + ".example"}, func(tx *Tx) error {
		return tx.InsertUser(User{ID: "owner", Email: "owner@" + id + ".example", Name: "Owner", Role: "owner", CreatedAt: epoch})
	})
	if err != nil {
		t.Fatalf("add portal %s: %v", id, err)
	}
}

// change makes a change that must succeed.
func change(t *testing.T, s *Store, portalID string, fn func(*Tx) error) {
	t.Helper()
	if err := s.Change(t.Context(), portalID, fn); err != nil {
		t.Fatalf("Change(%s): %v", portalID, err)
	}
}

// read reads one thing that must be readable.
func read[T any](t *testing.T, s *Store, fn func(*Tx) (T, error)) T {
	t.Helper()
	var out T
	err := s.Read(t.Context(), func(tx *Tx) (err error) {
		out, err = fn(tx)
		return err
	})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return out
}

// readError reads one thing and returns only why it could not.
func readError[T any](t *testing.T, s *Store, fn func(*Tx) (T, error)) error {
	t.Helper()
	return s.Read(t.Context(), func(tx *Tx) error {
		_, err := fn(tx)
		return err
	})
}

func versionOf(t *testing.T, s *Store, portalID string) int64 {
	t.Helper()
	return read(t, s, func(tx *Tx) (Portal, error) { return tx.Portal(portalID) }).Version
}

// mustWork fails the test unless every session of the store can still be used.
func mustWork(t *testing.T, s *Store, portalID string) {
	t.Helper()
	before := versionOf(t, s, portalID)
	change(t, s, portalID, func(*Tx) error { return nil })
	// All readers, one inside the other, so that none is used twice.
	var nest func(depth int) error
	nest = func(depth int) error {
		return s.Read(t.Context(), func(tx *Tx) error {
			a, err := tx.AddressByID(portalID)
			if err != nil {
				return fmt.Errorf("reader %d: %w", depth, err)
			}
			if a.Version != before+1 {
				return fmt.Errorf("reader %d sees version %d, want %d", depth, a.Version, before+1)
			}
			if depth < cap(s.readers) {
				return nest(depth + 1)
			}
			return nil
		})
	}
	if err := nest(1); err != nil {
		t.Fatal(err)
	}
	// All writers likewise.
	nest = func(depth int) error {
		return s.write(t.Context(), "", func(tx *Tx) error {
			if _, err := tx.AddressByID(portalID); err != nil {
				return fmt.Errorf("writer %d: %w", depth, err)
			}
			if depth < cap(s.writer) {
				return nest(depth + 1)
			}
			return nil
		})
	}
	if err := nest(1); err != nil {
		t.Fatal(err)
	}
	if known := locate(t, s, Where{PortalID: portalID}, Known{}); known.Version != before+1 {
		t.Fatalf("located at version %d, want %d", known.Version, before+1)
	}
}

// dump returns the whole database as sorted text, a line a row.
func dump(t *testing.T, s *Store) []string {
	t.Helper()
	return dumpDB(t, s.db)
}

func dumpDB(t *testing.T, db *sql.DB) []string {
	t.Helper()
	var all []string
	for _, table := range tables(t, db) {
		rows, err := db.Query("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			line := table
			for i, c := range columns {
				line += fmt.Sprintf(" %s=%q", c, fmt.Sprint(values[i]))
			}
			all = append(all, line)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

// tables returns the tables that there are, SQLite's own apart.
func tables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
	if onServer(db) {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
	}
	names := column(t, db, query)
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "sqlite_") })
}

// onServer reports whether a database is PostgreSQL's.
func onServer(db *sql.DB) bool { return db.Driver() == stdlib.GetDefaultDriver() }

// locate asks where a portal is, which must be known.
func locate(t *testing.T, s *Store, where Where, known Known) Known {
	t.Helper()
	known, err := s.Locate(t.Context(), where, known)
	if err != nil {
		t.Fatalf("Locate(%+v): %v", where, err)
	}
	return known
}

// column returns the first column of a query.
func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one sql.NullString
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// rawDB opens the database of a folder past the store, as another program would.
func rawDB(t *testing.T, dir string) *sql.DB {
	t.Helper()
	dsn, err := Config{Dir: dir}.dsn()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// within waits for a goroutine that must end, and fails the test if it doesn't.
func within(t *testing.T, what string, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("%s hangs", what)
		return nil
	}
}

// running runs fn in a goroutine of its own.
func running(fn func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	return done
}

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	amounts := cmpopts.EquateComparable(money.Amount{})
	if d := cmp.Diff(want, got, amounts, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func usd(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "USD") }

func eur(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "EUR") }

// background is for goroutines that may outlive t.Context.
var background = context.Background()
