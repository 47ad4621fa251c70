package cli

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// document is a report as JSON and YAML have it. It only ever grows: members
// keep their names and meanings. report.schema.json describes it.
type document struct {
	Schema      string                    `json:"schema"`
	Portal      string                    `json:"portal"`
	RetrievedAt time.Time                 `json:"retrievedAt"`
	Customer    answer[customerDocument]  `json:"customer,omitzero"`
	Balance     answer[balanceDocument]   `json:"balance,omitzero"`
	Quota       answer[quotaDocument]     `json:"quota,omitzero"`
	Quotas      answer[[]quotaDocument]   `json:"quotas,omitzero"`
	TopUp       answer[topUpDocument]     `json:"topup,omitzero"`
	Currencies  answer[[]currencyElement] `json:"currencies,omitzero"`
	Runway      answer[[]runwayDocument]  `json:"runway,omitzero"`
	Errors      []errorElement            `json:"errors"`
}

// answer is a part of a report: left out when it was not asked for or failed,
// null when the portal has nothing to say.
type answer[T any] struct {
	arrived bool
	value   *T
}

func (a answer[T]) IsZero() bool { return !a.arrived }

// MarshalJSONTo writes the value as encodeJSON is to write all of it.
func (a answer[T]) MarshalJSONTo(out *jsontext.Encoder) error {
	return json.MarshalEncode(out, a.value)
}

type customerDocument struct {
	PortalID             string         `json:"portalId"`
	Email                string         `json:"email"`
	PaymentMethodStatus  string         `json:"paymentMethodStatus"`
	PaymentMethodType    string         `json:"paymentMethodType,omitempty"`
	DelayedPaymentMethod bool           `json:"delayedPaymentMethod,omitempty"`
	Payer                *payerDocument `json:"payer"`
}

type payerDocument struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	ProfileURL string `json:"profileUrl,omitempty"`
}

type balanceDocument struct {
	AccountNumber int64               `json:"accountNumber"`
	AccountName   string              `json:"accountName,omitempty"`
	Pockets       []money.Amount      `json:"pockets"`
	LastCredit    *lastCreditDocument `json:"lastCredit"`
}

type lastCreditDocument struct {
	Date     time.Time      `json:"date,omitzero"`
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"`
}

type quotaDocument struct {
	ID        int               `json:"id"`
	Title     string            `json:"title"`
	Price     *priceDocument    `json:"price"`
	Trial     bool              `json:"trial"`
	Free      bool              `json:"free"`
	NonProfit bool              `json:"nonProfit"`
	DueDate   *time.Time        `json:"dueDate"`
	Features  []featureDocument `json:"features"`
}

type priceDocument struct {
	Amount string `json:"amount"`
	// Currency is "" when the portal leaves it out.
	Currency money.Currency `json:"currency"`
	Symbol   string         `json:"symbol,omitempty"`
}

type featureDocument struct {
	ID    string               `json:"id"`
	Title string               `json:"title"`
	Type  docspace.FeatureType `json:"type"`
	// Enabled is set for flags, Limit for counts and sizes; a limit of null is
	// no limit.
	Enabled *bool      `json:"enabled,omitempty"`
	Limit   *limitJSON `json:"limit,omitempty"`
	Used    *int64     `json:"used,omitempty"`
}

// limitJSON is a number, or null for none.
type limitJSON struct {
	n         int64
	unlimited bool
}

func (l limitJSON) MarshalJSON() ([]byte, error) {
	if l.unlimited {
		return []byte("null"), nil
	}
	return json.Marshal(l.n)
}

type topUpDocument struct {
	Enabled      bool           `json:"enabled"`
	MinBalance   string         `json:"minBalance"`
	UpToBalance  string         `json:"upToBalance"`
	Currency     money.Currency `json:"currency"`
	LastModified *time.Time     `json:"lastModified"`
}

type currencyElement struct {
	Code    money.Currency `json:"code"`
	Symbol  string         `json:"symbol"`
	Name    string         `json:"name"`
	Country string         `json:"country"`
}

type errorElement struct {
	Part    docspace.Part `json:"part"`
	Status  int           `json:"status,omitempty"`
	Message string        `json:"message"`
}

const schemaID = "https://github.com/bursarhq/bursar/report/v1"

// newDocument says a report in the document's terms.
func newDocument(r *docspace.Report, lasts *fleet.Runway) document {
	d := document{
		Schema: schemaID, Portal: r.Portal, RetrievedAt: r.RetrievedAt.UTC().Truncate(time.Millisecond),
		Customer:   part(r, docspace.PartCustomer, r.Customer, customerOf),
		Balance:    part(r, docspace.PartBalance, r.Balance, balanceOf),
		Quota:      part(r, docspace.PartQuota, r.Quota, quotaOf),
		Quotas:     part(r, docspace.PartQuotas, listOf(r.Quotas), each(quotaOf)),
		TopUp:      part(r, docspace.PartTopUp, r.TopUp, topUpOf),
		Currencies: part(r, docspace.PartCurrencies, listOf(r.Currencies), each(currencyOf)),
		Runway:     part(r, fleet.PartRunway, lasts, runwayDocuments),
		Errors:     []errorElement{},
	}
	for _, name := range r.Asked {
		if err := r.Failed[name]; err != nil {
			d.Errors = append(d.Errors, errorOf(name, err))
		}
	}
	return d
}

func part[In, Out any](r *docspace.Report, name docspace.Part, in *In, convert func(In) Out) answer[Out] {
	a := answer[Out]{arrived: r.Arrived(name)}
	if a.arrived && in != nil {
		out := convert(*in)
		a.value = &out
	}
	return a
}

func listOf[T any](list []T) *[]T {
	if list == nil {
		return nil
	}
	return &list
}

func each[In, Out any](convert func(In) Out) func([]In) []Out {
	return func(in []In) []Out {
		out := make([]Out, len(in))
		for i, v := range in {
			out[i] = convert(v)
		}
		return out
	}
}

func customerOf(c docspace.CustomerInfo) customerDocument {
	d := customerDocument{
		PortalID: c.PortalID, Email: c.Email, PaymentMethodStatus: c.PaymentMethodStatus.String(),
		PaymentMethodType: c.PaymentMethodType, DelayedPaymentMethod: c.DelayedPaymentMethod,
	}
	if c.Payer != nil {
		d.Payer = &payerDocument{ID: c.Payer.ID, Name: c.Payer.DisplayName, ProfileURL: c.Payer.ProfileURL}
	}
	return d
}

func balanceOf(b docspace.Balance) balanceDocument {
	d := balanceDocument{AccountNumber: b.AccountNumber, AccountName: b.AccountName, Pockets: []money.Amount{}}
	for _, sub := range b.SubAccounts {
		d.Pockets = append(d.Pockets, sub.Amount)
	}
	if b.LastCredit != nil {
		d.LastCredit = &lastCreditDocument{
			Date: b.LastCredit.Date.UTC(), Amount: b.LastCredit.Amount.Decimal(), Currency: b.LastCredit.Amount.Currency(),
		}
	}
	return d
}

func quotaOf(q docspace.Quota) quotaDocument {
	d := quotaDocument{
		ID: q.ID, Title: q.Title, Trial: q.Trial, Free: q.Free, NonProfit: q.NonProfit,
		DueDate: momentOf(q.DueDate), Features: each(featureOf)(q.Features),
	}
	if q.Price != nil {
		d.Price = &priceDocument{Amount: q.Price.Amount.Decimal(), Currency: q.Price.Amount.Currency(), Symbol: q.Price.Symbol}
	}
	return d
}

func featureOf(f docspace.Feature) featureDocument {
	d := featureDocument{ID: f.ID, Title: f.Title, Type: f.Type}
	if on, ok := f.Value.Flag(); ok {
		d.Enabled = &on
	}
	if n, ok := f.Value.Number(); ok {
		d.Limit = &limitJSON{n: n, unlimited: n == docspace.Unlimited}
	}
	if f.Used != nil {
		d.Used = f.Used.Value
	}
	return d
}

func topUpOf(s docspace.TopUpSettings) topUpDocument {
	return topUpDocument{
		Enabled: s.Enabled, MinBalance: s.MinBalance.Decimal(), UpToBalance: s.UpToBalance.Decimal(),
		Currency: s.Currency(), LastModified: momentOf(s.LastModified),
	}
}

func currencyOf(c docspace.Currency) currencyElement {
	return currencyElement{Code: c.Code(), Symbol: c.Sign(), Name: c.NativeName, Country: c.CountryCode}
}

func errorOf(part docspace.Part, err error) errorElement {
	e := errorElement{Part: part, Message: err.Error()}
	if failure, ok := err.(*docspace.Error); ok {
		e.Status, e.Message = failure.Status, failure.Message
	}
	return e
}

func momentOf(t docspace.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// featureNames are the features that people may not know by DocSpace's title,
// or that have none.
var featureNames = map[string]string{
	"manager": "Admins", "total_size": "Storage", "file_size": "Largest file", "users": "Guests",
	"room": "Rooms", "free_backup": "Free backups a month", "aiagent": "AI agents", "backup": "Paid backups",
	"aitools": "AI tools", "branding": "Own branding", "oauth": "OAuth apps", "year": "Paid by the year",
	"customization": "Branding & customization", "ldap": "LDAP", "sso": "SSO", "restore": "Data recovery",
	"audit": "Audit trail", "thirdparty": "Pro integrations", "statistic": "Storage quotas & statistics",
	"automationapi": "Automation API", "usersInRoom": "Users in a room", "aisearch": "AI search",
}

// featureName returns what to call a feature.
func featureName(f docspace.Feature) string {
	if name := featureNames[f.ID]; name != "" {
		return name
	}
	if f.Title != "" {
		return f.Title
	}
	return strings.ReplaceAll(f.ID, "_", " ")
}
