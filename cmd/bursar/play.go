package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/worker"
)

// companyLife is what happens in the demonstration's virtual time besides: the sample
// company lives.
func companyLife(s *billing.Service) *worker.Life {
	return &worker.Life{
		Next: sample.NextDay,
		Do: func(ctx context.Context, now time.Time) error {
			return sample.Live(ctx, s, demoPortal, now)
		},
	}
}

// parseAdvance reads --advance; 0 for none.
func parseAdvance(flags *workFlags, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	by, err := clock.ParseDuration(text)
	const most = 3660 * clock.Day
	switch {
	case err != nil || by <= 0 || by > most:
		return 0, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--advance: %q is no duration such as 90d or 2160h", text), Hint: "3660d is the most"}
	case flags.clock != virtualTime:
		return 0, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--advance: real time is not moved"), Hint: "add --clock virtual"}
	}
	return by, nil
}

// play moves the demonstration's time on, and prints what happened meanwhile.
func (s *server) play(ctx context.Context, env cli.Env, by time.Duration) error {
	after, err := s.service.LastEvent(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	played, err := s.worker.Play(ctx, func(now time.Time) time.Time { return now.Add(by) })
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "\nFrom %s to %s: %d jobs, %d events, played in %s.\n\n",
		played.From.Format(time.DateOnly), played.To.Format(time.DateOnly), played.Jobs, played.Events, time.Since(begun).Round(100*time.Millisecond))
	if err := s.printEvents(ctx, env, after); err != nil {
		return err
	}
	return s.printOutbox(env)
}

// printEvents prints what the sample company was told after a place in the line.
func (s *server) printEvents(ctx context.Context, env cli.Env, after int64) error {
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "DATE\tEVENT\tWHAT")
	for {
		page, err := s.service.Events(ctx, billing.EventQuery{After: after, PortalID: demoPortal, Limit: billing.MaxEvents})
		if err != nil {
			return err
		}
		for i := range page.Events {
			what, err := told(&page.Events[i])
			if err != nil {
				return err
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", page.Events[i].Timestamp.Format(time.DateOnly), page.Events[i].Type, what)
		}
		if page.Through == after {
			return table.Flush()
		}
		after = page.Through
	}
}

// told says an event in a few words; "" for one that needs none.
func told(e *event.Event) (string, error) {
	data, err := event.Read(e.Type, e.Data)
	if err != nil {
		return "", err
	}
	sum := func(m event.Money) string { return m.Amount + " " + m.Currency }
	by := func(method string) string { return cmp.Or(method, "card") }
	switch d := data.(type) {
	case event.BalanceLow:
		return sum(d.Available) + " left, less than " + sum(d.Floor), nil
	case event.TopUpPlanned:
		return fmt.Sprintf("%s by %s: %s", sum(d.Amount), by(d.Method), d.Cause), nil
	case event.TopUpSucceeded:
		return fmt.Sprintf("%s by %s, %s are available", sum(d.Amount), by(d.Method), sum(d.Available)), nil
	case event.DepositSettled:
		return sum(d.Amount), nil
	case event.SubscriptionDue:
		return fmt.Sprintf("%s × %d, %s on %s", d.Name, d.NextQuantity, sum(d.Amount), d.DueAt.Format(time.DateOnly)), nil
	case event.SubscriptionRenewed:
		return fmt.Sprintf("%s × %d, %s by %s until %s", d.Name, d.Quantity, sum(d.Amount), d.PaidFrom, d.PeriodEnd.Format(time.DateOnly)), nil
	case event.SubscriptionPastDue:
		return fmt.Sprintf("%s × %d, %s: %s", d.Name, d.NextQuantity, sum(d.Amount), d.Reason), nil
	}
	return "", nil
}

// printOutbox lists the messages that were kept as files.
func (s *server) printOutbox(env cli.Env) error {
	dir := s.outbox()
	if dir == "" { // a mail server has them, or there are none
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "\n%d mails in %s\n", len(files), dir)
	slices.SortFunc(files, func(a, b string) int { // they begin with the event's number
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	for _, name := range files {
		subject, err := subjectOf(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stdout, "  %s  %s\n", filepath.Base(name), subject)
	}
	return nil
}

// subjectOf returns the subject of a message in a file.
func subjectOf(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if subject, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "Subject: "); ok {
			return subject, nil
		}
	}
	return "", nil
}
