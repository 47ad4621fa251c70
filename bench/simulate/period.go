package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// period is what a portal has of a plan, and until when that is paid.
type period struct {
	start, end time.Time
	paidFrom   string
	pastDue    time.Time
	closed     bool // nobody paid for the next one, and the days of grace are over
}

// paid names a period of a plan that was paid.
type paid struct {
	plan  int64
	start time.Time
}

// periods are what was seen of a portal's periods.
type periods struct {
	now     map[int64]period // by plan
	renewed map[paid]string  // what each was paid by
	ended   map[int64]string // why a plan's last period has none after it
}

// lookAtPeriods looks whether each period that is new was paid, or is the first one of
// something that was bought; and whether what is gone was said to be. Events are those
// that are new.
func (p *portal) lookAtPeriods(tx *store.Tx, events []store.Event, some []store.Collection) error {
	if p.periods.now == nil {
		p.periods = periods{map[int64]period{}, map[paid]string{}, map[int64]string{}}
	}
	for _, e := range events {
		p.followEvent(e)
	}
	rows, err := tx.Subscriptions(p.id)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.PaidFrom != "" {
			p.followRow(row, some)
		}
	}
	bought := slices.ContainsFunc(rows, func(r store.Subscription) bool { return p.begins(r, some) })
	for plan, was := range p.periods.now {
		if slices.ContainsFunc(rows, func(r store.Subscription) bool { return int64(r.PlanID) == plan && r.PaidFrom != "" }) {
			continue
		}
		if p.periods.ended[plan] == "" && !was.closed && !bought {
			p.world.fail(p.id, "plan %d, paid until %s, is gone, and nobody was told why", plan, was.end)
		}
		delete(p.periods.now, plan)
	}
	return nil
}

// followEvent takes note of what an event tells of a period.
func (p *portal) followEvent(e store.Event) {
	w := p.world
	switch event.Type(e.Type) {
	case event.TypeSubscriptionRenewed:
		var d event.SubscriptionRenewed
		if err := json.Unmarshal([]byte(e.Data), &d); err != nil {
			w.fail(p.id, "event %d: %v", e.Number, err)
			return
		}
		start, end := d.PeriodStart.UTC(), d.PeriodEnd.UTC()
		key := paid{d.Plan, start}
		if by, twice := p.periods.renewed[key]; twice {
			w.fail(p.id, "the period of plan %d from %s on is paid twice: by %s and %s", d.Plan, start, by, d.Transfer)
		}
		p.periods.renewed[key] = d.Transfer + " " + d.Collection
		was, known := p.periods.now[d.Plan]
		switch {
		case strings.Trim(d.Amount.Amount, "0.") != "" && d.Transfer == "":
			w.fail(p.id, "the period of plan %d from %s on costs %+v, and nothing paid for it", d.Plan, start, d.Amount)
		case !known:
			w.fail(p.id, "event %d renews plan %d, which is not there", e.Number, d.Plan)
		case !was.closed && !start.Equal(was.end):
			w.fail(p.id, "plan %d was paid until %s, and then from %s on", d.Plan, was.end, start)
		}
		p.periods.now[d.Plan] = period{start: start, end: end, paidFrom: d.PaidFrom}
		delete(p.periods.ended, d.Plan)
		ends := w.tally.ends
		switch {
		case !d.PastDueSince.IsZero():
			ends["a period: paid late"]++
		case was.closed:
			ends["a period: begun anew"]++
		default:
			ends["a period: paid in time"]++
		}
	case event.TypeSubscriptionCancelled:
		var d event.SubscriptionCancelled
		if err := json.Unmarshal([]byte(e.Data), &d); err != nil {
			w.fail(p.id, "event %d: %v", e.Number, err)
			return
		}
		if was, known := p.periods.now[d.Plan]; known {
			was.closed = true
			p.periods.now[d.Plan] = was
		}
		p.periods.ended[d.Plan] = d.Reason
		w.tally.ends["a period: none, "+d.Reason]++
	}
}

// begins reports whether a row is the first period of something that was bought since
// it was last looked at.
func (p *portal) begins(row store.Subscription, some []store.Collection) bool {
	w := p.world
	if !row.StartedAt.Before(w.checked.Add(-time.Second)) && !row.StartedAt.After(w.clock.Now()) {
		return true
	}
	return slices.ContainsFunc(some, func(c store.Collection) bool {
		return c.Purpose == store.ForPlan && c.State == store.CollectionSettled && c.Renews.IsZero() && c.OpenedAt.Truncate(time.Second).Equal(row.StartedAt)
	})
}

// followRow holds what there is now against what was seen.
func (p *portal) followRow(row store.Subscription, some []store.Collection) {
	plan := int64(row.PlanID)
	was, known := p.periods.now[plan]
	if known && was.start.Equal(row.StartedAt) && was.end.Equal(row.DueAt) {
		was.pastDue, was.paidFrom = row.PastDueAt, row.PaidFrom
		p.periods.now[plan] = was
		return
	}
	if !p.begins(row, some) {
		p.world.fail(p.id, "plan %d is had from %s to %s, and was paid until %s", plan, row.StartedAt, row.DueAt, was.end)
	}
	delete(p.periods.ended, plan)
	p.periods.now[plan] = period{start: row.StartedAt, end: row.DueAt, paidFrom: row.PaidFrom, pastDue: row.PastDueAt}
}

// finalPeriods looks whether every period is paid, once, or known by name for what
// became of it; and whether what was paid for one is there.
func (p *portal) finalPeriods(f *facts) {
	w := p.world
	now := w.clock.Now()
	for plan, at := range p.periods.now {
		switch {
		case now.Before(at.end):
		case at.closed:
			w.tally.ends["a period: waits for who pays, closed"]++
		case !at.pastDue.IsZero():
			w.tally.ends["a period: past due at the end"]++
		default:
			w.fail(p.id, "plan %d was paid until %s, and nobody knows what became of the next period", plan, at.end)
		}
	}
	settled := map[string]string{}
	for _, c := range f.collections {
		if c.Renews.IsZero() || c.State != "settled" {
			continue
		}
		cause := fmt.Sprintf("plan %d from %s on", c.PlanID, c.Renews)
		if settled[cause] != "" {
			w.fail(p.id, "the card paid twice for %s: %s and %s", cause, settled[cause], c.Key)
		}
		settled[cause] = c.Key
	}
	transfers := map[string]int{}
	for _, by := range p.periods.renewed {
		transfer, _, _ := strings.Cut(by, " ")
		if transfer != "" {
			transfers[transfer]++
		}
	}
	for i := range f.transfers["main"] {
		t := &f.transfers["main"][i]
		if !strings.Contains(t.Key, "renew:") {
			continue
		}
		if id := t.ID().String(); transfers[id] != 1 {
			w.fail(p.id, "the transfer %s of %s (%s) paid for %d periods", id, t.Amount, t.Key, transfers[id])
		} else {
			delete(transfers, id)
		}
	}
	for id := range transfers {
		w.fail(p.id, "a period was paid by the transfer %s, which is of something else", id)
	}
}
