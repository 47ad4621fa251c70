package docspace

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/v1"
)

// Time is a moment as portals write it. The zero Time stands for "no date": a
// missing or null member, and the first and last days of the calendar, which
// DocSpace uses for "never". Source: contract, "Dates".
type Time struct{ time.Time }

const wireTime = "2006-01-02T15:04:05.9999999Z07:00"

// MarshalJSON writes the moment in UTC with a Z, and the zero Time as DocSpace
// writes an unset date.
func (t Time) MarshalJSON() ([]byte, error) {
	return json.Marshal(t.UTC().Format(wireTime))
}

// UnmarshalJSON reads a date with or without a zone; none means UTC.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("date: %w", err)
	}
	*t = Time{}
	if text == nil || *text == "" {
		return nil
	}
	parsed, err := time.Parse(layoutOf(*text), *text)
	if err != nil {
		return fmt.Errorf("date: can't read %q", excerpt(*text))
	}
	if year := parsed.UTC().Year(); year > 1 && year < 9999 {
		t.Time = parsed
	}
	return nil
}

// layoutOf returns the layout that a date must be in: one with a zone if it has one.
func layoutOf(date string) string {
	switch {
	case len(date) <= len(time.DateOnly):
		return time.DateOnly
	case strings.HasSuffix(date, "Z") || strings.ContainsAny(date[len(time.DateOnly):], "+-"):
		return time.RFC3339Nano
	default:
		return "2006-01-02T15:04:05.999999999"
	}
}

// zonedTime has always seven digits, and the offset of the portal's zone.
const zonedTime = "2006-01-02T15:04:05.0000000Z07:00"

// zoned is a Time in the form that portals use where they mind their own zone:
// seven digits, and the offset that it has here.
type zoned Time

// MarshalJSON writes the moment in whatever zone it is in, and the zero Time as
// DocSpace writes an unset date.
func (z zoned) MarshalJSON() ([]byte, error) { return json.Marshal(z.Format(zonedTime)) }

// IsZero reports whether it is no date.
func (z zoned) IsZero() bool { return z.Time.IsZero() }
