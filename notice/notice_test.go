package notice_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/notice"
)

var update = flag.Bool("update", false, "write what is rendered to testdata")

// Each notice reads as its golden files do, which people have read and looked at.
func TestNoticesReadAsTheyShould(t *testing.T) {
	want := map[string]bool{}
	for name, n := range notices(t) {
		m, err := n.Render()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for file, text := range map[string]string{name + ".txt": "Subject: " + m.Subject + "\n\n" + m.Text, name + ".html": m.HTML} {
			want[file] = true
			path := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(golden), text); d != "" {
				t.Errorf("%s (-want +got):\n%s", file, d)
			}
		}
	}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("testdata/%s is of no notice", e.Name())
		}
	}
}

var tag = regexp.MustCompile(`(?s)<style>.*</style>|<title>.*</title>|<[^>]*>`)

// The text and the HTML of a notice say the same, and no mail program loads anything
// for either.
func TestNoticesStandByThemselves(t *testing.T) {
	words := func(s string) []string { return strings.Fields(s) }
	for name, n := range notices(t) {
		m, err := n.Render()
		if err != nil {
			t.Fatal(err)
		}
		for _, outside := range []string{"http-equiv", "src=", "href=", "url(", "@import", "<script", "<img", "<link"} {
			if strings.Contains(m.HTML, outside) {
				t.Errorf("%s has %s in it", name, outside)
			}
		}
		for line := range strings.Lines(m.Text) {
			if len([]rune(line)) > 73 {
				t.Errorf("%s has a long line: %s", name, line)
			}
		}
		plain := words(strings.NewReplacer("&amp;", "&", "&#39;", "'", "&#34;", `"`).Replace(tag.ReplaceAllString(m.HTML, " ")))
		text := words(strings.Replace(m.Text, "\n-- \n", "\n", 1))
		for i := range text {
			text[i] = strings.TrimSuffix(text[i], ":")
		}
		for i := range plain {
			plain[i] = strings.TrimSuffix(plain[i], ":")
		}
		if d := cmp.Diff(text, plain); d != "" {
			t.Errorf("%s: the HTML says something else (-text +html):\n%s", name, d)
		}
	}
}

// Whatever others typed in is nothing but text on one line.
func TestWhatOthersTypedInIsText(t *testing.T) {
	const evil = "</p><script>alert(1)</script>\r\nBcc: x@example.com\x00\u202e{{.Portal}}\u2028"
	for name, n := range notices(t) {
		n.Portal.Name, n.Portal.ID, n.Portal.Address = evil, evil, evil
		n.Method, n.PayerEmail, n.Plan = evil, evil, nil
		switch d := n.Data.(type) {
		case event.TopUpDeclined:
			d.Method, d.Reason = evil, evil
			n.Data = d
		case event.TopUpSuspended:
			d.Method, d.Reason = evil, evil
			n.Data = d
		case event.TopUpResumed:
			d.Method, d.Reason = evil, evil
			n.Data = d
		case event.SubscriptionDue:
			d.Name = evil
			n.Data = d
		case event.SubscriptionPastDue:
			d.Name, d.Reason = evil, evil
			n.Data = d
		case event.SubscriptionCancelled:
			d.Name = evil
			n.Data = d
		case notice.WebhookPaused:
			d.ID, d.Description, d.LastStatus = evil, evil, evil
			n.Data = d
		}
		m, err := n.Render()
		if err != nil {
			t.Fatal(err)
		}
		m.From, m.To = "bursar@example.com", []string{"payer@example.com"}
		dir := t.TempDir()
		if err := (&mail.Outbox{Dir: dir}).Send(t.Context(), m); err != nil {
			t.Errorf("%s can't be sent: %v", name, err)
		}
		if strings.Contains(m.HTML, "<script") {
			t.Errorf("%s: markup of others in\n%s", name, m.HTML)
		}
		for part, text := range map[string]string{"subject": m.Subject, "text": m.Text, "HTML": m.HTML} {
			if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unicode.IsControl) || strings.ContainsAny(text, "\u202e\u2028") {
				t.Errorf("%s: what can't be seen is in the %s", name, part)
			}
			if strings.Contains(text, "\nBcc:") {
				t.Errorf("%s: a line of its own in the %s", name, part)
			}
		}
	}
}

func TestLongNamesAreCut(t *testing.T) {
	n := notices(t)["topup-resumed"]
	n.Portal.Name = strings.Repeat("日本 ", 200)
	m, err := n.Render()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(m.Subject, ":")
	if count := len([]rune(name)); count > 80 || !strings.HasSuffix(name, "…") {
		t.Errorf("%d characters: %s", count, name)
	}
}

// A webhook's path and query may be secrets.
func TestWebhooksKeepTheirSecrets(t *testing.T) {
	m, err := notices(t)["webhook-paused"].Render()
	if err != nil {
		t.Fatal(err)
	}
	if text := m.Subject + m.Text + m.HTML; strings.Contains(text, "s3cret") || !strings.Contains(text, "https://hooks.example.com:8443") {
		t.Error(m.Text)
	}
}

// Moments are what the portal's clocks show, on both sides of a change of them.
func TestMomentsAreThePortals(t *testing.T) {
	n := notices(t)["due"]
	d := n.Data.(event.SubscriptionDue)
	for text, moment := range map[string]time.Time{
		"25 October 2026, 02:30 (Europe/Berlin)":  time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC),
		"1 November 2026, 00:30 (Europe/Berlin)":  time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC),
		"31 December 2026, 23:59 (Europe/Berlin)": time.Date(2026, 12, 31, 22, 59, 0, 0, time.UTC),
	} {
		d.DueAt = event.At(moment)
		n.Data = d
		m, err := n.Render()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(strings.Fields(m.Text), " "), text) {
			t.Errorf("%s is not in\n%s", text, m.Text)
		}
	}
}

func TestReaders(t *testing.T) {
	both, payer := []notice.Reader{notice.Payer, notice.Operator}, []notice.Reader{notice.Payer}
	for name, tt := range map[string]struct {
		data any
		want []notice.Reader
	}{
		"declined":                {event.TopUpDeclined{RetryAt: at(1)}, both},
		"declined, and suspended": {event.TopUpDeclined{}, nil},
		"suspended":               {event.TopUpSuspended{}, both},
		"resumed":                 {event.TopUpResumed{}, payer},
		"a limit":                 {event.TopUpSkipped{Reason: "cap_day"}, payer},
		"a rule's own word":       {event.TopUpSkipped{Reason: "cap_month"}, payer},
		"target too low":          {event.TopUpSkipped{Reason: "target_too_low"}, nil},
		"no method":               {event.TopUpSkipped{Reason: "no_method"}, payer},
		"busy":                    {event.TopUpSkipped{Reason: "busy"}, nil},
		"planned":                 {event.TopUpPlanned{}, nil},
		"succeeded":               {event.TopUpSucceeded{}, nil},
		"due":                     {event.SubscriptionDue{}, payer},
		"past due":                {event.SubscriptionPastDue{}, both},
		"unpaid":                  {event.SubscriptionCancelled{Reason: "unpaid"}, both},
		"trial":                   {event.SubscriptionCancelled{Reason: "trial_ended"}, payer},
		"cancelled by somebody":   {event.SubscriptionCancelled{Reason: "cancelled"}, nil},
		"runway":                  {event.RunwayLow{}, both},
		"webhook":                 {notice.WebhookPaused{}, []notice.Reader{notice.Operator}},
		"nothing":                 {nil, nil},
	} {
		if got := notice.Readers(tt.data); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestWhatCanNotBeRendered(t *testing.T) {
	for name, data := range map[string]any{
		"nobody is told of a event.TopUpPlanned": event.TopUpPlanned{},
		"nobody is told of a <nil>":              nil,
		"not a decimal number":                   event.TopUpDeclined{Amount: event.Money{Amount: "much", Currency: "USD"}},
	} {
		m, err := notice.Notice{Data: data}.Render()
		if err == nil || !strings.Contains(err.Error(), name) || m.Text != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if m, err := (notice.Notice{Data: event.TopUpResumed{}}).Render(); err != nil || !strings.HasPrefix(m.Subject, "Bursar: ") || bytes.Contains([]byte(m.Text), []byte("-- \n\n")) {
		t.Errorf("without a portal: %v, %+v", err, m)
	}
}
