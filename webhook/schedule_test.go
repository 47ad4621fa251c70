package webhook_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/webhook"
)

func least(int64) int64  { return 0 }
func most(n int64) int64 { return n - 1 }

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		failures   int64
		asked      time.Duration
		from, upTo time.Duration
	}{
		{1, 0, 5 * time.Second, 10 * time.Second},
		{2, 0, 10 * time.Second, 20 * time.Second},
		{5, 0, 80 * time.Second, 160 * time.Second},
		{13, 0, 20480 * time.Second, 40960 * time.Second},
		{14, 0, 6 * time.Hour, 12 * time.Hour},
		{1 << 62, 0, 6 * time.Hour, 12 * time.Hour},
		{0, 0, 5 * time.Second, 10 * time.Second},
		{1, time.Minute, time.Minute, time.Minute},
		{1, 7 * time.Second, 7 * time.Second, 10 * time.Second},
		{5, time.Second, 80 * time.Second, 160 * time.Second},
		{1, 1000 * time.Hour, 12 * time.Hour, 12 * time.Hour},
	} {
		from, upTo := webhook.Backoff(tt.failures, tt.asked, least), webhook.Backoff(tt.failures, tt.asked, most)
		if from != tt.from || upTo != tt.upTo {
			t.Errorf("%d failures, asked %s: %s to %s, want %s to %s", tt.failures, tt.asked, from, upTo, tt.from, tt.upTo)
		}
	}
}

func TestBackoffStaysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failures, asked := rapid.Int64().Draw(t, "failures"), time.Duration(rapid.Int64().Draw(t, "asked"))
		drawn := rapid.Uint64().Draw(t, "drawn")
		wait := webhook.Backoff(failures, asked, func(n int64) int64 { return int64(drawn % uint64(n)) })
		if wait < 5*time.Second || wait > 12*time.Hour {
			t.Fatal(wait)
		}
	})
}

// A receiver that never answers is given up after five days, and is tried a sensible
// number of times until then.
func TestGivingUp(t *testing.T) {
	for _, draw := range []func(int64) int64{least, most} {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		now, attempts := start, int64(1)
		for !webhook.GiveUp(attempts, start, now) {
			now = now.Add(webhook.Backoff(attempts, 0, draw))
			attempts++
		}
		if took := now.Sub(start); took < 5*24*time.Hour || took > 5*24*time.Hour+12*time.Hour || attempts < 20 || attempts > 40 {
			t.Errorf("%d attempts in %s", attempts, took)
		}
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if webhook.GiveUp(2, at, at.Add(1000*time.Hour)) {
		t.Error("it is given up after the sender's own time off")
	}
}
