package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// tally is what happened in worlds, in numbers.
type tally struct {
	seeds, portals, steps, charged   int
	days                             int64 // of virtual time: a Duration ends with 292 years
	collections, automatic, declines int
	events, sent, mails              int
	told, jobs                       map[string]int // events by type, and jobs done by kind
	faults                           map[fault]int
	// ends are how often what people wanted ended how, and what became of periods.
	ends map[string]int
}

func (t *tally) add(o *tally) {
	t.seeds += o.seeds
	t.portals += o.portals
	t.steps += o.steps
	for kind, n := range o.jobs {
		t.jobs[kind] += n
	}
	t.charged += o.charged
	t.days += o.days
	t.collections += o.collections
	t.automatic += o.automatic
	t.declines += o.declines
	t.events += o.events
	t.sent += o.sent
	t.mails += o.mails
	for kind, n := range o.told {
		t.told[kind] += n
	}
	for kind, n := range o.faults {
		t.faults[kind] += n
	}
	for end, n := range o.ends {
		t.ends[end] += n
	}
}

// tell says what happened.
func (t *tally) tell(out io.Writer, engine string, took time.Duration) {
	years := t.days * 10 / 365
	fmt.Fprintf(out, "%s: %d seeds, %d portals, %d.%d virtual years in %s: %s a second\n",
		engine, t.seeds, t.portals, years/10, years%10, took.Round(time.Second/10), perSecond(years, took))
	fmt.Fprintf(out, "%d steps; the provider was asked to charge %d times; %d collections, %d of them automatic, %d declined; %d events, %d messages to webhooks, %d mails\n",
		t.steps, t.charged, t.collections, t.automatic, t.declines, t.events, t.sent, t.mails)
	fmt.Fprintln(out, "faults:")
	sum := 0
	for _, kind := range slices.Sorted(maps.Keys(t.faults)) {
		sum += t.faults[kind]
		fmt.Fprintf(out, "  %8d  %s\n", t.faults[kind], kind)
	}
	fmt.Fprintf(out, "  %8d  in all\n", sum)
	fmt.Fprintln(out, "jobs done:")
	for _, kind := range slices.Sorted(maps.Keys(t.jobs)) {
		fmt.Fprintf(out, "  %8d  %s\n", t.jobs[kind], kind)
	}
	fmt.Fprintln(out, "events:")
	for _, kind := range slices.Sorted(maps.Keys(t.told)) {
		fmt.Fprintf(out, "  %8d  %s\n", t.told[kind], kind)
	}
	fmt.Fprintln(out, "what became of it:")
	for _, end := range slices.Sorted(maps.Keys(t.ends)) {
		fmt.Fprintf(out, "  %8d  %s\n", t.ends[end], end)
	}
	fmt.Fprintln(out, "violations: 0")
}

// perSecond returns tenths of something by the second, with one digit after the point.
func perSecond(tenths int64, took time.Duration) string {
	n := tenths * int64(time.Second) / max(1, int64(took))
	return fmt.Sprintf("%d.%d", n/10, n%10)
}
