package cli

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// writeCSV writes one fact a line, in the order of the report: which part, which
// item of it, which fact, its value, and for amounts the currency.
func writeCSV(w io.Writer, r *docspace.Report, lasts *fleet.Runway) error {
	out := &csvReport{csv.NewWriter(w)}
	_ = out.Write([]string{"part", "item", "fact", "value", "currency"})
	out.row("report", "", "portal", r.Portal, "")
	out.row("report", "", "retrieved_at", csvTime(docspace.Time{Time: r.RetrievedAt}), "")
	if r.Customer != nil {
		out.customer(*r.Customer)
	}
	if r.Balance != nil {
		out.balance(*r.Balance)
	}
	if r.Quota != nil {
		out.quota(docspace.PartQuota, *r.Quota)
	}
	for _, q := range r.Quotas {
		out.quota(docspace.PartQuotas, q)
	}
	if t := r.TopUp; t != nil {
		out.row(docspace.PartTopUp, "", "enabled", strconv.FormatBool(t.Enabled), "")
		out.amount(docspace.PartTopUp, "", "min_balance", t.MinBalance)
		out.amount(docspace.PartTopUp, "", "up_to_balance", t.UpToBalance)
		out.row(docspace.PartTopUp, "", "last_modified", csvTime(t.LastModified), "")
	}
	for _, c := range r.Currencies {
		out.row(docspace.PartCurrencies, string(c.Code()), "symbol", c.Sign(), "")
		out.row(docspace.PartCurrencies, string(c.Code()), "name", c.NativeName, "")
		out.row(docspace.PartCurrencies, string(c.Code()), "country", c.CountryCode, "")
	}
	if lasts != nil {
		out.runway(*lasts)
	}
	for _, part := range r.Asked {
		if err := r.Failed[part]; err != nil {
			out.row(part, "", "error", errorOf(part, err).Message, "")
		}
	}
	out.Flush()
	return out.Error()
}

// csvReport is a report being written. Its Error tells what went wrong.
type csvReport struct{ *csv.Writer }

func (out *csvReport) row(part docspace.Part, item, fact, value string, currency money.Currency) {
	_ = out.Write([]string{string(part), cell(item), cell(fact), cell(value), cell(string(currency))})
}

func (out *csvReport) amount(part docspace.Part, item, fact string, a money.Amount) {
	out.row(part, item, fact, a.Decimal(), a.Currency())
}

func (out *csvReport) customer(c docspace.CustomerInfo) {
	out.row(docspace.PartCustomer, "", "portal_id", c.PortalID, "")
	out.row(docspace.PartCustomer, "", "email", c.Email, "")
	out.row(docspace.PartCustomer, "", "payment_method_status", c.PaymentMethodStatus.String(), "")
	out.row(docspace.PartCustomer, "", "payment_method_type", c.PaymentMethodType, "")
	if c.Payer != nil {
		out.row(docspace.PartCustomer, "", "payer_id", c.Payer.ID, "")
		out.row(docspace.PartCustomer, "", "payer_name", c.Payer.DisplayName, "")
	}
}

func (out *csvReport) balance(b docspace.Balance) {
	out.row(docspace.PartBalance, "", "account_number", strconv.FormatInt(b.AccountNumber, 10), "")
	for _, sub := range b.SubAccounts {
		out.amount(docspace.PartBalance, string(sub.Amount.Currency()), "available", sub.Amount)
	}
	if b.LastCredit != nil {
		out.amount(docspace.PartBalance, "last_credit", "amount", b.LastCredit.Amount)
		out.row(docspace.PartBalance, "last_credit", "date", csvTime(b.LastCredit.Date), "")
	}
}

func (out *csvReport) quota(part docspace.Part, q docspace.Quota) {
	item := strconv.Itoa(q.ID)
	out.row(part, item, "title", q.Title, "")
	if q.Price != nil {
		out.amount(part, item, "price", q.Price.Amount)
		out.row(part, item, "price_symbol", q.Price.Symbol, "")
	}
	out.row(part, item, "trial", strconv.FormatBool(q.Trial), "")
	out.row(part, item, "free", strconv.FormatBool(q.Free), "")
	out.row(part, item, "non_profit", strconv.FormatBool(q.NonProfit), "")
	if part == docspace.PartQuota {
		out.row(part, item, "due_date", csvTime(q.DueDate), "")
	}
	for _, f := range q.Features {
		value := f.Value.String()
		if n, ok := f.Value.Number(); ok && n == docspace.Unlimited {
			value = "unlimited"
		}
		out.row(part, item, "feature."+f.ID, value, "")
		if f.Used != nil && f.Used.Value != nil {
			out.row(part, item, "used."+f.ID, strconv.FormatInt(*f.Used.Value, 10), "")
		}
	}
}

func csvTime(t docspace.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// cell keeps a terminal from obeying a portal's text, and a spreadsheet from
// taking it for a formula.
func cell(s string) string {
	s = cleaned(s)
	if trimmed := strings.TrimLeft(s, " "); trimmed == "" || !strings.ContainsRune("=+-@", rune(trimmed[0])) {
		return s
	}
	if _, err := money.Parse(s, ""); err == nil {
		return s
	}
	return "'" + s
}
