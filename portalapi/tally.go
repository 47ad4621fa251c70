package portalapi

import (
	"strconv"
	"time"
)

// rule is how often something may happen within a window of time that ends now.
// The window is divided into segments, at whose borders it moves on; a window of
// one segment is a fixed one, and one of a day is a day of UTC.
type rule struct {
	most     int // less than 0: no bound
	segment  time.Duration
	segments int
	says     []string // most, as a header's value
}

func newRule(most int, segment time.Duration, segments int) rule {
	return rule{most: most, segment: segment, segments: segments, says: []string{strconv.Itoa(most)}}
}

// with returns the rule with another bound.
func (r rule) with(most int) rule { return newRule(most, r.segment, r.segments) }

// tally counts what happened within the window of a rule, always the same one. The
// zero tally is a window in which nothing did. It takes the same time however much
// is counted: no segment is looked at more than once for each time that it ends.
type tally struct {
	counts []uint32 // by number of the segment, modulo their number; nil before the first
	now    int64    // number of the newest segment, since 1970
	last   int64    // number of the last one in which something happened
	total  int      // sum of counts
}

// advance moves the window to a time. A clock that is put back a little stands
// still meanwhile; one that is put back by more than the window starts anew.
func (t *tally) advance(r *rule, at time.Time) {
	now := at.UnixNano() / int64(r.segment)
	if gone := now - t.now; t.total == 0 || gone >= int64(r.segments) || -gone >= int64(r.segments) {
		if t.total > 0 {
			clear(t.counts)
			t.total = 0
		}
		t.now = now
		return
	}
	for t.now < now {
		t.now++
		oldest := &t.counts[t.now%int64(r.segments)] // its place is the new one's
		t.total -= int(*oldest)
		*oldest = 0
	}
}

// count adds one, at the time of the last advance.
func (t *tally) count(r *rule) {
	if t.counts == nil {
		t.counts = make([]uint32, r.segments)
	}
	t.counts[t.now%int64(r.segments)]++
	t.total++
	t.last = t.now
}

// left returns how many more there may be.
func (t *tally) left(r *rule) int { return max(0, r.most-t.total) }

// reset returns in how many seconds nothing is counted any more, if nothing
// happens meanwhile, rounded up.
func (t *tally) reset(r *rule, at time.Time) int {
	if t.total == 0 {
		return 0
	}
	return t.leaves(r, t.last, at)
}

// retry returns in how many seconds there may be one more, rounded up; 0 for now.
func (t *tally) retry(r *rule, at time.Time) int {
	over := t.total - r.most + 1
	if over <= 0 {
		return 0
	}
	for segment := t.now - int64(r.segments) + 1; segment < t.now; segment++ {
		if over -= int(t.counts[(segment+int64(r.segments))%int64(r.segments)]); over <= 0 {
			return t.leaves(r, segment, at)
		}
	}
	return t.leaves(r, t.now, at)
}

// leaves returns in how many seconds a segment leaves the window, rounded up.
func (t *tally) leaves(r *rule, segment int64, at time.Time) int {
	end := time.Unix(0, (segment+int64(r.segments))*int64(r.segment))
	return max(1, int((end.Sub(at)+time.Second-1)/time.Second))
}
