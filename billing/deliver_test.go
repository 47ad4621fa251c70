package billing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// receiver is a webhook's other end, on this machine.
type receiver struct {
	t      *testing.T
	url    string
	mu     sync.Mutex
	got    []string // the ids that arrived, in their order
	bodies []event.Event
	secret string // "": what arrives is not verified
	// answer returns a status; 0 hangs up without one. nil: 204.
	answer func(n int, e event.Event, h http.Header) int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	var e event.Event
	if err := json.Unmarshal(body, &e); err != nil {
		r.t.Errorf("%v of %s", err, body)
	}
	if id := request.Header.Get("webhook-id"); id != e.ID {
		r.t.Errorf("%s is sent as %s", e.ID, id)
	}
	if r.secret != "" {
		hook, err := standardwebhooks.NewWebhook(r.secret)
		if err == nil {
			err = hook.Verify(body, request.Header)
		}
		if err != nil {
			r.t.Error(err)
		}
	}
	r.got, r.bodies = append(r.got, e.ID), append(r.bodies, e)
	n, answer := len(r.got), r.answer
	r.mu.Unlock()
	status := http.StatusNoContent
	if answer != nil {
		status = answer(n, e, w.Header())
	}
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

// answers has the receiver answer so from now on.
func (r *receiver) answers(how func(n int, e event.Event, h http.Header) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = how
}

// fails has it answer with a status whatever comes.
func (r *receiver) fails(status int) {
	r.answers(func(int, event.Event, http.Header) int { return status })
}

// took returns what arrived, and forgets it.
func (r *receiver) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got, r.bodies = nil, nil
	return got
}

// postHall is a hall with portals p and q, of which things can happen.
func postHall(t *testing.T, config store.Config) *hall {
	t.Helper()
	h := tillHall(t, config, newClock(), nil)
	h.addPortal("p")
	h.addPortal("q")
	return h
}

// onPostHalls runs a test on one in memory and on one on a server.
func onPostHalls(t *testing.T, test func(t *testing.T, h *hall)) {
	t.Run("memory", func(t *testing.T) { test(t, postHall(t, store.Config{InMemory: true})) })
	t.Run("postgres", func(t *testing.T) { test(t, postHall(t, store.Config{URL: pgtest.Database(t)})) })
}

// happens writes events down in a portal, and returns their ids.
func (h *hall) happens(portalID string, all ...event.Data) (ids []string) {
	h.t.Helper()
	h.must(h.store.Change(h.t.Context(), portalID, func(tx *store.Tx) error {
		ids = nil
		for _, data := range all {
			text, err := json.Marshal(data)
			if err != nil {
				return err
			}
			n, err := tx.AppendEvent(store.Event{Type: string(data.Type()), At: h.clock.Now(), Data: string(text)})
			if err != nil {
				return err
			}
			ids = append(ids, event.ID(n, portalID))
		}
		return nil
	}))
	return ids
}

var (
	expired = event.HoldExpired{Hold: "h1.p", Amount: event.Money{Amount: "1.00", Currency: "USD"}, Service: "backup"}
	low     = event.BalanceLow{Available: event.Money{Amount: "1.00", Currency: "USD"}, Floor: event.Money{Amount: "2.00", Currency: "USD"}}
)

// settle does all that is due now.
func (h *hall) settle() {
	h.t.Helper()
	for range 1000 {
		placed, err := h.PlaceEvents(h.t.Context())
		h.must(err)
		jobs, err := h.ClaimJobs(h.t.Context(), 10)
		h.must(err)
		for _, job := range jobs {
			h.must(h.RunJob(h.t.Context(), job))
		}
		if placed == 0 && len(jobs) == 0 {
			return
		}
	}
	h.t.Fatal("there is always something to do")
}

// elapse moves the clock on, and does what falls due on the way.
func (h *hall) elapse(d time.Duration) {
	h.t.Helper()
	end := h.clock.Now().Add(d)
	for {
		h.settle()
		at, ok, err := h.NextAt(h.t.Context())
		h.must(err)
		if !ok || at.After(end) {
			h.clock.Move(end.Sub(h.clock.Now()))
			return
		}
		h.clock.Move(at.Sub(h.clock.Now()))
	}
}

// hook has events be sent to a receiver.
func (h *hall) hook(r *receiver, in billing.NewWebhook) store.Webhook {
	h.t.Helper()
	in.URL, in.Private = r.url, true
	hook, err := h.CreateWebhook(h.t.Context(), in)
	h.must(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = hook.Secret
	return hook
}

func (h *hall) webhook(id string) store.Webhook {
	h.t.Helper()
	hook, err := h.Webhook(h.t.Context(), id)
	h.must(err)
	return hook
}

func TestEventsAreSentInTheirOrder(t *testing.T) {
	onPostHalls(t, func(t *testing.T, h *hall) {
		early := h.happens("p", expired, low)
		h.settle()
		all, fromNow, ofQ, lows := newReceiver(t), newReceiver(t), newReceiver(t), newReceiver(t)
		h.hook(all, billing.NewWebhook{After: new(int64)})
		h.hook(fromNow, billing.NewWebhook{})
		h.hook(ofQ, billing.NewWebhook{PortalID: "q"})
		last := h.hook(lows, billing.NewWebhook{Types: []string{"balance.low"}, After: new(int64)})
		h.settle()
		diff(t, "what was before", all.took(), early)
		diff(t, "what was before, of a type", lows.took(), early[1:])
		var late []string
		for range 60 {
			h.clock.Move(time.Second)
			late = append(append(late, h.happens("p", expired, low)...), h.happens("q", low)...)
		}
		h.settle()
		diff(t, "all", all.took(), late)
		diff(t, "from now on", fromNow.took(), late)
		var q, low []string
		for i, id := range late {
			if i%3 == 2 {
				q = append(q, id)
			}
			if i%3 > 0 {
				low = append(low, id)
			}
		}
		diff(t, "of q", ofQ.took(), q)
		diff(t, "of a type", lows.took(), low)
		if hook := h.webhook(last.ID); hook.Position != 182 || hook.LastStatus != "204 No Content" || hook.Failures != 0 || !hook.LastAt.Equal(h.clock.Now()) {
			t.Errorf("%+v", hook)
		}
	})
}

// What was sent while the receiver was down for a day arrives afterwards, in order,
// once.
func TestAReceiverThatWasDown(t *testing.T) {
	onPostHalls(t, func(t *testing.T, h *hall) {
		r := newReceiver(t)
		hook := h.hook(r, billing.NewWebhook{})
		r.fails(http.StatusBadGateway)
		var want []string
		for hour := range 24 {
			want = append(want, h.happens([]string{"p", "q"}[hour%2], expired, low)...)
			h.elapse(time.Hour)
		}
		attempts := r.took()
		if len(attempts) < 10 || len(attempts) > 30 || slices.ContainsFunc(attempts, func(id string) bool { return id != want[0] }) {
			t.Errorf("it was tried %d times: %v", len(attempts), attempts)
		}
		if got := h.webhook(hook.ID); got.Position != 0 || got.Failures != int64(len(attempts)) || got.State != store.WebhookActive || got.LastStatus != "502 Bad Gateway" {
			t.Errorf("%+v", got)
		}
		r.answers(nil)
		h.elapse(12 * time.Hour) // the longest pause
		diff(t, "what arrived", r.took(), want)
		if got := h.webhook(hook.ID); got.Position != int64(len(want)) || got.Failures != 0 || !got.FailingSince.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

func TestFailuresAreTriedAgain(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	h.hook(r, billing.NewWebhook{})
	r.answers(func(n int, _ event.Event, _ http.Header) int {
		if n == 2 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	ids := h.happens("p", low, expired, low)
	h.settle()
	diff(t, "before the pause", r.took(), ids[:2])
	r.answers(nil)
	more := h.happens("p", low)
	h.settle() // what comes meanwhile hurries nothing
	h.clock.Move(4 * time.Second)
	h.settle()
	diff(t, "in the pause", r.took(), []string(nil))
	h.elapse(6 * time.Second)
	diff(t, "after the pause", r.took(), append(ids[1:], more...))
}

func TestRetryAfterIsHonoured(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	h.hook(r, billing.NewWebhook{})
	r.answers(func(_ int, _ event.Event, header http.Header) int {
		header.Set("Retry-After", "3600")
		return http.StatusServiceUnavailable
	})
	ids := h.happens("p", low)
	h.elapse(time.Hour - time.Second)
	diff(t, "in the hour", r.took(), ids)
	h.elapse(2 * time.Second)
	diff(t, "after it", r.took(), ids)
}

// A reply that is lost is a delivery that is made again, under the same id.
func TestALostReply(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	h.hook(r, billing.NewWebhook{})
	r.answers(func(n int, _ event.Event, _ http.Header) int {
		if n == 2 {
			return 0
		}
		return http.StatusOK
	})
	ids := h.happens("p", low, expired)
	h.elapse(time.Minute)
	diff(t, "what arrived", r.took(), []string{ids[0], ids[1], ids[1]})
}

// One that is stopped in the middle has written down what was taken, and leaves the
// rest to the next one.
func TestStoppedInTheMiddle(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	h.hook(r, billing.NewWebhook{})
	ids := h.happens("p", low, expired, low)
	h.must(h.PlaceEvents(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	r.answers(func(n int, _ event.Event, _ http.Header) int {
		if n == 2 {
			stop()
		}
		return http.StatusOK
	})
	jobs, err := h.ClaimJobs(t.Context(), 10)
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	h.must(h.RunJob(ctx, jobs[0]))
	got := r.took()
	h.settle()
	got = append(got, r.took()...)
	if !slices.Equal(got, ids) && !slices.Equal(got, []string{ids[0], ids[1], ids[1], ids[2]}) { // whether the answer was read before the stop is chance
		t.Errorf("%v arrived of %v", got, ids)
	}
}

// Several workers on one database send each event, and never one before another that
// stands in front of it.
func TestTwoWorkersKeepTheOrder(t *testing.T) {
	url := pgtest.Database(t)
	a := postHall(t, store.Config{URL: url})
	b := tillHall(t, store.Config{URL: url}, a.clock, nil)
	r := newReceiver(t)
	a.hook(r, billing.NewWebhook{})
	done := make(chan struct{})
	var workers, portals sync.WaitGroup
	work := func(h *hall) bool {
		placed, err := h.PlaceEvents(background)
		if err != nil {
			t.Error(err)
		}
		jobs, err := h.ClaimJobs(background, 2)
		if err != nil {
			t.Error(err)
		}
		for _, job := range jobs {
			if err := h.RunJob(background, job); err != nil {
				t.Error(err)
			}
		}
		return placed > 0 || len(jobs) > 0
	}
	for _, h := range []*hall{a, b, a, b} {
		workers.Go(func() {
			for {
				select {
				case <-done:
					for work(h) {
					}
					return
				default:
					work(h)
				}
			}
		})
	}
	for _, id := range []string{"p", "q"} {
		portals.Go(func() {
			for range 50 {
				a.happens(id, low)
			}
		})
	}
	portals.Wait()
	close(done)
	workers.Wait()
	page, err := a.Events(t.Context(), billing.EventQuery{Limit: 1000})
	a.must(err)
	var want []string
	for _, e := range page.Events {
		want = append(want, e.ID)
	}
	if len(want) != 100 {
		t.Errorf("there are %d events", len(want))
	}
	diff(t, "what arrived", r.took(), want)
}

// A worker whose lease is over has another one go on; what both send arrives twice,
// and for the first time in order.
func TestALeaseThatIsOver(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	hook := h.hook(r, billing.NewWebhook{})
	ids := h.happens("p", low, expired, low)
	h.must(h.PlaceEvents(t.Context()))
	jobs, err := h.ClaimJobs(t.Context(), 1)
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	r.answers(func(n int, _ event.Event, _ http.Header) int {
		if n == 2 { // while this is on its way, the lease ends and the other one does it all
			r.answers(nil)
			h.clock.Move(3 * time.Minute)
			h.settle()
		}
		return http.StatusOK
	})
	h.must(h.RunJob(t.Context(), jobs[0]))
	h.settle()
	got := r.took()
	diff(t, "what arrived", got, []string{ids[0], ids[1], ids[0], ids[1], ids[2], ids[2]})
	if hook := h.webhook(hook.ID); hook.Position != 3 {
		t.Errorf("%+v", hook)
	}
	h.happens("p", low)
	h.settle()
	if got := r.took(); len(got) != 1 {
		t.Errorf("then came %v", got)
	}
}

// One event that is never taken is given up after five days, and the line goes on; it
// can be sent again.
func TestAnEventThatIsNeverTaken(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	hook := h.hook(r, billing.NewWebhook{})
	ids := h.happens("p", low, expired, low)
	r.answers(func(_ int, e event.Event, _ http.Header) int {
		if e.ID == ids[1] {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	started := h.clock.Now()
	h.elapse(5*day - time.Minute)
	got := r.took()
	if len(got) < 20 || got[0] != ids[0] || got[len(got)-1] != ids[1] {
		t.Errorf("%v", got)
	}
	h.elapse(12 * time.Hour)
	diff(t, "the last", r.took(), []string{ids[1], ids[2]})
	all, err := h.Undelivered(t.Context(), hook.ID, 0, 10)
	h.must(err)
	if len(all) != 1 || all[0].Event.Position != 2 || all[0].Attempts != int64(len(got)) || all[0].Status != "400 Bad Request" || all[0].At.Sub(started) < 5*day {
		t.Errorf("undelivered: %+v after %d attempts", all, len(got))
	}
	if got := h.webhook(hook.ID); got.State != store.WebhookActive || got.Reason != "" || got.Position != 3 || got.Failures != 0 {
		t.Errorf("%+v", got)
	}
	r.answers(nil)
	h.must(h.ReplayWebhook(t.Context(), hook.ID, 2, 2))
	h.settle()
	diff(t, "sent again", r.took(), ids[1:2])
	if all, err := h.Undelivered(t.Context(), hook.ID, 0, 10); err != nil || len(all) != 0 {
		t.Errorf("undelivered: %+v, %v", all, err)
	}
}

// A receiver that takes nothing for days is sent to no more, until somebody resumes it.
func TestAReceiverThatIsDead(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	hook := h.hook(r, billing.NewWebhook{})
	ids := h.happens("p", low, expired, low)
	r.fails(http.StatusInternalServerError)
	h.elapse(6 * day)
	if n := len(r.took()); n > 50 {
		t.Errorf("it was tried %d times", n)
	}
	got := h.webhook(hook.ID)
	if got.State != store.WebhookPaused || got.Reason != "unreachable" || got.Position != 1 {
		t.Errorf("%+v", got)
	}
	lines := h.trail("")
	if last := lines[len(lines)-1]; last.Action != "webhook.pause" || last.Actor != "bursar" || last.Object != hook.ID {
		t.Errorf("%+v", last)
	}
	h.elapse(day)
	diff(t, "while it is paused", r.took(), []string(nil))
	r.answers(nil)
	h.must(h.ResumeWebhook(t.Context(), hook.ID))
	h.settle()
	diff(t, "when it is resumed", r.took(), ids[1:])
	all, err := h.Undelivered(t.Context(), hook.ID, 0, 10)
	if err != nil || len(all) != 1 {
		t.Errorf("undelivered: %+v, %v", all, err)
	}
}

func TestGone(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	hook := h.hook(r, billing.NewWebhook{})
	r.fails(http.StatusGone)
	ids := h.happens("p", low, expired)
	h.elapse(day)
	diff(t, "what was tried", r.took(), ids[:1])
	if got := h.webhook(hook.ID); got.State != store.WebhookPaused || got.Reason != "gone" || got.LastStatus != "410 Gone" {
		t.Errorf("%+v", got)
	}
	r.answers(nil)
	h.must(h.ResumeWebhook(t.Context(), hook.ID))
	h.settle()
	diff(t, "when it is resumed", r.took(), ids)
}

// What is paused while events are on their way is sent no more, and resumed where it
// was.
func TestPausedInTheMiddle(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	hook := h.hook(r, billing.NewWebhook{})
	ids := h.happens("p", low, expired, low, low)
	r.answers(func(n int, _ event.Event, _ http.Header) int {
		if n == 2 {
			h.must(h.PauseWebhook(background, hook.ID))
		}
		return http.StatusOK
	})
	h.settle()
	diff(t, "before the pause", r.took(), ids[:2])
	r.answers(nil)
	ids = append(ids, h.happens("q", low)...)
	h.elapse(day)
	diff(t, "in the pause", r.took(), []string(nil))
	h.must(h.ResumeWebhook(t.Context(), hook.ID))
	h.settle()
	diff(t, "afterwards", r.took(), ids[2:])
	h.must(h.DeleteWebhook(t.Context(), hook.ID))
	h.happens("q", low)
	h.elapse(day)
	diff(t, "when it is gone", r.took(), []string(nil))
}

func TestSecretsAreRotated(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	hook := h.hook(r, billing.NewWebhook{})
	rotated, err := h.RotateWebhookSecret(t.Context(), hook.ID)
	if err != nil || rotated.Secret == hook.Secret {
		t.Fatal(err)
	}
	trust := func(secret string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.secret = secret
	}
	for _, secret := range []string{hook.Secret, rotated.Secret} { // which the receiver verifies with
		trust(secret)
		h.happens("p", low)
		h.settle()
	}
	h.elapse(day)
	h.happens("p", low)
	h.settle()
	trust("")
	signatures := make(chan string, 1)
	r.answers(func(int, event.Event, http.Header) int { return http.StatusOK })
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		signatures <- request.Header.Get("webhook-signature")
	}))
	defer server.Close()
	h.must(h.ChangeWebhook(t.Context(), hook.ID, billing.WebhookChange{URL: &server.URL}))
	h.happens("p", low)
	h.settle()
	if got := <-signatures; len(got) != len("v1,")+44 {
		t.Errorf("it is signed %q a day later", got)
	}
}

func TestReplays(t *testing.T) {
	onPostHalls(t, func(t *testing.T, h *hall) {
		r := newReceiver(t)
		hook := h.hook(r, billing.NewWebhook{Types: []string{"balance.low"}})
		var ids []string
		for range 130 {
			ids = append(ids, h.happens("p", low, expired)...)
		}
		h.settle()
		diff(t, "at first", len(r.took()), 130)
		h.must(h.ReplayWebhook(t.Context(), hook.ID, 2, 7))
		if _, err := h.ReplayWebhook(t.Context(), hook.ID, 1, 1); !errors.Is(err, billing.ErrInUse) {
			t.Error("two go on at once")
		}
		more := h.happens("p", low)
		h.settle()
		got := r.took()
		slices.Sort(got)
		want := append([]string{ids[2], ids[4], ids[6]}, more...)
		slices.Sort(want)
		diff(t, "from 2 to 7, and one that is new", got, want)
		r.answers(func(n int, _ event.Event, _ http.Header) int {
			if n == 3 {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		h.must(h.ReplayWebhook(t.Context(), hook.ID, 1, 0))
		h.elapse(time.Minute)
		all := r.took()
		if all[2] != all[3] || len(all) != 132 {
			t.Errorf("%d arrived, %v", len(all), all[:4])
		}
		if got := h.webhook(hook.ID); got.Position != 261 || got.Failures != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestWebhooksAreTriedOut(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	r := newReceiver(t)
	hook := h.hook(r, billing.NewWebhook{PortalID: "p"})
	h.must(h.PauseWebhook(t.Context(), hook.ID))
	for _, status := range []int{http.StatusOK, http.StatusTeapot} {
		r.fails(status)
		answer, err := h.TestWebhook(t.Context(), hook.ID)
		if err != nil || answer.Taken != (status == http.StatusOK) || answer.Status != fmt.Sprint(status, " ", http.StatusText(status)) {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	if e := r.bodies[0]; e.Type != event.TypeWebhookTest || e.Position != 0 || e.PortalID != "p" || string(e.Data) != `{"webhook":"`+hook.ID+`"}` {
		t.Errorf("%+v", e)
	}
	if got := h.webhook(hook.ID); got.LastStatus != "" || got.Failures != 0 {
		t.Errorf("%+v", got)
	}
}
