package docspace

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/v1"
)

// The kinds of failure. Every *Error wraps exactly one of them.
var (
	// ErrUnauthorized: the portal does not know the key, or it has expired (401).
	ErrUnauthorized = errors.New("key not accepted")
	// ErrForbidden: the key's user or scopes don't allow this (403).
	ErrForbidden = errors.New("not allowed")
	// ErrNotFound: nothing answers there by that name (404); most often the
	// address is no portal.
	ErrNotFound = errors.New("not found")
	// ErrPaymentRequired: the portal is not paid for, its plan does not allow that
	// much, or the wallet has less (402).
	ErrPaymentRequired = errors.New("payment required")
	// ErrRefused: the portal refused for another reason (other 4xx, or an error in a
	// body of status 200), or the client, before it sent anything.
	ErrRefused = errors.New("refused by the portal")
	// ErrRateLimited: too many requests (429), and repeating did not help.
	ErrRateLimited = errors.New("too many requests")
	// ErrPortalFailed: the portal, or a proxy before it, failed (5xx).
	ErrPortalFailed = errors.New("the portal failed")
	// ErrUnreachable: no answer at all: no such host, no connection, or one
	// that broke.
	ErrUnreachable = errors.New("portal not reachable")
	// ErrTimeout: no whole answer in the time allowed.
	ErrTimeout = errors.New("no answer in time")
	// ErrRedirect: the portal sends its callers to another host, where a key
	// must not go.
	ErrRedirect = errors.New("redirected to another host")
	// ErrTooLarge: the answer is longer than Config.MaxBody.
	ErrTooLarge = errors.New("answer too large")
	// ErrMalformed: what came back is not what a portal sends: a web page, an
	// empty body, broken JSON, an amount that is no number.
	ErrMalformed = errors.New("not a DocSpace answer")
)

// Error is one operation that failed.
type Error struct {
	// Operation is what was being done: "get customer info".
	Operation string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Message is the portal's own text where it sent one, else what came back
	// in words.
	Message string
	// RetryAfter is how long the portal asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	// RequestID is the portal's name for the request, if it gave one.
	RequestID string
	// Err wraps one of the Err values and, where there is one, the cause.
	Err error
}

// Error returns one line: "Failed to get customer info: 403 - Access denied".
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("Failed to %s: %s", e.Operation, e.Message)
	}
	return fmt.Sprintf("Failed to %s: %d - %s", e.Operation, e.Status, e.Message)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// MayHaveHappened reports whether what was asked may have been done all the same.
// Of a read it says nothing. A status of 400 to 499, and what was refused before it
// was sent, changed nothing; after anything else (the portal failed, did not answer
// in time, or said what can't be read) nobody knows.
func (e *Error) MayHaveHappened() bool {
	if e.Status == 0 {
		return !errors.Is(e.Err, ErrRefused)
	}
	return e.Status < 400 || e.Status > 499
}

// unsent makes an Error of what is refused before it is sent.
func unsent(op operation, format string, args ...any) *Error {
	return &Error{Operation: op.name, Message: fmt.Sprintf(format, args...) + "; nothing was sent", Err: ErrRefused}
}

// kindOf returns the Err value that belongs to a status, nil below 300.
func kindOf(status int) error {
	switch {
	case status < 300:
		return nil
	case status < 400:
		return ErrRedirect
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusPaymentRequired:
		return ErrPaymentRequired
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case status < 500:
		return ErrRefused
	default:
		return ErrPortalFailed
	}
}

// validation is what portals answer where input is wrong, by the field's name.
// Source: contract, "Error envelope".
type validation struct {
	Title  string              `json:"title"`
	Errors map[string][]string `json:"errors"`
}

// invalid returns what a portal found wrong with the input; "" if it says nothing of
// the kind.
func invalid(payload json.RawMessage) string {
	var v validation
	if len(payload) == 0 || json.Unmarshal(payload, &v) != nil {
		return ""
	}
	var all []string
	for _, field := range slices.Sorted(maps.Keys(v.Errors)) {
		for _, text := range v.Errors[field] {
			all = append(all, field+": "+text)
		}
	}
	if len(all) == 0 {
		return v.Title
	}
	return strings.Join(all, " ")
}

var htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// describe says in one short line what a body is that carries no error message;
// excerpt makes what is repeated of it fit to print.
func describe(body []byte, contentType string, excerpt func(string) string) string {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0:
		return "an empty body"
	case trimmed[0] == '<' || strings.Contains(contentType, "html"):
		if m := htmlTitle.FindSubmatch(trimmed); m != nil {
			if title := excerpt(html.UnescapeString(string(m[1]))); title != "" {
				return fmt.Sprintf("a web page titled %q", title)
			}
		}
		return "a web page"
	case trimmed[0] == '{' || trimmed[0] == '[':
		return "JSON of another kind: " + excerpt(plainJSON(trimmed))
	default:
		return "not JSON: " + excerpt(string(trimmed))
	}
}

// plainJSON returns a JSON text without escapes that it could do without; what
// is no JSON after all, as it is.
func plainJSON(text []byte) string {
	var value any
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&value); err != nil {
		return string(text)
	}
	plain, err := marshal(value)
	if err != nil {
		return string(text)
	}
	return string(plain)
}

// excerpt returns the start of s on one line, fit to print.
func excerpt(s string) string { return cut(oneLine(s)) }

// oneLine returns s without what breaks a line or turns its direction.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// cut returns the first 200 characters of s.
func cut(s string) string {
	const most = 200
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
