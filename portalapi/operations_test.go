package portalapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// withAI is a catalogue in which AI tools are on offer, as in DocSpace's cloud.
const withAI = `
currencies: [USD]
plans:
  - { id: -3, name: startup, features: free }
  - { id: -9, name: admin, features: "manager:1", visible: true, price: { USD: 20 } }
  - { id: -11, name: storage, service: disk-storage, visible: true, wallet: true, additional: true, features: "total_size:1", price: { USD: 1 } }
  - { id: -12, name: backup, service: backup, visible: true, wallet: true, additional: true, features: backup, price: { USD: 10 } }
  - { id: -13, name: aitools, service: ai-tools, visible: true, wallet: true, additional: true, features: aitools, price: { USD: 1 } }
  - { id: -14, name: hidden, service: hidden, wallet: true, additional: true, features: aitools, price: { USD: 1 } }
`

// newLedger returns a house with one portal that has a customer and an empty
// wallet, and its owner's key.
func newLedger(t *testing.T, zone string) (h *house, key string) {
	t.Helper()
	offers, err := catalog.Parse([]byte(withAI))
	if err != nil {
		t.Fatal(err)
	}
	h = newHouse(t, setup{empty: true, billing: billing.Config{Catalog: offers}})
	key = h.addPortal(billing.NewPortal{ID: "p", Hosts: []string{portalHost}, TimeZone: zone})
	h.must(h.service.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "owner@example.com"}))
	return h, key
}

// post makes transfers of the portal p, each by its own request, at the house's
// time.
func (h *house) post(postings ...ledger.Posting) {
	h.t.Helper()
	for chunk := range slices.Chunk(postings, 500) {
		var requests []ledger.Request
		for _, p := range chunk {
			h.serial++
			requests = append(requests, ledger.Request{
				Portal: "p", Key: fmt.Sprint("post", h.serial), Input: ledger.InputOf("post", h.serial), Do: ledger.Post{p},
			})
		}
		results, err := h.store.Post(h.t.Context(), store.Post{Requests: requests, Now: h.clock.Now()})
		h.must(err)
		for _, r := range results {
			h.must(r.Err)
		}
	}
}

func in(p ledger.Posting) ledger.Posting {
	p.Debit, p.Credit = ledger.Goodwill, ledger.Wallet
	return p
}

func out(p ledger.Posting) ledger.Posting {
	p.Debit, p.Credit = ledger.Wallet, ledger.Revenue
	return p
}

func usd(text string) money.Amount {
	a, err := money.Parse(text, "USD")
	if err != nil {
		panic(err)
	}
	return a
}

// Source: contract, "GET /payment/customer/operations" and "How the portal words a
// ledger row". The payload is compared as text, so that order and digits count.
func TestOperationIsInTheContractsWords(t *testing.T) {
	h, key := newLedger(t, "Europe/Helsinki")
	owner := decode[docspace.CustomerInfo](t, h.getAs(key, "customerinfo").payload(t)).Payer.ID
	strange, err := h.service.AddUser(t.Context(), "p", billing.NewUser{Email: "s@example.com", Name: `<b>"S" & 'T'`, Role: billing.Member})
	h.must(err)
	texts := func(pairs ...string) ledger.Metadata {
		all := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		return ledger.NewMetadata(all)
	}
	main, ai := ledger.Main, ledger.AI
	const nobody = "00000000-0000-4000-8000-000000000000"
	h.post(in(ledger.Posting{Book: main, Amount: usd("1000"), Type: ledger.GoodwillCredit}),
		in(ledger.Posting{Book: ai, Amount: usd("1000"), Type: ledger.GoodwillCredit}))
	for name, test := range map[string]struct {
		posting ledger.Posting
		query   string
		want    string // after the date
	}{
		"backup": {out(ledger.Posting{Book: main, Amount: usd("10"), Type: ledger.ServicePayment, Service: "backup", Quantity: 1, Participant: owner, Metadata: texts("details", "Automatic backup")}), "",
			`"service":"backup","description":"Backup","details":"Automatic backup","serviceUnit":"Backup","quantity":1,"currency":"USD","credit":0.00,"debit":10.00,"participantName":"` + owner + `","participantDisplayName":"Olivia Owner","type":"ServicePayment"`},
		"top-up": {in(ledger.Posting{Book: main, Amount: usd("80"), Type: ledger.Deposit, Quantity: 7, Metadata: texts("details", "Automatic top up")}), "",
			`"description":"Balance top-up","details":"Automatic top up","quantity":0,"currency":"USD","credit":80.00,"debit":0.00,"type":"Deposit"`},
		"storage, by any period": {out(ledger.Posting{Book: main, Amount: usd("0.00000001"), Type: ledger.ServicePayment, Service: "disk-storage-1-hour", Quantity: 100}), "",
			`"service":"disk-storage","description":"Disk space","details":"","serviceUnit":"GB","quantity":100,"currency":"USD","credit":0.00,"debit":0.00000001,"type":"ServicePayment"`},
		"AI credit bought": {out(ledger.Posting{Book: main, Amount: usd("25.99"), Type: ledger.AICredit, Quantity: 3}), "",
			`"description":"AI features","details":"","serviceUnit":"AI Credits","quantity":25,"currency":"USD","credit":0.00,"debit":25.99,"type":"AiCredit"`},
		"AI credit that came": {in(ledger.Posting{Book: ai, Amount: usd("25.99"), Type: ledger.AICredit, Service: "ai-tools", Quantity: 3}), "ai-tools",
			`"description":"Balance top-up","details":"","quantity":0,"currency":"USD","credit":25.99,"debit":0.00,"type":"Deposit"`},
		"chat": {out(ledger.Posting{Book: ai, Amount: usd("0.0123"), Type: ledger.AIServicePayment, Quantity: 1, Metadata: texts("type", "chat", "total_tokens", "1234", "model", "m-1", "agent_id", "42", "agent_title", "A & B")}), "AI-Tools",
			`"service":"ai-tools","description":"Chat","details":"m-1","serviceUnit":"Tokens","quantity":1234,"currency":"USD","credit":0.00,"debit":0.0123,"agentId":"42","agentTitle":"A & B","type":"AiServicePayment"`},
		"embedding": {out(ledger.Posting{Book: ai, Amount: usd("1"), Type: ledger.AIServicePayment, Service: "ai-tools", Quantity: 1, Metadata: texts("type", "embedding", "prompt_tokens", "9", "total_tokens", "10", "details", "d", "model", "m")}), "ai-tools",
			`"service":"ai-tools","description":"Vectorization","details":"d","serviceUnit":"Tokens","quantity":9,"currency":"USD","credit":0.00,"debit":1.00,"type":"AiServicePayment"`},
		"search": {out(ledger.Posting{Book: ai, Amount: usd("1"), Type: ledger.AIServicePayment, Quantity: 1, Metadata: texts("type", "search", "num_results", "5")}), "ai-tools",
			`"service":"ai-tools","description":"Web search","details":"","serviceUnit":"Results","quantity":5,"currency":"USD","credit":0.00,"debit":1.00,"type":"AiServicePayment"`},
		"fetch": {out(ledger.Posting{Book: ai, Amount: usd("1"), Type: ledger.AIServicePayment, Quantity: 2, Metadata: texts("type", "fetch", "num_results", "5")}), "ai-tools",
			`"service":"ai-tools","description":"Web crawling","details":"","serviceUnit":"Sources","quantity":2,"currency":"USD","credit":0.00,"debit":1.00,"type":"AiServicePayment"`},
		"AI of no kind": {out(ledger.Posting{Book: ai, Amount: usd("1"), Type: ledger.AIServicePayment, Quantity: 2}), "ai-tools",
			`"service":"ai-tools","description":"AI features","details":"","serviceUnit":"AI Credits","quantity":2,"currency":"USD","credit":0.00,"debit":1.00,"type":"AiServicePayment"`},
		"AI of an unknown kind": {out(ledger.Posting{Book: ai, Amount: usd("1"), Type: ledger.AIServicePayment, Quantity: 2, Metadata: texts("type", "dream")}), "ai-tools",
			`"service":"ai-tools","description":"","details":"","quantity":2,"currency":"USD","credit":0.00,"debit":1.00,"type":"AiServicePayment"`},
		"tokens that are no number": {out(ledger.Posting{Book: ai, Amount: usd("1"), Type: ledger.AIServicePayment, Quantity: 2, Metadata: texts("type", "chat", "total_tokens", "many")}), "ai-tools",
			`"service":"ai-tools","description":"Chat","details":"","serviceUnit":"Tokens","quantity":2,"currency":"USD","credit":0.00,"debit":1.00,"type":"AiServicePayment"`},
		"tokens below nought": {out(ledger.Posting{Book: ai, Amount: usd("1"), Type: ledger.AIServicePayment, Quantity: 2, Metadata: texts("type", "chat", "total_tokens", "-1")}), "ai-tools",
			`"service":"ai-tools","description":"Chat","details":"","serviceUnit":"Tokens","quantity":2,"currency":"USD","credit":0.00,"debit":1.00,"type":"AiServicePayment"`},
		"a type in the metadata of something else": {out(ledger.Posting{Book: main, Amount: usd("1"), Type: ledger.ServicePayment, Service: "backup", Quantity: 2, Metadata: texts("type", "chat", "total_tokens", "7")}), "",
			`"service":"backup","description":"Backup","details":"","serviceUnit":"Backup","quantity":2,"currency":"USD","credit":0.00,"debit":1.00,"type":"ServicePayment"`},
		"an unknown service": {out(ledger.Posting{Book: main, Amount: usd("1"), Type: ledger.ServicePayment, Service: "teleport", Quantity: 2}), "",
			`"service":"teleport","description":"","details":"","quantity":2,"currency":"USD","credit":0.00,"debit":1.00,"type":"ServicePayment"`},
		"goodwill": {in(ledger.Posting{Book: main, Amount: usd("1"), Type: ledger.GoodwillCredit, Metadata: texts("details", `Sorry <&> "€"`)}), "",
			`"description":"","details":"Sorry <&> \"€\"","quantity":0,"currency":"USD","credit":1.00,"debit":0.00,"type":"GoodwillCredit"`},
		"a user's name": {out(ledger.Posting{Book: main, Amount: usd("1"), Type: ledger.Refund, Participant: strange}), "",
			`"description":"","details":"","quantity":0,"currency":"USD","credit":0.00,"debit":1.00,"participantName":"` + strange + `","participantDisplayName":"&lt;b&gt;&#34;S&#34; &amp; &#39;T&#39;","type":"Refund"`},
		"a name of nobody": {out(ledger.Posting{Book: main, Amount: usd("1"), Type: ledger.Refund, Participant: "Cron & Co"}), "",
			`"description":"","details":"","quantity":0,"currency":"USD","credit":0.00,"debit":1.00,"participantName":"Cron & Co","participantDisplayName":"Cron & Co","type":"Refund"`},
		"an id of nobody": {out(ledger.Posting{Book: main, Amount: usd("1"), Type: ledger.Refund, Participant: nobody}), "",
			`"description":"","details":"","quantity":0,"currency":"USD","credit":0.00,"debit":1.00,"participantName":"` + nobody + `","participantDisplayName":"` + nobody + `","type":"Refund"`},
		"other digits": {in(ledger.Posting{Book: main, Amount: money.FromUnits(12_345_00000, "KWD"), Type: ledger.Deposit}), "",
			`"description":"Balance top-up","details":"","quantity":0,"currency":"KWD","credit":12.345,"debit":0.000,"type":"Deposit"`},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.post(test.posting)
			type page struct{ Collection []json.RawMessage }
			got := h.getAs(key, "customer/operations?limit=1&serviceName="+test.query).payload(t)
			same(t, `{"date":"2026-07-08T14:39:43.1234560+03:00",`+test.want+`}`, string(decode[page](t, got).Collection[0]))
		})
	}
	h.t = t
	h.verify()
}

func TestPageSaysWhereItIs(t *testing.T) {
	h, key := newLedger(t, "")
	empty := `{"collection":[],"offset":0,"limit":25,"totalQuantity":0,"totalPage":0,"currentPage":1}`
	same(t, empty, h.getAs(key, "customer/operations").payload(t))
	h.clock.Move(-123456*time.Microsecond + time.Second)
	for range 7 {
		h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("1"), Type: ledger.GoodwillCredit}))
	}
	for query, want := range map[string]string{
		"":                                      `"offset":0,"limit":25,"totalQuantity":7,"totalPage":1,"currentPage":1}`,
		"?limit=3":                              `"offset":0,"limit":3,"totalQuantity":7,"totalPage":3,"currentPage":1}`,
		"?limit=3&offset=3":                     `"offset":3,"limit":3,"totalQuantity":7,"totalPage":3,"currentPage":2}`,
		"?limit=3&offset=4":                     `"offset":4,"limit":3,"totalQuantity":7,"totalPage":3,"currentPage":2}`,
		"?limit=7":                              `"offset":0,"limit":7,"totalQuantity":7,"totalPage":1,"currentPage":1}`,
		"?limit=7&offset=7":                     `"collection":[],"offset":7,"limit":7,"totalQuantity":7,"totalPage":1,"currentPage":2}`,
		"?offset=9007199254740991&limit=1":      `"collection":[],"offset":9007199254740991,"limit":1,"totalQuantity":7,"totalPage":7,"currentPage":9007199254740992}`,
		"?type=Deposit&offset=9007199254740991": `"totalQuantity":0,"totalPage":0,"currentPage":360287970189640}`,
		"?status=Rejected":                      empty,
		"?status=completed&type=15&credit=true&debit=": `"totalQuantity":7,"totalPage":1,"currentPage":1}`,
	} {
		got := h.do(request{path: "customer/operations" + query, key: key, loose: true}).payload(t)
		if !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		if !strings.Contains(got, `"date":"2026-07-08T11:39:44.0000000Z"`) && !strings.Contains(got, `[]`) {
			t.Errorf("%s: a date is not in seven digits: %s", query, got)
		}
	}
	same(t, `{"count":0,"links":[{"href":"http://portal.example.com/api/2.0/portal/payment/customer/operations","action":"GET"}],"status":0,"statusCode":200}`,
		func() string {
			h, key := newStartup(t)
			return h.do(request{path: "customer/operations", key: key}).body
		}())
}

func TestBadParametersOfOperationsAreNamed(t *testing.T) {
	h, key := newLedger(t, "")
	for query, field := range map[string]string{
		"offset=-1": "Offset", "offset=x": "Offset", "offset=9007199254740992": "Offset", "offset=1.0": "Offset",
		"limit=0": "Limit", "limit=1001": "Limit", "limit=-5": "Limit", "limit=many": "Limit",
		"startDate=yesterday": "StartDate", "startDate=2026-02-30": "StartDate", "startDate=2026-06-30T25:00": "StartDate",
		"endDate=20260630": "EndDate", "endDate=2026-06-30T10:00:00%2B0300": "EndDate", "endDate=30.06.2026": "EndDate",
		"startDate=2026-06-30&endDate=2026-06-29T23:59:59": "EndDate",
		"participantName=" + strings.Repeat("x", 256):      "ParticipantName",
		"credit=yes": "Credit", "debit=1": "Debit", "type=Gift": "Type", "type=20": "Type", "type=-1": "Type",
		"status=Done": "Status", "status=4": "Status", "orderBy=sum": "OrderBy", "orderType=up": "OrderType", "orderType=2": "OrderType",
		"type=%zz": "Type",
	} {
		for _, who := range []string{key, h.newKey("p", billing.NewKey{})} {
			loose := strings.Contains(query, "&") || strings.Contains(query, "%") || strings.Contains(query, "-30") || strings.Contains(query, "25:00") || query == "debit=1"
			got := h.do(request{path: "customer/operations?" + query, key: who, loose: loose})
			if got.status != http.StatusBadRequest || !strings.Contains(got.payload(t), `"errors":{"`+field+`":["The field `+field+` `) {
				t.Errorf("%s: %d %s", query, got.status, got.body)
			}
		}
	}
	// Source: contract: only what is on offer.
	for service, want := range map[string]int{
		"backup": 200, "BACKUP": 200, "disk-storage": 200, "disk-storage-1-hour": 200, "ai-tools": 200, "": 200,
		"hidden": 404, "teleport": 404, "disk": 404, "disk-storage*": 404, "*": 404, "-1-hour": 404, "storage": 404, "-12": 404,
	} {
		got := h.do(request{path: "customer/operations?serviceName=" + url.QueryEscape(service), key: key, loose: service == ""})
		got.wants(t, want, "")
		if want == 404 && got.message(t) != "Service could not be found" {
			t.Errorf("%s: %q", service, got.message(t))
		}
	}
}

// asked is a query with what it means, in an independent model's words.
type asked struct {
	service, participant string
	from, to             time.Time
	credit, debit        bool
	kind                 *ledger.Type
	status               string
	ascending            bool
}

func (a asked) query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("serviceName", a.service)
	set("participantName", a.participant)
	set("status", a.status)
	if !a.from.IsZero() {
		set("startDate", a.from.UTC().Format(time.RFC3339Nano))
	}
	if !a.to.IsZero() {
		set("endDate", a.to.UTC().Format(time.RFC3339Nano))
	}
	if a.credit {
		set("credit", "true")
	}
	if a.debit {
		set("debit", "true")
	}
	if a.kind != nil {
		set("type", a.kind.String())
	}
	if a.ascending {
		set("orderType", "ascending")
	}
	return q
}

// row is what tells one operation of a test from all others, and what is asked of
// it.
type row struct {
	book        ledger.Book
	at          time.Time
	service     string
	participant string
	credit      bool
	kind        ledger.Type
	id          string // in details
}

// of is the model: the ids of the rows that are asked for, in their order.
func (a asked) of(rows []row) []string {
	ids := []string{}
	for _, r := range rows {
		book, service := ledger.Main, a.service
		if service == "ai-tools" {
			book, service = ledger.AI, ""
		}
		fits := r.book == book &&
			(service == "" || r.service == service || service == "disk-storage" && strings.HasPrefix(r.service, service)) &&
			(a.participant == "" || a.participant == r.participant) &&
			(a.from.IsZero() || !r.at.Before(a.from)) && (a.to.IsZero() || !r.at.After(a.to)) &&
			(a.credit == a.debit || a.credit == r.credit) &&
			(a.kind == nil || *a.kind == r.kind) && (a.status == "" || a.status == "Completed")
		if fits {
			ids = append(ids, r.id)
		}
	}
	if !a.ascending {
		slices.Reverse(ids)
	}
	return ids
}

// pages reads a list page by page, and checks that each says how long it is.
func (h *house) pages(key string, q url.Values, limit int) (ids []string) {
	h.t.Helper()
	type page struct {
		Collection    []struct{ Details string }
		TotalQuantity int
	}
	ids = []string{}
	for total := -1; ; {
		q.Set("limit", fmt.Sprint(limit))
		q.Set("offset", fmt.Sprint(len(ids)))
		got := h.do(request{path: "customer/operations?" + q.Encode(), key: key, loose: true})
		if got.status != http.StatusOK {
			h.t.Fatalf("%s: %d %s", q.Encode(), got.status, got.body)
		}
		p := decode[page](h.t, got.payload(h.t))
		if total < 0 {
			total = p.TotalQuantity
		}
		if want := max(0, min(limit, total-len(ids))); p.TotalQuantity != total || len(p.Collection) != want {
			h.t.Fatalf("%s: %d of %d, want %d of %d", q.Encode(), len(p.Collection), p.TotalQuantity, want, total)
		}
		for _, operation := range p.Collection {
			ids = append(ids, operation.Details)
		}
		if len(ids) >= total {
			return ids
		}
	}
}

// randomPosting returns a transfer with an id of its own and the row that it makes.
func (h *house) randomPosting(draw *rand.Rand) (ledger.Posting, row) {
	kinds := []ledger.Type{ledger.ServicePayment, ledger.Deposit, ledger.Refund, ledger.GoodwillCredit, ledger.AICredit, ledger.AIServicePayment}
	pick := func(from ...string) string { return from[draw.IntN(len(from))] }
	h.serial++
	r := row{
		book: ledger.Main, at: h.clock.Now(), kind: kinds[draw.IntN(len(kinds))], credit: draw.IntN(2) == 0,
		service:     pick("", "backup", "disk-storage", "disk-storage-1-hour", "disk-storage-year", "diskette", "rare-thing"),
		participant: pick("", "ann", "bob", "Ann"), id: fmt.Sprint("id", h.serial),
	}
	if draw.IntN(5) == 0 {
		r.book = ledger.AI
	}
	p := ledger.Posting{
		Book: r.book, Amount: usd("0.01"), Type: r.kind, Service: r.service, Quantity: 1, Participant: r.participant,
		Metadata: ledger.NewMetadata(map[string]string{"details": r.id}),
	}
	if r.credit {
		return in(p), r
	}
	return out(p), r
}

// randomAsked draws each part with some chance.
func randomAsked(draw *rand.Rand, rows []row) asked {
	pick := func(from ...string) string { return from[draw.IntN(len(from))] }
	chance := func() bool { return draw.IntN(3) == 0 }
	a := asked{ascending: draw.IntN(2) == 0}
	if chance() {
		a.service = pick("backup", "disk-storage", "ai-tools")
	}
	if chance() {
		a.participant = pick("ann", "bob", "Ann", "nobody")
	}
	if chance() {
		a.from = rows[draw.IntN(len(rows))].at.Add(time.Duration(draw.IntN(3)-1) * time.Microsecond)
	}
	if chance() {
		a.to = rows[draw.IntN(len(rows))].at.Add(time.Duration(draw.IntN(3)-1) * time.Microsecond)
	}
	if !a.from.IsZero() && !a.to.IsZero() && a.to.Before(a.from) {
		a.from, a.to = a.to, a.from
	}
	a.credit, a.debit = chance(), chance()
	if chance() {
		kind := rows[draw.IntN(len(rows))].kind
		a.kind = &kind
	}
	if chance() {
		a.status = pick("Completed", "Pending", "Canceled")
	}
	return a
}

// A random ledger, and every filter alone and in company, against the model:
// all pages together are the list.
func TestOperationsAreThoseThatAreAskedFor(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			draw := rand.New(rand.NewPCG(seed, 3))
			h, key := newLedger(t, "America/New_York")
			grant := ledger.Posting{Amount: usd("1000000"), Type: ledger.GoodwillCredit, Metadata: ledger.NewMetadata(map[string]string{"details": "grant"})}
			var rows []row
			for _, book := range ledger.Books() {
				grant.Book = book
				h.post(in(grant))
				rows = append(rows, row{book: book, at: h.clock.Now(), credit: true, kind: ledger.GoodwillCredit, id: "grant"})
			}
			add := func(batches int) {
				for range batches {
					h.clock.Move(time.Duration(draw.IntN(3)) * time.Microsecond)
					var postings []ledger.Posting
					for range 1 + draw.IntN(40) {
						p, r := h.randomPosting(draw)
						postings, rows = append(postings, p), append(rows, r)
					}
					h.post(postings...)
				}
			}
			add(100)
			h.getAs(key, "customer/operations?limit=100")
			h.quirky = true // to hold all against openapi.yaml would take minutes
			check := func(a asked, limit int) {
				t.Helper()
				if d := cmp.Diff(a.of(rows), h.pages(key, a.query(), limit)); d != "" {
					t.Fatalf("%s (-want +got):\n%s", a.query().Encode(), d)
				}
			}
			deposit, at := ledger.Deposit, rows[len(rows)/2].at
			for _, alone := range []asked{
				{}, {service: "backup"}, {service: "disk-storage"}, {service: "ai-tools"}, {participant: "ann"}, {participant: "zoe"},
				{from: at}, {to: at}, {from: at, to: at}, {credit: true}, {debit: true}, {credit: true, debit: true}, {kind: &deposit},
				{status: "Completed"}, {status: "Rejected"},
			} {
				for _, alone.ascending = range []bool{false, true} {
					check(alone, 1000)
					check(alone, 251)
				}
			}
			for i := range 40 {
				if i%20 == 19 {
					add(10) // what was counted already stays
				}
				check(randomAsked(draw, rows), []int{50, 251, 256, 1000}[draw.IntN(4)])
			}
			h.verify()
		})
	}
}

// While operations are added, the pages of a list that ends in the past stay what
// they are, as do those with the oldest first.
func TestPagesStandStillWhileOperationsAreAdded(t *testing.T) {
	draw := rand.New(rand.NewPCG(4, 4))
	h, key := newLedger(t, "")
	h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("1000000"), Type: ledger.GoodwillCredit}),
		in(ledger.Posting{Book: ledger.AI, Amount: usd("1000000"), Type: ledger.GoodwillCredit}))
	var rows []row
	add := func(n int) {
		h.clock.Move(time.Second)
		var postings []ledger.Posting
		for range n {
			p, r := h.randomPosting(draw)
			postings, rows = append(postings, p), append(rows, r)
		}
		h.post(postings...)
	}
	add(900)
	end := h.clock.Now()
	for _, filter := range []asked{{to: end}, {to: end, participant: "bob"}, {to: end, service: "disk-storage", debit: true}} {
		want := filter.of(rows)
		got := []string{}
		q := filter.query()
		q.Set("startDate", startOfTime.Add(time.Second).Format(time.RFC3339Nano)) // without the grants
		type page struct {
			Collection    []struct{ Details string }
			TotalQuantity int
		}
		for len(got) < len(want) {
			q.Set("offset", fmt.Sprint(len(got)))
			p := decode[page](t, h.getAs(key, "customer/operations?"+q.Encode()).payload(t))
			if p.TotalQuantity != len(want) || len(p.Collection) == 0 {
				t.Fatalf("%d of %d, want %d", len(p.Collection), p.TotalQuantity, len(want))
			}
			for _, operation := range p.Collection {
				got = append(got, operation.Details)
			}
			add(30)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", q.Encode(), d)
		}
	}
	h.verify()
}

// What was done a moment ago is in the list: nothing is kept.
func TestOperationsAreNeverStale(t *testing.T) {
	h, key := newLedger(t, "")
	for i := range 20 {
		h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("1"), Type: ledger.Deposit, Participant: "p"}))
		for _, query := range []string{"", "?participantName=p", "?credit=true"} {
			if got := h.getAs(key, "customer/operations"+query).payload(t); !strings.Contains(got, fmt.Sprintf(`"totalQuantity":%d,`, i+1)) {
				t.Fatalf("after %d: %s", i+1, got)
			}
		}
	}
}

// Dates without an offset are in the portal's zone, also in the hours that its
// clocks show twice or not at all.
func TestDatesAreInThePortalsZone(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for name, test := range map[string]struct {
		zone   string
		events []string            // in UTC, and how they are shown
		shown  []string            //
		counts map[string][]string // by query, the details of what is in the list
	}{
		"UTC": {
			zone:   "",
			events: []string{"2026-08-01T00:00:00Z", "2026-08-01T12:00:00Z"},
			shown:  []string{"2026-08-01T00:00:00.0000000Z", "2026-08-01T12:00:00.0000000Z"},
			counts: map[string][]string{
				"startDate=2026-08-01":                                {"0", "1"},
				"startDate=2026-08-01T00:00:00.0000001":               {"1"},
				"endDate=2026-08-01":                                  {"0"},
				"endDate=2026-08-01t12:00:00z":                        {"0", "1"},
				"endDate=2026-08-01T11:59:59.9999999Z":                {"0"},
				"startDate=2026-08-01T14:00:00%2B02:00":               {"1"},
				"startDate=2026-08-01T14:00:00+02:00":                 {"1"},
				"startDate=2026-08-01T06:00-06:00":                    {"1"},
				"startDate=2026-08-01%2012:00:00":                     {"1"},
				"startDate=2026-08-01T12:00&endDate=2026-08-01T12:00": {"1"},
			},
		},
		"east": {
			zone:   "Asia/Kolkata",
			events: []string{"2026-08-01T18:29:59Z", "2026-08-01T18:30:00Z"},
			shown:  []string{"2026-08-01T23:59:59.0000000+05:30", "2026-08-02T00:00:00.0000000+05:30"},
			counts: map[string][]string{
				"startDate=2026-08-02":           {"1"},
				"endDate=2026-08-01T23:59:59":    {"0"},
				"startDate=2026-08-01T18:30:00Z": {"1"},
			},
		},
		"clocks put back": { // at 01:00 UTC, from 03:00 to 02:00
			zone:   "Europe/Berlin",
			events: []string{"2026-10-25T00:29:59Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T01:30:01Z"},
			shown: []string{
				"2026-10-25T02:29:59.0000000+02:00", "2026-10-25T02:30:00.0000000+02:00",
				"2026-10-25T02:30:00.0000000+01:00", "2026-10-25T02:30:01.0000000+01:00",
			},
			counts: map[string][]string{
				"startDate=2026-10-25T02:30:00":                             {"1", "2", "3"},
				"endDate=2026-10-25T02:30:00":                               {"0", "1", "2"},
				"startDate=2026-10-25T02:30:00&endDate=2026-10-25T02:30:00": {"1", "2"},
				"startDate=2026-10-25T02:30:00%2B01:00":                     {"2", "3"},
				"startDate=2026-10-25&endDate=2026-10-25T03:00":             {"0", "1", "2", "3"},
			},
		},
		"clocks put forward": { // at 10:00 UTC, from 02:00 to 03:00
			zone:   "America/Los_Angeles",
			events: []string{"2027-03-14T09:59:59Z", "2027-03-14T10:00:00Z", "2027-03-14T10:30:00Z"},
			shown:  []string{"2027-03-14T01:59:59.0000000-08:00", "2027-03-14T03:00:00.0000000-07:00", "2027-03-14T03:30:00.0000000-07:00"},
			counts: map[string][]string{
				"startDate=2027-03-14T02:30":                          {"1", "2"},
				"endDate=2027-03-14T02:30":                            {"0"},
				"startDate=2027-03-14T02:30&endDate=2027-03-14T02:30": {},
				"startDate=2027-03-14T02:00&endDate=2027-03-14T03:00": {"1"},
				"endDate=2027-03-14T03:00":                            {"0", "1"},
				"endDate=2027-03-14T01:59:59":                         {"0"},
			},
		},
		"winter in London": {
			zone:   "Europe/London",
			events: []string{"2026-08-01T00:00:00Z", "2026-12-01T00:00:00Z"},
			shown:  []string{"2026-08-01T01:00:00.0000000+01:00", "2026-12-01T00:00:00.0000000Z"},
			counts: map[string][]string{"startDate=2026-12-01": {"1"}, "endDate=2026-08-01T01:00": {"0"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, key := newLedger(t, test.zone)
			for i, event := range test.events {
				h.clock.Move(at(event).Sub(h.clock.Now()))
				h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("1"), Type: ledger.Deposit,
					Metadata: ledger.NewMetadata(map[string]string{"details": fmt.Sprint(i)})}))
			}
			type page struct {
				Collection []struct{ Date, Details string }
			}
			list := func(query string) (dates, details []string) {
				got := h.getAs(key, "customer/operations?orderType=Ascending&"+query).payload(t)
				details = []string{}
				for _, operation := range decode[page](t, got).Collection {
					dates, details = append(dates, operation.Date), append(details, operation.Details)
				}
				return dates, details
			}
			dates, _ := list("")
			if d := cmp.Diff(test.shown, dates); d != "" {
				t.Errorf("dates (-want +got):\n%s", d)
			}
			for query, want := range test.counts {
				if _, got := list(query); !slices.Equal(got, want) {
					t.Errorf("%s: %v, want %v", query, got, want)
				}
			}
		})
	}
}

func TestTimeZoneOfAPortalCanBeSet(t *testing.T) {
	h, key := newLedger(t, "")
	h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("1"), Type: ledger.Deposit}))
	h.getAs(key, "customer/operations")
	h.must(h.service.SetTimeZone(t.Context(), "p", "Asia/Tokyo"))
	if got := h.getAs(key, "customer/operations").payload(t); !strings.Contains(got, `"date":"2026-07-08T20:39:43.1234560+09:00"`) {
		t.Errorf("%s", got)
	}
	for _, bad := range []string{"Local", "Europe/Nowhere", "../etc/passwd", "+03:00", strings.Repeat("x", 65)} {
		if err := h.service.SetTimeZone(t.Context(), "p", bad); err == nil {
			t.Errorf("%q is a time zone", bad)
		}
	}
}

// Source: contract, "GET /payment/customer/aibalance".
func TestAIBalanceIsThatOfTheAILedger(t *testing.T) {
	h, key := newLedger(t, "")
	const none = `{"count":0,"links":[{"href":"http://portal.example.com/api/2.0/portal/payment/customer/aibalance","action":"GET"}],"status":0,"statusCode":200}`
	same(t, none, h.getAs(key, "customer/aibalance").body)
	h.post(in(ledger.Posting{Book: ledger.Main, Amount: usd("7"), Type: ledger.Deposit}))
	same(t, none, h.getAs(key, "customer/aibalance").body)
	h.post(in(ledger.Posting{Book: ledger.AI, Amount: usd("25.5"), Type: ledger.Deposit}))
	h.post(out(ledger.Posting{Book: ledger.AI, Amount: usd("0.00000001"), Type: ledger.AIServicePayment}))
	same(t, `{"accountNumber":100001,"subAccountNumber":2,"accountName":"p","accountCurrency":"USD",`+
		`"subAccounts":[{"currency":"USD","amount":25.49999999}],`+
		`"lastCredit":{"date":"2026-07-08T11:39:43.123456Z","currency":"USD","amount":25.50}}`,
		h.getAs(key, "customer/aibalance?refresh=true").payload(t))
	h.verify()
}
