package docspace

import (
	"bytes"
	"context"
	"net/http"

	"github.com/bursarhq/bursar/money"
)

// depositTimeouts is how many times longer than a read a deposit may take: a
// portal waits for the bank, and then for its own accounting.
const depositTimeouts = 4

// Deposit charges the customer's payment method with so many major units of a
// currency, and reports whether the money is in the wallet: false means that the
// bank declined. The key's user must be the payer.
//
// The key is the caller's name for this deposit, 1 to 255 printable ASCII: Bursar
// charges once, however often the same deposit is sent under the same key. A stock
// portal does not know keys. "" sends none.
//
// A deposit is sent once and never repeated, whatever happens: a redirect is not
// followed, nor is a broken connection tried again. An *Error with a Status of 400
// to 499 says that this call charged nothing. After any other error (the portal
// failed, was not reached or did not answer in time) the money may have been
// charged or not. Then, with a key, the same call again tells and does no harm;
// without one, look at the operations first.
//
// It may take four times Config.Timeout.
// Source: contract, "POST /payment/deposit".
func (c *Client) Deposit(ctx context.Context, amount int64, currency money.Currency, key string) (bool, error) {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return false, &Error{
				Operation: opDeposit.name, Message: "the key has other characters than printable ASCII; nothing was sent", Err: ErrRefused,
			}
		}
	}
	body, err := marshal(struct {
		Amount   int64          `json:"amount"`
		Currency money.Currency `json:"currency"`
	}{amount, currency})
	if err != nil {
		return false, err
	}
	answer, failure := c.send(ctx, opDeposit, depositTimeouts*c.timeout, func(ctx context.Context, address string) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		// Without it, net/http has no means to send the body a second time: it would
		// otherwise repeat a request with an Idempotency-Key by itself.
		req.GetBody = nil
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		return req, nil
	})
	if failure != nil {
		return false, failure
	}
	settled, err := decode[bool](c, opDeposit, answer)
	if err != nil {
		return false, err
	}
	if settled == nil {
		return false, &Error{
			Operation: opDeposit.name, Status: http.StatusOK, RequestID: answer.requestID,
			Message: "the portal does not say whether the money is there", Err: ErrMalformed,
		}
	}
	return *settled, nil
}
