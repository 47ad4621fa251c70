package mcp

import (
	"context"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/reconcile"
)

// operationsQuestion says which operations.
type operationsQuestion struct {
	Portal      string `json:"portal" jsonschema:"the portal's name, as list_portals returns it"`
	From        string `json:"from,omitempty" jsonschema:"first day or moment, as 2026-07-01 or 2026-07-01T12:00:00Z"`
	To          string `json:"to,omitempty" jsonschema:"last day or moment; a day is meant with all of it, in UTC"`
	Service     string `json:"service,omitempty" jsonschema:"only of a service, as operations call it: backup, disk-storage, ai-tools"`
	Type        string `json:"type,omitempty" jsonschema:"only of a type: ServicePayment, Deposit, Refund and so on"`
	Participant string `json:"participant,omitempty" jsonschema:"only on whose account: the id of a user, or a name"`
	Direction   string `json:"direction,omitempty" jsonschema:"in for what came in, out for what was paid; leave out for both"`
	OldestFirst bool   `json:"oldestFirst,omitempty"`
	Offset      int64  `json:"offset,omitempty" jsonschema:"how many to pass over: next of the page before"`
	Limit       int64  `json:"limit,omitempty" jsonschema:"how many at most, 1 to 100; 25 if left out"`
}

// operationsAnswer is a page of operations.
type operationsAnswer struct {
	Portal     string                        `json:"portal"`
	Operations []reconcile.OperationDocument `json:"operations"`
	Offset     int64                         `json:"offset"`
	Total      int64                         `json:"total" jsonschema:"how many there are in all"`
	Next       int64                         `json:"next,omitempty" jsonschema:"the offset of the next page; missing at the end"`
}

const (
	someOperations = 25
	mostOperations = 100
)

func (s *server) operations(ctx context.Context, q operationsQuestion) (out operationsAnswer, err error) {
	profile, err := s.portal(q.Portal)
	if err != nil {
		return out, err
	}
	query, err := q.query()
	if err != nil {
		return out, err
	}
	read := func(ctx context.Context, p *fleet.Portal) (*docspace.OperationsPage, error) {
		return p.Operations(ctx, query)
	}
	err = fleet.Each(ctx, s.Reader, []fleet.Profile{profile}, read, func(_ fleet.Profile, page *docspace.OperationsPage, err error) error {
		if err == nil && page == nil {
			err = fleet.ErrNothingKnown
		}
		if err != nil {
			return fmt.Errorf("read operations of %s: %w", q.Portal, err)
		}
		some := page.Operations[:min(len(page.Operations), int(query.Limit))]
		out = operationsAnswer{Portal: q.Portal, Operations: []reconcile.OperationDocument{}, Offset: query.Offset, Total: page.Total}
		for i := range some {
			out.Operations = append(out.Operations, cleanOperation(reconcile.OperationOf(&some[i])))
		}
		if next := query.Offset + int64(len(some)); next < page.Total && len(some) > 0 {
			out.Next = next
		}
		return nil
	})
	return out, err
}

// cleanOperation makes data of what a portal says of an operation.
func cleanOperation(o reconcile.OperationDocument) reconcile.OperationDocument {
	o.Type, o.Service, o.Description = docspace.OperationType(text(string(o.Type))), text(o.Service), text(o.Description)
	o.Details, o.Participant = text(o.Details), text(o.Participant)
	return o
}

func (q *operationsQuestion) query() (docspace.OperationsQuery, error) {
	out := docspace.OperationsQuery{
		Service: q.Service, Type: docspace.OperationType(q.Type), Participant: q.Participant, Status: docspace.Completed,
		Credit: q.Direction == "in", Debit: q.Direction == "out", Ascending: q.OldestFirst, Offset: q.Offset, Limit: q.Limit,
	}
	if out.Limit == 0 {
		out.Limit = someOperations
	}
	var err error
	switch {
	case q.Direction != "" && q.Direction != "in" && q.Direction != "out":
		return out, fmt.Errorf("direction: %q is neither in nor out", q.Direction)
	case out.Limit < 1 || out.Limit > mostOperations:
		return out, fmt.Errorf("limit: %d is not between 1 and %d", out.Limit, mostOperations)
	case out.Offset < 0:
		return out, fmt.Errorf("offset: %d is less than nought", out.Offset)
	}
	if out.From, err = parseMoment("from", q.From, 0); err != nil {
		return out, err
	}
	out.To, err = parseMoment("to", q.To, 24*time.Hour-time.Microsecond)
	return out, err
}

// parseMoment reads a moment, or a day, to whose beginning it adds something; "" is the
// zero Time.
func parseMoment(field, text string, ofDay time.Duration) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.Add(ofDay), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("%s: %q is neither a day like 2026-12-31 nor a moment like 2026-12-31T12:00:00Z", field, text)
	}
	return at.UTC(), nil
}
