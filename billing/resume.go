package billing

import (
	"cmp"
	"context"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// Why automatic top-ups go on that a declined card had stopped.
const (
	resumedByMethod     = "new_method" // the customer has another card
	resumedByCollection = "collected"  // the card paid for something else
	resumedByOperator   = "asked"
)

// ResumeTopUps has a portal's wallet topped up again that declines had stopped, by the
// card that was declined: its bank may have been talked to. It reports whether they were
// stopped, and fails with ErrNotFound when there is no such portal.
func (s *Service) ResumeTopUps(ctx context.Context, portalID string) (resumed bool, err error) {
	err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		before, err := breakerOf(tx, portalID)
		if err != nil {
			return err
		}
		if resumed, err = s.resumeTopUps(tx, t, portalID, resumedByOperator); resumed {
			t.note(TopUpsResumed, "", notedBreaker{before.Declines, before.Reason}, nil)
		}
		return err
	})
	return resumed, fromStore("resume top-ups", err)
}

// notedBreaker is how the trail tells of what was forgotten.
type notedBreaker struct {
	Declines int    `json:"declines"`
	Reason   string `json:"reason"`
}

// resumeTopUps forgets what cards declined, and has the rule looked at. It reports
// whether there was anything to forget.
func (s *Service) resumeTopUps(tx *store.Tx, t *trail, portalID, reason string) (bool, error) {
	breaker, err := breakerOf(tx, portalID)
	if err != nil || breaker == breaker.Settled() {
		return false, err
	}
	customer, err := optional(tx.Customer(portalID))
	if err != nil {
		return false, err
	}
	if err := putBreaker(tx, breaker.Settled()); err != nil {
		return false, err
	}
	if !breaker.SuspendedAt.IsZero() {
		label := ""
		if customer != nil {
			label = customer.MethodLabel
		}
		t.tell(event.TopUpResumed{Reason: reason, Method: label})
	}
	return true, s.causeTopUp(tx, topUpMemory{Low: true})
}

// methodChanged has top-ups go on if the customer has another card than the one that
// was declined.
func (s *Service) methodChanged(tx *store.Tx, t *trail, portalID string, customer store.Customer) error {
	breaker, err := breakerOf(tx, portalID)
	if err != nil || customer.MethodStatus != "set" || !breaker.Resumes(customer.Fingerprint, customer.Method) {
		return err
	}
	_, err = s.resumeTopUps(tx, t, portalID, resumedByMethod)
	return err
}

// methodPaid has top-ups go on when something else was collected by the card that they
// are collected by.
func (s *Service) methodPaid(tx *store.Tx, t *trail, c, before store.Collection) error {
	paid := c.State == store.CollectionSettled && before.State != store.CollectionSettled
	if !paid || cmp.Or(c.Page, before.Page) != "" {
		return nil // at a page there may be another card
	}
	_, err := s.resumeTopUps(tx, t, c.PortalID, resumedByCollection)
	return err
}
