package docspace

import (
	"context"
	"net/http"
	"net/url"

	"github.com/bursarhq/bursar/money"
)

// Prices returns what one unit of each product costs; nil when the portal does not
// say.
//
// The key's user must be an administrator.
// Source: contract, "GET /payment/prices".
func (c *Client) Prices(ctx context.Context) (Prices, error) {
	prices, err := read[Prices](ctx, c, opPrices, url.Values{})
	if prices == nil {
		return nil, err
	}
	return *prices, err
}

// AccountingCurrencies returns the currencies that money can be kept in; nil when
// the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /payment/accounting/currencies".
func (c *Client) AccountingCurrencies(ctx context.Context) ([]AccountingCurrency, error) {
	return readList[AccountingCurrency](ctx, c, opAccounting, url.Values{})
}

// AccountingPrices returns the prices of a service ("disk-storage") with their
// history: those that are in use, those that are not, or, for nil, all. A service
// that nobody knows has none. Portals before 4.x don't have it: ErrNotFound.
//
// The key's user must be an administrator.
// Source: contract, "What newer versions add".
func (c *Client) AccountingPrices(ctx context.Context, service string, active *bool) ([]PriceRecord, error) {
	if service == "" || service == "." || service == ".." { // would be another address
		return nil, unsent(opServicePrices, "%q is no service", service)
	}
	op := opServicePrices
	op.path += "/" + url.PathEscape(service)
	query := url.Values{}
	setFlag(query, "active", active)
	return readList[PriceRecord](ctx, c, op, query)
}

// WalletServices returns the services that the wallet pays for, for one unit each;
// nil when the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /payment/walletservices".
func (c *Client) WalletServices(ctx context.Context) ([]WalletService, error) {
	return readList[WalletService](ctx, c, opWalletServices, url.Values{})
}

// WalletService returns one service that the wallet pays for, listed or not. One
// that the portal does not know is ErrNotFound.
//
// The key's user must be an administrator.
// Source: contract, "GET /payment/walletservice".
func (c *Client) WalletService(ctx context.Context, service Service) (*WalletService, error) {
	return read[WalletService](ctx, c, opWalletService, url.Values{"service": {service.String()}})
}

// ServicesSettings returns which services are switched on; nil when the portal does
// not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /payment/servicessettings".
func (c *Client) ServicesSettings(ctx context.Context) (*ServicesSettings, error) {
	return read[ServicesSettings](ctx, c, opServicesSettings, url.Values{})
}

// SetServiceState switches a service on or off, and returns which are on then. It
// is sent once. The key's user must be the payer.
// Source: contract, "POST /payment/servicestate".
func (c *Client) SetServiceState(ctx context.Context, service Service, enabled bool) (*ServicesSettings, error) {
	return writeFor[ServicesSettings](ctx, c, writing{
		operation: opServiceState, method: http.MethodPost, body: ServiceState{service, enabled},
	})
}

// ActiveServices returns the services that the portal has now; nil when it does not
// say. Portals before 4.x don't have it: ErrNotFound.
// Source: contract, "What newer versions add".
func (c *Client) ActiveServices(ctx context.Context) ([]ActiveService, error) {
	return readList[ActiveService](ctx, c, opActiveServices, url.Values{})
}

// SetTopUpSettings changes when and how far the wallet is refilled by itself, and
// returns what is kept then; nil switches it off and forgets the amounts. Stock
// portals take whole major units, and don't see whether the upper one is above the
// lower. It is sent once. The key's user must be the payer.
// Source: contract, "POST /payment/topupsettings".
func (c *Client) SetTopUpSettings(ctx context.Context, settings *TopUpSettings) (*TopUpSettings, error) {
	if settings != nil && settings.MinBalance.Currency() != settings.UpToBalance.Currency() {
		return nil, unsent(opSetTopUp, "minBalance is in %q and upToBalance in %q", settings.MinBalance.Currency(), settings.UpToBalance.Currency())
	}
	return writeFor[TopUpSettings](ctx, c, writing{
		operation: opSetTopUp, method: http.MethodPost, body: TopUpRequest{settings},
	})
}

// CreditAIBalance buys AI credit from the wallet, and returns what was paid. The
// amount may be in no currency (""), which leaves the choice to the portal. The
// key's user must be the payer.
//
// The key is the caller's name for it, as in Deposit, which says, too, what is known
// after an error. It may take four times Config.Timeout.
// Source: contract, "POST /payment/creditaibalance".
func (c *Client) CreditAIBalance(ctx context.Context, amount money.Amount, key string) (*Payment, error) {
	return writeFully[Payment](ctx, c, writing{
		operation: opCreditAI, method: http.MethodPost, body: AICreditRequest{amount}, money: true, key: key,
	})
}

// AIPrices returns what AI tools cost; nil when the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "AI price and restriction routes".
func (c *Client) AIPrices(ctx context.Context) (*AIPrices, error) {
	return read[AIPrices](ctx, c, opAIPrices, url.Values{})
}

// AIRestrictions returns the models that the portal's users may not use; nil when
// the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "AI price and restriction routes".
func (c *Client) AIRestrictions(ctx context.Context) (*AIRestrictions, error) {
	return read[AIRestrictions](ctx, c, opRestrictions, url.Values{})
}

// SetAIRestrictions says which models the portal's users may not use: these and no
// others. It is sent once. The key's user must be the payer.
// Source: contract, "AI price and restriction routes".
func (c *Client) SetAIRestrictions(ctx context.Context, models []string) error {
	_, err := c.write(ctx, writing{operation: opSetRestrictions, method: http.MethodPut, body: AIRestrictions{models}})
	return err
}

// ServiceQuota returns what is left of a service that was bought ("ai-tools"); nil
// when that is not known. Only portals of 3.7 before its release have it; AIBalance
// is what others have.
//
// The key's user must be an administrator.
// Source: contract, "What newer versions add".
func (c *Client) ServiceQuota(ctx context.Context, service string) (*Balance, error) {
	return read[Balance](ctx, c, opServiceQuota, url.Values{"serviceName": {service}})
}

// BuyWalletService buys so much of a service ("ai-tools") from the wallet, and
// returns what was paid; nil when there is no billing or no payment method. Only
// portals of 3.7 before its release have it; CreditAIBalance is what others have.
// The key's user must be the payer.
//
// The key is the caller's name for it, as in Deposit, which says, too, what is known
// after an error. It may take four times Config.Timeout.
// Source: contract, "What newer versions add".
func (c *Client) BuyWalletService(ctx context.Context, service string, quantity int64, key string) (*Payment, error) {
	return writeFor[Payment](ctx, c, writing{
		operation: opBuyService, method: http.MethodPost, body: ServicePurchase{service, quantity}, money: true, key: key,
	})
}
