package manifest

import (
	"fmt"
	"strconv"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// Kind is what is done to change something.
type Kind string

const (
	SetRule    Kind = "set rule"
	ClearRule  Kind = "clear rule"
	SwitchOff  Kind = "switch off"
	SwitchOn   Kind = "switch on"
	Schedule   Kind = "schedule"    // from the next period on
	Buy        Kind = "buy"         // at once, from the wallet
	ChangePlan Kind = "change plan" // at once, by card
)

// Change is one thing that is to be changed on a portal.
type Change struct {
	Kind Kind `json:"kind"`
	// Member is what of the manifest it is about: "quantities.storage".
	Member string `json:"member"`
	// Is and Should say in words what there is and what there should be.
	Is     string `json:"is"`
	Should string `json:"should"`
	Cost   Cost   `json:"cost"`
	// Note is what else to know before it is done; "" for nothing.
	Note string `json:"note,omitempty"`

	product string
	n       *int64 // what is sent
}

// Cost is what a change costs.
type Cost struct {
	// Now is what is paid at once, Period how much more each period costs from then on,
	// or less, below nought.
	Now    Sum `json:"now"`
	Period Sum `json:"period"`
	// Every is how long a period is: "month" or "year"; "" where there is none.
	Every string `json:"every,omitempty"`
	// From is what pays: "wallet" or "card"; "" for nothing.
	From string `json:"from,omitempty"`
}

// Sum is an amount that may not be known. The zero Sum is nothing at all.
type Sum struct {
	// Amount is nil where there is nothing to pay, or it is not known.
	Amount *money.Amount `json:"amount,omitempty"`
	// AtMost says that it may be less.
	AtMost bool `json:"atMost,omitempty"`
	// Unknown is why nobody knows; "" where it is known.
	Unknown string `json:"unknown,omitempty"`
}

// Sign returns whether it is a payment (1), nothing (0), or less to pay (-1). What is
// not known is a payment.
func (s Sum) Sign() int {
	switch {
	case s.Unknown != "":
		return 1
	case s.Amount == nil:
		return 0
	}
	return s.Amount.Sign()
}

func known(a money.Amount) Sum { return Sum{Amount: &a} }

func unknown(why string) Sum { return Sum{Unknown: why} }

// Free reports whether a change costs nothing, neither now nor in later periods.
func (c Cost) Free() bool { return c.Now.Sign() == 0 && c.Period.Sign() <= 0 }

// Problem is what a manifest wants and a portal can't have.
type Problem struct {
	Member string `json:"member"`
	Text   string `json:"text"`
}

// plan is what it takes to make a portal what it should be.
type plan struct {
	changes  []Change
	problems []Problem
	pending  []string
}

func (p *plan) problem(member, format string, args ...any) {
	p.problems = append(p.problems, Problem{member, fmt.Sprintf(format, args...)})
}

// compare works out what it takes, in the order in which it is done: rules before
// what is switched, that before what is scheduled, and what is paid for last.
func compare(s *state, w Wanted) *plan {
	p := &plan{}
	if w.Rule != nil {
		p.rule(s, w.Rule)
	}
	p.switches(s, w.Services, false)
	p.switches(s, w.Services, true)
	for _, q := range w.Quantities {
		p.schedule(s, q)
	}
	for _, q := range w.Quantities {
		p.buy(s, q)
	}
	if w.Plan != nil {
		p.plan(s, *w.Plan)
	}
	return p
}

func (p *plan) rule(s *state, want *Rule) {
	has := s.hasRule()
	c := Change{Kind: SetRule, Member: "topup_rule", Is: has.String(), Should: want.String()}
	switch {
	case want.None:
		if has.None {
			return
		}
		c.Kind = ClearRule
	case !has.None && has.Enabled == want.Enabled && has.Min == want.Min && has.UpTo == want.UpTo && sameCaps(has.Caps, want.Caps):
		return
	case want.Enabled:
		c.Note = "the stored payment method is charged whenever less is left"
	}
	p.changes = append(p.changes, c)
}

func sameCaps(has, want *Caps) bool { return want == nil || has != nil && *has == *want }

// String says a rule in words: "below 20.00 USD up to 100.00 USD".
func (r *Rule) String() string {
	if r.None {
		return "no rule"
	}
	text := "below " + r.Min.String() + " up to " + r.UpTo.String()
	if !r.Enabled {
		text += ", off"
	}
	if r.Caps == nil {
		return text
	}
	for _, row := range []struct {
		limit money.Amount
		what  string
	}{{r.Caps.Charge, "a charge"}, {r.Caps.Day, "a day"}, {r.Caps.Month, "a month"}} {
		if row.limit.Sign() > 0 {
			text += ", at most " + row.limit.String() + " " + row.what
		}
	}
	if r.Caps.Count > 0 {
		text += ", at most " + strconv.FormatInt(r.Caps.Count, 10) + " charges a day"
	}
	return text
}

// switches switches services off, in the order of the list from its end, or on: what
// comes with another is on after it, and off before it.
func (p *plan) switches(s *state, all []Switch, on bool) {
	for i := range all {
		want := all[i]
		if !on {
			want = all[len(all)-1-i]
		}
		if want.On != on || s.isOn(want.Service) == on {
			continue
		}
		c := Change{Kind: SwitchOff, Member: "services." + want.Service, Is: "on", Should: "off", product: want.Service}
		if on {
			c.Kind, c.Is, c.Should, c.Note = SwitchOn, "off", "on", "what is used of it is paid from the wallet"
			if price, ok := s.priceOf(findProduct(want.Service).id, 1); ok {
				c.Note = "what is used of it is paid from the wallet: " + price.String() + " each"
			}
		}
		p.changes = append(p.changes, c)
	}
}

// schedule says what changes from the next period on: fewer, or not what was
// scheduled before.
func (p *plan) schedule(s *state, want Quantity) {
	id := findProduct(want.Product).id
	has, member := s.part(int(id)), "quantities."+want.Product
	if has.Overdue {
		if want.N > 0 {
			p.problem(member, "what there is of it should have been paid: bursar report shows the wallet, which must hold enough first")
		}
		return
	}
	then := has.Quantity
	if has.Next != nil {
		then = *has.Next
	}
	c := Change{Kind: Schedule, Member: member + ".next", Is: count(then) + " from the next period on", product: want.Product}
	switch {
	case has.Quantity == 0 || then == want.N && want.N <= has.Quantity:
		if then != has.Quantity {
			p.pending = append(p.pending, fmt.Sprintf("%s: %s until the period ends, then %s", member, count(has.Quantity), count(then)))
		}
		return
	case want.N < has.Quantity:
		c.n, c.Should = &want.N, count(want.N)+" from the next period on"
	case has.Next == nil || then == has.Quantity:
		return
	default: // as many as now, to which more are bought where that is too few
		c.Should = count(has.Quantity) + " from the next period on"
	}
	after := min(want.N, has.Quantity)
	c.Cost = Cost{Every: "month", From: "wallet", Period: s.periodSum(id, after-then)}
	p.changes = append(p.changes, c)
}

// periodSum returns how much more so many cost a period.
func (s *state) periodSum(id docspace.Service, n int64) Sum {
	if price, ok := s.priceOf(id, n); ok {
		return known(price)
	}
	if n <= 0 {
		return Sum{}
	}
	return unknown("the portal does not say what one costs")
}

// buy says what is bought at once. What it costs now is asked for afterwards.
func (p *plan) buy(s *state, want Quantity) {
	chosen := findProduct(want.Product)
	has := s.part(int(chosen.id))
	if has.Overdue || want.N <= has.Quantity {
		return
	}
	n := want.N - has.Quantity
	p.changes = append(p.changes, Change{
		Kind: Buy, Member: "quantities." + want.Product, Is: count(has.Quantity), Should: count(want.N), product: want.Product, n: &n,
		Cost: Cost{Now: unknown("it was not asked"), Period: s.periodSum(chosen.id, n), Every: "month", From: "wallet"},
	})
}

// plan says how the plan changes that the card pays for.
func (p *plan) plan(s *state, want Plan) {
	const member = "plan.quantity"
	has := s.plan()
	switch {
	case s.quota == nil:
		p.problem(member, "the portal does not say which plan it has")
		return
	case s.quota.Free || s.quota.Trial || has.Quantity == 0:
		p.problem(member, "the portal has no plan that is paid: the first one is bought with a browser, at the address that bursar plan buy prints")
		return
	case s.isWalletPlan(has.ID):
		p.problem(member, "the wallet pays for the portal's plan: say quantities.adminwallet in place of plan")
		return
	case has.Quantity == want.N:
		return
	}
	product, every := "admin", "month"
	if year, _ := s.quota.Feature("year"); year.Value == docspace.FlagValue(true) {
		product, every = "adminyear", "year"
	}
	if want.Product != "" {
		product = want.Product
	}
	more := want.N - has.Quantity
	c := Change{
		Kind: ChangePlan, Member: member, Is: count(has.Quantity), Should: count(want.N), product: product, n: &want.N,
		Cost: Cost{Every: every, From: "card"},
	}
	if c.Cost.Period = s.planSum(more); more > 0 {
		c.Cost.Now = c.Cost.Period
		c.Cost.Now.AtMost = c.Cost.Now.Amount != nil
		c.Note = "the part of it for the days that are left is charged to the stored payment method"
		if s.tariff.State != docspace.TariffPaid {
			c.Cost.Now, c.Note = unknown("the plan is not paid: a whole period may begin"), ""
		}
	}
	p.changes = append(p.changes, c)
}

// isWalletPlan reports whether the wallet pays for a plan.
func (s *state) isWalletPlan(id int) bool {
	for _, q := range s.tariff.Details.Quotas {
		if q.ID == id {
			return q.Wallet
		}
	}
	return false
}

// planSum returns how much more so many of the plan cost a period.
func (s *state) planSum(n int64) Sum {
	for _, offer := range s.quotas {
		if offer.ID != s.quota.ID || offer.Price == nil || offer.Price.Amount.Currency() == "" {
			continue
		}
		if price, err := offer.Price.Amount.Mul(n); err == nil {
			return known(price)
		}
	}
	if n <= 0 {
		return Sum{}
	}
	return unknown("the portal does not say what one costs")
}

func count(n int64) string {
	if n == 0 {
		return "none"
	}
	return strconv.FormatInt(n, 10)
}
