package portalapi

import (
	"errors"
	"strings"
	"time"
)

// span is what a date stands for: as a rule one moment. The hour that a clock
// which is put back shows twice is two, and the one that it leaves out is none:
// last is before first then, and between them nothing happens.
type span struct{ first, last time.Time }

var errDate = errors.New("not a date")

// parseDate reads a date, with a time or without one, which is midnight then. One
// that says neither Z nor an offset is in the zone. Source: contract, "GET
// /payment/customer/operations".
func parseDate(text string, zone *time.Location) (span, error) {
	text = strings.ToUpper(text)
	// The + of an offset that is not encoded arrives as a space.
	if n := len(text); n > 16 && text[n-6] == ' ' {
		text = text[:n-6] + "+" + text[n-5:]
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly, time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return local(at, zone), nil
		}
		if at, err := time.Parse(layout+"Z07:00", text); err == nil {
			return span{at, at}, nil
		}
	}
	return span{}, errDate
}

// local returns when the clocks of a zone show what at shows in UTC.
func local(at time.Time, zone *time.Location) span {
	// The offset is that of a day before or of a day after, or there is a change
	// in between.
	const day = 24 * time.Hour
	with := func(near time.Time) time.Time {
		_, offset := near.In(zone).Zone()
		return at.Add(-time.Duration(offset) * time.Second)
	}
	before, after := with(at.Add(-day)), with(at.Add(day))
	shows := func(moment time.Time) bool {
		_, offset := moment.In(zone).Zone()
		return moment.Add(time.Duration(offset) * time.Second).Equal(at)
	}
	switch {
	case before.Equal(after):
		return span{before, before}
	case shows(before) && shows(after): // put back: the old offset comes first
		return span{before, after}
	case shows(before):
		return span{before, before}
	case shows(after):
		return span{after, after}
	}
	// Put forward: before is later than the change, after is earlier.
	change, _ := before.In(zone).ZoneBounds()
	return span{first: change, last: change.Add(-time.Microsecond)}
}
