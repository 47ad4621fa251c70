package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// measurePortals shows how the cost of a read grows with the portals of one
// database: 64 connections ask for the balance of one portal after the other, so
// that beyond the portals kept in memory every read is a cold one.
func measurePortals(ctx context.Context, b *bench) error {
	const floor = "portals/10"
	var first float64
	for _, n := range []int{10, 1000, 100_000} {
		name := fmt.Sprintf("portals/%d", n)
		if !b.wants(name) {
			continue
		}
		o, err := readMany(ctx, b, n)
		if err != nil {
			return err
		}
		r := result{Name: name, Value: o.perSecond, Unit: "requests/s", P99: millis(o.p99)}
		if name == floor {
			first = o.perSecond
		} else if first > 0 {
			r.Floor, r.Ratio = floor, o.perSecond/first
		}
		b.out(r)
	}
	return nil
}

func readMany(ctx context.Context, b *bench, portals int) (o outcome, err error) {
	dir, err := os.MkdirTemp("", "bursar-bench-")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(dir)
	if err := fill(ctx, dir, portals); err != nil {
		return o, err
	}
	p, err := startPortal(ctx, dir)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	const connections = 64
	l := load{address: p.address, connections: connections, length: b.length, each: requests(func(c, n int) []byte {
		i := (c*portals/connections + n) % portals
		return getRequest(hostOf(i), "/api/2.0/portal/payment/customer/balance", keyOf(i))
	})}
	var all []outcome
	for range b.rounds + 1 {
		o, err := l.run(ctx)
		if err != nil {
			return o, err
		}
		all = append(all, o)
	}
	return middle(all[1:]), nil
}

func hostOf(i int) string { return fmt.Sprintf("p%d.example.com", i) }
func keyOf(i int) string  { return fmt.Sprintf("sk-bench-%d", i) }

// fill makes portals with a customer, a wallet and a key each.
func fill(ctx context.Context, dir string, portals int) (err error) {
	db, err := store.Open(ctx, store.Config{Dir: dir, NoSync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	service, err := billing.New(billing.Config{Store: db})
	if err != nil {
		return err
	}
	for i := range portals {
		owner := fmt.Sprintf("owner@%s", hostOf(i))
		id, err := service.CreatePortal(ctx, billing.NewPortal{
			ID: fmt.Sprintf("p%d", i), Hosts: []string{hostOf(i)}, Owner: billing.NewUser{Email: owner},
		})
		if err != nil {
			return err
		}
		err = service.SetCustomer(ctx, id, billing.CustomerChange{
			Email: owner, Balances: []money.Amount{money.FromUnits(int64(i)*money.Scale, "USD")},
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
