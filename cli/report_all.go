package cli

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// summaryParts are the parts of a report that a line on a portal is made of.
func summaryParts() []docspace.Part {
	return []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway}
}

// parts returns what is read of each of many portals: no more than is shown.
func (f *reportFlags) parts(only []docspace.Part) []docspace.Part {
	switch {
	case len(only) > 0:
		return only
	case f.full:
		return append(docspace.Parts(), fleet.PartRunway)
	}
	return summaryParts()
}

// oneDocument reports whether all portals together are one document, which is nothing
// unless it is whole.
func (f *reportFlags) oneDocument() bool {
	return f.output.value == "json" || f.output.value == "yaml"
}

// portalReport is what was read of one of many portals.
type portalReport struct {
	profile fleet.Profile
	// Snapshot has a report always: of a portal that could not be asked it has nothing
	// but PartPortal, which failed.
	fleet.Snapshot
}

// partPortal stands for all of a portal that could not be asked at all.
const partPortal docspace.Part = "portal"

// reportsWriter writes reports as they arrive.
type reportsWriter interface {
	// one writes a portal's. It is called for one at a time.
	one(portalReport) error
	// end writes what is said of all, once.
	end(*fleetTotals) error
}

// runReportAll reports on many portals, each as it arrives.
func runReportAll(ctx context.Context, env Env, flags *reportFlags, only []docspace.Part) error {
	chosen, err := flags.portals()
	if err != nil {
		return err
	}
	reader, err := flags.reader()
	if err != nil {
		return err
	}
	totals := &fleetTotals{day: env.Now().UTC()}
	if flags.rates != "" {
		if totals.rates, totals.in, err = flags.pinned(); err != nil {
			return err
		}
	}
	defer spareMemory(env, flags.parallel)()
	parts := flags.parts(only)
	held, err := newHeldOutput()
	if err != nil {
		return err
	}
	stdout := env.Stdout
	if flags.oneDocument() {
		env.Stdout = held
	}
	out, err := newReportsWriter(env, flags, parts)
	if err != nil {
		return err
	}
	flags.warnOfClear(chosen)
	var failed manyFailed
	bar := newProgress(env, flags.quiet, len(chosen), "Reading portals")
	err = fleet.Each(ctx, reader, chosen, func(ctx context.Context, p *fleet.Portal) (fleet.Snapshot, error) {
		return fleet.Read(ctx, p, env.Now(), parts...), nil
	}, func(p fleet.Profile, s fleet.Snapshot, err error) error {
		one := portalReport{p, s}
		if err != nil {
			one.Report = &docspace.Report{
				Portal: p.URL, RetrievedAt: env.Now(), Asked: []docspace.Part{partPortal}, Failed: map[docspace.Part]error{partPortal: err},
			}
		}
		bar.step()
		failed.report(one)
		if err := totals.add(one); err != nil {
			return err
		}
		return out.one(one)
	})
	bar.stop()
	if err != nil {
		return err
	}
	if err := out.end(totals); err != nil {
		return err
	}
	if flags.oneDocument() {
		if err := held.passOn(stdout); err != nil {
			return err
		}
	}
	for _, missing := range totals.missing() {
		fmt.Fprintf(env.Stderr, "warning: there is no total in %s: %s has no rate of %s on %s or before\n", totals.in, cleaned(flags.rates), missing, totals.day.Format(time.DateOnly))
	}
	return failed.outcome(env, len(chosen), errors.New("portals could not be read"))
}

// spareMemory has garbage collected twice as often as usual, until the function that it
// returns is called: unless very many portals are read at once there is time for that,
// as the network is waited for. Whoever sets GOGC knows better.
func spareMemory(env Env, parallel int) (end func()) {
	const percent = 50
	if parallel > fleet.DefaultParallel || env.get("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(before) }
}

// warnOfClear says once that keys travel in clear.
func (s *selection) warnOfClear(chosen []fleet.Profile) {
	for _, p := range chosen {
		if !s.quiet && sentInClear(p.URL) {
			fmt.Fprintf(s.env.Stderr, "warning: the key of %s travels unencrypted; use https:// if the portal has it\n", p.Name)
			return
		}
	}
}

// fleetTotals are the sums of the balances of many portals, by currency.
type fleetTotals struct {
	sums    map[money.Currency]*currencySum
	known   int // portals
	unknown int // portals whose balance was asked for and is not known
	portals int

	day   time.Time
	rates *rateTable // nil: nothing is converted
	in    money.Currency
}

type currencySum struct {
	units   big.Int // 1/money.Scale of the currency
	portals int
}

// add counts a portal's balance in.
func (t *fleetTotals) add(r portalReport) error {
	t.portals++
	if !slices.Contains(r.Asked, docspace.PartBalance) && r.Failed[partPortal] == nil {
		return nil
	}
	if r.Balance == nil {
		t.unknown++
		return nil
	}
	t.known++
	if t.sums == nil {
		t.sums = map[money.Currency]*currencySum{}
	}
	seen := map[money.Currency]bool{}
	for _, sub := range r.Balance.SubAccounts {
		c := sub.Amount.Currency()
		if t.sums[c] == nil {
			t.sums[c] = &currencySum{}
		}
		sum := t.sums[c]
		sum.units.Add(&sum.units, big.NewInt(sub.Amount.Units()))
		if !seen[c] {
			sum.portals++
		}
		seen[c] = true
	}
	return nil
}

// manyFailed is what failed of many portals.
type manyFailed struct {
	all   []portalFailure
	whole int  // portals of which nothing arrived
	other bool // whether one of them failed in another way than by its key
}

type portalFailure struct{ name, text, hint string }

// add notes a portal of which nothing came; nil is one that came.
func (m *manyFailed) add(name string, err error) {
	if err == nil {
		return
	}
	m.whole++
	m.other = m.other || ExitCode(err) != ExitNotAllowed
	m.note(name, err)
}

func (m *manyFailed) note(name string, err error) {
	m.all = append(m.all, portalFailure{name, cleaned(strings.ReplaceAll(err.Error(), "\n", "; ")), hintFor(err)})
}

// report notes what failed of a portal's report: what its parts failed with alike, once.
func (m *manyFailed) report(r portalReport) {
	if len(r.Failed) == 0 {
		return
	}
	if outcome := reportOutcome(r.Report); len(r.Failed) == len(r.Asked) {
		m.whole++
		m.other = m.other || ExitCode(outcome) != ExitNotAllowed
	}
	if all := commonFailure(r.Report); all != nil {
		m.note(r.profile.Name, all)
		return
	}
	for _, part := range r.Asked {
		if err := r.Failed[part]; err != nil {
			m.note(r.profile.Name, err)
		}
	}
}

// outcome prints what failed, by the portals' names and each advice once, and returns
// the error of it all; nil when nothing did. of is how many portals were asked.
func (m *manyFailed) outcome(env Env, of int, err error) error {
	if len(m.all) == 0 {
		return nil
	}
	slices.SortStableFunc(m.all, func(a, b portalFailure) int { return strings.Compare(a.name, b.name) })
	var hints []string
	for _, one := range m.all {
		fmt.Fprintf(env.Stderr, "bursar: %s: %s\n", one.name, one.text)
		if !slices.Contains(hints, one.hint) {
			hints = append(hints, one.hint)
		}
	}
	for _, hint := range hints {
		fmt.Fprintf(env.Stderr, "hint: %s\n", hint)
	}
	code := ExitPartly
	if m.whole == of {
		code = ExitNotAllowed
		if m.other {
			code = ExitFailed
		}
	}
	return &Error{Err: err, Code: code, Printed: true}
}
