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

	opCheckout      = operation{"get checkout address", "/portal/payment/url"}
	opUpdate        = operation{"change plan", "/portal/payment/update"}
	opUpdateWallet  = operation{"change what the wallet pays for", "/portal/payment/updatewallet"}
	opCalculate     = operation{"calculate price", "/portal/payment/calculatewallet"}
	opSubscription  = operation{"get subscription balance", "/portal/payment/subscription/balance"}
	opMoveToWallet  = operation{"move subscription to wallet", "/portal/payment/subscription/movetowallet"}
	opTariff        = operation{"get tariff", "/portal/tariff"}
	opUpcoming      = operation{"get upcoming payments", "/portal/tariff/upcoming"}
	opTenantQuota   = operation{"get portal's quota", "/portal/quota"}
	opRightQuota    = operation{"get right quota", "/portal/quota/right"}
	opUsedSpace     = operation{"get used space", "/portal/usedspace"}
	opTenantExtra   = operation{"get tenant extra", "/portal/tenantextra"}
	opSettings      = operation{"get payment settings", "/settings/payment"}
	opAccount       = operation{"get account address", "/portal/payment/account"}
	opSetup         = operation{"get setup address", "/portal/payment/checkoutsetupurl"}
	opSetupOld      = operation{"get setup address", "/portal/payment/chechoutsetupurl"}
	opSales         = operation{"contact sales", "/portal/payment/request"}
	opPrices        = operation{"get prices", "/portal/payment/prices"}
	opAccounting    = operation{"get accounting currencies", "/portal/payment/accounting/currencies"}
	opServicePrices = operation{"get prices of a service", "/portal/payment/accounting/prices"}

	opWalletServices   = operation{"get wallet services", "/portal/payment/walletservices"}
	opWalletService    = operation{"get wallet service", "/portal/payment/walletservice"}
	opServicesSettings = operation{"get services settings", "/portal/payment/servicessettings"}
	opServiceState     = operation{"switch service", "/portal/payment/servicestate"}
	opActiveServices   = operation{"get active services", "/portal/payment/activeservices"}
	opBuyService       = operation{"buy wallet service", "/portal/payment/buywalletservice"}
	opServiceQuota     = operation{"get service quota", "/portal/payment/customer/servicequota"}
	opSetTopUp         = operation{"set topup settings", "/portal/payment/topupsettings"}

	opCreditAI        = operation{"credit AI balance", "/portal/payment/creditaibalance"}
	opAIPrices        = operation{"get AI prices", "/portal/payment/ai-prices"}
	opRestrictions    = operation{"get AI restrictions", "/portal/payment/ai-model/restrictions"}
	opSetRestrictions = operation{"set AI restrictions", "/portal/payment/ai-model/restrictions"}

	opUsage   = operation{"get usage", "/portal/payment/customer/usage"}
	opMonthly = operation{"get monthly usage", "/portal/payment/customer/usage/monthly"}

	opOperationsReport = operation{"report operations", "/portal/payment/customer/operationsreport"}
	opUsageReport      = operation{"report usage", "/portal/payment/customer/usage/report"}
	opMonthlyReport    = operation{"report monthly usage", "/portal/payment/customer/usage/monthly/report"}
	opDownload         = operation{"download report", ""}

	opKeys        = operation{"get keys", "/keys"}
	opCreateKey   = operation{"create key", "/keys"}
	opPermissions = operation{"get permissions of keys", "/keys/permissions"}
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
