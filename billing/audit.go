package billing

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// Actor is who changes something.
type Actor struct {
	Kind ActorKind
	// ID is the user's or the operator key's; Name is for people.
	ID, Name string
	// Request is the id of the request; "" when there is none.
	Request string
}

// ActorKind is what kind of an actor one is.
type ActorKind string

const (
	ByUser     ActorKind = "user"     // of a portal, with an API key
	ByOperator ActorKind = "operator" // with an operator key
	ByCommand  ActorKind = "command"  // somebody at the machine's command line
	ByProvider ActorKind = "provider" // the payment provider told
	ByBursar   ActorKind = "bursar"   // by itself
)

type actorKey struct{}

// WithActor returns a context whose changes are by an actor.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// actorOf returns whose changes those under a context are.
func actorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: ByBursar}
}

// Action is what was done, in the words of the trail.
type Action string

// What is written down of whoever does it. Money that is moved without anything
// else being changed stands in the ledger, which is never edited.
const (
	PortalCreated       Action = "portal.create"
	PortalChanged       Action = "portal.change"
	UserCreated         Action = "user.create"
	UserChanged         Action = "user.change"
	UserRemoved         Action = "user.remove"
	KeyCreated          Action = "key.create"
	KeyChanged          Action = "key.change"
	KeyRevoked          Action = "key.revoke"
	CustomerChanged     Action = "customer.change"
	MethodChanged       Action = "customer.method"
	SubscriptionChanged Action = "subscription.change"
	ServicesChanged     Action = "services.change"
	ModelsRestricted    Action = "models.restrict"
	TopUpRuleChanged    Action = "top_up_rule.change"
	TopUpsResumed       Action = "top_ups.resume"
	CreditLimitChanged  Action = "credit_limit.change"
	UsageReported       Action = "usage.report"
	PageOpened          Action = "page.open"
	CollectionOpened    Action = "collection.open"
	CollectionEnded     Action = "collection.end"
	RefundOpened        Action = "refund.open"
	RefundEnded         Action = "refund.end"
	PaymentRecorded     Action = "payment.record"
	CreditBought        Action = "ai_credit.buy"
	ReportStarted       Action = "report.start"
	ReportStopped       Action = "report.cancel"
	SalesAsked          Action = "sales.request"
	OperatorKeyCreated  Action = "operator_key.create"
	OperatorKeyRevoked  Action = "operator_key.revoke"
	JobRetried          Action = "job.retry"
	JobCanceled         Action = "job.cancel"
	WebhookCreated      Action = "webhook.create"
	WebhookChanged      Action = "webhook.change"
	WebhookRotated      Action = "webhook.rotate"
	WebhookPaused       Action = "webhook.pause"
	WebhookResumed      Action = "webhook.resume"
	WebhookReplayed     Action = "webhook.replay"
	WebhookDeleted      Action = "webhook.delete"
)

// trail is what a change says of itself. A change that came to nothing leaves it
// without a line.
type trail struct {
	actor  Actor
	lines  []store.Audit
	events []event.Data
}

// tell has others know what happened, in the order in which it is told.
func (t *trail) tell(what event.Data) { t.events = append(t.events, what) }

// note adds a line: what was done, to what, and what it was before and after, both
// as JSON; nil for nothing. What is the same afterwards was not changed.
func (t *trail) note(action Action, object string, before, after any) {
	line := store.Audit{Action: string(action), Object: object, Before: asJSON(before), After: asJSON(after)}
	if line.Before != line.After {
		t.lines = append(t.lines, line)
	}
}

func asJSON(v any) string {
	if v == nil {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil { // only what can be written is noted, and a test notes everything
		return fmt.Sprintf("%q", err.Error())
	}
	if string(text) == "null" { // of an empty list
		return ""
	}
	return string(text)
}

// asKept is a moment as the store keeps it, so that it is the same before and after.
func asKept(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// change is a transaction on one portal that leaves a trail.
func (s *Service) change(ctx context.Context, portalID string, fn func(tx *store.Tx, t *trail) error) error {
	return s.store.Change(ctx, portalID, func(tx *store.Tx) error {
		return s.trace(ctx, tx, func(t *trail) error { return fn(tx, t) })
	})
}

// trace does something and writes down what it noted, in one transaction.
func (s *Service) trace(ctx context.Context, tx *store.Tx, fn func(t *trail) error) error {
	actor := actorOf(ctx)
	t := trail{actor: actor}
	if err := fn(&t); err != nil {
		return err
	}
	for _, line := range t.lines {
		line.At, line.Actor, line.ActorID, line.ActorName, line.RequestID = s.now(), string(actor.Kind), actor.ID, actor.Name, actor.Request
		if err := tx.AppendAudit(line); err != nil {
			return fmt.Errorf("write the trail: %w", err)
		}
	}
	for _, what := range t.events {
		e := store.Event{Type: string(what.Type()), At: s.now(), Data: asJSON(what)}
		number, err := tx.AppendEvent(e)
		if err != nil {
			return fmt.Errorf("write event %s: %w", e.Type, err)
		}
		for _, job := range s.noticesFor(number, what) {
			if err := tx.CauseJob(s.now(), job); err != nil {
				return fmt.Errorf("have event %s mailed: %w", e.Type, err)
			}
		}
	}
	return nil
}

// MaxAudit is the highest limit of a page of the trail.
const MaxAudit = 1000

// Audit returns up to limit lines of a portal's trail, the latest first, of those
// before a number; 0 means from the last one on. The trail of what concerns no
// portal is that of "". It fails with ErrNotFound when there is no such portal.
func (s *Service) Audit(ctx context.Context, portalID string, before int64, limit int) (lines []store.Audit, err error) {
	if limit < 1 || limit > MaxAudit {
		return nil, invalid("limit", "%d is not between 1 and %d", limit, MaxAudit)
	}
	if before < 0 {
		return nil, invalid("before", "%d is negative", before)
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		if portalID != "" {
			if _, err := tx.Portal(portalID); err != nil {
				return err
			}
		}
		lines, err = tx.AuditBefore(portalID, before, limit)
		return err
	})
	return lines, fromStore("read the trail", err)
}
