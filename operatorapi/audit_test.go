package operatorapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/store"
)

// Each write leaves a line of whose key it was, in which request; what is refused
// leaves none.
func TestWritesLeaveATrail(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.provider = cards(nil)
		h := newHouse(t, s)
		h.addCustomer("card")
		h.post("/v1/portals/acme/deposits", "c1", `{"amount":"5","currency":"USD"}`).expect(201)
		h.must(h.service.SetUsage(t.Context(), acme, map[string]int64{"room": 1}))
		h.must(h.service.SetServices(t.Context(), acme, []int{-11}))
		h.must(h.service.SetPurchases(t.Context(), acme, []billing.Purchase{{Plan: -9, Quantity: 1}}))
		user := h.post("/v1/portals/acme/users", "", `{"email":"u@example.com"}`).expect(201).member("id")
		h.post("/v1/portals/acme/users", "", `{"email":"o@example.com","role":"owner"}`).expect(201)
		key := h.post("/v1/portals/acme/keys", "", `{"name":"k"}`).expect(201).member("id")
		operators, err := h.service.OperatorKeys(t.Context())
		h.must(err)
		actor := fmt.Sprint(map[string]any{"id": operators[0].ID, "kind": "operator", "name": "test"})

		lines, _ := h.get("/audit?limit=1000").elements("audit")
		seen := len(lines)
		for _, q := range writes(user, key) {
			refused := q
			refused.body = `{"colour":1}`
			h.do(refused).expect(400)
			q.body = strings.Replace(q.body, `{"usage":{}}`, `{"usage":{"room":2}}`, 1)
			got := h.do(q)
			lines, _ := h.get("/audit?limit=1000").elements("audit")
			fresh := lines[:len(lines)-seen]
			nothing := strings.HasSuffix(q.path, "/resume") // for no card was declined
			if got.status >= 300 || (len(fresh) == 0) != nothing || strings.HasSuffix(q.path, "/refunds") != (len(fresh) == 2) {
				t.Errorf("%s %s: %d, and %d lines: %v", q.method, q.path, got.status, len(fresh), fresh)
			}
			for _, line := range fresh {
				if fmt.Sprint(line["actor"]) != actor || line["requestId"] != got.header.Get("X-Request-Id") || line["at"] != moment ||
					line["portal"] != acme || line["before"] == nil && line["after"] == nil {
					t.Errorf("%s %s: %v", q.method, q.path, line)
				}
			}
			seen = len(lines)
		}
		for i, line := range lines {
			if line["number"] != float64(len(lines)-i) {
				t.Errorf("line %d is %v", i, line)
			}
		}
		// No secret is in it.
		if body := h.get("/audit?limit=1000").body; strings.Contains(body, "sk-") || strings.Contains(body, theKey) {
			t.Error(body)
		}
		// A portal begins with whoever made it.
		h.post("/v1/portals", "", `{"id":"made","name":"Made"}`).expect(201)
		first, _ := h.do(request{method: "GET", path: "/v1/portals/made/audit"}).elements("audit")
		if len(first) != 1 || first[0]["action"] != "portal.create" || fmt.Sprint(first[0]["actor"]) != actor {
			t.Errorf("%v", first)
		}
	})
}

func TestTheTrailInPages(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		for i := range 6 {
			h.patch("", fmt.Sprintf(`{"name":"name %d"}`, i)).expect(200)
		}
		all, next := h.get("/audit").elements("audit")
		if len(all) != 7 || next != "" {
			t.Fatalf("%d lines, and then %q", len(all), next)
		}
		for _, limit := range []int{1, 2, 3, 7} {
			var got []map[string]any
			for after := ""; ; {
				path := fmt.Sprintf("/audit?limit=%d", limit)
				if after != "" {
					path += "&after=" + after
				}
				page, more := h.get(path).elements("audit")
				if got = append(got, page...); more == "" {
					break
				}
				after = more
				if len(got) == limit { // what comes meanwhile moves nothing
					h.patch("", fmt.Sprintf(`{"name":"by %d"}`, limit)).expect(200)
				}
			}
			if fmt.Sprint(got[len(got)-7:]) != fmt.Sprint(all) {
				t.Errorf("by %d: %v\nwant %v", limit, got, all)
			}
			all, _ = h.get("/audit").elements("audit")
			all = all[len(all)-7:]
		}
		for query, field := range map[string]string{
			"limit=0": "limit", "limit=1001": "limit", "after=x": "after", "before=1": "before", "after=": "after", "limit=1&limit=2": "limit",
		} {
			h.get("/audit?"+query).refused(400, "invalid_field", field)
			h.do(request{method: "GET", path: "/v1/audit?" + query}).refused(400, "invalid_field", field)
		}
	})
}

// What concerns no portal has a trail of its own.
func TestTheTrailOfOperators(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		_, key, err := h.service.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "second", Days: 1})
		h.must(err)
		_, err = h.service.RevokeOperatorKey(billing.WithActor(t.Context(), billing.Actor{Kind: billing.ByCommand, Name: "root"}), key.ID)
		h.must(err)
		first := h.do(request{method: "GET", path: "/v1/audit?limit=2"})
		first.starts(`{"audit":[{"number":3,"at":"` + moment + `","action":"operator_key.revoke","object":"` + key.ID + `","actor":{"kind":"command","name":"root"},` +
			`"before":{"name":"second","expires":"2026-07-09T11:39:43.123456Z"}},` +
			`{"number":2,"at":"` + moment + `","action":"operator_key.create","object":"` + key.ID + `","actor":{"kind":"bursar"},` +
			`"after":{"name":"second","expires":"2026-07-09T11:39:43.123456Z"}}],"next":"`)
		_, next := first.elements("audit")
		if rest, more := h.do(request{method: "GET", path: "/v1/audit?limit=2&after=" + next}).elements("audit"); len(rest) != 1 || more != "" || rest[0]["number"] != 1.0 {
			t.Errorf("%v, %q", rest, more)
		}
	})
}

// Who moves money stands with the transfer, from single orders and from batches, and a
// replay changes nothing of it.
func TestTransfersSayWhoAsked(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		operators, err := h.service.OperatorKeys(t.Context())
		h.must(err)
		origin := func(transfer string, asked reply) {
			t.Helper()
			want := "operator " + operators[0].ID + " " + asked.header.Get("X-Request-Id")
			if got := h.do(request{method: "GET", path: "/v1/transfers/" + transfer}).expect(200).member("origin"); got != want {
				t.Errorf("%s is by %q, want %q", transfer, got, want)
			}
			listed, _ := h.get("/transfers?limit=1").elements("transfers")
			if listed[0]["id"] == transfer && listed[0]["origin"] != want {
				t.Errorf("%v, want it by %q", listed, want)
			}
		}
		first := h.charge(acme, "k", "1").expect(201)
		h.charge(acme, "k", "1").expect(201)
		origin("t2.acme", first)
		batch := h.post("/v1/batch", "", `[{"key":"b","portal":"acme","type":"charge","service":"backup","amount":"1","currency":"USD"},`+
			`{"key":"c","portal":"acme","type":"credit","reason":"r","amount":"1","currency":"USD"}]`).expect(200)
		origin("t3.acme", batch)
		origin("t4.acme", batch)
		hold := h.hold(acme, "h", "5")
		origin("t5.acme", h.post("/v1/holds/"+hold+"/complete", "done", `{}`).expect(201))
		long := strings.Repeat("r", 64)
		named := h.do(request{method: "POST", path: "/v1/portals/acme/corrections", key: "x", body: `{"transfer":"t2.acme","reason":"r"}`,
			header: map[string]string{"X-Request-Id": long}}).expect(201)
		origin("t6.acme", named)
	})
}

func TestPayments(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		const path, body = "/v1/portals/acme/payments", `{"amount":"50","currency":"USD","reference":"RF18","receivedAt":"2026-07-08T10:00:00Z","participant":"p"}`
		first := h.post(path, "k", body).expect(201).is(`{"portal":"acme","transfer":"t2.acme","amount":"50.00","currency":"USD",` +
			`"available":"150.00","at":"` + moment + `"}`)
		if again := h.post(path, "k", body).expect(201).is(first.body); again.header.Get("Idempotent-Replay") != "true" {
			t.Error("the same again is no replay")
		}
		h.post(path, "k", strings.Replace(body, "50", "51", 1)).refused(422, "idempotency_mismatch", "")
		h.post(path, "other", body).refused(400, "invalid_field", "reference")
		h.post(path, "other", strings.Replace(body, `"p"`, `"p","method":"cheque"`, 1)).expect(201)
		h.do(request{method: "GET", path: "/v1/transfers/t2.acme"}).expect(200).starts(`{"id":"t2.acme","portal":"acme","book":"main","at":"` + moment +
			`","type":"Deposit","debit":"provider.manual","credit":"wallet","amount":"50.00","currency":"USD","balance":"150.00","key":"k",`)
		for bad, field := range map[string]string{
			`{"currency":"USD","reference":"a"}`: "amount", `{"amount":"1","reference":"a"}`: "currency", `{"amount":"1","currency":"USD"}`: "reference",
			`{"amount":"1","currency":"USD","reference":""}`:                                      "reference",
			`{"amount":"0.001","currency":"USD","reference":"a"}`:                                 "amount",
			`{"amount":"0","currency":"USD","reference":"a"}`:                                     "amount",
			`{"amount":"-1","currency":"USD","reference":"a"}`:                                    "amount",
			`{"amount":"1","currency":"XAU","reference":"a"}`:                                     "currency",
			`{"amount":"1","currency":"USD","reference":"a","method":"Cheque"}`:                   "method",
			`{"amount":"1","currency":"USD","reference":"a","receivedAt":"2026-07-09T00:00:00Z"}`: "receivedAt",
			`{"amount":"1","currency":"USD","reference":"a","receivedAt":"yesterday"}`:            "receivedAt",
			`{"amount":"1","currency":"USD","reference":"a","reference":"b"}`:                     "reference",
			`{"amount":"1","currency":"USD","reference":"` + strings.Repeat("a", 256) + `"}`:      "reference",
			`{"amount":"1","currency":"USD","reference":"a","participant":"` + "a\\u0000b" + `"}`: "participant",
			`{"amount":"1","currency":"USD","reference":"a","metadata":{"a":"b"}}`:                "metadata",
		} {
			h.post(path, "bad", bad).refused(400, "invalid_field", field)
		}
		if got := h.purse(acme); got != "USD 200.00 0.00 200.00, 3" {
			t.Error(got)
		}
	})
}

func TestRefunds(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.provider = cards(nil)
		h := newHouse(t, s)
		h.addCustomer("card")
		h.post("/v1/portals/acme/deposits", "d", `{"amount":"50","currency":"USD"}`).expect(201)
		const path, body = "/v1/collections/c1.acme/refunds", `{"amount":"20","currency":"USD","reason":"late"}`
		h.clock.Move(time.Second)
		first := h.post(path, "k", body).expect(201)
		first.is(`{"id":"r1.c1.acme","collection":"c1.acme","portal":"acme","state":"settled","amount":"20.00","currency":"USD","key":"k","reason":"late",` +
			`"reference":"` + first.member("reference") + `","transfer":"t3.acme","openedAt":"2026-07-08T11:39:44.123456Z","closedAt":"2026-07-08T11:39:44.123456Z"}`)
		h.clock.Move(time.Minute)
		if again := h.post(path, "k", body).expect(201).is(first.body); again.header.Get("Idempotent-Replay") != "true" {
			t.Error("the same again is no replay")
		}
		if got := h.purse(acme); got != "USD 130.00 0.00 130.00, 3" {
			t.Error(got)
		}
		h.post(path, "k", `{"amount":"21","reason":"late"}`).refused(422, "idempotency_mismatch", "")
		h.post(path, "more", `{"amount":"30.01","reason":"r"}`).refused(422, "over_correction", "")
		h.post("/v1/collections/c9.acme/refunds", "more", `{"reason":"r"}`).refused(404, "not_found", "")
		h.post("/v1/collections/t1.acme/refunds", "more", `{"reason":"r"}`).refused(400, "invalid_field", "collection")
		for bad, field := range map[string]string{
			`{"amount":"1"}`: "reason", `{"amount":"0","reason":"r"}`: "amount", `{"amount":"0.001","reason":"r"}`: "amount", `{"amount":"1","currency":"EUR","reason":"r"}`: "currency",
			`{"currency":"USD","reason":"r"}`: "currency", `{"amount":"1","reason":"r","kind":"refund"}`: "kind", `{"reason":""}`: "reason",
		} {
			h.post(path, "bad", bad).refused(400, "invalid_field", field)
		}
		h.charge(acme, "spent", "110").expect(201)
		h.post(path, "rest", `{"reason":"r"}`).refused(402, "insufficient_funds", "")
		h.post("/v1/portals/acme/credits", "more", `{"amount":"10","currency":"USD","reason":"r"}`).expect(201)
		if rest := h.post(path, "rest", `{"reason":"r"}`).expect(201); rest.member("amount") != "30.00" || rest.member("id") != "r2.c1.acme" {
			t.Error(rest.body)
		}
		h.post(path, "nothing", `{"reason":"r"}`).refused(422, "over_correction", "")
	})
	h := newHouse(t, setup{})
	h.post("/v1/collections/c1.acme/refunds", "k", `{"reason":"r"}`).refused(409, "no_provider", "")
}

// A collection for a plan says which, and where its page is as long as it is open.
func TestCollectionsOfPlans(t *testing.T) {
	h := newHouse(t, setup{})
	until := startOfTime.Add(time.Hour)
	h.must(h.store.Change(t.Context(), acme, func(tx *store.Tx) error {
		for i, page := range []string{"pending", "https://pay.example/2", "https://pay.example/3"} {
			c := store.Collection{
				PortalID: acme, Key: fmt.Sprint("k", i), Provider: "sandbox", Amount: dollars(5), Purpose: store.ForPlan, PlanID: -9, Quantity: 3,
				Page: page, OpenedAt: startOfTime, AskedAt: startOfTime,
			}
			if i > 0 {
				c.PageUntil = until
			}
			var err error
			if c.Number, err = tx.InsertCollection(c); err != nil {
				return err
			}
			if i == 2 {
				c.State, c.ClosedAt = store.CollectionDeclined, startOfTime
				if err := tx.CloseCollection(c); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for id, want := range map[string]string{
		"c1.acme": `{"state":"opening"}`,
		"c2.acme": `{"state":"open","url":"https://pay.example/2","until":"2026-07-08T12:39:43.123456Z"}`,
		"c3.acme": `{"state":"closed","until":"2026-07-08T12:39:43.123456Z"}`,
	} {
		got := h.do(request{method: "GET", path: "/v1/collections/" + id}).expect(200)
		if got.member("page") != want || got.member("purpose") != "plan" || got.member("plan") != "-9" || got.member("quantity") != "3" {
			t.Errorf("%s: %s", id, got.body)
		}
	}
}

// Source: contract, "Audit and socket side effects".
func TestNumbersOfDocSpace(t *testing.T) {
	for want, lines := range map[int64][]store.Audit{
		6061: {{Action: "collection.end", After: `{"state":"settled","purpose":"deposit"}`}, {Action: "payment.record"}},
		6062: {{Action: "ai_credit.buy"}},
		6063: {{Action: "report.start"}},
		6064: {{Action: "top_up_rule.change"}},
		6065: {{Action: "subscription.change"}},
		6067: {{Action: "services.change"}, {Action: "models.restrict"}},
		7004: {{Action: "sales.request"}},
		0: {
			{Action: "collection.end", After: `{"state":"declined","purpose":"deposit"}`}, {Action: "collection.end", After: `{"state":"settled","purpose":"plan"}`},
			{Action: "collection.end"}, {Action: "collection.end", After: `{"state":"refunded","purpose":"deposit"}`}, {Action: "collection.open"},
			{Action: "portal.change"}, {Action: "key.create"}, {Action: "operator_key.create"}, {Action: "refund.end"}, {},
		},
	} {
		for _, line := range lines {
			if got := operatorapi.DocSpaceAction(&line); got != want {
				t.Errorf("%+v: %d, want %d", line, got, want)
			}
		}
	}
}
