package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
)

func newOperationsReport(env Env) *cobra.Command {
	var (
		file  string
		force bool
		wait  time.Duration
		of    = choice{value: ofOperations, allowed: []string{ofOperations, ofUsage, ofMonths}}
	)
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Save what happened in a portal's wallet as a spreadsheet",
		Long: `Have a DocSpace portal write what happened in its wallet into a spreadsheet (.xlsx), wait
for it, and save it. The file is there whole, or not at all. With --of usage it is what
was paid for each service, with --of monthly in each month, which portals before 3.8
can't write.

A portal makes one report of a kind at a time for each user: starting another one ends
the first. Interrupting the command, or --wait coming to its end, ends the report.`,
		Example: `bursar operations report -o operations.xlsx
bursar operations report -o july.xlsx --from 2026-07-01 --to 2026-07-31 --debit --force
bursar operations report --of monthly -o months.xlsx`,
		Args: cobra.NoArgs,
	}
	connection := connectionFlags(cmd, env, patience(false))
	filter := addOperationFilter(cmd)
	f := cmd.Flags()
	f.StringVarP(&file, "output", "o", "", "the file to save it in (required)")
	f.Var(&of, "of", "what it is of: operations, usage or monthly")
	_ = cmd.RegisterFlagCompletionFunc("of", cobra.FixedCompletions(of.allowed, cobra.ShellCompDirectiveNoFileComp))
	f.BoolVar(&force, "force", false, "overwrite the file")
	f.DurationVar(&wait, "wait", time.Hour, "how long the portal may take to make it")
	_, _ = cmd.MarkFlagRequired("output"), cmd.MarkFlagFilename("output", "xlsx")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query, err := filter.read()
		if err != nil {
			return err
		}
		if wait <= 0 {
			return usage("--wait: %s is not more than nothing", wait)
		}
		for _, name := range unfit[of.value] {
			if cmd.Flags().Changed(name) {
				return usage("--%s: is not for --of %s", name, of.value)
			}
		}
		client, err := connection.client()
		if err != nil {
			return err
		}
		into, err := newDownload(file, force)
		if err != nil {
			return err
		}
		defer into.drop()
		var percent atomic.Int64
		stop := spinText(env, connection.quiet, func() string { return fmt.Sprintf("Waiting for the report: %d %%", percent.Load()) })
		task, err := reportKind(client, query, of.value).make(cmd.Context(), client, wait, &percent)
		stop()
		if err != nil {
			return explainReport(err, of.value, query.Service)
		}
		stop = spin(env, connection.quiet, "Downloading the report")
		size, err := client.DownloadReport(cmd.Context(), task, into.to)
		stop()
		if err != nil {
			return err
		}
		if err := into.keep(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.Stdout, "%s is the portal's report, of %s: %d bytes.\n", printable(file), of.value, size)
		return err
	}
	return cmd
}

// endWithin is how long it may take to end a report that nobody waits for any more.
const endWithin = 5 * time.Second

// What a report is of.
const (
	ofOperations = "operations"
	ofUsage      = "usage"
	ofMonths     = "monthly"
)

// unfit are the filters that a report does not know.
var unfit = map[string][]string{
	ofUsage:  {"credit", "debit", "type"},
	ofMonths: {"credit", "debit", "type", "service", "participant", "status"},
}

// reporting is how a portal makes a kind of report.
type reporting struct {
	start, look func(context.Context) (*docspace.ReportTask, error)
	end         func(context.Context) error
}

func reportKind(client *docspace.Client, q docspace.OperationsQuery, of string) reporting {
	type task = *docspace.ReportTask
	switch of {
	case ofUsage:
		usage := docspace.UsageQuery{Service: q.Service, Participant: q.Participant, Status: q.Status, From: q.From, To: q.To}
		start := func(ctx context.Context) (task, error) { return client.StartUsageReport(ctx, usage) }
		return reporting{start, client.UsageReport, client.CancelUsageReport}
	case ofMonths:
		start := func(ctx context.Context) (task, error) { return client.StartMonthlyUsageReport(ctx, q.From, q.To) }
		return reporting{start, client.MonthlyUsageReport, client.CancelMonthlyUsageReport}
	}
	start := func(ctx context.Context) (task, error) { return client.StartOperationsReport(ctx, q) }
	return reporting{start, client.OperationsReport, client.CancelOperationsReport}
}

// explainReport gives what a portal has no report of the advice that fits it.
func explainReport(err error, of, service string) error {
	switch {
	case of != ofOperations:
		return explainUsage(err, service)
	case service == "" && errors.Is(err, docspace.ErrNotFound):
		return &Error{Err: err, Hint: "bursar report --only customer shows whether the portal has a customer; without one there is nothing to report"}
	}
	return explainService(err, service)
}

// make has a portal make a report, and returns it when it is there. One that nobody
// waits for any more is ended.
func (r reporting) make(ctx context.Context, client *docspace.Client, wait time.Duration, percent *atomic.Int64) (*docspace.ReportTask, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if _, err := r.start(ctx); err != nil {
		return nil, err
	}
	task, err := client.AwaitReport(ctx, func(ctx context.Context) (*docspace.ReportTask, error) {
		task, err := r.look(ctx)
		if task != nil {
			percent.Store(int64(task.Percentage))
		}
		return task, err
	})
	if err != nil && ctx.Err() != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		if left := r.end(late); left != nil {
			err = errors.Join(err, fmt.Errorf("the portal goes on making the report: %w", left))
		}
		return nil, &Error{Err: err, Code: ExitFailed, Hint: "give it longer with --wait 6h, or ask for less with --from and --to"}
	}
	return task, err
}

// download is a file that is being saved beside the name that it will have.
type download struct {
	file  string
	force bool
	to    *os.File // nil when it is kept, or dropped
}

// newDownload begins a file; where there is one of that name it needs force.
func newDownload(file string, force bool) (*download, error) {
	if file == "-" {
		return nil, usage("--output: name a file; a spreadsheet is for no terminal")
	}
	if _, err := os.Lstat(file); err == nil && !force {
		return nil, errFileExists(file)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	to, err := os.CreateTemp(filepath.Dir(file), ".bursar-*.xlsx")
	if err != nil {
		return nil, err
	}
	return &download{file, force, to}, nil
}

func errFileExists(file string) error {
	return &Error{Err: fmt.Errorf("%s: %w", file, fs.ErrExist), Code: ExitFailed, Hint: "choose another name, or overwrite it with --force"}
}

// keep gives the file its name, when it is on the disk.
func (d *download) keep() error {
	to := d.to
	d.to = nil
	err := errors.Join(to.Sync(), to.Close())
	if err == nil && !d.force {
		// A link, unlike another name, never takes the place of what came meanwhile.
		if err = os.Link(to.Name(), d.file); errors.Is(err, fs.ErrExist) {
			return errors.Join(errFileExists(d.file), os.Remove(to.Name()))
		} else if err == nil {
			return os.Remove(to.Name())
		}
		err = nil // a disk that knows no second names
	}
	if err == nil {
		err = os.Rename(to.Name(), d.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return nil
}

// drop forgets a file that was not kept.
func (d *download) drop() {
	if d.to != nil {
		_, _ = d.to.Close(), os.Remove(d.to.Name()) // nobody wants it
	}
}
