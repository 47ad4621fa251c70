package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/store"
)

// database is where Bursar keeps things during a measurement, and a place beside
// it, on the same engine and disk, for floors.
type database struct {
	engine string // sqlite or postgres
	config store.Config
	// cluster is PostgreSQL's; nil for SQLite.
	cluster *pgtest.Cluster
	floors  string // a folder, or the URL of another database
	close   func() error
}

var engines = []string{"sqlite", "postgres"}

// openDatabase makes an empty database, with durability on.
func openDatabase(ctx context.Context, engine string, pg pgtest.Config) (*database, error) {
	if engine == "sqlite" {
		dir, err := os.MkdirTemp("", "bursar-bench-")
		if err != nil {
			return nil, err
		}
		return &database{engine: engine, config: store.Config{Dir: dir + "/bursar"}, floors: dir, close: func() error { return os.RemoveAll(dir) }}, nil
	}
	pg.Sync = true
	cluster, err := pgtest.Start(ctx, pg)
	if err != nil {
		return nil, err
	}
	d := &database{engine: engine, cluster: cluster, close: cluster.Close}
	for name, url := range map[string]*string{"bursar": &d.config.URL, "floors": &d.floors} {
		if *url, err = cluster.CreateDatabase(ctx, name); err != nil {
			return nil, errors.Join(err, cluster.Close())
		}
	}
	return d, nil
}

// operatorKey is the key that wallets are charged with.
const operatorKey = "bk-bench"

// fund makes portals with a key, a customer and a wallet full of dollars.
func (d *database) fund(ctx context.Context, portals int) (err error) {
	return d.change(ctx, time.Now, func(service *billing.Service) error { return fund(ctx, service, portals) })
}

// change calls fn with a Bursar that nobody is served by, and that does not wait
// for the disk.
func (d *database) change(ctx context.Context, now func() time.Time, fn func(*billing.Service) error) (err error) {
	config := d.config
	config.NoSync = true
	db, err := store.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	service, err := billing.New(billing.Config{Store: db, Now: now})
	if err != nil {
		return err
	}
	return fn(service)
}

func fund(ctx context.Context, service *billing.Service, portals int) error {
	if _, _, err := service.CreateOperatorKey(ctx, billing.NewOperatorKey{Name: "bench", Secret: operatorKey}); err != nil {
		return err
	}
	for i := range portals {
		owner := "owner@" + hostOf(i)
		id, err := service.CreatePortal(ctx, billing.NewPortal{ID: portalOf(i), Hosts: []string{hostOf(i)}, Owner: billing.NewUser{Email: owner}})
		if err != nil {
			return err
		}
		err = service.SetCustomer(ctx, id, billing.CustomerChange{
			Email: owner, Balances: []money.Amount{money.FromUnits(1_000_000*money.Scale, "USD")},
		})
		if err != nil {
			return err
		}
		if _, _, err := service.CreateKey(ctx, id, billing.NewKey{Name: "bench", Secret: keyOf(i)}); err != nil {
			return err
		}
	}
	return nil
}

func portalOf(i int) string { return fmt.Sprintf("p%d", i) }

// start serves the database as bursar serve does.
func (d *database) start(ctx context.Context) (*portal, error) {
	db, err := store.Open(ctx, d.config)
	if err != nil {
		return nil, err
	}
	service, err := billing.New(billing.Config{Store: db})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	portals := portalapi.New(portalapi.Config{Service: service, Log: quiet})
	operators := operatorapi.New(operatorapi.Config{Service: service, Log: quiet})
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() {
		stopped <- httpd.Serve(serving, listener, httpd.Config{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v1/") {
					operators.ServeHTTP(w, r)
				} else {
					portals.ServeHTTP(w, r)
				}
			}),
			Log: quiet,
		})
	}()
	return &portal{listener.Addr().String(), service, func() error {
		stop()
		return errors.Join(<-stopped, db.Close())
	}}, nil
}
