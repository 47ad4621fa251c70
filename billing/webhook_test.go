package billing_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// wrongIn fails the test unless an error names a field.
func wrongIn(t *testing.T, what string, err error, field string) {
	t.Helper()
	var wrong *billing.FieldError
	if !errors.As(err, &wrong) || wrong.Field != field {
		t.Errorf("%s: %v, want something about %s", what, err, field)
	}
}

func TestWebhooksThatCannotBe(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	h.happens("p", low)
	h.settle()
	good := billing.NewWebhook{URL: "https://example.com/"}
	for name, tt := range map[string]struct {
		spoil func(in *billing.NewWebhook)
		field string
	}{
		"no address":              {func(in *billing.NewWebhook) { in.URL = "" }, "url"},
		"http":                    {func(in *billing.NewWebhook) { in.URL = "http://example.com/" }, "url"},
		"a private address":       {func(in *billing.NewWebhook) { in.URL = "https://10.0.0.1/" }, "url"},
		"metadata":                {func(in *billing.NewWebhook) { in.URL, in.Private = "http://169.254.169.254/", true }, "url"},
		"a long description":      {func(in *billing.NewWebhook) { in.Description = strings.Repeat("ä", 201) }, "description"},
		"a portal that is not":    {func(in *billing.NewWebhook) { in.PortalID = "none" }, "portal"},
		"a type that is not":      {func(in *billing.NewWebhook) { in.Types = []string{"low", "balance.low"} }, "type"},
		"tests are not sent":      {func(in *billing.NewWebhook) { in.Types = []string{"webhook.test"} }, "type"},
		"a secret of no kind":     {func(in *billing.NewWebhook) { in.Secret = "secret" }, "secret"},
		"a short secret":          {func(in *billing.NewWebhook) { in.Secret = "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM=" }, "secret"},
		"a secret not in base 64": {func(in *billing.NewWebhook) { in.Secret = "whsec_" + strings.Repeat("*", 32) }, "secret"},
		"after what is to come":   {func(in *billing.NewWebhook) { in.After = new(int64(2)) }, "after"},
		"after less than nothing": {func(in *billing.NewWebhook) { in.After = new(int64(-1)) }, "after"},
	} {
		in := good
		tt.spoil(&in)
		_, err := h.CreateWebhook(t.Context(), in)
		wrongIn(t, name, err, tt.field)
	}
	if all, err := h.Webhooks(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%d webhooks, %v", len(all), err)
	}
	good.Secret, good.Types, good.Description = "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0", []string{"balance.low", "balance.low"}, " ours "
	hook, err := h.CreateWebhook(t.Context(), good)
	h.must(err)
	if hook.Secret != good.Secret || !slices.Equal(hook.Types, []string{"balance.low"}) || hook.Position != 1 || hook.Description != "ours" {
		t.Errorf("%+v", hook)
	}
	_, err = h.ChangeWebhook(t.Context(), hook.ID, billing.WebhookChange{URL: new("http://example.com")})
	wrongIn(t, "another address", err, "url")
	got, err := h.ChangeWebhook(t.Context(), hook.ID, billing.WebhookChange{Types: &[]string{}, Description: new(""), Private: new(true), URL: new("http://localhost/"), PortalID: new("p")})
	if err != nil || got.Types != nil || got.Description != "" || got.PortalID != "p" || got.URL != "http://localhost/" {
		t.Errorf("%+v, %v", got, err)
	}
	wrongIn(t, "a replay from nothing", second(h.ReplayWebhook(t.Context(), hook.ID, 0, 1)), "from")
	wrongIn(t, "a replay from what is to come", second(h.ReplayWebhook(t.Context(), hook.ID, 2, 0)), "from")
	wrongIn(t, "a replay to what is to come", second(h.ReplayWebhook(t.Context(), hook.ID, 1, 2)), "to")
	h.must(h.PauseWebhook(t.Context(), hook.ID))
	wrongIn(t, "a replay to what is paused", second(h.ReplayWebhook(t.Context(), hook.ID, 1, 1)), "webhook")
	_, err = h.Undelivered(t.Context(), hook.ID, -1, 1)
	wrongIn(t, "undelivered", err, "after")
	_, err = h.Undelivered(t.Context(), hook.ID, 0, 0)
	wrongIn(t, "undelivered", err, "limit")
}

func TestWebhooksThatAreNotThere(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	ctx := t.Context()
	for name, err := range map[string]error{
		"read":        second(h.Webhook(ctx, "none")),
		"change":      second(h.ChangeWebhook(ctx, "none", billing.WebhookChange{})),
		"rotate":      second(h.RotateWebhookSecret(ctx, "none")),
		"pause":       second(h.PauseWebhook(ctx, "none")),
		"resume":      second(h.ResumeWebhook(ctx, "none")),
		"test":        second(h.TestWebhook(ctx, "none")),
		"undelivered": second(h.Undelivered(ctx, "none", 0, 1)),
		"replay":      second(h.ReplayWebhook(ctx, "none", 1, 1)),
		"delete":      h.DeleteWebhook(ctx, "none"),
	} {
		if !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestThereAreOnlySoManyWebhooks(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	for range billing.MaxWebhooks {
		h.must(h.CreateWebhook(t.Context(), billing.NewWebhook{URL: "https://example.com/"}))
	}
	if _, err := h.CreateWebhook(t.Context(), billing.NewWebhook{URL: "https://example.com/"}); !errors.Is(err, billing.ErrLimit) {
		t.Error(err)
	}
}

func TestEventsAreRead(t *testing.T) {
	h := postHall(t, store.Config{InMemory: true})
	want := append(h.happens("p", low, expired), h.happens("q", low)...)
	h.settle()
	ids := func(q billing.EventQuery) (ids []string, through int64) {
		page, err := h.Events(t.Context(), q)
		h.must(err)
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		return ids, page.Through
	}
	got, through := ids(billing.EventQuery{Limit: 2})
	rest, end := ids(billing.EventQuery{Limit: 2, After: through})
	diff(t, "page by page", append(got, rest...), want)
	if through != 2 || end != 3 {
		t.Errorf("through %d and %d", through, end)
	}
	got, _ = ids(billing.EventQuery{Limit: 9, PortalID: "p", Types: []string{"hold.expired"}})
	diff(t, "of p", got, want[1:2])
	page, err := h.Events(t.Context(), billing.EventQuery{Limit: 1, After: 1})
	h.must(err)
	e := page.Events[0]
	if e.Type != event.TypeHoldExpired || e.PortalID != "p" || e.Position != 2 || !e.Timestamp.Equal(h.clock.Now()) {
		t.Errorf("%+v", e)
	}
	for _, q := range []struct {
		query billing.EventQuery
		field string
	}{
		{billing.EventQuery{}, "limit"},
		{billing.EventQuery{Limit: billing.MaxEvents + 1}, "limit"},
		{billing.EventQuery{Limit: 1, After: -1}, "after"},
		{billing.EventQuery{Limit: 1, Types: []string{"x"}}, "type"},
	} {
		_, err := h.Events(t.Context(), q.query)
		wrongIn(t, "a query", err, q.field)
	}
	if _, err := h.Events(t.Context(), billing.EventQuery{Limit: 1, PortalID: "none"}); !errors.Is(err, billing.ErrNotFound) {
		t.Error(err)
	}
}

// Those who wait hear of events that anybody gave their places, and of their own end.
func TestWaitingForEvents(t *testing.T) {
	url := t.TempDir()
	h := tillHall(t, store.Config{Dir: url, NoSync: true}, newClock(), nil)
	other := tillHall(t, store.Config{Dir: url, NoSync: true}, h.clock, nil)
	h.addPortal("p")
	for _, who := range []*hall{h, other} {
		last, err := h.LastEvent(t.Context())
		h.must(err)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if err := h.WaitForEvents(ctx, last); err != nil {
					t.Error(err)
				}
			})
		}
		who.happens("p", low)
		who.must(who.PlaceEvents(t.Context()))
		all.Wait()
		if err := h.WaitForEvents(t.Context(), last); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.WaitForEvents(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
