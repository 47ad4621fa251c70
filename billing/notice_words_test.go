package billing_test

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

// textOf returns a message's text, with no breaks in its lines.
func textOf(t *testing.T, m *netmail.Message) string {
	t.Helper()
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(m.Body, parameters["boundary"]).NextPart()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(part)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// A notice says how things stand when it is mailed: what is called how, what the clocks
// of the portal show, and whether a top-up will help.
func TestNoticesSayHowThingsStand(t *testing.T) {
	s := newMailServer(t)
	o := newOffice(t, memory(), s.sender())
	if err := o.SetTimeZone(t.Context(), company, "Asia/Tokyo"); err != nil {
		t.Fatal(err)
	}
	rule := billing.TopUp{Enabled: true, Floor: amount("10 USD"), Target: amount("50 USD")}
	if err := o.SetCustomer(t.Context(), company, billing.CustomerChange{TopUp: &rule}); err != nil {
		t.Fatal(err)
	}
	due := event.SubscriptionDue{
		Subscribed:   event.Subscribed{Plan: -14, Name: "adminwallet", Quantity: 5, PaidFrom: "wallet"},
		NextQuantity: 5, Amount: event.Sum(amount("100 USD")), DueAt: event.At(o.clock.Now().Add(7 * day)), Shortfall: event.Sum(amount("3 USD")),
	}
	o.tell(due)
	o.works()
	if err := o.store.Change(t.Context(), company, func(tx *store.Tx) error {
		return tx.PutTopUp(store.TopUp{Declines: 4, SuspendedAt: o.clock.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	o.tell(due)
	o.works()
	all := s.messages()
	if len(all) != 2 {
		t.Fatalf("%d messages", len(all))
	}
	for i, want := range [][]string{
		{
			"What: Business", "How many: 5 Admins", "Due: 15 July 2026, 20:39 (Asia/Tokyo)", "Paid on: 14 July 2026, 20:39 (Asia/Tokyo)",
			"The automatic top-up will charge that first.", "Example Ltd, " + host,
		},
		{"Please put that in before it is to be paid"},
	} {
		text := textOf(t, all[i])
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("mail %d does not say %q: %s", i+1, words, text)
			}
		}
	}
}

// Operators are told that a webhook is paused, once, even if a process ends meanwhile.
func TestOperatorsAreToldOfPausedWebhooks(t *testing.T) {
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(gone.Close)
	s := newMailServer(t)
	o := newOffice(t, memory(), &dying{s.sender(), true})
	if _, err := o.CreateWebhook(t.Context(), billing.NewWebhook{URL: gone.URL + "/s3cret", Description: "accounting", Private: true}); err != nil {
		t.Fatal(err)
	}
	o.tell(event.TopUpPlanned{TopUp: "t1"})
	if _, err := o.PlaceEvents(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, job := range o.claim() { // the delivery
		if err := o.RunJob(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	o.dies()
	other := o.beside(s.sender())
	_ = other.work()
	o.wantMails(s, 0)
	jobs, err := o.Jobs(t.Context(), store.JobKey{}, store.JobFilter{Kind: "notice", State: store.JobDead}, 10)
	if err != nil || len(jobs) != 1 || !strings.HasSuffix(jobs[0].Subject, ":operator") {
		t.Fatalf("dead: %+v, %v", jobs, err)
	}
	if err := o.RetryJob(t.Context(), store.JobKey{Kind: "notice", Subject: jobs[0].Subject}); err != nil {
		t.Fatal(err)
	}
	other.works()
	o.clock.Move(30 * day)
	other.works()
	o.wantMails(s, 1)
	m := s.messages()[0]
	if text := textOf(t, m); m.Header.Get("To") != "<operator@example.com>" || !strings.Contains(text, "Description: accounting") || strings.Contains(text, "s3cret") {
		t.Errorf("to %s: %s", m.Header.Get("To"), text)
	}
}
