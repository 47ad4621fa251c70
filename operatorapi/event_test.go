package operatorapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/store"
)

// happens writes an event down, and gives it its place.
func (h *house) happens(portalID string, data event.Data) {
	h.t.Helper()
	h.must(h.store.Change(context.Background(), portalID, func(tx *store.Tx) error {
		text, err := json.Marshal(data)
		if err == nil {
			_, err = tx.AppendEvent(store.Event{Type: string(data.Type()), At: h.clock.Now(), Data: string(text)})
		}
		return err
	}))
	_, err := h.service.PlaceEvents(context.Background())
	h.must(err)
}

var (
	sum     = event.Money{Amount: "1.00", Currency: "USD"}
	expired = event.HoldExpired{Hold: "h1.acme", Amount: sum, Service: "<backup>"}
	low     = event.BalanceLow{Available: sum, Floor: sum}
)

const (
	firstEvent = `{"id":"e1.acme","type":"hold.expired","timestamp":"` + moment + `","portalId":"acme","position":1,` +
		`"data":{"hold":"h1.acme","amount":{"amount":"1.00","currency":"USD"},"service":"\u003cbackup\u003e","expiredAt":"0001-01-01T00:00:00.000000Z"}}`
	lowData = `"data":{"available":{"amount":"1.00","currency":"USD"},"floor":{"amount":"1.00","currency":"USD"}}}`
)

func TestEvents(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.addPortal("other", "")
		ask := func(query string) reply {
			t.Helper()
			return h.do(request{method: "GET", path: "/v1/events" + query})
		}
		ask("").expect(200).is(`{"events":[],"next":"0"}`)
		ask("?after=latest").expect(200).is(`{"events":[],"next":"0"}`)
		h.happens(acme, expired)
		h.happens("other", low)
		h.happens(acme, low)
		ask("?limit=1").expect(200).is(`{"events":[` + firstEvent + `],"next":"1"}`)
		second := `{"id":"e1.other","type":"balance.low","timestamp":"` + moment + `","portalId":"other","position":2,` + lowData
		third := `{"id":"e2.acme","type":"balance.low","timestamp":"` + moment + `","portalId":"acme","position":3,` + lowData
		ask("?after=1&limit=1").expect(200).is(`{"events":[` + second + `],"next":"2"}`)
		ask("?after=1").expect(200).is(`{"events":[` + second + `,` + third + `],"next":"3"}`)
		ask("?portal=acme").expect(200).is(`{"events":[` + firstEvent + `,` + third + `],"next":"3"}`)
		ask("?type=balance.low&portal=acme").expect(200).is(`{"events":[` + third + `],"next":"3"}`)
		ask("?type=balance.low&type=hold.expired").expect(200).is(`{"events":[` + firstEvent + `,` + second + `,` + third + `],"next":"3"}`)
		ask("?type=topup.planned").expect(200).is(`{"events":[],"next":"3"}`)
		ask("?after=latest").expect(200).is(`{"events":[],"next":"3"}`)
		h.do(request{method: "HEAD", path: "/v1/events?wait=30s&after=3"}).expect(200)

		ask("?portal=none").refused(404, "not_found", "")
		for field, queries := range map[string][]string{
			"after": {"?after=-1", "?after=x", "?after=01", "?after=+1", "?after=99999999999999999999", "?after=1&after=2"},
			"limit": {"?limit=0", "?limit=1001"},
			"type":  {"?type=x", "?type=webhook.test", "?type=balance.low&type=y"},
			"wait":  {"?wait=31s", "?wait=-1s", "?wait=30", "?wait=soon"},
			"since": {"?since=1"},
		} {
			for _, query := range queries {
				h.do(request{method: "GET", path: "/v1/events" + query, loose: true}).refused(400, "invalid_field", field)
			}
		}
		h.do(request{method: "GET", path: "/v1/events", secret: "-"}).refused(401, "unauthorized", "")
	})
}

func TestWaitingForEvents(t *testing.T) {
	h := newHouse(t, setup{})
	started := time.Now()
	h.do(request{method: "GET", path: "/v1/events?wait=50ms"}).expect(200).is(`{"events":[],"next":"0"}`)
	if took := time.Since(started); took < 50*time.Millisecond {
		t.Errorf("it waited %s", took)
	}
	got := make(chan reply, 1)
	go func() {
		got <- h.do(request{method: "GET", path: "/v1/events?wait=30s&type=balance.low"})
	}()
	time.Sleep(50 * time.Millisecond) // it may be waiting by then; it is the same if it is not
	h.happens(acme, expired)          // of another type
	h.happens(acme, low)
	select {
	case r := <-got:
		if all, next := r.elements("events"); len(all) != 1 || next != "2" {
			t.Error(r.body)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it still waits")
	}
}

func TestOnlySoManyWait(t *testing.T) {
	h := newHouse(t, setup{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const most = 256
	for range most {
		r := request{method: "GET", path: "/v1/events?wait=30s", header: map[string]string{"Accept": "text/event-stream"}}.build(t, h.server.URL)
		res, err := http.DefaultClient.Do(r.WithContext(ctx))
		h.must(err)
		defer res.Body.Close()
	}
	h.do(request{method: "GET", path: "/v1/events?wait=1s"}).refused(429, "rate_limited", "")
	h.do(request{method: "GET", path: "/v1/events"}).expect(200)
	cancel()
	for range 200 { // those who go away make room
		if got := h.do(request{method: "GET", path: "/v1/events?wait=1ms"}); got.status == 200 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("there is never room again")
}

// stream reads server-sent events, blank line by blank line.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
}

func (s *stream) next() (lines []string) {
	s.t.Helper()
	for s.lines.Scan() {
		if s.lines.Text() == "" {
			return lines
		}
		lines = append(lines, s.lines.Text())
	}
	return append(lines, "END")
}

// A stream goes on until the client goes or the server stops, whatever the server's
// usual limits are.
func TestStreams(t *testing.T) {
	h := newHouse(t, setup{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- httpd.Serve(ctx, listener, httpd.Config{Handler: h.handler, Log: slog.New(slog.DiscardHandler)})
	}()
	open := func(query, last string) *stream {
		t.Helper()
		r := request{method: "GET", path: "/v1/events" + query, header: map[string]string{"Accept": "text/html, text/event-stream;q=0.9", "Last-Event-ID": last}}.
			build(t, "http://"+listener.Addr().String())
		res, err := http.DefaultClient.Do(r)
		h.must(err)
		t.Cleanup(func() { _ = res.Body.Close() })
		if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != "text/event-stream; charset=utf-8" || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s", res.StatusCode, got)
		}
		s := &stream{t, bufio.NewScanner(res.Body)}
		if got := s.next(); fmt.Sprint(got) != "[retry: 2000]" {
			t.Fatalf("it begins with %q", got)
		}
		return s
	}
	h.happens(acme, expired)
	s := open("", "")
	want := []string{"id: 1", "event: hold.expired", "data: " + firstEvent}
	if got := s.next(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q", got)
	}
	fresh := open("?after=latest&type=balance.low", "")
	back := open("?after=0", "1")
	for n := range 3 {
		h.happens(acme, low)
		for _, s := range []*stream{s, fresh, back} {
			if got := s.next(); got[0] != fmt.Sprint("id: ", n+2) || got[1] != "event: balance.low" {
				t.Errorf("%q", got)
			}
		}
	}
	stop()
	for _, s := range []*stream{s, fresh, back} {
		if got := s.next(); fmt.Sprint(got) != "[END]" {
			t.Errorf("when the server stops: %q", got)
		}
	}
	select {
	case err := <-served:
		h.must(err)
	case <-time.After(5 * time.Second):
		t.Error("streams keep the server from stopping")
	}
}

// Whoever waits does so for longer than the server gives others.
func TestWaitingOutlastsTheServersLimits(t *testing.T) {
	h := newHouse(t, setup{})
	h.server.Close()
	h.server = httptest.NewUnstartedServer(h.handler)
	const limit = 200 * time.Millisecond
	h.server.Config.ReadTimeout, h.server.Config.WriteTimeout = limit, limit
	h.server.Start()
	h.do(request{method: "GET", path: "/v1/events?wait=600ms"}).expect(200).is(`{"events":[],"next":"0"}`)
	r := request{method: "GET", path: "/v1/events", header: map[string]string{"Accept": "text/event-stream"}}.build(t, h.server.URL)
	res, err := h.server.Client().Do(r)
	h.must(err)
	defer res.Body.Close()
	s := &stream{t, bufio.NewScanner(res.Body)}
	s.next()
	time.Sleep(3 * limit)
	h.happens(acme, low)
	if got := s.next(); got[0] != "id: 1" {
		t.Errorf("%q", got)
	}
}

func TestStreamsAreRefusedAsAllElse(t *testing.T) {
	h := newHouse(t, setup{})
	for query, want := range map[string]struct {
		status int
		code   string
	}{"?after=x": {400, "invalid_field"}, "?portal=none": {404, "not_found"}} {
		got := h.do(request{method: "GET", path: "/v1/events" + query, header: map[string]string{"Accept": "text/event-stream"}, loose: true})
		if got.status != want.status || got.member("code") != want.code {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	got := h.do(request{method: "GET", path: "/v1/events", header: map[string]string{"Accept": "text/event-stream", "Last-Event-ID": "e1"}, loose: true})
	got.refused(400, "invalid_field", "after")
}

func TestSchemas(t *testing.T) {
	h := newHouse(t, setup{})
	types, _ := h.do(request{method: "GET", path: "/v1/events/schemas", secret: "-"}).expect(200).elements("types")
	if len(types) != len(event.Types())+1 {
		t.Errorf("%d types", len(types))
	}
	for _, one := range types {
		got := h.do(request{method: "GET", path: one["schema"].(string), secret: "-"}).expect(200)
		var schema struct{ Title string }
		if err := json.Unmarshal([]byte(got.body), &schema); err != nil || schema.Title != one["type"] || !strings.HasPrefix(got.header.Get("Content-Type"), "application/schema+json") {
			t.Errorf("%v: %v, %s", one, err, got.body)
		}
	}
	h.do(request{method: "GET", path: "/v1/events/schemas/none"}).refused(404, "not_found", "")
	h.do(request{method: "GET", path: "/v1/events/schemas?a=b", loose: true}).refused(400, "invalid_field", "a")
}
