package storetest

import (
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

// virtualTime is kept, and never goes back.
func virtualTime(t *testing.T, s *store.Store) {
	kept := func() (at time.Time, is bool) {
		read(t, s, func(tx *store.Tx) (err error) { at, is, err = tx.VirtualTime(); return err })
		return at, is
	}
	if at, is := kept(); is || !at.IsZero() {
		t.Errorf("a new database lives at %s", at)
	}
	for _, step := range []struct{ at, want time.Time }{
		{epoch, epoch},
		{epoch.AddDate(1, 0, 0), epoch.AddDate(1, 0, 0)},
		{epoch, epoch.AddDate(1, 0, 0)},
	} {
		if err := s.KeepVirtualTime(t.Context(), step.at); err != nil {
			t.Fatal(err)
		}
		if at, is := kept(); !is || !at.Equal(step.want) {
			t.Errorf("kept is %s, want %s", at, step.want)
		}
	}
}
