package operatorapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
)

// maxBatch is how many orders one batch may have.
const maxBatch = 1000

// item is one order of a batch, or why it is none.
type item struct {
	order billing.Order
	err   error
}

// batch answers POST /v1/batch. Each order stands alone: one that can't be used
// does not keep others back.
func (d *door) batch(w http.ResponseWriter, r *http.Request, _ ids) error {
	j, err := body(w, r)
	if err != nil {
		return err
	}
	items, err := readBatch(j)
	if err != nil {
		return err
	}
	orders := make([]billing.Order, 0, len(items))
	for _, it := range items {
		if it.err == nil {
			orders = append(orders, it.order)
		}
	}
	outcomes := d.service.Carry(r.Context(), orders...)
	requestID, noted := w.Header().Get(httpd.RequestIDHeader), false
	out := append(make([]byte, 0, 256*(1+len(items))), `{"results":[`...)
	for i, it := range items {
		outcome := billing.Outcome{Err: it.err}
		if it.err == nil {
			outcome, outcomes = outcomes[0], outcomes[1:]
		}
		if i > 0 {
			out = append(out, ',')
		}
		if outcome.Err == nil {
			out = appendResult(out, &outcome.Receipt)
			continue
		}
		p := newProblem(inBatch(outcome.Err), requestID)
		if p.status >= http.StatusInternalServerError && !noted {
			d.note(r, p, outcome.Err) // what fails there, fails for all in the same way
			noted = true
		}
		out = append(out, `{"status":`...)
		out = strconv.AppendInt(out, int64(p.status), 10)
		out = append(p.append(append(out, `,"error":`...)), '}')
	}
	writeJSON(w, http.StatusOK, typeJSON, append(out, "]}"...))
	return nil
}

func appendResult(b []byte, receipt *billing.Receipt) []byte {
	b = append(b, `{"status":201`...)
	if receipt.Replay {
		b = append(b, `,"replay":true`...)
	}
	return append(appendReceipt(append(b, `,"result":`...), receipt), '}')
}

// inBatch returns an error with the key named as it is in a batch.
func inBatch(err error) error {
	var wrong *billing.FieldError
	if errors.As(err, &wrong) && wrong.Field == "Idempotency-Key" {
		return &billing.FieldError{Field: "key", Text: wrong.Text}
	}
	return err
}

// readBatch reads the orders of a batch: an array, or an object around it.
func readBatch(j *reader) (items []item, err error) {
	const field = "requests"
	switch j.peek() {
	case '[':
		items, err = readItems(j, field)
	case '{':
		j.at++
		seen := false
		for first := true; ; first = false {
			name, more, err := j.member(first)
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
			if string(name) != field {
				return nil, unknown(name)
			}
			if seen {
				return nil, &billing.FieldError{Field: field, Text: "is given twice"}
			}
			seen = true
			if items, err = readItems(j, field); err != nil {
				return nil, err
			}
		}
		if !seen {
			return nil, &billing.FieldError{Field: field, Text: "is missing"}
		}
	default:
		return nil, j.wrong("body", "an object or an array")
	}
	if err != nil {
		return nil, err
	}
	return items, j.end()
}

func readItems(j *reader, field string) ([]item, error) {
	if err := j.open(field, '['); err != nil {
		return nil, err
	}
	var items []item
	for first := true; ; first = false {
		more, err := j.next(first, ']')
		if !more || err != nil {
			return items, err
		}
		if len(items) == maxBatch {
			return nil, &billing.FieldError{Field: field, Text: "has more than " + strconv.Itoa(maxBatch) + " elements"}
		}
		it, start := item{}, j.at
		it.order, it.err = readItem(j)
		if it.err != nil {
			// What is JSON but no order is that item's own affair; the next one
			// begins behind it.
			if errors.Is(it.err, errMalformed) {
				return nil, it.err
			}
			j.at = start
			if err := j.skip(0); err != nil {
				return nil, err
			}
		}
		items = append(items, it)
	}
}

// readItem reads one order of a batch.
func readItem(j *reader) (billing.Order, error) {
	f := form{}
	if err := f.read(j, mAll); err != nil {
		return billing.Order{}, err
	}
	k, err := f.batched()
	if err != nil {
		return billing.Order{}, err
	}
	return f.order(k)
}

// batched returns the kind of an order in a batch. The order has what every one
// needs there, and nothing that is not for its kind.
func (f *form) batched() (*kind, error) {
	if f.has&mType == 0 {
		return nil, &billing.FieldError{Field: "type", Text: "is missing"}
	}
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		if k.name != f.orderType {
			names = append(names, k.name)
			continue
		}
		// A portal may be named in any case; what a hold or a transfer is of must
		// then be the same.
		if odd := f.has &^ (k.takes | k.on | mKey | mPortal | mType); odd != 0 {
			return nil, &billing.FieldError{Field: odd.name(), Text: "is not for a " + k.name}
		}
		if f.key == "" {
			return nil, errNoIdempotencyKey
		}
		needs := k.on
		if k == correction {
			needs = 0 // its transfer says whose it is
		}
		if missing := needs &^ f.has; missing != 0 {
			return nil, &billing.FieldError{Field: missing.name(), Text: "is missing"}
		}
		return k, nil
	}
	return nil, &billing.FieldError{Field: "type", Text: "is none of " + strings.Join(names, ", ")}
}
