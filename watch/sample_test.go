package watch_test

import (
	"errors"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
	"github.com/bursarhq/bursar/watch"
)

// noon is when the tests begin to watch.
var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func cents(n int64, c money.Currency) money.Amount { return money.FromUnits(n*money.Scale/100, c) }

// pocket is what a wallet has, and for how many days it lasts; below 0 for not known.
type pocket struct {
	has   money.Amount
	lasts int
}

// answer is what a portal says when all of it arrives.
func answer(name string, at time.Time, pockets ...pocket) watch.Answer {
	a := watch.Answer{Name: name, At: at, Past: map[money.Currency][]money.Amount{}}
	a.Report = &docspace.Report{
		Portal: "https://" + name, RetrievedAt: at, Asked: watch.Parts(), Failed: map[docspace.Part]error{},
		Balance:  &docspace.Balance{},
		Customer: &docspace.CustomerInfo{Email: "owner@example.com", Payer: &docspace.Person{DisplayName: "Olivia Owner"}},
		Quota:    &docspace.Quota{ID: -9, Title: "Business", DueDate: docspace.Time{Time: noon.Add(23 * day)}},
		TopUp:    &docspace.TopUpSettings{Enabled: true, MinBalance: cents(2000, "USD"), UpToBalance: cents(10000, "USD")},
	}
	a.Runway = &fleet.Runway{}
	for _, p := range pockets {
		a.Balance.SubAccounts = append(a.Balance.SubAccounts, docspace.SubAccount{Amount: p.has})
		one := fleet.PocketRunway{Available: p.has, Days: 28}
		if p.lasts >= 0 {
			one.Runway = wallet.Runway{
				Known: true, Weekly: wallet.Weekly{Likely: cents(1320, p.has.Currency())},
				Alone: wallet.Band{Pessimistic: p.lasts / 2, Likely: p.lasts, Optimistic: min(2*p.lasts, wallet.Horizon)},
			}
		}
		a.Runway.Pockets = append(a.Runway.Pockets, one)
		var past []money.Amount
		for n := range int64(14) {
			past = append(past, money.FromUnits(p.has.Units()*(20-n)/7, p.has.Currency()))
		}
		a.Past[p.has.Currency()] = append(past[:13], p.has)
	}
	return a
}

// refused is what comes of a portal that can't be reached.
func refused(name string, at time.Time) watch.Answer {
	return watch.Answer{Name: name, At: at, Err: errors.New("Failed to reach the portal: connection refused")}
}

// without takes parts out of an answer.
func without(a watch.Answer, parts ...docspace.Part) watch.Answer {
	for _, part := range parts {
		a.Failed[part] = errors.New("502 - a web page titled \"Bad gateway\"")
		switch part {
		case docspace.PartBalance:
			a.Balance = nil
		case docspace.PartQuota:
			a.Quota = nil
		case docspace.PartTopUp:
			a.TopUp = nil
		case docspace.PartCustomer:
			a.Customer = nil
		case fleet.PartRunway:
			a.Runway = nil
		}
	}
	return a
}
