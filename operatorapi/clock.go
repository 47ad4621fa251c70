package operatorapi

import (
	"context"
	"net/http"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/clock"
)

// Mover moves virtual time on to the moment that until makes of the one that it is,
// and returns when all that fell due up to there is done. Several take turns.
type Mover func(ctx context.Context, until func(now time.Time) time.Time) (Moved, error)

// Moved is what happened while time was moved.
type Moved struct {
	// From is what time it was, To what time it is.
	From, To time.Time
	// Jobs counts what was done, Events what others were told of it.
	Jobs, Events int64
}

// maxMove is how far time is moved in one request: further than anybody looks, and
// not so far that it can't be counted.
const maxMove = 3660 * clock.Day

// getClock answers GET /v1/clock.
func (d *door) getClock(w http.ResponseWriter, r *http.Request, _ ids) error {
	if _, err := readQuery(r, ""); err != nil {
		return err
	}
	o := newObject(64)
	o.moment("now", d.service.Now())
	o.boolean("virtual", d.mover != nil)
	o.write(w, http.StatusOK)
	return nil
}

// advanceClock answers POST /v1/clock/advance.
func (d *door) advanceClock(w http.ResponseWriter, r *http.Request, _ ids) error {
	if d.mover == nil {
		return errRealTime
	}
	until, err := readMove(w, r, d.service.Now())
	if err != nil {
		return err
	}
	// A year may take longer than any other answer does. These fail only where there
	// is no connection.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{})
	_ = c.SetWriteDeadline(time.Time{})
	moved, err := d.mover(r.Context(), until)
	if err != nil {
		return err
	}
	o := newObject(128)
	o.moment("from", moved.From)
	o.moment("to", moved.To)
	o.number("jobs", moved.Jobs)
	o.number("events", moved.Events)
	o.write(w, http.StatusOK)
	return nil
}

// readMove reads by how much time is moved, or to when.
func readMove(w http.ResponseWriter, r *http.Request, now time.Time) (until func(time.Time) time.Time, err error) {
	var (
		by time.Duration
		to time.Time
	)
	err = readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		var text string
		switch name {
		case "by":
			if text, err = j.given(field); err == nil {
				by, err = parseMove(field, text)
			}
		case "to":
			if text, err = j.given(field); err == nil {
				to, err = parseMoment(field, text)
			}
		default:
			return false, nil
		}
		return true, err
	})
	switch {
	case err != nil:
		return nil, err
	case by == 0 && to.IsZero():
		return nil, &billing.FieldError{Field: "by", Text: "is missing, and so is to"}
	case by != 0 && !to.IsZero():
		return nil, &billing.FieldError{Field: "to", Text: "is given beside by"}
	case by != 0:
		return func(now time.Time) time.Time { return now.Add(by) }, nil
	case to.Before(now):
		return nil, &billing.FieldError{Field: "to", Text: "has passed: it is " + now.Format(time.RFC3339)}
	case to.Sub(now) > maxMove:
		return nil, &billing.FieldError{Field: "to", Text: "is more than 3660 days from now"}
	}
	return func(time.Time) time.Time { return to }, nil
}

// parseMove reads a duration that time can be moved by.
func parseMove(field, text string) (time.Duration, error) {
	by, err := clock.ParseDuration(text)
	switch {
	case err != nil:
		return 0, &billing.FieldError{Field: field, Text: clip(text, 40) + " is no duration such as 2160h or 90d"}
	case by <= 0:
		return 0, &billing.FieldError{Field: field, Text: clip(text, 40) + " is not more than nought"}
	case by > maxMove:
		return 0, &billing.FieldError{Field: field, Text: clip(text, 40) + " is more than 3660 days"}
	}
	return by, nil
}
