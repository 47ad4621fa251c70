package docspace

import (
	"context"
	"html"
	"net/url"
)

var (
	opCustomerInfo  = operation{"get customer info", "/portal/payment/customerinfo"}
	opBalance       = operation{"get balance", "/portal/payment/customer/balance"}
	opQuota         = operation{"get current quota", "/portal/payment/quota"}
	opQuotas        = operation{"get available quotas", "/portal/payment/quotas"}
	opTopUpSettings = operation{"get topup settings", "/portal/payment/topupsettings"}
	opCurrencies    = operation{"get currencies", "/portal/payment/currencies"}
	opAIBalance     = operation{"get AI balance", "/portal/payment/customer/aibalance"}
	opOperations    = operation{"get operations", "/portal/payment/customer/operations"}
	opDeposit       = operation{"deposit", "/portal/payment/deposit"}
)

// CustomerInfo returns who pays for the portal; nil when it has no customer.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/payment/customerinfo".
func (c *Client) CustomerInfo(ctx context.Context) (*CustomerInfo, error) {
	info, err := read[CustomerInfo](ctx, c, opCustomerInfo, url.Values{})
	if info != nil && info.Payer != nil {
		info.Payer.DisplayName = html.UnescapeString(info.Payer.DisplayName)
	}
	return info, err
}

// Balance returns what the portal's wallet holds; nil when the balance is not
// known: there is no customer, nothing was ever paid in, or the portal can't
// reach its accounting.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/payment/customer/balance".
func (c *Client) Balance(ctx context.Context) (*Balance, error) {
	return read[Balance](ctx, c, opBalance, url.Values{})
}

// AIBalance returns what the portal has of AI credit; nil when that is not known:
// there is no customer, no credit was ever bought, or the portal can't reach its
// accounting.
//
// The key's user must be an administrator.
// Source: contract, "GET /payment/customer/aibalance".
func (c *Client) AIBalance(ctx context.Context) (*Balance, error) {
	return read[Balance](ctx, c, opAIBalance, url.Values{})
}

// Quota returns the portal's plan with what is used of it; nil when the portal
// does not say.
//
// Anyone but a guest may ask; who is no administrator is told less.
// Source: contract, "GET /api/2.0/portal/payment/quota".
func (c *Client) Quota(ctx context.Context) (*Quota, error) {
	return read[Quota](ctx, c, opQuota, url.Values{})
}

// Quotas returns the plans on offer, for one unit each; nil when the portal
// does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/payment/quotas".
func (c *Client) Quotas(ctx context.Context) ([]Quota, error) {
	return readList[Quota](ctx, c, opQuotas, url.Values{})
}

// WalletQuotas returns the services that are paid from the wallet, for one unit
// each; nil when the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/payment/quotas", parameter wallet.
func (c *Client) WalletQuotas(ctx context.Context) ([]Quota, error) {
	return readList[Quota](ctx, c, opQuotas, url.Values{"wallet": {"true"}})
}

// TopUpSettings returns when and how far the wallet is refilled by itself; nil
// when the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/payment/topupsettings".
func (c *Client) TopUpSettings(ctx context.Context) (*TopUpSettings, error) {
	return read[TopUpSettings](ctx, c, opTopUpSettings, url.Values{})
}

// Currencies returns the currencies that the portal shows its prices in, its
// default first; nil when the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/payment/currencies".
func (c *Client) Currencies(ctx context.Context) ([]Currency, error) {
	return readList[Currency](ctx, c, opCurrencies, url.Values{})
}

func readList[T any](ctx context.Context, c *Client, op operation, query url.Values) ([]T, error) {
	list, err := read[[]T](ctx, c, op, query)
	if list == nil {
		return nil, err
	}
	return *list, nil
}
