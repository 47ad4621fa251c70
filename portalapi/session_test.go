package portalapi_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

// rounds is how often a session comes to each route.
const rounds = 40

// A long session of whatever comes to mind: every route over and over, with good
// input and bad, by everybody, while time goes by and cards come and go. Each
// request and each answer is as openapi.yaml says, nothing fails on our side, who is
// refused leaves no trace, and the books balance in the end.
func TestLongSessionIsAsDescribed(t *testing.T) {
	h := newHouse(t, setup{})
	s := &session{house: h, random: seeded(t), keys: map[string]string{}, answers: map[string]map[int]int{}}
	s.open()
	for range rounds {
		order := slices.Clone(calls)
		s.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, c := range order {
			s.disturb()
			s.ask(t, c)
			if t.Failed() {
				return
			}
		}
	}
	h.verify()
	asked, good := 0, 0
	for _, c := range calls {
		answers := s.answers[c.route]
		if answers[200] == 0 {
			t.Logf("%s was never answered well: %v", c.route, answers)
		}
		for status, n := range answers {
			if asked += n; status == 200 {
				good += n
			}
		}
	}
	if good < asked/4 || good > asked*3/4 {
		t.Errorf("%d of %d requests were answered well: the session is one-sided", good, asked)
	}
	t.Logf("%d requests, %d answered well", asked, good)
}

// session is one who asks for this and that.
type session struct {
	house   *house
	random  *rand.Rand
	keys    map[string]string      // by who they are of
	who     []string               // the same, the owner several times
	answers map[string]map[int]int // how often which status came, by route
}

// open makes the keys.
func (s *session) open() {
	h := s.house
	for _, role := range everybody {
		s.keys[string(role)] = h.keyOf(role)
	}
	s.keys["reader"] = h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"*:read"}})
	s.keys["rooms alone"] = h.newKey(h.company.PortalID, billing.NewKey{Scopes: []string{"rooms:write"}})
	s.keys["nobody's"] = "sk-" + strings.Repeat("0", 64)
	for who := range s.keys {
		s.who = append(s.who, who)
	}
	slices.Sort(s.who)
	for range 2 * len(s.who) {
		s.who = append(s.who, string(billing.Owner))
	}
}

// one returns one of several.
func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// disturb has something happen elsewhere, now and then.
func (s *session) disturb() {
	h, ctx := s.house, s.house.t.Context()
	switch s.random.IntN(60) {
	case 0:
		h.clock.Move(time.Duration(s.random.IntN(3*24*3600)) * time.Second)
	case 1, 2, 3, 4:
		h.clock.Move(time.Duration(s.random.IntN(3600)) * time.Second)
	case 5:
		h.setMethod(one(s.random, "set", "set", "set", "expired", "none"), one(s.random, "card", "card", "card_declined", "card_timeout_after", "card_timeout_before"))
	case 6:
		h.setMethod("set", "card")
		_, err := h.service.Reconcile(ctx)
		h.must(err)
	case 7:
		h.must(h.service.SetUsage(ctx, h.company.PortalID, map[string]int64{"manager": s.random.Int64N(8), "total_size": s.random.Int64N(3 << 40)}))
	case 8:
		h.must(h.service.SetCustomer(ctx, h.company.PortalID, billing.CustomerChange{Email: one(s.random, "owner@example.com", "owner@example.com", "admin@example.com", "nobody@example.com")}))
	case 9:
		due := h.clock.Now().Add(time.Duration(s.random.IntN(40*24)-10*24) * time.Hour).Truncate(time.Second)
		h.must(h.service.SetPurchases(ctx, h.company.PortalID, []billing.Purchase{
			{Plan: one(s.random, -9, -9, -10, -7), Quantity: 1 + s.random.Int64N(20), DueAt: due}, {Plan: -11, Quantity: 100 + s.random.Int64N(100), DueAt: due},
		}))
	case 10:
		h.must(h.service.SetTimeZone(ctx, h.company.PortalID, one(s.random, "UTC", "Europe/Moscow", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu")))
	}
}

// ask sends one request of a route and looks at the answer.
func (s *session) ask(t *testing.T, c call) {
	t.Helper()
	h, who := s.house, one(s.random, s.who...)
	q := h.requestOf(c, h.company.PortalID, emailOf(who), s.keys[who])
	if c.body != "" {
		q.body, q.loose = s.body(t, c)
	} else if !c.writes() {
		q.path = c.path() + s.query(c)
	}
	if c.writes() && s.random.IntN(3) == 0 {
		q.header = map[string]string{"Idempotency-Key": fmt.Sprint("key-", s.random.IntN(40))}
	}
	before := s.trail()
	got := h.from(thisMachine, q)
	if s.answers[c.route] == nil {
		s.answers[c.route] = map[int]int{}
	}
	s.answers[c.route][got.status]++
	switch got.status {
	case http.StatusInternalServerError:
		t.Errorf("%s as %s: %s: %s\n%s", c.route, who, q.body, got.body, h.log)
	case 400, 401, 403, 404, 422:
		if after := s.trail(); after != before {
			t.Errorf("%s as %s: %s: %d, but it left a trace: %s", c.route, who, q.body, got.status, after)
		}
	}
	if t.Failed() {
		t.Logf("it was %s %s as %s at %s: %s: %d %s", q.method, q.path, who, h.clock.Now(), q.body, got.status, got.body)
	}
}

func emailOf(who string) string { return sample.People()[billing.Role(who)].Email }

// trail returns the last that somebody changed. What became of an earlier payment, and of
// the plan that it was for, is written down by whoever learns it, even one who is then
// refused: that is no trace.
func (s *session) trail() string {
	lines, err := s.house.service.Audit(s.house.t.Context(), s.house.company.PortalID, 0, 20)
	s.house.must(err)
	learned := map[string]bool{} // by request
	for _, a := range lines {
		if a.RequestID != "" && a.Action == string(billing.CollectionEnded) {
			learned[a.RequestID] = true
		}
	}
	lines = slices.DeleteFunc(lines, func(a store.Audit) bool {
		return learned[a.RequestID] || a.Action == string(billing.CollectionEnded)
	})
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("%+v", lines[0])
}

// body returns a body, good as a rule; loose says that openapi.yaml can't tell.
func (s *session) body(t *testing.T, c call) (body string, loose bool) {
	body = s.goodBody(c)
	if s.random.IntN(3) > 0 {
		return body, false
	}
	m := one(s.random, c.members...)
	if outer, _, nested := strings.Cut(m.at, "."); nested && !strings.Contains(body, `"`+outer+`":{`) {
		return body, false
	}
	// What can be said of one member, and not of two at a time or of an operator's list.
	loose = strings.HasPrefix(m.at, "settings.") && m.at != "settings.enabled" || strings.HasSuffix(c.route, "/request")
	switch s.random.IntN(5) {
	case 0:
		return with(t, body, m.at, one(s.random, m.wrong...)), false
	case 1:
		if len(m.also) > 0 {
			return with(t, body, m.at, one(s.random, m.also...)), true
		}
	case 2:
		return without(t, body, m.at), loose
	}
	return with(t, body, m.at, one(s.random, anything...)), loose
}

// anything is what may stand anywhere, rightly or wrongly.
var anything = []string{
	"null", "true", "false", "0", "1", "-1", "3", "5", "12", "100", "150", "999", "1000", "1001", "5000", "2147483647", "1.5", "0.01", "-0.5", `""`, `"x"`, `"1"`, `"100"`,
	`"true"`, `"USD"`, `"EUR"`, `"JPY"`, `"CHF"`, `"Backup"`, `"AITools"`, `-12`, `"-13"`, `"Add"`, `"Set"`, `"Sub"`, "[]", "{}", `["x"]`, `[""]`, `["*:read"]`, `["x",null]`, "[[]]",
	`{"admin":1}`, `{"admin":"3"}`, `{"admin":-3}`, `{"admin":null}`, `{"admin":1,"storage":1}`, `{"storage":100}`, `{"teleport":1}`, `{"adminyear":5}`, `{"admin":"x"}`,
	`{"minBalance":5,"upToBalance":6}`, `{"minBalance":"20","upToBalance":"100","currency":"USD"}`, `{"enabled":true}`, `"` + pageHere + `"`, `"nowhere"`, `"ünïcödé €"`,
}

// goodBody returns a body that is good at some time.
func (s *session) goodBody(c call) string {
	r := s.random
	switch strings.TrimPrefix(c.route, c.method()+" "+apiBase) {
	case "url":
		return planPageBodyOf(fmt.Sprintf(`{"admin":%d}`, 1+r.IntN(30)))
	case "update":
		return fmt.Sprintf(`{"quantity":{%q:%d}}`, one(r, "admin", "admin", "admin", "adminyear"), 1+r.IntN(30))
	case "updatewallet", "calculatewallet":
		return fmt.Sprintf(`{"quantity":{%q:%d},"productQuantityType":%s}`, one(r, "storage", "storage", "storage", "adminwallet"), one(r, r.IntN(100), 100+r.IntN(200), 100+r.IntN(200)), one(r, "0", "1", "1", `"Add"`, "null"))
	case "deposit":
		return fmt.Sprintf(`{"amount":%d,"currency":%q}`, 1+r.IntN(500), one(r, "USD", "USD", "EUR", "JPY", "KWD"))
	case "creditaibalance":
		return fmt.Sprintf(`{"amount":%d.%02d,"currency":%q}`, r.IntN(60), 1+r.IntN(99), one(r, "USD", "USD", "EUR", "GBP"))
	case "topupsettings":
		if r.IntN(4) == 0 {
			return `{"settings":null}`
		}
		return fmt.Sprintf(`{"settings":{"enabled":%t,"minBalance":%d,"upToBalance":%d,"currency":%q}}`, r.IntN(2) == 0, 5+r.IntN(500), 506+r.IntN(4000), one(r, "USD", "EUR"))
	case "servicestate":
		return fmt.Sprintf(`{"service":%s,"enabled":%t}`, one(r, `"Backup"`, `"AITools"`, `"AISearch"`, `"Storage"`, `"Admin"`, "-12", "-13"), r.IntN(2) == 0)
	case "ai-model/restrictions":
		return one(r, `{"models":[]}`, `{"models":["chat-large"]}`, `{"models":["b","a","b"]}`)
	case "POST " + keysPath:
		return fmt.Sprintf(`{"name":"key %d","permissions":%s,"expiresInDays":%s}`, r.IntN(100), one(r, "null", "[]", `["*:read"]`, `["files:write","*"]`), one(r, "null", "1", `"365"`))
	}
	return c.body
}

// query returns parameters for a route: none, some of its own, others.
func (s *session) query(c call) string {
	r := s.random
	if r.IntN(2) == 0 {
		return c.query
	}
	flag := one(r, "true", "false", "maybe")
	date := one(r, "2026-07-08", "2026-07-08T11:39:43Z", "yesterday", "2027-01-01T00:00:00")
	switch path := strings.TrimPrefix(c.path(), apiBase); {
	case path == "customer/operations":
		return "?" + one(r, "offset="+one(r, "0", "1", "-1", "x", "9007199254740992"), "limit="+one(r, "1", "1000", "0", "1001", "x"), "credit="+flag, "debit="+flag,
			"startDate="+date, "endDate="+date, "type="+one(r, "Deposit", "4", "Teleport", "99"), "status="+one(r, "Completed", "0", "Lost"), "orderType="+one(r, "Ascending", "0", "Sideways"))
	case path == "walletservice":
		return "?service=" + one(r, "Backup", "-11", "teleport", "ai-tools", strings.Repeat("x", 256)) + "&country=ES"
	case strings.HasPrefix(path, "accounting/prices/"):
		return "?active=" + flag
	case strings.HasSuffix(path, "setupurl"):
		return "?" + one(r, "backUrl="+pageHere, "backUrl=nowhere", "successUrl="+pageHere, "backUrl="+pageHere+"&successUrl=mailto:x", "")
	case path == "account":
		return "?backUrl=" + one(r, pageHere, "nowhere", "//portal.example.com")
	case path == "quotas":
		return "?wallet=" + flag
	case slices.Contains([]string{"walletservices", "currencies"}, path):
		return "?country=" + one(r, "ES", "us", "GB", "ZZ")
	case slices.Contains([]string{"customerinfo", "customer/balance", "customer/aibalance", "quota", tariffBase + "tariff", tariffBase + "tariff/upcoming", tariffBase + "tenantextra"}, path):
		return "?refresh=" + flag
	}
	return "?x=" + flag
}
