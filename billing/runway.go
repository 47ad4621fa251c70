package billing

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// Runway is for how long a wallet's money in one currency lasts.
type Runway struct {
	// At is when that was so.
	At time.Time
	// Available is what can be spent, without what a credit limit would allow besides;
	// CreditLimit is counted nevertheless.
	Available, CreditLimit money.Amount
	// HistoryDays is of how many whole days, of UTC, it is known what was spent; no more
	// are looked at than [wallet.RunwayWeeks] weeks.
	HistoryDays int
	// Scheduled are the renewals that are to be paid from it, the soonest first.
	Scheduled []wallet.Scheduled
	wallet.Runway
}

// EmptyAt is when the money is likely to be gone; the zero Time when that is not known,
// or so late that nobody can tell.
func (r Runway) EmptyAt() time.Time {
	if days := r.Days().Likely; r.Known && days < wallet.Horizon {
		return r.At.AddDate(0, 0, days)
	}
	return time.Time{}
}

// Runway says for how long a portal's wallet lasts, by currency, the wallet's own first;
// and none of a wallet that never had any. It fails with ErrNotFound when there is no
// such portal.
//
// What is spent a day is what was paid in the last whole days of UTC, AI credit that was
// bought included, corrections taken off. What renewals will pay is left out of it, and
// foretold instead: of everything that Bursar renews from the wallet, a year ahead, at
// the prices of each day.
func (s *Service) Runway(ctx context.Context, portalID string) ([]Runway, error) {
	now := s.now()
	f := &forecast{service: s, portalID: portalID, now: now}
	if err := s.readPortal(ctx, portalID, "read what a wallet will pay", f.read); err != nil {
		return nil, err
	}
	spent, err := f.spent(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Runway, 0, len(f.pockets))
	for _, p := range f.pockets {
		r, err := f.of(p, spent)
		if err != nil {
			return nil, fmt.Errorf("runway of %s: %w", p.Currency(), err)
		}
		all = append(all, r)
	}
	return all, nil
}

// forecast is what there is to know of where a portal's wallet is going.
type forecast struct {
	service   *Service
	portalID  string
	now       time.Time
	pockets   []ledger.Pocket
	days      []numbers // the part of the main book of each whole day
	scheduled map[money.Currency][]wallet.Scheduled
	foretold  map[string]bool // the services that are scheduled
	wanted    wantedTopUp
}

// read reads all but what was spent.
func (f *forecast) read(tx *store.Tx) error {
	since, err := f.since(tx)
	if err != nil {
		return err
	}
	if f.pockets, _, err = tx.PocketsAt(f.portalID, ledger.Main, f.now); err != nil {
		return err
	}
	today := f.now.UTC().Truncate(24 * time.Hour)
	// The day on which it began is none that was seen as a whole.
	first := since.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	for n := 7 * wallet.RunwayWeeks; n > 0; n-- {
		day := today.AddDate(0, 0, -n)
		if day.Before(first) {
			continue
		}
		low, high, err := f.service.numbersOf(tx, f.portalID, OperationFilter{Book: ledger.Main, From: day, To: day.AddDate(0, 0, 1).Add(-time.Microsecond)})
		if err != nil {
			return err
		}
		f.days = append(f.days, numbers{ledger.Main, low, high})
	}
	if f.wanted, err = f.service.wantedTopUp(tx, f.portalID); err != nil {
		return err
	}
	return f.readScheduled(tx)
}

// since returns when the wallet began: with its customer or, where there is none, with
// the portal.
func (f *forecast) since(tx *store.Tx) (time.Time, error) {
	customer, err := optional(tx.Customer(f.portalID))
	if err != nil {
		return time.Time{}, err
	}
	if customer != nil {
		return customer.CreatedAt, nil
	}
	portal, err := tx.Portal(f.portalID)
	return portal.CreatedAt, err
}

// readScheduled finds out what renewals will pay from the wallet within the horizon.
func (f *forecast) readScheduled(tx *store.Tx) error {
	rows, err := tx.Subscriptions(f.portalID)
	if err != nil {
		return err
	}
	f.scheduled, f.foretold = map[money.Currency][]wallet.Scheduled{}, map[string]bool{}
	for _, row := range rows {
		plan, ok := f.service.catalog.Plan(row.PlanID)
		if !ok || row.PaidFrom != "wallet" || row.DueAt.IsZero() {
			continue
		}
		if err := f.schedule(&bought{Subscription: row, plan: plan}); err != nil {
			return fmt.Errorf("renewals of plan %d: %w", row.PlanID, err)
		}
	}
	for _, list := range f.scheduled {
		slices.SortFunc(list, func(a, b wallet.Scheduled) int { return a.At.Compare(b.At) })
	}
	return nil
}

// schedule foretells the renewals of one thing, the overdue one too, as long as it
// may still be paid.
func (f *forecast) schedule(b *bought) error {
	quantity, policy := b.Quantity, f.service.catalog.Policy()
	if b.Next != nil {
		quantity = *b.Next
	}
	grace := policy.GraceDays
	if b.plan.Additional {
		grace = policy.ServiceGraceDays
	}
	if quantity == 0 || f.now.After(b.DueAt.AddDate(0, 0, grace)) {
		return nil
	}
	held, err := f.service.holding(b, f.now)
	if err != nil {
		return err
	}
	currency := f.service.currencyOf(b)
	for term := held.Term; !term.End.After(f.now.AddDate(0, 0, wallet.Horizon)); term = term.Next() {
		amount, err := b.plan.PriceAt(currency, term.End).Mul(quantity)
		if err != nil {
			return err
		}
		if amount.Sign() > 0 {
			f.scheduled[currency] = append(f.scheduled[currency], wallet.Scheduled{At: term.End, Amount: amount})
		}
	}
	for _, service := range []string{b.plan.Service, b.plan.Name} {
		if service != "" {
			f.foretold[keyOf(&ledger.Transfer{Service: service}).service] = true
		}
	}
	return nil
}

// spent returns what was spent on each day, by currency.
func (f *forecast) spent(ctx context.Context) (map[money.Currency][]money.Amount, error) {
	all := map[money.Currency][]money.Amount{}
	for _, p := range f.pockets {
		all[p.Currency()] = make([]money.Amount, len(f.days))
		for i := range f.days {
			all[p.Currency()][i] = money.FromUnits(0, p.Currency())
		}
	}
	for i, day := range f.days {
		sums, err := f.service.spent(ctx, f.portalID, SpendingFilter{aiCredit: true}, day, nil)
		if err != nil {
			return nil, err
		}
		for key, of := range sums {
			days, ok := all[key.currency]
			if !ok || f.foretold[key.service] {
				continue
			}
			if days[i], err = days[i].Add(of.amount); err != nil {
				return nil, fmt.Errorf("add up a day: %w", err)
			}
		}
	}
	return all, nil
}

// of says for how long a pocket lasts.
func (f *forecast) of(p ledger.Pocket, spent map[money.Currency][]money.Amount) (r Runway, err error) {
	r = Runway{At: f.now, CreditLimit: p.CreditLimit, HistoryDays: len(f.days), Scheduled: f.scheduled[p.Currency()]}
	if r.Available, err = p.Balance.Sub(p.Held); err != nil {
		return r, err
	}
	o := wallet.Outlook{
		Now: f.now, Days: spent[p.Currency()], Scheduled: r.Scheduled,
		Rule: f.wanted.rule, Method: f.wanted.standing.Method, Fingerprint: f.wanted.standing.Fingerprint, Token: f.wanted.standing.Token,
		Breaker: f.wanted.standing.Breaker, Charged: f.wanted.standing.Charged,
	}
	if o.Available, err = r.Available.Add(p.CreditLimit); err != nil {
		return r, err
	}
	r.Runway, err = o.Runway()
	return r, err
}

// runwayMemory is the input of the job: in which currencies it was told that the wallet
// does not last.
type runwayMemory struct {
	Low []money.Currency `json:"low,omitempty"`
}

// runRunway looks for how long a wallet lasts, and tells when that is less than the
// policy says; once, until it is more again. It looks again when half of the time may
// have gone that there is until then, each day where there is little, and after a week
// at most.
func (s *Service) runRunway(ctx context.Context, r *run) error {
	var told runwayMemory
	if r.job.Input != "" {
		if err := json.Unmarshal([]byte(r.job.Input), &told); err != nil {
			return hopeless{fmt.Errorf("input: %w", err)}
		}
	}
	warn := s.catalog.Policy().RunwayDays
	var all []Runway
	if warn > 0 {
		var err error
		if all, err = s.Runway(ctx, r.job.PortalID); err != nil {
			return err
		}
	}
	var low []money.Currency
	var tell []event.RunwayLow
	again := maxRunwayPause
	for _, w := range all {
		currency, days := w.Available.Currency(), w.Days()
		again = min(again, w.again(warn))
		was := slices.Contains(told.Low, currency)
		switch {
		case !w.Known:
			continue
		case days.Likely < warn && !was:
			tell = append(tell, w.low(warn))
		case days.Likely >= warn && (!was || days.Likely >= warn+lowMargin(warn)):
			continue
		}
		low = append(low, currency)
	}
	err := r.change(ctx, func(tx *store.Tx, t *trail) error {
		for _, e := range tell {
			t.tell(e)
		}
		return r.end(tx, nextRunwayLook(r.job.PortalID, s.now(), again), asJSON(runwayMemory{low}))
	})
	return fromStore("look how long a wallet lasts", err)
}

// lowMargin is by how many days a wallet must last longer than the warning says until
// it counts as saved, so that a number that goes up and down is told once.
func lowMargin(warn int) int { return max(1, warn/4) }

func (r Runway) low(warn int) event.RunwayLow {
	days := r.Days()
	e := event.RunwayLow{
		Balance: event.Sum(r.Available), Days: int64(days.Likely), LowDays: int64(days.Pessimistic), WarnDays: int64(warn), EmptyAt: event.At(r.EmptyAt()),
	}
	if days.Optimistic < wallet.Horizon {
		high := int64(days.Optimistic)
		e.HighDays = &high
	}
	return e
}

// The days after which a wallet is looked at again: at most, and where it has too
// little history to say anything.
const (
	maxRunwayPause     = 7
	unknownRunwayPause = 2
)

// again returns after how many days the wallet should be looked at next.
func (r Runway) again(warn int) int {
	if !r.Known {
		return unknownRunwayPause
	}
	return max(1, (r.Days().Pessimistic-warn)/2)
}

// nextRunwayLook returns when a portal's wallet is looked at next: so many days of UTC
// from now, when what was spent today is known, at a time that is not that of all
// others.
func nextRunwayLook(portalID string, now time.Time, days int) time.Time {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(portalID)) // never fails
	const first, spread = 10 * time.Minute, 20 * 60 * 60
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, days).Add(first + time.Duration(hash.Sum32()%spread)*time.Second)
}

// causeRunway has a new customer's wallet looked at from the next day on.
func (s *Service) causeRunway(tx *store.Tx, portalID string) error {
	now := s.now()
	return tx.CauseJob(now, store.Job{Kind: jobRunway, RunAt: nextRunwayLook(portalID, now, 1)})
}
