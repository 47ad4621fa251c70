// Command simulate runs Bursar through years of virtual time, on a database and with a
// payment provider that fail in every way, and looks after every step whether the laws
// hold.
//
//	go run ./bench/simulate -seeds 1000 -engine all
//
// A seed is a world: one to four portals with cards, rules, plans and people, two or
// three processes that serve them, one to three years. All that is left to chance is
// drawn from the seed, and one thing happens at a time, so that a seed is always the
// same run. Processes are lost before and after every write and every question to the
// provider; replies and messages are lost, late, told twice and overtake one another;
// others come in the middle of anything, also long after; clocks jump. At the end, when
// all is quiet, the books are held against the provider's own, and every period,
// top-up and event against what it came from.
//
// It ends with 1 and the history of the portal concerned at the first seed in which a
// law does not hold.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := program(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "simulate: %v\n", err)
		os.Exit(1)
	}
}

// errUsage says that the arguments can't be used. Why was said.
var errUsage = errors.New("wrong arguments")

func program(ctx context.Context, args []string, out, complain io.Writer) error {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(complain)
	seeds := flags.Int("seeds", 100, "how many `worlds`")
	first := flags.Uint64("first", 1, "the first `seed`; the others follow it")
	one := flags.Uint64("seed", 0, "this `seed` alone, with its whole history; 0: -seeds of them")
	name := flags.String("engine", "sqlite", "sqlite (in memory), postgres, or all")
	server := flags.String("database", "", "`URL` of a PostgreSQL server on which databases can be made; \"\" starts one")
	without := flags.String("without", "", "`faults` that do not happen, with commas in between")
	brief := flags.Bool("brief", false, "of what does not hold, only what it is")
	parallel := flags.Int("parallel", runtime.GOMAXPROCS(0), "how many `worlds` at once")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	engines := map[string][]string{"sqlite": {"sqlite"}, "postgres": {"postgres"}, "all": {"sqlite", "postgres"}}[*name]
	if engines == nil || *seeds < 1 || *parallel < 1 || flags.NArg() > 0 {
		fmt.Fprintln(complain, "simulate: -engine is sqlite, postgres or all, -seeds and -parallel are at least 1, and there are no arguments")
		return errUsage
	}
	r := &run{first: *first, seeds: *seeds, parallel: *parallel, brief: *brief, out: out}
	if *one != 0 {
		r.first, r.seeds, r.parallel, r.whole = *one, 1, 1, true
	}
	for _, kind := range strings.FieldsFunc(*without, func(r rune) bool { return r == ',' }) {
		off, err := named(kind)
		if err != nil {
			fmt.Fprintf(complain, "simulate: -without: %v\n", err)
			return errUsage
		}
		r.off = append(r.off, off)
	}
	for _, name := range engines {
		e, err := newEngine(ctx, name, *server)
		if err != nil {
			return err
		}
		err = errors.Join(r.on(ctx, e), e.close(context.WithoutCancel(ctx)))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
