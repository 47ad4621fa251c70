package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// SignatureHeader is where a message is signed: "t=1772366400,v1=5257…", the time it
// was sent at in seconds, and the HMAC-SHA256 of that, a full stop and the body, in
// hexadecimal digits.
const SignatureHeader = "Sandbox-Signature"

// tolerance is how far the time of a message may be from now.
const tolerance = 5 * time.Minute

// message is an event on its way. What came of it stands in the journal: who knows
// the secret can tell of what happened, and of nothing else.
type message struct {
	ID       string            `json:"id"`
	Kind     payment.EventKind `json:"kind"`
	Customer string            `json:"customer"`
	Charge   string            `json:"charge"`
}

// eventOf returns what is told of a page that is done, or of a charge.
func (p *Provider) eventOf(r Record, kind payment.PageKind) payment.Event {
	o := r.outcome(p.now())
	e := payment.Event{Kind: payment.Charged, Customer: r.Customer, ChargeID: r.ID, Outcome: o, Method: o.Method, At: o.At}
	switch {
	case r.Gone != "":
		e.Kind, e.ChargeID, e.Outcome = payment.MethodGone, "", payment.Outcome{}
		e.Method = &payment.Method{Account: accountOf(r.Customer), Token: r.Gone}
	case r.Amount == (money.Amount{}):
		e.Kind = payment.MethodSaved
		if kind == payment.AccountPage {
			e.ChargeID = ""
		}
	}
	e.ID = eventID(e.Kind, r)
	return e
}

func eventID(kind payment.EventKind, r Record) string {
	return "evt_" + reference(fmt.Sprintf("%s %s %s", kind, r.Customer, r.ID))
}

// Message returns a message about the charge or page with our id, signed: it can be
// sent to whoever listens for webhooks, and Event reads it. The kind is Charged,
// MethodSaved, MethodGone or Refunded.
func (p *Provider) Message(kind payment.EventKind, customer, id string) (header http.Header, body []byte, err error) {
	body, err = json.Marshal(message{ID: "evt_" + reference(fmt.Sprintf("%s %s %s", kind, customer, id)), Kind: kind, Customer: customer, Charge: id})
	if err != nil {
		return nil, nil, err
	}
	at := strconv.FormatInt(p.now().Unix(), 10)
	header = http.Header{}
	header.Set(SignatureHeader, "t="+at+",v1="+hex.EncodeToString(p.sign(at, body)))
	header.Set("Content-Type", "application/json")
	return header, body, nil
}

func (p *Provider) sign(at string, body []byte) []byte {
	mac := hmac.New(sha256.New, p.secret)
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// verify checks who sent a body, and when.
func (p *Provider) verify(header http.Header, body []byte) error {
	at, signature, ok := strings.Cut(strings.TrimPrefix(header.Get(SignatureHeader), "t="), ",v1=")
	sent, err := strconv.ParseInt(at, 10, 64)
	mac, err2 := hex.DecodeString(signature)
	if !ok || err != nil || err2 != nil || !hmac.Equal(mac, p.sign(at, body)) {
		return payment.ErrSignature
	}
	if p.now().Sub(time.Unix(sent, 0)).Abs() > tolerance {
		return fmt.Errorf("%w: it was sent at another time", payment.ErrSignature)
	}
	return nil
}

// Event reads a message as Message makes them, as payment.Provider promises. One about
// nothing in the journal is ErrRefused.
func (p *Provider) Event(ctx context.Context, header http.Header, body []byte) (payment.Event, error) {
	if err := p.verify(header, body); err != nil {
		return payment.Event{}, err
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil || m.ID == "" {
		return payment.Event{}, fmt.Errorf("%w: the body is no message of the sandbox", payment.ErrRefused)
	}
	if m.Kind == payment.Refunded {
		return p.refundedEvent(ctx, m)
	}
	page, err := p.journal.LookupPage(ctx, m.Customer, m.Charge)
	if err != nil && !errors.Is(err, payment.ErrNotFound) {
		return payment.Event{}, unknown(ctx, err)
	}
	r, err := p.journal.Lookup(ctx, m.Customer, m.Charge)
	if err != nil {
		return payment.Event{}, notRead(ctx, err)
	}
	e := p.eventOf(r, page.Kind)
	if e.Kind != m.Kind {
		return payment.Event{}, fmt.Errorf("%w: the journal tells of %q, the message of %q", payment.ErrRefused, e.Kind, m.Kind)
	}
	e.ID = m.ID
	return e, nil
}

// notRead is why a message can't be read: there is no such thing, or the journal can't
// be asked.
func notRead(ctx context.Context, err error) error {
	if errors.Is(err, payment.ErrNotFound) {
		return fmt.Errorf("%w: the journal knows nothing of it", payment.ErrRefused)
	}
	return unknown(ctx, err)
}

func (p *Provider) refundedEvent(ctx context.Context, m message) (payment.Event, error) {
	given, err := p.journal.Refunded(ctx, m.Customer, m.Charge)
	if err != nil {
		return payment.Event{}, notRead(ctx, err)
	}
	if given.Sign() <= 0 {
		return payment.Event{}, notRead(ctx, payment.ErrNotFound)
	}
	at := p.stamp()
	return payment.Event{
		ID: m.ID, Kind: payment.Refunded, Customer: m.Customer, ChargeID: m.Charge, At: at,
		Outcome: payment.Outcome{State: payment.Settled, Amount: given, Reference: reference(m.Charge), At: at},
	}, nil
}
