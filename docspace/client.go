package docspace

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json/v1"
)

// Client reads and pays one portal. It is safe for concurrent use; make one a portal and
// keep it, so that its connections are used again.
type Client struct {
	base      *url.URL
	root      string // of all routes, an address
	http      *http.Client
	authorize func(http.Header) // holds the key, where no %v can print it
	scrub     func(string) string
	timeout   time.Duration
	attempts  int
	maxWait   time.Duration
	maxBody   int64
	maxReport int64
	atOnce    int
	refresh   bool
	country   string
}

// apiKeyPrefix starts every DocSpace API key. Source: contract, "Authentication".
const apiKeyPrefix = "sk-"

// New returns a client for the portal of the config, or ErrConfig. It sends
// nothing yet.
func New(config Config) (*Client, error) {
	config, base, err := config.prepared()
	if err != nil {
		return nil, err
	}
	authorization := config.Key
	if strings.HasPrefix(authorization, apiKeyPrefix) {
		authorization = "Bearer " + authorization
	}
	headers := http.Header{
		"Authorization": {authorization},
		"Accept":        {"application/json"},
		"User-Agent":    {config.UserAgent},
	}
	return &Client{
		base: base,
		root: base.JoinPath("/api/2.0").String(),
		http: &http.Client{
			Transport:     config.Transport,
			CheckRedirect: sameHostOnly,
		},
		authorize: func(h http.Header) { maps.Copy(h, headers) },
		scrub:     scrubber(config.Key),
		timeout:   config.Timeout,
		attempts:  config.MaxAttempts,
		maxWait:   config.MaxWait,
		maxBody:   config.MaxBody,
		maxReport: config.MaxReport,
		atOnce:    config.AtOnce,
		refresh:   config.Refresh,
		country:   config.Country,
	}, nil
}

// otherKey is what every API key looks like: a portal that made one says it, too.
var otherKey = regexp.MustCompile(apiKeyPrefix + `[0-9A-Za-z]{8,}`)

// scrubber returns a function that redacts a key in a text, in whatever way it
// may stand in an address, and all that looks like another.
func scrubber(key string) func(string) string {
	shown := redacted(key)
	own := strings.NewReplacer(key, shown, url.QueryEscape(key), shown, url.PathEscape(key), shown)
	return func(text string) string {
		return otherKey.ReplaceAllString(own.Replace(text), apiKeyPrefix+"***")
	}
}

// URL returns the address of the portal.
func (c *Client) URL() string { return c.base.String() }

// sameHostOnly follows redirects of reads within the portal, and to its https
// side; any other redirect is handed back as the answer.
func sameHostOnly(next *http.Request, via []*http.Request) error {
	if via[0].Method != http.MethodGet {
		return http.ErrUseLastResponse
	}
	from := via[0].URL
	sameHost := strings.EqualFold(next.URL.Hostname(), from.Hostname())
	samePort := portOf(next.URL) == portOf(from)
	secured := from.Scheme == "http" && next.URL.Scheme == "https"
	if !sameHost || !(samePort && next.URL.Scheme == from.Scheme || secured) || len(via) > 5 {
		return http.ErrUseLastResponse
	}
	// net/http takes the key away from a host that is written differently.
	next.Header.Set("Authorization", via[0].Header.Get("Authorization"))
	return nil
}

// portOf returns the port of an address, the usual one of its scheme if it names
// none.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// operation is one route of the contract.
type operation struct {
	name string // after "Failed to "
	path string // after /api/2.0
}

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

// read does one operation, repeats included, and decodes its payload. The
// result is nil when the portal sent none.
func read[T any](ctx context.Context, c *Client, op operation, query url.Values) (*T, error) {
	answer, err := c.ask(ctx, op, query)
	if err != nil {
		return nil, err
	}
	return decode[T](c, op, answer)
}

// ask does one read, repeats included, with what the config asks of every read.
func (c *Client) ask(ctx context.Context, op operation, query url.Values) (*envelope, error) {
	if c.refresh {
		query.Set("refresh", "true")
	}
	if c.country != "" {
		query.Set("country", c.country)
	}
	return c.retry(ctx, op, query)
}

// decode reads the payload of an answer; nil when there is none.
func decode[T any](c *Client, op operation, answer *envelope) (*T, error) {
	payload := answer.Response
	if len(payload) == 0 {
		payload = answer.Settings
	}
	if len(payload) == 0 || bytes.Equal(payload, []byte("null")) {
		return nil, nil
	}
	value := new(T)
	if err := json.Unmarshal(payload, value); err != nil {
		return nil, &Error{
			Operation: op.name,
			Status:    http.StatusOK,
			RequestID: answer.requestID,
			Message:   "the answer can't be read: " + c.excerpt(err.Error()),
			Err:       c.because(ErrMalformed, err),
		}
	}
	return value, nil
}

// once sends one read and returns the envelope of a good answer.
func (c *Client) once(ctx context.Context, op operation, query url.Values) (*envelope, *Error) {
	return c.send(ctx, op, c.timeout, func(ctx context.Context, address string) (*http.Request, error) {
		if len(query) > 0 {
			address += "?" + query.Encode()
		}
		return http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	})
}

// send sends the request that build makes for an address, once, and returns the
// envelope of a good answer.
func (c *Client) send(ctx context.Context, op operation, timeout time.Duration, build func(context.Context, string) (*http.Request, error)) (*envelope, *Error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := build(ctx, c.root+op.path)
	if err != nil {
		return nil, c.unanswered(op, err)
	}
	c.authorize(req.Header)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unanswered(op, err)
	}
	defer res.Body.Close()
	body, err := c.readBody(res)
	if err != nil {
		e := c.unanswered(op, err)
		e.Status, e.RequestID = res.StatusCode, c.requestID(res)
		e.Message = "the answer broke off: " + e.Message
		return nil, e
	}
	if int64(len(body)) > c.maxBody {
		return nil, &Error{
			Operation: op.name, Status: res.StatusCode, RequestID: c.requestID(res),
			Message: fmt.Sprintf("the answer is longer than %d bytes", c.maxBody),
			Err:     ErrTooLarge,
		}
	}
	return c.open(op, res, body)
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
