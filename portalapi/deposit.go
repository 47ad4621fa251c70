package portalapi

import (
	"errors"
	"net/http"

	"github.com/bursarhq/bursar/billing"
)

// deposit answers POST payment/deposit. Source: contract, the section of that
// name; validation comes before the action.
func (d *door) deposit(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	amount := f.whole("amount", anyWhole) // the hall says how much
	currency := f.text("currency", optional, stringLength(3))
	if err := f.err(); err != nil {
		return done{}, err
	}
	if currency == "" {
		return done{}, &billing.FieldError{Field: "currency", Text: "is required"}
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return done{}, err
	}
	settled, replay, err := d.service.DepositFor(r.Context(), c, key, amount, currency)
	var wrong *billing.FieldError
	if errors.As(err, &wrong) && wrong.Field == "currency" {
		err = &refusal{
			status: http.StatusBadRequest, message: "Unsupported currency", kind: "System.ArgumentException", hresult: -2147024809,
		}
	}
	if err != nil {
		return done{}, err
	}
	return done{payload: settled, replay: replay}, nil
}

// idempotencyKey returns the caller's name for what is asked; "" for none. What can't
// be one is told before anything is said of the caller, as all input is.
func idempotencyKey(r *http.Request) (string, error) {
	sent, ok := r.Header["Idempotency-Key"]
	if !ok {
		return "", nil
	}
	if len(sent) > 1 {
		return "", &billing.FieldError{Field: "Idempotency-Key", Text: "is given twice"}
	}
	if sent[0] == "" {
		return "", &billing.FieldError{Field: "Idempotency-Key", Text: "is empty"}
	}
	return sent[0], billing.CheckKey(sent[0])
}
