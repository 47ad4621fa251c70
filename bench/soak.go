package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bursarhq/bursar/pgtest"
)

// soakMinutes is how long a soak takes.
const soakMinutes = 5

// measureSoak charges wallets for five minutes, beginning with tables that were
// analysed while they were empty, and holds each minute against the first: a plan
// made for an empty table must not stay when it has grown. Beside each stands what
// the machine's floor was just then, as that does not stay the same either.
func measureSoak(ctx context.Context, b *bench) (err error) {
	const name = "soak/postgres/spread/c32"
	if !b.wantsLong(name) {
		return nil
	}
	d, err := openDatabase(ctx, "postgres", pgtest.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	p, err := d.start(ctx) // makes the tables
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, d.config.URL)
	if err != nil {
		return errors.Join(err, p.close())
	}
	_, err = conn.Exec(ctx, "ANALYZE")
	if err := errors.Join(err, conn.Close(ctx), p.close(), d.fund(ctx, wallets), makeFloors(ctx, d)); err != nil {
		return err
	}
	if p, err = d.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	w := newWriter(wallets)
	var first outcome
	for minute := range soakMinutes {
		o, err := load{address: p.address, connections: 32, length: time.Minute, each: w.spread()}.run(ctx)
		if err != nil {
			return err
		}
		f := floor{database: d, connections: 32, batch: 1, length: 4 * time.Second}
		beside, err := f.run(ctx)
		if err != nil {
			return err
		}
		b.out(result{Name: f.name(), Value: beside.perSecond, Unit: "transfers/s", P50: millis(beside.p50), P99: millis(beside.p99)})
		r := result{Name: fmt.Sprintf("%s/minute%d", name, minute+1), Value: o.perSecond, Unit: "transfers/s", P50: millis(o.p50), P99: millis(o.p99)}
		if minute == 0 {
			first = o
		} else {
			r.Floor, r.Ratio = name+"/minute1", o.perSecond/first.perSecond
		}
		b.out(r)
	}
	return nil
}
