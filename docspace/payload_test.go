package docspace_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// The payloads below have the shapes of the contract's section 2, and a member
// or two that nobody has heard of.

const customerPayload = `{
	"portalId": "docspace.io.ohio77", "paymentMethodStatus": 1, "email": "payer@example.org",
	"payer": {
		"id": "0f0c2c7e-2f1c-4f57-9f1c-3d7b52a6c1de", "displayName": "Se&#225;n O&#39;Brien &amp; S&ouml;hne &lt;b&gt;",
		"avatar": "/a/82.png?hash=17", "avatarOriginal": "/a/200.png?hash=17", "avatarMax": "https://cdn.example.org/200.png",
		"avatarMedium": "/a/48.png", "avatarSmall": "/a/32.png",
		"profileUrl": "https://portal.example.com/accounts/people/filter?search=payer%40example.org",
		"hasAvatar": true, "isAnonim": false, "isVisitor": false
	},
	"somethingNew": {"deep": [1, {"er": null}]}
}`

func TestCustomerInfoIsReadWhole(t *testing.T) {
	want := &docspace.CustomerInfo{
		PortalID: "docspace.io.ohio77", PaymentMethodStatus: docspace.PaymentMethodSet, Email: "payer@example.org",
		Payer: &docspace.Person{
			ID: "0f0c2c7e-2f1c-4f57-9f1c-3d7b52a6c1de", DisplayName: "Seán O'Brien & Söhne <b>",
			Avatar: "/a/82.png?hash=17", AvatarOriginal: "/a/200.png?hash=17", AvatarMax: "https://cdn.example.org/200.png",
			AvatarMedium: "/a/48.png", AvatarSmall: "/a/32.png",
			ProfileURL: "https://portal.example.com/accounts/people/filter?search=payer%40example.org",
			HasAvatar:  true,
		},
	}
	got, err := once(t, saying(200, envelope(customerPayload))).CustomerInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "customer", got, want)
}

func TestCustomerInfoVariants(t *testing.T) {
	tests := []struct {
		name, payload string
		want          docspace.CustomerInfo
		method        string
	}{
		{"of 4.x", `{"portalId":"p","paymentMethodStatus":2,"paymentMethodType":"sepa_debit","isDelayedPaymentMethod":true,"email":"a@b.example"}`,
			docspace.CustomerInfo{PortalID: "p", PaymentMethodStatus: docspace.PaymentMethodExpired,
				PaymentMethodType: "sepa_debit", DelayedPaymentMethod: true, Email: "a@b.example"}, "expired"},
		{"whose e-mail is nobody's", `{"portalId":"p","paymentMethodStatus":0,"email":"gone@b.example"}`,
			docspace.CustomerInfo{PortalID: "p", Email: "gone@b.example"}, "none"},
		{"without e-mail", `{"portalId":"p","paymentMethodStatus":1,"email":null,"payer":null}`,
			docspace.CustomerInfo{PortalID: "p", PaymentMethodStatus: docspace.PaymentMethodSet}, "set"},
		{"with a status to come", `{"portalId":"p","paymentMethodStatus":7}`,
			docspace.CustomerInfo{PortalID: "p", PaymentMethodStatus: 7}, "status 7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := once(t, saying(200, envelope(tt.payload))).CustomerInfo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "customer", *got, tt.want)
			diff(t, "method", got.PaymentMethodStatus.String(), tt.method)
		})
	}
}

const topUpPayload = `{"enabled":true,"minBalance":35,"upToBalance":250.0000,"currency":"EUR",` +
	`"lastModified":"2026-05-04T03:02:01","lowBalanceThreshold":50,"lowBalanceNotified":false}`

var topUpWant = docspace.TopUpSettings{
	Enabled: true, MinBalance: amount("35", "EUR"), UpToBalance: amount("250", "EUR"),
	LastModified: at(2026, time.May, 4, 3, 2, 1, 0),
}

func TestTopUpSettingsAreReadWhole(t *testing.T) {
	tests := []struct {
		name, body string
		want       docspace.TopUpSettings
	}{
		{"under response", envelope(topUpPayload), topUpWant},
		{"under settings", `{"count":1,"status":0,"statusCode":200,"settings":` + topUpPayload + `}`, topUpWant},
		{"under both", `{"response":` + topUpPayload + `,"count":1,"status":0,"statusCode":200,"settings":` + topUpPayload + `}`, topUpWant},
		{"never set", envelope(`{"enabled":false,"minBalance":0,"upToBalance":0,"lastModified":"2026-07-02T10:00:00.7654321Z"}`),
			docspace.TopUpSettings{MinBalance: amount("0", ""), UpToBalance: amount("0", ""),
				LastModified: at(2026, time.July, 2, 10, 0, 0, 765432100)}},
		{"in strings, exactly", envelope(`{"enabled":true,"minBalance":"5","upToBalance":"5000.00000001","currency":"JPY","lastModified":"0001-01-01T00:00:00"}`),
			docspace.TopUpSettings{Enabled: true, MinBalance: amount("5", "JPY"), UpToBalance: amount("5000.00000001", "JPY")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := once(t, saying(200, tt.body)).TopUpSettings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "settings", *got, tt.want)
			diff(t, "currency", got.Currency(), tt.want.MinBalance.Currency())
		})
	}
}

func TestCurrenciesAreReadWithCodeOrSign(t *testing.T) {
	body := envelope(`[
		{"isoCountryCode":"US","isoCurrencySymbol":"$","currencyNativeName":"US Dollar"},
		{"isoCountryCode":"ES","isoCurrencySymbol":"€","currencyNativeName":"euro"},
		{"isoCountryCode":"GB","isoCurrencySymbol":"GBP","currencyNativeName":"British Pound","currencySymbol":"£","new":1}
	]`)
	got, err := once(t, saying(200, body)).Currencies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "currencies", got, []docspace.Currency{
		{CountryCode: "US", ISOSymbol: "$", NativeName: "US Dollar"},
		{CountryCode: "ES", ISOSymbol: "€", NativeName: "euro"},
		{CountryCode: "GB", ISOSymbol: "GBP", NativeName: "British Pound", Symbol: "£"},
	})
	var line string
	for _, c := range got {
		line += string(c.Code()) + " " + c.Sign() + ", "
	}
	diff(t, "codes and signs", line, "USD $, EUR €, GBP £, ")
}

func TestCurrencyCodeAndSign(t *testing.T) {
	tests := []struct {
		currency   docspace.Currency
		code, sign string
	}{
		{docspace.Currency{CountryCode: "US", ISOSymbol: "USD", Symbol: "$"}, "USD", "$"},
		{docspace.Currency{CountryCode: "US", ISOSymbol: "EUR"}, "EUR", "EUR"},
		{docspace.Currency{CountryCode: "JP", ISOSymbol: "¥"}, "JPY", "¥"},
		{docspace.Currency{CountryCode: "kw", ISOSymbol: "د.ك."}, "KWD", "د.ك."},
		{docspace.Currency{CountryCode: "CH", ISOSymbol: "CHF"}, "CHF", "CHF"},
		{docspace.Currency{CountryCode: "XX", ISOSymbol: "€"}, "", "€"},
		{docspace.Currency{ISOSymbol: " $ "}, "", "$"},
		{docspace.Currency{CountryCode: "DK", ISOSymbol: "kr."}, "DKK", "kr."},
		{docspace.Currency{}, "", ""},
	}
	for _, tt := range tests {
		if code, sign := string(tt.currency.Code()), tt.currency.Sign(); code != tt.code || sign != tt.sign {
			t.Errorf("%+v: %q and %q, want %q and %q", tt.currency, code, sign, tt.code, tt.sign)
		}
	}
}

func TestNothingIsNoValueAndNoError(t *testing.T) {
	for _, op := range operations() {
		for name, body := range map[string]string{
			"left out":                   nothing,
			"null":                       `{"response":null,"count":0,"links":[],"status":0,"statusCode":200}`,
			"with an error that is null": `{"error":null,"count":0,"links":[],"status":0,"statusCode":200}`,
		} {
			t.Run(op.path+" "+name, func(t *testing.T) {
				if present, err := op.do(t.Context(), once(t, saying(200, body))); present || err != nil {
					t.Errorf("a value: %t, error %v; want neither", present, err)
				}
			})
		}
	}
}

func TestAnEmptyListIsNotNothing(t *testing.T) {
	client := once(t, saying(200, `{"response":[],"count":0,"links":[],"status":0,"statusCode":200}`))
	quotas, err := client.Quotas(t.Context())
	if quotas == nil || len(quotas) != 0 || err != nil {
		t.Errorf("quotas: %#v, %v", quotas, err)
	}
	currencies, err := client.Currencies(t.Context())
	if currencies == nil || len(currencies) != 0 || err != nil {
		t.Errorf("currencies: %#v, %v", currencies, err)
	}
}

// A JSON answer is read whatever the proxies between made of its headers.
func TestTheContentTypeOfAGoodAnswerDoesNotMatter(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "text/html", "application/octet-stream"} {
		client := once(t, inMemory(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{contentType}
			_, _ = w.Write([]byte("\r\n\t " + envelope(topUpPayload) + "\n"))
		}))
		if got, err := client.TopUpSettings(t.Context()); err != nil || *got != topUpWant {
			t.Errorf("as %q: %+v, %v", contentType, got, err)
		}
	}
}
