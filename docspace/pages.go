package docspace

import (
	"context"
	"html"
	"iter"
	"net/http"
	"reflect"
	"regexp"
)

// Operations returns a page of what happened in the portal's wallet; nil when it
// has no customer, or can't reach its accounting.
//
// The key's user must be an administrator. A service that the portal does not
// offer is ErrNotFound.
// Source: contract, "GET /payment/customer/operations".
func (c *Client) Operations(ctx context.Context, q OperationsQuery) (*OperationsPage, error) {
	page, err := read[OperationsPage](ctx, c, opOperations, q.values())
	if page != nil {
		for i := range page.Operations {
			page.Operations[i].unescape()
		}
	}
	return page, err
}

var userID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// unescape decodes the name of a user; that of anybody else is not encoded.
func (o *Operation) unescape() {
	if userID.MatchString(o.ParticipantName) {
		o.ParticipantDisplayName = html.UnescapeString(o.ParticipantDisplayName)
	}
}

// pageSize is how many operations AllOperations asks for at once.
const pageSize = 200

// AllOperations returns all operations of a query, from its Offset on, page by
// page of its Limit (0 means 200). Each is there once, whatever is added
// meanwhile; what is, is not among them, unless its date puts it among those that
// were still to be read; with Ascending it then takes the place of the last. An error
// is the last thing that there is. A portal that tells nothing from the start, as Operations says by nil, yields
// nothing.
//
//	for operation, err := range client.AllOperations(ctx, docspace.OperationsQuery{}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(operation.Date, operation.Description)
//	}
//
// Source: contract, "GET /payment/customer/operations".
func (c *Client) AllOperations(ctx context.Context, q OperationsQuery) iter.Seq2[Operation, error] {
	return func(yield func(Operation, error) bool) {
		q := q
		if q.Limit == 0 {
			q.Limit = pageSize
		}
		total, left := int64(-1), int64(0)
		var last []Operation // what was read before
		for {
			page, err := c.Operations(ctx, q)
			if err != nil {
				yield(Operation{}, err)
				return
			}
			if page == nil && total >= 0 { // it told before, and can't any more
				yield(Operation{}, &Error{
					Operation: opOperations.name, Status: http.StatusOK, Message: "the portal does not tell the rest", Err: ErrMalformed,
				})
				return
			}
			if page == nil || len(page.Operations) == 0 {
				return
			}
			some := page.Operations
			q.Offset += int64(len(some))
			switch {
			case total < 0:
				left = page.Total - (q.Offset - int64(len(some)))
				last = page.Operations
			case !q.Ascending && page.Total > total:
				// So many came. Before those that come in front stands again what was read
				// last; the others have dates that are still to be read.
				came := page.Total - total
				if over := came - int64(len(some)); over > 0 { // more than a page: all in front
					q.Offset += over
					some, last = nil, nil
					break
				}
				again := came
				if last != nil {
					again = repeated(last, some[:came])
				}
				some, left = some[again:], left+came-again
				last = page.Operations
			case page.Total > total:
				// Some may have come before what was read last, which then stands again.
				some = some[repeated(last, some[:min(page.Total-total, int64(len(some)))]):]
				last = page.Operations
			default:
				last = page.Operations
			}
			total = page.Total
			some = some[:max(0, min(left, int64(len(some))))]
			for _, operation := range some {
				if !yield(operation, nil) {
					return
				}
			}
			if left -= int64(len(some)); left <= 0 {
				return
			}
		}
	}
}

// repeated returns how many operations a page begins with that ended the one before it.
func repeated(last, begin []Operation) int64 {
	for n := min(len(last), len(begin)); n > 0; n-- {
		if reflect.DeepEqual(last[len(last)-n:], begin[:n]) {
			return int64(n)
		}
	}
	return 0
}
