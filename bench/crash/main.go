// Command crash kills a store again and again while it is being written to, and
// checks after each time that all it acknowledged is there, once.
//
//	go run ./bench/crash -n 200 -engine both
//
// A child process posts what 16 clients ask, and says so on a pipe after each answer.
// It is killed at a random moment; on PostgreSQL, every other time it is the server
// that ends, as in a crash. It exits with 1 at the first thing that is wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"
)

// childMode is set in the environment of a child.
const childMode = "BURSAR_CRASH_CHILD"

func main() {
	if os.Getenv(childMode) != "" {
		os.Exit(beChild(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	plan := plan{out: os.Stdout}
	flag.IntVar(&plan.kills, "n", 20, "kill `n` times on each engine")
	engine := flag.String("engine", "both", "sqlite, postgres, or both")
	flag.Uint64Var(&plan.seed, "seed", rand.Uint64(), "where chance begins; moments are never the same again")
	flag.Parse()
	engines := map[string][]string{"sqlite": {"sqlite"}, "postgres": {"postgres"}, "both": {"sqlite", "postgres"}}[*engine]
	if engines == nil || plan.kills < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "crash: -engine is sqlite, postgres or both, -n at least 1, and there are no arguments")
		os.Exit(2)
	}
	for _, name := range engines {
		if err := plan.run(ctx, name); err != nil {
			fmt.Fprintf(os.Stderr, "crash: %s, seed %d: %v\n", name, plan.seed, err)
			os.Exit(1)
		}
	}
}

// plan is how often to kill, and where to say what came of it.
type plan struct {
	kills int
	seed  uint64
	out   io.Writer
}

// summary is what was done on one engine.
type summary struct {
	kills, crashes                    int // of the child; of the server
	acknowledged, refused             int
	replayed, unacknowledged, arrived int
	verified                          time.Duration // the last complete one
}

func (p plan) run(ctx context.Context, name string) error {
	e, err := newEngine(ctx, name)
	if err != nil {
		return err
	}
	w := newWitness(rand.New(rand.NewPCG(p.seed, 1)), e)
	err = w.prepare(ctx)
	for round := 0; err == nil && round < p.kills; round++ {
		if err = w.round(ctx, p.seed, round, round == p.kills-1); err != nil {
			err = fmt.Errorf("kill %d: %w", round+1, err)
		}
	}
	if closing := e.close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	s := &w.summary
	fmt.Fprintf(p.out, "%s: %d kills, %d of them of the server; %d acknowledged, %d refused, %d replays checked; of %d unacknowledged %d were there; verified %d keys in %s\n",
		name, s.kills+s.crashes, s.crashes, s.acknowledged, s.refused, s.replayed, s.unacknowledged, s.arrived, len(w.effects), s.verified.Round(time.Millisecond))
	return nil
}
