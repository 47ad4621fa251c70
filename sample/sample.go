// Package sample makes a company to show and to test with: a portal with a
// plan, an add-on, a wallet and a top-up rule, and a user of every role. The
// demonstration, docspacetest and the benchmarks start from it.
package sample

import (
	"context"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

// Config says how the company differs from the usual one.
type Config struct {
	// PortalID is the portal's name on the wire; "" means docspace.io123.
	PortalID string
	// Hosts are the names that the portal answers for; none makes it the
	// default portal only.
	Hosts []string
	// OwnerKey is the API key of the owner; "" draws one.
	OwnerKey string
	// Now is the moment that dates are counted from. Required.
	Now time.Time
}

// Company is what was made.
type Company struct {
	PortalID string
	// OwnerKey is an API key of the owner, who is also the payer.
	OwnerKey string
}

// People are the users of the company by their role.
func People() map[billing.Role]billing.NewUser {
	return map[billing.Role]billing.NewUser{
		billing.Owner:     {Email: "owner@example.com", Name: "Olivia Owner", Role: billing.Owner},
		billing.Admin:     {Email: "admin@example.com", Name: "Adam Admin", Role: billing.Admin},
		billing.RoomAdmin: {Email: "rooms@example.com", Name: "Rita Rooms", Role: billing.RoomAdmin},
		billing.Member:    {Email: "user@example.com", Name: "Ugo User", Role: billing.Member},
		billing.Guest:     {Email: "guest@example.com", Name: "Gwen Guest", Role: billing.Guest},
	}
}

// The company's plan and add-on, by their ids in the stock catalogue.
const (
	business = -9
	storage  = -11
	backup   = -12
)

const (
	day      = 24 * time.Hour
	dueIn    = 23 * day
	gigabyte = 1 << 30
)

// Create makes the company: Business for 10 admins that her card renews in 23 days,
// 100 GB of extra storage that the wallet does, 148.50 USD and 25.00 EUR, refilled from
// 20 to 100 USD, paid by Olivia Owner. It fails with billing.ErrExists when the portal or a host is
// taken.
func Create(ctx context.Context, s *billing.Service, config Config) (Company, error) {
	if config.PortalID == "" {
		config.PortalID = "docspace.io123"
	}
	people := People()
	due := config.Now.Add(dueIn).Truncate(time.Second)
	id, err := s.CreatePortal(ctx, billing.NewPortal{
		ID: config.PortalID, Name: "Example Ltd", Hosts: config.Hosts, Country: "US",
		Owner: people[billing.Owner],
		Bought: []billing.Purchase{
			{Plan: business, Quantity: 10, DueAt: due, PaidFrom: "card"},
			{Plan: storage, Quantity: 100, DueAt: due, PaidFrom: "wallet"},
		},
	})
	if err != nil {
		return Company{}, err
	}
	steps := []func() error{
		func() error { return addOthers(ctx, s, id, people) },
		func() error {
			return s.SetCustomer(ctx, id, billing.CustomerChange{
				Email: people[billing.Owner].Email, MethodStatus: "set", MethodType: "card",
				Balances:   []money.Amount{usd(148_50), money.FromUnits(25*money.Scale, "EUR")},
				LastCredit: usd(100_00),
			})
		},
		func() error { return s.SetTopUpRule(ctx, id, true, usd(20_00), usd(100_00)) },
		func() error { return s.SetServices(ctx, id, []int{backup}) },
		func() error {
			return s.SetUsage(ctx, id, map[string]int64{
				"manager": 4, "total_size": 684 * gigabyte, "users": 14, "room": 37, "free_backup": 1, "aiagent": 2,
			})
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Company{}, err
		}
	}
	key, _, err := s.CreateKey(ctx, id, billing.NewKey{Name: "sample", Secret: config.OwnerKey})
	return Company{PortalID: id, OwnerKey: key}, err
}

func addOthers(ctx context.Context, s *billing.Service, portalID string, people map[billing.Role]billing.NewUser) error {
	for _, role := range billing.Roles()[1:] {
		if _, err := s.AddUser(ctx, portalID, people[role]); err != nil {
			return err
		}
	}
	return nil
}

// usd returns an amount of cents.
func usd(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "USD") }
