package docspace_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// The order of members is that of the contract's section 2, and of 4.x where
// that adds one.
func TestTheWireIsWrittenAsDocSpaceWritesIt(t *testing.T) {
	seen := int64(4)
	unset := docspace.DefaultQuota{Default: -2}
	person := docspace.Person{ID: "66", DisplayName: "O", Avatar: "a", AvatarOriginal: "b", AvatarMax: "c", AvatarMedium: "d", AvatarSmall: "e", ProfileURL: "f"}
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"customer", docspace.CustomerInfo{PortalID: "p", PaymentMethodStatus: 1, Email: "a@b.example", Payer: &person},
			`{"portalId":"p","paymentMethodStatus":1,"email":"a@b.example","payer":{"id":"66","displayName":"O","avatar":"a",` +
				`"avatarOriginal":"b","avatarMax":"c","avatarMedium":"d","avatarSmall":"e","profileUrl":"f","hasAvatar":false,"isAnonim":false}}`},
		{"customer of 4.x", docspace.CustomerInfo{PortalID: "p", PaymentMethodType: "card", DelayedPaymentMethod: true, Email: "a@b.example"},
			`{"portalId":"p","paymentMethodStatus":0,"paymentMethodType":"card","isDelayedPaymentMethod":true,"email":"a@b.example"}`},
		{"customer that is nobody", docspace.CustomerInfo{PortalID: "p"}, `{"portalId":"p","paymentMethodStatus":0}`},
		{"balance", docspace.Balance{
			AccountNumber: 100482, SubAccountNumber: 1, AccountName: "p", AccountCurrency: "USD",
			SubAccounts: []docspace.SubAccount{{Amount: amount("148.5", "USD")}, {Amount: amount("0", "JPY")}, {Amount: amount("0.1", "KWD")}},
			LastCredit:  &docspace.LastCredit{Date: at(2026, time.June, 21, 8, 15, 30, 0), Amount: amount("100", "USD")},
		}, `{"accountNumber":100482,"subAccountNumber":1,"accountName":"p","accountCurrency":"USD","subAccounts":[` +
			`{"currency":"USD","amount":148.50},{"currency":"JPY","amount":0},{"currency":"KWD","amount":0.100}],` +
			`"lastCredit":{"date":"2026-06-21T08:15:30Z","currency":"USD","amount":100.00}}`},
		{"balance of nobody", docspace.Balance{AccountNumber: 1, SubAccounts: []docspace.SubAccount{}},
			`{"accountNumber":1,"subAccountNumber":0,"subAccounts":[]}`},
		{"quota", docspace.Quota{
			ID: -9, Title: "Business", Price: &docspace.Price{Amount: amount("200", "USD"), Symbol: "$"},
			Features: []docspace.Feature{
				{ID: "manager", Value: docspace.NumberValue(10), Type: docspace.FeatureCount,
					Used: &docspace.FeatureUsed{Value: &seen, Title: "Admins added:"}, PriceTitle: "Number of admins"},
				{ID: "sso", Title: "SSO", Image: "svg", Value: docspace.FlagValue(true), Type: docspace.FeatureFlag},
				{ID: "room", Value: docspace.NumberValue(-1), Type: docspace.FeatureCount, Used: &docspace.FeatureUsed{Title: "Rooms:"}},
			},
			UsersQuota: &unset, RoomsQuota: &unset, AIAgentsQuota: &unset,
			TenantCustomQuota: &docspace.CustomQuota{Quota: -1, LastModified: at(2026, time.June, 30, 9, 12, 33, 123456700)},
			DueDate:           at(2026, time.July, 31, 11, 39, 43, 0),
		}, `{"id":-9,"title":"Business","price":{"value":200.00,"currencySymbol":"$","isoCurrencySymbol":"USD"},` +
			`"nonProfit":false,"free":false,"trial":false,"features":[` +
			`{"id":"manager","title":"","value":10,"type":"count","used":{"value":4,"title":"Admins added:"},"priceTitle":"Number of admins"},` +
			`{"id":"sso","title":"SSO","image":"svg","value":true,"type":"flag"},` +
			`{"id":"room","title":"","value":-1,"type":"count","used":{"title":"Rooms:"}}],` +
			`"usersQuota":{"enableQuota":false,"defaultQuota":-2},"roomsQuota":{"enableQuota":false,"defaultQuota":-2},` +
			`"aiAgentsQuota":{"enableQuota":false,"defaultQuota":-2},` +
			`"tenantCustomQuota":{"enableQuota":false,"quota":-1,"lastModified":"2026-06-30T09:12:33.1234567Z"},"dueDate":"2026-07-31T11:39:43Z"}`},
		{"service", docspace.Quota{ID: -11, Price: &docspace.Price{Amount: amount("0.14", "EUR"), Symbol: "€"}, Features: []docspace.Feature{}},
			`{"id":-11,"price":{"value":0.14,"currencySymbol":"€","isoCurrencySymbol":"EUR"},"nonProfit":false,"free":false,"trial":false,"features":[]}`},
		{"top-up settings", docspace.TopUpSettings{Enabled: true, MinBalance: amount("20", "USD"), UpToBalance: amount("100.5", "USD"),
			LastModified: at(2026, time.June, 21, 8, 15, 30, 0)},
			`{"enabled":true,"minBalance":20,"upToBalance":100.5,"currency":"USD","lastModified":"2026-06-21T08:15:30Z"}`},
		{"top-up settings that were never made", docspace.TopUpSettings{LastModified: at(2026, time.July, 2, 10, 0, 0, 0)},
			`{"enabled":false,"minBalance":0,"upToBalance":0,"lastModified":"2026-07-02T10:00:00Z"}`},
		{"currency", docspace.Currency{CountryCode: "ES", ISOSymbol: "EUR", NativeName: "euro", Symbol: "€"},
			`{"isoCountryCode":"ES","isoCurrencySymbol":"EUR","currencyNativeName":"euro","currencySymbol":"€"}`},
		{"currency of stock", docspace.Currency{CountryCode: "US", ISOSymbol: "$", NativeName: "US Dollar"},
			`{"isoCountryCode":"US","isoCurrencySymbol":"$","currencyNativeName":"US Dollar"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "JSON", string(got), tt.want)
		})
	}
}

// Null-valued members are left out everywhere, and empty lists are kept.
func TestNoMemberIsNull(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{
		{docspace.Balance{AccountNumber: 1}, `{"accountNumber":1,"subAccountNumber":0,"subAccounts":[]}`},
		{docspace.Quota{ID: -3}, `{"id":-3,"nonProfit":false,"free":false,"trial":false,"features":[]}`},
	} {
		got, err := json.Marshal(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "JSON", string(got), tt.want)
	}
}
