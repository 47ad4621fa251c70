package webpage_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
	"github.com/bursarhq/bursar/webpage"
)

// noon is when the pages of the tests are made.
var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func cents(n int64, c money.Currency) money.Amount { return money.FromUnits(n*money.Scale/100, c) }

func at(t time.Time) docspace.Time { return docspace.Time{Time: t} }

// paid is an operation that a service was paid with, in cents.
func paid(when time.Time, service, name string, n int64, c money.Currency) docspace.Operation {
	return docspace.Operation{
		Date: at(when), Service: service, Description: name, Type: docspace.ServicePayment, Debit: cents(n, c), Credit: cents(0, c),
	}
}

func deposit(when time.Time, n int64, c money.Currency) docspace.Operation {
	return docspace.Operation{Date: at(when), Type: docspace.DepositPayment, Credit: cents(n, c), Debit: cents(0, c)}
}

// past is what happened in a wallet in 90 days: backups and artificial intelligence on
// workdays, storage on the 16th, and 80 put in when less than 20 would be left. It
// returns what is left of so much.
func past(c money.Currency, begin int64) (*fleet.History, money.Amount) {
	h := &fleet.History{From: noon.Add(-90 * day), To: noon}
	left := begin
	pay := func(when time.Time, service, name string, n int64) {
		left -= n
		h.Operations = append(h.Operations, paid(when, service, name, n, c))
		if left < 2000 {
			h.Operations = append(h.Operations, deposit(when.Add(time.Minute), 10000-left, c))
			left = 10000
		}
	}
	for n := range 90 {
		when := h.From.Add(time.Duration(n)*day + 6*time.Hour)
		if when.Day() == 16 {
			pay(when, "disk-storage", "Storage", 1400)
		}
		if when.Weekday() == time.Saturday || when.Weekday() == time.Sunday {
			continue
		}
		pay(when.Add(time.Hour), "backup", "Backup", 100)
		pay(when.Add(2*time.Hour), "ai-tools", "AI tools", 60+int64(n*37%190))
	}
	return h, cents(left, c)
}

func pocketRunway(available money.Amount, weekly int64, worst, likely, best int) fleet.PocketRunway {
	c := available.Currency()
	return fleet.PocketRunway{Available: available, Days: 28, Runway: wallet.Runway{
		Known: true, Weekly: wallet.Weekly{Pessimistic: cents(weekly*2, c), Likely: cents(weekly, c), Optimistic: cents(weekly/2, c)},
		Alone: wallet.Band{Pessimistic: worst, Likely: likely, Optimistic: best},
	}}
}

func number(n int64) *int64 { return &n }

func counted(id, title string, kind docspace.FeatureType, allowed, used int64) docspace.Feature {
	return docspace.Feature{ID: id, Title: title, Type: kind, Value: docspace.NumberValue(allowed), Used: &docspace.FeatureUsed{Value: number(used)}}
}

// rich is a portal of which all is known.
func rich(name string) *webpage.Portal {
	dollars, left := past("USD", 14850)
	euros := money.FromUnits(25*money.Scale, "EUR")
	report := &docspace.Report{
		Portal: "https://" + name, RetrievedAt: noon, Asked: webpage.Parts(), Failed: map[docspace.Part]error{},
		Customer: &docspace.CustomerInfo{
			Email: "owner@example.com", PaymentMethodStatus: docspace.PaymentMethodSet, PaymentMethodType: "card",
			Payer: &docspace.Person{DisplayName: "Olivia Owner", ProfileURL: "https://" + name + "/profile"},
		},
		Balance: &docspace.Balance{
			SubAccounts: []docspace.SubAccount{{Amount: left}, {Amount: euros}},
			LastCredit:  &docspace.LastCredit{Amount: cents(8025, "USD"), Date: at(noon.Add(-9 * day))},
		},
		Quota: &docspace.Quota{
			ID: -9, Title: "Business", Price: &docspace.Price{Amount: cents(20000, "USD")}, DueDate: at(noon.Add(23 * day)),
			Features: []docspace.Feature{
				counted("manager", "Admins", docspace.FeatureCount, 10, 4),
				counted("total_size", "Storage", docspace.FeatureSize, 2600<<30, 684<<30),
				counted("room", "Rooms", docspace.FeatureCount, 37, 37),
				counted("users", "Guests", docspace.FeatureCount, docspace.Unlimited, 14),
				{ID: "sso", Title: "SSO", Type: docspace.FeatureFlag, Value: docspace.FlagValue(true)},
			},
		},
		TopUp: &docspace.TopUpSettings{Enabled: true, MinBalance: cents(2000, "USD"), UpToBalance: cents(10000, "USD")},
	}
	refilled := pocketRunway(left, 1320, 19, 32, 47)
	refilled.Refilled, refilled.Refills = true, wallet.Band{Pessimistic: wallet.Horizon, Likely: wallet.Horizon, Optimistic: wallet.Horizon}
	return &webpage.Portal{
		Name: name, History: dollars,
		Snapshot: fleet.Snapshot{
			Report: report,
			Runway: &fleet.Runway{Pockets: []fleet.PocketRunway{refilled, {Available: euros, Days: 4}}},
			Upcoming: []docspace.UpcomingPayment{
				{ID: -11, Name: "storage", Title: "Storage", UnitOfMeasure: "GB", Quantity: 100, Wallet: true, DueDate: at(noon.Add(23 * day)), Amount: cents(1400, "USD")},
				{ID: -9, Name: "business", Title: "Business", Quantity: 10, DueDate: at(noon.Add(23 * day)), Amount: cents(20000, "USD")},
			},
		},
	}
}

// mute is a portal that says nothing of what it was asked.
func mute(name string) *webpage.Portal {
	return &webpage.Portal{Name: name, Snapshot: fleet.Snapshot{Report: &docspace.Report{
		Portal: "https://" + name, RetrievedAt: noon, Asked: webpage.Parts(), Failed: map[docspace.Part]error{},
	}}}
}

// partly is a portal some of whose parts failed.
func partly(name string) *webpage.Portal {
	p := rich(name)
	gateway := fmt.Errorf("Failed to get balance: 502 - a web page titled %q", "Bad gateway")
	p.Failed = map[docspace.Part]error{
		docspace.PartBalance: gateway, docspace.PartTopUp: errors.New("the portal is slow"), fleet.PartRunway: gateway,
	}
	p.Balance, p.TopUp, p.Runway, p.History, p.HistoryErr = nil, nil, nil, nil, gateway
	return p
}

// low is a portal that runs dry, and whose payer is gone.
func low(name string) *webpage.Portal {
	p := rich(name)
	h, left := past("EUR", 9900)
	p.History, p.Upcoming = h, nil
	p.Balance = &docspace.Balance{SubAccounts: []docspace.SubAccount{{Amount: left}}}
	p.Runway = &fleet.Runway{Pockets: []fleet.PocketRunway{pocketRunway(left, 6600, 3, 5, 9)}}
	p.TopUp = &docspace.TopUpSettings{MinBalance: cents(0, ""), UpToBalance: cents(0, "")}
	p.Customer = &docspace.CustomerInfo{Email: "gone@example.com", PaymentMethodStatus: docspace.PaymentMethodNone}
	p.Quota = &docspace.Quota{ID: -1, Title: "Startup", Free: true, Price: &docspace.Price{Amount: cents(0, "EUR")}, DueDate: at(noon.Add(-3 * day))}
	return p
}

func down(name string) *webpage.Portal {
	return &webpage.Portal{Name: name, Err: errors.New("Failed to reach the portal: connection refused")}
}

// hostile is a portal whose every text wants to be more than text.
func hostile() *webpage.Portal {
	const evil = `</style></title><script>alert(1)</script><svg onload=alert(1)><img src=x onerror=alert(1)>"'` + "\u202egnp.exe\u0000\x1b[31m\u2066"
	p := rich("evil.example.com")
	p.Name = "evil" + evil
	p.Report.Portal = "javascript:alert(1)//" + evil
	p.Customer.Email, p.Customer.Payer.DisplayName, p.Customer.PaymentMethodType = evil+"@example.com", evil, evil
	p.Customer.Payer.ProfileURL = "javascript:alert(1)"
	p.Quota.Title, p.Quota.Price.Symbol = evil, evil
	for i := range p.Quota.Features {
		p.Quota.Features[i].Title, p.Quota.Features[i].Image = evil, "<svg onload=alert(1)>"
	}
	p.Upcoming[0].Title, p.Upcoming[0].UnitOfMeasure = evil, evil
	for i := range p.History.Operations {
		p.History.Operations[i].Description = evil
	}
	p.Failed[docspace.PartTopUp] = errors.New(evil)
	p.Balance.SubAccounts = append(p.Balance.SubAccounts, docspace.SubAccount{Amount: cents(100, evil)})
	return p
}
