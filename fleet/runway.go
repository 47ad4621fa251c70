package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// PartRunway is the part of a report that no portal sends: it is worked out of what
// happened in the wallet, what is going to be paid from it, and its top-up rule.
const PartRunway docspace.Part = "runway"

// runwayParts are the parts of a report that a runway is made of.
func runwayParts() []docspace.Part {
	return []docspace.Part{docspace.PartBalance, docspace.PartTopUp, docspace.PartCustomer}
}

const (
	// maxRunwayOperations is how many operations a runway reads at most: the newest.
	maxRunwayOperations = 5000
	// runwayGrace is how much longer than for all that was asked for a report waits for
	// a runway that nobody asked for.
	runwayGrace = 2 * time.Second
)

// Runway is for how long each pocket of a wallet lasts, in the order of the balance.
type Runway struct{ Pockets []PocketRunway }

// PocketRunway is for how long one pocket lasts.
type PocketRunway struct {
	Available money.Amount
	// Days is of how many whole days it is known what was spent.
	Days int
	// Cut says that there was more in the time than is read.
	Cut bool
	wallet.Runway
}

// walletPast is what of a runway must be read beside a report.
type walletPast struct {
	history  *History
	upcoming []docspace.UpcomingPayment
	err      error
}

// readPast reads what was paid and what is going to be, both at once unless sparing. A
// portal that can't say what is going to be may be a stock one.
func readPast(ctx context.Context, client *docspace.Client, now time.Time, sparing bool) (p walletPast) {
	var failed error
	done := make(chan struct{})
	upcoming := func() {
		defer close(done)
		if p.upcoming, failed = client.UpcomingPayments(ctx); errors.Is(failed, docspace.ErrNotFound) {
			failed = nil
		}
	}
	if sparing {
		upcoming()
	} else {
		go upcoming()
	}
	// A day more, as whole days are looked at.
	p.history, p.err = ReadHistory(ctx, client, now, (7*wallet.RunwayWeeks+1)*24*time.Hour, maxRunwayOperations)
	<-done
	if p.err == nil {
		p.err = failed
	}
	return p
}

// runwayOf works out for how long a wallet lasts, of a report with its parts and of
// what was read beside it.
func runwayOf(r *docspace.Report, p walletPast) (*Runway, error) {
	for _, part := range runwayParts() {
		if err := r.Failed[part]; err != nil {
			return nil, err
		}
	}
	switch {
	case r.Balance == nil:
		return nil, nil
	case p.err != nil:
		return nil, p.err
	}
	all := &Runway{Pockets: []PocketRunway{}}
	for _, sub := range r.Balance.SubAccounts {
		if sub.Amount.Currency() == "" {
			continue
		}
		one, err := p.pocket(r, sub.Amount)
		if err != nil {
			return nil, fmt.Errorf("work out how long %s last: %w", sub.Amount.Currency(), err)
		}
		all.Pockets = append(all.Pockets, one)
	}
	return all, nil
}

func (p *walletPast) pocket(r *docspace.Report, available money.Amount) (one PocketRunway, err error) {
	one = PocketRunway{Available: available, Cut: p.history.Cut}
	o := wallet.Outlook{Now: p.history.To, Available: available}
	if r.TopUp != nil {
		o.Rule = wallet.Rule{Enabled: r.TopUp.Enabled, Floor: r.TopUp.MinBalance, Target: r.TopUp.UpToBalance}
	}
	o.Method = r.Customer != nil && r.Customer.PaymentMethodStatus == docspace.PaymentMethodSet
	for _, u := range p.upcoming {
		if u.Wallet && u.Amount.Currency() == available.Currency() && u.Amount.Sign() > 0 {
			o.Scheduled = append(o.Scheduled, monthly(u, o.Now)...)
		}
	}
	if o.Days, err = p.spent(available); err != nil {
		return one, err
	}
	one.Days = len(o.Days)
	one.Runway, err = o.Runway()
	return one, err
}

// monthly foretells what is paid every month: wallet services have no other periods.
func monthly(u docspace.UpcomingPayment, now time.Time) (all []wallet.Scheduled) {
	for n := 0; ; n++ {
		at := u.DueDate.AddDate(0, n, 0)
		if at.After(now.AddDate(0, 0, wallet.Horizon)) {
			return all
		}
		all = append(all, wallet.Scheduled{At: at, Amount: u.Amount})
	}
}

// spent returns what was spent in a currency on each whole day of UTC, the oldest first,
// as far back as is known.
func (p *walletPast) spent(available money.Amount) ([]money.Amount, error) {
	w, err := p.history.Wallet(available)
	if err != nil && len(p.history.movements(available.Currency())) == 0 {
		return nil, nil // nothing was ever in it
	}
	if err != nil {
		return nil, err
	}
	today := p.history.To.UTC().Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, -7*wallet.RunwayWeeks)
	if from := w.From.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1); p.history.From.Before(w.From) || p.history.Cut {
		if from.After(first) {
			first = from
		}
	}
	days := make([]money.Amount, max(0, int(today.Sub(first)/(24*time.Hour))))
	for i := range days {
		days[i] = money.FromUnits(0, available.Currency())
	}
	for i := range p.history.Operations {
		o := &p.history.Operations[i]
		amount := Change(o)
		if amount.Currency() != available.Currency() || o.Date.Before(first) || !o.Date.Before(today) || !spends(o) || p.foretells(o) {
			continue
		}
		day := &days[o.Date.Sub(first)/(24*time.Hour)]
		if *day, err = day.Sub(amount); err != nil {
			return nil, err
		}
	}
	return days, nil
}

// spends reports whether an operation pays for something, or takes such a payment
// back.
func spends(o *docspace.Operation) bool {
	return !slices.Contains([]docspace.OperationType{
		docspace.DepositPayment, docspace.Refund, docspace.BankDeposit, docspace.BankWithdrawal, docspace.GoodwillCredit, docspace.AICredit,
	}, o.Type)
}

// foretells reports whether an operation is of what is going to be paid at its time.
// Portals call a service "storage" in one place, and "disk-storage" in another.
func (p *walletPast) foretells(o *docspace.Operation) bool {
	return slices.ContainsFunc(p.upcoming, func(u docspace.UpcomingPayment) bool {
		return u.Wallet && u.Name != "" && o.Service != "" && strings.Contains(o.Service, u.Name)
	})
}

// ReadReport reads the parts of a report, and what a runway needs beside them if it is
// among them or, where none is named, if it comes in time: it is left out of Asked
// otherwise. The runway is nil when it was not read, and when the portal does not say
// what it has.
func ReadReport(ctx context.Context, client *docspace.Client, now time.Time, only []docspace.Part) (*docspace.Report, *Runway) {
	return readReport(ctx, client, now, only, false)
}

func readReport(ctx context.Context, client *docspace.Client, now time.Time, only []docspace.Part, sparing bool) (*docspace.Report, *Runway) {
	plain, named := len(only) == 0, slices.Contains(only, PartRunway)
	if !plain && !named {
		return client.Report(ctx, only...), nil
	}
	shown := slices.DeleteFunc(slices.Clone(only), func(p docspace.Part) bool { return p == PartRunway })
	if plain {
		shown = docspace.Parts()
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	past := make(chan walletPast, 1)
	go func() { past <- readPast(beside, client, now, sparing) }()
	report := client.Report(ctx, slices.Concat(shown, runwayParts())...)
	if plain {
		timer := time.AfterFunc(runwayGrace, stop)
		defer timer.Stop()
		if len(report.Failed) == len(report.Asked) {
			stop() // whatever came of it, it would say nothing
		}
	}
	all, err := runwayOf(report, <-past)
	hide(report, shown)
	if err == nil || named {
		report.Asked = append(report.Asked, PartRunway)
	}
	if err != nil && named {
		report.Failed[PartRunway] = err
	}
	return report, all
}

// hide takes out of a report what was read for the runway alone.
func hide(r *docspace.Report, shown []docspace.Part) {
	for _, part := range runwayParts() {
		if slices.Contains(shown, part) {
			continue
		}
		delete(r.Failed, part)
		r.Asked = slices.DeleteFunc(r.Asked, func(p docspace.Part) bool { return p == part })
		switch part {
		case docspace.PartBalance:
			r.Balance = nil
		case docspace.PartTopUp:
			r.TopUp = nil
		case docspace.PartCustomer:
			r.Customer = nil
		}
	}
}
