package billing

import (
	"context"
	"sync"
	"time"

	"github.com/bursarhq/bursar/store"
)

// keyUses are the uses of keys that were not written down yet. A read must not
// wait for the disk, so they are kept here and written by FlushKeyUses.
type keyUses struct {
	mu      sync.Mutex
	pending map[keyRef]time.Time
}

type keyRef struct{ portalID, keyID string }

// maxPendingUses bounds the memory of uses; further ones are not noted until the
// next flush.
const maxPendingUses = 100_000

func (u *keyUses) note(portalID string, known *knownKey, now time.Time) {
	last := known.noted.Load()
	if now.Unix()-last < int64(noteEvery/time.Second) || !known.noted.CompareAndSwap(last, now.Unix()) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.pending) < maxPendingUses {
		u.pending[keyRef{portalID, known.key.ID}] = now
	}
}

func (u *keyUses) take() map[keyRef]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = map[keyRef]time.Time{}
	return taken
}

// FlushKeyUses writes down when keys were last used, to the minute. Whoever runs
// the service calls it now and then, and before it stops. What could not be
// written is lost: it is a hint for people, and the next use makes it good.
func (s *Service) FlushKeyUses(ctx context.Context) error {
	for ref, at := range s.uses.take() {
		use := store.KeyUse{PortalID: ref.portalID, KeyID: ref.keyID, At: at}
		if err := s.store.StampKey(ctx, use); err != nil {
			return fromStore("note the use of keys", err)
		}
	}
	return nil
}
