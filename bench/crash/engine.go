package main

import (
	"context"
	"errors"
	"os"

	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// engine is a database that survives its programs.
type engine struct {
	dir     string          // SQLite's; "": it is a server
	cluster *pgtest.Cluster // nil: it is SQLite
	url     string
}

func newEngine(ctx context.Context, name string) (*engine, error) {
	if name == "sqlite" {
		dir, err := os.MkdirTemp("", "crash")
		return &engine{dir: dir}, err
	}
	cluster, err := pgtest.Start(ctx, pgtest.Config{Sync: true})
	if err != nil {
		return nil, err
	}
	url, err := cluster.CreateDatabase(ctx, "crash")
	if err != nil {
		return nil, errors.Join(err, cluster.Close())
	}
	return &engine{cluster: cluster, url: url}, nil
}

func (e *engine) open(ctx context.Context) (*store.Store, error) {
	return store.Open(ctx, store.Config{Dir: e.dir, URL: e.url})
}

func (e *engine) close() error {
	if e.cluster != nil {
		return e.cluster.Close()
	}
	return os.RemoveAll(e.dir)
}
