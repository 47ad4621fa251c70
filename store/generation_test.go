package store

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
)

// generation asks for it, and must get it.
func generation(t *testing.T, s *Store) int64 {
	t.Helper()
	g, err := s.generation()
	if err != nil {
		t.Fatalf("Generation: %v", err)
	}
	return g
}

// commits is everything that commits, on what furnish made.
var commits = []struct {
	name string
	do   func(t *testing.T, s *Store) error
}{
	{"Change", func(t *testing.T, s *Store) error {
		return s.Change(t.Context(), "p", func(tx *Tx) error { return tx.PutUsage("room", 7) })
	}},
	{"Change of nothing but the version", func(t *testing.T, s *Store) error { return s.Change(t.Context(), "q", nothing) }},
	{"CreatePortal", func(t *testing.T, s *Store) error {
		return s.CreatePortal(t.Context(), Portal{ID: "new", CreatedAt: epoch}, nil, nothing)
	}},
	{"NewAccountNumber", func(t *testing.T, s *Store) error { _, err := s.NewAccountNumber(t.Context()); return err }},
	{"StampKey", func(t *testing.T, s *Store) error {
		return s.StampKey(t.Context(), KeyUse{PortalID: "p", KeyID: "key-of-p", At: epoch})
	}},
}

func TestGenerationStaysWhileNothingChanges(t *testing.T) {
	onSQLite(t, func(t *testing.T, config Config) {
		s := openWith(t, config)
		furnish(t, s)
		first := generation(t, s)
		for range 3 {
			read(t, s, func(tx *Tx) (Portal, error) { return tx.Portal("p") })
			err := s.Change(t.Context(), "p", func(tx *Tx) error {
				return errors.Join(tx.PutUsage("room", 99), errors.New("no"))
			})
			if err == nil {
				t.Fatal("a change that fails is accepted")
			}
			if g := generation(t, s); g != first {
				t.Fatalf("%d became %d", first, g)
			}
		}
	})
}

func TestGenerationIsAnotherAfterEveryCommit(t *testing.T) {
	onSQLite(t, func(t *testing.T, config Config) {
		s := openWith(t, config)
		furnish(t, s)
		seen := map[int64]string{generation(t, s): "the beginning"}
		for _, commit := range commits {
			if err := commit.do(t, s); err != nil {
				t.Fatal(err)
			}
			g := generation(t, s)
			if before, ok := seen[g]; ok {
				t.Errorf("%s: generation %d is that of %s", commit.name, g, before)
			}
			seen[g] = commit.name
		}
	})
}

func TestGenerationIsAnotherAfterACommitOfAnotherStore(t *testing.T) {
	dir := t.TempDir()
	here, there := openIn(t, dir), openIn(t, dir)
	furnish(t, here)
	for _, commit := range commits {
		before := generation(t, here)
		if err := commit.do(t, there); err != nil {
			t.Fatal(err)
		}
		if after := generation(t, here); after == before {
			t.Errorf("%s: generation stays %d", commit.name, after)
		}
	}
	diff(t, "what is read here", read(t, here, func(tx *Tx) (map[string]int64, error) { return tx.Usage("p") }), map[string]int64{"room": 7})
}

// answer is an answer to Generation, and when it was asked and given: in numbers
// of commits that were acknowledged before, and begun until then.
type answer struct{ generation, asked, given int64 }

// TestGenerationIsNeverOlderThanTheCall writes and asks from everywhere. Where
// more commits were acknowledged when one asked than were begun when another was
// answered, there is a commit between them: they may not be given the same.
func TestGenerationIsNeverOlderThanTheCall(t *testing.T) {
	const writers, askers, changes = 3, 4, 25
	dir := t.TempDir()
	folder, memory := openIn(t, dir), openWith(t, Config{InMemory: true})
	engine := openIn(t, dir) // by what is asked where the index is not read
	engine.index = nil
	tests := map[string]struct {
		asks   *Store
		writes []*Store
	}{
		"one store in a folder":    {folder, []*Store{folder}},
		"one store in memory":      {memory, []*Store{memory}},
		"two stores on one folder": {folder, []*Store{openIn(t, dir), folder}},
		"the engine, in a folder":  {engine, []*Store{engine}},
		"the engine, two stores":   {engine, []*Store{folder, engine}},
	}
	addPortal(t, folder, "p")
	addPortal(t, memory, "p")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var begun, acknowledged atomic.Int64
			var stop atomic.Bool
			answers := make([][]answer, writers+askers)
			ask := func(who int) error {
				a := answer{asked: acknowledged.Load()}
				g, err := tt.asks.generation()
				a.given, a.generation = begun.Load(), g
				answers[who] = append(answers[who], a)
				return err
			}
			var all []<-chan error
			for who := range writers {
				s := tt.writes[who%len(tt.writes)]
				all = append(all, running(func() error {
					for range changes {
						if err := ask(who); err != nil {
							return err
						}
						begun.Add(1)
						if err := s.Change(background, "p", nothing); err != nil {
							return err
						}
						acknowledged.Add(1)
						if err := ask(who); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			var others []<-chan error
			for who := range askers {
				others = append(others, running(func() error {
					for !stop.Load() {
						if err := ask(writers + who); err != nil {
							return err
						}
						runtime.Gosched()
					}
					return nil
				}))
			}
			for _, writer := range all {
				if err := within(t, "a writer", writer); err != nil {
					t.Errorf("writer: %v", err)
				}
			}
			stop.Store(true)
			for _, asker := range others {
				if err := within(t, "an asker", asker); err != nil {
					t.Errorf("asker: %v", err)
				}
			}
			checkAnswers(t, answers)
		})
	}
}

func checkAnswers(t *testing.T, answers [][]answer) {
	t.Helper()
	first, last := map[int64]answer{}, map[int64]answer{}
	for _, mine := range answers {
		for _, a := range mine {
			if f, ok := first[a.generation]; !ok || a.given < f.given {
				first[a.generation] = a
			}
			if l, ok := last[a.generation]; !ok || a.asked > l.asked {
				last[a.generation] = a
			}
		}
	}
	for g := range first {
		if f, l := first[g], last[g]; l.asked > f.given {
			t.Errorf("generation %d was given before commit %d began, and to one who asked after %d were acknowledged",
				g, f.given+1, l.asked)
		}
	}
}

// TestWhatWasReadInAGenerationHolds is what a cache does: what was read after an
// answer is the same for as long as the answer is.
func TestWhatWasReadInAGenerationHolds(t *testing.T) {
	onSQLite(t, func(t *testing.T, config Config) {
		s := openWith(t, config)
		addPortal(t, s, "p")
		var acknowledged atomic.Int64
		acknowledged.Store(1)
		var stop atomic.Bool
		cache := running(func() error {
			generation, version := int64(-1), int64(0)
			for !stop.Load() {
				wrote := acknowledged.Load()
				g, err := s.generation()
				if err != nil {
					return err
				}
				if g != generation {
					err := s.Read(background, func(tx *Tx) error {
						a, err := tx.AddressByID("p")
						generation, version = g, a.Version
						return err
					})
					if err != nil {
						return err
					}
				}
				if version < wrote {
					t.Errorf("version %d is shown after %d was acknowledged", version, wrote)
				}
			}
			return nil
		})
		for range 60 {
			change(t, s, "p", nothing)
			acknowledged.Add(1)
			runtime.Gosched()
		}
		stop.Store(true)
		if err := within(t, "the cache", cache); err != nil {
			t.Error(err)
		}
	})
}
