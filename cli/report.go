package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
)

//go:embed report.schema.json
var reportSchema []byte

// reportFlags are the flags of report.
type reportFlags struct {
	portal, key, keyFile string
	caCert               string
	only                 []string
	country              string
	timeout              time.Duration
	refresh              bool
	quiet                bool
	schema               bool
	output               choice
}

func newReport(env Env) *cobra.Command {
	flags := reportFlags{output: choice{value: "table", allowed: ReportFormats()}}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Retrieve a portal's billing and payment information",
		Long: `Retrieve what a DocSpace portal says of its billing: who pays and by what, the
balance by currency, the plan with its limits and what is used of them, the plans
on offer, the top-up rule, and the currencies. All six are read at once.

The address and the key come from --portal and --key, or from $DOCSPACE_URL and
$DOCSPACE_API_KEY. The key is an API key (sk-…) or a personal access token of the
owner or an administrator. --key - reads it from standard input; --key-file from a
file. A key on the command line can be seen by other users of the machine.

Amounts are exact in every format. In JSON, YAML and CSV they are decimal numbers
in text beside their currency; --schema prints what the JSON looks like.

Exit status: 0 all parts arrived, 1 nothing could be read, 2 the command line is
wrong, 3 some parts arrived and others did not, 4 the key is refused or may not
see any of it.`,
		Example: `# A table for people
bursar report --portal https://portal.example.com --key-file key.txt

# Only the balance, for a program
bursar report --only balance -o json | jq -r '.balance.pockets[] | .amount + " " + .currency'

# A page for the finance department
bursar report -o markdown > billing.md`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&flags.portal, "portal", "", "address of the portal (or $DOCSPACE_URL)")
	f.StringVar(&flags.key, "key", "", "the API key or token, - for standard input (or $DOCSPACE_API_KEY)")
	f.StringVar(&flags.keyFile, "key-file", "", "file with the key")
	f.StringSliceVar(&flags.only, "only", nil, "parts to read: "+partNames())
	f.VarP(&flags.output, "output", "o", "format: "+strings.Join(ReportFormats(), ", "))
	f.DurationVar(&flags.timeout, "timeout", 30*time.Second, "how long the whole report may take")
	f.StringVar(&flags.country, "country", "", "country whose currency prices should be in, such as ES")
	f.BoolVar(&flags.refresh, "refresh", false, "ask the portal to look past its caches")
	f.StringVar(&flags.caCert, "ca-cert", "", "file with further certificates to trust (PEM)")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "print nothing but the report and errors")
	f.BoolVar(&flags.schema, "schema", false, "print the JSON Schema of -o json")
	cmd.MarkFlagsMutuallyExclusive("key", "key-file")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(ReportFormats(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(strings.Split(partNames(), ", "), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.schema {
			_, err := env.Stdout.Write(reportSchema)
			return err
		}
		return runReport(cmd.Context(), env, flags)
	}
	return cmd
}

func partNames() string {
	var names []string
	for _, p := range docspace.Parts() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

func runReport(ctx context.Context, env Env, flags reportFlags) error {
	var only []docspace.Part
	for _, name := range flags.only {
		part, err := docspace.ParsePart(strings.TrimSpace(name))
		if err != nil {
			return usage("--only: %w", err)
		}
		only = append(only, part)
	}
	if flags.timeout <= 0 {
		return usage("--timeout: %s is not more than nothing", flags.timeout)
	}
	client, err := flags.client(env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, flags.timeout)
	defer cancel()
	stop := spin(env, flags.quiet, "Reading "+client.URL())
	report := client.Report(ctx, only...)
	stop()
	outcome := reportOutcome(report)
	if len(report.Failed) < len(report.Asked) {
		if err := WriteReport(env, report, flags.output.value); err != nil {
			return err
		}
	}
	return printOutcome(env, report, outcome)
}

// client makes the client from the flags and the environment.
func (flags reportFlags) client(env Env) (*docspace.Client, error) {
	address := flags.portal
	if address == "" {
		address = env.get("DOCSPACE_URL")
	}
	if address == "" {
		return nil, &Error{Code: ExitUsage, Err: errors.New("no portal is named"),
			Hint: "give its address with --portal https://portal.example.com or $DOCSPACE_URL; bursar demo shows a report with neither"}
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	key, err := flags.readKey(env)
	if err != nil {
		return nil, err
	}
	transport, err := transportTrusting(flags.caCert)
	if err != nil {
		return nil, err
	}
	if !flags.quiet && sentInClear(address) {
		fmt.Fprintln(env.Stderr, "warning: the key travels unencrypted; use https:// if the portal has it")
	}
	return docspace.New(docspace.Config{
		URL: address, Key: key, Refresh: flags.refresh, Country: flags.country,
		Timeout: flags.timeout, Transport: transport, UserAgent: "bursar/" + env.Version,
	})
}

func (flags reportFlags) readKey(env Env) (string, error) {
	switch {
	case flags.key == "-":
		return firstLine("standard input", env.Stdin)
	case flags.key != "":
		return flags.key, nil
	case flags.keyFile != "":
		f, err := os.Open(flags.keyFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && !flags.quiet {
			fmt.Fprintf(env.Stderr, "warning: others can read %s; chmod 600 keeps it to yourself\n", flags.keyFile)
		}
		return firstLine(flags.keyFile, f)
	}
	if key := env.get("DOCSPACE_API_KEY"); key != "" {
		return key, nil
	}
	return "", &Error{Code: ExitUsage, Err: errors.New("no key is given"),
		Hint: "give it with --key-file FILE, --key - or $DOCSPACE_API_KEY; portals make keys under Settings > Developer Tools > API keys"}
}

// firstLine returns the first line of a short text.
func firstLine(name string, r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the key from %s: %w", name, err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usage("there is no key in %s", name)
	}
	return line, nil
}

// transportTrusting returns a transport that trusts further certificates; nil,
// which is the client's own, when there are none.
func transportTrusting(file string) (http.RoundTripper, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usage("--ca-cert: there is no certificate in %s", file)
	}
	return docspace.NewTransport(&tls.Config{RootCAs: pool}), nil
}

// sentInClear reports whether a key sent there crosses a network unencrypted.
func sentInClear(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
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
				fmt.Fprintf(env.Stderr, "\r%c %s", frames[i%len(frames)], doing)
			}
		}
	}()
	return func() { close(done); <-gone }
}
