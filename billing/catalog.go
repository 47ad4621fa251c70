package billing

import (
	"context"

	"github.com/bursarhq/bursar/store"
)

// MissingPlan is a plan that portals have and the catalogue lacks. Nothing about
// those portals can be answered.
type MissingPlan struct {
	ID int
	// Portals are the ids of the first ones that have it.
	Portals []string
	// More says that there are others.
	More bool
}

// maxNamedPortals is how many portals are named with a missing plan.
const maxNamedPortals = 5

// MissingPlans returns the plans that portals have and the catalogue lacks, by id
// descending; none when the catalogue fits the portals.
func (s *Service) MissingPlans(ctx context.Context) ([]MissingPlan, error) {
	var missing []MissingPlan
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		missing = nil
		ids, err := tx.PlansInUse()
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, ok := s.catalog.Plan(id); ok {
				continue
			}
			portals, err := tx.PortalsWithPlan(id, maxNamedPortals+1)
			if err != nil {
				return err
			}
			m := MissingPlan{ID: id, Portals: portals}
			if len(portals) > maxNamedPortals {
				m.Portals, m.More = portals[:maxNamedPortals], true
			}
			missing = append(missing, m)
		}
		return nil
	})
	if err != nil {
		return nil, fromStore("compare the portals' plans with the catalogue", err)
	}
	return missing, nil
}
