package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// Screen is how portals stand, live. It is a bubbletea model: set its exported fields,
// and run it. Only its own methods touch the rest.
type Screen struct {
	Board *Board
	// Look looks at each portal once; see Looker. It ends when Done does.
	Look func(done func(Answer) error) error
	// Done ends what goes on beside the screen.
	Done <-chan struct{}
	// Interval is the time from the beginning of a look to that of the next.
	Interval time.Duration
	Now      func() time.Time
	// Tick calls back after a while, as tea.Tick does.
	Tick func(time.Duration, func(time.Time) tea.Msg) tea.Cmd

	width, height int
	looking       bool
	looked        int       // portals that this look has seen
	next          time.Time // when to look again
	failed        error     // what the last look ended with

	sort     order
	filter   string
	typing   bool // the filter
	selected string
	top      int  // the first line that is shown
	open     bool // the details of the selected portal

	answers int      // that came, so that it is known whether ordered still holds
	listed  listing  // what ordered is of
	ordered []*State // see shown; nil before it is asked for
}

// listing is all by what portals are listed.
type listing struct {
	filter  string
	sort    order
	answers int
}

// order is what portals are sorted by.
type order int

const (
	byName order = iota
	byLasts
	byDue
	byChange
	byFailure
	orders
)

// String names the order.
func (o order) String() string {
	return [...]string{"name", "lasts", "due", "changed", "failing"}[o]
}

type (
	// answersMsg has what has come of a look that goes on.
	answersMsg struct {
		all  []Answer
		look *look
	}
	lookedMsg struct{ err error }
	tickMsg   struct{}
)

// atOnce is how many answers are taken together at most. Drawing takes its time where
// there are thousands of portals: those that come meanwhile wait for each other.
const atOnce = 256

// look is one that goes on.
type look struct {
	answers chan Answer // closed at its end
	err     error       // what it ended with; not to be read before
}

// Init looks for the first time.
func (s *Screen) Init() tea.Cmd { return tea.Batch(s.begin(), s.tick()) }

func (s *Screen) tick() tea.Cmd {
	return s.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} })
}

// begin begins a look, whose answers come as messages; nil if one is going on.
func (s *Screen) begin() tea.Cmd {
	if s.looking {
		return nil
	}
	s.looking, s.looked, s.next = true, 0, s.Now().Add(s.Interval)
	ask, done := s.Look, s.Done
	return func() tea.Msg {
		l := &look{answers: make(chan Answer, atOnce)}
		go func() {
			defer close(l.answers)
			l.err = ask(func(a Answer) error {
				select {
				case l.answers <- a:
				case <-done:
				}
				return nil
			})
		}()
		return l.receive(done)
	}
}

// receive waits for what comes of a look, and takes all that has come.
func (l *look) receive(done <-chan struct{}) tea.Msg {
	var all []Answer
	select {
	case a, more := <-l.answers:
		if !more {
			return lookedMsg{l.err}
		}
		all = append(all, a)
	case <-done:
		return nil
	}
	for len(all) < atOnce {
		select {
		case a, more := <-l.answers:
			if more {
				all = append(all, a)
				continue
			}
		default:
		}
		break
	}
	return answersMsg{all, l}
}

// Update takes a message.
func (s *Screen) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch m := message.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case tickMsg:
		if !s.Now().Before(s.next) {
			return s, tea.Batch(s.begin(), s.tick())
		}
		return s, s.tick()
	case answersMsg:
		for _, a := range m.all {
			s.Board.Take(a)
		}
		s.looked, s.answers = s.looked+len(m.all), s.answers+len(m.all)
		done := s.Done
		return s, func() tea.Msg { return m.look.receive(done) }
	case lookedMsg:
		s.looking, s.failed = false, m.err
	case tea.PasteMsg:
		if s.typing {
			s.filter += clean(m.Content)
		}
	case tea.KeyPressMsg:
		return s.key(m)
	}
	return s, nil
}

// key does what a key means.
func (s *Screen) key(m tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	name := m.String()
	switch {
	case name == "ctrl+c":
		return s, tea.Quit
	case s.typing:
		s.typed(m)
		return s, nil
	}
	switch name {
	case "q":
		return s, tea.Quit
	case "esc", "backspace", "left":
		switch {
		case s.open:
			s.open, s.top = false, 0
		case name == "esc":
			s.filter = ""
		}
	case "enter", "right":
		if !s.open && s.current() != nil {
			s.open, s.top = true, 0
		} else if name == "enter" {
			s.open, s.top = false, 0
		}
	case "/":
		s.typing, s.open = true, false
	case "s":
		s.sort = (s.sort + 1) % orders
	case "S":
		s.sort = (s.sort + orders - 1) % orders
	case "r":
		return s, s.begin()
	default:
		s.move(name)
	}
	return s, nil
}

// typed takes a key of the filter.
func (s *Screen) typed(m tea.KeyPressMsg) {
	switch m.String() {
	case "enter":
		s.typing = false
	case "esc":
		s.typing, s.filter = false, ""
	case "backspace":
		_, n := utf8.DecodeLastRuneInString(s.filter)
		s.filter = s.filter[:len(s.filter)-n]
	case "ctrl+u":
		s.filter = ""
	default:
		if m.Text == " " {
			s.filter += m.Text // which clean takes for one at an end
		} else {
			s.filter += clean(m.Text)
		}
	}
}

// move moves the selection, or, in the details, what is shown of them.
func (s *Screen) move(name string) {
	page := max(1, s.room()-1)
	by, known := map[string]int{
		"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -page, "ctrl+b": -page, "pgdown": page, "ctrl+f": page, "space": page,
		"home": -1 << 30, "g": -1 << 30, "end": 1 << 30, "G": 1 << 30,
	}[name]
	if !known {
		return
	}
	if s.open {
		s.top = max(0, s.top+by) // View stops at the end
		return
	}
	shown := s.shown()
	if len(shown) == 0 {
		return
	}
	at := slices.IndexFunc(shown, func(p *State) bool { return p.Name == s.selected })
	s.selected = shown[min(max(max(at, 0)+by, 0), len(shown)-1)].Name
}

// shown returns the portals that the filter lets through, in order. They are sorted when
// something else came, or is wanted, and not each time.
func (s *Screen) shown() []*State {
	now := listing{s.filter, s.sort, s.answers}
	if s.ordered != nil && s.listed == now {
		return s.ordered
	}
	wanted := strings.ToLower(s.filter)
	all := make([]*State, 0, len(s.Board.Portals))
	for _, p := range s.Board.Portals {
		if wanted == "" || strings.Contains(strings.ToLower(p.words()), wanted) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, s.sort.compare)
	s.listed, s.ordered = now, all
	return all
}

// words are what a filter looks in.
func (s *State) words() string {
	all := []string{clean(s.Name), s.Plan, s.Payer}
	for _, p := range s.Pockets {
		all = append(all, string(p.Balance.Currency()))
	}
	if s.Err != nil || len(s.Failed) > 0 {
		all = append(all, "failing")
	}
	return strings.Join(all, "\n")
}

// compare orders two portals, what matters most first; by name where that says nothing.
func (o order) compare(a, b *State) int {
	first := 0
	switch o {
	case byLasts:
		x, knownX := a.Lasts()
		y, knownY := b.Lasts()
		first = cmp.Or(trueFirst(knownX, knownY), cmp.Compare(x, y))
	case byDue:
		first = cmp.Or(trueFirst(!a.Due.IsZero(), !b.Due.IsZero()), a.Due.Compare(b.Due))
	case byChange:
		first = b.lastChange().Compare(a.lastChange())
	case byFailure:
		first = cmp.Or(trueFirst(a.Err != nil, b.Err != nil), trueFirst(len(a.Failed) > 0, len(b.Failed) > 0))
	}
	return cmp.Or(first, cmp.Compare(a.Name, b.Name))
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (s *State) lastChange() time.Time {
	if len(s.Changes) == 0 {
		return time.Time{}
	}
	return s.Changes[0].At
}

// current returns the portal that is selected: the first one if none is, or if the one
// that was is not shown; nil if none is shown.
func (s *Screen) current() *State {
	shown := s.shown()
	if len(shown) == 0 {
		return nil
	}
	if i := slices.IndexFunc(shown, func(p *State) bool { return p.Name == s.selected }); i >= 0 {
		return shown[i]
	}
	return shown[0]
}
