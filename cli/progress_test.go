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
		p := newProgress(Env{Stderr: new(bytes.Buffer)}, false, test.total, "Reading portals")
		for range test.done {
			p.step()
		}
		if got := p.line(); got != test.want {
			t.Errorf("%d of %d: %q, want %q", test.done, test.total, got, test.want)
		}
	}
}

// How many steps there are may turn out while they are made.
func TestProgressOfWhatTurnsOut(t *testing.T) {
	p := newProgress(Env{Stderr: new(bytes.Buffer)}, false, 0, "Reading operations")
	for _, test := range []struct {
		done, total int64
		want        string
	}{
		{0, 0, "Reading operations: 0"},
		{100, 400, "Reading operations ██████░░░░░░░░░░░░░░░░░░ 100/400  25 %"},
		{200, 401, "Reading operations ███████████░░░░░░░░░░░░░ 200/401  49 %"},
		{401, 401, "Reading operations ████████████████████████ 401/401 100 %"},
	} {
		p.at(test.done, test.total)
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
