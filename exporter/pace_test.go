package exporter

import (
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

func paced(chance func(int64) int64) *Exporter {
	return New(Config{Reader: &fleet.Reader{}, Now: time.Now, Chance: chance, Log: slog.New(slog.DiscardHandler)})
}

// Portals that were first read together come by themselves from then on.
func TestPortalsAreSpread(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	e := paced(chance.Int64N)
	const many, slots = 10_000, 10
	begun := make([]int, slots)
	for range many {
		pause := e.pause(&portal{}, true, 8, 0)
		if pause < e.Interval/4 || pause >= e.Interval {
			t.Fatalf("the second reading comes after %s", pause)
		}
		begun[int(pause*slots/e.Interval)]++
	}
	for slot, n := range begun {
		if slot >= 3 && (n < many/slots || n > many/slots*2) {
			t.Errorf("%d of %d begin in one tenth of the interval: %v", n, many, begun)
		}
	}
	for range many {
		if pause := e.pause(&portal{}, false, 8, 0); pause < e.Interval*95/100 || pause > e.Interval*105/100 {
			t.Fatalf("a reading comes after %s", pause)
		}
	}
}

// What a portal allows, and what it asks for, goes before the interval.
func TestPauses(t *testing.T) {
	e := paced(func(n int64) int64 { return n / 2 })
	e.Interval = time.Minute
	for _, c := range []struct {
		perMinute int
		sent      int64
		asked     time.Duration
		want      time.Duration
	}{
		{0, 8, 0, time.Minute},
		{0, 1200, 0, 2 * time.Minute},
		{6, 8, 0, 80 * time.Second},
		{1, 8, 0, 8 * time.Minute},
		{0, 8, 10 * time.Minute, 10 * time.Minute},
		{0, 8, time.Second, time.Minute},
		{0, 8, 1000 * time.Hour, time.Hour},
	} {
		p := &portal{profile: fleet.Profile{PerMinute: c.perMinute}}
		if got := e.pause(p, false, c.sent, c.asked); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		start := time.Unix(1_000_000, 0)
		waiting := map[*portal]bool{}
		var all []*portal
		for n := range 8 {
			all = append(all, &portal{profile: fleet.Profile{Name: strconv.Itoa(n)}, place: nowhere})
		}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			p := all[rapid.IntRange(0, 7).Draw(t, "portal")]
			now := start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "now")) * time.Second)
			switch rapid.IntRange(0, 2).Draw(t, "do") {
			case 0:
				q.put(p, now)
				waiting[p] = true
			case 1:
				q.drop(p)
				delete(waiting, p)
			case 2:
				got, wait := q.take(now)
				var first *portal
				for p := range waiting {
					if first == nil || p.due.Before(first.due) {
						first = p
					}
				}
				switch {
				case first == nil:
					if got != nil || wait >= 0 {
						t.Fatalf("nobody waits: %v %s", got, wait)
					}
				case first.due.After(now):
					if got != nil || wait != first.due.Sub(now) {
						t.Fatalf("nobody is due: %v %s", got, wait)
					}
				default:
					if got == nil || !got.due.Equal(first.due) || !waiting[got] || got.place != nowhere {
						t.Fatalf("%v is due, not %v", first, got)
					}
					delete(waiting, got)
				}
			}
			if q.Len() != len(waiting) {
				t.Fatalf("%d wait, not %d", q.Len(), len(waiting))
			}
		}
	})
}

func TestLabels(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " two\n\tlines ": "two lines", strings.Repeat("é", 65): strings.Repeat("é", 63) + "…",
	} {
		if got := label(in); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
}

func TestThousandths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-1<<62, 1<<62).Draw(t, "n")
		got, ok := new(big.Rat).SetString(thousandths(n))
		if !ok || got.Cmp(big.NewRat(n, 1000)) != 0 {
			t.Fatalf("%d thousandths are %s", n, thousandths(n))
		}
	})
}

// Every kind of failure has a row, and every error of the client a kind.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range failures() {
		if seen[f.kind] {
			t.Errorf("%s is there twice", f.kind)
		}
		seen[f.kind] = true
		for _, err := range f.errs {
			if got := kindOf(fmt.Errorf("get balance: %w", err)); got != f.kind {
				t.Errorf("%v is %s", err, got)
			}
		}
	}
	if got := kindOf(fmt.Errorf("something")); got != kindOther || !seen[kindOther] {
		t.Errorf("an error that nobody knows is %s", got)
	}
	if kindOf(&docspace.Error{Err: docspace.ErrTimeout}) != "timeout" {
		t.Error("a time-out is none")
	}
}

// A value is the nearest to its text, and what is no number is not said.
func TestValues(t *testing.T) {
	d := descriptions()[walletBalance]
	for text, want := range map[string]string{
		"148.50": "148.5", "0.00000001": "1e-08", "-20": "-20", "92233720368.54775807": "9.223372036854776e+10", "+Inf": "+Inf", "": "", "1,5": "", "USD": "",
	} {
		m := d.metric(text, "acme", "USD")
		got := ""
		if m != nil {
			got = strconv.FormatFloat(m.GetGauge().GetValue(), 'g', -1, 64)
		}
		if got != want {
			t.Errorf("%q is %s, not %s", text, got, want)
		}
	}
	if d.metric("1", "acme") != nil {
		t.Error("a label is missing")
	}
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "units") // 15 digits
		text := money.FromUnits(units, "USD").Decimal()
		back := strconv.FormatFloat(d.metric(text, "acme", "USD").GetGauge().GetValue(), 'f', -1, 64)
		if amount, err := money.Parse(back, "USD"); err != nil || amount.Units() != units {
			t.Fatalf("%s comes out as %s", text, back)
		}
	})
}

func TestBetween(t *testing.T) {
	for want, groups := range map[string][]string{"": nil, ",eu,": {"eu"}, ",a,b,": {"b", "a", "b"}} {
		if got := between(groups); got != want {
			t.Errorf("%q: %q", groups, got)
		}
	}
}
