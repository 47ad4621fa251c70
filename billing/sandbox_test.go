package billing_test

import (
	"errors"
	"net/url"
	"path"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

// What happens on the sandbox's pages is known to every process, and after each has
// ended.
func TestSandboxRemembers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		process := func() *sandbox.Provider {
			return billing.NewSandbox(tl.store, sandbox.Config{Now: tl.clock.Now, WebhookSecret: "shared"})
		}
		page := payment.Page{
			Kind: payment.PayPage, ID: "p1." + company, Customer: company, Amount: amount("200 USD"), Description: "10 admins", Language: "de",
			SuccessURL: "https://portal.example/ok", CancelURL: "https://portal.example/",
		}
		first, err := process().Open(t.Context(), page)
		tl.must(err)
		if again, err := process().Open(t.Context(), page); err != nil || again != first {
			t.Errorf("opened again: %+v, %v", again, err)
		}
		u, err := url.Parse(first.URL)
		tl.must(err)
		token := u.Query().Get(sandbox.TokenParameter)
		if v, err := process().Visit(t.Context(), company, page.ID, token); err != nil || v.Page != page || v.Ended {
			t.Errorf("visited: %+v, %v", v, err)
		}
		reply, err := process().Answer(t.Context(), company, page.ID, token, sandbox.Answer{Method: "card_late"})
		if err != nil || len(reply.Events) != 1 {
			t.Fatalf("%+v, %v", reply, err)
		}
		if again, err := process().Answer(t.Context(), company, page.ID, token, sandbox.Answer{Method: "card"}); err != nil {
			t.Errorf("answered again: %v", err)
		} else if diff := cmp.Diff(reply, again, sameAmounts); diff != "" {
			t.Errorf("answered again:\n%s", diff)
		}
		tl.clock.Move(time.Minute)
		found, err := process().Find(t.Context(), payment.Query{Customer: company, ID: page.ID})
		if err != nil || found.State != payment.Settled || found.Amount != page.Amount || found.Method == nil || found.Method.Token != "card_late" {
			t.Errorf("found %+v, %v", found, err)
		}
		refund := payment.Refund{ID: "r1", Customer: company, ChargeID: page.ID, Amount: amount("150 USD")}
		for range 2 {
			if got, err := process().Refund(t.Context(), refund); err != nil || got.Amount != refund.Amount {
				t.Errorf("refunded %+v, %v", got, err)
			}
		}
		refund.ID = "r2"
		if _, err := process().Refund(t.Context(), refund); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("more than is left: %v", err)
		}
		header, body, err := process().Message(payment.Refunded, company, page.ID)
		tl.must(err)
		if e, err := process().Event(t.Context(), header, body); err != nil || e.Outcome.Amount != amount("150 USD") {
			t.Errorf("%+v, %v", e, err)
		}
		account := payment.Page{Kind: payment.AccountPage, Customer: company, SuccessURL: "https://portal.example/"}
		link, err := process().Open(t.Context(), account)
		tl.must(err)
		u, err = url.Parse(link.URL)
		tl.must(err)
		if v, err := process().Visit(t.Context(), company, path.Base(u.Path), u.Query().Get(sandbox.TokenParameter)); err != nil || v.Saved == nil || v.Saved.Token != "card_late" {
			t.Errorf("saved: %+v, %v", v.Saved, err)
		}
	})
}

var sameAmounts = cmp.Comparer(func(a, b money.Amount) bool { return a == b })
