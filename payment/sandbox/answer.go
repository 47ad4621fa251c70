package sandbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/payment"
)

// Answer is what a customer does on a page.
type Answer struct {
	// Method is the name of the card that they chose.
	Method string
	// Confirmation is their answer to whether it is really them; "" if they were not
	// asked yet.
	Confirmation Confirmation
	// Remove asks an AccountPage to forget what is saved, instead.
	Remove bool
}

// Confirmation is what a customer says who must confirm a payment.
type Confirmation string

const (
	Confirmed Confirmation = "confirm"
	Rejected  Confirmation = "reject"
)

// Step is what a page does next.
type Step string

const (
	// Finished: the customer goes on to the SuccessURL.
	Finished Step = "finished"
	// MustConfirm: the customer is asked to confirm, and answers again.
	MustConfirm Step = "confirm"
	// TryAgain: nothing was collected, because of Reply.Reason; another card may do.
	TryAgain Step = "try again"
)

// Reply is what comes of an Answer.
type Reply struct {
	Step   Step
	Reason string
	// Events are to be told to whoever the provider works for, in this order. They
	// are told again when the page is answered again.
	Events []payment.Event
}

// Answer does what a customer asks for on a page. A page that is finished stays as it
// is, and answers as it did.
//
// It fails with payment.ErrNotFound (no such page, or another token), ErrRefused (the
// page's time is over, or there is no such card), and as the chosen card does.
func (p *Provider) Answer(ctx context.Context, customer, id, token string, a Answer) (Reply, error) {
	page, err := p.page(ctx, customer, id, token)
	if err != nil {
		return Reply{}, err
	}
	record, err := p.journal.Lookup(ctx, customer, id)
	if err == nil {
		return p.finished(record, page.Kind), nil
	}
	if !errors.Is(err, payment.ErrNotFound) {
		return Reply{}, err
	}
	if !p.now().Before(page.ExpiresAt) {
		return Reply{}, fmt.Errorf("%w: the page can't be used any more", payment.ErrRefused)
	}
	if a.Remove && page.Kind == payment.AccountPage {
		return p.remove(ctx, page)
	}
	m, place := methodNamed(a.Method)
	if place < 0 {
		return Reply{}, fmt.Errorf("%w: the sandbox has no method %q", payment.ErrRefused, a.Method)
	}
	mustConfirm := m.Behaviour.Confirm || m.Behaviour.Decline == payment.AuthenticationRequired
	if mustConfirm {
		switch a.Confirmation {
		case Confirmed:
		case Rejected:
			return Reply{Step: TryAgain, Reason: payment.AuthenticationRequired}, nil
		default:
			return Reply{Step: MustConfirm}, nil
		}
	}
	if page.Kind != payment.PayPage {
		// Any card can be saved, so that later charges by it can fail.
		return p.finish(ctx, page, m, Behaviour{Twice: m.Behaviour.Twice})
	}
	b := m.Behaviour
	if mustConfirm {
		b.Decline = ""
	}
	// On a page that takes long, a decline comes when the customer has gone.
	if b.Decline != "" && b.Late == 0 {
		return Reply{Step: TryAgain, Reason: b.Decline}, nil
	}
	return p.finish(ctx, page, m, b)
}

// finish writes down that a page is done.
func (p *Provider) finish(ctx context.Context, page PageRecord, m Method, b Behaviour) (Reply, error) {
	if b.Fault == Unreachable {
		return Reply{}, fmt.Errorf("%w: connection refused by the sandbox", payment.ErrUnreachable)
	}
	if b.Fault.before() {
		return Reply{}, unknown(ctx, b.Fault.text())
	}
	r := p.record(payment.Charge{ID: page.ID, Customer: page.Customer, Amount: page.Amount}, b)
	r.Saved = m.Name
	first, _, err := p.journal.Record(ctx, r)
	if err != nil {
		return Reply{}, unknown(ctx, err)
	}
	if first.Customer != page.Customer || first.Amount != page.Amount {
		return Reply{}, fmt.Errorf("%w: the id %s belongs to another charge", payment.ErrRefused, page.ID)
	}
	if b.Fault.after() {
		return Reply{}, unknown(ctx, b.Fault.text())
	}
	return p.finished(first, page.Kind), nil
}

// remove writes down that what was saved is gone.
func (p *Provider) remove(ctx context.Context, page PageRecord) (Reply, error) {
	last, err := p.lastSaved(ctx, page.Customer)
	if err != nil {
		return Reply{}, err
	}
	if last == nil {
		return Reply{Step: Finished}, nil
	}
	first, _, err := p.journal.Record(ctx, Record{
		Customer: page.Customer, ID: page.ID, State: payment.Settled, Reference: reference(page.ID), Gone: last.Token, At: p.stamp(),
	})
	if err != nil {
		return Reply{}, unknown(ctx, err)
	}
	return p.finished(first, page.Kind), nil
}

// finished returns the reply of a page that is done.
func (p *Provider) finished(r Record, kind payment.PageKind) Reply {
	reply := Reply{Step: Finished, Events: []payment.Event{p.eventOf(r, kind)}}
	if m, _ := methodNamed(r.Saved); m.Behaviour.Twice {
		reply.Events = append(reply.Events, reply.Events[0])
	}
	return reply
}
