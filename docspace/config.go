package docspace

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrConfig says that a Config can't be used; the text names the field.
var ErrConfig = errors.New("invalid configuration")

// Config says which portal to read and how.
//
// Printing a Config, logging it or encoding it as JSON shows no more of the key
// than its last four characters. (In an unexported field of another struct, fmt
// asks no method; don't print such a struct. A Client can be printed anyhow.)
type Config struct {
	// URL is the portal's address: "https://portal.example.com". A path in it
	// is kept in front of /api/2.0.
	URL string
	// Key is an API key ("sk-…", sent as a bearer token) or a personal access
	// token (sent as it is). Spaces around it are dropped.
	Key string

	// Refresh asks the portal to look past its own caches.
	Refresh bool
	// Country is the ISO 3166-1 code whose currency prices should be in; ""
	// leaves it to the portal.
	Country string

	// Timeout bounds one request; 0 means 30 seconds.
	Timeout time.Duration
	// MaxAttempts bounds how often one read is sent; 0 means 4, 1 means no
	// repeats.
	MaxAttempts int
	// MaxWait is the longest pause between two attempts; a portal that asks
	// for a longer one gets no repeat. 0 means 30 seconds.
	MaxWait time.Duration
	// MaxBody bounds an answer in bytes; 0 means 8 MiB.
	MaxBody int64
	// MaxReport bounds the file of a report in bytes; 0 means 1 GiB.
	MaxReport int64

	// AtOnce is how many parts Report reads at once; 0 means all. Fewer take longer, and
	// fewer connections.
	AtOnce int

	// Transport carries the requests; nil means a pool of the client's own,
	// with HTTP/2 where the portal offers it and the proxy of the environment.
	Transport http.RoundTripper
	// UserAgent is sent along; "" means "bursar-docspace".
	UserAgent string
}

const (
	defaultTimeout     = 30 * time.Second
	defaultMaxAttempts = 4
	defaultMaxWait     = 30 * time.Second
	defaultMaxBody     = 8 << 20
	defaultMaxReport   = 1 << 30
	defaultUserAgent   = "bursar-docspace"
)

// prepared returns the config with its zeros filled in and its address parsed.
func (c Config) prepared() (Config, *url.URL, error) {
	base, err := parsePortalURL(c.URL, c.shownURL())
	if err != nil {
		return c, nil, err
	}
	c.Key = strings.TrimSpace(c.Key)
	if c.Key == "" {
		return c, nil, fmt.Errorf("%w: Key is empty", ErrConfig)
	}
	for i := range len(c.Key) {
		if c.Key[i] <= ' ' || c.Key[i] > '~' {
			return c, nil, fmt.Errorf("%w: Key has a character at position %d that no key has", ErrConfig, i+1)
		}
	}
	if c.Timeout < 0 || c.MaxAttempts < 0 || c.MaxWait < 0 || c.MaxBody < 0 || c.MaxReport < 0 || c.AtOnce < 0 {
		return c, nil, fmt.Errorf("%w: Timeout, MaxAttempts, MaxWait, MaxBody, MaxReport and AtOnce can't be negative", ErrConfig)
	}
	c.Timeout = orDefault(c.Timeout, defaultTimeout)
	c.MaxAttempts = orDefault(c.MaxAttempts, defaultMaxAttempts)
	c.MaxWait = orDefault(c.MaxWait, defaultMaxWait)
	c.MaxBody = orDefault(c.MaxBody, defaultMaxBody)
	c.MaxReport = orDefault(c.MaxReport, defaultMaxReport)
	c.UserAgent = orDefault(c.UserAgent, defaultUserAgent)
	if c.Transport == nil {
		c.Transport = NewTransport(nil)
	}
	return c, base, nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// shownURL returns the address as it may be shown: somebody may have put the key
// there.
func (c Config) shownURL() string {
	key := strings.TrimSpace(c.Key)
	if key == "" {
		return c.URL
	}
	return scrubber(key)(c.URL)
}

// parsePortalURL reads an address, and calls it what it is shown as.
func parsePortalURL(address, shown string) (*url.URL, error) {
	if address == "" {
		return nil, fmt.Errorf("%w: URL is empty", ErrConfig)
	}
	// url.Parse repeats the address in its error, passwords included.
	base, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: URL can't be read", ErrConfig)
	}
	if base.User != nil {
		return nil, fmt.Errorf("%w: URL carries a user name; the key goes into Key", ErrConfig)
	}
	if base.Scheme != "https" && base.Scheme != "http" || base.Hostname() == "" {
		return nil, fmt.Errorf("%w: URL %q does not start with https:// (or http://) and a host", ErrConfig, shown)
	}
	if base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%w: URL %q has a query or a fragment", ErrConfig, shown)
	}
	base.ForceQuery = false // what was a lone "?"
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = strings.TrimRight(base.RawPath, "/")
	return base, nil
}

// NewTransport returns what a nil Config.Transport stands for, with TLS settings
// of the caller's; nil means the usual ones. It holds the connections of one
// report open.
func NewTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
}

// redacted is what may be shown of a key: the last four characters of one long
// enough that they give nothing away.
func redacted(key string) string {
	if key == "" {
		return ""
	}
	const tail = 4
	shown := "***"
	if len(key) >= 5*tail {
		shown += key[len(key)-tail:]
	}
	if strings.HasPrefix(key, apiKeyPrefix) {
		return apiKeyPrefix + shown
	}
	return shown
}

// Format prints the config with the key redacted, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{URL:%s Key:%s Refresh:%t Country:%s Timeout:%s MaxAttempts:%d}",
		c.shownURL(), redacted(c.Key), c.Refresh, c.Country, c.Timeout, c.MaxAttempts)
}

// LogValue logs the config with the key redacted.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", c.shownURL()), slog.String("key", redacted(c.Key)))
}

// MarshalText encodes the config with the key redacted; it makes no config that
// could be read back.
func (c Config) MarshalText() ([]byte, error) {
	return fmt.Append(nil, c), nil
}
