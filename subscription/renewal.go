package subscription

import (
	"time"

	"github.com/bursarhq/bursar/catalog"
)

// Renewal is what there is to know about something whose period ends, when it is
// asked what is to be done about that.
type Renewal struct {
	// Due is when the period ends that is paid.
	Due time.Time
	// Service says that it is had beside a plan.
	Service bool
	// Trial says that nobody pays for it, and it ends.
	Trial bool
	// Elsewhere says that what comes after the period is agreed elsewhere: it is
	// announced, and nothing else is done.
	Elsewhere bool
	// Cancelled says that there is to be no next period.
	Cancelled bool
	// AtDue says that it is not paid for before it is due: the next period has less,
	// and nothing that is paid for is taken away, or more than could be announced in
	// time.
	AtDue bool
	// Announced says that the end of this period was announced. Untold says that what
	// comes then is not what was announced, so that it is announced anew, or although
	// nothing is.
	Announced, Untold bool
	// TriedAt is when it was last tried to pay for the next period, FailedAt when that
	// first was in vain at the due moment or later; the zero Time: it was not.
	TriedAt, FailedAt time.Time
	// Closed says that the days of grace are over, and it is still had: it waits for
	// somebody to pay.
	Closed bool
}

// Step is what is to be done about a renewal.
type Step string

const (
	Wait     Step = ""         // nothing, until a moment
	Announce Step = "announce" // tell that it is due
	Pay      Step = "pay"      // pay for the next period, if that can be done
	Cancel   Step = "cancel"   // it was cancelled, and its period is over
	EndTrial Step = "end_trial"
)

// Idle is how long something is left alone of which nothing is expected any more.
const Idle = 90 * 24 * time.Hour

const day = 24 * time.Hour

// Step returns what is to be done at a moment. Of Wait it returns until when; the
// zero Time: for ever.
func (r Renewal) Step(now time.Time, p catalog.Policy) (Step, time.Time) {
	switch notice := r.noticeAt(p); {
	case r.Due.IsZero():
		return Wait, time.Time{}
	case r.Cancelled && !now.Before(r.Due):
		return Cancel, time.Time{}
	case r.Cancelled:
		return Wait, r.Due
	case r.Trial && !now.Before(r.overAt(0)):
		return EndTrial, time.Time{}
	case r.announces(p) && now.Before(notice):
		return Wait, notice
	case r.announces(p) && now.Before(r.Due):
		return Announce, time.Time{}
	case r.Elsewhere && !r.Trial:
		return Wait, time.Time{}
	case r.Trial:
		return Wait, r.overAt(0)
	}
	if first := r.tries(p)[0]; now.Before(first) {
		return Wait, first
	}
	return Pay, time.Time{}
}

func (r Renewal) announces(p catalog.Policy) bool {
	return p.NoticeDays > 0 && !r.Announced || r.Untold
}

// noticeAt returns when it is announced: so many days ahead, and never after it is
// paid for.
func (r Renewal) noticeAt(p catalog.Policy) time.Time {
	ahead := time.Duration(p.NoticeDays) * day
	if !r.Trial && !r.Elsewhere {
		ahead = max(ahead, r.Due.Sub(r.tries(p)[0]))
	}
	return r.Due.Add(-ahead)
}

// FirstLook returns the first moment at which there may be anything to do.
func (r Renewal) FirstLook(p catalog.Policy) time.Time {
	return r.Due.Add(-max(time.Duration(p.NoticeDays)*day, p.Ahead))
}

// tries returns when it is tried to pay, ascending: at least one moment.
func (r Renewal) tries(p catalog.Policy) []time.Time {
	var all []time.Time
	if p.Ahead > 0 && !r.AtDue {
		all = append(all, r.Due.Add(-p.Ahead))
	}
	for _, after := range p.Attempts {
		all = append(all, r.Due.Add(after))
	}
	return all
}

// TryAt returns the last moment at which it should have been tried to pay, and
// whether it was not tried since. Of several that went by at once there is one. What
// was tried later than now was so by a clock that has been set back, and does not count.
func (r Renewal) TryAt(now time.Time, p catalog.Policy) (at time.Time, due bool) {
	for _, try := range r.tries(p) {
		if !try.After(now) {
			at = try
		}
	}
	return at, !at.IsZero() && !r.Closed && (r.TriedAt.Before(at) || r.TriedAt.After(now))
}

// NextTry returns when it is tried next after a moment; the zero Time: not by
// itself.
func (r Renewal) NextTry(now time.Time, p catalog.Policy) time.Time {
	for _, try := range r.tries(p) {
		if try.After(now) && !r.Closed {
			return try
		}
	}
	return time.Time{}
}

// GraceEnds returns when it ends if it is not paid by then; the zero Time while
// there is nothing that was in vain, or when it has ended. The days of a service
// count from the due moment or, if it was tried later, from then: nobody loses it
// because it was not tried. Those of a plan are days of UTC from the due moment, as
// its states are.
func (r Renewal) GraceEnds(p catalog.Policy) time.Time {
	switch {
	case r.FailedAt.IsZero() || r.Closed:
		return time.Time{}
	case !r.Service:
		return r.overAt(p.GraceDays)
	case r.FailedAt.After(r.Due):
		return r.FailedAt.Add(time.Duration(p.ServiceGraceDays) * day)
	}
	return r.Due.Add(time.Duration(p.ServiceGraceDays) * day)
}

// overAt returns when the day of UTC is over that so many days come after the due
// one.
func (r Renewal) overAt(days int) time.Time {
	return r.Due.UTC().Truncate(day).AddDate(0, 0, days+1)
}

// Unpaid returns whether something that could not be paid for at a moment ends now,
// and else when it is looked at again.
func (r Renewal) Unpaid(now time.Time, p catalog.Policy) (ends bool, again time.Time) {
	again = r.NextTry(now, p)
	if grace := r.GraceEnds(p); !grace.IsZero() {
		if !now.Before(grace) {
			return true, time.Time{}
		}
		if again.IsZero() || grace.Before(again) {
			again = grace
		}
	}
	if again.IsZero() {
		again = now.Add(Idle)
	}
	return false, again
}

// Raised returns the smallest quantity, no less than the given one, that covers what
// is used, of which that quantity and all else allow so much, and one more of it
// allows each. Unlimited is enough of anything.
func Raised(quantity, used, allowed, each int64) int64 {
	missing := used - allowed
	if allowed == catalog.Unlimited || each <= 0 || missing <= 0 {
		return quantity
	}
	return quantity + (missing-1)/each + 1
}
