// Command bench measures what Bursar claims, each beside a floor of the same
// run: what the machine does when nothing but the unavoidable is done.
//
//	go run ./bench [-run REGEXP] [-json] [-rounds N] [-length DURATION] [-portals N]
//
// A measure and its floor take turns, and each round is held against the one
// before it: a machine that is slow for a while is slow for both. Values and
// ratios are medians.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"text/tabwriter"
	"time"
)

// result is one line of output.
type result struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// P50 and P99 are percentiles of the latency; 0 where there is none.
	P50 float64 `json:"p50_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
	// Floor is the name of the measure that this one is held against.
	Floor string `json:"floor,omitempty"`
	// Ratio is the value divided by the floor's, round by round.
	Ratio float64 `json:"ratio,omitempty"`
}

// suite is one group of measures. It reports each result as it has it.
type suite struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

var suites = []suite{
	{"start", measureStart},
	{"report", measureReport},
	{"fleet", measureFleet},
	{"read", measureReads},
	{"portals", measurePortals},
	{"write", measureWrites},
	{"mixed", measureMixed},
	{"due", measureDue},
	{"topup", measureTopUp},
	{"slow", measureSlowDisk},
	{"soak", measureSoak},
	{"big", measureBig},
	{"million", measureMillion},
}

// bench is a run of the program.
type bench struct {
	only    *regexp.Regexp
	rounds  int
	length  time.Duration
	portals int // that have something renewed in one minute
	out     func(result)
}

// wants reports whether a measure of this name was asked for.
func (b *bench) wants(name string) bool { return b.only.MatchString(name) }

// wantsLong reports whether a measure that takes minutes was asked for by name.
func (b *bench) wantsLong(name string) bool { return b.only.String() != "" && b.wants(name) }

func main() {
	if file := os.Getenv(fleetChild); file != "" && len(os.Args) == 2 {
		if err := serveFleet(file, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if file := os.Getenv(fleetBareChild); file != "" && len(os.Args) == 2 {
		if err := readBare(file, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	only := flag.String("run", "", "measure only what matches this regular expression")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	rounds := flag.Int("rounds", 9, "how often each measure is taken")
	length := flag.Duration("length", 400*time.Millisecond, "how long one round of requests lasts")
	portals := flag.Int("portals", 2000, "how many portals have something renewed in one minute")
	profile := flag.String("cpuprofile", "", "file to write a CPU profile to")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if err := run(os.Stdout, *only, *asJSON, *rounds, *length, max(*portals, 1)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, only string, asJSON bool, rounds int, length time.Duration, portals int) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{only: pattern, rounds: rounds, length: length, portals: portals}
	if asJSON {
		lines := json.NewEncoder(w)
		b.out = func(r result) { _ = lines.Encode(r) } // standard output
	} else {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "MEASURE\tVALUE\tUNIT\tP50 MS\tP99 MS\tRATIO\tOF")
		b.out = func(r result) {
			fmt.Fprintf(table, "%s\t%.*f\t%s\t%s\t%s\t%s\t%s\n", r.Name, decimals(r.Value), r.Value, r.Unit, number(r.P50), number(r.P99), number(r.Ratio), r.Floor)
		}
		defer table.Flush()
	}
	debug.SetGCPercent(400) // as bursar serve does
	for _, s := range suites {
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func decimals(v float64) int {
	if v < 100 {
		return 2
	}
	return 0
}

func number(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
