package store

import "testing"

// generationOf is what the index says after so many commits.
func generationOf(commits, checksum int64) int64 { return ofIndex | commits&maxChanges<<32 | checksum }

type always int64

func (g always) generation() (int64, bool, error) { return int64(g), true, nil }

func TestTrail(t *testing.T) {
	g := func(commits int64) int64 { return generationOf(commits, 7*commits) }
	none := mark{}
	locate := func(t *testing.T, tr *trail, generation int64, known mark, portalID string) (mark, bool) {
		t.Helper()
		got, now, same, err := tr.locate(always(generation), known, portalID)
		if err != nil || got != generation {
			t.Fatalf("at %d: %d, %v", generation, got, err)
		}
		return now, same
	}
	if _, same := locate(t, &trail{}, g(5), none, "p"); same {
		t.Error("what nobody knows is still so")
	}
	tests := map[string]struct {
		do                 func(tr *trail)
		at                 int64
		moved, other, none bool // what is still so of a portal that was moved, another one, and none
	}{
		"nothing": {func(*trail) {}, g(5), true, true, true},
		"announced, and not there yet": {
			func(tr *trail) { tr.announce(g(5), []string{"p"}) }, g(5), true, true, true,
		},
		"announced and there":     {func(tr *trail) { tr.announce(g(5), []string{"p"}) }, g(6), false, true, true},
		"moves nobody":            {func(tr *trail) { tr.announce(g(5), []string{}) }, g(6), true, true, true},
		"somebody else's":         {func(*trail) {}, g(6), false, false, false},
		"somebody else's after":   {func(tr *trail) { tr.announce(g(5), []string{"p"}) }, g(7), false, false, false},
		"announced and retracted": {func(tr *trail) { tr.announce(g(5), []string{"p"}); tr.retract() }, g(6), false, false, false},
		"two, and nobody looked between": {
			func(tr *trail) { tr.announce(g(5), []string{"p"}); tr.announce(g(6), []string{"r"}) }, g(7), false, true, true,
		},
		"somebody else's between": {
			func(tr *trail) { tr.announce(g(5), []string{"r"}); tr.announce(g(7), []string{"r"}) }, g(8), false, false, false,
		},
		"counted anew":        {func(tr *trail) { tr.announce(g(5), []string{"r"}) }, g(1), false, false, false},
		"asked of the engine": {func(tr *trail) { tr.announce(g(5), []string{"r"}) }, 6, false, false, false},
		"the count overflows": {
			func(tr *trail) {
				locate(t, tr, g(maxChanges), none, "") // breaks it
			}, g(0), false, false, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var tr trail
			known, _ := locate(t, &tr, g(5), none, "p")
			tt.do(&tr)
			for portal, want := range map[string]bool{"p": tt.moved, "q": tt.other, "": tt.none} {
				now, same := locate(t, &tr, tt.at, known, portal)
				if same != want {
					t.Errorf("portal %q: %t, want %t", portal, same, want)
				}
				if again, same := locate(t, &tr, tt.at, now, portal); !same || again != now {
					t.Errorf("portal %q, once more: %t, %v after %v", portal, same, again, now)
				}
			}
		})
	}
	last := generationOf(maxChanges, 3)
	if !succeeds(generationOf(0, 1), last) || succeeds(generationOf(1, 1), last) || succeeds(2, 1) {
		t.Error("what comes after the last number is not nought")
	}
}
