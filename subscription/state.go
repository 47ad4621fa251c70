package subscription

import (
	"strconv"
	"time"
)

// State says whether a portal counts as paid. The numbers are those of the wire.
// Source: contract, "State".
type State int

// The states, in the order in which a portal that pays nothing goes through them.
const (
	Trial   State = 0 // it tries a plan out
	Paid    State = 1
	Delay   State = 2 // it is late, within the days of grace
	NotPaid State = 3
)

// String returns the state's name in lower case: "not paid".
func (s State) String() string {
	switch s {
	case Trial:
		return "trial"
	case Paid:
		return "paid"
	case Delay:
		return "delay"
	case NotPaid:
		return "not paid"
	}
	return "state " + strconv.Itoa(int(s))
}

// StateAt returns the state of a portal whose plan is paid until due, and up to
// when it may be late: due and the days of grace, at due's time of day in UTC. The
// latter is zero except in Delay.
//
// Days of UTC are compared, so that the portal is paid until the due day ends and
// late until the last day of grace ends. A zero due is without end. A trial has
// no grace; fewer than nought days of it are none.
// Source: contract, "State".
func StateAt(now, due time.Time, trial bool, graceDays int) (s State, delayDue time.Time) {
	running, grace := Paid, max(graceDays, 0)
	if trial {
		running, grace = Trial, 0
	}
	if due.IsZero() {
		return running, time.Time{}
	}
	switch late := utcDay(now) - utcDay(due); {
	case late <= 0:
		return running, time.Time{}
	case late <= int64(grace):
		return Delay, due.UTC().AddDate(0, 0, grace)
	}
	return NotPaid, time.Time{}
}

// utcDay numbers the days of UTC.
func utcDay(t time.Time) int64 {
	const day = 24 * 60 * 60
	seconds := t.Unix()
	if seconds < 0 {
		seconds -= day - 1 // so that the division rounds down
	}
	return seconds / day
}
