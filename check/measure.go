package check

import (
	"strconv"

	"github.com/bursarhq/bursar/docspace"
)

// Measure is a number that a rule looked at, whether it is well or not.
type Measure struct {
	// Portal and Name are what it is called: "acme" and "USD", or "USD runway".
	Portal, Name string
	// Value is in decimal; Warn and Critical are the least that it should be, "" where
	// there is no such limit.
	Value, Warn, Critical string
	// Unit is a currency, or "days".
	Unit string
}

// Measures returns what is in each pocket, and for how many days it lasts at worst where
// that is asked for and known.
func (p Policy) Measures(f Facts) (all []Measure) {
	if f.Report == nil || f.Report.Balance == nil {
		return nil
	}
	for _, sub := range f.Report.Balance.SubAccounts {
		m := Measure{Portal: f.Portal, Name: string(sub.Amount.Currency()), Value: sub.Amount.Decimal(), Unit: string(sub.Amount.Currency())}
		m.Warn, m.Critical = floorText(p.WarnBalance, sub), floorText(p.MinBalance, sub)
		all = append(all, m)
	}
	if f.Runway == nil || !p.runways() {
		return all
	}
	for _, pocket := range f.Runway.Pockets {
		if !pocket.Known {
			continue
		}
		m := Measure{Portal: f.Portal, Name: string(pocket.Available.Currency()) + " runway", Value: strconv.Itoa(pocket.Runway.Days().Pessimistic), Unit: "days"}
		if p.WarnRunway > 0 {
			m.Warn = inDays(p.WarnRunway)
		}
		if p.MinRunway > 0 {
			m.Critical = inDays(p.MinRunway)
		}
		all = append(all, m)
	}
	return all
}

func floorText(f Floors, sub docspace.SubAccount) string {
	floor, ok := f.of(sub.Amount.Currency())
	if !ok {
		return ""
	}
	return floor.Decimal()
}
