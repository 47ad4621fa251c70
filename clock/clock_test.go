package clock_test

import (
	"testing"
	"time"

	"github.com/bursarhq/bursar/clock"
)

func TestVirtualMovesForwardsOnly(t *testing.T) {
	begin := time.Date(2026, 7, 1, 12, 0, 0, 123_456_789, time.FixedZone("", 3600))
	v := clock.NewVirtual(begin)
	want := time.Date(2026, 7, 1, 11, 0, 0, 123_456_000, time.UTC)
	if got := v.Now(); got != want {
		t.Errorf("it shows %s, want %s", got, want)
	}
	if err := v.Set(begin.Add(time.Hour)); err != nil || v.Now() != want.Add(time.Hour) {
		t.Errorf("it shows %s, %v", v.Now(), err)
	}
	if err := v.Set(v.Now()); err != nil {
		t.Errorf("where it is: %v", err)
	}
	if err := v.Set(begin); err == nil || v.Now() != want.Add(time.Hour) {
		t.Errorf("backwards: it shows %s, %v", v.Now(), err)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * clock.Day, "1d12h": 36 * time.Hour, "2160h": 90 * clock.Day, "1h30m": 90 * time.Minute, "0d": 0, "0s": 0, "2d0h1s": 2*clock.Day + time.Second,
		"-1h": -time.Hour, // whoever asks says whether that is good
	} {
		if got, err := clock.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "90", "-1d", "1.5d", "1d-1h", "1d24h", "d1h", "1dd", "1d2", "99999d", "a day", "1 d"} {
		if got, err := clock.ParseDuration(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}
