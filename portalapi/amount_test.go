package portalapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

func parse(t *testing.T, text, currency string) money.Amount {
	t.Helper()
	a, err := money.Parse(text, money.Currency(currency))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestBalanceKeepsEveryDigit(t *testing.T) {
	h := newHouse(t, setup{empty: true})
	for i, test := range []struct{ amount, currency, want string }{
		{"0.10", "USD", "0.10"},
		{"0.1", "USD", "0.10"},
		{"0", "USD", "0.00"},
		{"0.00000001", "USD", "0.00000001"},
		{"148.505", "USD", "148.505"},
		{"1234567890.12345678", "USD", "1234567890.12345678"},
		{"92233720368.54775807", "EUR", "92233720368.54775807"},
		{"1200", "JPY", "1200"},
		{"1200.5", "JPY", "1200.5"},
		{"12.345", "KWD", "12.345"},
		{"0.5", "KWD", "0.500"},
	} {
		t.Run(test.amount+" "+test.currency, func(t *testing.T) {
			id := fmt.Sprint("portal", i)
			key := h.addPortal(billing.NewPortal{ID: id, Hosts: []string{id + ".example.com"}})
			amount := parse(t, test.amount, test.currency)
			h.must(h.service.SetCustomer(t.Context(), id, billing.CustomerChange{
				Email: "owner@example.com", Balances: []money.Amount{amount}, LastCredit: amount,
			}))
			lastCredit := `,"lastCredit":{"date":"2026-07-08T11:39:43.123456Z","currency":"` + test.currency + `","amount":` + test.want + `}`
			if amount.Sign() == 0 { // nothing was paid in
				lastCredit = ""
			}
			got := h.do(request{path: "customer/balance", key: key, host: id + ".example.com"})
			same(t, `{"accountNumber":`+fmt.Sprint(100001+i)+`,"subAccountNumber":1,`+
				`"accountName":"`+id+`","accountCurrency":"`+test.currency+`",`+
				`"subAccounts":[{"currency":"`+test.currency+`","amount":`+test.want+`}]`+lastCredit+`}`,
				got.payload(t))
		})
	}
}

func TestPocketsStandInTheirOrder(t *testing.T) {
	h := newHouse(t, setup{empty: true})
	key := h.addPortal(billing.NewPortal{ID: "example", Hosts: []string{portalHost}})
	for _, texts := range [][2]string{{"2", "KWD"}, {"1", "EUR"}, {"3", "AED"}, {"1.50", "KWD"}} {
		h.must(h.service.SetCustomer(t.Context(), "example", billing.CustomerChange{
			Email: "owner@example.com", Balances: []money.Amount{parse(t, texts[0], texts[1])},
		}))
	}
	same(t, `{"accountNumber":100001,"subAccountNumber":1,"accountName":"example","accountCurrency":"KWD","subAccounts":[`+
		`{"currency":"KWD","amount":1.500},{"currency":"EUR","amount":1.00},{"currency":"AED","amount":3.00}]}`,
		h.getAs(key, "customer/balance").payload(t))
}

// DocSpace has whole numbers there, and readers that want them.
func TestTopUpAmountsHaveNoDecimalPlaceTooMany(t *testing.T) {
	h := newHouse(t, setup{})
	for _, test := range []struct{ floor, target, currency, want string }{
		{"5", "6", "USD", `"minBalance":5,"upToBalance":6,"currency":"USD"`},
		{"1000", "5000.00", "EUR", `"minBalance":1000,"upToBalance":5000,"currency":"EUR"`},
		{"20.50", "100.125", "USD", `"minBalance":20.5,"upToBalance":100.125,"currency":"USD"`},
		{"500", "3000", "JPY", `"minBalance":500,"upToBalance":3000,"currency":"JPY"`},
		{"10", "20.00000001", "KWD", `"minBalance":10,"upToBalance":20.00000001,"currency":"KWD"`},
	} {
		for enabled, text := range map[bool]string{true: "true", false: "false"} {
			h.must(h.service.SetTopUpRule(t.Context(), h.company.PortalID, enabled,
				parse(t, test.floor, test.currency), parse(t, test.target, test.currency)))
			got := h.get("topupsettings")
			want := `{"enabled":` + text + `,` + test.want + `,"lastModified":"2026-07-08T11:39:43.123456Z"}`
			same(t, want, got.payload(t))
			same(t, want, got.member(t, "settings"))
		}
	}
	h.must(h.service.ClearTopUpRule(t.Context(), h.company.PortalID))
	same(t, compact(t, noTopUpPayload), h.get("topupsettings").payload(t))
}

func TestPricesAreInTheDigitsOfTheirCurrency(t *testing.T) {
	h := newHouse(t, setup{})
	for country, want := range map[string][3]string{ // of the current plan, the one on offer and the storage
		"US": {"200.00", "20.00", "0.14"},
		"ES": {"185.00", "18.50", "0.13"},
		"JP": {"30000", "3000", "21"},
		"KW": {"61.500", "6.150", "0.043"},
	} {
		for i, path := range []string{"quota?country=", "quotas?country=", "quotas?wallet=true&country="} {
			if got := h.get(path + country).payload(t); !strings.Contains(got, `"price":{"value":`+want[i]+`,`) {
				t.Errorf("%s%s: no price of %s in %.200s", path, country, want[i], got)
			}
		}
	}
}
