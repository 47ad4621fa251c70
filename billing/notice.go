package billing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/notice"
	"github.com/bursarhq/bursar/store"
)

// noticeAttempts is how often a mail is tried that nobody took: with pauses of up to an
// hour, for five days.
const noticeAttempts = 130

// noticeAfter is how long writing down what came of a mail may take, though whoever had
// it done is told to stop.
const noticeAfter = 10 * time.Second

// noticeInput is what the job of a notice knows beside its subject.
type noticeInput struct {
	// Webhook is what is told where that is no event.
	Webhook *notice.WebhookPaused `json:"webhook,omitempty"`
	// HandedOver is when the mail was about to go to the mail server; nil: it was not,
	// or it did not get there.
	HandedOver *time.Time `json:"handedOver,omitempty"`
}

// String returns it as the job keeps it.
func (in noticeInput) String() string {
	if in == (noticeInput{}) {
		return ""
	}
	return asJSON(in)
}

// noticesFor returns the jobs that mail an event of the portal to who must know of it,
// to be caused in the transaction in which it is told: one for each reader, and none
// without mail, or for operators whose address nobody gave.
func (s *Service) noticesFor(number int64, what event.Data) (jobs []store.Job) {
	for _, reader := range s.readers(what) {
		jobs = append(jobs, store.Job{Kind: jobNotice, Subject: noticeSubject(number, reader), RunAt: s.now()})
	}
	return jobs
}

// noticesOfWebhook returns the jobs that tell that a webhook was paused now, which
// concern no portal, as noticesFor does.
func (s *Service) noticesOfWebhook(hook store.Webhook) (jobs []store.Job) {
	now := s.now()
	paused := notice.WebhookPaused{
		ID: hook.ID, Description: hook.Description, URL: hook.URL, Gone: hook.Reason == pausedGone,
		LastStatus: hook.LastStatus, Since: event.At(hook.FailingSince),
	}
	for _, reader := range s.readers(paused) {
		jobs = append(jobs, store.Job{
			Kind: jobNotice, Subject: fmt.Sprintf("webhook.%s.%d:%s", hook.ID, now.UnixMicro(), reader), RunAt: now,
			Input: noticeInput{Webhook: &paused}.String(),
		})
	}
	return jobs
}

// readers returns who is mailed that something happened.
func (s *Service) readers(what any) (all []notice.Reader) {
	if s.mail == nil {
		return nil
	}
	for _, reader := range notice.Readers(what) {
		if reader != notice.Operator || s.operatorEmail != "" {
			all = append(all, reader)
		}
	}
	return all
}

// noticeSubject returns what the job is about that mails an event to somebody:
// "e12:payer".
func noticeSubject(number int64, to notice.Reader) string { return fmt.Sprintf("e%d:%s", number, to) }

func parseNoticeSubject(subject string) (number int64, to notice.Reader, err error) {
	digits, reader, _ := strings.Cut(strings.TrimPrefix(subject, "e"), ":")
	to = notice.Reader(reader)
	number, err = strconv.ParseInt(digits, 10, 64)
	if err != nil || noticeSubject(number, to) != subject || to != notice.Payer && to != notice.Operator {
		return 0, "", fmt.Errorf("no notice is called %q", subject)
	}
	return number, to, nil
}

// mailNotice sends the mail of a job, at most once. A mail server does not say whether it
// has a mail already: so it is written down that it is about to get it, and who finds
// that, and not what came of it, does not send it again by itself. To whom a mail may be
// given twice, because the second changes nothing, it is.
func (r *run) mailNotice(ctx context.Context) error {
	s := r.service
	if s.mail == nil { // another process has it
		return ErrNoMail
	}
	var in noticeInput
	if r.job.Input != "" {
		if err := json.Unmarshal([]byte(r.job.Input), &in); err != nil {
			return hopeless{fmt.Errorf("read what is known of the notice: %w", err)}
		}
	}
	before := in.HandedOver
	in.HandedOver = nil
	r.job.Input = in.String() // as it is left: whoever retries it by hand wants it sent
	_, repeats := s.mail.(mail.Repeater)
	if before != nil && !repeats {
		return hopeless{fmt.Errorf("it may have been sent: it went to the mail server at %s, and nobody wrote down what came of that", before.Format(time.RFC3339))}
	}
	m, err := s.noticeMessage(ctx, r.job, in)
	if err != nil {
		return err
	}
	if !repeats {
		now := s.now()
		in.HandedOver = &now
		if err := r.keep(ctx, in.String()); err != nil {
			return err
		}
	}
	return r.handedOver(ctx, s.handOver(ctx, m), repeats)
}

// handOver sends a message. Where the sender did not come back, nobody knows what came
// of it.
func (s *Service) handOver(ctx context.Context, m mail.Message) error {
	outcome := mail.ErrUnknown
	broken := guarded(func() error {
		outcome = s.mail.Send(ctx, m)
		return nil
	})
	return errors.Join(outcome, broken)
}

// handedOver writes down what came of a message, as err says it.
func (r *run) handedOver(ctx context.Context, err error, repeats bool) error {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), noticeAfter)
	defer cancel()
	switch {
	case err == nil:
		ended := r.service.store.ChangeJobs(after, r.job.PortalID, func(tx *store.Tx) error { return r.end(tx, time.Time{}, "") })
		if ended != nil && !repeats {
			r.ended = true // as far as it goes: it must not be sent again
			r.service.log.ErrorContext(ctx, "a notice was sent, and that could not be written down", "portal", r.job.PortalID, "notice", r.job.Subject, "error", ended)
			return nil
		}
		return ended
	case errors.Is(err, mail.ErrUnknown) && !repeats:
		return hopeless{fmt.Errorf("it may have been sent: %w", err)}
	case errors.Is(err, mail.ErrRefused), errors.Is(err, mail.ErrMessage):
		return hopeless{err}
	case ctx.Err() != nil && !repeats: // nobody has it, and nobody else will write that down
		return errors.Join(err, r.keep(after, r.job.Input))
	}
	return err
}

// keep replaces the input of the job, durably, and goes on with it.
func (r *run) keep(ctx context.Context, input string) error {
	return r.service.store.ChangeJobs(ctx, r.job.PortalID, func(tx *store.Tx) error {
		return tx.NoteJob(r.service.now(), r.job, input)
	})
}

// noticeMessage writes the mail of a job as things are now, to whom it concerns now. Its
// id is the same each time.
func (s *Service) noticeMessage(ctx context.Context, job store.Job, in noticeInput) (mail.Message, error) {
	if in.Webhook != nil {
		n := notice.Notice{Data: *in.Webhook, To: notice.Operator}
		return s.addressed(n, strings.ReplaceAll(job.Subject, ":", "."), s.operatorEmail)
	}
	number, to, err := parseNoticeSubject(job.Subject)
	if err != nil {
		return mail.Message{}, hopeless{err}
	}
	v, err := s.viewAt(ctx, store.Where{PortalID: job.PortalID})
	if err != nil {
		return mail.Message{}, err
	}
	var (
		e      store.Event
		topUps store.TopUp
		payers = v.payerEmails()
	)
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.EventsOf(job.PortalID, number-1, 1)
		if err == nil && (len(all) == 0 || all[0].Number != number) {
			err = hopeless{fmt.Errorf("there is no event %s", event.ID(number, job.PortalID))}
		}
		if err != nil {
			return err
		}
		e = all[0]
		if topUps, err = tx.TopUp(job.PortalID); err != nil || len(payers) > 0 {
			return err
		}
		owner, err := tx.Owner(job.PortalID)
		if err == nil {
			payers = []string{owner.Email}
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return mail.Message{}, fromStore("look for what happened", err)
	}
	what, err := event.Read(event.Type(e.Type), []byte(e.Data))
	if err != nil {
		return mail.Message{}, hopeless{fmt.Errorf("event %s: %w", event.ID(number, job.PortalID), err)}
	}
	n := s.noticeOf(v, what)
	n.At, n.To, n.PayerEmail = e.At, to, strings.Join(payers, ", ")
	n.TopUps = n.TopUps && topUps.SuspendedAt.IsZero()
	// The moment is in it because other databases have portals and events of the same names.
	id := fmt.Sprintf("%s.%d.%s", event.ID(number, job.PortalID), e.At.UnixMicro(), to)
	if to == notice.Operator {
		return s.addressed(n, id, s.operatorEmail)
	}
	return s.addressed(n, id, payers...)
}

// addressed returns a notice as a message of an id, to somebody.
func (s *Service) addressed(n notice.Notice, id string, to ...string) (mail.Message, error) {
	m, err := n.Render()
	if err == nil && (len(to) == 0 || to[0] == "") {
		err = fmt.Errorf("nobody is known who could be written to as the %s", n.To)
	}
	if err != nil {
		return mail.Message{}, hopeless{err}
	}
	m.From, m.To, m.ID = s.mailFrom, to, id+"@"+domainOf(s.mailFrom)
	return m, nil
}

// payerEmails returns who is written to about money: whom the customer goes by, and who
// pays, if that is another address. None where there is no customer.
func (v *View) payerEmails() (all []string) {
	if v.customer != nil {
		all = append(all, v.customer.Email)
	}
	if v.payer != nil && !slices.Contains(all, v.payer.Email) {
		all = append(all, v.payer.Email)
	}
	return all
}

// noticeOf returns what stands in a notice of something in a portal, whoever reads it.
func (s *Service) noticeOf(v *View, what event.Data) notice.Notice {
	policy := s.catalog.Policy()
	n := notice.Notice{
		Data:   what,
		Portal: notice.Portal{ID: v.Portal.ID, Name: v.Portal.Name},
		Ending: policy.Unpaid,
		Ahead:  policy.Ahead,
		TopUps: v.topUp != nil && v.topUp.Enabled,
	}
	if len(v.Hosts) > 0 {
		n.Portal.Address = v.Hosts[0]
	}
	if zone, err := v.zone(); err == nil { // else UTC, and says so
		n.Portal.Zone = zone
	}
	if v.customer != nil {
		n.Method = v.customer.MethodLabel
	}
	id := int64(0)
	switch d := what.(type) {
	case event.SubscriptionDue:
		id = d.Plan
		if d.NextQuantity == 0 { // a trial
			n.Ending = policy.TrialEnd
		}
	case event.SubscriptionPastDue:
		id = d.Plan
	case event.SubscriptionCancelled:
		id = d.Plan
		if d.Reason == "trial_ended" {
			n.Ending = policy.TrialEnd
		}
	}
	if plan, ok := s.catalog.Plan(int(id)); ok {
		n.Plan = plan
	}
	return n
}

// domainOf returns the domain of an address, as it may stand in the id of a message.
func domainOf(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	if strings.Trim(strings.ToLower(domain), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || strings.HasPrefix(domain, ".") {
		domain = ""
	}
	return cmp.Or(domain, "bursar.invalid")
}
