package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bursarhq/bursar/payment"
)

// Config says how a sandbox works.
type Config struct {
	// Journal keeps what was asked; nil means Memory.
	Journal Journal
	// Now tells the time and does not go back; nil means time.Now.
	Now func() time.Time
	// Latency is how long a call takes, half of it before anything takes effect
	// and half after; 0 means no time at all.
	Latency time.Duration
	// Script says how a charge goes. It is asked once a call, maybe by several at
	// once. nil means that the charge's Method says it.
	Script func(payment.Charge) Behaviour
	// FindScript says what goes wrong when a charge is looked for; "" is nothing.
	// It is asked as Script is. nil means that nothing ever does.
	FindScript func(customer, id string) Fault
	// BaseURL is where the door with the pages can be reached: "https://pay.example".
	// "" means at the host that a page's SuccessURL is on.
	BaseURL string
	// WebhookSecret is what messages are signed with, and believed by; "" means that
	// one is drawn, which no other process knows.
	WebhookSecret string
	// Random is where secrets come from; nil means crypto/rand.
	Random io.Reader
}

// Provider is a sandbox. It is a payment.Provider, safe for concurrent use.
type Provider struct {
	journal    Journal
	now        func() time.Time
	latency    time.Duration
	script     func(payment.Charge) Behaviour
	findScript func(customer, id string) Fault
	baseURL    string
	secret     []byte
	random     io.Reader
}

// New returns a sandbox.
func New(config Config) *Provider {
	if config.Journal == nil {
		config.Journal = Memory()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.FindScript == nil {
		config.FindScript = func(customer, id string) Fault { return "" }
	}
	if config.Random == nil {
		config.Random = rand.Reader
	}
	if config.WebhookSecret == "" {
		config.WebhookSecret = draw(config.Random)
	}
	return &Provider{
		baseURL:    strings.TrimSuffix(config.BaseURL, "/"),
		secret:     []byte(config.WebhookSecret),
		random:     config.Random,
		journal:    config.Journal,
		now:        config.Now,
		latency:    config.Latency,
		script:     config.Script,
		findScript: config.FindScript,
	}
}

// Name returns "sandbox".
func (p *Provider) Name() string { return "sandbox" }

// Charge does what the script or the charge's method says, as payment.Provider
// promises. Charging an id again answers with how the charge stands by now; that
// it is refused is never lost on the way back.
func (p *Provider) Charge(ctx context.Context, c payment.Charge) (payment.Outcome, error) {
	if err := c.Check(); err != nil {
		return payment.Outcome{}, err
	}
	if c.Account != "" && c.Account != accountOf(c.Customer) {
		return payment.Outcome{}, fmt.Errorf("%w: the account %q is another customer's", payment.ErrRefused, c.Account)
	}
	b, err := p.behaviour(c)
	if err != nil {
		return payment.Outcome{}, err
	}
	if err := p.send(ctx, b.Fault); err != nil {
		return payment.Outcome{}, err
	}
	if b.Fault.before() {
		return payment.Outcome{}, unknown(ctx, b.Fault.text())
	}
	switch _, err := p.journal.LookupPage(ctx, c.Customer, c.ID); {
	case err == nil:
		return payment.Outcome{}, fmt.Errorf("%w: the id %s belongs to a page", payment.ErrRefused, c.ID)
	case !errors.Is(err, payment.ErrNotFound):
		return payment.Outcome{}, unknown(ctx, err)
	}
	first, existed, err := p.journal.Record(ctx, p.record(c, b))
	if err != nil {
		return payment.Outcome{}, unknown(ctx, err)
	}
	if existed && (first.Customer != c.Customer || first.Amount != c.Amount) {
		return payment.Outcome{}, fmt.Errorf("%w: the id %s belongs to another charge", payment.ErrRefused, c.ID)
	}
	if b.Fault.after() {
		return payment.Outcome{}, unknown(ctx, b.Fault.text())
	}
	if err := p.wait(ctx); err != nil {
		return payment.Outcome{}, unknown(ctx, "no answer")
	}
	return first.outcome(p.now()), nil
}

// Find returns how a charge stands, as payment.Provider promises.
func (p *Provider) Find(ctx context.Context, q payment.Query) (payment.Outcome, error) {
	fault := p.findScript(q.Customer, q.ID)
	if err := p.send(ctx, fault); err != nil {
		return payment.Outcome{}, err
	}
	if fault != "" {
		return payment.Outcome{}, unknown(ctx, fault.text())
	}
	found, err := p.outcome(ctx, q.Customer, q.ID)
	missing := errors.Is(err, payment.ErrNotFound)
	if err != nil && !missing {
		return payment.Outcome{}, unknown(ctx, err)
	}
	if err := p.wait(ctx); err != nil {
		return payment.Outcome{}, unknown(ctx, "no answer")
	}
	if missing {
		return payment.Outcome{}, fmt.Errorf("%w: %s of %s", payment.ErrNotFound, q.ID, q.Customer)
	}
	return found, nil
}

func (p *Provider) behaviour(c payment.Charge) (Behaviour, error) {
	if p.script != nil {
		return p.script(c), nil
	}
	if c.Method == "" {
		return Methods()[0].Behaviour, nil
	}
	if m, place := methodNamed(c.Method); place >= 0 {
		return m.Behaviour, nil
	}
	return Behaviour{}, fmt.Errorf("%w: the sandbox has no method %q", payment.ErrRefused, c.Method)
}

// send is the way of a request to the sandbox.
func (p *Provider) send(ctx context.Context, fault Fault) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", payment.ErrUnreachable, err)
	}
	if fault == Unreachable {
		return fmt.Errorf("%w: connection refused by the sandbox", payment.ErrUnreachable)
	}
	if err := p.wait(ctx); err != nil {
		return unknown(ctx, "no answer")
	}
	return nil
}

// wait lets half the latency pass, or fails when ctx ends.
func (p *Provider) wait(ctx context.Context) error {
	if p.latency <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(p.latency / 2)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unknown returns ErrUnknown because ctx has ended, or else for a reason. The
// reason is not wrapped: it might make the error look like one that is certain.
func unknown(ctx context.Context, reason any) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", payment.ErrUnknown, err)
	}
	return fmt.Errorf("%w: %v", payment.ErrUnknown, reason)
}

// stamp is the time as a database can keep it, so that it comes back as it went in.
func (p *Provider) stamp() time.Time { return p.now().UTC().Truncate(time.Microsecond) }

// reference is the sandbox's own id of what has an id of ours.
func reference(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "sandbox_" + hex.EncodeToString(sum[:12])
}

func (p *Provider) record(c payment.Charge, b Behaviour) Record {
	r := Record{
		Customer:  c.Customer,
		ID:        c.ID,
		Amount:    c.Amount,
		State:     payment.Settled,
		Reference: reference(c.ID),
		At:        p.stamp(),
	}
	switch b.Decline {
	case "":
	case payment.AuthenticationRequired:
		r.State, r.Reason = payment.Unconfirmed, b.Decline
	default:
		r.State, r.Reason = payment.Declined, b.Decline
	}
	if b.Late > 0 {
		r.Due = r.At.Add(b.Late).Truncate(time.Microsecond)
	}
	return r
}

// outcome returns how the charge stands at a time.
func (r Record) outcome(now time.Time) payment.Outcome {
	o := payment.Outcome{State: r.State, Amount: r.Amount, Reference: r.Reference, Reason: r.Reason, At: r.At, Method: saved(r.Customer, r.Saved)}
	switch {
	case r.Due.IsZero():
	case now.Before(r.Due):
		o.State, o.Reason = payment.Pending, ""
	default:
		o.At = r.Due
	}
	return o
}
