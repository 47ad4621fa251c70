package webhook

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
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Sender sends messages. It is safe for concurrent use.
type Sender struct {
	config          Config
	public, private *http.Client
}

// Config says how a Sender sends.
type Config struct {
	// Timeout is how long an attempt may take in all; 0 means 15 seconds.
	Timeout time.Duration
	// Agent is the name by which receivers know the sender; "" means Bursar.
	Agent string
	// Roots are whose certificates are believed; nil means those that the system
	// believes.
	Roots *x509.CertPool
	// Resolver looks names up; nil means as the system does.
	Resolver *net.Resolver
	// Now tells the real time, which is signed; nil means time.Now. It is not the
	// clock that a test may move: receivers refuse what is five minutes off.
	Now func() time.Time
	// Transport carries the messages instead of connections of the sender's own, which
	// check whom they are made to: for simulations. nil: those do.
	Transport http.RoundTripper
}

// The limits of what is read of an answer, in bytes.
const (
	maxAnswerHeader = 16 << 10
	maxAnswer       = 64 << 10
)

const (
	defaultTimeout = 15 * time.Second
	idleTimeout    = 30 * time.Second
)

// New returns a sender.
func New(config Config) *Sender {
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Agent == "" {
		config.Agent = "Bursar"
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Sender{config: config, public: client(config, false), private: client(config, true)}
	if config.Transport != nil {
		s.public.Transport, s.private.Transport = config.Transport, config.Transport
	}
	return s
}

// client returns a client that connects to private addresses or does not. Each has
// connections of its own, so that none that was let be made is used by the other.
func client(config Config, private bool) *http.Client {
	dialer := &net.Dialer{
		Timeout:  config.Timeout,
		Resolver: config.Resolver,
		// What is checked here is what is connected to, after the name was looked up.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %s", ErrAddress, address)
			}
			return CheckAddress(to.Addr(), private)
		},
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // one from the environment would connect in our place, to anything
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: config.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    config.Timeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConns:           100,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxAnswerHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close ends the connections that nothing is sent on.
func (s *Sender) Close() {
	s.public.CloseIdleConnections()
	s.private.CloseIdleConnections()
}

// Receiver is who a message is sent to.
type Receiver struct {
	// URL is one that CheckURL allows.
	URL string
	// Private says that it may be at a private address.
	Private bool
	// Secrets are what is signed with, one or more.
	Secrets []string
}

// Answer is what came of an attempt.
type Answer struct {
	// Taken says that the receiver has the message: it answered with 2xx.
	Taken bool
	// Gone says that it wants no more of them: it answered with 410.
	Gone bool
	// Status says in short what came of it, for people: "204 No Content", or what went
	// wrong. It has nothing of what the receiver wrote.
	Status string
	// Wait is for how long the receiver asked to be left alone; 0 when it did not.
	Wait time.Duration
	// Took is how long it took.
	Took time.Duration
}

// Send sends a message, once. The id is the same each time that the same message is
// sent, so that a receiver that has it can tell.
//
// It fails only when the message could not be sent at all, because it can't be
// signed, or the context has ended, and nobody knows whether it arrived then.
func (s *Sender) Send(ctx context.Context, to Receiver, id string, body []byte) (Answer, error) {
	if err := CheckURL(to.URL, to.Private); err != nil {
		return Answer{Status: "the address " + err.Error()}, nil
	}
	now := s.config.Now()
	signature, err := sign(to.Secrets, id, now, body)
	if err != nil {
		return Answer{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(bounded, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("send: %w", err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": s.config.Agent, "Accept": "*/*",
		standardwebhooks.HeaderWebhookID:        id,
		standardwebhooks.HeaderWebhookTimestamp: strconv.FormatInt(now.Unix(), 10),
		standardwebhooks.HeaderWebhookSignature: signature,
	} {
		request.Header.Set(name, value)
	}
	client := s.public
	if to.Private {
		client = s.private
	}
	started := time.Now()
	response, err := client.Do(request)
	took := time.Since(started)
	if err != nil {
		if ctx.Err() != nil {
			return Answer{}, ctx.Err()
		}
		return Answer{Status: s.failure(err), Took: took}, nil
	}
	defer response.Body.Close()
	// What it wrote is nobody's business. It is read so that the connection can be used
	// again.
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	return Answer{
		Taken:  response.StatusCode/100 == 2,
		Gone:   response.StatusCode == http.StatusGone,
		Status: strings.TrimSpace(strconv.Itoa(response.StatusCode) + " " + http.StatusText(response.StatusCode)),
		Wait:   asked(response.Header.Get("Retry-After"), now),
		Took:   took,
	}, nil
}

// asked reads for how long to wait, as seconds or as a moment; 0 for anything else.
// Source: RFC 9110, "Retry-After".
func asked(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return min(at.Sub(now), maxWait)
	}
	return 0
}

// failure says in short why there was no answer.
func (s *Sender) failure(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", s.config.Timeout)
	}
	var (
		at     *url.Error
		lookup *net.DNSError
		op     *net.OpError
	)
	switch {
	case errors.Is(err, ErrAddress) && errors.As(err, &op):
		return clip(op.Err.Error())
	case errors.As(err, &lookup):
		return clip("the name could not be looked up: " + lookup.Err)
	case errors.As(err, &at):
		return clip(at.Err.Error()) // without the address, which may have a secret in it
	}
	return clip(err.Error())
}

// maxStatus is how long a status is at most, in bytes.
const maxStatus = 200

// clip shortens a status, which may repeat what a receiver wrote in its certificate.
func clip(text string) string {
	text = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text), "?")
	if len(text) > maxStatus {
		text = strings.ToValidUTF8(text[:maxStatus], "") + "…"
	}
	return text
}
