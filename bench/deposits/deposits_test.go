package main

import (
	"strings"
	"testing"
	"time"
)

// A few hundred worlds in which no law may be broken, and everything must have
// happened that is meant to.
func TestDepositsHappenOnce(t *testing.T) {
	const seed, worlds = 1, 400
	t.Logf("seeds %d to %d", seed, seed+worlds-1)
	all, broken, err := runAll(seed, worlds, config{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range broken {
		t.Error(text)
	}
	for what, n := range map[string]int{
		"done": all.done, "found among the operations": all.byOperation, "found by key": all.byKey, "sent again": all.sentAgain,
		"not decided": all.unknown, "lost": all.lost, "crashed": all.crashes,
	} {
		if n == 0 {
			t.Errorf("nothing was %s", what)
		}
	}
	for f, n := range all.fates {
		if n == 0 {
			t.Errorf("the portal never did: %s", fate(f))
		}
	}
	var b strings.Builder
	all.print(&b, seed, len(broken))
	if !strings.Contains(b.String(), "charged twice                                            0\n") {
		t.Errorf("it prints\n%s", b.String())
	}
}

// Who takes absence for proof too soon charges twice, and the worlds show it.
func TestWorldsFindWhoIsTooHasty(t *testing.T) {
	_, broken, err := runAll(1, 200, config{settle: 5 * time.Second}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(broken, "\n"), "is charged a second time") {
		t.Error("nothing is charged twice")
	}
}
