package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the floors of PostgreSQL are on the same driver

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/pgtest"
)

// A wallet with a million operations, made over three years: backups and storage
// by turns, each by one of twenty people.
const (
	millionRows   = 1_000_000
	millionYears  = 3
	millionPeople = 20
)

// millionMeasures are measured on one and the same wallet. Each has a name that a
// million is filled in for.
var millionMeasures = []struct {
	group   string
	names   []string
	measure func(ctx context.Context, b *bench, d *database) error
}{
	{"operations", operationNames(), measureOperations},
	{"usage", usageNames(), measureUsage},
	{"report", reportNames, measureReportFile},
}

// measureMillion reads pages, sums and a report of a wallet with a million
// operations.
func measureMillion(ctx context.Context, b *bench) error {
	for _, engine := range engines {
		wanted := false
		for _, m := range millionMeasures {
			wanted = wanted || b.wantsAny(m.group, engine, m.names)
		}
		if !wanted {
			continue
		}
		if err := millionOn(ctx, b, engine); err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}

// wantsAny reports whether one of these names of a group was asked for.
func (b *bench) wantsAny(group, engine string, names []string) bool {
	for _, name := range names {
		if b.wantsLong(group + "/" + engine + "/" + name) {
			return true
		}
	}
	return false
}

func millionOn(ctx context.Context, b *bench, engine string) (err error) {
	d, err := openDatabase(ctx, engine, pgtest.Config{Settings: map[string]string{"max_wal_size": "8GB"}})
	if errors.Is(err, pgtest.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.fillMillion(ctx); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	for _, m := range millionMeasures {
		if !b.wantsAny(m.group, engine, m.names) {
			continue
		}
		if err := m.measure(ctx, b, d); err != nil {
			return fmt.Errorf("%s: %w", m.group, err)
		}
	}
	return nil
}

// fillMillion makes the wallet, sealed as it would be by whoever had served it.
func (d *database) fillMillion(ctx context.Context) error {
	began := time.Now().AddDate(-millionYears, 0, 0)
	var people []string
	err := d.change(ctx, func() time.Time { return began }, func(service *billing.Service) error {
		if err := fund(ctx, service, 1); err != nil {
			return err
		}
		for i := range millionPeople {
			id, err := service.AddUser(ctx, portalOf(0), billing.NewUser{Email: fmt.Sprintf("u%d@%s", i, hostOf(0)), Role: billing.Member})
			if err != nil {
				return err
			}
			people = append(people, fmt.Sprintf("WHEN %d THEN '%s'", i, id))
		}
		return nil
	})
	if err != nil {
		return err
	}
	g := growth{
		portal: portalOf(0), transfers: millionRows - 1, // after the one that filled the wallet
		every:       time.Since(began) / millionRows,
		service:     "CASE i % 2 WHEN 0 THEN 'backup' ELSE 'disk-storage' END",
		participant: fmt.Sprintf("CASE i %% %d %s END", millionPeople, strings.Join(people, " ")),
		metadata:    `'{"details":"Automatic backup"}'`,
	}
	if err := d.run(ctx, g.statements(d.engine)...); err != nil {
		return err
	}
	if d.engine == "postgres" {
		if err := d.run(ctx, "VACUUM ANALYZE"); err != nil {
			return err
		}
	}
	return d.change(ctx, time.Now, func(service *billing.Service) error { return service.Seal(ctx) })
}

// openBare opens the database of Bursar past it, to read.
func (d *database) openBare() (*sql.DB, error) {
	if d.engine == "postgres" {
		return sql.Open("pgx", d.config.URL)
	}
	return sql.Open("sqlite", "file:"+filepath.Join(d.config.Dir, "bursar.db")+"?_pragma=query_only(1)")
}

// query is a floor: one statement, prepared once for each connection, whose rows
// are read with all their columns.
type query struct {
	db          *sql.DB
	connections int
	length      time.Duration
	text        string
	args        []any
}

// The statements of floors, and of how much they return.
const (
	oneRow  = `SELECT balance FROM pocket WHERE portal_id = 'p0' AND book = 'main' AND currency = 'USD'`
	allRows = `SELECT number, at, type, debit, credit, currency, amount, balance, key, service, quantity, participant, metadata, corrects, hold
		  FROM transfer WHERE portal_id = 'p0' AND book = 'main' AND number >= $1 ORDER BY number LIMIT $2`
)

// run asks on each connection, one time after the other.
func (q query) run(ctx context.Context) (o outcome, err error) {
	type part struct {
		all []time.Duration
		err error
	}
	parts := make(chan part, q.connections)
	started := time.Now()
	for range q.connections {
		go func() {
			all, err := q.connection(ctx, started.Add(q.length))
			parts <- part{all, err}
		}()
	}
	var all []time.Duration
	for range q.connections {
		p := <-parts
		all, err = append(all, p.all...), errors.Join(err, p.err)
	}
	return outcomeOf(all, time.Since(started), 1), err
}

func (q query) connection(ctx context.Context, stop time.Time) (all []time.Duration, err error) {
	conn, err := q.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stmt, err := conn.PrepareContext(ctx, q.text)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	for before := time.Now(); before.Before(stop); before = time.Now() {
		if _, err := readRows(ctx, stmt, q.args...); err != nil {
			return nil, err
		}
		all = append(all, time.Since(before))
	}
	return all, nil
}

// readRows reads all rows of a statement, and returns how many there are. None is
// an error.
func readRows(ctx context.Context, stmt *sql.Stmt, args ...any) (n int, err error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(sql.RawBytes)
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
	}
	if err := rows.Err(); err != nil {
		return n, err
	}
	if n == 0 {
		err = errors.New("a floor found nothing to read")
	}
	return n, err
}

// readMillion is how long it takes to read all operations in one statement.
func (d *database) readMillion(ctx context.Context) (took time.Duration, err error) {
	db, err := d.openBare()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	stmt, err := db.PrepareContext(ctx, allRows)
	if err != nil {
		return 0, err
	}
	defer stmt.Close()
	started := time.Now()
	n, err := readRows(ctx, stmt, 1, millionRows)
	if err == nil && n != millionRows {
		err = fmt.Errorf("%d operations are there, not %d", n, millionRows)
	}
	return time.Since(started), err
}
