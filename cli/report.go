package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

//go:embed report.schema.json
var reportSchema []byte

// reportFlags are the flags of report.
type reportFlags struct {
	*selection
	only    []string
	schema  bool
	full    bool
	rates   string
	totalIn string
	output  choice
}

func newReport(env Env) *cobra.Command {
	flags := reportFlags{output: choice{value: "table", allowed: ReportFormats()}}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Retrieve a portal's billing and payment information",
		Long: `Retrieve what a DocSpace portal says of its billing: who pays and by what, the
balance by currency, the plan with its limits and what is used of them, the plans
on offer, the top-up rule, and the currencies. All six are read at once.

Beside them it works out for how long the wallet lasts, from what was paid from it in
the last four weeks (the newest 5000 operations at most), what is going to be, and the
top-up rule. Where that can't be read, or takes two seconds longer than all else, it
is left out, unless --only asks for the runway.

The address and the key come from --portal and --key, or from $DOCSPACE_URL and
$DOCSPACE_API_KEY. The key is an API key (sk-…) or a personal access token of the
owner or an administrator. --key - reads it from standard input; --key-file from a
file. A key on the command line can be seen by other users of the machine.

With --all or --group it reads many portals, so many at once as --parallel says, and
writes a line on each, or with --full all of it. NDJSON and CSV are written as portals
arrive; JSON and YAML are one document, which is written when all is read, and not at
all if it is interrupted. A portal that is slow or fails holds no other up. What the
wallets have is added up by currency, and never across, unless --rates has a file of
rates, in YAML or CSV: date, from, to, rate. Of these the newest of the day or before
count; what comes of them is said beside the days that they are of.

-o html makes one file that stands by itself, for a browser, a phone or a printer: with
what was spent on what, and the balance over 90 days (the newest 5000 operations at
most). Of more than 200 portals it has the overview alone, unless --full asks for all.

Amounts are exact in every format. In JSON, YAML and CSV they are decimal numbers
in text beside their currency; --schema prints what the JSON looks like.

Exit status: 0 all parts arrived, 1 nothing could be read, 2 the command line is
wrong, 3 some parts or portals arrived and others did not, 4 the key is refused or
may not see any of it.`,
		Example: `# A table for people
bursar report --portal https://portal.example.com --key-file key.txt

# Only the balance, for a program
bursar report --only balance -o json | jq -r '.balance.pockets[] | .amount + " " + .currency'

# A page for the finance department, to mail or to print
bursar report -o html > billing.html

# A line on every portal that bursar profile knows, and what they have in euros
bursar report --all --rates rates.csv --total-in EUR`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	flags.selection = selectionFlags(cmd, env, "how long the report of a portal may take")
	f.StringSliceVar(&flags.only, "only", nil, "parts to read: "+partNames())
	f.VarP(&flags.output, "output", "o", "format: "+strings.Join(ReportFormats(), ", "))
	f.StringVar(&flags.country, "country", "", "country whose currency prices should be in, such as ES")
	f.BoolVar(&flags.refresh, "refresh", false, "ask the portal to look past its caches")
	f.BoolVar(&flags.schema, "schema", false, "print the JSON Schema of -o json, with --all of that of many portals")
	f.BoolVar(&flags.full, "full", false, "with --all or --group: all of each portal's report, not a line (-o html: of more than 200 portals, too)")
	f.StringVar(&flags.rates, "rates", "", "with --all or --group: file of rates to add up currencies by (YAML or CSV)")
	f.StringVar(&flags.totalIn, "total-in", "", "currency to add them up in, where the rates are to several")
	_ = cmd.MarkFlagFilename("rates") // fails only for a flag that is not there
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(ReportFormats(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(strings.Split(partNames(), ", "), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.schema {
			return flags.printSchema()
		}
		return runReport(cmd.Context(), env, &flags)
	}
	return cmd
}

func partNames() string {
	var names []string
	for _, p := range docspace.Parts() {
		names = append(names, string(p))
	}
	return strings.Join(append(names, string(fleet.PartRunway)), ", ")
}

// printSchema prints the JSON Schema of a report, or of many.
func (f *reportFlags) printSchema() error {
	schema, err := reportSchema, error(nil)
	if f.many() {
		schema, err = schemaOfMany()
	}
	if err == nil {
		_, err = f.env.Stdout.Write(schema)
	}
	return err
}

func runReport(ctx context.Context, env Env, flags *reportFlags) error {
	var only []docspace.Part
	for _, name := range flags.only {
		part := docspace.Part(strings.TrimSpace(name))
		if part != fleet.PartRunway && !slices.Contains(docspace.Parts(), part) {
			return usage("--only: no part %q; there are %s", part, partNames())
		}
		only = append(only, part)
	}
	if flags.totalIn != "" && flags.rates == "" {
		return usage("--total-in needs --rates")
	}
	if flags.output.value == "html" {
		return runReportPage(ctx, env, flags, only)
	}
	if flags.many() {
		return runReportAll(ctx, env, flags, only)
	}
	if flags.full || flags.rates != "" {
		return usage("--full and --rates are for many portals: --all or --group")
	}
	client, err := flags.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, flags.timeout)
	defer cancel()
	stop := spin(env, flags.quiet, "Reading "+client.URL())
	report, lasts := fleet.ReadReport(ctx, client, env.Now(), only)
	stop()
	outcome := reportOutcome(report)
	if len(report.Failed) < len(report.Asked) {
		if err := writeReport(env, report, lasts, flags.output.value); err != nil {
			return err
		}
	}
	return printOutcome(env, report, outcome)
}

// reportOutcome returns the error of a report as a whole; nil when all arrived.
func reportOutcome(r *docspace.Report) error {
	if len(r.Failed) == 0 {
		return nil
	}
	code := ExitPartly
	if len(r.Failed) == len(r.Asked) {
		code = ExitNotAllowed
		for _, err := range r.Failed {
			if ExitCode(err) != ExitNotAllowed {
				code = ExitFailed
			}
		}
	}
	return &Error{Err: r.Err(), Code: code, Printed: true}
}

// printOutcome prints the errors of a report, each advice once. When all parts
// failed alike, one line says it for all.
func printOutcome(env Env, r *docspace.Report, outcome error) error {
	if all := commonFailure(r); all != nil {
		PrintError(env.Stderr, all)
		return outcome
	}
	hints := map[string]bool{}
	for _, part := range r.Asked {
		err := r.Failed[part]
		if err == nil {
			continue
		}
		fmt.Fprintf(env.Stderr, "bursar: %s\n", cleaned(err.Error()))
		if hint := hintFor(err); !hints[hint] {
			fmt.Fprintf(env.Stderr, "hint: %s\n", hint)
			hints[hint] = true
		}
	}
	return outcome
}

// commonFailure returns the one error that all parts of a report failed with;
// nil when some arrived, or they failed in different ways.
func commonFailure(r *docspace.Report) *docspace.Error {
	if len(r.Asked) < 2 || len(r.Failed) < len(r.Asked) {
		return nil
	}
	var common *docspace.Error
	for _, err := range r.Failed {
		var e *docspace.Error
		if !errors.As(err, &e) {
			return nil
		}
		if common != nil && (e.Status != common.Status || e.Message != common.Message) {
			return nil
		}
		common = e
	}
	all := *common
	all.Operation = "read " + r.Portal
	return &all
}

// spin shows a person that something is going on, until the function it returns
// is called. It stays silent where nobody watches.
func spin(env Env, quiet bool, doing string) (stop func()) {
	return spinText(env, quiet, func() string { return doing })
}

// spinText is spin with a text that changes.
func spinText(env Env, quiet bool, text func() string) (stop func()) {
	if quiet || !isTerminal(env.Stderr) || env.get("TERM") == "dumb" {
		return func() {}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				fmt.Fprint(env.Stderr, "\r\x1b[K")
				return
			case <-tick.C:
				fmt.Fprintf(env.Stderr, "\r\x1b[K%c %s", frames[i%len(frames)], text())
			}
		}
	}()
	return func() { close(done); <-gone }
}
