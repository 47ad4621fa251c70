package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const operationsPath = "/api/2.0/portal/payment/customer/operations"

// pageLimit is how many operations a page has: of a million, page 10,000 is the
// last.
const pageLimit = 100

// operationLists are the lists whose first and last page are read.
var operationLists = []struct {
	name, filter string
	pages        int // how many the list has
}{
	{"plain", "", millionRows / pageLimit},
	{"service", "&serviceName=backup", (millionRows / 2) / pageLimit},
	{"date", "", 0}, // its year, and how many it has, depend on the day
}

// operationCalls are over how many connections they are read.
var operationCalls = []int{1, 8}

func operationNames() (all []string) {
	for _, list := range operationLists {
		all = append(all, list.name+"/cold")
		for _, page := range []string{"first", "last"} {
			for _, connections := range operationCalls {
				all = append(all, fmt.Sprintf("%s/%s/c%d", list.name, page, connections))
			}
		}
	}
	return all
}

// measureOperations reads the first and the last page of lists, each beside a bare
// handler that sends the same bytes, a SELECT of one row, and one of the rows of a
// page.
func measureOperations(ctx context.Context, b *bench, d *database) (err error) {
	p, err := d.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	db, err := d.openBare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxIdleConns(operationCalls[len(operationCalls)-1])
	for _, list := range operationLists {
		group := "operations/" + d.engine + "/" + list.name
		path := fmt.Sprintf("%s?limit=%d%s", operationsPath, pageLimit, list.filter)
		if list.name == "date" {
			year := time.Now().Year() - 1 // all of it is in the three years
			path += fmt.Sprintf("&startDate=%d-01-01&endDate=%[1]d-12-31", year)
		}
		// Whoever asks first for what is filtered has it counted.
		started := time.Now()
		total, err := p.total(ctx, path)
		if err != nil {
			return fmt.Errorf("%s: %w", group, err)
		}
		if name := group + "/cold"; b.wants(name) {
			b.out(result{Name: name, Value: millis(time.Since(started)), Unit: "ms"})
		}
		pages := int(total+pageLimit-1) / pageLimit
		if list.pages > 0 && pages != list.pages {
			return fmt.Errorf("%s: %d pages, not %d", group, pages, list.pages)
		}
		for _, page := range []struct {
			name   string
			number int // from 0
		}{{"first", 0}, {"last", pages - 1}} {
			err := p.page(ctx, b, group+"/"+page.name, fmt.Sprintf("%s&offset=%d", path, page.number*pageLimit), db)
			if err != nil {
				return fmt.Errorf("%s/%s: %w", group, page.name, err)
			}
		}
	}
	return nil
}

// page measures one page beside its floors.
func (p *portal) page(ctx context.Context, b *bench, name, path string, db *sql.DB) (err error) {
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
		measured, floors, err := compareAll(ctx, min(b.rounds, 5), at(p.address),
			at(bare),
			query{db: db, connections: connections, length: b.length, text: oneRow},
			query{db: db, connections: connections, length: b.length, text: allRows, args: []any{millionRows / 2, pageLimit}})
		if err != nil {
			return err
		}
		for i, floor := range []string{"bare/", "one row/", "hundred rows/"} {
			b.out(result{Name: floor + own, Value: floors[i].perSecond, Unit: "requests/s", P50: millis(floors[i].p50), P99: millis(floors[i].p99)})
			b.out(result{
				Name: own, Value: measured.perSecond, Unit: "requests/s", P50: millis(measured.p50), P99: millis(measured.p99),
				Floor: floor + own, Ratio: floors[i].ratio,
			})
		}
	}
	return nil
}
