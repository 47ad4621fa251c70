package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
)

func newStatement(env Env) *cobra.Command {
	var from, to string
	book := choice{value: string(ledger.Main), allowed: []string{string(ledger.Main), string(ledger.AI)}}
	output := choice{value: "table", allowed: []string{"table", "json", "csv"}}
	cmd := &cobra.Command{
		Use:   "statement",
		Short: "List what happened in a portal's wallet",
		Long: `List the transfers of a portal's wallet, oldest first, between what it held before
and what it held after them. Amounts are exact, those out of the wallet negative;
the balance after each is in its currency. All times are UTC.

JSON output is one object a line: an opening, the transfers, a closing. So is CSV.
One that has no closing is not whole.`,
		Example: `# All of it
bursar statement --portal portal.example.com

# July, for a spreadsheet
bursar statement --portal portal.example.com --from 2026-07-01 --to 2026-07-31 -o csv > july.csv

# What was charged, by service
bursar statement -o json | jq -r 'select(.line == "transfer") | .service + " " + .amount'`,
		GroupID: GroupMoney,
		Args:    cobra.NoArgs,
	}
	data, portal := serviceFlags(cmd, env), portalFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "first day or moment, as 2026-07-01 or 2026-07-01T12:00:00Z (default: the beginning)")
	f.StringVar(&to, "to", "", "last day or moment (default: now)")
	f.Var(&book, "book", "main, the wallet, or ai, its AI credit")
	f.VarP(&output, "output", "o", "format: table, json or csv")
	for name, c := range map[string]*choice{"book": &book, "output": &output} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		first, err := parseFirst("--from", from)
		if err != nil {
			return err
		}
		last, err := parseLast("--to", to)
		if err != nil {
			return err
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			out := bufio.NewWriter(env.Stdout)
			var w statementWriter = &statementTable{out: out}
			switch output.value {
			case "json":
				w = statementLines{out}
			case "csv":
				w = statementCSV{csv.NewWriter(out)}
			}
			err := writeStatement(cmd.Context(), s, portalID, ledger.Book(book.value), first, last, w)
			return errors.Join(err, out.Flush())
		})
	}
	return cmd
}

// parseFirst reads a moment, or a day, whose first moment in UTC it returns; "" is
// the zero Time.
func parseFirst(flag, text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return parseMoment(flag, text)
}

// parseLast reads a moment, or a day, whose last moment in UTC it returns.
func parseLast(flag, text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Microsecond), nil
	}
	return parseMoment(flag, text)
}

// statementWriter writes a statement in one of the formats.
type statementWriter interface {
	open(billing.Statement) error
	transfer(t *ledger.Transfer, participant string) error
	close(billing.Statement) error
}

var errEnough = errors.New("enough")

// writeStatement reads page by page: neither memory nor a transaction lasts as
// long as somebody takes to read what is printed. All the pages are of one
// moment, for transfers are only added, and at the end.
func writeStatement(ctx context.Context, s *billing.Service, portalID string, book ledger.Book, from, to time.Time, w statementWriter) error {
	var head billing.Statement
	err := s.Statement(ctx, portalID, book, from, to,
		func(st billing.Statement) error { head = st; return nil },
		func(*ledger.Transfer) error { return errEnough })
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if err := w.open(head); err != nil {
		return err
	}
	for offset := int64(0); offset < head.Transfers; offset += billing.MaxOperations {
		page, err := s.PortalOperations(ctx, portalID, billing.OperationFilter{
			Book: book, From: from, To: to, Ascending: true,
			Offset: offset, Limit: min(billing.MaxOperations, head.Transfers-offset),
		})
		if err != nil {
			return err
		}
		for i := range page.Transfers {
			t := &page.Transfers[i]
			participant := t.Participant
			if name, ok := page.Names[participant]; ok {
				participant = name
			}
			if err := w.transfer(t, participant); err != nil {
				return err
			}
		}
	}
	return w.close(head)
}
