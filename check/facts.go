package check

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// Parts that are read beside those of a report.
const (
	PartTariff   docspace.Part = "tariff"
	PartUpcoming docspace.Part = "upcoming"
)

// Facts are what is known of a portal. What stands in a snapshot alone is enough for
// all rules but RuleDue, which says then that it does not know what things cost.
type Facts struct {
	// Portal is what it is called.
	Portal string
	// Err is why nothing could be read; the snapshot's Report is nil then.
	Err error
	fleet.Snapshot
	// ReadAt is when it began to be read; the zero Time stands for the report's own.
	ReadAt time.Time
	// Refreshed says that the portal was asked to look past its caches, as Policy.Refresh
	// wants it.
	Refreshed bool

	// Tariff is nil when it was not read. Who may not see it all has less in it.
	Tariff *docspace.Tariff
	// Upcoming is nil when it was not read, or the portal is too old to say.
	Upcoming []docspace.UpcomingPayment
	// Services are what services cost, read where Upcoming could not be.
	Services []docspace.Quota
}

// Read reads what a policy needs to know, from a portal that was opened to be asked as
// Policy.Refresh says. It never fails: what can't be read is a problem of its own.
func Read(ctx context.Context, portal *fleet.Portal, policy Policy, now time.Time) Facts {
	f := Facts{Portal: portal.Name, ReadAt: now, Refreshed: policy.Refresh()}
	parts := []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp}
	if policy.runways() {
		parts = append(parts, fleet.PartRunway)
	}
	var (
		wg                     sync.WaitGroup
		tariff, upcoming, cost error
	)
	wg.Go(func() { f.Tariff, tariff = portal.Tariff(ctx) })
	if policy.DueWithin > 0 {
		wg.Go(func() {
			if f.Upcoming, upcoming = portal.UpcomingPayments(ctx); errors.Is(upcoming, docspace.ErrNotFound) {
				upcoming = nil // DocSpace before 3.8
				f.Services, cost = portal.WalletQuotas(ctx)
			}
		})
	}
	f.Snapshot = fleet.Read(ctx, portal, now, parts...)
	wg.Wait()
	f.also(PartTariff, tariff)
	if policy.DueWithin > 0 {
		f.also(PartUpcoming, errors.Join(upcoming, cost))
	}
	return f
}

// also notes a part that the report itself does not have.
func (f *Facts) also(part docspace.Part, err error) {
	f.Report.Asked = append(f.Report.Asked, part)
	if err != nil {
		f.Report.Failed[part] = err
	}
}
