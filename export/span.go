package export

import (
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Span is a time, by moments, or by days as the portal's own dates show them. Its zero
// value is all of time.
type Span struct {
	// From and To are the first and the last moment; the zero Time is no bound.
	From, To time.Time
	// FirstDay and LastDay are as 2026-07-01, in the zone of each portal; "" is no
	// bound. They come before From and To.
	FirstDay, LastDay string
}

// holds reports whether an operation is in the span. Which day it happened on is what
// its date shows: nobody has to know the portal's zone for that.
func (s Span) holds(o *docspace.Operation) bool {
	day := o.Date.Format(time.DateOnly)
	switch {
	case s.FirstDay != "" && day < s.FirstDay, s.LastDay != "" && day > s.LastDay:
		return false
	case s.FirstDay == "" && !s.From.IsZero() && o.Date.Before(s.From):
		return false
	case s.LastDay == "" && !s.To.IsZero() && o.Date.After(s.To):
		return false
	}
	return true
}

// The zones that are farthest from UTC: a day begins in the east, and ends in the west.
const (
	easternmost = 14 * time.Hour
	westernmost = 12 * time.Hour
)

// asked returns the moments to ask a portal for, so that all that the span holds is
// between them, whatever its zone; the zero Time is no bound.
func (s Span) asked() (from, to time.Time) {
	from, to = s.From, s.To
	if day, err := time.Parse(time.DateOnly, s.FirstDay); err == nil {
		from = day.Add(-easternmost)
	}
	if day, err := time.Parse(time.DateOnly, s.LastDay); err == nil {
		to = day.AddDate(0, 0, 1).Add(westernmost - tick)
	}
	return from, to
}

// tick is the shortest time that portals tell apart. Source: contract, "ApiDateTime".
const tick = 100 * time.Nanosecond
