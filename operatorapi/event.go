package operatorapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/httpd"
)

const (
	// maxWait is for how long a request for events may wait for some.
	maxWait = 30 * time.Second
	// maxWaiting is how many requests may wait for events at once, streams included.
	maxWaiting = 256
	// beatEvery is how often a stream says that it is alive, so that nobody in between
	// takes it for dead, and writeWithin how long a part of it may take to go out.
	beatEvery   = 15 * time.Second
	writeWithin = 30 * time.Second
	// streamedAtOnce is how many events a stream reads at once.
	streamedAtOnce = 100
)

// listEvents answers GET /v1/events: at once, when there are some, or as a stream.
func (d *door) listEvents(w http.ResponseWriter, r *http.Request, _ ids) error {
	q, err := readQuery(r, "type", "type", "after", "portal", "limit", "wait")
	if err != nil {
		return err
	}
	in := billing.EventQuery{PortalID: q.text("portal"), Types: q.values["type"]}
	if in.Limit, err = q.limit(); err != nil {
		return err
	}
	wait, err := q.wait()
	if err != nil {
		return err
	}
	streamed := wantsStream(r)
	after := q.text("after")
	if last := r.Header.Get("Last-Event-ID"); streamed && last != "" { // somebody comes back
		after = last
	}
	if in.After, err = d.position(r.Context(), after); err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		streamed, wait = false, 0
	}
	if !streamed && wait == 0 {
		return d.answerEvents(w, r, in)
	}
	select {
	case d.waiting <- struct{}{}:
		defer func() { <-d.waiting }()
	default:
		return &limitError{retryAfter: "5"}
	}
	// A reader that waits is not one that is slow to send its request.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Now().Add(wait + writeWithin))
	ctx, cancel := untilStopped(r.Context())
	defer cancel()
	if streamed {
		return d.streamEvents(ctx, w, in)
	}
	return d.waitForEvents(ctx, w, r, in, wait)
}

// wantsStream reports whether a request is for a stream of events.
func wantsStream(r *http.Request) bool {
	for _, accepted := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(accepted, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			if strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
				return true
			}
		}
	}
	return false
}

// untilStopped returns a context that ends when the server stops, too.
func untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stopping := httpd.Stopping(ctx)
	go func() {
		select {
		case <-stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// position reads a place in the line of events.
func (d *door) position(ctx context.Context, text string) (int64, error) {
	if text == "latest" {
		return d.service.LastEvent(ctx)
	}
	return parsePosition("after", text)
}

// parsePosition reads a place in the line of events; "" is the beginning.
func parsePosition(field, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, &billing.FieldError{Field: field, Text: clip(text, 40) + " is no place in the line of events"}
	}
	return n, nil
}

// wait returns for how long to wait; 0 when it is not asked for.
func (q query) wait() (time.Duration, error) {
	text := q.text("wait")
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, &billing.FieldError{Field: "wait", Text: clip(text, 40) + " is not a time between 0s and " + maxWait.String()}
	}
	return wait, nil
}

func (d *door) answerEvents(w http.ResponseWriter, r *http.Request, in billing.EventQuery) error {
	page, err := d.service.Events(r.Context(), in)
	if err == nil {
		err = writeEvents(w, page)
	}
	return err
}

func writeEvents(w http.ResponseWriter, page billing.EventPage) error {
	o := newObject(64 + 512*len(page.Events))
	var failed error
	o.list("events", len(page.Events), func(i int) {
		text, err := json.Marshal(page.Events[i])
		failed = errors.Join(failed, err)
		o.b = append(o.b, text...)
	})
	if failed != nil {
		return failed
	}
	o.text("next", strconv.FormatInt(page.Through, 10))
	o.write(w, http.StatusOK)
	return nil
}

// waitForEvents answers as soon as there are events, or with none when the time is over.
func (d *door) waitForEvents(ctx context.Context, w http.ResponseWriter, r *http.Request, in billing.EventQuery, wait time.Duration) error {
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		page, err := d.service.Events(r.Context(), in)
		if err != nil {
			return err
		}
		if len(page.Events) > 0 {
			return writeEvents(w, page)
		}
		in.After = page.Through
		if d.service.WaitForEvents(within, in.After) != nil {
			return writeEvents(w, page)
		}
	}
}

// streamEvents answers with events as they come, until somebody has enough.
// Source: WHATWG HTML, "Server-sent events".
func (d *door) streamEvents(ctx context.Context, w http.ResponseWriter, in billing.EventQuery) error {
	in.Limit = streamedAtOnce
	page, err := d.service.Events(ctx, in) // so that what is wrong is answered as everywhere
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // of proxies in between
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	s := stream{w: w, control: http.NewResponseController(w)}
	if s.send([]byte("retry: 2000\n\n")) != nil {
		return nil // they went away
	}
	for {
		if s.events(page) != nil || ctx.Err() != nil {
			return nil
		}
		if in.After = page.Through; len(page.Events) < in.Limit {
			if !d.beat(ctx, &s, in.After) {
				return nil
			}
		}
		if page, err = d.service.Events(ctx, in); err != nil {
			if ctx.Err() == nil {
				d.log.WarnContext(ctx, "a stream of events broke off", "error", err)
			}
			return nil // they come back, and hear then what is the matter
		}
	}
}

// beat waits for events, and says now and then that the stream is alive. It reports
// whether to go on.
func (d *door) beat(ctx context.Context, s *stream, after int64) bool {
	within, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	if d.service.WaitForEvents(within, after) == nil {
		return true
	}
	// An id without an event moves on where the stream would be gone on with.
	return ctx.Err() == nil && s.send(append(strconv.AppendInt([]byte(": nothing new\nid: "), after, 10), "\n\n"...)) == nil
}

// stream is an answer that goes on.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send writes a part of the stream, and has it go out.
func (s *stream) send(b []byte) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}

// events sends a page of events.
func (s *stream) events(page billing.EventPage) error {
	if len(page.Events) == 0 {
		return nil
	}
	var b []byte
	for _, e := range page.Events {
		text, err := json.Marshal(e) // of one line
		if err != nil {
			return err
		}
		b = strconv.AppendInt(append(b, "id: "...), e.Position, 10)
		b = append(append(b, "\nevent: "...), e.Type...)
		b = append(append(append(b, "\ndata: "...), text...), "\n\n"...)
	}
	return s.send(b)
}

// listSchemas answers GET /v1/events/schemas.
func (d *door) listSchemas(w http.ResponseWriter, r *http.Request, _ ids) error {
	if _, err := readQuery(r, ""); err != nil {
		return err
	}
	types := allTypes()
	o := newObject(128 * len(types))
	o.list("types", len(types), func(i int) {
		o.inner("", func() {
			o.text("type", string(types[i]))
			o.text("schema", Prefix+"events/schemas/"+string(types[i]))
		})
	})
	o.write(w, http.StatusOK)
	return nil
}

// allTypes are those of all messages, of tests too.
func allTypes() []event.Type { return append(slices.Clone(event.Types()), event.TypeWebhookTest) }

// getSchema answers GET /v1/events/schemas/{type}.
func (d *door) getSchema(w http.ResponseWriter, _ *http.Request, id ids) error {
	if !slices.Contains(allTypes(), event.Type(id[0])) {
		return errNoRoute
	}
	text, _ := event.Schema(event.Type(id[0]))
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, typeSchema, compact.Bytes())
	return nil
}
