package wallet

import (
	"time"

	"github.com/bursarhq/bursar/money"
)

// The bounds of what portals take as a rule, in whole major units. Source: contract,
// "POST /payment/topupsettings".
const (
	MinFloor, MaxFloor   = 5, 1000
	MinTarget, MaxTarget = 6, 5000
)

// Suggest returns the smallest rule under which everything in the history could have
// been paid at its time, and which collects no more often than so many times in 30
// days, taken over the whole history; 0 sets no such limit. False: there is none.
//
// Both amounts are in whole major units, within what portals take, and the caps are
// those given. Smallest is the target, and of its floors the smallest. It is found by
// halving, as though what a rule can pay, a larger one can too; that is nearly so. What
// is certain is that a floor one unit lower would not do, unless it is out of bounds.
//
// It fails as Replay does.
func (h History) Suggest(caps Caps, often int) (Rule, bool, error) {
	if err := h.check(); err != nil {
		return Rule{}, false, err
	}
	s := search{history: h.inOrder(), caps: caps, often: often}
	if err := s.rule(MinFloor, MaxTarget).Check(); err != nil {
		return Rule{}, false, err
	}
	none, target, floor := int64(MinTarget-1), int64(MaxTarget), s.anyFloor(MaxTarget)
	if floor == 0 {
		return Rule{}, false, s.err
	}
	for target-none > 1 {
		middle := none + (target-none)/2
		if f := s.anyFloor(middle); f != 0 {
			target, floor = middle, f
		} else {
			none = middle
		}
	}
	low := int64(MinFloor - 1)
	for floor-low > 1 {
		if middle := low + (floor-low)/2; s.does(middle, target) {
			floor = middle
		} else {
			low = middle
		}
	}
	return s.rule(floor, target), s.err == nil, s.err
}

// search looks for a rule. Its first error stays, and nothing does any more.
type search struct {
	history History
	caps    Caps
	often   int
	err     error
}

func (s *search) rule(floor, target int64) Rule {
	c := s.history.Available.Currency()
	return Rule{
		Enabled: true, Caps: s.caps,
		Floor: money.FromUnits(floor*money.Scale, c), Target: money.FromUnits(target*money.Scale, c),
	}
}

// anyFloor returns a floor that does for a target, 0 if none of those that were tried
// does. Lower ones make fewer collections, higher ones come sooner.
func (s *search) anyFloor(target int64) int64 {
	highest := min(target-1, MaxFloor)
	const tries = 16
	for n := int64(0); n <= tries; n++ {
		floor := MinFloor + (highest-MinFloor)*n/tries
		if s.does(floor, target) {
			return floor
		}
	}
	return 0
}

// does reports whether a rule pays everything, and collects not too often.
func (s *search) does(floor, target int64) bool {
	if s.err != nil {
		return false
	}
	got, err := s.history.replay(s.rule(floor, target), true)
	if err != nil {
		s.err = err
		return false
	}
	if got.Unpaid > 0 {
		return false
	}
	span := max(s.history.To.Sub(s.history.From), MonthWindow) / time.Hour
	return s.often == 0 || time.Duration(got.Charges)*(MonthWindow/time.Hour) <= time.Duration(s.often)*span
}
