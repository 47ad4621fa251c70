package billing

import (
	"context"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/store"
)

// Usage returns how much of each feature a portal uses; one whose use was never
// reported is not in it. It fails with ErrNotFound when there is no such portal.
func (s *Service) Usage(ctx context.Context, portalID string) (used map[string]int64, err error) {
	err = s.readPortal(ctx, portalID, "read usage", func(tx *store.Tx) (err error) {
		used, err = tx.Usage(portalID)
		return err
	})
	return used, err
}

// SetUsage records how much of some features a portal uses; others stay as they
// are. It fails with ErrNotFound when there is no such portal.
func (s *Service) SetUsage(ctx context.Context, portalID string, used map[string]int64) error {
	for feature, n := range used {
		if !slices.Contains(CountedFeatures(), feature) {
			return invalid("feature", "%q is none of %s", feature, strings.Join(CountedFeatures(), ", "))
		}
		if n < 0 {
			return invalid(feature, "%d is negative", n)
		}
	}
	return fromStore("set usage", s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		had, err := tx.Usage(portalID)
		if err != nil {
			return err
		}
		before, after := map[string]int64{}, map[string]int64{}
		for feature, n := range used {
			if old, ok := had[feature]; !ok || old != n {
				after[feature] = n
				if ok {
					before[feature] = old
				}
			}
			if err := tx.PutUsage(feature, n); err != nil {
				return err
			}
		}
		t.note(UsageReported, "", before, after)
		return nil
	}))
}

// CountedFeatures returns the features whose use a portal reports.
func CountedFeatures() []string {
	return []string{"manager", "total_size", "users", "room", "free_backup", "aiagent"}
}

// Services returns the ids of the wallet services that are switched on. It fails
// with ErrNotFound when there is no such portal.
func (s *Service) Services(ctx context.Context, portalID string) (planIDs []int, err error) {
	err = s.readPortal(ctx, portalID, "read services", func(tx *store.Tx) (err error) {
		planIDs, err = tx.Services(portalID)
		return err
	})
	return planIDs, err
}

// SetServices replaces the set of wallet services that are switched on, by the
// ids of their plans. It fails with ErrNotFound when there is no such portal.
func (s *Service) SetServices(ctx context.Context, portalID string, planIDs []int) error {
	for i, id := range planIDs {
		if plan, ok := s.catalog.Plan(id); !ok || !plan.Wallet {
			return invalid("service", "%d is no wallet service", id)
		}
		if slices.Contains(planIDs[:i], id) {
			return invalid("service", "%d is given twice", id)
		}
	}
	return fromStore("set services", s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		before, err := tx.Services(portalID)
		if err != nil {
			return err
		}
		after := slices.Clone(planIDs)
		slices.SortFunc(after, func(a, b int) int { return b - a })
		if slices.Equal(before, after) {
			return nil
		}
		t.note(ServicesChanged, "", before, after)
		return tx.PutServices(planIDs, s.now())
	}))
}
