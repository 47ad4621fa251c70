package cli_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// noon is when all reports of these tests are read.
var noon = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// reports are those that have a golden of every format.
var reports = map[string]func(t *testing.T) *docspace.Report{
	"sample":            sampleReport,
	"no-customer":       noCustomerReport,
	"unknown":           unknownReport,
	"no-price-currency": stockReport,
	"unlimited":         unlimitedReport,
	"failed-parts":      failedPartsReport,
	"only-two":          onlyTwoReport,
	"wide":              wideReport,
	"odd-amounts":       oddAmountsReport,
}

func amount(t *testing.T, number string, currency money.Currency) money.Amount {
	t.Helper()
	a, err := money.Parse(number, currency)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func days(n int) docspace.Time { return docspace.Time{Time: noon.AddDate(0, 0, n)} }

// arrived is an empty report of all parts.
func arrived() *docspace.Report {
	return &docspace.Report{
		Portal: "https://portal.example.com", RetrievedAt: noon,
		Asked: docspace.Parts(), Failed: map[docspace.Part]error{},
	}
}

func onOff(id, title string, on bool) docspace.Feature {
	return docspace.Feature{ID: id, Title: title, Type: docspace.FeatureFlag, Value: docspace.FlagValue(on)}
}

func count(id string, limit int64, used ...int64) docspace.Feature {
	return counted(docspace.FeatureCount, id, limit, used)
}

func size(id string, limit int64, used ...int64) docspace.Feature {
	return counted(docspace.FeatureSize, id, limit, used)
}

func counted(kind docspace.FeatureType, id string, limit int64, used []int64) docspace.Feature {
	f := docspace.Feature{ID: id, Type: kind, Value: docspace.NumberValue(limit)}
	if len(used) > 0 {
		f.Used = &docspace.FeatureUsed{Value: &used[0]}
	}
	return f
}

const gigabyte = 1 << 30

// sampleReport is a report with everything in it.
func sampleReport(t *testing.T) *docspace.Report {
	r := arrived()
	r.Customer = &docspace.CustomerInfo{
		PortalID: "docspace.io123", PaymentMethodStatus: docspace.PaymentMethodSet, PaymentMethodType: "card",
		Email: "owner@example.com",
		Payer: &docspace.Person{
			ID: "66faa6e4-f133-11ea-b126-00ffeec8b4ef", DisplayName: "Olivia Owner",
			ProfileURL: "https://portal.example.com/accounts/people/filter?search=owner%40example.com",
		},
	}
	r.Balance = &docspace.Balance{
		AccountNumber: 100001, SubAccountNumber: 1, AccountName: "docspace.io123", AccountCurrency: "USD",
		SubAccounts: []docspace.SubAccount{{Amount: amount(t, "148.5", "USD")}, {Amount: amount(t, "25", "EUR")}},
		LastCredit:  &docspace.LastCredit{Date: days(-3), Amount: amount(t, "100", "USD")},
	}
	r.Quota = &docspace.Quota{
		ID: -9, Title: "Business", Price: &docspace.Price{Amount: amount(t, "200", "USD"), Symbol: "$"}, DueDate: days(23),
		Features: []docspace.Feature{
			count("manager", 10, 4), size("total_size", 2_600*gigabyte, 684*gigabyte), size("file_size", gigabyte, 0),
			onOff("year", "", false), onOff("backup", "Additional backup", true), onOff("aitools", "", false),
			count("users", docspace.Unlimited, 14), count("room", docspace.Unlimited, 37), onOff("ldap", "", true),
			onOff("sso", "SSO", true), count("free_backup", 2, 1), onOff("restore", "Data recovery", true),
			onOff("thirdparty", "Pro integrations", true), count("brand_new_count", 7), onOff("brand_new", "Brand new", true),
		},
	}
	r.Quotas = []docspace.Quota{
		{
			ID: -9, Title: "Business", Price: &docspace.Price{Amount: amount(t, "20", "USD"), Symbol: "$"},
			Features: []docspace.Feature{count("manager", 1), size("total_size", 250*gigabyte), onOff("year", "", false)},
		},
		{
			ID: -10, Title: "Business", Price: &docspace.Price{Amount: amount(t, "1220.5", "USD"), Symbol: "$"},
			Features: []docspace.Feature{count("manager", 1), size("total_size", 250*gigabyte), onOff("year", "", true)},
		},
	}
	r.TopUp = &docspace.TopUpSettings{
		Enabled: true, MinBalance: amount(t, "20", "USD"), UpToBalance: amount(t, "100", "USD"), LastModified: days(-40),
	}
	r.Currencies = []docspace.Currency{
		{CountryCode: "US", ISOSymbol: "USD", NativeName: "US Dollar", Symbol: "$"},
		{CountryCode: "ES", ISOSymbol: "EUR", NativeName: "euro", Symbol: "€"},
		{CountryCode: "JP", ISOSymbol: "JPY", NativeName: "日本円", Symbol: "￥"},
	}
	return r
}

// noCustomerReport is of a portal that nobody pays for.
func noCustomerReport(t *testing.T) *docspace.Report {
	r := arrived()
	r.Quota = &docspace.Quota{
		ID: -3, Title: "Startup", Free: true, Price: &docspace.Price{Amount: amount(t, "0", "USD"), Symbol: "$"},
		Features: []docspace.Feature{count("manager", 3, 1), size("total_size", 2*gigabyte, 0), count("room", 12, 3)},
	}
	r.Quotas = []docspace.Quota{}
	r.TopUp = &docspace.TopUpSettings{LastModified: days(-40)}
	r.Currencies = []docspace.Currency{{CountryCode: "US", ISOSymbol: "USD", NativeName: "US Dollar", Symbol: "$"}}
	return r
}

// unknownReport is of a portal that has little to say.
func unknownReport(*testing.T) *docspace.Report {
	r := arrived()
	r.Customer = &docspace.CustomerInfo{PortalID: "docspace.io123", PaymentMethodStatus: docspace.PaymentMethodExpired}
	r.Quota = &docspace.Quota{ID: -1, Trial: true, DueDate: days(0), Features: []docspace.Feature{}}
	return r
}

// stockReport is of a stock portal: signs for codes, prices in no currency.
func stockReport(t *testing.T) *docspace.Report {
	r := arrived()
	r.Customer = &docspace.CustomerInfo{
		PortalID: "docspace.io123", PaymentMethodStatus: docspace.PaymentMethodSet, Email: "owner@example.com",
	}
	r.Quota = &docspace.Quota{
		ID: -9, Title: "Business", Price: &docspace.Price{Amount: amount(t, "12.5", ""), Symbol: "$"},
		Features: []docspace.Feature{count("manager", 1)},
	}
	r.Quotas = []docspace.Quota{
		{ID: -9, Title: "Business", Price: &docspace.Price{Amount: amount(t, "20", "")}, Features: []docspace.Feature{}},
		{ID: -7, Title: "Non-profit", NonProfit: true, Features: []docspace.Feature{}},
	}
	r.TopUp = &docspace.TopUpSettings{MinBalance: amount(t, "20", "USD"), UpToBalance: amount(t, "100", "USD")}
	r.Currencies = []docspace.Currency{
		{CountryCode: "US", ISOSymbol: "$", NativeName: "US Dollar"},
		{CountryCode: "ES", ISOSymbol: "€", NativeName: "euro"},
		{ISOSymbol: "¤", NativeName: "nobody's money"},
	}
	return r
}

// unlimitedReport is of a plan without limits that was due long ago.
func unlimitedReport(*testing.T) *docspace.Report {
	r := arrived()
	r.Asked = []docspace.Part{docspace.PartQuota}
	r.Quota = &docspace.Quota{
		ID: -8, DueDate: days(-400),
		Features: []docspace.Feature{
			count("manager", docspace.Unlimited, 0), size("total_size", docspace.Unlimited, 3*gigabyte/2),
			size("file_size", docspace.Unlimited), count("room", 0, 0), onOff("oauth", "", false),
		},
	}
	return r
}

func failedPartsReport(t *testing.T) *docspace.Report {
	r := sampleReport(t)
	r.Customer, r.Quotas, r.Currencies = nil, nil, nil
	r.Failed = map[docspace.Part]error{
		docspace.PartCustomer: &docspace.Error{
			Operation: "get customer info", Status: 403, Message: "Access denied", Err: docspace.ErrForbidden,
		},
		docspace.PartQuotas: &docspace.Error{
			Operation: "get available quotas", Message: "no whole answer in time",
			Err: fmt.Errorf("%w: slow", docspace.ErrTimeout),
		},
		docspace.PartCurrencies: &docspace.Error{
			Operation: "get currencies", Status: 502, Message: `Bad Gateway, a web page titled "502"`, Err: docspace.ErrPortalFailed,
		},
	}
	return r
}

func onlyTwoReport(t *testing.T) *docspace.Report {
	r := sampleReport(t)
	r.Asked = []docspace.Part{docspace.PartBalance, docspace.PartTopUp}
	r.Customer, r.Quota, r.Quotas, r.Currencies = nil, nil, nil, nil
	return r
}

// wideReport has names that take two columns a character, or none.
func wideReport(t *testing.T) *docspace.Report {
	r := arrived()
	r.Customer = &docspace.CustomerInfo{
		PortalID: "docspace.jp1", Email: "花子@例え.jp", PaymentMethodType: "カード", PaymentMethodStatus: docspace.PaymentMethodSet,
		Payer: &docspace.Person{ID: "1", DisplayName: "山田 花子 👩‍💻"},
	}
	r.Quota = &docspace.Quota{
		ID: -9, Title: "ビジネス", Price: &docspace.Price{Amount: amount(t, "30000", "JPY"), Symbol: "￥"}, DueDate: days(1),
		Features: []docspace.Feature{count("管理者の数", 10, 4), size("total_size", 2_500*gigabyte, gigabyte), onOff("x", "一つ目の機能", true), onOff("y", "e\u0301te\u0301", true)},
	}
	r.Quotas = []docspace.Quota{
		{ID: -9, Title: "ビジネス", Price: &docspace.Price{Amount: amount(t, "3000", "JPY"), Symbol: "￥"}, Features: []docspace.Feature{count("manager", 1)}},
		{ID: -10, Title: "e\u0301te\u0301", Price: &docspace.Price{Amount: amount(t, "33000", "JPY"), Symbol: "￥"}, Features: []docspace.Feature{count("manager", 2)}},
	}
	r.Currencies = []docspace.Currency{
		{CountryCode: "JP", ISOSymbol: "JPY", NativeName: "日本円", Symbol: "￥"},
		{CountryCode: "US", ISOSymbol: "USD", NativeName: "US Dollar", Symbol: "$"},
	}
	return r
}

func oddAmountsReport(t *testing.T) *docspace.Report {
	r := arrived()
	r.Asked = []docspace.Part{docspace.PartBalance, docspace.PartQuotas, docspace.PartTopUp}
	r.Balance = &docspace.Balance{}
	for _, a := range []struct {
		number   string
		currency money.Currency
	}{
		{"-5", "USD"}, {"0.1", "EUR"}, {"1234567890.12345678", "GBP"}, {"1200", "JPY"}, {"1.25", "KWD"},
		{"-0.00000001", "CHF"}, {"92233720368.54775807", "AUD"}, {"0", "XTS"}, {"-1234567.5", ""},
	} {
		r.Balance.SubAccounts = append(r.Balance.SubAccounts, docspace.SubAccount{Amount: amount(t, a.number, a.currency)})
	}
	r.Balance.LastCredit = &docspace.LastCredit{Amount: amount(t, "1000", "JPY")}
	r.Quotas = []docspace.Quota{
		{ID: -9, Title: "Business", Price: &docspace.Price{Amount: amount(t, "6.15", "KWD")}, Features: []docspace.Feature{}},
	}
	r.TopUp = &docspace.TopUpSettings{Enabled: true, MinBalance: amount(t, "1000", "JPY"), UpToBalance: amount(t, "15000.5", "JPY")}
	return r
}
