package wallet

import (
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

// RenewalAhead is how long before its time a renewal counts as owed in a replay.
const RenewalAhead = 24 * time.Hour

// settlement is how long a collection takes where nothing else is said.
const settlement = time.Minute

// History is what really happened to a wallet in some time.
type History struct {
	From, To time.Time
	// Available is what was available at From, in the currency of all that follows.
	Available money.Amount
	// Movements are all from From on and before To, in any order; what happened at the
	// same moment happened in theirs.
	Movements []Movement
	// Settlement is how long money takes from its collection to the wallet; 0 is a
	// minute. By a delayed method it is days.
	Settlement time.Duration
}

// Movement is something that made more or less of a wallet available. A hold is one
// that takes, and one that gives back what was let go.
type Movement struct {
	At time.Time
	// Amount is what came in; below nought: what went out.
	Amount money.Amount
	// Automatic says that it came by a top-up rule. A replay leaves it out.
	Automatic bool
	// Renewal says that what went out was foretold, so that a rule is asked for it
	// [RenewalAhead] of its time.
	Renewal bool
}

// Replay is how a wallet would have fared under a rule.
type Replay struct {
	// Charges is how often the rule collected, Charged how much in all.
	Charges int
	Charged money.Amount
	// Capped counts how often each cap made it collect less, or wait.
	Capped Capped
	// BelowFloor is for how long less was available than the floor, Empty for how long
	// nothing was.
	BelowFloor, Empty time.Duration
	// Unpaid counts what went out while there was not so much. It is taken
	// nevertheless, below nought, so that every rule has the same to pay.
	Unpaid int
	// Lowest is the least that was available, at LowestAt for the first time.
	Lowest   money.Amount
	LowestAt time.Time
	// Available is what is available at the end.
	Available money.Amount
}

// Capped counts by caps, as those of [Caps].
type Capped struct {
	Charge, Day, Month, Count int
}

// Replay says how the wallet would have fared under a rule, without what came by the
// one that it had. It is as though the rule had been there before: what it collects at
// the first moment is there at once. No card is ever declined.
//
// It fails, naming the field, for a rule that fails its Check or is in another currency,
// and for a history that makes no sense.
func (h History) Replay(r Rule) (Replay, error) {
	if err := r.Check(); err != nil {
		return Replay{}, fmt.Errorf("rule: %w", err)
	}
	if err := h.check(); err != nil {
		return Replay{}, err
	}
	if c := h.Available.Currency(); r.Target.Currency() != c {
		return Replay{}, fmt.Errorf("rule: %w: %s for a wallet of %s", money.ErrCurrencyMismatch, r.Target.Currency(), c)
	}
	return h.inOrder().replay(r, false)
}

func (h History) check() error {
	if !h.From.Before(h.To) {
		return fmt.Errorf("from: %s is not before %s", h.From.Format(time.RFC3339), h.To.Format(time.RFC3339))
	}
	if h.Settlement < 0 {
		return fmt.Errorf("settlement: %s is below nought", h.Settlement)
	}
	for _, m := range h.Movements {
		if m.Amount.Currency() != h.Available.Currency() {
			return fmt.Errorf("movements: %w: %s in a wallet of %s", money.ErrCurrencyMismatch, m.Amount, h.Available.Currency())
		}
		if m.At.Before(h.From) || !m.At.Before(h.To) {
			return fmt.Errorf("movements: %s is not in the time", m.At.Format(time.RFC3339))
		}
	}
	return nil
}

// inOrder returns the history with its movements by time, and without what came by a
// rule.
func (h History) inOrder() History {
	if h.Settlement == 0 {
		h.Settlement = settlement
	}
	h.Movements = slices.DeleteFunc(slices.Clone(h.Movements), func(m Movement) bool { return m.Automatic })
	slices.SortStableFunc(h.Movements, func(a, b Movement) int { return a.At.Compare(b.At) })
	return h
}

// replay replays a history that is in order; hasty, only up to the first payment that
// can't be made.
func (h History) replay(r Rule, hasty bool) (Replay, error) {
	p := player{history: h, rule: r, now: h.From, available: h.Available}
	p.Lowest, p.LowestAt, p.Charged = h.Available, h.From, money.FromUnits(0, h.Available.Currency())
	for _, m := range h.Movements {
		if m.Renewal && m.Amount.Sign() < 0 {
			p.renewals = append(p.renewals, m)
		}
	}
	for p.now.Before(h.To) && (p.Unpaid == 0 || !hasty) {
		if err := p.act(); err != nil {
			return Replay{}, err
		}
		p.pass(p.next())
		if err := p.happen(); err != nil {
			return Replay{}, err
		}
	}
	p.Available = p.available
	return p.Replay, nil
}

// player plays a history on a clock of its own.
type player struct {
	Replay
	history   History
	rule      Rule
	now       time.Time
	available money.Amount
	moved     int        // how many movements are done
	renewals  []Movement // that are not done
	told      int        // how many of those are owed by now
	charged   []Charged
	coming    money.Amount // what was collected and is not there yet
	comesAt   time.Time    // the zero Time: nothing is coming
	until     time.Time    // for which the rule waits; the zero Time: it does not
	waiting   Reason
}

// act asks the rule what to do, and does it.
func (p *player) act() error {
	d := Decide(p.rule, Standing{
		Now: p.now, Available: p.available, Owed: p.owed(), Method: true, Busy: !p.comesAt.IsZero(), Charged: p.charged,
	})
	if d.Do == Wait && p.waiting != d.Reason {
		p.count(d.Reason)
	}
	p.waiting, p.until = "", d.Until
	if d.Do == Wait {
		p.waiting = d.Reason
	}
	if d.Do != Collect {
		return nil
	}
	p.count(d.LimitedBy)
	p.Charges++
	var err error
	if p.Charged, err = p.Charged.Add(d.Amount); err != nil {
		return fmt.Errorf("add up charges: %w", err)
	}
	p.charged = slices.DeleteFunc(p.charged, func(c Charged) bool { return !p.now.Before(c.At.Add(MonthWindow)) })
	p.charged = append(p.charged, Charged{At: p.now, Amount: d.Amount})
	p.coming, p.comesAt = d.Amount, p.now.Add(p.history.Settlement)
	if p.now.Equal(p.history.From) {
		p.comesAt = p.now
	}
	return nil
}

func (p *player) count(cap Reason) {
	switch cap {
	case CapCharge:
		p.Capped.Charge++
	case CapDay:
		p.Capped.Day++
	case CapMonth:
		p.Capped.Month++
	case CapCount:
		p.Capped.Count++
	}
}

// owed returns what renewals need that are told of.
func (p *player) owed() money.Amount {
	sum := int64(0)
	for _, m := range p.renewals[:p.told] {
		sum = addCapped(sum, -m.Amount.Units())
	}
	return money.FromUnits(sum, p.available.Currency())
}

// next returns when something happens again.
func (p *player) next() time.Time {
	next := p.history.To
	sooner := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	if p.moved < len(p.history.Movements) {
		sooner(p.history.Movements[p.moved].At)
	}
	if p.told < len(p.renewals) {
		sooner(later(p.now, p.renewals[p.told].At.Add(-RenewalAhead)))
	}
	if !p.comesAt.IsZero() {
		sooner(p.comesAt)
	}
	if !p.until.IsZero() {
		sooner(p.until)
	}
	return next
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pass lets time pass in which nothing happens.
func (p *player) pass(until time.Time) {
	d := until.Sub(p.now)
	if p.available.Units() < p.rule.Floor.Units() {
		p.BelowFloor += d
	}
	if p.available.Sign() <= 0 {
		p.Empty += d
	}
	p.now = until
}

// happen does what happens now: money that was collected comes first.
func (p *player) happen() error {
	if !p.comesAt.IsZero() && !p.comesAt.After(p.now) {
		if err := p.move(p.coming); err != nil {
			return err
		}
		p.comesAt = time.Time{}
	}
	for ; p.moved < len(p.history.Movements); p.moved++ {
		m := p.history.Movements[p.moved]
		if m.At.After(p.now) {
			break
		}
		if err := p.move(m.Amount); err != nil {
			return err
		}
		if m.Renewal && m.Amount.Sign() < 0 {
			p.renewals = p.renewals[1:]
			p.told = max(0, p.told-1)
		}
	}
	for p.told < len(p.renewals) && !p.renewals[p.told].At.Add(-RenewalAhead).After(p.now) {
		p.told++
	}
	return nil
}

// move makes more or less available.
func (p *player) move(a money.Amount) (err error) {
	if p.available, err = p.available.Add(a); err != nil {
		return fmt.Errorf("at %s: %w", p.now.Format(time.RFC3339), err)
	}
	if p.available.Units() < p.Lowest.Units() {
		p.Lowest, p.LowestAt = p.available, p.now
	}
	if a.Sign() < 0 && p.available.Sign() < 0 {
		p.Unpaid++
	}
	return nil
}
