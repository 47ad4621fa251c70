package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/worker"
)

// dueWorkers are how many workers share the jobs, each with a store of its own, as
// processes are.
var dueWorkers = map[string][]int{"sqlite": {1}, "postgres": {1, 2, 4}}

// dueJobs is how many portals have a job when those that only look are measured.
const dueJobs = 4000

// handsOfWorker is how many jobs a worker does at once, unless it is told otherwise.
const handsOfWorker = 8

// measureDue has jobs done that are all due: such as only look at a wallet and find it
// full, and renewals that charge it.
func measureDue(ctx context.Context, b *bench) error {
	for _, engine := range engines {
		if err := dueOn(ctx, b, engine); err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}

func dueOn(ctx context.Context, b *bench, engine string) (err error) {
	names := map[string]int{} // of measures, with how many workers
	for _, n := range dueWorkers[engine] {
		names[fmt.Sprintf("due/%s/jobs/w%d", engine, n)] = n
	}
	most := dueWorkers[engine][len(dueWorkers[engine])-1]
	renewals := fmt.Sprintf("due/%s/renewals/%d", engine, b.portals)
	wanted := b.wants(renewals)
	for name := range names {
		wanted = wanted || b.wants(name)
	}
	if !wanted {
		return nil
	}
	d, err := openDatabase(ctx, engine, pgtest.Config{Settings: map[string]string{"max_wal_size": "8GB"}})
	if errors.Is(err, pgtest.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := errors.Join(d.fillDue(ctx, max(dueJobs, b.portals)), makeFloors(ctx, d)); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	for _, n := range dueWorkers[engine] {
		name := fmt.Sprintf("due/%s/jobs/w%d", engine, n)
		if !b.wants(name) {
			continue
		}
		if err := measureJobs(ctx, b, d, name, n); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if b.wants(renewals) {
		err = measureRenewals(ctx, b, d, renewals, most)
	}
	return err
}

// fillDue makes portals that have bought storage a month ago, from the wallet, which is
// full and has a top-up rule. All are copies of one that was made as portals are.
func (d *database) fillDue(ctx context.Context, portals int) error {
	began := time.Now().AddDate(0, -1, 0)
	err := d.change(ctx, func() time.Time { return began }, func(service *billing.Service) error {
		if err := fund(ctx, service, 1); err != nil {
			return err
		}
		if err := service.SetTopUpRule(ctx, portalOf(0), true, dollars(20), dollars(100)); err != nil {
			return err
		}
		view, err := service.View(ctx, hostOf(0))
		if err != nil {
			return err
		}
		payer, err := service.Authenticate(ctx, view, keyOf(0), billing.Writing)
		if err != nil {
			return err
		}
		_, err = service.Purchase(ctx, payer, "storage", "storage", 100)
		return err
	})
	if err != nil {
		return err
	}
	statements := []string{`DELETE FROM job WHERE kind <> 'renew'`} // what else falls due in a month
	for _, table := range []string{
		"portal", "portal_user", "customer", "book", "pocket", "transfer", "done", "subscription", "enabled_service", "top_up_rule", "job",
	} {
		columns, err := d.columns(ctx, table)
		if err != nil {
			return err
		}
		values := make([]string, len(columns))
		for i, c := range columns {
			if values[i] = "t." + c; c == "portal_id" {
				values[i] = "'p' || n.i"
			}
		}
		statements = append(statements, fmt.Sprintf(
			`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s (%s) SELECT %s FROM %s t, n WHERE t.portal_id = '%s'`,
			portals-1, table, strings.Join(columns, ", "), strings.Join(values, ", "), table, portalOf(0)))
	}
	// Those of top-ups are opened for each round.
	statements = append(statements, `
		INSERT INTO job (portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at)
		SELECT portal_id, '`+store.JobTopUp+`', '', 'done', 1, 0, 0, 1, 0, '', '', 1, 1 FROM portal WHERE true
		ON CONFLICT DO NOTHING`)
	if err := d.run(ctx, statements...); err != nil {
		return err
	}
	if d.engine == "postgres" {
		return d.run(ctx, "VACUUM ANALYZE")
	}
	return nil
}

// columns returns those of a table.
func (d *database) columns(ctx context.Context, table string) (names []string, err error) {
	db, err := d.openBare()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if names, err = rows.Columns(); err == nil {
		err = rows.Err()
	}
	return names, err
}

// crew is some workers, each on a store of its own.
type crew struct {
	services []*billing.Service
	stop     func() error
}

// hire has workers work on the database, with a sandbox that takes no time.
func (d *database) hire(ctx context.Context, workers int) (c *crew, err error) {
	working, stop := context.WithCancel(ctx)
	var ends []func() error
	c = &crew{stop: func() error {
		stop()
		var errs []error
		for _, end := range ends {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}}
	for range workers {
		db, err := store.Open(ctx, d.config)
		if err != nil {
			return nil, errors.Join(err, c.stop())
		}
		service, err := billing.New(billing.Config{Store: db, Provider: billing.NewSandbox(db, sandbox.Config{})})
		if err != nil {
			return nil, errors.Join(err, db.Close(), c.stop())
		}
		c.services = append(c.services, service)
		done := make(chan struct{})
		go func() {
			defer close(done)
			worker.New(worker.Config{Service: service, Parallel: handsOfWorker}).Run(working)
		}()
		ends = append(ends, func() error { <-done; return db.Close() })
	}
	return c, nil
}

// clearing is a run in which jobs that are due are done.
type clearing struct {
	database *database
	workers  int
	jobs     int
	open     string // the statement that opens them; "" if they are open
}

func (c clearing) run(ctx context.Context) (o outcome, err error) {
	if c.open != "" {
		if err := c.database.run(ctx, c.open); err != nil {
			return o, err
		}
	}
	db, err := c.database.openBare()
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	started := time.Now()
	hired, err := c.database.hire(ctx, c.workers)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, hired.stop()) }()
	if err := cleared(ctx, db); err != nil {
		return o, err
	}
	took := time.Since(started)
	return outcome{perSecond: float64(c.jobs) / took.Seconds(), p50: took, p99: took}, nil
}

// cleared waits until no job is due, or being done.
func cleared(ctx context.Context, db *sql.DB) error {
	for {
		var left int
		err := db.QueryRowContext(ctx, `
			SELECT count(*)
			  FROM (SELECT 1
			          FROM job
			         WHERE state = 'open'
			           AND (leased = 1 OR run_at <= $1)
			         LIMIT 1) due`, time.Now().UnixMicro()).Scan(&left)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// measureJobs has jobs done that look at a wallet, find enough in it, and end. The
// renewals are put off meanwhile.
func measureJobs(ctx context.Context, b *bench, d *database, name string, workers int) error {
	const later = 1 << 50 // microseconds: the year 2005, and as much again
	if err := d.run(ctx, fmt.Sprintf(`UPDATE job SET run_at = run_at + %d WHERE kind = 'renew'`, later)); err != nil {
		return err
	}
	f := floor{database: d, connections: min(handsOfWorker*workers, 32), batch: 1, length: max(b.length, time.Second)}
	if d.engine == "sqlite" {
		f.connections = 1
	}
	c, err := compare(ctx, min(b.rounds, 3), clearing{database: d, workers: workers, jobs: dueJobs, open: fmt.Sprintf(`
		UPDATE job
		   SET state = 'open', run_at = 1, leased = 0, round = round + 1
		 WHERE kind = '%s'
		   AND portal_id IN (SELECT portal_id FROM portal ORDER BY portal_id LIMIT %d)`, store.JobTopUp, dueJobs)}, f)
	if err != nil {
		return err
	}
	b.out(result{Name: f.name(), Value: c.floor.perSecond, Unit: "transfers/s", P50: millis(c.floor.p50), P99: millis(c.floor.p99)})
	b.out(result{Name: name, Value: c.measured.perSecond, Unit: "jobs/s", Floor: f.name(), Ratio: c.ratio})
	return d.run(ctx, fmt.Sprintf(`UPDATE job SET run_at = run_at - %d WHERE kind = 'renew'`, later))
}

// measureRenewals has a renewal done for each portal, all due in the same minute, once:
// what was due is paid for then.
func measureRenewals(ctx context.Context, b *bench, d *database, name string, workers int) error {
	if err := d.run(ctx, fmt.Sprintf(`
		UPDATE job
		   SET state = 'canceled'
		 WHERE kind = 'renew'
		   AND portal_id NOT IN (SELECT portal_id FROM portal ORDER BY portal_id LIMIT %d)`, b.portals)); err != nil {
		return err
	}
	f := floor{database: d, connections: 32, batch: 1, length: 2 * time.Second}
	if d.engine == "sqlite" {
		f.connections = 1
	}
	beside, err := f.run(ctx)
	if err != nil {
		return err
	}
	o, err := clearing{database: d, workers: workers, jobs: b.portals}.run(ctx)
	if err != nil {
		return err
	}
	db, err := d.openBare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	renewed := 0
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM event WHERE type = 'subscription.renewed'`).Scan(&renewed); err != nil {
		return err
	}
	if renewed != b.portals {
		return fmt.Errorf("%d portals of %d are renewed", renewed, b.portals)
	}
	b.out(result{Name: f.name(), Value: beside.perSecond, Unit: "transfers/s", P50: millis(beside.p50), P99: millis(beside.p99)})
	b.out(result{Name: name, Value: o.perSecond, Unit: "renewals/s", Floor: f.name(), Ratio: o.perSecond / beside.perSecond})
	b.out(result{Name: name + "/cleared", Value: o.p50.Seconds(), Unit: "s"})
	return nil
}
