package docspace_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bursarhq/bursar/docspace"
)

const (
	badGatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center>nginx</center>\r\n</body>\r\n</html>\r\n"
	loginPage      = "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n<TITLE data-x='1'>\n  Sign in &ndash; Portal &amp; more\n</TITLE></head></html>"
	validation     = `{"response":{"title":"One or more validation errors occurred.","status":400,"errors":{"Country":["No."],"BackUrl":["It is no URL.","It is too long."]}},` +
		`"count":1,"links":[],"status":1,"statusCode":400}`
)

// answer is what a portal may send instead of what was asked for.
type answer struct {
	name    string
	status  int
	headers http.Header
	body    string

	kind       error
	message    string // after the status; "" when only its kind is promised
	retryAfter time.Duration
	requestID  string
}

func badAnswers() []answer {
	challenge := func(value ...string) http.Header { return http.Header{"Www-Authenticate": value} }
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	return []answer{
		{name: "key not known", status: 401, kind: docspace.ErrUnauthorized, message: "Unauthorized"},
		{name: "key expired", status: 401, headers: challenge(`Bearer error="invalid_token", error_description="The token expired at '07/01/2026'"`),
			kind: docspace.ErrUnauthorized, message: "The token expired at '07/01/2026'"},
		{name: "two challenges", status: 401, headers: challenge(`Basic realm="portal"`, `Bearer error_description="No such key"`),
			kind: docspace.ErrUnauthorized, message: "No such key"},
		{name: "a challenge without words", status: 401, headers: challenge("Basic"), kind: docspace.ErrUnauthorized, message: "Unauthorized"},
		{name: "a challenge cut short", status: 401, headers: challenge(`Bearer error_description="oops`), kind: docspace.ErrUnauthorized, message: "Unauthorized"},
		{name: "a message beats the challenge", status: 401, headers: challenge(`Bearer error_description="other"`),
			body: refusal(401, "Invalid credentials"), kind: docspace.ErrUnauthorized, message: "Invalid credentials"},

		{name: "not an administrator", status: 403, body: refusal(403, "Access denied"), kind: docspace.ErrForbidden, message: "Access denied"},
		{name: "no billing", status: 403, body: refusal(403, "Tariff service is not configured"), kind: docspace.ErrForbidden, message: "Tariff service is not configured"},
		{name: "no scope", status: 403, kind: docspace.ErrForbidden, message: "Forbidden"},
		{name: "address not allowed", status: 403, body: `"IP address is not allowed"`, kind: docspace.ErrForbidden},
		{name: "a message that is empty", status: 403, body: refusal(403, ""), kind: docspace.ErrForbidden, message: "Forbidden"},

		{name: "no such portal", status: 404, body: refusal(404, "Portal not found"), kind: docspace.ErrNotFound, message: "Portal not found"},
		{name: "no such page", status: 404, headers: html, body: "<h1>Not here</h1>", kind: docspace.ErrNotFound, message: "Not Found, a web page"},
		{name: "not paid", status: 402, body: refusal(402, "The portal is not paid"), kind: docspace.ErrPaymentRequired, message: "The portal is not paid"},
		{name: "not paid, no words", status: 402, kind: docspace.ErrPaymentRequired, message: "Payment Required"},
		{name: "a parameter is wrong", status: 400, body: validation, kind: docspace.ErrRefused, message: "BackUrl: It is no URL. BackUrl: It is too long. Country: No."},
		{name: "a parameter is wrong, and none is named", status: 400, body: `{"response":{"title":"One or more validation errors occurred."},"status":1}`,
			kind: docspace.ErrRefused, message: "One or more validation errors occurred."},
		{name: "errors of another kind", status: 400, body: `{"response":{"errors":["No."]},"status":1}`, kind: docspace.ErrRefused,
			message: `Bad Request, JSON of another kind: {"response":{"errors":["No."]},"status":1}`},
		{name: "a status of its own", status: 499, kind: docspace.ErrRefused, message: "unknown status"},
		{name: "a status of its own, with an empty error", status: 499, body: `{"error":{}}`, kind: docspace.ErrRefused, message: "unknown status"},
		{name: "over the limit", status: 429, headers: http.Header{"Retry-After": {"17"}, "X-Request-Id": {"r-1"}},
			kind: docspace.ErrRateLimited, message: "Too Many Requests", retryAfter: 17 * time.Second, requestID: "r-1"},
		{name: "over the limit, in words", status: 429, headers: http.Header{"Retry-After": {"soon"}}, body: refusal(429, "Slow down"),
			kind: docspace.ErrRateLimited, message: "Slow down"},

		{name: "portal failed", status: 500, headers: http.Header{"X-Request-Id": {"0HN7 \t GK"}}, body: refusal(500, "Object reference not set"),
			kind: docspace.ErrPortalFailed, message: "Object reference not set", requestID: "0HN7 GK"},
		{name: "portal failed, error is a text", status: 500, body: `{"error":"boom"}`, kind: docspace.ErrPortalFailed},
		{name: "portal failed, payload and all", status: 500, body: nothing, kind: docspace.ErrPortalFailed},
		{name: "proxy failed", status: 502, headers: html, body: badGatewayPage,
			kind: docspace.ErrPortalFailed, message: `Bad Gateway, a web page titled "502 Bad Gateway"`},
		{name: "starting", status: 503, headers: http.Header{"Retry-After": {"5"}}, body: "starting\n up",
			kind: docspace.ErrPortalFailed, message: "Service Unavailable, not JSON: starting up", retryAfter: 5 * time.Second},
		{name: "proxy gave up", status: 504, kind: docspace.ErrPortalFailed, message: "Gateway Timeout"},

		{name: "login page", status: 200, headers: html, body: loginPage, kind: docspace.ErrMalformed,
			message: `a web page titled "Sign in – Portal & more"`},
		{name: "a page that calls itself JSON", status: 200, headers: http.Header{"Content-Type": {"application/json"}}, body: "\n <p>hello",
			kind: docspace.ErrMalformed, message: "a web page"},
		{name: "empty", status: 200, kind: docspace.ErrMalformed, message: "an empty body"},
		{name: "no content", status: 204, kind: docspace.ErrMalformed, message: "an empty body"},
		{name: "blank", status: 200, body: " \r\n\t", kind: docspace.ErrMalformed, message: "an empty body"},
		{name: "text", status: 200, body: "OK", kind: docspace.ErrMalformed, message: "not JSON: OK"},
		{name: "broken off JSON", status: 200, body: `{"response":{"portalId":"p"`, kind: docspace.ErrMalformed},
		{name: "JSON and more", status: 200, body: nothing + nothing, kind: docspace.ErrMalformed},
		{name: "a list", status: 200, body: `[]`, kind: docspace.ErrMalformed, message: "JSON of another kind: []"},
		{name: "null", status: 200, body: `null`, kind: docspace.ErrMalformed},
		{name: "a number", status: 200, body: `42`, kind: docspace.ErrMalformed},
		{name: "a string", status: 200, body: `"hello"`, kind: docspace.ErrMalformed},
		{name: "a refusal that says all is well", status: 200, headers: http.Header{"X-Request-Id": {"r-2"}}, body: refusal(403, "Access denied"),
			kind: docspace.ErrRefused, message: "Access denied", requestID: "r-2"},
	}
}

func TestEveryBadAnswerIsTold(t *testing.T) {
	for _, a := range badAnswers() {
		t.Run(a.name, func(t *testing.T) {
			client := once(t, inMemory(a.send))
			for _, op := range operations() {
				present, err := op.do(t.Context(), client)
				if present || err == nil {
					t.Fatalf("%s: a value: %t, error %v", op.name, present, err)
				}
				got := failureOf(t, err, a.kind)
				if got.Operation != op.name || got.Status != a.status {
					t.Errorf("operation %q, status %d; want %q, %d", got.Operation, got.Status, op.name, a.status)
				}
				if got.RetryAfter != a.retryAfter || got.RequestID != a.requestID {
					t.Errorf("retry after %s, request %q; want %s, %q", got.RetryAfter, got.RequestID, a.retryAfter, a.requestID)
				}
				if want := fmt.Sprintf("Failed to %s: %d - %s", op.name, a.status, got.Message); err.Error() != want {
					t.Errorf("text %q, want %q", err, want)
				}
				if a.message != "" && got.Message != a.message {
					t.Errorf("message %q, want %q", got.Message, a.message)
				}
				if got.Message == "" || got.Message != strings.TrimSpace(got.Message) {
					t.Errorf("message %q", got.Message)
				}
			}
		})
	}
}

func (a answer) send(w http.ResponseWriter, _ *http.Request) {
	for name, values := range a.headers {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body)) // a recorder takes everything
}

// The text is what DocSpace's published sample prints.
func TestErrorReadsAsOneLine(t *testing.T) {
	_, err := once(t, saying(403, refusal(403, "Access denied"))).CustomerInfo(t.Context())
	if want := "Failed to get customer info: 403 - Access denied"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = once(t, transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("cable pulled") })).Balance(t.Context())
	if want := "Failed to get balance: cable pulled"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// JSON that no portal sends is another service's; to take it for "there is no
// balance" would be to take unknown for nothing.
func TestJSONOfAnotherKindIsMalformed(t *testing.T) {
	for _, body := range []string{`{}`, `{"message":"hello"}`, `{"status":"ok"}`, `{"data":{"balance":12}}`} {
		b, err := once(t, saying(200, body)).Balance(t.Context())
		if err == nil {
			t.Errorf("%s was taken for an answer: %+v", body, b)
			continue
		}
		failureOf(t, err, docspace.ErrMalformed)
	}
}

func TestAPayloadOfAnotherKindIsMalformed(t *testing.T) {
	for _, payload := range []string{`"text"`, `12`, `true`, `[[]]`, `[{"id":"x","isoCountryCode":1}]`, `{"id":"x","portalId":1,"accountNumber":"x"}`} {
		client := once(t, saying(200, envelope(payload)))
		for _, op := range operations() {
			present, err := op.do(t.Context(), client)
			if present || err == nil {
				t.Errorf("%s: %s was taken for an answer", op.path, payload)
				continue
			}
			failureOf(t, err, docspace.ErrMalformed)
			if !strings.HasPrefix(err.Error(), "Failed to "+op.name+": 200 - the answer can't be read: ") {
				t.Errorf("text %q", err)
			}
		}
	}
}

// Whoever reports a failure to the portal's operator needs the id, whatever
// went wrong with the answer.
func TestEveryAnswerThatFailedKeepsItsRequestID(t *testing.T) {
	for name, body := range map[string]string{
		"a refusal":        refusal(500, "Oops"),
		"a page":           loginPage,
		"a broken payload": envelope(`{"accountNumber":"x"}`),
		"too large":        envelope(`"` + strings.Repeat("x", 4096) + `"`),
	} {
		client := newClient(t, docspace.Config{MaxAttempts: 1, MaxBody: 2048, Transport: inMemory(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-Id", "0HN7:4")
			_, _ = w.Write([]byte(body)) // a recorder takes everything
		})})
		_, err := client.Balance(t.Context())
		var failure *docspace.Error
		if !errors.As(err, &failure) || failure.RequestID != "0HN7:4" {
			t.Errorf("%s: request id of %#v", name, err)
		}
	}
}

// A message is fit for a terminal and for one line of a log, whatever is in it.
func TestMessagesAreShortAndPlain(t *testing.T) {
	for name, message := range map[string]string{
		"lines":           "first\r\nsecond\n\n\tthird",
		"control":         "bell\a, escape \x1b[31mred\x1b[0m, delete \x7f, C1 \u009b",
		"long":            strings.Repeat("word ", 1000),
		"long, no spaces": strings.Repeat("x", 100_000),
		"long, astral":    "a" + strings.Repeat("😀", 1000),
		"long, combining": strings.Repeat("e\u0301", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			bodies := map[string]string{
				"message": fmt.Sprintf(`{"error":{"message":%q}}`, message),
				"title":   "<title>" + message + "</title>",
				"text":    message,
			}
			if name == "control" {
				bodies["message"] = `{"error":{"message":"bell\u0007, escape \u001b[31mred\u001b[0m, delete \u007f, C1 \u009b"}}`
			}
			failures := map[string]error{}
			for where, body := range bodies {
				_, failures[where] = once(t, saying(500, body)).Quota(t.Context())
			}
			_, failures["network"] = once(t, failing(errors.New(message))).Quota(t.Context())
			for where, err := range failures {
				var failure *docspace.Error
				if !errors.As(err, &failure) {
					t.Fatalf("%s: %v", where, err)
				}
				text := failure.Message
				if n := utf8.RuneCountInString(text); n > 300 || !utf8.ValidString(text) {
					t.Errorf("%s: %d characters: %q", where, n, text)
				}
				if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }) {
					t.Errorf("%s: %q", where, text)
				}
			}
		})
	}
	_, err := once(t, saying(500, "bad \xff\xfe bytes")).Quota(t.Context())
	if text := err.Error(); !utf8.ValidString(text) {
		t.Errorf("%q is not UTF-8", text)
	}
}

func TestACanceledReadSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked := 0
	client := newClient(t, docspace.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
		asked++
		return nil, r.Context().Err()
	})})
	for _, op := range operations() {
		asked = 0
		present, err := op.do(ctx, client)
		if present || !errors.Is(err, context.Canceled) || err.Error() != "Failed to "+op.name+": canceled" {
			t.Errorf("a value: %t, error %v", present, err)
		}
		failureOf(t, err, docspace.ErrUnreachable)
		if asked > 1 {
			t.Errorf("%s: sent %d times", op.name, asked)
		}
	}
}
