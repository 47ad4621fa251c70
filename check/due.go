package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// payment is something that falls due.
type payment struct {
	name   string
	at     time.Time
	wallet bool // else the payment method pays
	amount money.Amount
	priced bool // false: nobody knows the amount
}

// due looks at what falls due soon. What the wallet pays is added up in the order of
// time, and must be in it; what the payment method pays needs one. A service that is
// not continued is no payment.
func (l *look) due() {
	if l.policy.DueWithin == 0 {
		return
	}
	end := l.now.Add(l.policy.DueWithin)
	l.trial(end)
	left := map[money.Currency]money.Amount{}
	if l.Report.Balance != nil {
		for _, sub := range l.Report.Balance.SubAccounts {
			left[sub.Amount.Currency()] = sub.Amount
		}
	}
	for _, p := range l.until(end) {
		switch {
		case !p.wallet && !l.Report.Arrived(docspace.PartCustomer):
			l.falls(p, DueUnknown, Unknown, "it is not known whether there is a payment method")
		case !p.wallet && !l.method():
			l.falls(p, DueUncovered, Critical, l.methodText())
		case !p.wallet:
		case !p.priced:
			l.falls(p, DueUnknown, Unknown, "the portal does not say what it costs")
		case l.Report.Balance == nil:
			l.falls(p, DueUnknown, Unknown, "it is not known what is in the wallet")
		default:
			l.fromWallet(p, left)
		}
	}
}

// until returns the payments up to a moment, the next first. What the wallet pays comes
// again each month, as wallet services have no other periods, but for what is overdue.
func (l *look) until(end time.Time) (all []payment) {
	for _, p := range l.payments() {
		first := p.at
		for n := 1; !p.at.After(end); n++ {
			all = append(all, p)
			if !p.wallet || !p.priced || first.Before(l.now) {
				break
			}
			p.at = first.AddDate(0, n, 0)
		}
	}
	slices.SortStableFunc(all, func(a, b payment) int { return a.at.Compare(b.at) })
	return all
}

// fromWallet takes a payment from what is left.
func (l *look) fromWallet(p payment, left map[money.Currency]money.Amount) {
	currency := p.amount.Currency()
	has, there := left[currency]
	if !there {
		has = money.FromUnits(0, currency)
	}
	rest, err := has.Sub(p.amount)
	if err != nil {
		l.falls(p, DueUnknown, Unknown, err.Error())
		return
	}
	if left[currency] = rest; rest.Sign() >= 0 {
		return
	}
	if rule := l.Report.TopUp; rule != nil && rule.Enabled && rule.Currency() == currency && fleet.RuleFault(rule, l.Report.Balance) == "" && l.method() {
		if enough, err := rule.UpToBalance.Compare(p.amount); err == nil && enough >= 0 {
			l.falls(p, DueUncovered, Warning, fmt.Sprintf("the wallet has %s for it unless the top-up rule refills it in time", has))
			left[currency] = money.FromUnits(0, currency)
			return
		}
	}
	if has.Sign() < 0 {
		has = money.FromUnits(0, currency) // the payments before it took more than there is
	}
	l.falls(p, DueUncovered, Critical, fmt.Sprintf("the wallet has %s for it", has))
}

// falls notes a payment that something is wrong with.
func (l *look) falls(p payment, code Code, severity Severity, why string) {
	what := p.name
	if p.priced {
		what = fmt.Sprintf("%s for %s", p.amount, p.name)
	}
	verb := "falls due"
	if !p.at.After(l.now) {
		verb = "fell due"
	}
	l.add(Problem{
		Code: code, Severity: severity, Subject: p.name, Value: moment(p.at), Limit: moment(l.now.Add(l.policy.DueWithin)),
		Text: fmt.Sprintf("%s %s on %s, and %s", what, verb, date(p.at), why),
	})
}

// trial looks at whether a trial ends soon.
func (l *look) trial(end time.Time) {
	onTrial, ends := l.Report.Quota != nil && l.Report.Quota.Trial, time.Time{}
	if l.Report.Quota != nil {
		ends = l.Report.Quota.DueDate.Time
	}
	if t := l.Tariff; t != nil {
		onTrial = onTrial || t.State == docspace.TariffTrial
		if t.Dates != nil && !t.Dates.Due.IsZero() {
			ends = t.Dates.Due.Time
		}
	}
	if !onTrial || ends.IsZero() || ends.After(end) {
		return
	}
	verb := "ends"
	if !ends.After(l.now) {
		verb = "ended"
	}
	l.add(Problem{
		Code: DueTrial, Severity: Warning, Value: moment(ends), Limit: moment(end),
		Text: fmt.Sprintf("the trial %s on %s", verb, date(ends)),
	})
}

// payments returns what is going to be paid next: as the portal foretells it, else as
// its tariff has it, else the one date that its quota has.
func (l *look) payments() (all []payment) {
	switch {
	case l.Upcoming != nil:
		for _, u := range l.Upcoming {
			if u.Quantity > 0 && u.Amount.Sign() > 0 && !u.DueDate.IsZero() {
				all = append(all, l.inWallets(payment{cmp.Or(u.Name, docspace.Service(u.ID).String()), u.DueDate.Time, u.Wallet, u.Amount, true}))
			}
		}
	case l.Tariff != nil && l.Tariff.Details != nil:
		all = l.tariffs()
	case l.Report.Quota != nil && !l.Report.Quota.DueDate.IsZero() && !l.Report.Quota.Trial:
		all = []payment{{name: "the plan or a service", at: l.Report.Quota.DueDate.Time, wallet: true}}
	}
	return all
}

// tariffs returns what a tariff says is going to be paid.
func (l *look) tariffs() (all []payment) {
	var due time.Time
	if l.Tariff.Dates != nil {
		due = l.Tariff.Dates.Due.Time
	}
	quota := l.Report.Quota
	for i, q := range l.Tariff.Details.Quotas {
		p := payment{name: docspace.Service(q.ID).String(), at: q.DueDate.Time, wallet: q.Wallet}
		quantity := q.Quantity
		if q.NextQuantity != nil {
			quantity = *q.NextQuantity
		}
		if p.at.IsZero() {
			p.at = due
		}
		if i == 0 && !q.Wallet {
			p.name = "the plan"
			if l.Tariff.State == docspace.TariffTrial || quota != nil && (quota.Free || quota.Trial || quota.Price != nil && quota.Price.Amount.Sign() == 0) {
				continue
			}
		}
		if p.at.IsZero() || quantity <= 0 {
			continue
		}
		if i := slices.IndexFunc(l.Services, func(s docspace.Quota) bool { return s.ID == q.ID }); q.Wallet && i >= 0 && l.Services[i].Price != nil {
			amount, err := l.Services[i].Price.Amount.Mul(quantity)
			p.amount, p.priced = amount, err == nil
			p = l.inWallets(p)
		}
		all = append(all, p)
	}
	return all
}

// inWallets gives an amount that the portal left the currency out of that of the
// wallet, if that has one. (DocSpace 3.7 leaves it out.)
func (l *look) inWallets(p payment) payment {
	if p.amount.Currency() != "" || !p.priced {
		return p
	}
	p.priced = false
	if b := l.Report.Balance; b != nil {
		currency := b.AccountCurrency
		if len(b.SubAccounts) == 1 {
			currency = b.SubAccounts[0].Amount.Currency()
		}
		p.amount, p.priced = money.FromUnits(p.amount.Units(), currency), currency != ""
	}
	return p
}
