package export

import (
	"context"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// maxPage is how many operations a portal lists on a page. Source: contract, "GET
// /payment/customer/operations".
const maxPage = 1000

// reading is a portal's list being read, the oldest first.
//
// It is not read by offsets, which move when an operation comes late, with an older
// date. Each page begins at the moment of the last operation that is known, so that
// it shows by itself what was at that moment; what is known of it is passed over. A
// page is one answer, and so true in itself: what was there when the reading began is
// read once, and what comes meanwhile is read once, or, when it is older than where
// the reading is, not at all.
type reading struct {
	client *docspace.Client
	query  docspace.OperationsQuery // the time, the service and the status
	limit  int64

	begun bool
	last  moment
	at    time.Time
	seen  map[identity]int // of the last moment, by how many
}

// know has an operation be known, as one that was read before.
func (r *reading) know(o *docspace.Operation) {
	if m := momentOf(o); !r.begun || m > r.last {
		r.begun, r.last, r.at, r.seen = true, m, o.Date.Time, map[identity]int{}
	}
	r.seen[identify(o)]++
}

// all reads to the end. Each page is given with how many operations are to come, of
// which some may be known.
func (r *reading) all(ctx context.Context, give func(some []docspace.Operation, left int64) error) error {
	for {
		if done, err := r.pass(ctx, give); done || err != nil {
			return err
		}
	}
}

// pass reads from the last moment on, until there is a later one. It reads further
// pages only where a page does not reach beyond a single moment.
func (r *reading) pass(ctx context.Context, give func([]docspace.Operation, int64) error) (done bool, err error) {
	q, begun, start := r.query, r.begun, r.last
	q.Ascending, q.Limit = true, r.limit
	if begun && r.at.After(q.From) {
		q.From = r.at
	}
	total, here := int64(-1), map[identity]int{}
	for {
		page, err := r.client.Operations(ctx, q)
		switch {
		case err != nil:
			return false, err
		case page == nil:
			return false, fleet.ErrNothingKnown
		case total >= 0 && page.Total != total:
			return false, nil // something came between the pages: the pass begins anew
		}
		total = page.Total
		q.Offset += int64(len(page.Operations))
		if len(page.Operations) == 0 && q.Offset < total {
			return false, fmt.Errorf("%w: there are %d more, and it sends none", ErrList, total-q.Offset)
		}
		some, err := r.fresh(page.Operations, here)
		if err == nil {
			err = give(some, max(0, total-q.Offset))
		}
		if err != nil {
			return false, err
		}
		if int64(len(page.Operations)) < r.limit && q.Offset >= total {
			return true, nil
		}
		if r.begun && (!begun || r.last > start) {
			return false, nil
		}
	}
}

// fresh returns those of a page that are not known, and knows them then. here counts
// what this pass has seen of the last moment.
func (r *reading) fresh(page []docspace.Operation, here map[identity]int) (some []docspace.Operation, err error) {
	before := moment(0)
	for i := range page {
		o := &page[i]
		m := momentOf(o)
		if i > 0 && m < before {
			return nil, fmt.Errorf("%w: %s comes after what is later", ErrList, o.Date.Format(time.RFC3339Nano))
		}
		before = m
		if r.begun && m < r.last {
			continue // it came late
		}
		if r.begun && m == r.last {
			id := identify(o)
			if here[id]++; here[id] <= r.seen[id] {
				continue
			}
		} else {
			clear(here)
			here[identify(o)] = 1
		}
		r.know(o)
		some = append(some, *o)
	}
	return some, nil
}

// count returns how many operations there are before a moment.
func count(ctx context.Context, client *docspace.Client, q docspace.OperationsQuery, before time.Time) (int64, error) {
	q.To, q.Limit = before.Add(-tick), 1
	page, err := client.Operations(ctx, q)
	switch {
	case err != nil:
		return 0, err
	case page == nil:
		return 0, fleet.ErrNothingKnown
	}
	return page.Total, nil
}
