package portalapi

import (
	"html"
	"net/url"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// customerInfo answers GET payment/customerinfo.
func (d *door) customerInfo(c *billing.Caller, q question) (any, int, error) {
	info, err := d.service.CustomerInfo(c)
	if info == nil {
		return nil, 0, err
	}
	out := &docspace.CustomerInfo{
		PortalID:            info.PortalID,
		PaymentMethodStatus: methodStatus[info.MethodStatus],
		PaymentMethodType:   info.MethodType,
		Email:               info.Email,
	}
	if info.Payer != nil {
		out.Payer = person(*info.Payer, q.origin)
	}
	return out, 1, nil
}

var methodStatus = map[string]docspace.PaymentMethodStatus{
	"none":    docspace.PaymentMethodNone,
	"set":     docspace.PaymentMethodSet,
	"expired": docspace.PaymentMethodExpired,
}

func person(u store.User, origin string) *docspace.Person {
	page := "/accounts/people/filter"
	if billing.Role(u.Role) == billing.Guest {
		page = "/accounts/guests/filter"
	}
	return &docspace.Person{
		ID:             u.ID,
		DisplayName:    html.EscapeString(u.Name),
		Avatar:         avatarURL(82),
		AvatarOriginal: avatarURL(200),
		AvatarMax:      avatarURL(200),
		AvatarMedium:   avatarURL(48),
		AvatarSmall:    avatarURL(32),
		ProfileURL:     origin + page + "?search=" + url.QueryEscape(u.Email),
	}
}

// The wallet's parts have numbers of their own.
const (
	moneyNumber = 1
	aiNumber    = 2
)

// balance answers GET payment/customer/balance.
func (d *door) balance(c *billing.Caller, _ question) (any, int, error) {
	b, err := d.service.Balance(c)
	return wireBalance(b, moneyNumber), 1, err
}

// aiBalance answers GET payment/customer/aibalance.
func (d *door) aiBalance(c *billing.Caller, _ question) (any, int, error) {
	b, err := d.service.AIBalance(c)
	return wireBalance(b, aiNumber), 1, err
}

func wireBalance(b *billing.Balance, number int64) *docspace.Balance {
	if b == nil {
		return nil
	}
	out := &docspace.Balance{
		AccountNumber:    b.AccountNumber,
		SubAccountNumber: number,
		AccountName:      b.AccountName,
		AccountCurrency:  b.Pockets[0].Currency(),
	}
	for _, amount := range b.Pockets {
		out.SubAccounts = append(out.SubAccounts, docspace.SubAccount{Amount: amount})
	}
	if !b.LastCreditAt.IsZero() {
		out.LastCredit = &docspace.LastCredit{Date: docspace.Time{Time: b.LastCreditAt}, Amount: b.LastCredit}
	}
	return out
}

// topUpSettings answers GET payment/topupsettings.
func (d *door) topUpSettings(c *billing.Caller, _ question) (any, int, error) {
	rule, err := d.service.TopUpRule(c)
	if err != nil {
		return nil, 0, err
	}
	return wireTopUp(rule), 1, nil
}

func wireTopUp(rule store.TopUpRule) *docspace.TopUpSettings {
	return &docspace.TopUpSettings{
		Enabled:      rule.Enabled,
		MinBalance:   rule.MinBalance,
		UpToBalance:  rule.UpTo,
		LastModified: docspace.Time{Time: rule.ModifiedAt},
	}
}

// currencies answers GET payment/currencies.
func (d *door) currencies(c *billing.Caller, q question) (any, int, error) {
	regions, err := d.service.Currencies(c, q.locale)
	if err != nil {
		return nil, 0, err
	}
	out := make([]docspace.Currency, len(regions))
	for i, r := range regions {
		out[i] = d.currency(r)
	}
	if d.quirks.CurrenciesCountOne {
		return out, 1, nil
	}
	return out, len(out), nil
}

func (d *door) currency(r money.Region) docspace.Currency {
	if d.quirks.SignAsISOCode {
		return docspace.Currency{CountryCode: r.Country, ISOSymbol: r.Symbol, NativeName: r.NativeName}
	}
	return docspace.Currency{
		CountryCode: r.Country, ISOSymbol: string(r.Currency), NativeName: r.NativeName, Symbol: r.Symbol,
	}
}

// quota answers GET payment/quota.
func (d *door) quota(c *billing.Caller, q question) (any, int, error) {
	bought, standing, err := d.service.Quota(c, q.locale)
	if err != nil {
		return nil, 0, err
	}
	out := wireQuota(*bought, standing)
	show := display{quota: *bought, standing: standing, role: c.Role}
	for _, f := range features {
		if !f.adminOnly || c.Role.Administers() {
			out.Features = append(out.Features, show.current(f))
		}
	}
	return &out, 1, nil
}

// quotas answers GET payment/quotas.
func (d *door) quotas(c *billing.Caller, q question) (any, int, error) {
	offers, standing, err := d.service.Quotas(c, q.wallet, q.locale)
	if err != nil {
		return nil, 0, err
	}
	out := make([]docspace.Quota, len(offers))
	for i, offer := range offers {
		out[i] = wireOffer(offer, standing, c.Role)
	}
	return out, len(out), nil
}

// wireOffer shows a plan or a service on offer.
func wireOffer(offer billing.Quota, standing *billing.Standing, role billing.Role) docspace.Quota {
	out := wireQuota(offer, standing)
	show := display{quota: offer, standing: standing, role: role}
	for _, f := range features {
		if !offer.Plan.Wallet || !offer.Plan.Additional {
			out.Features = append(out.Features, show.offered(f))
		} else if offer.Features.Mentions(f.id) {
			out.Features = append(out.Features, show.service(f))
		}
	}
	return out
}

// wireQuota returns all of a quota but its features.
func wireQuota(q billing.Quota, standing *billing.Standing) docspace.Quota {
	out := docspace.Quota{
		ID:        q.Plan.ID,
		Title:     q.Plan.Title,
		Price:     &docspace.Price{Amount: q.Price, Symbol: q.Region.Symbol},
		NonProfit: q.Features.Has("non-profit"),
		Free:      q.Features.Has("free"),
		Trial:     q.Features.Has("trial"),
		DueDate:   docspace.Time{Time: q.DueAt},
	}
	if standing.Current.Features.Has("statistic") && !q.Plan.Wallet {
		// Bursar knows of no limits set within a portal, so none is.
		const notSet = -2
		unset := docspace.DefaultQuota{Default: notSet}
		out.UsersQuota, out.RoomsQuota, out.AIAgentsQuota = &unset, &unset, &unset
		out.TenantCustomQuota = &docspace.CustomQuota{
			Quota: docspace.Unlimited, LastModified: docspace.Time{Time: standing.Since},
		}
	}
	return out
}
