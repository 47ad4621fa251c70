package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// rule is what FOCUS 1.2 demands of a column.
type rule struct {
	null    bool // may be
	form    *regexp.Regexp
	allowed []string
}

var (
	aNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	aDate   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`)
	aCode   = regexp.MustCompile(`^[A-Z]{3}$`)
	anyText = regexp.MustCompile(`.`)
)

// mandatory are the columns that each dataset has. Source: FOCUS 1.2, column library,
// feature level "Mandatory".
var mandatory = map[string]rule{
	"BilledCost": {form: aNumber}, "BillingAccountId": {form: anyText}, "BillingAccountName": {null: true, form: anyText},
	"BillingCurrency": {form: aCode}, "BillingPeriodEnd": {form: aDate}, "BillingPeriodStart": {form: aDate},
	"ChargeCategory":    {allowed: []string{"Usage", "Purchase", "Tax", "Credit", "Adjustment"}},
	"ChargeClass":       {null: true, allowed: []string{"Correction"}},
	"ChargeDescription": {null: true, form: anyText}, "ChargePeriodEnd": {form: aDate}, "ChargePeriodStart": {form: aDate},
	"ContractedCost": {form: aNumber}, "EffectiveCost": {form: aNumber}, "InvoiceIssuerName": {form: anyText}, "ListCost": {form: aNumber},
	"PricingQuantity": {null: true, form: aNumber}, "PricingUnit": {null: true, form: anyText},
	"ProviderName": {form: anyText}, "PublisherName": {form: anyText},
	"ServiceCategory": {allowed: []string{
		"AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools", "Multicloud", "Identity",
		"Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile", "Networking", "Security", "Storage",
		"Web", "Other",
	}},
	"ServiceName": {form: anyText},
}

// optional are those of the others that there are here.
var optional = map[string]rule{
	"ChargeFrequency":  {null: true, allowed: []string{"One-Time", "Recurring", "Usage-Based"}},
	"ConsumedQuantity": {null: true, form: aNumber}, "ConsumedUnit": {null: true, form: anyText}, "RegionId": {null: true, form: anyText},
	"SubAccountId": {null: true, form: anyText}, "Tags": {null: true, form: regexp.MustCompile(`^\{.*\}$`)},
}

func TestFocusColumns(t *testing.T) {
	t.Parallel()
	all := focusColumns()
	ours := slices.IndexFunc(all, func(s string) bool { return strings.HasPrefix(s, "x_") })
	if !slices.IsSorted(all[:ours]) || !slices.IsSorted(all[ours:]) {
		t.Error("the columns are not by the alphabet")
	}
	for _, name := range all[ours:] {
		if !regexp.MustCompile(`^x_([A-Z][a-z]+)+$`).MatchString(name) {
			t.Errorf("%s is no name for a column of ours", name)
		}
	}
	for name := range mandatory {
		if !slices.Contains(all, name) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range all[:ours] {
		_, must := mandatory[name]
		if _, may := optional[name]; must == may {
			t.Errorf("%s is no column of FOCUS, or twice one", name)
		}
	}
}

// charges are the rows that FOCUS has of some, by column.
func charges(t *testing.T, options Options, rows []Row) (all []map[string]string) {
	t.Helper()
	var b bytes.Buffer
	if _, _, err := Write(&b, "focus", options, seq(rows)); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records[1:] {
		one := map[string]string{}
		for i, text := range record {
			one[records[0][i]] = text
		}
		all = append(all, one)
	}
	return all
}

// everyKind are operations of every type, in and out, with and without a service.
func everyKind(t *testing.T) (rows []Row) {
	for _, kind := range []docspace.OperationType{
		docspace.ServicePayment, docspace.PackagePayment, docspace.AIServicePayment, docspace.DepositPayment, docspace.Refund,
		docspace.BankDeposit, docspace.BankWithdrawal, docspace.GoodwillCredit, docspace.AIDebit, docspace.AICredit, "Profit",
	} {
		for _, service := range []string{"", "backup", "disk-storage", "ai-tools", "admin", "something"} {
			for _, amount := range []string{"-12.5", "0", "12.5"} {
				for _, quantity := range []int64{0, 3} {
					o := paid(noon, 0, "p")
					o.Type, o.Service, o.Quantity = kind, service, quantity
					if amount[0] == '-' {
						o.Debit = inUnits(t, amount[1:], "USD")
					} else {
						o.Credit = inUnits(t, amount, "USD")
					}
					rows = append(rows, Row{"acme", "https://acme.example.com", &o})
				}
			}
		}
	}
	return rows
}

func TestFocusConforms(t *testing.T) {
	t.Parallel()
	rows := append(everyKind(t), sampleRows(t)...)
	for _, prepaid := range []bool{false, true} {
		all := charges(t, Options{Prepaid: prepaid}, rows)
		if len(all) < 100 {
			t.Fatalf("there are %d", len(all))
		}
		for _, row := range all {
			for _, rules := range []map[string]rule{mandatory, optional} {
				for name, r := range rules {
					text := row[name]
					switch {
					case text == "" && r.null:
					case r.allowed != nil && !slices.Contains(r.allowed, text), r.form != nil && !r.form.MatchString(text):
						t.Errorf("%s is %q: %v", name, text, row)
					}
				}
			}
			conforms(t, row)
		}
	}
}

// conforms checks what FOCUS says of columns together.
func conforms(t *testing.T, row map[string]string) {
	t.Helper()
	date := func(name string) time.Time {
		at, err := time.Parse(time.RFC3339, row[name])
		if err != nil {
			t.Error(err)
		}
		return at
	}
	number := func(name string) *big.Rat { n, _ := new(big.Rat).SetString(row[name]); return n }
	category := row["ChargeCategory"]
	counted := category == "Usage" || category == "Purchase"
	for says, wrong := range map[string]bool{
		"a period ends before it begins":                 !date("ChargePeriodStart").Before(date("ChargePeriodEnd")) || !date("BillingPeriodStart").Before(date("BillingPeriodEnd")),
		"the charge is not in its billing period":        date("ChargePeriodStart").Before(date("BillingPeriodStart")) || date("ChargePeriodEnd").After(date("BillingPeriodEnd")),
		"a quantity is missing":                          counted && (row["PricingQuantity"] == "" || row["PricingUnit"] == ""),
		"one of quantity and unit is there alone":        (row["PricingQuantity"] == "") != (row["PricingUnit"] == "") || (row["ConsumedQuantity"] == "") != (row["ConsumedUnit"] == ""),
		"what is not used is consumed":                   category != "Usage" && row["ConsumedQuantity"] != "",
		"what is consumed is not more than nought":       row["ConsumedQuantity"] != "" && number("ConsumedQuantity").Sign() <= 0,
		"a purchase is by usage":                         category == "Purchase" && row["ChargeFrequency"] == "Usage-Based",
		"the list cost of what has no other is not that": !counted && (number("ListCost").Cmp(number("BilledCost")) != 0 || number("EffectiveCost").Cmp(number("BilledCost")) != 0),
		"a credit costs":                                 category == "Credit" && row["x_OperationType"] == "GoodwillCredit" && number("BilledCost").Sign() > 0 && !strings.HasPrefix(row["BilledCost"], "12.5"),
		"an empty text stands for null":                  row["Tags"] == "{}",
	} {
		if wrong {
			t.Errorf("%s: %v", says, row)
		}
	}
	var tags map[string]string
	if text := row["Tags"]; text != "" && json.Unmarshal([]byte(text), &tags) != nil {
		t.Errorf("tags: %s", text)
	}
}

// Which operation is which charge, if any.
func TestFocusCharges(t *testing.T) {
	t.Parallel()
	usd := func(text string) money.Amount { return inUnits(t, text, "USD") }
	for _, c := range []struct {
		kind                                   docspace.OperationType
		service                                string
		credit, debit                          string
		prepaid                                bool
		category, frequency, billed, effective string // "" category: none
	}{
		{docspace.DepositPayment, "", "80", "0", false, "", "", "", ""},
		{docspace.BankDeposit, "", "80", "0", false, "", "", "", ""},
		{docspace.BankWithdrawal, "", "0", "80", false, "", "", "", ""},
		{docspace.Refund, "", "0", "80", false, "", "", "", ""},
		{docspace.Refund, "", "5", "0", false, "Adjustment", "One-Time", "-5.00", "-5.00"},
		{docspace.Refund, "backup", "5", "0", false, "Usage", "Usage-Based", "-5.00", "-5.00"},
		{docspace.Refund, "disk-storage", "5", "0", false, "Purchase", "Recurring", "-5.00", "-5.00"},
		{docspace.GoodwillCredit, "", "5", "0", false, "Credit", "One-Time", "-5.00", "-5.00"},
		{docspace.ServicePayment, "backup", "0", "10", false, "Usage", "Usage-Based", "10.00", "10.00"},
		{docspace.ServicePayment, "disk-storage", "0", "10", false, "Purchase", "Recurring", "10.00", "10.00"},
		{docspace.PackagePayment, "", "0", "10", false, "Purchase", "Recurring", "10.00", "10.00"},
		{docspace.AIDebit, "ai-tools", "0", "25", false, "Purchase", "One-Time", "25.00", "0"},
		{docspace.AICredit, "ai-tools", "25", "0", true, "", "", "", ""},
		{docspace.AIServicePayment, "ai-tools", "0", "0.5", true, "Usage", "Usage-Based", "0", "0.50"},
		{docspace.AIServicePayment, "ai-tools", "0", "0.5", false, "Usage", "Usage-Based", "0.50", "0.50"},
		{"Profit", "", "0", "1", false, "Adjustment", "One-Time", "1.00", "1.00"},
	} {
		o := paid(noon, 0, "p")
		o.Type, o.Service, o.Credit, o.Debit = c.kind, c.service, usd(c.credit), usd(c.debit)
		all := charges(t, Options{Prepaid: c.prepaid, Issuer: "Hoster"}, []Row{{"acme", "https://acme.example.com", &o}})
		switch {
		case c.category == "" && len(all) == 0:
		case c.category == "" || len(all) != 1:
			t.Errorf("%+v: %v", c, all)
		case all[0]["ChargeCategory"] != c.category || all[0]["ChargeFrequency"] != c.frequency || all[0]["BilledCost"] != c.billed ||
			all[0]["EffectiveCost"] != c.effective || all[0]["InvoiceIssuerName"] != "Hoster":
			t.Errorf("%+v: %v", c, all[0])
		}
	}
}
