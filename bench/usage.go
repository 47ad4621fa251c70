package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// usages are the sums that are asked for.
var usages = []struct{ name, path string }{
	{"services", "/api/2.0/portal/payment/customer/usage"},
	{"monthly", "/api/2.0/portal/payment/customer/usage/monthly"},
}

func usageNames() (all []string) {
	for _, usage := range usages {
		all = append(all, usage.name+"/cold")
		for _, connections := range operationCalls {
			all = append(all, fmt.Sprintf("%s/warm/c%d", usage.name, connections))
		}
	}
	return all
}

// measureUsage takes how long the first sums take that a process is asked for,
// beside reading what is summed up in one statement, and how many it returns a
// second from then on, beside a bare handler.
func measureUsage(ctx context.Context, b *bench, d *database) error {
	for _, usage := range usages {
		group := "usage/" + d.engine + "/" + usage.name
		if name := group + "/cold"; b.wants(name) {
			var times, floors []time.Duration
			var ratios []float64
			for range min(b.rounds, 3) {
				floor, err := d.readMillion(ctx)
				if err != nil {
					return err
				}
				took, err := d.coldly(ctx, usage.path)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				times, floors, ratios = append(times, took), append(floors, floor), append(ratios, took.Seconds()/floor.Seconds())
			}
			b.out(result{Name: "read/" + name, Value: millis(median(floors)), Unit: "ms"})
			b.out(result{Name: name, Value: millis(median(times)), Unit: "ms", Floor: "read/" + name, Ratio: median(ratios)})
		}
		if err := d.warmly(ctx, b, group+"/warm", usage.path); err != nil {
			return fmt.Errorf("%s/warm: %w", group, err)
		}
	}
	return nil
}

// coldly is how long the first answer of a process takes.
func (d *database) coldly(ctx context.Context, path string) (took time.Duration, err error) {
	p, err := d.start(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	started := time.Now()
	_, _, err = fetchHost(ctx, "http://"+p.address+path, keyOf(0), hostOf(0))
	return time.Since(started), err
}

func (d *database) warmly(ctx context.Context, b *bench, name, path string) (err error) {
	p, err := d.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	body, header, err := fetchHost(ctx, "http://"+p.address+path, keyOf(0), hostOf(0))
	if err != nil {
		return err
	}
	bare, stop, err := serve(bareHandler(body, header))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	request := getRequest(hostOf(0), path, keyOf(0))
	for _, connections := range operationCalls {
		own := fmt.Sprintf("%s/c%d", name, connections)
		if !b.wants(own) {
			continue
		}
		at := func(address string) load {
			return load{address: address, connections: connections, length: b.length, each: requests(func(int, int) []byte { return request })}
		}
		c, err := compare(ctx, min(b.rounds, 5), at(p.address), at(bare))
		if err != nil {
			return err
		}
		b.out(result{Name: "bare/" + own, Value: c.floor.perSecond, Unit: "requests/s", P50: millis(c.floor.p50), P99: millis(c.floor.p99)})
		b.out(result{Name: own, Value: c.measured.perSecond, Unit: "requests/s", P50: millis(c.measured.p50), P99: millis(c.measured.p99), Floor: "bare/" + own, Ratio: c.ratio})
	}
	return nil
}
