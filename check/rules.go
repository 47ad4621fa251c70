package check

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// look looks at a portal by a policy, and collects what is wrong.
type look struct {
	Facts
	policy Policy
	now    time.Time
	found  []Problem
}

// Problems returns what is wrong with a portal, the worst first; nil if nothing is.
func (p Policy) Problems(f Facts, now time.Time) []Problem {
	l := &look{Facts: f, policy: p, now: now}
	if f.Err != nil || f.Report == nil {
		l.unread(ReadPortal, "", f.Err)
		return l.found
	}
	if l.parts(); len(l.found) == 1 && l.found[0].Code == ReadPortal {
		return l.found
	}
	l.found = append(l.found, p.Stale(f, now)...)
	l.balance()
	l.runway()
	l.due()
	l.plan()
	l.topUp()
	l.payer()
	Sort(l.found)
	return l.found
}

// add notes a problem.
func (l *look) add(p Problem) {
	p.Portal = l.Portal
	l.found = append(l.found, p)
}

func (l *look) unread(code Code, part docspace.Part, err error) {
	text := "nothing was read"
	if err != nil {
		text = err.Error()
	}
	l.add(Problem{Code: code, Severity: Unknown, Subject: string(part), Text: text})
}

// parts notes what could not be read; once if that is everything, for one reason.
func (l *look) parts() {
	if first := l.Report.Failed[first(l.Report.Asked)]; first != nil && len(l.Report.Failed) == len(l.Report.Asked) {
		alike := true
		for _, err := range l.Report.Failed {
			alike = alike && kind(err) == kind(first)
		}
		if alike {
			l.unread(ReadPortal, "", first)
			return
		}
	}
	for _, part := range l.Report.Asked {
		err := l.Report.Failed[part]
		if err == nil || part == fleet.PartRunway && l.told(err) {
			continue
		}
		l.unread(ReadPart, part, err)
	}
}

func first(parts []docspace.Part) docspace.Part {
	if len(parts) == 0 {
		return ""
	}
	return parts[0]
}

// kind is what failures have in common that have one reason.
func kind(err error) string {
	var e *docspace.Error
	if errors.As(err, &e) {
		return fmt.Sprint(e.Status, e.Message)
	}
	return err.Error()
}

// told reports whether a failure of the runway is that of another part.
func (l *look) told(err error) bool {
	for part, other := range l.Report.Failed {
		if part != fleet.PartRunway && kind(other) == kind(err) {
			return true
		}
	}
	return false
}

// Stale returns what RuleAge finds: that what was read is too old by now, of which
// nothing but Portal, ReadAt and Refreshed need be kept. Portals do not say how old
// their answers are: the time for which they may keep them counts, unless they were
// asked not to.
func (p Policy) Stale(f Facts, now time.Time) []Problem {
	if p.MaxAge == 0 {
		return nil
	}
	read := f.ReadAt
	if read.IsZero() && f.Report != nil {
		read = f.Report.RetrievedAt
	}
	age := max(0, now.Sub(read))
	text := fmt.Sprintf("what is known is %s old", age.Round(time.Second))
	if !f.Refreshed {
		age += PortalCache
		text = fmt.Sprintf("what is known may be %s old, with the portal's own caches", age.Round(time.Second))
	}
	if age <= p.MaxAge {
		return nil
	}
	return []Problem{{
		Portal: f.Portal, Code: AgeOver, Severity: Unknown, Text: text + fmt.Sprintf(", more than %s", p.MaxAge),
		Value: seconds(age), Limit: seconds(p.MaxAge), Unit: "seconds",
	}}
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// balance looks at what is in each pocket.
func (l *look) balance() {
	if !l.policy.balances() || !l.Report.Arrived(docspace.PartBalance) {
		return
	}
	if l.Report.Balance == nil || len(l.Report.Balance.SubAccounts) == 0 {
		l.add(Problem{Code: BalanceUnknown, Severity: Unknown, Text: "the portal does not say what is in the wallet: it has no customer, nothing was ever paid in, or it can't reach its accounting"})
		return
	}
	looked := false
	for _, sub := range l.Report.Balance.SubAccounts {
		has, currency := sub.Amount, sub.Amount.Currency()
		low, critical := l.policy.MinBalance.of(currency)
		warn, warning := l.policy.WarnBalance.of(currency)
		looked = looked || critical || warning
		switch {
		case critical && has.Units() < low.Units():
			l.low(Critical, has, low)
		case warning && has.Units() < warn.Units():
			l.low(Warning, has, warn)
		}
	}
	if !looked {
		l.add(Problem{Code: BalanceUnknown, Severity: Unknown, Text: "the wallet has none of the currencies that there is a limit for"})
	}
}

func (l *look) low(severity Severity, has, limit money.Amount) {
	l.add(Problem{
		Code: BalanceLow, Severity: severity, Subject: string(has.Currency()),
		Text:  fmt.Sprintf("%s is left, less than %s", has, limit),
		Value: has.Decimal(), Limit: limit.Decimal(), Unit: string(has.Currency()),
	})
}

// runway looks at how long each pocket lasts at worst. In one that nothing was ever in
// there is nothing to run out.
func (l *look) runway() {
	if !l.policy.runways() || l.Runway == nil && !l.Report.Arrived(fleet.PartRunway) {
		return
	}
	if l.Runway == nil {
		l.add(Problem{Code: RunwayUnknown, Severity: Unknown, Text: "how long the wallet lasts is not known: the portal does not say what is in it"})
		return
	}
	for _, p := range l.Runway.Pockets {
		currency := string(p.Available.Currency())
		days := p.Runway.Days().Pessimistic
		lasts := time.Duration(days) * 24 * time.Hour
		switch {
		case !p.Known && p.Days == 0 && p.Available.Sign() == 0:
		case !p.Known:
			l.add(Problem{
				Code: RunwayUnknown, Severity: Unknown, Subject: currency, Value: strconv.Itoa(p.Days), Limit: strconv.Itoa(wallet.RunwayHistory), Unit: "days",
				Text: fmt.Sprintf("how long %s lasts is not known before %d whole days of it, and there are %d", currency, wallet.RunwayHistory, p.Days),
			})
		case lasts < l.policy.MinRunway:
			l.short(Critical, currency, days, l.policy.MinRunway)
		case lasts < l.policy.WarnRunway:
			l.short(Warning, currency, days, l.policy.WarnRunway)
		}
	}
}

func (l *look) short(severity Severity, currency string, days int, limit time.Duration) {
	l.add(Problem{
		Code: RunwayShort, Severity: severity, Subject: currency, Value: strconv.Itoa(days), Limit: inDays(limit), Unit: "days",
		Text: fmt.Sprintf("%s lasts for %s at worst, less than %s", currency, dayText(strconv.Itoa(days)), dayText(inDays(limit))),
	})
}

// inDays writes a time in days, exactly, in decimal.
func inDays(d time.Duration) string {
	const day = 24 * time.Hour
	text := strconv.FormatInt(int64(d/day), 10)
	if rest := d % day; rest != 0 {
		// Ten thousandths are nine seconds: enough for a limit in days.
		fraction := fmt.Sprintf("%04d", rest*10_000/day)
		for len(fraction) > 1 && fraction[len(fraction)-1] == '0' {
			fraction = fraction[:len(fraction)-1]
		}
		text += "." + fraction
	}
	return text
}

func dayText(days string) string {
	if days == "1" {
		return "1 day"
	}
	return days + " days"
}

// plan looks at whether the plan is paid for, and large enough.
func (l *look) plan() {
	if t := l.Tariff; t != nil {
		switch t.State {
		case docspace.TariffNotPaid:
			l.add(Problem{Code: PlanUnpaid, Severity: Critical, Text: "the plan is not paid"})
		case docspace.TariffDelay:
			p := Problem{Code: PlanOverdue, Severity: Critical, Text: "the plan is overdue, and works for some days of grace"}
			if t.Dates != nil && !t.Dates.DelayDue.IsZero() {
				p.Value, p.Text = moment(t.Dates.DelayDue.Time), "the plan is overdue, and works until "+date(t.Dates.DelayDue.Time)
			}
			l.add(p)
		}
		for _, q := range details(t).Quotas {
			if q.State != nil && *q.State == docspace.QuotaOverdue {
				l.add(Problem{Code: PlanService, Severity: Critical, Subject: docspace.Service(q.ID).String(), Text: "the service " + docspace.Service(q.ID).String() + " is overdue"})
			}
		}
	}
	if l.Report.Quota == nil {
		return
	}
	for _, f := range l.Report.Quota.Features {
		limit, counted := f.Value.Number()
		// A largest file is no sum, and backups beyond the free ones are paid for.
		if !counted || limit < 0 || f.Used == nil || f.Used.Value == nil || *f.Used.Value <= limit || slices.Contains([]string{"file_size", "free_backup"}, f.ID) {
			continue
		}
		p := Problem{
			Code: PlanOver, Severity: Critical, Subject: f.ID, Unit: "pieces",
			Value: strconv.FormatInt(*f.Used.Value, 10), Limit: strconv.FormatInt(limit, 10),
		}
		p.Text = fmt.Sprintf("the plan allows %s of %s, and %s are used", p.Limit, f.ID, p.Value)
		if f.Type == docspace.FeatureSize {
			p.Unit = "bytes"
			p.Text = fmt.Sprintf("the plan allows %s of %s, and %s are used", docspace.SizeText(limit), f.ID, docspace.SizeText(*f.Used.Value))
		}
		l.add(p)
	}
}

func details(t *docspace.Tariff) docspace.TariffDetails {
	if t == nil || t.Details == nil {
		return docspace.TariffDetails{}
	}
	return *t.Details
}

// topUp looks at whether the rule is on, and would do something.
func (l *look) topUp() {
	rule := l.Report.TopUp
	switch {
	case rule == nil:
	case !rule.Enabled && l.policy.TopUp:
		l.add(Problem{Code: TopUpOff, Severity: Warning, Text: "the wallet is not refilled by itself: the top-up rule is off"})
	case rule.Enabled:
		if fault := fleet.RuleFault(rule, l.Report.Balance); fault != "" {
			l.add(Problem{Code: TopUpInert, Severity: Critical, Subject: string(rule.Currency()), Text: "the top-up rule does not refill the wallet: " + fault})
		}
		if l.Report.Arrived(docspace.PartCustomer) && !l.method() {
			l.add(Problem{Code: TopUpMethod, Severity: Warning, Text: "the top-up rule has nothing to charge: " + l.methodText()})
		}
	}
}

// method reports whether there is a payment method that can be charged.
func (l *look) method() bool {
	return l.Report.Customer != nil && l.Report.Customer.PaymentMethodStatus == docspace.PaymentMethodSet
}

func (l *look) methodText() string {
	if l.Report.Customer != nil && l.Report.Customer.PaymentMethodStatus == docspace.PaymentMethodExpired {
		return "the payment method has expired"
	}
	return "there is no payment method"
}

// payer looks at whether somebody may change what is paid.
func (l *look) payer() {
	if fleet.Orphaned(l.Report.Customer) {
		l.add(Problem{
			Code: PayerOrphaned, Severity: Warning, Subject: l.Report.Customer.Email,
			Text: fmt.Sprintf("no user of the portal has the customer's address %s, so that nobody may pay or change what is paid", l.Report.Customer.Email),
		})
	}
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
