package subscription

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/catalog"
)

// policy is the stock one: notice 7 days ahead, paid 1 day ahead, tried again after 0,
// 1, 3 and 5 days, 3 days of grace for a service and 10 for a plan.
var policy = catalog.Stock().Policy()

var dueAt = time.Date(2027, 3, 10, 15, 0, 0, 0, time.UTC)

// from is a moment so many hours after the due one.
func from(hours int) time.Time { return dueAt.Add(time.Duration(hours) * time.Hour) }

func TestSteps(t *testing.T) {
	announced := Renewal{Due: dueAt, Service: true, Announced: true}
	elsewhere := Renewal{Due: dueAt, Elsewhere: true}
	trial := Renewal{Due: dueAt, Trial: true, Elsewhere: true}
	cancelled := Renewal{Due: dueAt, Cancelled: true}
	atDue := Renewal{Due: dueAt, Announced: true, AtDue: true}
	untold := Renewal{Due: dueAt, Announced: true, Untold: true, AtDue: true}
	told := trial
	told.Announced = true
	for name, c := range map[string]struct {
		r     Renewal
		at    int // hours after it is due
		step  Step
		until time.Time
	}{
		"nothing ends":                     {Renewal{}, 0, Wait, time.Time{}},
		"long before":                      {Renewal{Due: dueAt}, -200, Wait, from(-168)},
		"a week before":                    {Renewal{Due: dueAt}, -168, Announce, time.Time{}},
		"announced":                        {announced, -168, Wait, from(-24)},
		"a day before":                     {announced, -24, Pay, time.Time{}},
		"too late to announce":             {Renewal{Due: dueAt}, 1, Pay, time.Time{}},
		"not announced, but it is time":    {Renewal{Due: dueAt}, -1, Announce, time.Time{}},
		"nothing is taken away early":      {atDue, -24, Wait, dueAt},
		"but when it is due":               {atDue, 0, Pay, time.Time{}},
		"what comes is another":            {untold, -30, Announce, time.Time{}},
		"what comes is another, too late":  {untold, 0, Pay, time.Time{}},
		"cancelled":                        {cancelled, -24, Wait, dueAt},
		"cancelled and due":                {cancelled, 0, Cancel, time.Time{}},
		"elsewhere":                        {elsewhere, -100, Announce, time.Time{}},
		"elsewhere and over":               {elsewhere, 1, Wait, time.Time{}},
		"a trial":                          {trial, -1, Announce, time.Time{}},
		"a trial that is announced":        {told, -1, Wait, time.Date(2027, 3, 11, 0, 0, 0, 0, time.UTC)},
		"a trial on its last day":          {told, 8, Wait, time.Date(2027, 3, 11, 0, 0, 0, 0, time.UTC)},
		"a trial whose last day is over":   {told, 9, EndTrial, time.Time{}},
		"closed, and somebody looks at it": {Renewal{Due: dueAt, Closed: true}, 5000, Pay, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			step, until := c.r.Step(from(c.at), policy)
			if step != c.step || !until.Equal(c.until) {
				t.Errorf("%q until %s, want %q until %s", step, until, c.step, c.until)
			}
		})
	}
}

func TestTries(t *testing.T) {
	for name, c := range map[string]struct {
		r    Renewal
		now  int
		want bool
		at   int
		next int // 0: none
	}{
		"before any":                  {Renewal{Due: dueAt}, -25, false, 0, -24},
		"ahead":                       {Renewal{Due: dueAt}, -24, true, -24, 1},
		"tried ahead":                 {Renewal{Due: dueAt, TriedAt: from(-24)}, -1, false, -24, 1},
		"due":                         {Renewal{Due: dueAt, TriedAt: from(-24)}, 1, true, 0, 24},
		"tried since":                 {Renewal{Due: dueAt, TriedAt: from(1)}, 23, false, 0, 24},
		"several went by":             {Renewal{Due: dueAt, TriedAt: from(1)}, 100, true, 72, 120},
		"all went by":                 {Renewal{Due: dueAt, TriedAt: from(121)}, 500, false, 120, 0},
		"closed":                      {Renewal{Due: dueAt, TriedAt: from(1), Closed: true}, 100, false, 72, 0},
		"tried by a clock set back":   {Renewal{Due: dueAt, TriedAt: from(5000)}, 30, true, 24, 72},
		"nothing ahead where it pays": {Renewal{Due: dueAt, AtDue: true}, -1, false, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			at, due := c.r.TryAt(from(c.now), policy)
			if due != c.want || !at.IsZero() && !at.Equal(from(c.at)) {
				t.Errorf("try of %s: %t, want that of %s: %t", at, due, from(c.at), c.want)
			}
			want := from(c.next)
			switch c.next {
			case 0:
				want = time.Time{}
			case 1: // the due moment itself
				want = dueAt
			}
			if next := c.r.NextTry(from(c.now), policy); !next.Equal(want) {
				t.Errorf("next at %s, want %s", next, want)
			}
		})
	}
}

func TestGrace(t *testing.T) {
	plan, service := Renewal{Due: dueAt, FailedAt: dueAt}, Renewal{Due: dueAt, FailedAt: dueAt, Service: true}
	late, closed := service, plan
	late.FailedAt, closed.Closed = from(1000), true
	for name, c := range map[string]struct {
		r    Renewal
		want time.Time
	}{
		"in time":              {Renewal{Due: dueAt}, time.Time{}},
		"a plan":               {plan, time.Date(2027, 3, 21, 0, 0, 0, 0, time.UTC)},
		"a service":            {service, from(72)},
		"a service tried late": {late, from(1072)},
		"closed":               {closed, time.Time{}},
	} {
		if got := c.r.GraceEnds(policy); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	// The plan's days end when its state says so.
	for _, now := range []time.Time{plan.GraceEnds(policy).Add(-time.Second), plan.GraceEnds(policy)} {
		ends, _ := plan.Unpaid(now, policy)
		if state, _ := StateAt(now, dueAt, false, policy.GraceDays); ends != (state == NotPaid) {
			t.Errorf("%s: it ends: %t, and its state is %s", now, ends, state)
		}
	}
}

func TestRaised(t *testing.T) {
	for name, c := range map[string]struct{ quantity, used, allowed, each, want int64 }{
		"enough":          {100, 50, 102, 1, 100},
		"just enough":     {100, 102, 102, 1, 100},
		"a little more":   {100, 1021, 1020, 10, 101},
		"a whole one":     {100, 1030, 1020, 10, 101},
		"and a bit":       {100, 1031, 1020, 10, 102},
		"unlimited":       {100, 1 << 60, catalog.Unlimited, 10, 100},
		"it adds nothing": {100, 5, 1, 0, 100},
	} {
		if got := Raised(c.quantity, c.used, c.allowed, c.each); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Whoever does what a renewal says, and looks again when it says, whenever that is
// possible, comes to an end: it is announced once, tried at each of its moments at
// most once, and ended once, not before its days of grace are over.
func TestRenewalComesToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policy
		p.NoticeDays = rapid.IntRange(0, 20).Draw(t, "notice")
		p.Ahead = time.Duration(rapid.IntRange(0, 72).Draw(t, "ahead")) * time.Hour
		p.ServiceGraceDays = rapid.IntRange(0, 10).Draw(t, "grace of a service")
		p.GraceDays = rapid.IntRange(0, 20).Draw(t, "grace of a plan")
		p.Attempts = []time.Duration{0}
		for range rapid.IntRange(0, 4).Draw(t, "attempts") {
			p.Attempts = append(p.Attempts, p.Attempts[len(p.Attempts)-1]+time.Duration(rapid.IntRange(1, 100).Draw(t, "after"))*time.Hour)
		}
		r := Renewal{Due: dueAt, Service: rapid.Bool().Draw(t, "service"), AtDue: rapid.Bool().Draw(t, "at due")}
		now := r.FirstLook(p)
		notices, tries := 0, 0
		for range 100 {
			late := time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 30, 500}).Draw(t, "late")) * time.Hour
			now = now.Add(late)
			step, until := r.Step(now, p)
			switch step {
			case Announce:
				notices++
				r.Announced = true
				continue
			case Wait:
				if !until.After(now) {
					t.Fatalf("at %s it waits until %s", now, until)
				}
				now = until
				continue
			case Pay:
			default:
				t.Fatalf("step %q", step)
			}
			if _, due := r.TryAt(now, p); due {
				tries++
				r.TriedAt = now
				if r.FailedAt.IsZero() && !now.Before(r.Due) {
					r.FailedAt = now
				}
			}
			ends, again := r.Unpaid(now, p)
			if ends {
				if grace := r.GraceEnds(p); now.Before(grace) || now.Before(r.Due) {
					t.Fatalf("it ends at %s, and has until %s", now, grace)
				}
				if most := len(p.Attempts) + 1; tries > most || tries == 0 || notices > 1 {
					t.Fatalf("%d notices, %d attempts of %d", notices, tries, most)
				}
				return
			}
			if !again.After(now) {
				t.Fatalf("at %s it is to be looked at again at %s", now, again)
			}
			now = again
		}
		t.Fatal("it has no end")
	})
}
