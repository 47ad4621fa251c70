package watch

import tea "charm.land/bubbletea/v2"

// TickForTest is what the clock sends each second.
func TickForTest() tea.Msg { return tickMsg{} }

// ShownForTest returns the portals that are listed.
func (s *Screen) ShownForTest() []*State { return s.shown() }
