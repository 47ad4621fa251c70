package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/wallet"
)

func dollars(n int64) money.Amount { return money.FromUnits(n*money.Scale, "USD") }

// topUpPortals are wallets that are topped up by turns, topUpTurns how often each.
const (
	topUpPortals = 10
	topUpTurns   = 40
)

// measureTopUp says how long it takes from a charge that leaves less than the floor to
// the deposit that makes up for it, by a sandbox that takes no time: a wallet at a
// time, in the process that carried the charge out. The floor is a single commit.
func measureTopUp(ctx context.Context, b *bench) error {
	for _, engine := range engines {
		name := "topup/" + engine
		if !b.wants(name) {
			continue
		}
		if err := topUpOn(ctx, b, engine, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func topUpOn(ctx context.Context, b *bench, engine, name string) (err error) {
	d, err := openDatabase(ctx, engine, pgtest.Config{})
	if errors.Is(err, pgtest.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := errors.Join(d.change(ctx, time.Now, func(service *billing.Service) error { return fillTopUps(ctx, service) }), makeFloors(ctx, d)); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	db, err := d.openBare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	hired, err := d.hire(ctx, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hired.stop()) }()
	f := floor{database: d, connections: 1, batch: 1, length: time.Second}
	t := topUps{service: hired.services[0], db: db}
	c, err := compare(ctx, min(b.rounds, 3), &t, f)
	if err != nil {
		return err
	}
	b.out(result{Name: f.name(), Value: c.floor.perSecond, Unit: "transfers/s", P50: millis(c.floor.p50), P99: millis(c.floor.p99)})
	b.out(result{
		Name: name, Value: c.measured.perSecond, Unit: "top-ups/s", P50: millis(c.measured.p50), P99: millis(c.measured.p99),
		Floor: f.name(), Ratio: c.ratio,
	})
	return nil
}

// fillTopUps makes wallets that are filled up to 25 dollars when less than 20 are left.
func fillTopUps(ctx context.Context, service *billing.Service) error {
	if err := fund(ctx, service, topUpPortals); err != nil {
		return err
	}
	for i := range topUpPortals {
		err := service.SetCustomer(ctx, portalOf(i), billing.CustomerChange{MethodStatus: "set", MethodType: "card", Balances: []money.Amount{dollars(25)}})
		if err != nil {
			return err
		}
		if err := service.SetTopUp(ctx, portalOf(i), billing.TopUp{
			Enabled: true, Floor: dollars(20), Target: dollars(25), Caps: &wallet.Caps{Day: dollars(1_000_000), Month: dollars(1_000_000), Count: 1440},
		}); err != nil {
			return err
		}
	}
	return nil
}

// topUps charge one wallet after the other, and wait for each to be topped up.
type topUps struct {
	service *billing.Service
	db      *sql.DB
	charges int
}

func (t *topUps) run(ctx context.Context) (outcome, error) {
	var all []time.Duration
	started := time.Now()
	for range topUpTurns {
		for i := range topUpPortals {
			t.charges++
			_, err := t.service.CarryOne(ctx, billing.Order{
				PortalID: portalOf(i), Key: fmt.Sprintf("charge %d", t.charges),
				What: billing.Charge{Service: "backup", Quantity: 1, Amount: dollars(6)},
			})
			if err != nil {
				return outcome{}, err
			}
			before := time.Now()
			if err := t.await(ctx, portalOf(i)); err != nil {
				return outcome{}, err
			}
			all = append(all, time.Since(before))
		}
	}
	return outcomeOf(all, time.Since(started), 1), nil
}

// await waits until a wallet is full again.
func (t *topUps) await(ctx context.Context, portalID string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var units int64
		err := t.db.QueryRowContext(ctx, `
			SELECT balance
			  FROM pocket
			 WHERE portal_id = $1
			   AND book = 'main'
			   AND currency = 'USD'`, portalID).Scan(&units)
		if err != nil {
			return fmt.Errorf("wait for the top-up of %s: %w", portalID, err)
		}
		if units >= dollars(25).Units() {
			return nil
		}
		time.Sleep(100 * time.Microsecond)
	}
}
