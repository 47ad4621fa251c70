package store

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// TestTheIndexChangesWithEveryCommit does everything that touches the log, from
// two stores. The index may change without need, as when the log starts anew, and
// must never be what it was before a commit.
func TestTheIndexChangesWithEveryCommit(t *testing.T) {
	dir := t.TempDir()
	here, there := openIn(t, dir), openIn(t, dir)
	furnish(t, here)
	failing := errors.New("no")
	commits := 0
	commit := func(s *Store) error { commits++; return s.Change(background, "p", nothing) }
	steps := []struct {
		name string
		do   func() error
	}{
		{"a commit here", func() error { return commit(here) }},
		{"a commit there", func() error { return commit(there) }},
		{"a roll-back", func() error { return there.Change(background, "p", func(*Tx) error { return failing }) }},
		{"a read", func() error { return there.Read(background, nothing) }},
		{"a checkpoint", func() error { return checkpoint(here, "PASSIVE") }},
		{"a log made empty", func() error { return checkpoint(there, "TRUNCATE") }},
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	seen := map[int64]int{}
	for range 500 {
		step := steps[random.IntN(len(steps))]
		if err := step.do(); err != nil && !errors.Is(err, failing) {
			t.Fatalf("%s: %v", step.name, err)
		}
		index, ok, err := here.index.generation()
		if !ok || err != nil {
			t.Fatalf("index: %v, %v", ok, err)
		}
		if before, ok := seen[index]; ok && before != commits {
			t.Fatalf("seed %d: after %s and %d commits the index is %d, as after %d commits", seed, step.name, commits, index, before)
		}
		seen[index] = commits
	}
}

func checkpoint(s *Store, mode string) error {
	use := <-s.writer
	defer func() { s.writer <- use }()
	var busy, frames, moved int
	return use.conn.QueryRowContext(background, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved)
}

func TestGenerationOfAClosedStoreFails(t *testing.T) {
	s, err := Open(background, Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if g, err := s.generation(); !errors.Is(err, ErrBusy) {
		t.Errorf("%d, %v", g, err)
	}
}
