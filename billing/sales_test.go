package billing_test

import (
	"errors"
	"io"
	"net"
	netmail "net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/sample"
)

// mailing returns the sample company in a hall that puts its mail into a folder.
func mailing(t *testing.T) (*hall, string) {
	t.Helper()
	clock, dir := newClock(), filepath.Join(t.TempDir(), "outbox")
	h := hallOn(t, t.TempDir(), clock, billing.Config{
		Mail: &mail.Outbox{Dir: dir, Now: clock.Now}, MailFrom: "bursar@example.com", SalesEmail: "sales@example.com",
	})
	h.must(sample.Create(t.Context(), h.Service, sample.Config{Hosts: []string{host}, Now: clock.Now()}))
	return h, dir
}

// sent returns the messages in a folder, in their order.
func sent(t *testing.T, dir string) (all []*netmail.Message) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		m, err := netmail.ReadMessage(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

var (
	home   = netip.MustParseAddr("192.0.2.1")
	wanted = billing.SalesRequest{UserName: "Olivia Owner", Email: "Olivia@example.com", Message: "What does it cost\nfor a thousand?"}
)

func TestSalesGetTheRequest(t *testing.T) {
	h, dir := mailing(t)
	if err := h.RequestSales(t.Context(), h.as(billing.Admin), home, wanted); err != nil {
		t.Fatal(err)
	}
	all := sent(t, dir)
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	body, err := io.ReadAll(all[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": "<bursar@example.com>", "To": "<sales@example.com>", "Reply-To": "<Olivia@example.com>", "Subject": "Request from portal docspace.io123",
	} {
		if got := all[0].Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	text := strings.ReplaceAll(string(body), "\r\n", "\n")
	for _, want := range []string{"Olivia Owner <Olivia@example.com> writes:\n\nWhat does it cost\nfor a thousand?\n", "Portal: docspace.io123", "<" + sample.People()[billing.Admin].Email + ">"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

func TestSalesRequestsThatAreRefused(t *testing.T) {
	h, dir := mailing(t)
	for name, c := range map[string]struct {
		change      func(*billing.SalesRequest)
		field, text string
	}{
		"no address":        {func(r *billing.SalesRequest) { r.Email = "" }, "email", "Incorrect email"},
		"no such address":   {func(r *billing.SalesRequest) { r.Email = "olivia" }, "email", "Incorrect email"},
		"two addresses":     {func(r *billing.SalesRequest) { r.Email = "a@example.com, b@example.com" }, "email", "Incorrect email"},
		"a header":          {func(r *billing.SalesRequest) { r.Email = "a@example.com\r\nBcc: b@example.com" }, "email", "Incorrect email"},
		"a header in it":    {func(r *billing.SalesRequest) { r.Email = "\"a\r\n b\"@example.com" }, "email", "Incorrect email"},
		"a long address":    {func(r *billing.SalesRequest) { r.Email = strings.Repeat("a", 53) + "@example.com" }, "email", "email must be a string with a maximum length of 64"},
		"nobody":            {func(r *billing.SalesRequest) { r.UserName = " " }, "user name", "Incorrect firstname or lastname"},
		"a long name":       {func(r *billing.SalesRequest) { r.UserName = strings.Repeat("é", 256) }, "user name", "user name must be a string with a maximum length of 255"},
		"a name in no text": {func(r *billing.SalesRequest) { r.UserName = "\xff" }, "user name", "user name is no UTF-8"},
		"nothing":           {func(r *billing.SalesRequest) { r.Message = "" }, "message", "Message text is empty"},
		"a long message":    {func(r *billing.SalesRequest) { r.Message = strings.Repeat("😀", 128) }, "message", "message must be a string with a maximum length of 255"},
		"all of it":         {func(r *billing.SalesRequest) { *r = billing.SalesRequest{} }, "email", "Incorrect email"},
	} {
		in := wanted
		c.change(&in)
		err := h.RequestSales(t.Context(), h.as(billing.Owner), home, in)
		var wrong *billing.FieldError
		if !errors.As(err, &wrong) || wrong.Field != c.field || err.Error() != c.text {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, role := range []billing.Role{billing.RoomAdmin, billing.Member, billing.Guest} {
		if err := h.RequestSales(t.Context(), h.as(role), home, billing.SalesRequest{}); !errors.Is(err, billing.ErrAccessDenied) {
			t.Errorf("as %s: %v", role, err)
		}
	}
	// What is as long as it may be goes.
	longest := billing.SalesRequest{UserName: strings.Repeat("é", 255), Email: strings.Repeat("a", 52) + "@example.com", Message: strings.Repeat("😀", 127)}
	if err := h.RequestSales(t.Context(), h.as(billing.Owner), home, longest); err != nil {
		t.Error(err)
	}
	// A name is no place for lines of a message of one's own.
	h.clock.Move(time.Second)
	many := wanted
	many.UserName = "Olivia\r\n\r\nThe portal is to be deleted\x00\n"
	if err := h.RequestSales(t.Context(), h.as(billing.Owner), home, many); err != nil {
		t.Fatal(err)
	}
	all := sent(t, dir)
	if len(all) != 2 {
		t.Fatalf("%d messages", len(all))
	}
	body, err := io.ReadAll(all[1].Body)
	if err != nil || !strings.HasPrefix(string(body), "Olivia The portal is to be deleted <Olivia@example.com> writes:\r\n") {
		t.Errorf("%s, %v", body, err)
	}
}

func TestSalesRequestsAreFew(t *testing.T) {
	h, dir := mailing(t)
	owner := h.as(billing.Owner)
	ask := func(from netip.Addr) error { return h.RequestSales(t.Context(), owner, from, wanted) }
	limited := func(what string, err error, wait time.Duration) {
		t.Helper()
		var many *billing.TooManyError
		if !errors.As(err, &many) || !errors.Is(err, billing.ErrTooMany) || many.RetryAfter != wait {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 11 { // one every ten seconds
		if err := ask(home); err != nil {
			t.Fatal(err)
		}
		h.clock.Move(10*time.Second - time.Millisecond)
	}
	limited("the twelfth", ask(home), 11*time.Second) // 10.011 s are left
	if err := ask(netip.MustParseAddr("192.0.2.2")); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	if err := h.RequestSales(t.Context(), owner, home, billing.SalesRequest{}); !errors.Is(err, billing.ErrInvalid) {
		t.Errorf("what is refused does not count: %v", err)
	}
	h.clock.Move(10*time.Second + 10*time.Millisecond)
	limited("a millisecond too early", ask(home), time.Second)
	h.clock.Move(time.Millisecond)
	if err := ask(home); err != nil {
		t.Errorf("when the first is two minutes ago: %v", err)
	}
	limited("the next", ask(home), 10*time.Second)
	limited("the same address in other words", ask(netip.MustParseAddr("::ffff:192.0.2.1")), 10*time.Second)
	for range 11 { // one network, as one customer of a provider has it
		if err := ask(netip.MustParseAddr("2001:db8::1")); err != nil {
			t.Fatal(err)
		}
	}
	limited("the neighbour's", ask(netip.MustParseAddr("2001:db8::2")), 2*time.Minute)
	if err := ask(netip.MustParseAddr("2001:db8:0:1::1")); err != nil {
		t.Errorf("from another network: %v", err)
	}
	if n := len(sent(t, dir)); n != 11+1+1+11+1 {
		t.Errorf("%d messages", n)
	}
}

func TestSalesWithoutMail(t *testing.T) {
	h := newCompany(t)
	if err := h.RequestSales(t.Context(), h.as(billing.Owner), home, wanted); !errors.Is(err, billing.ErrNoMail) {
		t.Errorf("without mail: %v", err)
	}
	nobody := hallOn(t, h.dir, h.clock, billing.Config{Mail: &mail.Outbox{Dir: t.TempDir()}, MailFrom: "bursar@example.com"})
	if err := nobody.RequestSales(t.Context(), h.as(billing.Owner), home, wanted); !errors.Is(err, billing.ErrNoMail) {
		t.Errorf("without anybody who sells: %v", err)
	}
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	server, err := mail.NewSMTP("smtp://" + dead.Addr().String())
	h.must(err)
	h.must(dead.Close())
	lost := hallOn(t, h.dir, h.clock, billing.Config{Mail: server, MailFrom: "bursar@example.com", SalesEmail: "sales@example.com"})
	if err := lost.RequestSales(t.Context(), h.as(billing.Owner), home, wanted); !errors.Is(err, billing.ErrTryAgain) {
		t.Errorf("with a dead server: %v", err)
	}
	for _, config := range []billing.Config{
		{Mail: server}, {MailFrom: "nobody"}, {SalesEmail: "Sales <sales@example.com>"},
	} {
		config.Store = h.store
		if _, err := billing.New(config); err == nil {
			t.Errorf("%q and %q are taken", config.MailFrom, config.SalesEmail)
		}
	}
}
