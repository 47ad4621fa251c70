package billing

import (
	"context"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// Tell has events of a portal told, as a change would that ends as fn does.
func Tell(ctx context.Context, s *Service, portalID string, fn func() error, all ...event.Data) error {
	return s.change(ctx, portalID, func(_ *store.Tx, t *trail) error {
		for _, what := range all {
			t.tell(what)
		}
		return fn()
	})
}
