package stripe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/bursarhq/bursar/payment"
)

// SignatureHeader is where Stripe signs a message.
const SignatureHeader = "Stripe-Signature"

// Tolerance is how far the time in a signature may be from now: longer than a message
// is on its way, and too short to send one again that was kept. Source:
// docs.stripe.com/webhooks/signature.
const Tolerance = webhook.DefaultTolerance

// Event reads a webhook of Stripe's, as payment.Provider promises. What it says is
// believed, as it is signed; the particulars of a card are asked for.
func (p *Provider) Event(ctx context.Context, header http.Header, body []byte) (payment.Event, error) {
	if err := p.verify(header, body); err != nil {
		return payment.Event{}, err
	}
	var told sdk.Event
	if err := json.Unmarshal(body, &told); err != nil || told.ID == "" || told.Data == nil || len(told.Data.Raw) == 0 {
		return payment.Event{}, refused("the body is no event of Stripe's")
	}
	e := payment.Event{ID: told.ID, Kind: payment.Ignored, At: at(told.Created)}
	read := p.reader(told.Type)
	if read == nil {
		return e, nil
	}
	if err := read(ctx, &told, &e); err != nil {
		return payment.Event{}, fmt.Errorf("read %s %s: %w", told.Type, told.ID, err)
	}
	return e, nil
}

// verify checks who sent a body, and when.
func (p *Provider) verify(header http.Header, body []byte) error {
	signature := header.Get(SignatureHeader)
	for _, secret := range p.webhookSecrets {
		if webhook.ValidatePayloadIgnoringTolerance(body, signature, secret) != nil {
			continue
		}
		// The one time that was signed; a signature with several is none of Stripe's.
		sent, found := time.Time{}, 0
		for part := range strings.SplitSeq(signature, ",") {
			if text, ok := strings.CutPrefix(part, "t="); ok {
				seconds, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return payment.ErrSignature
				}
				sent, found = time.Unix(seconds, 0), found+1
			}
		}
		if found != 1 || p.now().Sub(sent).Abs() > Tolerance {
			return fmt.Errorf("%w: it was sent at another time", payment.ErrSignature)
		}
		return nil
	}
	return payment.ErrSignature
}

// reader returns what reads events of a type; nil for those that say nothing of
// interest.
func (p *Provider) reader(t sdk.EventType) func(context.Context, *sdk.Event, *payment.Event) error {
	switch t {
	case sdk.EventTypeCheckoutSessionCompleted, sdk.EventTypeCheckoutSessionAsyncPaymentSucceeded,
		sdk.EventTypeCheckoutSessionAsyncPaymentFailed, sdk.EventTypeCheckoutSessionExpired:
		return p.readSession
	case sdk.EventTypePaymentIntentSucceeded, sdk.EventTypePaymentIntentPaymentFailed,
		sdk.EventTypePaymentIntentCanceled, sdk.EventTypePaymentIntentProcessing:
		return p.readIntent
	case sdk.EventTypeSetupIntentSucceeded:
		return p.readSetup
	case sdk.EventTypeCustomerUpdated:
		return p.readCustomer
	case sdk.EventTypePaymentMethodDetached, sdk.EventTypePaymentMethodUpdated, sdk.EventTypePaymentMethodAutomaticallyUpdated:
		return p.readMethod
	case sdk.EventTypeChargeRefunded:
		return p.readCharge
	case sdk.EventTypeRefundUpdated, sdk.EventTypeRefundFailed:
		return p.readRefund
	}
	return nil
}

// object reads what an event is about.
func object(told *sdk.Event, into any) error {
	if err := json.Unmarshal(told.Data.Raw, into); err != nil {
		return refused("its object can't be read")
	}
	return nil
}

func (p *Provider) readSession(ctx context.Context, told *sdk.Event, e *payment.Event) error {
	var s sdk.CheckoutSession
	if err := object(told, &s); err != nil || s.Metadata[metaID] == "" {
		return err
	}
	expired := told.Type == sdk.EventTypeCheckoutSessionExpired
	if s.Mode == sdk.CheckoutSessionModeSetup && expired {
		return nil // nobody saved anything
	}
	if err := p.fillSession(ctx, &s); err != nil {
		return err
	}
	o, err := sessionOutcome(&s)
	if err != nil {
		return err
	}
	if told.Type == sdk.EventTypeCheckoutSessionAsyncPaymentFailed && o.State == payment.Pending {
		o.State, o.Reason = payment.Declined, payment.CardDeclined
	}
	o.At = e.At
	e.Kind, e.Customer, e.ChargeID, e.Outcome, e.Method = payment.Charged, s.Metadata[metaCustomer], s.Metadata[metaID], o, o.Method
	if s.Mode == sdk.CheckoutSessionModeSetup {
		e.Kind = payment.MethodSaved
	}
	return nil
}

// fillSession asks for what a webhook has only the id of.
func (p *Provider) fillSession(ctx context.Context, s *sdk.CheckoutSession) error {
	if s.Status != sdk.CheckoutSessionStatusComplete {
		return nil
	}
	switch {
	case s.PaymentIntent != nil && s.PaymentIntent.Status == "":
		intent, err := p.intent(ctx, s.PaymentIntent.ID)
		if err != nil {
			return nothingLearnt(err)
		}
		s.PaymentIntent = intent
	case s.SetupIntent != nil && s.SetupIntent.Status == "":
		params := &sdk.SetupIntentRetrieveParams{}
		params.AddExpand("payment_method")
		setup, err := call(ctx, p, func(ctx context.Context) (*sdk.SetupIntent, error) {
			return p.client.V1SetupIntents.Retrieve(ctx, s.SetupIntent.ID, params)
		})
		if err != nil {
			return nothingLearnt(err)
		}
		s.SetupIntent = setup
	}
	return nil
}

func (p *Provider) readIntent(ctx context.Context, told *sdk.Event, e *payment.Event) error {
	var intent sdk.PaymentIntent
	if err := object(told, &intent); err != nil || intent.Metadata[metaID] == "" {
		return err
	}
	o, err := intentOutcome(&intent)
	if err != nil {
		return err
	}
	o.At = e.At
	if intent.Metadata[metaKind] != kindCharge {
		if o.State != payment.Settled && o.State != payment.Pending {
			return nil // the customer may try another card on the page
		}
		if o.State == payment.Settled && intent.PaymentMethod != nil {
			if o.Method, err = p.fetchMethod(ctx, intent.PaymentMethod.ID, accountOf(intent.Customer)); err != nil {
				return err
			}
		}
	}
	e.Kind, e.Customer, e.ChargeID, e.Outcome, e.Method = payment.Charged, intent.Metadata[metaCustomer], intent.Metadata[metaID], o, o.Method
	return nil
}

func (p *Provider) readSetup(ctx context.Context, told *sdk.Event, e *payment.Event) error {
	var setup sdk.SetupIntent
	if err := object(told, &setup); err != nil {
		return err
	}
	account := accountOf(setup.Customer)
	if account == "" || setup.PaymentMethod == nil {
		return nil
	}
	method, err := p.fetchMethod(ctx, setup.PaymentMethod.ID, account)
	if err != nil {
		return err
	}
	e.Kind, e.Customer, e.ChargeID, e.Method = payment.MethodSaved, setup.Metadata[metaCustomer], setup.Metadata[metaID], method
	e.Outcome = payment.Outcome{State: payment.Settled, Reference: setup.ID, Method: method, At: e.At}
	return nil
}

// readCustomer hears that a customer chose another method to pay by.
func (p *Provider) readCustomer(ctx context.Context, told *sdk.Event, e *payment.Event) error {
	var customer sdk.Customer
	if err := object(told, &customer); err != nil {
		return err
	}
	before, _ := told.Data.PreviousAttributes["invoice_settings"].(map[string]any)
	if _, changed := before["default_payment_method"]; !changed || customer.InvoiceSettings == nil || customer.InvoiceSettings.DefaultPaymentMethod == nil {
		return nil
	}
	method, err := p.fetchMethod(ctx, customer.InvoiceSettings.DefaultPaymentMethod.ID, customer.ID)
	if err != nil || method == nil {
		return err
	}
	e.Kind, e.Method = payment.MethodSaved, method
	e.Outcome = payment.Outcome{State: payment.Settled, Method: method, At: e.At}
	return nil
}

func (p *Provider) readMethod(_ context.Context, told *sdk.Event, e *payment.Event) error {
	var pm sdk.PaymentMethod
	if err := object(told, &pm); err != nil {
		return err
	}
	method := methodOf(&pm, "")
	if told.Type != sdk.EventTypePaymentMethodDetached {
		if method == nil || method.Account == "" {
			return nil
		}
		e.Kind, e.Method = payment.MethodChanged, method
		return nil
	}
	// It is nobody's any more: whose it was stands among what changed.
	account, _ := told.Data.PreviousAttributes["customer"].(string)
	if method == nil || account == "" {
		return nil
	}
	e.Kind, e.Method = payment.MethodGone, &payment.Method{Account: account, Token: method.Token}
	return nil
}

func (p *Provider) readCharge(_ context.Context, told *sdk.Event, e *payment.Event) error {
	var c sdk.Charge
	if err := object(told, &c); err != nil {
		return err
	}
	return refundedBy(&c, e)
}

// readRefund asks for the charge: a refund knows only of itself.
func (p *Provider) readRefund(ctx context.Context, told *sdk.Event, e *payment.Event) error {
	var r sdk.Refund
	if err := object(told, &r); err != nil || r.Charge == nil || r.Charge.ID == "" {
		return err
	}
	c, err := call(ctx, p, func(ctx context.Context) (*sdk.Charge, error) {
		return p.client.V1Charges.Retrieve(ctx, r.Charge.ID, nil)
	})
	if err != nil {
		return nothingLearnt(err)
	}
	return refundedBy(c, e)
}

// refundedBy says how much of a charge was given back. A charge bears what its
// payment does.
func refundedBy(c *sdk.Charge, e *payment.Event) error {
	if c.Metadata[metaID] == "" {
		return nil
	}
	given, err := fromStripe(c.AmountRefunded, c.Currency)
	if err != nil {
		return unreadable(err)
	}
	e.Kind, e.Customer, e.ChargeID = payment.Refunded, c.Metadata[metaCustomer], c.Metadata[metaID]
	e.Outcome = payment.Outcome{State: payment.Settled, Amount: given, At: e.At}
	if c.PaymentIntent != nil {
		e.Outcome.Reference = c.PaymentIntent.ID
	}
	return nil
}
