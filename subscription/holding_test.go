package subscription_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/subscription"
)

func buy(t rapid.TB, quantity int64, unit string, term subscription.Term) subscription.Holding {
	t.Helper()
	h, err := subscription.Buy(quantity, amount(t, unit), term)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The examples of README.md, and some more.
func TestChanges(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	february := begin(t, at(t, "2026-01-31T10:00:00+01:00"), catalog.Month, berlin)
	march := begin(t, utc(2026, time.March, 1, 0), catalog.Month, nil)
	april := begin(t, utc(2026, time.April, 1, 0), catalog.Month, nil)
	year := begin(t, utc(2026, time.January, 1, 0), catalog.Year, nil)
	noon, midApril := at(t, "2026-02-10T12:00:00+01:00"), utc(2026, time.April, 16, 0)

	tests := []struct {
		name     string
		had      subscription.Holding
		quantity int64
		unit     string
		now      time.Time
		rate     string
		cost     string
	}{
		{"doubling", buy(t, 100, "0.14 USD", february), 200, "0.14 USD", noon, "28.00 USD", "9.00 USD"},
		{"doubling before it starts", buy(t, 100, "0.14 USD", february), 200, "0.14 USD", february.Start.Add(-time.Hour), "28.00 USD", "14.00 USD"},
		{"doubling at once", buy(t, 100, "0.14 USD", february), 200, "0.14 USD", february.Start, "28.00 USD", "14.00 USD"},
		{"doubling at last", buy(t, 100, "0.14 USD", february), 200, "0.14 USD", february.End.Add(-1), "28.00 USD", "0.50 USD"},
		{"one more, late", buy(t, 100, "0.14 USD", march), 101, "0.14 USD", utc(2026, time.March, 21, 0), "14.14 USD", "0.05 USD"},
		{"fewer", buy(t, 10, "20.00 USD", april), 3, "20.00 USD", midApril, "60.00 USD", "-70.00 USD"},
		{"fewer, and cheaper by now", buy(t, 10, "20.00 USD", april), 3, "1.00 USD", midApril, "60.00 USD", "-70.00 USD"},
		{"fewer, of what can't be divided", subscription.Holding{Quantity: 3, Rate: amount(t, "0.05 USD"), Term: april}, 2, "0.01 USD", april.Start, "0.03 USD", "-0.02 USD"},
		{"fewer, of what can't be divided, less than a cent", subscription.Holding{Quantity: 3, Rate: amount(t, "0.055 USD"), Term: april}, 2, "0.01 USD", april.Start, "0.03666666 USD", "-0.01833334 USD"},
		{"a price that changed", buy(t, 10, "20.00 USD", april), 12, "25.00 USD", midApril, "250.00 USD", "25.00 USD"},
		{"the same", buy(t, 10, "20.00 USD", april), 10, "25.00 USD", midApril, "200.00 USD", "0 USD"},
		{"yen", buy(t, 1, "3000 JPY", april), 2, "3000 JPY", midApril, "6000 JPY", "1500 JPY"},
		{"fils", buy(t, 1, "6.150 KWD", april), 2, "6.150 KWD", midApril, "12.300 KWD", "3.075 KWD"},
		{"less than a cent", buy(t, 100, "0.0035 USD", april), 101, "0.0035 USD", april.Start, "0.3535 USD", "0.0035 USD"},
		{"less than a cent, later", buy(t, 100, "0.0035 USD", april), 101, "0.0035 USD", midApril, "0.3535 USD", "0 USD"},
		{"less than a cent becomes cents", buy(t, 1, "10.005 USD", april), 2, "0.005 USD", april.End.Add(-1), "10.01 USD", "0 USD"},
		{"fewer, less than a cent", buy(t, 3, "0.0035 USD", april), 2, "0.0035 USD", april.Start, "0.007 USD", "-0.0035 USD"},
		{"free", buy(t, 1, "0 USD", april), 7, "0 USD", midApril, "0 USD", "0 USD"},
		{"a year", buy(t, 1, "220.00 USD", year), 2, "220.00 USD", utc(2026, time.April, 11, 0), "440.00 USD", "159.72 USD"},
		{"the largest rate", buy(t, 2, "46116860184.27387903 USD", april), 1, "0 USD", april.Start, "46116860184.27387903 USD", "-46116860184.27387903 USD"},
		{"the largest quantity", buy(t, math.MaxInt64, "0.00000001 USD", april), math.MaxInt64 - 1, "0 USD", april.Start, "92233720368.54775806 USD", "-0.00000001 USD"},
	}
	for _, tt := range tests {
		want := subscription.Holding{Quantity: tt.quantity, Rate: amount(t, tt.rate), Term: tt.had.Term}
		after, cost, err := tt.had.Set(tt.quantity, amount(t, tt.unit), tt.now)
		if err != nil || after != want || cost != amount(t, tt.cost) {
			t.Errorf("%s: %d at %s for %s, %v; want %s for %s", tt.name, after.Quantity, after.Rate, cost, err, tt.rate, tt.cost)
		}
		if n := tt.quantity - tt.had.Quantity; n > 0 {
			after, cost, err := tt.had.Add(n, amount(t, tt.unit), tt.now)
			if err != nil || after != want || cost != amount(t, tt.cost) {
				t.Errorf("%s: added: %d at %s for %s, %v; want %s for %s", tt.name, after.Quantity, after.Rate, cost, err, tt.rate, tt.cost)
			}
		}
	}
}

func TestRenew(t *testing.T) {
	term := begin(t, utc(2026, time.January, 31, 10), catalog.Month, nil)
	after, err := buy(t, 10, "20.00 USD", term).Renew(12, amount(t, "25.00 USD"))
	want := subscription.Holding{Quantity: 12, Rate: amount(t, "300.00 USD"), Term: term.Next()}
	if err != nil || after != want {
		t.Errorf("%+v, %v; want %+v", after, err, want)
	}
	if got := after.Unused(utc(2026, time.March, 1, 10)); got != amount(t, "290.32 USD") { // 30 of 31 days: 290.3226
		t.Errorf("after a day: %s", got)
	}
}

func TestRefusals(t *testing.T) {
	april := begin(t, utc(2026, time.April, 1, 0), catalog.Month, nil)
	now, usd := april.Start, amount(t, "1.00 USD")
	had := buy(t, 10, "20.00 USD", april)
	add := func(h subscription.Holding, n int64, unit money.Amount, now time.Time) func() error {
		return func() error { _, _, err := h.Add(n, unit, now); return err }
	}
	set := func(h subscription.Holding, n int64, unit money.Amount, now time.Time) func() error {
		return func() error { _, _, err := h.Set(n, unit, now); return err }
	}
	buy := func(n int64, unit money.Amount, term subscription.Term) func() error {
		return func() error { _, err := subscription.Buy(n, unit, term); return err }
	}
	renew := func(h subscription.Holding, n int64, unit money.Amount) func() error {
		return func() error { _, err := h.Renew(n, unit); return err }
	}
	backwards, empty, weekly, negative, nowhere, nothing := april, april, april, had, had, had
	empty.End = april.Start
	nowhere.Rate = money.Amount{}
	backwards.Start, backwards.End = april.End, april.Start
	weekly.Period = "week"
	negative.Rate = had.Rate.Neg()
	nothing.Quantity = 0
	full := subscription.Holding{Quantity: math.MaxInt64, Rate: usd, Term: april}
	dear := subscription.Holding{Quantity: 1, Rate: money.FromUnits(math.MaxInt64, "USD"), Term: april}

	tests := []struct {
		name string
		do   func() error
		want error
	}{
		{"buy none", buy(0, usd, april), subscription.ErrQuantity},
		{"buy fewer than none", buy(-1, usd, april), subscription.ErrQuantity},
		{"buy for less than nothing", buy(1, usd.Neg(), april), subscription.ErrPrice},
		{"buy without a price", buy(1, money.Amount{}, april), subscription.ErrPrice},
		{"buy for no term", buy(1, usd, subscription.Term{}), subscription.ErrPeriod},
		{"buy for a term that ends before it starts", buy(1, usd, backwards), subscription.ErrPeriod},
		{"buy for an empty term", buy(1, usd, empty), subscription.ErrPeriod},
		{"buy for a week", buy(1, usd, weekly), subscription.ErrPeriod},
		{"buy too much", buy(math.MaxInt64, usd, april), money.ErrRange},
		{"add none", add(had, 0, usd, now), subscription.ErrQuantity},
		{"add fewer than none", add(had, -1, usd, now), subscription.ErrQuantity},
		{"add for less than nothing", add(had, 1, usd.Neg(), now), subscription.ErrPrice},
		{"add without a price", add(had, 1, money.Amount{}, now), subscription.ErrPrice},
		{"add in another currency", add(had, 1, amount(t, "1.00 EUR"), now), money.ErrCurrencyMismatch},
		{"add at the end", add(had, 1, usd, april.End), subscription.ErrOver},
		{"add too much", add(had, math.MaxInt64/money.Scale, usd, now), money.ErrRange},
		{"add to as much as there is", add(dear, 1, amount(t, "0.00000001 USD"), now), money.ErrRange},
		{"add more than can be counted", add(full, 1, amount(t, "0 USD"), now), subscription.ErrQuantity},
		{"add to nothing", add(subscription.Holding{}, 1, usd, now), subscription.ErrPeriod},
		{"add to none", add(nothing, 1, usd, now), subscription.ErrQuantity},
		{"add to a negative rate", add(negative, 1, usd, now), subscription.ErrPrice},
		{"add to a rate in no currency", add(nowhere, 1, usd, now), subscription.ErrPrice},
		{"set to none", set(had, 0, usd, now), subscription.ErrQuantity},
		{"set to fewer than none", set(had, math.MinInt64, usd, now), subscription.ErrQuantity},
		{"set to less, in another currency", set(had, 1, amount(t, "1.00 EUR"), now), money.ErrCurrencyMismatch},
		{"set to more, in another currency", set(had, 11, amount(t, "1.00 EUR"), now), money.ErrCurrencyMismatch},
		{"set to less, without a price", set(had, 1, money.Amount{}, now), subscription.ErrPrice},
		{"set to less, at the end", set(had, 1, usd, april.End), subscription.ErrOver},
		{"set to the same, at the end", set(had, 10, usd, april.End), subscription.ErrOver},
		{"set to too much", set(had, math.MaxInt64, usd, now), money.ErrRange},
		{"set none", set(nothing, 1, usd, now), subscription.ErrQuantity},
		{"renew none", renew(had, 0, usd), subscription.ErrQuantity},
		{"renew in another currency", renew(had, 10, amount(t, "1.00 EUR")), money.ErrCurrencyMismatch},
		{"renew without a price", renew(had, 10, money.Amount{}), subscription.ErrPrice},
		{"renew too much", renew(had, math.MaxInt64, usd), money.ErrRange},
		{"renew what has no term", renew(subscription.Holding{Quantity: 1, Rate: usd}, 1, usd), subscription.ErrPeriod},
	}
	for _, tt := range tests {
		if err := tt.do(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// drawPrice is a price for one: mostly in minor units, at times not whole in them.
func drawPrice(t *rapid.T, c money.Currency) money.Amount {
	unit := minorOf(c)
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		unit = 1
	case 1:
		unit = max(unit/200, 1)
	}
	return money.FromUnits(unit*rapid.Int64Range(0, 5000).Draw(t, "price"), c)
}

// A holding is bought, and changed at any time and in any way. What it cost is what
// its days were given, where each change deals its rate out anew to the days that
// are left: nothing is lost or made. And more never gives money back, nor does
// less cost any.
func TestNothingIsLostOrMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]money.Currency{"USD", "JPY", "KWD"}).Draw(t, "currency")
		term := drawTerm(t)
		h, err := subscription.Buy(rapid.Int64Range(1, 300).Draw(t, "quantity"), drawPrice(t, currency), term)
		if err != nil {
			t.Fatal(err)
		}
		given := deal(h.Rate, term.Days()) // by day
		paid, now := h.Rate.Units(), term.Start
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			left := int64(term.End.Sub(now) / time.Second)
			now = now.Add(time.Duration(rapid.Int64Range(0, left-1).Draw(t, "seconds")/3) * time.Second)
			after, cost := change(t, h, drawPrice(t, currency), now)
			day := term.Day(now)
			copy(given[day:], deal(after.Rate, term.Days())[day:])
			paid += cost.Units()
			h = after
		}
		var all, rest int64
		for day, part := range given {
			all += part
			if day >= term.Day(now) {
				rest += part
			}
		}
		if all != paid {
			t.Fatalf("paid %d, the days were given %d", paid, all)
		}
		if got := h.Unused(now).Units(); got != rest {
			t.Fatalf("the rest is %d, the days were given %d", got, rest)
		}
	})
}

// change changes a holding in some way, and looks at the sign of what that costs.
func change(t *rapid.T, h subscription.Holding, unit money.Amount, now time.Time) (subscription.Holding, money.Amount) {
	n := rapid.Int64Range(1, 300).Draw(t, "n")
	var after subscription.Holding
	var cost money.Amount
	var err error
	want := n
	if rapid.Bool().Draw(t, "add") {
		after, cost, err = h.Add(n, unit, now)
		want = h.Quantity + n
	} else {
		after, cost, err = h.Set(n, unit, now)
	}
	if err != nil {
		t.Fatal(err)
	}
	if after.Quantity != want || after.Term != h.Term {
		t.Fatalf("%+v became %+v", h, after)
	}
	switch sign := cost.Sign(); {
	case want == h.Quantity && (sign != 0 || after != h),
		want > h.Quantity && sign < 0,
		want < h.Quantity && sign > 0:
		t.Fatalf("from %d to %d costs %s", h.Quantity, want, cost)
	}
	return after, cost
}

// Any number of changes at one time come to the one from the first to the last.
func TestChangesOfOneDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		term := drawTerm(t)
		had, err := subscription.Buy(rapid.Int64Range(1, 300).Draw(t, "quantity"), drawPrice(t, "USD"), term)
		if err != nil {
			t.Fatal(err)
		}
		length := int64(term.End.Sub(term.Start) / time.Second)
		now := term.Start.Add(time.Duration(rapid.Int64Range(0, length-1).Draw(t, "seconds")) * time.Second)
		h, total := had, money.FromUnits(0, "USD")
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			after, cost := change(t, h, drawPrice(t, "USD"), now)
			if total, err = total.Add(cost); err != nil {
				t.Fatal(err)
			}
			h = after
		}
		if want, err := h.Unused(now).Sub(had.Unused(now)); err != nil || total != want {
			t.Fatalf("all cost %s, one costs %s, %v", total, want, err)
		}
		back, _, err := h.Set(1, drawPrice(t, "USD"), now)
		if err != nil || back.Rate.Units() > h.Rate.Units() || back.Rate.Units() < 0 {
			t.Fatalf("one of %d at %s has the rate %s, %v", h.Quantity, h.Rate, back.Rate, err)
		}
	})
}
