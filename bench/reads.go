package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
)

// reads are the routes of a report.
var reads = []struct{ name, path string }{
	{"customerinfo", "/api/2.0/portal/payment/customerinfo"},
	{"balance", "/api/2.0/portal/payment/customer/balance"},
	{"topupsettings", "/api/2.0/portal/payment/topupsettings"},
	{"currencies", "/api/2.0/portal/payment/currencies"},
	{"quota", "/api/2.0/portal/payment/quota"},
	{"quotas", "/api/2.0/portal/payment/quotas"},
}

// measureReads takes each read at 1, 16 and 64 connections beside a bare net/http
// handler that sends the same bytes.
func measureReads(ctx context.Context, b *bench) error {
	wanted := false
	for _, read := range reads {
		for _, connections := range []int{1, 16, 64} {
			wanted = wanted || b.wants(fmt.Sprintf("read/%s/c%d", read.name, connections))
		}
	}
	if !wanted {
		return nil
	}
	return withCompany(ctx, func(p *portal, key string) error {
		for _, read := range reads {
			body, header, err := fetch(ctx, "http://"+p.address+read.path, key)
			if err != nil {
				return err
			}
			bare, stop, err := serve(bareHandler(body, header))
			if err != nil {
				return err
			}
			for _, connections := range []int{1, 16, 64} {
				name := fmt.Sprintf("read/%s/c%d", read.name, connections)
				if !b.wants(name) {
					continue
				}
				measured := b.load(p.address, connections, read.path, key)
				c, err := compare(ctx, b.rounds, measured, b.load(bare, connections, read.path, key))
				if err != nil {
					return err
				}
				floor := fmt.Sprintf("bare/%s/c%d", read.name, connections)
				b.out(result{Name: floor, Value: c.floor.perSecond, Unit: "requests/s", P99: millis(c.floor.p99)})
				b.out(result{Name: name, Value: c.measured.perSecond, Unit: "requests/s", P99: millis(c.measured.p99), Floor: floor, Ratio: c.ratio})
			}
			if err := stop(); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bench) load(address string, connections int, path, key string) load {
	request := getRequest(address, path, key)
	return load{address: address, connections: connections, length: b.length, each: requests(func(int, int) []byte { return request })}
}

// bareHandler sends the same bytes, headers and all, whatever is asked.
func bareHandler(body []byte, header http.Header) http.Handler {
	header = header.Clone()
	header.Del("Date") // the server's own
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		_, _ = w.Write(body)
	})
}
