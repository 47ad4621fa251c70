package docspace_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

const balancePayload = `{
	"accountNumber": 9007199254740993, "subAccountNumber": 2, "accountName": "docspace.io.ohio77", "accountCurrency": "EUR",
	"subAccounts": [
		{"currency": "EUR", "amount": 1234567890.12345678, "reserved": 12},
		{"currency": "USD", "amount": 200.0000},
		{"currency": "JPY", "amount": 1500},
		{"currency": "KWD", "amount": 0.125},
		{"currency": "XBT", "amount": "0.00000001"},
		{"currency": "GBP", "amount": -3.5},
		{"currency": "CHF", "amount": 0}
	],
	"lastCredit": {"date": "2026-06-21T08:15:30Z", "currency": "USD", "amount": 1.5E2, "kind": "auto"},
	"aiBalance": {}
}`

func TestBalanceIsReadExactly(t *testing.T) {
	var want = &docspace.Balance{
		AccountNumber: 9007199254740993, SubAccountNumber: 2, AccountName: "docspace.io.ohio77", AccountCurrency: "EUR",
		SubAccounts: []docspace.SubAccount{
			{Amount: money.FromUnits(123456789012345678, "EUR")},
			{Amount: money.FromUnits(200*money.Scale, "USD")},
			{Amount: money.FromUnits(1500*money.Scale, "JPY")},
			{Amount: money.FromUnits(12_500_000, "KWD")},
			{Amount: money.FromUnits(1, "XBT")},
			{Amount: money.FromUnits(-350_000_000, "GBP")},
			{Amount: money.FromUnits(0, "CHF")},
		},
		LastCredit: &docspace.LastCredit{Date: at(2026, time.June, 21, 8, 15, 30, 0), Amount: amount("150", "USD")},
	}
	got, err := once(t, saying(200, envelope(balancePayload))).Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "balance", got, want)
}

func TestBalanceOfOlderPortals(t *testing.T) {
	got, err := once(t, saying(200, envelope(`{"accountNumber":12,"subAccounts":[{"currency":"USD","amount":0.50}]}`))).Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "balance", *got, docspace.Balance{
		AccountNumber: 12, SubAccounts: []docspace.SubAccount{{Amount: amount("0.5", "USD")}},
	})
}

// An amount that is not there, or is none, is never nought.
func TestAnAmountThatIsNoneIsMalformed(t *testing.T) {
	none := map[string]string{
		"missing":               ``,
		"null":                  `"AMOUNT":null,`,
		"empty":                 `"AMOUNT":"",`,
		"a word":                `"AMOUNT":"NaN",`,
		"a flag":                `"AMOUNT":true,`,
		"an object":             `"AMOUNT":{"value":1},`,
		"a list":                `"AMOUNT":[1],`,
		"with a comma":          `"AMOUNT":"1,5",`,
		"with spaces":           `"AMOUNT":" 1",`,
		"with a sign":           `"AMOUNT":"$1",`,
		"with nine places":      `"AMOUNT":0.123456789,`,
		"beyond the range":      `"AMOUNT":92233720368.54775808,`,
		"far beyond the range":  `"AMOUNT":1e300,`,
		"in Arabic-Indic digit": `"AMOUNT":"٣",`,
	}
	type place struct{ op, member, payload string }
	places := []place{
		{"balance", "amount", `{"accountNumber":1,"subAccounts":[{"currency":"USD","amount":1},{HERE"currency":"EUR"}]}`},
		{"balance", "amount", `{"accountNumber":1,"subAccounts":[],"lastCredit":{HERE"date":"2026-06-21T08:15:30Z","currency":"USD"}}`},
		{"quota", "value", `{"id":-9,"price":{HERE"currencySymbol":"$","isoCurrencySymbol":"USD"},"features":[]}`},
		{"quota", "value", `{"id":-9,"price":{HERE"currencySymbol":"$"},"features":[]}`},
		{"topup", "minBalance", `{HERE"enabled":true,"upToBalance":10,"currency":"USD","lastModified":"2026-06-21T08:15:30"}`},
		{"topup", "upToBalance", `{HERE"enabled":true,"minBalance":10,"currency":"USD","lastModified":"2026-06-21T08:15:30"}`},
	}
	for _, p := range places {
		for name, member := range none {
			member = strings.ReplaceAll(member, "AMOUNT", p.member)
			payload := strings.Replace(p.payload, "HERE", member, 1)
			client := once(t, saying(200, envelope(payload)))
			var (
				got any
				err error
			)
			switch p.op {
			case "balance":
				got, err = client.Balance(t.Context())
			case "quota":
				got, err = client.Quota(t.Context())
			case "topup":
				got, err = client.TopUpSettings(t.Context())
			}
			if err == nil {
				t.Errorf("%s %s: read as %+v", p.member, name, got)
				continue
			}
			if failure := failureOf(t, err, docspace.ErrMalformed); failure.Status != 200 {
				t.Errorf("%s %s: status %d", p.member, name, failure.Status)
			}
		}
	}
}

// A portal that has a wallet names its pockets; one that is null in the list is
// no pocket with nought in it.
func TestAPocketThatIsNullIsMalformed(t *testing.T) {
	client := once(t, saying(200, envelope(`{"accountNumber":1,"subAccounts":[{"currency":"USD","amount":1},null]}`)))
	b, err := client.Balance(t.Context())
	if err == nil {
		t.Fatalf("read as %+v", b)
	}
	failureOf(t, err, docspace.ErrMalformed)
}

func TestTopUpSettingsSayWhetherTheyAreOn(t *testing.T) {
	for _, payload := range []string{
		`{}`,
		`{"minBalance":1,"upToBalance":2,"currency":"USD"}`,
		`{"enabled":null,"minBalance":1,"upToBalance":2,"currency":"USD"}`,
		`{"enabled":"yes","minBalance":1,"upToBalance":2,"currency":"USD"}`,
	} {
		got, err := once(t, saying(200, envelope(payload))).TopUpSettings(t.Context())
		if err == nil {
			t.Errorf("%s was read as %+v", payload, got)
			continue
		}
		failureOf(t, err, docspace.ErrMalformed)
	}
}
