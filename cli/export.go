package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/export"
	"github.com/bursarhq/bursar/fleet"
)

func newExport(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export what happened in portals' wallets",
		Long: `What happened in the wallets of DocSpace portals, in a file for a spreadsheet, a database
or a cost report.`,
		Example: `bursar export operations -o csv --file july.csv --from 2026-07-01 --to 2026-07-31`,
		GroupID: GroupRead,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newExportOperations(env))
	return cmd
}

// exporting is what the command export operations is given.
type exporting struct {
	env            Env
	selection      *selection
	job            export.Job
	from, to       string
	format, status choice
	since, skip    bool
}

const exportLong = `Export what happened in the wallets of portals, the oldest first: as CSV, a spreadsheet
(xlsx), JSON, JSON lines (ndjson), Parquet, or as FOCUS, the columns of cost reports.
Amounts are exact. Dates keep the offset of the portal's zone, and stand there in UTC
too. Of several portals all are in one file, with the portal's name in each row.

Days of --from and --to are those that each portal's own dates show, in its zone; a
moment is as 2026-07-01T12:00:00Z, and both are included. Only what is completed is
exported, unless --status asks for others; no row says which it is of. AI features have
a ledger of their own, which --service ai-tools reads.

The file is there whole, or not at all. What is read is kept in FILE.part until then,
and --resume goes on with it after an interruption. Without --file, all is printed when
all is read. If nothing happened the file has no rows, and the exit status is 0; if a
portal can't be read, there is no file, unless --skip-failing leaves that portal out
(exit status 3).

With --since-last, which is for a nightly job, the file has what was in none before,
each operation once, however late it came. What was in a file is remembered in a
folder, --state; {time} in the file's name becomes the time of the run. A run that was
interrupted is gone on with by the next one.`

const exportExample = `# All of July, as each portal's calendar has it
bursar export operations -o xlsx --file july.xlsx --from 2026-07-01 --to 2026-07-31

# Every night, all portals, each operation once
bursar export operations --all --since-last -o parquet --file 'lake/operations-{time}.parquet'

# What it cost, for a FinOps tool
bursar export operations --all -o focus --file focus.csv --from 2026-07-01`

func newExportOperations(env Env) *cobra.Command {
	e := &exporting{
		env:    env,
		format: choice{value: "csv", allowed: export.Formats()},
		status: choice{value: string(docspace.Completed), allowed: append(operationStatuses(), "any")},
	}
	cmd := &cobra.Command{
		Use: "operations", Short: "Export what happened in portals' wallets into a file", Long: exportLong, Example: exportExample,
		Args: cobra.NoArgs,
	}
	e.selection = selectionFlags(cmd, env, "how long a portal may take for one answer")
	f := cmd.Flags()
	f.StringVar(&e.from, "from", "", "first day or moment, as 2026-07-01 or 2026-07-01T12:00:00Z (default: the beginning)")
	f.StringVar(&e.to, "to", "", "last day or moment (default: now)")
	f.StringVar(&e.job.Service, "service", "", "only of a service, as operations call it: backup, disk-storage, ai-tools")
	f.Var(&e.status, "status", "of a status: "+strings.Join(e.status.allowed, ", "))
	f.VarP(&e.format, "output", "o", "format: "+strings.Join(e.format.allowed, ", "))
	f.StringVar(&e.job.File, "file", "", "the file to write (default: standard output)")
	f.BoolVar(&e.job.Force, "force", false, "overwrite the file")
	f.BoolVar(&e.job.Resume, "resume", false, "go on with what was interrupted")
	f.BoolVar(&e.job.Restart, "restart", false, "throw away what was interrupted")
	f.BoolVar(&e.skip, "skip-failing", false, "leave out portals that can't be read")
	f.BoolVar(&e.since, "since-last", false, "only what was in no file of this export before")
	f.StringVar(&e.job.State, "state", "", "folder of what --since-last remembers (default: one for the file, in $XDG_STATE_HOME)")
	f.DurationVar(&e.job.Overlap, "overlap", 7*24*time.Hour, "how far back --since-last always reads again")
	f.StringVar(&e.job.Issuer, "issuer", "", "who invoices, for -o focus (default: ONLYOFFICE)")
	for name, c := range map[string]*choice{"output": &e.format, "status": &e.status} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp))
	}
	_, _ = cmd.MarkFlagFilename("file"), cmd.MarkFlagDirname("state")
	cmd.MarkFlagsMutuallyExclusive("resume", "restart")
	cmd.MarkFlagsMutuallyExclusive("to", "since-last")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := e.read(cmd); err != nil {
			return err
		}
		return e.run(cmd.Context())
	}
	return cmd
}

// read makes the job of the flags.
func (e *exporting) read(cmd *cobra.Command) (err error) {
	e.job.Format, e.job.Out, e.job.Now = e.format.value, e.env.Stdout, e.env.Now
	if e.status.value != "any" {
		e.job.Status = docspace.OperationStatus(e.status.value)
	}
	for _, bound := range []struct {
		flag, text string
		day        *string
		moment     *time.Time
	}{{"--from", e.from, &e.job.Span.FirstDay, &e.job.Span.From}, {"--to", e.to, &e.job.Span.LastDay, &e.job.Span.To}} {
		if _, err := time.Parse(time.DateOnly, bound.text); err == nil {
			*bound.day = bound.text
		} else if *bound.moment, err = parseMoment(bound.flag, bound.text); err != nil {
			return err
		}
	}
	if s := e.job.Span; s.LastDay != "" && s.LastDay < s.FirstDay || !s.To.IsZero() && s.To.Before(s.From) {
		return usage("--to: is before --from")
	}
	for _, name := range []string{"force", "resume", "restart"} {
		if cmd.Flags().Changed(name) && e.job.File == "" {
			return usage("--%s: is for a --file", name)
		}
	}
	for _, name := range []string{"state", "overlap"} {
		if cmd.Flags().Changed(name) && !e.since {
			return usage("--%s: is for --since-last", name)
		}
	}
	switch {
	case e.since && e.job.File == "":
		return usage("--since-last: needs a --file; of what is printed nobody knows whether it arrived")
	case e.job.Overlap < 0:
		return usage("--overlap: %s is less than nothing", e.job.Overlap)
	case cmd.Flags().Changed("issuer") && e.job.Format != "focus":
		return usage("--issuer: is for -o focus")
	case e.since && e.job.State == "":
		e.job.State, err = e.env.exportState(e.job.File)
	}
	return err
}

// exportState returns the folder of what is remembered of exports into a file.
func (e Env) exportState(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(path))
	dir := e.stateDir("export", hex.EncodeToString(sum[:8]))
	if dir == "" {
		return "", usage("--state: name a folder; neither $XDG_STATE_HOME nor $HOME is set")
	}
	return dir, nil
}

// pageAttempts is how often one page is asked for before the export gives up, and
// wholePortal how long all of a portal may take.
const (
	pageAttempts = 6
	wholePortal  = 365 * 24 * time.Hour
)

func (e *exporting) run(ctx context.Context) (err error) {
	if e.job.Portals, err = e.selection.portals(); err != nil {
		return err
	}
	reader, err := e.selection.reader()
	if err != nil {
		return err
	}
	reader.Timeout, reader.Config.MaxAttempts = wholePortal, pageAttempts
	run, err := export.Begin(e.job)
	if err != nil {
		return explainExport(err)
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	if run.Recovered != "" {
		e.note("note: %s is finished now; it was interrupted before", printable(run.Recovered))
	}
	failed, err := e.readAll(ctx, reader, run)
	if err != nil {
		return e.interrupted(err, run)
	}
	result, err := run.Finish(ctx)
	if err != nil {
		return e.interrupted(explainExport(err), run)
	}
	e.note("%s", exported(result))
	if len(failed) > 0 {
		return &Error{Err: fmt.Errorf("%d of %d portals are not in it", len(failed), len(e.job.Portals)), Code: ExitPartly,
			Hint: "export again when they can be read, or bursar profile test shows what is wrong"}
	}
	return nil
}

// readAll reads every portal, and returns those that could not be.
func (e *exporting) readAll(ctx context.Context, reader *fleet.Reader, run *export.Run) (failed []string, err error) {
	many, total, doing := len(e.job.Portals) > 1, 0, "Reading operations"
	if many {
		total, doing = len(e.job.Portals), "Reading portals"
	}
	bar := newProgress(e.env, e.selection.quiet, total, doing)
	var first error
	err = fleet.Each(ctx, reader, e.job.Portals, func(ctx context.Context, portal *fleet.Portal) (struct{}, error) {
		return struct{}{}, run.Read(ctx, portal, func(n, rest int64) {
			if !many {
				bar.at(n, n+rest)
			}
		})
	}, func(p fleet.Profile, _ struct{}, err error) error {
		if many {
			bar.step()
		}
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s: %s", p.Name, err))
			if first == nil {
				first = err
			}
		}
		return nil
	})
	bar.stop()
	if err != nil {
		return nil, err
	}
	if first == nil || len(e.job.Portals) == 1 {
		return nil, explainService(first, e.job.Service)
	}
	for _, text := range failed {
		fmt.Fprintf(e.env.Stderr, "bursar: %s\n", cleaned(text))
	}
	if !e.skip || len(failed) == len(e.job.Portals) {
		return nil, &Error{Err: fmt.Errorf("%d of %d portals can't be read: %w", len(failed), len(e.job.Portals), first),
			Hint: "--skip-failing leaves them out; bursar profile test shows what is wrong with one"}
	}
	return failed, nil
}

// interrupted says of an error how to go on.
func (e *exporting) interrupted(err error, run *export.Run) error {
	dir := run.Resumable()
	if dir == "" || e.since {
		return err
	}
	if _, gone := os.Stat(dir); gone != nil {
		return err
	}
	hint := hintFor(err) + "; --resume goes on with what is read"
	if errors.Is(err, context.Canceled) {
		hint = "--resume goes on with what is read"
	}
	return &Error{Err: err, Code: ExitCode(err), Hint: hint}
}

// explainExport gives a file that is there the advice that fits it.
func explainExport(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return &Error{Err: err, Code: ExitFailed, Hint: "choose another name, such as one with {time} in it, or overwrite it with --force"}
	}
	return err
}

// exported says what came of an export.
func exported(r export.Result) string {
	text := fmt.Sprintf("%d operations", r.Operations)
	if r.Operations == 1 {
		text = "1 operation"
	}
	if r.LeftOut > 0 {
		text += fmt.Sprintf(", and %d left out that are no charges", r.LeftOut)
	}
	if r.File != "" {
		text += " in " + printable(r.File)
	}
	return text
}

func (e *exporting) note(format string, args ...any) {
	if !e.selection.quiet {
		fmt.Fprintf(e.env.Stderr, format+"\n", args...)
	}
}
