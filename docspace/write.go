package docspace

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"time"
)

// moneyTimeouts is how many times longer than a read it may take to move money: a
// portal waits for the bank, and then for its own accounting.
const moneyTimeouts = 4

// writing is one request that changes something.
type writing struct {
	operation
	method string
	// body is sent as JSON; nil sends none.
	body any
	// money says that it moves some: it may take longer, and bears the caller's key.
	money bool
	// key is the caller's name for it; "" sends none.
	key string
}

// write sends what changes something, once: a redirect is not followed, nor is a
// broken connection tried again.
func (c *Client) write(ctx context.Context, w writing) (*envelope, error) {
	for i := range len(w.key) {
		if w.key[i] < ' ' || w.key[i] > '~' {
			return nil, unsent(w.operation, "the key has other characters than printable ASCII")
		}
	}
	var body []byte
	if w.body != nil {
		var err error
		if body, err = marshal(w.body); err != nil {
			return nil, unsent(w.operation, "%s", c.excerpt(err.Error()))
		}
	}
	timeout := c.timeout
	if w.money {
		timeout = min(timeout, maxTimeout/moneyTimeouts) * moneyTimeouts
	}
	answer, failure := c.send(ctx, w.operation, timeout, func(ctx context.Context, address string) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, w.method, address, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		// Without it, net/http has no means to send the body a second time: it would
		// otherwise repeat a request with an Idempotency-Key by itself.
		req.GetBody = nil
		if w.body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		if w.key != "" {
			req.Header.Set("Idempotency-Key", w.key)
		}
		return req, nil
	})
	if failure != nil {
		return nil, failure
	}
	return answer, nil
}

// maxTimeout keeps a multiple of a time-out within what a Duration can be.
const maxTimeout = time.Duration(1<<63 - 1)

// writeFor does a write and decodes its payload, which may be missing: nil.
func writeFor[T any](ctx context.Context, c *Client, w writing) (*T, error) {
	answer, err := c.write(ctx, w)
	if err != nil {
		return nil, err
	}
	return decode[T](c, w.operation, answer)
}

// writeFully is writeFor where a payload that is missing leaves open what happened.
func writeFully[T any](ctx context.Context, c *Client, w writing) (*T, error) {
	answer, err := c.write(ctx, w)
	if err != nil {
		return nil, err
	}
	value, err := decode[T](c, w.operation, answer)
	if err == nil && value == nil {
		err = c.unsaid(w.operation, answer)
	}
	return value, err
}

// unsaid makes an Error of an answer that leaves out what matters.
func (c *Client) unsaid(op operation, answer *envelope) error {
	return &Error{
		Operation: op.name, Status: http.StatusOK, RequestID: answer.requestID,
		Message: "the portal does not say what came of it", Err: ErrMalformed,
	}
}

// writeFlag does a write whose payload says whether it worked.
func (c *Client) writeFlag(ctx context.Context, w writing) (bool, error) {
	done, err := writeFully[bool](ctx, c, w)
	return done != nil && *done, err
}

// readLink does a read whose payload is an address for a browser; "" when the
// portal sends none.
func (c *Client) readLink(ctx context.Context, op operation, query url.Values) (string, error) {
	answer, err := c.ask(ctx, op, query)
	if err != nil {
		return "", err
	}
	return c.link(op, answer)
}

// link takes an address out of an answer. One that is relative is the portal's; one
// that no browser should be sent to, a script or a file, is an error.
func (c *Client) link(op operation, answer *envelope) (string, error) {
	text, err := decode[string](c, op, answer)
	if text == nil || *text == "" || err != nil {
		return "", err
	}
	address, err := c.resolve(*text)
	if err != nil || address.Scheme != "https" && address.Scheme != "http" || address.Host == "" {
		return "", &Error{
			Operation: op.name, Status: http.StatusOK, RequestID: answer.requestID,
			Message: "the portal sends an address that is none: " + c.excerpt(*text), Err: ErrMalformed,
		}
	}
	return address.String(), nil
}

// resolve reads an address that may be relative to the portal's.
func (c *Client) resolve(address string) (*url.URL, error) {
	return c.base.JoinPath("/").Parse(address)
}
