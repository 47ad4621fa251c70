package portalapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// walletServices answers GET payment/walletservices.
func (d *door) walletServices(c *billing.Caller, q question) (any, int, error) {
	all, standing, err := d.service.WalletServices(c, q.locale)
	if err != nil {
		return nil, 0, err
	}
	out := make([]docspace.WalletService, len(all))
	for i, service := range all {
		out[i] = wireService(service.Quota, standing, c.Role)
		for _, inner := range service.Inner {
			out[i].InnerServices = append(out[i].InnerServices, wireService(inner, standing, c.Role))
		}
	}
	return out, len(out), nil
}

func wireService(q billing.Quota, standing *billing.Standing, role billing.Role) docspace.WalletService {
	return docspace.WalletService{ServiceName: q.Plan.Service, Quota: wireOffer(q, standing, role)}
}

// walletService answers GET payment/walletservice.
func (d *door) walletService(r *http.Request, c *billing.Caller) (done, error) {
	f, err := queryForm(r, "service", "country")
	if err != nil {
		return done{}, err
	}
	name := f.text("service", required, stringLength(255))
	if err := f.err(); err != nil {
		return done{}, err
	}
	q, err := d.ask(r, route{parameters: []string{"country"}}, c)
	if err != nil {
		return done{}, err
	}
	service, standing, err := d.service.WalletService(c, name, q.locale)
	if err != nil {
		return done{}, err
	}
	out := wireService(service.Quota, standing, c.Role)
	return done{payload: &out}, nil
}

// prices answers GET payment/prices.
func (d *door) prices(c *billing.Caller, q question) (any, int, error) {
	prices, err := d.service.Prices(c, q.locale)
	return docspace.Prices(prices), 1, err
}

// servicesSettings answers GET payment/servicessettings.
func (d *door) servicesSettings(c *billing.Caller, _ question) (any, int, error) {
	enabled, err := d.service.EnabledServices(c)
	return wireEnabled(enabled), 1, err
}

func wireEnabled(e billing.EnabledServices) *docspace.ServicesSettings {
	out := &docspace.ServicesSettings{LastModified: docspace.Time{Time: e.ModifiedAt}}
	for _, id := range e.Plans {
		out.EnabledServices = append(out.EnabledServices, docspace.Service(id))
	}
	return out
}

// serviceState answers POST payment/servicestate.
func (d *door) serviceState(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	service := f.choose("service", services)
	on := f.flag("enabled")
	if err := f.err(); err != nil {
		return done{}, err
	}
	enabled, err := d.service.SwitchService(r.Context(), c, strconv.FormatInt(service, 10), on)
	if err != nil {
		return done{}, err
	}
	return done{payload: wireEnabled(enabled)}, nil
}

// services are DocSpace's names for its wallet services. Source: contract, "Enums on
// the wire".
var services = []choice{
	{"Storage", int64(docspace.ServiceStorage)}, {"Backup", int64(docspace.ServiceBackup)}, {"AITools", int64(docspace.ServiceAITools)},
	{"Admin", int64(docspace.ServiceAdmin)}, {"AISearch", int64(docspace.ServiceAISearch)},
}

// activeServices answers GET payment/activeservices.
func (d *door) activeServices(c *billing.Caller, _ question) (any, int, error) {
	all, err := d.service.ActiveServices(c)
	if err != nil {
		return nil, 0, err
	}
	out := make([]docspace.ActiveService, len(all))
	for i, a := range all {
		out[i] = docspace.ActiveService{
			Service: a.Plan.Service, ServiceUnit: a.Plan.Unit, Subscription: a.Subscription, Title: titleOf(a.Plan), Limit: a.Limit, Used: a.Used,
		}
	}
	return out, len(out), nil
}

// accountingCurrencies answers GET payment/accounting/currencies.
func (d *door) accountingCurrencies(c *billing.Caller, _ question) (any, int, error) {
	all, err := d.service.WalletCurrencies(c)
	if err != nil {
		return nil, 0, err
	}
	out := make([]docspace.AccountingCurrency, len(all))
	for i, currency := range all {
		out[i] = docspace.AccountingCurrency{ID: int64(i + 1), Code: currency}
	}
	return out, len(out), nil
}

// accountingPrices answers GET payment/accounting/prices/{service}.
func (d *door) accountingPrices(r *http.Request, c *billing.Caller) (done, error) {
	f, err := queryForm(r, "active")
	if err != nil {
		return done{}, err
	}
	onlyActive := f.has("active") && f.flag("active")
	name := r.PathValue(part)
	if len(name) > 255 {
		f.mind("serviceName", "must be a string with a maximum length of 255")
	}
	if err := f.err(); err != nil {
		return done{}, err
	}
	plan, prices, err := d.service.ServicePrices(c, name)
	if err != nil {
		return done{}, err
	}
	out := []docspace.PriceRecord{}
	currency, now := d.service.Catalog().DefaultCurrency(), d.now()
	for i, price := range prices {
		next := time.Time{}
		if i+1 < len(prices) {
			next = prices[i+1].From
		}
		if active := !price.From.After(now) && (next.IsZero() || next.After(now)); active || !onlyActive {
			out = append(out, wirePrice(plan, price, i, currency))
		}
	}
	return done{payload: out}, nil
}

// wirePrice writes a price record. Bursar buys nothing that it sells: what a service
// costs is nought, and what it is sold for the whole of the price.
func wirePrice(plan *catalog.Plan, price catalog.Price, index int, currency money.Currency) docspace.PriceRecord {
	amount := money.FromUnits(0, currency)
	for _, a := range price.Amounts {
		if a.Currency() == currency {
			amount = a
		}
	}
	unit := docspace.NoTimeUnit
	switch plan.Period {
	case catalog.Month:
		unit = docspace.Month
	case catalog.Year:
		unit = docspace.Year
	}
	return docspace.PriceRecord{
		ID: int64(index + 1), ServiceID: int64(-plan.ID), TimeUnit: unit,
		CostPrice: money.FromUnits(0, currency), ExtraCharge: money.FromUnits(0, currency), ServicePrice: amount,
		Status: docspace.PriceApproved, Created: docspace.Time{Time: price.From},
	}
}

// setTopUp answers POST payment/topupsettings. Without settings, the rule is taken
// away.
func (d *door) setTopUp(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	var change *billing.TopUpChange
	if s := f.object("settings"); s != nil {
		change = &billing.TopUpChange{
			Enabled: s.flag("enabled"), MinBalance: s.whole("minBalance", bounds{5, 1000}), UpToBalance: s.whole("upToBalance", bounds{6, 5000}),
			Currency: money.Currency(strings.ToUpper(s.text("currency", optional, stringLength(3)))),
		}
	}
	if err := f.err(); err != nil {
		return done{}, err
	}
	rule, err := d.service.ChangeTopUpRule(r.Context(), c, change)
	if err != nil {
		return done{}, err
	}
	return done{payload: wireTopUp(rule)}, nil
}

// aiPrices answers GET payment/ai-prices.
func (d *door) aiPrices(c *billing.Caller, _ question) (any, int, error) {
	list, err := d.service.AIPrices(c)
	if err != nil {
		return nil, 0, err
	}
	out := &docspace.AIPrices{Currency: docspace.AICurrency{Code: list.Currency, Symbol: d.service.Catalog().Home(list.Currency).Symbol}}
	model := func(m catalog.Model) docspace.AIModel {
		return docspace.AIModel{ID: m.ID, Alias: m.Alias, Provider: m.Provider, Image: m.Image, Link: m.Link}
	}
	for _, m := range list.Chat {
		out.Chat = append(out.Chat, docspace.ChatModel{AIModel: model(m.Model), Price: docspace.ChatPrice{
			Prompt: docspace.DecimalOf(m.Prompt), Completion: docspace.DecimalOf(m.Completion),
		}})
	}
	for _, m := range list.Embedding {
		out.Embedding = append(out.Embedding, docspace.EmbeddingModel{AIModel: model(m.Model), Price: docspace.EmbeddingPrice{Prompt: docspace.DecimalOf(m.Prompt)}})
	}
	for _, m := range list.WebSearch {
		out.WebSearch = append(out.WebSearch, docspace.SearchEngine{AIModel: model(m.Model), Price: docspace.DecimalOf(m.Price)})
	}
	return out, 1, nil
}

// aiRestrictions answers GET payment/ai-model/restrictions.
func (d *door) aiRestrictions(c *billing.Caller, _ question) (any, int, error) {
	models, err := d.service.RestrictedModels(c)
	return &docspace.AIRestrictions{Models: models}, 1, err
}

// restrictModels answers PUT payment/ai-model/restrictions.
func (d *door) restrictModels(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	models := f.texts("models", present, 1000, stringLength(255))
	if err := f.err(); err != nil {
		return done{}, err
	}
	models, err = d.service.RestrictModels(r.Context(), c, models)
	if err != nil {
		return done{}, err
	}
	return done{payload: &docspace.AIRestrictions{Models: models}}, nil
}
