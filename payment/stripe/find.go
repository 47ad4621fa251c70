package stripe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// maxList is how many Stripe lists at once.
const maxList = 100

func lower(c money.Currency) string { return strings.ToLower(string(c)) }

// How Stripe's own ids begin.
const (
	intentPrefix  = "pi_"
	sessionPrefix = "cs_"
)

// Find returns how a charge or a page stands, as payment.Provider promises.
func (p *Provider) Find(ctx context.Context, q payment.Query) (payment.Outcome, error) {
	if q.Customer == "" || q.ID == "" {
		return payment.Outcome{}, notFound(q)
	}
	found, err := p.find(ctx, q)
	if err != nil {
		return payment.Outcome{}, nothingLearnt(err)
	}
	return found, nil
}

func notFound(q payment.Query) error {
	return fmt.Errorf("%w: %s of %s", payment.ErrNotFound, q.ID, q.Customer)
}

func (p *Provider) find(ctx context.Context, q payment.Query) (payment.Outcome, error) {
	switch {
	case strings.HasPrefix(q.Reference, sessionPrefix):
		session, err := p.session(ctx, q.Reference)
		if err == nil && !isOurs(session.Metadata, q) {
			err = notFound(q)
		}
		if err != nil {
			return payment.Outcome{}, err
		}
		return sessionOutcome(session)
	case strings.HasPrefix(q.Reference, intentPrefix):
		intent, err := p.intent(ctx, q.Reference)
		if err != nil {
			return payment.Outcome{}, err
		}
		return p.outcomeOf(ctx, q, intent)
	case q.Account == "":
		return payment.Outcome{}, notFound(q)
	}
	intent, err := p.intentOf(ctx, q.Account, q.ID)
	if err == nil {
		return p.outcomeOf(ctx, q, intent)
	}
	if !errors.Is(err, payment.ErrNotFound) {
		return payment.Outcome{}, err
	}
	// A page that nobody has paid on yet has no payment.
	session, err := p.sessionOf(ctx, &sdk.CheckoutSessionListParams{Customer: &q.Account}, q)
	if err != nil {
		return payment.Outcome{}, err
	}
	return sessionOutcome(session)
}

// outcomeOf returns how a payment stands, if it is the one that is looked for.
func (p *Provider) outcomeOf(ctx context.Context, q payment.Query, intent *sdk.PaymentIntent) (payment.Outcome, error) {
	switch {
	case !isOurs(intent.Metadata, q):
		return payment.Outcome{}, notFound(q)
	case intent.Metadata[metaKind] == kindCharge:
		return intentOutcome(intent)
	}
	// What became of a page is the page's to say: a card that was declined on it may
	// be followed by another.
	session, err := p.sessionOf(ctx, &sdk.CheckoutSessionListParams{PaymentIntent: &intent.ID}, q)
	if err != nil {
		return payment.Outcome{}, err
	}
	return sessionOutcome(session)
}

func isOurs(meta map[string]string, q payment.Query) bool {
	return meta[metaID] == q.ID && meta[metaCustomer] == q.Customer
}

// intent returns a payment by Stripe's id.
func (p *Provider) intent(ctx context.Context, id string) (*sdk.PaymentIntent, error) {
	params := &sdk.PaymentIntentRetrieveParams{}
	params.AddExpand("latest_charge")
	params.AddExpand("payment_method")
	return call(ctx, p, func(ctx context.Context) (*sdk.PaymentIntent, error) {
		return p.client.V1PaymentIntents.Retrieve(ctx, id, params)
	})
}

// intentOf returns an account's payment by our id, or ErrNotFound. It reads as many
// as there are, the newest first.
func (p *Provider) intentOf(ctx context.Context, account, id string) (*sdk.PaymentIntent, error) {
	params := &sdk.PaymentIntentListParams{Customer: &account}
	params.Limit = sdk.Int64(maxList)
	params.AddExpand("data.latest_charge")
	return call(ctx, p, func(ctx context.Context) (*sdk.PaymentIntent, error) {
		for intent, err := range p.client.V1PaymentIntents.List(ctx, params).All(ctx) {
			if err != nil {
				return nil, err
			}
			if intent.Metadata[metaID] == id {
				return intent, nil
			}
		}
		return nil, payment.ErrNotFound
	})
}

// session returns a page by Stripe's id.
func (p *Provider) session(ctx context.Context, id string) (*sdk.CheckoutSession, error) {
	params := &sdk.CheckoutSessionRetrieveParams{}
	params.AddExpand("payment_intent.payment_method")
	params.AddExpand("setup_intent.payment_method")
	return call(ctx, p, func(ctx context.Context) (*sdk.CheckoutSession, error) {
		return p.client.V1CheckoutSessions.Retrieve(ctx, id, params)
	})
}

// sessionOf returns the one of some pages that is looked for, or ErrNotFound.
func (p *Provider) sessionOf(ctx context.Context, params *sdk.CheckoutSessionListParams, q payment.Query) (*sdk.CheckoutSession, error) {
	params.Limit = sdk.Int64(maxList)
	params.AddExpand("data.payment_intent.payment_method")
	params.AddExpand("data.setup_intent.payment_method")
	return call(ctx, p, func(ctx context.Context) (*sdk.CheckoutSession, error) {
		for session, err := range p.client.V1CheckoutSessions.List(ctx, params).All(ctx) {
			if err != nil {
				return nil, err
			}
			if isOurs(session.Metadata, q) {
				return session, nil
			}
		}
		return nil, notFound(q)
	})
}

// sessionOutcome returns how a page stands.
func sessionOutcome(s *sdk.CheckoutSession) (payment.Outcome, error) {
	o := payment.Outcome{State: payment.Pending, Reference: s.ID, At: at(s.Created)}
	if s.Mode == sdk.CheckoutSessionModePayment {
		var err error
		if o.Amount, err = fromStripe(s.AmountTotal, s.Currency); err != nil {
			return payment.Outcome{}, unreadable(err)
		}
	}
	intent := s.PaymentIntent
	switch {
	case s.Status == sdk.CheckoutSessionStatusExpired:
		o.State, o.Reason, o.At = payment.Declined, payment.Abandoned, at(s.ExpiresAt)
	case s.Status != sdk.CheckoutSessionStatusComplete:
	case s.Mode == sdk.CheckoutSessionModeSetup:
		o.State = payment.Settled
		if s.SetupIntent != nil {
			o.Method = methodOf(s.SetupIntent.PaymentMethod, accountOf(s.Customer))
		}
	case s.PaymentStatus == sdk.CheckoutSessionPaymentStatusPaid:
		o.State = payment.Settled
		if intent != nil {
			o.Method = methodOf(intent.PaymentMethod, accountOf(s.Customer))
		}
	case intent != nil && intent.Status != "":
		// It was taken to be collected, days ago perhaps, and came to nothing.
		ended, err := intentOutcome(intent)
		if err != nil {
			return payment.Outcome{}, err
		}
		if ended.State == payment.Declined || ended.State == payment.Unconfirmed {
			o.State, o.Reason, o.At = payment.Declined, ended.Reason, ended.At
		}
	}
	return o, nil
}

// accountOf returns a customer's id; "" for none.
func accountOf(c *sdk.Customer) string {
	if c == nil {
		return ""
	}
	return c.ID
}
