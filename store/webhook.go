package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// WebhookState is whether events are sent.
type WebhookState string

const (
	WebhookActive WebhookState = "active"
	WebhookPaused WebhookState = "paused"
)

// Webhook is where events are sent to.
type Webhook struct {
	ID string
	// URL is the address; Description is for people.
	URL, Description string
	// PortalID is the portal whose events are sent; "" means those of all.
	PortalID string
	// Types are those of the events that are sent; nil means all.
	Types []string
	// Private says that it may be at a private address.
	Private bool
	// Secret is what is signed with, and OldSecret too until OldUntil; that is the zero
	// Time where there is none.
	Secret, OldSecret string
	OldUntil          time.Time
	State             WebhookState
	// Reason is why it is paused; "" when it is not.
	Reason string
	// Position is the place in the line of the last event that is done with.
	Position int64
	// Failures counts the attempts in a row for the next one that did not succeed, and
	// FailingSince is the first one since anything did: the zero Time when all is well.
	Failures     int64
	FailingSince time.Time
	// LastStatus says what came of the last attempt, which was made at LastAt: "" and
	// the zero Time when there was none.
	LastStatus string
	LastAt     time.Time
	CreatedAt  time.Time
}

// ChangeWebhooks is a transaction on webhooks, and on jobs that concern no portal. One
// at a time is done, and no event is given its place in the line meanwhile.
func (s *Store) ChangeWebhooks(ctx context.Context, fn func(*Tx) error) error {
	return s.aside(ctx, "", func(tx *Tx) error {
		var last int64
		if err := tx.row(`
			SELECT value
			  FROM counter
			 WHERE name = 'event' `+tx.lockRows, nil, &last); err != nil {
			return err
		}
		return fn(tx)
	})
}

// InsertWebhook adds a webhook, or fails with ErrExists.
func (tx *Tx) InsertWebhook(w Webhook) error {
	if _, err := tx.exec(`
		INSERT INTO webhook (webhook_id, url, description, portal_id, types, private, secret, old_secret, old_until, state, reason,
		                     position, failures, failing_since, last_status, last_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		append(w.columns(), w.CreatedAt.UnixMicro())...); err != nil {
		return fmt.Errorf("webhook %s: %w", w.ID, err)
	}
	return nil
}

// UpdateWebhook writes all of a webhook that may change. It fails with ErrNotFound.
func (tx *Tx) UpdateWebhook(w Webhook) error {
	changed, err := tx.exec(`
		UPDATE webhook
		   SET url = $2,
		       description = $3,
		       portal_id = $4,
		       types = $5,
		       private = $6,
		       secret = $7,
		       old_secret = $8,
		       old_until = $9,
		       state = $10,
		       reason = $11,
		       position = $12,
		       failures = $13,
		       failing_since = $14,
		       last_status = $15,
		       last_at = $16
		 WHERE webhook_id = $1`, w.columns()...)
	if err == nil && changed == 0 {
		err = fmt.Errorf("webhook %s: %w", w.ID, ErrNotFound)
	}
	return err
}

// columns are those of a webhook that may change, its id first.
func (w *Webhook) columns() []any {
	types, err := json.Marshal(append([]string{}, w.Types...))
	if err != nil { // there is nothing in a list of texts that can't be written
		panic(err)
	}
	return []any{
		w.ID, w.URL, w.Description, w.PortalID, string(types), flag(w.Private), w.Secret, w.OldSecret, micros(w.OldUntil), string(w.State), w.Reason,
		w.Position, w.Failures, micros(w.FailingSince), w.LastStatus, micros(w.LastAt),
	}
}

// DeleteWebhook takes a webhook away, with what was not delivered to it. It fails with
// ErrNotFound.
func (tx *Tx) DeleteWebhook(id string) error {
	if _, err := tx.exec(`
		DELETE FROM undelivered
		 WHERE webhook_id = $1`, id); err != nil {
		return err
	}
	changed, err := tx.exec(`
		DELETE FROM webhook
		 WHERE webhook_id = $1`, id)
	if err == nil && changed == 0 {
		err = fmt.Errorf("webhook %s: %w", id, ErrNotFound)
	}
	return err
}

const webhookColumns = `webhook_id, url, description, portal_id, types, private, secret, old_secret, old_until, state, reason,
		       position, failures, failing_since, last_status, last_at, created_at`

// Webhook returns a webhook, or ErrNotFound.
func (tx *Tx) Webhook(id string) (Webhook, error) {
	all, err := tx.webhooks(`
		SELECT `+webhookColumns+`
		  FROM webhook
		 WHERE webhook_id = $1`, id)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("webhook %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Webhook{}, err
	}
	return all[0], nil
}

// Webhooks returns all webhooks, oldest first.
func (tx *Tx) Webhooks() ([]Webhook, error) {
	return tx.webhooks(`
		SELECT ` + webhookColumns + `
		  FROM webhook
		 ORDER BY created_at, webhook_id`)
}

func (tx *Tx) webhooks(query string, args ...any) (all []Webhook, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		var (
			w                           Webhook
			types                       string
			private                     int
			until, since, last, created sql.NullInt64
		)
		err := scan(&w.ID, &w.URL, &w.Description, &w.PortalID, &types, &private, &w.Secret, &w.OldSecret, &until, &w.State, &w.Reason,
			&w.Position, &w.Failures, &since, &w.LastStatus, &last, &created)
		if err == nil {
			err = json.Unmarshal([]byte(types), &w.Types)
		}
		if len(w.Types) == 0 {
			w.Types = nil
		}
		w.Private = private == 1
		w.OldUntil, w.FailingSince, w.LastAt, w.CreatedAt = fromMicros(until), fromMicros(since), fromMicros(last), fromMicros(created)
		all = append(all, w)
		return err
	})
	return all, err
}

// Undelivered is an event that a webhook did not take, however often it was tried.
type Undelivered struct {
	WebhookID string
	// Event is which one; of those that are read it has everything.
	Event Event
	// Attempts is how often it was tried; Status is what came of the last time, At.
	Attempts int64
	Status   string
	At       time.Time
}

// InsertUndelivered says that a webhook did not take an event; what was said of it
// before is forgotten.
func (tx *Tx) InsertUndelivered(u Undelivered) error {
	return tx.one(`
		INSERT INTO undelivered (webhook_id, position, attempts, status, at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (webhook_id, position) DO UPDATE
		   SET attempts = excluded.attempts,
		       status = excluded.status,
		       at = excluded.at`, u.WebhookID, u.Event.Position, u.Attempts, u.Status, u.At.UnixMicro())
}

// DeleteUndelivered says that a webhook has taken an event after all.
func (tx *Tx) DeleteUndelivered(webhookID string, position int64) error {
	_, err := tx.exec(`
		DELETE FROM undelivered
		 WHERE webhook_id = $1
		   AND position = $2`, webhookID, position)
	return err
}

// UndeliveredAfter returns up to limit events that a webhook did not take, after a
// place in the line.
func (tx *Tx) UndeliveredAfter(webhookID string, position int64, limit int) (all []Undelivered, err error) {
	err = tx.rows(`
		SELECT u.attempts, u.status, u.at, e.portal_id, e.number, e.position, e.type, e.at, e.data
		  FROM undelivered u
		  JOIN event e
		    ON e.position = u.position
		 WHERE u.webhook_id = $1
		   AND u.position > $2
		 ORDER BY u.position
		 LIMIT $3`, []any{webhookID, position, limit}, func(scan func(...any) error) error {
		u := Undelivered{WebhookID: webhookID}
		var tried, at sql.NullInt64
		e := &u.Event
		err := scan(&u.Attempts, &u.Status, &tried, &e.PortalID, &e.Number, &e.Position, &e.Type, &at, &e.Data)
		u.At, e.At = fromMicros(tried), fromMicros(at)
		all = append(all, u)
		return err
	})
	return all, err
}
