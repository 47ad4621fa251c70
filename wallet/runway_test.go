package wallet_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// weeks returns the days of weeks in which so many whole dollars were spent, all on
// one day.
func weeks(sums ...int64) []money.Amount {
	var days []money.Amount
	for _, sum := range sums {
		for d := range 7 {
			days = append(days, money.FromUnits(0, "USD"))
			if d == 2 {
				days[len(days)-1] = money.FromUnits(sum*money.Scale, "USD")
			}
		}
	}
	return days
}

func TestRunway(t *testing.T) {
	in := func(days int, text string) wallet.Scheduled {
		return wallet.Scheduled{At: noon.AddDate(0, 0, days), Amount: amount(t, text)}
	}
	same := func(days int) wallet.Band { return wallet.Band{Pessimistic: days, Likely: days, Optimistic: days} }
	known := func(alone wallet.Band) wallet.Runway { return wallet.Runway{Known: true, Alone: alone} }
	refilled := func(alone, refills wallet.Band) wallet.Runway {
		return wallet.Runway{Known: true, Alone: alone, Refilled: true, Refills: refills}
	}
	with := func(r wallet.Rule, available string, days []money.Amount, scheduled ...wallet.Scheduled) wallet.Outlook {
		return wallet.Outlook{Available: amount(t, available), Days: days, Scheduled: scheduled, Rule: r, Method: true, Fingerprint: "f1"}
	}
	none := wallet.Rule{}
	off, weak, euros := rule(t), rule(t), rule(t)
	off.Enabled = false
	weak.Caps.Month = amount(t, "100 USD")
	euros.Floor, euros.Target = amount(t, "20 EUR"), amount(t, "100 EUR")
	suspended := with(rule(t), "70 USD", weeks(70, 70))
	suspended.Breaker = wallet.Breaker{Declines: 4, SuspendedAt: noon, Fingerprint: "f1"}
	newCard := suspended
	newCard.Fingerprint = "f2"
	noMethod := with(rule(t), "70 USD", weeks(70, 70))
	noMethod.Method = false
	usedUp := with(weak, "70 USD", weeks(70, 70))
	usedUp.Charged = []wallet.Charged{{At: noon.Add(-time.Hour), Amount: amount(t, "100 USD")}}

	for _, tt := range []struct {
		name    string
		outlook wallet.Outlook
		want    wallet.Runway
	}{
		{"nothing is known", with(none, "70 USD", nil), wallet.Runway{}},
		{"13 days are too few", with(none, "70 USD", weeks(70, 70)[1:]), wallet.Runway{}},
		{"14 are enough", with(none, "70 USD", weeks(70, 70)), known(same(7))},
		{"a cent less", with(none, "69.99 USD", weeks(70, 70)), known(same(6))},
		{"weeks that differ", with(none, "300 USD", weeks(70, 140, 140, 105)), known(wallet.Band{Pessimistic: 15, Likely: 17, Optimistic: 30})}, // 119 likely
		{"older weeks don't count", with(none, "70 USD", weeks(900, 70, 70, 70, 70)), known(same(7))},
		{"days before a whole week don't count", with(none, "70 USD", weeks(900, 70, 70)[1:]), known(same(7))},
		{"the newest counts most", with(none, "70 USD", weeks(0, 105)), known(wallet.Band{Pessimistic: 4, Likely: 7, Optimistic: wallet.Horizon})},
		{"nothing is spent", with(none, "0 USD", weeks(0, 0)), known(same(wallet.Horizon))},
		{"empty", with(none, "0 USD", weeks(70, 70)), known(same(0))},
		{"overdrawn", with(none, "-1 USD", weeks(0, 0)), known(same(0))},
		{"more came back than was spent", with(none, "70 USD", weeks(-70, 70, 70)), known(wallet.Band{Pessimistic: 7, Likely: 8, Optimistic: wallet.Horizon})},
		{"a little for a long time", with(none, "700 USD", weeks(13, 13)), known(same(wallet.Horizon))},
		{"as much as there is", with(none, "92233720368.54775807 USD", []money.Amount{
			money.FromUnits(math.MaxInt64, "USD"), money.FromUnits(math.MaxInt64, "USD"), money.FromUnits(0, "USD"), money.FromUnits(0, "USD"),
			money.FromUnits(0, "USD"), money.FromUnits(0, "USD"), money.FromUnits(0, "USD"), money.FromUnits(math.MaxInt64, "USD"),
			money.FromUnits(0, "USD"), money.FromUnits(0, "USD"), money.FromUnits(0, "USD"), money.FromUnits(0, "USD"), money.FromUnits(0, "USD"), money.FromUnits(0, "USD"),
		}), known(same(7))},

		{"a payment that is scheduled", with(none, "100 USD", weeks(70, 70), in(3, "30 USD")), known(same(7))},
		{"one that can't be paid", with(none, "100 USD", weeks(70, 70), in(3, "70.01 USD")), known(same(3))},
		{"two, and the second can't be paid", with(none, "100 USD", weeks(0, 0), in(33, "50.01 USD"), in(3, "50 USD")), known(same(33))},
		{"one that is overdue", with(none, "100 USD", weeks(0, 0), in(-3, "100.01 USD")), known(same(0))},
		{"one that is overdue, and can be paid", with(none, "100 USD", weeks(70, 70), in(-3, "30 USD")), known(same(7))},
		{"two at once", with(none, "100 USD", weeks(0, 0), in(3, "50 USD"), in(3, "50.01 USD")), known(same(3))},
		{"one beyond the horizon", with(none, "100 USD", weeks(0, 0), in(400, "500 USD")), known(same(wallet.Horizon))},

		{"a rule that refills", with(rule(t), "70 USD", weeks(70, 70)), refilled(same(7), same(wallet.Horizon))},
		{"one that has refilled much", with(rule(t), "0 USD", weeks(70, 70)), refilled(same(0), same(wallet.Horizon))},
		{"one that is off", with(off, "70 USD", weeks(70, 70)), known(same(7))},
		{"one in another currency", with(euros, "70 USD", weeks(70, 70)), known(same(7))},
		{"no method", noMethod, known(same(7))},
		{"suspended", suspended, known(same(7))},
		{"suspended, and a new card", newCard, refilled(same(7), same(wallet.Horizon))},
		// 50 are spent down to the floor in 5 days, when 80 are collected; from then on 20
		// are allowed, too few, until day 35. 100 last for ten days.
		{"caps that are too low", with(weak, "70 USD", weeks(70, 70)), refilled(same(7), same(15))},
		{"caps that are used up", usedUp, refilled(same(7), same(7))},
		{"a payment that the target can pay", with(rule(t), "30 USD", weeks(0, 0), in(10, "100 USD")), refilled(same(10), same(wallet.Horizon))},
		{"one that it can't", with(rule(t), "30 USD", weeks(0, 0), in(10, "100.01 USD")), refilled(same(10), same(10))},
	} {
		tt.outlook.Now = noon
		got, err := tt.outlook.Runway()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		tt.want.Weekly = got.Weekly
		if diff := cmp.Diff(tt.want, got, amounts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRunwayWeekly(t *testing.T) {
	o := wallet.Outlook{Now: noon, Available: amount(t, "1 USD"), Days: weeks(10, 40, 20, 15)}
	got, err := o.Runway()
	if err != nil {
		t.Fatal(err)
	}
	// (10 + 2×40 + 3×20 + 4×15) / 10
	want := wallet.Weekly{Pessimistic: amount(t, "40 USD"), Likely: amount(t, "21 USD"), Optimistic: amount(t, "10 USD")}
	if got.Weekly != want {
		t.Errorf("%+v, want %+v", got.Weekly, want)
	}
}

func TestRunwayInOtherCurrencies(t *testing.T) {
	for field, o := range map[string]wallet.Outlook{
		"days":      {Days: []money.Amount{amount(t, "1 EUR")}},
		"scheduled": {Scheduled: []wallet.Scheduled{{At: noon, Amount: amount(t, "1 EUR")}}},
	} {
		o.Available = amount(t, "1 USD")
		if _, err := o.Runway(); !errors.Is(err, money.ErrCurrencyMismatch) || err.Error()[:len(field)] != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// What a runway says of a wallet that nothing refills is added up day by day.
func TestRunwayAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := wallet.Outlook{Now: noon, Available: money.FromUnits(rapid.Int64Range(0, 5000*money.Scale).Draw(t, "available"), "USD")}
		for range rapid.IntRange(14, 40).Draw(t, "days") {
			o.Days = append(o.Days, money.FromUnits(rapid.Int64Range(0, 50*money.Scale).Draw(t, "spent"), "USD"))
		}
		for range rapid.IntRange(0, 6).Draw(t, "scheduled") {
			o.Scheduled = append(o.Scheduled, wallet.Scheduled{
				At:     noon.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(400*24*time.Hour)).Draw(t, "at"))),
				Amount: money.FromUnits(rapid.Int64Range(1, 500*money.Scale).Draw(t, "amount"), "USD"),
			})
		}
		before := slices.Clone(o.Scheduled)
		r, err := o.Runway()
		if err != nil || !r.Known || r.Refilled {
			t.Fatalf("%+v, %v", r, err)
		}
		if !slices.Equal(before, o.Scheduled) {
			t.Fatal("what was given is changed")
		}
		spent := func(weekly money.Amount, days int) int64 {
			sum := weekly.Units() * int64(days) / 7
			for _, s := range o.Scheduled {
				if !s.At.After(noon.Add(time.Duration(days) * 24 * time.Hour)) {
					sum += s.Amount.Units()
				}
			}
			return sum
		}
		const rounded = 20 // units, for what each step rounds
		for _, row := range []struct {
			weekly money.Amount
			days   int
		}{{r.Weekly.Pessimistic, r.Alone.Pessimistic}, {r.Weekly.Likely, r.Alone.Likely}, {r.Weekly.Optimistic, r.Alone.Optimistic}} {
			if row.days > 0 && spent(row.weekly, row.days-1) > o.Available.Units()+rounded {
				t.Fatalf("%s a week: %d days can't be paid", row.weekly, row.days)
			}
			if row.days < wallet.Horizon && spent(row.weekly, row.days+1) <= o.Available.Units()-rounded {
				t.Fatalf("%s a week: %d days can be paid", row.weekly, row.days+1)
			}
		}
		if r.Alone.Pessimistic > r.Alone.Likely || r.Alone.Likely > r.Alone.Optimistic {
			t.Fatalf("%+v", r.Alone)
		}
	})
}

// A rule never makes a wallet last shorter, and the band keeps its order.
func TestRunwayRefilledIsNoShorter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t)
		c := r.Target.Currency()
		o := wallet.Outlook{Now: noon, Rule: r, Method: true, Available: money.FromUnits(rapid.Int64Range(-money.Scale, 5000*money.Scale).Draw(t, "available"), c)}
		for range rapid.IntRange(14, 28).Draw(t, "days") {
			o.Days = append(o.Days, money.FromUnits(rapid.Int64Range(0, 500*money.Scale).Draw(t, "spent"), c))
		}
		if rapid.Bool().Draw(t, "scheduled") {
			o.Scheduled = []wallet.Scheduled{{At: noon.AddDate(0, 1, 0), Amount: money.FromUnits(rapid.Int64Range(1, 5000*money.Scale).Draw(t, "amount"), c)}}
		}
		got, err := o.Runway()
		if err != nil || !got.Refilled {
			t.Fatalf("%+v, %v", got, err)
		}
		a, b := got.Alone, got.Refills
		if b.Pessimistic < a.Pessimistic || b.Likely < a.Likely || b.Optimistic < a.Optimistic {
			t.Fatalf("alone %+v, refilled %+v", a, b)
		}
		if b.Pessimistic > b.Likely || b.Likely > b.Optimistic || b.Optimistic > wallet.Horizon {
			t.Fatalf("%+v", b)
		}
	})
}
