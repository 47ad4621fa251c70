package subscription_test

import (
	"testing"
	"time"

	"github.com/bursarhq/bursar/subscription"
)

func TestStateAt(t *testing.T) {
	const none = ""
	tests := []struct {
		name, now, due string
		trial          bool
		grace          int
		want           subscription.State
		delayDue       string
	}{
		{"without end", "2026-07-10T12:00:00Z", none, false, 10, subscription.Paid, none},
		{"a trial without end", "2026-07-10T12:00:00Z", none, true, 10, subscription.Trial, none},
		{"before it is due", "2026-07-10T12:00:00Z", "2026-07-10T12:00:01Z", false, 10, subscription.Paid, none},
		{"due on this day, earlier", "2026-07-10T23:59:59Z", "2026-07-10T00:00:00Z", false, 10, subscription.Paid, none},
		{"the day after", "2026-07-11T00:00:00Z", "2026-07-10T23:59:59Z", false, 10, subscription.Delay, "2026-07-20T23:59:59Z"},
		{"the last day of grace", "2026-07-20T23:59:59Z", "2026-07-10T08:00:00Z", false, 10, subscription.Delay, "2026-07-20T08:00:00Z"},
		{"after the grace", "2026-07-21T00:00:00Z", "2026-07-10T08:00:00Z", false, 10, subscription.NotPaid, none},
		{"no grace", "2026-07-11T00:00:00Z", "2026-07-10T23:59:59Z", false, 0, subscription.NotPaid, none},
		{"no grace, on the day", "2026-07-10T23:59:59Z", "2026-07-10T00:00:00Z", false, 0, subscription.Paid, none},
		{"less than no grace", "2026-07-11T00:00:00Z", "2026-07-10T23:59:59Z", false, -3, subscription.NotPaid, none},
		{"a trial on its last day", "2026-07-10T23:59:59Z", "2026-07-10T08:00:00Z", true, 10, subscription.Trial, none},
		{"a trial has no grace", "2026-07-11T00:00:00Z", "2026-07-10T08:00:00Z", true, 10, subscription.NotPaid, none},
		{"days are UTC's: now", "2026-07-11T01:30:00+03:00", "2026-07-10T08:00:00Z", false, 10, subscription.Paid, none},
		{"days are UTC's: due", "2026-07-11T00:00:00Z", "2026-07-11T01:30:00+03:00", false, 10, subscription.Delay, "2026-07-20T22:30:00Z"},
		{"over the end of a month", "2026-02-05T00:00:00Z", "2026-01-31T08:00:00Z", false, 30, subscription.Delay, "2026-03-02T08:00:00Z"},
		{"long ago", "2026-07-11T00:00:00Z", "1969-12-31T23:59:59Z", false, 10, subscription.NotPaid, none},
		{"before 1970", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", false, 10, subscription.Delay, "1970-01-10T23:59:59Z"},
		{"before 1970, on the day", "1969-12-31T23:59:59Z", "1969-12-31T00:00:00Z", false, 10, subscription.Paid, none},
		{"far ahead", "2026-07-11T00:00:00Z", "9999-12-31T23:59:59Z", false, 10, subscription.Paid, none},
	}
	for _, tt := range tests {
		var due, delayDue time.Time
		if tt.due != none {
			due = at(t, tt.due)
		}
		if tt.delayDue != none {
			delayDue = at(t, tt.delayDue)
		}
		state, until := subscription.StateAt(at(t, tt.now), due, tt.trial, tt.grace)
		if state != tt.want || !until.Equal(delayDue) {
			t.Errorf("%s: %s until %s, want %s until %s", tt.name, state, until, tt.want, delayDue)
		}
	}
}

func TestStatesOnTheWire(t *testing.T) {
	for number, want := range []string{"trial", "paid", "delay", "not paid", "state 4"} {
		if got := subscription.State(number).String(); got != want {
			t.Errorf("%d is %q, want %q", number, got, want)
		}
	}
	for number, state := range []subscription.State{subscription.Trial, subscription.Paid, subscription.Delay, subscription.NotPaid} {
		if int(state) != number {
			t.Errorf("%s is %d, want %d", state, int(state), number)
		}
	}
}
