package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// load is one round of work over a number of connections.
type load struct {
	address     string
	connections int
	length      time.Duration
	// each does the nth piece of work of a connection.
	each func(c *caller, connection, n int) error
	// size is how many things one piece of work counts for; 0 means 1.
	size int
}

// requests returns work that is one request, whose answer is not looked at.
func requests(request func(connection, n int) []byte) func(*caller, int, int) error {
	return func(c *caller, connection, n int) error {
		_, err := c.ask(request(connection, n), false)
		return err
	}
}

// outcome is what a round came to.
type outcome struct {
	perSecond float64
	p50, p99  time.Duration
}

// run sends requests one after the other on each connection, and counts. It
// does no more than it must, so that what is measured is the server. Any answer
// but 200 ends it: the fastest result is often the broken one.
func (l load) run(ctx context.Context) (outcome, error) {
	var (
		wg        sync.WaitGroup
		mu        sync.Mutex
		latencies []time.Duration
		failures  []error
	)
	started := time.Now()
	stop := started.Add(l.length)
	for c := range l.connections {
		wg.Go(func() {
			own, err := l.connection(ctx, c, stop)
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, own...)
			failures = append(failures, err)
		})
	}
	wg.Wait()
	took := time.Since(started)
	if err := errors.Join(failures...); err != nil {
		return outcome{}, err
	}
	if len(latencies) == 0 {
		return outcome{}, errors.New("no request was answered")
	}
	slices.Sort(latencies)
	return outcome{
		perSecond: float64(len(latencies)*max(1, l.size)) / took.Seconds(),
		p50:       latencies[len(latencies)/2],
		p99:       latencies[len(latencies)*99/100],
	}, nil
}

func (l load) connection(ctx context.Context, connection int, stop time.Time) ([]time.Duration, error) {
	c, err := dial(ctx, l.address)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	var latencies []time.Duration
	for n := 0; ; n++ {
		before := time.Now()
		if before.After(stop) || ctx.Err() != nil {
			return latencies, ctx.Err()
		}
		if err := l.each(c, connection, n); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(before))
	}
}

// caller is one connection to a server.
type caller struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

func dial(ctx context.Context, address string) (*caller, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}, nil
}

var (
	statusGood    = []byte("HTTP/1.1 20")
	contentLength = []byte("Content-Length: ")
)

// ask sends a request and reads the answer, of a known length and a good status;
// its body is returned when it is wanted, until the next call.
func (c *caller) ask(request []byte, wanted bool) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	good := bytes.HasPrefix(line, statusGood)
	status := string(bytes.TrimSpace(line[:min(len(line), 64)]))
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 {
		return nil, errors.New("an answer of unknown length")
	}
	if good && !wanted {
		_, err = c.reader.Discard(length)
		return nil, err
	}
	c.body = append(c.body[:0], make([]byte, length)...)
	if _, err = io.ReadFull(c.reader, c.body); err == nil && !good {
		err = fmt.Errorf("answered %s: %s", status, c.body)
	}
	return c.body, err
}

// getRequest returns the bytes of a GET request.
func getRequest(host, path, key string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/json\r\n\r\n", path, host, key)
}

// comparison is a load beside its floor: the medians of each, and the median of
// the ratios of rounds that were next to each other.
type comparison struct {
	measured, floor outcome
	ratio           float64
}

// runner is something that is measured in rounds.
type runner interface {
	run(ctx context.Context) (outcome, error)
}

// compare takes turns between a load and its floor.
func compare(ctx context.Context, rounds int, measured, floor runner) (comparison, error) {
	m, floors, err := compareAll(ctx, rounds, measured, floor)
	if err != nil {
		return comparison{}, err
	}
	return comparison{m, floors[0].outcome, floors[0].ratio}, nil
}

// beside is a floor with the median of the ratios to it.
type beside struct {
	outcome
	ratio float64
}

// compareAll takes turns between a load and its floors. The first round warms up.
func compareAll(ctx context.Context, rounds int, measured runner, floors ...runner) (outcome, []beside, error) {
	var all []outcome
	others, ratios := make([][]outcome, len(floors)), make([][]float64, len(floors))
	for round := range rounds + 1 {
		now := make([]outcome, len(floors))
		for i, floor := range floors {
			var err error
			if now[i], err = floor.run(ctx); err != nil {
				return outcome{}, nil, err
			}
		}
		m, err := measured.run(ctx)
		if err != nil {
			return outcome{}, nil, err
		}
		if round == 0 {
			continue
		}
		all = append(all, m)
		for i, f := range now {
			others[i], ratios[i] = append(others[i], f), append(ratios[i], m.perSecond/f.perSecond)
		}
	}
	out := make([]beside, len(floors))
	for i := range floors {
		out[i] = beside{middle(others[i]), median(ratios[i])}
	}
	return middle(all), out, nil
}

func middle(all []outcome) outcome {
	var rates []float64
	var halves, tails []time.Duration
	for _, o := range all {
		rates, halves, tails = append(rates, o.perSecond), append(halves, o.p50), append(tails, o.p99)
	}
	return outcome{median(rates), median(halves), median(tails)}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
