package portalapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
)

// operationParameters are those of GET payment/customer/operations. Source:
// contract, the section of that name.
var operationParameters = []string{
	"offset", "limit", "serviceName", "startDate", "endDate", "participantName",
	"credit", "debit", "type", "status", "orderBy", "orderType",
}

const (
	defaultOperations = 25
	maxOffset         = 1<<53 - 1 // more is no exact number in some clients
)

// operations answers GET payment/customer/operations. It depends on more than a
// view can keep, so nothing of it is kept.
func (d *door) operations(r *http.Request, c *billing.Caller) (done, error) {
	zone, err := c.View.Zone()
	if err != nil {
		return done{}, err
	}
	sent, err := parameters(r, operationParameters)
	if err != nil {
		return done{}, err
	}
	asked := operationQuery{zone: zone, filter: billing.OperationFilter{Limit: defaultOperations}}
	for _, name := range operationParameters {
		if value := sent[name]; value != "" { // ASP.NET reads an empty one as none
			if err := asked.set(name, value); err != nil {
				return done{}, err
			}
		}
	}
	if err := asked.inOrder(); err != nil {
		return done{}, err
	}
	words := wording{zone: zone}
	if err := d.findService(c, &asked, &words); err != nil {
		return done{}, err
	}
	page, err := d.service.Operations(r.Context(), c, asked.filter)
	if page == nil || err != nil {
		return done{}, err
	}
	words.names = page.Names
	out := &docspace.OperationsPage{
		Offset: page.Offset, Limit: page.Limit, Total: page.Total,
		TotalPages: (page.Total + page.Limit - 1) / page.Limit,
		Page:       page.Offset/page.Limit + 1,
	}
	for i := range page.Transfers {
		out.Operations = append(out.Operations, words.operation(&page.Transfers[i]))
	}
	return done{payload: out}, nil
}

// findService finds the service that is asked about, if one is.
func (d *door) findService(c *billing.Caller, asked *operationQuery, words *wording) error {
	if asked.service == "" {
		return nil
	}
	of, err := d.service.OfService(c, asked.service)
	if err != nil {
		return err
	}
	asked.filter.Book, asked.filter.Service = of.Book, of.Service
	if of.Book == ledger.AI {
		words.service = aiTools
	}
	return nil
}

// operationQuery is what is asked of the list of operations.
type operationQuery struct {
	zone    *time.Location
	service string // as it was sent
	filter  billing.OperationFilter
}

// inOrder refuses a time that ends before it begins. An hour that the clock leaves
// out does that, and is no mistake.
func (q *operationQuery) inOrder() error {
	if f := q.filter; !f.From.IsZero() && !f.To.IsZero() && f.To.Add(time.Microsecond).Before(f.From) {
		return &billing.FieldError{Field: "endDate", Text: "is before StartDate"}
	}
	return nil
}

// set takes one parameter.
func (q *operationQuery) set(name, value string) (err error) {
	f := &q.filter
	wrong := func(text string) error { return &billing.FieldError{Field: name, Text: text} }
	switch name {
	case "offset":
		if f.Offset, err = strconv.ParseInt(value, 10, 64); err != nil || f.Offset < 0 || f.Offset > maxOffset {
			return wrong("must be between 0 and " + strconv.FormatInt(maxOffset, 10))
		}
	case "limit":
		if f.Limit, err = strconv.ParseInt(value, 10, 64); err != nil || f.Limit < 1 || f.Limit > billing.MaxOperations {
			return wrong("must be between 1 and " + strconv.Itoa(billing.MaxOperations))
		}
	case "serviceName":
		q.service = value
	case "participantName":
		if f.Participant = value; len(value) > 255 {
			return wrong("must be a string with a maximum length of 255")
		}
	case "startDate":
		return readDate(name, value, q.zone, &f.From, nil)
	case "endDate":
		return readDate(name, value, q.zone, nil, &f.To)
	case "credit":
		f.Credit, err = parseBool(name, value)
	case "debit":
		f.Debit, err = parseBool(name, value)
	case "type":
		t, err := ledger.ParseType(value)
		if err != nil {
			return wrong("is no type of operation")
		}
		f.Types = []ledger.Type{t}
	case "status":
		s, err := ledger.ParseStatus(value)
		if err != nil {
			return wrong("is no status of an operation")
		}
		f.Statuses = []ledger.Status{s}
	case "orderBy":
		if !strings.EqualFold(value, "date") {
			return wrong("is not date, which is the only order there is")
		}
	case "orderType":
		switch strings.ToLower(value) {
		case "descending", "0":
		case "ascending", "1":
			f.Ascending = true
		default:
			return wrong("is neither Descending nor Ascending")
		}
	}
	return err
}

// readDate reads a moment, of which it sets the first or the last instant; what says
// no zone is in the one that is given.
func readDate(name, value string, zone *time.Location, first, last *time.Time) error {
	span, err := parseDate(value, zone)
	if err != nil {
		return &billing.FieldError{Field: name, Text: "is no date like 2026-06-30, 2026-06-30T08:15:30 or 2026-06-30T08:15:30Z"}
	}
	if first != nil {
		*first = span.first
	}
	if last != nil {
		*last = span.last
	}
	return nil
}
