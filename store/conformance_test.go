package store_test

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/store/storetest"
)

// opener opens stores as a configuration says.
func opener(config func(t *testing.T) store.Config) func(t *testing.T) *store.Store {
	return func(t *testing.T) *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), config(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		return s
	}
}

func TestFolderConforms(t *testing.T) {
	storetest.Run(t, opener(func(t *testing.T) store.Config { return store.Config{Dir: t.TempDir(), NoSync: true} }))
}

func TestMemoryConforms(t *testing.T) {
	storetest.Run(t, opener(func(t *testing.T) store.Config { return store.Config{InMemory: true} }))
}

func TestPostgresConforms(t *testing.T) {
	storetest.Run(t, opener(func(t *testing.T) store.Config { return store.Config{URL: pgtest.Database(t)} }))
}

// shared is a database that several stores are opened on.
func shared(t *testing.T, config store.Config, driver, source string) storetest.Database {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return storetest.Database{
		Open: func(ctx context.Context) (*store.Store, error) { return store.Open(ctx, config) },
		SQL:  db,
	}
}

func TestSharedFolderConforms(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) storetest.Database {
		dir := t.TempDir()
		file := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "bursar.db")), RawQuery: "_pragma=busy_timeout(10000)"}
		return shared(t, store.Config{Dir: dir, NoSync: true}, "sqlite", file.String())
	})
}

func TestSharedPostgresConforms(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) storetest.Database {
		address := pgtest.Database(t)
		return shared(t, store.Config{URL: address}, "pgx", address)
	})
}
