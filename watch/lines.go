package watch

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Lines tells of portals in lines: one when a portal first answers, and one whenever
// something changed.
type Lines struct {
	Board *Board
	// Out gets how portals stand, and what changed; Err what could not be read.
	Out, Err io.Writer
	told     map[string]bool // the portals that Out was told of
}

// Take tells what came of a look. It fails as the writers do.
func (l *Lines) Take(a Answer) error {
	s, changes := l.Board.Take(a)
	if s == nil {
		return nil
	}
	var good, bad []string
	for _, change := range changes {
		if change.Bad {
			bad = append(bad, change.Text)
		} else {
			good = append(good, change.Text)
		}
	}
	if s.Err == nil && !l.told[s.Name] {
		if l.told == nil {
			l.told = map[string]bool{}
		}
		l.told[s.Name] = true
		good = []string{s.standing()}
	}
	if err := line(l.Err, a, bad); err != nil {
		return err
	}
	return line(l.Out, a, good)
}

func line(w io.Writer, a Answer, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s %s: %s\n", a.At.UTC().Format(time.RFC3339), clean(a.Name), strings.Join(texts, "; "))
	return err
}

// standing says in a line how a portal stands, as far as that is known.
func (s *State) standing() string {
	all := []string{balancesText(s)}
	if days, known := s.Lasts(); known {
		all = append(all, "lasts "+lastsText(days))
	}
	if !s.Due.IsZero() {
		all = append(all, "due "+dateText(s.Due))
	}
	if s.TopUp != "" {
		all = append(all, "top-up "+s.TopUp)
	}
	return strings.Join(all, ", ")
}
