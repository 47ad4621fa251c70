package sandbox

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// PagePath is how the paths of pages begin: customer and id follow, each a part of the
// path. TokenParameter is where the token is, in the query: servers write paths down.
const (
	PagePath       = "/sandbox/"
	TokenParameter = "token"
)

// How long a page can be used, and how long after that it is waited for who was
// paying at that moment.
const (
	pageTime  = 24 * time.Hour
	pageGrace = time.Minute
)

// draw returns a secret of 160 bits, in letters and digits.
func draw(random io.Reader) string {
	var b [20]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		// Documented never to happen with crypto/rand; a secret that can be guessed must
		// not be used.
		panic("sandbox: no randomness: " + err.Error())
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// Open makes a page of the sandbox's own, as payment.Provider promises. An AccountPage
// needs no account, and can be used once.
func (p *Provider) Open(ctx context.Context, page payment.Page) (payment.Link, error) {
	if err := page.Check(); err != nil {
		return payment.Link{}, err
	}
	if page.Account != "" && page.Account != accountOf(page.Customer) {
		return payment.Link{}, fmt.Errorf("%w: the account %q is another customer's", payment.ErrRefused, page.Account)
	}
	if err := p.send(ctx, ""); err != nil {
		return payment.Link{}, err
	}
	token := draw(p.random)
	if page.Kind == payment.AccountPage {
		page.ID = "account." + draw(p.random)
	}
	page.Account, page.Email = "", ""
	now := p.stamp()
	asked := PageRecord{Page: page, Token: token, OpenedAt: now, ExpiresAt: now.Add(pageTime)}
	switch _, err := p.journal.Lookup(ctx, page.Customer, page.ID); {
	case err == nil:
		return payment.Link{}, fmt.Errorf("%w: the id %s was used before", payment.ErrRefused, page.ID)
	case !errors.Is(err, payment.ErrNotFound):
		return payment.Link{}, unknown(ctx, err)
	}
	first, existed, err := p.journal.OpenPage(ctx, asked)
	if err != nil {
		return payment.Link{}, unknown(ctx, err)
	}
	if existed && first.Page != page {
		return payment.Link{}, fmt.Errorf("%w: the id %s belongs to another page", payment.ErrRefused, page.ID)
	}
	if !now.Before(first.ExpiresAt) {
		return payment.Link{}, fmt.Errorf("%w: the page %s can't be used any more", payment.ErrRefused, page.ID)
	}
	if err := p.wait(ctx); err != nil {
		return payment.Link{}, unknown(ctx, "no answer")
	}
	address, err := p.address(first)
	return payment.Link{URL: address, Reference: reference(page.ID), ExpiresAt: first.ExpiresAt}, err
}

// address is where the door shows a page.
func (p *Provider) address(page PageRecord) (string, error) {
	base := p.baseURL
	if base == "" {
		u, err := url.Parse(page.SuccessURL)
		if err != nil {
			return "", fmt.Errorf("%w: the success URL: %w", payment.ErrRefused, err)
		}
		base = u.Scheme + "://" + u.Host
	}
	return base + PagePath + url.PathEscape(page.Customer) + "/" + url.PathEscape(page.ID) + "?" + TokenParameter + "=" + page.Token, nil
}

// outcome returns how a charge or a page stands, or payment.ErrNotFound.
func (p *Provider) outcome(ctx context.Context, customer, id string) (payment.Outcome, error) {
	// The page first: what is paid on it meanwhile is found below.
	page, pageErr := p.journal.LookupPage(ctx, customer, id)
	if pageErr != nil && !errors.Is(pageErr, payment.ErrNotFound) {
		return payment.Outcome{}, pageErr
	}
	found, err := p.journal.Lookup(ctx, customer, id)
	if err == nil {
		return found.outcome(p.now()), nil
	}
	if !errors.Is(err, payment.ErrNotFound) || pageErr != nil || page.Kind == payment.AccountPage {
		return payment.Outcome{}, err
	}
	return page.outcome(p.now()), nil
}

// outcome returns how a page stands that nobody has finished.
func (page PageRecord) outcome(now time.Time) payment.Outcome {
	o := payment.Outcome{State: payment.Pending, Amount: page.Amount, Reference: reference(page.ID), At: page.OpenedAt}
	if now.After(page.ExpiresAt.Add(pageGrace)) {
		o.State, o.Reason, o.At = payment.Declined, payment.Abandoned, page.ExpiresAt
	}
	return o
}

// Visit is a page as a customer finds it.
type Visit struct {
	Page payment.Page
	// Ended says that nothing can be done on it any more, because it is Done or too
	// late.
	Ended, Done bool
	// Outcome is what came of a page that is Done.
	Outcome payment.Outcome
	// Saved is the method that the customer has saved; nil for none.
	Saved *payment.Method
}

// Visit returns the page that a customer has the token of, or payment.ErrNotFound.
func (p *Provider) Visit(ctx context.Context, customer, id, token string) (Visit, error) {
	page, err := p.page(ctx, customer, id, token)
	if err != nil {
		return Visit{}, err
	}
	v := Visit{Page: page.Page, Ended: !p.now().Before(page.ExpiresAt)}
	record, err := p.journal.Lookup(ctx, customer, id)
	switch {
	case err == nil:
		v.Ended, v.Done, v.Outcome = true, true, record.outcome(p.now())
	case !errors.Is(err, payment.ErrNotFound):
		return Visit{}, err
	}
	v.Saved, err = p.lastSaved(ctx, customer)
	return v, err
}

// page returns the page of a token, or payment.ErrNotFound.
func (p *Provider) page(ctx context.Context, customer, id, token string) (PageRecord, error) {
	page, err := p.journal.LookupPage(ctx, customer, id)
	if err != nil {
		return PageRecord{}, err
	}
	if subtle.ConstantTimeCompare([]byte(page.Token), []byte(token)) != 1 {
		return PageRecord{}, fmt.Errorf("%w: the page %s of %s", payment.ErrNotFound, id, customer)
	}
	return page, nil
}

// lastSaved returns the method that a customer has saved; nil for none.
func (p *Provider) lastSaved(ctx context.Context, customer string) (*payment.Method, error) {
	last, err := p.journal.LastSaved(ctx, customer)
	if errors.Is(err, payment.ErrNotFound) {
		return nil, nil
	}
	return saved(customer, last.Saved), err
}

// Refund gives a charge back, as payment.Provider promises.
func (p *Provider) Refund(ctx context.Context, r payment.Refund) (payment.Outcome, error) {
	if err := r.Check(); err != nil {
		return payment.Outcome{}, err
	}
	if err := p.send(ctx, ""); err != nil {
		return payment.Outcome{}, err
	}
	charge, err := p.journal.Lookup(ctx, r.Customer, r.ChargeID)
	if err != nil && !errors.Is(err, payment.ErrNotFound) {
		return payment.Outcome{}, unknown(ctx, err)
	}
	if err != nil || charge.Amount == (money.Amount{}) || charge.outcome(p.now()).State != payment.Settled {
		return payment.Outcome{}, fmt.Errorf("%w: %s of %s was not collected", payment.ErrRefused, r.ChargeID, r.Customer)
	}
	first, _, err := p.journal.Refund(ctx, RefundRecord{
		Customer: r.Customer, ID: r.ID, ChargeID: r.ChargeID, Amount: r.Amount, Reference: reference("refund " + r.ID), At: p.stamp(),
	})
	switch {
	case errors.Is(err, payment.ErrNotFound):
		return payment.Outcome{}, fmt.Errorf("%w: %s is more than what is left of %s", payment.ErrRefused, r.Amount, r.ChargeID)
	case err != nil:
		return payment.Outcome{}, unknown(ctx, err)
	case first.ChargeID != r.ChargeID || first.Amount != r.Amount:
		return payment.Outcome{}, fmt.Errorf("%w: the id %s belongs to another refund", payment.ErrRefused, r.ID)
	}
	if err := p.wait(ctx); err != nil {
		return payment.Outcome{}, unknown(ctx, "no answer")
	}
	return payment.Outcome{State: payment.Settled, Amount: first.Amount, Reference: first.Reference, At: first.At}, nil
}
