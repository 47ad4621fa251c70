package docspace

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	firstPause = 200 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// retry sends a read until it is answered, the attempts are used up, or the
// next pause would end past the context or be longer than the caller allows.
func (c *Client) retry(ctx context.Context, op operation, query url.Values) (*envelope, error) {
	for attempt := 1; ; attempt++ {
		answer, failure := c.once(ctx, op, query)
		if failure == nil {
			return answer, nil
		}
		if attempt >= c.attempts || ctx.Err() != nil || !worthRepeating(failure) {
			return nil, failure
		}
		pause := failure.RetryAfter
		if pause == 0 {
			pause = min(backoff(attempt), c.maxWait)
		}
		if deadline, ok := ctx.Deadline(); pause > c.maxWait || ok && time.Until(deadline) <= pause {
			return nil, failure
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			failure.Err = c.because(failure.Err, ctx.Err())
			return nil, failure
		}
	}
}

// worthRepeating reports whether the same read may well succeed a moment later.
func worthRepeating(e *Error) bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable,
		http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	// A connection that failed or broke, but not one that is wrong by itself.
	var dns *net.DNSError
	return errors.Is(e.Err, ErrUnreachable) &&
		!errors.Is(e.Err, context.Canceled) &&
		!(errors.As(e.Err, &dns) && dns.IsNotFound) &&
		!isCertificateError(e.Err) &&
		!isPlainHTTP(e.Err)
}

// backoff returns the pause after the nth attempt: doubled each time, and
// anywhere in its upper half, so that clients that failed together don't come
// back together.
func backoff(attempt int) time.Duration {
	pause := min(firstPause<<min(attempt-1, 10), maxBackoff)
	return pause/2 + rand.N(pause/2)
}

// foreverSeconds is what a longer Retry-After counts as: a century.
const foreverSeconds = 100 * 365 * 24 * 60 * 60

// retryAfter reads the header of that name: seconds or an HTTP date. 0 means
// that it says nothing usable.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, foreverSeconds)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
