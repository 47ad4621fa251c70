package clock

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Day is 24 hours, whatever a wall clock says.
const Day = 24 * time.Hour

// ParseDuration reads a duration as people write it: whole days, as in 90d, what
// time.ParseDuration takes, as in 2160h, or one behind the other, as in 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	number, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 90d or 2160h", text)
	}
	d := time.Duration(days) * Day
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || more >= Day {
		return 0, fmt.Errorf("%q is no duration such as 90d or 2160h", text)
	}
	return d + more, nil
}
