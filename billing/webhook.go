package billing

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/webhook"
)

// MaxWebhooks is how many webhooks there may be.
const MaxWebhooks = 100

// oldSecretFor is how long is signed with a secret too that was replaced.
const oldSecretFor = 24 * time.Hour

// Why a webhook is paused, or what else is the matter with it.
const (
	pausedByHand      = "asked"       // somebody paused it
	pausedGone        = "gone"        // it answered with 410: it wants no more
	pausedUnreachable = "unreachable" // it took nothing for days
	givenUp           = "given_up"    // it is not paused, but did not take the last event for days
)

// NewWebhook is what CreateWebhook makes.
type NewWebhook struct {
	// URL is where events are sent to: of https, unless Private is set.
	URL string
	// Description is for people, at most 200 characters.
	Description string
	// PortalID is the portal whose events are sent; "" means those of all.
	PortalID string
	// Types are those of the events that are sent; nil means all.
	Types []string
	// Private says that it may be at a private address, and without https.
	Private bool
	// Secret is what is signed with: whsec_ and 24 to 64 bytes in base 64; "" draws
	// one.
	Secret string
	// After is the place in the line after which events are sent; nil means after the
	// last one that there is.
	After *int64
}

// CreateWebhook has events sent to an address. The secret is told this once.
func (s *Service) CreateWebhook(ctx context.Context, in NewWebhook) (store.Webhook, error) {
	if in.Secret == "" {
		drawn, err := webhook.NewSecret(rand.Reader)
		if err != nil {
			return store.Webhook{}, err
		}
		in.Secret = drawn
	}
	if err := checkSecret(in.Secret); err != nil {
		return store.Webhook{}, err
	}
	hook := store.Webhook{
		ID: uuid.NewString(), URL: in.URL, Description: in.Description, PortalID: in.PortalID, Types: in.Types, Private: in.Private,
		Secret: in.Secret, State: store.WebhookActive, CreatedAt: asKept(s.now()),
	}
	if err := checkWebhook(&hook); err != nil {
		return store.Webhook{}, err
	}
	err := s.changeWebhooks(ctx, func(tx *store.Tx, t *trail) error {
		all, err := tx.Webhooks()
		if err != nil {
			return err
		}
		if len(all) >= MaxWebhooks {
			return fmt.Errorf("there are %d webhooks already: %w", len(all), ErrLimit)
		}
		if hook.Position, err = tx.LastPosition(); err != nil {
			return err
		}
		if in.After != nil {
			if *in.After < 0 || *in.After > hook.Position {
				return invalid("after", "%d is not between 0 and %d, the place of the last event", *in.After, hook.Position)
			}
			hook.Position = *in.After
		}
		if err := checkWebhookPortal(tx, hook.PortalID); err != nil {
			return err
		}
		t.note(WebhookCreated, hook.ID, nil, notedWebhook(hook))
		if err := tx.InsertWebhook(hook); err != nil {
			return err
		}
		return s.causeDelivery(tx, hook)
	})
	if err != nil {
		return store.Webhook{}, fromStore("create webhook", err)
	}
	return hook, nil
}

// checkWebhook refuses a webhook with something in it that can't be used.
func checkWebhook(hook *store.Webhook) (err error) {
	if hook.URL == "" {
		return invalid("url", "is missing")
	}
	if err := webhook.CheckURL(hook.URL, hook.Private); err != nil {
		return invalid("url", "%s", err)
	}
	if strings.TrimSpace(hook.Description) == "" {
		hook.Description = ""
	} else if hook.Description, err = checkName("description", hook.Description, 200); err != nil {
		return err
	}
	hook.Types, err = checkTypes(hook.Types)
	return err
}

// checkSecret refuses a secret that is too easily guessed, or none at all.
// Source: Standard Webhooks, "Signature scheme".
func checkSecret(secret string) error {
	key, found := strings.CutPrefix(secret, "whsec_")
	raw, err := base64.StdEncoding.DecodeString(key)
	if !found || err != nil || len(raw) < 24 || len(raw) > 64 {
		return invalid("secret", "is not whsec_ and 24 to 64 bytes in base 64")
	}
	return nil
}

func checkWebhookPortal(tx *store.Tx, portalID string) error {
	if portalID == "" {
		return nil
	}
	_, err := tx.Portal(portalID)
	if errors.Is(err, store.ErrNotFound) {
		return invalid("portal", "%q is not there", portalID)
	}
	return err
}

// changeWebhooks is a transaction on webhooks that leaves a trail.
func (s *Service) changeWebhooks(ctx context.Context, fn func(tx *store.Tx, t *trail) error) error {
	return s.store.ChangeWebhooks(ctx, func(tx *store.Tx) error {
		return s.trace(ctx, tx, func(t *trail) error { return fn(tx, t) })
	})
}

// Webhooks returns all webhooks, oldest first, with their secrets.
func (s *Service) Webhooks(ctx context.Context) (all []store.Webhook, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.Webhooks()
		return err
	})
	return all, fromStore("list webhooks", err)
}

// Webhook returns a webhook, with its secret, or ErrNotFound.
func (s *Service) Webhook(ctx context.Context, id string) (hook store.Webhook, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		hook, err = tx.Webhook(id)
		return err
	})
	return hook, fromStore("read webhook", err)
}

// WebhookChange is what ChangeWebhook changes; nil leaves it. Its members are as in
// NewWebhook.
type WebhookChange struct {
	URL, Description, PortalID *string
	Types                      *[]string
	Private                    *bool
}

// ChangeWebhook changes where events are sent, or which. Another address is tried at
// once, as if nothing had failed. It fails with ErrNotFound.
func (s *Service) ChangeWebhook(ctx context.Context, id string, in WebhookChange) (store.Webhook, error) {
	return s.changeWebhook(ctx, id, WebhookChanged, func(tx *store.Tx, hook *store.Webhook) error {
		was := hook.URL
		set(&hook.URL, in.URL)
		set(&hook.Description, in.Description)
		set(&hook.PortalID, in.PortalID)
		set(&hook.Types, in.Types)
		set(&hook.Private, in.Private)
		if hook.URL != was {
			begin(hook)
		}
		if err := checkWebhook(hook); err != nil {
			return err
		}
		return checkWebhookPortal(tx, hook.PortalID)
	})
}

// set sets what is given.
func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// begin forgets what failed.
func begin(hook *store.Webhook) {
	hook.Failures, hook.FailingSince = 0, time.Time{}
	if hook.State == store.WebhookActive {
		hook.Reason = ""
	}
}

// changeWebhook changes one webhook.
func (s *Service) changeWebhook(ctx context.Context, id string, action Action, fn func(tx *store.Tx, hook *store.Webhook) error) (hook store.Webhook, err error) {
	err = s.changeWebhooks(ctx, func(tx *store.Tx, t *trail) error {
		if hook, err = tx.Webhook(id); err != nil {
			return err
		}
		before := hook
		if err := fn(tx, &hook); err != nil {
			return err
		}
		t.note(action, id, notedWebhook(before), notedWebhook(hook))
		if err := tx.UpdateWebhook(hook); err != nil {
			return err
		}
		return s.causeDelivery(tx, hook)
	})
	if err != nil {
		return store.Webhook{}, fromStore("change webhook", err)
	}
	return hook, nil
}

// RotateWebhookSecret draws a new secret, which is told this once. For a day is signed
// with the one before it too; one before that is good no more. It fails with
// ErrNotFound.
func (s *Service) RotateWebhookSecret(ctx context.Context, id string) (store.Webhook, error) {
	drawn, err := webhook.NewSecret(rand.Reader)
	if err != nil {
		return store.Webhook{}, err
	}
	return s.changeWebhook(ctx, id, WebhookRotated, func(_ *store.Tx, hook *store.Webhook) error {
		hook.OldSecret, hook.OldUntil, hook.Secret = hook.Secret, asKept(s.now().Add(oldSecretFor)), drawn
		return nil
	})
}

// PauseWebhook has nothing be sent until it is resumed. What happens meanwhile is sent
// then. It fails with ErrNotFound.
func (s *Service) PauseWebhook(ctx context.Context, id string) (store.Webhook, error) {
	return s.changeWebhook(ctx, id, WebhookPaused, func(_ *store.Tx, hook *store.Webhook) error {
		if hook.State == store.WebhookActive {
			hook.State, hook.Reason = store.WebhookPaused, pausedByHand
		}
		return nil
	})
}

// ResumeWebhook has events be sent again, from the first one on that was not done
// with: at once, even if one is not paused but waits after a failure. It fails with
// ErrNotFound.
func (s *Service) ResumeWebhook(ctx context.Context, id string) (store.Webhook, error) {
	return s.changeWebhook(ctx, id, WebhookResumed, func(_ *store.Tx, hook *store.Webhook) error {
		hook.State = store.WebhookActive
		begin(hook)
		return nil
	})
}

// DeleteWebhook takes a webhook away: nothing is sent to it any more. It fails with
// ErrNotFound.
func (s *Service) DeleteWebhook(ctx context.Context, id string) error {
	return fromStore("delete webhook", s.changeWebhooks(ctx, func(tx *store.Tx, t *trail) error {
		hook, err := tx.Webhook(id)
		if err != nil {
			return err
		}
		t.note(WebhookDeleted, id, notedWebhook(hook), nil)
		for _, kind := range []string{jobDeliver, jobReplay} {
			if _, err := tx.CancelJob(s.now(), kind, id); err != nil {
				return err
			}
		}
		return tx.DeleteWebhook(id)
	}))
}

// TestWebhook sends a webhook a message of the type webhook.test, once and at once,
// even if it is paused, and returns what came of it. It fails with ErrNotFound.
func (s *Service) TestWebhook(ctx context.Context, id string) (webhook.Answer, error) {
	hook, err := s.Webhook(ctx, id)
	if err != nil {
		return webhook.Answer{}, err
	}
	data := event.WebhookTest{Webhook: id}
	answer, err := s.send(ctx, hook, event.Event{
		ID: "test_" + uuid.NewString(), Type: data.Type(), Timestamp: event.At(s.now()), PortalID: hook.PortalID, Data: json.RawMessage(asJSON(data)),
	})
	if err != nil {
		return webhook.Answer{}, fmt.Errorf("test webhook: %w", errors.Join(ErrTryAgain, err))
	}
	return answer, nil
}

// Undelivered returns up to limit events that a webhook did not take, however often
// they were tried, after a place in the line. It fails with ErrNotFound.
func (s *Service) Undelivered(ctx context.Context, id string, after int64, limit int) (all []store.Undelivered, err error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	if after < 0 {
		return nil, invalid("after", "%d is negative", after)
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Webhook(id); err != nil {
			return err
		}
		all, err = tx.UndeliveredAfter(id, after, limit)
		return err
	})
	return all, fromStore("list undelivered events", err)
}

// webhookNote is how the trail tells of a webhook: without its secret, and without
// what may be one in its address.
type webhookNote struct {
	URL         string    `json:"url"`
	Description string    `json:"description,omitempty"`
	Portal      string    `json:"portal,omitempty"`
	Types       []string  `json:"types,omitempty"`
	Private     bool      `json:"private,omitempty"`
	State       string    `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	OldUntil    time.Time `json:"oldSecretUntil,omitzero"`
}

func notedWebhook(w store.Webhook) webhookNote {
	return webhookNote{
		URL: PlainURL(w.URL), Description: w.Description, Portal: w.PortalID, Types: w.Types, Private: w.Private,
		State: string(w.State), Reason: w.Reason, OldUntil: asKept(w.OldUntil),
	}
}

// PlainURL returns an address without what stands behind its question mark, where
// secrets may be.
func PlainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}
