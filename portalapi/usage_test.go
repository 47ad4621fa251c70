package portalapi_test

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// usagePage is a page of what was spent.
func (h *house) usagePage(key, query string) docspace.UsagePage {
	h.t.Helper()
	return decode[docspace.UsagePage](h.t, h.getAs(key, "customer/usage"+query).payload(h.t))
}

// spent adds up what the lists of operations tell, by service.
func (h *house) spent(key string, q url.Values) map[string]docspace.UsageItem {
	h.t.Helper()
	all := map[string]docspace.UsageItem{}
	for _, book := range []string{"", "ai-tools"} {
		one := url.Values{"limit": {"1000"}, "debit": {"true"}}
		for name, values := range q {
			one[name] = values
		}
		if book != "" {
			if q.Has("serviceName") {
				continue // of which this is none
			}
			one.Set("serviceName", book)
		}
		page := decode[docspace.OperationsPage](h.t, h.getAs(key, "customer/operations?"+one.Encode()).payload(h.t))
		if page.Total > 1000 {
			h.t.Fatalf("%d operations are more than one page", page.Total)
		}
		for _, o := range page.Operations {
			if o.Type == "AiCredit" {
				continue // nothing is spent on it yet
			}
			item := all[o.Service]
			if item.OperationCount == 0 {
				item.Amount = money.FromUnits(0, "USD")
			}
			sum, err := item.Amount.Add(o.Debit)
			h.must(err)
			item.Amount, item.Quantity, item.OperationCount = sum, item.Quantity+o.Quantity, item.OperationCount+1
			all[o.Service] = item
		}
	}
	return all
}

// Source: contract, "Routes" of newer versions, usage. What was spent is what the
// operations say, to the last digit.
func TestUsageIsTheSumOfTheOperations(t *testing.T) {
	h, key := newLedger(t, "Europe/Helsinki")
	draw := rand.New(rand.NewPCG(4, 7))
	h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("100000"), Type: ledger.Deposit}),
		in(ledger.Posting{Book: ledger.AI, Amount: usd("100000"), Type: ledger.AICredit}))
	services := []string{"backup", "disk-storage", "disk-storage-1-hour", "teleport"}
	for range 300 {
		h.clock.Move(time.Duration(draw.Int64N(int64(24 * time.Hour))))
		amount := money.FromUnits(1+draw.Int64N(20*money.Scale), "USD")
		who := []string{"cron", "somebody", ""}[draw.IntN(3)]
		switch draw.IntN(4) {
		case 0:
			h.post(out(ledger.Posting{Book: ledger.AI, Amount: amount, Type: ledger.AIServicePayment, Service: "ai-tools", Quantity: draw.Int64N(9), Participant: who}))
		case 1:
			h.post(out(ledger.Posting{Book: ledger.Main, Amount: amount, Type: ledger.AICredit, Participant: who}))
		default:
			h.post(out(ledger.Posting{Book: ledger.Main, Amount: amount, Type: ledger.ServicePayment, Service: services[draw.IntN(4)], Quantity: draw.Int64N(9), Participant: who}))
		}
	}
	at := func(days int) string { return startOfTime.AddDate(0, 0, days).Format("2006-01-02T15:04:05") }
	for _, q := range []url.Values{
		{}, {"serviceName": {"backup"}}, {"serviceName": {"DISK-STORAGE"}}, {"participantName": {"cron"}}, {"participantName": {"nobody"}},
		{"startDate": {at(20)}}, {"endDate": {at(90)}}, {"startDate": {at(20)}, "endDate": {at(90)}, "participantName": {"somebody"}},
		{"status": {"Completed"}}, {"status": {"0"}}, {"startDate": {"2026-09-01"}, "endDate": {"2026-09-30T23:59:59.999999"}},
	} {
		want := h.spent(key, q)
		page := h.usagePage(key, "?"+q.Encode())
		if page.Total != int64(len(want)) || len(page.Items) != len(want) {
			t.Errorf("%v: %d of %d services, want %d", q, len(page.Items), page.Total, len(want))
		}
		for _, item := range page.Items {
			sum := want[item.Service]
			if item.Amount != sum.Amount || item.Quantity != sum.Quantity || item.OperationCount != sum.OperationCount {
				t.Errorf("%v: %+v, want %+v", q, item, sum)
			}
		}
	}
	// A month is the sum of its days, and all of them are all that there is.
	total := money.FromUnits(0, "USD")
	for _, month := range decode[[]docspace.MonthlyUsage](t, h.getAs(key, "customer/usage/monthly").payload(t)) {
		first := time.Date(month.Year, time.Month(month.Month), 1, 0, 0, 0, 0, time.UTC)
		sum, count := money.FromUnits(0, "USD"), int64(0)
		for _, item := range h.spent(key, url.Values{
			"startDate": {first.Format(time.DateOnly)}, "endDate": {first.AddDate(0, 1, 0).Add(-time.Microsecond).Format("2006-01-02T15:04:05.999999")},
		}) {
			var err error
			sum, err = sum.Add(item.Amount)
			h.must(err)
			count += item.OperationCount
		}
		if month.Amount != sum || month.OperationCount != count {
			t.Errorf("%+v, want %s of %d", month, sum, count)
		}
		var err error
		total, err = total.Add(sum)
		h.must(err)
	}
	all := money.FromUnits(0, "USD")
	for _, item := range h.spent(key, nil) {
		var err error
		all, err = all.Add(item.Amount)
		h.must(err)
	}
	if total != all {
		t.Errorf("the months are %s, and everything is %s", total, all)
	}
}

func TestUsageIsWordedAndPaged(t *testing.T) {
	h, key := newSpender(t)
	same(t, `{"collection":[`+
		`{"service":"disk-storage","title":"Disk space","serviceUnit":"GB","currency":"USD","totalQuantity":410,"totalAmount":493.82715608,"operationCount":8},`+
		`{"service":"backup","title":"Backup","serviceUnit":"Backup","currency":"USD","totalQuantity":4,"totalAmount":40.00,"operationCount":4},`+
		`{"service":"ai-tools","title":"AI features","serviceUnit":"AI Credits","currency":"USD","totalQuantity":12,"totalAmount":0.0492,"operationCount":4}`+
		`],"offset":0,"limit":25,"totalQuantity":3,"totalPage":1,"currentPage":1}`, h.getAs(key, "customer/usage").payload(t))
	names := func(query string) (all []string) {
		got := h.from(thisMachine, request{path: "customer/usage" + query, key: key, loose: true})
		got.wants(t, http.StatusOK, "")
		for _, item := range decode[docspace.UsagePage](t, got.payload(t)).Items {
			all = append(all, item.Service)
		}
		return all
	}
	const ai, backup, disk = "ai-tools", "backup", "disk-storage"
	for query, want := range map[string][]string{
		"?orderBy=service&orderType=Descending":        {disk, backup, ai},
		"?orderBy=totalAmount":                         {disk, backup, ai},
		"?orderBy=TOTALAMOUNT&orderType=0":             {disk, backup, ai},
		"?orderBy=totalQuantity&orderType=1":           {backup, ai, disk},
		"?orderBy=operationCount&orderType=descending": {disk, ai, backup},
		"?metadata[agent_id]=7":                        {backup, ai},
		"?metadata[agent_id]=8":                        {ai},
		"?METADATA%5Bagent_id%5D=7&serviceName=backup": {backup},
		"?metadata[agent_id]=7&metadata[details]=x":    nil,
		"?metadata[agent_id]=9":                        nil,
		"?metadata[agent]=7":                           nil,
		"?limit=1":                                     {disk},
		"?limit=1&offset=2":                            {ai},
		"?limit=1000&offset=3":                         nil,
		"?status=Pending":                              nil,
		"?serviceName=":                                {disk, backup, ai},
		"?utcStartDate=2026-12-31T22:00:00":            {disk, backup, ai},
		"?utcEndDate=2026-12-31T21:59:59":              nil,
	} {
		if diff := cmp.Diff(want, names(query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	if p := h.usagePage(key, "?limit=2&offset=2"); p.Offset != 2 || p.Limit != 2 || p.Total != 3 || p.TotalPages != 2 || p.Page != 2 {
		t.Errorf("%+v", p)
	}
	for query, field := range map[string]string{
		"?orderBy=date": "OrderBy", "?orderType=up": "OrderType", "?limit=0": "Limit", "?limit=1001": "Limit", "?offset=-1": "Offset", "?status=x": "Status",
		"?metadata[]=x": "Metadata", "?metadata[a]=%00": "Metadata", "?metadata[a]=%zz": "Metadata", "?utcEndDate=x": "UtcEndDate",
		"?startDate=2026-02-01&utcEndDate=2026-01-01": "EndDate",
	} {
		got := h.from(thisMachine, request{path: "customer/usage" + query, key: key, loose: true})
		if _, named := decode[problem](t, got.payload(t)).Errors[field]; got.status != http.StatusBadRequest || !named {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	h.do(request{path: "customer/usage?serviceName=teleport", key: key}).wantsError(t, "a service that there is not", 404, "Service could not be found")
	h.do(request{path: "customer/servicequota?serviceName=teleport", key: key}).wantsError(t, "a service that there is not", 404, "Service could not be found")
	h.do(request{path: "customer/servicequota", key: key}).wants(t, http.StatusBadRequest, "")
	h.do(request{path: "customer/servicequota?serviceName=backup&refresh=maybe", key: key}).wants(t, http.StatusBadRequest, "")
	same(t, h.getAs(key, "customer/balance").payload(t), h.getAs(key, "customer/servicequota?serviceName=disk-storage&refresh=true").payload(t))
	same(t, h.getAs(key, "customer/aibalance").payload(t), h.getAs(key, "customer/servicequota?serviceName=AI-Tools").payload(t))
}

// The reports of what was spent have what the lists tell.
func TestReportsOfUsageAreTheLists(t *testing.T) {
	h, key := newSpender(t)
	for query, body := range map[string]string{
		"":                                      ``,
		"?serviceName=backup":                   `{"serviceName":"backup"}`,
		"?metadata[agent_id]=7":                 `{"metadata":{"agent_id":"7"}}`,
		"?orderBy=totalAmount&orderType=0":      `{"orderBy":"totalAmount","orderType":0}`,
		"?participantName=cron":                 `{"participantName":"cron"}`,
		"?startDate=2027-01-15":                 `{"startDate":"2027-01-15"}`,
		"?utcEndDate=2026-12-31T21:59:59.99999": `{"utcEndDate":"2026-12-31T21:59:59.99999"}`,
		"?status=Rejected":                      `{"status":"Rejected"}`,
		"?offset=0":                             `{"status":"","orderBy":"","orderType":""}`,
	} {
		want := [][]string{{"Service", "Quantity", "Unit of Measurement", "Amount", "Currency", "Operations"}}
		for _, item := range h.usagePage(key, query).Items {
			want = append(want, []string{
				item.Title, strconv.FormatInt(item.Quantity, 10), item.ServiceUnit, item.Amount.Decimal(), string(item.Amount.Currency()), strconv.FormatInt(item.OperationCount, 10),
			})
		}
		for _, asked := range [][2]string{{query, ""}, {"", body}} {
			if diff := cmp.Diff(want, h.sheetOf(key, h.made(key, usageReport, asked[0], asked[1]))); diff != "" {
				t.Errorf("%q (-list +report):\n%s", asked, diff)
			}
		}
	}
	for query, body := range map[string]string{"": "{}", "?startDate=2027-01-01": `{"startDate":"2027-01-01","endDate":null}`, "?utcEndDate=2026-12-31T22:00:00": `{"utcEndDate":"2026-12-31T22:00:00"}`} {
		want := [][]string{{"Year", "Month", "Amount", "Currency", "Operations"}}
		for _, m := range decode[[]docspace.MonthlyUsage](t, h.getAs(key, "customer/usage/monthly"+query).payload(t)) {
			want = append(want, []string{
				strconv.Itoa(m.Year), strconv.Itoa(m.Month), m.Amount.Decimal(), string(m.Amount.Currency()), strconv.FormatInt(m.OperationCount, 10),
			})
		}
		for _, asked := range [][2]string{{query, ""}, {"", body}} {
			if diff := cmp.Diff(want, h.sheetOf(key, h.made(key, monthlyReport, asked[0], asked[1]))); diff != "" {
				t.Errorf("%q (-list +report):\n%s", asked, diff)
			}
		}
	}
}

// A year turns in the portal's zone; months without a payment are not there.
func TestMonthsAreThoseOfThePortal(t *testing.T) {
	h, key := newSpender(t)
	months := func() string { return h.getAs(key, "customer/usage/monthly").payload(t) }
	same(t, `[{"year":2026,"month":12,"currency":"USD","totalAmount":133.46908902,"operationCount":4},`+
		`{"year":2027,"month":1,"currency":"USD","totalAmount":133.46908902,"operationCount":4},`+
		`{"year":2027,"month":2,"currency":"USD","totalAmount":266.93817804,"operationCount":8}]`, months())
	zone := "America/New_York"
	h.must(h.service.ChangePortal(t.Context(), "p", billing.PortalChange{TimeZone: &zone}))
	all := decode[[]docspace.MonthlyUsage](t, months())
	if len(all) != 2 || all[0].Month != 12 || all[0].OperationCount != 8 || all[1].Month != 2 {
		t.Errorf("in New York the months are %+v", all)
	}
	same(t, `[]`, h.getAs(key, "customer/usage/monthly?startDate=2026-01-01&endDate=2026-12-31").payload(t))
}
