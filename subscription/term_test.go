package subscription_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/subscription"
)

func zone(t rapid.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t rapid.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func begin(t rapid.TB, at time.Time, p catalog.Period, zone *time.Location) subscription.Term {
	t.Helper()
	term, err := subscription.Begin(at, p, zone)
	if err != nil {
		t.Fatal(err)
	}
	return term
}

// Each row is a chain of terms: the anchor and the ends after it, with the offset
// that the zone's clock has then, and the days of each.
func TestTerms(t *testing.T) {
	tests := []struct {
		name, zone string
		period     catalog.Period
		anchor     string
		ends       []string
		days       []int
	}{
		{"the middle of the month", "UTC", catalog.Month, "2026-01-15T10:20:30Z",
			[]string{"2026-02-15T10:20:30Z", "2026-03-15T10:20:30Z", "2026-04-15T10:20:30Z"}, []int{31, 28, 31}},
		{"the end of the month", "UTC", catalog.Month, "2026-01-31T10:00:00Z",
			[]string{"2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z", "2026-04-30T10:00:00Z", "2026-05-31T10:00:00Z"}, []int{28, 31, 30, 31}},
		{"the end of the month, in a leap year", "UTC", catalog.Month, "2027-12-30T10:00:00Z",
			[]string{"2028-01-30T10:00:00Z", "2028-02-29T10:00:00Z", "2028-03-30T10:00:00Z"}, []int{31, 30, 30}},
		{"the end of a short month", "UTC", catalog.Month, "2026-02-28T10:00:00Z",
			[]string{"2026-03-28T10:00:00Z", "2026-04-28T10:00:00Z"}, []int{28, 31}},
		{"a century that has no leap year", "UTC", catalog.Month, "2100-01-29T10:00:00Z",
			[]string{"2100-02-28T10:00:00Z", "2100-03-29T10:00:00Z"}, []int{30, 29}},
		{"a year", "UTC", catalog.Year, "2026-03-01T10:00:00Z",
			[]string{"2027-03-01T10:00:00Z", "2028-03-01T10:00:00Z"}, []int{365, 366}},
		{"a year from 29 February", "UTC", catalog.Year, "2024-02-29T10:00:00Z",
			[]string{"2025-02-28T10:00:00Z", "2026-02-28T10:00:00Z", "2027-02-28T10:00:00Z", "2028-02-29T10:00:00Z"}, []int{365, 365, 365, 366}},
		{"summer time comes and goes", "Europe/Berlin", catalog.Month, "2026-02-28T23:30:00+01:00",
			[]string{"2026-03-28T23:30:00+01:00", "2026-04-28T23:30:00+02:00", "2026-05-28T23:30:00+02:00"}, []int{28, 31, 30}},
		{"the day is the zone's", "Europe/Berlin", catalog.Month, "2026-01-31T00:30:00+01:00",
			[]string{"2026-02-28T00:30:00+01:00", "2026-03-31T00:30:00+02:00"}, []int{28, 31}},
		{"a clock that is skipped", "Europe/Berlin", catalog.Month, "2026-02-28T02:30:00+01:00",
			[]string{"2026-03-28T02:30:00+01:00"}, []int{28}},
		{"the clock that is skipped", "Europe/Berlin", catalog.Month, "2026-01-29T02:30:00+01:00",
			[]string{"2026-02-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-04-29T02:30:00+02:00"}, []int{30, 29, 31}},
		{"the clock that comes twice", "Europe/Berlin", catalog.Month, "2026-09-25T02:30:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-11-25T02:30:00+01:00"}, []int{30, 31}},
		{"begun the second time", "Europe/Berlin", catalog.Month, "2026-10-25T02:30:00+01:00",
			[]string{"2026-11-25T02:30:00+01:00", "2026-12-25T02:30:00+01:00"}, []int{31, 30}},
		{"a day that is skipped", "Pacific/Apia", catalog.Month, "2011-11-30T10:00:00-10:00",
			[]string{"2011-12-31T00:00:00+14:00", "2012-01-30T10:00:00+14:00", "2012-02-29T10:00:00+14:00"}, []int{30, 31, 30}},
		{"across a day that is skipped", "Pacific/Apia", catalog.Month, "2011-12-15T10:00:00-10:00",
			[]string{"2012-01-15T10:00:00+14:00", "2012-02-15T10:00:00+14:00"}, []int{31, 31}},
		{"a midnight that is skipped", "America/Sao_Paulo", catalog.Month, "2018-10-04T00:00:00-03:00",
			[]string{"2018-11-04T01:00:00-02:00", "2018-12-04T00:00:00-02:00", "2019-01-04T00:00:00-02:00"}, []int{31, 30, 31}},
		{"a midnight that comes twice", "America/Havana", catalog.Month, "2026-10-01T00:30:00-04:00",
			[]string{"2026-11-01T00:30:00-04:00", "2026-12-01T00:30:00-05:00"}, []int{31, 30}},
		{"quarters of an hour", "Asia/Kathmandu", catalog.Month, "2026-01-31T05:00:00+05:45",
			[]string{"2026-02-28T05:00:00+05:45", "2026-03-31T05:00:00+05:45"}, []int{28, 31}},
		{"a zone that changed its mind", "Asia/Kathmandu", catalog.Year, "1985-01-01T00:05:00+05:30",
			[]string{"1986-01-01T00:15:00+05:45", "1987-01-01T00:05:00+05:45"}, []int{365, 365}},
		{"far east", "Pacific/Kiritimati", catalog.Month, "2026-01-31T13:00:00+14:00",
			[]string{"2026-02-28T13:00:00+14:00", "2026-03-31T13:00:00+14:00"}, []int{28, 31}},
		{"the last day of a leap year, by rule", "Europe/Berlin", catalog.Month, "2040-10-31T12:00:00+01:00",
			[]string{"2040-11-30T12:00:00+01:00", "2040-12-31T12:00:00+01:00", "2041-01-31T12:00:00+01:00"}, []int{30, 31, 31}},
		{"the last day of a leap year, by rule, in the south", "America/Santiago", catalog.Year, "2039-12-31T23:00:00-03:00",
			[]string{"2040-12-31T23:00:00-03:00", "2041-12-31T23:00:00-03:00"}, []int{366, 365}},
		{"before 1970", "UTC", catalog.Month, "1969-11-30T23:59:59Z",
			[]string{"1969-12-30T23:59:59Z", "1970-01-30T23:59:59Z"}, []int{30, 31}},
	}
	for _, tt := range tests {
		z := zone(t, tt.zone)
		start := at(t, tt.anchor)
		term := begin(t, start, tt.period, z)
		for i, end := range tt.ends {
			if !term.Anchor.Equal(at(t, tt.anchor)) || !term.Start.Equal(start) || !term.End.Equal(at(t, end)) {
				t.Errorf("%s: term %d is %s to %s, want %s to %s", tt.name, i, term.Start.In(z), term.End.In(z), start.In(z), end)
			}
			if got := term.Days(); got != tt.days[i] {
				t.Errorf("%s: term %d has %d days, want %d", tt.name, i, got, tt.days[i])
			}
			if first, last := term.DayStart(0), term.DayStart(term.Days()); first != term.Start || last != term.End {
				t.Errorf("%s: the days of term %d go from %s to %s", tt.name, i, first.In(z), last.In(z))
			}
			start, term = term.End, term.Next()
		}
	}
}

func TestBegin(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	moment := time.Date(2026, time.May, 4, 12, 0, 1, 999_999_999, z)
	want := subscription.Term{
		Anchor: time.Date(2026, time.May, 4, 10, 0, 1, 0, time.UTC), Start: time.Date(2026, time.May, 4, 10, 0, 1, 0, time.UTC),
		End: time.Date(2026, time.June, 4, 10, 0, 1, 0, time.UTC), Zone: z, Period: catalog.Month,
	}
	if got := begin(t, moment, catalog.Month, z); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, p := range []catalog.Period{catalog.NoPeriod, "week", "Month"} {
		if got, err := subscription.Begin(moment, p, z); !errors.Is(err, subscription.ErrPeriod) || got != (subscription.Term{}) {
			t.Errorf("%q: %+v, %v", p, got, err)
		}
	}
	if got := (subscription.Term{}).Next(); got != (subscription.Term{}) {
		t.Errorf("after no term: %+v", got)
	}
}

// A portal that moves keeps the running term; the next one is by its new clock,
// and the anchor stays.
func TestTermsOfAPortalThatMoves(t *testing.T) {
	berlin, tokyo := zone(t, "Europe/Berlin"), zone(t, "Asia/Tokyo")
	first := begin(t, at(t, "2026-01-31T22:00:00+01:00"), catalog.Month, berlin)
	moved := first.In(tokyo)
	if moved.Start != first.Start || moved.End != first.End || moved.Zone != tokyo {
		t.Errorf("moving changed %+v to %+v", first, moved)
	}
	// In Tokyo it was six o'clock on 1 February.
	for i, end := range []string{"2026-04-01T06:00:00+09:00", "2026-05-01T06:00:00+09:00", "2026-06-01T06:00:00+09:00"} {
		next := moved.Next()
		if !next.Start.Equal(moved.End) || !next.End.Equal(at(t, end)) {
			t.Errorf("term %d: %s to %s, want the end %s", i, next.Start.In(tokyo), next.End.In(tokyo), end)
		}
		moved = next
	}
	// And back again, as though it had never moved.
	back := moved.In(berlin).Next()
	if want := at(t, "2026-06-30T22:00:00+02:00"); !back.End.Equal(want) {
		t.Errorf("back: %s, want %s", back.End.In(berlin), want)
	}

	// Moving by a whole day, over the date line, and from the end of a month.
	west, east := zone(t, "Pacific/Pago_Pago"), zone(t, "Pacific/Kiritimati")
	term := begin(t, at(t, "2026-01-29T23:30:00-11:00"), catalog.Month, west).In(east) // 31 January, 00:30
	for i, want := range []struct {
		end  string
		days int
	}{{"2026-03-31T00:30:00+14:00", 29}, {"2026-04-30T00:30:00+14:00", 30}, {"2026-05-31T00:30:00+14:00", 31}} {
		term = term.Next()
		if !term.End.Equal(at(t, want.end)) || term.Days() != want.days {
			t.Errorf("over the date line, term %d: %s to %s, %d days; want %+v", i, term.Start.In(east), term.End.In(east), term.Days(), want)
		}
	}
}

// Each row says at which moments the days of a term begin.
func TestDay(t *testing.T) {
	tests := []struct {
		name, zone, start string
		period            catalog.Period
		begins            map[int]string
	}{
		{"plain", "UTC", "2026-01-31T10:00:00Z", catalog.Month,
			map[int]string{1: "2026-02-01T10:00:00Z", 10: "2026-02-10T10:00:00Z", 27: "2026-02-27T10:00:00Z"}},
		{"a day of 23 hours", "Europe/Berlin", "2026-03-15T12:00:00+01:00", catalog.Month,
			map[int]string{13: "2026-03-28T12:00:00+01:00", 14: "2026-03-29T12:00:00+02:00", 30: "2026-04-14T12:00:00+02:00"}},
		{"a day of 25 hours", "Europe/Berlin", "2026-10-15T12:00:00+02:00", catalog.Month,
			map[int]string{9: "2026-10-24T12:00:00+02:00", 10: "2026-10-25T12:00:00+01:00", 30: "2026-11-14T12:00:00+01:00"}},
		{"a clock that is skipped", "Europe/Berlin", "2026-03-15T02:30:00+01:00", catalog.Month,
			map[int]string{13: "2026-03-28T02:30:00+01:00", 14: "2026-03-29T03:00:00+02:00", 15: "2026-03-30T02:30:00+02:00"}},
		{"a clock that comes twice", "Europe/Berlin", "2026-10-15T02:30:00+02:00", catalog.Month,
			map[int]string{10: "2026-10-25T02:30:00+02:00", 11: "2026-10-26T02:30:00+01:00"}},
		{"a day that is skipped", "Pacific/Apia", "2011-12-15T10:00:00-10:00", catalog.Month,
			map[int]string{14: "2011-12-29T10:00:00-10:00", 15: "2011-12-31T00:00:00+14:00", 16: "2011-12-31T10:00:00+14:00"}},
		{"a midnight that is skipped", "America/Sao_Paulo", "2018-10-15T00:00:00-03:00", catalog.Month,
			map[int]string{19: "2018-11-03T00:00:00-03:00", 20: "2018-11-04T01:00:00-02:00", 21: "2018-11-05T00:00:00-02:00"}},
		{"a year", "Europe/Berlin", "2027-06-01T00:00:00+02:00", catalog.Year,
			map[int]string{274: "2028-03-01T00:00:00+01:00", 365: "2028-05-31T00:00:00+02:00"}},
	}
	for _, tt := range tests {
		term := begin(t, at(t, tt.start), tt.period, zone(t, tt.zone))
		for day, begins := range tt.begins {
			moment := at(t, begins)
			if got := term.DayStart(day); !got.Equal(moment) {
				t.Errorf("%s: day %d begins %s, want %s", tt.name, day, got, begins)
			}
			if got := term.Day(moment); got != day {
				t.Errorf("%s: at %s it is day %d, want %d", tt.name, begins, got, day)
			}
			if got := term.Day(moment.Add(-1)); got != day-1 {
				t.Errorf("%s: just before %s it is day %d, want %d", tt.name, begins, got, day-1)
			}
		}
		last := term.Days() - 1
		for moment, want := range map[time.Time]int{
			{}: 0, term.Start.Add(-1): 0, term.Start: 0,
			term.End.Add(-1): last, term.End: last, term.End.AddDate(100, 0, 0): last,
		} {
			if got := term.Day(moment); got != want {
				t.Errorf("%s: at %s it is day %d, want %d", tt.name, moment, got, want)
			}
		}
		if first, end := term.DayStart(-1), term.DayStart(last+1); first != term.Start || end != term.End {
			t.Errorf("%s: the days go from %s to %s", tt.name, first, end)
		}
	}
	if day, days := (subscription.Term{}).Day(time.Now()), (subscription.Term{}).Days(); day != 0 || days != 0 {
		t.Errorf("no term: day %d of %d", day, days)
	}
}

// zones are such as change their clocks in every way there is.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "Africa/Casablanca", "Asia/Kathmandu", "Asia/Kolkata",
	"Asia/Gaza", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", "America/Nuuk", "America/Juneau", "Antarctica/Troll",
}

func drawMoment(t *rapid.T) time.Time {
	const first, last = -3_000_000_000, 4_200_000_000 // 1874 to 2103
	return time.Unix(rapid.Int64Range(first, last).Draw(t, "moment"), 0)
}

func drawZone(t *rapid.T) *time.Location {
	z, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func drawTerm(t *rapid.T) subscription.Term {
	return begin(t, drawMoment(t), rapid.SampledFrom([]catalog.Period{catalog.Month, catalog.Year}).Draw(t, "period"), drawZone(t))
}

// clock is what a zone's clock shows, as text that sorts as it does.
func clock(at time.Time, zone *time.Location) string {
	return at.In(zone).Format("2006-01-02 15:04:05")
}

// nominal is what the clock should show at the nth end after an anchor, worked out
// without any zone.
func nominal(term subscription.Term, n int) string {
	a := term.Anchor.In(term.Zone)
	months := int(a.Month()) - 1 + n
	if term.Period == catalog.Year {
		months += 11 * n
	}
	year, month := a.Year()+months/12, months%12+1
	days := []int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days[1] = 29
	}
	return fmt.Sprintf("%04d-%02d-%02d %s", year, month, min(a.Day(), days[month-1]), a.Format("15:04:05"))
}

// Terms follow each other without gap or overlap, for ever at the anchor's day and
// clock; where the clock never shows that, at the first moment at which it shows
// more.
func TestTermsNeverDrift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		term := drawTerm(t)
		anchor := term.Anchor
		if term.Start != anchor {
			t.Fatalf("begun at %s, starts %s", anchor, term.Start)
		}
		for n := 1; n <= 30; n++ {
			want := nominal(term, n)
			if shown := clock(term.End, term.Zone); shown < want || shown > want && clock(term.End.Add(-time.Second), term.Zone) >= want {
				t.Fatalf("term %d ends %s, want %s", n, shown, want)
			}
			// The first of two: the clock showed it at no time in the day before.
			for back := time.Minute; back <= 25*time.Hour; back += time.Minute {
				if clock(term.End.Add(-back), term.Zone) == want {
					t.Fatalf("term %d ends %s, but could %s earlier", n, want, back)
				}
			}
			days, usual := term.Days(), []int{28, 29, 30, 31}
			if term.Period == catalog.Year {
				usual = []int{365, 366}
			}
			// A start after a skipped day can cost one.
			if !slices.Contains(usual, days) && !slices.Contains(usual, days+1) {
				t.Fatalf("term %d, %s to %s, has %d days", n, term.Start.In(term.Zone), term.End.In(term.Zone), days)
			}
			next := term.Next()
			if next.Start != term.End || next.Anchor != anchor || !next.Start.Before(next.End) {
				t.Fatalf("after %+v comes %+v", term, next)
			}
			term = next
		}
	})
}

// However a portal moves, its terms follow each other, and each lasts about as
// long as its period.
func TestTermsOfAPortalThatMovesALot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		term := drawTerm(t)
		least, most := 26*24*time.Hour, 34*24*time.Hour
		if term.Period == catalog.Year {
			least, most = 363*24*time.Hour, 369*24*time.Hour
		}
		for range 20 {
			next := term.In(drawZone(t)).Next()
			if length := next.End.Sub(next.Start); next.Start != term.End || length < least || length > most {
				t.Fatalf("after %+v comes %+v", term, next)
			}
			if first, last := next.Day(next.Start), next.Day(next.End.Add(-1)); first != 0 || last != next.Days()-1 {
				t.Fatalf("%+v goes from day %d to %d of %d", next, first, last, next.Days())
			}
			term = next
		}
	})
}

// Days begin one after the other, and their number only grows.
func TestDaysAreInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		term := drawTerm(t)
		days := term.Days()
		for n := range days {
			if n > 0 && term.DayStart(n).Before(term.DayStart(n-1)) {
				t.Fatalf("day %d of %+v begins before the one in front", n, term)
			}
		}
		if !term.DayStart(days - 1).Before(term.End) {
			t.Fatalf("the last day of %+v begins %s", term, term.DayStart(days-1))
		}
		length := int64(term.End.Sub(term.Start) / time.Second)
		a := rapid.Int64Range(-1000, length+1000).Draw(t, "a")
		b := rapid.Int64Range(a, length+1000).Draw(t, "b")
		earlier, later := term.Start.Add(time.Duration(a)*time.Second), term.Start.Add(time.Duration(b)*time.Second)
		if x, y := term.Day(earlier), term.Day(later); x > y || x < 0 || y >= days {
			t.Fatalf("day %d at %s, day %d at %s, of %d", x, earlier, y, later, days)
		}
		day := term.Day(earlier)
		if earlier.Before(term.End) && !earlier.Before(term.Start) && (term.DayStart(day).After(earlier) || !term.DayStart(day+1).After(earlier)) {
			t.Fatalf("%s is not in day %d: %s to %s", earlier, day, term.DayStart(day), term.DayStart(day+1))
		}
	})
}
