package wallet

import (
	"math"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Caps are how much a rule may collect, whatever is missing. Nought, in whatever
// currency, leaves a cap to its default, see [Rule.Limits].
//
// Day and Month slide: what was collected counts for 24 hours, and for 30 days,
// from its own moment on. By the calendar, a month's cap could be collected twice
// within the minute of midnight, and a midnight needs a zone that the customer may
// change.
type Caps struct {
	// Charge is the most in one collection, Day in 24 hours, Month in 30 days.
	Charge, Day, Month money.Amount
	// Count is the most collections in 24 hours.
	Count int
}

// DayWindow and MonthWindow are how long a collection counts for the caps of a day
// and of a month.
const (
	DayWindow   = 24 * time.Hour
	MonthWindow = 30 * DayWindow
)

// The defaults of caps: of money, in targets.
const (
	defaultDay   = 3
	defaultMonth = 20
	defaultCount = 5
)

// Limits returns the rule's caps with every default filled in: in one collection the
// target, three times that in 24 hours and twenty times in 30 days, each rounded up to
// the minor unit; and five collections in 24 hours.
func (r Rule) Limits() Caps {
	c := r.Caps
	for _, row := range []struct {
		cap     *money.Amount
		targets int64
	}{{&c.Charge, 1}, {&c.Day, defaultDay}, {&c.Month, defaultMonth}} {
		if row.cap.Sign() != 0 {
			continue
		}
		most, err := r.Target.Mul(row.targets)
		if err != nil {
			most = money.FromUnits(math.MaxInt64, r.Target.Currency())
		}
		*row.cap = money.FromUnits(roundUp(most.Units(), minorUnit(most.Currency())), most.Currency())
	}
	if c.Count == 0 {
		c.Count = defaultCount
	}
	return c
}

// window is a cap on money that slides.
type window struct {
	cap  Reason
	long time.Duration
	most int64 // whole in minor units
}

// spent returns how much was collected in the window that ends now.
func (w window) spent(s Standing, c money.Currency) int64 {
	sum := int64(0)
	for _, done := range s.Charged {
		if done.Amount.Currency() == c && s.Now.Before(done.At.Add(w.long)) {
			sum = addCapped(sum, max(0, done.Amount.Units()))
		}
	}
	return sum
}

// free returns the first moment, from now on, at which the window leaves so much.
func (w window) free(s Standing, c money.Currency, least int64) time.Time {
	at := s
	if w.most-w.spent(s, c) >= least {
		return s.Now
	}
	for _, end := range ends(s.Charged, w.long) {
		if at.Now = end; end.After(s.Now) && w.most-w.spent(at, c) >= least {
			return end
		}
	}
	return s.Now // of a window in which nothing was collected, all is free
}

// freeCount returns the first moment, from now on, at which another collection may
// be counted.
func freeCount(s Standing, most int) time.Time {
	later := slices.DeleteFunc(ends(s.Charged, DayWindow), func(end time.Time) bool { return !end.After(s.Now) })
	if len(later) < most {
		return s.Now
	}
	return later[len(later)-most]
}

// ends returns when collections stop to count, the first one first.
func ends(charged []Charged, after time.Duration) []time.Time {
	all := make([]time.Time, len(charged))
	for i, c := range charged {
		all[i] = c.At.Add(after)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}
