package check

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// Policy says what is wrong. The zero Policy asks for nothing that a number would be
// needed for: that the portal answers, is paid for and outgrows nothing, that its
// top-up rule can act, and that somebody may pay.
type Policy struct {
	// MinBalance is what a wallet has at least; less is critical. Less than WarnBalance
	// is a warning.
	MinBalance, WarnBalance Floors
	// MinRunway is for how long it lasts at least, at worst: as the dearest of the last
	// weeks goes on, refilled if a rule refills it. Shorter is critical, and a warning
	// if shorter than WarnRunway. 0 asks for none.
	MinRunway, WarnRunway time.Duration
	// DueWithin is how far ahead payments must be covered; 0 looks at none.
	DueWithin time.Duration
	// MaxAge is how old what was read may be, the portal's own caches included; 0 means
	// any age.
	MaxAge time.Duration
	// TopUp says that a top-up rule has to be on.
	TopUp bool
}

// PortalCache is for how long portals keep what they were told by their billing and
// accounting, failures too, and so how old an answer may be that was not asked to look
// past that. Source: contract, "Caches".
const PortalCache = 10 * time.Minute

// longest is the longest runway that can be asked for: of longer ones nothing is known.
const longest = wallet.Horizon * 24 * time.Hour

// Check returns an error for a policy that can't be kept to; it names the field.
func (p Policy) Check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"MinRunway", p.MinRunway}, {"WarnRunway", p.WarnRunway}, {"DueWithin", p.DueWithin}, {"MaxAge", p.MaxAge}} {
		if d.value < 0 {
			return fmt.Errorf("%s: %s is less than nothing", d.name, d.value)
		}
	}
	switch {
	case p.MinRunway > longest:
		return fmt.Errorf("MinRunway: nothing is foretold beyond %d days", wallet.Horizon)
	case p.WarnRunway > longest:
		return fmt.Errorf("WarnRunway: nothing is foretold beyond %d days", wallet.Horizon)
	case p.WarnRunway > 0 && p.WarnRunway <= p.MinRunway:
		return fmt.Errorf("WarnRunway: %s is not longer than MinRunway", p.WarnRunway)
	}
	return p.WarnBalance.above(p.MinBalance)
}

// Refresh reports whether portals must be asked to look past their caches, for the
// answers to be young enough.
func (p Policy) Refresh() bool { return p.MaxAge > 0 && p.MaxAge < PortalCache }

// Rules returns what is looked at, in the order in which it is.
func (p Policy) Rules() []Rule {
	all := []Rule{RuleRead}
	for _, r := range []struct {
		rule  Rule
		asked bool
	}{
		{RuleAge, p.MaxAge > 0}, {RuleBalance, p.balances()}, {RuleRunway, p.runways()}, {RuleDue, p.DueWithin > 0},
		{RulePlan, true}, {RuleTopUp, true}, {RulePayer, true},
	} {
		if r.asked {
			all = append(all, r.rule)
		}
	}
	return all
}

func (p Policy) balances() bool { return p.MinBalance.asked() || p.WarnBalance.asked() }

func (p Policy) runways() bool { return p.MinRunway > 0 || p.WarnRunway > 0 }

// Floors are the least that wallets may have. The zero Floors ask for nothing.
type Floors struct {
	// Each is for every currency that Of does not name; nil asks for nothing. It is in
	// no currency.
	Each *money.Amount
	// Of are by currency. A wallet need not have all of the currencies, but one.
	Of map[money.Currency]money.Amount
}

// ParseFloors reads amounts like "20", for each currency, and "USD=20".
func ParseFloors(texts []string) (f Floors, err error) {
	for _, text := range texts {
		code, number, named := strings.Cut(strings.TrimSpace(text), "=")
		currency := money.Currency(strings.ToUpper(strings.TrimSpace(code)))
		if !named {
			currency, number = "", code
		}
		amount, err := money.Parse(strings.TrimSpace(number), currency)
		switch {
		case named && !currency.Known():
			return Floors{}, fmt.Errorf("%q: there is no currency %q", text, code)
		case err != nil:
			return Floors{}, fmt.Errorf("%q is neither an amount such as 20 nor one with its currency such as USD=20: %w", text, err)
		case amount.Sign() < 0:
			return Floors{}, fmt.Errorf("%q is less than nothing", text)
		}
		if _, twice := f.Of[currency]; twice || !named && f.Each != nil {
			return Floors{}, fmt.Errorf("%q: there is another limit already", text)
		}
		if !named {
			f.Each = &amount
			continue
		}
		if f.Of == nil {
			f.Of = map[money.Currency]money.Amount{}
		}
		f.Of[currency] = amount
	}
	return f, nil
}

func (f Floors) asked() bool { return f.Each != nil || len(f.Of) > 0 }

// of returns the floor for a currency; false when there is none.
func (f Floors) of(c money.Currency) (money.Amount, bool) {
	if floor, ok := f.Of[c]; ok {
		return floor, true
	}
	if f.Each != nil {
		return money.FromUnits(f.Each.Units(), c), true
	}
	return money.Amount{}, false
}

// above returns an error if a floor is not above the other that asks for the same.
func (f Floors) above(low Floors) error {
	if f.Each != nil && low.Each != nil && f.Each.Units() <= low.Each.Units() {
		return errors.New("WarnBalance: it is not more than MinBalance")
	}
	for currency := range f.Of {
		warn, _ := f.of(currency)
		if limit, ok := low.of(currency); ok && warn.Units() <= limit.Units() {
			return fmt.Errorf("WarnBalance: %s is not more than MinBalance", warn)
		}
	}
	for currency := range low.Of {
		if warn, ok := f.of(currency); ok && warn.Units() <= low.Of[currency].Units() {
			return fmt.Errorf("WarnBalance: %s is not more than MinBalance", warn)
		}
	}
	return nil
}
