package billing

import (
	"context"
	"errors"
	"strconv"

	"github.com/bursarhq/bursar/store"
)

// adoptAtOnce is how many portals are gone through before the job says how far it is.
const adoptAtOnce = 100

// adopt has everything renewed that portals had before there were renewals. It goes
// through all of them once, in the order of their ids; the job keeps the last one.
func (s *Service) adopt(ctx context.Context, r *run) error {
	var portals []store.Portal
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		portals, err = tx.PortalsAfter(r.job.Input, adoptAtOnce)
		return err
	})
	if err != nil || len(portals) == 0 {
		return err
	}
	for _, portal := range portals {
		if err := s.adoptPortal(ctx, portal.ID); err != nil {
			return err
		}
	}
	return s.store.ChangeJobs(ctx, "", func(tx *store.Tx) error {
		return r.end(tx, s.now(), portals[len(portals)-1].ID)
	})
}

// adoptPortal has a portal's subscriptions renewed that no job was ever made for.
func (s *Service) adoptPortal(ctx context.Context, portalID string) error {
	return s.store.ChangeJobs(ctx, portalID, func(tx *store.Tx) error {
		rows, err := tx.Subscriptions(portalID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			key := store.JobKey{PortalID: portalID, Kind: jobRenew, Subject: strconv.Itoa(row.PlanID)}
			_, err := tx.Job(key)
			if err == nil || !s.ends(row) {
				continue
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			kept := renewal{Due: row.DueAt.UTC()}
			if err := tx.CauseJob(s.now(), store.Job{Kind: jobRenew, Subject: key.Subject, RunAt: s.firstLook(row), Input: kept.String()}); err != nil {
				return err
			}
		}
		return nil
	})
}
