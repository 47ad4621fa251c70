package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv(childMode) != "" {
		os.Exit(beChild(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// TestFewCrashes is the short form of the program.
func TestFewCrashes(t *testing.T) {
	kills := 3
	if testing.Short() {
		kills = 1
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			var said strings.Builder
			plan := plan{kills: kills, seed: rand.Uint64(), out: &said}
			err := plan.run(t.Context(), engine)
			if errors.Is(err, pgtest.ErrMissing) {
				testenv.Missing(t, err.Error())
			}
			if err != nil {
				t.Fatalf("seed %d: %v", plan.seed, err)
			}
			if !strings.Contains(said.String(), fmt.Sprintf("%s: %d kills", engine, kills)) {
				t.Error(said.String())
			}
			t.Log(said.String())
		})
	}
}
