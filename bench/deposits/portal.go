package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

const usd money.Currency = "USD"

func dollars(n int64) money.Amount { return money.FromUnits(n*money.Scale, usd) }

// entry is one movement of money at the portal.
type entry struct {
	operation docspace.Operation
	text      json.RawMessage // the same as it is listed
	posted    time.Time       // when it is in the balance
	shown     time.Time       // when it is in the list
	key       string          // of the deposit that it is; "" for anything else
}

// portal is a stock DocSpace, or one that keeps keys, in virtual time: a handler of
// the routes that a Depositor asks for.
type portal struct {
	w     *world
	keyed bool
	skew  time.Duration // of its accounting against its own clock
	stale time.Duration // for how long it remembers a balance, whatever it is asked

	entries []entry
	balance money.Amount
	cached  time.Time
	keys    map[string]bool // those that came to it
	charges map[string]int  // by the intent's key: charged, or sure to be
	posts   map[string]int
}

// post puts a movement into the books, now or later.
func (p *portal) post(kind docspace.OperationType, amount money.Amount, details, key string, posted, shown time.Time) {
	o := docspace.Operation{
		Date: docspace.Time{Time: posted.Add(p.skew)}, Type: kind, Details: details,
		Credit: amount, Debit: money.FromUnits(0, usd), ParticipantName: "66faa6e4-f133-11ea-b126-00ffeec8b4ef",
	}
	if kind != docspace.DepositPayment {
		o.Credit, o.Debit, o.Service = o.Debit, amount, "backup"
	}
	if details != "" {
		o.ParticipantName = ""
	}
	p.entries = append(p.entries, entry{o, must(json.Marshal(o)), posted, shown, key})
}

func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", p.w.now.UTC().Format(http.TimeFormat))
	if p.keyed {
		w.Header().Set("Idempotency-Keys", "kept")
	}
	switch strings.TrimPrefix(r.URL.Path, "/api/2.0/portal/payment/") {
	case "customerinfo":
		answer(w, docspace.CustomerInfo{PortalID: "p", PaymentMethodStatus: docspace.PaymentMethodSet, Email: "a@example.com"})
	case "customer/balance":
		answer(w, docspace.Balance{SubAccounts: []docspace.SubAccount{{Amount: p.available()}}})
	case "customer/operations":
		p.operations(w, r)
	case "deposit":
		p.deposit(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func answer(w http.ResponseWriter, payload any) {
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(w, `{"response":%s,"count":1,"links":[],"status":0,"statusCode":200}`, text)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"message":%q,"type":null,"stack":null,"hresult":0},"status":1,"statusCode":%d}`, message, status)
}

// available is the balance, or what is remembered of it.
func (p *portal) available() money.Amount {
	if !p.cached.IsZero() && p.w.now.Before(p.cached.Add(p.stale)) {
		return p.balance
	}
	sum := dollars(100)
	for _, e := range p.entries {
		if !e.posted.After(p.w.now) {
			sum = must(must(sum.Add(e.operation.Credit)).Sub(e.operation.Debit))
		}
	}
	p.balance, p.cached = sum, p.w.now
	return sum
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// operations lists what is shown, the latest first.
func (p *portal) operations(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	moment := func(name string) time.Time { return must(time.Parse(time.RFC3339Nano, q.Get(name))) }
	from, to := moment("startDate"), moment("endDate")
	var some []*entry
	for i := range p.entries {
		e := &p.entries[i]
		date := e.operation.Date.Time
		if !e.shown.After(p.w.now) && !date.Before(from) && !date.After(to) && (q.Get("type") == "" || q.Get("type") == string(e.operation.Type)) {
			some = append(some, e)
		}
	}
	slices.SortStableFunc(some, func(a, b *entry) int { return b.operation.Date.Compare(a.operation.Date.Time) })
	total := int64(len(some))
	offset, limit := int64(0), int64(25)
	if text := q.Get("offset"); text != "" {
		offset = must(strconv.ParseInt(text, 10, 64))
	}
	if text := q.Get("limit"); text != "" {
		limit = must(strconv.ParseInt(text, 10, 64))
	}
	limit = min(limit, p.w.pageLimit)
	texts := []json.RawMessage{}
	for _, e := range some[min(offset, total):min(offset+limit, total)] {
		texts = append(texts, e.text)
	}
	answer(w, map[string]any{
		"collection": texts, "offset": offset, "limit": limit, "totalQuantity": total,
		"totalPage": (total + limit - 1) / limit, "currentPage": offset/limit + 1,
	})
}

// deposit charges or does not, and answers or does not, as the world has it.
func (p *portal) deposit(w http.ResponseWriter, r *http.Request) {
	var in docspace.DepositRequest
	body := must(io.ReadAll(r.Body))
	if err := json.Unmarshal(body, &in); err != nil {
		panic(err)
	}
	wire := r.Header.Get("Idempotency-Key")
	key, _, _ := strings.Cut(wire, "#")
	p.posts[key]++
	fate := p.w.fate()
	p.w.tally.fates[fate]++
	if p.keyed && p.keys[wire] { // which it did, or is about to
		if fate == refused {
			refuse(w, http.StatusTooManyRequests, "Too many")
			return
		}
		p.again(w, wire)
		return
	}
	if p.charges[key] > 0 && fate.charges() {
		p.w.broken("%s is charged a second time", key)
	}
	if fate == refused {
		refuse(w, []int{400, 403, 429}[p.w.n(3)], "No")
		return
	}
	posted := p.w.now.Add(p.w.span(time.Second))
	if fate == chargedLate {
		posted = p.w.now.Add(p.w.span(10 * time.Minute))
	}
	if fate.charges() {
		p.charges[key]++
		p.keys[wire] = true
		p.post(docspace.DepositPayment, dollars(in.Amount), "", key, posted, posted.Add(p.w.lateness()))
	}
	switch fate {
	case charged:
		p.w.advance(posted.Sub(p.w.now))
		answer(w, true)
	case saidFalse, saidFalseCharged:
		if p.keyed && fate == saidFalseCharged { // which is stock's fault alone
			panic(errLost)
		}
		answer(w, false)
	default:
		panic(errLost)
	}
}

// again answers a deposit whose key came before.
func (p *portal) again(w http.ResponseWriter, wire string) {
	i := slices.IndexFunc(p.entries, func(e entry) bool { return e.key == cutKey(wire) })
	if i >= 0 && !p.entries[i].posted.After(p.w.now) {
		answer(w, true)
		return
	}
	refuse(w, http.StatusServiceUnavailable, "The outcome of the payment is not known yet")
}

func cutKey(wire string) string { key, _, _ := strings.Cut(wire, "#"); return key }

// last sorts what is in the books by when it is shown.
func (p *portal) last() time.Time {
	if len(p.entries) == 0 {
		return p.w.now
	}
	return slices.MaxFunc(p.entries, func(a, b entry) int { return cmp.Compare(a.shown.UnixNano(), b.shown.UnixNano()) }).shown
}
