package portalapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/sample"
)

// inMoscow returns the contract's company, whose portal is three hours east of
// Greenwich, with a user of every role.
func inMoscow(t *testing.T) (h *house, key string) {
	h, key = newBusiness(t)
	h.company.PortalID, h.company.OwnerKey = "docspace.io123", key
	h.must(h.service.SetTimeZone(t.Context(), "docspace.io123", "Europe/Moscow"))
	for _, role := range billing.Roles()[1:] {
		_, err := h.service.AddUser(t.Context(), "docspace.io123", sample.People()[role])
		h.must(err)
	}
	return h, key
}

// The contract's example, to the byte but for the number of changes.
// Source: contract, "GET /api/2.0/portal/tariff".
func TestTariffIsTheContracts(t *testing.T) {
	h, _ := inMoscow(t)
	h.put("updatewallet", `{"quantity":{"storage":200},"productQuantityType":0}`).wants(t, 200, "true")
	const (
		dates  = `"dueDate":"2026-07-31T14:39:43.0000000+03:00","delayDueDate":"0001-01-01T00:00:00.0000000Z"`
		quotas = `"quotas":[{"id":-9,"quantity":10,"wallet":false},` +
			`{"id":-11,"quantity":100,"wallet":true,"dueDate":"2026-07-31T11:39:43Z","nextQuantity":200,"state":0}]`
	)
	id := decode[docspace.Tariff](t, h.get(tariffBase+"tariff").payload(t)).ID
	if id < 1 {
		t.Errorf("the tariff is number %d", id)
	}
	all := fmt.Sprintf(`{"openSource":false,"enterprise":false,"developer":false,"id":%d,"state":1,`, id) + dates +
		`,"licenseDate":"0001-01-01T00:00:00.0000000Z","customerId":"owner@example.com",` + quotas + `}`
	for role, want := range map[billing.Role]string{
		billing.Owner: all, billing.Admin: all, billing.RoomAdmin: `{"id":0,"state":1,` + dates + `}`,
		billing.Member: `{"id":0,"state":1}`, billing.Guest: `{"id":0,"state":1}`,
	} {
		got := h.do(request{path: tariffBase + "tariff", key: h.keyOf(role), header: secure})
		same(t, envelopeOf(tariffBase+"tariff", want, "1"), got.body)
	}
	h.put("updatewallet", `{"quantity":{"storage":300},"productQuantityType":0}`).wants(t, 200, "true")
	if next := decode[docspace.Tariff](t, h.get(tariffBase+"tariff").payload(t)).ID; next <= id {
		t.Errorf("after a change the tariff is number %d, and was %d", next, id)
	}
	startup, key := newStartup(t)
	free := startup.getAs(key, tariffBase+"tariff").payload(t)
	same(t, fmt.Sprintf(`{"openSource":false,"enterprise":false,"developer":false,"id":%d,"state":1,"dueDate":"0001-01-01T00:00:00.0000000Z",`+
		`"delayDueDate":"0001-01-01T00:00:00.0000000Z","licenseDate":"0001-01-01T00:00:00.0000000Z","customerId":"",`+
		`"quotas":[{"id":-3,"quantity":1,"wallet":false}]}`, decode[docspace.Tariff](t, free).ID), free)
}

// Source: contract, "State": days are those of UTC, and grace is ten of them. What is
// paid from the wallet has no grace.
func TestStatesFollowOneAnother(t *testing.T) {
	h, key := newBusiness(t)
	h.company.PortalID, h.company.OwnerKey = "docspace.io123", key
	for _, step := range []struct {
		at      string
		state   docspace.TariffState
		delay   string // until when
		overdue bool   // the storage
		gated   int    // the answer where a portal that is not paid has none
	}{
		{"2026-07-31T11:39:42Z", docspace.TariffPaid, "", false, 200},
		{"2026-07-31T11:39:43Z", docspace.TariffPaid, "", true, 200},
		{"2026-07-31T23:59:59Z", docspace.TariffPaid, "", true, 200},
		{"2026-08-01T00:00:00Z", docspace.TariffDelay, "2026-08-10", true, 200},
		{"2026-08-10T23:59:59Z", docspace.TariffDelay, "2026-08-10", true, 200},
		{"2026-08-11T00:00:00Z", docspace.TariffNotPaid, "", true, 402},
		{"2027-08-11T00:00:00Z", docspace.TariffNotPaid, "", true, 402},
	} {
		at, err := time.Parse(time.RFC3339, step.at)
		h.must(err)
		h.clock.Move(at.Sub(h.clock.Now()))
		tariff := decode[docspace.Tariff](t, h.get(tariffBase+"tariff").payload(t))
		delay := ""
		if !tariff.Dates.DelayDue.IsZero() {
			delay = tariff.Dates.DelayDue.UTC().Format(time.DateOnly)
		}
		storage := tariff.Details.Quotas[1]
		overdue := storage.State != nil && *storage.State == docspace.QuotaOverdue
		if tariff.State != step.state || delay != step.delay || storage.ID != -11 || overdue != step.overdue {
			t.Errorf("%s: %s until %q, storage is over: %t; want %s until %q, %t", step.at, tariff.State, delay, overdue, step.state, step.delay, step.overdue)
		}
		for _, path := range []string{"quota/right", "usedspace"} {
			got := h.do(request{path: tariffBase + path, key: key})
			if got.wants(t, step.gated, ""); got.status == 402 {
				got.wantsError(t, path, 402, "Tariff is not paid")
				plain := h.do(request{path: tariffBase + path, key: h.company.OwnerKey, header: map[string]string{"Payment-Info": "false"}})
				plain.wants(t, 200, "")
			}
		}
		extra := decode[docspace.TenantExtra](t, h.get(tariffBase+"tenantextra").payload(t))
		if extra.NotPaid != (step.state == docspace.TariffNotPaid) || extra.Tariff.State != step.state {
			t.Errorf("%s: tenantextra says %t, %s", step.at, extra.NotPaid, extra.Tariff.State)
		}
		want := tariffSize(250*10, step.overdue)
		if quota := decode[docspace.TenantQuota](t, h.get(tariffBase+"quota").payload(t)); quota.MaxTotalSize != want {
			t.Errorf("%s: the portal has %d bytes, want %d", step.at, quota.MaxTotalSize, want)
		}
	}
}

// tariffSize returns so many gigabytes, and the hundred of the storage while it is
// not over.
func tariffSize(gigabytes int64, overdue bool) int64 {
	if !overdue {
		gigabytes += 100
	}
	return gigabytes << 30
}

func TestPaymentsToComeAreTold(t *testing.T) {
	h, key := inMoscow(t)
	const plan = `{"id":-9,"name":"admin","title":"Business","unitOfMeasure":"Admins","quantity":10,"wallet":false,` +
		`"dueDate":"2026-07-31T14:39:43.0000000+03:00","amount":200.00,"currency":"USD"}`
	storage := func(quantity, amount string) string {
		return `{"id":-11,"name":"storage","title":"Additional disk storage","unitOfMeasure":"GB","quantity":` + quantity + `,"wallet":true,` +
			`"dueDate":"2026-07-31T14:39:43.0000000+03:00","amount":` + amount + `,"currency":"USD"}`
	}
	upcoming := func(want, count string) {
		t.Helper()
		got := h.do(request{path: tariffBase + "tariff/upcoming", key: key, header: secure})
		same(t, envelopeOf(tariffBase+"tariff/upcoming", want, count), got.body)
	}
	upcoming(`[`+plan+`,`+storage("100", "14.00")+`]`, "2")
	h.put("updatewallet", `{"quantity":{"storage":250},"productQuantityType":0}`).wants(t, 200, "true")
	upcoming(`[`+plan+`,`+storage("250", "35.00")+`]`, "2")
	h.put("updatewallet", `{"quantity":{"storage":0},"productQuantityType":0}`).wants(t, 200, "true")
	upcoming(`[`+plan+`]`, "1")
	startup, startupKey := newStartup(t)
	same(t, `[]`, startup.getAs(startupKey, tariffBase+"tariff/upcoming").payload(t))
}

// What the official tests saw of a Business plan for ten and of Startup.
// Source: contract, "GET /api/2.0/portal/quota".
func TestTenantQuotaIsTheContracts(t *testing.T) {
	const flagsOfBusiness = `"nonProfit":false,"trial":false,"free":false,"update":false,"audit":true,"docsEdition":false,"ldap":true,"sso":true,` +
		`"statistic":true,"branding":false,"customization":true,"lifetime":false,"automationApi":true,"custom":false,"restore":true,"oauth":true,` +
		`"contentSearch":true,"thirdParty":true,"year":false,"countFreeBackup":2,"backup":false,"countAIAgent":2147483647,"aiTools":false}`
	h, key := newBusiness(t)
	quota := func() string { return h.getAs(key, tariffBase+"quota").payload(t) }
	business := func(product, due, size string, features string) string {
		return `{"tenantId":-9,"name":"admin","price":200.00,"priceCurrencySymbol":"$","priceISOCurrencySymbol":"USD","productId":"` + product + `",` +
			`"visible":true,"wallet":false,` + due + `"features":"audit,automationapi,contentsearch,customization,file_size:1073741824,` +
			`free_backup:2:fixed,ldap,manager:10,oauth,restore,sso,statistic,thirdparty,total_size:` + size + `","maxFileSize":1073741824,"maxTotalSize":` + size +
			`,"countUser":2147483647,"countRoomAdmin":10,"usersInRoom":2147483647,"countRoom":2147483647,` + features
	}
	same(t, business("", `"dueDate":"2026-07-31T11:39:43Z",`, "2791728742400", flagsOfBusiness), quota())
	h.must(h.service.SetPurchases(t.Context(), "docspace.io123", []billing.Purchase{{Plan: -9, Quantity: 10}}))
	same(t, business("1006", ``, "2684354560000", flagsOfBusiness), quota())
	startup, startupKey := newStartup(t)
	same(t, `{"tenantId":-3,"name":"startup","price":0.00,"priceCurrencySymbol":"$","priceISOCurrencySymbol":"USD","visible":false,"wallet":false,`+
		`"features":"automationapi,free,manager:3,oauth,room:12,total_size:2147483648","maxFileSize":9223372036854775807,"maxTotalSize":2147483648,`+
		`"countUser":2147483647,"countRoomAdmin":3,"usersInRoom":2147483647,"countRoom":12,"nonProfit":false,"trial":false,"free":true,"update":false,`+
		`"audit":false,"docsEdition":false,"ldap":false,"sso":false,"statistic":false,"branding":false,"customization":false,"lifetime":false,`+
		`"automationApi":true,"custom":false,"restore":false,"oauth":true,"contentSearch":false,"thirdParty":false,"year":false,"countFreeBackup":0,`+
		`"backup":false,"countAIAgent":2147483647,"aiTools":false}`, startup.getAs(startupKey, tariffBase+"quota").payload(t))
}

// Source: contract, "GET /api/2.0/portal/quota/right", with sizes that are compared
// in bytes.
func TestRightPlanIsTheCheapestThatDoes(t *testing.T) {
	h, key := newStartup(t)
	set := func(used map[string]int64) { h.must(h.service.SetUsage(t.Context(), "docspace.io123", used)) }
	set(map[string]int64{"total_size": 250 << 30, "users": 1 << 40})
	right := decode[docspace.TenantQuota](t, h.getAs(key, tariffBase+"quota/right").payload(t))
	if right.TenantID != -9 || right.Name != "admin" || right.Price.Amount.String() != "20.00 USD" || right.CountRoomAdmin != 1 || right.Year ||
		right.ProductID == nil || *right.ProductID != "1006" {
		t.Errorf("the plan is %+v", right)
	}
	set(map[string]int64{"total_size": 250<<30 + 1})
	if got := h.getAs(key, tariffBase+"quota/right").payload(t); got != "" {
		t.Errorf("no plan is so large, and there is %s", got)
	}
}

// Source: contract, "GET /api/2.0/portal/usedspace".
func TestUsedSpaceIsRoundedToAHundredthOfAGigabyte(t *testing.T) {
	h, key := newStartup(t)
	same(t, envelopeOf(tariffBase+"usedspace", "0.01", "1"), h.do(request{path: tariffBase + "usedspace", key: key, header: secure}).body)
	const gigabyte = 1 << 30
	for bytes, want := range map[int64]string{
		0: "0", 1: "0", 5368709: "0", 5368710: "0.01", 107374182: "0.1", gigabyte / 2: "0.5", gigabyte - 5368709: "1", gigabyte - 5368710: "0.99",
		gigabyte: "1", gigabyte + 12884902: "1.01", 684 * gigabyte: "684", 734761123840: "684.3", 1<<62 + gigabyte/4: "4294967296.25",
	} {
		h.must(h.service.SetUsage(t.Context(), "docspace.io123", map[string]int64{"total_size": bytes}))
		if got := h.getAs(key, tariffBase+"usedspace").payload(t); got != want {
			t.Errorf("%d bytes are %s GB, want %s", bytes, got, want)
		}
	}
}

// Source: contract, "GET /api/2.0/settings/payment".
func TestPaymentSettingsAreTheContracts(t *testing.T) {
	h := newHouse(t, setup{config: portalapi.Config{SalesEmail: "sales@example.com"}})
	const path = "/api/2.0/settings/payment"
	want := `{"salesEmail":"sales@example.com","standalone":false,"currentLicense":{"trial":false,"dueDate":"2026-07-31T11:39:43Z"},"max":999}`
	got := h.do(request{path: path, key: h.company.OwnerKey, header: secure})
	same(t, envelopeOf(path, want, "1"), got.body)
	startup, key := newStartup(t)
	same(t, `{"standalone":false,"currentLicense":{"trial":false,"dueDate":"0001-01-01T00:00:00Z"},"max":999}`, startup.getAs(key, path).payload(t))
}

// tenantextra is tariff and payment/quota in one.
func TestTenantExtraIsTariffAndQuota(t *testing.T) {
	h := newHouse(t, setup{})
	got := h.get(tariffBase + "tenantextra").payload(t)
	want := `{"customMode":false,"opensource":false,"enterprise":false,"developer":false,"tariff":` + h.get(tariffBase+"tariff").payload(t) +
		`,"quota":` + h.get("quota").payload(t) + `,"notPaid":false,"enableTariffPage":true}`
	same(t, want, got)
}

// What a quote says is what a purchase then costs, whatever is bought, and when.
func TestPurchasesCostWhatWasQuoted(t *testing.T) {
	h := customerHouse(t)
	h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{Balances: []money.Amount{money.FromUnits(900_000*money.Scale, "USD")}}))
	random := seeded(t)
	for range 60 {
		h.clock.Move(time.Duration(random.IntN(5*24*3600)) * time.Second)
		product, least := "storage", 100
		if random.IntN(4) == 0 {
			product, least = "adminwallet", 1
		}
		body := fmt.Sprintf(`{"quantity":{%q:%d},"productQuantityType":1}`, product, least+random.IntN(400))
		quoted := h.put("calculatewallet", body)
		before := h.wallet()
		bought := h.put("updatewallet", body)
		if quoted.status != bought.status && bought.message(t) != "Invalid product" && bought.message(t) != "Invalid quantity" {
			t.Errorf("%s: quoted %d %s, bought %d %s", body, quoted.status, quoted.body, bought.status, bought.body)
		}
		cost, err := before.Sub(h.wallet())
		h.must(err)
		if bought.status == 200 {
			if price := decode[docspace.Payment](t, quoted.payload(t)).Amount; price != cost {
				t.Errorf("%s: quoted %s, and %s was charged", body, price, cost)
			}
		} else if cost.Sign() != 0 {
			t.Errorf("%s: %d, and %s was charged", body, bought.status, cost)
		}
	}
	h.verify()
}
