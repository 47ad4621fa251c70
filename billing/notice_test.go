package billing_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/testenv"
)

// office is a process of Bursar's that mails, for the sample company.
type office struct {
	*billing.Service
	t     *testing.T
	store *store.Store
	clock *testenv.Clock
}

// newOffice returns one that mails by a sender, with a portal, on a database of its own.
func newOffice(t *testing.T, data store.Config, sender mail.Sender) *office {
	t.Helper()
	s, err := store.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o := (&office{t: t, store: s, clock: newClock()}).beside(sender)
	if _, err := sample.Create(t.Context(), o.Service, sample.Config{Hosts: []string{host}, Now: o.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	return o
}

// beside returns another process on the same database, which mails by a sender.
func (o *office) beside(sender mail.Sender) *office {
	o.t.Helper()
	service, err := billing.New(billing.Config{
		Store: o.store, Now: o.clock.Now, Mail: sender, MailFrom: "bursar@example.com", OperatorEmail: "operator@example.com",
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return &office{Service: service, t: o.t, store: o.store, clock: o.clock}
}

// memory is a database in memory.
func memory() store.Config { return store.Config{InMemory: true} }

func (o *office) tell(all ...event.Data) {
	o.t.Helper()
	if err := billing.Tell(o.t.Context(), o.Service, company, func() error { return nil }, all...); err != nil {
		o.t.Fatal(err)
	}
}

// claim takes what is due of mail and of webhooks: what else the company's plans and
// wallet cause is mailed too, and would be in the way.
func (o *office) claim() []store.Job {
	o.t.Helper()
	jobs, err := o.ClaimJobs(o.t.Context(), 64)
	if err != nil {
		o.t.Fatal(err)
	}
	return slices.DeleteFunc(jobs, func(j store.Job) bool { return j.Kind != "notice" && j.Kind != "deliver" })
}

// work does what is due now, and returns what failed.
func (o *office) work() error {
	o.t.Helper()
	var failed []error
	for jobs := o.claim(); len(jobs) > 0; jobs = o.claim() {
		for _, job := range jobs {
			failed = append(failed, o.RunJob(o.t.Context(), job))
		}
	}
	return errors.Join(failed...)
}

// works is work that must not fail.
func (o *office) works() {
	o.t.Helper()
	if err := o.work(); err != nil {
		o.t.Fatal(err)
	}
}

// jobs returns how the notices' jobs stand: "e1:payer done".
func (o *office) jobs() (all []string) {
	o.t.Helper()
	jobs, err := o.Jobs(o.t.Context(), store.JobKey{}, store.JobFilter{AllPortals: true, Kind: "notice"}, billing.MaxJobs)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, j := range jobs {
		all = append(all, j.Subject+" "+string(j.State))
	}
	return all
}

// job returns the job of a notice.
func (o *office) job(subject string) store.Job {
	o.t.Helper()
	jobs, err := o.Jobs(o.t.Context(), store.JobKey{}, store.JobFilter{AllPortals: true, Kind: "notice"}, billing.MaxJobs)
	if err != nil {
		o.t.Fatal(err)
	}
	i := slices.IndexFunc(jobs, func(j store.Job) bool { return j.Subject == subject })
	if i < 0 {
		o.t.Fatalf("there is no notice %s", subject)
	}
	return jobs[i]
}

func (o *office) wantJobs(want ...string) {
	o.t.Helper()
	if d := cmp.Diff(want, o.jobs()); d != "" {
		o.t.Errorf("jobs (-want +got):\n%s", d)
	}
}

// wantMails fails the test unless the server has so many messages, all of other ids.
func (o *office) wantMails(s *mailServer, want int) {
	o.t.Helper()
	ids := map[string]bool{}
	for _, m := range s.messages() {
		ids[m.Header.Get("Message-Id")] = true
	}
	if got := len(s.messages()); got != want || len(ids) != want {
		o.t.Errorf("%d messages of %d ids, want %d", got, len(ids), want)
	}
}

// resumed is told to the payer alone.
var resumed = event.TopUpResumed{Reason: "new_method"}

// leaseOver is longer than a job is somebody's who does not come back.
const leaseOver = 3 * time.Minute

// suspended is told to the payer and to the operator.
func suspended() event.TopUpSuspended {
	return event.TopUpSuspended{Reason: "expired_card", Declines: 4, Available: event.Sum(amount("3.20 USD")), Method: "Visa •••• 4242"}
}

func TestNoticesAreMailed(t *testing.T) {
	for name, data := range map[string]func() store.Config{
		"memory":   memory,
		"postgres": func() store.Config { return store.Config{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t)
			o := newOffice(t, data(), s.sender())
			o.tell(event.TopUpPlanned{TopUp: "t1"}, suspended(), resumed)
			o.wantJobs("e2:operator open", "e2:payer open", "e3:payer open")
			o.works()
			o.wantJobs("e2:operator done", "e2:payer done", "e3:payer done")
			o.wantMails(s, 3)
			var got []string
			for _, m := range s.messages() {
				got = append(got, strings.Join([]string{m.Header.Get("To"), m.Header.Get("From"), m.Header.Get("Subject"), m.Header.Get("Auto-Submitted")}, ", "))
			}
			slices.Sort(got)
			want := []string{
				"<operator@example.com>, <bursar@example.com>, Example Ltd: automatic top-ups are suspended, auto-generated",
				"<owner@example.com>, <bursar@example.com>, Example Ltd: automatic top-ups are suspended, auto-generated",
				"<owner@example.com>, <bursar@example.com>, Example Ltd: automatic top-ups go on, auto-generated",
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			id := s.messages()[0].Header.Get("Message-Id")
			if want := fmt.Sprintf(".%d.", o.clock.Now().UnixMicro()); !strings.HasPrefix(id, "<e") || !strings.Contains(id, "."+company+want) || !strings.HasSuffix(id, "@example.com>") {
				t.Errorf("id %s", id)
			}
		})
	}
}

// What did not happen is not mailed, and what nobody can be told is no job.
func TestNoticesOfNothing(t *testing.T) {
	s := newMailServer(t)
	o := newOffice(t, memory(), s.sender())
	broken := errors.New("no")
	if err := billing.Tell(t.Context(), o.Service, company, func() error { return broken }, suspended()); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	o.wantJobs()
	for name, config := range map[string]billing.Config{
		"no mail":     {OperatorEmail: "operator@example.com"},
		"no operator": {Mail: s.sender(), MailFrom: "bursar@example.com"},
	} {
		config.Store, config.Now = o.store, o.clock.Now
		service, err := billing.New(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := billing.Tell(t.Context(), service, company, func() error { return nil }, suspended()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := o.jobs(); len(all) != 1 || !strings.HasSuffix(all[0], ":payer open") {
		t.Errorf("jobs %q", all)
	}
	o.works()
	o.wantMails(s, 1)
}

// Who is written to is who pays when it is mailed: by the customer's address and the
// payer's own, or else the owner.
func TestNoticesGoToWhoPays(t *testing.T) {
	s := newMailServer(t)
	o := newOffice(t, memory(), s.sender())
	if _, err := o.CreatePortal(t.Context(), billing.NewPortal{ID: "p", Hosts: []string{"p.example"}, Owner: billing.NewUser{Email: "boss@p.example"}}); err != nil {
		t.Fatal(err)
	}
	if err := billing.Tell(t.Context(), o.Service, "p", func() error { return nil }, resumed); err != nil {
		t.Fatal(err)
	}
	o.works()
	if err := o.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "accounting@example.com"}); err != nil {
		t.Fatal(err)
	}
	o.tell(resumed)
	o.works()
	var got []string
	for _, m := range s.messages() {
		got = append(got, m.Header.Get("To"))
	}
	if d := cmp.Diff([]string{"<boss@p.example>", "<accounting@example.com>"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A server that is busy for days gets each mail in the end, once.
func TestNoticesWaitForDays(t *testing.T) {
	s := newMailServer(t)
	o := newOffice(t, memory(), s.sender())
	s.behaves(busy)
	o.tell(suspended())
	for end := o.clock.Now().Add(4 * day); o.clock.Now().Before(end); o.clock.Move(20 * time.Minute) {
		_ = o.work()
	}
	if s.tried() < 4*24 || s.tried() > 2*4*48 {
		t.Errorf("it was tried %d times", s.tried())
	}
	o.wantJobs("e1:operator open", "e1:payer open")
	if job := o.job("e1:payer"); !strings.Contains(job.Error, "451") || job.Input != "" {
		t.Errorf("job %+v", job)
	}
	s.behaves(polite)
	o.clock.Move(2 * time.Hour)
	o.works()
	o.wantMails(s, 2)
	o.wantJobs("e1:operator done", "e1:payer done")
}

// After so many days it is given up, and a person may have it tried again.
func TestNoticesAreGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		manners string
		within  time.Duration
		mails   int
		why     string
	}{
		"refused":         {refusing, 0, 0, "550"},
		"busy for a week": {busy, 7 * day, 0, "451"},
		"nobody knows":    {fleeing, 0, 1, "it may have been sent"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t)
			o := newOffice(t, memory(), s.sender())
			s.behaves(c.manners)
			o.tell(resumed)
			for end := o.clock.Now().Add(c.within); !o.clock.Now().After(end); o.clock.Move(10 * time.Minute) {
				_ = o.work()
			}
			o.wantJobs("e1:payer dead")
			if job := o.job("e1:payer"); !strings.Contains(job.Error, c.why) {
				t.Errorf("it is dead because of %q", job.Error)
			}
			tried := s.tried()
			s.behaves(polite)
			o.clock.Move(30 * day)
			o.works()
			if s.tried() != tried || len(s.messages()) != c.mails {
				t.Errorf("it was tried again by itself: %d messages", len(s.messages()))
			}
			if err := o.RetryJob(t.Context(), store.JobKey{PortalID: company, Kind: "notice", Subject: "e1:payer"}); err != nil {
				t.Fatal(err)
			}
			o.works()
			o.wantJobs("e1:payer done")
			if got := len(s.messages()); got != c.mails+1 {
				t.Errorf("%d messages", got)
			}
		})
	}
}

// dying is a sender whose process ends while it sends, before or after somebody else
// has the message.
type dying struct {
	mail.Sender
	before bool
}

func (d *dying) Send(ctx context.Context, m mail.Message) error {
	if !d.before {
		if err := d.Sender.Send(ctx, m); err != nil {
			return err
		}
	}
	runtime.Goexit()
	return nil
}

// dyingBox is dying with an outbox.
type dyingBox struct{ dying }

func (dyingBox) Repeats() {}

// dies claims what is due, and ends while it is done.
func (o *office) dies() {
	o.t.Helper()
	jobs := o.claim()
	var all sync.WaitGroup
	all.Go(func() {
		for _, job := range jobs {
			_ = o.RunJob(o.t.Context(), job)
			o.t.Error("it lives")
		}
	})
	all.Wait()
	o.clock.Move(leaseOver)
}

// A mail that a server may have is not sent again, but by a person; one that nobody can
// have is.
func TestProcessesThatEndWhileTheyMail(t *testing.T) {
	for name, c := range map[string]struct {
		before, again bool
		mails         int
	}{
		"before the mail is handed over": {before: true},
		"after the mail was handed over": {mails: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t)
			o := newOffice(t, memory(), &dying{s.sender(), c.before})
			o.tell(resumed)
			o.dies()
			other := o.beside(s.sender())
			if err := other.work(); err == nil || !strings.Contains(err.Error(), "it may have been sent") {
				t.Errorf("got %v", err)
			}
			o.wantMails(s, c.mails)
			o.wantJobs("e1:payer dead")
			o.clock.Move(30 * day)
			other.works()
			o.wantMails(s, c.mails)
			if err := o.RetryJob(t.Context(), store.JobKey{PortalID: company, Kind: "notice", Subject: "e1:payer"}); err != nil {
				t.Fatal(err)
			}
			other.works()
			o.wantJobs("e1:payer done")
			if all := s.messages(); len(all) != c.mails+1 {
				t.Errorf("%d messages", len(all))
			}
		})
	}
	t.Run("after it was claimed", func(t *testing.T) {
		s := newMailServer(t)
		o := newOffice(t, memory(), s.sender())
		o.tell(resumed)
		late := o.claim()
		o.clock.Move(leaseOver)
		o.works()
		o.wantJobs("e1:payer done")
		for _, job := range late { // it only slept
			if err := o.RunJob(t.Context(), job); err != nil {
				t.Error(err)
			}
		}
		o.wantMails(s, 1)
	})
}

// In an outbox a mail is there once, however often it is put there.
func TestProcessesThatEndWhileTheyFillTheOutbox(t *testing.T) {
	for _, before := range []bool{true, false} {
		dir := t.TempDir()
		o := newOffice(t, memory(), nil).beside(&dyingBox{dying{&mail.Outbox{Dir: dir}, before}})
		o.tell(resumed)
		o.dies()
		o.beside(&mail.Outbox{Dir: dir}).works()
		o.wantJobs("e1:payer done")
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d files, %v", len(entries), err)
		}
		text, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
		if err != nil || !strings.Contains(string(text), "multipart/alternative") {
			t.Errorf("%v:\n%s", err, text)
		}
	}
}

// Whoever is told to stop while a server says nothing leaves the mail to the next one.
func TestProcessesThatAreStoppedWhileTheyMail(t *testing.T) {
	s := newMailServer(t)
	o := newOffice(t, memory(), s.sender())
	s.behaves(mute)
	o.tell(resumed)
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	for _, job := range o.claim() {
		if err := o.RunJob(ctx, job); err != nil {
			t.Error(err)
		}
	}
	s.behaves(polite)
	o.clock.Move(leaseOver)
	o.works()
	o.wantMails(s, 1)
	o.wantJobs("e1:payer done")
}

// breaking is a sender that breaks when the server has the message.
type breaking struct{ mail.Sender }

func (b breaking) Send(ctx context.Context, m mail.Message) error {
	if err := b.Sender.Send(ctx, m); err != nil {
		return err
	}
	panic("out of memory")
}

func TestSendersThatBreak(t *testing.T) {
	s := newMailServer(t)
	o := newOffice(t, memory(), breaking{s.sender()})
	o.tell(resumed)
	if err := o.work(); err == nil || !strings.Contains(err.Error(), "it may have been sent") || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("got %v", err)
	}
	o.clock.Move(30 * day)
	o.works()
	o.wantMails(s, 1)
	o.wantJobs("e1:payer dead")
}

// Processes that mail at the same time do not mail the same.
func TestProcessesThatMailTogether(t *testing.T) {
	s := newMailServer(t)
	o := newOffice(t, memory(), s.sender())
	const events = 40
	for range events {
		o.tell(suspended())
	}
	var all sync.WaitGroup
	for range 3 {
		other := o.beside(s.sender())
		all.Go(func() {
			if err := other.work(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	o.wantMails(s, 2*events)
	for _, job := range o.jobs() {
		if !strings.HasSuffix(job, " done") {
			t.Error(job)
		}
	}
}
