package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// engine is where the databases of worlds are.
type engine struct {
	name    string
	server  string          // URL of the server; "" is SQLite in memory
	cluster *pgtest.Cluster // nil: it is not ours
	admin   *sql.DB
	base    string // the database that others are made like
	made    atomic.Int64
}

// newEngine returns the engine of a name. Databases of worlds are made on the server
// with a URL, and removed again; with "", a throw-away server is started.
func newEngine(ctx context.Context, name, server string) (_ *engine, err error) {
	e := &engine{name: name, server: server}
	if name == "sqlite" {
		e.server = ""
		return e, nil
	}
	if server == "" {
		if e.cluster, err = pgtest.Start(ctx, pgtest.Config{Settings: map[string]string{"max_connections": "200"}}); err != nil {
			return nil, err
		}
		e.server = e.cluster.URL("postgres")
	}
	if err := e.prepare(ctx); err != nil {
		return nil, errors.Join(err, e.close(context.WithoutCancel(ctx)))
	}
	return e, nil
}

// prepare makes the database that those of worlds are made like.
func (e *engine) prepare(ctx context.Context) (err error) {
	if e.admin, err = sql.Open("pgx", e.server); err != nil {
		return err
	}
	base := fmt.Sprintf("bursar_simulate_%d", os.Getpid())
	if _, err := e.admin.ExecContext(ctx, `CREATE DATABASE "`+base+`"`); err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	e.base = base
	s, err := store.Open(ctx, store.Config{URL: e.url(base)})
	if err != nil {
		return err
	}
	return s.Close()
}

func (e *engine) url(database string) string {
	u, err := url.Parse(e.server)
	if err != nil { // it was connected to
		panic(err)
	}
	u.Path = "/" + database
	return u.String()
}

func (e *engine) close(ctx context.Context) error {
	var errs []error
	if e.base != "" {
		errs = append(errs, e.drop(ctx, e.base))
	}
	if e.admin != nil {
		errs = append(errs, e.admin.Close())
	}
	if e.cluster != nil {
		errs = append(errs, e.cluster.Close())
	}
	return errors.Join(errs...)
}

func (e *engine) drop(ctx context.Context, database string) error {
	_, err := e.admin.ExecContext(ctx, `DROP DATABASE IF EXISTS "`+database+`" WITH (FORCE)`)
	return err
}

// database is that of one world.
type database struct {
	engine *engine
	name   string
	stores []*store.Store
}

// database returns an empty one.
func (e *engine) database(ctx context.Context) (*database, error) {
	d := &database{engine: e}
	if e.admin == nil {
		return d, nil
	}
	d.name = fmt.Sprintf("%s_%d", e.base, e.made.Add(1))
	_, err := e.admin.ExecContext(ctx, `CREATE DATABASE "`+d.name+`" TEMPLATE "`+e.base+`"`)
	return d, err
}

// open returns the store of another process. Those on SQLite in memory share one,
// which nobody else can open.
func (d *database) open(ctx context.Context, moment func(store.Moment) error) (*store.Store, error) {
	config := store.Config{InMemory: true, Readers: 1, Fault: moment}
	if d.engine.admin != nil {
		config = store.Config{URL: d.engine.url(d.name), Readers: 1, Writers: 1, Fault: moment}
	} else if len(d.stores) > 0 {
		return d.stores[0], nil
	}
	s, err := store.Open(ctx, config)
	if err == nil {
		d.stores = append(d.stores, s)
	}
	return s, err
}

// close removes it.
func (d *database) close(ctx context.Context) error {
	var errs []error
	for _, s := range d.stores {
		errs = append(errs, s.Close())
	}
	if d.name != "" {
		errs = append(errs, d.engine.drop(ctx, d.name))
	}
	return errors.Join(errs...)
}
