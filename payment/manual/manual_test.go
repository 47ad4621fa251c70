package manual_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/manual"
)

// Whatever is asked for is refused for good, in words that say who does it instead.
func TestNothingIsCollected(t *testing.T) {
	var p payment.Provider = manual.Provider{}
	if p.Name() != "manual" {
		t.Errorf("name %q", p.Name())
	}
	usd := money.FromUnits(money.Scale, "USD")
	_, charged := p.Charge(t.Context(), payment.Charge{ID: "c-1", Customer: "acme", Amount: usd})
	_, opened := p.Open(t.Context(), payment.Page{Kind: payment.AccountPage, Customer: "acme", SuccessURL: "https://acme.example/"})
	_, refunded := p.Refund(t.Context(), payment.Refund{ID: "r-1", Customer: "acme", ChargeID: "c-1", Amount: usd})
	for what, err := range map[string]error{"charge": charged, "open": opened, "refund": refunded} {
		if !errors.Is(err, payment.ErrUnsupported) || !errors.Is(err, payment.ErrRefused) || !strings.Contains(err.Error(), "an operator records them") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, charged = p.Charge(t.Context(), payment.Charge{})
	_, opened = p.Open(t.Context(), payment.Page{})
	_, refunded = p.Refund(t.Context(), payment.Refund{})
	for what, err := range map[string]error{"charge": charged, "open": opened, "refund": refunded} {
		if !errors.Is(err, payment.ErrRefused) || errors.Is(err, payment.ErrUnsupported) {
			t.Errorf("%s of nothing: %v", what, err)
		}
	}
	if _, err := p.Find(t.Context(), payment.Query{Customer: "acme", ID: "c-1"}); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("find: %v", err)
	}
	if _, err := p.Event(t.Context(), nil, []byte("{}")); !errors.Is(err, payment.ErrSignature) {
		t.Errorf("event: %v", err)
	}
}
