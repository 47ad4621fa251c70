package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var at = time.Date(2026, 7, 8, 11, 39, 43, 123_456_000, time.UTC)

func now() time.Time { return at }

func hello() Message {
	return Message{From: "Bursar <bursar@example.com>", To: []string{"sales@example.com"}, ReplyTo: "Zoë <zoe@example.com>", Subject: "Größe & Preis", Text: "Hello,\n.\nÄ", ID: "one@example.com"}
}

// parsed reads a message as another program does.
func parsed(t *testing.T, text string) (netmail.Header, string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(body)
}

func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestOutboxKeepsMessages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "outbox")
	box := &Outbox{Dir: dir, Now: now}
	if err := box.Send(t.Context(), hello()); err != nil {
		t.Fatal(err)
	}
	const name = "one_at_example.com.eml"
	if d := cmp.Diff([]string{name}, files(t, dir)); d != "" {
		t.Fatal(d)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	head, body := parsed(t, string(content))
	subject, err := new(mime.WordDecoder).DecodeHeader(head.Get("Subject"))
	if err != nil || subject != "Größe & Preis" {
		t.Errorf("subject %q, %v", subject, err)
	}
	from, err := head.AddressList("Reply-To")
	if err != nil || len(from) != 1 || from[0].Name != "Zoë" || from[0].Address != "zoe@example.com" {
		t.Errorf("answers go to %v, %v", from, err)
	}
	if date, err := head.Date(); err != nil || !date.Equal(at.Truncate(time.Second)) {
		t.Errorf("date %v, %v", date, err)
	}
	if head.Get("Message-Id") != "<one@example.com>" || head.Get("To") != "<sales@example.com>" || head.Get("User-Agent") != "" {
		t.Errorf("head %v", head)
	}
	if body != "Hello,\r\n.\r\n=C3=84" && body != "Hello,\r\n.\r\n=C3=84\r\n" {
		t.Errorf("body %q", body)
	}
}

func TestMessagesWithoutIDsHaveTheirOwn(t *testing.T) {
	dir := t.TempDir()
	box := &Outbox{Dir: dir, Now: now}
	m := hello()
	m.ID = ""
	for range 2 {
		if err := box.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	all := files(t, dir)
	if len(all) != 2 || !strings.HasPrefix(all[0], "20260708T113943.123456Z-") || !strings.HasSuffix(all[0], "_at_example.com.eml") {
		t.Errorf("files %q", all)
	}
}

// A message with an ID is written once, whoever writes it how often.
func TestOutboxKeepsMessagesWithIDsOnce(t *testing.T) {
	dir := t.TempDir()
	read := func() string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, "one_at_example.com.eml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	m := hello()
	if err := (&Outbox{Dir: dir, Now: now}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	first := read()
	m.Text = "something else"
	if err := (&Outbox{Dir: dir}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if again := read(); again != first {
		t.Errorf("it was written again:\n%s", again)
	}
	m.ID = "two@example.com"
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := (&Outbox{Dir: dir}).Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if d := cmp.Diff([]string{"one_at_example.com.eml", "two_at_example.com.eml"}, files(t, dir)); d != "" {
		t.Error(d)
	}
}

func TestMarkupComesBesideText(t *testing.T) {
	m := hello()
	m.HTML = `<p style="color: red">Grüße</p>` + strings.Repeat("<b>x</b>", 1000) // a long line
	dir := t.TempDir()
	if err := (&Outbox{Dir: dir}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, files(t, dir)[0]))
	if err != nil {
		t.Fatal(err)
	}
	s := (&server{}).serve(t)
	if err := s.sender("?tls=none").Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	_, arrived, _ := strings.Cut(s.messages()[0], "RCPT TO:<sales@example.com>\n")
	for where, text := range map[string]string{"in the outbox": string(content), "at the server": arrived} {
		for line := range strings.Lines(text) {
			if len(line) > 80 || strings.ContainsFunc(line, func(c rune) bool { return c > 126 }) {
				t.Errorf("%s: not every program reads the line %q", where, line)
			}
		}
		head, body := parsed(t, text)
		want := []string{
			"text/plain; charset=UTF-8, quoted-printable: Hello,\r\n.\r\nÄ",
			"text/html; charset=UTF-8, quoted-printable: " + m.HTML,
		}
		if d := cmp.Diff(want, parts(t, head, body)); d != "" {
			t.Errorf("%s: parts (-want +got):\n%s", where, d)
		}
	}
}

// parts returns what a message is made of: the type, the encoding and the text of each,
// in their order.
func parts(t *testing.T, head netmail.Header, body string) (all []string) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(head.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	for r := multipart.NewReader(strings.NewReader(body), parameters["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part.Header.Get("Content-Type")+", "+part.Header.Get("Content-Transfer-Encoding")+": "+strings.TrimSpace(string(text)))
	}
}

func TestWhoWroteAMessage(t *testing.T) {
	for automatic, want := range map[bool]string{false: "", true: "auto-generated"} {
		m, dir := hello(), t.TempDir()
		m.Automatic = automatic
		if err := (&Outbox{Dir: dir}).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(dir, files(t, dir)[0]))
		if err != nil {
			t.Fatal(err)
		}
		if head, _ := parsed(t, string(content)); head.Get("Auto-Submitted") != want {
			t.Errorf("automatic: %t: %q", automatic, head.Get("Auto-Submitted"))
		}
	}
}

// Nothing that somebody fills in becomes a header of its own.
func TestMessagesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	for name, change := range map[string]func(*Message){
		"Subject has a control":    func(m *Message) { m.Subject = "a\r\nBcc: x@example.com" },
		"Subject has a control ":   func(m *Message) { m.Subject = "a\nb" },
		"Subject is no UTF-8":      func(m *Message) { m.Subject = "\xff" },
		"Subject is too long":      func(m *Message) { m.Subject = strings.Repeat("a", 1001) },
		"From has a control":       func(m *Message) { m.From = "a@example.com\r\nBcc: x@example.com" },
		"From is not an e-mail":    func(m *Message) { m.From = "" },
		"To is not an e-mail":      func(m *Message) { m.To = []string{"a@example.com, b@example.com"} },
		"To has 0 addresses":       func(m *Message) { m.To = nil },
		"To has 101 addresses":     func(m *Message) { m.To = make([]string, 101) },
		"To has a control":         func(m *Message) { m.To = []string{"a@example.com\x00"} },
		"ReplyTo is not an e-mail": func(m *Message) { m.ReplyTo = "nobody" },
		"ReplyTo has a control":    func(m *Message) { m.ReplyTo = "\"a\r\nBcc: x@example.com\" <a@example.com>" },
		"ID is not like":           func(m *Message) { m.ID = "../../x@example.com" },
		"ID is not like ":          func(m *Message) { m.ID = "..@example.com" },
		"ID is not like  ":         func(m *Message) { m.ID = "a> <b@example.com" },
		"Text is missing":          func(m *Message) { m.Text = "" },
		"Text is no UTF-8":         func(m *Message) { m.Text = "\xff" },
		"HTML is too long":         func(m *Message) { m.HTML = strings.Repeat("a", 1<<20+1) },
	} {
		m := hello()
		change(&m)
		err := (&Outbox{Dir: dir}).Send(t.Context(), m)
		if !errors.Is(err, ErrMessage) || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := files(t, dir); len(all) > 0 {
		t.Errorf("there are files: %q", all)
	}
}

func TestOutboxThatCanNotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Outbox{Dir: file}).Send(t.Context(), hello()); err == nil {
		t.Error("a file is no folder")
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	dir := t.TempDir()
	if err := (&Outbox{Dir: dir}).Send(stopped, hello()); !errors.Is(err, context.Canceled) || len(files(t, dir)) > 0 {
		t.Errorf("when nobody waits any more: %v", err)
	}
}

func TestServerTakesMessages(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for name, c := range map[string]struct {
		server *server
		query  string
	}{
		"in the clear":             {&server{}, "?tls=none"},
		"by STARTTLS":              {&server{startTLS: true}, ""},
		"by STARTTLS, as ann":      {&server{startTLS: true, password: "pass!word"}, "?tls=starttls"},
		"by TLS":                   {&server{implicit: true}, "?tls=implicit"},
		"by TLS, as ann":           {&server{implicit: true, password: "pass!word"}, "?tls=implicit"},
		"on this machine, as ann":  {&server{password: "pass!word"}, "?tls=none"},
		"from one that hangs up":   {&server{quit: true}, "?tls=none"},
		"from one silent at QUIT ": {&server{silent: "quit"}, "?tls=none"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.server.serve(t)
			sender := s.sender(c.query)
			sender.Now, sender.Timeout = now, 2*time.Second
			if err := sender.Send(t.Context(), hello()); err != nil {
				t.Fatal(err)
			}
			got := s.messages()
			if len(got) != 1 {
				t.Fatalf("%d messages arrived", len(got))
			}
			envelope, message, _ := strings.Cut(got[0], "RCPT TO:<sales@example.com>\n")
			if !strings.HasPrefix(envelope, "MAIL FROM:<bursar@example.com>") {
				t.Errorf("envelope %q", envelope)
			}
			head, body := parsed(t, message)
			if head.Get("Message-Id") != "<one@example.com>" || !strings.HasPrefix(body, "Hello,\r\n.\r\n") {
				t.Errorf("it arrived as\n%s", message)
			}
			if plain := s.inTheClear(); s.startTLS && len(plain) > 2 {
				t.Errorf("before TLS it was told %q", plain)
			}
		})
	}
	goleak.VerifyNone(t, before)
}

func TestServerThatDoesNotTakeMessages(t *testing.T) {
	before := goleak.IgnoreCurrent()
	two := hello()
	two.To = append(two.To, "other@example.com")
	for name, c := range map[string]struct {
		server  *server
		query   string
		message Message
		refused bool
		text    string
	}{
		"a recipient that is refused":      {&server{refuse: "rcpt 550"}, "?tls=none", two, true, "550"},
		"a recipient that has to wait":     {&server{refuse: "rcpt 451"}, "?tls=none", hello(), false, "451"},
		"a sender that is refused":         {&server{refuse: "mail 550"}, "?tls=none", hello(), true, "550"},
		"a text that is refused":           {&server{refuse: "end 554"}, "?tls=none", hello(), true, "554"},
		"no STARTTLS":                      {&server{}, "", hello(), false, "STARTTLS"},
		"no STARTTLS, and a password":      {&server{password: "pass!word"}, "", hello(), false, "STARTTLS"},
		"STARTTLS in place of TLS":         {&server{startTLS: true}, "?tls=implicit", hello(), false, "tls"},
		"a wrong password, repeated":       {&server{startTLS: true, password: "other"}, "", hello(), false, "535"},
		"no users, and a password":         {&server{startTLS: true}, "", hello(), false, "AUTH"},
		"silence at first":                 {&server{silent: "hello"}, "?tls=none", hello(), false, "deadline"},
		"silence at first, by TLS":         {&server{implicit: true, silent: "hello"}, "?tls=implicit", hello(), false, "deadline"},
		"silence where TLS should begin":   {&server{startTLS: true, silent: "starttls"}, "", hello(), false, "deadline"},
		"silence at the text":              {&server{silent: "data"}, "?tls=none", hello(), false, "deadline"},
		"a message that can't be sent":     {&server{}, "?tls=none", Message{}, false, "To has 0"},
		"a certificate of somebody else's": {&server{startTLS: true}, "foreign", hello(), false, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.server.serve(t)
			sender := s.sender(strings.TrimPrefix(c.query, "foreign"))
			if strings.Contains(c.text, "AUTH") || strings.Contains(c.text, "535") {
				sender.user, sender.password = "ann", "pass!word"
			}
			if c.query == "foreign" {
				sender.RootCAs = nil
			}
			sender.Timeout = 300 * time.Millisecond
			if !strings.HasPrefix(name, "silence") {
				sender.Timeout = 10 * time.Second
			}
			started := time.Now()
			err := sender.Send(t.Context(), c.message)
			if err == nil || errors.Is(err, ErrRefused) != c.refused || !strings.Contains(err.Error(), c.text) {
				t.Errorf("refused: %t, %v", errors.Is(err, ErrRefused), err)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			for _, secret := range []string{"pass!word", "cGFzcyF3b3Jk", "AGFubgBwYXNzIXdvcmQ="} {
				if strings.Contains(fmt.Sprintf("%v %+v", err, sender), secret) {
					t.Errorf("the password is in %v, or in %+v", err, sender)
				}
			}
			for _, line := range s.inTheClear() {
				if strings.HasPrefix(line, "AUTH") {
					t.Errorf("in the clear it was told %q", line)
				}
			}
			if got := s.messages(); len(got) > 0 {
				t.Errorf("it has %q", got)
			}
		})
	}
	goleak.VerifyNone(t, before)
}

// Whether a server may have a message is told from whether it can't.
func TestServerThatMayHaveTakenTheMessage(t *testing.T) {
	for name, c := range map[string]struct {
		server  *server
		unknown bool
	}{
		"silence after the message":  {&server{silent: "end"}, true},
		"gone after the message":     {&server{gone: true}, true},
		"silence before the message": {&server{silent: "data"}, false},
		"no, not now":                {&server{refuse: "end 451"}, false},
		"no":                         {&server{refuse: "end 554"}, false},
		"no to the recipient":        {&server{refuse: "rcpt 550"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.server.serve(t)
			sender := s.sender("?tls=none")
			sender.Timeout = 300 * time.Millisecond
			err := sender.Send(t.Context(), hello())
			if err == nil || errors.Is(err, ErrUnknown) != c.unknown || c.unknown && errors.Is(err, ErrRefused) {
				t.Errorf("got %v", err)
			}
			if got := s.messages(); (len(got) == 1) != c.unknown {
				t.Errorf("it has %d messages", len(got))
			}
		})
	}
}

func TestSendingIsGivenUp(t *testing.T) {
	s := (&server{silent: "mail"}).serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := s.sender("?tls=none").Send(ctx, hello()); !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits any more: %v", err)
	}
}

func TestDeadServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	sender, err := NewSMTP("smtp://ann:pass%21word@" + address)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), hello()); err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "pass!word") {
		t.Errorf("%v", err)
	}
}

func TestAddressesOfServers(t *testing.T) {
	for address, want := range map[string]string{
		"smtp://mail.example.com":                         "smtp://mail.example.com:587 starttls",
		"smtp://mail.example.com/":                        "smtp://mail.example.com:587 starttls",
		"smtp://mail.example.com?tls=implicit":            "smtp://mail.example.com:465 implicit",
		"smtps://mail.example.com":                        "smtp://mail.example.com:465 implicit",
		"smtp://mail.example.com:465":                     "smtp://mail.example.com:465 implicit",
		"smtp://mail.example.com:465?tls=starttls":        "smtp://mail.example.com:465 starttls",
		"smtp://mail.example.com:25?tls=none":             "smtp://mail.example.com:25 none",
		"smtp://a%40b:p%2Fw@mail.example.com:2525":        "smtp://mail.example.com:2525 starttls a@b p/w",
		"smtp://a:b@[::1]:25?tls=none":                    "smtp://[::1]:25 none a b",
		"smtp://a:b@localhost?tls=none":                   "smtp://localhost:587 none a b",
		"mail.example.com":                                "does not begin with smtp://",
		"":                                                "does not begin with smtp://",
		"http://mail.example.com":                         "does not begin with smtp://",
		"smtp://":                                         "names no host",
		"smtp://mail.example.com/secret":                  "names no host, or more",
		"smtp://ann:sec ret@mail.example.com":             "can't be understood",
		"smtp://ann:%zzsecret@mail.example.com":           "can't be understood",
		"smtp://ann:secret@mail.example.com:99999":        "the port",
		"smtp://ann:secret@mail.example.com:port":         "can't be understood",
		"smtp://ann@mail.example.com":                     "a user without a password",
		"smtp://:secret@mail.example.com":                 "a user without a password",
		"smtp://ann:secret@mail.example.com?tls=none":     "tls must not be none",
		"smtp://ann:secret@mail.example.com?tls=secret":   "is none of starttls",
		"smtp://ann:secret@mail.example.com?ssl=secret":   "nothing else",
		"smtp://ann:secret@mail.example.com?tls=a&tls=b":  "nothing else",
		"smtp://ann:secret@mail.example.com#secret":       "names no host, or more",
		"smtp://ann:secret@mail.example.com:587/a?b#c@d:": "names no host, or more",
	} {
		s, err := NewSMTP(address)
		switch {
		case err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v", address, err)
		case err == nil:
			if got := strings.TrimSpace(fmt.Sprint(s, " ", s.encryption, " ", s.user, " ", s.password)); got != want {
				t.Errorf("%s: %s, want %s", address, got, want)
			}
		}
	}
}
