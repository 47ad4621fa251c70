package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/testenv"
)

// on runs worlds on an engine and returns what was said.
func on(t *testing.T, name string, r run) string {
	t.Helper()
	e, err := newEngine(t.Context(), name, "")
	if errors.Is(err, pgtest.ErrMissing) {
		testenv.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	r.out = &said
	if err := errors.Join(r.on(t.Context(), e), e.close(t.Context())); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	return said.String()
}

// Years go by, everything fails, and the laws hold.
func TestWorlds(t *testing.T) {
	for _, c := range []struct {
		engine       string
		seeds, short int
	}{{"sqlite", 60, 6}, {"postgres", 3, 1}} {
		t.Run(c.engine, func(t *testing.T) {
			r := run{first: 1, seeds: c.seeds, parallel: 2}
			if testing.Short() {
				r.seeds = c.short
			}
			t.Log(on(t, c.engine, r))
		})
	}
}

// The same seed is the same run, to the letter.
func TestSeedIsARun(t *testing.T) {
	e, err := newEngine(t.Context(), "sqlite", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{2, 5} {
		var sums []uint64
		for range 2 {
			w, err := simulate(t.Context(), seed, e, nil)
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, w.history.all)
		}
		if sums[0] != sums[1] {
			t.Errorf("seed %d was two different runs", seed)
		}
	}
}

// Every kind of fault strikes, and none that is switched off.
func TestFaultsStrike(t *testing.T) {
	e, err := newEngine(t.Context(), "sqlite", "")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[fault]int{}
	for seed := range uint64(5) {
		w, err := simulate(t.Context(), seed+1, e, []fault{crashAfter, timeOutAfter})
		if err != nil {
			t.Fatal(err)
		}
		for kind, n := range w.fate.counts {
			counts[kind] += n
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(chances())) {
		off := kind == crashAfter || kind == timeOutAfter
		if (counts[kind] == 0) != off {
			t.Errorf("%s struck %d times", kind, counts[kind])
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-engine", "oracle"}, {"-seeds", "0"}, {"-parallel", "0"}, {"more"}, {"-without", "hail"}, {"-seed", "x"},
	} {
		var complaint strings.Builder
		if err := program(t.Context(), args, &strings.Builder{}, &complaint); !errors.Is(err, errUsage) || complaint.String() == "" {
			t.Errorf("%q: %v, %q", args, err, complaint.String())
		}
	}
}
