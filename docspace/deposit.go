package docspace

import (
	"context"
	"net/http"

	"github.com/bursarhq/bursar/money"
)

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
	return c.writeFlag(ctx, writing{
		operation: opDeposit, method: http.MethodPost, body: DepositRequest{amount, currency}, money: true, key: key,
	})
}
