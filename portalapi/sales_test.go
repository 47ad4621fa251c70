package portalapi_test

import (
	"fmt"
	"io"
	"net/http"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
)

func escaped(text string) string { return url.QueryEscape(text) }

// unquoted are the texts of JSON strings.
func unquoted(quoted []string) (all []string) {
	for _, text := range quoted {
		all = append(all, strings.ReplaceAll(strings.Trim(text, `"`), `\\`, `\`))
	}
	return all
}

// sent returns the messages that were sent, with their texts.
func (h *house) sent() (all []*netmail.Message, texts []string) {
	h.t.Helper()
	names, err := filepath.Glob(filepath.Join(h.outbox, "*.eml"))
	h.must(err)
	for _, name := range names {
		f, err := os.Open(name)
		h.must(err)
		m, err := netmail.ReadMessage(f)
		h.must(err)
		text, err := io.ReadAll(m.Body)
		h.must(err)
		h.must(f.Close())
		all, texts = append(all, m), append(texts, string(text))
	}
	return all, texts
}

// Source: contract, "POST /payment/request".
func TestRequestIsMailedToSales(t *testing.T) {
	h := newHouse(t, setup{})
	got := h.from(thisMachine, request{method: "POST", path: "request", key: h.keyOf(billing.Admin), loose: true,
		body: `{"USERNAME":"Adam Admin","email":"adam@example.com","message":"Is there a price for 500?\nThank you","to":"x@example.com"}`})
	same(t, `{"count":0,"links":[{"href":"http://portal.example.com/api/2.0/portal/payment/request","action":"POST"}],"status":0,"statusCode":200}`, got.body)
	all, texts := h.sent()
	if len(all) != 1 {
		t.Fatalf("%d messages were sent", len(all))
	}
	if m := all[0].Header; m.Get("To") != "<sales@example.com>" || m.Get("Reply-To") != "<adam@example.com>" || m.Get("From") != "<bursar@example.com>" || !strings.Contains(m.Get("Subject"), h.company.PortalID) {
		t.Errorf("%v", m)
	}
	if !strings.Contains(texts[0], "Is there a price for 500?\r\nThank you") || !strings.Contains(texts[0], "Adam Admin <adam@example.com>") {
		t.Errorf("it says %q", texts[0])
	}
}

// messageOf is a body of a request; what is "-" is left out.
func messageOf(name, email, message string) string {
	var members []string
	for member, text := range map[string]string{"userName": name, "email": email, "message": message} {
		if text != "-" {
			members = append(members, fmt.Sprintf("%q:%q", member, text))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestRequestIsRefusedInTheContractsWords(t *testing.T) {
	h := newHouse(t, setup{})
	const name, email, message = "Olivia Owner", "owner@example.com", "Hello"
	long := strings.Repeat("x", 256)
	for body, want := range map[string][2]string{
		messageOf(name, "nobody", message):                                       {"Email", "Incorrect email"},
		messageOf(name, "", message):                                             {"Email", "Incorrect email"},
		messageOf("", email, message):                                            {"UserName", "Incorrect firstname or lastname"},
		messageOf("-", email, message):                                           {"UserName", "Incorrect firstname or lastname"},
		messageOf(" ", email, message):                                           {"UserName", "Incorrect firstname or lastname"},
		messageOf(name, email, ""):                                               {"Message", "Message text is empty"},
		messageOf(name, email, "\n"):                                             {"Message", "Message text is empty"},
		messageOf(name, "-", message):                                            {"Email", "The Email field is required."},
		messageOf(name, email, "-"):                                              {"Message", "The Message field is required."},
		messageOf(long, email, message):                                          {"UserName", "The field UserName must be a string with a maximum length of 255."},
		messageOf(name, strings.Repeat("x", 60)+"@a.example", message):           {"Email", "The field Email must be a string or array type with a maximum length of '64'."},
		messageOf(name, email, long):                                             {"Message", "The field Message must be a string with a maximum length of 255."},
		messageOf(strings.Repeat("\U0001F600", 128), email, message):             {"UserName", "The field UserName must be a string with a maximum length of 255."},
		messageOf(name, "owner@example.com\r\nBcc: everybody@example.com", "Hi"): {"Email", "Incorrect email"},
	} {
		got := h.from(thisMachine, request{method: "POST", path: "request", key: h.company.OwnerKey, body: body, loose: true})
		if texts := decode[problem](t, got.payload(t)).Errors[want[0]]; got.status != http.StatusBadRequest || len(texts) != 1 || texts[0] != want[1] {
			t.Errorf("%s: %d %s, want %q", body, got.status, got.body, want)
		}
	}
	// The longest that there may be, and what may not be sent at all.
	h.send("request", messageOf(strings.Repeat("é", 255), strings.Repeat("x", 52)+"@example.com", strings.Repeat("€", 255))).wants(t, http.StatusOK, "")
	if all, _ := h.sent(); len(all) != 1 {
		t.Errorf("%d messages were sent", len(all))
	}
	mute := newHouse(t, setup{noMail: true})
	mute.send("request", hello).wantsError(t, "no mail", 403, "no mail can be sent: it is not configured")
}

// Eleven in two minutes are let through, of which only good ones count at the address.
func TestTwelfthRequestIsTooMany(t *testing.T) {
	h := newHouse(t, setup{})
	h.from(thisMachine, request{method: "POST", path: "request", key: h.company.OwnerKey, body: `{}`}).wants(t, http.StatusBadRequest, "")
	for i := range 11 {
		h.send("request", hello).wants(t, http.StatusOK, "")
		h.clock.Move(time.Second)
		if all, _ := h.sent(); len(all) != i+1 {
			t.Fatalf("%d messages were sent", len(all))
		}
	}
	got := h.send("request", hello)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "109" || got.message(t) != "Request limit is exceeded" {
		t.Errorf("%d, Retry-After %q, %s", got.status, got.header.Get("Retry-After"), got.body)
	}
	// Nobody else pays for it.
	elsewhere := h.from("203.0.113.99:1", request{method: "POST", path: "request", key: h.keyOf(billing.Admin), body: hello})
	elsewhere.wants(t, http.StatusOK, "")
	h.clock.Move(109 * time.Second)
	h.send("request", hello).wants(t, http.StatusOK, "")
	h.send("request", hello).wants(t, http.StatusTooManyRequests, "")

	// A user who changes addresses is one all the same.
	h = newHouse(t, setup{})
	for i := range 12 {
		got = h.from(fmt.Sprintf("203.0.113.%d:1", i), request{method: "POST", path: "request", key: h.company.OwnerKey, body: hello})
		if want := map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[i < 11]; got.status != want {
			t.Errorf("request %d: %d, want %d", i+1, got.status, want)
		}
	}
	if got.body != "" || got.header.Get("Retry-After") == "" {
		t.Errorf("%q, Retry-After %q", got.body, got.header.Get("Retry-After"))
	}
	if all, _ := h.sent(); len(all) != 11 {
		t.Errorf("%d messages were sent", len(all))
	}
}
