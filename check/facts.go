package check

import (
	"context"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// PartTariff is read beside the parts of a report.
const PartTariff docspace.Part = "tariff"

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
	if policy.DueWithin > 0 {
		parts = append(parts, fleet.PartUpcoming)
	}
	var tariff error
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Tariff, tariff = portal.Tariff(ctx)
	}()
	f.Snapshot = fleet.Read(ctx, portal, now, parts...)
	<-done
	f.Asked = append(f.Asked, PartTariff)
	if tariff != nil {
		f.Failed[PartTariff] = tariff
	}
	if policy.DueWithin > 0 && f.Upcoming == nil && f.Failed[fleet.PartUpcoming] == nil {
		var err error // DocSpace before 3.8
		if f.Services, err = portal.WalletQuotas(ctx); err != nil {
			f.Failed[fleet.PartUpcoming] = err
		}
	}
	return f
}
