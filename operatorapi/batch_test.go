package operatorapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// result is one of a batch's, as far as it is looked at.
type result struct {
	Status int
	Replay bool
	Result json.RawMessage
	Error  struct{ Code, Field string }
}

func (r reply) results() (all []result) {
	r.t.Helper()
	var body struct{ Results []result }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		r.t.Fatal(err)
	}
	return body.Results
}

// brief returns the statuses and codes of results in one line.
func brief(all []result) string {
	var words []string
	for _, r := range all {
		word := fmt.Sprint(r.Status)
		if r.Replay {
			word += " replay"
		}
		if r.Error.Code != "" {
			word += " " + r.Error.Code
		}
		if r.Error.Field != "" {
			word += " " + r.Error.Field
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func TestBatch(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.addPortal("other", "1")
		hold := h.hold(acme, "h", "10")
		single := h.charge(acme, "single", "1").expect(201).body
		items := []struct{ item, want string }{
			{`{"key":"1","portal":"acme","type":"charge","service":"a","amount":"80","currency":"USD"}`, "201"},
			{`{"key":"2","portal":"acme","type":"charge","service":"a","amount":"10","currency":"USD"}`, "402 insufficient_funds"},
			{`{"key":"3","type":"void","hold":"` + hold + `"}`, "201"},
			{`{"key":"4","portal":"acme","type":"charge","service":"a","amount":10,"currency":"USD"}`, "201"},
			{`{"key":"4","portal":"acme","type":"charge","service":"a","amount":"10.0","currency":"USD"}`, "201 replay"},
			{`{"key":"4","portal":"acme","type":"charge","service":"a","amount":"11","currency":"USD"}`, "422 idempotency_mismatch"},
			{`{"key":"4","portal":"other","type":"charge","service":"a","amount":"1","currency":"USD"}`, "201"},
			{`{"key":"single","portal":"acme","type":"charge","service":"backup","amount":"1","currency":"USD"}`, "201 replay"},
			{`{"key":"5","portal":"acme","type":"hold","service":"a","amount":"5","currency":"USD","seconds":60}`, "201"},
			{`{"key":"6","portal":"acme","type":"extend","hold":"h2.acme","seconds":60}`, "201"},
			{`{"key":"7","type":"complete","hold":"h2.acme","amount":"4","metadata":{"a":1}}`, "201"},
			{`{"key":"8","type":"complete","hold":"h2.acme"}`, "409 hold_closed"},
			{`{"key":"9","portal":"other","type":"void","hold":"h2.acme"}`, "404 not_found"},
			{`{"key":"10","type":"correction","transfer":"t3.acme","reason":"r"}`, "201"},
			{`{"key":"11","portal":"acme","type":"credit","amount":"1","currency":"EUR","reason":"r"}`, "201"},
			{`{"key":"12","portal":"nobody","type":"credit","amount":"1","currency":"EUR","reason":"r"}`, "404 not_found"},
			{`{"portal":"acme","type":"charge","service":"a","amount":"1","currency":"USD"}`, "400 idempotency_key_missing"},
			{`{"key":"bursar:1","type":"void","hold":"h2.acme"}`, "400 invalid_field key"},
			{`{"key":"13","type":"charge","service":"a","amount":"1","currency":"USD"}`, "400 invalid_field portal"},
			{`{"key":"14","type":"void"}`, "400 invalid_field hold"},
			{`{"key":"15","type":"void","hold":"h2.acme","amount":"1"}`, "400 invalid_field amount"},
			{`{"key":"16","type":"correction","hold":"h2.acme","transfer":"t1.acme","reason":"r"}`, "400 invalid_field hold"},
			{`{"key":"17","type":"deposit","portal":"acme","amount":"1","currency":"USD"}`, "400 invalid_field type"},
			{`{"key":"18","portal":"acme"}`, "400 invalid_field type"},
			{`{"key":"19","type":"charge","portal":"acme","service":"a","amount":true,"currency":"USD","metadata":{"deep":[{}]}}`, "400 invalid_field amount"},
			{`{"key":"20","type":"charge","portal":"acme","colour":{"a":[1,"\n",null]}}`, "400 invalid_field colour"},
			{`{"key":"21","key":"22"}`, "400 invalid_field key"},
			{`null`, "400 invalid_field body"},
			{`[[]]`, "400 invalid_field body"},
			{`"a"`, "400 invalid_field body"},
			{`{"key":"23","portal":"acme","type":"charge","service":"a","amount":"6.50","currency":"USD"}`, "201"},
		}
		var bodies, wants []string
		for _, it := range items {
			bodies, wants = append(bodies, it.item), append(wants, it.want)
		}
		q := request{method: "POST", path: "/v1/batch", body: `{"requests":[` + strings.Join(bodies, ",") + `]}`, loose: true}
		got := h.do(q).expect(200)
		all := got.results()
		for i, r := range all {
			if brief([]result{r}) != wants[i] {
				t.Errorf("%s\n%s %s, want %s", bodies[i], brief([]result{r}), r.Result, wants[i])
			}
		}
		if len(all) != len(items) {
			t.Fatalf("%d results", len(all))
		}
		if string(all[7].Result) != single || string(all[3].Result) != string(all[4].Result) {
			t.Errorf("replays are %s and %s", all[7].Result, all[4].Result)
		}
		// 100 - 1 - 80 - 10 - 4 + 80 - 6.50; all in the order given.
		if got := h.purse(acme); got != "USD 78.50 0.00 78.50, EUR 1.00 0.00 1.00, 8" {
			t.Error(got)
		}
		// All of it again: what was done is a replay, and what was not may be now.
		q.body = `[` + strings.Join(bodies, ",") + `]`
		again := h.do(q).expect(200).results()
		for i, r := range again {
			if all[i].Status == 201 && (!r.Replay || string(r.Result) != string(all[i].Result)) {
				t.Errorf("%s again: %s %s", bodies[i], brief(again[i:i+1]), r.Result)
			}
		}
		if again[1].Status != 201 || again[1].Replay {
			t.Errorf("what was not covered is now %s", brief(again[1:2]))
		}
	})
}

func TestBatchIsBounded(t *testing.T) {
	h := newHouse(t, setup{})
	batch := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(`{"key":"k%d","portal":"acme","type":"charge","service":"a","amount":"0.01","currency":"USD"}`, i)
		}
		return `[` + strings.Join(items, ",") + `]`
	}
	h.post("/v1/batch", "", batch(1001)).refused(400, "invalid_field", "requests")
	if got := h.purse(acme); got != "USD 100.00 0.00 100.00, 1" {
		t.Error(got)
	}
	all := h.post("/v1/batch", "", batch(1000)).expect(200).results()
	for i, r := range all { // the order given is that of the transfers
		if want := fmt.Sprintf(`"transfer":"t%d.acme"`, i+2); r.Status != 201 || !strings.Contains(string(r.Result), want) {
			t.Fatalf("no. %d: %d %s", i, r.Status, r.Result)
		}
	}
	if got := h.purse(acme); len(all) != 1000 || got != "USD 90.00 0.00 90.00, 1001" {
		t.Error(len(all), got)
	}
	h.post("/v1/batch", "", `[]`).expect(200).is(`{"results":[]}`)
	h.post("/v1/batch", "", `{"requests":[]}`).expect(200).is(`{"results":[]}`)
	fat := `,{"key":"f","type":"void","hold":"` + strings.Repeat("h", 2000) + `"}`
	h.post("/v1/batch", "", `[{}`+strings.Repeat(fat, 600)+`]`).refused(413, "body_too_large", "")
}

// What is no batch is refused whole.
func TestBatchIsStrict(t *testing.T) {
	h := newHouse(t, setup{})
	const first = `{"key":"k","portal":"acme","type":"charge","service":"a","amount":"1","currency":"USD"}`
	for _, test := range []struct{ body, field string }{
		{``, ""},
		{`{}`, "requests"},
		{`"a"`, "body"},
		{`{"requests":{}}`, "requests"},
		{`{"requests":null}`, "requests"},
		{`{"requests":[` + first + `],"requests":[]}`, "requests"},
		{`{"requests":[` + first + `],"more":1}`, "more"},
		{`[` + first, ""},
		{`[` + first + `,]`, ""},
		{`[` + first + `,{]`, ""},
		{`[` + first + `,{"key":nul}]`, ""},
		{`[` + first + `,{"colour":"red","a":[}]`, ""},
		{`[` + first + `] []`, ""},
		{`[` + first + ` ` + first + `]`, ""},
	} {
		code := "malformed_json"
		if test.field != "" {
			code = "invalid_field"
		}
		h.post("/v1/batch", "", test.body).refused(400, code, test.field)
	}
	if got := h.purse(acme); got != "USD 100.00 0.00 100.00, 1" {
		t.Error(got)
	}
}
