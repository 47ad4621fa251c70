package cli

import (
	"bytes"
	"sync"
	"testing"
)

func TestProgressLine(t *testing.T) {
	for _, test := range []struct {
		total, done int
		want        string
	}{
		{4, 0, "Reading portals ░░░░░░░░░░░░░░░░░░░░░░░░ 0/4   0 %"},
		{4, 1, "Reading portals ██████░░░░░░░░░░░░░░░░░░ 1/4  25 %"},
		{4, 4, "Reading portals ████████████████████████ 4/4 100 %"},
		{4, 5, "Reading portals ████████████████████████ 5/4 100 %"}, // counted wrong: still a bar
		{3000, 2999, "Reading portals ███████████████████████░ 2999/3000  99 %"},
		{0, 7, "Reading portals: 7"},
	} {
		p := &progress{total: test.total, doing: "Reading portals"}
		for range test.done {
			p.step()
		}
		if got := p.line(); got != test.want {
			t.Errorf("%d of %d: %q, want %q", test.done, test.total, got, test.want)
		}
	}
}

func TestProgressIsSilentWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(Env{Stderr: &out}, false, 100, "Reading portals")
	var all sync.WaitGroup
	for range 100 {
		all.Go(p.step)
	}
	all.Wait()
	p.stop()
	if out.Len() > 0 || p.done.Load() != 100 {
		t.Errorf("%d steps, printed %q", p.done.Load(), out.String())
	}
}
