package webpage

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// Portal is what a page says of one portal.
type Portal struct {
	// Name is what it is called; its address stands below if that is another.
	Name string
	// Err says why nothing of it could be read; the rest is nothing then.
	Err error
	// Snapshot is how it stands, as far as that arrived. Its Report is nil with Err only.
	fleet.Snapshot
	// History are its last days. HistoryErr says why they are missing; both are nil where
	// nobody asked.
	History    *fleet.History
	HistoryErr error
}

const (
	// chartDays is how many days a page looks back.
	chartDays = 90
	// spentDays is of how many days the overview says what was spent.
	spentDays = 30
	day       = 24 * time.Hour
	// maxOperations is how many operations of a portal are read at most: the newest.
	maxOperations = 5000
)

// Parts returns the parts of a report that a page shows.
func Parts() []docspace.Part {
	return []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway}
}

// Read reads what a page says of a portal, all of it at once: all of Parts if none is
// named. The wallet's past is among it where the balance is. It never fails: what could
// not be read is said in what it returns.
func Read(ctx context.Context, portal *fleet.Portal, now time.Time, only ...docspace.Part) Portal {
	if len(only) == 0 {
		only = Parts()
	}
	p := Portal{Name: portal.Name}
	past := make(chan struct{})
	go func() {
		defer close(past)
		if slices.Contains(only, docspace.PartBalance) {
			p.History, p.HistoryErr = fleet.ReadHistory(ctx, portal.Client, now, chartDays*day, maxOperations)
		}
	}()
	parts := only
	if slices.Contains(only, docspace.PartQuota) {
		parts = append(slices.Clone(only), fleet.PartUpcoming)
	}
	p.Snapshot = fleet.Read(ctx, portal, now, parts...)
	<-past
	if errors.Is(p.HistoryErr, fleet.ErrNothingKnown) {
		p.HistoryErr = nil // the balance says as much
	}
	if len(p.Failed) == len(p.Asked) {
		p.HistoryErr = nil // so do all the others
	}
	return p
}

// failed reports whether a part was asked for and did not arrive, and why.
func (p *Portal) failed(part docspace.Part) error {
	if p.Report == nil {
		return nil
	}
	return p.Failed[part]
}

// has reports whether a part arrived.
func (p *Portal) has(part docspace.Part) bool { return p.Report != nil && p.Arrived(part) }

// unread says why nothing of a portal could be read; nil if something was.
func (p *Portal) unread() error {
	switch {
	case p.Err != nil:
		return p.Err
	case p.Report == nil:
		return errors.New("nobody asked")
	case len(p.Asked) > 0 && len(p.Failed) == len(p.Asked):
		return p.Failed[p.Asked[0]]
	}
	return nil
}
