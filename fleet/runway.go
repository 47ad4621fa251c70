package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// PartRunway is the part of a report that no portal sends: it is worked out of what
// happened in the wallet, what is going to be paid from it, and its top-up rule.
const PartRunway docspace.Part = "runway"

// PartUpcoming is what is going to be paid, which is read only where it is named.
const PartUpcoming docspace.Part = "upcoming"

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

// beside is what is read beside a report.
type beside struct {
	history    *History
	historyErr error
	// upcoming is nil where the portal can't say it.
	upcoming    []docspace.UpcomingPayment
	upcomingErr error
}

// readBeside reads what is going to be paid, and what was if past, both at once unless
// sparing. A portal that can't say what is going to be may be a stock one.
func readBeside(ctx context.Context, client *docspace.Client, now time.Time, past, sparing bool) (b beside) {
	upcoming := func() {
		all, err := client.UpcomingPayments(ctx)
		switch {
		case err == nil:
			b.upcoming = slices.Concat([]docspace.UpcomingPayment{}, all)
		case !errors.Is(err, docspace.ErrNotFound):
			b.upcomingErr = err
		}
	}
	var wg sync.WaitGroup
	if sparing {
		upcoming()
	} else {
		wg.Go(upcoming)
	}
	if past { // a day more, as whole days are looked at
		b.history, b.historyErr = ReadHistory(ctx, client, now, (7*wallet.RunwayWeeks+1)*24*time.Hour, maxRunwayOperations)
	}
	wg.Wait()
	return b
}

// runwayOf works out for how long a wallet lasts, of a report with its parts and of
// what was read beside it.
func runwayOf(r *docspace.Report, b *beside) (*Runway, error) {
	for _, part := range runwayParts() {
		if err := r.Failed[part]; err != nil {
			return nil, err
		}
	}
	if r.Balance == nil {
		return nil, nil
	}
	if err := cmp.Or(b.historyErr, b.upcomingErr); err != nil {
		return nil, err
	}
	all := &Runway{Pockets: []PocketRunway{}}
	for _, sub := range r.Balance.SubAccounts {
		if sub.Amount.Currency() == "" {
			continue
		}
		one, err := b.pocket(r, sub.Amount)
		if err != nil {
			return nil, fmt.Errorf("work out how long %s last: %w", sub.Amount.Currency(), err)
		}
		all.Pockets = append(all.Pockets, one)
	}
	return all, nil
}

func (b *beside) pocket(r *docspace.Report, available money.Amount) (one PocketRunway, err error) {
	one = PocketRunway{Available: available, Cut: b.history.Cut}
	o := wallet.Outlook{Now: b.history.To, Available: available}
	if r.TopUp != nil {
		o.Rule = wallet.Rule{Enabled: r.TopUp.Enabled, Floor: r.TopUp.MinBalance, Target: r.TopUp.UpToBalance}
	}
	o.Method = r.Customer != nil && r.Customer.PaymentMethodStatus == docspace.PaymentMethodSet
	for _, u := range b.upcoming {
		if u.Wallet && u.Amount.Currency() == available.Currency() && u.Amount.Sign() > 0 {
			o.Scheduled = append(o.Scheduled, monthly(u, o.Now)...)
		}
	}
	if o.Days, err = b.spent(available); err != nil {
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
func (b *beside) spent(available money.Amount) ([]money.Amount, error) {
	w, err := b.history.Wallet(available)
	if err != nil && len(b.history.movements(available.Currency())) == 0 {
		return nil, nil // nothing was ever in it
	}
	if err != nil {
		return nil, err
	}
	today := b.history.To.UTC().Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, -7*wallet.RunwayWeeks)
	if from := w.From.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1); b.history.From.Before(w.From) || b.history.Cut {
		if from.After(first) {
			first = from
		}
	}
	days := make([]money.Amount, max(0, int(today.Sub(first)/(24*time.Hour))))
	for i := range days {
		days[i] = money.FromUnits(0, available.Currency())
	}
	for i := range b.history.Operations {
		o := &b.history.Operations[i]
		amount := Change(o)
		if amount.Currency() != available.Currency() || o.Date.Before(first) || !o.Date.Before(today) || !Spends(o) || b.foretells(o) {
			continue
		}
		day := &days[o.Date.Sub(first)/(24*time.Hour)]
		if *day, err = day.Sub(amount); err != nil {
			return nil, err
		}
	}
	return days, nil
}

// Spends reports whether an operation pays for something, or takes such a payment back:
// all but what puts money in, or takes it out again.
func Spends(o *docspace.Operation) bool {
	return !slices.Contains([]docspace.OperationType{
		docspace.DepositPayment, docspace.Refund, docspace.BankDeposit, docspace.BankWithdrawal, docspace.GoodwillCredit, docspace.AICredit,
	}, o.Type)
}

// foretells reports whether an operation is of what is going to be paid at its time.
// Portals call a service "storage" in one place, and "disk-storage" in another.
func (b *beside) foretells(o *docspace.Operation) bool {
	return slices.ContainsFunc(b.upcoming, func(u docspace.UpcomingPayment) bool {
		return u.Wallet && u.Name != "" && o.Service != "" && strings.Contains(o.Service, u.Name)
	})
}

// ReadReport reads the parts of a report as Read does, from a portal that may be asked
// for several things at once.
func ReadReport(ctx context.Context, client *docspace.Client, now time.Time, only []docspace.Part) (*docspace.Report, *Runway) {
	s := readSnapshot(ctx, client, now, only, false)
	return s.Report, s.Runway
}

// readSnapshot reads the parts of a report, and what a runway needs beside them if it is
// among them or, where none is named, if it comes in time: it is left out of Asked
// otherwise.
func readSnapshot(ctx context.Context, client *docspace.Client, now time.Time, only []docspace.Part, sparing bool) (s Snapshot) {
	plain, lasts, upcoming := len(only) == 0, slices.Contains(only, PartRunway), slices.Contains(only, PartUpcoming)
	if !plain && !lasts && !upcoming {
		s.Report = client.Report(ctx, only...)
		return s
	}
	shown := slices.DeleteFunc(slices.Clone(only), func(p docspace.Part) bool { return p == PartRunway || p == PartUpcoming })
	if plain {
		shown = docspace.Parts()
	}
	parts := shown
	if plain || lasts {
		parts = slices.Concat(shown, runwayParts())
	}
	within, stop := context.WithCancel(ctx)
	defer stop()
	read := make(chan beside, 1)
	go func() { read <- readBeside(within, client, now, plain || lasts, sparing) }()
	if s.Report = (&docspace.Report{Portal: client.URL(), RetrievedAt: now, Failed: map[docspace.Part]error{}}); len(parts) > 0 {
		s.Report = client.Report(ctx, parts...)
	}
	if plain {
		timer := time.AfterFunc(runwayGrace, stop)
		defer timer.Stop()
		if len(s.Failed) == len(s.Asked) {
			stop() // whatever came of it, it would say nothing
		}
	}
	b := <-read
	if plain || lasts {
		var err error
		s.Runway, err = runwayOf(s.Report, &b)
		hide(s.Report, shown)
		if err == nil || lasts {
			s.also(PartRunway, err)
		}
	}
	if upcoming {
		s.Upcoming = b.upcoming
		s.also(PartUpcoming, b.upcomingErr)
	}
	return s
}

// also notes a part that no report has.
func (s *Snapshot) also(part docspace.Part, err error) {
	s.Asked = append(s.Asked, part)
	if err != nil {
		s.Failed[part] = err
	}
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
