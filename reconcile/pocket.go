package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// pocket is what operations in one currency come to.
type pocket struct {
	currency money.Currency
	in, out  money.Amount
	// sum is in less out so far; all that follows is beside what there was before.
	sum money.Amount
	// lowest is the least that sum was between two moments, and after which operation.
	lowest   money.Amount
	lowestBy docspace.Operation
	latest   docspace.Operation
	begun    bool

	refills []refill
	// lowSince is the least that sum was since the last refill, taken that something was
	// taken since.
	lowSince money.Amount
	taken    bool
	services map[string]*paid
	// since are the operations that no earlier run saw, and what they come to.
	since      []docspace.Operation
	sinceMore  int
	sinceTotal money.Amount
	lastCredit docspace.Operation
}

// paid is what a service cost in all, and what was given back of it.
type paid struct {
	out, back money.Amount
	backs     []docspace.Operation
	more      int
}

func newPocket(c money.Currency) *pocket {
	nought := money.FromUnits(0, c)
	return &pocket{currency: c, in: nought, out: nought, sum: nought, lowest: nought, lowSince: nought, sinceTotal: nought, services: map[string]*paid{}}
}

// maxServices is how many services are looked at for what was given back.
const maxServices = 1000

func (p *pocket) add(o *docspace.Operation, change money.Amount) (err error) {
	if p.begun && !o.Date.Equal(p.latest.Date.Time) {
		p.settle()
	}
	if change.Sign() >= 0 {
		p.in, err = p.in.Add(change)
	} else {
		p.out, err = p.out.Sub(change)
	}
	if err != nil {
		return err
	}
	before := p.sum
	if p.sum, err = p.sum.Add(change); err != nil {
		return err
	}
	p.latest, p.begun = *o, true
	if change.Sign() > 0 {
		p.lastCredit = *o
	}
	if err := p.refilled(o, before); err != nil {
		return err
	}
	return p.pay(o, change)
}

// settle looks at what there is once all of a moment has happened: in which order it
// did, nobody knows.
func (p *pocket) settle() {
	if below(p.sum, p.lowest) {
		p.lowest, p.lowestBy = p.sum, p.latest
	}
}

// below compares amounts that are in one currency.
func below(a, b money.Amount) bool { return a.Units() < b.Units() }

// pay notes what a service cost or gave back.
func (p *pocket) pay(o *docspace.Operation, change money.Amount) (err error) {
	if o.Service == "" || o.Type == docspace.DepositPayment {
		return nil
	}
	s := p.services[o.Service]
	if s == nil {
		if len(p.services) == maxServices {
			return nil
		}
		nought := money.FromUnits(0, p.currency)
		s = &paid{out: nought, back: nought}
		p.services[o.Service] = s
	}
	if change.Sign() < 0 {
		s.out, err = s.out.Sub(change)
		return err
	}
	if len(s.backs) < maxConcerned {
		s.backs = append(s.backs, *o)
	} else {
		s.more++
	}
	s.back, err = s.back.Add(change)
	return err
}

// newer notes an operation that no earlier run saw.
func (p *pocket) newer(o *docspace.Operation, change money.Amount) (err error) {
	if len(p.since) < maxConcerned {
		p.since = append(p.since, *o)
	} else {
		p.sinceMore++
	}
	p.sinceTotal, err = p.sinceTotal.Add(change)
	return err
}

// compare puts what the operations come to beside what the portal says.
func (p *pocket) compare(b *Book, f Facts) (out Pocket, err error) {
	p.settle()
	out = Pocket{Currency: p.currency, In: p.in, Out: p.out, Reported: money.FromUnits(0, p.currency)}
	out.Opening, out.Known = b.opening(p.currency)
	if out.Rebuilt, err = out.Opening.Add(p.sum); err != nil || f.Balance == nil {
		return out, err
	}
	reported, err := fleet.Pocket(f.Balance, p.currency)
	if out.Told = err == nil; out.Told {
		out.Reported = reported
	} else if !errors.Is(err, fleet.ErrNoPocket) {
		return out, err
	}
	return out, nil
}

// wouldBe words the opening that would make the books agree.
func (p *pocket) wouldBe(out Pocket) string {
	opening, err := out.Reported.Sub(p.sum)
	if err != nil || !out.Told {
		return "nobody knows how much"
	}
	return opening.String()
}

// judge looks for what is wrong with the pocket.
func (p *pocket) judge(b *Book, f Facts, out Pocket) error {
	told := f.Balance != nil && f.Quiet
	gap := money.FromUnits(0, p.currency)
	var err error
	if told {
		if gap, err = out.Reported.Sub(out.Rebuilt); err != nil {
			return err
		}
	}
	counted := told && out.Known
	explained, err := b.twice.judge(b, p.currency, gap, counted)
	if err != nil {
		return err
	}
	if counted && gap.Sign() != 0 && !explained {
		b.find(p.gap(f, out, gap))
	}
	if told {
		if err := p.drift(b, out); err != nil {
			return err
		}
		if out.Reported.Sign() < 0 {
			b.find(Finding{Code: Negative, Severity: Suspicious, Amount: out.Reported, At: f.Now, Text: "the wallet has less than nothing"})
		}
	}
	// What there was at a time is known where the sum is right: from the end of it,
	// where the beginning is not known.
	opening := out.Opening
	if !out.Known {
		if opening, err = out.Reported.Sub(p.sum); err != nil {
			return err
		}
	}
	if b.disordered || counted && gap.Sign() != 0 || !out.Known && !told {
		return nil
	}
	if err := p.negative(b, opening); err != nil {
		return err
	}
	if out.Known && b.config.From.IsZero() {
		if err := p.overRefunded(b); err != nil {
			return err
		}
	}
	return p.judgeRefills(b, f, opening)
}

// gap words that the sum is not what is there.
func (p *pocket) gap(f Facts, out Pocket, gap money.Amount) Finding {
	g := Finding{Code: Gap, Severity: Wrong, Amount: gap, At: f.Now}
	has := "has " + out.Reported.String()
	if !out.Told {
		has = "has nothing in " + string(p.currency)
	}
	if gap.Sign() > 0 {
		g.Text = fmt.Sprintf("the wallet %s, and its operations come to %s: %s came in by no operation", has, out.Rebuilt, gap)
		if last := f.Balance.LastCredit; last != nil && last.Amount == gap && !p.lists(last) {
			g.Text += fmt.Sprintf("; it is as much as the last credit that the portal names, of %s, which it does not list", last.Date.UTC().Format(time.RFC3339))
		}
		return g
	}
	g.Text = fmt.Sprintf("the wallet %s, and its operations come to %s: %s went by no operation, "+
		"or is reserved for something that is going on: run again when a day has passed", has, out.Rebuilt, gap.Neg())
	return g
}

// lists reports whether the last credit is what the portal says.
func (p *pocket) lists(last *docspace.LastCredit) bool {
	apart := p.lastCredit.Date.Sub(last.Date.Time).Abs()
	return p.lastCredit.Credit == last.Amount && apart < 10*time.Minute
}

// drift compares what moved since an earlier run.
func (p *pocket) drift(b *Book, out Pocket) error {
	was, known := b.config.Earlier.reported(p.currency)
	if !known || b.disordered || !b.memory.covers() {
		return nil
	}
	moved, err := out.Reported.Sub(was)
	if err != nil {
		return err
	}
	drift, err := moved.Sub(p.sinceTotal)
	if err != nil || drift.Sign() == 0 {
		return err
	}
	b.find(Finding{Code: Drift, Severity: Wrong, Amount: drift, At: b.config.Earlier.At, Operations: p.since, More: p.sinceMore,
		Text: fmt.Sprintf("since %s the wallet moved by %s, and the operations since then come to %s",
			b.config.Earlier.At.UTC().Format(time.RFC3339), moved, p.sinceTotal)})
	return nil
}

func (p *pocket) negative(b *Book, opening money.Amount) error {
	least, err := opening.Add(p.lowest)
	if err != nil || least.Sign() >= 0 || p.lowestBy.Date.IsZero() {
		return err
	}
	b.find(Finding{Code: Negative, Severity: Suspicious, Amount: least, At: p.lowestBy.Date.Time, Operations: []docspace.Operation{p.lowestBy},
		Text: "there was less than nothing in the wallet; this took it lowest"})
	return nil
}

// overRefunded looks for services that gave back more than they cost. What was never
// paid from the wallet was paid elsewhere, as plans are by card.
func (p *pocket) overRefunded(b *Book) error {
	for name, s := range p.services {
		over, err := s.back.Sub(s.out)
		if err != nil {
			return err
		}
		if over.Sign() <= 0 || s.out.Sign() == 0 || strings.HasPrefix(name, "admin") {
			continue
		}
		b.find(Finding{Code: OverRefund, Severity: Wrong, Amount: over, At: s.backs[0].Date.Time, Operations: s.backs, More: s.more,
			Text: fmt.Sprintf("%s was given back for %s, and %s was ever paid for it", s.back, name, s.out)})
	}
	return nil
}
