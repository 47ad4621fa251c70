package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/store"
)

// fault is a kind of thing that goes wrong.
type fault string

const (
	crashBefore fault = "crash before a write"
	crashAmid   fault = "crash before its commit"
	crashAfter  fault = "crash after its commit"
	lostBefore  fault = "database lost before a write"
	lostAmid    fault = "database lost before its commit"
	lostAfter   fault = "database lost after its commit"
	crashAsking fault = "crash before the provider is asked"
	crashAsked  fault = "crash before the provider's answer is read"

	unreachable   fault = "provider unreachable"
	timeOutBefore fault = "provider: time-out before"
	timeOutAfter  fault = "provider: time-out after"
	errorBefore   fault = "provider: 5xx before"
	errorAfter    fault = "provider: 5xx after"
	declined      fault = "provider: declined"
	late          fault = "provider: pending"
	findFails     fault = "provider: find fails"

	messageLost      fault = "message lost"
	messageLate      fault = "message late"
	messageTwice     fault = "message twice"
	messageReordered fault = "message overtaken"

	crashSent    fault = "crash after an event was sent"
	receiptLost  fault = "receiver's answer lost"
	receiverDown fault = "receiver down"
	crashMailed  fault = "crash after a mail was sent"
	mailDown     fault = "mail server down"
	mailUnknown  fault = "mail server's answer lost"

	inBetween fault = "another process in between"
	heldUp    fault = "process held up"
	taken     fault = "lease run out, job taken by another"
	jump      fault = "clock jump"
	downtime  fault = "downtime"
)

// chances are how often each happens, of a thousand times that it could.
func chances() map[fault]int {
	return map[fault]int{
		crashBefore: 4, crashAmid: 4, crashAfter: 6, lostBefore: 3, lostAmid: 3, lostAfter: 5, crashAsking: 15, crashAsked: 30,
		unreachable: 30, timeOutBefore: 30, timeOutAfter: 50, errorBefore: 20, errorAfter: 40, late: 80, findFails: 100,
		crashSent: 10, receiptLost: 40, receiverDown: 20, crashMailed: 20, mailDown: 80, mailUnknown: 30,
		messageLost: 150, messageLate: 300, messageTwice: 150,
		inBetween: 30, heldUp: 150, jump: 15, downtime: 2,
	}
}

// fate decides what goes wrong. It draws the same numbers whatever is switched off.
type fate struct {
	random  *rand.Rand
	chances map[fault]int
	off     map[fault]bool
	calm    bool // nothing goes wrong any more, and nothing is drawn
	counts  map[fault]int
}

func newFate(seed uint64, off []fault) *fate {
	f := &fate{random: rand.New(rand.NewPCG(seed, 2)), chances: chances(), off: map[fault]bool{}, counts: map[fault]int{}}
	for _, kind := range off {
		f.off[kind] = true
	}
	return f
}

// strikes reports whether something goes wrong now.
func (f *fate) strikes(kind fault) bool {
	if f.calm {
		return false
	}
	if hit := f.random.IntN(1000) < f.chances[kind]; !hit || f.off[kind] {
		return false
	}
	f.counts[kind]++
	return true
}

// happened counts what went wrong for another reason than fate.
func (f *fate) happened(kind fault) { f.counts[kind]++ }

// atMoment returns what goes wrong at a moment of a write; "" is nothing.
func (f *fate) atMoment(m store.Moment) (kind fault, crash bool) {
	crashes := map[store.Moment]fault{store.BeforeWrite: crashBefore, store.BeforeCommit: crashAmid, store.AfterCommit: crashAfter}
	losses := map[store.Moment]fault{store.BeforeWrite: lostBefore, store.BeforeCommit: lostAmid, store.AfterCommit: lostAfter}
	if f.strikes(crashes[m]) {
		return crashes[m], true
	}
	if f.strikes(losses[m]) {
		return losses[m], false
	}
	return "", false
}

// named returns the fault with a name.
func named(name string) (fault, error) {
	kind := fault(strings.TrimSpace(name))
	if _, ok := chances()[kind]; !ok {
		return "", fmt.Errorf("%q is none of %q", name, slices.Sorted(maps.Keys(chances())))
	}
	return kind, nil
}
