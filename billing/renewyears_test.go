package billing_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// zones are some whose clocks change, at odd hours and by odd steps, or never.
var zones = []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "America/Santiago"}

// Over years, whenever somebody looks: each period is paid once, they follow one another
// without a gap, and what was taken is what they cost.
func TestPeriodsOverYears(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		begin := time.Date(2027, 1, 28, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 500*24*3600).Draw(r, "begin")) * time.Second)
		byCard := rapid.Bool().Draw(r, "by card")
		d := newDeskIn(t, zone, begin)
		planID := -11
		if byCard {
			planID = -9
			d.subscribe(3)
		} else {
			d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
		}
		first := d.of(planID)
		end := begin.AddDate(2, 2, 0)
		for d.clock.Now().Before(end) {
			step := time.Duration(rapid.Int64Range(1, 60*24).Draw(r, "hours")) * time.Hour
			if rapid.Bool().Draw(r, "down") {
				d.clock.Move(step)
				d.runDue()
			} else {
				d.runUntil(d.clock.Now().Add(step))
			}
		}
		d.checkPeriods(r, planID, first)
	})
}

// checkPeriods holds what was told and paid against the periods of a calendar.
func (d *desk) checkPeriods(r *rapid.T, planID int, first store.Subscription) {
	sum, last := first.Rate, first
	renewals := d.events("p", 0, "periodStart", "periodEnd", "amount")
	border := first.DueAt
	n := 0
	for _, e := range renewals {
		var start, finish, cost string
		if _, err := fmt.Sscanf(e, string(event.TypeSubscriptionRenewed)+" %s %s %s", &start, &finish, &cost); err != nil {
			continue
		}
		n++
		from, err := time.Parse(time.RFC3339, start)
		d.must(err)
		to, err := time.Parse(time.RFC3339, finish)
		d.must(err)
		if !from.Equal(border) || !to.After(from) {
			r.Fatalf("a period from %s to %s follows one that ends %s", start, finish, border)
		}
		if want := borderAfter(first, n+1); !to.Equal(want) {
			r.Fatalf("period %d ends %s, want %s", n+1, to, want)
		}
		price, err := money.Parse(cost, "USD")
		d.must(err)
		if sum, err = sum.Add(price); err != nil {
			r.Fatal(err)
		}
		border = to
	}
	last = d.of(planID)
	if !last.DueAt.Equal(border) || border.Before(d.clock.Now()) {
		r.Fatalf("paid until %s, the row says %s, and it is %s", border, last.DueAt, d.clock.Now())
	}
	if got := d.sums(ledger.Revenue, "USD"); got != sum.String() {
		r.Fatalf("%s were taken for what costs %s", got, sum)
	}
	if _, _, err := d.Verify(d.t.Context(), store.Verification{}); err != nil {
		r.Fatal(err)
	}
}

// borderAfter is when the nth period ends: by the calendar on the wall, said anew here.
func borderAfter(first store.Subscription, n int) time.Time {
	zone := time.UTC
	if first.TimeZone != "" {
		zone, _ = time.LoadLocation(first.TimeZone)
	}
	wall := first.AnchorAt.In(zone)
	month := time.Date(wall.Year(), wall.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	lastDay := month.AddDate(0, 1, -1).Day()
	clock := time.Date(month.Year(), month.Month(), min(wall.Day(), lastDay), wall.Hour(), wall.Minute(), wall.Second(), 0, time.UTC)
	// The first second at which the wall shows that, or more.
	for at := clock.Add(-15 * time.Hour).Truncate(time.Second); ; at = at.Add(15 * time.Minute) {
		_, offset := at.In(zone).Zone()
		if shown := at.Add(time.Duration(offset) * time.Second); !shown.Before(clock) {
			for {
				before := at.Add(-time.Second)
				_, offset := before.In(zone).Zone()
				if before.Add(time.Duration(offset) * time.Second).Before(clock) {
					return at.UTC()
				}
				at = before
			}
		}
	}
}

// newDeskIn is newDesk with a portal in a zone, at a moment, and plenty of money.
func newDeskIn(t *testing.T, zone string, now time.Time) *desk {
	t.Helper()
	d := newDesk(t, inMemory, "100000 USD")
	d.clock.Set(now)
	d.must(d.ChangePortal(t.Context(), "p", billing.PortalChange{TimeZone: &zone}))
	return d
}

// The end of a month, and a leap day: the day stands in for one that is missing, for
// that once.
func TestMonthsEnd(t *testing.T) {
	for begin, want := range map[string][]string{
		"2027-01-31 10:00:00": {"2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"},
		"2027-12-31 10:00:00": {"2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"},
		"2028-02-29 10:00:00": {"2028-03-29", "2028-04-29", "2028-05-29", "2028-06-29"},
	} {
		t.Run(begin, func(t *testing.T) {
			d := newDeskIn(t, "", at(begin))
			d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
			got := []string{d.of(-11).DueAt.Format(time.DateOnly)}
			for len(got) < len(want) {
				d.runUntil(d.of(-11).DueAt)
				got = append(got, d.of(-11).DueAt.Format(time.DateOnly))
			}
			diff(t, "due", got, want)
		})
	}
}

// A clock at which a day has a gap is the first moment after it, that once.
func TestClockThatADaySkips(t *testing.T) {
	d := newDeskIn(t, "Europe/Berlin", at("2027-02-28 01:30:00")) // 02:30 there; on 28 March the clock goes from 02:00 to 03:00
	d.must(d.Purchase(t.Context(), d.me(), "k", "storage", 100))
	due := []string{d.of(-11).DueAt.Format(time.DateTime)}
	for range 2 {
		d.runUntil(d.of(-11).DueAt)
		due = append(due, d.of(-11).DueAt.Format(time.DateTime))
	}
	diff(t, "due", due, []string{"2027-03-28 01:00:00", "2027-04-28 00:30:00", "2027-05-28 00:30:00"})
}
