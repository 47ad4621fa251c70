package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childMode) != "" {
		os.Exit(beChild(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// TestFewCrashes is the short form of the program.
func TestFewCrashes(t *testing.T) {
	if testing.Short() {
		t.Skip("kills programs for some seconds")
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			var said strings.Builder
			plan := plan{kills: 3, seed: rand.Uint64(), out: &said}
			err := plan.run(t.Context(), engine)
			if errors.Is(err, pgtest.ErrMissing) && os.Getenv("CI") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatalf("seed %d: %v", plan.seed, err)
			}
			if !strings.Contains(said.String(), engine+": 3 kills") {
				t.Error(said.String())
			}
			t.Log(said.String())
		})
	}
}
