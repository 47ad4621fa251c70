package operatorapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/ledger"
)

// What the door itself refuses.
var (
	errNoRoute          = errors.New("there is nothing at this path")
	errMethod           = errors.New("the path does not take this method")
	errTooMany          = errors.New("too many requests")
	errNoIdempotencyKey = errors.New("the idempotency key is missing")
	errMediaType        = errors.New("the body must be JSON in UTF-8, as it is")
	errTooLarge         = errors.New("the body is larger than 1 MiB")
	errMalformed        = errors.New("the body is not JSON")
	errPortalExists     = errors.New("the portal can't be made")
	errRealTime         = errors.New("time goes by itself here: it can be moved where bursar was started with --clock virtual")
)

// answers is how each error looks on the wire. One that is not in it is ours:
// logged with its cause, and answered with the request's id.
var answers = []struct {
	err    error
	status int
	code   string
	// detail is told in place of the error, which is nobody's business or too
	// terse; "" tells the error.
	detail     string
	retryAfter string // seconds; "" for no header
}{
	{err: billing.ErrNoKey, status: http.StatusUnauthorized, code: "unauthorized", detail: "no operator key was sent: Authorization: Bearer bk-…"},
	{err: billing.ErrUnknownKey, status: http.StatusUnauthorized, code: "unauthorized", detail: "the operator key is not known"},
	{err: billing.ErrKeyExpired, status: http.StatusUnauthorized, code: "unauthorized", detail: "the operator key has expired"},
	{err: billing.ErrKeyRevoked, status: http.StatusUnauthorized, code: "unauthorized", detail: "the operator key was revoked"},
	{err: billing.ErrScope, status: http.StatusForbidden, code: "forbidden"},
	{err: billing.ErrAccessDenied, status: http.StatusForbidden, code: "forbidden"},
	{err: errNoRoute, status: http.StatusNotFound, code: "not_found"},
	{err: errMethod, status: http.StatusMethodNotAllowed, code: "method_not_allowed"},
	{err: errTooMany, status: http.StatusTooManyRequests, code: "rate_limited"},
	{err: errNoIdempotencyKey, status: http.StatusBadRequest, code: "idempotency_key_missing"},
	{err: errMediaType, status: http.StatusUnsupportedMediaType, code: "unsupported_media_type"},
	{err: errTooLarge, status: http.StatusRequestEntityTooLarge, code: "body_too_large"},
	{err: errMalformed, status: http.StatusBadRequest, code: "malformed_json"},
	{err: billing.ErrInvalid, status: http.StatusBadRequest, code: "invalid_field"},
	{err: billing.ErrNoPortal, status: http.StatusNotFound, code: "not_found"},
	{err: billing.ErrNotFound, status: http.StatusNotFound, code: "not_found"},
	{err: errPortalExists, status: http.StatusConflict, code: "portal_exists"},
	{err: errRealTime, status: http.StatusConflict, code: "real_time"},
	{err: billing.ErrExists, status: http.StatusConflict, code: "exists"},
	{err: billing.ErrInUse, status: http.StatusConflict, code: "in_use"},
	{err: billing.ErrInsufficient, status: http.StatusPaymentRequired, code: "insufficient_funds"},
	{err: billing.ErrDeclined, status: http.StatusPaymentRequired, code: "payment_declined"},
	{err: billing.ErrMismatch, status: http.StatusUnprocessableEntity, code: "idempotency_mismatch"},
	{err: billing.ErrHoldClosed, status: http.StatusConflict, code: "hold_closed"},
	{err: billing.ErrOverHold, status: http.StatusUnprocessableEntity, code: "over_hold"},
	{err: billing.ErrOverCorrection, status: http.StatusUnprocessableEntity, code: "over_correction"},
	{err: billing.ErrNotPaid, status: http.StatusPaymentRequired, code: "not_paid"},
	{err: billing.ErrLimit, status: http.StatusConflict, code: "limit_exceeded"},
	{err: billing.ErrBusyWallet, status: http.StatusConflict, code: "wallet_busy"},
	{err: billing.ErrNoMethod, status: http.StatusConflict, code: "no_payment_method"},
	{err: billing.ErrNoProvider, status: http.StatusConflict, code: "no_provider"},
	{err: billing.ErrNoMail, status: http.StatusConflict, code: "no_mail"},
	{err: billing.ErrTooMany, status: http.StatusTooManyRequests, code: "rate_limited"},
	{err: billing.ErrUnsettled, status: http.StatusServiceUnavailable, code: "outcome_unknown", retryAfter: "5",
		detail: "the outcome of the payment is not known yet: the same again, under the same key, tells"},
	{err: billing.ErrTryAgain, status: http.StatusServiceUnavailable, code: "try_again", retryAfter: "1",
		detail: "the service is busy: send the same again, under the same key"},
}

// memberName is what some of the hall's fields are called in bodies.
var memberName = map[string]string{
	"time zone": "timeZone", "method status": "methodStatus", "method type": "methodType",
	"min balance": "minBalance", "up to balance": "upToBalance", "scope": "scopes", "paid from": "paidFrom",
}

// methodError is a method that a path does not take. It wraps errMethod.
type methodError struct{ method, allow string }

func (e *methodError) Error() string { return "the path takes " + e.allow + ", not " + e.method }
func (e *methodError) Unwrap() error { return errMethod }

// limitError says when a caller over a limit may come back. It wraps errTooMany.
type limitError struct{ retryAfter string }

func (e *limitError) Error() string { return errTooMany.Error() }
func (e *limitError) Unwrap() error { return errTooMany }

// problem is an error as the caller reads it. Source: RFC 9457.
type problem struct {
	status       int
	code, detail string
	retryAfter   string // seconds, for the header; "" for none
	field        string // "" for none
	reason       string // the provider's, of a declined payment
	funds        *ledger.InsufficientError
	requestID    string
}

// newProblem returns what a caller is told of an error.
func newProblem(err error, requestID string) problem {
	p := problem{
		status: http.StatusInternalServerError, code: "internal", requestID: requestID,
		detail: "something went wrong on our side",
	}
	for _, row := range answers {
		if !errors.Is(err, row.err) {
			continue
		}
		p.status, p.code, p.detail, p.retryAfter = row.status, row.code, row.detail, row.retryAfter
		if p.detail == "" {
			p.detail = err.Error()
		}
		break
	}
	var (
		wrong    *billing.FieldError
		declined *billing.DeclinedError
		limited  *limitError
		many     *billing.TooManyError
	)
	switch {
	case errors.As(err, &wrong):
		if p.field = wrong.Field; memberName[p.field] != "" {
			p.field = memberName[p.field]
			p.detail = p.field + " " + wrong.Text
		}
	case errors.As(err, &declined):
		p.reason = declined.Reason
	case errors.As(err, &p.funds):
	case errors.As(err, &limited):
		p.retryAfter = limited.retryAfter
	case errors.As(err, &many):
		p.retryAfter = strconv.FormatInt(int64(many.RetryAfter/time.Second), 10)
	}
	return p
}

// append appends the problem as JSON.
func (p *problem) append(b []byte) []byte {
	b = append(b, `{"type":"about:blank","title":`...)
	b = appendText(b, http.StatusText(p.status))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(b, `,"code":"`...)
	b = append(append(b, p.code...), `","detail":`...)
	b = appendText(b, clip(p.detail, 500))
	if p.field != "" {
		b = append(b, `,"field":`...)
		b = appendText(b, clip(p.field, 100))
	}
	if p.reason != "" {
		b = append(b, `,"reason":`...)
		b = appendText(b, p.reason)
	}
	if p.funds != nil {
		b = append(b, `,"available":"`...)
		b = append(p.funds.Available.AppendDecimal(b), `","needed":"`...)
		b = append(p.funds.Needed.AppendDecimal(b), `","currency":`...)
		b = appendText(b, string(p.funds.Needed.Currency()))
	}
	b = append(b, `,"requestId":`...)
	return append(appendText(b, p.requestID), '}')
}

// clip shortens a text that repeats too much of what the caller sent.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// fail answers an error.
func (d *door) fail(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	p := newProblem(err, h.Get(httpd.RequestIDHeader))
	d.note(r, p, err)
	if p.retryAfter != "" {
		h.Set("Retry-After", p.retryAfter)
	}
	if p.status == http.StatusUnauthorized {
		challenge := `Bearer realm="Bursar"`
		if !errors.Is(err, billing.ErrNoKey) {
			challenge += `, error="invalid_token", error_description="` + p.detail + `"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
	var method *methodError
	if errors.As(err, &method) {
		h.Set("Allow", method.allow)
	}
	writeJSON(w, p.status, typeProblem, p.append(make([]byte, 0, 320)))
}

// note logs what is not the caller's doing.
func (d *door) note(r *http.Request, p problem, err error) {
	switch {
	case p.status == http.StatusInternalServerError:
		d.log.ErrorContext(r.Context(), "request failed", "request_id", p.requestID, "path", r.URL.Path, "error", err)
	case p.status > http.StatusInternalServerError:
		d.log.WarnContext(r.Context(), "request refused for now", "request_id", p.requestID, "path", r.URL.Path, "error", err)
	}
}
