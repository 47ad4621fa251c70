package notice

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/mail"
)

// Reader is who a notice is for.
type Reader string

const (
	// Payer is who pays for a portal.
	Payer Reader = "payer"
	// Operator is whoever runs Bursar.
	Operator Reader = "operator"
)

// WebhookPaused is what operators are told of a webhook that nothing is sent to any
// more, because it failed for too long. It is no event: there may be nobody left to
// send one to.
type WebhookPaused struct {
	// ID is the webhook's, Description what operators call it; "" for nothing.
	ID          string `json:"id"`
	Description string `json:"description,omitzero"`
	// URL is where events were sent to. Only its host is told: a path may be a secret.
	URL string `json:"url"`
	// Gone says that it answered that it wants no more; otherwise it took nothing for too
	// long.
	Gone bool `json:"gone,omitzero"`
	// LastStatus is what came of the last attempt.
	LastStatus string `json:"lastStatus"`
	// Since is when the first attempt failed of those that all did; the zero Time where
	// that does not matter.
	Since event.Time `json:"since,omitzero"`
}

// Portal is where it happened, as people know it.
type Portal struct {
	// Name is what its people call it; "" means that it goes by its ID.
	ID, Name string
	// Address is its host; "" for none.
	Address string
	// Zone is what its people's clocks show; nil means UTC.
	Zone *time.Location
}

// Notice is what is told to somebody.
type Notice struct {
	// Data is what happened: one of the structs of package event, or a WebhookPaused.
	Data any
	// At is when it happened.
	At time.Time
	// To is who reads it; "" means the payer.
	To Reader
	// Portal is where it happened; the zero Portal for what concerns no portal.
	Portal Portal
	// Plan is the plan that Data names, as the catalogue has it; nil means that it is
	// called as Data calls it.
	Plan *catalog.Plan
	// Ending is what the portal has where Data says that its plan has ended; "" where it
	// is not known.
	Ending catalog.Ending
	// Ahead is how long before it is due something is paid for.
	Ahead time.Duration
	// TopUps says that the wallet has a rule that tops it up, which is on and not
	// suspended.
	TopUps bool
	// Method is what the payer pays with, for people: "Visa •••• 4242"; "" for nothing.
	Method string
	// PayerEmail is whom a notice to operators says to have been written to; "" for
	// nobody.
	PayerEmail string
}

// Readers returns who is told of something: nobody of most of what happens. A decline
// after which top-ups are suspended is told as that alone.
func Readers(data any) []Reader {
	both := []Reader{Payer, Operator}
	switch d := data.(type) {
	case event.TopUpDeclined:
		if !d.RetryAt.IsZero() {
			return both
		}
	case event.TopUpSuspended, event.SubscriptionPastDue, event.RunwayLow:
		return both
	case event.TopUpResumed, event.SubscriptionDue:
		return []Reader{Payer}
	case event.TopUpSkipped:
		if isLimit(d) || d.Reason == "no_method" {
			return []Reader{Payer}
		}
	case event.SubscriptionCancelled:
		switch d.Reason {
		case "unpaid":
			return both
		case "trial_ended":
			return []Reader{Payer}
		}
	case WebhookPaused:
		return []Reader{Operator}
	}
	return nil
}

// Render returns the notice as a message with no sender, no recipient and no id. It
// fails when nobody is told of such things, and when an amount in Data is none.
func (n Notice) Render() (mail.Message, error) {
	w := &writer{notice: n}
	l, err := w.letter()
	if err == nil {
		err = w.err
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("write notice: %w", err)
	}
	l.Portal, l.Footer = w.portal(), w.footer()
	text, html, err := l.render()
	if err != nil {
		return mail.Message{}, fmt.Errorf("write notice: %w", err)
	}
	return mail.Message{Subject: l.Subject, Text: text, HTML: html, Automatic: true}, nil
}

// writer words one notice. It keeps the first error, after which what it returns means
// nothing.
type writer struct {
	notice Notice
	err    error
}

func (w *writer) letter() (letter, error) {
	switch d := w.notice.Data.(type) {
	case event.TopUpDeclined:
		return w.topUpDeclined(d), nil
	case event.TopUpSuspended:
		return w.topUpSuspended(d), nil
	case event.TopUpResumed:
		return w.topUpResumed(d), nil
	case event.TopUpSkipped:
		return w.topUpSkipped(d), nil
	case event.SubscriptionDue:
		return w.due(d), nil
	case event.SubscriptionPastDue:
		return w.pastDue(d), nil
	case event.SubscriptionCancelled:
		return w.ended(d), nil
	case event.RunwayLow:
		return w.runwayLow(d), nil
	case WebhookPaused:
		return w.webhookPaused(d), nil
	}
	return letter{}, fmt.Errorf("nobody is told of a %T", w.notice.Data)
}

// toOperator reports whether operators read it.
func (w *writer) toOperator() bool { return w.notice.To == Operator }
