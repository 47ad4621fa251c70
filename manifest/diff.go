package manifest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// Target is a portal, and how its billing is to be.
type Target struct {
	Profile fleet.Profile
	Wanted  Wanted
}

// Diff is what it takes to make a portal what it should be.
type Diff struct {
	// Portal is the name of its profile, URL its address.
	Portal string
	URL    string
	Wanted Wanted
	// Before stands for how the portal was: see ErrChanged. "" where it was not read.
	Before string
	// Changes are in the order in which they are made; none where all is as it should be.
	Changes []Change
	// Problems are what it can't have. Nothing of a portal with one is changed.
	Problems []Problem
	// Pending is what changes by itself, in words.
	Pending []string
	// FreeOnly says that what costs something was left out of Changes.
	FreeOnly bool
	// Err is why it could not be read; nil where it was.
	Err error
}

// Costs reports whether anything of it costs something, now or later.
func (d *Diff) Costs() bool { return slices.ContainsFunc(d.Changes, costs) }

func costs(c Change) bool { return !c.Cost.Free() }

// Engine compares portals with what they should be, and changes them.
type Engine struct {
	Reader *fleet.Reader
	// Agent is what operators' APIs are told of who asks.
	Agent string
	// FreeOnly leaves out what costs something, now or later.
	FreeOnly bool
}

// Diff compares portals with what they should be, so many at once as the reader says,
// and has what differs of each as it arrives, in no order: done is called for one at a
// time. Nothing is changed. Prices says that they are asked what changes would cost,
// which takes a payer's key. It returns the context's error, and done's first.
func (e *Engine) Diff(ctx context.Context, targets []Target, prices bool, done func(Diff) error) error {
	profiles, wanted := split(targets)
	ask := func(ctx context.Context, portal *fleet.Portal) (Diff, error) {
		return e.diff(ctx, portal, wanted[portal.Name], prices)
	}
	return fleet.Each(ctx, e.Reader, profiles, ask, func(p fleet.Profile, d Diff, err error) error {
		d.Portal, d.URL, d.Wanted, d.Err = p.Name, p.URL, wanted[p.Name], err
		return done(d)
	})
}

func split(targets []Target) (profiles []fleet.Profile, wanted map[string]Wanted) {
	wanted = make(map[string]Wanted, len(targets))
	for _, t := range targets {
		profiles = append(profiles, t.Profile)
		wanted[t.Profile.Name] = t.Wanted
	}
	return profiles, wanted
}

// site opens what a portal is read and changed by.
func (e *Engine) site(ctx context.Context, portal *fleet.Portal, w Wanted) (s *site, closed func(), err error) {
	s, closed = &site{Portal: portal, wanted: w}, func() {}
	if w.Rule != nil && w.Rule.Caps != nil {
		if s.operator, err = newOperator(ctx, e.Reader.Keys, *w.Operator, e.Agent); err != nil {
			return nil, nil, err
		}
		closed = s.operator.close
	}
	return s, closed, nil
}

func (e *Engine) diff(ctx context.Context, portal *fleet.Portal, w Wanted, prices bool) (Diff, error) {
	s, closed, err := e.site(ctx, portal, w)
	if err != nil {
		return Diff{}, err
	}
	defer closed()
	st, err := s.read(ctx, prices)
	if err != nil {
		return Diff{}, err
	}
	p := compare(st, w)
	if prices {
		if err := s.price(ctx, st, p); err != nil {
			return Diff{}, err
		}
	}
	d := Diff{Before: st.fingerprint(w), Changes: p.changes, Problems: p.problems, Pending: p.pending, FreeOnly: e.FreeOnly}
	if d.FreeOnly {
		d.Changes = slices.DeleteFunc(d.Changes, costs)
	}
	return d, nil
}

// price asks a portal what the changes cost, and finds what it can't pay.
func (s *site) price(ctx context.Context, st *state, p *plan) error {
	if len(p.changes) == 0 {
		return nil
	}
	switch {
	case st.customer == nil:
		p.problem("customer", "the portal has none: nobody pays for it yet")
		return nil
	case st.customer.Payer == nil:
		p.problem("customer", "no user of the portal has the address of who pays, so nobody may change what it pays")
		return nil
	}
	for i := range p.changes {
		c := &p.changes[i]
		if c.Kind != Buy {
			continue
		}
		payment, err := s.CalculateWallet(ctx, c.product, *c.n)
		switch {
		case isRefusal(err):
			p.problem(c.Member, "%s", messageOf(err))
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			c.Cost.Now = unknown(messageOf(err))
		case payment == nil:
			c.Cost.Now = unknown("the portal does not say")
		default:
			c.Cost.Now = known(payment.Amount)
			c.Note = st.lacks(payment.Amount)
		}
	}
	return nil
}

// lacks says that the wallet has less than an amount; "" where it has enough, or that
// is not known.
func (s *state) lacks(amount money.Amount) string {
	has, err := fleet.Pocket(s.balance, amount.Currency())
	if errors.Is(err, fleet.ErrNoPocket) {
		has = money.FromUnits(0, amount.Currency())
	} else if err != nil {
		return ""
	}
	if order, err := has.Compare(amount); err != nil || order >= 0 {
		return ""
	}
	return "the wallet has " + has.String() + ", which is not enough"
}

// isRefusal reports whether a portal said no, and would again.
func isRefusal(err error) bool {
	for _, kind := range []error{docspace.ErrForbidden, docspace.ErrNotFound, docspace.ErrPaymentRequired, docspace.ErrRefused, docspace.ErrUnauthorized} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// messageOf returns a portal's own words for a failure.
func messageOf(err error) string {
	var failure *docspace.Error
	if errors.As(err, &failure) {
		return strings.TrimSpace(failure.Error())
	}
	return err.Error()
}

// Total is what changes come to, in each currency.
type Total struct {
	// Now and Period have an amount for each currency, in the order of their codes.
	// Period has what each month costs more from then on, Yearly what each year does.
	Now, Period, Yearly []money.Amount
	// AtMost says that Now may come to less.
	AtMost bool
	// Unknown is of how many changes nobody knows what they cost now.
	Unknown int
}

// Add adds what a portal's changes come to. It fails with money.ErrRange.
func (t *Total) Add(changes []Change) error {
	for _, c := range changes {
		period := &t.Period
		if c.Cost.Every == "year" {
			period = &t.Yearly
		}
		if c.Cost.Now.Unknown != "" {
			t.Unknown++
		}
		t.AtMost = t.AtMost || c.Cost.Now.AtMost && c.Cost.Now.Sign() > 0
		for _, row := range []struct {
			sum Sum
			to  *[]money.Amount
		}{{c.Cost.Now, &t.Now}, {c.Cost.Period, period}} {
			if row.sum.Amount == nil || row.sum.Amount.Sign() == 0 {
				continue
			}
			if err := addTo(row.to, *row.sum.Amount); err != nil {
				return err
			}
		}
	}
	return nil
}

func addTo(all *[]money.Amount, a money.Amount) error {
	i, found := slices.BinarySearchFunc(*all, a.Currency(), func(b money.Amount, c money.Currency) int {
		return strings.Compare(string(b.Currency()), string(c))
	})
	if !found {
		*all = slices.Insert(*all, i, a)
		return nil
	}
	sum, err := (*all)[i].Add(a)
	(*all)[i] = sum
	return err
}
