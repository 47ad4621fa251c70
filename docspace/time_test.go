package docspace_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// at returns a moment in UTC.
func at(year int, month time.Month, day, hour, minute, second, nano int) docspace.Time {
	return docspace.Time{Time: time.Date(year, month, day, hour, minute, second, nano, time.UTC)}
}

func TestDatesAreReadInEveryForm(t *testing.T) {
	never := docspace.Time{}
	tests := map[string]docspace.Time{
		// ApiDateTime: always seven digits and a zone.
		`"2026-07-31T11:39:43.0000000Z"`:      at(2026, time.July, 31, 11, 39, 43, 0),
		`"2026-07-31T11:39:43.1234567Z"`:      at(2026, time.July, 31, 11, 39, 43, 123456700),
		`"2026-07-31T11:39:43.1234567+03:00"`: at(2026, time.July, 31, 8, 39, 43, 123456700),
		`"2026-01-01T00:30:00.0000000-05:30"`: at(2026, time.January, 1, 6, 0, 0, 0),
		// Raw DateTime: the zone may be missing, the fraction is trimmed.
		`"2026-07-31T11:39:43Z"`:         at(2026, time.July, 31, 11, 39, 43, 0),
		`"2026-07-31T11:39:43"`:          at(2026, time.July, 31, 11, 39, 43, 0),
		`"2026-07-31T11:39:43.5"`:        at(2026, time.July, 31, 11, 39, 43, 500_000_000),
		`"2026-07-31T11:39:43.1234567"`:  at(2026, time.July, 31, 11, 39, 43, 123456700),
		`"2026-07-31T11:39:43.12+02:00"`: at(2026, time.July, 31, 9, 39, 43, 120_000_000),
		`"2024-02-29"`:                   at(2024, time.February, 29, 0, 0, 0, 0),
		// Never.
		`null`:                                never,
		`""`:                                  never,
		`"0001-01-01T00:00:00"`:               never,
		`"0001-01-01T00:00:00Z"`:              never,
		`"0001-01-01T00:00:00.0000000Z"`:      never,
		`"0001-01-01T00:00:00.0000000+03:00"`: never,
		`"0001-01-01T00:00:00-11:00"`:         never,
		`"9999-12-31T23:59:59.9999999"`:       never,
		`"9999-12-31T23:59:59.9999999Z"`:      never,
		`"9999-12-31T23:59:59-05:00"`:         never,
		`"9999-12-31T00:00:00+14:00"`:         never,
	}
	for text, want := range tests {
		got := at(1999, time.December, 31, 0, 0, 0, 0) // to be overwritten
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !got.Equal(want.Time) || got.IsZero() != want.IsZero() {
			t.Errorf("%s = %v, want %v", text, got, want)
		}
	}
}

func TestWhatIsNoDateIsRefused(t *testing.T) {
	for _, text := range []string{
		`"tomorrow"`, `"31.07.2026"`, `"2026-07-31 11:39:43"`, `"2026-13-01T00:00:00Z"`, `"2026-02-30"`,
		`"2026-07-31T25:00:00Z"`, `1785497983`, `true`, `{}`, `"/Date(1785497983000)/"`,
	} {
		var got docspace.Time
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s was read as %v", text, got)
		}
		client := once(t, saying(200, envelope(`{"id":-3,"features":[],"dueDate":`+text+`}`)))
		if q, err := client.Quota(t.Context()); err == nil {
			t.Errorf("%s was read in %+v", text, q)
		} else {
			failureOf(t, err, docspace.ErrMalformed)
		}
	}
}

func TestDatesAreWrittenInUTC(t *testing.T) {
	east := time.FixedZone("", 3*60*60)
	tests := []struct {
		moment time.Time
		want   string
	}{
		{time.Date(2026, time.July, 31, 11, 39, 43, 0, time.UTC), `"2026-07-31T11:39:43Z"`},
		{time.Date(2026, time.July, 31, 1, 39, 43, 500_000_000, east), `"2026-07-30T22:39:43.5Z"`},
		{time.Date(2026, time.July, 31, 11, 39, 43, 123456789, time.UTC), `"2026-07-31T11:39:43.1234567Z"`},
		{time.Time{}, `"0001-01-01T00:00:00Z"`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(docspace.Time{Time: tt.moment})
		if err != nil || string(got) != tt.want {
			t.Errorf("%v: %s, %v; want %s", tt.moment, got, err, tt.want)
		}
	}
}
