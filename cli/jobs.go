package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

func newJobs(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "See what is done when nobody calls, and have it done again",
		Long: `Renewals, automatic top-ups, messages: what is to be done when nobody calls is a job.
Whoever serves does them. One that fails is tried again, later and later; one that
failed too often is dead, and waits for somebody to look at it.`,
		Example: `# What has failed for good
bursar jobs list --state dead

# Once the cause is gone
bursar jobs retry --portal portal.example.com renew -- -9`,
		GroupID: GroupKeep,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newJobsList(env),
		newJobsChange(env, "retry", "Have a job done now", "Have a job done now that waits, is dead or was canceled.", "is done as soon as somebody is free", (*billing.Service).RetryJob),
		newJobsChange(env, "cancel", "Say that a job need not be done", "Say that a job need not be done which is open or dead. Whatever causes it may cause it again.", "is not done any more", (*billing.Service).CancelJob))
	return cmd
}

func newJobsList(env Env) *cobra.Command {
	var (
		filter store.JobFilter
		portal string
		limit  int
	)
	state := choice{value: "", allowed: []string{string(store.JobOpen), string(store.JobDone), string(store.JobDead), string(store.JobCanceled)}}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List jobs",
		Long:    "List jobs by portal, kind and subject; of all portals, unless one is named. All times are\nUTC. JSON output is one object a line.",
		Example: "bursar jobs list --state dead\nbursar jobs list --portal portal.example.com --kind renew -o json",
		Args:    cobra.NoArgs,
	}
	data, output := DatabaseFlags(cmd, env), outputFlag(cmd)
	f := cmd.Flags()
	f.Var(&state, "state", "only those in a state: open, done, dead or canceled")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(state.allowed, cobra.ShellCompDirectiveNoFileComp))
	f.StringVar(&filter.Kind, "kind", "", "only those of a kind, such as renew or top_up")
	f.StringVar(&portal, "portal", "", "only those of a portal, by its id or one of its hosts")
	f.IntVar(&limit, "limit", 1000, "how many to list at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if limit < 1 {
			return usage("--limit: %d is not more than nought", limit)
		}
		filter.State, filter.AllPortals = store.JobState(state.value), portal == ""
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) (err error) {
			if portal != "" {
				if filter.PortalID, err = s.FindPortal(cmd.Context(), portal); err != nil {
					return err
				}
			}
			if *output == "json" {
				return eachJob(cmd.Context(), s, filter, limit, func(j *store.Job) error { return printLine(env.Stdout, jobOf(j)) })
			}
			rows := rowTable{out: env.Stdout}
			if err := rows.add([]string{"PORTAL", "KIND", "SUBJECT", "STATE", "DUE", "FAILED", "ERROR"}); err != nil {
				return err
			}
			if err := eachJob(cmd.Context(), s, filter, limit, func(j *store.Job) error { return rows.add(jobRow(j)) }); err != nil {
				return err
			}
			return rows.close()
		})
	}
	return cmd
}

// eachJob calls do for jobs, page by page, at most limit of them.
func eachJob(ctx context.Context, s *billing.Service, filter store.JobFilter, limit int, do func(*store.Job) error) error {
	var after store.JobKey
	for limit > 0 {
		page := min(limit, billing.MaxJobs)
		jobs, err := s.Jobs(ctx, after, filter, page)
		if err != nil {
			return err
		}
		for i := range jobs {
			if err := do(&jobs[i]); err != nil {
				return err
			}
			after = jobs[i].Key()
		}
		if len(jobs) < page {
			return nil
		}
		limit -= page
	}
	return nil
}

func jobRow(j *store.Job) []string {
	dash := func(text string) string {
		if text == "" {
			return "-"
		}
		return ansi.Truncate(printable(text), 60, "…")
	}
	state, due := string(j.State), ""
	if j.State == store.JobOpen {
		due = j.RunAt.UTC().Format(time.DateTime)
		if j.Leased {
			state, due = "running", ""
		}
	}
	return []string{dash(j.PortalID), dash(j.Kind), dash(j.Subject), state, dash(due), strconv.FormatInt(j.Attempt, 10), dash(j.Error)}
}

type jobJSON struct {
	Portal   string          `json:"portal,omitempty"`
	Kind     string          `json:"kind"`
	Subject  string          `json:"subject,omitempty"`
	State    string          `json:"state"`
	Running  bool            `json:"running"`
	RunAt    time.Time       `json:"runAt,omitzero"`
	Round    int64           `json:"round"`
	Attempts int64           `json:"attempts"`
	Input    json.RawMessage `json:"input,omitempty"`
	Error    string          `json:"error,omitempty"`
	Caused   time.Time       `json:"causedAt"`
	Changed  time.Time       `json:"changedAt"`
}

func jobOf(j *store.Job) jobJSON {
	line := jobJSON{
		Portal: j.PortalID, Kind: j.Kind, Subject: j.Subject, State: string(j.State), Running: j.Leased,
		Round: j.Round, Attempts: j.Attempt, Error: j.Error, Caused: j.CausedAt, Changed: j.ChangedAt,
	}
	if j.State == store.JobOpen {
		line.RunAt = j.RunAt
	}
	if j.Input != "" {
		line.Input = json.RawMessage(j.Input)
	}
	return line
}

func newJobsChange(env Env, name, short, long, becomes string, do func(*billing.Service, context.Context, store.JobKey) error) *cobra.Command {
	var portal string
	cmd := &cobra.Command{
		Use:     name + " KIND [SUBJECT]",
		Short:   short,
		Long:    long + "\nIt is named as bursar jobs list does; without --portal it is one that concerns no portal.\nA subject that begins with a dash stands behind two of them alone.",
		Example: "bursar jobs " + name + " top_up --portal portal.example.com\nbursar jobs " + name + " --portal portal.example.com renew -- -9",
		Args:    cobra.RangeArgs(1, 2),
	}
	data := DatabaseFlags(cmd, env)
	cmd.Flags().StringVar(&portal, "portal", "", "the portal, by its id or one of its hosts")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) (err error) {
			key := store.JobKey{Kind: args[0]}
			if len(args) == 2 {
				key.Subject = args[1]
			}
			if portal != "" {
				if key.PortalID, err = s.FindPortal(cmd.Context(), portal); err != nil {
					return err
				}
			}
			if err := do(s, cmd.Context(), key); err != nil {
				return &Error{Err: err, Hint: "bursar jobs list shows what there is; one that somebody is at, or that is done, is left alone"}
			}
			_, err = fmt.Fprintf(env.Stdout, "The job %s.\n", becomes)
			return err
		})
	}
	return cmd
}
