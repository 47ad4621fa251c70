package wallet

import (
	"fmt"
	"math"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// Rule is a top-up rule: when a wallet is refilled by itself, and up to what.
// Amounts are all in one currency, which ISO 4217 lists.
type Rule struct {
	// Enabled is false for a rule that only keeps its amounts.
	Enabled bool
	// Floor is the available amount below which the wallet is refilled, Target the
	// one that it is refilled to. Target is above Floor, and no less than the
	// currency's minor unit.
	Floor, Target money.Amount
	Caps          Caps
}

// Check returns nil for a rule that can be followed, else an error that names the
// field. Whether a rule is within what a portal may set is not checked.
func (r Rule) Check() error {
	currency := r.Target.Currency()
	if !currency.Known() {
		return fmt.Errorf("target: %w: %q", money.ErrCurrency, currency)
	}
	if r.Target.Units() < minorUnit(currency) {
		return fmt.Errorf("target: %s is less than the least that can be collected", r.Target)
	}
	order, err := r.Target.Compare(r.Floor)
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	if order <= 0 {
		return fmt.Errorf("target: %s is not above the floor %s", r.Target, r.Floor)
	}
	for _, c := range []struct {
		name   string
		amount money.Amount
	}{{"charge", r.Caps.Charge}, {"day", r.Caps.Day}, {"month", r.Caps.Month}} {
		switch {
		case c.amount.Sign() == 0:
		case c.amount.Sign() < 0:
			return fmt.Errorf("caps.%s: %s is below nought", c.name, c.amount)
		case c.amount.Currency() != currency:
			return fmt.Errorf("caps.%s: %w: %s and %s", c.name, money.ErrCurrencyMismatch, c.amount.Currency(), currency)
		case c.amount.Units() < minorUnit(currency):
			return fmt.Errorf("caps.%s: %s is less than the least that can be collected", c.name, c.amount)
		}
	}
	if r.Caps.Count < 0 {
		return fmt.Errorf("caps.count: %d is below nought", r.Caps.Count)
	}
	return nil
}

// Standing is what there is to know about a wallet when its rule is asked. Amounts
// are in the rule's currency.
type Standing struct {
	Now time.Time
	// Available is what may be spent: the balance less what is held.
	Available money.Amount
	// Owed is what is to be paid from the wallet soon, such as a renewal that is due;
	// nought, or the zero Amount: nothing.
	Owed money.Amount
	// Method says that there is a payment method to collect by, which has not expired,
	// Fingerprint and Token which it is, as in [Breaker].
	Method             bool
	Fingerprint, Token string
	// Busy says that a collection for the wallet is open, automatic or by hand: it
	// may have taken the money already.
	Busy    bool
	Breaker Breaker
	// Charged are the automatic collections of the last 30 days that were not
	// declined, in any order. Older ones do no harm; those in another currency count
	// as collections, but not in money.
	Charged []Charged
}

// Charged is one automatic collection that has taken money, or may have.
type Charged struct {
	At     time.Time
	Amount money.Amount
}

// Do is what is to be done with a wallet.
type Do string

const (
	// Nothing: until something changes. Whoever changes it asks again.
	Nothing Do = "nothing"
	// Collect: by a charge of the payment method.
	Collect Do = "collect"
	// Wait: it would be collected, but not before a moment.
	Wait Do = "wait"
)

// Reason is why a rule does what it does, for programs. What one stands for never
// changes.
type Reason string

// Reasons to do nothing.
const (
	// Disabled: the rule is switched off.
	Disabled Reason = "disabled"
	// Invalid: the rule fails its Check, or the wallet is in another currency.
	Invalid Reason = "invalid"
	// Enough: no less is available than the floor and what is owed.
	Enough Reason = "enough"
	// TargetTooLow: the floor is kept, and more is owed than there would be with
	// the target reached.
	TargetTooLow Reason = "target_too_low"
	// NoMethod: there is nothing to collect by.
	NoMethod Reason = "no_method"
	// Busy: another collection is open. Ask again when it has ended.
	Busy Reason = "busy"
	// Suspended: the card was declined too often. A new one resumes it.
	Suspended Reason = "suspended"
)

// Reasons to collect.
const (
	// BelowFloor: less is available than the floor.
	BelowFloor Reason = "below_floor"
	// Due: more is owed than is available.
	Due Reason = "due"
)

// Reasons to wait, and, of CapCharge, CapDay and CapMonth, to collect less.
const (
	// BackingOff: the card was declined, and is tried again later.
	BackingOff Reason = "backing_off"
	// CapCharge limits one collection. It never makes anybody wait.
	CapCharge Reason = "cap_charge"
	// CapDay limits the money of 24 hours, CapMonth that of 30 days.
	CapDay   Reason = "cap_day"
	CapMonth Reason = "cap_month"
	// CapCount limits the collections of 24 hours.
	CapCount Reason = "cap_count"
)

// Decision is what a rule says to do.
type Decision struct {
	Do Do
	// Amount is what to collect, whole in minor units and above nought; the zero
	// Amount unless Do is Collect.
	Amount money.Amount
	// Until is when to ask again; the zero Time unless Do is Wait.
	Until  time.Time
	Reason Reason
	// LimitedBy is the cap that made Amount smaller; "" if none did.
	LimitedBy Reason
}

// Decide says what a rule does with a wallet that stands so.
//
// It collects when less is available than the floor, or than what is owed: what is
// missing up to the target, rounded up to the currency's minor unit, once. A cap
// that leaves less makes it less. What the caps of 24 hours and 30 days leave is
// collected if it is no less than what the rule would collect at its floor, or all
// that is missing, or all that the cap ever allows; else it waits until so much is
// free, so that the end of a cap is not collected in crumbs.
//
// It never collects more than any cap allows, while another collection is open, or
// after a decline before its time.
func Decide(r Rule, s Standing) Decision {
	if !r.Enabled {
		return Decision{Do: Nothing, Reason: Disabled}
	}
	if r.Check() != nil || !s.in(r.Target.Currency()) {
		return Decision{Do: Nothing, Reason: Invalid}
	}
	why := trigger(r, s)
	switch {
	case why == Enough || why == TargetTooLow:
		return Decision{Do: Nothing, Reason: why}
	case !s.Method:
		return Decision{Do: Nothing, Reason: NoMethod}
	case s.Busy:
		return Decision{Do: Nothing, Reason: Busy}
	case s.Breaker.Resumes(s.Fingerprint, s.Token):
		// It stopped another card.
	case !s.Breaker.SuspendedAt.IsZero():
		return Decision{Do: Nothing, Reason: Suspended}
	case s.Now.Before(s.Breaker.RetryAt):
		return Decision{Do: Wait, Until: s.Breaker.RetryAt, Reason: BackingOff}
	}
	return collect(r, s, why)
}

// in reports whether the standing's amounts are in a currency.
func (s Standing) in(c money.Currency) bool {
	return s.Available.Currency() == c && (s.Owed.Sign() == 0 || s.Owed.Currency() == c)
}

// trigger returns BelowFloor or Due when there is a reason to collect, else Enough or
// TargetTooLow.
func trigger(r Rule, s Standing) Reason {
	available := s.Available.Units()
	switch {
	case available < r.Floor.Units():
		return BelowFloor
	case s.Owed.Units() <= available:
		return Enough
	case s.Owed.Units() > r.Target.Units():
		// Up to the target is what the customer agreed to; it would not pay what is
		// owed, so nothing is taken for it.
		return TargetTooLow
	}
	return Due
}

// collect says how much of what is missing the caps allow.
func collect(r Rule, s Standing, why Reason) Decision {
	limits, unit := r.Limits(), minorUnit(r.Target.Currency())
	amount, limitedBy := missing(r, s), Reason("")
	if most := wholeUnits(limits.Charge, unit); amount > most {
		amount, limitedBy = most, CapCharge
	}
	windows := []window{
		{CapDay, DayWindow, wholeUnits(limits.Day, unit)},
		{CapMonth, MonthWindow, wholeUnits(limits.Month, unit)},
	}
	least := min(amount, roundUp(r.Target.Units()-r.Floor.Units(), unit))
	for _, w := range windows {
		least = min(least, w.most)
	}
	wait := Decision{Do: Wait, Reason: CapCount, Until: freeCount(s, limits.Count)}
	for _, w := range windows {
		if free := w.free(s, r.Target.Currency(), least); free.After(wait.Until) {
			wait.Until, wait.Reason = free, w.cap
		}
		if left := w.most - w.spent(s, r.Target.Currency()); left < amount {
			amount, limitedBy = left-left%unit, w.cap
		}
	}
	if wait.Until.After(s.Now) {
		return wait
	}
	return Decision{Do: Collect, Amount: money.FromUnits(amount, r.Target.Currency()), Reason: why, LimitedBy: limitedBy}
}

// missing returns what is missing up to the target in units, rounded up to the minor
// unit; the most there is where there is no such amount.
func missing(r Rule, s Standing) int64 {
	short, err := r.Target.Sub(s.Available)
	if err != nil {
		return math.MaxInt64
	}
	// Whoever collects must round as this does, so that it is asked, not repeated.
	whole, err := payment.Collectable(short)
	if err != nil {
		return math.MaxInt64
	}
	return whole.Units()
}

// minorUnit returns the currency's minor unit in units of money.
func minorUnit(c money.Currency) int64 {
	unit := int64(money.Scale)
	for range c.Digits() {
		unit /= 10
	}
	return unit
}

func wholeUnits(a money.Amount, unit int64) int64 { return a.Units() - a.Units()%unit }

func roundUp(units, unit int64) int64 {
	if over := units % unit; over != 0 {
		return addCapped(units, unit-over)
	}
	return units
}

// addCapped returns a + b, neither of them negative, or the most there is.
func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
