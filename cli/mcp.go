package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/mcp"
	"github.com/bursarhq/bursar/money"
)

func newMCP(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Answer an assistant's questions on billing",
		Long: `Serve the Model Context Protocol on standard input and output, for an assistant that
starts this command: reports, balances, how long wallets last, what happened in them,
and whether that adds up, of the portals that are chosen here and of no others.

It reads and changes nothing, unless --allow-deposits says how much may be deposited
in all, for as long as it runs: an assistant can charge that, and no more. Each deposit
happens once for its key, and is written down where bursar deposit --status finds it.

Keys of portals are in no answer. What portals say is passed on as
data, cleaned and cut to a length that an assistant can read.

docs/mcp.md says how to add it to an assistant.`,
		Example: `# What an assistant's settings start: all portals that bursar profile knows
bursar mcp --all

# One portal, whose key the settings give as $DOCSPACE_API_KEY
bursar mcp --portal https://portal.example.com

# One that may fill wallets, with 200 USD until it is started anew
bursar mcp --group mine --allow-deposits USD=200`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	flags := selectionFlags(cmd, env, patienceWithMany)
	flags.refresh = true
	var allowed []string
	cmd.Flags().StringSliceVar(&allowed, "allow-deposits", nil, "deposit up to so much in all, as USD=100; once a currency (default: nothing)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.key == "-" {
			return usage("--key: - is standard input, by which the assistant speaks; give --key-file or a profile")
		}
		deposits, err := allowedDeposits(env, allowed)
		if err != nil {
			return err
		}
		profiles, err := flags.portals()
		if err != nil {
			return err
		}
		reader, err := flags.reader()
		if err != nil {
			return err
		}
		if deposits != nil && !flags.quiet {
			fmt.Fprintf(env.Stderr, "note: up to %v may be deposited\n", deposits.Most)
		}
		server := mcp.New(mcp.Config{Portals: profiles, Reader: reader, Now: env.Now, Version: env.Version, Deposits: deposits})
		err = mcp.Serve(cmd.Context(), server, io.NopCloser(env.Stdin), unclosed{env.Stdout})
		if cause := cmd.Context().Err(); cause != nil && errors.Is(err, cause) {
			return nil // whoever started it, stopped it
		}
		return err
	}
	return cmd
}

// allowedDeposits reads how much may be deposited; nil when nothing may.
func allowedDeposits(env Env, texts []string) (*mcp.Deposits, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	d := &mcp.Deposits{}
	for _, text := range texts {
		amount, err := parseAmount("--allow-deposits", text)
		if err != nil {
			return nil, err
		}
		if amount.Units() < money.Scale {
			return nil, usage("--allow-deposits: %s is less than one, which is the least that is deposited", amount)
		}
		if slices.ContainsFunc(d.Most, func(m money.Amount) bool { return m.Currency() == amount.Currency() }) {
			return nil, usage("--allow-deposits: there is another amount in %s", amount.Currency())
		}
		d.Most = append(d.Most, amount)
	}
	folder, err := env.depositFolder()
	if err != nil {
		return nil, err
	}
	d.Store = folder
	return d, nil
}

// unclosed is a writer that is somebody else's to close.
type unclosed struct{ io.Writer }

// Close does nothing.
func (unclosed) Close() error { return nil }
