// Package manual is the payment provider of those who are paid by bank transfer: it
// collects nothing by itself, and an operator records what has come in.
//
// What is recorded is a use case of billing, "record a payment". This room only says
// clearly, wherever a provider is asked, that there is nobody to ask.
package manual

import (
	"context"
	"fmt"
	"net/http"

	"github.com/bursarhq/bursar/payment"
)

// Name is the provider's name in accounts and records.
const Name = "manual"

// Provider is nobody. The zero Provider is ready to use; it is a payment.Provider,
// safe for concurrent use.
type Provider struct{}

var _ payment.Provider = Provider{}

// unsupported is what every request comes to.
func unsupported(what string) error {
	return fmt.Errorf("%w: payments come by bank transfer, and an operator records them: %s", payment.ErrUnsupported, what)
}

// Name returns "manual".
func (Provider) Name() string { return Name }

// Charge is ErrUnsupported.
func (Provider) Charge(_ context.Context, c payment.Charge) (payment.Outcome, error) {
	if err := c.Check(); err != nil {
		return payment.Outcome{}, err
	}
	return payment.Outcome{}, unsupported("nothing can be charged")
}

// Find is payment.ErrNotFound: nothing was ever collected under an id.
func (Provider) Find(_ context.Context, q payment.Query) (payment.Outcome, error) {
	return payment.Outcome{}, fmt.Errorf("%w: %s of %s", payment.ErrNotFound, q.ID, q.Customer)
}

// Open is ErrUnsupported.
func (Provider) Open(_ context.Context, p payment.Page) (payment.Link, error) {
	if err := p.Check(); err != nil {
		return payment.Link{}, err
	}
	return payment.Link{}, unsupported("there is no page to pay on")
}

// Refund is ErrUnsupported.
func (Provider) Refund(_ context.Context, r payment.Refund) (payment.Outcome, error) {
	if err := r.Check(); err != nil {
		return payment.Outcome{}, err
	}
	return payment.Outcome{}, unsupported("what is given back goes by bank transfer, too")
}

// Event is payment.ErrSignature: nobody sends messages.
func (Provider) Event(context.Context, http.Header, []byte) (payment.Event, error) {
	return payment.Event{}, payment.ErrSignature
}
