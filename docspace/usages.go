package docspace

import (
	"context"
	"net/url"
	"time"
)

// UsageQuery says whose usage to add up; the zero value means all there was.
type UsageQuery struct {
	// Service is what was paid for: "backup"; "" means anything.
	Service string
	// Participant is the id of the user on whose account it happened, or a name;
	// "" means anybody.
	Participant string
	// Status is which operations count; "" means any.
	Status OperationStatus
	// From and To are the first and the last moment, to a ten-millionth of a
	// second; the zero Time means since ever, and until now.
	From, To time.Time
	// Metadata are members that operations must have, by name.
	Metadata map[string]string
	// OrderBy is the member that the list is sorted by: "totalAmount"; "" leaves it
	// to the portal.
	OrderBy string
	// Ascending has the least first, otherwise the greatest is.
	Ascending bool
	// Offset is how many to pass over; Limit is how many to return at most; 0
	// leaves it to the portal.
	Offset, Limit int64
}

func (q UsageQuery) values() url.Values {
	values := OperationsQuery{
		Service: q.Service, Participant: q.Participant, Status: q.Status, From: q.From, To: q.To, Ascending: q.Ascending,
		Offset: q.Offset, Limit: q.Limit,
	}.values()
	for name, value := range q.Metadata {
		values.Set("metadata["+name+"]", value)
	}
	if q.OrderBy != "" {
		values.Set("orderBy", q.OrderBy)
	}
	return values
}

// Usage returns what was paid for each service; nil when the portal has no customer,
// or can't reach its accounting. Portals before 3.8 don't have it: ErrNotFound.
//
// The key's user must be an administrator.
// Source: contract, "What newer versions add".
func (c *Client) Usage(ctx context.Context, q UsageQuery) (*UsagePage, error) {
	return read[UsagePage](ctx, c, opUsage, q.values())
}

// MonthlyUsage returns what was paid in each month between two moments; the zero
// Time means since ever, and until now. It is nil when the portal has no customer.
// Portals before 3.8 don't have it: ErrNotFound.
//
// The key's user must be an administrator.
// Source: contract, "What newer versions add".
func (c *Client) MonthlyUsage(ctx context.Context, from, to time.Time) ([]MonthlyUsage, error) {
	return readList[MonthlyUsage](ctx, c, opMonthly, OperationsQuery{From: from, To: to}.values())
}
