package main

import (
	"context"
	"errors"

	"github.com/bursarhq/bursar/mail"
)

// mailbox is a mail server that takes everything, or nothing, or does not say.
type mailbox struct {
	world *world
	got   map[string]int // how often it took a message, by its id
	once  bool           // the same again does not count
}

// Send hands a message over, as mail.Sender promises.
func (b *mailbox) Send(_ context.Context, m mail.Message) error {
	w := b.world
	p := w.current()
	if p != nil && p.dead {
		return errCrashed
	}
	w.pause()
	if w.fate.strikes(mailDown) {
		return errors.New("the mail server does not answer")
	}
	if b.got[m.ID]++; b.got[m.ID] > 1 && !b.once {
		w.fail("", "the mail %s (%s) was sent twice", m.ID, m.Subject)
	}
	w.say("", "%s mails %q", p, m.Subject)
	w.pause()
	if p != nil && w.fate.strikes(crashMailed) {
		w.say("", "%s: %s", p, crashMailed)
		p.dead = true
		return errors.Join(mail.ErrUnknown, errCrashed)
	}
	if w.fate.strikes(mailUnknown) {
		return mail.ErrUnknown
	}
	return nil
}

// repeater is a mailbox that has each message but once, however often it gets it.
type repeater struct{ *mailbox }

// Repeats says so.
func (repeater) Repeats() {}
