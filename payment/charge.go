package payment

import (
	"fmt"

	"github.com/bursarhq/bursar/money"
)

// maxText is the longest id, customer, account and method in bytes. Source: Stripe takes
// no longer idempotency key.
const maxText = 255

// Charge is one collection of money from a customer.
type Charge struct {
	// ID is ours and the provider's idempotency key: one id stands for one
	// collection, among all customers and for ever. Required.
	ID string
	// Customer is the id of the portal that pays. Required.
	Customer string
	// Account is the provider's own id of the customer, as an Event or an Outcome
	// told it; "" if it has none.
	Account string
	// Method is the provider's token of the saved payment method; "" is the
	// customer's usual one.
	Method string
	// Amount is positive and in whole minor units of its currency, as Collectable
	// returns it.
	Amount money.Amount
	// Description is what the customer reads on a statement; "" leaves it to the
	// provider.
	Description string
	// Automatic says that the customer is not there to confirm anything.
	Automatic bool
}

// Check returns nil if a provider can be asked this, else ErrRefused.
func (c Charge) Check() error {
	if err := checkTexts([]text{
		{"id", c.ID, true},
		{"customer", c.Customer, true},
		{"account", c.Account, false},
		{"method", c.Method, false},
	}); err != nil {
		return err
	}
	_, err := MinorUnits(c.Amount)
	return err
}

// text is a part of a request that a provider has to keep.
type text struct {
	name, value string
	required    bool
}

func checkTexts(texts []text) error {
	for _, t := range texts {
		if t.required && t.value == "" {
			return fmt.Errorf("%w: the %s is missing", ErrRefused, t.name)
		}
		if len(t.value) > maxText {
			return fmt.Errorf("%w: the %s is longer than %d bytes", ErrRefused, t.name, maxText)
		}
	}
	return nil
}
