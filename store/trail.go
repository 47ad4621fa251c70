package store

import "sync"

// trail follows the generations of a SQLite database from commit to commit, as long
// as every one of them was this process's own and only moved money. What is known
// of a portal then stays known until its own money moves. A commit of anybody else,
// or of anything else, breaks it, and a new one begins.
type trail struct {
	mu    sync.Mutex
	epoch int64            // counts the trails
	step  int64            // counts the commits on this one
	at    int64            // the generation that it has got to; 0: none yet
	moved map[string]int64 // the last step that moved a portal's money
	// pending is what the next commit moves. Who announced it holds the engine's
	// lock for writing, so that the next commit is no other one.
	pending *movement
}

type movement struct {
	from    int64 // the generation before it
	portals []string
}

// mark is a place on a trail. The zero mark is on none.
type mark struct{ epoch, step int64 }

// maxMoved bounds how many portals a trail keeps in mind.
const maxMoved = 100_000

// announce says what the next commit moves. It is called with the engine's lock for
// writing held, in the generation that is there.
func (t *trail) announce(generation int64, portals []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.follow(generation)
	t.pending = &movement{generation, portals}
}

// retract says that the commit that was announced may not be the next one. It is
// called before the engine's lock is let go.
func (t *trail) retract() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = nil
}

// locate reads the generation from the index, and returns it with its mark. It
// reports whether what was known of a portal at another mark is still so; the portal
// "" has no money. It asks nothing that waits for a lock of the engine's: who holds
// that waits for the trail.
func (t *trail) locate(index generations, known mark, portalID string) (generation int64, now mark, same bool, err error) {
	t.mu.Lock() // so that nobody comes with an older one than somebody before
	defer t.mu.Unlock()
	generation, ok, err := index.generation()
	if err != nil || !ok {
		return 0, mark{}, false, err
	}
	t.follow(generation)
	return generation, mark{t.epoch, t.step}, known.epoch == t.epoch && t.moved[portalID] <= known.step, nil
}

// generations is where generations are read: a walIndex.
type generations interface {
	// generation returns false where there is none to be had.
	generation() (int64, bool, error)
}

// follow goes on to a generation.
func (t *trail) follow(generation int64) {
	if generation == t.at {
		return
	}
	announced := t.pending
	t.pending = nil
	if announced == nil || announced.from != t.at || !succeeds(generation, t.at) || len(t.moved) > maxMoved {
		t.epoch, t.step, t.at, t.moved = t.epoch+1, 0, generation, map[string]int64{}
		return
	}
	t.step++
	t.at = generation
	for _, id := range announced.portals {
		t.moved[id] = t.step
	}
}
