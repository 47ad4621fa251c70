package main

import (
	"slices"
	"time"
)

// outcomeOf sums up how long each of a number of pieces of work took.
func outcomeOf(all []time.Duration, took time.Duration, size int) outcome {
	if len(all) == 0 {
		return outcome{}
	}
	slices.Sort(all)
	return outcome{
		perSecond: float64(len(all)*max(1, size)) / took.Seconds(),
		p50:       all[len(all)/2],
		p99:       all[len(all)*99/100],
	}
}
