package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// encryption is how a connection to a server is protected.
type encryption string

const (
	startTLS encryption = "starttls" // the server must offer it
	implicit encryption = "implicit" // from the first byte on
	none     encryption = "none"
)

// SMTP is a Sender that hands messages to a mail server, each on a connection of
// its own.
type SMTP struct {
	// Timeout bounds all it takes to send a message; 0 means 20 s.
	Timeout time.Duration
	// RootCAs are who may vouch for the server; nil means who the system trusts.
	RootCAs *x509.CertPool
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	host, user, password string
	port                 int
	encryption           encryption
}

const smtpTimeout = 20 * time.Second

// NewSMTP returns a sender by an address such as
//
//	smtp://user:password@mail.example.com:587?tls=starttls
//
// where tls may also be implicit or none; "" is starttls, or implicit for smtps://
// and on port 465. The port is 587 if none is named, 465 for implicit. Without TLS
// there must be no password, unless the server is on this machine. No error repeats
// the address.
func NewSMTP(address string) (*SMTP, error) {
	u, err := url.Parse(address)
	const advice = "it is like smtp://user:password@host:587?tls=starttls; in a password, all but letters and digits must be written like %40 for @"
	switch {
	case err != nil:
		return nil, errors.New("the mail server's address can't be understood: " + advice)
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return nil, errors.New("the mail server's address does not begin with smtp://")
	case u.Hostname() == "", u.Path != "" && u.Path != "/", u.Fragment != "", u.Opaque != "":
		return nil, errors.New("the mail server's address names no host, or more than that: " + advice)
	}
	s := &SMTP{host: u.Hostname(), encryption: startTLS, user: u.User.Username()}
	s.password, _ = u.User.Password()
	if u.Scheme == "smtps" || u.Port() == "465" {
		s.encryption = implicit
	}
	for name, values := range u.Query() {
		if name != "tls" || len(values) != 1 {
			return nil, errors.New("the mail server's address may have tls=… after the question mark, once, and nothing else")
		}
		if values[0] != "" {
			s.encryption = encryption(values[0])
		}
	}
	switch s.encryption {
	case startTLS, none:
		s.port = 587
	case implicit:
		s.port = 465
	default:
		return nil, errors.New("tls in the mail server's address is none of starttls, implicit and none")
	}
	if text := u.Port(); text != "" {
		if s.port, err = strconv.Atoi(text); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("the port in the mail server's address is not between 1 and 65535")
		}
	}
	switch {
	case (s.user == "") != (s.password == ""):
		return nil, errors.New("the mail server's address has a user without a password, or the other way round")
	case s.user != "" && s.encryption == none && !isLocal(s.host):
		return nil, errors.New("a password for the mail server would go over the network as it is: tls must not be none")
	}
	return s, nil
}

func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// String returns where the server is.
func (s *SMTP) String() string {
	return "smtp://" + net.JoinHostPort(s.host, strconv.Itoa(s.port))
}

// Send hands a message to the server. All recipients get it, or none.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	out, _, err := m.encoded(now())
	if err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = smtpTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.send(ctx, timeout, out); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return &sendError{s, err}
	}
	return nil
}

func (s *SMTP) send(ctx context.Context, timeout time.Duration, out *gomail.Msg) error {
	secured := &tls.Config{ServerName: s.host, RootCAs: s.RootCAs, MinVersion: tls.VersionTLS12}
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTLSConfig(secured),
		gomail.WithTimeout(timeout + time.Second), // the context is first
		// Nothing after the message: what went wrong then would be told as if the
		// message had not gone.
		gomail.WithoutRset(), gomail.WithoutNoop(),
	}
	switch s.encryption {
	case startTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	// The connection ends with the context, whatever the server is doing, and in
	// any case in the end.
	hangUp := func() {}
	defer func() { hangUp() }()
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		hangUp = func() { stop(); _ = conn.Close() }
		if s.encryption == implicit {
			return tls.Client(conn, secured), nil
		}
		return conn, nil
	}
	client, err := gomail.NewClient(s.host, append(options, gomail.WithDialContextFunc(dial))...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	if err := client.SendWithSMTPClient(session, out); err != nil {
		return err
	}
	_ = client.CloseWithSMTPClient(session) // the message is the server's by now
	return nil
}

// sendError is why a message could not be handed over. It says nothing that may be
// a part of the password, whatever the server repeated of it.
type sendError struct {
	sender *SMTP
	err    error
}

// Error names the server and what went wrong.
func (e *sendError) Error() string {
	text := e.err.Error()
	if s := e.sender; s.password != "" {
		for _, secret := range []string{s.password, "\x00" + s.user + "\x00" + s.password} {
			text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString([]byte(secret)), "xxxxx")
		}
		text = strings.ReplaceAll(text, s.password, "xxxxx")
	}
	return "send message by " + e.sender.String() + ": " + text
}

// Unwrap returns what kind of error it is, and not the error itself.
func (e *sendError) Unwrap() []error {
	var kinds []error
	var failed *gomail.SendError
	if errors.As(e.err, &failed) {
		switch code := failed.ErrorCode(); {
		case !failed.IsTemp() && code >= 500:
			kinds = append(kinds, ErrRefused)
		case failed.Reason == gomail.ErrSMTPDataClose && code == 0: // all was said, nothing was answered
			kinds = append(kinds, ErrUnknown)
		}
	}
	for _, kind := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(e.err, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
