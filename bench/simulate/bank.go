package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

// bank is the provider of all processes: the sandbox, whose own books survive
// everything, with what goes wrong on the way there and back.
type bank struct {
	world   *world
	books   *books
	sandbox *sandbox.Provider
	// messages are those that are under way to whoever listens.
	messages []message
	asked    int // charges that arrived
}

// message is on its way.
type message struct {
	at       time.Time
	customer string
	text     string
	event    func() (payment.Event, error)
}

// books are the sandbox's own, with who is told of what is written there.
type books struct {
	*sandbox.MemoryJournal
	written func(sandbox.Record)
}

// Record keeps the first record of an id.
func (b *books) Record(ctx context.Context, r sandbox.Record) (sandbox.Record, bool, error) {
	first, existed, err := b.MemoryJournal.Record(ctx, r)
	if err == nil && !existed {
		b.written(first)
	}
	return first, existed, err
}

// ciphers are where a sandbox's secrets come from.
type ciphers struct{ random *rand.Rand }

func (c ciphers) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.random.Uint64())
	}
	return len(p), nil
}

func newBank(w *world) *bank {
	b := &bank{world: w}
	b.books = &books{sandbox.Memory(), b.written}
	b.sandbox = sandbox.New(sandbox.Config{
		Journal: b.books, Now: w.clock.Now, Script: b.behaviour, FindScript: b.found, WebhookSecret: "simulated",
		Random: ciphers{rand.New(rand.NewPCG(w.seed, 3))},
	})
	return b
}

// behaviour says how a charge goes: as the card is, unless something goes wrong.
func (b *bank) behaviour(c payment.Charge) sandbox.Behaviour {
	f, how := b.world.fate, sandbox.Behaviour{}
	if why := b.world.cards.declines(c.Method, b.world.clock.Now(), f); why != "" {
		how.Decline = why
		f.happened(declined)
	}
	if f.strikes(late) {
		how.Late = time.Duration(1+f.random.IntN(90)) * []time.Duration{time.Second, time.Minute, time.Hour}[f.random.IntN(3)]
	}
	for _, kind := range []struct {
		fault fault
		as    sandbox.Fault
	}{
		{unreachable, sandbox.Unreachable}, {timeOutBefore, sandbox.TimeOutBefore}, {timeOutAfter, sandbox.TimeOutAfter},
		{errorBefore, sandbox.FailBefore}, {errorAfter, sandbox.FailAfter},
	} {
		if f.strikes(kind.fault) {
			how.Fault = kind.as
			break
		}
	}
	return how
}

func (b *bank) found(string, string) sandbox.Fault {
	if b.world.fate.strikes(findFails) {
		return sandbox.FailBefore
	}
	return ""
}

// written is told of everything that the bank writes into its books, and tells it to
// whoever listens, now or later.
func (b *bank) written(r sandbox.Record) {
	w := b.world
	w.say(r.Customer, "the bank writes: %s %s %s %s", r.ID, r.Amount, r.State, r.Reason)
	if r.Amount == (money.Amount{}) {
		return // told by who answers the page
	}
	due := w.clock.Now()
	if r.Due.After(due) {
		due = r.Due
	}
	b.tell(due, payment.Charged, r.Customer, r.ID)
}

// tell has whoever listens told of a charge, which may get lost.
func (b *bank) tell(due time.Time, kind payment.EventKind, customer, id string) {
	b.send(due, customer, string(kind)+" "+id, false, func() (payment.Event, error) {
		header, body, err := b.sandbox.Message(kind, customer, id)
		if err != nil {
			return payment.Event{}, err
		}
		return b.sandbox.Event(b.world.ctx, header, body)
	})
}

// send puts a message on its way; one that is sure is never lost.
func (b *bank) send(due time.Time, customer, text string, sure bool, event func() (payment.Event, error)) {
	f := b.world.fate
	times := 1
	if f.strikes(messageTwice) {
		times = 2
	}
	for range times {
		if !sure && f.strikes(messageLost) {
			continue
		}
		at := due.Add(time.Second)
		if f.strikes(messageLate) {
			at = due.Add(time.Duration(1+f.random.IntN(80)) * []time.Duration{time.Second, time.Minute, time.Hour}[f.random.IntN(3)])
		}
		if slices.ContainsFunc(b.messages, func(m message) bool { return m.customer == customer && m.at.After(at) }) {
			f.happened(messageReordered)
		}
		b.messages = append(b.messages, message{at, customer, text, event})
	}
}

// next returns when the next message arrives.
func (b *bank) next() (at time.Time, ok bool) {
	for _, m := range b.messages {
		if !ok || m.at.Before(at) {
			at, ok = m.at, true
		}
	}
	return at, ok
}

// deliver has a process receive a message that has arrived. One that it could not
// take comes again.
func (b *bank) deliver(p *process) bool {
	w := b.world
	now := w.clock.Now()
	place := slices.IndexFunc(b.messages, func(m message) bool { return !m.at.After(now) })
	if place < 0 {
		return false
	}
	m := b.messages[place]
	b.messages = slices.Delete(b.messages, place, place+1)
	e, err := m.event()
	if err == nil {
		err = p.service.Receive(w.ctx, e)
	}
	w.say(m.customer, "%s receives %q (%s): %v", p, m.text, e.Outcome.State, err)
	if err != nil {
		m.at = w.clock.Now().Add(time.Duration(1+w.fate.random.IntN(60)) * time.Minute)
		b.messages = append(b.messages, m)
	}
	return true
}

// Name returns the sandbox's name.
func (b *bank) Name() string { return b.sandbox.Name() }

// asking is the way to the bank and back: others may come in between, and the process
// may be lost before or after.
func (b *bank) asking(do func() error) error {
	w := b.world
	p := w.current()
	gone := fmt.Errorf("%w: the process is gone", payment.ErrUnreachable)
	if p == nil {
		return do()
	}
	if w.fate.strikes(crashAsking) {
		w.say("", "%s: %s", p, crashAsking)
		p.dead = true
	}
	if p.dead {
		return gone
	}
	for range 3 { // it takes long
		w.pause()
	}
	err := do()
	for range 3 {
		w.pause()
	}
	if w.fate.strikes(crashAsked) {
		w.say("", "%s: %s", p, crashAsked)
		p.dead = true
		return fmt.Errorf("%w: the process is gone", payment.ErrUnknown)
	}
	return err
}

// Charge collects, as payment.Provider promises.
func (b *bank) Charge(ctx context.Context, c payment.Charge) (o payment.Outcome, err error) {
	err = b.asking(func() error {
		b.asked++
		o, err = b.sandbox.Charge(ctx, c)
		b.world.say(c.Customer, "%s charges %s %s by %s: %s %s %v", b.world.current(), c.ID, c.Amount, c.Method, o.State, o.Reason, err)
		return err
	})
	return o, err
}

// Find looks for a charge, as payment.Provider promises.
func (b *bank) Find(ctx context.Context, q payment.Query) (o payment.Outcome, err error) {
	err = b.asking(func() error {
		o, err = b.sandbox.Find(ctx, q)
		b.world.say(q.Customer, "%s finds %s: %s %v", b.world.current(), q.ID, o.State, err)
		return err
	})
	return o, err
}

// Open makes a page, as payment.Provider promises.
func (b *bank) Open(ctx context.Context, page payment.Page) (link payment.Link, err error) {
	err = b.asking(func() error {
		link, err = b.sandbox.Open(ctx, page)
		return err
	})
	return link, err
}

// Refund gives back, as payment.Provider promises.
func (b *bank) Refund(ctx context.Context, r payment.Refund) (o payment.Outcome, err error) {
	err = b.asking(func() error {
		o, err = b.sandbox.Refund(ctx, r)
		if err == nil {
			b.tell(b.world.clock.Now(), payment.Refunded, r.Customer, r.ChargeID)
		}
		b.world.say(r.Customer, "%s gives back %s of %s: %s %v", b.world.current(), r.Amount, r.ChargeID, o.State, err)
		return err
	})
	return o, err
}

// Event reads a message, as payment.Provider promises.
func (b *bank) Event(ctx context.Context, header http.Header, body []byte) (payment.Event, error) {
	return b.sandbox.Event(ctx, header, body)
}
