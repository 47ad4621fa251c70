package stripe_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/stripe"
)

// signed returns the header of a message that was sent at a time.
func signed(body []byte, secret string, at time.Time) http.Header {
	s := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret, Timestamp: at})
	return http.Header{stripe.SignatureHeader: {s.Header}}
}

// message is a webhook about a thing as it is now, with ids in place of what it
// refers to.
func message(kind string, thing, before object) []byte {
	return encode(object{"id": "evt_1", "object": "event", "type": kind, "created": start.Unix(), "api_version": "2020-01-01",
		"data": object{"object": thing, "previous_attributes": before}})
}

// told has the provider read a webhook.
func told(t *testing.T, f *fake, kind string, thing, before object) (payment.Event, error) {
	t.Helper()
	body := message(kind, thing, before)
	return f.provider().Event(t.Context(), signed(body, "whsec_new", f.now), body)
}

func tells(t *testing.T, what string, got payment.Event, err error, want payment.Event) {
	t.Helper()
	want.ID, want.At = "evt_1", start
	if diff := cmp.Diff(want, got, same); err != nil || diff != "" {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
	}
}

func TestEventsOfAPage(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	link, err := p.Open(t.Context(), payPage(t, "p-1"))
	if err != nil {
		t.Fatal(err)
	}
	session := f.pay(link.Reference, "pm_visa", "cus_acme")
	outcome := payment.Outcome{State: payment.Settled, Amount: amount(t, "200", "USD"), Reference: link.Reference, Method: &visa, At: start}
	charged := payment.Event{Kind: payment.Charged, Customer: "acme", ChargeID: "p-1", Outcome: outcome, Method: &visa}
	for _, kind := range []string{"checkout.session.completed", "checkout.session.async_payment_succeeded"} {
		got, err := told(t, f, kind, session, nil)
		tells(t, kind, got, err, charged)
	}
	intent := f.all("payment_intent")[0]
	charged.Outcome.Reference = intent["id"].(string)
	got, err := told(t, f, "payment_intent.succeeded", intent, nil)
	tells(t, "the payment", got, err, charged)

	// A card that is declined on a page is not the end of the page.
	f.update(intent["id"].(string), object{"status": "requires_payment_method", "last_payment_error": object{"code": "card_declined"}})
	got, err = told(t, f, "payment_intent.payment_failed", intent, nil)
	tells(t, "a declined card", got, err, payment.Event{Kind: payment.Ignored})
}

func TestEventsOfADelayedPage(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	link, err := p.Open(t.Context(), payPage(t, "p-1"))
	if err != nil {
		t.Fatal(err)
	}
	session := f.pay(link.Reference, "pm_sepa", "cus_acme")
	want := payment.Event{Kind: payment.Charged, Customer: "acme", ChargeID: "p-1",
		Outcome: payment.Outcome{State: payment.Pending, Amount: amount(t, "200", "USD"), Reference: link.Reference, At: start}}
	got, err := told(t, f, "checkout.session.completed", session, nil)
	tells(t, "completed", got, err, want)
	f.update(session["payment_intent"].(string), object{"status": "requires_payment_method", "last_payment_error": object{"code": "debit_not_authorized"}})
	want.Outcome.State, want.Outcome.Reason = payment.Declined, "debit_not_authorized"
	got, err = told(t, f, "checkout.session.async_payment_failed", session, nil)
	tells(t, "failed", got, err, want)

	link, err = p.Open(t.Context(), payPage(t, "p-2"))
	if err != nil {
		t.Fatal(err)
	}
	want.ChargeID, want.Outcome.Reason, want.Outcome.Reference = "p-2", payment.Abandoned, link.Reference
	got, err = told(t, f, "checkout.session.expired", f.update(link.Reference, object{"status": "expired"}), nil)
	tells(t, "expired", got, err, want)
}

func TestEventsOfACharge(t *testing.T) {
	for method, want := range map[string]payment.Outcome{
		"payment_intent.succeeded/pm_visa":          {State: payment.Settled},
		"payment_intent.payment_failed/pm_declined": {State: payment.Declined, Reason: payment.CardDeclined},
		"payment_intent.payment_failed/pm_sca":      {State: payment.Unconfirmed, Reason: payment.AuthenticationRequired},
		"payment_intent.canceled/pm_action":         {State: payment.Unconfirmed, Reason: payment.AuthenticationRequired},
		"payment_intent.processing/pm_sepa":         {State: payment.Pending},
	} {
		f := newFake(t)
		kind, token, _ := strings.Cut(method, "/")
		c := charge(t, "c-1")
		c.Method = token
		if _, err := f.provider().Charge(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		intent := f.all("payment_intent")[0]
		want.Amount, want.Reference, want.At = c.Amount, intent["id"].(string), start
		got, err := told(t, f, kind, intent, nil)
		tells(t, method, got, err, payment.Event{Kind: payment.Charged, Customer: "acme", ChargeID: "c-1", Outcome: want})
	}
}

func TestEventsOfMethods(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	link, err := p.Open(t.Context(), setupPage(t, "s-1"))
	if err != nil {
		t.Fatal(err)
	}
	session := f.pay(link.Reference, "pm_visa", "cus_acme")
	want := payment.Event{Kind: payment.MethodSaved, Customer: "acme", ChargeID: "s-1", Method: &visa,
		Outcome: payment.Outcome{State: payment.Settled, Reference: link.Reference, Method: &visa, At: start}}
	got, err := told(t, f, "checkout.session.completed", session, nil)
	tells(t, "a page", got, err, want)
	got, err = told(t, f, "checkout.session.expired", session, nil)
	tells(t, "a page that nobody used", got, err, payment.Event{Kind: payment.Ignored})
	setup := f.all("setup_intent")[0]
	want.Outcome.Reference = setup["id"].(string)
	got, err = told(t, f, "setup_intent.succeeded", setup, nil)
	tells(t, "a set-up", got, err, want)
	got, err = told(t, f, "setup_intent.succeeded", f.update(setup["id"].(string), object{"metadata": object{}}), nil)
	want.Customer, want.ChargeID = "", ""
	tells(t, "a set-up at the account page", got, err, want)

	f.mu.Lock()
	pm, customer := f.things["pm_visa"], f.things["cus_acme"]
	f.mu.Unlock()
	want.Outcome.Reference = ""
	got, err = told(t, f, "customer.updated", customer, object{"invoice_settings": object{"default_payment_method": "pm_old"}})
	tells(t, "another choice", got, err, want)
	got, err = told(t, f, "customer.updated", customer, object{"email": "old@acme.example"})
	tells(t, "another address", got, err, payment.Event{Kind: payment.Ignored})
	got, err = told(t, f, "payment_method.updated", pm, nil)
	tells(t, "a new date", got, err, payment.Event{Kind: payment.MethodChanged, Method: &visa})
	got, err = told(t, f, "payment_method.detached", f.update("pm_visa", object{"customer": nil}), object{"customer": "cus_acme"})
	tells(t, "gone", got, err, payment.Event{Kind: payment.MethodGone, Method: &payment.Method{Account: "cus_acme", Token: "pm_visa"}})
}

func TestEventsOfRefunds(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	paid, err := p.Charge(t.Context(), charge(t, "c-1"))
	if err != nil {
		t.Fatal(err)
	}
	for i, number := range []string{"4", "6.01"} {
		r := payment.Refund{ID: fmt.Sprint("r-", i), Customer: "acme", ChargeID: "c-1", Reference: paid.Reference, Amount: amount(t, number, "USD")}
		if _, err := p.Refund(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		given := amount(t, []string{"4", "10.01"}[i], "USD") // in all
		want := payment.Event{Kind: payment.Refunded, Customer: "acme", ChargeID: "c-1",
			Outcome: payment.Outcome{State: payment.Settled, Amount: given, Reference: paid.Reference, At: start}}
		got, err := told(t, f, "charge.refunded", f.all("charge")[0], nil)
		tells(t, "the charge", got, err, want)
		got, err = told(t, f, "refund.updated", f.all("refund")[i], nil)
		tells(t, "the refund", got, err, want)
	}
}

// What is none of ours, or of no interest, is ignored.
func TestEventsOfOthers(t *testing.T) {
	f := newFake(t)
	for _, kind := range []string{
		"checkout.session.completed", "payment_intent.succeeded", "setup_intent.succeeded", "charge.refunded", "refund.updated",
		"payment_method.detached", "payment_method.updated", "customer.updated", "invoice.paid", "",
	} {
		got, err := told(t, f, kind, object{"id": "x_1", "status": "succeeded"}, nil)
		tells(t, kind, got, err, payment.Event{Kind: payment.Ignored})
	}
}

// As long as a card's particulars can't be had, the message is to come again; a card
// that is not there any more is told by its id.
func TestEventsThatCannotBeReadNow(t *testing.T) {
	f := newFake(t)
	link, err := f.provider().Open(t.Context(), payPage(t, "p-1"))
	if err != nil {
		t.Fatal(err)
	}
	session := f.pay(link.Reference, "pm_visa", "cus_acme")
	intent := f.all("payment_intent")[0]
	for _, trouble := range []fault{{status: 500}, {status: 429}, {hangUp: true}} {
		f.reading = trouble
		_, err := told(t, f, "checkout.session.completed", session, nil)
		only(t, err, payment.ErrUnknown)
		_, err = told(t, f, "payment_intent.succeeded", intent, nil)
		only(t, err, payment.ErrUnknown)
	}
	f.reading = fault{}
	f.update(intent["id"].(string), object{"payment_method": "pm_lost"})
	got, err := told(t, f, "payment_intent.succeeded", intent, nil)
	if err != nil || got.Method == nil || *got.Method != (payment.Method{Account: "cus_acme", Token: "pm_lost"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSignatures(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	body := message("invoice.paid", object{"id": "in_1"}, nil)
	good := signed(body, "whsec_new", start).Get(stripe.SignatureHeader)
	tests := map[string]struct {
		header http.Header
		body   []byte
		want   error
	}{
		"as it should be":     {signed(body, "whsec_new", start), body, nil},
		"by the other secret": {signed(body, "whsec_old", start), body, nil},
		"by a third one":      {signed(body, "whsec_third", start), body, payment.ErrSignature},
		"by the key":          {signed(body, secretKey, start), body, payment.ErrSignature},
		"old, but not yet":    {signed(body, "whsec_new", start.Add(-stripe.Tolerance)), body, nil},
		"sent again":          {signed(body, "whsec_new", start.Add(-stripe.Tolerance-time.Second)), body, payment.ErrSignature},
		"of tomorrow":         {signed(body, "whsec_new", start.Add(24*time.Hour)), body, payment.ErrSignature},
		"another body":        {signed(body, "whsec_new", start), append([]byte(" "), body...), payment.ErrSignature},
		"unsigned":            {http.Header{}, body, payment.ErrSignature},
		"a broken header":     {http.Header{stripe.SignatureHeader: {"t=,v1"}}, body, payment.ErrSignature},
		"another time":        {http.Header{stripe.SignatureHeader: {strings.Replace(good, "t=", "t=9", 1)}}, body, payment.ErrSignature},
		"two times":           {http.Header{stripe.SignatureHeader: {"t=1," + good}}, body, payment.ErrSignature},
		"one more signature":  {http.Header{stripe.SignatureHeader: {good + ",v1=00"}}, body, nil},
		"no event":            {signed([]byte("[]"), "whsec_new", start), []byte("[]"), payment.ErrRefused},
		"no JSON":             {signed([]byte("{"), "whsec_new", start), []byte("{"), payment.ErrRefused},
		"nothing at all":      {signed(nil, "whsec_new", start), nil, payment.ErrRefused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := p.Event(t.Context(), tt.header, tt.body)
			only(t, err, tt.want)
			if (err == nil) != (got.ID == "evt_1") {
				t.Errorf("%+v", got)
			}
		})
	}
	bare, err := stripe.New(stripe.Config{SecretKey: secretKey})
	if err != nil {
		t.Fatal(err)
	}
	_, err = bare.Event(t.Context(), signed(body, "", time.Now()), body)
	only(t, err, payment.ErrSignature)
}

func TestConfig(t *testing.T) {
	for name, config := range map[string]stripe.Config{
		"no key":          {},
		"an empty secret": {SecretKey: secretKey, WebhookSecrets: []string{""}},
	} {
		if _, err := stripe.New(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
