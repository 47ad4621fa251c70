package stripe

import (
	"context"
	"errors"
	"slices"
	"strings"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/payment"
)

// Open makes a Checkout Session, or for an AccountPage a session of the customer
// portal, which must have been set up in Stripe's dashboard.
//
// A page is open for a day, and that long the same id gets the same page. Later, the
// id of a page that was used is refused if the customer has an account; without one
// it is not known any more, so that callers must take another.
func (p *Provider) Open(ctx context.Context, page payment.Page) (payment.Link, error) {
	if err := page.Check(); err != nil {
		return payment.Link{}, err
	}
	if page.Kind == payment.AccountPage {
		return p.openAccount(ctx, page)
	}
	if err := checkID(page.ID); err != nil {
		return payment.Link{}, err
	}
	params, err := p.sessionParams(page)
	if err != nil {
		return payment.Link{}, err
	}
	if page.Account != "" {
		q := payment.Query{Customer: page.Customer, ID: page.ID}
		first, err := p.sessionOf(ctx, &sdk.CheckoutSessionListParams{Customer: &page.Account}, q)
		if err == nil {
			return p.reopen(page, first)
		}
		if !errors.Is(err, payment.ErrNotFound) {
			return payment.Link{}, nothingCollected(err)
		}
	}
	session, err := call(ctx, p, func(ctx context.Context) (*sdk.CheckoutSession, error) {
		return p.client.V1CheckoutSessions.Create(ctx, params)
	})
	if errors.Is(err, errOtherContents) {
		err = refused("the id %s was used before with other contents", page.ID)
	}
	if err != nil {
		return payment.Link{}, err
	}
	return linkTo(session), nil
}

// reopen returns the page that was made before, if it is the same and can be used.
func (p *Provider) reopen(page payment.Page, first *sdk.CheckoutSession) (payment.Link, error) {
	if first.Metadata[metaKind] != string(page.Kind) {
		return payment.Link{}, refused("the id %s belongs to another page", page.ID)
	}
	if page.Kind == payment.PayPage {
		amount, err := fromStripe(first.AmountTotal, first.Currency)
		if err != nil || amount != page.Amount {
			return payment.Link{}, refused("the id %s belongs to a page for another amount", page.ID)
		}
	}
	if first.Status != sdk.CheckoutSessionStatusOpen {
		return payment.Link{}, refused("the page %s can't be used any more", page.ID)
	}
	return linkTo(first), nil
}

func linkTo(s *sdk.CheckoutSession) payment.Link {
	return payment.Link{URL: s.URL, Reference: s.ID, ExpiresAt: at(s.ExpiresAt)}
}

// sessionParams says what a page is to be.
func (p *Provider) sessionParams(page payment.Page) (*sdk.CheckoutSessionCreateParams, error) {
	meta := metadata(page.ID, page.Customer, string(page.Kind))
	params := &sdk.CheckoutSessionCreateParams{
		SuccessURL: &page.SuccessURL, CancelURL: &page.CancelURL, Metadata: meta, Locale: sdk.String(locale(page.Language)),
		PaymentMethodTypes: sdk.StringSlice(p.methodTypes),
	}
	params.SetIdempotencyKey(page.ID)
	if len(page.ID) <= maxClientReference {
		params.ClientReferenceID = &page.ID
	}
	switch {
	case page.Account != "":
		params.Customer = &page.Account
	default:
		params.CustomerCreation = sdk.String(sdk.CheckoutSessionCustomerCreationAlways)
		if page.Email != "" {
			params.CustomerEmail = &page.Email
		}
	}
	if page.Kind == payment.SetupPage {
		params.Mode = sdk.String(sdk.CheckoutSessionModeSetup)
		params.SetupIntentData = &sdk.CheckoutSessionCreateSetupIntentDataParams{Metadata: meta}
		return params, nil
	}
	count, err := toStripe(page.Amount)
	if err != nil {
		return nil, err
	}
	name := clip(page.Description, maxName)
	if strings.TrimSpace(name) == "" {
		name = "Payment"
	}
	params.Mode = sdk.String(sdk.CheckoutSessionModePayment)
	// What is collected is what was asked, in no other currency.
	params.AdaptivePricing = &sdk.CheckoutSessionCreateAdaptivePricingParams{Enabled: sdk.Bool(false)}
	params.LineItems = []*sdk.CheckoutSessionCreateLineItemParams{{
		Quantity: sdk.Int64(1),
		PriceData: &sdk.CheckoutSessionCreateLineItemPriceDataParams{
			Currency: currencyOf(page.Amount), UnitAmount: &count,
			ProductData: &sdk.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: &name},
		},
	}}
	params.PaymentIntentData = &sdk.CheckoutSessionCreatePaymentIntentDataParams{
		Metadata: meta, SetupFutureUsage: sdk.String("off_session"), Description: &name,
	}
	return params, nil
}

// The longest texts in bytes that Stripe takes.
const (
	maxClientReference = 200
	maxName            = 250
)

func (p *Provider) openAccount(ctx context.Context, page payment.Page) (payment.Link, error) {
	if page.Account == "" {
		return payment.Link{}, refused("the customer has no account at Stripe")
	}
	params := &sdk.BillingPortalSessionCreateParams{
		Customer: &page.Account, ReturnURL: &page.SuccessURL, Locale: sdk.String(locale(page.Language)),
	}
	session, err := call(ctx, p, func(ctx context.Context) (*sdk.BillingPortalSession, error) {
		return p.client.V1BillingPortalSessions.Create(ctx, params)
	})
	if err != nil {
		return payment.Link{}, err
	}
	return payment.Link{URL: session.URL}, nil
}

// locales are the languages of Stripe's pages. Source: docs.stripe.com/api,
// "checkout.session.locale"; those that the customer portal has not are left out.
var locales = []string{
	"bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id", "it", "ja",
	"ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
}

// locale returns Stripe's name of a language, or of the language without its region;
// "auto" leaves it to the browser.
func locale(tag string) string {
	language, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	for _, name := range []string{strings.ReplaceAll(tag, "_", "-"), language} {
		if i := slices.IndexFunc(locales, func(l string) bool { return strings.EqualFold(l, name) }); i >= 0 {
			return locales[i]
		}
	}
	return "auto"
}
