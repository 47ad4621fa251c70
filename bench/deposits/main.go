// Command deposits runs deposits by the tens of thousands against a portal that loses
// answers, in virtual time: before it charges and after, by a time-out, a proxy's page,
// a cut connection; that charges minutes late, lists late and remembers balances;
// while others deposit and are topped up, and the process crashes at every step.
// Nothing may be charged twice, said to be done and not be, or said not to be and be.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
)

func main() {
	runs := flag.Uint64("runs", 100_000, "how many worlds")
	seed := flag.Uint64("seed", 1, "the first one's seed; the others follow")
	var c config
	flag.DurationVar(&c.settle, "settle", 0, "Depositor.Settle; less than 15m is no proof, and shows that the runs find that")
	flag.IntVar(&c.lagging, "lagging", 0, "per cent of worlds whose list is an hour behind, which is more than the engine assumes")
	workers := flag.Int("workers", runtime.NumCPU(), "how many worlds at once")
	flag.Parse()
	t, broken, err := runAll(*seed, *runs, c, max(1, *workers))
	if err != nil {
		fmt.Fprintln(os.Stderr, "deposits:", err)
		os.Exit(2)
	}
	t.print(os.Stdout, *seed, len(broken))
	for _, text := range broken[:min(len(broken), 20)] {
		fmt.Println(text)
	}
	if len(broken) > 0 {
		os.Exit(1)
	}
}

// runAll lives worlds from a seed on, several at once, and returns what came of them
// and the laws that were broken.
func runAll(seed, runs uint64, c config, workers int) (*tally, []string, error) {
	var (
		mu     sync.Mutex
		all    sync.WaitGroup
		total  tally
		broken []string
		failed error
	)
	for worker := range uint64(workers) {
		all.Go(func() {
			var own tally
			for i := worker; i < runs; i += uint64(workers) {
				breaks, err := run(seed+i, c, &own)
				mu.Lock()
				for _, text := range breaks {
					broken = append(broken, fmt.Sprintf("seed %d: %s", seed+i, text))
				}
				failed = cmp.Or(failed, err)
				mu.Unlock()
			}
			mu.Lock()
			total.add(&own)
			mu.Unlock()
		})
	}
	all.Wait()
	slices.Sort(broken)
	return &total, broken, failed
}

// print writes what came of all runs.
func (t *tally) print(w io.Writer, seed uint64, broken int) {
	line := func(name string, n int) { fmt.Fprintf(w, "%-48s %9d\n", name, n) }
	line("worlds, from seed "+fmt.Sprint(seed)+" on", t.runs)
	line("deposits asked for", t.deposits)
	line("requests", t.requests)
	line("  of them deposits that came to the portal", t.posts)
	line("answers lost on the way", t.lost)
	line("crashes of the process", t.crashes)
	for f, n := range t.fates {
		line("the portal: "+fate(f).String(), n)
	}
	line("done", t.done)
	line("  found among the operations", t.byOperation)
	line("  by asking again under the key", t.byKey)
	line("not done, nothing charged", t.refused)
	line("  proven by absence, and given up there", t.proven)
	line("sent again after a proof or a refusal", t.sentAgain)
	line("not decided: a person is asked", t.unknown)
	for _, doubt := range slices.Sorted(maps.Keys(t.doubts)) {
		line("  "+string(doubt), t.doubts[doubt])
	}
	line("  of them where others deposit the same", t.sharedUnknown)
	line("charged twice", t.doubled)
	line("laws broken", broken)
}
