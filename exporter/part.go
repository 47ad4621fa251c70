package exporter

import (
	"errors"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// parts are what is read of a portal, in the order in which it is shown.
func parts() []docspace.Part {
	return []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway, fleet.PartUpcoming}
}

// answer is what came back from a portal that could be asked.
type answer struct {
	fleet.Snapshot
	took time.Duration
}

// heard is what a portal said of a part.
type heard struct {
	part   docspace.Part
	err    error
	absent bool // the portal does not have this part
	says   bool // the portal does not leave it open
	all    []sample
}

// parts returns what the portal said of each part that it was asked for.
func (a *answer) parts() (all []heard) {
	shown := map[docspace.Part]func(*samples){
		docspace.PartCustomer: a.customer, docspace.PartBalance: a.balance, docspace.PartQuota: a.quota,
		docspace.PartTopUp: a.topUp, fleet.PartRunway: a.runway, fleet.PartUpcoming: a.payments,
	}
	for _, part := range a.Asked {
		h := heard{part: part, err: a.Failed[part]}
		h.absent = part == fleet.PartUpcoming && h.err == nil && a.Upcoming == nil
		if part == fleet.PartRunway && errors.Is(h.err, fleet.ErrNothingKnown) {
			h.err = nil // it answered, and knows nothing
		}
		if h.err == nil && shown[part] != nil {
			var s samples
			shown[part](&s)
			h.all = s.all
		}
		h.says = part != fleet.PartRunway || a.Runway != nil
		all = append(all, h)
	}
	return all
}

func (a *answer) customer(s *samples) {
	if c := a.Customer; c != nil {
		s.flag(methodSet, c.PaymentMethodStatus == docspace.PaymentMethodSet)
		// Without an address of the customer nobody knows whether a user has it.
		if orphaned := fleet.Orphaned(c); orphaned || c.Payer != nil {
			s.flag(payerKnown, !orphaned)
		}
	}
}

func (a *answer) balance(s *samples) {
	s.flag(walletKnown, a.Balance != nil)
	if a.Balance == nil {
		return
	}
	for i, sub := range a.Balance.SubAccounts {
		if i == maxCurrencies {
			break
		}
		s.amount(walletBalance, sub.Amount)
	}
	if last := a.Balance.LastCredit; last != nil {
		s.moment(walletCredited, last.Date.Time)
	}
}

func (a *answer) quota(s *samples) {
	q := a.Quota
	if q == nil {
		return
	}
	s.add(planInfo, "1", strconv.Itoa(q.ID), label(q.Title), planKind(q))
	s.moment(planDue, q.DueDate.Time)
	if q.Price != nil {
		s.amount(planPrice, q.Price.Amount)
	}
	for i, f := range q.Features {
		if i == maxFeatures {
			break
		}
		name := label(f.ID)
		limit, used := planLimit, planUsed
		switch f.Type {
		case docspace.FeatureSize:
			limit, used = planLimitBytes, planUsedBytes
		case docspace.FeatureCount:
		default:
			continue // a flag has no number
		}
		if n, ok := f.Value.Number(); ok && n >= 0 {
			s.add(limit, whole(n), name)
		} else if ok && n == docspace.Unlimited {
			s.add(limit, "+Inf", name)
		}
		if f.Used != nil && f.Used.Value != nil {
			s.add(used, whole(*f.Used.Value), name)
		}
	}
}

func planKind(q *docspace.Quota) string {
	switch {
	case q.Trial:
		return "trial"
	case q.NonProfit:
		return "nonprofit"
	case q.Free:
		return "free"
	}
	return "paid"
}

func (a *answer) topUp(s *samples) {
	if t := a.TopUp; t != nil {
		s.flag(topUpEnabled, t.Enabled)
		s.amount(topUpMin, t.MinBalance)
		s.amount(topUpUpTo, t.UpToBalance)
	}
}

const secondsOfDay = 24 * 60 * 60

func (a *answer) runway(s *samples) {
	if a.Runway == nil {
		return
	}
	for i, pocket := range a.Runway.Pockets {
		if i == maxCurrencies {
			break
		}
		currency := pocket.Available.Currency()
		if !pocket.Known || !currency.WellFormed() {
			continue
		}
		code := string(currency)
		s.cases(code, pocket.Runway)
		s.flag(walletRefilled, pocket.Refilled, code)
	}
}

// cases adds how long a pocket lasts, and what is spent of it, in each case.
func (s *samples) cases(code string, r wallet.Runway) {
	days := r.Days()
	for _, c := range []struct {
		name   string
		days   int
		weekly money.Amount
	}{
		{"pessimistic", days.Pessimistic, r.Weekly.Pessimistic},
		{"likely", days.Likely, r.Weekly.Likely},
		{"optimistic", days.Optimistic, r.Weekly.Optimistic},
	} {
		s.add(walletRunway, whole(int64(c.days)*secondsOfDay), code, c.name)
		s.add(walletSpending, c.weekly.Decimal(), code, c.name)
	}
}

// payments adds what is going to be paid. Two payments for the same service are one:
// their sum, at the earlier time.
func (a *answer) payments(s *samples) {
	type place struct {
		service, source string
		currency        money.Currency
	}
	sums := map[place]docspace.UpcomingPayment{}
	var order []place
	for _, u := range a.Upcoming {
		p := place{label(u.Name), "card", u.Amount.Currency()}
		if p.service == "" {
			p.service = strconv.Itoa(u.ID)
		}
		if u.Wallet {
			p.source = "wallet"
		}
		before, there := sums[p]
		if !there && (len(order) == maxUpcoming || !p.currency.WellFormed()) {
			continue
		}
		if !there {
			sums[p], order = u, append(order, p)
			continue
		}
		sum, err := before.Amount.Add(u.Amount)
		if err != nil {
			continue // more money than there is
		}
		before.Amount = sum
		if u.DueDate.Before(before.DueDate.Time) {
			before.DueDate = u.DueDate
		}
		sums[p] = before
	}
	for _, p := range order {
		s.amount(upcomingAmount, sums[p].Amount, p.service, p.source)
		s.moment(upcomingDue, sums[p].DueDate.Time, p.service, p.source, string(p.currency))
	}
}
