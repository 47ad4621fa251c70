package billing

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/store"
)

// SalesRequest is what a customer writes to whoever sells.
type SalesRequest struct {
	// UserName is who writes, by first and last name, and Email where to answer.
	UserName, Email string
	Message         string
}

// How long the parts of a request may be, in UTF-16, and how many may come from one
// address in what time. Source: contract, "POST /payment/request".
const (
	maxSalesName    = 255
	maxSalesEmail   = 64
	maxSalesMessage = 255

	maxSalesRequests = 11
	salesWindow      = 2 * time.Minute
	// maxSalesAddresses bounds how many addresses are kept in mind; who was not
	// seen the longest starts anew.
	maxSalesAddresses = 10_000
)

// TooManyError says that there were too many calls. It wraps ErrTooMany.
type TooManyError struct {
	// RetryAfter is after how long the next one is let in, in whole seconds, at
	// least one.
	RetryAfter time.Duration
}

// Error says that there were too many calls, and how long to wait.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("Request limit is exceeded, try again in %d s", int64(e.RetryAfter/time.Second))
}

// Unwrap returns ErrTooMany.
func (e *TooManyError) Unwrap() error { return ErrTooMany }

// RequestSales sends a customer's message to whoever sells. The address is where
// the request came from, of which the zero Addr is one too. It is the mail's when
// RequestSales returns nil.
//
// It fails with ErrAccessDenied unless the caller is an administrator, with a
// FieldError in DocSpace's own words, with a TooManyError, with ErrNoMail when no
// mail can be sent, and with ErrTryAgain when that may pass. Source: contract, "POST
// /payment/request".
func (s *Service) RequestSales(ctx context.Context, c *Caller, from netip.Addr, in SalesRequest) error {
	if err := c.mustAdminister(); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	if s.mail == nil || s.salesEmail == "" {
		return ErrNoMail
	}
	if err := s.sales.admit(from, s.now()); err != nil {
		return err
	}
	err := s.mail.Send(ctx, s.salesMessage(c, in))
	switch {
	case err == nil:
		s.noteSales(ctx, c, in)
		return nil
	case errors.Is(err, mail.ErrRefused), errors.Is(err, mail.ErrMessage):
		return fmt.Errorf("request sales: %w", err)
	}
	return fmt.Errorf("request sales: %w: %w", ErrTryAgain, err)
}

// noteSales leaves a line of a request in the trail. The mail is out: that there is no
// line for it is not the caller's concern, who would only send it again.
func (s *Service) noteSales(ctx context.Context, c *Caller, in SalesRequest) {
	err := s.change(context.WithoutCancel(ctx), c.View.Portal.ID, func(_ *store.Tx, t *trail) error {
		t.note(SalesAsked, "", nil, salesNote{Name: in.UserName, Email: in.Email, Message: in.Message})
		return nil
	})
	if err != nil {
		s.log.ErrorContext(ctx, "a request to sales left no line in the trail", "portal", c.View.Portal.ID, "error", err)
	}
}

// salesNote is how the trail tells of a request.
type salesNote struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	Message string `json:"message"`
}

// check refuses what can't be sent, in the order and the words of DocSpace.
func (in *SalesRequest) check() error {
	own := func(field, text string) error { return &FieldError{Field: field, Text: text, Sentence: true} }
	email, err := checkEmail("email", in.Email)
	switch {
	case err != nil || strings.ContainsFunc(email, unicode.IsControl):
		return own("email", "Incorrect email")
	case utf16Length(in.Email) > maxSalesEmail:
		return invalid("email", "must be a string with a maximum length of %d", maxSalesEmail)
	case strings.TrimSpace(in.UserName) == "":
		return own("user name", "Incorrect firstname or lastname")
	case utf16Length(in.UserName) > maxSalesName:
		return invalid("user name", "must be a string with a maximum length of %d", maxSalesName)
	case strings.TrimSpace(in.Message) == "":
		return own("message", "Message text is empty")
	case utf16Length(in.Message) > maxSalesMessage:
		return invalid("message", "must be a string with a maximum length of %d", maxSalesMessage)
	}
	for field, text := range map[string]string{"user name": in.UserName, "message": in.Message} {
		if !utf8.ValidString(text) {
			return invalid(field, "is no UTF-8")
		}
	}
	return nil
}

// utf16Length is how long a text is to DocSpace.
func utf16Length(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

// salesMessage is a request as whoever sells reads it.
func (s *Service) salesMessage(c *Caller, in SalesRequest) mail.Message {
	line := func(text string) string { // in one
		return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	}
	portal := c.View.Portal
	return mail.Message{
		From: s.mailFrom, To: []string{s.salesEmail}, ReplyTo: in.Email,
		Subject: "Request from portal " + line(portal.ID),
		Text: fmt.Sprintf("%s <%s> writes:\n\n%s\n\n--\nPortal: %s (%s)\nSent by the user: %s <%s>\n",
			line(in.UserName), in.Email, in.Message, line(portal.ID), line(portal.Name), line(c.User.Name), c.User.Email),
	}
}

// window counts the calls of each address in the time just gone.
type window struct {
	mu    sync.Mutex
	calls *lru.Cache[netip.Addr, []time.Time] // oldest first, at most maxSalesRequests
}

func newWindow() (*window, error) {
	calls, err := lru.New[netip.Addr, []time.Time](maxSalesAddresses)
	return &window{calls: calls}, err
}

// admit counts a call, or refuses it, uncounted. Addresses of IPv6 that one customer
// of a provider has are one.
func (w *window) admit(from netip.Addr, now time.Time) error {
	if from = from.Unmap(); from.Is6() {
		if network, err := from.WithZone("").Prefix(64); err == nil {
			from = network.Addr()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	calls, _ := w.calls.Get(from)
	calls = slices.DeleteFunc(slices.Clone(calls), func(at time.Time) bool { return now.Sub(at) >= salesWindow })
	if len(calls) >= maxSalesRequests {
		wait := salesWindow - now.Sub(calls[0])
		return &TooManyError{RetryAfter: max(time.Second, (wait + time.Second - 1).Truncate(time.Second))}
	}
	w.calls.Add(from, append(calls, now))
	return nil
}
