package subscription_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/subscription"
)

func begin(t testing.TB, at time.Time, p catalog.Period, zone *time.Location) subscription.Term {
	t.Helper()
	term, err := subscription.Begin(at, p, zone)
	if err != nil {
		t.Fatal(err)
	}
	return term
}
