package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
)

func newEvents(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Read what happened",
		Long: `Events say what happened: a top-up declined, a subscription past due, a wallet that is
running out. They stand in one line for all portals, each with its place, which a
running server gives it. Operators read the same at /v1/events, and webhooks are sent it.`,
		Example: `bursar events tail
bursar events tail --after 0 --type topup.declined -o json`,
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newEventsTail(env))
	return cmd
}

// typeFlag adds --type to a command.
func typeFlag(cmd *cobra.Command, help string) *[]string {
	var types []string
	cmd.Flags().StringSliceVar(&types, "type", nil, help)
	names := func() (all []string) {
		for _, t := range event.Types() {
			all = append(all, string(t))
		}
		return all
	}
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(names(), cobra.ShellCompDirectiveNoFileComp))
	return &types
}

// tailed is how many places before the end a tail begins that is not told where.
const tailed = 10

func newEventsTail(env Env) *cobra.Command {
	var (
		after  int64
		follow bool
	)
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print events as they happen",
		Long: `Print events as they happen, until it is interrupted, of all portals or of one. It
begins with the last ten, or after a place in the line: --after 0 prints all that ever
happened. --follow=false ends with the last one that there is. All times are UTC.

JSON output is one event a line, as webhooks are sent it; bursar serve has its schemas
at /v1/events/schemas.`,
		Example: `bursar events tail --portal portal.example.com
bursar events tail --after 0 --follow=false -o json
bursar events tail --type topup.declined,topup.suspended`,
		Args: cobra.NoArgs,
	}
	data, portal, output := DatabaseFlags(cmd, env), cmd.Flags().String("portal", "", "id or host of the portal (default: all)"), outputFlag(cmd)
	types := typeFlag(cmd, "of these types only, with commas or given again (default: all)")
	cmd.Flags().Int64Var(&after, "after", 0, "begin after this place in the line (default: with the last ten)")
	cmd.Flags().BoolVarP(&follow, "follow", "f", true, "go on with what happens")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if after < 0 {
			return usage("--after: %d is less than nought", after)
		}
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) error {
			q := billing.EventQuery{After: after, Types: *types, Limit: billing.MaxEvents}
			if *portal != "" {
				id, err := s.FindPortal(cmd.Context(), *portal)
				if err != nil {
					return err
				}
				q.PortalID = id
			}
			if !cmd.Flags().Changed("after") {
				last, err := s.LastEvent(cmd.Context())
				if err != nil {
					return err
				}
				q.After = max(0, last-tailed)
			}
			err := tailEvents(cmd.Context(), s, q, follow, eventPrinter(env, *output))
			if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil { // it was interrupted, as it should be
				return nil
			}
			return err
		})
	}
	return cmd
}

// tailEvents prints events in the order of the line, and with follow goes on until the
// context ends.
func tailEvents(ctx context.Context, s *billing.Service, q billing.EventQuery, follow bool, each func(e *event.Event) error) error {
	for {
		page, err := s.Events(ctx, q)
		if err != nil {
			if ctx.Err() != nil { // whatever came of what was going on then
				return ctx.Err()
			}
			return err
		}
		for i := range page.Events {
			if err := each(&page.Events[i]); err != nil {
				return err
			}
		}
		if page.Through > q.After {
			q.After = page.Through
			continue // there may be more at once
		}
		if !follow {
			return nil
		}
		if err := s.WaitForEvents(ctx, q.After); err != nil {
			return err
		}
	}
}

// eventPrinter returns what prints an event. Lines go out one by one: somebody waits
// for them.
func eventPrinter(env Env, format string) func(e *event.Event) error {
	if format == "json" {
		return func(e *event.Event) error { return printLine(env.Stdout, e) }
	}
	return func(e *event.Event) error {
		_, err := fmt.Fprintf(env.Stdout, "%8d  %s  %-23s %-20s %s\n", e.Position, e.Timestamp.UTC().Format(time.DateTime),
			printable(string(e.Type)), ansi.Truncate(printable(e.PortalID), 20, "…"), ansi.Truncate(printable(string(e.Data)), 160, "…"))
		return err
	}
}
