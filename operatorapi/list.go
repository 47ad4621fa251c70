package operatorapi

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// defaultLimit is how many rows a page has unless the request says otherwise.
const defaultLimit = 100

// query is what a request says behind the question mark.
type query struct{ values url.Values }

// readQuery reads the parameters of a request, of which there are these, each given
// once; those in many may be given again.
func readQuery(r *http.Request, many string, names ...string) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return query{}, &billing.FieldError{Field: "query", Text: "can't be read: " + clip(err.Error(), 100)}
	}
	for name, all := range values {
		switch {
		case name != many && !slices.Contains(names, name):
			return query{}, unknown([]byte(name))
		case slices.Contains(all, ""):
			return query{}, &billing.FieldError{Field: name, Text: "is empty"}
		case len(all) > 1 && name != many:
			return query{}, &billing.FieldError{Field: name, Text: "is given twice"}
		}
	}
	return query{values}, nil
}

// text returns a parameter; "" when it is not given.
func (q query) text(name string) string { return q.values.Get(name) }

// limit returns how many rows are asked for.
func (q query) limit() (int, error) {
	text := q.text("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > billing.MaxPage || strconv.Itoa(n) != text {
		return 0, &billing.FieldError{Field: "limit", Text: clip(text, 40) + " is not a whole number between 1 and " + strconv.Itoa(billing.MaxPage)}
	}
	return n, nil
}

// moment returns a parameter that is a moment; the zero Time when it is not given.
func (q query) moment(name string) (time.Time, error) {
	if q.text(name) == "" {
		return time.Time{}, nil
	}
	return parseMoment(name, q.text(name))
}

// parseMoment reads a moment by RFC 3339, in no less than microseconds.
func parseMoment(field, text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, &billing.FieldError{Field: field, Text: clip(text, 40) + " is no moment like 2026-12-31T23:59:59Z"}
	}
	if at.Nanosecond()%1000 != 0 {
		return at, &billing.FieldError{Field: field, Text: clip(text, 40) + " is finer than microseconds"}
	}
	return at.UTC(), nil
}

// cursor says where a list goes on: of which kind it is, and after what. Callers see
// it as a word that means nothing to them.
type cursor struct{ kind, after string }

// after returns where the list of a kind is to go on; "" is the beginning.
func (q query) after(kind string) (string, error) {
	text := q.text("after")
	if text == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	found, after, ok := strings.Cut(string(b), ":")
	if err != nil || !ok || found != kind || after == "" || !isVisible(after) {
		return "", &billing.FieldError{Field: "after", Text: "is not what such a list has given as next"}
	}
	return after, nil
}

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.kind + ":" + c.after))
}

// afterNumber is after for a list in the order of numbers; 0 is the beginning.
func (q query) afterNumber(kind string) (int64, error) {
	text, err := q.after(kind)
	if text == "" || err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, &billing.FieldError{Field: "after", Text: "is not what such a list has given as next"}
	}
	return n, nil
}

func numberCursor(kind string, n int64) cursor { return cursor{kind, strconv.FormatInt(n, 10)} }

// afterPlace is after for a list in the order in which things were made.
func (q query) afterPlace(kind string) (store.Place, error) {
	text, err := q.after(kind)
	if text == "" || err != nil {
		return store.Place{}, err
	}
	micros, id, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || !ok || id == "" {
		return store.Place{}, &billing.FieldError{Field: "after", Text: "is not what such a list has given as next"}
	}
	return store.Place{At: time.UnixMicro(n), ID: id}, nil
}

func placeCursor(kind string, at time.Time, id string) cursor {
	return cursor{kind, strconv.FormatInt(at.UnixMicro(), 10) + ":" + id}
}

// writePage answers with a part of a list, whose elements are called by what they
// are, in the plural; where there are more, place says where it goes on after the last.
func writePage[T any](w http.ResponseWriter, kind string, rows []T, more bool, element func(o *object, row *T), place func(row *T) cursor) {
	o := newObject(64 + 256*len(rows))
	o.list(kind, len(rows), func(i int) { o.inner("", func() { element(o, &rows[i]) }) })
	if more {
		o.text("next", place(&rows[len(rows)-1]).String())
	}
	o.write(w, http.StatusOK)
}
