package portalapi

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// noon is when these tests begin, on the border of every segment.
var noon = time.Date(2026, time.July, 8, 12, 0, 0, 0, time.UTC)

// take counts one if there may be one, and returns in how many seconds there may
// be one otherwise.
func (t *tally) take(r *rule, at time.Time) (retry int) {
	t.advance(r, at)
	if retry = t.retry(r, at); retry == 0 {
		t.count(r)
	}
	return retry
}

func TestWindowSlides(t *testing.T) {
	second := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	minute, quarter, day := newRule(3, time.Second, 60), newRule(2, 15*time.Second, 60), newRule(2, 24*time.Hour, 1)
	for name, test := range map[string]struct {
		rule  rule
		at    []float64 // seconds after noon
		retry []int     // what comes of each
	}{
		"a burst":                     {minute, []float64{0, 0, 0, 0, 59.9, 60, 60, 60, 60}, []int{0, 0, 0, 60, 1, 0, 0, 0, 60}},
		"one by one":                  {minute, []float64{0, 10, 20, 30, 60, 61, 70, 71}, []int{0, 0, 0, 30, 0, 9, 0, 9}},
		"the border is no new start":  {minute, []float64{59, 59, 59, 60, 118, 119}, []int{0, 0, 0, 59, 1, 0}},
		"within a second":             {minute, []float64{0.9, 0.9, 0.9, 0.95, 59.5, 60}, []int{0, 0, 0, 60, 1, 0}},
		"after a long while":          {minute, []float64{0, 0, 0, 86400, 86400, 86400, 86400}, []int{0, 0, 0, 0, 0, 0, 60}},
		"refusals are not counted":    {minute, []float64{0, 0, 0, 1, 2, 3, 4, 60}, []int{0, 0, 0, 59, 58, 57, 56, 0}},
		"the clock is put back":       {minute, []float64{30, 30, 30, 20, 90}, []int{0, 0, 0, 70, 0}},
		"the clock is put far back":   {minute, []float64{30, 30, 30, -86400, -86400}, []int{0, 0, 0, 0, 0}},
		"fifteen minutes":             {quarter, []float64{0, 450, 451, 899, 900, 901}, []int{0, 0, 449, 1, 0, 449}},
		"a day of UTC, fixed":         {day, []float64{0, 43199, 43199.5, 43200, 43200, 43200}, []int{0, 0, 1, 0, 0, 86400}},
		"a day of UTC, in the middle": {day, []float64{0, 0, 0}, []int{0, 0, 43200}},
	} {
		t.Run(name, func(t *testing.T) {
			var did tally
			for i, at := range test.at {
				if got := did.take(&test.rule, second(at)); got != test.retry[i] {
					t.Errorf("request %d at %g s: retry is %d, want %d", i+1, at, got, test.retry[i])
				}
			}
		})
	}
}

// However requests come: within any window, less the segment at its border, there
// are never more than the rule says; one is refused only where the whole window
// has as many; and who is told when to come back is let in then, and not a segment
// before.
func TestWindowHoldsWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRule(rapid.IntRange(1, 20).Draw(t, "most"), time.Second, 60)
		const window = time.Minute
		var (
			did tally
			log []time.Time // of those that were let in
			now = noon
		)
		within := func(from, to time.Time) (n int) {
			for _, at := range log {
				if at.After(from) && !at.After(to) {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			before := did
			before.counts = append([]uint32(nil), did.counts...)
			retry := did.take(&r, now)
			if retry == 0 {
				log = append(log, now)
				if n := within(now.Add(-window+time.Second), now); n > r.most {
					t.Fatalf("%d within the window, of %d", n, r.most)
				}
				continue
			}
			if n := within(now.Add(-window), now); n < r.most {
				t.Fatalf("refused, though there were %d, of %d", n, r.most)
			}
			for after, want := range map[time.Duration]bool{
				time.Duration(retry) * time.Second: true, time.Duration(retry-1) * time.Second: false,
			} {
				later := before
				later.counts = append([]uint32(nil), before.counts...)
				if got := later.take(&r, now.Add(after)) == 0; got != want {
					t.Fatalf("told to come back in %d s: after %s it is let in: %t", retry, after, got)
				}
			}
		}
		did.advance(&r, now)
		if reset := did.reset(&r, now); did.total > 0 {
			at := now.Add(time.Duration(reset) * time.Second)
			if did.advance(&r, at); did.total != 0 {
				t.Fatalf("after the reset, in %d s, %d are counted", reset, did.total)
			}
		}
	})
}
