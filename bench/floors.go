package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the floors of SQLite are on the same driver
)

// floorAccounts is how many accounts the floors move money between.
const floorAccounts = 10_000

// floor is what an engine does when there is nothing but the unavoidable: a
// transfer with a unique key and two balances, committed durably.
type floor struct {
	database    *database
	connections int
	batch       int // transfers in one commit
	length      time.Duration
	// script is one of pgbench's own in place of transfers.
	script string
}

// name is "floor/postgres/batch1000/c1".
func (f floor) name() string {
	what := fmt.Sprintf("batch%d", f.batch)
	switch {
	case f.script != "":
		what = f.script
	case f.batch == 1:
		what = "single"
	}
	return fmt.Sprintf("floor/%s/%s/c%d", f.database.engine, what, f.connections)
}

func (f floor) run(ctx context.Context) (outcome, error) {
	if f.database.engine == "sqlite" {
		return f.sqlite(ctx)
	}
	return f.pgbench(ctx)
}

// makeFloors makes the tables of the floors.
func makeFloors(ctx context.Context, d *database) error {
	if d.engine == "sqlite" {
		db, err := sql.Open("sqlite", d.floorFile())
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, `
			CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL) STRICT;
			CREATE TABLE transfer (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, debit INTEGER NOT NULL, credit INTEGER NOT NULL, amount INTEGER NOT NULL) STRICT;
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
			INSERT INTO account SELECT i, 0 FROM n;`)
		return errors.Join(err, db.Close())
	}
	conn, err := pgx.Connect(ctx, d.floors)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
		CREATE TABLE account (id INT PRIMARY KEY, balance BIGINT NOT NULL) WITH (fillfactor = 70);
		CREATE TABLE transfer (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL UNIQUE, amount BIGINT NOT NULL);
		CREATE TABLE entry (transfer BIGINT NOT NULL, account INT NOT NULL, amount BIGINT NOT NULL);
		INSERT INTO account SELECT i, 0 FROM generate_series(1, 10000) i;`)
	if err != nil {
		return err
	}
	tool, err := pgbenchTool()
	if err != nil {
		return err
	}
	return exec.CommandContext(ctx, tool, "-i", "-q", "-s", "10", d.floors).Run()
}

func (d *database) floorFile() string {
	return "file:" + filepath.Join(d.floors, "floors.db") +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_txlock=immediate"
}

// sqlite commits batches one after the other: there is one writer.
func (f floor) sqlite(ctx context.Context) (o outcome, err error) {
	db, err := sql.Open("sqlite", f.database.floorFile())
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return o, err
	}
	defer conn.Close()
	var statements []*sql.Stmt
	for _, query := range []string{
		`INSERT INTO transfer (key, debit, credit, amount) VALUES ($1, $2, $3, $4)`,
		`UPDATE account SET balance = balance - $1 WHERE id = $2`,
		`UPDATE account SET balance = balance + $1 WHERE id = $2`,
		`BEGIN IMMEDIATE`, `COMMIT`,
	} {
		stmt, err := conn.PrepareContext(ctx, query)
		if err != nil {
			return o, err
		}
		defer stmt.Close()
		statements = append(statements, stmt)
	}
	var all []time.Duration
	started := time.Now()
	for time.Since(started) < f.length {
		before := time.Now()
		if _, err := statements[3].ExecContext(ctx); err != nil {
			return o, err
		}
		for range f.batch {
			debit, credit := rand.IntN(floorAccounts)+1, rand.IntN(floorAccounts)+1
			for i, args := range [][]any{{uuid.NewString(), debit, credit, 10}, {10, debit}, {10, credit}} {
				if _, err := statements[i].ExecContext(ctx, args...); err != nil {
					return o, err
				}
			}
		}
		if _, err := statements[4].ExecContext(ctx); err != nil {
			return o, err
		}
		all = append(all, time.Since(before))
	}
	return outcomeOf(all, time.Since(started), f.batch), nil
}

// The transfers of pgbench: one statement, a key that is unique, two balances and
// two entries.
const (
	oneTransfer = `\set debit random(1, 10000)
\set credit random(1, 10000)
WITH t AS (INSERT INTO transfer (key, amount) VALUES (gen_random_uuid()::text, 10) ON CONFLICT DO NOTHING RETURNING id),
d AS (UPDATE account SET balance = balance - 10 WHERE id = :debit::int AND EXISTS (SELECT FROM t)),
c AS (UPDATE account SET balance = balance + 10 WHERE id = :credit::int AND EXISTS (SELECT FROM t))
INSERT INTO entry SELECT id, :debit::int, -10 FROM t UNION ALL SELECT id, :credit::int, 10 FROM t;
`
	manyTransfers = `WITH n AS MATERIALIZED (SELECT gen_random_uuid()::text AS key, 1 + floor(random() * 10000)::int AS debit, 1 + floor(random() * 10000)::int AS credit FROM generate_series(1, %d)),
t AS (INSERT INTO transfer (key, amount) SELECT key, 10 FROM n ON CONFLICT DO NOTHING RETURNING id, key),
m AS (SELECT t.id, n.debit, n.credit FROM t JOIN n USING (key)),
s AS (SELECT account, sum(amount) AS amount FROM (SELECT debit AS account, -10 AS amount FROM m UNION ALL SELECT credit, 10 FROM m) x GROUP BY account),
u AS (UPDATE account SET balance = balance + s.amount FROM s WHERE account.id = s.account)
INSERT INTO entry SELECT id, debit, -10 FROM m UNION ALL SELECT id, credit, 10 FROM m;
`
)

func pgbenchTool() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) > 0 {
		return found[len(found)-1], nil
	}
	return exec.LookPath("pgbench")
}

func (f floor) pgbench(ctx context.Context) (o outcome, err error) {
	tool, err := pgbenchTool()
	if err != nil {
		return o, err
	}
	dir, err := os.MkdirTemp("", "bursar-pgbench-")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(dir)
	args := []string{"-n", "-M", "prepared", "-c", strconv.Itoa(f.connections), "-j", strconv.Itoa(min(2, f.connections)),
		"-T", strconv.Itoa(max(1, int(f.length.Seconds()))), "-l", "--log-prefix=" + filepath.Join(dir, "log")}
	switch {
	case f.script != "":
		args = append(args, "-b", f.script)
	default:
		script := oneTransfer
		if f.batch > 1 {
			script = fmt.Sprintf(manyTransfers, f.batch)
		}
		file := filepath.Join(dir, "script.sql")
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			return o, err
		}
		args = append(args, "-f", file)
	}
	output, err := exec.CommandContext(ctx, tool, append(args, f.database.floors)...).CombinedOutput()
	if err != nil {
		return o, fmt.Errorf("pgbench: %w: %s", err, output)
	}
	all, err := pgbenchLog(dir)
	if err != nil {
		return o, err
	}
	o = outcomeOf(all, time.Second, f.batch)
	_, rest, ok := strings.Cut(string(output), "tps = ")
	number, _, _ := strings.Cut(rest, " ")
	tps, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || strings.Contains(string(output), "ERROR") {
		return o, fmt.Errorf("pgbench said %s", output)
	}
	o.perSecond = tps * float64(max(1, f.batch))
	return o, nil
}

// pgbenchLog reads how long each transaction took: the third word of a line, in
// microseconds.
func pgbenchLog(dir string) ([]time.Duration, error) {
	files, err := filepath.Glob(filepath.Join(dir, "log.*"))
	if err != nil {
		return nil, err
	}
	var all []time.Duration
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			words := strings.Fields(lines.Text())
			if len(words) < 3 {
				continue
			}
			if micros, err := strconv.ParseInt(words[2], 10, 64); err == nil {
				all = append(all, time.Duration(micros)*time.Microsecond)
			}
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
