package wallet

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

const (
	// Horizon is how many days a runway is looked along. Of one that is as long or
	// longer, nothing more is said.
	Horizon = 365
	// RunwayWeeks is how many of the last weeks of spending a runway is made of.
	RunwayWeeks = 4
	// RunwayHistory is of how many days the spending must be known at least: of less
	// than two weeks nothing can be said about how much one differs from another.
	RunwayHistory = 14
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// Outlook is what there is to know about where a wallet is going. Amounts are in the
// currency of Available.
type Outlook struct {
	Now time.Time
	// Available is what may be spent: the balance less what is held, and the credit
	// limit if there is one.
	Available money.Amount
	// Days are what was spent in each of the last days of 24 hours, the oldest first,
	// without what Scheduled foretells. The last one has ended now, or not a day ago.
	// What is below nought counts as nought.
	Days []money.Amount
	// Scheduled are payments to come, in any order. One whose time has passed is due
	// now.
	Scheduled []Scheduled
	// Rule refills the wallet, by a method as in [Standing], with Charged collected in
	// the last 30 days. The zero Rule refills nothing.
	Rule               Rule
	Method             bool
	Fingerprint, Token string
	Breaker            Breaker
	Charged            []Charged
}

// Scheduled is a payment to come.
type Scheduled struct {
	At     time.Time
	Amount money.Amount // above nought
}

// Runway is how long a wallet lasts. The zero Runway is not known.
type Runway struct {
	// Known is false where too little is known of what was spent. Nothing else is said
	// then: it is neither nought days nor for ever.
	Known bool
	// Weekly is what is taken to be spent in seven days, payments that are scheduled not
	// counted.
	Weekly Weekly
	// Alone is how long it lasts if nothing refills it.
	Alone Band
	// Refilled says that a rule refills it. Refills is how long it lasts then, as long
	// as the card pays; the rule's caps, and payments beyond its target, may end it.
	Refilled bool
	Refills  Band
}

// Weekly is a sum of money a week, the most first.
type Weekly struct {
	Pessimistic, Likely, Optimistic money.Amount
}

// Band is a number of whole days, from 0 up to [Horizon], the fewest first.
type Band struct {
	Pessimistic, Likely, Optimistic int
}

// Days is how long the wallet lasts as things stand: refilled if it is.
func (r Runway) Days() Band {
	if r.Refilled {
		return r.Refills
	}
	return r.Alone
}

// Runway says how long the wallet lasts. It fails, naming the field, when an amount is
// in another currency than Available; a rule in another currency refills nothing.
//
// What will be spent is made of the last weeks, four at most, each of seven of the
// days. Likely is their weighted mean: the newest of four counts four times,
// the oldest once. Pessimistic is the dearest of them, optimistic the cheapest. It is
// spent evenly, and whatever is scheduled at its time. The wallet lasts until
// something can't be paid.
func (o Outlook) Runway() (Runway, error) {
	currency := o.Available.Currency()
	for _, a := range o.Days {
		if a.Currency() != currency {
			return Runway{}, fmt.Errorf("days: %w: %s in a wallet of %s", money.ErrCurrencyMismatch, a, currency)
		}
	}
	for _, s := range o.Scheduled {
		if s.Amount.Currency() != currency {
			return Runway{}, fmt.Errorf("scheduled: %w: %s in a wallet of %s", money.ErrCurrencyMismatch, s.Amount, currency)
		}
	}
	if len(o.Days) < RunwayHistory {
		return Runway{}, nil
	}
	o.Scheduled = slices.SortedFunc(slices.Values(o.Scheduled), func(a, b Scheduled) int { return a.At.Compare(b.At) })
	sums := weeklySums(o.Days)
	dear, likely, cheap := slices.Max(sums), weightedMean(sums), slices.Min(sums)
	r := Runway{
		Known: true,
		Weekly: Weekly{
			Pessimistic: money.FromUnits(dear, currency),
			Likely:      money.FromUnits(likely, currency),
			Optimistic:  money.FromUnits(cheap, currency),
		},
		Refilled: o.refills(),
	}
	if r.Refilled {
		r.Refills = Band{o.lasts(dear), o.lasts(likely), o.lasts(cheap)}
		// Who spends more may be refilled sooner, and so just in time for a payment that is
		// scheduled. Nobody should count on that.
		r.Refills.Likely = min(r.Refills.Likely, r.Refills.Optimistic)
		r.Refills.Pessimistic = min(r.Refills.Pessimistic, r.Refills.Likely)
	}
	o.Rule = Rule{}
	r.Alone = Band{o.lasts(dear), o.lasts(likely), o.lasts(cheap)}
	return r, nil
}

// refills reports whether the rule would collect below its floor, now or later.
func (o Outlook) refills() bool {
	s := o.standing(o.Now, o.Rule.Floor.Units()-1)
	return Decide(o.Rule, s).Do != Nothing
}

func (o Outlook) standing(now time.Time, available int64) Standing {
	return Standing{
		Now: now, Available: money.FromUnits(available, o.Available.Currency()),
		Method: o.Method, Fingerprint: o.Fingerprint, Token: o.Token, Breaker: o.Breaker, Charged: o.Charged,
	}
}

// weeklySums returns what was spent in each of the last weeks, the oldest first.
func weeklySums(days []money.Amount) []int64 {
	sums := make([]int64, min(len(days)/7, RunwayWeeks))
	days = days[len(days)-7*len(sums):]
	for i, d := range days {
		sums[i/7] = addCapped(sums[i/7], max(0, d.Units()))
	}
	return sums
}

// weightedMean returns the mean of sums, the last of which counts most, the first
// once; rounded down.
func weightedMean(sums []int64) int64 {
	var high, low, weights uint64
	for i, s := range sums {
		weight := uint64(i + 1)
		weights += weight
		h, l := bits.Mul64(uint64(s), weight)
		var carry uint64
		low, carry = bits.Add64(low, l, 0)
		high, _ = bits.Add64(high, h, carry)
	}
	mean, _ := bits.Div64(high, low, weights) // no more than the largest of them
	return int64(mean)
}

// course is a wallet on its way along the runway.
type course struct {
	Outlook
	weekly    int64
	now, end  time.Time
	available int64
}

// lasts returns for how many days the wallet can pay so much a week, and what is
// scheduled.
func (o Outlook) lasts(weekly int64) int {
	c := course{Outlook: o, weekly: weekly, now: o.Now, end: o.Now.Add(Horizon * day), available: o.Available.Units()}
	c.Charged = slices.Clone(o.Charged)
	for c.step() {
	}
	return int(c.now.Sub(o.Now) / day)
}

// step goes on to the next moment at which something happens; false at the end, or
// when something can't be paid.
func (c *course) step() bool {
	due := c.due()
	s := c.standing(c.now, c.available)
	s.Owed = money.FromUnits(due, c.Available.Currency())
	d := Decide(c.Rule, s)
	if d.Do == Collect {
		c.available += d.Amount.Units()
		c.Charged = slices.DeleteFunc(c.Charged, func(old Charged) bool { return !c.now.Before(old.At.Add(MonthWindow)) })
		c.Charged = append(c.Charged, Charged{At: c.now, Amount: d.Amount})
		return true
	}
	if due > c.available || c.available < 0 {
		return false
	}
	c.available -= due
	for len(c.Scheduled) > 0 && !c.Scheduled[0].At.After(c.now) {
		c.Scheduled = c.Scheduled[1:]
	}
	if !c.now.Before(c.end) {
		return false
	}
	if due > 0 {
		return true // and less is left
	}
	return c.spend(d)
}

// due returns what is scheduled up to now.
func (c *course) due() int64 {
	sum := int64(0)
	for _, s := range c.Scheduled {
		if s.At.After(c.now) {
			break
		}
		sum = addCapped(sum, max(0, s.Amount.Units()))
	}
	return sum
}

// spend spends evenly up to the next moment; false when that was all.
func (c *course) spend(d Decision) bool {
	next := c.end
	if d.Do == Wait && d.Until.Before(next) {
		next = d.Until
	}
	if len(c.Scheduled) > 0 && c.Scheduled[0].At.Before(next) {
		next = c.Scheduled[0].At
	}
	if floor := c.Rule.Floor.Units(); c.Rule.Enabled && c.available >= floor {
		// One unit below the floor is the first moment at which the rule acts.
		if at := c.now.Add(c.takes(c.available - floor + 1)); at.Before(next) {
			next = at
		}
	}
	if dry := c.now.Add(c.takes(c.available + 1)); dry.Before(next) {
		c.now = dry
		return false
	}
	c.available -= c.spent(next.Sub(c.now))
	c.now = next
	return true
}

// takes returns how long it takes to spend so many units, rounded up; what is longer
// than the runway is cut.
func (c *course) takes(units int64) time.Duration {
	longest := c.end.Sub(c.now) + 1
	if c.weekly == 0 {
		return longest
	}
	high, low := bits.Mul64(uint64(units), uint64(week))
	if high >= uint64(c.weekly) {
		return longest
	}
	took, rest := bits.Div64(high, low, uint64(c.weekly))
	if rest > 0 {
		took++
	}
	if took > uint64(longest) {
		return longest
	}
	return time.Duration(took)
}

// spent returns what is spent in a time no longer than the runway, rounded down.
func (c *course) spent(in time.Duration) int64 {
	high, low := bits.Mul64(uint64(c.weekly), uint64(in))
	if high >= uint64(week) {
		return math.MaxInt64
	}
	spent, _ := bits.Div64(high, low, uint64(week))
	return int64(min(spent, math.MaxInt64))
}
