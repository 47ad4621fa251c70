package operatorapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// webhookID returns the id of a webhook in a path, which is nothing else than one.
func webhookID(id ids) (string, error) {
	if uuid.Validate(id[0]) != nil {
		return "", fmt.Errorf("webhook: %w", billing.ErrNotFound)
	}
	return id[0], nil
}

// namedTypes has what is wrong with types be told by the member's name.
func namedTypes(err error) error {
	var wrong *billing.FieldError
	if errors.As(err, &wrong) && wrong.Field == "type" {
		return &billing.FieldError{Field: "types", Text: wrong.Text}
	}
	return err
}

// listWebhooks answers GET /v1/webhooks.
func (d *door) listWebhooks(w http.ResponseWriter, r *http.Request, _ ids) error {
	if _, err := readQuery(r, ""); err != nil {
		return err
	}
	all, err := d.service.Webhooks(r.Context())
	if err != nil {
		return err
	}
	writePage(w, "webhooks", all, false, (*object).webhook, nil)
	return nil
}

// createWebhook answers POST /v1/webhooks.
func (d *door) createWebhook(w http.ResponseWriter, r *http.Request, _ ids) error {
	var in billing.NewWebhook
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "url":
			in.URL, err = j.given(field)
		case "description":
			in.Description, err = j.text(field)
		case "portal":
			in.PortalID, err = j.given(field)
		case "types":
			in.Types, err = j.list(field)
		case "private":
			in.Private, err = j.boolean(field)
		case "secret":
			in.Secret, err = j.given(field)
		case "after":
			in.After = new(int64)
			*in.After, err = j.whole(field, 0)
		default:
			return false, nil
		}
		return true, err
	}, "url"); err != nil {
		return err
	}
	hook, err := d.service.CreateWebhook(r.Context(), in)
	if err != nil {
		return namedTypes(err)
	}
	writeWithSecret(w, http.StatusCreated, &hook)
	return nil
}

// getWebhook answers GET /v1/webhooks/{webhook}.
func (d *door) getWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	return d.answerWebhook(w, r, id, d.service.Webhook)
}

// pauseWebhook answers POST /v1/webhooks/{webhook}/pause.
func (d *door) pauseWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	return d.answerWebhook(w, r, id, d.service.PauseWebhook)
}

// resumeWebhook answers POST /v1/webhooks/{webhook}/resume.
func (d *door) resumeWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	return d.answerWebhook(w, r, id, d.service.ResumeWebhook)
}

// answerWebhook does something with a webhook, and answers with it as it is then.
func (d *door) answerWebhook(w http.ResponseWriter, r *http.Request, id ids, do func(ctx context.Context, id string) (store.Webhook, error)) error {
	name, err := webhookID(id)
	if err != nil {
		return err
	}
	hook, err := do(r.Context(), name)
	if err != nil {
		return err
	}
	o := newObject(512)
	o.webhook(&hook)
	o.write(w, http.StatusOK)
	return nil
}

// changeWebhook answers PATCH /v1/webhooks/{webhook}.
func (d *door) changeWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	var in billing.WebhookChange
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "url":
			in.URL = new(string)
			*in.URL, err = j.given(field)
		case "description":
			in.Description = new(string)
			*in.Description, err = j.text(field)
		case "portal":
			in.PortalID = new(string)
			*in.PortalID, err = j.text(field)
		case "types":
			in.Types = new([]string)
			*in.Types, err = j.list(field)
		case "private":
			in.Private = new(bool)
			*in.Private, err = j.boolean(field)
		default:
			return false, nil
		}
		return true, err
	}); err != nil {
		return err
	}
	return namedTypes(d.answerWebhook(w, r, id, func(ctx context.Context, id string) (store.Webhook, error) {
		return d.service.ChangeWebhook(ctx, id, in)
	}))
}

// rotateWebhook answers POST /v1/webhooks/{webhook}/rotate.
func (d *door) rotateWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	name, err := webhookID(id)
	if err != nil {
		return err
	}
	hook, err := d.service.RotateWebhookSecret(r.Context(), name)
	if err != nil {
		return err
	}
	writeWithSecret(w, http.StatusOK, &hook)
	return nil
}

// deleteWebhook answers DELETE /v1/webhooks/{webhook}.
func (d *door) deleteWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	name, err := webhookID(id)
	if err != nil {
		return err
	}
	if err := d.service.DeleteWebhook(r.Context(), name); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

// testWebhook answers POST /v1/webhooks/{webhook}/test.
func (d *door) testWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	name, err := webhookID(id)
	if err != nil {
		return err
	}
	answer, err := d.service.TestWebhook(r.Context(), name)
	if err != nil {
		return err
	}
	o := newObject(128)
	o.boolean("taken", answer.Taken)
	o.text("status", answer.Status)
	o.number("milliseconds", answer.Took.Milliseconds())
	o.write(w, http.StatusOK)
	return nil
}

// replayWebhook answers POST /v1/webhooks/{webhook}/replay.
func (d *door) replayWebhook(w http.ResponseWriter, r *http.Request, id ids) error {
	var from, to int64
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "from":
			from, err = j.whole(field, 1)
		case "to":
			to, err = j.whole(field, 1)
		default:
			return false, nil
		}
		return true, err
	}, "from"); err != nil {
		return err
	}
	name, err := webhookID(id)
	if err != nil {
		return err
	}
	if to, err = d.service.ReplayWebhook(r.Context(), name, from, to); err != nil {
		return err
	}
	o := newObject(64)
	o.number("from", from)
	o.number("to", to)
	o.write(w, http.StatusAccepted)
	return nil
}

// listUndelivered answers GET /v1/webhooks/{webhook}/undelivered.
func (d *door) listUndelivered(w http.ResponseWriter, r *http.Request, id ids) error {
	const kind = "undelivered"
	q, err := readQuery(r, "", "after", "limit")
	if err != nil {
		return err
	}
	after, err := q.afterNumber(kind)
	if err != nil {
		return err
	}
	limit, err := q.limit()
	if err != nil {
		return err
	}
	name, err := webhookID(id)
	if err != nil {
		return err
	}
	all, err := d.service.Undelivered(r.Context(), name, after, limit)
	if err != nil {
		return err
	}
	writePage(w, kind, all, len(all) == limit, (*object).undelivered, func(u *store.Undelivered) cursor {
		return cursor{kind, strconv.FormatInt(u.Event.Position, 10)}
	})
	return nil
}

func (o *object) undelivered(u *store.Undelivered) {
	o.number("position", u.Event.Position)
	o.text("event", event.ID(u.Event.Number, u.Event.PortalID))
	o.text("type", u.Event.Type)
	o.text("portal", u.Event.PortalID)
	o.number("attempts", u.Attempts)
	o.text("status", u.Status)
	o.moment("at", u.At)
}

// writeWithSecret answers with a webhook and its secret, which is told this once.
func writeWithSecret(w http.ResponseWriter, status int, hook *store.Webhook) {
	o := newObject(512)
	o.text("secret", hook.Secret)
	o.webhook(hook)
	o.write(w, status)
}

func (o *object) webhook(hook *store.Webhook) {
	o.text("id", hook.ID)
	o.text("url", hook.URL)
	o.some("description", hook.Description)
	o.some("portal", hook.PortalID)
	if len(hook.Types) > 0 {
		o.texts("types", hook.Types)
	}
	o.boolean("private", hook.Private)
	o.text("state", string(hook.State))
	o.some("reason", hook.Reason)
	o.number("position", hook.Position)
	o.number("failures", hook.Failures)
	o.moment("failingSince", hook.FailingSince)
	o.some("lastStatus", hook.LastStatus)
	o.moment("lastAt", hook.LastAt)
	o.moment("oldSecretUntil", hook.OldUntil)
	o.moment("createdAt", hook.CreatedAt)
}
