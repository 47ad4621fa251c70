package billing

import (
	"testing"

	"github.com/bursarhq/bursar/ledger"
)

// What a tally keeps is bounded, whatever is asked for; what is kept is found.
func TestTallyIsBounded(t *testing.T) {
	some := func(n int) []serviceSum { return make([]serviceSum, n) }
	part := func(low, high int64) numbers { return numbers{ledger.Main, low, high} }
	c := newTally()
	for i := range int64(2 * maxParts) {
		c.keep(part(2+i, 3+i), some(int(i%maxPartSums)+1))
	}
	if n := c.parts.Len(); n != maxParts {
		t.Errorf("%d parts are kept, not %d", n, maxParts)
	}
	if _, known := c.find(part(2, 3)); known {
		t.Error("the part that was not asked for the longest is still there")
	}
	if got, known := c.find(part(2*maxParts+1, 2*maxParts+2)); !known || len(got) != maxPartSums {
		t.Errorf("the latest part: %d sums, %v", len(got), known)
	}
	c.keep(part(1, tallyBlock), some(maxPartSums+1))
	if _, known := c.find(part(1, tallyBlock)); known {
		t.Error("a part of too many sums is kept")
	}
	whole := func(block int64) numbers { return part(block*tallyBlock+1, (block+1)*tallyBlock+1) }
	for block := range int64(40) {
		c.keep(whole(block), some(1000))
	}
	for block, want := range map[int64]bool{0: true, 31: true, 32: false, 39: false} {
		if _, known := c.find(whole(block)); known != want {
			t.Errorf("block %d is kept: %v", block, known)
		}
	}
	if c.kept != 32_000 {
		t.Errorf("%d sums are kept", c.kept)
	}
	c.keep(whole(50), nil) // of which nothing was spent
	if got, known := c.find(whole(50)); !known || len(got) != 0 {
		t.Errorf("a block without sums: %v, %v", got, known)
	}
}
