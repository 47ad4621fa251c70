package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// Message is one message.
type Message struct {
	// From is who sends it, To to whom: addresses such as "a@example.com" or
	// "Ann <a@example.com>".
	From string
	To   []string
	// ReplyTo is where answers go; "" means to From.
	ReplyTo string
	Subject string
	// Text is the message, HTML the same with markup; "" for none. One of them must
	// be there. With both, each reader's program shows the one that it can.
	Text, HTML string
	// ID tells the message from all others, as "name@domain", its Message-ID; "" has one
	// drawn. A message that may have to be sent again needs one.
	ID string
	// Automatic says that no person wrote it, so that no program answers it.
	// Source: RFC 3834, section 5.
	Automatic bool
}

// Sender sends messages. When Send returns nil, somebody else answers for the
// message; it fails with ErrMessage, ErrRefused, ErrUnknown, or in a way that may pass:
// then nobody has the message.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Repeater is a Sender that may be given a message with an ID again, because it has it
// but once then.
type Repeater interface {
	Sender
	Repeats()
}

var (
	// ErrMessage says that a message can't be sent as it is.
	ErrMessage = errors.New("not a message that can be sent")
	// ErrRefused says that the server will not take the message, now or later.
	ErrRefused = errors.New("the mail server refused the message")
	// ErrUnknown says that the message is out, and no answer came: the server may have
	// taken it.
	ErrUnknown = errors.New("the mail server may have taken the message")
)

const (
	maxRecipients = 100
	maxHeader     = 1000    // bytes of a subject or an address
	maxBody       = 1 << 20 // bytes of a text
)

// check reports what is wrong with a message, by the name of its field.
func (m *Message) check() error {
	wrong := func(field, text string) error { return fmt.Errorf("%w: %s %s", ErrMessage, field, text) }
	if len(m.To) == 0 || len(m.To) > maxRecipients {
		return wrong("To", fmt.Sprintf("has %d addresses, of 1 to %d", len(m.To), maxRecipients))
	}
	headers := [][2]string{{"From", m.From}, {"Subject", m.Subject}, {"ID", m.ID}}
	if m.ReplyTo != "" {
		headers = append(headers, [2]string{"ReplyTo", m.ReplyTo})
	}
	for _, to := range m.To {
		headers = append(headers, [2]string{"To", to})
	}
	for _, h := range headers {
		field, value := h[0], h[1]
		switch {
		case strings.ContainsFunc(value, unicode.IsControl):
			return wrong(field, "has a control character")
		case !utf8.ValidString(value):
			return wrong(field, "is no UTF-8")
		case len(value) > maxHeader:
			return wrong(field, "is too long")
		}
		if field == "Subject" || field == "ID" {
			continue
		}
		if _, err := netmail.ParseAddress(value); err != nil {
			return wrong(field, "is not an e-mail address")
		}
	}
	if m.ID != "" && !isID(m.ID) {
		return wrong("ID", "is not like name@domain")
	}
	for field, text := range map[string]string{"Text": m.Text, "HTML": m.HTML} {
		switch {
		case !utf8.ValidString(text):
			return wrong(field, "is no UTF-8")
		case len(text) > maxBody:
			return wrong(field, "is too long")
		}
	}
	if m.Text == "" && m.HTML == "" {
		return wrong("Text", "is missing")
	}
	return nil
}

// isID reports whether a text can stand between the angle brackets of a
// Message-ID, and in the name of a file.
func isID(id string) bool {
	name, domain, ok := strings.Cut(id, "@")
	plain := func(s string) bool {
		return s != "" && !strings.HasPrefix(s, ".") && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+") == ""
	}
	return ok && len(id) <= 150 && plain(name) && plain(domain)
}

// encoded returns a message as it goes out, and its id.
func (m *Message) encoded(now time.Time) (*gomail.Msg, string, error) {
	if err := m.check(); err != nil {
		return nil, "", err
	}
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	errs := []error{out.From(m.From), out.To(m.To...)}
	if m.ReplyTo != "" {
		errs = append(errs, out.ReplyTo(m.ReplyTo))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrMessage, err)
	}
	id := m.ID
	if id == "" {
		id = rand.Text() + "@bursar.invalid"
		if from, err := netmail.ParseAddress(m.From); err == nil {
			if drawn := rand.Text() + from.Address[strings.LastIndexByte(from.Address, '@'):]; isID(drawn) {
				id = drawn
			}
		}
	}
	out.Subject(m.Subject)
	if m.Automatic {
		out.SetGenHeader("Auto-Submitted", "auto-generated")
	}
	out.SetMessageIDWithValue(id)
	out.SetDateWithValue(now)
	switch {
	case m.Text == "":
		out.SetBodyString(gomail.TypeTextHTML, m.HTML)
	case m.HTML == "":
		out.SetBodyString(gomail.TypeTextPlain, m.Text)
	default:
		out.SetBodyString(gomail.TypeTextPlain, m.Text)
		out.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return out, id, nil
}
