package docspace

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// firstSearch is the pause before a lost deposit is looked for again, doubled each
	// time up to lastSearch. Portals bear ten deposits a minute.
	firstSearch, lastSearch = 6 * time.Second, time.Minute
	// maxFound is how many operations an intent keeps for people.
	maxFound = 5
)

func (d *Depositor) settle() time.Duration { return orDefault(d.Settle, defaultSettle) }
func (d *Depositor) apart() time.Duration  { return orDefault(d.Apart, defaultApart) }

// sleep waits.
func (d *Depositor) sleep(ctx context.Context, pause time.Duration) error {
	if d.Sleep != nil {
		return d.Sleep(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause is how long to wait before the next look: growing, but never past the moment
// at which absence begins to say something.
func (d *Depositor) pause(intent *DepositIntent, looks int) time.Duration {
	pause := min(firstSearch<<min(looks, 8), lastSearch)
	here := d.now()
	left := func(from Clocks, span time.Duration) time.Duration { return span - here.Sub(from.Here) }
	switch {
	case !intent.Clear.IsZero():
		pause = max(left(intent.Clear, d.apart()), time.Second)
	case !intent.Since.IsZero() && left(intent.Since, d.settle()) > 0:
		pause = min(pause, max(left(intent.Since, d.settle()), time.Second))
	}
	return pause
}

// tired reports whether looking has gone on for so long that it will hardly help.
func (d *Depositor) tired(intent *DepositIntent) bool {
	return d.now().Sub(intent.Before.At.Here) > 2*d.settle()+10*d.apart()
}

// find finds out what came of a deposit whose answer is lost, and notes it.
func (d *Depositor) find(ctx context.Context, intent *DepositIntent) error {
	w, _, err := d.purse().look(ctx, intent.Amount.Currency(), intent.Before.From)
	if err != nil {
		intent.State, intent.Doubt, intent.Clear = DepositUnknown, DoubtSilent, Clocks{}
		return d.note(ctx, intent, err)
	}
	if intent.Since.IsZero() { // whoever sent it has its answer, or is gone
		intent.Since = w.at
	}
	if intent.Before.Keyed && w.keyed {
		err := d.send(ctx, intent, true)
		if failure := (*Error)(nil); !intent.State.open() || !errors.As(err, &failure) || !refused(failure) {
			return err
		}
		// This call charged nothing. What an earlier one did is still to be seen.
	}
	intent.State, intent.Doubt = DepositUnknown, ""
	owed := len(intent.Before.Owed)
	some := like(intent.Amount, intent.Before.since(w.rows, nil))
	intent.Found = nil
	for _, r := range some[:min(len(some), maxFound)] {
		intent.Found = append(intent.Found, r.Operation)
	}
	switch {
	case len(some) == 0 && owed == 0, d.Alone && !intent.Before.Unsure && len(some) == owed:
		d.absent(intent, w)
	case len(some) < owed:
		intent.Doubt = DoubtEarlier
	case d.Alone && !intent.Before.Unsure && len(some) == owed+1:
		if err := d.completed(ctx, intent, some, w.at); err != nil {
			return d.note(ctx, intent, err)
		}
	case len(some) == 1:
		intent.Doubt = DoubtOne
	default:
		intent.Doubt = DoubtSeveral
	}
	if intent.Doubt != DoubtOnce {
		intent.Clear = Clocks{}
	}
	if !intent.State.open() {
		if err := d.claim(ctx, intent, some); err != nil {
			return err
		}
	}
	return d.note(ctx, intent, nil)
}

// note writes down what was found.
func (d *Depositor) note(ctx context.Context, intent *DepositIntent, cause error) error {
	if err := d.save(ctx, intent); err != nil {
		return errors.Join(intent.err(cause), err)
	}
	return intent.err(cause)
}

// absent decides about a deposit that is not among the operations.
func (d *Depositor) absent(intent *DepositIntent, w *wallet) {
	fresh := intent.Before.since(w.rows, nil)
	switch {
	case intent.Before.Late:
		intent.Doubt = DoubtMethod
	case w.at.since(intent.Since) < d.settle():
		intent.Doubt = DoubtEarly
	case !intent.Before.addsUp(w.balance, fresh):
		intent.Doubt = DoubtBalance
	case intent.Clear.IsZero():
		intent.Doubt, intent.Clear = DoubtOnce, w.at
	case w.at.since(intent.Clear) < d.apart():
		intent.Doubt = DoubtOnce
	default:
		intent.State, intent.Evidence, intent.Message = DepositNotDone, ByAbsence, ""
	}
}

// completed decides about a deposit that is among the operations: those that were
// rejected, or are pending, may stand there too.
func (d *Depositor) completed(ctx context.Context, intent *DepositIntent, some []row, at Clocks) error {
	rows, err := d.purse().operations(ctx, OperationsQuery{
		From: intent.Before.From, To: at.Portal.Add(lookAhead), Type: DepositPayment, Status: Completed,
	})
	if err != nil {
		intent.Doubt = DoubtSilent
		return err
	}
	if len(like(intent.Amount, intent.Before.since(rows, nil))) != len(some) {
		intent.Doubt = DoubtPending
		return nil
	}
	intent.State, intent.Evidence = DepositDone, ByOperation
	return nil
}

// claim says whose the new operations are: those of earlier deposits came first.
func (d *Depositor) claim(ctx context.Context, intent *DepositIntent, some []row) error {
	sorted := earliest(some)
	for n, key := range intent.Before.Owed {
		if n >= len(sorted) {
			break
		}
		other, err := d.Store.Load(ctx, intent.Portal, key)
		if err != nil || other == nil || other.Operation != "" {
			continue // a hint that is lost
		}
		other.Operation = sorted[n].id
		if err := d.Store.Save(context.WithoutCancel(ctx), other); err != nil {
			return errors.Join(intent.err(nil), err)
		}
	}
	if intent.State == DepositDone && len(sorted) > 0 {
		intent.Operation = sorted[len(sorted)-1].id
	}
	return nil
}

// earliest sorts rows by their dates.
func earliest(rows []row) []row {
	return slices.SortedStableFunc(slices.Values(rows), func(a, b row) int { return a.Date.Compare(b.Date.Time) })
}
