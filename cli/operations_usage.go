package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

func newOperationsUsage(env Env) *cobra.Command {
	var (
		q        docspace.UsageQuery
		from, to string
		monthly  bool
	)
	status := choice{allowed: operationStatuses()}
	output := choice{value: "table", allowed: []string{"table", "json", "csv"}}
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Add up what a portal paid from its wallet",
		Long: `Show what a DocSpace portal paid from its wallet for each service or, with --monthly,
in each month of its own time zone. Portals before 3.8 can't say.

Days of --from and --to are of UTC. JSON output is one object a line.`,
		Example: `bursar operations usage --from 2026-07-01 --to 2026-07-31
bursar operations usage --monthly -o csv > months.csv`,
		Args: cobra.NoArgs,
	}
	connection := connectionFlags(cmd, env, patience(false))
	f := cmd.Flags()
	f.BoolVar(&monthly, "monthly", false, "by months, not by services")
	f.StringVar(&from, "from", "", "first day or moment, as 2026-07-01 or 2026-07-01T12:00:00Z (default: the beginning)")
	f.StringVar(&to, "to", "", "last day or moment (default: now)")
	f.StringVar(&q.Service, "service", "", "only of a service: backup, disk-storage, ai-tools")
	f.StringVar(&q.Participant, "participant", "", "only on whose account: the id of a user, or a name")
	f.Var(&status, "status", "only of operations with a status")
	f.VarP(&output, "output", "o", "format: table, json or csv")
	for name, c := range map[string]*choice{"status": &status, "output": &output} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp))
	}
	for _, ofServices := range []string{"service", "participant", "status"} {
		cmd.MarkFlagsMutuallyExclusive("monthly", ofServices)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filter := operationFilter{from: from, to: to}
		span, err := filter.read()
		if err != nil {
			return err
		}
		q.From, q.To, q.Status = span.From, span.To, docspace.OperationStatus(status.value)
		client, err := connection.client()
		if err != nil {
			return err
		}
		ask := readUsage
		if monthly {
			ask = readMonths
		}
		stop := spin(env, connection.quiet, "Reading "+client.URL())
		sums, err := ask(cmd.Context(), client, q)
		stop()
		if err != nil {
			return explainUsage(err, q.Service)
		}
		return sums.print(env, output.value)
	}
	return cmd
}

// explainUsage gives a portal that can't add up the advice that fits it.
func explainUsage(err error, service string) error {
	if service == "" && errors.Is(err, docspace.ErrNotFound) {
		return &Error{Err: err, Hint: "portals before 3.8 can't add up: bursar operations list --all -o csv has the operations themselves"}
	}
	return explainService(err, service)
}

// usageTable is what was paid, added up.
type usageTable struct {
	title    string
	headings []string // for people; those with > are numbers
	rows     [][]string
	names    []string // for CSV
	cells    [][]string
	lines    []any // for JSON
}

type (
	serviceUsage struct {
		Service    string         `json:"service"`
		Title      string         `json:"title,omitempty"`
		Quantity   int64          `json:"quantity"`
		Unit       string         `json:"unit,omitempty"`
		Amount     string         `json:"amount"`
		Currency   money.Currency `json:"currency"`
		Operations int64          `json:"operations"`
	}
	monthUsage struct {
		Month      string         `json:"month"` // 2026-07
		Amount     string         `json:"amount"`
		Currency   money.Currency `json:"currency"`
		Operations int64          `json:"operations"`
	}
)

// readUsage reads what was paid for each service, page by page.
func readUsage(ctx context.Context, client *docspace.Client, q docspace.UsageQuery) (*usageTable, error) {
	t := &usageTable{
		title: "Paid by service", headings: []string{"Service", "Title", ">Quantity", ">Operations", ">Amount"},
		names: []string{"service", "title", "quantity", "unit", "amount", "currency", "operations"},
	}
	for {
		page, err := client.Usage(ctx, q)
		if err != nil {
			return nil, err
		}
		if page == nil {
			return nil, fleet.ErrNothingKnown
		}
		for _, u := range page.Items {
			n, operations := strconv.FormatInt(u.Quantity, 10), strconv.FormatInt(u.OperationCount, 10)
			quantity := n
			if u.ServiceUnit != "" {
				quantity += " " + u.ServiceUnit
			}
			t.rows = append(t.rows, []string{u.Service, u.Title, quantity, operations, amountText(u.Amount)})
			t.cells = append(t.cells, []string{u.Service, u.Title, n, u.ServiceUnit, u.Amount.Decimal(), string(u.Amount.Currency()), operations})
			t.lines = append(t.lines, serviceUsage{
				u.Service, u.Title, u.Quantity, u.ServiceUnit, u.Amount.Decimal(), u.Amount.Currency(), u.OperationCount,
			})
		}
		q.Offset += int64(len(page.Items))
		if len(page.Items) == 0 || q.Offset >= page.Total {
			return t, nil
		}
	}
}

// readMonths reads what was paid in each month.
func readMonths(ctx context.Context, client *docspace.Client, q docspace.UsageQuery) (*usageTable, error) {
	months, err := client.MonthlyUsage(ctx, q.From, q.To)
	if err != nil {
		return nil, err
	}
	if months == nil {
		return nil, fleet.ErrNothingKnown
	}
	t := &usageTable{
		title: "Paid by month", headings: []string{"Month", ">Operations", ">Amount"},
		names: []string{"month", "amount", "currency", "operations"},
	}
	for _, m := range months {
		month, operations := fmt.Sprintf("%04d-%02d", m.Year, m.Month), strconv.FormatInt(m.OperationCount, 10)
		t.rows = append(t.rows, []string{month, operations, amountText(m.Amount)})
		t.cells = append(t.cells, []string{month, m.Amount.Decimal(), string(m.Amount.Currency()), operations})
		t.lines = append(t.lines, monthUsage{month, m.Amount.Decimal(), m.Amount.Currency(), m.OperationCount})
	}
	return t, nil
}

func (t *usageTable) print(env Env, format string) error {
	switch format {
	case "json":
		for _, line := range t.lines {
			if err := printLine(env.Stdout, line); err != nil {
				return err
			}
		}
		return nil
	case "csv":
		out := csv.NewWriter(env.Stdout)
		_ = out.Write(t.names) // Error tells
		for _, row := range t.cells {
			_ = writeCells(out, row...)
		}
		out.Flush()
		return out.Error()
	}
	s := section{title: t.title, grid: grid{t.headings, t.rows}}
	if len(t.rows) == 0 {
		s.texts = []string{"None."}
	}
	return printSections(env, s)
}
