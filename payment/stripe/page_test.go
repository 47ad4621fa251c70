package stripe_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

func payPage(t testing.TB, id string) payment.Page {
	return payment.Page{
		Kind: payment.PayPage, ID: id, Customer: "acme", Email: "ann@acme.example", Amount: amount(t, "200", "USD"),
		Description: "10 administrators", Language: "de-AT", SuccessURL: "https://acme.example/paid", CancelURL: "https://acme.example/back",
	}
}

func setupPage(t testing.TB, id string) payment.Page {
	p := payPage(t, id)
	p.Kind, p.Amount = payment.SetupPage, money.Amount{}
	return p
}

// visa is what is known of the card that pays on pages.
var visa = payment.Method{Account: "cus_acme", Token: "pm_visa", Kind: "card", Label: "Visa •••• 4242", Fingerprint: "fp_pm_visa", ExpiresYear: 2031, ExpiresMonth: 8}

func TestPayPage(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	link, err := p.Open(t.Context(), payPage(t, "p-1"))
	if err != nil || link.URL != "https://checkout.stripe.test/"+link.Reference || !link.ExpiresAt.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("%+v, %v", link, err)
	}
	asked := f.asked[len(f.asked)-1].PostForm
	for name, want := range map[string]string{
		"mode": "payment", "payment_intent_data[setup_future_usage]": "off_session", "customer_creation": "always",
		"customer_email": "ann@acme.example", "client_reference_id": "p-1", "metadata[bursar_id]": "p-1", "metadata[bursar_customer]": "acme",
		"payment_intent_data[metadata][bursar_id]": "p-1", "payment_intent_data[metadata][bursar_customer]": "acme", "locale": "de",
		"line_items[0][price_data][unit_amount]": "20000", "line_items[0][price_data][currency]": "usd",
		"line_items[0][price_data][product_data][name]": "10 administrators", "adaptive_pricing[enabled]": "false",
		"payment_method_types[0]": "card", "success_url": "https://acme.example/paid", "cancel_url": "https://acme.example/back",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	again, err := p.Open(t.Context(), payPage(t, "p-1"))
	if again != link || err != nil {
		t.Errorf("opened again: %+v, %v", again, err)
	}
	other := payPage(t, "p-1")
	other.Amount = amount(t, "1", "USD")
	_, err = p.Open(t.Context(), other)
	only(t, err, payment.ErrRefused)

	q := payment.Query{Customer: "acme", ID: "p-1", Reference: link.Reference}
	want := payment.Outcome{State: payment.Pending, Amount: amount(t, "200", "USD"), Reference: link.Reference, At: start}
	found, err := p.Find(t.Context(), q)
	equal(t, "open", found, err, want)
	f.pay(link.Reference, "pm_visa", "cus_acme")
	want.State, want.Method = payment.Settled, &visa
	found, err = p.Find(t.Context(), q)
	equal(t, "paid", found, err, want)
	found, err = p.Find(t.Context(), of("p-1"))
	equal(t, "paid, without the reference", found, err, want)
	q.Customer = "other"
	_, err = p.Find(t.Context(), q)
	only(t, err, payment.ErrNotFound)

	// The card can be charged from now on, but never under the page's id.
	c := charge(t, "c-1")
	c.Account, c.Method = found.Method.Account, found.Method.Token
	if got, err := p.Charge(t.Context(), c); err != nil || got.State != payment.Settled {
		t.Errorf("%+v, %v", got, err)
	}
	c.ID, c.Amount = "p-1", amount(t, "200", "USD")
	_, err = p.Charge(t.Context(), c)
	only(t, err, payment.ErrRefused)
}

func TestPagesThatEndOtherwise(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	page := payPage(t, "p-1")
	page.Account = "cus_acme"
	link, err := p.Open(t.Context(), page)
	if err != nil {
		t.Fatal(err)
	}
	f.day()
	if again, err := p.Open(t.Context(), page); again != link || err != nil {
		t.Errorf("opened again: %+v, %v", again, err)
	}
	found, err := p.Find(t.Context(), of("p-1"))
	want := payment.Outcome{State: payment.Pending, Amount: page.Amount, Reference: link.Reference, At: start}
	equal(t, "open, without the reference", found, err, want)
	f.update(link.Reference, object{"status": "expired"})
	want.State, want.Reason, want.At = payment.Declined, payment.Abandoned, start.Add(24*time.Hour)
	found, err = p.Find(t.Context(), of("p-1"))
	equal(t, "expired", found, err, want)
	_, err = p.Open(t.Context(), page)
	only(t, err, payment.ErrRefused)

	// A debit that is taken back days later.
	link, err = p.Open(t.Context(), payPage(t, "p-2"))
	if err != nil {
		t.Fatal(err)
	}
	session := f.pay(link.Reference, "pm_sepa", "cus_acme")
	found, err = p.Find(t.Context(), of("p-2"))
	if err != nil || found.State != payment.Pending {
		t.Errorf("%+v, %v", found, err)
	}
	f.update(session["payment_intent"].(string), object{"status": "requires_payment_method", "last_payment_error": object{"code": "debit_not_authorized"}})
	found, err = p.Find(t.Context(), of("p-2"))
	if err != nil || found.State != payment.Declined || found.Reason != "debit_not_authorized" {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestSetupPage(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	link, err := p.Open(t.Context(), setupPage(t, "s-1"))
	if err != nil {
		t.Fatal(err)
	}
	asked := f.asked[len(f.asked)-1].PostForm
	if asked.Get("mode") != "setup" || asked.Get("setup_intent_data[metadata][bursar_id]") != "s-1" || asked.Has("line_items[0][quantity]") {
		t.Errorf("%v", asked)
	}
	f.pay(link.Reference, "pm_visa", "cus_acme")
	found, err := p.Find(t.Context(), payment.Query{Customer: "acme", ID: "s-1", Reference: link.Reference})
	equal(t, "saved", found, err, payment.Outcome{State: payment.Settled, Reference: link.Reference, Method: &visa, At: start})
	if f.collected() != 0 {
		t.Errorf("%d taken", f.collected())
	}
}

func TestAccountPage(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	page := payment.Page{Kind: payment.AccountPage, Customer: "acme", Account: "cus_acme", SuccessURL: "https://acme.example/"}
	link, err := p.Open(t.Context(), page)
	if want := "https://billing.stripe.test/cus_acme?back=" + url.QueryEscape("https://acme.example/"); err != nil || link.URL != want {
		t.Errorf("%+v, %v", link, err)
	}
	page.Account = ""
	_, err = p.Open(t.Context(), page)
	only(t, err, payment.ErrRefused)
}

func TestOpenFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		fault fault
		want  error
	}{
		"500":     {fault{status: 500}, payment.ErrUnknown},
		"lost":    {fault{hangUp: true, after: true}, payment.ErrUnknown},
		"limit":   {fault{status: 429}, payment.ErrUnknown},
		"refused": {fault{status: 400}, payment.ErrRefused},
		"key":     {fault{status: 401}, payment.ErrUnreachable},
	} {
		f := newFake(t)
		p := f.provider()
		f.fault = tt.fault
		_, err := p.Open(t.Context(), payPage(t, "p-1"))
		only(t, err, tt.want)
		if _, err := p.Open(t.Context(), payPage(t, "p-1")); err != nil || len(f.all("checkout.session")) != 1 {
			t.Errorf("%s: again: %v, %d pages", name, err, len(f.all("checkout.session")))
		}
	}
}

func TestRefund(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	paid, err := p.Charge(t.Context(), charge(t, "c-1"))
	if err != nil {
		t.Fatal(err)
	}
	part := payment.Refund{ID: "r-1", Customer: "acme", Account: "cus_acme", ChargeID: "c-1", Amount: amount(t, "4", "USD")}
	f.fault = fault{hangUp: true, after: true}
	_, err = p.Refund(t.Context(), part)
	only(t, err, payment.ErrUnknown)
	for range 2 { // never twice, nor after a day
		got, err := p.Refund(t.Context(), part)
		equal(t, "refunded", got, err, payment.Outcome{State: payment.Settled, Amount: part.Amount, Reference: got.Reference, At: start})
		f.day()
	}
	for name, change := range map[string]func(*payment.Refund){
		"another amount":          func(r *payment.Refund) { r.Amount = amount(t, "5", "USD") },
		"another currency":        func(r *payment.Refund) { r.ID, r.Amount = "r-2", amount(t, "1", "EUR") },
		"more than was collected": func(r *payment.Refund) { r.ID, r.Amount = "r-2", amount(t, "7", "USD") },
		"no such charge":          func(r *payment.Refund) { r.ID, r.ChargeID = "r-2", "c-2" },
		"another customer":        func(r *payment.Refund) { r.ID, r.Customer, r.Reference = "r-2", "other", paid.Reference },
		"nobody's":                func(r *payment.Refund) { r.ID, r.Account = "r-2", "" },
	} {
		r := part
		change(&r)
		if _, err := p.Refund(t.Context(), r); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rest := part
	rest.ID, rest.Reference, rest.Amount = "r-3", paid.Reference, amount(t, "6.01", "USD")
	if got, err := p.Refund(t.Context(), rest); err != nil || got.State != payment.Settled {
		t.Errorf("%+v, %v", got, err)
	}
	if n := len(f.all("refund")); n != 2 || f.all("charge")[0]["amount_refunded"] != int64(1001) {
		t.Errorf("%d refunds, %v", n, f.all("charge"))
	}
	// What was paid on a page is given back by the page's reference.
	link, err := p.Open(t.Context(), payPage(t, "p-1"))
	if err != nil {
		t.Fatal(err)
	}
	f.pay(link.Reference, "pm_visa", "cus_acme")
	back := payment.Refund{ID: "r-4", Customer: "acme", ChargeID: "p-1", Reference: link.Reference, Amount: amount(t, "200", "USD")}
	got, err := p.Refund(t.Context(), back)
	if diff := cmp.Diff(payment.Settled, got.State); err != nil || diff != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Those who give back at once all see that nobody has yet; the key lets one.
func TestOneRefundAtOnce(t *testing.T) {
	f := newFake(t)
	f.lag = 50 * time.Millisecond
	p := f.provider()
	if _, err := p.Charge(t.Context(), charge(t, "c-1")); err != nil {
		t.Fatal(err)
	}
	r := payment.Refund{ID: "r-1", Customer: "acme", Account: "cus_acme", ChargeID: "c-1", Amount: amount(t, "0.10", "USD")}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if got, err := p.Refund(context.Background(), r); err != nil || got.State != payment.Settled {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := len(f.all("refund")); n != 1 || f.all("charge")[0]["amount_refunded"] != int64(10) {
		t.Errorf("%d refunds, %v", n, f.all("charge"))
	}
}
