package stripe

import (
	"context"
	"errors"
	"slices"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/payment"
)

// brands are the names that cards have on themselves. Source: docs.stripe.com/api,
// "PaymentMethod.card.brand".
var brands = map[sdk.PaymentMethodCardBrand]string{
	"amex": "American Express", "cartes_bancaires": "Cartes Bancaires", "diners": "Diners Club", "discover": "Discover",
	"eftpos_au": "Eftpos Australia", "jcb": "JCB", "mastercard": "Mastercard", "unionpay": "UnionPay", "visa": "Visa",
}

// delayed are the types that take days. Source: docs.stripe.com/payments,
// "Delayed notification payment methods".
var delayed = []sdk.PaymentMethodType{
	"acss_debit", "au_becs_debit", "bacs_debit", "customer_balance", "nz_bank_account", "sepa_debit", "us_bank_account",
}

// methodOf returns what is known of a payment method; nil for none. One that came as
// an id alone has no more than that.
func methodOf(pm *sdk.PaymentMethod, account string) *payment.Method {
	if pm == nil || pm.ID == "" {
		return nil
	}
	m := &payment.Method{Account: account, Token: pm.ID, Kind: string(pm.Type), Delayed: slices.Contains(delayed, pm.Type)}
	if pm.Customer != nil && pm.Customer.ID != "" {
		m.Account = pm.Customer.ID
	}
	const dots = " •••• "
	switch {
	case pm.Card != nil:
		brand := brands[pm.Card.Brand]
		if brand == "" {
			brand = "Card"
		}
		m.Label, m.Fingerprint = brand+dots+pm.Card.Last4, pm.Card.Fingerprint
		m.ExpiresYear, m.ExpiresMonth = int(pm.Card.ExpYear), int(pm.Card.ExpMonth)
	case pm.SEPADebit != nil:
		m.Label, m.Fingerprint = "SEPA"+dots+pm.SEPADebit.Last4, pm.SEPADebit.Fingerprint
	case pm.USBankAccount != nil:
		m.Label, m.Fingerprint = pm.USBankAccount.BankName+dots+pm.USBankAccount.Last4, pm.USBankAccount.Fingerprint
	case pm.BACSDebit != nil:
		m.Label, m.Fingerprint = "Bacs"+dots+pm.BACSDebit.Last4, pm.BACSDebit.Fingerprint
	default:
		m.Label = string(pm.Type)
	}
	return m
}

// fetchMethod looks a payment method up that came as an id. One that Stripe does not
// show any more is told by its id.
func (p *Provider) fetchMethod(ctx context.Context, id, account string) (*payment.Method, error) {
	if id == "" {
		return nil, nil
	}
	pm, err := call(ctx, p, func(ctx context.Context) (*sdk.PaymentMethod, error) {
		return p.client.V1PaymentMethods.Retrieve(ctx, id, nil)
	})
	if errors.Is(err, payment.ErrRefused) {
		return &payment.Method{Account: account, Token: id}, nil
	}
	if err != nil {
		return nil, nothingLearnt(err)
	}
	return methodOf(pm, account), nil
}

// usual returns the id of the method that a customer pays by when none is named: the
// one that they chose at Stripe's, or the last that they saved.
func (p *Provider) usual(ctx context.Context, account string) (string, error) {
	customer, err := call(ctx, p, func(ctx context.Context) (*sdk.Customer, error) {
		return p.client.V1Customers.Retrieve(ctx, account, nil)
	})
	if err != nil {
		return "", err
	}
	if s := customer.InvoiceSettings; s != nil && s.DefaultPaymentMethod != nil && s.DefaultPaymentMethod.ID != "" {
		return s.DefaultPaymentMethod.ID, nil
	}
	return call(ctx, p, func(ctx context.Context) (string, error) {
		params := &sdk.PaymentMethodListParams{Customer: &account}
		params.Limit = sdk.Int64(1)
		for pm, err := range p.client.V1PaymentMethods.List(ctx, params).All(ctx) {
			if err != nil {
				return "", err
			}
			return pm.ID, nil
		}
		return "", refused("the customer has saved no payment method")
	})
}
