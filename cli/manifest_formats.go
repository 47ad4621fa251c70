package cli

import (
	"fmt"
	"strings"

	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/money"
)

// diffReport is what was found to differ, and what it comes to.
type diffReport struct {
	diffs []manifest.Diff // by name
	total manifest.Total
	// failed are portals that were not read, or can't have what is wanted; changed
	// those with changes, of which there are so many, and of these so many cost
	// something. What waits for something else is in none of these.
	failed, changed, changes, paid int
}

func reportOf(diffs []manifest.Diff) (*diffReport, error) {
	r := &diffReport{diffs: diffs}
	for _, d := range diffs {
		if d.Err != nil || len(d.Problems) > 0 {
			r.failed++
			continue
		}
		if len(d.Changes) == 0 {
			continue
		}
		r.changed++
		r.changes += len(d.Changes)
		for _, c := range d.Changes {
			if !c.Cost.Free() {
				r.paid++
			}
		}
		if err := r.total.Add(d.Changes); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *diffReport) print(env Env, format string) error {
	if format == "json" {
		return printJSON(env.Stdout, r.document())
	}
	return printStyled(env, r.text())
}

// text words it for people: what differs of each portal, and what all of it comes to.
func (r *diffReport) text() string {
	var b strings.Builder
	for _, d := range r.diffs {
		if d.Err == nil && len(d.Changes)+len(d.Problems)+len(d.Pending) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s (%s)\n", printable(d.Portal), printable(d.URL))
		if d.Err != nil {
			fmt.Fprintf(&b, "  not read: %s\n", printable(d.Err.Error()))
		}
		for _, p := range d.Problems {
			fmt.Fprintf(&b, "  %s can't be: %s\n", p.Member, printable(p.Text))
		}
		if n := len(d.Changes); len(d.Problems) > 0 && n > 0 {
			fmt.Fprintf(&b, "  until that is put right, nothing is changed: %d wait\n", n)
			d.Changes = nil
		}
		for _, c := range d.Changes {
			fmt.Fprintf(&b, "  %s: %s → %s\n    %s\n", c.Member, printable(c.Is), printable(c.Should), printable(costLine(c)))
		}
		for _, text := range d.Pending {
			fmt.Fprintf(&b, "  %s\n", printable(text))
		}
		b.WriteString("\n")
	}
	b.WriteString(r.summary() + "\n")
	for _, f := range r.costs() {
		fmt.Fprintf(&b, "%s: %s\n", f.label, f.value)
	}
	return b.String()
}

// summary says how much there is to change.
func (r *diffReport) summary() string {
	text := portalsText(len(r.diffs)) + ": "
	switch {
	case r.changes == 0 && r.failed == 0:
		return text + "all is as it should be."
	case r.changes == 0:
		text += "nothing to change"
	default:
		text += fmt.Sprintf("%d to change at %d of them; %d cost nothing, %d cost money", r.changes, r.changed, r.changes-r.paid, r.paid)
	}
	if r.failed > 0 {
		text += fmt.Sprintf("; %d with problems, of which nothing is changed", r.failed)
	}
	return text + "."
}

// costs are what all changes come to.
func (r *diffReport) costs() (facts []fact) {
	if r.paid == 0 && len(r.total.Period)+len(r.total.Yearly) == 0 {
		return nil
	}
	now := amountsText(r.total.Now)
	if r.total.AtMost {
		now = "at most " + now
	}
	if r.total.Unknown > 0 {
		now += fmt.Sprintf(", and what nobody knows of %d changes", r.total.Unknown)
	}
	facts = []fact{{"Costs now", now}}
	for _, row := range []struct {
		label   string
		amounts []money.Amount
	}{{"Then each month", r.total.Period}, {"Then each year", r.total.Yearly}} {
		if len(row.amounts) > 0 {
			facts = append(facts, fact{row.label, moreText(row.amounts)})
		}
	}
	return facts
}

func amountsText(all []money.Amount) string {
	if len(all) == 0 {
		return "nothing"
	}
	var texts []string
	for _, a := range all {
		texts = append(texts, printable(amountText(a)))
	}
	return strings.Join(texts, " and ")
}

// moreText says how much more, or less, is paid.
func moreText(all []money.Amount) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, printable(more(a)))
	}
	return strings.Join(texts, " and ")
}

func more(a money.Amount) string {
	if a.Sign() < 0 {
		return amountText(a.Neg()) + " less"
	}
	return amountText(a) + " more"
}

// costLine says what a change costs: "costs 14.00 USD now, 14.00 USD more a month,
// from the wallet".
func costLine(c manifest.Change) string {
	var parts []string
	switch now := c.Cost.Now; {
	case now.Unknown != "":
		parts = append(parts, "what it costs now is unknown: "+now.Unknown)
	case now.Sign() == 0:
		parts = append(parts, "costs nothing now")
	case now.AtMost:
		parts = append(parts, "costs at most "+amountText(*now.Amount)+" now")
	default:
		parts = append(parts, "costs "+amountText(*now.Amount)+" now")
	}
	switch period := c.Cost.Period; {
	case period.Unknown != "":
		parts = append(parts, "then each "+c.Cost.Every+" what is unknown: "+period.Unknown)
	case period.Sign() != 0:
		parts = append(parts, more(*period.Amount)+" a "+c.Cost.Every)
	}
	if !c.Cost.Free() {
		parts = append(parts, map[string]string{byWallet: "from the wallet", byCard: "by card"}[c.Cost.From])
	} else if len(parts) == 1 {
		parts = []string{"costs nothing"}
	}
	text := strings.Join(parts, ", ")
	if c.Note != "" {
		text += "; " + c.Note
	}
	return text
}

// lines has one line for each difference.
func (r *diffReport) lines() string {
	var b strings.Builder
	for _, d := range r.diffs {
		if d.Err != nil {
			fmt.Fprintf(&b, "%s: not read: %s\n", printable(d.Portal), printable(d.Err.Error()))
		}
		for _, c := range d.Changes {
			fmt.Fprintf(&b, "%s: %s is %s, should be %s\n", printable(d.Portal), c.Member, printable(c.Is), printable(c.Should))
		}
		for _, p := range d.Problems {
			fmt.Fprintf(&b, "%s: %s can't be: %s\n", printable(d.Portal), printable(p.Member), printable(p.Text))
		}
	}
	return b.String()
}
