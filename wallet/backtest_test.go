package wallet_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// moved returns a movement so long after noon.
func moved(t testing.TB, after time.Duration, text string) wallet.Movement {
	return wallet.Movement{At: noon.Add(after), Amount: amount(t, text)}
}

func TestReplay(t *testing.T) {
	const h, min = time.Hour, time.Minute
	ten := func(available string, m ...wallet.Movement) wallet.History {
		return wallet.History{From: noon, To: noon.Add(10 * h), Available: amount(t, available), Movements: m}
	}
	automatic, renewal := moved(t, 2*h, "500 USD"), moved(t, 26*h, "-70 USD")
	automatic.Automatic, renewal.Renewal = true, true
	slow := ten("25 USD", moved(t, h, "-10 USD"), moved(t, 2*h, "-20 USD"), moved(t, 8*h, "-10 USD"))
	slow.Settlement = 4 * h
	renews := ten("60 USD", renewal)
	renews.To = noon.Add(48 * h)
	unforetold := renews
	unforetold.Movements = []wallet.Movement{moved(t, 26*h, "-70 USD")}

	r := rule(t)
	few, little, dayly := r, r, r
	few.Caps.Count = 1
	little.Caps.Charge = amount(t, "30 USD")
	dayly.Caps.Day = amount(t, "85 USD")
	for _, tt := range []struct {
		name    string
		history wallet.History
		rule    wallet.Rule
		want    wallet.Replay
	}{
		{"nothing happens", ten("20 USD"), r, wallet.Replay{Charged: amount(t, "0 USD"), Lowest: amount(t, "20 USD"), LowestAt: noon, Available: amount(t, "20 USD")}},
		{"low from the start", ten("19 USD"), r, wallet.Replay{
			Charges: 1, Charged: amount(t, "81 USD"), Lowest: amount(t, "19 USD"), LowestAt: noon, Available: amount(t, "100 USD"),
		}},
		{"low, and out of order", ten("50 USD", moved(t, 3*h, "-5 USD"), moved(t, h, "-35 USD")), r, wallet.Replay{
			Charges: 1, Charged: amount(t, "85 USD"), BelowFloor: min, Lowest: amount(t, "15 USD"), LowestAt: noon.Add(h), Available: amount(t, "95 USD"),
		}},
		{"empty to the last", ten("50 USD", moved(t, h, "-50 USD")), r, wallet.Replay{
			Charges: 1, Charged: amount(t, "100 USD"), BelowFloor: min, Empty: min, Lowest: amount(t, "0 USD"), LowestAt: noon.Add(h), Available: amount(t, "100 USD"),
		}},
		{"more than there is", ten("50 USD", moved(t, h, "-60 USD"), moved(t, h, "-5 USD")), r, wallet.Replay{
			Charges: 1, Charged: amount(t, "100 USD"), Capped: wallet.Capped{Charge: 1}, BelowFloor: min, Empty: min, Unpaid: 2,
			Lowest: amount(t, "-15 USD"), LowestAt: noon.Add(h), Available: amount(t, "85 USD"),
		}},
		{"what the old rule did is left out, by hand stays", ten("30 USD", moved(t, h, "-5 USD"), automatic, moved(t, 3*h, "40 USD"), moved(t, 4*h, "-60 USD")), r, wallet.Replay{
			Charges: 1, Charged: amount(t, "95 USD"), BelowFloor: min, Lowest: amount(t, "5 USD"), LowestAt: noon.Add(4 * h), Available: amount(t, "100 USD"),
		}},
		// Collected at 1 h, there at 5 h; nothing else is collected between.
		{"slow money", slow, r, wallet.Replay{
			Charges: 1, Charged: amount(t, "85 USD"), BelowFloor: 4 * h, Empty: 3 * h, Unpaid: 1, Lowest: amount(t, "-5 USD"), LowestAt: noon.Add(2 * h), Available: amount(t, "70 USD"),
		}},
		{"a cap of one collection", ten("50 USD", moved(t, h, "-45 USD")), little, wallet.Replay{
			Charges: 1, Charged: amount(t, "30 USD"), Capped: wallet.Capped{Charge: 1}, BelowFloor: min, Lowest: amount(t, "5 USD"), LowestAt: noon.Add(h), Available: amount(t, "35 USD"),
		}},
		{"a cap on how many, waited for once", ten("100 USD", moved(t, h, "-90 USD"), moved(t, 2*h, "-90 USD"), moved(t, 3*h, "-5 USD")), few, wallet.Replay{
			Charges: 1, Charged: amount(t, "90 USD"), Capped: wallet.Capped{Count: 1}, BelowFloor: 8*h + min, Lowest: amount(t, "5 USD"), LowestAt: noon.Add(3 * h), Available: amount(t, "5 USD"),
		}},
		{"a cap of a day", ten("100 USD", moved(t, h, "-90 USD"), moved(t, 2*h, "-80 USD")), dayly, wallet.Replay{
			Charges: 1, Charged: amount(t, "85 USD"), Capped: wallet.Capped{Day: 2}, BelowFloor: 8*h + min, Lowest: amount(t, "10 USD"), LowestAt: noon.Add(h), Available: amount(t, "15 USD"),
		}},
		{"a renewal is owed a day before", renews, r, wallet.Replay{
			Charges: 1, Charged: amount(t, "40 USD"), Lowest: amount(t, "30 USD"), LowestAt: noon.Add(26 * h), Available: amount(t, "30 USD"),
		}},
		{"what nobody foretold is not", unforetold, r, wallet.Replay{
			Charges: 1, Charged: amount(t, "100 USD"), Capped: wallet.Capped{Charge: 1}, BelowFloor: min, Empty: min, Unpaid: 1, Lowest: amount(t, "-10 USD"), LowestAt: noon.Add(26 * h), Available: amount(t, "90 USD"),
		}},
	} {
		got, err := tt.history.Replay(tt.rule)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got, amounts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestReplayOfNonsense(t *testing.T) {
	good := wallet.History{From: noon, To: noon.Add(time.Hour), Available: amount(t, "50 USD")}
	for _, tt := range []struct {
		change func(*wallet.History, *wallet.Rule)
		want   string
	}{
		{func(_ *wallet.History, r *wallet.Rule) { r.Target = r.Floor }, "rule: target: "},
		{func(_ *wallet.History, r *wallet.Rule) {
			r.Floor, r.Target = amount(t, "20 EUR"), amount(t, "100 EUR")
		}, "rule: "},
		{func(h *wallet.History, _ *wallet.Rule) { h.To = h.From }, "from: "},
		{func(h *wallet.History, _ *wallet.Rule) { h.Settlement = -1 }, "settlement: "},
		{func(h *wallet.History, _ *wallet.Rule) {
			h.Movements = []wallet.Movement{moved(t, 0, "1 EUR")}
		}, "movements: "},
		{func(h *wallet.History, _ *wallet.Rule) {
			h.Movements = []wallet.Movement{moved(t, -1, "1 USD")}
		}, "movements: "},
		{func(h *wallet.History, _ *wallet.Rule) {
			h.Movements = []wallet.Movement{moved(t, time.Hour, "1 USD")}
		}, "movements: "},
	} {
		h, r := good, rule(t)
		tt.change(&h, &r)
		if _, err := h.Replay(r); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	h := good
	h.Movements = []wallet.Movement{{At: noon, Amount: money.FromUnits(math.MaxInt64, "USD")}}
	if _, err := h.Replay(rule(t)); !errors.Is(err, money.ErrRange) {
		t.Errorf("more than there can be: %v", err)
	}
	if _, _, err := h.Suggest(wallet.Caps{}, 0); !errors.Is(err, money.ErrRange) {
		t.Errorf("more than there can be, suggested: %v", err)
	}
	if _, _, err := good.Suggest(wallet.Caps{Count: -1}, 0); err == nil || !strings.HasPrefix(err.Error(), "caps.count: ") {
		t.Errorf("bad caps: %v", err)
	}
	good.To = good.From
	if _, _, err := good.Suggest(wallet.Caps{}, 0); err == nil || !strings.HasPrefix(err.Error(), "from: ") {
		t.Errorf("no time: %v", err)
	}
}

func TestSuggest(t *testing.T) {
	daily := func(n int, text string) wallet.History {
		h := wallet.History{From: noon, To: noon.AddDate(0, 0, n), Available: amount(t, "50 USD")}
		for d := range n {
			h.Movements = append(h.Movements, moved(t, time.Duration(d)*24*time.Hour+time.Hour, text))
		}
		return h
	}
	slow := daily(30, "-10 USD")
	slow.Settlement = 72 * time.Hour
	broke := daily(30, "-10 USD")
	broke.Movements = append(broke.Movements, moved(t, time.Hour, "-6000 USD"))
	for _, tt := range []struct {
		name          string
		history       wallet.History
		caps          wallet.Caps
		often         int
		floor, target string
	}{
		{"nothing happens", wallet.History{From: noon, To: noon.AddDate(0, 1, 0), Available: amount(t, "0 USD")}, wallet.Caps{}, 0, "5 USD", "6 USD"},
		// With 10 there, 10 can be paid, and at 0 it is filled again; but 250 are to be
		// collected in a month, and its cap is twenty targets.
		{"ten a day", daily(30, "-10 USD"), wallet.Caps{}, 0, "5 USD", "13 USD"},
		{"ten a day, and no such cap", daily(30, "-10 USD"), wallet.Caps{Month: amount(t, "1000 USD")}, 0, "5 USD", "10 USD"},
		// On the fifth day there are 9.96, which a floor of 9 would leave so.
		{"a little more", daily(30, "-10.01 USD"), wallet.Caps{}, 0, "10 USD", "13 USD"},
		// 50 last five days, 250 are left to be paid; four times 60 and what is left of 50.
		{"four times at most", daily(30, "-10 USD"), wallet.Caps{}, 4, "5 USD", "70 USD"},
		{"too much", broke, wallet.Caps{}, 0, "", ""},
		{"caps forbid it", daily(30, "-10 USD"), wallet.Caps{Month: amount(t, "100 USD")}, 0, "", ""},
	} {
		got, found, err := tt.history.Suggest(tt.caps, tt.often)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if found != (tt.floor != "") || found && (got.Floor != amount(t, tt.floor) || got.Target != amount(t, tt.target) || !got.Enabled || got.Caps != tt.caps) {
			t.Errorf("%s: %s, %s, %t; want %q, %q", tt.name, got.Floor, got.Target, found, tt.floor, tt.target)
		}
	}
	got, found, err := slow.Suggest(wallet.Caps{}, 0)
	if err != nil || !found || got.Floor.Units() < 21*money.Scale {
		t.Errorf("money that takes three days, ten being spent on each: %s, %s, %t, %v", got.Floor, got.Target, found, err)
	}
}

// drawHistory draws what happens to a wallet in some weeks.
func drawHistory(t *rapid.T) wallet.History {
	hours := rapid.Int64Range(24, 24*60).Draw(t, "hours")
	h := wallet.History{
		From: noon, To: noon.Add(time.Duration(hours) * time.Hour),
		Available:  money.FromUnits(rapid.Int64Range(0, 300*money.Scale).Draw(t, "available"), "USD"),
		Settlement: time.Duration(rapid.SampledFrom([]int64{0, int64(time.Second), int64(time.Hour), int64(50 * time.Hour)}).Draw(t, "settlement")),
	}
	for range rapid.IntRange(0, 60).Draw(t, "movements") {
		kind := rapid.IntRange(0, 9).Draw(t, "kind")
		m := wallet.Movement{At: noon.Add(time.Duration(rapid.Int64Range(0, hours*int64(time.Hour)-1).Draw(t, "at")))}
		m.Amount = money.FromUnits(rapid.Int64Range(-40*money.Scale, -1).Draw(t, "amount"), "USD")
		switch kind {
		case 0:
			m.Renewal, m.Amount = true, money.FromUnits(-rapid.Int64Range(1, 200*money.Scale).Draw(t, "renewal"), "USD")
		case 1:
			m.Amount = m.Amount.Neg()
		case 2:
			m.Amount, m.Automatic = m.Amount.Neg(), true
		}
		h.Movements = append(h.Movements, m)
	}
	return h
}

// Whatever is suggested pays for everything, and nothing a unit lower does.
func TestSuggestionsPay(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		often := rapid.SampledFrom([]int{0, 2, 8}).Draw(t, "often")
		r, ok, err := h.Suggest(wallet.Caps{}, often)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		found++
		pays := func(r wallet.Rule) bool {
			got, err := h.Replay(r)
			if err != nil {
				t.Fatal(err)
			}
			days := max(int64(h.To.Sub(h.From)/time.Hour), 720)
			return got.Unpaid == 0 && got.Lowest.Sign() >= 0 && (often == 0 || int64(got.Charges)*720 <= int64(often)*days)
		}
		if !pays(r) {
			t.Fatalf("%s up to %s does not pay", r.Floor, r.Target)
		}
		if r.Floor.Units() < wallet.MinFloor*money.Scale || r.Floor.Units() > wallet.MaxFloor*money.Scale ||
			r.Target.Units() < wallet.MinTarget*money.Scale || r.Target.Units() > wallet.MaxTarget*money.Scale {
			t.Fatalf("%s up to %s is out of bounds", r.Floor, r.Target)
		}
		lower := r
		lower.Floor = money.FromUnits(r.Floor.Units()-money.Scale, "USD")
		if lower.Floor.Units() >= wallet.MinFloor*money.Scale && pays(lower) {
			t.Fatalf("%s up to %s pays, and so does a floor lower by one", r.Floor, r.Target)
		}
	})
	if found == 0 {
		t.Error("nothing was ever suggested")
	}
}

// What comes in and goes out in a replay adds up, and it lasts as long as it says.
func TestReplayAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, r := drawHistory(t), rule(t)
		r.Floor = money.FromUnits(rapid.Int64Range(1, 99*money.Scale).Draw(t, "floor"), "USD")
		got, err := h.Replay(r)
		if err != nil {
			t.Fatal(err)
		}
		sum := h.Available.Units() + got.Charged.Units()
		for _, m := range h.Movements {
			if !m.Automatic {
				sum += m.Amount.Units()
			}
		}
		// What was collected last may not be there yet.
		if onItsWay := sum - got.Available.Units(); onItsWay < 0 || onItsWay > 100*money.Scale || onItsWay > 0 && got.Charges == 0 {
			t.Fatalf("%s, and everything comes to %s", got.Available, money.FromUnits(sum, "USD"))
		}
		if got.Empty > got.BelowFloor || got.BelowFloor > h.To.Sub(h.From) {
			t.Fatalf("empty for %s, below the floor for %s of %s", got.Empty, got.BelowFloor, h.To.Sub(h.From))
		}
		if (got.Unpaid > 0) != (got.Lowest.Sign() < 0) {
			t.Fatalf("%d unpaid, and the lowest was %s", got.Unpaid, got.Lowest)
		}
	})
}
