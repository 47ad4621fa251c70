// Package clock is time that stands still until somebody moves it on.
package clock

import (
	"fmt"
	"sync"
	"time"
)

// Virtual is a clock that shows the same moment until it is set to a later one. It
// is safe for concurrent use.
type Virtual struct {
	mu  sync.Mutex
	now time.Time
}

// NewVirtual returns a clock that shows a moment, in UTC and whole microseconds, as
// databases keep them.
func NewVirtual(at time.Time) *Virtual { return &Virtual{now: kept(at)} }

// Now returns the moment that the clock shows.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Set moves the clock on to a moment. It fails, and stays where it is, if that has
// passed: time does not run backwards.
func (v *Virtual) Set(at time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if at = kept(at); at.Before(v.now) {
		return fmt.Errorf("the clock shows %s, which is after %s", v.now.Format(time.RFC3339), at.Format(time.RFC3339))
	}
	v.now = at
	return nil
}

func kept(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }
