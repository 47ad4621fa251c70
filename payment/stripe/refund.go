package stripe

import (
	"context"
	"errors"
	"strings"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/payment"
)

// Refund gives a charge back, or what was paid on a page, as payment.Provider
// promises.
func (p *Provider) Refund(ctx context.Context, r payment.Refund) (payment.Outcome, error) {
	if err := r.Check(); err != nil {
		return payment.Outcome{}, err
	}
	if err := checkID(r.ID); err != nil {
		return payment.Outcome{}, err
	}
	count, err := toStripe(r.Amount)
	if err != nil {
		return payment.Outcome{}, err
	}
	intent, err := p.refundable(ctx, payment.Query{Customer: r.Customer, Account: r.Account, ID: r.ChargeID, Reference: r.Reference})
	if err != nil {
		return payment.Outcome{}, nothingCollected(err)
	}
	if string(intent.Currency) != lower(r.Amount.Currency()) {
		return payment.Outcome{}, refused("the charge was in %s", intent.Currency)
	}
	refund, err := p.refundOf(ctx, intent.ID, r.ID)
	switch {
	case err == nil && refund.Amount != count:
		return payment.Outcome{}, refused("the id %s belongs to another refund", r.ID)
	case err == nil:
		return refundOutcome(refund)
	case !errors.Is(err, payment.ErrNotFound):
		return payment.Outcome{}, nothingCollected(err)
	}
	params := &sdk.RefundCreateParams{
		PaymentIntent: &intent.ID, Amount: &count,
		Metadata: map[string]string{metaRefund: r.ID, metaID: r.ChargeID, metaCustomer: r.Customer},
	}
	params.SetIdempotencyKey(r.ID)
	refund, err = call(ctx, p, func(ctx context.Context) (*sdk.Refund, error) {
		return p.client.V1Refunds.Create(ctx, params)
	})
	if err != nil {
		return payment.Outcome{}, err
	}
	return refundOutcome(refund)
}

// refundable returns the payment that is to be given back.
func (p *Provider) refundable(ctx context.Context, q payment.Query) (intent *sdk.PaymentIntent, err error) {
	switch {
	case strings.HasPrefix(q.Reference, sessionPrefix):
		session, err := p.session(ctx, q.Reference)
		if err != nil {
			return nil, err
		}
		intent = session.PaymentIntent
	case strings.HasPrefix(q.Reference, intentPrefix):
		intent, err = p.intent(ctx, q.Reference)
	case q.Account != "":
		intent, err = p.intentOf(ctx, q.Account, q.ID)
	}
	if err != nil && !errors.Is(err, payment.ErrNotFound) {
		return nil, err
	}
	if intent == nil || !isOurs(intent.Metadata, q) {
		return nil, refused("Stripe has no charge %s of %s", q.ID, q.Customer)
	}
	return intent, nil
}

// refundOf returns the refund of a payment by our id, or ErrNotFound.
func (p *Provider) refundOf(ctx context.Context, intent, id string) (*sdk.Refund, error) {
	params := &sdk.RefundListParams{PaymentIntent: &intent}
	params.Limit = sdk.Int64(maxList)
	return call(ctx, p, func(ctx context.Context) (*sdk.Refund, error) {
		for refund, err := range p.client.V1Refunds.List(ctx, params).All(ctx) {
			if err != nil {
				return nil, err
			}
			if refund.Metadata[metaRefund] == id {
				return refund, nil
			}
		}
		return nil, payment.ErrNotFound
	})
}

func refundOutcome(r *sdk.Refund) (payment.Outcome, error) {
	o := payment.Outcome{State: payment.Pending, Reference: r.ID, At: at(r.Created)}
	var err error
	if o.Amount, err = fromStripe(r.Amount, r.Currency); err != nil {
		return payment.Outcome{}, unreadable(err)
	}
	switch r.Status {
	case sdk.RefundStatusSucceeded:
		o.State = payment.Settled
	case sdk.RefundStatusFailed:
		o.State, o.Reason = payment.Declined, string(r.FailureReason)
	case sdk.RefundStatusCanceled:
		o.State, o.Reason = payment.Declined, "canceled"
	}
	return o, nil
}
