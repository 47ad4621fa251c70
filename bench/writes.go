package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bursarhq/bursar/pgtest"
)

// wallets is how many wallets writes are spread over.
const wallets = 1000

// bulkSize is how many charges a bulk request has.
const bulkSize = 100

// writing are the kinds of writes.
var writing = []struct {
	name        string
	connections []int
	size        int
	each        func(w *writer) func(c *caller, connection, n int) error
}{
	{"spread", []int{1, 8, 32, 128}, 1, (*writer).spread},
	{"hot", []int{1, 8, 32, 128}, 1, (*writer).hot},
	{"hold", []int{1, 8, 32, 128}, 1, (*writer).hold},
	{"bulk", []int{1, 8, 32}, bulkSize, (*writer).bulk},
}

// measureWrites takes each kind of write over HTTP, keys and durability on,
// beside what the engine does by itself.
func measureWrites(ctx context.Context, b *bench) error {
	for _, engine := range engines {
		if err := measureEngine(ctx, b, engine, "write", pgtest.Config{}); err != nil {
			return err
		}
	}
	return nil
}

// floorsOf returns what a write on an engine is held against: F is one transfer
// a commit by as many connections, at most 32; U is a thousand.
func floorsOf(d *database, size, connections int, length time.Duration) floor {
	f := floor{database: d, connections: min(connections, 32), batch: 1, length: length}
	switch {
	case d.engine == "sqlite":
		f.connections = 1
		if size > 1 {
			f.batch = 100
		}
	case size > 1, connections > 32:
		f.connections, f.batch = 1, 1000
	}
	return f
}

func measureEngine(ctx context.Context, b *bench, engine, group string, pg pgtest.Config) (err error) {
	wanted := false
	for _, kind := range writing {
		for _, connections := range kind.connections {
			wanted = wanted || b.wants(fmt.Sprintf("%s/%s/%s/c%d", group, engine, kind.name, connections))
		}
	}
	var updates []floor // pgbench's own, for whoever knows what those come to elsewhere
	if engine == "postgres" && group == "write" {
		for _, connections := range []int{1, 8, 32} {
			f := floor{database: &database{engine: engine}, connections: connections, script: "simple-update"}
			if b.wants(f.name()) {
				updates, wanted = append(updates, f), true
			}
		}
	}
	if !wanted {
		return nil
	}
	d, err := openDatabase(ctx, engine, pg)
	if errors.Is(err, pgtest.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := errors.Join(d.fund(ctx, wallets), makeFloors(ctx, d)); err != nil {
		return err
	}
	p, err := d.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	length, rounds := max(b.length, 2*time.Second), min(b.rounds, 5)
	for _, kind := range writing {
		for _, connections := range kind.connections {
			name := fmt.Sprintf("%s/%s/%s/c%d", group, engine, kind.name, connections)
			if !b.wants(name) {
				continue
			}
			w := newWriter(wallets)
			floor := floorsOf(d, kind.size, connections, length)
			c, err := compare(ctx, rounds, load{address: p.address, connections: connections, length: length, size: kind.size, each: kind.each(w)}, floor)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			b.out(result{Name: floor.name(), Value: c.floor.perSecond, Unit: "transfers/s", P50: millis(c.floor.p50), P99: millis(c.floor.p99)})
			b.out(result{Name: name, Value: c.measured.perSecond, Unit: "transfers/s", P50: millis(c.measured.p50), P99: millis(c.measured.p99), Floor: floor.name(), Ratio: c.ratio})
		}
	}
	for _, f := range updates {
		f.database, f.length = d, length
		o, err := f.run(ctx)
		if err != nil {
			return err
		}
		b.out(result{Name: f.name(), Value: o.perSecond, Unit: "transactions/s", P50: millis(o.p50), P99: millis(o.p99)})
	}
	return nil
}

// writer makes requests, each with a key of its own.
type writer struct {
	run     uint64
	count   atomic.Uint64
	wallets int
}

func newWriter(wallets int) *writer { return &writer{run: rand.Uint64(), wallets: wallets} }

func (w *writer) key() string {
	return strconv.FormatUint(w.run, 36) + "-" + strconv.FormatUint(w.count.Add(1), 10)
}

func (w *writer) post(path, body string) []byte {
	b := make([]byte, 0, 512+len(body))
	b = append(b, "POST /v1/"...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: bursar\r\nAuthorization: Bearer "+operatorKey+"\r\nContent-Type: application/json\r\nIdempotency-Key: "...)
	b = append(b, w.key()...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

const chargeBody = `{"service":"backup","quantity":1,"amount":"0.10","currency":"USD","participant":"66faa6e4-f133-11ea-b126-00ffeec8b4ef","metadata":{"details":"Automatic backup"}}`

// any returns a wallet.
func (w *writer) any() string { return "p" + strconv.Itoa(rand.IntN(w.wallets)) }

// spread charges one wallet or another.
func (w *writer) spread() func(*caller, int, int) error {
	return func(c *caller, _, _ int) error {
		_, err := c.ask(w.post("portals/"+w.any()+"/charges", chargeBody), false)
		return err
	}
}

// hot charges one and the same wallet.
func (w *writer) hot() func(*caller, int, int) error {
	return func(c *caller, _, _ int) error {
		_, err := c.ask(w.post("portals/p0/charges", chargeBody), false)
		return err
	}
}

// hold opens a hold and completes it: two requests, one transfer.
func (w *writer) hold() func(*caller, int, int) error {
	return func(c *caller, _, _ int) error {
		body, err := c.ask(w.post("portals/"+w.any()+"/holds", chargeBody), true)
		if err != nil {
			return err
		}
		_, rest, ok := bytes.Cut(body, []byte(`"hold":"`))
		id, _, closed := bytes.Cut(rest, []byte(`"`))
		if !ok || !closed {
			return fmt.Errorf("no hold in %s", body)
		}
		_, err = c.ask(w.post("holds/"+string(id)+"/complete", `{"amount":"0.05"}`), false)
		return err
	}
}

// bulk sends charges a hundred at a time.
func (w *writer) bulk() func(*caller, int, int) error {
	return func(c *caller, _, _ int) error {
		var b bytes.Buffer
		b.WriteString(`{"requests":[`)
		for i := range bulkSize {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`{"key":"` + w.key() + `","portal":"` + w.any() + `","type":"charge",` + chargeBody[1:])
		}
		b.WriteString(`]}`)
		body, err := c.ask(w.post("batch", b.String()), true)
		if err == nil && bytes.Count(body, []byte(`"status":201`)) != bulkSize {
			err = fmt.Errorf("of a bulk some were refused: %.300s", body)
		}
		return err
	}
}
