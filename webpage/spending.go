package webpage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// spending is what was spent in a currency, by service, the most first.
type spending struct {
	Services []service
	Total    string
	Since    string // the day from which on it is counted
	Note     string
}

// service is a row of it.
type service struct {
	Name, Amount, Share string
	Bar                 int // how long its bar is, of size
}

// maxServices is how many services have a row of their own.
const maxServices = 8

// sum is what was spent on one service.
type sum struct {
	name  string
	spent money.Amount
}

// newSpending adds up what was spent in a currency.
func newSpending(h *fleet.History, c money.Currency) spending {
	if h == nil {
		return spending{}
	}
	sums, total, err := byService(h, c)
	if err != nil {
		return spending{Note: "What was spent can't be added up: " + shown(err.Error()) + "."}
	}
	if len(sums) == 0 {
		return spending{Note: fmt.Sprintf("Nothing was spent in %s.", currencyText(c))}
	}
	if len(sums) > maxServices+1 {
		rest := sum{fmt.Sprintf("%d others", len(sums)-maxServices), money.FromUnits(0, c)}
		for _, s := range sums[maxServices:] {
			if rest.spent, err = rest.spent.Add(s.spent); err != nil {
				return spending{Note: "What was spent can't be added up: " + shown(err.Error()) + "."}
			}
		}
		sums = append(sums[:maxServices:maxServices], rest)
	}
	most := slices.MaxFunc(sums, func(a, b sum) int { return cmp.Compare(a.spent.Units(), b.spent.Units()) }).spent
	all := spending{Total: amountText(total), Since: dayText(h.From)}
	for _, s := range sums {
		row := service{Name: s.name, Amount: s.spent.Grouped()}
		if s.spent.Sign() > 0 {
			row.Bar = max(part(size, uint64(s.spent.Units()), uint64(most.Units())), 4)
			row.Share = shareText(s.spent, total)
		}
		all.Services = append(all.Services, row)
	}
	return all
}

// byService adds up what was spent on each service, the most first.
func byService(h *fleet.History, c money.Currency) (sums []sum, total money.Amount, err error) {
	places := map[string]int{}
	total = money.FromUnits(0, c)
	for i := range h.Operations { // the newest last: it names the service
		o := &h.Operations[i]
		change := fleet.Change(o)
		if change.Currency() != c || change.Sign() == 0 || !fleet.Spends(o) {
			continue
		}
		key := cmp.Or(o.Service, o.Description, string(o.Type))
		place, known := places[key]
		if !known {
			place = len(sums)
			places[key] = place
			sums = append(sums, sum{spent: money.FromUnits(0, c)})
		}
		sums[place].name = cmp.Or(shown(o.Description), shown(o.Service), shown(string(o.Type)), "something without a name")
		if sums[place].spent, err = sums[place].spent.Sub(change); err != nil {
			return nil, total, err
		}
		if total, err = total.Sub(change); err != nil {
			return nil, total, err
		}
	}
	slices.SortStableFunc(sums, func(a, b sum) int {
		return cmp.Or(cmp.Compare(b.spent.Units(), a.spent.Units()), cmp.Compare(a.name, b.name))
	})
	return sums, total, nil
}

// shareText words a part of what was spent in whole hundredths; "" where that says
// nothing.
func shareText(spent, total money.Amount) string {
	if total.Sign() <= 0 || spent.Units() > total.Units() {
		return ""
	}
	hundredths := part(200, uint64(spent.Units()), uint64(total.Units()))
	if hundredths == 0 {
		return "<" + noBreak + "1" + noBreak + "%"
	}
	return strconv.Itoa((hundredths+1)/2) + noBreak + "%"
}

// spentSince adds up what was spent in each currency since a moment, in the order in
// which they come. Whole is false where not all of it was read.
func spentSince(h *fleet.History, from time.Time) (all []money.Amount, whole bool, err error) {
	for i := range h.Operations {
		o := &h.Operations[i]
		change := fleet.Change(o)
		if o.Date.Before(from) || change.Sign() == 0 || !fleet.Spends(o) {
			continue
		}
		place := slices.IndexFunc(all, func(a money.Amount) bool { return a.Currency() == change.Currency() })
		if place < 0 {
			place = len(all)
			all = append(all, money.FromUnits(0, change.Currency()))
		}
		if all[place], err = all[place].Sub(change); err != nil {
			return nil, false, err
		}
	}
	slices.SortFunc(all, func(a, b money.Amount) int { return cmp.Compare(a.Currency(), b.Currency()) })
	return all, !h.Cut || !h.From.After(from), nil
}
