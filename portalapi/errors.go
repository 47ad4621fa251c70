package portalapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
)

// answers is how each error of the hall looks on the wire. An error that is not
// in it is ours: logged with its cause, and answered with the request's id.
// Source: contract, "Error envelope".
var answers = []struct {
	err     error
	status  int
	kind    string // the class a stock portal names
	hresult int
	write   func(w http.ResponseWriter, r *http.Request, started time.Time, a answer)
}{
	{err: billing.ErrNoPortal, status: http.StatusNotFound, write: writeError},
	{err: billing.ErrNoKey, status: http.StatusUnauthorized, write: writeChallenge},
	{err: billing.ErrUnknownKey, status: http.StatusUnauthorized, write: writeChallenge},
	{err: billing.ErrKeyExpired, status: http.StatusUnauthorized, write: writeChallenge},
	{err: billing.ErrKeyRevoked, status: http.StatusUnauthorized, write: writeChallenge},
	{err: billing.ErrScope, status: http.StatusForbidden, write: writeError},
	{err: billing.ErrAccessDenied, status: http.StatusForbidden, kind: "System.Security.SecurityException", hresult: -2146233078, write: writeError},
	{err: billing.ErrInvalid, status: http.StatusBadRequest, write: writeInvalid},
	{err: billing.ErrNotFound, status: http.StatusNotFound, kind: "ASC.Common.ItemNotFoundException", hresult: -2146233088, write: writeError},
	{err: billing.ErrExists, status: http.StatusConflict, write: writeError},
	{err: billing.ErrInUse, status: http.StatusConflict, write: writeError},
	{err: billing.ErrInsufficient, status: http.StatusPaymentRequired, kind: "ASC.Core.Billing.BillingException", hresult: -2146233088, write: writeError},
	{err: billing.ErrDeclined, status: http.StatusPaymentRequired, kind: "ASC.Core.Billing.BillingException", hresult: -2146233088, write: writeError},
	{err: billing.ErrMismatch, status: http.StatusUnprocessableEntity, write: writeError},
	{err: billing.ErrHoldClosed, status: http.StatusConflict, write: writeError},
	{err: billing.ErrOverHold, status: http.StatusBadRequest, write: writeError},
	{err: billing.ErrOverCorrection, status: http.StatusBadRequest, write: writeError},
	{err: billing.ErrNoProvider, status: http.StatusForbidden, kind: "System.InvalidOperationException", hresult: -2146233079, write: writeError},
	{err: billing.ErrNoMethod, status: http.StatusForbidden, kind: "System.InvalidOperationException", hresult: -2146233079, write: writeError},
	{err: billing.ErrNotPaid, status: http.StatusPaymentRequired, kind: "ASC.Core.Billing.BillingException", hresult: -2146233088, write: writeError},
	{err: billing.ErrLimit, status: http.StatusPaymentRequired, kind: "ASC.Core.Tenants.TenantQuotaException", hresult: -2146233088, write: writeError},
	{err: billing.ErrBusyWallet, status: http.StatusConflict, write: writeError},
	{err: billing.ErrUnsettled, status: http.StatusServiceUnavailable, write: writeUnsettled},
	{err: billing.ErrNoMail, status: http.StatusForbidden, kind: "System.InvalidOperationException", hresult: -2146233079, write: writeError},
	{err: billing.ErrTooMany, status: http.StatusTooManyRequests, write: writeTooMany},
	{err: errTooMany, status: http.StatusTooManyRequests, write: writeEmpty},
	{err: billing.ErrTryAgain, status: http.StatusServiceUnavailable, write: writeTryAgain},
}

// errTooMany says that a caller is over its limit; the headers say when to come
// back.
var errTooMany = errors.New("too many requests")

// answer is an error with how it looks on the wire.
type answer struct {
	err     error
	status  int
	message string
	kind    string
	hresult int
	origin  string // that the caller sees the portal at
}

// fail answers an error.
func (d *door) fail(w http.ResponseWriter, r *http.Request, started time.Time, err error) {
	for _, row := range answers {
		if errors.Is(err, row.err) {
			if row.status >= 500 {
				d.log.WarnContext(r.Context(), "request refused for now",
					"request_id", w.Header().Get(httpd.RequestIDHeader), "path", r.URL.Path, "error", err)
			}
			row.write(w, r, started, answer{err, row.status, err.Error(), row.kind, row.hresult, d.origin(r)})
			return
		}
	}
	var refused *refusal
	if errors.As(err, &refused) {
		writeError(w, r, started, answer{status: refused.status, message: refused.message, kind: refused.kind, hresult: refused.hresult})
		return
	}
	id := w.Header().Get(httpd.RequestIDHeader)
	d.log.ErrorContext(r.Context(), "request failed", "request_id", id, "path", r.URL.Path, "error", err)
	writeError(w, r, started, answer{
		status: http.StatusInternalServerError, kind: "System.Exception", hresult: -2146233088,
		message: "Something went wrong on our side. Request " + id,
	})
}

// failUnknown answers an error to somebody who was not asked for a key yet. It
// counts against the address, which slows down who tries names.
func (d *door) failUnknown(w http.ResponseWriter, r *http.Request, started time.Time, err error) {
	under, limited := d.limit(w, r, nil, nil)
	defer under.end()
	if limited != nil {
		err = limited
	}
	d.fail(w, r, started, err)
}

// refusal is an error of the door's own.
type refusal struct {
	status  int
	message string
	kind    string // as in answers
	hresult int
}

func (e *refusal) Error() string { return e.message }

// notFound answers for what is no route.
func (d *door) notFound(w http.ResponseWriter, r *http.Request) {
	d.failUnknown(w, r, time.Now(), &refusal{status: http.StatusNotFound, message: "There is no " + r.URL.Path + " here"})
}

// wrongMethod answers for a route that is there, but not with this method.
func (d *door) wrongMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	d.failUnknown(w, r, time.Now(), &refusal{
		status: http.StatusMethodNotAllowed, message: r.URL.Path + " takes " + allowed + ", not " + r.Method,
	})
}

func writeError(w http.ResponseWriter, _ *http.Request, started time.Time, a answer) {
	type detail struct {
		Message string  `json:"message"`
		Type    *string `json:"type"`
		Stack   *string `json:"stack"`
		HResult int     `json:"hresult"`
	}
	body := struct {
		Error      detail `json:"error"`
		Status     int    `json:"status"`
		StatusCode int    `json:"statusCode"`
	}{Error: detail{Message: a.message, HResult: a.hresult}, Status: 1, StatusCode: a.status}
	if a.kind != "" {
		body.Error.Type = &a.kind
	}
	writeEncoded(w, started, a.status, typeJSON, body)
}

// writeChallenge answers a request without a good key: no body, as stock does,
// and the reason in the header that RFC 6750 has for it.
func writeChallenge(w http.ResponseWriter, _ *http.Request, started time.Time, a answer) {
	challenge := `Bearer realm="DocSpace"`
	if !errors.Is(a.err, billing.ErrNoKey) {
		challenge += `, error="invalid_token", error_description="` + a.message + `"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	writeJSON(w, started, a.status, nil)
}

func writeEmpty(w http.ResponseWriter, _ *http.Request, started time.Time, a answer) {
	writeJSON(w, started, a.status, nil)
}

// writeTooMany answers one call too many of a use case that counts its own. Source:
// contract, "POST /payment/request".
func writeTooMany(w http.ResponseWriter, r *http.Request, started time.Time, a answer) {
	var many *billing.TooManyError
	if errors.As(a.err, &many) {
		w.Header().Set("Retry-After", strconv.FormatInt(int64(many.RetryAfter/time.Second), 10))
	}
	a.message = "Request limit is exceeded"
	writeError(w, r, started, a)
}

func writeTryAgain(w http.ResponseWriter, r *http.Request, started time.Time, a answer) {
	w.Header().Set("Retry-After", "1")
	a.message = "The service is busy. Try again"
	writeError(w, r, started, a)
}

// writeUnsettled answers a payment whose outcome is not known yet.
func writeUnsettled(w http.ResponseWriter, r *http.Request, started time.Time, a answer) {
	w.Header().Set("Retry-After", "5")
	a.message = "The outcome of the payment is not known yet. Ask again, with the same Idempotency-Key if there was one"
	writeError(w, r, started, a)
}

// writeInvalid answers input that can't be used, as ASP.NET's validation does: a
// problem inside the success envelope, fields by their C# names.
func writeInvalid(w http.ResponseWriter, r *http.Request, started time.Time, a answer) {
	var argument *billing.ArgumentError
	if errors.As(a.err, &argument) { // which is the action's to say, not the validation's
		a.kind, a.hresult = "System.ArgumentException", -2147024809
		writeError(w, r, started, a)
		return
	}
	type problem struct {
		Type    string  `json:"type"`
		Title   string  `json:"title"`
		Status  int     `json:"status"`
		Errors  invalid `json:"errors"`
		TraceID string  `json:"traceId"`
	}
	type link struct {
		Href   string `json:"href"`
		Action string `json:"action"`
	}
	method := r.Method
	if method == http.MethodHead { // as GET, less the body
		method = http.MethodGet
	}
	writeEncoded(w, started, a.status, typeProblem, struct {
		Response   problem `json:"response"`
		Count      int     `json:"count"`
		Links      []link  `json:"links"`
		Status     int     `json:"status"`
		StatusCode int     `json:"statusCode"`
	}{
		Response: problem{
			Type:    "https://tools.ietf.org/html/rfc9110#section-15.5.1",
			Title:   "One or more validation errors occurred.",
			Status:  a.status,
			Errors:  invalidOf(a.err),
			TraceID: w.Header().Get(httpd.RequestIDHeader),
		},
		Count: 1, Links: []link{{a.origin + target(r), method}}, Status: 1, StatusCode: a.status,
	})
}

func writeEncoded(w http.ResponseWriter, started time.Time, status int, contentType []string, v any) {
	body, err := encode(v)
	if err != nil { // strings and numbers can always be encoded
		body = []byte(`{"status":1,"statusCode":` + strconv.Itoa(status) + `}`)
	}
	writeJSON(w, started, status, contentType, body)
}
