package main

import (
	"slices"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// limits are what a rule may collect, whoever wrote the code that does.
func limits(r store.TopUpRule) wallet.Caps {
	return wallet.Rule{
		Enabled: r.Enabled, Floor: r.MinBalance, Target: r.UpTo,
		Caps: wallet.Caps{Charge: r.MaxCharge, Day: r.MaxDay, Month: r.MaxMonth, Count: int(r.MaxCount)},
	}.Limits()
}

// lookAtRule writes down which rule there is now.
func (p *portal) lookAtRule(tx *store.Tx) error {
	rule, err := tx.TopUpRule(p.id)
	if err != nil || rule == nil {
		return err
	}
	p.rules = append(p.rules, *rule)
	if len(p.rules) > 4 { // one that was set and set again within a step is among these
		p.rules = p.rules[len(p.rules)-4:]
	}
	return nil
}

// lookAtCaps looks whether the last automatic collections are within what the rule
// allows that there was when they began.
func (p *portal) lookAtCaps(tx *store.Tx, some []store.Collection) error {
	w := p.world
	if err := p.lookAtRule(tx); err != nil {
		return err
	}
	for _, c := range slices.Backward(some) {
		if !c.Automatic || c.Number <= p.checked || !c.Renews.IsZero() {
			continue
		}
		p.checked = c.Number
		var day, month money.Amount
		count, currency := 0, c.Amount.Currency()
		day, month = money.FromUnits(0, currency), money.FromUnits(0, currency)
		since, err := tx.TopUpsSince(p.id, c.OpenedAt.Add(-wallet.MonthWindow))
		if err != nil {
			return err
		}
		for _, other := range since {
			age := c.OpenedAt.Sub(other.OpenedAt)
			if age < 0 || other.State == store.CollectionDeclined && other.Number != c.Number {
				continue
			}
			if age < wallet.DayWindow {
				count++
			}
			if other.Amount.Currency() != currency {
				continue
			}
			if age < wallet.DayWindow {
				day = money.FromUnits(day.Units()+other.Amount.Units(), currency)
			}
			if age < wallet.MonthWindow {
				month = money.FromUnits(month.Units()+other.Amount.Units(), currency)
			}
		}
		if !slices.ContainsFunc(p.rules, func(r store.TopUpRule) bool {
			l := limits(r)
			return r.UpTo.Currency() == currency && c.Amount.Units() <= l.Charge.Units() && day.Units() <= l.Day.Units() && month.Units() <= l.Month.Units() && count <= l.Count
		}) {
			w.fail(p.id, "%s collects %s: %s within a day by %d, %s within 30 days, is more than the rule allows", billing.CollectionID(c), c.Amount, day, count, month)
		}
	}
	return nil
}

// span is the time from when something was asked of the bank until the money came.
type span struct {
	id       string
	from, to time.Time
}

// finalTopUps looks whether two automatic collections were both under way and both
// brought money: they had the same cause then.
func (p *portal) finalTopUps(f *facts) {
	var spans []span
	for _, c := range slices.Backward(f.collections) { // in the order of their numbers
		if c.Automatic && c.State == store.CollectionSettled && c.Renews.IsZero() {
			spans = append(spans, span{billing.CollectionID(c), c.OpenedAt, c.ClosedAt})
		}
		if c.Automatic {
			p.world.tally.automatic++
		}
	}
	for i := 1; i < len(spans); i++ {
		if before := spans[i-1]; before.to.After(spans[i].from) {
			p.world.fail(p.id, "%s was collected until %s, and %s from %s on, for one cause", before.id, before.to, spans[i].id, spans[i].from)
		}
	}
}
