package billing_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

func (h *hall) carry(key string, what billing.What) billing.Receipt {
	h.t.Helper()
	receipt, err := h.CarryOne(h.t.Context(), billing.Order{PortalID: company, Key: key, What: what})
	if err != nil {
		h.t.Fatalf("%s: %v", key, err)
	}
	return receipt
}

func (h *hall) spending(f billing.SpendingFilter) []billing.ServiceSpending {
	h.t.Helper()
	if f.Limit == 0 {
		f.Limit = billing.MaxOperations
	}
	page, err := h.Spending(h.t.Context(), h.as(billing.Owner), f)
	if err != nil {
		h.t.Fatalf("%+v: %v", f, err)
	}
	return page.Services
}

func (h *hall) months(from, to time.Time) []billing.MonthSpending {
	h.t.Helper()
	months, err := h.MonthlySpending(h.t.Context(), h.as(billing.Owner), from, to)
	if err != nil {
		h.t.Fatal(err)
	}
	return months
}

func spent(service string, quantity int64, sum string, operations int64) billing.ServiceSpending {
	return billing.ServiceSpending{Service: service, Quantity: quantity, Amount: amount(sum), Operations: operations}
}

// rich returns a company with money to spend that has spent nothing. Its clock is at
// the given moment.
func rich(t *testing.T, now time.Time) *hall {
	t.Helper()
	h := newCompany(t)
	h.addPortal("unused") // so that the company is not the only one
	for _, currency := range []string{"USD", "EUR"} {
		h.carry("rich "+currency, billing.Credit{Amount: amount("1000000 " + currency), Reason: "to spend"})
	}
	h.clock.Move(now.Sub(h.clock.Now()))
	return h
}

// from is before what these tests spend, and after what the sample company did.
var from = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)

func TestSpendingIsNetOfCorrections(t *testing.T) {
	h := rich(t, from)
	charge := func(key, service, sum string, quantity int64, who string) billing.Receipt {
		return h.carry(key, billing.Charge{Service: service, Quantity: quantity, Amount: amount(sum), Participant: who, Metadata: map[string]string{"of": key[:1], "who": who}})
	}
	charge("a1", "backup", "10 USD", 1, "ann")
	second := charge("b2", "backup", "10 USD", 1, "bob")
	third := charge("a3", "backup", "7.00000001 EUR", 2, "ann")
	charge("b4", "disk-storage-1-hour", "3 USD", 100, "bob")
	charge("b5", "disk-storage", "0.14 USD", 1, "bob")
	h.carry("credit", billing.Credit{Amount: amount("99 USD"), Reason: "not spent"})
	h.clock.Move(day)
	later := h.clock.Now()
	h.carry("c1", billing.Correction{Transfer: second.Transfer, Amount: amount("4 USD"), Reason: "too much"})
	h.carry("c2", billing.Correction{Transfer: third.Transfer, Reason: "wrong"})

	disk := spent("disk-storage", 101, "3.14 USD", 2)
	all := []billing.ServiceSpending{spent("backup", 0, "0 EUR", 1), spent("backup", 2, "16 USD", 2), disk}
	diff(t, "all", h.spending(billing.SpendingFilter{From: from}), all)
	diff(t, "the same again, as remembered", h.spending(billing.SpendingFilter{From: from}), all)
	diff(t, "the other way round", h.spending(billing.SpendingFilter{From: from, Descending: true}), []billing.ServiceSpending{disk, all[0], all[1]})
	diff(t, "by amount", h.spending(billing.SpendingFilter{From: from, Order: billing.ByAmount, Descending: true}), []billing.ServiceSpending{all[1], disk, all[0]})
	diff(t, "by quantity", h.spending(billing.SpendingFilter{From: from, Order: billing.ByQuantity}), []billing.ServiceSpending{all[0], all[1], disk})
	diff(t, "by operations", h.spending(billing.SpendingFilter{From: from, Order: billing.ByOperations}), all)
	diff(t, "before the corrections", h.spending(billing.SpendingFilter{From: from, To: later.Add(-time.Microsecond)}),
		[]billing.ServiceSpending{spent("backup", 2, "7.00000001 EUR", 1), spent("backup", 2, "20 USD", 2), disk})
	diff(t, "the corrections alone", h.spending(billing.SpendingFilter{From: later}),
		[]billing.ServiceSpending{spent("backup", -2, "-7.00000001 EUR", 0), spent("backup", 0, "-4 USD", 0)})
	diff(t, "of ann", h.spending(billing.SpendingFilter{From: from, Participant: "ann"}), []billing.ServiceSpending{all[0], spent("backup", 1, "10 USD", 1)})
	diff(t, "of bob, with what was taken back of it by others", h.spending(billing.SpendingFilter{From: from, Participant: "bob"}),
		[]billing.ServiceSpending{spent("backup", 1, "6 USD", 1), disk})
	diff(t, "by metadata", h.spending(billing.SpendingFilter{From: from, Metadata: map[string]string{"of": "a"}}), []billing.ServiceSpending{all[0], spent("backup", 1, "10 USD", 1)})
	diff(t, "by more of it", h.spending(billing.SpendingFilter{From: from, Metadata: map[string]string{"of": "a", "who": "bob"}}), []billing.ServiceSpending{})
	diff(t, "by metadata that nothing has", h.spending(billing.SpendingFilter{Metadata: map[string]string{"of": ""}}), []billing.ServiceSpending{})
	diff(t, "by service", h.spending(billing.SpendingFilter{From: from, Service: "disk-storage*"}), []billing.ServiceSpending{disk})
	diff(t, "pending", h.spending(billing.SpendingFilter{Statuses: []ledger.Status{ledger.Pending, ledger.Rejected}}), []billing.ServiceSpending{})
	diff(t, "completed", h.spending(billing.SpendingFilter{From: from, Statuses: []ledger.Status{ledger.Completed}}), all)
	diff(t, "of AI credit", h.spending(billing.SpendingFilter{Book: ledger.AI}), []billing.ServiceSpending{})
	diff(t, "a page", h.spending(billing.SpendingFilter{From: from, Offset: 1, Limit: 1}), all[1:2])
	diff(t, "past the end", h.spending(billing.SpendingFilter{From: from, Offset: 3}), []billing.ServiceSpending{})
	diff(t, "by months", h.months(from, time.Time{}), []billing.MonthSpending{
		{Year: 2026, Month: time.August, Amount: amount("0 EUR"), Operations: 1},
		{Year: 2026, Month: time.August, Amount: amount("19.14 USD"), Operations: 4},
	})
}

func TestMonthsAreThePortalsOwn(t *testing.T) {
	h := rich(t, time.Date(2026, 8, 31, 21, 59, 59, 0, time.UTC))
	for i := range 3 { // 23:59:59 in Berlin, midnight, and a second after it
		h.carry(fmt.Sprint("charge", i), billing.Charge{Service: "backup", Quantity: 1, Amount: amount("1 USD")})
		h.clock.Move(time.Second)
	}
	month := func(m time.Month, sum string, n int64) billing.MonthSpending {
		return billing.MonthSpending{Year: 2026, Month: m, Amount: amount(sum), Operations: n}
	}
	diff(t, "in UTC", h.months(from, time.Time{}), []billing.MonthSpending{month(time.August, "3 USD", 3)})
	h.must(h.SetTimeZone(t.Context(), company, "Europe/Berlin"))
	diff(t, "in Berlin", h.months(from, time.Time{}), []billing.MonthSpending{month(time.August, "1 USD", 1), month(time.September, "2 USD", 2)})
	diff(t, "until the first second", h.months(from, time.Date(2026, 8, 31, 22, 0, 0, 0, time.UTC)), []billing.MonthSpending{month(time.August, "1 USD", 1), month(time.September, "1 USD", 1)})
	diff(t, "of a time with nothing in it", h.months(from, from), []billing.MonthSpending{})
}

// TestSpendingIsWhatAddsUp compares with the plain sum over all transfers, over
// several blocks, for random times and while the ledger grows.
func TestSpendingIsWhatAddsUp(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	h := rich(t, from)
	h.must(h.SetTimeZone(t.Context(), company, "America/New_York"))
	zone, err := time.LoadLocation("America/New_York")
	h.must(err)
	var done []string // charges
	for round := range 4 {
		for n := range 9 {
			var orders []billing.Order
			for i := range 100 {
				var what billing.What = billing.Charge{
					Service: []string{"backup", "disk-storage", "disk-storage-1-hour", "chat"}[random.IntN(4)], Quantity: 1 + random.Int64N(5),
					Amount: money.FromUnits(1+random.Int64N(1000), []money.Currency{"USD", "EUR"}[random.IntN(2)]), Participant: []string{"ann", "bob"}[random.IntN(2)],
				}
				if len(done) > 0 && random.IntN(20) == 0 {
					what = billing.Correction{Transfer: done[len(done)-1], Reason: "wrong"}
					done = done[:len(done)-1]
				}
				orders = append(orders, billing.Order{PortalID: company, Key: fmt.Sprint(round, n, i), What: what})
			}
			for i, o := range h.Carry(t.Context(), orders...) {
				h.must(o.Err)
				if _, charged := orders[i].What.(billing.Charge); charged && random.IntN(3) == 0 {
					done = append(done, o.Receipt.Transfer)
				}
			}
			h.clock.Move(time.Duration(random.Int64N(int64(9 * day))))
		}
		all := h.everything()
		for range 20 {
			f := billing.SpendingFilter{Participant: []string{"", "ann"}[random.IntN(2)], Limit: billing.MaxOperations}
			if random.IntN(4) > 0 {
				f.From = all[random.IntN(len(all))].At.Add(time.Duration(random.IntN(3)-1) * time.Microsecond)
			}
			if random.IntN(4) > 0 {
				f.To = all[random.IntN(len(all))].At.Add(time.Duration(random.IntN(3)-1) * time.Microsecond)
			}
			services, months := plainly(all, f, zone)
			diff(t, fmt.Sprintf("spending %+v", f), h.spending(f), services)
			if f.Participant == "" {
				diff(t, fmt.Sprintf("months %v %v", f.From, f.To), h.months(f.From, f.To), months)
			}
		}
	}
}

// What was found out once of a ledger that is only added to is not read again: not
// where months begin, nor what was spent in them. What is new is.
func TestSpendingIsNotReadTwice(t *testing.T) {
	h := rich(t, from)
	charge := func(n int) {
		h.carry(fmt.Sprint("charge", n), billing.Charge{Service: "backup", Quantity: 1, Amount: amount("1 USD")})
		h.clock.Move(10 * day)
	}
	for n := range 9 { // of August, September and October, within one block
		charge(n)
	}
	ask := func(h *hall) ([]billing.MonthSpending, int64) {
		page, err := h.Operations(t.Context(), h.as(billing.Owner), billing.OperationFilter{
			From: from.AddDate(0, 1, 0), To: from.AddDate(0, 2, 0).Add(-time.Microsecond), Limit: 1,
		})
		h.must(err)
		return h.months(from, time.Time{}), page.Total
	}
	month := func(in time.Month, sum string, n int64) billing.MonthSpending {
		return billing.MonthSpending{Year: 2026, Month: in, Amount: amount(sum), Operations: n}
	}
	want := []billing.MonthSpending{month(time.August, "4 USD", 4), month(time.September, "3 USD", 3), month(time.October, "2 USD", 2)}
	months, inSeptember := ask(h)
	diff(t, "by months", months, want)
	if inSeptember != 3 {
		t.Errorf("%d operations in September", inSeptember)
	}

	h.past(`UPDATE transfer SET amount = 2 * amount WHERE key LIKE 'charge%'`)
	h.past(`UPDATE transfer SET at = at + 1000000 * 86400 * 5 WHERE key = 'charge3'`) // from the 31st of August
	months, inSeptember = ask(h)
	diff(t, "when what was read is another", months, want)
	if inSeptember != 3 {
		t.Errorf("%d operations in September, when what was read is another", inSeptember)
	}
	charge(9)
	months, _ = ask(h)
	diff(t, "with one more", months, append(want[:2:2], month(time.October, "5 USD", 3)))
	if months, inSeptember = ask(h.another()); months[0].Amount == want[0].Amount || inSeptember == 3 {
		t.Errorf("who has read nothing yet sees %v, and %d in September", months, inSeptember)
	}
}

// everything returns all transfers of the company.
func (h *hall) everything() (all []ledger.Transfer) {
	h.t.Helper()
	err := h.Statement(h.t.Context(), company, ledger.Main, time.Time{}, time.Time{}, func(billing.Statement) error { return nil }, func(t *ledger.Transfer) error {
		all = append(all, *t)
		return nil
	})
	h.must(err)
	return all
}

// plainly sums up all transfers one by one.
func plainly(all []ledger.Transfer, f billing.SpendingFilter, zone *time.Location) (services []billing.ServiceSpending, months []billing.MonthSpending) {
	type key struct{ a, b string }
	byService, byMonth := map[key]*billing.ServiceSpending{}, map[key]*billing.MonthSpending{}
	for _, t := range all {
		if t.Type != ledger.ServicePayment || !f.From.IsZero() && t.At.Before(f.From) || !f.To.IsZero() && t.At.After(f.To) {
			continue
		}
		about, sign, one, quantity := t, int64(1), int64(1), t.Quantity
		if t.Corrects != 0 {
			about, sign, one, quantity = all[t.Corrects-1], -1, 0, 0
			if about.Amount == t.Amount {
				quantity = -about.Quantity
			}
		}
		if f.Participant != "" && about.Participant != f.Participant {
			continue
		}
		service, currency := t.Service, t.Amount.Currency()
		if strings.HasPrefix(service, "disk-storage") {
			service = "disk-storage"
		}
		in := key{service, string(currency)}
		if byService[in] == nil {
			byService[in] = &billing.ServiceSpending{Service: service, Amount: money.FromUnits(0, currency)}
		}
		s := byService[in]
		s.Amount, s.Quantity, s.Operations = money.FromUnits(s.Amount.Units()+sign*t.Amount.Units(), currency), s.Quantity+quantity, s.Operations+one
		local := t.At.In(zone)
		on := key{local.Format("2006-01"), string(currency)}
		if byMonth[on] == nil {
			byMonth[on] = &billing.MonthSpending{Year: local.Year(), Month: local.Month(), Amount: money.FromUnits(0, currency)}
		}
		m := byMonth[on]
		m.Amount, m.Operations = money.FromUnits(m.Amount.Units()+sign*t.Amount.Units(), currency), m.Operations+one
	}
	order := func(a, b key) int { return cmp.Or(cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b)) }
	for _, k := range slices.SortedFunc(maps.Keys(byService), order) {
		services = append(services, *byService[k])
	}
	for _, k := range slices.SortedFunc(maps.Keys(byMonth), order) {
		months = append(months, *byMonth[k])
	}
	return services, months
}

func TestWhoSeesSpending(t *testing.T) {
	h := newCompany(t)
	h.addPortal("bare")
	bare := h.owner("bare")
	page, err := h.Spending(t.Context(), bare, billing.SpendingFilter{Limit: 1})
	months, err2 := h.MonthlySpending(t.Context(), bare, time.Time{}, time.Time{})
	if page != nil || months != nil || err != nil || err2 != nil {
		t.Errorf("of a portal without a customer: %v, %v, %v, %v", page, months, err, err2)
	}
	_, err = h.Spending(t.Context(), h.as(billing.RoomAdmin), billing.SpendingFilter{Limit: 1})
	_, err2 = h.MonthlySpending(t.Context(), h.as(billing.RoomAdmin), time.Time{}, time.Time{})
	if !errors.Is(err, billing.ErrAccessDenied) || !errors.Is(err2, billing.ErrAccessDenied) {
		t.Errorf("as a room admin: %v, %v", err, err2)
	}
	for field, f := range map[string]billing.SpendingFilter{"offset": {Limit: 1, Offset: -1}, "limit": {}, "limit ": {Limit: billing.MaxOperations + 1}} {
		_, err := h.Spending(t.Context(), h.as(billing.Owner), f)
		var wrong *billing.FieldError
		if !errors.As(err, &wrong) || wrong.Field != strings.TrimSpace(field) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
