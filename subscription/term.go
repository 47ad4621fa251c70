package subscription

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/bursarhq/bursar/catalog"
)

// ErrPeriod says that something has no period that could be paid for: its plan
// has none, or a Term does not end after it starts.
var ErrPeriod = errors.New("no period to pay for")

// Term is one paid period: from Start up to, not including, End. Its moments are
// in UTC. Begin makes the first one and Next those after it; one that was written
// down is itself again with the same five values.
//
// The zero Term is no period: it has no days, and no next.
type Term struct {
	// Anchor is when the first of the terms started. The terms after it end on
	// its day of the month, at its clock.
	Anchor time.Time
	// Start and End are when this one starts and ends.
	Start, End time.Time
	// Zone is whose wall clock counts; nil is UTC.
	Zone *time.Location
	// Period is a month or a year.
	Period catalog.Period
}

// Begin returns the first term of something that is bought at a moment, which is
// cut to whole seconds, as the wire's moments are.
//
// It fails with ErrPeriod when the plan has no period: what is for ever or paid by
// use has no term.
func Begin(at time.Time, p catalog.Period, zone *time.Location) (Term, error) {
	at = at.Truncate(time.Second).UTC()
	t := Term{Anchor: at, Start: at, Zone: zone, Period: p}
	if t.months() == 0 {
		return Term{}, fmt.Errorf("%w: period %q is neither month nor year", ErrPeriod, p)
	}
	t.End = t.border(1)
	return t, nil
}

// Next returns the term that starts where t ends. It is counted from the anchor:
// after 31 January to 28 February comes 28 February to 31 March. The zero Term
// has the zero Term after it.
func (t Term) Next() Term {
	if t.months() == 0 {
		return Term{}
	}
	next := t
	next.Start = t.End
	next.End = t.border(t.number(t.End) + 1)
	return next
}

// In returns the same term with the wall clock of another zone, for the terms
// after it: the anchor is read off that clock from now on. Start and End stay as
// they are. What is left of a running term should be asked of the term as it was,
// because its days begin at other moments by another clock.
func (t Term) In(zone *time.Location) Term {
	t.Zone = zone
	return t
}

// check returns ErrPeriod for a term that is none.
func (t Term) check() error {
	if t.months() == 0 || !t.Start.Before(t.End) {
		return fmt.Errorf("%w: %q from %s to %s", ErrPeriod, t.Period, t.Start, t.End)
	}
	return nil
}

// months returns the length of the period; 0 when it has none.
func (t Term) months() int {
	switch t.Period {
	case catalog.Month:
		return 1
	case catalog.Year:
		return 12
	}
	return 0
}

func (t Term) zone() *time.Location {
	if t.Zone == nil {
		return time.UTC
	}
	return t.Zone
}

// border returns the end of the nth period after the anchor, by the wall clock.
func (t Term) border(n int) time.Time {
	clock := clockOf(t.Anchor, t.zone())
	year, month, day := clock.Date()
	first := time.Date(year, month+time.Month(n*t.months()), 1, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return moment(first.AddDate(0, 0, min(day, last)-1), t.zone())
}

// number returns which border a moment is, or is nearest to: a moment that was a
// border by the clock of another zone is not quite one, but never off by half a
// period.
func (t Term) number(at time.Time) int {
	anchor, clock := clockOf(t.Anchor, t.zone()), clockOf(at, t.zone())
	guess := (12*(clock.Year()-anchor.Year()) + int(clock.Month()-anchor.Month())) / t.months()
	best := guess
	for _, n := range []int{guess - 1, guess + 1} {
		if t.border(n).Sub(at).Abs() < t.border(best).Sub(at).Abs() {
			best = n
		}
	}
	return best
}

// Days returns how many days the term has by the wall clock of its zone: 28 to 31,
// or 365 or 366. A day that was skipped whole, or the first term in another zone,
// can make it a little fewer or more. A last day that is cut short counts.
func (t Term) Days() int {
	most := int(t.End.Sub(t.Start)/(24*time.Hour)) + 3
	if !t.Start.Before(t.End) {
		return 0
	}
	return 1 + sort.Search(most, func(n int) bool { return !t.dayStart(n + 1).Before(t.End) })
}

// Day returns how many of the term's days have passed whole: from 0, before the
// start as well, to Days-1, after the end as well. It is the number of the day
// that has begun.
func (t Term) Day(now time.Time) int {
	return sort.Search(max(t.Days()-1, 0), func(n int) bool { return t.dayStart(n + 1).After(now) })
}

// DayStart returns when the day of a number begins: Start for 0 and less, End for
// Days and more.
func (t Term) DayStart(n int) time.Time {
	if n >= t.Days() {
		return t.End
	}
	return t.dayStart(n)
}

func (t Term) dayStart(n int) time.Time {
	if n <= 0 {
		return t.Start
	}
	return moment(clockOf(t.Start, t.zone()).AddDate(0, 0, n), t.zone())
}

// clockOf returns what a zone's wall clock shows at a moment, written as though it
// were UTC.
func clockOf(at time.Time, zone *time.Location) time.Time {
	_, offset := at.In(zone).Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// moment returns when a zone's wall clock first shows what clock says, as though
// it were UTC, or later: the first of two such moments, and the first one after a
// gap.
func moment(clock time.Time, zone *time.Location) time.Time {
	// No clock is two days off. From there on, one offset after the other is
	// tried, for as long as it holds.
	from := clock.Add(-48 * time.Hour).In(zone)
	for first := true; ; first = false {
		_, offset := from.Zone()
		at := clock.Add(-time.Duration(offset) * time.Second)
		_, end := from.ZoneBounds()
		if !end.IsZero() && !end.After(from) {
			// Where a zone has only rules, the bounds on the last day of a leap
			// year end with the day before. Nothing changes within this hour.
			end = from.Add(time.Hour)
		}
		switch {
		case at.Before(from) && !first:
			return from.UTC()
		case end.IsZero() || at.Before(end):
			return at.UTC()
		}
		from = end.In(zone)
	}
}
