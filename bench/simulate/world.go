package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/webhook"
)

// world is all there is in the run of one seed: a database, the processes that serve
// it, a bank, portals with people in them, and time. One thing happens at a time, and
// all that is left to chance is drawn from the seed.
type world struct {
	ctx   context.Context
	seed  uint64
	clock *clock.Virtual
	fate  *fate

	database  *database
	bank      *bank
	cards     cards
	catalog   *catalog.Catalog
	processes []*process
	running   []*process // the one that runs last; those before it wait for it
	at        map[*process]store.JobKey

	portals   []*portal
	receivers []*receiver
	mailbox   *mailbox
	touched   map[string]bool // portals of which something may have changed
	look      time.Time       // when it is looked after what the bank has not said

	history history
	failed  *violation
	began   time.Time
	ends    time.Time
	steps   int
	checked time.Time // when it was last looked at the laws
	tally   tally
	witness witness
}

// violation is a law that does not hold.
type violation struct {
	portal string // "" where it is about none, or all
	what   string
	at     time.Time
}

func (v *violation) Error() string {
	if v.portal == "" {
		return v.what
	}
	return "portal " + v.portal + ": " + v.what
}

// fail says that a law does not hold. What comes after the first such time is not
// looked at.
func (w *world) fail(portal, format string, args ...any) {
	if w.failed == nil {
		w.failed = &violation{portal, fmt.Sprintf(format, args...), w.clock.Now()}
	}
}

// say writes a line of the history, of a portal or of all.
func (w *world) say(portal, format string, args ...any) {
	if portal != "" {
		w.touched[portal] = true
	}
	w.history.add(w.clock.Now(), portal, len(w.running), fmt.Sprintf(format, args...))
}

// epoch is when all worlds begin, give or take a year.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// maxSteps bounds what happens in a world: one that is not at rest by then never is.
const maxSteps = 20_000

// newWorld makes the world of a seed, on an empty database that it does not close.
func newWorld(ctx context.Context, seed uint64, d *database, off []fault) (*world, error) {
	random := rand.New(rand.NewPCG(seed, 1))
	began := epoch.Add(time.Duration(random.IntN(365*24*60)) * time.Minute)
	w := &world{
		tally: tally{seeds: 1, jobs: map[string]int{}, told: map[string]int{}, ends: map[string]int{}},
		ctx:   ctx, seed: seed, clock: clock.NewVirtual(began), fate: newFate(seed, off), database: d, cards: cards{},
		at: map[*process]store.JobKey{}, touched: map[string]bool{}, began: began, look: began,
	}
	w.checked = began
	w.ends = began.AddDate(0, 12+min(random.IntN(25), random.IntN(25), random.IntN(25)), 0)
	var err error
	if w.catalog, err = drawCatalog(random); err != nil {
		return nil, fmt.Errorf("make a policy: %w", err)
	}
	w.bank, w.mailbox = newBank(w), &mailbox{w, map[string]int{}, seed%2 == 0}
	w.processes = make([]*process, 2+random.IntN(2))
	for number := range w.processes {
		if err := w.start(number); err != nil {
			return nil, err
		}
	}
	for n := range 1 + min(random.IntN(4), random.IntN(4), random.IntN(4)) {
		p, err := w.settle(n)
		if err != nil {
			return nil, fmt.Errorf("make a portal: %w", err)
		}
		w.portals = append(w.portals, p)
	}
	return w, w.addReceivers()
}

// config is how a process of the world works.
func (w *world) config(p *process) billing.Config {
	c := billing.Config{
		Store: p.store, Catalog: w.catalog, Provider: w.bank, Now: w.clock.Now, Mail: w.mailbox, MailFrom: "billing@bursar.example", OperatorEmail: "operator@bursar.example",
		Webhooks: webhook.New(webhook.Config{Transport: network{w}}),
	}
	if w.mailbox.once {
		c.Mail = repeater{w.mailbox}
	}
	return c
}

// run lets the world's time pass, ends all that is under way, and returns the first
// law that did not hold; nil when all did.
func (w *world) run() *violation {
	for w.failed == nil && w.clock.Now().Before(w.ends) {
		w.step(w.ends)
	}
	w.end()
	return w.failed
}

// advance moves the clock on.
func (w *world) advance(by time.Duration) {
	if err := w.clock.Set(w.clock.Now().Add(by)); err != nil {
		w.fail("", "%v", err)
	}
}

// step moves the clock to the next moment at which anything is due, until at the
// latest, and has all of it done.
func (w *world) step(until time.Time) {
	now, next := w.clock.Now(), until
	sooner := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	sooner(w.look)
	for _, p := range w.portals {
		if at, ok := p.next(); ok {
			sooner(at)
		}
	}
	if at, ok := w.bank.next(); ok {
		sooner(at)
	}
	if at, ok := w.jobAt(); ok {
		sooner(at)
	}
	if w.fate.strikes(jump) {
		next = next.Add(time.Duration(w.fate.random.IntN(7*24*60)) * time.Minute)
	}
	if w.fate.strikes(downtime) {
		next = next.Add(time.Duration(7+w.fate.random.IntN(90)) * day)
	}
	if next.After(now) {
		w.advance(next.Sub(now))
	}
	for round := 0; w.failed == nil && w.due(); round++ {
		if round == 300 {
			w.fail("", "what is due at one moment has no end")
		}
	}
}

// jobAt returns when the next job is due.
func (w *world) jobAt() (time.Time, bool) {
	at, ok, err := w.processes[0].service.NextAt(w.ctx)
	if err != nil {
		w.fail("", "look for the next job: %v", err)
	}
	return at, ok
}

// due has one of the things done that are due, by one of the processes, and looks at
// what came of it. It reports whether there was any.
func (w *world) due() bool {
	now := w.clock.Now()
	p := w.processes[w.fate.random.IntN(len(w.processes))]
	var does []func(p *process)
	for _, o := range w.portals {
		if at, ok := o.next(); ok && !at.After(now) {
			does = append(does, func(p *process) { o.act(p) })
		}
	}
	if at, ok := w.bank.next(); ok && !at.After(now) {
		does = append(does, func(p *process) { w.bank.deliver(p) })
	}
	if at, ok := w.jobAt(); ok && !at.After(now) || !w.look.After(now) {
		does = append(does, w.work)
	}
	if len(does) == 0 {
		return false
	}
	w.within(p, func() { does[w.fate.random.IntN(len(does))](p) })
	w.steps++
	if w.steps > maxSteps {
		w.fail("", "the world is not at rest after %d steps", w.steps)
	}
	w.check()
	return true
}

// something is what a process does while another one is in the middle of something.
func (w *world) something(p *process) {
	switch w.fate.random.IntN(5) {
	case 0:
		if w.bank.deliver(p) {
			return
		}
	case 1:
		w.portals[w.fate.random.IntN(len(w.portals))].act(p)
		return
	}
	w.work(p)
}

// work does what is due and nobody asks for.
func (w *world) work(p *process) {
	random := w.fate.random
	now := w.clock.Now()
	w.look = now.Add(10 * day)
	if slices.ContainsFunc(w.portals, func(p *portal) bool { return p.pending }) {
		w.look = now.Add(time.Duration(1+random.IntN(16*60)) * time.Minute)
	}
	jobs, err := p.service.ClaimJobs(w.ctx, 1+random.IntN(4))
	if err != nil {
		w.say("", "%s claims jobs: %v", p, err)
	}
	random.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	for _, job := range jobs {
		if p.dead {
			return
		}
		w.do(p, job)
	}
	if p.dead {
		return
	}
	if len(jobs) == 0 || random.IntN(8) == 0 {
		ended, err := p.service.Reconcile(w.ctx)
		if ended > 0 || err != nil {
			w.say("", "%s reconciles: %d ended, %v", p, ended, err)
		}
		told, err := p.service.ExpireHolds(w.ctx)
		if told > 0 || err != nil {
			w.say("", "%s lets go of holds: %d, %v", p, told, err)
			for _, o := range w.portals {
				w.touched[o.id] = true
			}
		}
	}
	if _, err := p.service.PlaceEvents(w.ctx); err != nil {
		w.say("", "%s places events: %v", p, err)
	}
	if random.IntN(10) == 0 || w.fate.calm {
		w.reopen(p)
	}
	if random.IntN(20) == 0 {
		if err := p.service.Seal(w.ctx); err != nil {
			w.say("", "%s seals: %v", p, err)
		}
	}
}

// do has a process do a job that it claimed.
func (w *world) do(p *process, job store.Job) {
	for _, other := range w.running {
		if other != p && w.at[other] == job.Key() {
			w.fate.happened(taken)
		}
	}
	w.at[p] = job.Key()
	defer delete(w.at, p)
	err := p.service.RunJob(w.ctx, job)
	w.say(job.PortalID, "%s does %s %s, round %d, attempt %d: %v", p, job.Kind, job.Subject, job.Round, job.Attempt+1, err)
	w.tally.jobs[job.Kind]++
}

// soon has it looked after what the bank has not said.
func (w *world) soon() {
	if at := w.clock.Now().Add(time.Duration(61+w.fate.random.IntN(7200)) * time.Second); at.Before(w.look) {
		w.look = at
	}
}

const day = 24 * time.Hour
