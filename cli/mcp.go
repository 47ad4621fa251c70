package cli

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/mcp"
)

func newMCP(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Answer an assistant's questions on billing",
		Long: `Serve the Model Context Protocol on standard input and output, for an assistant that
starts this command: reports, balances, how long wallets last, what happened in them,
and whether that adds up, of the portals that are chosen here and of no others.

It reads and changes nothing. Keys are in no answer. What portals say is passed on as
data, cleaned and cut to a length that an assistant can read.

docs/mcp.md says how to add it to an assistant.`,
		Example: `# What an assistant's settings start: all portals that bursar profile knows
bursar mcp --all

# One portal, whose key the settings give as $DOCSPACE_API_KEY
bursar mcp --portal https://portal.example.com`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	flags := selectionFlags(cmd, env, patienceWithMany)
	flags.refresh = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.key == "-" {
			return usage("--key: - is standard input, by which the assistant speaks; give --key-file or a profile")
		}
		profiles, err := flags.portals()
		if err != nil {
			return err
		}
		reader, err := flags.reader()
		if err != nil {
			return err
		}
		server := mcp.New(mcp.Config{Portals: profiles, Reader: reader, Now: env.Now, Version: env.Version})
		err = mcp.Serve(cmd.Context(), server, io.NopCloser(env.Stdin), unclosed{env.Stdout})
		if cause := cmd.Context().Err(); cause != nil && errors.Is(err, cause) {
			return nil // whoever started it, stopped it
		}
		return err
	}
	return cmd
}

// unclosed is a writer that is somebody else's to close.
type unclosed struct{ io.Writer }

// Close does nothing.
func (unclosed) Close() error { return nil }
