package docspace_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

const paidPlanPayload = `{
	"id": -9, "title": "Business",
	"price": {"value": 260.0000, "currencySymbol": "$", "isoCurrencySymbol": "USD"},
	"nonProfit": false, "free": false, "trial": true,
	"features": [
		{"id": "manager", "title": "", "value": 13, "type": "count", "used": {"value": 5, "title": "Admins added:"}, "priceTitle": "Number of admins"},
		{"id": "total_size", "title": "3.17 TB per admin", "image": "<svg a=\"b\"/>", "value": 3489660928000, "type": "size", "used": {"title": "Storage space used:"}},
		{"id": "users", "title": "Unlimited", "value": -1, "type": "count", "used": {"value": 0}},
		{"id": "oauth", "title": "", "value": true, "type": "flag"},
		{"id": "year", "title": "", "value": false, "type": "flag"},
		{"id": "shape", "title": "New", "value": {"sides": [3, 4]}, "type": "polygon", "colour": "red"},
		{"id": "unknown", "title": "", "value": null, "type": "flag"},
		{"id": "worded", "title": "", "value": "10", "type": "count"}
	],
	"usersQuota": {"enableQuota": true, "defaultQuota": 1073741824},
	"roomsQuota": {"enableQuota": false, "defaultQuota": -2},
	"aiAgentsQuota": {"enableQuota": false, "defaultQuota": -1},
	"tenantCustomQuota": {"enableQuota": true, "quota": 5368709120, "lastModified": "2026-06-30T09:12:33.1234567Z"},
	"dueDate": "2026-07-31T11:39:43"
}`

func TestQuotaIsReadWhole(t *testing.T) {
	used, none := int64(5), int64(0)
	var polygon, worded docspace.FeatureValue
	for value, text := range map[*docspace.FeatureValue]string{&polygon: `{"sides": [3, 4]}`, &worded: `"10"`} {
		if err := json.Unmarshal([]byte(text), value); err != nil {
			t.Fatal(err)
		}
	}
	want := &docspace.Quota{
		ID: -9, Title: "Business", Trial: true,
		Price: &docspace.Price{Amount: amount("260", "USD"), Symbol: "$"},
		Features: []docspace.Feature{
			{ID: "manager", Value: docspace.NumberValue(13), Type: docspace.FeatureCount,
				Used: &docspace.FeatureUsed{Value: &used, Title: "Admins added:"}, PriceTitle: "Number of admins"},
			{ID: "total_size", Title: "3.17 TB per admin", Image: `<svg a="b"/>`, Value: docspace.NumberValue(3489660928000),
				Type: docspace.FeatureSize, Used: &docspace.FeatureUsed{Title: "Storage space used:"}},
			{ID: "users", Title: "Unlimited", Value: docspace.NumberValue(docspace.Unlimited), Type: docspace.FeatureCount,
				Used: &docspace.FeatureUsed{Value: &none}},
			{ID: "oauth", Value: docspace.FlagValue(true), Type: docspace.FeatureFlag},
			{ID: "year", Value: docspace.FlagValue(false), Type: docspace.FeatureFlag},
			{ID: "shape", Title: "New", Value: polygon, Type: "polygon"},
			{ID: "unknown", Type: docspace.FeatureFlag},
			{ID: "worded", Value: worded, Type: docspace.FeatureCount},
		},
		UsersQuota:        &docspace.DefaultQuota{Enabled: true, Default: 1073741824},
		RoomsQuota:        &docspace.DefaultQuota{Default: -2},
		AIAgentsQuota:     &docspace.DefaultQuota{Default: docspace.Unlimited},
		TenantCustomQuota: &docspace.CustomQuota{Enabled: true, Quota: 5368709120, LastModified: at(2026, time.June, 30, 9, 12, 33, 123456700)},
		DueDate:           at(2026, time.July, 31, 11, 39, 43, 0),
	}
	got, err := once(t, saying(200, envelope(paidPlanPayload))).Quota(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "quota", got, want)
}

const offersPayload = `[
	{"id": -3, "title": "Startup", "price": {"value": 0, "currencySymbol": "€", "isoCurrencySymbol": "EUR"},
	 "nonProfit": false, "free": true, "trial": false, "features": [{"id": "manager", "title": "", "value": 3, "type": "count"}]},
	{"id": -11, "price": {"value": 0.14, "currencySymbol": "$", "isoCurrencySymbol": "USD"},
	 "nonProfit": false, "free": false, "trial": false, "features": []},
	{"id": -12, "nonProfit": true, "free": false, "trial": false, "features": []}
]`

func TestQuotasAreReadWhole(t *testing.T) {
	want := []docspace.Quota{
		{ID: -3, Title: "Startup", Free: true, Price: &docspace.Price{Amount: amount("0", "EUR"), Symbol: "€"},
			Features: []docspace.Feature{{ID: "manager", Value: docspace.NumberValue(3), Type: docspace.FeatureCount}}},
		{ID: -11, Price: &docspace.Price{Amount: amount("0.14", "USD"), Symbol: "$"}, Features: []docspace.Feature{}},
		{ID: -12, NonProfit: true, Features: []docspace.Feature{}},
	}
	client := once(t, saying(200, envelope(offersPayload)))
	plans, err := client.Quotas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "plans", plans, want)
	services, err := client.WalletQuotas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "services", services, want)
}

func TestPricesAreReadWithCodeOrSignOrNeither(t *testing.T) {
	tests := map[string]docspace.Price{
		`{"value":200,"currencySymbol":"$","isoCurrencySymbol":"USD"}`: {Amount: amount("200", "USD"), Symbol: "$"},
		`{"value":200.0000}`: {Amount: amount("200", "")}, // 3.7.2
		`{"value":200,"currencySymbol":null,"isoCurrencySymbol":null}`:      {Amount: amount("200", "")},
		`{"value":200,"currencySymbol":"","isoCurrencySymbol":""}`:          {Amount: amount("200", "")},
		`{"value":20.5,"isoCurrencySymbol":"€"}`:                            {Amount: amount("20.5", ""), Symbol: "€"},
		`{"value":20.5,"currencySymbol":"€","isoCurrencySymbol":"€"}`:       {Amount: amount("20.5", ""), Symbol: "€"},
		`{"value":20.5,"isoCurrencySymbol":"EUR"}`:                          {Amount: amount("20.5", "EUR")},
		`{"value":"20.50","currencySymbol":"$"}`:                            {Amount: amount("20.5", ""), Symbol: "$"},
		`{"value":1234567890.12345678,"isoCurrencySymbol":"KWD"}`:           {Amount: amount("1234567890.12345678", "KWD")},
		`{"value":2000,"currencySymbol":"￥","isoCurrencySymbol":"JPY"}`:     {Amount: amount("2000", "JPY"), Symbol: "￥"},
		`{"value":1,"currencySymbol":"R$","isoCurrencySymbol":"BRL","x":1}`: {Amount: amount("1", "BRL"), Symbol: "R$"},
	}
	for text, want := range tests {
		var got docspace.Price
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestFeatureValuesAreFlagsOrNumbersOrNeither(t *testing.T) {
	tests := []struct {
		wire         string
		flag, isFlag bool
		number       int64
		isNumber     bool
	}{
		{wire: `true`, flag: true, isFlag: true},
		{wire: `false`, isFlag: true},
		{wire: `0`, isNumber: true},
		{wire: `-1`, number: docspace.Unlimited, isNumber: true},
		{wire: `9223372036854775807`, number: 9223372036854775807, isNumber: true},
		{wire: `12.000`, number: 12, isNumber: true},
		{wire: `12.5`},
		{wire: `9223372036854775808`},
		{wire: `"12"`},
		{wire: `"true"`},
		{wire: `null`},
		{wire: `[1]`},
		{wire: `{"value":1}`},
	}
	for _, tt := range tests {
		var v docspace.FeatureValue
		if err := json.Unmarshal([]byte(tt.wire), &v); err != nil {
			t.Errorf("%s: %v", tt.wire, err)
			continue
		}
		if flag, ok := v.Flag(); flag != tt.flag || ok != tt.isFlag {
			t.Errorf("%s: flag %t, %t", tt.wire, flag, ok)
		}
		if n, ok := v.Number(); n != tt.number && ok || ok != tt.isNumber {
			t.Errorf("%s: number %d, %t", tt.wire, n, ok)
		}
		if text := v.String(); text != tt.wire && tt.wire != "null" || text != "" && tt.wire == "null" {
			t.Errorf("%s reads %q", tt.wire, text)
		}
		if back, err := json.Marshal(v); err != nil || string(back) != tt.wire {
			t.Errorf("%s was written as %s, %v", tt.wire, back, err)
		}
	}
}

func TestFeatureIsFoundByItsID(t *testing.T) {
	quota := docspace.Quota{Features: []docspace.Feature{{ID: "room", Title: "Rooms"}, {ID: "users"}}}
	if f, ok := quota.Feature("room"); !ok || f.Title != "Rooms" {
		t.Errorf("room: %+v, %t", f, ok)
	}
	if f, ok := quota.Feature("roo"); ok || f.ID != "" {
		t.Errorf("roo: %+v, %t", f, ok)
	}
	if _, ok := (docspace.Quota{}).Feature("room"); ok {
		t.Error("found in nothing")
	}
}

func TestSizeText(t *testing.T) {
	const kilo, mega, giga, tera = 1 << 10, 1 << 20, 1 << 30, 1 << 40
	tests := map[int64]string{
		docspace.Unlimited:  "unlimited",
		0:                   "0 bytes",
		1:                   "1 bytes",
		1023:                "1,023 bytes",
		kilo:                "1 KB",
		kilo + kilo/2:       "1.5 KB",
		mega - 1:            "1,024 KB",
		mega:                "1 MB",
		734761123840:        "684.3 GB",
		2147483648:          "2 GB",
		2791728742400:       "2.54 TB",
		giga * 250:          "250 GB",
		tera - giga/2:       "1,023.5 GB",
		tera + tera/20:      "1.05 TB",
		1500 * tera:         "1,500 TB",
		9223372036854775807: "8,388,608 TB",
		giga + 6*giga/1000:  "1.01 GB",
		giga + 4*giga/1000:  "1 GB",
	}
	for bytes, want := range tests {
		if got := docspace.SizeText(bytes); got != want {
			t.Errorf("SizeText(%d) = %q, want %q", bytes, got, want)
		}
	}
}
