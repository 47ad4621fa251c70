package watch

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// details draw all that is known of a portal.
func (s *Screen) details(p *State, style styles) (lines []string) {
	add := func(label, value string) {
		if value != "" {
			lines = append(lines, style.dim.Render(fit(label, 9, false))+" "+value)
		}
	}
	lines = append(lines, style.heading.Render(clean(p.Name)))
	add("Address", p.Address)
	if len(p.Pockets) == 0 {
		add("Balance", pocketBalance(p, nil))
	}
	for i := range p.Pockets {
		pocket := &p.Pockets[i]
		add("Balance", strings.TrimRight(amountText(pocket.Balance)+"  "+sparkline(pocket.Past, pastDays), " "))
		if r := pocket.Runway; r != nil {
			text := fmt.Sprintf("%s (%s to %s)", lastsText(r.Alone.Likely), lastsText(r.Alone.Pessimistic), lastsText(r.Alone.Optimistic))
			if r.Refilled {
				text += ", refilled: " + lastsText(r.Refills.Likely)
			}
			add("Lasts", text)
			add("A week", amountText(r.Weekly.Likely))
		}
	}
	add("Plan", p.Plan)
	if !p.Due.IsZero() {
		add("Due", dateText(p.Due))
	}
	add("Top-up", p.Rule)
	add("Payer", p.Payer)
	if !p.Answered.IsZero() {
		add("Read", p.Answered.UTC().Format("2006-01-02 15:04:05 UTC")+", "+ageText(s.Now().Sub(p.Answered)))
	}
	for _, text := range p.failures(s.Now()) {
		lines = append(lines, wrapped(style.bad, "! "+text, s.width)...)
	}
	lines = append(lines, "", style.heading.Render("Changes"))
	if len(p.Changes) == 0 {
		lines = append(lines, style.dim.Render("None since this began."))
	}
	for _, change := range p.Changes {
		mark := lipgloss.NewStyle()
		if p.Changed && change.At.Equal(p.Changes[0].At) {
			mark = style.fresh
		}
		if change.Bad {
			mark = style.bad
		}
		lines = append(lines, wrapped(mark, change.At.UTC().Format("15:04:05")+"  "+change.Text, s.width)...)
	}
	return lines
}

// wrapped breaks a text into lines.
func wrapped(style lipgloss.Style, text string, width int) (lines []string) {
	for line := range strings.SplitSeq(ansi.Wrap(text, max(1, width), ""), "\n") {
		lines = append(lines, style.Render(line))
	}
	return lines
}
