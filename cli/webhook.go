package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
)

func newWebhook(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Have events sent somewhere",
		Long: `A webhook is an address that events are sent to, signed by Standard Webhooks, one after
the other, in the order of the line. What is not taken is sent again for five days. It is
a running server that sends.`,
		Example: `bursar webhook create --url https://example.com/bursar
bursar webhook list`,
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(
		newWebhookCreate(env), newWebhookList(env), newWebhookTest(env), newWebhookRotate(env), newWebhookPause(env), newWebhookResume(env),
		newWebhookDelete(env), newWebhookReplay(env), newWebhookUndelivered(env),
	)
	return cmd
}

type webhookJSON struct {
	ID          string    `json:"id"`
	URL         string    `json:"url"`
	Secret      string    `json:"secret,omitempty"`
	Description string    `json:"description,omitempty"`
	Portal      string    `json:"portal,omitempty"`
	Types       []string  `json:"types,omitempty"`
	Private     bool      `json:"private"`
	State       string    `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	Position    int64     `json:"position"`
	Failures    int64     `json:"failures"`
	Since       time.Time `json:"failingSince,omitzero"`
	LastStatus  string    `json:"lastStatus,omitempty"`
	LastAt      time.Time `json:"lastAt,omitzero"`
	OldUntil    time.Time `json:"oldSecretUntil,omitzero"`
	CreatedAt   time.Time `json:"createdAt"`
}

// webhookLine is a webhook without its secret.
func webhookLine(w store.Webhook) webhookJSON {
	return webhookJSON{
		ID: w.ID, URL: w.URL, Description: w.Description, Portal: w.PortalID, Types: w.Types, Private: w.Private,
		State: string(w.State), Reason: w.Reason, Position: w.Position, Failures: w.Failures, Since: w.FailingSince,
		LastStatus: w.LastStatus, LastAt: w.LastAt, OldUntil: w.OldUntil, CreatedAt: w.CreatedAt,
	}
}

// hinted adds what to do about a webhook that is not there.
func hinted(err error) error {
	if err == nil {
		return nil
	}
	if ExitCode(err) == ExitUsage {
		return err
	}
	return &Error{Err: err, Hint: "bursar webhook list shows the webhooks with their ids"}
}

func newWebhookCreate(env Env) *cobra.Command {
	var (
		in    billing.NewWebhook
		after int64
	)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Have events sent to an address",
		Long: `Have events sent to an address, of all portals or of one, of all types or of some. It
prints the webhook's id and the secret that is signed with, which is not shown again.

The address must be of https and in public. --private allows one of this machine or
network, and http; addresses at which clouds tell machines of themselves are never sent to.`,
		Example: `bursar webhook create --url https://example.com/bursar
bursar webhook create --url https://example.com/bursar --type topup.declined,topup.suspended
bursar webhook create --url http://127.0.0.1:9000/ --private --after 0 -o json`,
		Args: cobra.NoArgs,
	}
	data, output := DatabaseFlags(cmd, env), outputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&in.URL, "url", "", "where events are sent to")
	f.StringVar(&in.Description, "description", "", "what it is for, for people")
	portal := f.String("portal", "", "id or host of the portal whose events are sent (default: all)")
	types := typeFlag(cmd, "of these types only, with commas or given again (default: all)")
	f.BoolVar(&in.Private, "private", false, "it may be at a private address, and of http")
	f.Int64Var(&after, "after", 0, "begin after this place in the line (default: with what happens from now on)")
	_ = cmd.MarkFlagRequired("url")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) (err error) {
			in.Types = *types
			if cmd.Flags().Changed("after") {
				in.After = &after
			}
			if *portal != "" {
				if in.PortalID, err = s.FindPortal(cmd.Context(), *portal); err != nil {
					return err
				}
			}
			hook, err := s.CreateWebhook(cmd.Context(), in)
			if err != nil {
				return err
			}
			return printWithSecret(env, hook, *output)
		})
	}
	return cmd
}

// printWithSecret prints a webhook with its secret, which is shown this once.
func printWithSecret(env Env, hook store.Webhook, format string) error {
	if format == "json" {
		line := webhookLine(hook)
		line.Secret = hook.Secret
		return printJSON(env.Stdout, line)
	}
	_, err := fmt.Fprintf(env.Stdout, "webhook  %s\nsecret   %s\n", hook.ID, hook.Secret)
	return err
}

func newWebhookList(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the webhooks",
		Long:    "List the webhooks, and how they stand: how many events behind the end of the line each is,\nand what came of the last attempt. All times are UTC.",
		Example: "bursar webhook list\nbursar webhook list -o json",
		Args:    cobra.NoArgs,
	}
	data, output := DatabaseFlags(cmd, env), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) error {
			all, err := s.Webhooks(cmd.Context())
			if err != nil {
				return err
			}
			last, err := s.LastEvent(cmd.Context())
			if err != nil {
				return err
			}
			if *output == "json" {
				lines := make([]webhookJSON, len(all))
				for i, hook := range all {
					lines[i] = webhookLine(hook)
				}
				return printJSON(env.Stdout, lines)
			}
			return columns(env.Stdout, "WEBHOOK\tSTATE\tBEHIND\tLAST\tAT\tURL\tTYPES", func(line func(...string)) error {
				for _, hook := range all {
					state := string(hook.State)
					if hook.Reason != "" {
						state += " (" + hook.Reason + ")"
					}
					line(hook.ID, printable(state), strconv.FormatInt(max(0, last-hook.Position), 10), ansi.Truncate(printable(hook.LastStatus), 40, "…"),
						minute(hook.LastAt), ansi.Truncate(printable(billing.PlainURL(hook.URL)), 60, "…"), strings.Join(hook.Types, ","))
				}
				return nil
			})
		})
	}
	return cmd
}

// onWebhook returns a command on one webhook, named by its id.
func onWebhook(env Env, use, short, long string, do func(ctx context.Context, s *billing.Service, id string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " WEBHOOK", Short: short, Long: long,
		Example: "bursar webhook " + use + " 66faa6e4-f133-11ea-b126-00ffeec8b4ef",
		Args:    cobra.ExactArgs(1),
	}
	data := DatabaseFlags(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) error { return hinted(do(cmd.Context(), s, args[0])) })
	}
	return cmd
}

func newWebhookTest(env Env) *cobra.Command {
	return onWebhook(env, "test", "Try a webhook out",
		"Send a webhook a message of the type webhook.test, once, and say what came of it. It is\nsent from here, even if the webhook is paused. It fails when the message was not taken.",
		func(ctx context.Context, s *billing.Service, id string) error {
			answer, err := s.TestWebhook(ctx, id)
			if err != nil {
				return err
			}
			if !answer.Taken {
				return &Error{Err: fmt.Errorf("the webhook did not take it: %s", cleaned(answer.Status)), Hint: "what it should answer is 2xx, within 15 seconds; docs/webhooks.md has a receiver"}
			}
			_, err = fmt.Fprintf(env.Stdout, "Taken in %d ms: %s\n", answer.Took.Milliseconds(), printable(answer.Status))
			return err
		})
}

func newWebhookRotate(env Env) *cobra.Command {
	return onWebhook(env, "rotate", "Draw a new secret",
		"Draw a new secret, and print it; it is not shown again. For a day everything is signed\nwith the one before it too.",
		func(ctx context.Context, s *billing.Service, id string) error {
			hook, err := s.RotateWebhookSecret(ctx, id)
			if err != nil {
				return err
			}
			return printWithSecret(env, hook, "table")
		})
}

func newWebhookPause(env Env) *cobra.Command {
	return onWebhook(env, "pause", "Send a webhook nothing for now",
		"Send a webhook nothing until it is resumed. What happens meanwhile is sent then.",
		func(ctx context.Context, s *billing.Service, id string) error {
			_, err := s.PauseWebhook(ctx, id)
			return said(env, err, "Webhook %s is paused.\n", id)
		})
}

func newWebhookResume(env Env) *cobra.Command {
	return onWebhook(env, "resume", "Send to a webhook again",
		"Send to a webhook again, from the first event on that was not done with: at once, even if\nit is not paused but waits after a failure.",
		func(ctx context.Context, s *billing.Service, id string) error {
			_, err := s.ResumeWebhook(ctx, id)
			return said(env, err, "Webhook %s is sent to again.\n", id)
		})
}

func newWebhookDelete(env Env) *cobra.Command {
	return onWebhook(env, "delete", "Take a webhook away",
		"Take a webhook away: nothing is sent to it any more, and what was not delivered is\nforgotten.",
		func(ctx context.Context, s *billing.Service, id string) error {
			return said(env, s.DeleteWebhook(ctx, id), "Webhook %s is gone.\n", id)
		})
}

// said says what was done, unless it failed.
func said(env Env, err error, format string, args ...any) error {
	if err == nil {
		_, err = fmt.Fprintf(env.Stdout, format, args...)
	}
	return err
}

func newWebhookReplay(env Env) *cobra.Command {
	var from, to int64
	cmd := onWebhook(env, "replay", "Send events again",
		"Send a webhook again what stands in the line from one place to another, both included,\nunder the same ids, beside what is new. bursar events tail shows the places. One replay\ngoes on at a time.",
		func(ctx context.Context, s *billing.Service, id string) error {
			until, err := s.ReplayWebhook(ctx, id, from, to)
			return said(env, err, "Events %d to %d are sent to webhook %s again.\n", from, until, id)
		})
	cmd.Example += " --from 120 --to 140"
	cmd.Flags().Int64Var(&from, "from", 0, "the place of the first")
	cmd.Flags().Int64Var(&to, "to", 0, "the place of the last (default: the last that there is)")
	_ = cmd.MarkFlagRequired("from")
	return cmd
}

type undeliveredJSON struct {
	Position int64     `json:"position"`
	Event    string    `json:"event"`
	Type     string    `json:"type"`
	Portal   string    `json:"portal"`
	Attempts int64     `json:"attempts"`
	Status   string    `json:"status"`
	At       time.Time `json:"at"`
}

func newWebhookUndelivered(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "undelivered WEBHOOK",
		Short:   "List what a webhook did not take",
		Long:    "List the events that a webhook did not take for five days, in the order of the line. One\nthat is taken in a replay is in it no more. JSON output is one object a line.",
		Example: "bursar webhook undelivered 66faa6e4-f133-11ea-b126-00ffeec8b4ef",
		Args:    cobra.ExactArgs(1),
	}
	data, output := DatabaseFlags(cmd, env), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) error {
			rows := rowTable{out: env.Stdout}
			each := func(u *store.Undelivered) error {
				id := event.ID(u.Event.Number, u.Event.PortalID)
				if *output == "json" {
					return printLine(env.Stdout, undeliveredJSON{u.Event.Position, id, u.Event.Type, u.Event.PortalID, u.Attempts, u.Status, u.At})
				}
				return rows.add([]string{strconv.FormatInt(u.Event.Position, 10), id, u.Event.Type, strconv.FormatInt(u.Attempts, 10), minute(u.At), printable(u.Status)})
			}
			if *output != "json" {
				if err := rows.add([]string{"POSITION", "EVENT", "TYPE", "ATTEMPTS", "GIVEN UP", "STATUS"}); err != nil {
					return err
				}
			}
			for after, more := int64(0), true; more; {
				some, err := s.Undelivered(cmd.Context(), args[0], after, billing.MaxPage)
				if err != nil {
					return hinted(err)
				}
				for i := range some {
					if err := each(&some[i]); err != nil {
						return err
					}
					after = some[i].Event.Position
				}
				more = len(some) == billing.MaxPage
			}
			return rows.close()
		})
	}
	return cmd
}
