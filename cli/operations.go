package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

func newOperations(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "operations",
		Short: "Read what happened in a portal's wallet",
		Long: `What happened in the wallet of a DocSpace portal, as the portal tells it: operation by
operation, as a spreadsheet that the portal makes, or added up.`,
		Example: `bursar operations list --portal https://portal.example.com --key-file key.txt
bursar operations report -o operations.xlsx`,
		GroupID: GroupRead,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newOperationsList(env), newOperationsReport(env), newOperationsUsage(env))
	return cmd
}

// operationFilter is what says which operations.
type operationFilter struct {
	query        docspace.OperationsQuery
	from, to     string
	kind, status choice
}

// addOperationFilter adds to a command the flags that say which operations.
func addOperationFilter(cmd *cobra.Command) *operationFilter {
	f := &operationFilter{
		kind:   choice{allowed: operationTypes()},
		status: choice{allowed: operationStatuses()},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.query.Service, "service", "", "only of a service, as operations call it: backup, disk-storage, ai-tools")
	flags.StringVar(&f.from, "from", "", "first day or moment, as 2026-07-01 or 2026-07-01T12:00:00Z (default: the beginning)")
	flags.StringVar(&f.to, "to", "", "last day or moment (default: now)")
	flags.StringVar(&f.query.Participant, "participant", "", "only on whose account: the id of a user, or a name")
	flags.BoolVar(&f.query.Credit, "credit", false, "only what came in")
	flags.BoolVar(&f.query.Debit, "debit", false, "only what went out")
	flags.Var(&f.kind, "type", "only of a type: "+strings.Join(f.kind.allowed, ", "))
	flags.Var(&f.status, "status", "only of a status: "+strings.Join(f.status.allowed, ", "))
	for name, c := range map[string]*choice{"type": &f.kind, "status": &f.status} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp))
	}
	return f
}

func operationTypes() (names []string) {
	for _, kind := range []docspace.OperationType{
		docspace.ServicePayment, docspace.PackagePayment, docspace.AIServicePayment, docspace.DepositPayment, docspace.Refund,
		docspace.BankDeposit, docspace.BankWithdrawal, docspace.GoodwillCredit, docspace.AIDebit, docspace.AICredit,
	} {
		names = append(names, string(kind))
	}
	return names
}

func operationStatuses() (names []string) {
	for _, status := range []docspace.OperationStatus{docspace.Pending, docspace.Completed, docspace.Rejected, docspace.Canceled} {
		names = append(names, string(status))
	}
	return names
}

// read returns the query that the flags give.
func (f *operationFilter) read() (docspace.OperationsQuery, error) {
	q := f.query
	var err error
	if q.From, err = parseFirst("--from", f.from); err != nil {
		return q, err
	}
	if q.To, err = parseLast("--to", f.to); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		return q, usage("--to: is before --from")
	}
	q.Type, q.Status = docspace.OperationType(f.kind.value), docspace.OperationStatus(f.status.value)
	return q, nil
}

// maxOperations is how many operations a portal lists on a page.
const maxOperations = 1000

func newOperationsList(env Env) *cobra.Command {
	var all bool
	output := choice{value: "table", allowed: []string{"table", "json", "csv"}}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what happened in a portal's wallet",
		Long: `List what happened in the wallet of a DocSpace portal, the latest first. Amounts are
exact, those out of the wallet negative. Days of --from and --to are of UTC; dates are
shown in the portal's time zone.

It lists one page, of which --offset and --limit say where it begins and how long it
is; --all goes on to the end. Each operation is there once, whatever happens meanwhile.
JSON output is one object a line, and so is CSV.`,
		Example: `# The latest
bursar operations list

# All of July, for a spreadsheet
bursar operations list --all --from 2026-07-01 --to 2026-07-31 -o csv > july.csv

# What backups cost
bursar operations list --all --service backup --debit -o json | jq -r '.date + " " + .amount'`,
		Args: cobra.NoArgs,
	}
	connection := connectionFlags(cmd, env, patience(false))
	filter := addOperationFilter(cmd)
	f := cmd.Flags()
	f.BoolVar(&filter.query.Ascending, "oldest-first", false, "the oldest first, not the latest")
	f.Int64Var(&filter.query.Offset, "offset", 0, "how many to pass over")
	f.Int64Var(&filter.query.Limit, "limit", 0, "how many on a page, to 1000 (default: as the portal has it, 25)")
	f.BoolVar(&all, "all", false, "go on to the end, page by page")
	f.VarP(&output, "output", "o", "format: table, json or csv")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(output.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query, err := filter.read()
		if err != nil {
			return err
		}
		switch {
		case query.Offset < 0:
			return usage("--offset: %d is less than nought", query.Offset)
		case query.Limit < 0 || query.Limit > maxOperations || query.Limit == 0 && cmd.Flags().Changed("limit"):
			return usage("--limit: %d is not between 1 and %d", query.Limit, maxOperations)
		}
		client, err := connection.client()
		if err != nil {
			return err
		}
		out := bufio.NewWriter(env.Stdout)
		var w operationWriter = &operationTable{rows: rowTable{out: out, right: 1}}
		switch output.value {
		case "json":
			w = operationLines{out}
		case "csv":
			w = operationCSV{csv.NewWriter(out)}
		}
		list := listPage
		if all {
			list = listAll
		}
		note, err := list(cmd.Context(), client, query, w)
		if err = errors.Join(explainService(err, query.Service), out.Flush()); err == nil && note != "" && !connection.quiet {
			fmt.Fprintln(env.Stderr, note)
		}
		return err
	}
	return cmd
}

// operationWriter writes operations in one of the formats.
type operationWriter interface {
	open() error
	operation(o *docspace.Operation) error
	close() error
}

// explainService gives a service that a portal does not know the advice that fits it.
func explainService(err error, service string) error {
	if service != "" && errors.Is(err, docspace.ErrNotFound) {
		return &Error{Err: err, Hint: "bursar service list -o json shows the portal's services, as operations call them"}
	}
	return err
}

// listPage writes one page, and returns what is to be said of the others.
func listPage(ctx context.Context, client *docspace.Client, q docspace.OperationsQuery, w operationWriter) (note string, err error) {
	page, err := client.Operations(ctx, q)
	if err != nil {
		return "", err
	}
	if page == nil {
		return "", fleet.ErrNothingKnown
	}
	if err := w.open(); err != nil {
		return "", err
	}
	for i := range page.Operations {
		if err := w.operation(&page.Operations[i]); err != nil {
			return "", err
		}
	}
	if rest := page.Total - q.Offset - int64(len(page.Operations)); rest > 0 {
		note = fmt.Sprintf("note: there are %d more; --all lists them", rest)
	}
	return note, w.close()
}

// listAll writes all there are.
func listAll(ctx context.Context, client *docspace.Client, q docspace.OperationsQuery, w operationWriter) (note string, err error) {
	begun := false
	for operation, err := range client.AllOperations(ctx, q) {
		if err == nil && !begun {
			begun = true
			err = w.open()
		}
		if err == nil {
			err = w.operation(&operation)
		}
		if err != nil {
			return "", errors.Join(err, w.close())
		}
	}
	if !begun { // is there nothing, or is nothing known?
		q.Limit = 1
		return listPage(ctx, client, q, w)
	}
	return "", w.close()
}
