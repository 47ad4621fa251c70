package portalapi_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// writesWithBody are the routes that read a body.
func writesWithBody() []call {
	var out []call
	for _, c := range calls {
		if c.body != "" {
			out = append(out, c)
		}
	}
	return out
}

// problem is what is wrong with a request, by field.
type problem struct{ Errors map[string][]string }

// refusesAsInput sends a body that can't be used, and wants the field named: in the
// text that follows, "" for any.
func (h *house) refusesAsInput(t *testing.T, c call, body, field string, loose bool) {
	t.Helper()
	q := c.request(h.company.OwnerKey)
	q.body, q.loose = body, loose
	got := h.from(thisMachine, q)
	if got.status != http.StatusBadRequest || !strings.HasPrefix(got.header.Get("Content-Type"), "application/problem+json") {
		t.Errorf("%s %.200s: %d %.300s", c.route, body, got.status, got.body)
		return
	}
	for name, texts := range decode[problem](t, got.payload(t)).Errors {
		if len(texts) > 0 && (strings.HasPrefix(name, field) || strings.HasPrefix(name, "$")) {
			return
		}
	}
	t.Errorf("%s %.200s: the problem is not of %s: %s", c.route, body, field, got.body)
}

// Each member of each body is given everything that it must not have. All of it is
// refused by name, and nothing of it changes anything.
func TestNoMemberTakesWhatItMustNot(t *testing.T) {
	h := newHouse(t, setup{})
	before := h.standing()
	for _, c := range writesWithBody() {
		if len(c.members) == 0 {
			t.Errorf("nobody says what the body of %s has", c.route)
		}
		for _, m := range c.members {
			outer, inner, _ := strings.Cut(m.at, ".")
			field := strings.ToUpper(outer[:1]) + outer[1:]
			if inner != "" {
				field += "." + strings.ToUpper(inner[:1]) + inner[1:]
			}
			for _, text := range m.wrong {
				h.refusesAsInput(t, c, with(t, c.body, m.at, text), field, false)
			}
			for _, text := range m.also {
				h.refusesAsInput(t, c, with(t, c.body, m.at, text), field, true)
			}
		}
		if after := h.standing(); after != before {
			t.Errorf("%s: something changed:\n%s", c.route, firstDifference(before, after))
		}
	}
}

func TestNoBodyIsTakenThatIsNoneOfAnObject(t *testing.T) {
	h := newHouse(t, setup{})
	before := h.standing()
	deep := func(open, closed string) string {
		return strings.Repeat(open, 10_000) + "1" + strings.Repeat(closed, 10_000)
	}
	for _, c := range writesWithBody() {
		first := c.members[0].at
		inner := strings.TrimSuffix(c.body, "}")
		for _, body := range []string{
			"[]", "[" + c.body + "]", `"x"`, "1", "null", "true", "{", "}", "{}{}", c.body + c.body, c.body + "x", inner, c.body[1:],
			"\xff\xfe" + c.body, strings.Replace(c.body, `"`, "\xff", 1), inner + `,"x":"` + "\xed\xa0\x80" + `"}`, // half of a pair
			inner + `,"` + first + `":1}`, inner + `,"` + strings.ToUpper(first) + `":1}`, inner + `,"x":{"a":1,"A":2}}`, inner + `,"x":1,"x":1}`,
			inner + `,"deep":` + deep("[", "]") + `}`, inner + `,"deep":` + deep(`{"a":`, "}") + `}`, deep("[", "]"), deep(`{"a":`, "}"),
			with(t, c.body, first, deep("[", "]")), with(t, c.body, first, deep(`{"a":`, "}")), strings.Repeat("[", 60_000), strings.Repeat(`{"":`, 15_000),
			inflated(c.body), strings.Repeat(" ", 10<<20) + c.body, c.body + strings.Repeat("\n", 10<<20),
		} {
			h.refusesAsInput(t, c, body, "$", true)
		}
		if !c.bodyless {
			h.refusesAsInput(t, c, "", "$", true) // none at all
		}
		if after := h.standing(); after != before {
			t.Errorf("%s: something changed:\n%s", c.route, firstDifference(before, after))
		}
	}
	// The same over a connection: it is answered, though not all was read.
	for _, c := range writesWithBody()[:2] {
		q := c.request(h.company.OwnerKey)
		q.body, q.loose = inflated(c.body), true
		h.do(q).wants(t, http.StatusBadRequest, "")
	}
}

func inflated(body string) string {
	return strings.TrimSuffix(body, "}") + `,"x":"` + strings.Repeat("x", 10<<20) + `"}`
}

// strangers are members that bodies don't have, and that would be something if they
// had.
const strangers = `{
	"id": "66faa6e4-f133-41ea-b126-00ffeec8b4ef", "portalId": "other", "tenantId": "other", "customerId": "admin@example.com", "operationId": 1,
	"lastModified": "2001-01-01T00:00:00Z", "createOn": "2001-01-01T00:00:00Z", "createBy": "66faa6e4-f133-41ea-b126-00ffeec8b4ef",
	"expiresAt": "2099-01-01T00:00:00Z", "dueDate": "2099-01-01T00:00:00Z", "isActive": false, "key": "sk-chosen", "secret": "sk-chosen",
	"keyPostfix": "sk-***beef", "hash": "00", "scopes": ["rooms:read"], "role": "owner", "isOwner": true, "isAdmin": true,
	"userId": "66faa6e4-f133-41ea-b126-00ffeec8b4ef", "userEmail": "admin@example.com", "email": "admin@example.com", "participant": "nobody",
	"price": 0.01, "rate": 0.01, "discount": 99, "amount": 0.01, "currency": "JPY", "credit": 1000, "debit": 0, "balance": 1000000,
	"quantity": {"storage": 900}, "nextQuantity": 0, "state": 1, "status": "Completed", "free": true, "trial": true, "wallet": true,
	"paymentMethodStatus": 2, "enabledServices": [-11, -13], "enabled": true, "service": "AITools", "plan": -10, "planId": -10, "productId": "1009",
	"idempotencyKey": "bursar:x", "replay": true, "__proto__": {"role": "owner"}, "constructor": {"prototype": {"role": "owner"}}, "$type": "System.Object"
}`

// Members that a body does not have are passed over, whatever they are called: two
// portals, of which one gets them too, are the same afterwards.
func TestStrangersInABodyChangeNothing(t *testing.T) {
	for _, c := range writesWithBody() {
		t.Run(c.route, func(t *testing.T) {
			var answers, standings [2]string
			for i := range 2 {
				h := newHouse(t, setup{})
				if c.card {
					h.payByCard()
				}
				h.clock.Move(time.Second) // after everything that is there
				q := c.request(h.company.OwnerKey)
				q.header = map[string]string{"X-Request-Id": "the-same"}
				if i == 1 {
					q.body = withStrangers(t, c.body)
					q.path += "?amount=0.01&portalId=other&userId=other&quantity=900&role=owner"
				}
				got := h.from(thisMachine, q)
				got.wants(t, http.StatusOK, "")
				answers[i] = anyID.ReplaceAllString(got.payload(t), "…")
				standings[i] = anyID.ReplaceAllString(h.standing(), "…")
				h.verify()
			}
			same(t, answers[0], answers[1])
			if standings[0] != standings[1] {
				t.Errorf("not the same:\n%s", firstDifference(standings[0], standings[1]))
			}
		})
	}
}

// anyID is what is drawn at random: ids, and keys with their last characters.
var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|sk-[0-9a-f]{64}|sk-\*\*\*[0-9a-f]{4}`)

// withStrangers returns a body with strangers in it and in the objects within, but
// for the map of products.
func withStrangers(t *testing.T, body string) string {
	t.Helper()
	all := decode[map[string]any](t, body)
	add := func(to map[string]any) {
		for name, value := range decode[map[string]any](t, strangers) {
			if _, is := to[name]; !is {
				to[name] = value
			}
		}
	}
	if settings, ok := all["settings"].(map[string]any); ok {
		add(settings)
	}
	add(all)
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
