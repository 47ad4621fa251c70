package payment

import (
	"fmt"
	"net/mail"
	"net/url"
	"time"

	"github.com/bursarhq/bursar/money"
)

// PageKind is what a page is for. "" is none.
type PageKind string

const (
	// PayPage collects an amount once, and saves the method for charges to come.
	PayPage PageKind = "pay"
	// SetupPage saves a method, and collects nothing.
	SetupPage PageKind = "setup"
	// AccountPage shows customers what is saved, and lets them change it.
	AccountPage PageKind = "account"
)

// Page is a page at the provider's that a customer is to be sent to.
type Page struct {
	Kind PageKind
	// ID is ours: what is paid on a PayPage is found under it, as a charge is.
	// Required, but for an AccountPage, which needs none.
	ID string
	// Customer is the id of the portal that pays. Required.
	Customer string
	// Account is the provider's own id of the customer; "" if it has none yet. A
	// provider may have no AccountPage for those: ErrRefused.
	Account string
	// Email is filled in for a customer without an account; "" leaves it to them.
	Email string
	// Amount is what a PayPage collects, as in Charge. Otherwise it is the zero
	// Amount.
	Amount money.Amount
	// Description is what the customer pays for, in their words; "" leaves it to
	// the provider.
	Description string
	// Language is that of the page, as a tag of BCP 47: "de", "pt-BR". "" or one that
	// the provider has no page in leaves it to the provider.
	Language string
	// SuccessURL is where the customer goes when it is done, CancelURL when they
	// turn back. Both are required and absolute; an AccountPage has only one way
	// out, SuccessURL. That a customer comes to SuccessURL proves nothing: what
	// came of it is told by an Event, or by Find.
	SuccessURL, CancelURL string
}

// Link is where a page is.
type Link struct {
	// URL is for the customer alone: whoever has it can use the page.
	URL string
	// Reference is the provider's own id of the page, for Query; "" if it has none.
	Reference string
	// ExpiresAt is until when the page can be used, in UTC; the zero Time if that is
	// not known.
	ExpiresAt time.Time
}

// Check returns nil if a provider can be asked this, else ErrRefused.
func (p Page) Check() error {
	switch p.Kind {
	case PayPage, SetupPage, AccountPage:
	default:
		return fmt.Errorf("%w: there is no page of the kind %q", ErrRefused, p.Kind)
	}
	if err := checkTexts([]text{
		{"id", p.ID, p.Kind != AccountPage},
		{"customer", p.Customer, true},
		{"account", p.Account, false},
		{"email", p.Email, false},
		{"language", p.Language, false},
	}); err != nil {
		return err
	}
	if p.Email != "" {
		if _, err := mail.ParseAddress(p.Email); err != nil {
			return fmt.Errorf("%w: the email is not an e-mail address", ErrRefused)
		}
	}
	if err := checkURL("success URL", p.SuccessURL); err != nil {
		return err
	}
	if p.Kind == AccountPage && p.CancelURL == "" {
		return nil
	}
	if err := checkURL("cancel URL", p.CancelURL); err != nil {
		return err
	}
	if p.Kind != PayPage {
		if p.Amount != (money.Amount{}) {
			return fmt.Errorf("%w: a page of the kind %q collects no amount", ErrRefused, p.Kind)
		}
		return nil
	}
	_, err := MinorUnits(p.Amount)
	return err
}

// maxURL is the longest address in bytes. Source: what browsers and providers
// take alike.
const maxURL = 2000

// checkURL refuses what no browser should be sent to.
func checkURL(name, address string) error {
	if address == "" {
		return fmt.Errorf("%w: the %s is missing", ErrRefused, name)
	}
	if len(address) > maxURL {
		return fmt.Errorf("%w: the %s is longer than %d bytes", ErrRefused, name, maxURL)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%w: the %s is no absolute address of the web", ErrRefused, name)
	}
	return nil
}
