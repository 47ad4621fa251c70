package watch

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// styles are how things are set off; words or signs say the same each time, for who sees
// no colours.
type styles struct{ heading, dim, bad, fresh, chosen lipgloss.Style }

func newStyles() styles {
	plain := lipgloss.NewStyle()
	return styles{
		heading: plain.Bold(true), dim: plain.Faint(true), bad: plain.Foreground(lipgloss.Red),
		fresh: plain.Foreground(lipgloss.Yellow).Bold(true), chosen: plain.Reverse(true),
	}
}

// View draws the screen.
func (s *Screen) View() tea.View {
	v := tea.NewView("")
	v.AltScreen, v.WindowTitle = true, "bursar watch"
	if s.width == 0 || s.height == 0 {
		return v // nobody knows yet how large it is
	}
	style := newStyles()
	lines := s.head(style)
	if current := s.current(); s.open && current != nil {
		lines = append(lines, s.page(s.details(current, style))...)
	} else {
		lines = append(lines, s.list(style)...)
	}
	for len(lines) < s.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, s.height-1)], s.foot(style))
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], s.width, "…")
	}
	v.SetContent(strings.Join(lines, "\n"))
	return v
}

// room is how many lines there are for portals: all but the head, the headings, and the
// foot.
func (s *Screen) room() int { return max(1, s.height-3) }

// head is the first line: how many there are, and when they are looked at again.
func (s *Screen) head(style styles) []string {
	failing := 0
	for _, p := range s.Board.Portals {
		if p.Err != nil || len(p.Failed) > 0 {
			failing++
		}
	}
	left := "1 portal"
	if n := len(s.Board.Portals); n != 1 {
		left = fmt.Sprintf("%d portals", n)
	}
	if n := len(s.shown()); s.filter != "" {
		left = fmt.Sprintf("%d of %s", n, left)
	}
	left = style.heading.Render(left)
	if failing > 0 {
		left += ", " + style.bad.Render(fmt.Sprintf("%d failing", failing))
	}
	return []string{spread(left, style.dim.Render(s.clock()), s.width)}
}

// clock says what the screen waits for.
func (s *Screen) clock() string {
	if s.looking {
		return fmt.Sprintf("looking %d/%d", s.looked, len(s.Board.Portals))
	}
	wait := max(0, s.next.Sub(s.Now())).Round(time.Second)
	if s.width < 60 {
		return "next " + wait.String()
	}
	return s.Now().UTC().Format("15:04:05 UTC") + ", next look in " + wait.String()
}

// foot is the last line: the filter that is being typed, or the keys.
func (s *Screen) foot(style styles) string {
	switch {
	case s.typing:
		return "/" + s.filter + "▏"
	case s.failed != nil:
		return style.bad.Render("! " + clean(s.failed.Error()))
	case s.open:
		return style.dim.Render("esc back  ↑↓ scroll  r look now  q quit")
	}
	keys := "enter details  / filter  s sort: " + s.sort.String() + "  r look now  q quit"
	if s.width < 60 {
		keys = "/ filter  s: " + s.sort.String() + "  r look  q quit"
	}
	if s.filter != "" {
		keys = "esc clears /" + s.filter + "  " + keys
	}
	return style.dim.Render(keys)
}

// list draws the portals that fit, the selected one among them.
func (s *Screen) list(style styles) []string {
	columns, shown, current := s.columns(), s.shown(), s.current()
	all, from, to := 0, 0, 0
	for _, p := range shown {
		if p == current {
			from, to = all, all+p.height()
		}
		all += p.height()
	}
	if to > s.top+s.room() {
		s.top = to - s.room()
	}
	s.top = max(0, min(s.top, from, all-s.room()))
	var lines []string
	at := 0
	for _, p := range shown {
		// What is above or below is not drawn: there may be thousands.
		if height := p.height(); at+height <= s.top || at >= s.top+s.room() {
			at += height
			continue
		}
		for _, line := range s.rows(p, columns, style, p == current) {
			if at >= s.top && at < s.top+s.room() {
				lines = append(lines, line)
			}
			at++
		}
	}
	if len(shown) == 0 {
		lines = []string{"  " + style.dim.Render("no portal is like that")}
	}
	heading := "  "
	for i, c := range columns {
		if i > 0 {
			heading += " "
		}
		heading += fit(c.heading, c.width, c.right)
	}
	return append([]string{style.dim.Render(strings.TrimRight(heading, " "))}, lines...)
}

// height is how many lines a portal takes in the list.
func (s *State) height() int {
	failures := len(s.Failed)
	if s.Err != nil {
		failures = 1
	}
	return max(1, len(s.Pockets)) + failures
}

// page draws the lines of the details that fit.
func (s *Screen) page(lines []string) []string {
	s.top = min(s.top, max(0, len(lines)-s.room()-1))
	return lines[s.top:min(len(lines), s.top+s.room()+1)]
}

// column is one of the list.
type column struct {
	heading string
	width   int
	right   bool
	cell    func(s *State, p *Pocket) string // p is nil where there are no pockets
	once    bool                             // in the first line of a portal only
}

// columns are what there is room for.
func (s *Screen) columns() []column {
	name := column{"PORTAL", 0, false, func(s *State, _ *Pocket) string { return clean(s.Name) }, true}
	balance := column{"BALANCE", s.widest(), true, pocketBalance, false}
	lasts := column{"LASTS", 8, true, pocketLasts, false}
	days := column{"14 DAYS", pastDays, false, func(_ *State, p *Pocket) string {
		if p == nil {
			return ""
		}
		return sparkline(p.Past, pastDays)
	}, false}
	due := column{"DUE", 6, true, func(s *State, _ *Pocket) string {
		if s.Due.IsZero() {
			return ""
		}
		return s.Due.UTC().Format("2 Jan")
	}, true}
	refill := column{"TOP-UP", 6, false, func(s *State, _ *Pocket) string { return s.TopUp }, true}
	changed := column{"CHANGED", 14, false, func(s *State, _ *Pocket) string {
		if len(s.Changes) == 0 {
			return ""
		}
		return s.Changes[0].At.UTC().Format("15:04") + " " + s.Changes[0].Short
	}, true}
	all := []column{name, balance, lasts}
	switch {
	case s.width >= 110:
		changed.width, lasts.width, lasts.cell = 22, 11, pocketLastsWhole
		all = []column{name, balance, days, lasts, due, refill, changed}
	case s.width >= 78:
		days.width, days.heading = 8, "DAYS"
		days.cell = func(_ *State, p *Pocket) string {
			if p == nil {
				return ""
			}
			return sparkline(p.Past, 8)
		}
		all = []column{name, balance, days, lasts, due, refill, changed}
	case s.width >= 58:
		all = []column{name, balance, lasts, changed}
	}
	left := s.width - 2
	for _, c := range all[1:] {
		left -= c.width + 1
	}
	all[0].width = max(6, left)
	return all
}

// widest is how wide the balances are, within limits.
func (s *Screen) widest() int {
	widest := len("not known")
	for _, p := range s.Board.Portals {
		for i := range p.Pockets {
			widest = max(widest, ansi.StringWidth(amountText(p.Pockets[i].Balance)))
		}
	}
	return min(widest, max(9, s.width/2-6), 24)
}

func pocketBalance(s *State, p *Pocket) string {
	switch {
	case p != nil:
		return amountText(p.Balance)
	case s.Answered.IsZero() && s.Err == nil:
		return "reading"
	case s.Parts["balance"].IsZero():
		return "–"
	case s.Known:
		return "nothing"
	}
	return "not known"
}

func pocketLasts(_ *State, p *Pocket) string {
	if p == nil || p.Runway == nil {
		return ""
	}
	return strings.Replace(lastsText(p.Runway.Alone.Likely), "over 1 year", "> 1 year", 1)
}

func pocketLastsWhole(_ *State, p *Pocket) string {
	if p == nil || p.Runway == nil {
		return ""
	}
	return lastsText(p.Runway.Alone.Likely)
}

// rows draw a portal: a line for each pocket, and one for what fails.
func (s *Screen) rows(p *State, columns []column, style styles, chosen bool) (lines []string) {
	pockets := make([]*Pocket, 0, 1)
	for i := range p.Pockets {
		pockets = append(pockets, &p.Pockets[i])
	}
	if len(pockets) == 0 {
		pockets = append(pockets, nil)
	}
	for n, pocket := range pockets {
		sign := "  "
		switch {
		case n > 0:
		case chosen:
			sign = "› "
		case p.Err != nil || len(p.Failed) > 0:
			sign = "! "
		case p.Changed:
			sign = "• "
		}
		var b strings.Builder
		for i, c := range columns {
			cell := ""
			if n == 0 || !c.once {
				cell = c.cell(p, pocket)
			}
			text := fit(cell, c.width, c.right)
			if i > 0 {
				b.WriteByte(' ')
			}
			switch {
			case chosen && c.heading == "PORTAL" && n == 0:
				text = style.chosen.Render(text)
			case c.heading == "CHANGED" && p.Changed && n == 0:
				text = style.fresh.Render(text)
			case p.Err != nil:
				text = style.dim.Render(text)
			}
			b.WriteString(text)
		}
		if strings.HasPrefix(sign, "!") {
			sign = style.bad.Render(sign)
		}
		lines = append(lines, sign+b.String())
	}
	for _, text := range p.failures(s.Now()) {
		lines = append(lines, "  "+style.bad.Render(ansi.Truncate("! "+text, max(0, s.width-2), "…")))
	}
	return lines
}

// failures say what could not be read, and how old what is shown of it is.
func (s *State) failures(now time.Time) (all []string) {
	if s.Err != nil {
		return []string{age(s.Answered, now) + ": " + clean(s.Err.Error())}
	}
	for _, part := range Parts() {
		if err := s.Failed[part]; err != nil {
			all = append(all, string(part)+", "+age(s.Parts[part], now)+": "+clean(err.Error()))
		}
	}
	return all
}

// age says how old what was last read is.
func age(last, now time.Time) string {
	if last.IsZero() {
		return "never read"
	}
	return "as of " + ageText(now.Sub(last))
}

// fit makes a text so many columns wide, as terminals count them.
func fit(text string, width int, right bool) string {
	text = ansi.Truncate(text, width, "…")
	fill := strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
	if right {
		return fill + text
	}
	return text + fill
}

// spread sets a text to the left and one to the right, which goes first where there is
// no room.
func spread(left, right string, width int) string {
	gap := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 1 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}
