package operatorapi_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

// The whole life of a wallet, to the byte.
func TestOrders(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		const at = `"at":"2026-07-08T11:39:43.123456Z"`
		for i, step := range []struct{ path, body, want string }{
			{"portals/acme/charges", `{"service":"backup","amount":"0.10","currency":"USD"}`,
				`"transfer":"t2.acme","amount":"0.10","currency":"USD","available":"99.90",` + at},
			{"portals/acme/charges", `{"service":"ai-tools","quantity":1200,"amount":0.000015,"currency":"USD","participant":"Ä 😀","metadata":{"a":"x","b":1.50,"c":true}}`,
				`"transfer":"t3.acme","amount":"0.000015","currency":"USD","available":"99.899985",` + at},
			{"portals/acme/holds", `{"service":"backup","quantity":2,"amount":"10","currency":"USD","seconds":60}`,
				`"hold":"h1.acme","amount":"10.00","currency":"USD","available":"89.899985",` + at + `,"expiresAt":"2026-07-08T11:40:43.123456Z"`},
			{"holds/h1.acme/extend", `{"seconds":3600}`,
				`"hold":"h1.acme","amount":"10.00","currency":"USD","available":"89.899985",` + at + `,"expiresAt":"2026-07-08T12:40:43.123456Z"`},
			{"holds/h1.acme/complete", `{"amount":"7.5","quantity":1,"participant":"p","metadata":{}}`,
				`"transfer":"t4.acme","hold":"h1.acme","amount":"7.50","currency":"USD","available":"92.399985",` + at},
			{"portals/acme/holds", `{"service":"backup","amount":"2.40","currency":"USD"}`,
				`"hold":"h2.acme","amount":"2.40","currency":"USD","available":"89.999985",` + at + `,"expiresAt":"2026-07-09T11:39:43.123456Z"`},
			{"holds/h2.acme/extend", ``,
				`"hold":"h2.acme","amount":"2.40","currency":"USD","available":"89.999985",` + at + `,"expiresAt":"2026-07-10T11:39:43.123456Z"`},
			{"holds/h2.acme/void", ``,
				`"hold":"h2.acme","amount":"2.40","currency":"USD","available":"92.399985",` + at},
			{"portals/acme/holds", `{"service":"backup","amount":"0.399985","currency":"USD"}`,
				`"hold":"h3.acme","amount":"0.399985","currency":"USD","available":"92.00",` + at + `,"expiresAt":"2026-07-09T11:39:43.123456Z"`},
			{"holds/h3.acme/complete", `{}`,
				`"transfer":"t5.acme","hold":"h3.acme","amount":"0.399985","currency":"USD","available":"92.00",` + at},
			{"portals/acme/corrections", `{"transfer":"t4.acme","amount":"0.5","reason":"too much"}`,
				`"transfer":"t6.acme","amount":"0.50","currency":"USD","available":"92.50",` + at},
			{"portals/acme/corrections", `{"transfer":"t4.acme","reason":"all of it"}`,
				`"transfer":"t7.acme","amount":"7.00","currency":"USD","available":"99.50",` + at},
			{"portals/acme/credits", `{"amount":500,"currency":"JPY","reason":"\"so\"","kind":"refund"}`,
				`"transfer":"t8.acme","amount":"500","currency":"JPY","available":"500",` + at},
			{"portals/acme/credits", `{"amount":"1.5","currency":"KWD","reason":"so","kind":"goodwill","participant":"me"}`,
				`"transfer":"t9.acme","amount":"1.500","currency":"KWD","available":"1.500",` + at},
		} {
			key := fmt.Sprint("step ", i)
			first := h.post("/v1/"+step.path, key, step.body).expect(201).is(`{"portal":"acme",` + step.want + `}`)
			if first.header.Get("Idempotent-Replay") != "" {
				t.Errorf("%s is a replay", step.path)
			}
			h.clock.Move(time.Second)
			again := h.post("/v1/"+step.path, key, step.body).expect(201).is(first.body)
			if again.header.Get("Idempotent-Replay") != "true" {
				t.Errorf("%s again is no replay", step.path)
			}
			h.clock.Move(-time.Second)
		}
		h.do(request{method: "GET", path: "/v1/portals/acme/wallet"}).expect(200).is(`{"portal":"acme","pockets":[` +
			`{"book":"main","currency":"USD","balance":"99.50","held":"0.00","available":"99.50"},` +
			`{"book":"main","currency":"JPY","balance":"500","held":"0","available":"500"},` +
			`{"book":"main","currency":"KWD","balance":"1.500","held":"0.000","available":"1.500"}],"transfers":9}`)
	})
}

// What a key was used for is told by what it means, not by how it is written.
func TestSameInputWrittenDifferently(t *testing.T) {
	h := newHouse(t, setup{})
	for i, same := range [][]string{
		{"portals/acme/charges", `{"service":"a","amount":"0.10","currency":"USD"}`, ` { "currency" : "USD" , "amount" : 1e-1,"service":"\u0061","quantity":1,"metadata":{},"participant":""} `},
		{"portals/acme/charges", `{"service":"a","amount":"1","currency":"USD","metadata":{"a":"1","b":"true"}}`, `{"service":"a","amount":1.00,"currency":"USD","metadata":{"b":true,"a":1}}`},
		{"portals/acme/holds", `{"service":"a","amount":"1","currency":"USD"}`, `{"service":"a","amount":"1","currency":"USD","seconds":86400}`},
		{"portals/acme/credits", `{"amount":"1","currency":"USD","reason":"r"}`, `{"amount":"1","currency":"USD","reason":"r","kind":"goodwill"}`},
		{"holds/h1.acme/extend", ``, `{"seconds":86400}`},
		{"holds/h1.acme/void", ``, `{}`},
	} {
		key := fmt.Sprint(i)
		first := h.post("/v1/"+same[0], key, same[1]).expect(201)
		again := h.post("/v1/"+same[0], key, same[2])
		if again.is(first.body); again.header.Get("Idempotent-Replay") != "true" {
			t.Errorf("%s is another input than %s", same[2], same[1])
		}
	}
}

func TestMismatchMovesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.charge(acme, "k", "1").expect(201)
		before := h.purse(acme)
		for _, other := range []struct{ path, body string }{
			{"charges", `{"service":"backup","amount":"2","currency":"USD"}`},
			{"charges", `{"service":"other","amount":"1","currency":"USD"}`},
			{"charges", `{"service":"backup","amount":"1","currency":"EUR"}`},
			{"charges", `{"service":"backup","amount":"1","currency":"USD","quantity":2}`},
			{"charges", `{"service":"backup","amount":"1","currency":"USD","participant":"p"}`},
			{"charges", `{"service":"backup","amount":"1","currency":"USD","metadata":{"a":"b"}}`},
			{"holds", `{"service":"backup","amount":"1","currency":"USD"}`},
			{"credits", `{"amount":"1","currency":"USD","reason":"r"}`},
			{"corrections", `{"transfer":"t2.acme","reason":"r"}`},
		} {
			h.post("/v1/portals/acme/"+other.path, "k", other.body).refused(422, "idempotency_mismatch", "")
		}
		if after := h.purse(acme); after != before {
			t.Errorf("%s became %s", before, after)
		}
		// In another portal it is another key.
		h.addPortal("other", "5")
		h.charge("other", "k", "2").expect(201)
	})
}

// A refusal keeps no key: the same may succeed later.
func TestRefusalIsNotKept(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		for range 2 {
			got := h.charge(acme, "k", "100.01").refused(402, "insufficient_funds", "")
			for name, want := range map[string]string{"available": "100.00", "needed": "100.01", "currency": "USD"} {
				if got.member(name) != want {
					t.Errorf("%s is %q, want %q", name, got.member(name), want)
				}
			}
		}
		h.post("/v1/portals/acme/credits", "more", `{"amount":"0.01","currency":"USD","reason":"r"}`).expect(201)
		got := h.charge(acme, "k", "100.01").expect(201)
		if got.header.Get("Idempotent-Replay") != "" || got.member("available") != "0.00" {
			t.Errorf("%v %s", got.header, got.body)
		}
		h.charge(acme, "k", "100.01").expect(201).is(got.body)
	})
}

func TestManyAtOnceUnderOneKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		const many = 50
		replies := make([]reply, many)
		var wg sync.WaitGroup
		for i := range many {
			wg.Go(func() { replies[i] = h.charge(acme, "one", "0.10") })
		}
		wg.Wait()
		firsts := 0
		for _, got := range replies {
			if got.status != 201 || got.body != replies[0].body {
				t.Errorf("%d %s, and another %s", got.status, got.body, replies[0].body)
			}
			if got.header.Get("Idempotent-Replay") == "" {
				firsts++
			}
		}
		if firsts != 1 {
			t.Errorf("%d of them are no replays", firsts)
		}
		if got := h.purse(acme); got != "USD 99.90 0.00 99.90, 2" {
			t.Error(got)
		}
	})
}

// Two servers on one database are one service.
func TestTwoServersAgree(t *testing.T) {
	url := pgURL(t)
	a := newHouse(t, setup{store: store.Config{URL: url}})
	b := newHouse(t, setup{store: store.Config{URL: url}, joins: true})
	first := a.charge(acme, "k", "1").expect(201)
	b.charge(acme, "k", "1").expect(201).is(first.body)
	b.charge(acme, "k", "2").refused(422, "idempotency_mismatch", "")
	hold := b.hold(acme, "h", "5")
	a.post("/v1/holds/"+hold+"/complete", "c", `{"amount":"2"}`).expect(201)
	b.post("/v1/holds/"+hold+"/void", "v", ``).refused(409, "hold_closed", "")
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { []*house{a, b}[i%2].charge(acme, fmt.Sprint("both ", i/2), "0.50") })
	}
	wg.Wait()
	for _, h := range []*house{a, b} {
		if got := h.purse(acme); got != "USD 87.00 0.00 87.00, 23" {
			t.Error(got)
		}
	}
}

func TestHoldsEndOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		hold := "/v1/holds/" + h.hold(acme, "h1", "60")
		h.charge(acme, "too much", "41").refused(402, "insufficient_funds", "")
		h.post(hold+"/complete", "over", `{"amount":"60.01"}`).refused(422, "over_hold", "")
		h.post(hold+"/complete", "euros", `{"amount":"1","currency":"EUR"}`).refused(400, "invalid_field", "currency")
		h.post(hold+"/complete", "done", `{"amount":"60","currency":"USD"}`).expect(201)
		for _, action := range []string{"complete", "extend", "void"} {
			h.post(hold+"/"+action, "late "+action, ``).refused(409, "hold_closed", "")
		}
		voided := "/v1/holds/" + h.hold(acme, "h2", "40")
		h.post(voided+"/void", "void", `{}`).expect(201)
		h.post(voided+"/complete", "void, complete", ``).refused(409, "hold_closed", "")
		expired := "/v1/holds/" + h.hold(acme, "h3", "40")
		h.clock.Move(time.Hour)
		h.post(expired+"/complete", "late", ``).refused(409, "hold_closed", "")
		h.charge(acme, "free again", "40").expect(201)
		for _, none := range []string{"h9.acme", "h1.nobody", "h0.nobody"} {
			status, code, field := 404, "not_found", ""
			if none == "h0.nobody" {
				status, code, field = 400, "invalid_field", "hold"
			}
			h.post("/v1/holds/"+none+"/void", "none", ``).refused(status, code, field)
		}
	})
}

func TestCorrections(t *testing.T) {
	h := newHouse(t, setup{})
	h.addPortal("other", "")
	const path = "/v1/portals/acme/corrections"
	transfer := h.charge(acme, "k", "10").member("transfer")
	body := func(amount string) string {
		return strings.Replace(`{"transfer":"`+transfer+`",AMOUNT"reason":"r"}`, "AMOUNT", amount, 1)
	}
	h.post(path, "1", body(`"amount":"10.01",`)).refused(422, "over_correction", "")
	back := h.post(path, "2", body(`"amount":"4","currency":"USD",`)).expect(201).member("transfer")
	h.post(path, "3", body(`"amount":"6.01",`)).refused(422, "over_correction", "")
	h.post(path, "4", body(`"amount":"6",`)).expect(201)
	h.post(path, "5", body(``)).refused(422, "over_correction", "")
	h.post(path, "6", `{"transfer":"`+back+`","reason":"r"}`).refused(422, "over_correction", "")
	h.post(path, "7", `{"transfer":"t99.acme","reason":"r"}`).refused(404, "not_found", "")
	h.post(path, "8", `{"transfer":"h1.acme","reason":"r"}`).refused(400, "invalid_field", "transfer")
	h.post("/v1/portals/other/corrections", "9", body("")).refused(404, "not_found", "")
	h.charge(acme, "spend", "99").expect(201)
	h.post(path, "10", `{"transfer":"t1.acme","reason":"it is spent"}`).refused(402, "insufficient_funds", "")
}
