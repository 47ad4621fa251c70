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

// load is one round of requests over a number of connections.
type load struct {
	address     string
	connections int
	length      time.Duration
	// request returns the bytes of the nth request of a connection.
	request func(connection, n int) []byte
}

// outcome is what a round came to.
type outcome struct {
	perSecond float64
	p99       time.Duration
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
		perSecond: float64(len(latencies)) / took.Seconds(),
		p99:       latencies[len(latencies)*99/100],
	}, nil
}

func (l load) connection(ctx context.Context, c int, stop time.Time) ([]time.Duration, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 16<<10)
	var latencies []time.Duration
	for n := 0; ; n++ {
		before := time.Now()
		if before.After(stop) || ctx.Err() != nil {
			return latencies, ctx.Err()
		}
		if _, err := conn.Write(l.request(c, n)); err != nil {
			return nil, err
		}
		if err := skipResponse(reader); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(before))
	}
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
)

// skipResponse reads one response with a Content-Length.
func skipResponse(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, statusOK) {
		return fmt.Errorf("answered %q", bytes.TrimSpace(line))
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer of unknown length")
	}
	_, err = io.CopyN(io.Discard, r, int64(length))
	return err
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

// compare takes turns between a load and its floor. The first round warms up.
func compare(ctx context.Context, rounds int, measured, floor load) (c comparison, err error) {
	var ms, fs []outcome
	var ratios []float64
	for round := range rounds + 1 {
		f, err := floor.run(ctx)
		if err != nil {
			return c, err
		}
		m, err := measured.run(ctx)
		if err != nil {
			return c, err
		}
		if round > 0 {
			ms, fs, ratios = append(ms, m), append(fs, f), append(ratios, m.perSecond/f.perSecond)
		}
	}
	return comparison{middle(ms), middle(fs), median(ratios)}, nil
}

func middle(all []outcome) outcome {
	var rates []float64
	var tails []time.Duration
	for _, o := range all {
		rates, tails = append(rates, o.perSecond), append(tails, o.p99)
	}
	return outcome{median(rates), median(tails)}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
