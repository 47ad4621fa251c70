package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bursarhq/bursar/pgtest"
)

const balancePath = "/api/2.0/portal/payment/customer/balance"

// measureMixed reads balances over 64 connections, beside a bare handler that
// sends the same bytes: while nothing is written, and while eight others charge
// wallets, fifty times a second each, and read their own balance after each charge.
// A balance that is not what the charge left behind is stale, and ends the run. The
// pace is set so that reads are not worse for writes being fast.
func measureMixed(ctx context.Context, b *bench) error {
	for _, engine := range engines {
		if err := mixedOn(ctx, b, engine); err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}

func mixedOn(ctx context.Context, b *bench, engine string) (err error) {
	quiet, busy := fmt.Sprintf("mixed/%s/quiet/c64", engine), fmt.Sprintf("mixed/%s/writing/c64", engine)
	if !b.wants(quiet) && !b.wants(busy) {
		return nil
	}
	d, err := openDatabase(ctx, engine, pgtest.Config{})
	if errors.Is(err, pgtest.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.fund(ctx, wallets); err != nil {
		return err
	}
	p, err := d.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	body, header, err := fetchAs(ctx, p.address, 0)
	if err != nil {
		return err
	}
	bare, stop, err := serve(bareHandler(body, header))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	measured := load{address: p.address, connections: 64, length: b.length, each: requests(func(c, n int) []byte {
		i := (c*16 + n) % wallets
		return getRequest(hostOf(i), balancePath, keyOf(i))
	})}
	floor := b.load(bare, 64, balancePath, keyOf(0))
	report := func(name string, c comparison) {
		b.out(result{Name: "bare/" + name, Value: c.floor.perSecond, Unit: "requests/s", P50: millis(c.floor.p50), P99: millis(c.floor.p99)})
		b.out(result{Name: name, Value: c.measured.perSecond, Unit: "requests/s", P50: millis(c.measured.p50), P99: millis(c.measured.p99), Floor: "bare/" + name, Ratio: c.ratio})
	}
	if b.wants(quiet) {
		c, err := compare(ctx, b.rounds, measured, floor)
		if err != nil {
			return err
		}
		report(quiet, c)
	}
	if !b.wants(busy) {
		return nil
	}
	w := &alongside{p: p, writers: 8}
	c, err := compare(ctx, b.rounds, w.while(measured), floor)
	if err != nil {
		return err
	}
	report(busy, c)
	b.out(result{Name: fmt.Sprintf("mixed/%s/writing/charges", engine), Value: w.perSecond(), Unit: "charges/s, none stale"})
	return nil
}

func fetchAs(ctx context.Context, address string, i int) ([]byte, http.Header, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	defer c.conn.Close()
	body, err := c.ask(getRequest(hostOf(i), balancePath, keyOf(i)), true)
	if err != nil {
		return nil, nil, err
	}
	_, header, err := fetchHost(ctx, "http://"+address+balancePath, keyOf(i), hostOf(i))
	return bytes.Clone(body), header, err
}

// alongside are writers that work while something else is measured.
type alongside struct {
	p       *portal
	writers int
	charges atomic.Int64
	took    time.Duration
}

func (a *alongside) perSecond() float64 { return float64(a.charges.Load()) / a.took.Seconds() }

// while returns a load with writers beside it.
func (a *alongside) while(l load) runner { return accompanied{l, a} }

type accompanied struct {
	load
	others *alongside
}

func (l accompanied) run(ctx context.Context) (outcome, error) {
	writing, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	failures := make([]error, l.others.writers)
	w := newWriter(l.others.writers)
	for i := range l.others.writers {
		wg.Go(func() { failures[i] = l.others.write(writing, w, i) })
	}
	started := time.Now()
	o, err := l.load.run(ctx)
	stop()
	wg.Wait()
	l.others.took += time.Since(started)
	return o, errors.Join(append(failures, err)...)
}

// write charges a wallet that is nobody else's, and reads its balance each time.
func (a *alongside) write(ctx context.Context, w *writer, i int) error {
	c, err := dial(ctx, a.p.address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	wallet := wallets - 1 - i // far from those that are read most
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil
		}
		answer, err := c.ask(w.post("portals/"+portalOf(wallet)+"/charges", chargeBody), true)
		if err != nil {
			return err
		}
		_, rest, _ := bytes.Cut(answer, []byte(`"available":"`))
		available, _, _ := bytes.Cut(rest, []byte(`"`))
		left := bytes.Clone(available)
		seen, err := c.ask(getRequest(hostOf(wallet), balancePath, keyOf(wallet)), true)
		if err != nil {
			return err
		}
		if len(left) == 0 || !bytes.Contains(seen, append([]byte(`"amount":`), left...)) {
			return fmt.Errorf("stale: %s was left, %s was read", left, seen)
		}
		a.charges.Add(1)
	}
}
