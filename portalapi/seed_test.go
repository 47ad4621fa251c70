package portalapi_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "start random sequences from this; 0 draws one")

// seeded returns a source of random numbers whose seed a failing test prints.
func seeded(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to see the same again: -seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}
