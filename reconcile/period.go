package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Subscription is what a portal has and pays for from its wallet, period by period.
type Subscription struct {
	// Service is what operations call it, or a part of that: "storage" is
	// "disk-storage".
	Service string
	// Due is when the period ends that is paid.
	Due time.Time
	// Cancelled says that there is to be no next one.
	Cancelled bool
}

// automaticRenewal is what a stock portal notes as the Details of a renewal. Source:
// contract, "Renewal".
const automaticRenewal = "Automatic renewal"

// slack is how much later or earlier than its month a period may be paid: portals try
// for some days, or pay ahead.
const slack = 4 * 24 * time.Hour

// sameDay is how close payments are to whole months apart that renew one another.
const sameDay = 36 * time.Hour

// series are the payments for the periods of one service.
type series struct {
	last     docspace.Operation
	payments int
	// missing are those between which a period was not paid.
	missing []missing
}

// missing is a hole in a series.
type missing struct {
	before, after docspace.Operation
	due           time.Time
	sure          bool
}

// periods are the payments for everything that is paid period by period.
type periods struct{ of map[string]*series }

// isPeriod reports whether an operation pays for a period: plans and storage are had
// by the month, and what the portal renewed says so.
func isPeriod(o *docspace.Operation) bool {
	return o.Type == docspace.PackagePayment || o.Details == automaticRenewal ||
		strings.Contains(o.Service, "storage") || strings.HasPrefix(o.Service, "admin")
}

// monthsOf returns how long the periods of a service are.
func monthsOf(service string) int {
	if strings.Contains(service, "year") {
		return 12
	}
	return 1
}

func (p *periods) add(o *docspace.Operation) {
	if o.Service == "" || o.Debit.Sign() <= 0 || !isPeriod(o) {
		return
	}
	s := p.of[o.Service]
	if s == nil {
		if len(p.of) == maxServices {
			return
		}
		s = &series{}
		p.of[o.Service] = s
	}
	if s.payments > 0 && len(s.missing) < maxFindings {
		if m, is := between(s.last, *o); is {
			s.missing = append(s.missing, m)
		}
	}
	s.last = *o
	s.payments++
}

// between says whether a period is missing between two payments that follow one
// another. What a portal renews by itself was had until then, so that it is sure.
// Otherwise it may have been given up and bought anew, which happens on any day.
func between(before, after docspace.Operation) (missing, bool) {
	months := monthsOf(before.Service)
	due := before.Date.AddDate(0, months, 0)
	if !after.Date.After(due.Add(slack)) {
		return missing{}, false
	}
	m := missing{before: before, after: after, due: due, sure: after.Details == automaticRenewal}
	if m.sure {
		return m, true
	}
	for n := 2 * months; ; n += months {
		at := before.Date.AddDate(0, n, 0)
		if at.Sub(after.Date.Time).Abs() <= sameDay {
			return m, true
		}
		if at.After(after.Date.Time) {
			return missing{}, false
		}
	}
}

// judge looks for periods that nobody paid for.
func (p *periods) judge(b *Book, f Facts) {
	for name, s := range p.of {
		for _, m := range s.missing {
			found := Finding{Code: MissedRenewal, Severity: Suspicious, At: m.due, Operations: []docspace.Operation{m.before, m.after},
				Text: fmt.Sprintf("nothing was paid for %s between these, which are whole months apart: it was given up meanwhile, or a renewal was left out", name)}
			if m.sure {
				found.Severity, found.Text = Wrong, fmt.Sprintf("a renewal of %s was left out between these", name)
			}
			b.find(found)
		}
	}
	for _, sub := range f.Subscriptions {
		if f.Quiet && !sub.Due.IsZero() { // else the last payment may be missing
			p.judgeDue(b, f, sub)
		}
	}
}

// judgeDue looks at what is had now.
func (p *periods) judgeDue(b *Book, f Facts, sub Subscription) {
	var s *series
	for name, one := range p.of {
		if strings.Contains(name, sub.Service) && (s == nil || one.last.Date.After(s.last.Date.Time)) {
			s = one
		}
	}
	found := Finding{Code: MissedRenewal, Severity: Wrong, At: sub.Due}
	if s != nil {
		found.Operations = []docspace.Operation{s.last}
	}
	if sub.Due.Before(f.Now) {
		// Overdue; it may be on its way for some hours.
		if sub.Cancelled || f.Now.Sub(sub.Due) < 24*time.Hour || s != nil && s.last.Date.After(sub.Due.Add(-slack)) {
			return
		}
		found.Text = fmt.Sprintf("nothing was paid for %s since %s, when it was due", sub.Service, sub.Due.UTC().Format(time.RFC3339))
		b.find(found)
		return
	}
	// What was never paid from the wallet may be a gift; what began to be, is not.
	if s == nil {
		return
	}
	began := sub.Due.AddDate(0, -monthsOf(s.last.Service), 0)
	if s.last.Date.Before(began.Add(-slack)) {
		found.At = began
		found.Text = fmt.Sprintf("nothing was paid for the period of %s that began about %s, and it is had until %s",
			s.last.Service, began.UTC().Format(time.RFC3339), sub.Due.UTC().Format(time.RFC3339))
		b.find(found)
	}
}

// subscriptionsOf returns what a portal pays for from its wallet, by its tariff, and by
// what is going to be paid, which knows more names.
func subscriptionsOf(t *docspace.Tariff, upcoming []docspace.UpcomingPayment) (all []Subscription) {
	if t == nil || t.Details == nil {
		return nil
	}
	names := map[int]string{int(docspace.ServiceStorage): "disk-storage", int(docspace.ServiceAdmin): "admin"}
	for _, q := range t.Details.Quotas {
		name, known := names[q.ID]
		if i := slices.IndexFunc(upcoming, func(u docspace.UpcomingPayment) bool { return u.ID == q.ID && u.Name != "" }); !known && i >= 0 {
			name, known = upcoming[i].Name, true
		}
		if q.Wallet && known && !q.DueDate.IsZero() {
			all = append(all, Subscription{Service: name, Due: q.DueDate.Time, Cancelled: q.NextQuantity != nil && *q.NextQuantity == 0})
		}
	}
	return all
}
