package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// pageToCome stands in the place of an address until there is one.
const pageToCome = "pending"

// PageState is how far the provider's page has come that a collection waits at.
type PageState string

const (
	PageOpening PageState = "opening" // the provider is being asked for it
	PageOpen    PageState = "open"    // the customer can pay there
	PageClosed  PageState = "closed"  // the collection has ended
)

// PageStateOf returns how far the page of a collection has come; "" when it has none.
func PageStateOf(c store.Collection) PageState {
	switch {
	case c.Page == "":
		return ""
	case c.Closed():
		return PageClosed
	case c.Page == pageToCome:
		return PageOpening
	}
	return PageOpen
}

// pageSlack is how long a page must still be good for to be given out again.
const pageSlack = 5 * time.Minute

// planPage writes a collection down and opens the provider's page for it, or
// returns the page that was opened for the same before.
func (s *Service) planPage(ctx context.Context, c store.Collection, page payment.Page) (string, error) {
	now := s.now()
	again := ""
	err := s.change(ctx, c.PortalID, func(tx *store.Tx, t *trail) error {
		open, err := tx.OpenPage(c.PortalID, c.Input)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && open.Page != pageToCome && (open.PageUntil.IsZero() || now.Add(pageSlack).Before(open.PageUntil)) {
			again = open.Page
			return nil
		}
		c.Key, c.State, c.Page, c.OpenedAt, c.AskedAt = ownKeys+"page:"+uuid.NewString(), store.CollectionOpen, pageToCome, now, now
		if c.Number, err = tx.InsertCollection(c); err != nil {
			return err
		}
		t.note(PageOpened, CollectionID(c), nil, notedCollection{
			State: string(c.State), Amount: c.Amount.String(), Purpose: string(c.Purpose), Plan: c.PlanID, Quantity: c.Quantity,
		})
		return nil
	})
	if err != nil || again != "" {
		return again, fromStore("open page", err)
	}
	customer, err := s.methodOf(ctx, c.PortalID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	page.ID, page.Customer, page.Account, page.Amount = CollectionID(c), c.PortalID, customer.Account, c.Amount
	link, err := s.openPage(ctx, page)
	if err != nil {
		// Nobody has the link. Should the page be paid all the same, the money is
		// the customer's: what is abandoned can still be settled.
		given := payment.Outcome{State: payment.Declined, Reason: abandoned}
		if _, closing := s.close(ctx, c, given); !errors.Is(closing, ErrDeclined) {
			err = errors.Join(err, closing)
		}
		return "", err
	}
	c.Page, c.PageUntil, c.Reference = link.URL, link.ExpiresAt, link.Reference
	err = s.store.Change(context.WithoutCancel(ctx), c.PortalID, func(tx *store.Tx) error { return tx.PutPage(c) })
	if errors.Is(err, store.ErrNotFound) { // paid already
		err = nil
	}
	return link.URL, fromStore("open page", err)
}

// openPage asks the provider for a page.
func (s *Service) openPage(ctx context.Context, page payment.Page) (payment.Link, error) {
	asking, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	link, err := s.provider.Open(asking, page)
	switch {
	case err == nil:
		return link, nil
	case errors.Is(err, payment.ErrUnsupported):
		return link, fmt.Errorf("%w that has such a page: %w", ErrNoProvider, err)
	case errors.Is(err, payment.ErrRefused):
		return link, fmt.Errorf("open page: %w", err)
	}
	return link, fmt.Errorf("%w: %w", ErrTryAgain, err)
}

// Return is where a customer comes back to from a provider's page, and in which
// language it is; see PlanOrder.
type Return struct {
	SuccessURL, CancelURL, Language string
}

// SetupPage returns the address of the page at which a payment method is saved
// without buying anything; "" when there is one already. It fails with
// ErrNoProvider and ErrAccessDenied. Source: contract, "GET
// /payment/checkoutsetupurl".
func (s *Service) SetupPage(ctx context.Context, c *Caller, to Return) (string, error) {
	if s.provider == nil {
		return "", ErrNoProvider
	}
	if err := c.mustAdminister(); err != nil {
		return "", err
	}
	customer, email := c.View.customer, c.User.Email
	if customer != nil {
		if !c.Pays() {
			return "", ErrAccessDenied
		}
		if customer.MethodStatus == "set" {
			return "", nil
		}
		email = customer.Email
	}
	page := payment.Page{
		Kind: payment.SetupPage, ID: "s" + c.User.ID + "." + uuid.NewString() + "." + c.View.Portal.ID, Customer: c.View.Portal.ID, Email: email,
		Language: to.Language, SuccessURL: to.SuccessURL, CancelURL: to.CancelURL,
	}
	if customer != nil {
		page.Account = customer.Account
	}
	link, err := s.openPage(ctx, page)
	return link.URL, err
}

// AccountPage returns the address of the page at which the customer sees and
// changes what the provider has saved. It fails with ErrNoProvider, with
// ErrNotFound when there is no customer, and with ErrAccessDenied unless the caller
// is who pays or owns the portal. Source: contract, "GET /payment/account".
func (s *Service) AccountPage(ctx context.Context, c *Caller, to Return) (string, error) {
	if err := s.MayManageAccount(c); err != nil {
		return "", err
	}
	link, err := s.openPage(ctx, payment.Page{
		Kind: payment.AccountPage, Customer: c.View.Portal.ID, Account: c.View.customer.Account, Email: c.View.customer.Email,
		Language: to.Language, SuccessURL: to.SuccessURL,
	})
	if errors.Is(err, payment.ErrRefused) && !errors.Is(err, payment.ErrUnsupported) && c.View.customer.Account == "" {
		err = missing("Customer could not be found") // at the provider's, who has nothing to show
	}
	return link.URL, err
}

// MayManageAccount returns nil for whoever AccountPage is for.
func (s *Service) MayManageAccount(c *Caller) error {
	switch {
	case s.provider == nil:
		return ErrNoProvider
	case c.View.customer == nil:
		return missing("Customer could not be found")
	case !c.Pays() && c.Role != Owner:
		return ErrAccessDenied
	}
	return nil
}

// Receive takes note of what happened at the provider's. The same again changes
// nothing. An error means that it should be told again.
func (s *Service) Receive(ctx context.Context, e payment.Event) error {
	if s.provider == nil {
		return ErrNoProvider
	}
	ctx = WithActor(ctx, Actor{Kind: ByProvider, ID: e.ID, Name: s.provider.Name(), Request: actorOf(ctx).Request})
	switch e.Kind {
	case payment.Charged:
		return s.receiveOutcome(ctx, e)
	case payment.MethodSaved, payment.MethodChanged, payment.MethodGone:
		return s.receiveMethod(ctx, e)
	case payment.Refunded:
		return s.receiveRefund(ctx, e)
	}
	return nil
}

// receiveOutcome ends the collection that an event is about.
func (s *Service) receiveOutcome(ctx context.Context, e payment.Event) error {
	c, err := s.collectionOf(ctx, e.ChargeID)
	if errors.Is(err, ErrNotFound) {
		return nil // none of ours: another program may have the same account
	}
	if err != nil {
		return err
	}
	if e.Method != nil && e.Outcome.Method == nil {
		e.Outcome.Method = e.Method
	}
	if e.Outcome.State == payment.Pending && c.State != store.CollectionOpen {
		return nil
	}
	_, err = s.close(ctx, c, e.Outcome)
	if errors.Is(err, ErrDeclined) || errors.Is(err, ErrUnsettled) {
		return nil // it is written down
	}
	return err
}

// collectionOf returns the collection that the provider knows by a name.
func (s *Service) collectionOf(ctx context.Context, id string) (store.Collection, error) {
	c, err := s.Collection(ctx, id)
	if errors.Is(err, ErrInvalid) {
		err = fmt.Errorf("collection %q: %w", id, ErrNotFound)
	}
	return c, err
}
