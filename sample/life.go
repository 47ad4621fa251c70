package sample

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

// atWork is when the company's day is charged for, by UTC.
const atWork = 18 * time.Hour

// NextDay returns the next moment after one at which a day of the company is charged
// for: see Live.
func NextDay(after time.Time) time.Time {
	at := after.UTC().Truncate(day).Add(atWork)
	if !at.After(after) {
		at = at.Add(day)
	}
	return at
}

// days are what the company uses on each day of the week, from Sunday on: backups, and
// artificial intelligence in cents.
var days = [7]struct{ backups, ai int64 }{{0, 0}, {1, 2_40}, {0, 3_10}, {1, 1_85}, {0, 4_20}, {2, 2_75}, {0, 60}}

// backupCost is what one backup costs, in cents.
const backupCost = 1_00

// Live charges the company's wallet for a day's backups and artificial intelligence. The
// same day is charged for once. What the wallet lacks is not had.
func Live(ctx context.Context, s *billing.Service, portalID string, now time.Time) error {
	used := days[now.UTC().Weekday()]
	var orders []billing.Order
	add := func(service string, quantity int64, cost money.Amount) {
		if cost.Sign() > 0 {
			orders = append(orders, billing.Order{
				PortalID: portalID, Key: fmt.Sprintf("%s %s", service, now.UTC().Format(time.DateOnly)),
				What: billing.Charge{Service: service, Quantity: quantity, Amount: cost, Participant: People()[billing.Admin].Email},
			})
		}
	}
	add("backup", used.backups, usd(used.backups*backupCost))
	add("ai-tools", 1, usd(used.ai))
	for _, o := range s.Carry(ctx, orders...) {
		if o.Err != nil && !errors.Is(o.Err, billing.ErrInsufficient) {
			return fmt.Errorf("live a day: %w", o.Err)
		}
	}
	return nil
}
