package docspace

import (
	"bytes"
	"context"
	"fmt"
	"maps"
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
