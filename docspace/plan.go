package docspace

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Tariff returns what the portal has bought and until when; nil when it does not
// say. Anybody may ask; who is no administrator is told less.
// Source: contract, "GET /api/2.0/portal/tariff".
func (c *Client) Tariff(ctx context.Context) (*Tariff, error) {
	return read[Tariff](ctx, c, opTariff, url.Values{})
}

// UpcomingPayments returns what will be paid when the periods end; nil when the
// portal does not say. Portals before 3.8 don't have it: ErrNotFound.
//
// The key's user must be an administrator.
// Source: contract, "What newer versions add".
func (c *Client) UpcomingPayments(ctx context.Context) ([]UpcomingPayment, error) {
	return readList[UpcomingPayment](ctx, c, opUpcoming, url.Values{})
}

// TenantQuota returns what the portal's plan and its additions allow together; nil
// when the portal does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/quota".
func (c *Client) TenantQuota(ctx context.Context) (*TenantQuota, error) {
	return read[TenantQuota](ctx, c, opTenantQuota, url.Values{})
}

// RightQuota returns the cheapest plan that what is used fits into; nil when none
// does. A portal that is not paid for answers ErrPaymentRequired.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/quota/right".
func (c *Client) RightQuota(ctx context.Context) (*TenantQuota, error) {
	return read[TenantQuota](ctx, c, opRightQuota, url.Values{})
}

// UsedSpace returns how many gigabytes are used, to two decimal places; no number
// when the portal does not say. A portal that is not paid for answers
// ErrPaymentRequired.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/usedspace".
func (c *Client) UsedSpace(ctx context.Context) (Decimal, error) {
	used, err := read[Decimal](ctx, c, opUsedSpace, url.Values{})
	if used == nil {
		return Decimal{}, err
	}
	return *used, err
}

// PaymentSettings returns whom to ask and what to buy; nil when the portal does not
// say.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/settings/payment".
func (c *Client) PaymentSettings(ctx context.Context) (*PaymentSettings, error) {
	return read[PaymentSettings](ctx, c, opSettings, url.Values{})
}

// TenantExtra returns what the portal knows of its own tariff, in one answer; nil
// when it does not say.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/tenantextra".
func (c *Client) TenantExtra(ctx context.Context) (*TenantExtra, error) {
	return read[TenantExtra](ctx, c, opTenantExtra, url.Values{})
}

// OfferQuery says which offers to list. Portals before 3.8 know Wallet alone, and
// take nil for false.
type OfferQuery struct {
	// Wallet is whether they are paid from the wallet, Additional whether they are
	// added to a plan; nil means either.
	Wallet, Additional *bool
}

// Offers returns the plans and the services on offer, for one unit each; nil when
// the portal does not say. On portals before 3.8, Quotas and WalletQuotas are all
// there is to ask for.
//
// The key's user must be an administrator.
// Source: contract, "GET /api/2.0/portal/payment/quotas", 3.8.
func (c *Client) Offers(ctx context.Context, q OfferQuery) ([]Quota, error) {
	query := url.Values{}
	setFlag(query, "wallet", q.Wallet)
	setFlag(query, "additional", q.Additional)
	return readList[Quota](ctx, c, opQuotas, query)
}

func setFlag(query url.Values, name string, flag *bool) {
	if flag != nil {
		query.Set(name, map[bool]string{true: "true", false: "false"}[*flag])
	}
}

// CheckoutURL returns where a browser pays for a first plan: so many of a product
// ("admin"). It returns to backURL, or, when it has paid, to successURL; both are
// absolute. "" means that the portal has a plan already, or can't reach its billing.
// Nothing is bought by asking. Portals before 3.7 don't know successURL.
//
// The key's user must be an administrator.
// Source: contract, "PUT /payment/url".
func (c *Client) CheckoutURL(ctx context.Context, product string, quantity int64, backURL, successURL string) (string, error) {
	answer, err := c.write(ctx, writing{
		operation: opCheckout, method: http.MethodPut,
		body: QuantityRequest{Quantity: map[string]*int64{product: &quantity}, BackURL: backURL, SuccessURL: successURL},
	})
	if err != nil {
		return "", err
	}
	return c.link(opCheckout, answer)
}

// CheckoutSetupURL returns where a browser stores a payment method, without buying
// anything; "" when one is stored already. It returns to backURL, or, when it is
// done, to successURL; both are absolute.
//
// Portals up to 3.6 spell the route "chechoutsetupurl", and don't know successURL:
// one that has no route of the right spelling (404) is asked by the other. If it has
// neither, the first answer is the one returned.
//
// The key's user must be an administrator, and, once there is a customer, the payer.
// Source: contract, "GET /payment/checkoutsetupurl".
func (c *Client) CheckoutSetupURL(ctx context.Context, backURL, successURL string) (string, error) {
	query := func() url.Values { return url.Values{"backUrl": {backURL}, "successUrl": {successURL}} }
	address, err := c.readLink(ctx, opSetup, query())
	if !errors.Is(err, ErrNotFound) {
		return address, err
	}
	older, olderErr := c.readLink(ctx, opSetupOld, query())
	if errors.Is(olderErr, ErrNotFound) {
		return "", err
	}
	return older, olderErr
}

// AccountURL returns where a browser manages the customer's account; "" when there
// is no customer. It returns to backURL; "" leaves that to the portal.
//
// The key's user must be the payer or the portal's owner.
// Source: contract, "GET /payment/account".
func (c *Client) AccountURL(ctx context.Context, backURL string) (string, error) {
	query := url.Values{}
	if backURL != "" {
		query.Set("backUrl", backURL)
	}
	return c.readLink(ctx, opAccount, query)
}

// UpdatePlan changes how many of a product the plan is for, and is paid by card;
// false means that the billing refused or did not answer. A limit that what is used
// would not fit into is ErrPaymentRequired. The key's user must be the payer.
//
// The key is the caller's name for it, as in Deposit, which says, too, what is known
// after an error. It may take four times Config.Timeout.
// Source: contract, "PUT /payment/update".
func (c *Client) UpdatePlan(ctx context.Context, product string, quantity int64, key string) (bool, error) {
	return c.writeFlag(ctx, writing{
		operation: opUpdate, method: http.MethodPut, body: QuantityRequest{Quantity: map[string]*int64{product: &quantity}},
		money: true, key: key,
	})
}

// BuyFromWallet buys so many more of a product ("storage"), from now on, and pays
// from the wallet what CalculateWallet says; false means that the billing refused,
// for lack of money or otherwise. The key's user must be the payer.
//
// The key is the caller's name for it, as in Deposit, which says, too, what is known
// after an error. It may take four times Config.Timeout.
// Source: contract, "PUT /payment/updatewallet", type Add.
func (c *Client) BuyFromWallet(ctx context.Context, product string, quantity int64, key string) (bool, error) {
	return c.writeFlag(ctx, writing{
		operation: opUpdateWallet, method: http.MethodPut, body: walletRequest(product, &quantity, QuantityAdd), money: true, key: key,
	})
}

// ScheduleWallet sets how much of a product there will be from the next period on: 0
// does not renew it, nil takes back what was scheduled. Nothing is paid now. True
// does not mean that the portal has any of it. The key's user must be the payer.
//
// The key is the caller's name for it, as in Deposit.
// Source: contract, "PUT /payment/updatewallet", type Set.
func (c *Client) ScheduleWallet(ctx context.Context, product string, next *int64, key string) (bool, error) {
	return c.writeFlag(ctx, writing{
		operation: opUpdateWallet, method: http.MethodPut, body: walletRequest(product, next, QuantitySet), money: true, key: key,
	})
}

// CalculateWallet returns what BuyFromWallet would take for so many more of a
// product; nil when the portal can't reach its billing. Nothing is bought by asking.
// The key's user must be the payer.
// Source: contract, "PUT /payment/calculatewallet".
func (c *Client) CalculateWallet(ctx context.Context, product string, quantity int64) (*Payment, error) {
	return writeFor[Payment](ctx, c, writing{
		operation: opCalculate, method: http.MethodPut, body: walletRequest(product, &quantity, QuantityAdd),
	})
}

func walletRequest(product string, quantity *int64, how ProductQuantityType) QuantityRequest {
	return QuantityRequest{Quantity: map[string]*int64{product: quantity}, Type: &how}
}

// SubscriptionBalance returns what is left of the plan that was paid by card; nil
// when the portal does not say. A plan that is not paid, or not by card, is
// ErrPaymentRequired or ErrRefused. Portals before 3.8 don't have it: ErrNotFound.
//
// The key's user must be the payer.
// Source: contract, "What newer versions add".
func (c *Client) SubscriptionBalance(ctx context.Context) (*SubscriptionBalance, error) {
	return read[SubscriptionBalance](ctx, c, opSubscription, url.Values{})
}

// MoveToWallet ends the plan that is paid by card, puts what is left of it into the
// wallet, charges the card with what is missing, and buys so many of a product
// ("adminwallet") from the wallet instead; false means that it did not. The key's
// user must be the payer. Portals before 3.8 don't have it: ErrNotFound.
//
// The key is the caller's name for it, as in Deposit, which says, too, what is known
// after an error. It may take four times Config.Timeout.
// Source: contract, "What newer versions add".
func (c *Client) MoveToWallet(ctx context.Context, product string, quantity int64, key string) (bool, error) {
	return c.writeFlag(ctx, writing{
		operation: opMoveToWallet, method: http.MethodPost, body: QuantityRequest{Quantity: map[string]*int64{product: &quantity}},
		money: true, key: key,
	})
}

// RequestSales sends a message to whoever sells. The key's user must be an
// administrator.
// Source: contract, "POST /payment/request".
func (c *Client) RequestSales(ctx context.Context, request SalesRequest) error {
	_, err := c.write(ctx, writing{operation: opSales, method: http.MethodPost, body: request})
	return err
}
