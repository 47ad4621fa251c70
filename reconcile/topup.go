package reconcile

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// refill is an automatic deposit. What it compares with is beside what there was
// before the first operation.
type refill struct {
	operation docspace.Operation
	// low is the least that there was since the refill before it, or since the
	// beginning, and what there would have been without it once a period was paid in the days
	// after it: a rule is asked before what is due is paid.
	low money.Amount
	// spent says that something was taken since the refill before it.
	spent bool
}

const (
	// foresight is how long before a payment a wallet is refilled for it. Bursar looks
	// a day ahead; a stock portal does not.
	foresight = 48 * time.Hour
	// atOnce is how close two refills are when the second can hardly be for anything
	// but what the first was for.
	atOnce = 24 * time.Hour
)

// refilled notes what an operation means for the top-up rule; before is the sum
// before it.
func (p *pocket) refilled(o *docspace.Operation, before money.Amount) error {
	if n := len(p.refills); n > 0 && o.Debit.Sign() > 0 && isPeriod(o) && o.Date.Sub(p.refills[n-1].operation.Date.Time) <= foresight {
		r := &p.refills[n-1]
		without, err := p.sum.Sub(r.operation.Credit)
		if err != nil {
			return err
		}
		if below(without, r.low) {
			r.low = without
		}
	}
	if o.Automatic() && o.Credit.Sign() > 0 {
		next := refill{operation: *o, low: before, spent: p.taken}
		if below(p.lowSince, before) {
			next.low = p.lowSince
		}
		p.refills = append(p.refills, next)
		p.lowSince, p.taken = p.sum, false
		return nil
	}
	if o.Debit.Sign() > 0 {
		p.taken = true
	}
	if below(p.sum, p.lowSince) {
		p.lowSince = p.sum
	}
	return nil
}

// judgeRefills looks for automatic deposits that nothing called for. What was reserved
// and given free again is no operation, so that only those which follow one another at
// once are proof.
func (p *pocket) judgeRefills(b *Book, f Facts, opening money.Amount) error {
	rule := f.Rule
	known := rule != nil && rule.Currency() == p.currency && rule.UpToBalance.Sign() > 0
	for i := 1; i < len(p.refills); i++ {
		before, now := p.refills[i-1].operation, p.refills[i]
		quick := now.operation.Date.Sub(before.Date.Time) <= atOnce
		twice := Finding{Code: TopUpTwice, Severity: Suspicious, Amount: now.operation.Credit, At: now.operation.Date.Time,
			Operations: []docspace.Operation{before, now.operation}}
		// A rule that was changed since may have asked for it.
		if !known || rule.LastModified.After(before.Date.Time) {
			if quick && !now.spent && before.Credit == now.operation.Credit {
				twice.Text = "the wallet was refilled twice with the same, and nothing was taken between"
				b.find(twice)
			}
			continue
		}
		low, err := opening.Add(now.low)
		if err != nil {
			return err
		}
		if !below(low, rule.MinBalance) {
			if quick {
				twice.Severity = Wrong
			}
			twice.Text = fmt.Sprintf("the wallet was refilled again, and had never less than %s since: the rule asks for less than %s", low, rule.MinBalance)
			b.find(twice)
			continue
		}
		if err := p.over(b, rule, low, &now.operation); err != nil {
			return err
		}
	}
	return nil
}

// over notes a refill of more than the rule's target takes.
func (p *pocket) over(b *Book, rule *docspace.TopUpSettings, low money.Amount, o *docspace.Operation) error {
	most, err := rule.UpToBalance.Sub(low)
	if err != nil {
		return err
	}
	over, err := o.Credit.Sub(most)
	if err != nil || over.Units() < minorUnit(p.currency) { // it is rounded up to that
		return err
	}
	b.find(Finding{Code: TopUpOver, Severity: Suspicious, Amount: over, At: o.Date.Time, Operations: []docspace.Operation{*o},
		Text: fmt.Sprintf("the wallet had never less than %s since it was last refilled: the rule refills up to %s", low, rule.UpToBalance)})
	return nil
}

// minorUnit is the least that can be collected of a currency, in units of an amount.
func minorUnit(c money.Currency) int64 {
	units := int64(money.Scale)
	for range c.Digits() {
		units /= 10
	}
	return max(1, units)
}
