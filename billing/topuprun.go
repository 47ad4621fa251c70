package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// runTopUp refills a wallet by its rule. A round of the job is one trigger, and has at
// most one collection, under a key made of the round: however often it is gone on with,
// and by whomever, nothing is collected twice for it. When that has ended, the rule is
// asked again: what is still missing is another round.
//
// The job is caused in the transaction in which less than the floor was available,
// and where a renewal finds too little.
func (s *Service) runTopUp(ctx context.Context, r *run) error {
	c, isNew, err := s.nextTopUp(ctx, r)
	switch {
	case err != nil || c.Number == 0:
		return err
	case isNew:
		_, err = s.ask(ctx, c)
	default:
		_, err = s.resolve(ctx, c, false)
	}
	switch {
	case err == nil, errors.Is(err, ErrDeclined):
		_, _, err = s.nextTopUp(ctx, r)
		return err
	case errors.Is(err, ErrUnsettled):
		return r.change(ctx, func(tx *store.Tx, _ *trail) error {
			now := s.now()
			return r.end(tx, now.Add(lookAfter(now.Sub(c.OpenedAt))), "")
		})
	}
	return err
}

// lookAfter returns how long to wait before a provider is asked again about what it has
// not known for a time: some methods take days.
func lookAfter(age time.Duration) time.Duration { return min(max(age/4, abandonAfter), 6*time.Hour) }

// topUpMemory is the input of the job: what was told in this round.
type topUpMemory struct {
	// Low says that the wallet was told to be low, Skipped why nothing was collected.
	Low     bool   `json:"low,omitempty"`
	Skipped string `json:"skipped,omitempty"`
}

func (m topUpMemory) String() string { return asJSON(m) }

// nextTopUp takes the next step of a round, in one transaction: it returns the
// collection that is to be asked for, or after; one without a number means that the
// job has ended, or waits.
func (s *Service) nextTopUp(ctx context.Context, r *run) (c store.Collection, isNew bool, err error) {
	err = r.change(ctx, func(tx *store.Tx, t *trail) error {
		c, isNew = store.Collection{}, false
		current, err := tx.CollectionByKey(r.job.PortalID, topUpKey(r.job.Round))
		switch {
		case err == nil && !current.Closed():
			c = current
			return nil
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
		closed := err == nil
		// Whoever moves the wallet's money meanwhile comes before this, and is seen, or
		// after it, and causes the job anew.
		if err := tx.LockBook(r.job.PortalID, ledger.Main); err != nil {
			return err
		}
		if err := s.letGo(tx, r.job.PortalID); err != nil {
			return err
		}
		wanted, err := s.wantedTopUp(tx, r.job.PortalID)
		if err != nil {
			return err
		}
		if closed {
			return s.endRound(tx, r, wanted)
		}
		c, isNew, err = s.beginTopUp(tx, t, r, wanted)
		return err
	})
	return c, isNew, fromStore("top up", err)
}

// topUpKey is the key of a round's collection.
func topUpKey(round int64) string { return fmt.Sprintf("%stop_up:%d", ownKeys, round) }

// TopUpID is what the top-up of a round is called outside: "u3.docspace.io123".
func TopUpID(portalID string, round int64) string { return fmt.Sprintf("u%d.%s", round, portalID) }

// roundOf returns the round that a collection was made in.
func roundOf(c store.Collection) string {
	round, _ := strings.CutPrefix(c.Key, ownKeys+"top_up:")
	return "u" + round + "." + c.PortalID
}

// wantedTopUp is a wallet as its rule sees it, and what the rule says.
type wantedTopUp struct {
	rule     wallet.Rule
	exists   bool // there is a rule
	standing wallet.Standing
	customer store.Customer
	wallet.Decision
}

// wantedTopUp asks the rule of a wallet what is to be done.
func (s *Service) wantedTopUp(tx *store.Tx, portalID string) (w wantedTopUp, err error) {
	now := s.now()
	rule, err := tx.TopUpRule(portalID)
	if err != nil || rule == nil {
		w.Do, w.Reason = wallet.Nothing, wallet.Disabled
		return w, err
	}
	w.exists, w.rule = true, ruleOf(rule)
	w.standing = wallet.Standing{Now: now}
	if w.standing.Available, err = availableIn(tx, portalID, rule.MinBalance.Currency()); err != nil {
		return w, err
	}
	if w.standing.Owed, err = s.owedSoon(tx, portalID, now); err != nil {
		return w, err
	}
	if w.standing.Owed.Currency() != rule.MinBalance.Currency() {
		w.standing.Owed = money.Amount{} // a rule in another currency can't pay it
	}
	customer, err := optional(tx.Customer(portalID))
	if err != nil {
		return w, err
	}
	if customer != nil && s.provider != nil {
		w.customer = *customer
		w.standing.Method = customer.MethodStatus == "set"
		w.standing.Fingerprint, w.standing.Token = customer.Fingerprint, customer.Method
	}
	switch _, err := tx.OpenCollection(portalID); {
	case err == nil:
		w.standing.Busy = true
	case !errors.Is(err, store.ErrNotFound):
		return w, err
	}
	if w.standing.Breaker, err = breakerOf(tx, portalID); err != nil {
		return w, err
	}
	charged, err := tx.TopUpsSince(portalID, now.Add(-wallet.MonthWindow))
	for _, c := range charged {
		w.standing.Charged = append(w.standing.Charged, wallet.Charged{At: c.OpenedAt, Amount: c.Amount})
	}
	w.Decision = wallet.Decide(w.rule, w.standing)
	return w, err
}

// availableIn returns what can be spent of a portal's wallet in a currency, without
// what its credit limit would allow besides.
func availableIn(tx *store.Tx, portalID string, currency money.Currency) (money.Amount, error) {
	pockets, err := tx.Pockets(portalID, ledger.Main)
	if err != nil {
		return money.Amount{}, err
	}
	for _, p := range pockets {
		if p.Currency() == currency {
			return p.Balance.Sub(p.Held)
		}
	}
	return money.FromUnits(0, currency), nil
}

func breakerOf(tx *store.Tx, portalID string) (wallet.Breaker, error) {
	t, err := tx.TopUp(portalID)
	return wallet.Breaker{
		Declines: int(t.Declines), RetryAt: t.RetryAt, SuspendedAt: t.SuspendedAt, Reason: t.Reason, Fingerprint: t.Fingerprint, Method: t.Method,
	}, err
}

func putBreaker(tx *store.Tx, b wallet.Breaker) error {
	return tx.PutTopUp(store.TopUp{
		Declines: int64(b.Declines), RetryAt: b.RetryAt, SuspendedAt: b.SuspendedAt, Reason: b.Reason, Fingerprint: b.Fingerprint, Method: b.Method,
	})
}

// endRound ends a round whose collection has ended. What is still wanted, now or
// later, is another one.
func (s *Service) endRound(tx *store.Tx, r *run, w wantedTopUp) error {
	if err := r.end(tx, time.Time{}, ""); err != nil || w.Do == wallet.Nothing && w.Reason != wallet.Busy {
		return err
	}
	now := s.now()
	next := store.Job{Kind: jobTopUp, RunAt: now, Input: topUpMemory{Low: true}.String()}
	if w.Do == wallet.Wait && w.Reason == wallet.BackingOff { // that it waits was told with the decline
		next.RunAt = w.Until
	}
	return tx.CauseJob(now, next)
}

// beginTopUp does what the rule says at the beginning of a round, and returns the
// collection that is to be asked for if that is to collect.
func (s *Service) beginTopUp(tx *store.Tx, t *trail, r *run, w wantedTopUp) (c store.Collection, isNew bool, err error) {
	var told topUpMemory
	if r.job.Input != "" {
		if err := json.Unmarshal([]byte(r.job.Input), &told); err != nil {
			return c, false, hopeless{fmt.Errorf("input: %w", err)}
		}
	}
	if low, err := w.standing.Available.Compare(w.rule.Floor); w.exists && err == nil && low < 0 && !told.Low {
		told.Low = true
		t.tell(event.BalanceLow{Available: event.Sum(w.standing.Available), Floor: event.Sum(w.rule.Floor)})
	}
	if w.Do != wallet.Collect && w.tells() && told.Skipped != string(w.Reason) {
		told.Skipped = string(w.Reason)
		t.tell(w.skipped(r.job))
	}
	switch {
	case w.Do == wallet.Wait:
		return c, false, r.end(tx, w.Until, told.String())
	case w.Reason == wallet.Busy:
		return c, false, r.end(tx, s.now().Add(abandonAfter), told.String()) // or when that has ended
	case w.Do != wallet.Collect:
		return c, false, r.end(tx, time.Time{}, "")
	}
	now := s.now()
	c = store.Collection{
		PortalID: r.job.PortalID, Key: topUpKey(r.job.Round), State: store.CollectionOpen, Provider: s.provider.Name(),
		Input:  ledger.InputOf("top_up", w.Amount.Currency(), w.Amount.Units(), r.job.Round),
		Amount: w.Amount, OpenedAt: now, AskedAt: now, Purpose: store.ForDeposit, Automatic: true,
	}
	t.tell(event.TopUpPlanned{
		TopUp: TopUpID(r.job.PortalID, r.job.Round), Cause: string(w.Reason), Amount: event.Sum(w.Amount),
		Available: event.Sum(w.standing.Available), Floor: event.Sum(w.rule.Floor), Target: event.Sum(w.rule.Target),
		LimitedBy: string(w.LimitedBy), Method: w.customer.MethodLabel,
	})
	return c, true, insertCollection(tx, t, &c, w.customer)
}

// tells reports whether others should know that nothing is collected: not when
// nothing need be, or something is under way, or nobody wants it.
func (w wantedTopUp) tells() bool {
	switch w.Reason {
	case wallet.Enough, wallet.Disabled, wallet.Busy:
		return false
	}
	return true
}

func (w wantedTopUp) skipped(job store.Job) event.TopUpSkipped {
	limits, limit := w.rule.Limits(), money.Amount{}
	switch w.Reason {
	case wallet.CapDay:
		limit = limits.Day
	case wallet.CapMonth:
		limit = limits.Month
	}
	return event.TopUpSkipped{
		TopUp: TopUpID(job.PortalID, job.Round), Reason: string(w.Reason), Limit: event.Sum(limit),
		Available: event.Sum(w.standing.Available), Floor: event.Sum(w.rule.Floor), Target: event.Sum(w.rule.Target), RetryAt: event.At(w.Until),
	}
}

// topUpEnded writes down how a card did, and tells of it, in the transaction in which
// a top-up ends or turns out to be unknown.
func (s *Service) topUpEnded(tx *store.Tx, t *trail, c, before store.Collection, transfer string) error {
	customer, err := optional(tx.Customer(c.PortalID))
	if err != nil {
		return err
	}
	label := ""
	if customer != nil {
		label = customer.MethodLabel
	}
	switch c.State {
	case store.CollectionUnknown:
		if before.State == store.CollectionOpen {
			t.tell(event.TopUpUnknown{TopUp: roundOf(c), Collection: CollectionID(c), Amount: event.Sum(c.Amount), Method: label})
		}
		return nil
	case store.CollectionDeclined:
		return s.topUpDeclined(tx, t, c, customer, label)
	}
	available, err := availableIn(tx, c.PortalID, c.Amount.Currency())
	if err != nil {
		return err
	}
	t.tell(event.TopUpSucceeded{
		TopUp: roundOf(c), Collection: CollectionID(c), Transfer: transfer, Amount: event.Sum(c.Amount), Available: event.Sum(available), Method: label,
	})
	breaker, err := breakerOf(tx, c.PortalID)
	if err != nil || breaker == breaker.Settled() {
		return err
	}
	return putBreaker(tx, breaker.Settled())
}

func (s *Service) topUpDeclined(tx *store.Tx, t *trail, c store.Collection, customer *store.Customer, label string) error {
	breaker, err := breakerOf(tx, c.PortalID)
	if err != nil {
		return err
	}
	fingerprint, method := "", ""
	if customer != nil && !customer.MethodAt.After(c.OpenedAt) { // a newer card is not the one that declined
		fingerprint, method = customer.Fingerprint, customer.Method
	}
	breaker = breaker.Declined(s.now(), c.Reason, fingerprint, method)
	t.tell(event.TopUpDeclined{
		TopUp: roundOf(c), Collection: CollectionID(c), Amount: event.Sum(c.Amount), Reason: c.Reason, Declines: int64(breaker.Declines),
		RetryAt: event.At(breaker.RetryAt), Method: label,
	})
	if !breaker.SuspendedAt.IsZero() {
		available, err := availableIn(tx, c.PortalID, c.Amount.Currency())
		if err != nil {
			return err
		}
		t.tell(event.TopUpSuspended{
			TopUp: roundOf(c), Reason: c.Reason, Declines: int64(breaker.Declines), Available: event.Sum(available), Method: label,
		})
	}
	if err := putBreaker(tx, breaker); err != nil {
		return err
	}
	return tx.HastenJobs(s.now(), jobRunway, "") // it does not last as long as it would have
}

// causeTopUp has the transaction's portal looked at by its top-up rule, now, as though
// some of it was told already.
func (s *Service) causeTopUp(tx *store.Tx, told topUpMemory) error {
	now := s.now()
	if err := tx.CauseJob(now, store.Job{Kind: jobTopUp, RunAt: now, Input: told.String()}); err != nil {
		return err
	}
	return tx.HastenJobs(now, jobTopUp, "")
}

// ruleOf returns a rule in the terms in which it decides.
func ruleOf(r *store.TopUpRule) wallet.Rule {
	return wallet.Rule{
		Enabled: r.Enabled, Floor: r.MinBalance, Target: r.UpTo,
		Caps: wallet.Caps{Charge: r.MaxCharge, Day: r.MaxDay, Month: r.MaxMonth, Count: int(r.MaxCount)},
	}
}
