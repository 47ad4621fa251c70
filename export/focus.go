package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// FOCUSVersion is the version of the specification that the format follows.
// Source: FinOps Open Cost and Usage Specification, https://focus.finops.org.
const FOCUSVersion = "1.2"

// focusColumns are the columns of the format in their order: those of FOCUS by the
// alphabet, then ours.
func focusColumns() []string {
	return []string{
		"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
		"ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
		"ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
		"PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId", "ServiceCategory", "ServiceName",
		"SubAccountId", "Tags",
		"x_OperationDate", "x_OperationType", "x_Service",
	}
}

// What can stand in columns that allow few values.
const (
	usageCharge      = "Usage"
	purchaseCharge   = "Purchase"
	creditCharge     = "Credit"
	adjustmentCharge = "Adjustment"

	oneTime    = "One-Time"
	recurring  = "Recurring"
	usageBased = "Usage-Based"
)

const (
	provider  = "ONLYOFFICE DocSpace"
	publisher = "ONLYOFFICE"
	anyUnit   = "Units"
)

// charge is what FOCUS calls an operation.
type charge struct{ category, frequency string }

// chargeOf says what charge an operation is; none is what only moves the customer's
// own money, in or out.
func chargeOf(o *docspace.Operation) (c charge, ok bool) {
	out := fleet.Change(o).Sign() <= 0
	switch {
	case currencyOf(o) == "":
		return charge{}, false
	case o.Type == docspace.DepositPayment, o.Type == docspace.BankDeposit, o.Type == docspace.BankWithdrawal:
		return charge{}, false
	case o.Type == docspace.Refund && (out || o.Service == ""):
		if out {
			return charge{}, false // back to whoever paid it in
		}
		return charge{adjustmentCharge, oneTime}, true
	case o.Type == docspace.GoodwillCredit:
		return charge{creditCharge, oneTime}, true
	case o.Type == docspace.AICredit && !out:
		return charge{}, false // the other side of what was bought
	case o.Type == docspace.AIDebit, o.Type == docspace.AICredit:
		return charge{purchaseCharge, oneTime}, true
	case o.Type == docspace.PackagePayment, byPeriod(o.Service):
		return charge{purchaseCharge, recurring}, true
	case o.Type == docspace.ServicePayment, o.Type == docspace.AIServicePayment, o.Type == docspace.Refund:
		return charge{usageCharge, usageBased}, true
	}
	return charge{adjustmentCharge, oneTime}, true
}

// byPeriod reports whether a service is paid for by the month. Source: contract,
// "Services".
func byPeriod(service string) bool {
	return strings.HasPrefix(service, "disk-storage") || service == "storage" || strings.HasPrefix(service, "admin")
}

// category is what kind of service FOCUS calls one.
func category(o *docspace.Operation) string {
	switch {
	case strings.HasPrefix(o.Service, "ai-"), o.Type == docspace.AIServicePayment, o.Type == docspace.AIDebit, o.Type == docspace.AICredit:
		return "AI and Machine Learning"
	case strings.HasPrefix(o.Service, "disk-storage"), o.Service == "storage", strings.HasPrefix(o.Service, "backup"):
		return "Storage"
	case strings.HasPrefix(o.Service, "admin"), o.Type == docspace.PackagePayment:
		return "Business Applications"
	}
	return "Other"
}

// focusRow returns a row in the order of focusColumns. "" is null.
func focusRow(row Row, c charge, options Options) []string {
	o := row.Operation
	at := o.Date.UTC()
	hour, month := at.Truncate(time.Hour), time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	moment := func(t time.Time) string { return t.Format(time.RFC3339) }
	cost := fleet.Change(o).Neg().Decimal()
	billed, effective := cost, cost
	switch {
	case options.Prepaid && c.category == usageCharge:
		billed = "0" // it was, when the credit was bought
	case o.Type == docspace.AIDebit, o.Type == docspace.AICredit:
		effective = "0" // it is, when the credit is used
	}
	quantity, unit := "", ""
	if c.category == usageCharge || c.category == purchaseCharge {
		quantity, unit = strconv.FormatInt(o.Quantity, 10), o.ServiceUnit
		if unit == "" {
			unit = anyUnit
		}
	}
	consumed, consumedUnit := "", ""
	if c.category == usageCharge && o.Quantity > 0 {
		consumed, consumedUnit = quantity, unit
	}
	service := o.Description
	if service == "" {
		service = o.Service
	}
	if service == "" {
		service = provider
	}
	issuer := options.Issuer
	if issuer == "" {
		issuer = publisher
	}
	return []string{
		billed, account(row.Address), row.Portal, string(currencyOf(o)), moment(month.AddDate(0, 1, 0)), moment(month),
		c.category, "", describe(o), c.frequency, moment(hour.Add(time.Hour)), moment(hour),
		consumed, consumedUnit, cost, effective, issuer, cost,
		quantity, unit, provider, publisher, "", category(o), service,
		"", tags(o),
		dateText(o.Date.Time), string(o.Type), o.Service,
	}
}

// account is the portal's address as it is known everywhere.
func account(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host + u.Path
	}
	return address
}

func describe(o *docspace.Operation) string {
	if o.Description != "" && o.Details != "" {
		return o.Description + ": " + o.Details
	}
	return o.Description + o.Details
}

// tags are who and which agent it was for; "" for neither. They begin with a prefix,
// as tags must that a provider gives.
func tags(o *docspace.Operation) string {
	all := map[string]string{}
	for name, text := range map[string]string{
		"participant": o.ParticipantName, "participant-name": o.ParticipantDisplayName, "agent": o.AgentID, "agent-title": o.AgentTitle,
	} {
		if text != "" {
			all["docspace/"+name] = plain(text)
		}
	}
	if len(all) == 0 {
		return ""
	}
	text, _ := json.Marshal(all) // of texts: it can't fail
	return string(text)
}

// writeFocus writes the charges among rows, and returns how many are none.
func writeFocus(w io.Writer, options Options, rows iter.Seq2[Row, error]) (left int64, err error) {
	out := csv.NewWriter(w)
	if err := out.Write(focusColumns()); err != nil {
		return 0, err
	}
	for row, err := range rows {
		if err != nil {
			return left, err
		}
		c, ok := chargeOf(row.Operation)
		if !ok || row.Operation.Date.IsZero() {
			left++
			continue
		}
		texts := focusRow(row, c, options)
		for i := range texts {
			texts[i] = cell(texts[i])
		}
		if err := out.Write(texts); err != nil {
			return left, err
		}
	}
	out.Flush()
	return left, out.Error()
}
