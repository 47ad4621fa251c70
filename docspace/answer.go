package docspace

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/v1"
)

// envelope is what every answer is wrapped in. Source: contract, "Success
// envelope" and "Error envelope".
type envelope struct {
	Response   json.RawMessage `json:"response"`
	Settings   json.RawMessage `json:"settings"`
	Count      json.RawMessage `json:"count"`
	Status     json.RawMessage `json:"status"`
	StatusCode json.RawMessage `json:"statusCode"`
	Error      *struct {
		Message string `json:"message"`
	} `json:"error"`

	requestID string
	date      time.Time // of the portal's clock; the zero Time when it does not say
	keyed     bool      // the portal keeps idempotency keys
}

// known reports whether it is an envelope at all, and not JSON of another kind.
func (e *envelope) known() bool {
	return e.Response != nil || e.Settings != nil || e.Count != nil || e.StatusCode != nil
}

// readBody reads an answer, and one byte more than the client allows if there is one.
func (c *Client) readBody(res *http.Response) ([]byte, error) {
	const sure = 1 << 20 // so many bytes are set aside for a length that is only claimed
	most := max(c.maxBody, c.maxBody+1)
	var body bytes.Buffer
	if length := min(res.ContentLength, most, sure); length > 0 {
		body.Grow(int(length) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(res.Body, most))
	return body.Bytes(), err
}

// open takes the envelope out of a whole answer, or says what is wrong with it.
func (c *Client) open(op operation, res *http.Response, body []byte) (*envelope, *Error) {
	failure := &Error{
		Operation:  op.name,
		Status:     res.StatusCode,
		RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now()),
		RequestID:  c.requestID(res),
		Err:        kindOf(res.StatusCode),
	}
	var env envelope
	err := json.Unmarshal(body, &env)
	isObject := err == nil && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
	switch {
	case isObject && env.Error != nil:
		failure.Message = c.excerpt(env.Error.Message)
		if failure.Err == nil {
			failure.Err = ErrRefused
		}
	case failure.Err == ErrRedirect && res.Header.Get("Location") != "":
		failure.Message = "sent on to " + c.redirectHost(res)
	case failure.Err != nil && isObject && invalid(env.Response) != "":
		failure.Message = c.excerpt(invalid(env.Response))
	case failure.Err != nil:
		failure.Message = c.describeRefusal(res, body)
	case isObject && string(env.Status) == "1":
		failure.Message, failure.Err = "the portal says that it failed, and not why", ErrRefused
	case isObject && env.known():
		env.requestID = failure.RequestID
		if date := res.Header.Get("Date"); date != "" {
			env.date, _ = http.ParseTime(date)
		}
		env.keyed = res.Header.Get("Idempotency-Keys") == "kept"
		return &env, nil
	default:
		failure.Message = describe(body, res.Header.Get("Content-Type"), c.excerpt)
		failure.Err = ErrMalformed
		if err != nil {
			failure.Err = c.because(ErrMalformed, err)
		}
	}
	if failure.Message == "" {
		failure.Message = statusText(res.StatusCode)
	}
	return nil, failure
}

// excerpt returns the start of a portal's text on one line, fit to print and
// without the key: taken out where it is whole, before anything is cut.
func (c *Client) excerpt(s string) string { return cut(c.scrub(oneLine(s))) }

func (c *Client) requestID(res *http.Response) string {
	id := res.Header.Get("X-Request-Id")
	if id == "" {
		return ""
	}
	return c.excerpt(id)
}

// redirectHost returns where an answer sends its readers, and no more of it: the
// rest of the address may hold anything.
func (c *Client) redirectHost(res *http.Response) string {
	to, err := res.Location()
	if err != nil {
		return "an address that can't be read"
	}
	if strings.EqualFold(to.Host, c.base.Host) && to.Scheme == c.base.Scheme {
		return "itself, without end"
	}
	return c.excerpt(to.Scheme + "://" + to.Host)
}

// describeRefusal words an error status whose body has no error message: by
// the challenge's description, by the status, and by what the body is.
func (c *Client) describeRefusal(res *http.Response, body []byte) string {
	const marker = `error_description="`
	for _, challenge := range res.Header.Values("WWW-Authenticate") {
		if _, rest, ok := strings.Cut(challenge, marker); ok {
			if text, _, ok := strings.Cut(rest, `"`); ok {
				return c.excerpt(text)
			}
		}
	}
	status := statusText(res.StatusCode)
	if len(bytes.TrimSpace(body)) == 0 {
		return status
	}
	return status + ", " + describe(body, res.Header.Get("Content-Type"), c.excerpt)
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "unknown status"
}

// unanswered makes an Error of a request that got no whole answer.
func (c *Client) unanswered(op operation, cause error) *Error {
	var urlError *url.Error
	if errors.As(cause, &urlError) {
		cause = urlError.Err // without the address, which every message has anyway
	}
	kind, message := ErrUnreachable, cause.Error()
	var (
		dns     *net.DNSError
		network *net.OpError
	)
	switch {
	case strings.Contains(message, "Location header"): // it may hold anything
		kind, message = ErrRedirect, "sent on to an address that can't be read"
		cause = errors.New(message)
	case errors.Is(cause, context.Canceled):
		message = "canceled"
	case errors.Is(cause, context.DeadlineExceeded):
		kind, message = ErrTimeout, "no whole answer in time"
	case errors.As(cause, &dns) && dns.IsNotFound:
		message = "there is no host " + c.base.Hostname()
	case isPlainHTTP(cause):
		message = c.base.Host + " does not speak TLS (is the address http://?)"
	case isCertificateError(cause):
		message = "the certificate of " + c.base.Host + " is not trusted: " + c.excerpt(cause.Error())
	case errors.As(cause, &network):
		message = c.base.Host + ": " + c.excerpt(network.Err.Error())
	case errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF):
		message = "the connection was closed"
	}
	return &Error{
		Operation: op.name,
		Message:   c.excerpt(message),
		Err:       c.because(kind, cause),
	}
}

// scrubbed is an error whose text can't hold the key, whatever made it. It has
// no Unwrap, which would hand out the text as it was; errors.Is and errors.As
// still find what is in it.
type scrubbed struct {
	cause error
	scrub func(string) string
}

func (s scrubbed) Error() string        { return s.scrub(s.cause.Error()) }
func (s scrubbed) Is(target error) bool { return errors.Is(s.cause, target) }
func (s scrubbed) As(target any) bool   { return errors.As(s.cause, target) }

// because wraps a kind of failure and its cause.
func (c *Client) because(kind, cause error) error {
	return fmt.Errorf("%w: %w", kind, scrubbed{cause, c.scrub})
}

func isCertificateError(err error) bool {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
	)
	return errors.As(err, &unknown) || errors.As(err, &hostname) ||
		errors.As(err, &invalid) || errors.As(err, &verify)
}

// isPlainHTTP reports whether the other side answered a TLS hello in clear.
func isPlainHTTP(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header) || err != nil && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}
