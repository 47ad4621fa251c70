package watch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// Board is how portals stand, as far as they have answered.
type Board struct {
	Portals []*State // in the order that they were named in
	byName  map[string]*State
}

// State is how a portal stands.
type State struct {
	Name    string
	Address string
	// Answered is when any part of it last arrived; the zero time means never.
	Answered time.Time
	// Err says why the last look saw nothing; nil if it saw something.
	Err error
	// Failed are the parts that did not arrive, though others did.
	Failed map[docspace.Part]error
	// Parts are when each part last arrived.
	Parts map[docspace.Part]time.Time
	// Pockets are nil where the portal does not say what it has.
	Pockets  []Pocket
	Known    bool // whether the portal says what it has
	Plan     string
	Due      time.Time
	TopUp    string // "on", "off", or "" for not known
	Rule     string
	Payer    string   // "" for not known
	Changes  []Change // the latest first
	Changed  bool     // at the last look
	baseline bool     // there was a look before
}

// Pocket is what a wallet has in a currency.
type Pocket struct {
	Balance money.Amount
	// Runway is nil where it is not known.
	Runway *wallet.Runway
	// Past are balances at the ends of days, the oldest first, this one last.
	Past []money.Amount
}

// Change is something that was otherwise at the look before.
type Change struct {
	At time.Time
	// Short fits a column; Text says all.
	Short, Text string
	// Bad says that it is a failure.
	Bad bool
}

// maxChanges is how many changes of a portal are kept.
const maxChanges = 50

// NewBoard returns a board of portals that have not answered yet.
func NewBoard(names []string) *Board {
	b := &Board{byName: map[string]*State{}}
	for _, name := range names {
		s := &State{Name: name, Failed: map[docspace.Part]error{}, Parts: map[docspace.Part]time.Time{}}
		b.Portals = append(b.Portals, s)
		b.byName[name] = s
	}
	return b
}

// Take notes an answer. It returns the portal's new state and what changed, the failures
// first: at the first answer, what could not be read. It returns nil for a portal that is
// not on the board.
func (b *Board) Take(a Answer) (*State, []Change) {
	s := b.byName[a.Name]
	if s == nil {
		return nil, nil
	}
	before := *s
	s.take(a)
	all := changesOf(&before, s, a.At)
	if s.baseline {
		s.Changed = len(all) > 0
		s.Changes = append(slices.Clone(all), s.Changes...)
		s.Changes = s.Changes[:min(len(s.Changes), maxChanges)]
	}
	s.baseline = true
	return s, all
}

// take notes what arrived, and keeps the rest as it was.
func (s *State) take(a Answer) {
	s.Err = a.Err
	if s.Err == nil && a.Report != nil && len(a.Failed) == len(a.Asked) && len(a.Asked) > 0 {
		s.Err = a.Failed[a.Asked[0]]
	}
	s.Failed = map[docspace.Part]error{}
	if s.Err != nil || a.Report == nil {
		return
	}
	s.Answered, s.Address = a.At, clean(a.Report.Portal)
	parts := map[docspace.Part]time.Time{}
	for part, at := range s.Parts {
		parts[part] = at
	}
	s.Parts = parts
	for _, part := range a.Asked {
		if err := a.Failed[part]; err != nil {
			s.Failed[part] = err
		} else {
			s.Parts[part] = a.At
		}
	}
	if a.Arrived(docspace.PartBalance) {
		s.pockets(a)
	}
	if a.Arrived(fleet.PartRunway) {
		s.runways(a.Runway)
	}
	if a.Arrived(docspace.PartQuota) {
		s.Plan, s.Due = "", time.Time{}
		if a.Quota != nil {
			s.Plan, s.Due = planText(a.Quota), a.Quota.DueDate.Time
		}
	}
	if a.Arrived(docspace.PartTopUp) {
		s.TopUp, s.Rule = ruleText(a.TopUp)
	}
	if a.Arrived(docspace.PartCustomer) {
		s.Payer = payerText(a.Customer)
	}
}

// pockets notes what a wallet has, and goes on with its past.
func (s *State) pockets(a Answer) {
	before := s.Pockets
	s.Pockets, s.Known = nil, a.Balance != nil
	if a.Balance == nil {
		return
	}
	for _, sub := range a.Balance.SubAccounts {
		pocket := Pocket{Balance: sub.Amount}
		i := slices.IndexFunc(before, func(p Pocket) bool { return p.Balance.Currency() == sub.Amount.Currency() })
		if i >= 0 {
			pocket = before[i]
			pocket.Balance = sub.Amount
		}
		if past := a.Past[sub.Amount.Currency()]; past != nil {
			pocket.Past = past
		}
		if n := len(pocket.Past); n > 0 {
			pocket.Past = append(slices.Clone(pocket.Past[:n-1]), sub.Amount)
		} else {
			pocket.Past = []money.Amount{sub.Amount}
		}
		s.Pockets = append(s.Pockets, pocket)
	}
}

func (s *State) runways(r *fleet.Runway) {
	s.Pockets = slices.Clone(s.Pockets)
	for i := range s.Pockets {
		p := &s.Pockets[i]
		p.Runway = nil
		if r == nil {
			continue
		}
		for _, one := range r.Pockets {
			if one.Available.Currency() == p.Balance.Currency() && one.Known {
				p.Runway = &one.Runway
			}
		}
	}
}

// Lasts is for how many days the first pocket lasts that runs dry if nothing refills it;
// false where that is not known of any.
func (s *State) Lasts() (days int, known bool) {
	for _, p := range s.Pockets {
		if p.Runway != nil && (!known || p.Runway.Alone.Likely < days) {
			days, known = p.Runway.Alone.Likely, true
		}
	}
	return days, known
}

// changesOf says what is otherwise than before. Runways are not compared: they change
// every day.
func changesOf(before, after *State, at time.Time) (all []Change) {
	add := func(bad bool, short, text string) { all = append(all, Change{at, short, text, bad}) }
	switch {
	case after.Err != nil && before.Err == nil:
		add(true, "no answer", "can't be read: "+clean(after.Err.Error()))
		return all
	case after.Err != nil:
		return nil
	case before.Err != nil:
		add(false, "is back", "can be read again")
	}
	for _, part := range Parts() {
		switch now, was := after.Failed[part], before.Failed[part]; {
		case now != nil && was == nil:
			add(true, "no "+string(part), fmt.Sprintf("%s can't be read: %s", part, clean(now.Error())))
		case now == nil && was != nil && before.Err == nil:
			add(false, string(part), string(part)+" can be read again")
		}
	}
	if before.Answered.IsZero() {
		return all // there is nothing to compare with
	}
	for _, change := range pocketChanges(before, after) {
		add(false, change[0], change[1])
	}
	due := func(s *State) string { return dateText(s.Due) }
	for _, fact := range []struct {
		part       docspace.Part
		short, was string
		now        string
	}{
		{docspace.PartQuota, "plan", cmp.Or(before.Plan, "not known"), cmp.Or(after.Plan, "not known")},
		{docspace.PartQuota, "due", due(before), due(after)},
		{docspace.PartTopUp, "top-up", cmp.Or(before.Rule, "not known"), cmp.Or(after.Rule, "not known")},
		{docspace.PartCustomer, "payer", cmp.Or(before.Payer, "not known"), cmp.Or(after.Payer, "not known")},
	} {
		if fact.was != fact.now && !before.Parts[fact.part].IsZero() {
			add(false, fact.short, fmt.Sprintf("%s %s → %s", fact.short, fact.was, fact.now))
		}
	}
	return all
}

// pocketChanges says what is otherwise in a wallet, shortly and in full.
func pocketChanges(before, after *State) (all [][2]string) {
	if before.Parts[docspace.PartBalance].IsZero() {
		return nil
	}
	if before.Known != after.Known {
		text := "balance not known any more"
		if after.Known {
			text = "balance known: " + balancesText(after)
		}
		return [][2]string{{"balance", text}}
	}
	for _, now := range after.Pockets {
		i := slices.IndexFunc(before.Pockets, func(p Pocket) bool { return p.Balance.Currency() == now.Balance.Currency() })
		if i < 0 {
			all = append(all, [2]string{"+" + now.Balance.Grouped(), "new: " + amountText(now.Balance)})
			continue
		}
		was := before.Pockets[i].Balance
		if was == now.Balance {
			continue
		}
		short := "balance"
		if by, err := now.Balance.Sub(was); err == nil {
			short = signed(by)
		}
		all = append(all, [2]string{short, fmt.Sprintf("%s → %s (%s)", was.Grouped(), amountText(now.Balance), short)})
	}
	for _, was := range before.Pockets {
		if !slices.ContainsFunc(after.Pockets, func(p Pocket) bool { return p.Balance.Currency() == was.Balance.Currency() }) {
			all = append(all, [2]string{"gone", "gone: " + amountText(was.Balance)})
		}
	}
	return all
}

// balancesText says what a wallet has.
func balancesText(s *State) string {
	if !s.Known {
		return "balance not known"
	}
	var all []string
	for _, p := range s.Pockets {
		all = append(all, amountText(p.Balance))
	}
	return cmp.Or(strings.Join(all, ", "), "nothing in the wallet")
}
