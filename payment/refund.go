package payment

import "github.com/bursarhq/bursar/money"

// Refund is money that a customer gets back of a charge.
type Refund struct {
	// ID is ours and the provider's idempotency key. Required.
	ID string
	// Customer, Account, ChargeID and Reference say what is given back, as in Query.
	Customer, Account, ChargeID, Reference string
	// Amount is how much of it, as in Charge.
	Amount money.Amount
}

// Check returns nil if a provider can be asked this, else ErrRefused.
func (r Refund) Check() error {
	if err := checkTexts([]text{
		{"id", r.ID, true},
		{"customer", r.Customer, true},
		{"account", r.Account, false},
		{"charge id", r.ChargeID, true},
		{"reference", r.Reference, false},
	}); err != nil {
		return err
	}
	_, err := MinorUnits(r.Amount)
	return err
}
