package docspace

import (
	"encoding/json"
	"fmt"
	"time"
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
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		parsed, err := time.Parse(layout, *text)
		if err != nil {
			continue
		}
		if year := parsed.UTC().Year(); year > 1 && year < 9999 {
			t.Time = parsed
		}
		return nil
	}
	return fmt.Errorf("date: can't read %q", excerpt(*text))
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
