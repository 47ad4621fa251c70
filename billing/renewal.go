package billing

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/subscription"
)

// renewal is what a job keeps of the end of one period.
type renewal struct {
	// Due is the end of the period. What was kept of another one is void.
	Due time.Time `json:"due"`
	// Announced is when the end was announced, Quantity for how many in the next period,
	// Needed how many were needed then for what was in use, where that mattered.
	Announced time.Time `json:"announced,omitzero"`
	Quantity  int64     `json:"quantity,omitempty"`
	Needed    int64     `json:"needed,omitempty"`
	// ToppedUp is when the wallet was last had topped up for it.
	ToppedUp time.Time `json:"toppedUp,omitzero"`
	// Attempt counts how often it was tried to pay for what comes then: by card, each
	// has a collection of its own.
	Attempt int64 `json:"attempt,omitempty"`
	// Asked says that what came of the last collection was not looked at yet. Method
	// is what was to be collected from.
	Asked  bool   `json:"asked,omitempty"`
	Method string `json:"method,omitempty"`
	// TriedAt is when the last attempt was in vain, FailedAt when the first one was that
	// was not ahead of time; Reason is why the last one was.
	TriedAt  time.Time `json:"triedAt,omitzero"`
	FailedAt time.Time `json:"failedAt,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	// Closed says that the days of grace are over, and that this was told.
	Closed bool `json:"closed,omitempty"`
}

// readRenewal returns what a job has kept of the end of a period.
func readRenewal(input string, due time.Time) (renewal, error) {
	var kept renewal
	if input != "" {
		if err := json.Unmarshal([]byte(input), &kept); err != nil {
			return kept, fmt.Errorf("input of a renewal: %w", err)
		}
	}
	if !kept.Due.Equal(due) {
		kept = renewal{Due: due.UTC()}
	}
	return kept, nil
}

func (r renewal) String() string { return asJSON(r) }

// ends reports whether anything is to be done when the period of something ends: it
// is renewed, or its trial is over, or that it ends is announced.
func (s *Service) ends(row store.Subscription) bool {
	plan, ok := s.catalog.Plan(row.PlanID)
	switch {
	case !ok || row.DueAt.IsZero():
		return false
	case row.PaidFrom != "":
		return true
	}
	return plan.Features.Has("trial") || s.catalog.Policy().NoticeDays > 0
}

// putRows writes what a portal has, in the place of what it had, and has all of it
// renewed: this is the only way in which subscriptions are written. What own is about
// is left to its job, which is the one that calls; 0 is none.
func (s *Service) putRows(tx *store.Tx, portalID string, before, after []store.Subscription, own int) error {
	if err := tx.PutSubscriptions(after); err != nil {
		return err
	}
	for _, row := range before {
		gone := !slices.ContainsFunc(after, func(r store.Subscription) bool { return r.PlanID == row.PlanID })
		if gone && row.PlanID != own {
			if _, err := tx.CancelJob(s.now(), jobRenew, strconv.Itoa(row.PlanID)); err != nil {
				return err
			}
		}
	}
	for _, row := range after {
		same := slices.ContainsFunc(before, func(r store.Subscription) bool { return sameRow(r, row) })
		if same || row.PlanID == own {
			continue
		}
		if err := s.scheduleRenewal(tx, portalID, row); err != nil {
			return err
		}
	}
	return nil
}

func sameRow(a, b store.Subscription) bool {
	return a.PlanID == b.PlanID && a.Quantity == b.Quantity && a.DueAt.Equal(b.DueAt) && a.PaidFrom == b.PaidFrom &&
		a.PastDueAt.Equal(b.PastDueAt) && sameNext(a.Next, b.Next) && a.Rate == b.Rate && a.StartedAt.Equal(b.StartedAt)
}

func sameNext(a, b *int64) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// scheduleRenewal has something renewed that has changed. What is known of the end
// of its period stays known, as long as it is the same end.
func (s *Service) scheduleRenewal(tx *store.Tx, portalID string, row store.Subscription) error {
	subject := strconv.Itoa(row.PlanID)
	if !s.ends(row) {
		_, err := tx.CancelJob(s.now(), jobRenew, subject)
		return err
	}
	before, err := tx.Job(store.JobKey{PortalID: portalID, Kind: jobRenew, Subject: subject})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	kept, err := readRenewal(before.Input, row.DueAt)
	if err != nil {
		kept = renewal{Due: row.DueAt.UTC()}
	}
	return tx.ScheduleJob(s.now(), store.Job{Kind: jobRenew, Subject: subject, RunAt: s.firstLook(row), Input: kept.String()})
}

// firstLook returns when something is looked at first: now, or when its end is near.
func (s *Service) firstLook(row store.Subscription) time.Time {
	near := subscription.Renewal{Due: row.DueAt}.FirstLook(s.catalog.Policy())
	return later(s.now(), near)
}

// hastenRenewals has a portal's renewals looked at now, because money has come into
// its wallet, or it has another card. One that somebody is at waits for the portal's
// row, and looks at the facts after it.
func (s *Service) hastenRenewals(tx *store.Tx) error { return tx.HastenJobs(s.now(), jobRenew, "") }

// owedSoon returns what the renewals cost that the wallet is to pay by now: those
// that are due within the policy's Ahead, or past due. It is in the currency of the
// portal's top-up rule, or in the wallet's own where there is none; what is paid in
// another one is not in it. What is closed is not owed.
func (s *Service) owedSoon(tx *store.Tx, portalID string, now time.Time) (money.Amount, error) {
	currency := s.catalog.DefaultCurrency()
	rule, err := tx.TopUpRule(portalID)
	if err != nil {
		return money.Amount{}, err
	}
	if rule != nil {
		currency = rule.MinBalance.Currency()
	}
	owed := money.FromUnits(0, currency)
	have, err := s.boughtIn(tx, portalID)
	if err != nil {
		return owed, err
	}
	for i := range have.rows {
		row := &have.rows[i]
		if row.PaidFrom != "wallet" || row.DueAt.IsZero() || now.Before(row.DueAt.Add(-s.catalog.Policy().Ahead)) {
			continue
		}
		w, err := s.renewing(tx, nil, have, row.PlanID)
		if err != nil {
			return owed, err
		}
		if w.facts.Cancelled || w.facts.Closed || w.next.Rate.Currency() != currency {
			continue
		}
		if owed, err = owed.Add(w.next.Rate); err != nil {
			return owed, err
		}
	}
	return owed, nil
}

// renewalKey is the key under which the period of something is paid that begins when
// it is due: the ledger takes it once.
func renewalKey(planID int, due time.Time) string {
	return fmt.Sprintf("%srenew:%d:%d", ownKeys, planID, due.UnixMicro())
}

// renewalInput is what the same key stands for: the period, whatever it costs.
func renewalInput(planID int, due time.Time) [32]byte {
	return ledger.InputOf("renew", planID, due.UnixMicro())
}
