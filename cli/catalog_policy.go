package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/catalog"
)

// policyText says what holds for every plan, a sentence a line.
func policyText(p catalog.Policy) string {
	var b strings.Builder
	fmt.Fprintf(&b, "A plan that is not paid for stays for %s, a trial lasts %s, and nobody has more than %d of one plan.\n",
		days(p.GraceDays), days(p.TrialDays), p.MaxQuantity)
	if p.NoticeDays > 0 {
		fmt.Fprintf(&b, "A renewal is announced %s before it is due", days(p.NoticeDays))
	} else {
		b.WriteString("A renewal is not announced")
	}
	fmt.Fprintf(&b, ", and paid for %s ahead.\n", hoursText(p.Ahead))
	var again []string
	for _, at := range p.Attempts[1:] {
		again = append(again, hoursText(at))
	}
	if len(again) > 0 {
		fmt.Fprintf(&b, "One that can't be paid for is tried again %s after the due moment.\n", listText(again))
	}
	fmt.Fprintf(&b, "A service that is not paid for stays for %s.\n", days(p.ServiceGraceDays))
	fmt.Fprintf(&b, "Without a plan that is paid for, the portal %s; after a trial it %s.\n", endingText(p.Unpaid), endingText(p.TrialEnd))
	switch p.Overuse {
	case catalog.OveruseNotify:
		b.WriteString("Where more is in use than a renewal is for, it is renewed as it is, and its payer is told.\n")
	case catalog.OveruseRaise:
		b.WriteString("Where more is in use than a renewal is for, its quantity is raised to that, which is announced with the price.\n")
	case catalog.OveruseIgnore:
		b.WriteString("Where more is in use than a renewal is for, it is renewed as it is.\n")
	}
	if p.RunwayDays > 0 {
		fmt.Fprintf(&b, "A payer whose money will not last %s is told.\n", days(p.RunwayDays))
	}
	return b.String()
}

func endingText(e catalog.Ending) string {
	if e == catalog.EndFree {
		return "has the free plan"
	}
	return "is closed until somebody pays"
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// hoursText returns a time of whole hours: "36 hours", "3 days".
func hoursText(d time.Duration) string {
	hours := int(d / time.Hour)
	switch {
	case hours == 1:
		return "1 hour"
	case hours == 0 || hours%24 != 0:
		return fmt.Sprintf("%d hours", hours)
	}
	return days(hours / 24)
}

// listText returns "a, b and c".
func listText(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

type policyJSON struct {
	GraceDays   int         `json:"graceDays"`
	TrialDays   int         `json:"trialDays"`
	MaxQuantity int64       `json:"maxQuantity"`
	RunwayDays  int         `json:"runwayDays"`
	Renewal     renewalJSON `json:"renewal"`
}

type renewalJSON struct {
	NoticeDays       int             `json:"noticeDays"`
	AheadHours       int             `json:"aheadHours"`
	AttemptsHours    []int           `json:"attemptsHours"`
	ServiceGraceDays int             `json:"serviceGraceDays"`
	Unpaid           catalog.Ending  `json:"unpaid"`
	TrialEnd         catalog.Ending  `json:"trialEnd"`
	Overuse          catalog.Overuse `json:"overuse"`
}

func policyOf(p catalog.Policy) policyJSON {
	out := policyJSON{
		GraceDays: p.GraceDays, TrialDays: p.TrialDays, MaxQuantity: p.MaxQuantity, RunwayDays: p.RunwayDays,
		Renewal: renewalJSON{
			NoticeDays: p.NoticeDays, AheadHours: int(p.Ahead / time.Hour), ServiceGraceDays: p.ServiceGraceDays,
			Unpaid: p.Unpaid, TrialEnd: p.TrialEnd, Overuse: p.Overuse,
		},
	}
	for _, at := range p.Attempts {
		out.Renewal.AttemptsHours = append(out.Renewal.AttemptsHours, int(at/time.Hour))
	}
	return out
}
