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
	)
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Save what happened in a portal's wallet as a spreadsheet",
		Long: `Have a DocSpace portal write what happened in its wallet into a spreadsheet (.xlsx), wait
for it, and save it. FILE is there whole, or not at all.

A portal makes one such report at a time for each user: starting another one ends the
first. Interrupting the command, or --wait coming to its end, ends the report.`,
		Example: `bursar operations report -o operations.xlsx
bursar operations report -o july.xlsx --from 2026-07-01 --to 2026-07-31 --debit --force`,
		Args: cobra.NoArgs,
	}
	connection := connectionFlags(cmd, env, patience(false))
	filter := addOperationFilter(cmd)
	f := cmd.Flags()
	f.StringVarP(&file, "output", "o", "", "the file to save it in (required)")
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
		task, err := makeReport(cmd.Context(), client, query, wait, &percent)
		stop()
		if err != nil {
			return explainService(err, query.Service)
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
		_, err = fmt.Fprintf(env.Stdout, "%s is the portal's report of operations: %d bytes.\n", printable(file), size)
		return err
	}
	return cmd
}

// endWithin is how long it may take to end a report that nobody waits for any more.
const endWithin = 5 * time.Second

// makeReport has a portal make a report, and returns it when it is there. One that
// nobody waits for any more is ended.
func makeReport(ctx context.Context, client *docspace.Client, q docspace.OperationsQuery, wait time.Duration, percent *atomic.Int64) (*docspace.ReportTask, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if _, err := client.StartOperationsReport(ctx, q); err != nil {
		return nil, err
	}
	task, err := client.AwaitReport(ctx, func(ctx context.Context) (*docspace.ReportTask, error) {
		task, err := client.OperationsReport(ctx)
		if task != nil {
			percent.Store(int64(task.Percentage))
		}
		return task, err
	})
	if err != nil && ctx.Err() != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		if left := client.CancelOperationsReport(late); left != nil {
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
