package stripe

import (
	"context"
	"errors"
	"time"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// Charge collects by a PaymentIntent that needs nobody there, as payment.Provider
// promises. A charge without an account is ErrRefused: Stripe has nothing saved for
// it.
func (p *Provider) Charge(ctx context.Context, c payment.Charge) (payment.Outcome, error) {
	if err := c.Check(); err != nil {
		return payment.Outcome{}, err
	}
	if err := checkID(c.ID); err != nil {
		return payment.Outcome{}, err
	}
	count, err := toStripe(c.Amount)
	if err != nil {
		return payment.Outcome{}, err
	}
	if c.Account == "" {
		return payment.Outcome{}, refused("the customer has no account at Stripe")
	}
	// Nothing is asked for before it is known that it never was.
	first, err := p.intentOf(ctx, c.Account, c.ID)
	switch {
	case err == nil:
		return p.again(ctx, c, first)
	case !errors.Is(err, payment.ErrNotFound):
		return payment.Outcome{}, nothingCollected(err)
	}
	if c.Method == "" {
		if c.Method, err = p.usual(ctx, c.Account); err != nil {
			return payment.Outcome{}, nothingCollected(err)
		}
	}
	intent, err := p.createIntent(ctx, c, count)
	if err != nil {
		return payment.Outcome{}, err
	}
	return p.settle(ctx, intent)
}

// createIntent asks for the money. A decline is an intent, too.
func (p *Provider) createIntent(ctx context.Context, c payment.Charge, count int64) (*sdk.PaymentIntent, error) {
	params := &sdk.PaymentIntentCreateParams{
		Amount: &count, Currency: currencyOf(c.Amount), Customer: &c.Account, PaymentMethod: &c.Method,
		Confirm: sdk.Bool(true), OffSession: sdk.Bool(true), Metadata: metadata(c.ID, c.Customer, kindCharge),
		// Whatever was saved, but nothing that would send somebody elsewhere.
		AutomaticPaymentMethods: &sdk.PaymentIntentCreateAutomaticPaymentMethodsParams{
			Enabled: sdk.Bool(true), AllowRedirects: sdk.String("never"),
		},
	}
	params.SetIdempotencyKey(c.ID)
	params.AddExpand("latest_charge")
	if c.Description != "" {
		params.Description = sdk.String(clip(c.Description, maxDescription))
	}
	intent, err := call(ctx, p, func(ctx context.Context) (*sdk.PaymentIntent, error) {
		return p.client.V1PaymentIntents.Create(ctx, params)
	})
	var card *cardError
	if !errors.As(err, &card) {
		return intent, err
	}
	intent = card.told.PaymentIntent
	if intent == nil || intent.ID == "" {
		return nil, refused("Stripe declined without a payment: %s", p.clean(card.told.Msg))
	}
	if intent.LastPaymentError == nil {
		intent.LastPaymentError = card.told
	}
	return intent, nil
}

// maxDescription is the longest description in bytes that Stripe keeps.
const maxDescription = 1000

// again answers for a charge that was asked for before.
func (p *Provider) again(ctx context.Context, c payment.Charge, first *sdk.PaymentIntent) (payment.Outcome, error) {
	amount, err := fromStripe(first.Amount, first.Currency)
	if err != nil || amount != c.Amount || first.Metadata[metaCustomer] != c.Customer || first.Metadata[metaKind] != kindCharge {
		return payment.Outcome{}, refused("the id %s belongs to another payment", c.ID)
	}
	return p.settle(ctx, first)
}

// settle returns what came of a charge. One that waits for somebody to confirm it is
// given up, so that nobody can any more.
func (p *Provider) settle(ctx context.Context, intent *sdk.PaymentIntent) (payment.Outcome, error) {
	switch intent.Status {
	case sdk.PaymentIntentStatusRequiresAction, sdk.PaymentIntentStatusRequiresConfirmation:
		params := &sdk.PaymentIntentCancelParams{CancellationReason: sdk.String(sdk.PaymentIntentCancellationReasonAbandoned)}
		id := intent.ID
		var err error
		intent, err = call(ctx, p, func(ctx context.Context) (*sdk.PaymentIntent, error) {
			return p.client.V1PaymentIntents.Cancel(ctx, id, params)
		})
		if err != nil {
			// It may have been confirmed meanwhile: Find tells.
			return payment.Outcome{}, nothingLearnt(err)
		}
	}
	return intentOutcome(intent)
}

// intentOutcome returns how a payment stands that is a charge.
func intentOutcome(intent *sdk.PaymentIntent) (payment.Outcome, error) {
	o := payment.Outcome{State: payment.Pending, Reference: intent.ID, At: at(intent.Created)}
	var err error
	if o.Amount, err = fromStripe(intent.Amount, intent.Currency); err != nil {
		return payment.Outcome{}, unreadable(err)
	}
	switch intent.Status {
	case sdk.PaymentIntentStatusSucceeded:
		o.State = payment.Settled
		if o.Amount, err = fromStripe(intent.AmountReceived, intent.Currency); err != nil {
			return payment.Outcome{}, unreadable(err)
		}
	case sdk.PaymentIntentStatusRequiresPaymentMethod:
		if intent.LastPaymentError != nil { // without one nobody has tried yet
			o.State, o.Reason = declineOf(intent.LastPaymentError)
		}
	case sdk.PaymentIntentStatusCanceled:
		o.At = at(intent.CanceledAt)
		switch {
		case intent.LastPaymentError != nil:
			o.State, o.Reason = declineOf(intent.LastPaymentError)
		case intent.CancellationReason == sdk.PaymentIntentCancellationReasonAbandoned: // see settle
			o.State, o.Reason = payment.Unconfirmed, payment.AuthenticationRequired
		default:
			o.State, o.Reason = payment.Declined, "canceled"
		}
	}
	if c := intent.LatestCharge; c != nil && c.Created != 0 && o.State != payment.Pending {
		o.At = at(c.Created)
	}
	return o, nil
}

// declineOf returns why a card was not charged. What a bank says of a card that was
// stolen is not passed on. Source: docs.stripe.com/declines/codes.
func declineOf(e *sdk.Error) (payment.State, string) {
	switch {
	case e.Code == sdk.ErrorCodeAuthenticationRequired || e.DeclineCode == sdk.DeclineCodeAuthenticationRequired,
		e.Code == sdk.ErrorCodePaymentIntentAuthenticationFailure:
		return payment.Unconfirmed, payment.AuthenticationRequired
	case e.Code == sdk.ErrorCodeExpiredCard || e.DeclineCode == sdk.DeclineCodeExpiredCard:
		return payment.Declined, payment.ExpiredCard
	case e.Code == sdk.ErrorCodeInsufficientFunds || e.DeclineCode == sdk.DeclineCodeInsufficientFunds:
		return payment.Declined, payment.InsufficientFunds
	case e.Code != "":
		return payment.Declined, string(e.Code)
	}
	return payment.Declined, payment.CardDeclined
}

// unreadable is an answer that can't be understood, so that nothing is certain.
func unreadable(err error) error { return nothingLearnt(refused("Stripe's answer: %v", err)) }

func currencyOf(a money.Amount) *string { return sdk.String(lower(a.Currency())) }

// at returns a time of Stripe's; the zero Time for none.
func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
