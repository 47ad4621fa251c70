package billing_test

import (
	"errors"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/sample"
)

// paidCompany returns a hall with the sample company whose deposits a sandbox
// collects as it is told, and its payer.
func paidCompany(t *testing.T, config sandbox.Config) (*hall, *billing.Caller) {
	t.Helper()
	clock := newClock()
	config.Now = clock.Now
	h := hallOn(t, t.TempDir(), clock, billing.Config{Provider: sandbox.New(config)})
	made, err := sample.Create(t.Context(), h.Service, sample.Config{Hosts: []string{host}, Now: clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	h.keys[billing.Owner] = made.OwnerKey
	return h, h.enter(host, made.OwnerKey)
}

// payer returns the payer as of now.
func (h *hall) payer() *billing.Caller { return h.enter(host, h.keys[billing.Owner]) }

func (h *hall) part(planID int) billing.TariffPart {
	h.t.Helper()
	for _, part := range h.Tariff(h.payer()).Parts {
		if part.Plan.ID == planID {
			return part
		}
	}
	return billing.TariffPart{}
}

func (h *hall) available(currency money.Currency) money.Amount {
	h.t.Helper()
	w, err := h.Wallet(h.t.Context(), company)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range w.Pockets {
		if p.Book == ledger.Main && p.Available.Currency() == currency {
			return p.Available
		}
	}
	return money.Amount{}
}

func TestPurchaseCostsWhatItWasSaidTo(t *testing.T) {
	h, c := paidCompany(t, sandbox.Config{})
	before := h.available("USD")
	quote, err := h.QuotePurchase(t.Context(), c, "storage", 100)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := h.Purchase(t.Context(), c, "k", "storage", 100)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "the amount", receipt.Amount, quote.Amount)
	after, err := before.Sub(quote.Amount)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "what is left", h.available("USD"), after)
	if part := h.part(-11); part.Quantity != 200 {
		t.Errorf("there are %d", part.Quantity)
	}
	again, err := h.Purchase(t.Context(), c, "k", "storage", 100)
	if err != nil || !again.Replay || h.part(-11).Quantity != 200 {
		t.Errorf("again: %+v, %v, %d", again, err, h.part(-11).Quantity)
	}
	if _, err := h.Purchase(t.Context(), c, "k", "storage", 101); !errors.Is(err, billing.ErrMismatch) {
		t.Errorf("other input: %v", err)
	}
	if _, err := h.Purchase(t.Context(), h.payer(), "", "storage", 100_000); !errors.Is(err, billing.ErrInsufficient) {
		t.Errorf("too much: %v", err)
	}
}

func TestPlanIsChangedByCard(t *testing.T) {
	h, c := paidCompany(t, sandbox.Config{})
	done, replay, err := h.ChangePlan(t.Context(), c, "k", "admin", 12, catalog.Locale{})
	if err != nil || !done || replay {
		t.Fatalf("%v, %v, %v", done, replay, err)
	}
	if n := h.part(-9).Quantity; n != 12 {
		t.Errorf("there are %d", n)
	}
	diff(t, "the wallet", h.available("USD").String(), "148.50 USD")
	done, replay, err = h.ChangePlan(t.Context(), h.payer(), "k", "admin", 12, catalog.Locale{})
	if err != nil || !done || !replay {
		t.Errorf("again: %v, %v, %v", done, replay, err)
	}
	done, _, err = h.ChangePlan(t.Context(), h.payer(), "l", "admin", 10, catalog.Locale{})
	if err != nil || !done {
		t.Fatalf("less: %v, %v", done, err)
	}
	if n := h.part(-9).Quantity; n != 10 {
		t.Errorf("there are %d", n)
	}
	if got := h.available("USD"); got.Units() <= 148_50*money.Scale/100 {
		t.Errorf("nothing was given back: %s", got)
	}
	if _, _, err := h.ChangePlan(t.Context(), h.payer(), "m", "admin", 3, catalog.Locale{}); !errors.Is(err, billing.ErrLimit) {
		t.Errorf("fewer than there are: %v", err)
	}
}
