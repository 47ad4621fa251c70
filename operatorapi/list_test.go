package operatorapi_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/operatorapi"
)

// all reads a list page by page, and has between be done after each.
func (h *house) all(path, kind, query string, between func(page int)) (ids []string) {
	h.t.Helper()
	next := ""
	for page := 0; page == 0 || next != ""; page++ {
		values, err := url.ParseQuery(query)
		h.must(err)
		if next != "" {
			values.Set("after", next)
		}
		var elements []map[string]any
		elements, next = h.do(request{method: "GET", path: path + "?" + values.Encode()}).elements(kind)
		for _, element := range elements {
			ids = append(ids, element["id"].(string))
		}
		if next != "" && len(elements) == 0 || page > 100 {
			h.t.Fatalf("%s?%s: %d elements, and yet it goes on", path, query, len(elements))
		}
		between(page)
	}
	return ids
}

func nothing(int) {}

// What is there from the first page to the last is listed once, whatever comes, goes
// and changes meanwhile.
func TestPagesWhileOthersWrite(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.provider = cards(nil)
		h := newHouse(t, s)
		h.addCustomer("card")
		h.post("/v1/portals/acme/users", "", `{"email":"owner@example.com","role":"owner"}`).expect(201)
		h.clock.Move(time.Second)
		const at = "/v1/portals/acme/"
		number := 0
		lists := []struct {
			path, kind string
			query      string
			add        func(n int)
		}{
			{"/v1/portals", "portals", "", func(n int) { h.addPortal(fmt.Sprintf("p%d", n*7919%100), "") }},
			{at + "users", "users", "", func(n int) {
				h.clock.Move(time.Duration(n%2) * time.Second) // some come in the same moment
				h.post(at+"users", "", fmt.Sprintf(`{"email":"u%d@example.com"}`, n)).expect(201)
			}},
			{at + "keys", "keys", "", func(n int) {
				h.clock.Move(time.Duration(n%2) * time.Second)
				h.post(at+"keys", "", fmt.Sprintf(`{"name":"k%d"}`, n)).expect(201)
			}},
			{at + "transfers", "transfers", "", func(n int) { h.charge(acme, fmt.Sprint("charge ", n), "0.01").expect(201) }},
			{at + "transfers", "transfers", "order=ascending", func(n int) { h.charge(acme, fmt.Sprint("charge ", n), "0.01").expect(201) }},
			{at + "transfers", "transfers", "type=ServicePayment&service=back*", func(n int) {
				h.charge(acme, fmt.Sprint("charge ", n), "0.01").expect(201)
				h.post(at+"credits", fmt.Sprint("credit ", n), `{"amount":"0.01","currency":"USD","reason":"r"}`).expect(201)
			}},
			{at + "holds", "holds", "", func(n int) { h.hold(acme, fmt.Sprint("hold ", n), "0.01") }},
			{at + "holds", "holds", "state=open", func(n int) { h.hold(acme, fmt.Sprint("hold ", n), "0.01") }},
			{at + "collections", "collections", "", func(n int) {
				h.post(at+"deposits", fmt.Sprint("deposit ", n), `{"amount":"1","currency":"USD"}`).expect(201)
			}},
		}
		for _, list := range lists {
			for range 7 {
				number++
				list.add(number)
			}
			before := h.all(list.path, list.kind, "limit=1000&"+list.query, nothing)
			for _, limit := range []int{1, 3, len(before)} {
				for i, name := range h.all(list.path, list.kind, fmt.Sprintf("limit=%d&%s", limit, list.query), nothing) {
					if i >= len(before) || name != before[i] {
						t.Fatalf("%s?%s by %d: element %d is %s", list.path, list.query, limit, i, name)
					}
				}
			}
			got := h.all(list.path, list.kind, "limit=2&"+list.query, func(page int) {
				if page < 4 {
					number++
					list.add(number)
				}
			})
			if distinct := slices.Compact(slices.Sorted(slices.Values(got))); len(distinct) != len(got) {
				t.Errorf("%s?%s: something is listed twice: %v", list.path, list.query, got)
			}
			kept := slices.DeleteFunc(slices.Clone(got), func(name string) bool { return !slices.Contains(before, name) })
			if !slices.Equal(kept, before) {
				t.Errorf("%s?%s: %v of %v are listed", list.path, list.query, kept, before)
			}
		}

		// What goes in between takes nothing else with it.
		users := h.all(at+"users", "users", "", nothing)
		left := h.all(at+"users", "users", "limit=2", func(page int) {
			if page == 0 {
				h.remove("/users/" + users[1]).done() // the one that the next page begins after
			}
		})
		if !slices.Equal(left, users) {
			t.Errorf("%v of %v", left, users)
		}
	})
}

// keyed is where a transfer says by which key; who asked comes behind it.
var keyed = regexp.MustCompile(`"key":"[^"]*",`)

func TestTransfers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.clock.Move(time.Minute)
		h.post("/v1/portals/acme/charges", "k2", `{"service":"backup","quantity":3,"amount":"1","currency":"USD","participant":"Ä","metadata":{"b":1,"a":"x"}}`).expect(201)
		h.clock.Move(time.Minute)
		hold := h.hold(acme, "h", "5")
		h.post("/v1/holds/"+hold+"/complete", "k3", `{"amount":"2"}`).expect(201)
		h.post("/v1/portals/acme/corrections", "k4", `{"transfer":"t2.acme","reason":"so"}`).expect(201)
		for id, rest := range map[string]string{
			"t1.acme": `"at":"` + moment + `","type":"GoodwillCredit","debit":"goodwill","credit":"wallet","amount":"100.00","currency":"USD","balance":"100.00","key":"first","metadata":{"details":"to begin with"}}`,
			"t2.acme": `"at":"2026-07-08T11:40:43.123456Z","type":"ServicePayment","debit":"wallet","credit":"revenue","amount":"1.00","currency":"USD",` +
				`"balance":"99.00","key":"k2","service":"backup","quantity":3,"participant":"Ä","metadata":{"a":"x","b":"1"}}`,
			"t3.acme": `"at":"2026-07-08T11:41:43.123456Z","type":"ServicePayment","debit":"wallet","credit":"revenue","amount":"2.00","currency":"USD",` +
				`"balance":"97.00","key":"k3","service":"backup","quantity":1,"hold":"h1.acme"}`,
			"t4.acme": `"at":"2026-07-08T11:41:43.123456Z","type":"ServicePayment","debit":"revenue","credit":"wallet","amount":"1.00","currency":"USD",` +
				`"balance":"98.00","key":"k4","service":"backup","quantity":3,"metadata":{"details":"so"},"corrects":"t2.acme"}`,
		} {
			got := h.do(request{method: "GET", path: "/v1/transfers/" + id}).expect(200)
			origin := got.member("origin")
			if !strings.HasPrefix(origin, "operator ") {
				t.Errorf("%s is by %q", id, origin)
			}
			got.is(`{"id":"` + id + `","portal":"acme","book":"main",` + keyed.ReplaceAllString(rest, `$0"origin":"`+origin+`",`))
		}
		for query, want := range map[string]string{
			"":                    "t4 t3 t2 t1",
			"order=descending":    "t4 t3 t2 t1",
			"order=ascending":     "t1 t2 t3 t4",
			"book=main":           "t4 t3 t2 t1",
			"book=ai":             "",
			"type=GoodwillCredit": "t1",
			"participant=%C3%84":  "t2",
			"participant=nobody":  "",
			"service=backup":      "t4 t3 t2",
			"service=back*":       "t4 t3 t2",
			"service=back":        "",
			"from=" + moment:      "t4 t3 t2 t1",
			"to=" + moment:        "t1",
			"from=2026-07-08T13:40:43.123456%2B02:00":           "t4 t3 t2",
			"from=2026-07-08T11:40:43.123457Z":                  "t4 t3",
			"from=2026-07-08T11:40:00Z&to=2026-07-08T11:41:00Z": "t2",
			"from=2027-01-01T00:00:00Z":                         "",
			"from=2026-07-09T00:00:00Z&to=2026-07-08T00:00:00Z": "",
			"type=ServicePayment&order=ascending&limit=1":       "t2 t3 t4",
			"type=ServicePayment&type=GoodwillCredit":           "t4 t3 t2 t1",
		} {
			got := strings.ReplaceAll(strings.Join(h.all("/v1/portals/acme/transfers", "transfers", query, nothing), " "), ".acme", "")
			if got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
	})
}

func TestHolds(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		for i := range 5 {
			h.hold(acme, fmt.Sprint("h", i), fmt.Sprint(i+1))
		}
		h.post("/v1/holds/h1.acme/complete", "c", `{"amount":"0.5"}`).expect(201)
		h.post("/v1/holds/h2.acme/void", "v", ``).expect(201)
		h.post("/v1/holds/h5.acme/extend", "e", `{"seconds":3600}`).expect(201)
		hold := func(id, state, amount, key, rest string) string {
			return `{"id":"` + id + `","portal":"acme","state":"` + state + `","amount":"` + amount + `","currency":"USD",` + rest + `"key":"` + key +
				`","service":"backup","quantity":1,"openedAt":"` + moment + `","expiresAt":"2026-07-08T12:39:43.123456Z"`
		}
		one := func(id string) reply {
			t.Helper()
			return h.do(request{method: "GET", path: "/v1/holds/" + id}).expect(200)
		}
		one("h1.acme").is(hold("h1.acme", "completed", "1.00", "h0", `"posted":"0.50","transfer":"t2.acme",`) + `,"closedAt":"` + moment + `"}`)
		one("h2.acme").is(hold("h2.acme", "voided", "2.00", "h1", "") + `,"closedAt":"` + moment + `"}`)
		one("h3.acme").is(hold("h3.acme", "open", "3.00", "h2", "") + `}`)
		by := func(state string) string {
			t.Helper()
			return strings.ReplaceAll(strings.Join(h.all("/v1/portals/acme/holds", "holds", "limit=2"+state, nothing), " "), ".acme", "")
		}
		states := func(open, expired string) {
			t.Helper()
			for state, want := range map[string]string{
				"": "h5 h4 h3 h2 h1", "&state=open": open, "&state=expired": expired, "&state=completed": "h1", "&state=voided": "h2",
			} {
				if got := by(state); got != want {
					t.Errorf("%s: %s, want %s", state, got, want)
				}
			}
		}
		states("h5 h4 h3", "")
		// Their time is over before anybody writes that down, and then the same.
		h.clock.Move(time.Hour)
		states("h5", "h4 h3")
		expired := hold("h3.acme", "expired", "3.00", "h2", "") + `,"closedAt":"2026-07-08T12:39:43.123456Z"}`
		one("h3.acme").is(expired)
		h.clock.Move(time.Minute)
		h.charge(acme, "k", "1").expect(201)
		states("h5", "h4 h3")
		one("h3.acme").is(expired)
	})
}

func TestCollections(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.provider = cards(nil)
		h := newHouse(t, s)
		h.addCustomer("card")
		h.get("/collections").is(`{"collections":[]}`)
		h.post("/v1/portals/acme/deposits", "june", `{"amount":"50","currency":"USD","participant":"p"}`).expect(201)
		h.addCustomer("card_expired")
		h.post("/v1/portals/acme/deposits", "july", `{"amount":"60","currency":"EUR"}`).refused(402, "payment_declined", "")
		settled := h.do(request{method: "GET", path: "/v1/collections/c1.acme"}).expect(200)
		settled.is(`{"id":"c1.acme","portal":"acme","state":"settled","provider":"sandbox","amount":"50.00","currency":"USD","key":"june","reference":"` +
			settled.member("reference") + `","participant":"p","purpose":"deposit","openedAt":"` + moment + `","askedAt":"` + moment + `","closedAt":"` + moment + `"}`)
		declined := h.do(request{method: "GET", path: "/v1/collections/c2.acme"}).expect(200)
		if declined.member("state") != "declined" || declined.member("reason") != "expired_card" || declined.member("amount") != "60.00" {
			t.Error(declined.body)
		}
		h.get("/collections").is(`{"collections":[` + declined.body + `,` + settled.body + `]}`)
		h.get("/collections?state=settled").is(`{"collections":[` + settled.body + `]}`)
		h.get("/collections?state=open").is(`{"collections":[]}`)
		h.get("/collections?state=unknown").is(`{"collections":[]}`)
		if got := h.get("/collections?limit=1").member("next"); got == "" {
			t.Error("it does not go on")
		}
	})
}

// What a list can't use is refused by its name.
func TestListsAreStrict(t *testing.T) {
	h := newHouse(t, setup{})
	h.addPortal("b", "")
	next := h.do(request{method: "GET", path: "/v1/portals?limit=1"}).member("next")
	cursor := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	if got, _ := base64.RawURLEncoding.DecodeString(next); string(got) != "portals:acme" {
		t.Errorf("the cursor is %s", got)
	}
	common := map[string]string{
		"limit=0": "limit", "limit=1001": "limit", "limit=-1": "limit", "limit=1.0": "limit", "limit=01": "limit", "limit=%2B1": "limit", "limit=": "limit",
		"limit=9223372036854775808": "limit", "limit=1&limit=1": "limit", "after=": "after", "after=!": "after", "after=" + next + "&after=" + next: "after",
		"after=" + next + "=": "after", "after=" + cursor("other:1"): "after", "after=" + cursor("1"): "after", "colour=red": "colour",
		"offset=1": "offset", "Limit=1": "Limit", "limit=%zz": "query", "a;b": "query",
	}
	for _, list := range []struct {
		path, kind string
		wrong      map[string]string
	}{
		{"/v1/portals", "portals", map[string]string{"after=" + cursor("portals:\x00"): "after", "after=" + cursor("portals:"): "after", "state=open": "state"}},
		{"/v1/portals/acme/users", "users", map[string]string{"after=" + cursor("users:1"): "after", "after=" + cursor("users:x:1"): "after", "after=" + cursor("users:1:"): "after"}},
		{"/v1/portals/acme/keys", "keys", map[string]string{"after=" + cursor("keys:1"): "after", "user=u": "user"}},
		{"/v1/portals/acme/holds", "holds", map[string]string{
			"after=" + cursor("holds:0"): "after", "after=" + cursor("holds:x"): "after", "after=" + cursor("holds:9223372036854775808"): "after",
			"state=": "state", "state=Open": "state", "state=open&state=open": "state", "state=settled": "state",
		}},
		{"/v1/portals/acme/collections", "collections", map[string]string{"after=" + cursor("collections:-1"): "after", "state=completed": "state"}},
		{"/v1/portals/acme/transfers", "transfers", map[string]string{
			"after=" + cursor("holds:1"): "after", "book=other": "book", "book=": "book", "from=yesterday": "from", "from=2026-07-08": "from",
			"to=2026-07-08T11:39:43.1234567Z": "to", "from=2026-07-08T11:39:43": "from", "type=servicepayment": "type", "type=1": "type", "type=": "type",
			"type=None&type=Profit": "type", "order=up": "order", "order=asc": "order", "service=": "service", "state=open": "state", "participant=": "participant",
			strings.Repeat("type=Profit&", 101): "type",
		}},
	} {
		for _, wrong := range []map[string]string{common, list.wrong} {
			for query, field := range wrong {
				if strings.Contains(query, next) && list.kind != "portals" {
					continue
				}
				h.do(request{method: "GET", path: list.path + "?" + query}).refused(400, "invalid_field", field)
			}
		}
		// A cursor that was made up finds what is there, and nothing worse.
		for _, after := range []string{"portals:zzz", "users:9223372036854775807:z", "keys:-9223372036854775808:z", "holds:9223372036854775807",
			"collections:1", "transfers:9223372036854775807"} {
			if strings.HasPrefix(after, list.kind+":") {
				for _, order := range []string{"", "&order=ascending", "&order=ascending&type=Profit", "&type=Profit"} {
					if order == "" || list.kind == "transfers" {
						h.do(request{method: "GET", path: list.path + "?after=" + cursor(after) + order}).expect(200)
					}
				}
			}
		}
	}
}

func dollars(n int64) money.Amount { return money.FromUnits(n*money.Scale, "USD") }

// Every route was answered well at least once, and none is missing here.
func TestEveryRouteAnswers(t *testing.T) {
	h := newHouse(t, setup{virtual: true, provider: cards(nil)})
	h.addCustomer("card")
	h.must(h.service.SetTopUpRule(t.Context(), acme, true, dollars(20), dollars(100)))
	owner, err := h.service.AddUser(t.Context(), acme, billing.NewUser{Email: "owner@example.com", Role: billing.Owner})
	h.must(err)
	user, err := h.service.AddUser(t.Context(), acme, billing.NewUser{Email: "user@example.com", Role: billing.Guest})
	h.must(err)
	_, key, err := h.service.CreateKey(t.Context(), acme, billing.NewKey{Name: "k"})
	h.must(err)
	for i := range 4 {
		h.hold(acme, fmt.Sprint("hold ", i), "1")
	}
	h.charge(acme, "charge", "1").expect(201)
	h.post("/v1/portals/acme/deposits", "deposit", `{"amount":"1","currency":"USD"}`).expect(201)
	h.put("/hosts/gone.example", "").expect(200)
	hook := strings.TrimPrefix(first(h.hook("http://127.0.0.1:1/")), "/v1/webhooks/")
	h.happens(acme, low)
	bodies := map[string]string{
		"POST /v1/portals": `{"id":"new","name":"n"}`, "POST /v1/batch": `[]`,
		"POST /v1/portals/{portal}/charges": good + "}", "POST /v1/portals/{portal}/holds": good + "}",
		"POST /v1/portals/{portal}/credits":     `{"amount":"1","currency":"USD","reason":"r"}`,
		"POST /v1/portals/{portal}/corrections": `{"transfer":"t2.acme","reason":"r"}`,
		"POST /v1/portals/{portal}/deposits":    `{"amount":"1","currency":"USD"}`,
		"POST /v1/webhooks":                     `{"url":"https://example.com/"}`, "PATCH /v1/webhooks/{webhook}": `{}`,
		"POST /v1/webhooks/{webhook}/replay": `{"from":1}`,
		"POST /v1/jobs/retry":                `{"kind":"unknown","subject":"1"}`,
		"POST /v1/jobs/cancel":               `{"kind":"unknown","subject":"2"}`,
		"POST /v1/clock/advance":             `{"by":"1s"}`,
	}
	h.cause("", "unknown", "1", startOfTime.Add(time.Hour))
	h.cause("", "unknown", "2", startOfTime.Add(time.Hour))
	for _, q := range writes(user, key.ID) {
		path := q.path
		for from, to := range map[string]string{"/acme": "/{portal}", "/c1.acme": "/{collection}", "/" + user: "/{user}", "/" + key.ID: "/{key}", "/h.example": "/{host}"} {
			path = strings.Replace(path, from, to, 1)
		}
		bodies[q.method+" "+path] = q.body
	}
	for _, route := range operatorapi.Routes() {
		method, path, _ := strings.Cut(route, " ")
		holds := map[string]string{"complete": "h1.acme", "extend": "h2.acme", "void": "h3.acme"}
		hold := "h4.acme"
		if last := path[strings.LastIndex(path, "/")+1:]; holds[last] != "" {
			hold = holds[last]
		}
		for name, value := range map[string]string{
			"{portal}": acme, "{user}": user, "{key}": key.ID, "{transfer}": "t1.acme", "{hold}": hold, "{collection}": "c1.acme", "{host}": "gone.example",
			"{webhook}": hook, "{type}": "hold.expired",
		} {
			path = strings.Replace(path, name, value, 1)
		}
		if route == "GET /v1/portals/{portal}/users/{user}" {
			path = "/v1/portals/acme/users/" + owner
		}
		if route == "DELETE /v1/webhooks/{webhook}" || route == "DELETE /v1/portals/{portal}/top-up-rule" || route == "DELETE /v1/portals/{portal}/users/{user}" {
			defer func() { h.do(request{method: method, path: path, body: bodies[route]}).done() }()
			continue
		}
		got := h.do(request{method: method, path: path, key: "every " + route, body: bodies[route]})
		if got.status >= 300 {
			t.Errorf("%s: %d %s", route, got.status, got.body)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// The types that can be asked for are all that there are.
func TestTypesAreTheDescribedOnes(t *testing.T) {
	var want []string
	for kind := ledger.Type(0); kind.Known(); kind++ {
		want = append(want, kind.String())
	}
	var got []string
	for _, name := range theContract(t).doc.Components.Schemas["TransferType"].Value.Enum {
		got = append(got, name.(string))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var features []string
	for name := range theContract(t).doc.Components.Schemas["Features"].Value.Properties {
		features = append(features, name)
	}
	slices.Sort(features)
	if want := slices.Sorted(slices.Values(billing.CountedFeatures())); !slices.Equal(features, want) {
		t.Errorf("%v, want %v", features, want)
	}
}
