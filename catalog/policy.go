package catalog

import (
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Policy is what holds for every plan.
type Policy struct {
	// GraceDays is for how many days after a plan should have been paid the portal
	// still has it: it is late, and then not paid. Source: contract, "State".
	GraceDays int
	// TrialDays is how many days a trial lasts.
	TrialDays int
	// MaxQuantity is how many units of one plan a portal may have.
	MaxQuantity int64
	// RunwayDays is how many days the money of a wallet should last: below it, its
	// payer is told. 0: nobody is.
	RunwayDays int

	Renewal
}

// Renewal is how plans and services that have periods are renewed, and what comes of
// those that can't be paid for. The due moment is when the period that is paid for
// ends.
type Renewal struct {
	// NoticeDays is how many days before the due moment the payer is told what will be
	// renewed, and for how much. 0: it is not announced.
	NoticeDays int
	// Ahead is how long before the due moment the next period is paid for: from the
	// wallet, which is topped up first by its rule where it is short, or by card.
	Ahead time.Duration
	// Attempts are when what could not be paid by the due moment is tried again, after
	// that moment; ascending, and the first is 0. Then nothing is tried any more until
	// somebody pays or changes something.
	Attempts []time.Duration
	// ServiceGraceDays is how many days after the due moment a service beside the plan
	// is switched off. A plan has GraceDays.
	ServiceGraceDays int
	// Unpaid is what a portal has when the days of grace of its plan are over.
	Unpaid Ending
	// TrialEnd is what a portal has when its trial is over, and nothing was bought.
	TrialEnd Ending
	// Overuse is what becomes of a renewal for less than is in use.
	Overuse Overuse
}

// Ending is what a portal has when what it had has ended for lack of payment.
type Ending string

const (
	EndClose Ending = "close" // the plan, not paid for: it is closed until somebody pays
	EndFree  Ending = "free"  // the plan of portals that bought none
)

// Overuse is what becomes of the renewal of something of which more is in use than the
// next period will allow.
type Overuse string

const (
	OveruseNotify Overuse = "notify" // it is renewed as it is, and the payer is told
	// Its quantity is raised to what is in use. The notice that it is due has the
	// quantity and the price, so that nobody pays for more unannounced.
	OveruseRaise  Overuse = "raise"
	OveruseIgnore Overuse = "ignore" // it is renewed as it is
)

// The limits of a policy. A year is enough of anything.
const (
	maxGraceDays  = 365
	maxTrialDays  = 365
	maxQuantity   = 1_000_000
	maxRunwayDays = 365
	maxNoticeDays = 90
	maxAheadHours = 30 * 24
	maxAttempts   = 10
	maxAttemptAt  = 365 * 24 // hours after the due moment
)

// standardPolicy is what holds where a catalogue says nothing. The days of grace and of
// a trial and the most of one plan are DocSpace's own. Source: contract, "State" and
// "Configuration keys". DocSpace renews when the due moment has passed, and tries once:
// how a renewal goes here is Bursar's.
func standardPolicy() Policy {
	return Policy{GraceDays: 10, TrialDays: 30, MaxQuantity: 999, RunwayDays: 7, Renewal: Renewal{
		NoticeDays:       7,
		Ahead:            24 * time.Hour,
		Attempts:         []time.Duration{0, 24 * time.Hour, 72 * time.Hour, 120 * time.Hour},
		ServiceGraceDays: 3,
		Unpaid:           EndClose, TrialEnd: EndClose, Overuse: OveruseNotify,
	}}
}

// Policy returns what holds for every plan.
func (c *Catalog) Policy() Policy {
	p := c.policy
	p.Attempts = slices.Clone(p.Attempts)
	return p
}

func (r *reader) policy(n ast.Node) Policy {
	o := r.object(n, "policy", "grace_days", "trial_days", "max_quantity", "runway_days", "renewal")
	p := standardPolicy()
	p.GraceDays = int(o.wholeOr(int64(p.GraceDays), "grace_days", 0, maxGraceDays))
	p.TrialDays = int(o.wholeOr(int64(p.TrialDays), "trial_days", 1, maxTrialDays))
	p.MaxQuantity = o.wholeOr(p.MaxQuantity, "max_quantity", 1, maxQuantity)
	p.RunwayDays = int(o.wholeOr(int64(p.RunwayDays), "runway_days", 0, maxRunwayDays))
	if o.has("renewal") {
		r.renewal(o.nodes["renewal"], &p.Renewal)
	}
	return p
}

// renewal reads how renewals go into what holds where nothing is said.
func (r *reader) renewal(n ast.Node, p *Renewal) {
	o := r.object(n, "policy: renewal", "notice_days", "ahead_hours", "attempts_hours", "service_grace_days", "unpaid", "trial_end", "overuse")
	p.NoticeDays = int(o.wholeOr(int64(p.NoticeDays), "notice_days", 0, maxNoticeDays))
	p.Ahead = time.Duration(o.wholeOr(int64(p.Ahead/time.Hour), "ahead_hours", 0, maxAheadHours)) * time.Hour
	p.ServiceGraceDays = int(o.wholeOr(int64(p.ServiceGraceDays), "service_grace_days", 0, maxGraceDays))
	p.Unpaid = Ending(o.oneOf(string(p.Unpaid), "unpaid", string(EndClose), string(EndFree)))
	p.TrialEnd = Ending(o.oneOf(string(p.TrialEnd), "trial_end", string(EndClose), string(EndFree)))
	p.Overuse = Overuse(o.oneOf(string(p.Overuse), "overuse", string(OveruseNotify), string(OveruseRaise), string(OveruseIgnore)))
	if o.has("attempts_hours") {
		p.Attempts = r.attempts(o.nodes["attempts_hours"], o.what+": attempts_hours")
	}
}

// attempts reads when a renewal is tried again: hours after the due moment.
func (r *reader) attempts(n ast.Node, what string) []time.Duration {
	entries := r.list(n, what)
	switch {
	case r.err != nil:
		return nil
	case len(entries) == 0:
		r.fail(n, "%s is empty", what)
	case len(entries) > maxAttempts:
		r.fail(n, "%s: %d are more than %d", what, len(entries), maxAttempts)
	}
	var all []time.Duration
	for i, entry := range entries {
		at := time.Duration(r.wholeNumber(entry, what, 0, maxAttemptAt)) * time.Hour
		switch {
		case i == 0 && at != 0:
			r.fail(entry, "%s: the first must be 0, the due moment itself, and is %d", what, at/time.Hour)
		case i > 0 && at <= all[i-1]:
			r.fail(entry, "%s: %d is not later than the one before", what, at/time.Hour)
		}
		all = append(all, at)
	}
	return all
}
