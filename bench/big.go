package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// bigTransfers is how many transfers a big ledger has: half of them in one
// wallet, the others spread.
const bigTransfers = 10_000_000

// measureBig writes to, and reads from, a ledger of ten million transfers beside
// an empty one on the same machine.
func measureBig(ctx context.Context, b *bench) error {
	for _, engine := range engines {
		wanted := false
		for _, what := range bigMeasures {
			wanted = wanted || b.wantsLong("big/"+engine+"/"+what)
		}
		if !wanted {
			continue
		}
		if err := bigOn(ctx, b, engine); err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}

var bigMeasures = []string{"spread/c32", "hot/c32", "balance/c16", "page/first/c8", "page/10000/c8", "verify"}

func bigOn(ctx context.Context, b *bench, engine string) (err error) {
	var portals [2]*portal // an empty ledger, and a big one
	for i := range portals {
		d, err := openDatabase(ctx, engine, pgtest.Config{Settings: map[string]string{"max_wal_size": "8GB"}})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.close()) }()
		if err := d.fund(ctx, wallets); err != nil {
			return err
		}
		if i == 1 {
			started := time.Now()
			if err := d.grow(ctx); err != nil {
				return fmt.Errorf("grow: %w", err)
			}
			b.out(result{Name: "big/" + engine + "/made in", Value: time.Since(started).Seconds(), Unit: "s"})
		}
		p, err := d.start(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		portals[i] = p
	}
	operations := func(page int) func(c *caller, connection, n int) error {
		path := fmt.Sprintf("/api/2.0/portal/payment/customer/operations?limit=25&offset=%d", 25*page)
		return requests(func(int, int) []byte { return getRequest(hostOf(0), path, keyOf(0)) })
	}
	each := map[string]struct {
		connections int
		each        func(c *caller, connection, n int) error
	}{
		"spread/c32":    {32, newWriter(wallets).spread()},
		"hot/c32":       {32, newWriter(wallets).hot()},
		"balance/c16":   {16, requests(func(c, n int) []byte { i := (c + n) % wallets; return getRequest(hostOf(i), balancePath, keyOf(i)) })},
		"page/first/c8": {8, operations(0)},
		"page/10000/c8": {8, operations(10_000)},
	}
	for _, what := range bigMeasures {
		name := "big/" + engine + "/" + what
		work, ok := each[what]
		if !ok || !b.wants(name) {
			continue
		}
		with := func(p *portal) load {
			return load{address: p.address, connections: work.connections, length: max(b.length, time.Second), each: work.each}
		}
		c, err := compare(ctx, min(b.rounds, 5), with(portals[1]), with(portals[0]))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.out(result{Name: strings.Replace(name, "big", "empty", 1), Value: c.floor.perSecond, Unit: "requests/s", P50: millis(c.floor.p50), P99: millis(c.floor.p99)})
		b.out(result{Name: name, Value: c.measured.perSecond, Unit: "requests/s", P50: millis(c.measured.p50), P99: millis(c.measured.p99), Floor: strings.Replace(name, "big", "empty", 1), Ratio: c.ratio})
	}
	if name := "big/" + engine + "/verify"; b.wants(name) {
		started := time.Now()
		verified, _, err := portals[1].service.Verify(ctx, store.Verification{})
		if err != nil {
			return err
		}
		b.out(result{Name: name, Value: float64(verified.Transfers) / time.Since(started).Seconds(), Unit: "transfers/s"})
	}
	return nil
}

// grow adds transfers to wallets without asking anybody, as charges would have.
func (d *database) grow(ctx context.Context) error {
	for i := range wallets {
		n := bigTransfers / 2 / (wallets - 1)
		if i == 0 {
			n = bigTransfers / 2
		}
		g := growth{portal: portalOf(i), transfers: n, every: time.Microsecond, service: "'backup'", participant: "''", metadata: "''"}
		if err := d.run(ctx, g.statements(d.engine)...); err != nil {
			return err
		}
	}
	if d.engine == "postgres" {
		return d.run(ctx, "VACUUM ANALYZE")
	}
	return nil
}

// growth is how many charges of a cent follow the one transfer that a wallet has,
// and what they say. The texts are SQL, in which i is the number of the charge.
type growth struct {
	portal    string
	transfers int
	// every is the time between two of them.
	every                          time.Duration
	service, participant, metadata string
}

func (g growth) statements(engine string) []string {
	series, none := fmt.Sprintf("generate_series(1::bigint, %d) AS s (i)", g.transfers), "decode(repeat('00', 32), 'hex')"
	if engine == "sqlite" {
		series = fmt.Sprintf("(WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) SELECT i FROM c) s", g.transfers)
		none = "zeroblob(32)"
	}
	const cent = 1_000_000
	balance := fmt.Sprintf("(SELECT balance FROM pocket WHERE portal_id = '%s' AND book = 'main' AND currency = 'USD')", g.portal)
	at := fmt.Sprintf("(SELECT last_at FROM book WHERE portal_id = '%s' AND book = 'main') + i * %d", g.portal, g.every.Microseconds())
	return []string{
		fmt.Sprintf(`INSERT INTO transfer (portal_id, book, number, at, type, debit, credit, currency, amount, balance, key, service, quantity, participant, metadata)
			SELECT '%[1]s', 'main', i + 1, %[2]s, 1, 'wallet', 'revenue', 'USD', %[3]d, %[4]s - i * %[3]d, 'old-' || i, %[6]s, 1, %[7]s, %[8]s
			  FROM %[5]s`, g.portal, at, cent, balance, series, g.service, g.participant, g.metadata),
		fmt.Sprintf(`INSERT INTO done (portal_id, key, input, at, main_transfer, currency, amount, available)
			SELECT '%[1]s', 'old-' || i, %[6]s, %[2]s, i + 1, 'USD', %[3]d, %[4]s - i * %[3]d
			  FROM %[5]s`, g.portal, at, cent, balance, series, none),
		fmt.Sprintf(`UPDATE pocket SET balance = balance - %d WHERE portal_id = '%s' AND book = 'main'`, g.transfers*cent, g.portal),
		fmt.Sprintf(`UPDATE book SET last = last + %d, last_at = last_at + %d, changes = changes + 1 WHERE portal_id = '%s' AND book = 'main'`,
			g.transfers, int64(g.transfers)*g.every.Microseconds(), g.portal),
	}
}

// run runs statements past Bursar, each for itself.
func (d *database) run(ctx context.Context, statements ...string) error {
	if d.engine == "sqlite" {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(d.config.Dir, "bursar.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
		if err != nil {
			return err
		}
		for _, statement := range statements {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return errors.Join(err, db.Close())
			}
		}
		return db.Close()
	}
	conn, err := pgx.Connect(ctx, d.config.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
