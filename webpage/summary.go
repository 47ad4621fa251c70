package webpage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// summary is the row of a portal in the overview. It is all that stays in memory.
type summary struct {
	ID            string
	Name, Address string
	Read          string
	Pockets       []pocketSummary
	Balance       string // in place of pockets; "" for nothing to say
	Plan, Due     string
	TopUp         string
	Flags         []flag
	Lacks         []string // what could not be read
	part          span     // where its section lies
}

// cell is one of a row's last cells; "" stands for nothing to say.
type cell struct{ Label, Text string }

// Cells are what stands in a row after what is in the wallet.
func (s *summary) Cells() []cell {
	return []cell{{"Plan", s.Plan}, {"Due", s.Due}, {"Top-up", s.TopUp}}
}

type pocketSummary struct{ Balance, Lasts, Spent string }

// flag is what somebody should look at.
type flag struct {
	Text string
	Bad  bool // it is high time
}

const (
	// soonDays is how short a runway is marked, badDays how short one is bad.
	soonDays, badDays = 30, 7
)

// summarize says in a row how a portal stands, and counts it.
func (p *Page) summarize(portal *Portal) summary {
	s := summary{Name: cmp.Or(shown(portal.Name), "a portal without a name")}
	if portal.Report != nil {
		s.Read = minuteText(portal.RetrievedAt)
		if address := shown(portal.Report.Portal); !strings.HasSuffix(address, "://"+s.Name) {
			s.Address = address
		}
	}
	p.count++
	if portal.unread() != nil {
		p.unread++
		s.Flags = []flag{{"Could not be read", true}}
		return s
	}
	for _, part := range portal.Asked {
		if portal.Failed[part] != nil {
			s.Lacks = append(s.Lacks, string(part))
		}
	}
	p.pockets(&s, portal)
	if portal.has(docspace.PartQuota) && portal.Quota != nil {
		s.Plan = planTitle(portal.Quota)
		if due := portal.Quota.DueDate; !due.IsZero() {
			n := daysUntil(due.Time, p.Now)
			if s.Due = dateText(due.Time); n < 0 {
				s.Flags = append(s.Flags, flag{"Was due " + inDays(n), true})
			}
		}
	}
	if t := portal.topUp(); portal.has(docspace.PartTopUp) && t != nil {
		if s.TopUp = "off"; t.Enabled {
			s.TopUp = "on"
		}
	}
	if c := portal.Customer; portal.has(docspace.PartCustomer) && fleet.Orphaned(c) {
		s.Flags = append(s.Flags, flag{"Nobody pays", true})
	}
	if len(s.Lacks) > 0 {
		s.Flags = append(s.Flags, flag{"Not read: " + strings.Join(s.Lacks, ", "), true})
	}
	return s
}

// pockets adds what is in a wallet to a row, and to the totals.
func (p *Page) pockets(s *summary, portal *Portal) {
	if !portal.has(docspace.PartBalance) || portal.Balance == nil {
		if slices.Contains(portal.Asked, docspace.PartBalance) {
			s.Balance = "not known"
			p.unknown++
		}
		return
	}
	spent, whole, known := p.spent(portal)
	for _, sub := range portal.Balance.SubAccounts {
		currency := sub.Amount.Currency()
		row := pocketSummary{Balance: amountText(sub.Amount), Lasts: "–", Spent: "–"}
		if runway, there := portal.lasting(currency); there && runway.Known {
			row.Lasts = lastsText(runway.Alone.Likely)
			// A wallet that is refilled in time needs nobody's attention.
			if n := runway.Runway.Days().Likely; n < soonDays && n < wallet.Horizon {
				s.Flags = append(s.Flags, flag{fmt.Sprintf("%s lasts %s", currencyText(currency), lastsText(n)), n < badDays})
			}
		}
		gone := money.FromUnits(0, currency)
		if known {
			for _, a := range spent {
				if a.Currency() == currency {
					gone = a
				}
			}
			if row.Spent = amountText(gone); !whole {
				row.Spent = "over " + row.Spent
			}
		}
		p.total(sub.Amount, gone)
		s.Pockets = append(s.Pockets, row)
	}
	if !known || !whole {
		p.guessed++
	}
	if len(s.Pockets) == 0 {
		s.Balance = "nothing"
	}
}

// spent returns what was spent in the last days; known is false where that could not be
// read, whole where there was more than was read.
func (p *Page) spent(portal *Portal) (all []money.Amount, whole, known bool) {
	if portal.History == nil {
		return nil, false, false
	}
	all, whole, err := spentSince(portal.History, portal.History.To.AddDate(0, 0, -spentDays))
	return all, whole, err == nil
}

// total is what all portals have in a currency, and spent in it.
type total struct {
	currency       money.Currency
	balance, spent money.Amount
	overflown      bool
	portals        int
}

// total adds to the totals of a currency.
func (p *Page) total(balance, spent money.Amount) {
	i, there := slices.BinarySearchFunc(p.totals, balance.Currency(), func(t total, c money.Currency) int { return cmp.Compare(t.currency, c) })
	if !there {
		nought := money.FromUnits(0, balance.Currency())
		p.totals = slices.Insert(p.totals, i, total{currency: balance.Currency(), balance: nought, spent: nought})
	}
	t := &p.totals[i]
	t.portals++
	var err1, err2 error
	t.balance, err1 = t.balance.Add(balance)
	t.spent, err2 = t.spent.Add(spent)
	t.overflown = t.overflown || err1 != nil || err2 != nil
}

// cards words the totals.
func (p *Page) cards() (all []card) {
	for _, t := range p.totals {
		c := card{Label: "Together in " + currencyText(t.currency), Value: amountText(t.balance)}
		if t.overflown {
			c.Value = "Too much to add up"
		} else {
			text := amountText(t.spent) + fmt.Sprintf(" spent in %d days", spentDays)
			if p.guessed > 0 {
				text = "At least " + text
			}
			c.Lines = append(c.Lines, text)
		}
		c.Lines = append(c.Lines, "In "+countText(t.portals, "wallet"))
		all = append(all, c)
	}
	return all
}
