package cli

import (
	"fmt"
	"strconv"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// runwayDocument is for how long one pocket lasts, as JSON and YAML have it.
type runwayDocument struct {
	Currency  money.Currency `json:"currency"`
	Available string         `json:"available"`
	// HistoryDays is of how many whole days it is known what was spent; all but Known
	// and what stands before it is missing where they are too few.
	HistoryDays int             `json:"historyDays"`
	Known       bool            `json:"known"`
	Weekly      *weeklyDocument `json:"weekly,omitempty"`
	Alone       *bandDocument   `json:"alone,omitempty"`
	Refilled    *bool           `json:"refilled,omitempty"`
	Refills     *bandDocument   `json:"refills,omitempty"`
}

type weeklyDocument struct {
	Pessimistic string `json:"pessimistic"`
	Likely      string `json:"likely"`
	Optimistic  string `json:"optimistic"`
}

type bandDocument struct {
	Pessimistic int `json:"pessimistic"`
	Likely      int `json:"likely"`
	Optimistic  int `json:"optimistic"`
}

func runwayDocuments(r fleet.Runway) []runwayDocument {
	all := []runwayDocument{}
	for _, p := range r.Pockets {
		d := runwayDocument{Currency: p.Available.Currency(), Available: p.Available.Decimal(), HistoryDays: p.Days, Known: p.Known}
		if p.Known {
			alone := bandDocument(p.Alone)
			d.Weekly = &weeklyDocument{p.Weekly.Pessimistic.Decimal(), p.Weekly.Likely.Decimal(), p.Weekly.Optimistic.Decimal()}
			d.Alone, d.Refilled = &alone, &p.Refilled
		}
		if p.Refilled {
			refills := bandDocument(p.Refills)
			d.Refills = &refills
		}
		all = append(all, d)
	}
	return all
}

func runwaySection(r *fleet.Runway) section {
	s := section{title: "Runway"}
	if r == nil {
		s.texts = []string{"Not known: the portal does not say what the wallet has."}
		return s
	}
	if len(r.Pockets) == 0 {
		s.texts = []string{"There is nothing in the wallet."}
		return s
	}
	s.grid.headings = []string{"Currency", ">Available", ">A week", ">Lasts", ">At worst", ">At best", "Refilled"}
	known := false
	for _, p := range r.Pockets {
		row := []string{currencyText(p.Available.Currency()), numberText(p.Available), "not known", "not known", "", "", ""}
		if p.Known {
			known = true
			row[2], row[3], row[4], row[5] = numberText(p.Weekly.Likely), lastsText(p.Alone.Likely), lastsText(p.Alone.Pessimistic), lastsText(p.Alone.Optimistic)
			row[6] = refilledText(p.Runway)
		}
		s.grid.rows = append(s.grid.rows, row)
	}
	if known {
		s.texts = append(s.texts, "For how long it lasts if nothing refills it, by what the last weeks cost.")
	} else {
		s.texts = append(s.texts, fmt.Sprintf("It is known after %d whole days.", wallet.RunwayHistory))
	}
	return s
}

// lastsText words a number of days.
func lastsText(days int) string {
	switch {
	case days >= wallet.Horizon:
		return "over a year"
	case days == 1:
		return "1 day"
	}
	return strconv.Itoa(days) + " days"
}

func refilledText(r wallet.Runway) string {
	switch {
	case !r.Refilled:
		return "no"
	case r.Refills.Likely >= wallet.Horizon:
		return "yes"
	}
	return "for " + lastsText(r.Refills.Likely)
}

func (out *csvReport) runway(r fleet.Runway) {
	for _, p := range r.Pockets {
		item := string(p.Available.Currency())
		out.amount(fleet.PartRunway, item, "available", p.Available)
		out.row(fleet.PartRunway, item, "history_days", strconv.Itoa(p.Days), "")
		out.row(fleet.PartRunway, item, "known", strconv.FormatBool(p.Known), "")
		if !p.Known {
			continue
		}
		out.amount(fleet.PartRunway, item, "weekly", p.Weekly.Likely)
		out.amount(fleet.PartRunway, item, "weekly.pessimistic", p.Weekly.Pessimistic)
		out.amount(fleet.PartRunway, item, "weekly.optimistic", p.Weekly.Optimistic)
		out.band(item, "alone", p.Alone)
		out.row(fleet.PartRunway, item, "refilled", strconv.FormatBool(p.Refilled), "")
		if p.Refilled {
			out.band(item, "refills", p.Refills)
		}
	}
}

func (out *csvReport) band(item, fact string, b wallet.Band) {
	out.row(fleet.PartRunway, item, fact+".pessimistic", strconv.Itoa(b.Pessimistic), "")
	out.row(fleet.PartRunway, item, fact+".likely", strconv.Itoa(b.Likely), "")
	out.row(fleet.PartRunway, item, fact+".optimistic", strconv.Itoa(b.Optimistic), "")
}
